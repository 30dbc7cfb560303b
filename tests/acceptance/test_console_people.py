"""The console's keys, people and sessions, and one's own account, over plain HTTP: what is secret is shown once, what
ends ends at once, and who is no admin sees none of it.
"""

import json
import re
from typing import Any

import httpx
import pytest

from acceptance.client import Server, unique
from acceptance.console import PASSWORD, Browser, Page, browser
from acceptance.upwell_client import Api, api
from upwell.dialects.spoken import DIALECTS

ACCOUNT = "console-people"
SCRIPTED = {"hx-request": "true"}


@pytest.fixture(scope="module")
def v1(server: Server) -> Api:
    return api(server, ACCOUNT)


@pytest.fixture(scope="module")
def admin(v1: Api) -> Browser:
    return browser(v1, "boss", "admin", ACCOUNT)


def sent(who: Browser, path: str, **fields: str) -> httpx.Response:
    return who.send(f"/do{path}", {"csrf": who.csrf()} | fields, **SCRIPTED)


def secret_of(got: httpx.Response) -> str:
    found = re.search(r'id="made-secret">([^<]+)<', got.text)
    assert got.status_code == 200 and found, got.text
    return found[1]


# --- keys -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_key_is_made_shown_once_and_revoked(v1: Api, admin: Browser, dialect: str) -> None:
    before = {each["id"] for each in v1.do("list_keys")["items"]}
    got = sent(admin, "/keys", dialect=dialect, role="operator", days="7", product_id="", space_id="")
    secret = secret_of(got)
    [key] = [each for each in v1.do("list_keys")["items"] if each["id"] not in before]
    assert (key["dialect"], key["role"]) == (dialect, "operator") and key["expires_at"]
    page = admin.get("/keys")
    assert key["id"] in page.text and secret not in page.html
    if dialect == "upwell":
        assert Api(address=v1.address, token=secret).do("show_me")["id"] == key["id"]
        assert "never" not in admin.get(f"/keys?q={key['id']}").text
    assert key["id"] not in admin.get("/keys?q=nobody").text
    done = sent(admin, f"/keys/{key['id']}", do="DELETE")
    assert done.status_code == 200 and "The key is revoked." in done.text
    assert key["id"] not in admin.get("/keys").text and key["id"] in admin.get("/keys?all=1").text
    if dialect == "upwell":
        assert Api(address=v1.address, token=secret).refused("show_me").status == 401


def test_a_key_without_a_script_is_shown_on_a_page_of_its_own(v1: Api, admin: Browser) -> None:
    got = admin.do("/keys", role="viewer", dialect="upwell")
    page = Page(got)
    assert got.status_code == 200 and "location" not in got.headers and got.headers["cache-control"] == "no-store"
    assert Api(address=v1.address, token=secret_of(got)).do("show_me")["role"] == "viewer" and "Go on" in page.text


def test_what_a_key_can_not_be_is_told(admin: Browser) -> None:
    for fields, wrong in (({"role": "king"}, "role"), ({"role": "viewer", "days": "x"}, "days"),
                          ({"role": "viewer", "dialect": "tuya", "product_id": "p"}, "dialect")):  # fmt: skip
        got = sent(admin, "/keys", **fields)
        assert got.status_code == 400 and f'data-wrong="{wrong}"' in got.text, got.text


# --- people ---------------------------------------------------------------------------------------------------------


