"""The bytes a simulated device writes and reads: MQTT 3.1.1 and HTTP/1.1 downloads.

The simulator's own codec, made from the MQTT 3.1.1 specification alone; it shares no line with the server's. Strict
where real device SDKs are strict (alibaba 6.6, 6.7): a server that departs from the wire gets a WireError, not help.
It holds no behaviour: what a device does with a packet is in device.py.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

PACKET_SIZE_MAX = 256 * 1024  # Upgrade pushes are a few hundred bytes; more is a broken server.
HEADER_LINE_SIZE_MAX = 128  # alibaba 6.7: the C SDK's limit for one response header line.
READ_BUFFER_SIZE = 128 * 1024  # Bounds the memory of one download to about twice this.


class WireError(Exception):
    """The server sent bytes that a real device could not use."""


class RefusedError(WireError):
    """The download door answered with a status that is not 200 or 206."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Connack:
    code: int


@dataclass(frozen=True, slots=True)
class Publish:
    topic: str
    payload: bytes
    qos: int
    packet_id: int


@dataclass(frozen=True, slots=True)
class Puback:
    packet_id: int


@dataclass(frozen=True, slots=True)
class Pingresp:
    pass


@dataclass(frozen=True, slots=True)
class Suback:
    packet_id: int
    codes: bytes


Packet = Connack | Publish | Puback | Pingresp | Suback

PINGREQ = b"\xc0\x00"
DISCONNECT = b"\xe0\x00"


def _text(value: str) -> bytes:
    raw = value.encode()
    return len(raw).to_bytes(2, "big") + raw


def remaining_length(value: int) -> bytes:
    """MQTT 3.1.1 section 2.2.3: seven bits a byte, lowest first."""
    out = bytearray()
    while True:
        value, low = divmod(value, 128)
        out.append(low | (0x80 if value else 0))
        if not value:
            return bytes(out)


def _frame(first: int, body: bytes) -> bytes:
    return bytes((first,)) + remaining_length(len(body)) + body


def connect(client_id: str, username: str, password: str, keep_alive_s: int) -> bytes:
    """CONNECT with user, password and clean session (flags 0xC2), as the SDKs send it (alibaba 6.1)."""
    head = _text("MQTT") + b"\x04\xc2" + keep_alive_s.to_bytes(2, "big")
    return _frame(0x10, head + _text(client_id) + _text(username) + _text(password))


def publish(topic: str, payload: bytes, packet_id: int) -> bytes:
    """PUBLISH at QoS 1."""
    return _frame(0x32, _text(topic) + packet_id.to_bytes(2, "big") + payload)


def puback(packet_id: int) -> bytes:
    return b"\x40\x02" + packet_id.to_bytes(2, "big")


def subscribe(topic_filter: str, packet_id: int) -> bytes:
    """SUBSCRIBE to one filter at QoS 1."""
    return _frame(0x82, packet_id.to_bytes(2, "big") + _text(topic_filter) + b"\x01")


class PacketReader:
    """Cuts a stream of bytes into packets; raises WireError at the first one that no server may send us."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Packet]:
        self._buffer += data
        packets: list[Packet] = []
        while (framed := self._cut()) is not None:
            packets.append(_decode(*framed))
        return packets

    def _cut(self) -> tuple[int, bytes] | None:
        length, shift = 0, 0
        for position in range(1, 5):
            if position >= len(self._buffer):
                return None
            byte = self._buffer[position]
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        else:
            raise WireError("remaining length has more than four bytes")
        if length > PACKET_SIZE_MAX:
            raise WireError(f"packet of {length} bytes")
        start = position + 1
        if len(self._buffer) < start + length:
            return None
        first, body = self._buffer[0], bytes(self._buffer[start : start + length])
        del self._buffer[: start + length]
        return first, body


def _decode(first: int, body: bytes) -> Packet:
    if first >> 4 == 3:
        return _decode_publish(first, body)
    match first, len(body):
        case 0x20, 2 if body[0] <= 1:
            return Connack(body[1])
        case 0x40, 2:
            return Puback(int.from_bytes(body, "big"))
        case 0xD0, 0:
            return Pingresp()
        case 0x90, size if size > 2:
            return Suback(int.from_bytes(body[:2], "big"), body[2:])
    raise WireError(f"unexpected packet {first:#04x} of {len(body)} bytes")


def _decode_publish(first: int, body: bytes) -> Publish:
    qos = first >> 1 & 3
    if qos > 1:
        raise WireError(f"PUBLISH at QoS {qos}")
    end = 2 + int.from_bytes(body[:2], "big")
    payload_at = end + (2 if qos else 0)
    if len(body) < max(2, payload_at):
        raise WireError("PUBLISH is cut short")
    packet_id = int.from_bytes(body[end:payload_at], "big")
    if qos and not packet_id:
        raise WireError("PUBLISH at QoS 1 with packet id 0")
    try:
        topic = body[2:end].decode()
    except UnicodeDecodeError as exc:
        raise WireError("topic is not UTF-8") from exc
    return Publish(topic, body[payload_at:], qos, packet_id)


class Link(asyncio.Protocol):
    """One MQTT connection. `lost` is done when it is over, with the WireError that ended it if one did."""

    def __init__(self, on_packet: Callable[[Link, Packet], None]) -> None:
        loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[WireError | None] = loop.create_future()
        self.accepted: asyncio.Future[int] = loop.create_future()
        self.granted: asyncio.Future[bytes] = loop.create_future()
        self.ping_sent_at: float | None = None
        self.last_sent_at = time.monotonic()
        self._reader = PacketReader()
        self._on_packet = on_packet
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transports do not inherit from asyncio's.

    def data_received(self, data: bytes) -> None:
        try:
            for packet in self._reader.feed(data):
                if not self.lost.done():
                    self._receive(packet)
        except WireError as exc:
            self._end(exc)
            self.abort()

    def _receive(self, packet: Packet) -> None:
        match packet:
            case Connack(code=code):
                if self.accepted.done():
                    raise WireError("a second CONNACK")
                self.accepted.set_result(code)
            case Suback(codes=codes):
                if self.granted.done():
                    raise WireError("a second SUBACK")
                self.granted.set_result(codes)
            case Pingresp():
                self.ping_sent_at = None
            case _:
                self._on_packet(self, packet)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(None)

    def _end(self, reason: WireError | None) -> None:
        if not self.lost.done():
            self.lost.set_result(reason)

    def send(self, data: bytes) -> None:
        self.last_sent_at = time.monotonic()
        if self._transport is not None and not self.lost.done():
            self._transport.write(data)

    def close(self) -> None:
        """Say goodbye and close; nothing received after this counts."""
        self.send(DISCONNECT)
        if self._transport is not None:
            self._transport.close()
        self._end(None)

    def abort(self) -> None:
        """Be gone without a word, as a device that lost its power."""
        if self._transport is not None:
            self._transport.abort()
        self._end(None)


@dataclass(frozen=True, slots=True)
class Head:
    """What a download answer promises: its status, the first byte's offset, and how many bytes follow."""

    status: int
    start: int
    length: int


