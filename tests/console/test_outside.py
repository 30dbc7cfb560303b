"""People sign in at a provider of OpenID Connect, in a browser: a real one, on another host's name, as theirs is."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from acceptance.client import Server, serve, unique
from acceptance.provider import Provider, knows, provider
from console.accessibility import faults
from console.conftest import NARROW, WIDE, listening

pytestmark = [
    pytest.mark.console,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the provider's own parts
]


@pytest.fixture(scope="module")
def there(chromium: str) -> Iterator[Provider]:
    with provider() as made:
        yield made


@pytest.fixture(scope="module")
def here(there: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    secret: Path = tmp_path_factory.mktemp("oidc") / "secret"
    secret.write_text("a-Secret-of-the-client\n")
    asked = {"issuer": there.issuer, "client-id": "upwell", "client-secret-file": str(secret), "account": "outside",
             "groups": "ota-ops=operator,everyone=viewer"}  # fmt: skip
    with serve(*(part for name, value in asked.items() for part in (f"--oidc-{name}", value))) as running:
        yield running


@pytest.fixture(scope="module")
def elsewhere(chromium: str, here: Server) -> Iterator[Browser]:
    """Begun when the servers are there, as in conftest."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


def test_one_signs_in_there_and_out_by_keyboard_alone(elsewhere: Browser, here: Server, there: Provider) -> None:
    who = unique("ann")
    knows(there, who, groups=["ota-ops"], preferred_username=who)
    context = elsewhere.new_context(viewport=WIDE, locale="en-GB")  # type: ignore[arg-type]
    page = context.new_page()
    with listening(page) as said:
        page.goto(f"http://{here.http}/console/devices?status=online")
        page.wait_for_url("**/console/sign-in?*")
        link = page.get_by_role("link", name="Sign in with localhost")
        expect(link).to_be_visible()
        for _ in range(10):
            page.keyboard.press("Tab")
            if link.evaluate("each => each === document.activeElement"):
                break
        page.keyboard.press("Enter")
        page.wait_for_url(f"{there.issuer}/**")
        page.keyboard.type(who)
        page.keyboard.press("Enter")
        page.wait_for_url(f"http://{here.http}/console/devices?status=online")
        expect(page.locator(".account")).to_contain_text(who)
        expect(page.locator(".account")).to_contain_text("Operator")
        cookies = {each["name"]: each for each in context.cookies(f"http://{here.http}/console/")}
        assert all(each["httpOnly"] and each["sameSite"] == "Lax" for each in cookies.values()), cookies
        page.goto(f"http://{here.http}/console/account")
        page.get_by_role("button", name="Sign out", exact=True).press("Enter")
        page.wait_for_url("**/console/sign-in?out=1")
        expect(page.get_by_role("link", name="Sign out at localhost too")).to_be_visible()
        page.goto(f"http://{here.http}/console/")
        page.wait_for_url("**/console/sign-in?*")
    assert [each for each in said if here.http in each] == []
    context.close()


def test_whom_no_group_lets_in_is_told_so(elsewhere: Browser, here: Server, there: Provider) -> None:
    who = unique("eve")
    knows(there, who, groups=["strangers"], preferred_username=who)
    page = elsewhere.new_context(viewport=WIDE, locale="en-GB").new_page()  # type: ignore[arg-type]
    page.goto(f"http://{here.http}/console/sign-in")
    page.get_by_role("link", name="Sign in with localhost").click()
    page.fill("[name=sub]", who)
    page.keyboard.press("Enter")
    page.wait_for_url(f"http://{here.http}/console/oidc/back?*")
    expect(page.locator("main")).to_contain_text("No group of yours is let in")
    page.context.close()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("narrow", [False, True], ids=["desktop", "phone"])
def test_the_entrance_is_for_everybody(axe: str, elsewhere: Browser, here: Server, dark: bool, narrow: bool) -> None:
    context = elsewhere.new_context(
        viewport=NARROW if narrow else WIDE,  # type: ignore[arg-type]
        color_scheme="dark" if dark else "light",
        locale="en-GB",
    )
    page = context.new_page()
    for path in ("/sign-in?to=/console/devices", "/sign-in?out=1"):
        page.goto(f"http://{here.http}/console{path}")
        expect(page.get_by_role("link", name="Sign in with localhost")).to_be_visible()
        assert faults(page, axe) == []
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    context.close()