def test_a_user_from_their_making_to_their_end(v1: Api, admin: Browser) -> None:
    name = unique("ann")
    made = sent(admin, "/users", name=name, role="viewer", password=" blank at both ends ")
    assert made.status_code == 200 and "The user is there." in made.text
    user = next(each["id"] for each in v1.do("list_users")["items"] if each["name"] == name)
    ann = Browser(address=v1.address)
    assert ann.sign_in(name, ACCOUNT, "blank at both ends").status_code == 401, "every letter counts"
    assert ann.sign_in(name, ACCOUNT, " blank at both ends ").status_code == 303
    assert name in admin.get("/people").text and "Signed in" in admin.get(f"/people?q={name}").text
    page = admin.get(f"/people/{user}")
    assert "127.0.0.1" in page.text and "by the console" in page.text
    assert sent(admin, f"/users/{user}", do="PATCH", role="operator").status_code == 200
    assert "Operator" in ann.get("/account").text
    assert sent(admin, f"/users/{user}", do="PATCH", password="a-new-Password").status_code == 200
    assert ann.ask("GET", "/").status_code == 303
    assert ann.sign_in(name, ACCOUNT, "a-new-Password").status_code == 303
    [session] = [each["id"] for each in v1.do("list_sessions", user_id=user)["items"]]
    assert sent(admin, f"/sessions/{session}", do="DELETE").status_code == 200
    assert ann.ask("GET", "/").status_code == 303 and "Not signed in." in admin.get(f"/people/{user}").text
    assert sent(admin, f"/users/{user}", do="PATCH", enabled="false").status_code == 200
    assert ann.sign_in(name, ACCOUNT, "a-new-Password").status_code == 401
    assert "Disabled" in admin.get(f"/people/{user}").text
    gone = sent(admin, f"/users/{user}", do="DELETE", back="/console/people")
    assert gone.headers["hx-redirect"] == "/console/people" and admin.get(f"/people/{user}").status == 404


def test_the_last_admin_stays_and_a_taken_name_is_told(server: Server) -> None:
    v1 = api(server, "console-last")
    only = browser(v1, "only", "admin", "console-last")
    user = v1.do("list_users")["items"][0]["id"]
    for fields in ({"do": "PATCH", "role": "viewer"}, {"do": "PATCH", "enabled": "false"}, {"do": "DELETE"}):
        assert sent(only, f"/users/{user}", **fields).status_code == 409
    assert sent(only, "/users", name="only", role="viewer", password=PASSWORD).status_code == 409
    short = sent(only, "/users", name="x y", role="viewer", password=PASSWORD)
    assert short.status_code == 400 and 'data-wrong="name"' in short.text and PASSWORD not in short.text


# --- one's own ------------------------------------------------------------------------------------------------------


def test_one_changes_ones_own_password_and_is_signed_out_elsewhere_alone(v1: Api) -> None:
    name = unique("self")
    here, there = browser(v1, name, "viewer", ACCOUNT), Browser(address=v1.address)
    assert there.sign_in(name, ACCOUNT).status_code == 303
    key = secret_of(sent(here, "/me/keys", days="30"))
    wrong = sent(here, "/me/password", current_password="not-the-Password", new_password="another-Password")
    assert wrong.status_code == 400 and 'data-wrong="current_password"' in wrong.text
    assert "not-the-Password" not in wrong.text and "another-Password" not in wrong.text
    done = sent(here, "/me/password", current_password=PASSWORD, new_password="another-Password")
    assert done.status_code == 200 and "Your password is changed." in done.text
    assert here.ask("GET", "/account").status_code == 200 and there.ask("GET", "/account").status_code == 303
    assert Api(address=v1.address, token=key).refused("show_me").status == 401
    assert there.sign_in(name, ACCOUNT).status_code == 401
    assert there.sign_in(name, ACCOUNT, "another-Password").status_code == 303
    [entry] = v1.do("list_audit", who=f"user {name}", operation="change_password", result="done")["items"]
    assert entry["tongue"] == "console" and "Password" not in str(entry["changes"])


def test_guesses_of_the_present_password_are_bounded(v1: Api) -> None:
    name = unique("guess")
    here = browser(v1, name, "viewer", ACCOUNT)
    codes = [
        sent(here, "/me/password", current_password=f"guess-{n}-guess", new_password="another-Password").status_code
        for n in range(11)
    ]
    assert codes == [400] * 10 + [429]
    assert sent(here, "/me/password", current_password=PASSWORD, new_password="another-Password").status_code == 429


