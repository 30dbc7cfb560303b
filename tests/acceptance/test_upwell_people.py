"""People who sign in to `/v1`: guesses are bounded, sessions end, the last admin stays; and accounts, for whoever was
made a server's admin on the server itself.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from acceptance.client import Server, unique, until
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
    got = v1.ask("PUT", "/v1/sessions")
    assert (got.status_code, got.headers["allow"]) == (405, "DELETE, GET, HEAD, POST")
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


def test_one_signs_out_everywhere(v1: Api, boss: dict[str, Any]) -> None:
    name = unique("roams")
    v1.do("create_user", name=name, password=RIGHT, role="viewer")
    key, here, there, other = own_key(v1, name)[1], session(v1, name), session(v1, name), session(v1, "boss")
    assert key.refused("end_sessions").code == "no-session", "a key is no session"
    here.do("end_sessions")
    for each in (here, there):
        assert each.refused("show_me").code == "not-authenticated"
    assert key.do("show_me")["name"] == name, "keys stay"
    assert other.do("show_me")["name"] == "boss", "and so does everybody else"


def own_key(v1: Api, name: str, password: str = RIGHT, **more: Any) -> tuple[str, Api]:
    """A key that the user made, by its id and as it is used."""
    made = session(v1, name, password).do("create_own_key", **more)
    assert made["user"] == name
    return made["id"], Api(address=v1.address, token=made["secret"])


def listed(v1: Api, key: str) -> dict[str, Any]:
    [found] = [each for each in v1.do("list_keys")["items"] if each["id"] == key]
    return dict(found)


def test_a_key_of_a_user_asks_in_their_name(v1: Api) -> None:
    name = unique("key")
    user = v1.do("create_user", name=name, password=RIGHT, role="operator")["id"]
    key, ann = own_key(v1, name, days=7)
    me = ann.do("show_me")
    assert (me["kind"], me["id"], me["name"], me["role"]) == ("user", user, name, "operator") and me["expires_at"]
    product = ann.do("create_product", name=unique("hers"))["id"]
    for who in (f"user {name}", key, f"user {name}, key {key}"):
        [entry] = v1.do("list_audit", who=who, operation="create_product")["items"]
        assert entry["who"] == f"user {name}, key {key}" and entry["ids"]["product_key"] == product
    [made] = v1.do("list_audit", who=f"user {name}", operation="create_own_key")["items"]
    assert made["who"] == f"user {name}" and made["ids"]["key_id"] == key and made["changes"]["lifetime"]
    assert (
        listed(v1, key)["user"] == name and listed(v1, key)["role"] == "operator" and "last_used_at" in listed(v1, key)
    )
    assert [each["id"] for each in ann.do("list_own_keys")["items"]] == [key] and v1.do("list_own_keys")["items"] == []
    for other in (ann, v1):  # one that is stolen makes none that lasts longer
        assert other.refused("create_own_key").code == "not-allowed"
    assert ann.refused("end_session").code == "no-session"


def test_it_has_no_more_than_their_role(v1: Api) -> None:
    name = unique("role")
    user = v1.do("create_user", name=name, password=RIGHT, role="operator")["id"]
    key, ann = own_key(v1, name)
    for role, has in (("viewer", "viewer"), ("admin", "operator"), ("operator", "operator")):
        v1.do("update_user", user_id=user, role=role)
        assert ann.do("show_me")["role"] == has and listed(v1, key)["role"] == has
        assert ann.refused("list_users").code == "not-allowed"
    v1.do("update_user", user_id=user, role="viewer")
    assert ann.refused("create_product", name="x").code == "not-allowed"


def test_whose_key_it_is_may_revoke_it(v1: Api) -> None:
    ann, bob = unique("ann"), unique("bob")
    for name in (ann, bob):
        v1.do("create_user", name=name, password=RIGHT, role="viewer")
    first, by_first = own_key(v1, ann)
    second, by_second = own_key(v1, ann)
    _, by_bob = own_key(v1, bob)
    for other in (by_bob, v1):
        assert other.refused("revoke_own_key", key_id=first).code == "not-found"
    assert by_bob.refused("revoke_key", key_id=first).code == "not-allowed"
    by_second.do("revoke_own_key", key_id=first)
    assert by_first.refused("show_me").status == 401 and listed(v1, first)["revoked_at"]
    by_second.do("revoke_own_key", key_id=second)
    assert by_second.refused("show_me").status == 401
    third, by_third = own_key(v1, ann)
    v1.do("revoke_key", key_id=third)
    assert by_third.refused("show_me").status == 401


def test_what_ends_a_right_ends_its_keys(server: Server, v1: Api) -> None:
    """For good, and told."""
    name = unique("ends")
    user = v1.do("create_user", name=name, password=RIGHT, role="viewer")["id"]
    ended = []
    for change in ({"password": "another-Password"}, {"enabled": False}):
        key, ann = own_key(v1, name)
        v1.do("update_user", user_id=user, **change)
        assert ann.refused("show_me").status == 401 and listed(v1, key)["revoked_at"]
        ended.append(key)
        v1.do("update_user", user_id=user, enabled=True, password=RIGHT)
        assert ann.refused("show_me").status == 401, "it stays so"
    key, ann = own_key(v1, name)
    session(v1, name).do("change_password", current_password=RIGHT, new_password="another-Password")
    assert ann.refused("show_me").status == 401 and listed(v1, key)["revoked_at"]
    v1.do("update_user", user_id=user, password=RIGHT)
    ended.append(key)
    key, ann = own_key(v1, name)
    assert ann.refused("change_password", current_password=RIGHT, new_password="x" * 8).code == "no-session"
    assert {each["id"] for each in v1.do("list_keys")["items"]}.isdisjoint(ended), "who makes another forgets those"
    v1.do("delete_user", user_id=user)
    assert ann.refused("show_me").status == 401 and listed(v1, key)["user"] == name and listed(v1, key)["revoked_at"]
    v1.do("create_user", name=name, password=RIGHT, role="viewer")
    assert ann.refused("show_me").status == 401, "of another user by that name it is none"
    beside, ann = own_key(v1, name)
    server.run("user", "delete", name, "--account", "people")
    assert ann.refused("show_me").status == 401 and listed(v1, beside)["revoked_at"]
    told = until(
        lambda: {
            each["data"]["key_id"] for each in v1.do("list_events", type="upwell.key.revoked", limit=200)["items"]
        },
        lambda found: {*ended, key, beside} <= found,
    )
    assert {*ended, key, beside} <= told


def test_a_user_has_so_many_keys_and_the_oldest_ends(v1: Api) -> None:
    name = unique("many")
    v1.do("create_user", name=name, password=RIGHT, role="viewer")
    ann = session(v1, name)
    made = [ann.do("create_own_key")["id"] for _ in range(22)]
    assert [each["id"] for each in ann.do("list_own_keys")["items"]] == made[:1:-1]


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


# --- who is signed in -----------------------------------------------------------------------------------------------


def test_who_is_signed_in_is_told_to_admins_and_one_is_signed_out_by_them(v1: Api) -> None:
    name = unique("seen")
    user = v1.do("create_user", name=name, password=RIGHT, role="viewer")["id"]
    here, there = session(v1, name), session(v1, name)
    mine = here.do("list_own_sessions")["items"]
    assert len(mine) == 2 and {each["user"]["name"] for each in mine} == {name}
    assert [each["id"] for each in mine if each["current"]] == [here.token.rpartition("_")[0]]
    [other] = [each for each in mine if not each["current"]]
    assert (other["tongue"], other["address"], other["role"]) == ("upwell", "127.0.0.1", "viewer")
    assert "last_used_at" not in other, "it has asked nothing yet"
    there.do("show_me")
    told = v1.do("list_sessions", user_id=user)["items"]
    assert {each["id"] for each in told} == {each["id"] for each in mine} and all(
        "last_used_at" in each for each in told
    )
    assert not any(each["current"] for each in told), "a key is no session"
    assert {each["id"] for each in told} < {each["id"] for each in v1.do("list_sessions")["items"]} | {""}
    assert v1.do("list_own_sessions")["items"] == []
    assert here.refused("list_sessions").code == "not-allowed"
    assert here.refused("close_session", session_id=other["id"]).code == "not-allowed"
    v1.do("close_session", session_id=other["id"])
    assert there.refused("show_me").code == "not-authenticated" and here.do("show_me")
    assert v1.refused("close_session", session_id=other["id"]).code == "not-found"
    [entry] = v1.do("list_audit", operation="close_session", result="done", about=other["id"])["items"]
    assert entry["ids"] == {"session_id": other["id"]}
    assert here.token not in str(v1.do("list_sessions"))


def test_one_ends_ones_own_sessions_and_nobody_elses(server: Server, v1: Api) -> None:
    name, other = unique("ends"), unique("hers")
    v1.do("create_user", name=name, password=RIGHT, role="viewer")
    v1.do("create_user", name=other, password=RIGHT, role="admin")
    here, there, hers = session(v1, name), session(v1, name), session(v1, other)
    for stranger in (hers, api(server, "v1-sessions-other")):
        for known in (there.token, here.token):
            which = known.rpartition("_")[0]
            assert stranger.refused("close_own_session", session_id=which).code == "not-found"
    outside = api(server, "v1-sessions-other")
    assert outside.refused("close_session", session_id=there.token.rpartition("_")[0]).code == "not-found"
    assert outside.do("list_sessions")["items"] == []
    here.do("close_own_session", session_id=there.token.rpartition("_")[0])
    assert there.refused("show_me").status == 401
    here.do("close_own_session", session_id=here.token.rpartition("_")[0])
    assert here.refused("show_me").status == 401 and hers.do("show_me")
