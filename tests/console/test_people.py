"""Keys, people and hooks in a browser: a secret is shown once and put away, what is wrong stands in its dialog with
what was typed, and all of it goes by keyboard."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from acceptance.client import unique, until
from acceptance.console import PASSWORD
from acceptance.upwell_client import Api
from console.accessibility import faults
from console.conftest import Visit, listening

pytestmark = pytest.mark.console


def go_to(page: Page, selector: str) -> None:
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            return
    raise AssertionError(f"{selector} is not reached by Tab")


def test_a_key_is_made_by_keyboard_alone_shown_once_and_revoked(v1: Api, fleet: dict[str, Any], visit: Visit) -> None:
    page = visit("/keys")
    with listening(page) as said:
        go_to(page, "#open-make")
        page.keyboard.press("Enter")
        go_to(page, "#make-days")
        page.keyboard.type("7")
        page.keyboard.press("Enter")
        made = page.locator(".made")
        expect(made).to_be_focused()
        secret = page.locator("#made-secret").inner_text()
        assert secret.startswith("upw_") and Api(address=v1.address, token=secret).do("show_me")["role"] == "viewer"
        key = secret.rpartition("_")[0]
        expect(page.locator("#list")).to_contain_text(key)
        go_to(page, "[data-away]")
        page.keyboard.press("Enter")
        expect(made).to_have_count(0)
        assert secret not in page.content()
        go_to(page, f"#revoke-{key}")
        page.keyboard.press("Enter")
        expect(page.locator("#sure-revoke")).to_contain_text(key)
        go_to(page, "#sure-revoke button[type=submit]")
        page.keyboard.press("Enter")
        expect(page.locator("#told")).to_contain_text("The key is revoked.")
        expect(page.locator("#list")).not_to_contain_text(key)
    assert said == []


def test_what_is_wrong_stands_in_the_dialog_with_what_was_typed(axe: str, fleet: dict[str, Any], visit: Visit) -> None:
    page = visit("/people")
    page.click("#open-make")
    page.fill("#make-name", "no blanks allowed")
    page.fill("#make-password", PASSWORD)
    page.click("#sure-make button[type=submit]")
    expect(page.locator("#answer-make")).to_contain_text("name")
    expect(page.locator("#make-name")).to_be_focused()
    expect(page.locator("#make-name")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#make-name")).to_have_value("no blanks allowed")
    assert faults(page, axe) == []
    name = unique("typed")
    page.fill("#make-name", name)
    page.press("#make-name", "Enter")
    expect(page.locator("#told")).to_contain_text("The user is there.")
    expect(page.locator("#list")).to_contain_text(name)
    page.click("#open-make")
    expect(page.locator("#make-password")).to_have_value("")


def test_one_changes_ones_password_and_goes_on(v1: Api, fleet: dict[str, Any], visit: Visit) -> None:
    page = visit("/account")
    page.click("#open-password")
    page.fill("#password-current", "not-this-one")
    page.fill("#password-new", "another-Password")
    page.click("#sure-password button[type=submit]")
    expect(page.locator("#answer-password")).to_contain_text("current_password")
    page.fill("#password-current", PASSWORD)
    page.click("#sure-password button[type=submit]")
    expect(page.locator("#told")).to_contain_text("Your password is changed.")
    page.click("#open-password")
    page.fill("#password-current", "another-Password")
    page.fill("#password-new", PASSWORD)
    page.click("#sure-password button[type=submit]")
    expect(page.locator("#sure-password")).to_be_hidden()
    page.reload()
    expect(page.locator("h1")).to_have_text("Your account")


def test_a_hook_is_seen_failing_while_one_looks(v1: Api, fleet: dict[str, Any], visit: Visit) -> None:
    page = visit("/hooks")
    page.click("#open-make")
    page.fill("#make-url", "http://127.0.0.1:9/in")
    page.fill("#make-name", "nobody there")
    page.check("input[value='upwell.package.lost']")
    page.click("#sure-make button[type=submit]")
    expect(page.locator("#made-secret")).to_contain_text("whsec_")
    page.click("#list a:has-text('nobody there')")
    page.click("#do-ping")
    expect(page.locator("#told")).to_contain_text("A ping is on its way.")
    expect(page.locator("#part")).to_contain_text("no connection")
    expect(page.locator("#part .note.warn")).to_contain_text("takes nothing")
    page.click("#open-edit")
    expect(page.locator("#edit-kinds input").first).to_be_enabled()
    page.check("input[name=all_types]")
    expect(page.locator("#edit-kinds input").first).to_be_disabled()
    page.click("#sure-edit button[type=submit]")
    hook = page.url.rpartition("/")[2]
    until(lambda: v1.do("show_hook", hook_id=hook)["types"], lambda types: types == [])
    page.click("#open-delete")
    page.click("#sure-delete button[type=submit]")
    page.wait_for_url("**/console/hooks")
    expect(page.locator("#list")).not_to_contain_text("nobody there")
