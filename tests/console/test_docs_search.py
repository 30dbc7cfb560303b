"""What is typed into the search of the documentation's pages, and what is looked for."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

SCRIPT = Path(__file__).parents[2] / "docs" / "search.js"


@pytest.fixture(scope="module")
def alone(chromium: str) -> Iterator[Browser]:
    """A browser without a server."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.mark.parametrize(
    ("typed", "sought"),
    [
        ("--archive-timeout-s", "archive-timeout-s"),
        ("upwell serve --workers -v", "upwell serve workers v"),
        ("point-in-time -", "point-in-time -"),
        ("", ""),
    ],
)
def test_options_are_found_as_they_are_written(alone: Browser, typed: str, sought: str) -> None:
    """Before a word a dash means to the search that pages must not have it."""
    page = alone.new_page()
    try:
        page.set_content("<input data-md-component=search-query><output></output>")
        page.add_script_tag(path=SCRIPT)
        page.fill("input", "")
        page.type("input", typed)
        assert page.evaluate("document.querySelector('input').value") == sought
        page.keyboard.type("x")  # goes on behind what is shown, not behind what is looked for
        assert page.evaluate("document.querySelector('input').value") == f"{sought}x".replace("-x", "x")
    finally:
        page.close()
