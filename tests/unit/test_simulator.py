"""The simulated fleet: its scripts replay, its bytes are the specification's, its devices do what their scripts say.

The server here is written in the test, from bytes, so that it shares nothing with the simulator or the real door.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from dataclasses import replace
from typing import Any

import pytest
import uvloop

from upwell.simulator import device as device_module
from upwell.simulator import wire
from upwell.simulator.device import Device
from upwell.simulator.fleet import Fleet, simulate
from upwell.simulator.script import DeviceScript, Rates, plan
from upwell.simulator.site import Gate, Site
from upwell.simulator.speech import SPEECHES
from upwell.simulator.wire import DeviceIdentity

IMAGE = bytes(range(256)) * 4096  # 1 MiB
ALIBABA = SPEECHES["alibaba"]
DEVICE = DeviceIdentity("a1pk", "dev1", "secret", "1.0.0")
PASSWORD = "289FD61F7D62B57592AC14E13F17BA6362461289EDDB73815304B6FA19072875"  # alibaba 6.1, test vectors
CLIENT_ID = "a1pk.dev1|timestamp=2524608000000,_ss=1,_v=sdk-c-4.1.0,securemode=3,signmethod=hmacsha256,ext=3,|"
QUICK = Rates(delay_s=0.02, late_s=0.05)
SUCCESS = replace(plan("quick", 0, QUICK), progress=((30, 30), (60, 60)))


@pytest.fixture(autouse=True)
def _short_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_module, "BACKOFF_FIRST_S", 0.02)
    monkeypatch.setattr(device_module, "BACKOFF_MAX_S", 0.1)


# The script


def test_plan_is_a_function_of_its_arguments() -> None:
    rates = Rates(drop_mid_download=0.5, fail_burn=0.3, silent=0.2, late=0.3, repeat=0.3, reorder=0.4)
    assert [plan(7, n, rates) for n in range(200)] == [plan(7, n, rates) for n in range(200)]
    assert [plan(7, n, rates) for n in range(200)] != [plan(8, n, rates) for n in range(200)]


def test_changing_one_rate_leaves_the_other_choices_alone() -> None:
    before, after = Rates(drop_mid_download=0.5), Rates(drop_mid_download=0.5, silent=1.0, mute=1.0, repeat=1.0)
    for n in range(100):
        assert replace(plan(1, n, after), silent=False, mute=False, copies=1) == plan(1, n, before)


def test_rates_are_respected() -> None:
    names = {"fail_upgrade": -1, "fail_download": -2, "fail_verify": -3, "fail_burn": -4}
    rates = Rates(0.3, 0.05, 0.1, 0.15, 0.2, silent=0.25, mute=0.15, late=0.4, repeat=0.35, reorder=0.45)
    scripts = [plan("statistics", n, rates) for n in range(10_000)]
    shares = {
        **{name: sum(s.step == step for s in scripts) for name, step in names.items()},
        "drop_mid_download": sum(s.drop_fraction is not None for s in scripts),
        "silent": sum(s.silent for s in scripts),
        "mute": sum(s.mute for s in scripts),
        "late": sum(s.late for s in scripts),
        "repeat": sum(s.copies == 2 for s in scripts),
        "reorder": sum(s.stale_percent is not None for s in scripts),
    }
    for name, count in shares.items():
        assert count / 10_000 == pytest.approx(getattr(rates, name), abs=0.02), name
    assert {s.expected for s in scripts if s.mute} == {None}
    assert {s.expected for s in scripts if s.step and not s.mute} == {"FAILED"}
    assert {s.expected for s in scripts if not s.step and not s.mute} == {"SUCCEEDED"}


def test_the_calm_fleet_only_succeeds() -> None:
    for n in range(500):
        script = plan(0, n, Rates())
        assert (script.expected, script.drop_fraction, script.silent, script.copies) == ("SUCCEEDED", None, False, 1)
        assert all(at == said for at, said in script.progress)


@pytest.mark.parametrize("bad", [{"silent": 1.1}, {"late": -0.1}, {"fail_burn": 0.6, "fail_verify": 0.6}])
def test_impossible_rates_are_refused_by_name(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        Rates(**bad)


# The bytes; those on the right are written by hand from the MQTT 3.1.1 specification


def test_mqtt_packets_up() -> None:
    assert wire.connect("c", "u", "pw", 300) == (b"\x10\x14\x00\x04MQTT\x04\xc2\x01\x2c\x00\x01c\x00\x01u\x00\x02pw")
    assert wire.publish("a/b", b"hi", 10) == b"\x32\x09\x00\x03a/b\x00\x0ahi"
    assert wire.puback(0x1234) == b"\x40\x02\x12\x34"
    assert wire.PINGREQ == b"\xc0\x00"
    assert wire.DISCONNECT == b"\xe0\x00"


@pytest.mark.parametrize(
    ("value", "raw"),
    [
        (0, b"\x00"),
        (127, b"\x7f"),
        (128, b"\x80\x01"),
        (16383, b"\xff\x7f"),
        (16384, b"\x80\x80\x01"),
        (2097151, b"\xff\xff\x7f"),
        (2097152, b"\x80\x80\x80\x01"),
        (268435455, b"\xff\xff\xff\x7f"),
    ],
)
def test_remaining_length_table_2_4(value: int, raw: bytes) -> None:
    assert wire.remaining_length(value) == raw


DOWN = (
    (b"\x20\x02\x00\x00", wire.Connack(0)),
    (b"\x20\x02\x01\x00", wire.Connack(0)),
    (b"\x20\x02\x00\x04", wire.Connack(4)),
    (b"\x30\x05\x00\x03a/b", wire.Publish("a/b", b"", 0, 0)),
    (b"\x32\x09\x00\x03a/b\x00\x0ahi", wire.Publish("a/b", b"hi", 1, 10)),
    (b"\x3a\x09\x00\x03a/b\x00\x0ahi", wire.Publish("a/b", b"hi", 1, 10)),
    (b"\x32\xcf\x01\x00\x03a/b\x00\x0a" + b"x" * 200, wire.Publish("a/b", b"x" * 200, 1, 10)),
    (b"\x40\x02\x12\x34", wire.Puback(0x1234)),
    (b"\xd0\x00", wire.Pingresp()),
)


def test_mqtt_packets_down_in_any_slices() -> None:
    stream = b"".join(raw for raw, _ in DOWN)
    expected = [packet for _, packet in DOWN]
    assert wire.PacketReader().feed(stream) == expected
    for size in (1, 2, 3, 7):
        reader, got = wire.PacketReader(), []
        for at in range(0, len(stream), size):
            got += reader.feed(stream[at : at + size])
        assert got == expected


@pytest.mark.parametrize(
    "raw",
    [
        b"\x20\x03\x00\x00\x00",
        b"\x20\x02\x02\x00",
        b"\x10\x00",
        b"\x42\x02\x00\x01",
        b"\x34\x05\x00\x03a/b",
        b"\x32\x05\x00\x03a/b",
        b"\x32\x07\x00\x03a/b\x00\x00",
        b"\x30\x03\x00\x01\xff",
        b"\x30\x00",
        b"\x30\xff\xff\xff\xff\x01",
        b"\x30\x80\x80\x80\x01",
    ],
)
def test_malformed_packets_are_refused(raw: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.PacketReader().feed(raw)


def test_login_is_the_references_vector() -> None:
    assert ALIBABA.login(DEVICE) == (CLIENT_ID, "dev1&a1pk", PASSWORD)


def test_download_request_bytes() -> None:
    assert wire.split_url("http://127.0.0.1:8687/o/x?k=1") == ("127.0.0.1", 8687, "/o/x?k=1")
    assert wire.get_request("127.0.0.1", 8687, "/o/x?k=1", 5) == (
        b"GET /o/x?k=1 HTTP/1.1\r\nHost: 127.0.0.1:8687\r\nRange: bytes=5-\r\n\r\n"
    )


def test_download_heads() -> None:
    good = b"HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\nContent-Range: bytes 5-9/10\r\n\r\n"
    assert wire.parse_head(good, 5) == wire.Head(206, 5, 5)
    assert wire.parse_head(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", 5) == wire.Head(200, 0, 10)
    with pytest.raises(wire.RefusedError) as refused:
        wire.parse_head(b"HTTP/1.1 403 Forbidden\r\n\r\n", 0)
    assert refused.value.status == 403


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.0 200 OK\r\nContent-Length: 10\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length:10\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\ncontent-encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nX: " + b"y" * 128 + b"\r\n\r\n",
        b"HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\nContent-Range: bytes 4-8/10\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n",
    ],
)
def test_heads_that_real_devices_cannot_read_are_refused(raw: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.parse_head(raw, 5)


def push(**changes: Any) -> dict[str, Any]:
    md5 = hashlib.md5(IMAGE).hexdigest()
    url = "http://127.0.0.1:1/i?k=1"
    data = {"size": len(IMAGE), "version": "2.0.0", "url": url, "md5": md5, "sign": md5, "signMethod": "Md5"}
    top: dict[str, Any] = {name: changes.pop(name) for name in ("code", "message") if name in changes}
    return {"code": "1000", "data": {**data, **changes}, "id": 1, "message": "success", **top}


@pytest.mark.parametrize(
    "changes",
    [
        {"code": 1000},
        {"message": "ok"},
        {"size": "5"},
        {"size": True},
        {"signMethod": "MD5"},
        {"md5": None},
        {"url": 5},
    ],
)
def test_pushes_that_real_devices_drop_are_refused(changes: dict[str, Any]) -> None:
    assert ALIBABA.offer(DEVICE, json.dumps(push()).encode()).size == len(IMAGE)
    with pytest.raises(wire.WireError):
        ALIBABA.offer(DEVICE, json.dumps(push(**changes)).encode())


@pytest.mark.parametrize("payload", [b"", b"\xff", b"[]", b"null", b'{"data":[]}', b"{}"])
def test_pushes_that_are_no_pushes_are_refused(payload: bytes) -> None:
    with pytest.raises(wire.WireError):
        ALIBABA.offer(DEVICE, payload)


# A device against a scripted server


class Server:
    """Speaks raw bytes. Offers on each version report that is not 2.0.0; can be deaf, cut and refuse."""

    def __init__(self) -> None:
        self.logins: list[bytes] = []
        self.reports: list[tuple[str, dict[str, Any]]] = []
        self.pubacks: list[int] = []
        self.ranges: list[int] = []
        self.other: list[int] = []
        self.deaf_to = -1
        self.cut_after: list[int] = []
        self.refusals: list[int] = []
        self.changes: dict[str, Any] = {}
        self.offers_each = 1
        self.mute_logins = 0
        self._connections: set[asyncio.StreamWriter] = set()

    async def start(self) -> Server:
        self._mqtt = await asyncio.start_server(self._serve_mqtt, "127.0.0.1", 0)
        self._http = await asyncio.start_server(self._serve_http, "127.0.0.1", 0)
        self.port = int(self._mqtt.sockets[0].getsockname()[1])
        self.url = f"http://127.0.0.1:{self._http.sockets[0].getsockname()[1]}/i?k=1"
        return self

    async def stop(self) -> None:
        self._mqtt.close()
        self._http.close()
        for writer in self._connections:
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _serve_mqtt(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            while True:
                first, length, shift = (await reader.readexactly(1))[0], 0, 0
                while (byte := (await reader.readexactly(1))[0]) >= 0x80:
                    length, shift = length | (byte & 0x7F) << shift, shift + 7
                body = await reader.readexactly(length | byte << shift)
                self._answer(first, body, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _answer(self, first: int, body: bytes, writer: asyncio.StreamWriter) -> None:
        if first == 0x10:
            self.logins.append(body)
            writer.write(b"\x20\x02\x00\x00")
        elif len(self.logins) <= self.mute_logins:
            self.other.append(first)
        elif first == 0xC0:
            self.other.append(first)
            writer.write(b"\xd0\x00")
        elif first == 0x40:
            self.pubacks.append(int.from_bytes(body, "big"))
        elif first == 0x32:
            end = 2 + int.from_bytes(body[:2], "big")
            topic, payload = body[2:end].decode(), json.loads(body[end + 2 :])
            self.reports.append((topic, payload["params"]))
            if len(self.reports) == self.deaf_to:
                writer.transport.abort()
                return
            writer.write(b"\x40\x02" + body[end : end + 2])
            if payload["params"].get("version", "2.0.0") != "2.0.0":
                self._offer(topic, writer)
        else:
            self.other.append(first)

    def _offer(self, topic: str, writer: asyncio.StreamWriter) -> None:
        down = topic.replace("/inform/", "/upgrade/").encode()
        payload = json.dumps(push(url=self.url, **self.changes), separators=(",", ":")).encode()
        for n in range(self.offers_each):
            body = len(down).to_bytes(2, "big") + down + (77 + n).to_bytes(2, "big") + payload
            assert 128 <= len(body) < 16384
            writer.write(b"\x32" + bytes((len(body) % 128 | 0x80, len(body) // 128)) + body)

    async def _serve_http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        found = re.fullmatch(r"GET /i\?k=1 HTTP/1.1\r\nHost: [^\r]+\r\nRange: bytes=(\d+)-\r\n\r\n", request)
        assert found, request
        start = int(found[1])
        self.ranges.append(start)
        if self.refusals:
            writer.write(f"HTTP/1.1 {self.refusals.pop(0)} No\r\nContent-Length: 0\r\n\r\n".encode())
        else:
            writer.write(
                f"HTTP/1.1 206 Partial Content\r\nContent-Length: {len(IMAGE) - start}\r\n"
                f"Content-Range: bytes {start}-{len(IMAGE) - 1}/{len(IMAGE)}\r\n\r\n".encode()
            )
            writer.write(IMAGE[start : start + self.cut_after.pop(0)] if self.cut_after else IMAGE[start:])
        try:
            await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()

    def said(self, kind: str) -> list[str]:
        key = "version" if kind == "inform" else "step"
        return [str(p[key]) for topic, p in self.reports if topic == f"/ota/device/{kind}/a1pk/dev1"]


async def upgrade(server: Server, script: DeviceScript = SUCCESS) -> Device:
    """One device's whole life against `server`, until its outcome is acknowledged."""
    device = Device(DEVICE, script, Site("127.0.0.1", server.port, Gate(1000), asyncio.Semaphore(1)))
    running = asyncio.create_task(device.run())
    try:
        async with asyncio.timeout(10):
            while device.outcome is None and not running.done():
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await server.stop()
    assert running.cancelled()
    return device


