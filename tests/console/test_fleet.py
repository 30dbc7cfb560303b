"""Devices of a list, groups and their conditions, and devices that are selected, in a browser."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from acceptance.client import unique
from acceptance.upwell_client import Api
from console.accessibility import faults
from console.conftest import Visit, listening

pytestmark = pytest.mark.console


@pytest.fixture(scope="module")
def many(v1: Api, fleet: dict[str, Any]) -> str:
    """A product of five devices."""
    product = str(v1.do("create_product", name="Many")["id"])
    for number in range(5):
        v1.do("create_device", product_id=product, name=f"m-{number}")
    return product


def test_a_list_is_dropped_a_wrong_one_told_and_its_secrets_come_as_a_file(
    v1: Api, fleet: dict[str, Any], visit: Visit, tmp_path: Path
) -> None:
    product = v1.do("create_product", name=unique("Listed"))["id"]
    page: Page = visit(f"/imports?product_id={product}")
    with listening(page) as said:
        wrong, right = tmp_path / "wrong.csv", tmp_path / "right.csv"
        wrong.write_text("nam\nx\n")
        right.write_text("name\nl-1\nl-2\nno name\n")
        page.click("#make")
        expect(page.locator("#told-form")).to_contain_text("Choose a file first")
        page.set_input_files("#file", wrong)
        page.click("#make")
        expect(page.locator("#told-form")).to_contain_text("nam")
        expect(page.locator("#import-product")).to_have_value(product)
        page.set_input_files("#file", right)
        page.click("#make")
        page.wait_for_url("**/imports/imp_*")
        expect(page.locator(".pill").first).to_have_text("Done")
        expect(page.locator("table.list tbody tr")).to_have_count(1)
        with page.expect_download() as got:
            page.click("#secrets")
        lines = Path(got.value.path()).read_text().splitlines()
        assert [line.split(",")[1] for line in lines] == ["name", "l-1", "l-2"]
    assert [each for each in said if "400" not in each] == []


def test_a_condition_is_looked_at_while_it_is_typed_by_keyboard_alone(
    v1: Api, fleet: dict[str, Any], many: str, visit: Visit
) -> None:
    page: Page = visit("/groups/new")
    name = unique("typed")
    page.focus("#group-name")
    page.keyboard.type(name)

    def go_to(selector: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("s => document.activeElement.matches(s)", selector):
                return
        raise AssertionError(f"{selector} is not reached by Tab")

    go_to("[name='rows[0].values']")
    page.keyboard.type(many)
    expect(page.locator("#preview")).to_contain_text("5 devices fit.")
    go_to("#add-row")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.name") == "rows[1].field"
    page.keyboard.type("Na")  # Name
    go_to("[name='rows[1].operator']")
    go_to("[name='rows[1].values']")
    page.keyboard.type("m-1, m-3")
    expect(page.locator("#preview")).to_contain_text("2 devices fit.")
    expect(page.locator("#preview li")).to_have_count(2)
    page.keyboard.press("Enter")
    page.wait_for_url("**/groups/grp_*")
    expect(page.locator("h1")).to_have_text(name)
    expect(page.locator("#preview")).to_contain_text("2 devices fit.")
    page.click("#count")
    expect(page.locator(".figure").first).to_contain_text("2")


def test_a_wrong_condition_is_told_and_nothing_typed_is_lost(v1: Api, fleet: dict[str, Any], visit: Visit) -> None:
    page: Page = visit("/groups/new")
    page.fill("#group-name", "kept")
    page.select_option("[name='rows[0].field']", "status")
    page.fill("[name='rows[0].values']", "nobody")
    expect(page.locator("#preview")).to_contain_text("never_online")
    page.click("#make")
    expect(page.locator("#told-form")).to_contain_text("never_online")
    assert page.input_value("#group-name") == "kept" and page.input_value("[name='rows[0].values']") == "nobody"


def test_selected_devices_are_tagged_grouped_disabled_and_deleted_and_how_many_is_said_before(
    v1: Api, fleet: dict[str, Any], many: str, visit: Visit
) -> None:
    group = v1.do("create_group", name=unique("hand"))["id"]
    page: Page = visit(f"/devices?product_id={many}")
    with listening(page) as said:
        expect(page.locator("#bulk")).to_be_hidden()
        page.check(f"[value='{many}_m-0']")
        page.check(f"[value='{many}_m-1']")
        expect(page.locator("#bulk-count")).to_have_text("2 devices selected")
        page.click("#open-bulk-tag")
        expect(page.locator("#bulk-tag-title")).to_have_text("Tag 2 devices?")
        page.fill("#bulk-tag-key", "room")
        page.fill("#bulk-tag-value", "hall")
        page.press("#bulk-tag-value", "Enter")
        expect(page.locator("#told")).to_contain_text("2 devices: done.")
        expect(page.locator("#list tr:has-text('room')")).to_have_count(2)
        expect(page.locator("#bulk")).to_be_hidden()
        page.check("#choose-all")
        expect(page.locator("#bulk-count")).to_have_text("5 devices selected")
        page.click("#open-bulk-group")
        page.select_option("#bulk-group-id", group)
        page.click("#bulk-group [type=submit]")
        expect(page.locator("#told")).to_contain_text("5 devices: done.")
        assert v1.do("show_group", group_id=group)["devices"]["devices"] == 5
    assert said == []
    v1.do("delete_device", device_id=f"{many}_m-4")
    page.check(f"[value='{many}_m-4']")
    page.check(f"[value='{many}_m-3']")
    page.click("#open-bulk-remove")
    expect(page.locator("#bulk-remove-title")).to_contain_text("Delete 2 devices?")
    page.click("#bulk-remove [type=submit]")
    expect(page.locator("#bulk-remove .told-here")).to_contain_text("1 was not done")
    expect(page.locator("#bulk-remove .told-here")).to_contain_text("m-4")
    page.click("#bulk-remove [data-close]")
    expect(page.locator("#list tbody tr")).to_have_count(3)
    assert v1.do("count_devices", product_id=many)["devices"] == 3


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_selection_and_its_dialog_are_for_who_can_not_see_it_all(
    axe: str, fleet: dict[str, Any], visit: Visit, dark: bool
) -> None:
    page: Page = visit(f"/devices?product_id={fleet['product']}", dark=dark, narrow=True)
    page.check("#choose-all")
    assert faults(page, axe) == []
    page.click("#open-bulk-tag")
    assert faults(page, axe) == []
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def test_all_that_fit_are_selected_with_their_number_and_no_more_than_can_be_known(
    axe: str, v1: Api, visit: Visit
) -> None:
    product, other = (str(v1.do("create_product", name=unique("All"))["id"]) for _ in range(2))
    v1.do("register_devices", product_id=product, count=260)
    v1.do("register_devices", product_id=other, count=2001)
    group = v1.do("create_group", name=unique("all"))["id"]
    page: Page = visit(f"/devices?product_id={product}")
    with listening(page) as said:
        page.focus("#choose-beyond")
        page.keyboard.press("Enter")
        expect(page.locator("#bulk-count")).to_have_text("260 devices selected")
        page.uncheck("[name=chosen] >> nth=0")
        expect(page.locator("#bulk-count")).to_have_text("259 devices selected")
        page.click("#open-bulk-group")
        expect(page.locator("#bulk-group-title")).to_have_text("Add 259 devices to a group?")
        page.select_option("#bulk-group-id", group)
        page.click("#bulk-group [type=submit]")
        expect(page.locator("#told")).to_contain_text("259 devices: done.")
        assert v1.do("show_group", group_id=group)["devices"]["devices"] == 259
        page.click("#choose-beyond")
        expect(page.locator("#bulk-count")).to_have_text("260 devices selected")
        page.select_option("#product_id", other)
        expect(page.locator("#bulk")).to_be_hidden()
        page.click("#choose-beyond")
        expect(page.locator("#beyond-told")).to_contain_text("More than 2,000 fit")
        assert faults(page, axe) == []
        expect(page.locator("#bulk")).to_be_hidden()
        page.select_option("#product_id", product)
        expect(page.locator("#beyond-told")).to_have_text("")
        page.click("#choose-beyond")
        expect(page.locator("#bulk-count")).to_have_text("260 devices selected")
        page.click("#open-bulk-disable")
        page.click("#bulk-disable [type=submit]")
        expect(page.locator("#bulk-disable [data-progress]")).to_contain_text("of 260")
        page.click("#bulk-disable [data-close]")
        expect(page.locator("#told")).not_to_contain_text("259")
        expect(page.locator("#told")).to_contain_text("done.")
    disabled = v1.do("list_devices", product_id=product, status="disabled", limit=200)["items"]
    left = int(page.inner_text("#bulk-count").split()[0]) if page.is_visible("#bulk") else 0
    assert 0 < len(disabled) == 260 - left, "what was not done when the dialog was closed stays selected"
    assert said == []
