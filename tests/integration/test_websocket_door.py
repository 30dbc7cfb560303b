"""Issue 9, number 19: MQTT over WebSocket at the MQTT door, spoken frame by frame by a client that shares no code."""

import asyncio
import base64
import contextlib
import hashlib
import os
import socket
import struct
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import pytest
from test_mqtt_door import SECRET, House, device, until
from tests.loops import LOOPS
from tests.mqttwire import DISCONNECT, PINGREQ, connect, publish

from upwell.doors.devices.mqtt.refragment import FRAGMENT_BYTES_MAX
from upwell.doors.devices.mqtt.websocket import PART_BYTES, WebSocketLayer

pytestmark = pytest.mark.filterwarnings("ignore:Overriding the .event_loop_policy:pytest.PytestDeprecationWarning")
CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
PINGS_MAX = 24 << 20  # more than sockets hold
ACCEPTED = b"\x20\x02\x00\x00"
MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 1.3


@pytest.fixture(params=LOOPS)
def event_loop_policy(request: pytest.FixtureRequest) -> Any:
    return request.param()


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with House() as one:
        one.address = await one.door.start("127.0.0.1", 0, websocket=True)
        yield one


def frame(opcode: int, data: bytes, *, fin: bool = True) -> bytes:
    mask = os.urandom(4)
    if len(data) < 126:
        size = bytes([0x80 | len(data)])
    else:
        size = struct.pack("!BH", 0xFE, len(data)) if len(data) < 65536 else struct.pack("!BQ", 0xFF, len(data))
    body = bytes(octet ^ mask[at % 4] for at, octet in enumerate(data))
    return bytes([(0x80 if fin else 0) | opcode]) + size + mask + body


