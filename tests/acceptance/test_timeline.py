"""One device's day, seen by its owner: it logs in, is refused, is offered, downloads with a cut and a resume, says what
nobody can read, and fails; its timeline tells all of it in order, and its rollout why."""

import asyncio
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.mqttwire import WireClient

from acceptance.client import Server, unique, until
from acceptance.device import Device, online
from acceptance.upwell_client import Api, api

IMAGE = bytes(range(256)) * 40_000  # more than the kernels keep between two sockets
CUT_AT = 200_000
Lines = list[dict[str, Any]]


@pytest.fixture(scope="module")
def v1(server: Server) -> Api:
    return api(server, "v1-timeline")


def timeline(v1: Api, device: str, **which: Any) -> Lines:
    """From the oldest on."""
    return v1.every("list_device_timeline", device_id=device, limit=3, **which)[::-1]


def a_device(v1: Api, product: str) -> dict[str, Any]:
    return dict(v1.do("create_device", product_id=product, name=unique("d")))


def refused(server: Server, product: str, name: str) -> None:
    """A login with a secret that is not the device's."""

    async def knock() -> int:
        host, _, port = server.mqtt.rpartition(":")
        client = await WireClient.open(host, int(port))
        code = await client.login("x|signmethod=hmacsha256|", f"{name}&{product}", b"0" * 64)
        await client.close()
        return code

    assert asyncio.run(knock()) == 4


def fetched(url: str, start: int, at_most: int | None = None) -> bytes:
    """The file from a byte on; with `at_most` the connection is reset after so many bytes."""
    parts, got = urlsplit(url), b""
    with socket.create_connection((parts.hostname or "", parts.port or 80), 30) as link:
        given = f"GET {parts.path} HTTP/1.1\r\nHost: x\r\nRange: bytes={start}-\r\nConnection: close\r\n\r\n"
        link.sendall(given.encode())
        while (at_most is None or len(got) < at_most) and (some := link.recv(65_536)):
            got += some
        if at_most is not None:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    return got.partition(b"\r\n\r\n")[2]


def test_a_devices_day_is_told_in_order(server: Server, v1: Api) -> None:
    product = v1.do("create_product", name=unique("lamp"))["id"]
    made = a_device(v1, product)
    device_id = made["id"]
    refused(server, product, made["name"])
    device = Device(server.mqtt, product, made["name"], made["secret"])
    device.inform("1.0")
    package = v1.do("create_package", name=unique("fw"), version="2.0", product_id=product, verify=False,
                    upload_url=v1.upload(IMAGE))["id"]  # fmt: skip
    rollout = v1.do("create_rollout", kind="static", package_id=package, product_id=product, targets={"all": True})[
        "id"
    ]
    url = device.offered()["url"]
    until(lambda: v1.do("show_rollout", rollout_id=rollout), lambda shown: shown["tasks"]["notified"] == 1)
    assert len(fetched(url, 0, CUT_AT)) >= CUT_AT - 1000
    until(lambda: timeline(v1, device_id, kind="download"), bool)
    device.progress(10)
    assert fetched(url, CUT_AT) == IMAGE[CUT_AT:]
    until(lambda: timeline(v1, device_id, kind="download"), lambda found: len(found) == 2)
    device.send(f"/ota/device/progress/{product}/{made['name']}", b"{not json")
    until(lambda: timeline(v1, device_id, kind="unreadable"), bool)
    device.progress(-3)
    v1.do("update_device", device_id=device_id, nickname="the broken one")
    found = until(lambda: timeline(v1, device_id), lambda lines: len(lines) >= 15)
    device.close()
    story = [(each["kind"], each["what"]) for each in found]
    assert story == [
        ("act", "made"), ("refused", "login"), ("login", "connected"), ("report", "version"), ("task", "created"),
        ("offer", "offered"), ("task", "delivered"), ("download", "cut"), ("report", "progress"),
        ("task", "progressed"), ("download", "done"), ("unreadable", "message"), ("report", "failure"),
        ("task", "broke"), ("act", "changed"),
    ], found  # fmt: skip
    by = {story[place]: each for place, each in enumerate(found)}
    assert by["refused", "login"]["reason"] == "wrong password" and by["refused", "login"]["address"] == "127.0.0.1"
    assert by["login", "connected"]["detail"] == "alibaba" and by["report", "version"]["to"] == "1.0"
    offer = by["offer", "offered"]
    assert (offer["rollout_id"], offer["package_id"], offer["from"], offer["to"]) == (rollout, package, "1.0", "2.0")
    cut, rest = by["download", "cut"], by["download", "done"]
    assert CUT_AT - 1000 <= cut["bytes"] < len(IMAGE) and "resumed" not in cut and cut["rollout_id"] == rollout
    assert (rest["bytes"], rest["resumed"], rest["address"]) == (len(IMAGE) - CUT_AT, 1, "127.0.0.1")
    assert rest["detail"] == f"to byte {len(IMAGE)} of {len(IMAGE)}"
    assert f"/ota/device/progress/{product}" in by["unreadable", "message"]["detail"]
    failed = by["task", "broke"]
    assert (failed["from"], failed["to"], failed["reason"]) == ("in_progress", "failed", "verification_failed")
    assert by["act", "changed"]["who"] == v1.token.rpartition("_")[0]
    [why] = v1.do("list_rollout_failures", rollout_id=rollout)["items"]
    assert [each.pop("device_id") for each in why["examples"]] == [device_id] and why["examples"][0].pop("at")
    assert why.pop("id").startswith("fail_") and why == {
        "reason": "verification_failed", "module": "default", "source_version": "1.0", "vendor": "alibaba", "count": 1,
        "examples": [{"description": "verification of the download failed"}],
    }  # fmt: skip
    assert timeline(v1, device_id, since=found[-4]["at"]) == found[-4:]
    assert timeline(v1, device_id, until=found[-4]["at"]) == found[:-4]
    assert timeline(v1, device_id, kind="act", since=found[-4]["at"]) == found[-1:]
    text = str(found)
    assert url not in text and urlsplit(url).path.split("/")[2] not in text and made["secret"] not in text


