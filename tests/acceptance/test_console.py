"""The console's doors and rights, over plain HTTP: signing in, forms of other sites, roles, other accounts."""

import re
import subprocess
from pathlib import Path

import httpx
import pytest

from acceptance.client import READY, UPWELL, Server, unique
from acceptance.console import PASSWORD, Browser, Page, browser, check
from acceptance.upwell_client import Api, api

ACCOUNT = "console"


@pytest.fixture(scope="module")
def v1(server: Server) -> Api:
    return api(server, ACCOUNT)


@pytest.fixture(scope="module")
def admin(v1: Api) -> Browser:
    return browser(v1, "boss", "admin", ACCOUNT)


@pytest.fixture(scope="module")
def viewer(v1: Api) -> Browser:
    return browser(v1, "looks", "viewer", ACCOUNT)


# --- signing in -----------------------------------------------------------------------------------------------------


def test_who_is_not_signed_in_is_sent_to_where_one_does_and_back(v1: Api, admin: Browser) -> None:
    stranger = Browser(address=v1.address)
    got = stranger.ask("GET", "/devices?status=online")
    assert (got.status_code, got.headers["location"]) == (
        303, "/console/sign-in?to=%2Fconsole%2Fdevices%3Fstatus%3Donline"
    )  # fmt: skip
    page = stranger.get("/devices?status=online")
    fields = page.forms["/console/sign-in"] | {"account": ACCOUNT, "name": "boss", "password": PASSWORD}
    assert stranger.send("/sign-in", fields).headers["location"] == "/console/devices?status=online"
    assert "boss" in stranger.get("/account").text
    assert httpx.get(f"http://{v1.address}/console").headers["location"] == "/console/"


@pytest.mark.parametrize("to", ["https://evil.example/", "//evil.example", "/\\evil.example", "/v1/me", "javascript:x"])
def test_it_leads_nowhere_else(v1: Api, admin: Browser, to: str) -> None:
    given = {"account": ACCOUNT, "name": "boss", "password": PASSWORD, "to": to}
    assert Browser(address=v1.address).send("/sign-in", given).headers["location"] == "/console/"


def test_a_wrong_password_is_told_and_what_was_typed_is_there_but_for_it(v1: Api, admin: Browser) -> None:
    other = Browser(address=v1.address)
    got = other.sign_in("bo<b>ss", ACCOUNT, "wrong-Password")
    page = Page(got)
    check(page)
    assert got.status_code == 401 and "set-cookie" not in got.headers
    assert "The account, the name or the password is wrong." in page.text
    assert page.forms["/console/sign-in"]["name"] == "bo<b>ss" and page.forms["/console/sign-in"]["password"] == ""
    assert "wrong-Password" not in got.text


def test_guesses_are_counted_with_those_at_the_api(v1: Api) -> None:
    name = unique("guess")
    v1.do("create_user", name=name, password=PASSWORD, role="viewer")
    other = Browser(address=v1.address)
    for _ in range(5):
        assert other.sign_in(name, ACCOUNT, "wrong-Password").status_code == 401
        guess = {"account": ACCOUNT, "name": name, "password": "wrong-Password"}
        assert httpx.post(f"http://{v1.address}/v1/sessions", json=guess).status_code == 401
    held = other.sign_in(name, ACCOUNT)
    assert held.status_code == 429 and int(held.headers["retry-after"]) > 60


def test_the_cookie_is_kept_from_scripts_and_other_sites(v1: Api, admin: Browser) -> None:
    got = Browser(address=v1.address).sign_in("boss", ACCOUNT)
    cookie = got.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Lax", "Path=/console"} <= set(cookie.split("; ")) and "Secure" not in cookie


def test_sign_out_ends_the_session_and_everywhere_ends_them_all(v1: Api) -> None:
    first, second = browser(v1, "leaves", "viewer", ACCOUNT), Browser(address=v1.address)
    second.sign_in("leaves", ACCOUNT)
    token = second.cookies["upwell_session"]
    out = second.do("/sessions/current")
    assert out.headers["location"] == "/console/sign-in" and "Max-Age=0" in out.headers["set-cookie"]
    assert Api(address=v1.address, token=token).refused("show_me").code == "not-authenticated"
    second.sign_in("leaves", ACCOUNT)
    assert first.do("/sessions").status_code == 303
    for each in (first, second):
        assert each.ask("GET", "/").headers["location"].startswith("/console/sign-in")
    [entry] = v1.do("list_audit", operation="end_sessions", who="user leaves")["items"]
    assert entry["tongue"] == "console" and entry["result"] == "done"


# --- the first user -------------------------------------------------------------------------------------------------