def run(script: DeviceScript = SUCCESS, **settings: Any) -> tuple[Server, Device]:
    async def play() -> tuple[Server, Device]:
        server = await Server().start()
        for name, value in settings.items():
            setattr(server, name, value)
        return server, await upgrade(server, script)

    return asyncio.run(play())


def test_a_device_is_offered_downloads_reboots_and_tells() -> None:
    server, device = run()
    lengths = [len(t).to_bytes(2, "big") + t.encode() for t in (CLIENT_ID, "dev1&a1pk", PASSWORD)]
    assert server.logins == [b"\x00\x04MQTT\x04\xc2\x01\x2c" + b"".join(lengths)] * 2
    assert server.said("inform") == ["1.0.0", "2.0.0"]
    assert server.said("progress") == ["0", "30", "60", "100"]
    assert (server.pubacks, server.ranges, server.other) == ([77], [0], [0xE0])
    assert (device.outcome, device.version, device.problems, device.as_scripted) == ("SUCCEEDED", "2.0.0", [], True)
    assert [r.value for r in device.acknowledged] == ["1.0.0", "0", "30", "60", "100", "2.0.0"]
    assert [(version, url) for _, version, url in device.offers] == [("2.0.0", server.url)]


def test_it_runs_on_uvloop_too() -> None:
    async def play() -> Device:
        return await upgrade(await Server().start())

    assert uvloop.run(play()).outcome == "SUCCEEDED"


