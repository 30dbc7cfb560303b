"""MQTT 3.1 and 3.1.1, the server's half, without IO: bytes in, packets out; answers in, bytes out.

Holds: the wire format and nothing else. `Decoder.feed` gives the same packets however the stream is cut.
Strict: what the standard forbids raises MalformedPacket, and a decoder that raised stays raised. Packets decoded in
the same call before the malformed one are lost with it; they were not acknowledged, so the device sends them again.
Refuses: QoS 2 publishes, packets that only a server sends, anything before CONNECT, a second CONNECT.
Only the shape is judged here; who may log in, publish or subscribe is the handler's to say.
Source: OASIS MQTT 3.1.1 (clauses cited as `mqtt n.n`); IBM MQTT V3.1.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum

from upwell.domain.errors import DeviceError

PACKET_SIZE_MAX = 65536  # bytes after the fixed header; a firmware report needs hundreds
LENGTH_BYTES_MAX = 4  # mqtt 2.2.3
PACKET_ID_MAX = 65535
STRING_SIZE_MAX = 65535
LEVELS = {b"MQIsdp": 3, b"MQTT": 4}  # mqtt 3.1.2.1; the name of 3.1 is the older one
LEVEL_5 = 5
SUBSCRIBE_REFUSED = 0x80  # mqtt 3.9.3


class MalformedPacket(DeviceError):
    """The bytes are not MQTT as a device may speak it."""


class ConnectCode(IntEnum):
    """The answer to a CONNECT (mqtt 3.2.2.3)."""

    ACCEPTED = 0
    UNSUPPORTED_LEVEL = 1
    IDENTIFIER_REJECTED = 2
    UNAVAILABLE = 3
    BAD_CREDENTIALS = 4
    NOT_AUTHORISED = 5


@dataclass(frozen=True, slots=True)
class Will:
    """A last message; parsed so that what follows it is found, and never sent to anyone."""

    topic: str
    payload: bytes = field(repr=False)
    qos: int
    retain: bool


@dataclass(frozen=True, slots=True)
class Connect:
    client_id: str
    username: str
    password: bytes = field(repr=False)
    keep_alive_s: int
    clean_session: bool
    protocol_level: int
    will: Will | None = None


@dataclass(frozen=True, slots=True)
class UnsupportedConnect:
    """A CONNECT of another version of MQTT: its level is all that can be known of it. Nothing is decoded after it."""

    protocol_level: int


@dataclass(frozen=True, slots=True)
class Publish:
    """`packet_id` is 0 exactly when `qos` is 0."""

    topic: str
    payload: bytes = field(repr=False)
    qos: int
    packet_id: int
    dup: bool
    retain: bool


@dataclass(frozen=True, slots=True)
class Puback:
    packet_id: int


@dataclass(frozen=True, slots=True)
class Subscribe:
    packet_id: int
    filters: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    packet_id: int
    filters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pingreq:
    pass


@dataclass(frozen=True, slots=True)
class Disconnect:
    pass


Packet = Connect | UnsupportedConnect | Publish | Puback | Subscribe | Unsubscribe | Pingreq | Disconnect


class _Reader:
    """A cursor over the body of one packet; every read past its end is malformed."""

    __slots__ = ("body", "position")

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.position = 0

    @property
    def left(self) -> int:
        return len(self.body) - self.position

    def take(self, size: int) -> bytes:
        end = self.position + size
        if end > len(self.body):
            raise MalformedPacket("a field is cut short")
        taken = self.body[self.position : end]
        self.position = end
        return taken

    def number8(self) -> int:
        return self.take(1)[0]

    def number16(self) -> int:
        return int.from_bytes(self.take(2), "big")

    def binary(self) -> bytes:
        return self.take(self.number16())

    def text(self) -> str:
        raw = self.binary()
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as exc:
            raise MalformedPacket("a string is not UTF-8") from exc
        if "\0" in text:  # mqtt 1.5.3-2
            raise MalformedPacket("a string holds NUL")
        return text

    def packet_id(self) -> int:
        packet_id = self.number16()
        if packet_id == 0:  # mqtt 2.3.1-1
            raise MalformedPacket("packet id 0")
        return packet_id

    def end(self) -> None:
        if self.left:
            raise MalformedPacket("bytes after the last field")


def _topic(reader: _Reader) -> str:
    topic = reader.text()
    if not topic or "+" in topic or "#" in topic:  # mqtt 3.3.2-2, 4.7.3-1
        raise MalformedPacket("a topic name is empty or holds a wildcard")
    return topic


def _filter(reader: _Reader) -> str:
    topic_filter = reader.text()
    levels = topic_filter.split("/")
    alone = all(level in ("+", "#") or not ("+" in level or "#" in level) for level in levels)
    if not topic_filter or not alone or "#" in levels[:-1]:  # mqtt 4.7.1
        raise MalformedPacket("a topic filter is empty or misplaces a wildcard")
    return topic_filter


def _connect(flags: int, body: bytes) -> Connect | UnsupportedConnect:
    reader = _Reader(body)
    name = reader.binary()
    if name not in LEVELS:  # mqtt 3.1.2-1
        raise MalformedPacket("unknown protocol name")
    level = reader.number8()
    if level != LEVELS[name]:
        return UnsupportedConnect(level)
    bits = reader.number8()
    has_user, has_password, has_will = bool(bits & 0x80), bool(bits & 0x40), bool(bits & 0x04)
    if bits & 0x01 or (has_password and not has_user):  # mqtt 3.1.2-3, 3.1.2-22
        raise MalformedPacket("forbidden connect flags")
    if bits & 0x18 == 0x18 or (not has_will and bits & 0x38):  # mqtt 3.1.2-11 to 3.1.2-15
        raise MalformedPacket("forbidden will flags")
    keep_alive_s = reader.number16()
    client_id = reader.text()
    will = Will(_topic(reader), reader.binary(), bits >> 3 & 3, bool(bits & 0x20)) if has_will else None
    username = reader.text() if has_user else ""
    password = reader.binary() if has_password else b""
    reader.end()
    return Connect(client_id, username, password, keep_alive_s, bool(bits & 0x02), level, will)


def _publish(flags: int, body: bytes) -> Publish:
    qos = flags >> 1 & 3
    dup = bool(flags & 0x08)
    if qos > 1:
        raise MalformedPacket("QoS 3" if qos == 3 else "QoS 2 is not offered")
    if dup and not qos:  # mqtt 3.3.1-2
        raise MalformedPacket("DUP on QoS 0")
    reader = _Reader(body)
    topic = _topic(reader)
    packet_id = reader.packet_id() if qos else 0
    return Publish(topic, reader.take(reader.left), qos, packet_id, dup, bool(flags & 0x01))


def _puback(flags: int, body: bytes) -> Puback:
    reader = _Reader(body)
    packet = Puback(reader.packet_id())
    reader.end()
    return packet


def _subscribe(flags: int, body: bytes) -> Subscribe:
    reader = _Reader(body)
    packet_id = reader.packet_id()
    filters: list[tuple[str, int]] = []
    while reader.left or not filters:  # mqtt 3.8.3-3: at least one
        topic_filter, qos = _filter(reader), reader.number8()
        if qos > 2:  # mqtt 3.8.3-4
            raise MalformedPacket("a requested QoS is above 2")
        filters.append((topic_filter, qos))
    return Subscribe(packet_id, tuple(filters))


def _unsubscribe(flags: int, body: bytes) -> Unsubscribe:
    reader = _Reader(body)
    packet_id = reader.packet_id()
    filters: list[str] = []
    while reader.left or not filters:  # mqtt 3.10.3-2: at least one
        filters.append(_filter(reader))
    return Unsubscribe(packet_id, tuple(filters))


def _pingreq(flags: int, body: bytes) -> Pingreq:
    _Reader(body).end()
    return Pingreq()


def _disconnect(flags: int, body: bytes) -> Disconnect:
    _Reader(body).end()
    return Disconnect()


_ANY_FLAGS = frozenset(range(16))
# Type number: the flags it may carry (mqtt 2.2.2), the flags it may carry in 3.1 (DUP on a repeat), its parser.
_PACKETS: dict[int, tuple[frozenset[int], frozenset[int], Callable[[int, bytes], Packet]]] = {
    1: (frozenset({0}), frozenset({0}), _connect),
    3: (_ANY_FLAGS, _ANY_FLAGS, _publish),
    4: (frozenset({0}), frozenset({0}), _puback),
    8: (frozenset({2}), frozenset({2, 10}), _subscribe),
    10: (frozenset({2}), frozenset({2, 10}), _unsubscribe),
    12: (frozenset({0}), frozenset({0}), _pingreq),
    14: (frozenset({0}), frozenset({0}), _disconnect),
}
_CONNECT = 1


class Decoder:
    """One device's stream of bytes as packets. Holds at most one unfinished packet of `packet_size_max` bytes."""

    def __init__(self, packet_size_max: int = PACKET_SIZE_MAX) -> None:
        self._packet_size_max = packet_size_max
        self._buffer = bytearray()
        self._level = 0  # 0 until CONNECT
        self._failed: str | None = None
        self._over = False

    def allow(self, packet_size_max: int) -> None:
        """From the next packet on, take packets of that size; a device that logged in may say more than a stranger."""
        self._packet_size_max = packet_size_max

    def feed(self, data: bytes) -> list[Packet]:
        """The packets that `data` completes. Raises MalformedPacket, and then again at every later call."""
        if self._failed is not None:
            raise MalformedPacket(self._failed)
        try:
            return self._decode(data)
        except MalformedPacket as exc:
            self._failed = exc.problem
            self._buffer.clear()
            raise

    def _decode(self, data: bytes) -> list[Packet]:
        if self._over:
            return []
        buffer, position = self._buffer, 0
        buffer += data
        packets: list[Packet] = []
        while position < len(buffer):
            size, body_at = self._header(position)
            if body_at < 0 or len(buffer) < body_at + size:
                break
            packet = self._packet(buffer[position], bytes(buffer[body_at : body_at + size]))
            packets.append(packet)
            position = body_at + size
            if isinstance(packet, UnsupportedConnect):
                self._over, position = True, len(buffer)
        if position:
            del buffer[:position]
        return packets

    def _header(self, position: int) -> tuple[int, int]:
        """The size of the body and where it starts, -1 when that is not known yet; what can be refused already is."""
        buffer = self._buffer
        self._check_head(buffer[position])
        size = 0
        for index, digit in enumerate(buffer[position + 1 : position + 1 + LENGTH_BYTES_MAX]):
            size |= (digit & 0x7F) << 7 * index
            if size > self._packet_size_max:
                raise MalformedPacket(f"a packet of more than {self._packet_size_max} bytes")
            if digit < 0x80:
                return size, position + 2 + index
        if len(buffer) > position + LENGTH_BYTES_MAX:
            raise MalformedPacket("a remaining length of more than four bytes")
        return 0, -1

    def _check_head(self, head: int) -> None:
        kind, flags = head >> 4, head & 0x0F
        if kind not in _PACKETS:
            raise MalformedPacket(f"packet type {kind} is not a device's to send")
        if (kind == _CONNECT) is bool(self._level):  # mqtt 3.1.0-1, 3.1.0-2
            raise MalformedPacket("a second CONNECT" if self._level else "a packet before CONNECT")
        allowed, allowed_in_31, _ = _PACKETS[kind]
        if flags not in (allowed_in_31 if self._level == 3 else allowed):
            raise MalformedPacket(f"reserved flags {flags} on packet type {kind}")

    def _packet(self, head: int, body: bytes) -> Packet:
        packet = _PACKETS[head >> 4][2](head & 0x0F, body)
        if isinstance(packet, Connect):
            self._level = packet.protocol_level
        return packet