def test_who_cannot_come_in_and_who_was_heard(server: Server, v1: Api) -> None:
    product = v1.do("create_product", name=unique("lamp"))["id"]
    made = a_device(v1, product)
    assert "last_heard_at" not in v1.do("show_device", device_id=made["id"])
    nobody, stranger = unique("nobody"), api(server, "v1-timeline-third")
    for _ in range(3):
        refused(server, product, nobody)
    refused(server, product, made["name"])
    refused(server, "no-product", nobody)

    def tried() -> Lines:
        return [each for each in v1.every("list_refused_logins") if each["name"] in (nobody, made["name"])]

    found = until(tried, lambda found: sum(each["times"] for each in found) == 4)
    shown = {each["name"]: (each["times"], each["reason"], each["product_id"], each["address"]) for each in found}
    assert shown == {
        nobody: (3, "unknown device", product, "127.0.0.1"),
        made["name"]: (1, "wrong password", product, "127.0.0.1"),
    }
    assert {each["vendor"] for each in found} == {"alibaba"} and stranger.every("list_refused_logins") == []
    assert v1.every("list_refused_logins", name=nobody, limit=1) == [each for each in found if each["name"] == nobody]
    assert v1.every("list_refused_logins", address="10.0.0.1") == []
    with online(server.mqtt, product, made["name"], made["secret"], "1.0"):
        assert v1.do("show_device", device_id=made["id"])["last_heard_at"]
        history = until(lambda: v1.every("list_version_history", product_id=product), bool, 90)  # folded
    assert [each["versions"] for each in history] == [[{"version": "1.0", "devices": 1}]]
    assert v1.do("list_version_history", product_id=product, module="mcu") == {"items": []}
    assert v1.refused("list_version_history").error["parameter"] == "product_id"
    assert stranger.refused("list_version_history", product_id=product).status == 404


def test_a_timeline_is_its_owners(server: Server, v1: Api) -> None:
    product = v1.do("create_product", name=unique("lamp"))["id"]
    device_id = a_device(v1, product)["id"]
    stranger, viewer = api(server, "v1-timeline-other"), api(server, "v1-timeline", "viewer")
    assert stranger.refused("list_device_timeline", device_id=device_id).status == 404
    assert [each["what"] for each in timeline(viewer, device_id)] == ["made"]
    assert v1.refused("list_device_timeline", device_id=device_id, kind="logins").error["parameter"] == "kind"
    assert v1.refused("list_device_timeline", device_id=device_id, since="today").error["parameter"] == "since"
    cursor = v1.do("list_device_timeline", device_id=device_id, limit=1)["next_cursor"]
    assert v1.do("list_device_timeline", device_id=device_id, limit=1, cursor=cursor) == {"items": []}
    assert (
        v1.refused("list_device_timeline", device_id=device_id, kind="act", cursor=cursor).error["parameter"]
        == "cursor"
    )