def test_the_first_user_is_made_by_the_link_that_the_server_prints_and_no_second_one(tmp_path: Path) -> None:
    folder = ["--data-dir", str(tmp_path / "d")]
    ports = [part for name in ("http", "mqtt", "download") for part in (f"--{name}", "127.0.0.1:0")]
    tmp_path.chmod(0o755)
    process = subprocess.Popen([UPWELL, "serve", *folder, *ports], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        lines = (line for line in process.stdout)
        found = next(READY.match(line) for line in lines if READY.match(line))
        assert found is not None
        link = next(
            re.search(r"http://\S+/console(/first\?token=\S+)", line) for line in lines if "first sign-in" in line
        )
        assert link is not None
        one, other = Browser(address=found[1]), Browser(address=found[1])
        assert "Nobody can sign in yet." in one.get("/sign-in").text
        assert one.get("/first?token=x").status == 403
        fields = one.get(link[1]).forms["/console/first"]
        assert one.send("/first", fields | {"name": "ann", "password": "short", "again": "short"}).status_code == 400
        assert one.send("/first", fields | {"name": "ann", "password": PASSWORD, "again": "x"}).status_code == 400
        assert one.send("/first", fields | {"name": "ann", "password": PASSWORD, "again": PASSWORD}).status_code == 303
        assert "ann" in one.get("/account").text and "Admin" in one.get("/account").text
        late = other.send("/first", fields | {"name": "eve", "password": PASSWORD, "again": PASSWORD})
        assert late.status_code == 409 and "set-cookie" not in late.headers
        assert other.get(link[1]).status == 409 and "Nobody can sign in yet." not in other.get("/sign-in").text
        assert "create_first_user" in one.get("/audit").text
    finally:
        process.terminate()
        process.communicate(timeout=30)


# --- forms ----------------------------------------------------------------------------------------------------------


def test_a_form_of_another_site_or_session_is_refused(v1: Api, admin: Browser, viewer: Browser) -> None:
    name, right = unique("csrf"), {"csrf": admin.csrf(), "back": "/console/"}
    for fields, headers in (
        ({"csrf": ""}, {}),
        ({"csrf": viewer.csrf()}, {}),
        ({"csrf": "x" * 43}, {}),
        (right, {"origin": "http://evil.example"}),
        (right, {"origin": "null"}),
        (right, {"sec-fetch-site": "cross-site"}),
        (right, {"sec-fetch-site": "same-site"}),
    ):
        got = admin.send("/do/products", {"name": name} | fields, **headers)
        assert got.status_code == 403, (fields, headers)
    assert name not in [each["name"] for each in v1.do("list_products", limit=200)["items"]]
    assert admin.send("/sign-in", {}, origin="http://evil.example").status_code == 403
    assert admin.send("/do/products", {"name": name} | right).status_code == 303
    assert name in admin.get("/products").text
    [entry] = v1.do("list_audit", operation="create_product", result="done", who="user boss")["items"]
    assert entry["tongue"] == "console"


def test_only_what_is_in_the_table_is_done_by_a_form(v1: Api, admin: Browser) -> None:
    for path in ("/accounts", "/spaces", "/event_settings", "/devices", "/nothing", "/products/x"):
        got = admin.do(path, name="x", role="admin", password=PASSWORD)
        assert got.status_code == 404, path
    assert admin.ask("PUT", "/devices").status_code == 404


def test_a_role_without_the_right_sees_no_button_and_is_refused(v1: Api, admin: Browser, viewer: Browser) -> None:
    assert "/console/do/products" in admin.get("/products").forms
    assert "/console/do/products" not in viewer.get("/products").forms
    assert viewer.do("/products", name="x").status_code == 403
    assert viewer.get("/audit").status == 403 and "/console/audit" not in viewer.get("/").links()
    assert admin.get("/audit").status == 200 and "/console/audit" in admin.get("/").links()
    [entry] = v1.do("list_audit", operation="create_product", result="refused", who="user looks")["items"]
    assert entry["result"] == "not-allowed"


def test_what_is_wrong_is_told_as_the_api_tells_it(admin: Browser) -> None:
    got = admin.do("/products", name="x" * 300)
    page = Page(got)
    check(page)
    assert got.status_code == 400 and "name" in page.text
    told = admin.send("/do/products", {"csrf": admin.csrf(), "name": ""}, **{"hx-request": "true"})
    assert told.status_code == 400 and "<html" not in told.text and "name" in told.text


def test_another_accounts_things_do_not_exist(server: Server, v1: Api, admin: Browser) -> None:
    theirs = api(server, "console-other")
    product = theirs.do("create_product", name=unique("theirs"))["id"]
    device = theirs.do("create_device", product_id=product, name="d")["id"]
    for path in (f"/devices/{device}", f"/products/{product}", "/rollouts/ro_0000000000000007", "/rollouts/x"):
        assert admin.get(path).status == 404, path
    assert admin.do(f"/devices/{device}", enabled="false").status_code == 404
    assert device not in admin.get("/devices").html and product not in admin.get("/products").html
    live = admin.ask("GET", f"/live/devices/{device}")
    assert live.status_code == 204 and live.content == b""


# --- how pages look -------------------------------------------------------------------------------------------------


def test_the_theme_and_the_language_are_kept(v1: Api, viewer: Browser) -> None:
    assert viewer.get("/").elements[0][1] == {"lang": "en", "data-theme": "auto"}
    assert viewer.get("/", **{"accept-language": "zh-CN,zh;q=0.9"}).elements[0][1]["lang"] == "zh"
    other = Browser(address=v1.address)
    for field, value in (("theme", "dark"), ("language", "zh"), ("theme", "<x>"), ("language", "xx")):
        got = other.send("/look", {field: value, "back": "/console/sign-in"})
        assert (got.status_code, got.headers["location"]) == (303, "/console/sign-in")
    page = other.get("/sign-in")
    assert page.elements[0][1] == {"lang": "zh", "data-theme": "dark"} and "登录" in page.text


def test_files_are_kept_for_a_year_under_a_name_that_is_theirs_alone(viewer: Browser) -> None:
    page = viewer.get("/")
    found = [given.get("src") or given["href"] for tag, given in page.elements if tag in ("script", "link")]
    assert len(found) >= 6
    for path in found:
        got = httpx.get(f"http://{viewer.address}{path}")
        assert got.status_code == 200 and "immutable" in got.headers["cache-control"], path
    for path in ("/console/assets/x/console.css", "/console/assets/../words.py", "/console/assets/%2e%2e/words.py"):
        assert httpx.get(f"http://{viewer.address}{path}").status_code in (303, 404), path
