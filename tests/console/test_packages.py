"""A new package in a browser: a file that is sent in parts while the rest is typed; paused, cut off, gone on with."""

import hashlib
import random
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from acceptance.client import unique
from acceptance.upwell_client import Api
from console.accessibility import faults
from console.conftest import Visit, listening

PART = 8 * 1024 * 1024


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three parts and a rest."""
    path = tmp_path_factory.mktemp("images") / "lamp-4.2.0.bin"
    path.write_bytes(random.Random(4).randbytes(3 * PART + 12_345))
    return path


def begun(visit: Visit, image: Path) -> Page:
    page: Page = visit("/packages/new")
    page.set_input_files("#file", image)
    return page


def made(page: Page, v1: Api) -> dict[str, Any]:
    page.wait_for_url("**/packages/pkg_*")
    return dict(v1.do("show_package", package_id=page.url.rpartition("/")[2]))


def test_a_file_is_sent_while_the_rest_is_typed_and_its_digest_is_the_servers(
    v1: Api, fleet: dict[str, Any], visit: Visit, tmp_path: Path
) -> None:
    small = tmp_path / "lamp-4.1.0.bin"
    small.write_bytes(random.Random(1).randbytes(1_234_567))
    page: Page = visit("/packages/new")
    with listening(page) as said:
        page.set_input_files("#file", small)
        expect(page.locator("#package-name")).to_have_value("lamp-4.1.0")
        expect(page.locator("#package-version")).to_have_value("4.1.0")
        name = unique("lamp")
        page.select_option("#product_id", fleet["product"])  # the first, where no other test made one
        page.fill("#package-name", name)
        page.fill("#description", "# Better\n**much** <b>better</b>")
        expect(page.locator("#sent-there")).to_contain_text("The same")
        digest = hashlib.sha256(small.read_bytes()).hexdigest()
        expect(page.locator("#sent-here")).to_have_text(digest)
        page.click("#make")
        shown = made(page, v1)
        assert (shown["name"], shown["version"], shown["sha256"]) == (name, "4.1.0", digest)
        assert shown["product_id"] == fleet["product"] and shown["status"] == "unverified"
        expect(page.locator(".notes h4")).to_have_text("Better")
        expect(page.locator(".notes")).to_contain_text("<b>better</b>")
    assert said == []


@pytest.mark.console
def test_a_pause_holds_it_and_a_wrong_field_loses_nothing(
    v1: Api, fleet: dict[str, Any], visit: Visit, image: Path
) -> None:
    page = visit("/packages/new")
    page.route("**/parts/2", lambda route: None)
    page.set_input_files("#file", image)
    expect(page.locator("#sent-state")).to_have_text("Being sent.")
    expect(page.locator("#sent-bar")).to_have_js_property("value", PART)
    page.click("#pause")
    expect(page.locator("#sent-state")).to_have_text("Paused.")
    expect(page.locator("#resume")).to_be_focused()
    page.unroute("**/parts/2")
    page.wait_for_timeout(1500)
    expect(page.locator("#sent-state")).to_have_text("Paused.")
    page.fill("#package-version", "not a version")
    page.fill("#description", "kept")
    page.click("#make")
    expect(page.locator("#sent-state")).to_have_text("Paused.")
    page.click("#resume")
    expect(page.locator("#package-version-wrong")).to_contain_text("letters, digits")
    expect(page.locator("#package-version")).to_be_focused()
    assert page.input_value("#description") == "kept"
    name = unique("paused")
    page.fill("#package-name", name)
    page.fill("#package-version", "4.2.0")
    expect(page.locator("#package-version-wrong")).to_have_count(0)
    page.press("#package-version", "Enter")
    shown = made(page, v1)
    assert shown["sha256"] == hashlib.sha256(image.read_bytes()).hexdigest() and shown["name"] == name


@pytest.mark.console
def test_a_lost_connection_is_told_and_gone_on_after(v1: Api, fleet: dict[str, Any], visit: Visit, image: Path) -> None:
    page = visit("/packages/new")
    failing = {"times": 2}

    def cut(route: Route) -> None:
        failing["times"] -= 1
        route.abort("connectionreset") if failing["times"] >= 0 else route.continue_()

    page.route("**/parts/2", cut)
    page.set_input_files("#file", image)
    expect(page.locator("#sent-state")).to_contain_text("The connection is lost")
    page.fill("#package-name", unique("lost"))
    page.click("#make")
    assert made(page, v1)["sha256"] == hashlib.sha256(image.read_bytes()).hexdigest()
    assert failing["times"] < 0


@pytest.mark.console
def test_a_page_that_was_left_goes_on_with_what_arrived(
    v1: Api, fleet: dict[str, Any], visit: Visit, image: Path
) -> None:
    page = visit("/packages/new")
    page.on("dialog", lambda dialog: dialog.accept())
    page.route("**/parts/3", lambda route: None)
    page.set_input_files("#file", image)
    expect(page.locator("#sent-bar")).to_have_js_property("value", 2 * PART)
    page.unroute("**/parts/3")
    page.reload()
    sent = list[str]()
    page.on("request", lambda request: sent.append(request.url) if request.method == "PUT" else None)
    page.set_input_files("#file", image)
    expect(page.locator("#sent-there")).to_contain_text("The same")
    assert [url.rpartition("/")[2] for url in sent][-2:] in (["3", "4"], ["4"]), "what has arrived is not sent again"
    page.fill("#package-name", unique("again"))
    page.click("#make")
    assert made(page, v1)["sha256"] == hashlib.sha256(image.read_bytes()).hexdigest()


@pytest.mark.console
def test_it_is_dropped_and_given_up(v1: Api, fleet: dict[str, Any], visit: Visit) -> None:
    page: Page = visit("/packages/new")
    dropped = page.evaluate_handle(
        "() => { const all = new DataTransfer();"
        " all.items.add(new File([new Uint8Array(3000)], 'pump-1.2.bin')); return all; }"
    )
    page.dispatch_event("#drop", "dragover", {"dataTransfer": dropped})
    page.dispatch_event("#drop", "drop", {"dataTransfer": dropped})
    expect(page.locator("#sent-there")).to_contain_text("The same")
    expect(page.locator("#sent-here")).to_have_text(hashlib.sha256(bytes(3000)).hexdigest())
    page.click("#make")
    assert made(page, v1)["version"] == "1.2"


@pytest.mark.console
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_is_for_who_can_not_see_it_all_also_while_a_file_is_sent(
    axe: str, fleet: dict[str, Any], visit: Visit, image: Path, dark: bool
) -> None:
    page: Page = visit("/packages/new", dark=dark, narrow=True)
    page.route("**/parts/2", lambda route: None)
    page.set_input_files("#file", image)
    expect(page.locator("#sent-bar")).to_have_js_property("value", PART)
    assert faults(page, axe) == []
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
