"""A small MQTT 3.1.1 client that writes and parses its own bytes, so that the door is not tested with its own codec.

Deliberately plain: it sends what it is told, also what is wrong, and hands back what comes in, packet by packet.
"""

import asyncio
import ssl
import struct
from dataclasses import dataclass

TIMEOUT_S = 20.0


def length(size: int) -> bytes:
    out = b""
    while size > 127:
        out += bytes([size % 128 + 128])
        size //= 128
    return out + bytes([size])


def string(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("!H", len(raw)) + raw


def packet(head: int, body: bytes = b"") -> bytes:
    return bytes([head]) + length(len(body)) + body


def connect(
    client_id: str = "c", username: str | None = "u", password: bytes | None = b"p", *, keep_alive_s: int = 60,
    clean: bool = True, level: int = 4, name: str = "MQTT",
) -> bytes:  # fmt: skip
    flags = (2 if clean else 0) | (0x80 if username is not None else 0) | (0x40 if password is not None else 0)
    body = string(name) + struct.pack("!BBH", level, flags, keep_alive_s) + string(client_id)
    body += string(username) if username is not None else b""
    body += string(password) if password is not None else b""
    return packet(0x10, body)


def publish(topic: str, payload: bytes, packet_id: int = 0, *, dup: bool = False) -> bytes:
    head = 0x30 | (2 if packet_id else 0) | (8 if dup else 0)
    return packet(head, string(topic) + (struct.pack("!H", packet_id) if packet_id else b"") + payload)


def subscribe(packet_id: int, *filters: tuple[str, int]) -> bytes:
    return packet(0x82, struct.pack("!H", packet_id) + b"".join(string(f) + bytes([q]) for f, q in filters))


def unsubscribe(packet_id: int, *filters: str) -> bytes:
    return packet(0xA2, struct.pack("!H", packet_id) + b"".join(string(f) for f in filters))


def puback(packet_id: int) -> bytes:
    return packet(0x40, struct.pack("!H", packet_id))


PINGREQ = b"\xc0\x00"
DISCONNECT = b"\xe0\x00"


@dataclass(frozen=True)
class Received:
    """One packet from the server. `topic`, `packet_id`, `payload` are of a PUBLISH; `body` is always the raw rest."""

    kind: int
    flags: int
    body: bytes

    @property
    def qos(self) -> int:
        return self.flags >> 1 & 3

    @property
    def topic(self) -> str:
        return self.body[2 : 2 + self._topic_size].decode()

    @property
    def packet_id(self) -> int:
        at = 2 + self._topic_size if self.kind == 3 else 0
        return int(struct.unpack_from("!H", self.body, at)[0]) if self.kind != 3 or self.qos else 0

    @property
    def payload(self) -> bytes:
        return self.body[2 + self._topic_size + (2 if self.qos else 0) :]

    @property
    def _topic_size(self) -> int:
        return int(struct.unpack_from("!H", self.body)[0])


class WireClient:
    """One connection. `closed()` waits for the server to hang up; `receive()` for its next packet."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, host: str, port: int, tls: ssl.SSLContext | None = None) -> "WireClient":
        return cls(*await asyncio.open_connection(host, port, ssl=tls))

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def login(self, client_id: str = "c", username: str = "u", password: bytes = b"p", **more: int) -> int:
        """Send CONNECT; the return code of the CONNACK."""
        await self.send(connect(client_id, username, password, **more))  # type: ignore[arg-type]  # ints only in tests
        answer = await self.receive()
        assert (answer.kind, answer.flags, answer.body[0], len(answer.body)) == (2, 0, 0, 2), answer
        return answer.body[1]

    async def receive(self, timeout_s: float = TIMEOUT_S) -> Received:
        async with asyncio.timeout(timeout_s):  # wait_for of Python 3.11 loses a cancel that comes with the answer
            return await self._receive()

    async def _receive(self) -> Received:
        head = (await self.reader.readexactly(1))[0]
        size = shift = 0
        while True:
            digit = (await self.reader.readexactly(1))[0]
            size += (digit & 127) << shift
            shift += 7
            if digit < 128:
                break
        return Received(head >> 4, head & 15, await self.reader.readexactly(size))

    async def alive(self) -> bool:
        """Whether the server still answers a ping, with nothing else on its way."""
        await self.send(PINGREQ)
        return (await self.receive()).kind == 13

    async def closed(self, timeout_s: float = TIMEOUT_S) -> bytes:
        """What still came before the server hung up."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self.reader.read()
        except ConnectionError:
            return b""

    async def close(self) -> None:
        self.writer.transport.abort()
        await asyncio.sleep(0)