class Client:
    """One WebSocket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.key = base64.b64encode(os.urandom(16)).decode()

    @classmethod
    async def open(cls, house: House) -> "Client":
        client = cls(*await asyncio.open_connection(*house.address))
        house.clients.append(client)  # type: ignore[arg-type]  # which closes it
        return client

    async def close(self) -> None:
        self.writer.transport.abort()
        await asyncio.sleep(0)

    async def shake(self, path: str = "/mqtt", protocol: str | None = "mqtt", *more: str) -> tuple[int, dict[str, str]]:
        """The status and the headers of the answer."""
        lines = [
            f"GET {path} HTTP/1.1", "Host: h", "Upgrade: websocket", "Connection: keep-alive, Upgrade",
            f"Sec-WebSocket-Key: {self.key}", "Sec-WebSocket-Version: 13", *more,
        ]  # fmt: skip
        if protocol is not None:
            lines.append(f"Sec-WebSocket-Protocol: {protocol}")
        self.writer.write("\r\n".join([*lines, "", ""]).encode())
        head = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 5)).decode()
        status, *headers = head.split("\r\n")
        return int(status.split()[1]), {k.lower(): v for k, _, v in (line.partition(": ") for line in headers)}

    async def send(self, *frames: bytes) -> None:
        self.writer.write(b"".join(frames))
        await self.writer.drain()

    async def receive(self) -> tuple[int, bytes]:
        """Opcode and payload of the next frame; a server masks none and here ends each."""
        head, size = await asyncio.wait_for(self.reader.readexactly(2), 5)
        assert head & 0xF0 == 0x80 and size < 128
        if size == 126:
            size = struct.unpack("!H", await self.reader.readexactly(2))[0]
        return head & 15, await asyncio.wait_for(self.reader.readexactly(size), 5)

    async def login(self, name: str = "a") -> None:
        assert (await self.shake())[0] == 101
        await self.send(frame(BINARY, connect(f"id-{name}", name, SECRET)))
        assert await self.receive() == (BINARY, ACCEPTED)

    async def closed(self) -> tuple[int, str]:
        """The code and reason of the close frame, with the connection ended behind it."""
        opcode, data = await self.receive()
        assert opcode == CLOSE
        assert await asyncio.wait_for(self.reader.read(), 5) == b""
        return struct.unpack("!H", data[:2])[0], data[2:].decode()


@pytest.mark.parametrize("path", ["/mqtt", "/", "/mqtt?token=1", "/?x"])
@pytest.mark.parametrize(
    ("offered", "chosen"),
    [("mqtt", "mqtt"), ("mqttv3.1", "mqttv3.1"), ("mqttv3.1, mqtt", "mqttv3.1"), ("x, mqtt", "mqtt"), (None, None)],
)
async def test_the_handshake(house: House, path: str, offered: str | None, chosen: str | None) -> None:
    """Issue 9, number 19: both paths, both subprotocols as offered, no extension although one is."""
    client = await Client.open(house)
    status, headers = await client.shake(path, offered, "Sec-WebSocket-Extensions: permessage-deflate")
    digest = base64.b64encode(hashlib.sha1((client.key + MAGIC).encode()).digest()).decode()
    assert (status, headers["sec-websocket-accept"]) == (101, digest)
    assert headers.get("sec-websocket-protocol") == chosen
    assert "sec-websocket-extensions" not in headers
    await client.send(frame(BINARY, connect("c", "a", SECRET)))
    assert await client.receive() == (BINARY, ACCEPTED)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (("/else", "mqtt"), 404),
        (("/mqtt/", "mqtt"), 404),
        (("/mqtt", "soap"), 400),
        (("/mqtt", "mqtt", "Sec-WebSocket-Version: 8"), 400),
    ],
)
async def test_a_handshake_that_is_refused(
    house: House, caplog: pytest.LogCaptureFixture, request_: Any, status: int
) -> None:
    """Issue 9, number 19."""
    caplog.set_level("INFO")
    client = await Client.open(house)
    assert (await client.shake(*request_))[0] == status
    await asyncio.wait_for(client.reader.read(), 5)
    assert client.reader.at_eof()
    assert any('reason="websocket: ' in line for line in caplog.messages)
    assert house.platform.events == []


async def test_plain_http_and_large_heads_are_refused(house: House) -> None:
    """Issue 9, number 19: a browser is told to upgrade; a head has its bound."""
    for sent, answer in (
        (b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", b"HTTP/1.1 426 "),
        (b"POST /mqtt HTTP/1.1\r\nHost: h\r\n\r\n", b"HTTP/1.1 405 "),
        (b"\x10\x10\x00\x04MQTT", b""),
        (b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"y" * 1000) for n in range(17)), b""),
    ):
        client = await Client.open(house)
        await client.send(sent if sent[:1] != b"\x10" else sent + b"\r\n" * 9)
        assert (await asyncio.wait_for(client.reader.read(), 5)).startswith(answer), sent[:40]


async def test_packets_need_no_frame_of_their_own(house: House) -> None:
    """Issue 9, number 19: several in one frame, one over several frames, and over the fragments of a message."""
    client = await Client.open(house)
    await client.login()
    several = publish("up/a/1", b"one", 1) + publish("up/a/2", b"two", 2) + PINGREQ
    await client.send(frame(BINARY, several))
    long = publish("up/a/3", b"x" * 300, 3)
    await client.send(frame(BINARY, long[:1]), frame(BINARY, long[1:150]), frame(BINARY, long[150:]))
    cut = publish("up/a/4", b"four", 4)
    await client.send(frame(BINARY, cut[:3], fin=False), frame(PING, b"between"), frame(CONT, b"", fin=False))
    await client.send(frame(CONT, cut[3:]), frame(BINARY, b""))
    await until(lambda: len(house.platform.of("published")) == 4)
    assert [event[2] for event in house.platform.of("published")] == [b"one", b"two", b"x" * 300, b"four"]
    heard = b""
    pongs = []
    while len(heard) < 4 * 4 + 2:
        opcode, data = await client.receive()
        assert opcode in (BINARY, PONG)
        heard += data if opcode == BINARY else b""
        pongs += [data] if opcode == PONG else []
    assert pongs == [b"between"]
    assert {heard.count(b"\x40\x02\x00" + bytes([n])) for n in (1, 2, 3, 4)} == {1} and b"\xd0\x00" in heard
    assert house.push("a", b"down")
    opcode, data = await client.receive()
    assert opcode == BINARY and data.endswith(b"down")


async def test_each_byte_of_a_stream_may_come_alone(house: House) -> None:
    """Issue 9, number 19: what a network cuts is put together, the head too."""
    client = await Client.open(house)
    client.writer.transport.get_extra_info("socket").setsockopt(6, 1, 1)  # TCP_NODELAY
    assert (await client.shake())[0] == 101
    for octet in frame(BINARY, connect("id-a", "a", SECRET)):
        await client.send(bytes([octet]))
        await asyncio.sleep(0)
    assert await client.receive() == (BINARY, ACCEPTED)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(TEXT, b"hello"), 1003),
        (frame(TEXT, PINGREQ, fin=False), 1003),
        (frame(CONT, PINGREQ), 1002),
        (bytes([0x82, 2]) + PINGREQ, 1002),  # without a mask
        (frame(3, b""), 1002),
        (struct.pack("!BBQ", 0x89, 0xFF, 3 << 20) + b"mask", 1009),  # a control frame has 125 bytes at most
    ],
    ids=["text", "a part of text", "a part of nothing", "unmasked", "unknown", "huge"],  # masks are drawn by dice
)
async def test_what_is_no_mqtt_ends_the_connection(house: House, sent: bytes, code: int) -> None:
    """Issue 9, number 19: with the close code that says why."""
    client = await Client.open(house)
    await client.login()
    await client.send(sent)
    assert (await client.closed())[0] == code
    await until(lambda: device("a") not in house.door.devices)
    assert not house.platform.of("published")


async def test_a_stranger_can_not_make_it_keep_much(house: House) -> None:
    """Issue 9, number 19: a stranger's CONNECT has the bound it has by TCP, however large its frame says it is."""
    client = await Client.open(house)
    assert (await client.shake())[0] == 101
    large = b"\x10\x80\x80\x3e\0\x04MQTT".ljust(FRAGMENT_BYTES_MAX, b"\0")
    await client.send(struct.pack("!BBQ", 0x82, 0xFF, 1 << 20) + bytes(4) + large)  # a mask of zeros
    assert await client.closed() == (1000, "")
    assert house.platform.events == []