def split_url(url: str) -> tuple[str, int, str]:
    """Host, port and request target of a plain http URL."""
    try:
        parts = urlsplit(url)
        port = parts.port or 80
    except ValueError as exc:
        raise WireError(f"url {url!r} is not readable") from exc
    if parts.scheme != "http" or not parts.hostname or not url.isascii():
        raise WireError(f"url {url!r} is not plain http")
    return parts.hostname, port, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def get_request(host: str, port: int, target: str, start: int, token: str = "") -> bytes:
    """The C SDK's GET: a Range on every request, also from 0 (alibaba 6.7)."""
    name = host if port == 80 else f"{host}:{port}"
    bearer = f"Authorization: Bearer {token}\r\n" if token else ""
    return f"GET {target} HTTP/1.1\r\nHost: {name}\r\n{bearer}Range: bytes={start}-\r\n\r\n".encode("ascii")


def parse_head(raw: bytes, start: int) -> Head:
    """Read a response head as the C SDK does: exact case of Content-Length, short lines, no chunks (alibaba 6.7)."""
    lines = raw.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    if not lines[0].startswith("HTTP/1.1 ") or not lines[0][9:12].isdigit():
        raise WireError(f"status line {lines[0][:40]!r}")
    status = int(lines[0][9:12])
    if status not in (200, 206):
        raise RefusedError(status)
    if any(len(line) > HEADER_LINE_SIZE_MAX for line in lines):
        raise WireError(f"a response header line exceeds {HEADER_LINE_SIZE_MAX} bytes")
    headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
    if "Content-Length" not in headers or not headers["Content-Length"].isdigit():
        raise WireError("no header spelled 'Content-Length: '")
    if {"transfer-encoding", "content-encoding"} & {name.lower() for name in headers}:
        raise WireError("the download is chunked or compressed")
    if status == 206 and not headers.get("Content-Range", "").startswith(f"bytes {start}-"):
        raise WireError(f"206 does not start at {start}: {headers.get('Content-Range')!r}")
    return Head(status, start if status == 206 else 0, int(headers["Content-Length"]))


@asynccontextmanager
async def open_download(url: str, start: int, token: str = "") -> AsyncIterator[tuple[Head, asyncio.StreamReader]]:
    """Ask for `url` from byte `start` on. Raises OSError, EOFError, RefusedError, WireError; always hangs up."""
    host, port, target = split_url(url)
    reader, writer = await asyncio.open_connection(host, port, limit=READ_BUFFER_SIZE)
    try:
        writer.write(get_request(host, port, target, start, token))
        try:
            raw = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError as exc:
            raise WireError("the response head never ends") from exc
        yield parse_head(raw, start), reader
    finally:
        writer.transport.abort()


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    product_key: str
    device_name: str
    device_secret: str = field(repr=False)
    version: str
    kind: str = "alibaba"
    """Whose device it is: a key of speech.SPEECHES."""


@dataclass(frozen=True, slots=True)
class Offer:
    version: str
    size: int
    url: str
    digests: tuple[tuple[str, str], ...]
    """(algorithm, lower-case hex), all of which must match."""
    seal: str = field(default="", repr=False)
    """Lower-case hex of what the device makes of its secret and the image's SHA-256 (tuya 4.8); empty for none."""
    token: str = field(default="", repr=False)
    """Sent with the download (huawei 5.7); empty for none."""