def test_a_dropped_download_is_resumed_by_range() -> None:
    server, device = run(replace(SUCCESS, drop_fraction=0.5))
    assert server.ranges == [0, len(IMAGE) // 2]
    assert list(dict.fromkeys(server.said("progress"))) == ["0", "30", "60", "100"]  # Some twice: no PUBACK came.
    assert [r.value for r in device.acknowledged if r.kind == "progress"] == ["0", "30", "60", "100"]
    assert server.said("inform") == ["1.0.0", "1.0.0", "2.0.0"]
    assert (device.outcome, len(device.offers), device.problems) == ("SUCCEEDED", 2, [])


def test_a_download_cut_by_the_server_is_resumed_by_range() -> None:
    server, device = run(cut_after=[1000, 70_000], refusals=[503, 403])
    assert server.ranges == [0, 0, 0, 1000, 71_000]
    assert (device.outcome, device.problems) == ("SUCCEEDED", [])


def test_a_report_without_puback_is_sent_again() -> None:
    server, device = run(deaf_to=3)
    assert server.said("progress").count("30") == 2
    assert device.outcome == "SUCCEEDED"
    assert sorted({r.value for r in device.acknowledged}) == ["0", "1.0.0", "100", "2.0.0", "30", "60"]
    assert device.unacknowledged == 0


@pytest.mark.parametrize(
    ("step", "reported"),
    [
        (-1, ["0", "30", "60", "100", "-1"]),
        (-2, ["0", "30", "60", "-2"]),
        (-3, ["0", "30", "60", "-3"]),
        (-4, ["0", "30", "60", "100", "-4"]),
    ],
)
def test_scripted_failures(step: int, reported: list[str]) -> None:
    server, device = run(replace(SUCCESS, step=step, desc="why"))
    assert server.said("progress") == reported
    assert server.reports[-1][1] == {"step": str(step), "desc": "why"}
    assert (device.outcome, device.version, device.as_scripted) == ("FAILED", "1.0.0", True)


def test_repeats_and_stale_reports() -> None:
    script = replace(SUCCESS, copies=2, progress=((60, 60), (60, 30)), stale_percent=30)
    server, device = run(script)
    assert server.said("progress") == [step for step in ("0", "60", "30", "100", "30") for _ in range(2)]
    assert server.said("inform") == ["1.0.0", "1.0.0", "2.0.0", "2.0.0"]
    assert server.reports[-1][1] == {"step": "30", "desc": ""}
    assert device.outcome == "SUCCEEDED"


def test_a_duplicate_offer_starts_nothing() -> None:
    server, device = run(offers_each=3)
    assert (len(device.offers), server.pubacks, server.ranges) == (3, [77, 78, 79], [0])
    assert device.outcome == "SUCCEEDED"


@pytest.mark.parametrize("changes", [{"md5": "0" * 32}, {"sign": "0" * 32}, {"size": len(IMAGE) + 1}])
def test_a_wrong_image_is_never_taken_for_a_scripted_end(changes: dict[str, Any]) -> None:
    server, device = run(changes=changes)
    assert device.outcome == "FAILED"
    assert device.problems
    assert not device.as_scripted
    assert server.said("progress")[-1] == ("-2" if "size" in changes else "-3")


def test_a_foreign_url_is_tried_a_few_times_then_reported() -> None:
    server, device = run(refusals=[403] * 50)
    assert len(server.ranges) == 5
    assert server.reports[-1][1] == {"step": "-2", "desc": "download failed: HTTP 403"}
    assert device.problems == ["download given up: HTTP 403"]


def test_the_version_it_runs_is_ignored() -> None:
    async def play() -> Device:
        server = await Server().start()
        server.changes = {"version": "1.0.0"}
        device = Device(DEVICE, SUCCESS, Site("127.0.0.1", server.port, Gate(1000), asyncio.Semaphore(1)))
        running = asyncio.create_task(device.run())
        await asyncio.sleep(0.2)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await server.stop()
        assert (server.pubacks, server.ranges) == ([77], [])
        return device

    device = asyncio.run(play())
    assert (len(device.offers), device.outcome) == (1, None)


def test_a_server_that_stops_answering_is_left_and_everything_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_module, "ANSWER_TIMEOUT_S", 0.2)
    monkeypatch.setattr(device_module, "WATCH_INTERVAL_S", 0.05)
    server, device = run(mute_logins=1)
    assert len(server.logins) == 3
    assert server.other == [0x32, 0xE0]
    assert device.problems == ["no answer for 0 s"]
    assert [r.value for r in device.acknowledged] == ["1.0.0", "0", "30", "60", "100", "2.0.0"]