@pytest.mark.parametrize("size", [262_144, 262_145, 1 << 20, (2 << 20) + 1, 12 << 20])
@pytest.mark.parametrize("qos", [0, 1])
async def test_a_frame_may_be_of_any_size(house: House, size: int, qos: int) -> None:
    """Issue 9, numbers 18 and 19: a publish is read or skipped by its own bound, in one frame with what is around it,
    and no more than a part of the frame is kept."""
    client = await Client.open(house)
    await client.login()
    topic = b"\x00\x06up/a/1" + (b"\x00\x07" if qos else b"")
    left, length = len(topic) + size, b""
    while left:
        left, digit = left >> 7, left & 0x7F
        length += bytes([digit | (0x80 if left else 0)])
    head, tail = PINGREQ + bytes([0x30 | qos << 1]) + length + topic, publish("up/a/2", b"later", 2) + PINGREQ
    whole = len(head) + size + len(tail)
    parts = bytes(1 << 16)
    tracemalloc.start()
    await client.send(struct.pack("!BBQ", 0x82, 0xFF, whole) + bytes(4) + head)  # a mask of zeros
    for _ in range(size >> 16):
        await client.send(parts)
    await client.send(bytes(size & 0xFFFF) + tail)
    heard = b""
    while heard.count(b"\xd0\x00") < 2 or b"\x40\x02\x00\x02" not in heard:
        opcode, data = await client.receive()
        assert opcode == BINARY
        heard += data
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20
    assert (b"\x40\x02\x00\x07" in heard) is bool(qos)
    kept = [len(event[2]) for event in house.platform.of("published")]
    assert kept == ([size] if size <= 262_144 else []) + [5]


