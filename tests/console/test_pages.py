"""Every page in a browser: no complaint of the browser's, no serious fault for who can't see or hear it all, in both
themes; nothing wider than a phone."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from acceptance.client import Server
from acceptance.console import PASSWORD
from acceptance.upwell_client import Api, api
from console.accessibility import faults
from console.conftest import Visit, listening

pytestmark = pytest.mark.console


def paths(fleet: dict[str, Any]) -> list[str]:
    product, rollout = fleet["product"], fleet["rollout"]
    return [
        "/", "/devices", "/devices?status=online", "/devices?q=nobody", "/devices?status=nobody",
        f"/devices/{fleet['device']}", "/products", f"/products/{product}", "/rollouts", f"/rollouts/{rollout}",
        f"/rollouts/{rollout}?reasons=1", "/rollouts/new",
        f"/rollouts/new?package_id={fleet['package']}&product_id={product}",
        "/packages", "/packages?view=all", f"/packages/{fleet['package']}",
        f"/rollouts/{rollout}/leave-out?from_version=1.0", "/tags", "/devices?heard=not-1d",
        "/packages/new", "/groups", f"/groups/{fleet['group']}", "/groups/new", "/imports",
        f"/imports/{fleet['import']}", "/audit", "/account", "/hooks", f"/hooks/{fleet['hook']}",
        f"/hooks/{fleet['hook']}/deliveries/{fleet['event']}", "/people", "/keys", "/sessions", "/nothing",
    ]  # fmt: skip


@pytest.mark.timeout(600)  # some 35 pages, on a machine that has more to do
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("narrow", [False, True], ids=["desktop", "phone"])
def test_every_page(axe: str, fleet: dict[str, Any], visit: Visit, dark: bool, narrow: bool) -> None:
    page: Page = visit("/", dark=dark, narrow=narrow)
    root = page.url.removesuffix("/")
    found = list[str]()
    with listening(page) as said:
        for path in paths(fleet):
            page.goto(root + path)
            page.wait_for_timeout(300)
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            found += [f"{path}: {each}" for each in faults(page, axe)]
            found += [f"{path}: {wide} px too wide"] if wide > 0 else []
    assert found == []
    assert [each for each in said if "404" not in each] == []


def test_what_the_core_says_is_said_in_the_pages_language(v1: Api, fleet: dict[str, Any], visit: Visit) -> None:
    page: Page = visit(f"/devices/{fleet['device']}", language="zh-CN")
    answer = page.locator(".answer")
    expect(answer).to_contain_text("查看失败原因")
    assert answer.locator("[lang=en]").count() == 0
    page.goto(
        page.url.split("/devices/")[0]
        + "/rollouts/new?package_id="
        + fleet["package"]
        + "&product_id="
        + fleet["product"]
    )
    page.check("#field-whom-percent")
    page.fill("#field-targets-percent", "500")
    wrong = page.locator("#field-targets-percent-wrong")
    expect(wrong).to_contain_text("必须为：大于 0 且不超过 100 的数字")


def test_streams_of_pages_that_were_left_are_over(fleet: dict[str, Any], visit: Visit) -> None:
    page: Page = visit("/")
    root = page.url.removesuffix("/")
    for _ in range(5):
        for path in ("/", f"/devices/{fleet['device']}", f"/rollouts/{fleet['rollout']}"):
            page.goto(root + path)
            page.wait_for_timeout(200)
            expect(page.locator("#offline")).to_be_hidden()


def test_a_rollout_is_paused_and_resumed_by_keyboard_alone(v1: Api, fleet: dict[str, Any], visit: Visit) -> None:
    page: Page = visit(f"/rollouts/{fleet['rollout']}")

    def go_to(selector: str) -> None:
        for _ in range(80):
            page.keyboard.press("Tab")
            if page.evaluate("s => document.activeElement.matches(s)", selector):
                return
        raise AssertionError(f"{selector} is not reached by Tab")

    go_to("#open-pause")
    page.keyboard.press("Enter")
    expect(page.locator("#sure-pause")).to_be_visible()
    page.wait_for_timeout(2500)  # a part that comes meanwhile takes nothing away
    go_to("#pause-reason")
    page.keyboard.type("by keyboard")
    page.wait_for_timeout(2500)
    page.keyboard.press("Enter")
    expect(page.locator("#told")).to_contain_text("The rollout is paused.")
    expect(page.locator("main .note").first).to_contain_text("by keyboard")
    assert v1.do("show_rollout", rollout_id=fleet["rollout"])["paused"]["reason"] == "by keyboard"
    go_to("#open-resume")
    page.keyboard.press("Enter")
    go_to("#sure-resume button[type=submit]")
    page.keyboard.press("Enter")
    expect(page.locator("#told")).to_contain_text("The rollout goes on.")


def test_filters_change_the_url_and_the_back_button_brings_them_back(fleet: dict[str, Any], visit: Visit) -> None:
    product = fleet["product"]  # other tests have devices of theirs
    page: Page = visit(f"/devices?product_id={product}")
    page.select_option("#status", "never_online")
    page.wait_for_url(f"**/devices?product_id={product}&status=never_online")
    expect(page.locator("table.list tbody tr")).to_have_count(4)
    page.fill("#q", "lamp-3")
    page.press("#q", "Enter")
    page.wait_for_url(f"**/devices?q=lamp-3&product_id={product}&status=never_online")
    page.go_back()
    page.wait_for_url(f"**/devices?product_id={product}&status=never_online")


def test_a_server_that_is_gone_is_told_and_what_is_done_then_too(fleet: dict[str, Any], visit: Visit) -> None:
    page: Page = visit(f"/rollouts/{fleet['rollout']}")
    page.context.set_offline(True)
    page.click("#open-pause")
    page.click("#sure-pause button[type=submit]")
    expect(page.locator("#told")).to_contain_text("could not be reached")
    page.context.set_offline(False)


def test_the_theme_is_chosen_and_kept(fleet: dict[str, Any], visit: Visit) -> None:
    page: Page = visit("/")
    page.click("button[value=dark]")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.click("button[value=zh]")
    expect(page.locator("h1")).to_have_text("首页")


def test_each_tab_of_the_first_steps_shows_its_own(server: Server, driven: Browser) -> None:
    api(server, "browsed-anew").do("create_user", name="boss", password=PASSWORD, role="admin")
    with driven.new_context(locale="en-GB") as context:
        page = context.new_page()
        page.goto(f"http://{server.http}/console/sign-in?to=/console/")
        for field, value in (("account", "browsed-anew"), ("name", "boss"), ("password", PASSWORD)):
            page.fill(f"#{field}", value)
        page.press("#password", "Enter")
        expected = {
            "alibaba": f'config.endpoint = "{server.http}"; config.protocol = "http"',
            "tuya": f'endpoint = "http://{server.http}"',
            "huawei": f'client.with_endpoint("http://{server.http}")',
            "upwell": "upwell device import PRODUCT devices.csv",
        }
        for vendor, line in expected.items():
            page.click(f"label[for=vendor-{vendor}]")
            expect(page.locator(".tab:visible")).to_have_count(1)
            expect(page.locator(".tab:visible code")).to_contain_text(line)
