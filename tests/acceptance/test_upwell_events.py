"""Events by `/v1`: as pages and as a stream, across a restart of the server; the account's own alone."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.prove.rollout import Process

from acceptance.client import Server, unique, until
from acceptance.device import Device
from acceptance.upwell_client import Api, api

STREAM = {"Accept": "text/event-stream"}


@pytest.fixture(scope="module")
def v1(server: Server) -> Api:
    return api(server, "v1-events")


class Stream:
    """A client of server-sent events, by the words of the standard; what it has read."""

    def __init__(self, got: httpx.Response) -> None:
        self.got = got
        self.last_id, self.retry_ms, self.heartbeats = "", 0, 0
        self._lines = got.iter_lines()

    def begin(self) -> None:
        """Returns when it has begun."""
        assert next(self._lines).startswith("retry: ")

    def next(self) -> tuple[str, Any]:
        """The next event's name and data; empty when the stream ends."""
        name, data = "message", ""
        for line in self._lines:
            field, _, value = line.partition(": ")
            if line == "" and data:
                return name, json.loads(data)
            if field == "id":
                self.last_id = value
            elif field == "event":
                name = value
            elif field == "data":
                data += value
            elif field == "retry":
                self.retry_ms = int(value)
            elif line.startswith(":"):
                self.heartbeats += 1
        return "", None


@contextmanager
def stream(v1: Api, query: str = "", **headers: str) -> Iterator[Stream]:
    sent = {"Authorization": f"Bearer {v1.token}", **STREAM, **headers}
    with httpx.stream("GET", f"http://{v1.address}/v1/events{query}", headers=sent, timeout=30) as got:
        yield Stream(got)


def everything(v1: Api, **which: Any) -> list[dict[str, Any]]:
    """All events, page by page, once those that are made are placed."""
    found, after = list[dict[str, Any]](), {}
    while True:
        page = v1.do("list_events", **which, **after)
        found, after = found + page["items"], {"after": page["next_after"]}
        if page["is_last"]:
            return found


def until_told(v1: Api, kind: str, count: int = 1, **which: Any) -> list[dict[str, Any]]:
    return until(lambda: [e for e in everything(v1, **which) if e["type"] == kind], lambda found: len(found) >= count)


def a_rollout(v1: Api, product: str, device: str) -> str:
    given = {"name": unique("fw"), "version": "2.0", "product_id": product, "verify": False}
    package = v1.do("create_package", upload_url=v1.upload(b"image"), **given)["id"]
    targets = {"device_names": [device]}
    return str(v1.do("create_rollout", kind="static", package_id=package, product_id=product, targets=targets)["id"])


def test_what_a_device_does_is_told_once_its_account_wants_it(server: Server, v1: Api) -> None:
    assert v1.do("show_event_settings") == {
        "devices": False, "presence": False, "keep_days": 30, "keep_most": 1_000_000,
    }  # fmt: skip
    assert v1.do("update_event_settings", devices=True, presence=True)["devices"]
    product = v1.do("create_product", name=unique("lamp"))["id"]
    made = v1.do("create_device", product_id=product, name="one")
    rollout = a_rollout(v1, product, "one")
    lamp = Device(server.mqtt, product, "one", made["secret"])
    until_told(v1, "upwell.task.offered")
    lamp.progress(20)
    until_told(v1, "upwell.task.progressed")
    lamp.inform("2.0")
    [end] = until_told(v1, "upwell.task.ended")
    assert end["subject"] == f"devices/{made['id']}" and end["source"].startswith("urn:upwell:")
    assert end["id"] == f"evt_{int(end['sequence']):016x}" and end["specversion"] == "1.0"
    told = {name: end["data"][name] for name in ("device_id", "product_id", "rollout_id", "state", "to_version")}
    assert told == {"device_id": made["id"], "product_id": product, "rollout_id": rollout, "state": "succeeded",
                    "to_version": "2.0"}  # fmt: skip
    assert end["data"]["task_id"] in [each["id"] for each in v1.every("list_rollout_tasks", rollout_id=rollout)]
    lamp.close()
    until_told(v1, "upwell.device.offline")
    [ended] = until_told(v1, "upwell.rollout.ended")
    assert (ended["subject"], ended["data"]["tasks"]) == (f"rollouts/{rollout}", {"succeeded": 1})
    of_device = [each["type"] for each in everything(v1) if each.get("subject") == f"devices/{made['id']}"]
    assert of_device[0] == "upwell.device.first_seen" and of_device[-1] == "upwell.device.offline"
    of_rollout = {each["type"] for each in everything(v1, rollout_id=rollout)}
    assert {"upwell.rollout.started", "upwell.task.offered", "upwell.rollout.ended"} <= of_rollout
    assert everything(v1, product_id=product, type="upwell.task.ended") == [end]
    v1.do("update_event_settings", devices=False, presence=False)


