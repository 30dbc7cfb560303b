"""A rollout is made and steered in a browser: the plan follows what is typed, one flow is done by keyboard alone, a
double click makes one, and of two people the second is told what the first did."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from acceptance.client import unique
from acceptance.upwell_client import Api
from console.accessibility import faults
from console.conftest import Visit, listening

pytestmark = pytest.mark.console


@pytest.fixture
def pumps(v1: Api) -> dict[str, str]:
    """Ten devices of a product of their own, and a package for them."""
    product = v1.do("create_product", name=unique("pumps"))["id"]
    names = [f"pump-{number}" for number in range(10)]
    checked = v1.do("register_devices", product_id=product, names=names)
    v1.do("make_registered_devices", product_id=product, registration_id=checked["id"])
    name = unique("curve")
    package = v1.do("create_package", name=name, version="2.0", product_id=product, verify=False,
                    upload_url=v1.upload(b"x" * 1000))["id"]  # fmt: skip
    return {
        "name": name,
        "product": product,
        "package": package,
        "path": f"/rollouts/new?package_id={package}&product_id={product}",
    }


def made(v1: Api, pumps: dict[str, str]) -> list[dict[str, Any]]:
    return [each for each in v1.do("list_rollouts")["items"] if each["product_id"] == pumps["product"]]


def go_to(page: Page, selector: str) -> None:
    for _ in range(120):
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{selector} is not reached by Tab")


def test_the_plan_follows_what_is_typed_and_what_is_wrong_stands_at_its_field(
    v1: Api, pumps: dict[str, str], visit: Visit
) -> None:
    page: Page = visit(pumps["path"])
    with listening(page) as said:
        expect(page.locator("#start")).to_have_text("Start with 1 device")
        page.check("#field-care-all-at-once")
        expect(page.locator("#start")).to_have_text("Start with 10 devices")
        page.check("#field-whom-device-names")
        expect(page.locator("#start")).to_have_text("Start")
        page.type("#field-targets-device-names", "pump-1, pump-2\npump-3", delay=20)
        expect(page.locator("#start")).to_have_text("Start with 3 devices")
        expect(page.locator("#plan-said")).to_have_text("3 devices take part, 1 wave")
        assert page.evaluate("document.activeElement.id") == "field-targets-device-names", "one types on"
        page.click("#more-other summary")
        page.check("#field-approval")
        expect(page.locator("#start")).to_have_text("Ask for approval of 3 devices")
        page.click("#more-pace summary")
        page.fill("#field-maximum-per-min", "many")
        expect(page.locator("#field-maximum-per-min")).to_have_attribute("aria-invalid", "true")
        expect(page.locator("#field-maximum-per-min-wrong")).to_contain_text("an integer")
        expect(page.locator("#start")).to_have_text("Start")
        page.fill("#field-maximum-per-min", "60")
        expect(page.locator("#field-maximum-per-min-wrong")).to_be_hidden()
        expect(page.locator("#start")).to_have_text("Ask for approval of 3 devices")
        assert page.input_value("#field-targets-device-names") == "pump-1, pump-2\npump-3"
    assert [each for each in said if "400" not in each] == []
    assert made(v1, pumps) == []
    running = [each for each in v1.every("list_audit") if each["operation"] == "create_plan"]
    assert running == [], "one who looks leaves no trace"


def test_it_has_as_many_waves_and_hours_as_are_asked_for_by_keyboard(
    v1: Api, pumps: dict[str, str], visit: Visit
) -> None:
    page: Page = visit(pumps["path"])
    page.check("#field-care-own")
    expect(page.locator(".rungs tbody tr:visible")).to_have_count(6)
    for place, of in enumerate((10, 20, 30, 40, 50, 60)):
        page.fill(f"[name='waves[{place}].of']", str(of))
    for of in (80, 100):
        page.focus("#add-wave")
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.keyboard.type(str(of))
    expect(page.locator("#start")).to_have_text("Start with 1 device")
    expect(page.locator("#plan-said")).to_have_text("10 devices take part, 8 waves")
    page.focus(".rungs tr:nth-child(2) [data-clear]")
    page.keyboard.press("Enter")
    expect(page.locator("#plan-said")).to_have_text("10 devices take part, 7 waves")
    shares = page.locator(".rungs tbody tr:visible input[name$='.of']").evaluate_all(
        "all => all.map(each => each.value)"
    )
    assert shares == ["10", "30", "40", "50", "60", "80", "100"]
    page.click("#more-hours summary")
    page.fill("[name='hours.zone']", "UTC")
    page.fill("[name='hours.open[0].from']", "22:00")
    page.fill("[name='hours.open[0].to']", "23:00")
    page.focus("#add-span")
    page.keyboard.press("Enter")
    page.keyboard.type("01:00")
    page.fill("[name='hours.open[1].to']", "03:00")
    page.check("[name='hours.open[1].sun']")
    page.click("#start")
    page.wait_for_url("**/console/rollouts/ro_*")
    [rollout] = made(v1, pumps)
    shown = v1.do("show_rollout", rollout_id=rollout["id"])
    assert len(shown["waves"]) == 7
    assert [(each["from"], each["days"]) for each in shown["hours"]["open"]] == [
        ("22:00", ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]), ("01:00", ["sun"])
    ]  # fmt: skip


def test_a_double_click_makes_one(v1: Api, pumps: dict[str, str], visit: Visit) -> None:
    page: Page = visit(pumps["path"])
    expect(page.locator("#start")).to_have_text("Start with 1 device")
    page.dblclick("#start")
    page.wait_for_url("**/console/rollouts/ro_*")
    page.go_back()
    page.wait_for_url("**/rollouts/new?*")
    page.reload()
    page.wait_for_timeout(500)
    assert len(made(v1, pumps)) == 1


def test_a_refusal_of_the_whole_keeps_what_was_typed(v1: Api, visit: Visit) -> None:
    product = v1.do("create_product", name=unique("p"))["id"]
    package = v1.do("create_package", name=unique("fw"), version="2.0", product_id=product, verify=True,
                    upload_url=v1.upload(b"firmware"))["id"]  # fmt: skip
    page: Page = visit(f"/rollouts/new?package_id={package}&product_id={product}")
    page.click("#more-other summary")
    page.fill("#field-tags-remark", "stays")
    key = page.input_value("#once")
    page.click("#start")
    expect(page.locator("#said")).to_contain_text("verified")
    assert page.input_value("#field-tags-remark") == "stays"
    assert page.input_value("#once") != key, "sent again it is another request"


def test_it_is_made_and_steered_by_keyboard_alone(v1: Api, pumps: dict[str, str], visit: Visit) -> None:
    page: Page = visit("/rollouts")
    go_to(page, 'main a[href$="/rollouts/new"]')
    page.keyboard.press("Enter")
    page.wait_for_url("**/rollouts/new")
    go_to(page, "#field-package")
    page.keyboard.type(pumps["name"])
    go_to(page, "[name=whom]:checked")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    go_to(page, "#field-targets-device-names")
    page.keyboard.type("pump-7 pump-8")
    expect(page.locator("#start-label")).to_have_text("Start with 1 device")
    go_to(page, "[name=care]:checked")
    page.keyboard.press("ArrowDown")
    expect(page.locator("[name=care]:checked")).to_have_value("fast")
    page.wait_for_timeout(1500)  # the plan comes again, and takes the focus from nobody
    assert page.evaluate("document.activeElement.name") == "care"
    go_to(page, "#start")
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/rollouts/ro_*")
    [rollout] = made(v1, pumps)
    assert (rollout["preset"], rollout["selected_by"]) == ("fast", "devices")
    go_to(page, "#open-pause")
    page.keyboard.press("Enter")
    go_to(page, "#pause-reason")
    page.keyboard.type("for the night")
    page.keyboard.press("Enter")
    expect(page.locator("main .note").first).to_contain_text("for the night")
    expect(page.locator("#announced")).to_contain_text("Paused")
    go_to(page, "#open-pace")
    page.keyboard.press("Enter")
    page.wait_for_timeout(2500)  # a part that comes meanwhile takes nothing away
    go_to(page, "#pace-maximum_per_min")
    page.keyboard.press("Control+a")
    page.keyboard.type("30")
    page.keyboard.press("Enter")
    expect(page.locator("#told")).to_contain_text("The rollout is changed.")
    go_to(page, "#open-cancel")
    page.keyboard.press("Enter")
    expect(page.locator("#sure-cancel")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#sure-cancel")).to_be_hidden()
    shown = v1.do("show_rollout", rollout_id=rollout["id"])
    assert (shown["maximum_per_min"], shown["paused"]["reason"]) == (30, "for the night")


def test_of_two_people_the_second_is_told_what_the_first_did(v1: Api, pumps: dict[str, str], visit: Visit) -> None:
    rollout = v1.do("create_rollout", kind="static", package_id=pumps["package"], product_id=pumps["product"],
                    targets={"all": True})["id"]  # fmt: skip
    first, second = visit(f"/rollouts/{rollout}"), visit(f"/rollouts/{rollout}")
    for page in (first, second):
        page.click("#open-pause")
        page.fill("#pause-reason", "first" if page is first else "second")
    first.click("#sure-pause button[type=submit]")
    expect(first.locator("#told")).to_contain_text("The rollout is paused.")
    second.click("#sure-pause button[type=submit]")
    expect(second.locator("#told")).to_contain_text("Meanwhile: Paused by user boss")
    expect(second.locator("main .note").first).to_contain_text("first")
    paused = [each for each in v1.every("list_rollout_decisions", rollout_id=rollout) if each["what"] == "paused"]
    assert len(paused) == 1 and paused[0]["reason"] == "first"
    for page in (first, second):
        page.click("#open-pace")
        page.fill("#pace-maximum_per_min", "30" if page is first else "600")
    first.click("#sure-pace button[type=submit]")
    expect(first.locator("#told")).to_contain_text("The rollout is changed.")
    second.click("#sure-pace button[type=submit]")
    expect(second.locator("#told .note.bad")).to_contain_text(re.compile("changed"))
    assert v1.do("show_rollout", rollout_id=rollout)["maximum_per_min"] == 30
    assert second.input_value("#pace-maximum_per_min") == "600", "what was typed is there"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("narrow", [False, True], ids=["desktop", "phone"])
def test_all_of_the_form_is_for_everybody(
    axe: str, pumps: dict[str, str], visit: Visit, dark: bool, narrow: bool
) -> None:
    page: Page = visit(pumps["path"], dark=dark, narrow=narrow)
    page.check("#field-care-own")
    page.check("#field-whom-percent")
    for each in ("guard", "pace", "hours", "other"):
        page.click(f"#more-{each} summary")
    page.fill("#field-targets-percent", "50")
    expect(page.locator("#start")).to_have_text(re.compile("Start with"))
    page.fill("#field-maximum-per-min", "many")
    expect(page.locator("#field-maximum-per-min-wrong")).to_be_visible()
    assert faults(page, axe) == []
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
