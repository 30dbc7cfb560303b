"""What `/v1` promises, also among several processes: what is asked twice with one Idempotency-Key is done once,
whatever is killed; and what is asked of one edition of a thing is not done to another.
"""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from acceptance.client import Server, serve, unique
from acceptance.upwell_client import REPEATED, Api, api

CALLERS = 12


@pytest.fixture(scope="module")
def workers() -> Iterator[Server]:
    with serve("--workers", "2") as running:
        yield running


@pytest.fixture(scope="module")
def v1(workers: Server) -> Api:
    return api(workers, "once")


def post(v1: Api, path: str, key: str, given: dict[str, Any], token: str = "") -> httpx.Response:
    headers = {"Idempotency-Key": key, "Authorization": f"Bearer {token or v1.token}"}
    return httpx.post(f"http://{v1.address}/v1{path}", json=given, headers=headers, timeout=30)


def code(got: httpx.Response) -> tuple[int, str]:
    return got.status_code, got.json()["type"].partition("#")[2]


def patient(v1: Api, path: str, key: str, given: dict[str, Any]) -> httpx.Response:
    """As a client that does not know whether it was done asks again: after no answer, and after `try again`."""
    for _ in range(400):
        try:
            got = post(v1, path, key, given)
        except httpx.TransportError:
            got = None
        if got is not None and got.status_code < 500 and "retry-after" not in got.headers:
            return got
        time.sleep(0.05)
    raise AssertionError("it is never answered")