def test_pages_go_on_from_any_event_and_no_other_account_is_seen(server: Server, v1: Api) -> None:
    whole = everything(v1)
    assert [each["id"] for each in whole] == sorted(each["id"] for each in whole)
    assert everything(v1, limit=1) == whole
    assert v1.do("list_events", after=whole[0]["id"], limit=2)["items"] == whole[1:3]
    other = api(server, "v1-events-other")
    [mine] = until(lambda: everything(other), bool)
    assert (mine["type"], mine["subject"]) == ("upwell.key.made", f"keys/{other.token.rpartition('_')[0]}")
    assert mine["source"] != whole[0]["source"]
    assert other.refused("list_events", rollout_id="ro_0000000000000001").code == "not-found"
    assert v1.refused("list_events", type="upwell.no.such").error["parameter"] == "type"
    assert v1.refused("list_events", after="evt_7fffffffffffffff").status == 410
    assert api(server, "v1-events", "viewer").do("list_events", limit=1)["items"]
    assert api(server, "v1-events", "viewer").refused("update_event_settings", devices=True).status == 403


def test_a_stream_tells_what_happens_and_goes_on_where_it_was(server: Server) -> None:
    v1 = api(server, unique("streamed"))  # of others' keys the events may come only now
    until_told(v1, "upwell.key.made")  # that of its own key is placed
    with stream(v1) as live:
        assert live.got.headers["content-type"].startswith("text/event-stream")
        made = v1.do("create_key", role="viewer")["id"]
        name, event = live.next()
        assert (name, event["type"], event["data"]["key_id"]) == ("message", "upwell.key.made", made)
        assert live.last_id == event["id"] and live.retry_ms > 0
    v1.do("revoke_key", key_id=made)
    with stream(v1, **{"Last-Event-ID": live.last_id}) as again:
        assert again.next()[1]["type"] == "upwell.key.revoked"
    with stream(v1, f"?after={live.last_id}&type=upwell.key.revoked") as again:
        assert again.next()[1]["data"]["key_id"] == made
    with stream(v1, **{"Last-Event-ID": "evt_7fffffffffffffff"}) as lost:
        name, told = lost.next()
        assert (name, told) == ("reset", {"begins_after": lost.last_id})
        assert lost.next()[1]["id"] == everything(v1)[0]["id"]


def test_what_can_not_become_a_stream_is_refused_as_the_list_is(v1: Api) -> None:
    for query, headers, status in (
        ("?type=no", {}, 400), ("?limt=1", {}, 400), ("", {"Last-Event-ID": "7"}, 400),
        ("", {"Authorization": "Bearer no"}, 401),
        ("?rollout_id=ro_0000000000000001", {}, 404),
    ):  # fmt: skip
        with stream(v1, query, **headers) as got:
            assert got.got.status_code == status
            assert got.got.headers["content-type"] == "application/problem+json"


def test_an_account_has_so_many_streams_and_the_next_is_told_to_come_back(server: Server) -> None:
    v1 = api(server, "v1-events-many")
    with ExitStack() as held:
        kept = [held.enter_context(stream(v1)) for _ in range(10)]  # what nobody has any more is closed
        for each in kept:
            each.begin()
        with stream(v1) as full:
            assert full.next() == ("", None)
        assert full.got.status_code == 200 and full.retry_ms >= 10_000


def test_a_client_comes_back_after_a_kill_and_misses_nothing() -> None:
    """kill -9 while a stream is open; what was answered before and after it is told, once each."""
    server = Process()
    server.start()
    try:
        token = new_token(server)
        v1 = Api(address=f"127.0.0.1:{server.http}", token=token)
        with stream(v1) as live:
            made = [v1.do("create_key", role="viewer")["id"]]
            first = live.next()[1]["data"]["key_id"]
            if token.startswith(first):  # of the token itself, which was told of when the stream was open already
                first = live.next()[1]["data"]["key_id"]
            assert first == made[0]
            made += [v1.do("create_key", role="viewer")["id"] for _ in range(5)]
            server.kill()
        server.start()
        made += [v1.do("create_key", role="viewer")["id"] for _ in range(2)]
        with stream(v1, **{"Last-Event-ID": live.last_id}) as again:
            assert [again.next()[1]["data"]["key_id"] for _ in range(7)] == made[1:]
    finally:
        server.stop()


def new_token(server: Process) -> str:
    """Of an admin of the server's default account."""
    upwell = str(Path(sys.executable).with_name("upwell"))
    options = ["--dialect", "upwell", "--role", "admin", "--data-dir", str(server.dir / "data"), "--json"]
    told = subprocess.run([upwell, "key", "create", *options], capture_output=True, check=True, text=True).stdout
    return str(json.loads(told)["secret"])