def test_an_idle_device_pings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_module, "KEEP_ALIVE_S", 0)
    monkeypatch.setattr(device_module, "ANSWER_TIMEOUT_S", 0.2)
    monkeypatch.setattr(device_module, "WATCH_INTERVAL_S", 0.05)
    server, device = run(replace(SUCCESS, start_s=0.5))
    assert server.other.count(0xC0) > 5
    assert (len(server.logins), device.problems) == (2, [])


def test_a_fleet_ends_as_scripted_and_its_silent_devices_wait_to_be_told() -> None:
    rates = Rates(0.3, 0.1, 0.1, 0.1, 0.1, silent=0.2, late=0.2, repeat=0.2, reorder=0.2, delay_s=0.05, late_s=0.2)

    async def play() -> Fleet:
        server = await Server().start()
        devices = [replace(DEVICE, device_name=f"dev{n}") for n in range(60)]
        fleet = Fleet("127.0.0.1", server.port, devices, 3, rates, "2.0.0", downloads_max=4)
        until = asyncio.Event()
        running = asyncio.create_task(fleet.run(until))
        silent = [d for d in fleet.devices if d.script.silent]
        async with asyncio.timeout(20):
            while len(fleet.astray()) > len(silent):
                await asyncio.sleep(0.05)
            assert {d.outcome for d in silent} == {None}
            assert not fleet.settled()
            assert all(d.offers for d in silent)
            fleet.wake()
            while not fleet.settled():
                await asyncio.sleep(0.05)
        until.set()
        await running
        await server.stop()
        return fleet

    fleet = asyncio.run(play())
    summary = fleet.summary()
    assert summary["as_scripted"] == summary["devices"] == 60
    assert summary["outcomes"] == summary["expected"]
    assert (summary["problems"], summary["unacknowledged"]) == ([], 0)
    assert (fleet.counters.connected, fleet.counters.downloading) == (0, 0)
    assert fleet.counters.rebooted == summary["outcomes"]["SUCCEEDED"]