def children(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().rpartition(")")
            command = (stat.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if int(rest.split()[1]) == pid and b"postgres" not in command and "postgres" not in name:
            found.append(int(stat.parent.name))
    return found


def done_in_audit(server: Server, operation: str) -> list[dict[str, Any]]:
    entries = map(json.loads, server.run("audit", "export").splitlines())
    return [each for each in entries if each["operation"] == operation and each["result"] == "done"]


def test_callers_in_two_processes_make_one_thing(workers: Server, v1: Api) -> None:
    product = v1.do("create_product", name=unique("lamp"))["id"]
    start = threading.Barrier(CALLERS)

    def one(_: int) -> httpx.Response:
        start.wait()
        return patient(v1, "/devices", "the same", {"product_id": product})

    with ThreadPoolExecutor(CALLERS) as pool:
        answers = list(pool.map(one, range(CALLERS)))
    assert {got.status_code for got in answers} == {201} and len({got.content for got in answers}) == 1
    assert sorted(REPEATED in got.headers for got in answers) == [False] + [True] * (CALLERS - 1)
    [device] = v1.every("list_devices", product_id=product)
    assert answers[0].json()["secret"] == v1.do("show_device_secret", device_id=device["id"])["secret"]
    assert len(done_in_audit(workers, "create_device")) == 1


def test_a_process_that_is_killed_does_it_once_all_the_same(workers: Server, v1: Api) -> None:
    """Whoever got no answer asks again, and the other process knows what was done."""
    product = v1.do("create_product", name=unique("lamp"))["id"]
    given, keys = {"product_id": product}, [f"kill {n}" for n in range(100)]

    def one(key: str) -> httpx.Response:
        if key == keys[30]:
            os.kill(children(workers.pid)[0], signal.SIGKILL)
        return patient(v1, "/devices", key, given)

    with ThreadPoolExecutor(6) as pool:
        first = list(pool.map(one, keys))
    assert {got.status_code for got in first} == {201}
    again = [patient(v1, "/devices", key, given) for key in keys[::10]]
    assert [got.content for got in again] == [got.content for got in first[::10]]
    assert all(got.headers[REPEATED] == "true" for got in again)
    made = {device["id"] for device in v1.every("list_devices", product_id=product, limit=200)}
    assert made == {got.json()["id"] for got in first} and len(made) == len(keys)
    entries = [each for each in done_in_audit(workers, "create_device") if each["ids"]["product_key"] == product]
    assert len(entries) == len(keys)


def test_a_key_is_one_requests_and_one_callers(workers: Server, v1: Api) -> None:
    key, given = uuid4().hex, {"name": unique("lamp")}
    first = post(v1, "/products", key, given)
    assert first.status_code == 201
    assert post(v1, "/products", f'"{key}"', given).content == first.content, "a quoted key is the same"
    assert code(post(v1, "/products", key, {"name": unique("lamp")})) == (422, "idempotency-key-reused")
    assert code(post(v1, "/products", key, given, workers.new_key("once", "admin", "upwell").secret))[0] == 422
    assert post(v1, "/groups", key, {"name": unique("g")}).status_code == 201, "another path is another request"
    other = api(workers, "others")
    assert post(other, "/products", key, {"name": unique("lamp")}).status_code == 201, "and so is another account's"
    for wrong in ("", '"', '"a', '"a"b"', '""', "x" * 256, '"' + "x" * 256 + '"'):
        assert code(post(v1, "/products", wrong, given)) == (400, "invalid-value"), wrong
    assert code(v1.ask("DELETE", f"/v1/products/{first.json()['id']}", headers={"Idempotency-Key": key}))[0] == 400


def test_a_refusal_by_the_state_of_things_stays(v1: Api) -> None:
    """And what is only wrong with the request, or passes, does not."""
    name, key = unique("lamp"), uuid4().hex
    product = v1.do("create_product", name=name)["id"]
    refused = post(v1, "/products", key, {"name": name})
    assert code(refused) == (409, "product-name-taken")
    v1.do("delete_product", product_id=product)
    again = post(v1, "/products", key, {"name": name})
    assert again.content == refused.content and again.headers[REPEATED] == "true"
    assert post(v1, "/products", uuid4().hex, {"name": name}).status_code == 201
    key = uuid4().hex
    assert code(post(v1, "/products", key, {"nmae": "x"})) == (400, "unknown-name")
    assert post(v1, "/products", key, {"name": unique("lamp")}).status_code == 201


# --- editions -------------------------------------------------------------------------------------------------------


def edit(v1: Api, method: str, path: str, given: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return v1.ask(method, f"/v1{path}", headers=named, **({} if given is None else {"json": given}))


def edited(v1: Api) -> dict[str, tuple[str, dict[str, Any], dict[str, Any]]]:
    """One thing of each kind that can be edited, by the operation that shows it: its path, and two edits."""
    product = v1.do("create_product", name=unique("lamp"))["id"]
    device = v1.do("create_device", product_id=product, name="lamp-1")["id"]
    v1.do("create_module", product_id=product, name="mcu")
    given = {"product_id": product, "version": "2.0", "verify": False, "upload_url": v1.upload(b"image")}
    package = v1.do("create_package", name=unique("fw"), **given)["id"]
    given = {"kind": "static", "package_id": package, "product_id": product, "needs_confirmation": True}
    rollout = v1.do("create_rollout", **given, targets={"device_names": ["lamp-1"]})["id"]
    group, space = v1.do("create_group", name=unique("g"))["id"], v1.do("create_space", name="lab")["id"]
    user = v1.do("create_user", name=unique("ann"), password="a-Password", role="viewer")["id"]
    spans = [
        {"hours": {"zone": "UTC", "open": [{"from": start, "to": "05:00"}]}} for start in ("01:00", "02:00", "03:00")
    ]
    hours = v1.do("create_device_hours", tag={"key": "room", "value": unique("hall")}, **spans[0])["id"]
    names = {"name": unique("a")}, {"name": unique("b")}
    said = {"description": "a"}, {"description": "b"}
    return {
        "show_space": (f"/spaces/{space}", *names),
        "show_product": (f"/products/{product}", *names),
        "show_module": (f"/products/{product}/modules/mcu", *said),
        "show_device": (f"/devices/{device}", *said),
        "show_group": (f"/groups/{group}", *said),
        "show_package": (f"/packages/{package}", *said),
        "show_rollout": (f"/rollouts/{rollout}", {"maximum_per_min": 5}, {"tags": {"a": "b"}}),
        "show_device_hours": (f"/device_hours/{hours}", *spans[1:]),
        "show_user": (f"/users/{user}", {"role": "operator"}, {"enabled": False}),
    }


def edited_accounts(root: Api) -> dict[str, tuple[str, dict[str, Any], dict[str, Any]]]:
    """The same for a server's admin."""
    account = root.do("create_account", name=unique("acc"))["id"]
    return {"show_account": (f"/accounts/{account}", {"name": unique("a")}, {"name": unique("b")})}


def is_within(part: Any, whole: Any) -> bool:
    """Whether all that is said stands in what is told."""
    if isinstance(part, dict):
        return all(is_within(value, whole.get(name)) for name, value in part.items())
    if isinstance(part, list):
        return len(part) == len(whole) and all(map(is_within, part, whole))
    return bool(part == whole)


def refuses_other_editions(v1: Api, name: str, path: str, first: dict[str, Any], second: dict[str, Any]) -> None:
    seen = edit(v1, "GET", path)
    tag = seen.headers["etag"]
    assert edit(v1, "GET", path, If_None_Match=f'"x", W/{tag}').status_code == 304, name
    got = edit(v1, "PATCH", path, first, If_Match=f'"other", {tag}')
    assert got.status_code == 200 and got.headers["etag"] != tag, name
    assert code(edit(v1, "PATCH", path, second, If_Match=tag)) == (412, "precondition-failed"), name
    assert code(edit(v1, "PATCH", path, second, If_Match="W/" + got.headers["etag"]))[0] == 412, "a weak one is none"
    fresh = edit(v1, "GET", path, If_None_Match=tag)
    assert fresh.status_code == 200 and is_within(first, fresh.json()), name
    assert edit(v1, "PATCH", path, second, If_Match=got.headers["etag"]).status_code == 200, name
    assert edit(v1, "PATCH", path, first, If_Match="*").status_code == 200, name
    assert code(edit(v1, "PATCH", path, first, If_Match="no tag")) == (400, "invalid-value")


def test_who_saw_another_edition_changes_nothing(workers: Server, v1: Api) -> None:
    """Each thing that can be edited, as the table of operations has it."""
    told = {name for name, (_, _, row) in v1.operations.items() if "304" in row["responses"]}
    root_key = ("key", "create", "--account", "once", "--dialect", "upwell", "--role", "admin", "--server-admin")
    root = Api(address=workers.http, token=json.loads(workers.run(*root_key, "--json"))["secret"])
    things, accounts = edited(v1), edited_accounts(root)
    assert told - {"show_key"} == {*things, *accounts}
    for name, (path, first, second) in things.items():
        refuses_other_editions(v1, name, path, first, second)
    for name, (path, first, second) in accounts.items():
        refuses_other_editions(root, name, path, first, second)
    group = things["show_group"][0]
    assert code(edit(v1, "DELETE", group, If_Match='"0"'))[0] == 412
    assert edit(v1, "DELETE", group, If_Match=edit(v1, "GET", group).headers["etag"]).status_code == 204
    assert code(edit(v1, "DELETE", group, If_Match='"0"'))[0] == 404


def test_a_key_is_revoked_as_it_was_seen(workers: Server, v1: Api) -> None:
    made = v1.do("create_key", role="viewer")
    path = f"/keys/{made['id']}"
    tag = edit(v1, "GET", path).headers["etag"]
    assert edit(v1, "GET", path).json() == {key: value for key, value in made.items() if key != "secret"}
    v1.do("revoke_key", key_id=made["id"])
    assert code(edit(v1, "DELETE", path, If_Match=tag))[0] == 412
    assert edit(v1, "GET", path).json()["revoked_at"]
    assert code(edit(api(workers, "others"), "GET", path))[0] == 404


def test_what_moves_by_itself_is_no_edit(v1: Api) -> None:
    product = v1.do("create_product", name=unique("lamp"))["id"]
    path = f"/products/{product}"
    tag = edit(v1, "GET", path).headers["etag"]
    v1.do("create_device", product_id=product)
    assert edit(v1, "GET", path, If_None_Match=tag).status_code == 200, "it shows another count"
    assert edit(v1, "PATCH", path, {"name": unique("lamp")}, If_Match=tag).status_code == 200


def test_of_two_writers_in_two_processes_the_second_is_refused(v1: Api) -> None:
    product = v1.do("create_product", name=unique("lamp"))["id"]
    path, names = f"/products/{product}", [unique("lamp") for _ in range(CALLERS)]
    tag, start = edit(v1, "GET", path).headers["etag"], threading.Barrier(CALLERS)

    def write(name: str) -> int:
        start.wait()
        return edit(v1, "PATCH", path, {"name": name}, If_Match=tag).status_code

    with ThreadPoolExecutor(CALLERS) as pool:
        came = dict(zip(names, pool.map(write, names), strict=True))
    assert sorted(came.values()) == [200] + [412] * (CALLERS - 1)
    assert came[v1.do("show_product", product_id=product)["name"]] == 200