@pytest.mark.parametrize("known", [False, True])
async def test_who_pings_and_does_not_read_is_not_read(house: House, known: bool) -> None:
    """Issue 9, number 19: each ping has an answer, which waits for its reader; so the next pings wait in the socket. A
    stranger made the server keep answers as fast as it pinged."""
    client = await Client.open(house)
    assert (await client.shake())[0] == 101
    if known:
        await client.send(frame(BINARY, connect("id-a", "a", SECRET)))
        assert await client.receive() == (BINARY, ACCEPTED)
    client.writer.transport.pause_reading()
    loop, raw = asyncio.get_running_loop(), os.dup(client.writer.get_extra_info("socket").fileno())
    pings, sent = frame(PING, bytes(125)) * 1000, 0
    with socket.socket(fileno=raw) as talker:
        talker.setblocking(False)
        with contextlib.suppress(TimeoutError):
            while sent < PINGS_MAX:
                await asyncio.wait_for(loop.sock_sendall(talker, pings), 1.5)
                sent += len(pings)
    assert sent < PINGS_MAX


async def test_a_frame_behind_the_handshake_is_read(house: House) -> None:
    """Issue 9, number 19: a client need not wait for the answer, and what it sends may come with its handshake."""
    client = await Client.open(house)
    shaking = asyncio.ensure_future(client.shake("/mqtt", "mqtt"))
    await asyncio.sleep(0)
    await client.send(frame(BINARY, connect("id-a", "a", SECRET)))
    assert (await shaking)[0] == 101
    assert await client.receive() == (BINARY, ACCEPTED)


async def test_both_sides_say_goodbye(house: House) -> None:
    """Issue 9, number 19: a close is answered, and a DISCONNECT, a refusal and a takeover end with one."""
    client = await Client.open(house)
    await client.login()
    await client.send(frame(BINARY, publish("up/a/1", b"last", 1)), frame(CLOSE, struct.pack("!H", 1001)))
    async with asyncio.timeout(5):
        while (got := await client.receive())[0] != CLOSE:
            assert got[0] == BINARY
    assert got == (CLOSE, struct.pack("!H", 1001))
    await until(lambda: house.platform.of("disconnected"))
    assert house.platform.of("published") == [("a", "up/a/1", b"last", False)]
    other = await Client.open(house)
    await other.login("b")
    await other.send(frame(BINARY, DISCONNECT))
    assert await other.closed() == (1000, "")
    refused = await Client.open(house)
    assert (await refused.shake())[0] == 101
    await refused.send(frame(BINARY, connect("c", "a", b"wrong")))
    assert await refused.receive() == (BINARY, b"\x20\x02\x00\x04")
    assert await refused.closed() == (1000, "")
    first, second = await Client.open(house), await Client.open(house)
    await first.login("d")
    await second.login("d")
    assert await first.closed() == (1000, "")


async def test_the_time_to_login_runs_from_the_first_byte() -> None:
    """Issue 9, number 19: login bounds as by TCP; a handshake buys no time."""
    async with House(connect_timeout_s=0.3) as house:
        house.address = await house.door.start("127.0.0.1", 0, websocket=True)
        client = await Client.open(house)
        assert (await client.shake())[0] == 101
        assert await client.closed() == (1000, "")
        silent = await Client.open(house)
        assert await asyncio.wait_for(silent.reader.read(), 5) == b""


@pytest.mark.parametrize("opcode", [PING, PONG, BINARY])
async def test_who_sends_small_frames_without_pause_keeps_nobody_waiting(
    opcode: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read of many thousand frames is parsed in parts, between which others have their turn."""
    parts: list[int] = []
    read = WebSocketLayer._read

    def counted(self: WebSocketLayer, data: bytes) -> None:
        parts.append(len(data))
        read(self, data)

    async with House(packets_per_s=1e9) as house:
        house.address = await house.door.start("127.0.0.1", 0, websocket=True)
        mad, other = await Client.open(house), await Client.open(house)
        await mad.login("a")
        await other.login("b")
        monkeypatch.setattr(WebSocketLayer, "_read", counted)
        await mad.send(frame(opcode, PINGREQ if opcode == BINARY else b"") * 8000)
        await other.send(frame(BINARY, PINGREQ))
        assert await other.receive() == (BINARY, b"\xd0\x00")
        answers = {PING: 8000 * 2, PONG: 0, BINARY: 8000 * 2}[opcode]
        while answers > 0:
            _, data = await mad.receive()
            answers -= len(data) or 2
        await until(lambda: sum(parts) >= 8000 * 6)
    assert max(parts) <= PART_BYTES + 14  # a head that was kept from the part before