def test_a_fleet_outlives_a_server_that_is_away() -> None:
    async def play() -> dict[str, Any]:
        server = await Server().start()
        server.deaf_to = 9
        devices = [{**vars_of(DEVICE), "device_name": f"dev{n}"} for n in range(5)]
        config = {"host": "127.0.0.1", "port": server.port, "devices": devices, "target_version": "2.0.0"}
        config |= {"rates": {"delay_s": 0.05}, "duration_s": 15}
        running = asyncio.create_task(simulate(config))
        await asyncio.sleep(0.03)
        for writer in server._connections:
            writer.transport.abort()
        server._mqtt.close()
        await asyncio.sleep(0.5)
        server._mqtt = await asyncio.start_server(server._serve_mqtt, "127.0.0.1", server.port)
        summary = await running
        await server.stop()
        return summary

    summary = asyncio.run(play())
    assert (summary["as_scripted"], summary["unacknowledged"], summary["problems"]) == (5, 0, [])


def vars_of(device: DeviceIdentity) -> dict[str, str]:
    return {name: getattr(device, name) for name in ("product_key", "device_name", "device_secret", "version")}


def test_the_gate_spaces_its_callers() -> None:
    async def play() -> float:
        gate, loop = Gate(100), asyncio.get_running_loop()
        begin = loop.time()
        await asyncio.gather(*(gate.turn() for _ in range(21)))
        return loop.time() - begin

    assert 0.19 <= asyncio.run(play()) < 1.0
