"""Devices that come through a proxy by the PROXY protocol: heads written by hand, strangers, and a real haproxy."""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from certificates import self_signed, server_context, trusting
from conftest import free_port
from test_downloads import DATA, find, read, request
from test_http_door import App
from test_mqtt_door import SECRET, House, until
from test_websocket_door import ACCEPTED, BINARY, frame
from tests.haproxy import haproxy, needs_haproxy
from tests.loops import LOOPS
from tests.mqttwire import WireClient, connect, publish

from upwell.doors.downloads.door import DownloadDoor
from upwell.doors.downloads.heads import Served
from upwell.doors.http.server import HttpDoor
from upwell.doors.proxied import Proxied

__all__ = ["find"]
pytestmark = pytest.mark.filterwarnings("ignore:Overriding the .event_loop_policy:pytest.PytestDeprecationWarning")
LOCAL = (ip_network("127.0.0.1/32"), ip_network("::1/128"))
SIGNED = b"\r\n\r\n\0\r\nQUIT\n"
OF_V4 = SIGNED + b"\x21\x11\x00\x0c" + bytes((203, 0, 113, 9, 10, 0, 0, 5)) + b"\xc3\xa4\x07\x5b"
OF_V6 = SIGNED + b"\x21\x21\x00\x24" + bytes.fromhex("20010db8") + bytes(11) + b"\x07" + bytes(16) + b"\x1f\x90\x00\x50"
CHECK = SIGNED + b"\x20\x00\x00\x00"
LINE = b"PROXY TCP4 203.0.113.9 10.0.0.5 50084 1883\r\n"
HEADS = [
    (OF_V4, "203.0.113.9"), (OF_V6, "2001:db8::7"), (LINE, "203.0.113.9"), (CHECK, "127.0.0.1"),
    (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
]  # fmt: skip
LOGIN = connect("c", "a", SECRET)


@pytest.fixture(params=LOOPS)
def event_loop_policy(request: pytest.FixtureRequest) -> Any:
    return request.param()


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    return self_signed(tmp_path)


class Doors:
    """Each listener that devices come by, with the port it has."""

    def __init__(self, house: House, find: Any, pair: tuple[Path, Path], proxied: Proxied) -> None:
        self.house, self.proxied, self.served = house, proxied, list[Served]()
        self.app = App()
        self.web = HttpDoor(self.app)
        self.downloads = DownloadDoor(find, read, note=self.served.append)
        self.tls, self.client_tls = server_context(*pair), trusting(pair[0])
        self.ports: dict[str, int] = {}

    async def start(self) -> None:
        door, proxied, any_port = self.house.door, {"proxied": self.proxied}, ("127.0.0.1", 0)
        self.ports = {
            "mqtt": (await door.start(*any_port, **proxied))[1],
            "mqtts": (await door.start(*any_port, self.tls, **proxied))[1],
            "mqtt-ws": (await door.start(*any_port, websocket=True, **proxied))[1],
            "download": (await self.downloads.start(*any_port, **proxied))[1],
            "downloads": (await self.downloads.start(*any_port, self.tls, **proxied))[1],
        }
        for name, tls in (("http", None), ("https", self.tls)):
            listener = socket.create_server(any_port)
            self.ports[name] = listener.getsockname()[1]
            await self.web.start(listener, tls, self.proxied)

    async def stop(self) -> None:
        await self.web.stop(0.2)
        await self.downloads.stop()

    def peers(self) -> set[str]:
        """Of all who were heard, their addresses."""
        devices = [conn.peer for conn in self.house.platform.conns.values()]
        askers = [scope["client"][0] for scope in self.app.scopes]
        return {*devices, *askers, *(each.peer for each in self.served)}


@pytest.fixture
async def doors(find: Any, pair: tuple[Path, Path]) -> AsyncIterator[Doors]:
    async with House() as house:
        one = Doors(house, find, pair, Proxied(LOCAL, "tested", within_s=0.5))
        await one.start()
        try:
            yield one
        finally:
            await one.stop()


async def said(doors: Doors, name: str, head: bytes, cut: int = 0) -> bytes:
    """What that listener answers to a device of its kind behind this head, which comes in two parts where it is cut."""
    reader, writer = await asyncio.open_connection("127.0.0.1", doors.ports[name])
    writer.write(head[:cut] if cut else head)
    await writer.drain()
    if cut:
        await asyncio.sleep(0.05)
        writer.write(head[cut:])
    if name in ("mqtts", "downloads", "https"):
        await writer.start_tls(doors.client_tls, server_hostname="localhost")
    words = {
        "mqtt": LOGIN, "mqtts": LOGIN, "mqtt-ws": SHAKE + frame(BINARY, LOGIN), "download": request("/ota/small"),
        "downloads": request("/ota/small"), "http": ASK, "https": ASK,
    }[name]  # fmt: skip
    writer.write(words)
    ends = {"mqtt": ACCEPTED, "mqtts": ACCEPTED, "mqtt-ws": ACCEPTED, "download": DATA, "downloads": DATA}
    answer = b""
    with contextlib.suppress(ConnectionError):
        answer = await asyncio.wait_for(reader.readuntil(ends.get(name, b"/x")), 10)
    writer.close()
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        await writer.wait_closed()
    return answer


ASK = b"GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
SHAKE = (
    b"GET /mqtt HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
)
KINDS = ["mqtt", "mqtts", "mqtt-ws", "download", "downloads", "http", "https"]


@pytest.mark.parametrize("name", KINDS)
async def test_a_device_is_whom_the_proxy_says_it_is(doors: Doors, name: str) -> None:
    for head, address in HEADS:
        for cut in (0, 1, 13, len(head) - 1):
            assert await said(doors, name, head, cut), (head, cut)
            await until(lambda address=address: address in doors.peers())
        assert doors.peers() == {address}
        doors.served.clear()
        doors.app.scopes.clear()
        doors.house.platform.conns.clear()
    assert doors.proxied.waiting == 0


async def test_the_head_and_all_that_follows_may_come_at_once(doors: Doors) -> None:
    client = await WireClient.open("127.0.0.1", doors.ports["mqtt"])
    await client.send(OF_V4 + LOGIN + b"".join(publish("up/a/x", b"%d" % n, n + 1) for n in range(50)))
    assert (await client.receive()).body == b"\0\0"
    for n in range(50):
        assert (await client.receive()).packet_id == n + 1
    assert [each[2] for each in doors.house.platform.of("published")] == [b"%d" % n for n in range(50)]
    large = b"x" * 200_000
    await client.send(publish("up/a/x", large, 99))
    assert (await client.receive()).packet_id == 99
    client.writer.close()


async def test_limits_count_the_devices_own_addresses(find: Any, pair: tuple[Path, Path]) -> None:
    """Of one address so many may wait for their login; a proxy's devices are many addresses."""
    async with House(strangers_max=2) as house:
        _, port = await house.door.start("127.0.0.1", 0, proxied=Proxied(LOCAL, "mqtt"))
        heads = [b"PROXY TCP4 203.0.113.%d 10.0.0.5 5 6\r\n" % n for n in (1, 1, 1, 2, 2, 3)]
        clients = [await WireClient.open("127.0.0.1", port) for _ in heads]
        for client, head in zip(clients, heads, strict=True):
            await client.send(head)
            await asyncio.sleep(0.02)
        assert await clients[2].closed() == b"", "the third of its address"
        assert house.door.connected() == 5
        for client in clients:
            client.writer.close()


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (LOGIN, "no PROXY protocol head"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", "no PROXY protocol head"),
        (ASK, "no PROXY protocol head"),
        (SIGNED + b"\x21\x11\xff\xff", "a head of 65551 bytes; 2048 are allowed"),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 1 99999\r\n", "no port"),
        (b"PROXY " + b"x" * 300, "a line that does not end within 107 bytes"),
        (OF_V4[:20], "its head did not come in time"),
        (b"\r", "its head did not come in time"),
        (b"", "its head did not come in time"),
    ],
)
async def test_a_trusted_proxy_without_a_head_is_refused_in_one_line(
    doors: Doors, name: str, head: bytes, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    reader, writer = await asyncio.open_connection("127.0.0.1", doors.ports[name])
    writer.write(head)
    with contextlib.suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(), 10) == b"", "nothing is said to it"
    writer.close()
    lines = [each.getMessage() for each in caplog.records]
    assert len(lines) == 1 and reason in lines[0] and "peer=127.0.0.1:" in lines[0], lines
    assert doors.proxied.refused.found == {("tested", "late" if "in time" in reason else "not understood"): 1}
    assert doors.peers() == set() and doors.proxied.waiting == 0 and doors.house.door.connected() == 0