def test_one_sees_and_ends_ones_own_sessions_and_keys(v1: Api, admin: Browser) -> None:
    name = unique("own")
    here, there = browser(v1, name, "viewer", ACCOUNT), Browser(address=v1.address)
    there.sign_in(name, ACCOUNT)
    sent(here, "/me/keys", days="3")
    page = here.get("/account")
    assert "This one" in page.text and page.text.count("127.0.0.1") == 2 and "upw_" in page.text
    other = re.findall(r'data-to="/console/do(/me/sessions/[^"]+)"', page.html)
    mine = here.cookies["upwell_session"].rpartition("_")[0]
    [path] = [each for each in other if mine not in each]
    assert admin.do(path, do="DELETE").status_code == 404
    assert sent(here, path, do="DELETE").status_code == 200 and there.ask("GET", "/").status_code == 303
    [key] = re.findall(r'data-to="/console/do(/me/keys/[^"]+)"', here.get("/account").html)
    assert sent(here, key, do="DELETE").status_code == 200 and "You have none." in here.get("/account").text


# --- the audit ------------------------------------------------------------------------------------------------------


def test_the_audit_of_one_thing_is_shown_and_told_whole_as_a_file(v1: Api, admin: Browser) -> None:
    product = v1.do("create_product", name=unique("=lamp"))["id"]
    v1.do("update_product", product_id=product, name=unique("lamp"))
    page = admin.get(f"/audit?about={product}")
    assert "create_product" in page.text and "update_product" in page.text and "create_user" not in page.text
    links = [each for each in page.links() if "/audit/export" in each]
    assert links == [f"/console/audit/export?about={product}&format={form}" for form in ("csv", "ndjson")]
    told = admin.ask("GET", links[1].removeprefix("/console"))
    assert (
        told.headers["content-type"].startswith("application/x-ndjson") and told.headers["cache-control"] == "no-store"
    )
    assert "export_audit.ndjson" in told.headers["content-disposition"]
    assert [json.loads(line)["operation"] for line in told.text.splitlines()] == ["create_product", "update_product"]
    table = admin.ask("GET", links[0].removeprefix("/console")).text
    assert table.startswith("id,at,who,") and table.count("\r\n") == 3
    assert admin.ask("GET", "/audit/export?since=x").status_code == 400
    viewer = browser(v1, unique("v"), "operator", ACCOUNT)
    assert viewer.ask("GET", "/audit/export").status_code == 403


# --- rights ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["viewer", "operator", "approver"])
def test_who_is_no_admin_sees_none_of_it(v1: Api, admin: Browser, role: str) -> None:
    who = browser(v1, unique(role), role, ACCOUNT)
    assert not {"/console/people", "/console/audit"} & set(who.get("/").links())
    for path in ("/people", "/keys", "/sessions", "/audit", "/people/usr_0000000000000001"):
        assert who.get(path).status == 403, path
    asked: list[tuple[str, dict[str, Any]]] = [
        ("/keys", {"role": "admin"}), ("/users", {"name": "x", "role": "admin", "password": PASSWORD}),
        ("/keys/x", {"do": "DELETE"}), ("/users/usr_0000000000000001", {"do": "PATCH", "role": "admin"}),
        ("/users/usr_0000000000000001", {"do": "DELETE"}), ("/sessions/x", {"do": "DELETE"}),
    ]  # fmt: skip
    for path, fields in asked:
        assert who.do(path, **fields).status_code == 403, path


def test_no_other_accounts_people_are_there(server: Server, v1: Api, admin: Browser) -> None:
    other = api(server, "console-people-other")
    stranger = browser(other, "stranger", "admin", "console-people-other")
    user = v1.do("list_users")["items"][0]["id"]
    key = v1.do("list_keys")["items"][0]["id"]
    session = v1.do("list_sessions")["items"][0]["id"]
    assert stranger.get(f"/people/{user}").status == 404
    for path, fields in ((f"/users/{user}", {"do": "DELETE"}), (f"/users/{user}", {"do": "PATCH", "role": "viewer"}),
                         (f"/keys/{key}", {"do": "DELETE"}), (f"/sessions/{session}", {"do": "DELETE"})):  # fmt: skip
        assert stranger.do(path, **fields).status_code == 404, path
    for path in ("/people", "/keys?all=1", "/sessions"):
        page = stranger.get(path)
        assert page.status == 200 and "boss" not in page.text and key not in page.html and session not in page.html