def _length(size: int) -> bytes:
    digits = bytearray()
    while True:
        size, digit = size >> 7, size & 0x7F
        digits.append(digit | 0x80 if size else digit)
        if not size:
            return bytes(digits)


def connack_unsupported(level: int) -> bytes:
    """The refusal of a CONNECT of another version, in its own form as far as it is known: reason 0x84 with no
    properties for MQTT 5 and what may follow it (MQTT 5.0 3.1.2.2), code 1 for the rest (mqtt 3.1.2-2)."""
    return b"\x20\x03\x00\x84\x00" if level >= LEVEL_5 else connack(ConnectCode.UNSUPPORTED_LEVEL)


def connack(code: ConnectCode) -> bytes:
    """Session present is always 0: the door keeps no session of a device that left."""
    return bytes((0x20, 2, 0, code))


def publish(topic: str, payload: bytes, qos: int = 0, packet_id: int = 0, *, dup: bool = False) -> bytes:
    """Raises ValueError where the caller asks for what MQTT can't say."""
    name = topic.encode("utf-8")
    if not name or len(name) > STRING_SIZE_MAX or "+" in topic or "#" in topic or "\0" in topic:
        raise ValueError("not a topic name")
    if qos not in (0, 1) or bool(packet_id) is not bool(qos) or packet_id > PACKET_ID_MAX:
        raise ValueError("QoS 0 goes without packet id, QoS 1 with one")
    head = 0x30 | qos << 1 | (0x08 if dup else 0)
    number = packet_id.to_bytes(2, "big") if qos else b""
    size = 2 + len(name) + len(number) + len(payload)
    return b"".join((bytes((head,)), _length(size), len(name).to_bytes(2, "big"), name, number, payload))


def puback(packet_id: int) -> bytes:
    return b"\x40\x02" + packet_id.to_bytes(2, "big")


def suback(packet_id: int, codes: list[int]) -> bytes:
    return b"\x90" + _length(2 + len(codes)) + packet_id.to_bytes(2, "big") + bytes(codes)


def unsuback(packet_id: int) -> bytes:
    return b"\xb0\x02" + packet_id.to_bytes(2, "big")


def pingresp() -> bytes:
    return b"\xd0\x00"