@pytest.mark.parametrize("name", KINDS)
async def test_nobody_else_is_believed_or_heard(
    find: Any, pair: tuple[Path, Path], name: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with House() as house:
        doors = Doors(house, find, pair, Proxied((ip_network("10.0.0.0/8"),), "tested"))
        await doors.start()
        for head in [OF_V4, LINE, LOGIN] * 10:
            reader, writer = await asyncio.open_connection("127.0.0.1", doors.ports[name])
            with contextlib.suppress(ConnectionError):
                writer.write(head + LOGIN)
                assert await asyncio.wait_for(reader.read(), 10) == b""
            writer.close()
        assert doors.peers() == set() and house.door.connected() == 0 and doors.proxied.waiting == 0
        lines = [each.getMessage() for each in caplog.records]
        assert 1 <= len(lines) <= 10 and all("it is none of --trusted-proxies" in each for each in lines), lines
        await doors.stop()


@pytest.mark.parametrize("name", KINDS)
async def test_slow_bytes_do_not_hold_a_place_and_keep_nobody_out(doors: Doors, name: str) -> None:
    slow = [await asyncio.open_connection("127.0.0.1", doors.ports[name]) for _ in range(50)]

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = iter(OF_V4[:27] * 100)
        with contextlib.suppress(ConnectionError):
            while not writer.is_closing() and not reader.at_eof():
                writer.write(bytes([next(head)]))
                await writer.drain()
                await asyncio.sleep(0.05)
        writer.close()

    dripping = [asyncio.create_task(drip(*each)) for each in slow]
    assert await said(doors, name, OF_V4)
    await asyncio.wait_for(asyncio.gather(*dripping), 30)
    assert doors.proxied.waiting == 0 and doors.house.door.connected() == 0


async def test_who_only_looks_whether_somebody_is_here_is_not_told_of(
    doors: Doors, caplog: pytest.LogCaptureFixture
) -> None:
    for port in doors.ports.values():
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        await writer.wait_closed()
    await until(lambda: doors.proxied.waiting == 0)
    assert await said(doors, "download", OF_V4)  # all are looked at by then
    assert caplog.records == []


@contextlib.contextmanager
def behind(doors: Doors, how: str) -> Iterator[dict[str, int]]:
    """A port of a real haproxy before each of the doors' listeners."""
    ports = {name: free_port() for name in KINDS}
    text = "defaults\n mode tcp\n timeout connect 3s\n timeout client 20s\n timeout server 20s\n timeout check 1s\n"
    for name, port in ports.items():
        text += f"listen {name}\n bind 127.0.0.1:{port}\n bind ::1:{port}\n"
        text += f" server one 127.0.0.1:{doors.ports[name]} {how}\n"
    with haproxy(text):
        yield ports


@needs_haproxy
@pytest.mark.parametrize("how", ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id"])
async def test_a_real_haproxy_says_who_the_devices_are(
    doors: Doors, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    with behind(doors, f"{how} check inter 50ms check-send-proxy") as ports:
        for host, source in (("127.0.0.1", "127.0.0.77"), ("::1", "::1")):
            for name, port in ports.items():
                doors.house.platform.conns.clear()
                doors.served.clear()
                doors.app.scopes.clear()
                assert await dialled(doors, name, host, port, source), (name, source)
                await until(lambda: doors.peers())
                assert doors.peers() == {source}, name
        await asyncio.sleep(0.3)  # while it looks whether the listeners are there, some times each
    assert [each for each in caplog.messages if "refused" in each or "tls" in each] == []


async def dialled(doors: Doors, name: str, host: str, port: int, source: str) -> bytes:
    for attempt in range(200):
        try:
            reader, writer = await asyncio.open_connection(host, port, local_addr=(source, 0))
            break
        except ConnectionRefusedError:  # it does not listen yet
            assert attempt < 199
            await asyncio.sleep(0.05)
    if name in ("mqtts", "downloads", "https"):
        await writer.start_tls(doors.client_tls, server_hostname="localhost")
    words = {"mqtt-ws": SHAKE + frame(BINARY, LOGIN), "http": ASK, "https": ASK}
    words |= dict.fromkeys(("download", "downloads"), request("/ota/small"))
    writer.write(words.get(name, LOGIN))
    ends = {"http": b"/x", "https": b"/x", "download": DATA, "downloads": DATA}
    answer = await asyncio.wait_for(reader.readuntil(ends.get(name, ACCEPTED)), 10)
    writer.close()
    return answer
