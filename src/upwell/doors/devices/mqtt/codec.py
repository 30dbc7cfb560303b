"""MQTT 3.1 and 3.1.1, the server's half, without IO: bytes in, packets out; answers in, bytes out.

Holds: the wire format and nothing else. `Decoder.feed` gives the same packets however the stream is cut.
Strict: what the standard forbids raises MalformedPacket, and a decoder that raised stays raised. Packets decoded in
the same call before the malformed one are lost with it; they were not acknowledged, so the device sends them again.
Refuses: QoS 2 publishes, packets that only a server sends, anything before CONNECT, a second CONNECT. A publish of more
than may be read is not malformed: it is read off without being kept, and said to have been.
Only the shape is judged here; who may log in, publish or subscribe is the handler's to say.
Source: OASIS MQTT 3.1.1 (clauses cited as `mqtt n.n`); IBM MQTT V3.1.
"""

from collections.abc import Callable

from upwell.doors.devices.mqtt.packets import (
    Connect,
    ConnectCode,
    Disconnect,
    MalformedPacket,
    Packet,
    Pingreq,
    Puback,
    Publish,
    Skipped,
    Subscribe,
    Unsubscribe,
    UnsupportedConnect,
)

CONNECT_SIZE_MAX = 4096  # bytes after the fixed header that a stranger may say; the longest known login has about 500
LENGTH_BYTES_MAX = 4  # mqtt 2.2.3
PACKET_ID_MAX = 65535
STRING_SIZE_MAX = 65535
LEVELS = {b"MQIsdp": 3, b"MQTT": 4}  # mqtt 3.1.2.1; the name of 3.1 is the older one
LEVEL_5 = 5
SUBSCRIBE_REFUSED = 0x80  # mqtt 3.9.3


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
    if has_will:  # read only to find what follows it: it is never sent to anyone
        _topic(reader)
        reader.binary()
    username = reader.text() if has_user else ""
    password = reader.binary() if has_password else b""
    reader.end()
    return Connect(client_id, username, password, keep_alive_s, level)


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
    return Publish(topic, reader.take(reader.left), packet_id, dup)


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
_CONNECT, _PUBLISH = 1, 3


class Decoder:
    """One device's stream of bytes as packets. Holds at most one unfinished packet: `connect_size_max` bytes of a
    stranger's, and once `allow` was called, a publish with its topic. What a login is followed by and is larger than it
    may be waits for `allow`, in what was fed until then."""

    def __init__(self, connect_size_max: int = CONNECT_SIZE_MAX) -> None:
        self._size_max = connect_size_max
        self._allowed = False
        self._buffer = bytearray()
        self._level = 0  # 0 until CONNECT
        self._failed: str | None = None
        self._over = False
        self._skipping: tuple[Skipped, int] | None = None  # what is read off now, and how many bytes are still to come

    def allow(self, payload_size_max: int) -> None:
        """Take publishes with that much payload, for the device logged in. `feed` gives what waited for it."""
        self._size_max = payload_size_max
        self._allowed = True

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
        packets: list[Packet] = []
        buffer, position = self._buffer, 0
        buffer += self._read_off(data, packets)
        while position < len(buffer) and not self._over:
            packet, after = self._next(position)
            if after == position:
                break
            position = after
            if packet is not None:
                packets.append(packet)
            self._over = isinstance(packet, UnsupportedConnect)
        del buffer[: len(buffer) if self._over else position]
        return packets

    def _read_off(self, data: bytes, packets: list[Packet]) -> bytes:
        """What is left of `data` behind a publish that is not kept."""
        if self._skipping is None:
            return data
        skipped, left = self._skipping
        if len(data) < left:
            self._skipping = skipped, left - len(data)
            return b""
        self._skipping = None
        packets.append(skipped)
        return data[left:]

    def _next(self, position: int) -> tuple[Packet | None, int]:
        """The packet that starts there, None while it is read off, and where the next one starts: there too, when more
        must come first."""
        buffer, head = self._buffer, self._buffer[position]
        size, body_at = self._header(position)
        if body_at < 0 or (size > self._size_max and not self._allowed):
            return None, position
        if size > self._size_max:  # a publish, for nothing else may be
            about = self._about(head, body_at)
            if about > size:
                raise MalformedPacket("a field is cut short")
            if len(buffer) < body_at + about:
                return None, position
            if size - about > self._size_max:
                return self._skip(head, body_at, about, size)
        end = body_at + size
        if len(buffer) < end:
            return None, position
        return self._packet(head, bytes(buffer[body_at:end])), end

    def _about(self, head: int, body_at: int) -> int:
        """How many bytes of a publish are about its payload: topic and packet id; 2 until their number came."""
        length = self._buffer[body_at : body_at + 2]
        return 2 if len(length) < 2 else 2 + int.from_bytes(length, "big") + (2 if head & 0x06 else 0)

    def _skip(self, head: int, body_at: int, about: int, size: int) -> tuple[Packet | None, int]:
        publish = _publish(head & 0x0F, bytes(self._buffer[body_at : body_at + about]))
        skipped, end = Skipped(publish.topic, size - about, publish.packet_id), body_at + size
        if len(self._buffer) >= end:
            return skipped, end
        self._skipping = skipped, end - len(self._buffer)
        return None, len(self._buffer)

    def _header(self, position: int) -> tuple[int, int]:
        """The size of the body and where it starts, -1 when that is not known yet; what can be refused already is."""
        buffer = self._buffer
        self._check_head(buffer[position])
        endless = (buffer[position] >> 4 == _PUBLISH) if self._allowed else bool(self._level)
        size = 0
        for index, digit in enumerate(buffer[position + 1 : position + 1 + LENGTH_BYTES_MAX]):
            size |= (digit & 0x7F) << 7 * index
            if size > self._size_max and not endless:
                raise MalformedPacket(f"a packet of more than {self._size_max} bytes")
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
