"""People who sign in to `/v1`: guesses are bounded, sessions end, the last admin stays; and accounts, for whoever was
made a server's admin on the server itself.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from acceptance.client import Server, unique
from acceptance.upwell_client import Api, api

RIGHT = "a-Right-Password"


@pytest.fixture(scope="module")
def v1(server: Server) -> Api:
    return api(server, "people")


@pytest.fixture(scope="module")
def boss(v1: Api) -> dict[str, Any]:
    """The one admin who may sign in."""
    return dict(v1.do("create_user", name="boss", password=RIGHT, role="admin"))


def sign_in(v1: Api, name: str, password: str = RIGHT, account: str = "people", **more: Any) -> httpx.Response:
    given = {"account": account, "name": name, "password": password} | more
    return httpx.post(f"http://{v1.address}/v1/sessions", json=given, timeout=30)


def code(got: httpx.Response) -> tuple[int, str]:
    return got.status_code, got.json()["type"].partition("#")[2]


def session(v1: Api, name: str, password: str = RIGHT) -> Api:
    got = sign_in(v1, name, password)
    assert got.status_code == 201, got.text
    return Api(address=v1.address, token=got.json()["token"])


def test_only_the_right_password_opens_a_session(v1: Api, boss: dict[str, Any]) -> None:
    for wrong in (
        sign_in(v1, "boss", "a-Wrong-Password"), sign_in(v1, "nobody"), sign_in(v1, "boss", account="nowhere"),
        sign_in(v1, "boss", account="default"),
    ):  # fmt: skip
        assert code(wrong) == (401, "sign-in-failed") and "www-authenticate" in wrong.headers
    assert code(sign_in(v1, "boss", pasword="x")) == (400, "unknown-name")
    assert code(sign_in(v1, "boss", "")) == (400, "invalid-value")
    for path in ("/v1/sessions/", "/v1/sessions?x=1"):
        assert httpx.post(f"http://{v1.address}{path}", json={}).status_code == 400, "it is no other operation"
    key = httpx.post(f"http://{v1.address}/v1/sessions", json={}, headers={"Idempotency-Key": "k"})
    assert code(key) == (400, "invalid-value")
    got = v1.ask("GET", "/v1/sessions")
    assert (got.status_code, got.headers["allow"]) == (405, "POST")
    mine = session(v1, "boss")
    assert mine.do("show_me")["id"] == boss["id"] and mine.do("show_me")["expires_at"]
    head, _, tail = mine.token.rpartition("_")
    for token in (head, f"{head}_{'x' * len(tail)}", f"{head}_{tail}x", tail, head.replace("ups", "upw") + "_" + tail):
        assert Api(address=v1.address, token=token).refused("show_me").code == "not-authenticated"
    assert v1.refused("end_session").code == "no-session"


def test_guesses_are_bounded_whoever_is_asked_for(v1: Api) -> None:
    name = unique("guessed")
    v1.do("create_user", name=name, password=RIGHT, role="viewer")
    got = [sign_in(v1, name, f"a-guess-{n}") for n in range(10)]
    assert {code(each) for each in got} == {(401, "sign-in-failed")}
    held = sign_in(v1, name)
    assert code(held) == (429, "too-many-tries") and int(held.headers["retry-after"]) > 60
    assert session(v1, "boss").do("show_me"), "nobody else waits"


def test_what_ends_a_right_ends_its_sessions(v1: Api, boss: dict[str, Any]) -> None:
    name = unique("ann")
    user = v1.do("create_user", name=name, password=RIGHT, role="admin")["id"]
    ann, again = session(v1, name), session(v1, name)
    v1.do("update_user", user_id=user, role="viewer")
    assert ann.do("show_me")["role"] == "viewer" and ann.refused("list_users").code == "not-allowed"
    v1.do("update_user", user_id=user, password="another-Password")
    for each in (ann, again):
        assert each.refused("show_me").code == "not-authenticated"
    assert code(sign_in(v1, name)) == (401, "sign-in-failed")
    ann = session(v1, name, "another-Password")
    v1.do("update_user", user_id=user, enabled=False)
    assert ann.refused("show_me").code == "not-authenticated"
    assert code(sign_in(v1, name, "another-Password")) == (401, "sign-in-failed")
    v1.do("update_user", user_id=user, enabled=True)
    assert ann.refused("show_me").status == 401, "an ended session stays so"
    ann = session(v1, name, "another-Password")
    v1.do("delete_user", user_id=user)
    assert ann.refused("show_me").status == 401


def test_the_last_admin_stays(v1: Api, boss: dict[str, Any]) -> None:
    """Also when two admins remove each other at the same time."""
    for change in ({"role": "operator"}, {"enabled": False}):
        assert v1.refused("update_user", user_id=boss["id"], **change).code == "last-admin"
    assert v1.refused("delete_user", user_id=boss["id"]).code == "last-admin"
    v1.do("update_user", user_id=boss["id"], password=RIGHT)
    other = v1.do("create_user", name=unique("other"), password=RIGHT, role="admin")
    start = threading.Barrier(2)

    def remove(user: str) -> int:
        start.wait()
        return v1.ask("DELETE", f"/v1/users/{user}").status_code

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(remove, (boss["id"], other["id"]))) == [204, 409]
    [left] = [each for each in v1.do("list_users")["items"] if each["role"] == "admin"]
    assert left["id"] in (boss["id"], other["id"])


def test_users_are_their_accounts(server: Server, v1: Api) -> None:
    made = v1.do("create_user", name=unique("ann"), password=RIGHT, role="viewer")
    others = api(server, "strangers")
    assert others.refused("show_user", user_id=made["id"]).status == 404
    assert others.refused("update_user", user_id=made["id"], enabled=False).status == 404
    assert others.refused("delete_user", user_id=made["id"]).status == 404
    assert made["id"] not in {each["id"] for each in others.do("list_users")["items"]}
    assert others.do("create_user", name=made["name"], password=RIGHT, role="viewer")["id"] != made["id"]
    assert v1.refused("create_user", name=made["name"], password=RIGHT, role="viewer").code == "user-name-taken"
    for wrong in ({"name": "a b"}, {"password": "short"}, {"role": "root"}):
        given = {"name": unique("x"), "password": RIGHT, "role": "viewer"} | wrong
        assert v1.refused("create_user", **given).error["parameter"] == next(iter(wrong))
    assert v1.refused("update_user", user_id=made["id"]).code == "missing-value"
    operator = api(server, "people", "operator")
    for name, given in (("list_users", {}), ("delete_user", {"user_id": made["id"]})):
        assert operator.refused(name, **given).code == "not-allowed"


def test_accounts_are_for_a_servers_admin_alone(server: Server, v1: Api) -> None:
    """Which nothing makes that comes over the network."""
    for name, given in (
        ("list_accounts", {}), ("create_account", {"name": "x"}), ("show_account", {"account_id": "acc_" + "0" * 16}),
        ("update_account", {"account_id": "acc_" + "0" * 16, "name": "x"}),
    ):  # fmt: skip
        assert v1.refused(name, **given).code == "not-allowed", name
    assert v1.refused("create_key", role="admin", server_admin=True).code == "unknown-name"
    made = server.run(
        "key", "create", "--account", "people", "--dialect", "upwell", "--role", "admin", "--server-admin"
    )
    [token] = [line.partition(": ")[2] for line in made.splitlines() if line.startswith("secret")]
    root = Api(address=server.http, token=token)
    assert root.do("show_me")["server_admin"] is True
    account = root.do("create_account", name=unique("new"))
    assert root.refused("create_account", name=account["name"]).code == "account-name-taken"
    own = root.do("show_me")["account_id"]
    assert root.refused("update_account", account_id=own, name=account["name"]).code == "account-name-taken"
    default = next(each for each in root.every("list_accounts", limit=200) if each["name"] == "default")
    assert root.refused("update_account", account_id=default["id"], name="x").code == "account-is-default"
    admin = Api(address=server.http, token=account["key"]["secret"])
    assert admin.refused("list_accounts").code == "not-allowed", "the first key of an account is its own alone"
    child = Api(address=server.http, token=root.do("create_key", role="admin")["secret"])
    assert child.refused("list_accounts").code == "not-allowed", "and so is what such a key makes"


def test_users_change_their_own_password(server: Server, v1: Api) -> None:
    name, new = unique("own"), "a-New-Password"
    v1.do("create_user", name=name, password=RIGHT, role="viewer")
    ann, other = session(v1, name), session(v1, name)
    assert v1.refused("change_password", current_password=RIGHT, new_password=new).code == "no-session"
    for given, parameter in (
        ({"current_password": "a-Wrong-Password", "new_password": new}, "current_password"),
        ({"current_password": RIGHT, "new_password": RIGHT}, "new_password"),
        ({"current_password": RIGHT, "new_password": "short"}, "new_password"),
        ({"current_password": RIGHT}, "new_password"),
        ({"new_password": new}, "current_password"),
    ):
        refused = ann.refused("change_password", **given)
        assert refused.status == 400 and refused.error["parameter"] == parameter
    assert other.do("show_me"), "what is refused changes nothing"
    assert ann.do("change_password", current_password=RIGHT, new_password=new) is None
    assert ann.do("show_me")["name"] == name
    assert other.refused("show_me").code == "not-authenticated"
    assert code(sign_in(v1, name)) == (401, "sign-in-failed")
    assert session(v1, name, new).do("show_me")["name"] == name
    entries = v1.every("list_audit", who=f"user {name}", operation="change_password")
    assert [each["result"] for each in entries].count("done") == 1
    assert {each["result"] for each in entries} == {"done", "invalid-value", "missing-value"}
    text = server.run("audit", "export")
    assert not [each for each in (RIGHT, new, "a-Wrong-Password") if each in text]


def test_a_session_is_no_way_to_guess(v1: Api) -> None:
    """A wrong present password counts as one at signing in does, and a right one is not looked at while it holds."""
    name = unique("left-open")
    v1.do("create_user", name=name, password=RIGHT, role="viewer")
    ann = session(v1, name)
    guesses = [{"current_password": f"a-guess-{n}", "new_password": "a-New-Password"} for n in range(9)]
    assert {ann.refused("change_password", **each).status for each in guesses} == {400}
    assert code(sign_in(v1, name, "a-tenth-guess")) == (401, "sign-in-failed")
    held = ann.refused("change_password", current_password=RIGHT, new_password="a-New-Password")
    assert (held.status, held.code) == (429, "too-many-tries") and int(held.headers["retry-after"]) > 60
    assert code(sign_in(v1, name)) == (429, "too-many-tries")
    assert ann.do("show_me"), "the session goes on"


def test_of_two_who_change_it_at_once_one_does(v1: Api) -> None:
    name = unique("twice")
    v1.do("create_user", name=name, password=RIGHT, role="viewer")
    sessions = [session(v1, name) for _ in range(2)]

    def change(nth: int) -> int:
        given = {"current_password": RIGHT, "new_password": f"a-New-Password-{nth}"}
        return sessions[nth].ask("PUT", "/v1/me/password", json=given).status_code

    with ThreadPoolExecutor(2) as pool:
        statuses = list(pool.map(change, range(2)))
    assert statuses.count(204) == 1 and set(statuses) - {204} <= {400, 401}
    assert code(sign_in(v1, name)) == (401, "sign-in-failed")
    assert sign_in(v1, name, f"a-New-Password-{statuses.index(204)}").status_code == 201
