"""MQTT 3.1 and 3.1.1, the server's half, without IO: bytes in, packets out; answers in, bytes out.

Holds: the wire format and nothing else. `Decoder.take` gives the same packets however the stream is cut.
Strict: what the standard forbids raises MalformedPacket, and a decoder that raised stays raised.
Bounded: what is kept, and how many filters one packet names, for each is looked at.
Refuses: QoS 2 publishes, packets that only a server sends, anything before CONNECT, a second CONNECT. A publish of more
than may be read is not malformed: it is read off without being kept, and said to have been.
Only the shape is judged here; who may log in, publish or subscribe is the handler's to say.
Source: OASIS MQTT 3.1.1 (clauses cited as `mqtt n.n`); IBM MQTT V3.1.
"""

from collections.abc import Callable, Sized

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

CONNECT_SIZE_MAX = 2048  # bytes after the fixed header that a stranger may say; the longest known login has about 500
CONTROL_SIZE_MAX = 16_384  # bytes of any other packet but a publish: what FILTERS_MAX filters of devices' topics take
FILTERS_MAX = 256  # of one SUBSCRIBE or UNSUBSCRIBE; SDKs send fewer than ten
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
        return _text(self.binary())

    def packet_id(self) -> int:
        packet_id = self.number16()
        if packet_id == 0:  # mqtt 2.3.1-1
            raise MalformedPacket("packet id 0")
        return packet_id

    def end(self) -> None:
        if self.left:
            raise MalformedPacket("bytes after the last field")


def _text(raw: bytes) -> str:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise MalformedPacket("a string is not UTF-8") from exc
    if "\0" in text:  # mqtt 1.5.3-2
        raise MalformedPacket("a string holds NUL")
    return text


def _topic_of(raw: bytes) -> str:
    topic = _text(raw)
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
        _topic_of(reader.binary())
        reader.binary()
    username = reader.text() if has_user else ""
    password = reader.binary() if has_password else b""
    reader.end()
    return Connect(client_id, username, password, keep_alive_s, level)


def _publish(flags: int, body: bytes) -> Publish:
    """It is the packet that devices send most, and read without a cursor."""
    qos, dup = flags >> 1 & 3, flags & 0x08 != 0
    if qos > 1:
        raise MalformedPacket("QoS 3" if qos == 3 else "QoS 2 is not offered")
    if dup and not qos:  # mqtt 3.3.1-2
        raise MalformedPacket("DUP on QoS 0")
    if len(body) < 2:
        raise MalformedPacket("a field is cut short")
    at = 2 + (body[0] << 8 | body[1])
    payload_at = at + 2 if qos else at
    if len(body) < payload_at:
        raise MalformedPacket("a field is cut short")
    topic = _topic_of(body[2:at])
    packet_id = body[at] << 8 | body[at + 1] if qos else 0
    if qos and not packet_id:  # mqtt 2.3.1-1
        raise MalformedPacket("packet id 0")
    return Publish(topic, body[payload_at:], packet_id, dup)


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
        _bounded(filters)
    return Subscribe(packet_id, tuple(filters))


def _bounded(filters: Sized) -> None:
    if len(filters) > FILTERS_MAX:
        raise MalformedPacket(f"more than {FILTERS_MAX} topic filters")


def _unsubscribe(flags: int, body: bytes) -> Unsubscribe:
    reader = _Reader(body)
    packet_id = reader.packet_id()
    filters: list[str] = []
    while reader.left or not filters:  # mqtt 3.10.3-2: at least one
        filters.append(_filter(reader))
        _bounded(filters)
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
_ENDLESS = 1 << 28  # more than a remaining length can say


class Decoder:
    """One device's stream of bytes, taken packet by packet. Holds what was put in and not taken yet: at most one
    unfinished packet (`connect_size_max` bytes of a stranger's, and once `allow` was called, a publish with its topic,
    or CONTROL_SIZE_MAX of anything else) and what came in one read. What a login is followed by and is larger than a
    stranger may say waits for `allow`."""

    __slots__ = ("_allowed", "_at", "_data", "_failed", "_level", "_over", "_size_max", "_skipping")

    def __init__(self, connect_size_max: int = CONNECT_SIZE_MAX) -> None:
        self._size_max = connect_size_max
        self._allowed = False
        self._data: bytes | bytearray = b""
        self._at = 0  # where in it the next packet begins
        self._level = 0  # 0 until CONNECT
        self._failed: str | None = None
        self._over = False
        self._skipping: tuple[Skipped, int] | None = None  # what is read off now, and how many bytes are still to come

    @property
    def held(self) -> int:
        """Bytes that were put in and not taken."""
        return len(self._data) - self._at

    def allow(self, payload_size_max: int) -> None:
        """Take publishes with that much payload, for the device logged in."""
        self._size_max = payload_size_max
        self._allowed = True

    def put(self, data: bytes | bytearray | memoryview) -> None:
        """The next bytes of the stream; they are copied."""
        if self._skipping is not None:
            data = self._read_off(data)
        if self._at >= len(self._data):
            self._data, self._at = bytes(data), 0
            return
        if not isinstance(self._data, bytearray):
            self._data = bytearray(self._data[self._at :])
        else:
            del self._data[: self._at]
        self._at = 0
        self._data += data

    def take(self) -> Packet | None:
        """The next packet; None when more bytes must come first. Raises MalformedPacket, and then again at every later
        call."""
        if self._failed is not None:
            raise MalformedPacket(self._failed)
        try:
            return self._next()
        except MalformedPacket as exc:
            self._failed = exc.problem
            self.clear()
            raise

    def clear(self) -> None:
        """Forget what was put in and not taken."""
        self._data, self._at = b"", 0

    def _read_off(self, data: bytes | bytearray | memoryview) -> bytes | bytearray | memoryview:
        """What is left of `data` behind a publish that is not kept."""
        assert self._skipping is not None  # noqa: S101  # asked before
        skipped, left = self._skipping
        taken = min(left, len(data))
        self._skipping = skipped, left - taken
        return data[taken:]

    def _next(self) -> Packet | None:
        if self._skipping is not None:
            skipped, left = self._skipping
            if left:
                return None
            self._skipping = None
            return skipped
        data, at = self._data, self._at
        if at >= len(data):
            return None
        if self._over:
            self.clear()
            return None
        head = data[at]
        size, body_at = self._header(data, at)
        if body_at < 0 or (size > self._size_max and not self._allowed):
            return None
        if head >> 4 == _PUBLISH:
            return self._publish(data, head, body_at, size)
        end = body_at + size
        if len(data) < end:
            return None
        self._at = end
        return self._packet(head, bytes(data[body_at:end]))

    def _publish(self, data: bytes | bytearray, head: int, body_at: int, size: int) -> Packet | None:
        """A publish whose body starts there and has that size, as far as it came."""
        end = body_at + size
        if size > self._size_max:
            about = _about(data, head, body_at)
            if about > size:
                raise MalformedPacket("a field is cut short")
            if len(data) < body_at + about:
                return None
            if size - about > self._size_max:
                return self._skip(head, body_at, about, size)
        if len(data) < end:
            return None
        publish = _publish(head & 0x0F, bytes(data[body_at:end]))
        self._at = end
        return publish

    def _skip(self, head: int, body_at: int, about: int, size: int) -> Packet | None:
        """What is said of a publish that is not kept, once all of it came."""
        publish = _publish(head & 0x0F, bytes(self._data[body_at : body_at + about]))
        rest = self._data[body_at + about :]
        self._skipping = Skipped(publish.topic, size - about, publish.packet_id), size - about
        self.clear()
        self.put(rest)
        return self._next()

    def _header(self, data: bytes | bytearray, at: int) -> tuple[int, int]:
        """The size of the body and where it starts, -1 when that is not known yet; what can be refused already is."""
        self._check_head(data[at])
        is_publish = data[at] >> 4 == _PUBLISH
        # What follows a login waits until it is known who it is.
        waits = self._level and not self._allowed
        most = _ENDLESS if waits or (is_publish and self._allowed) else self._control_max()
        size = shift = 0
        for place in range(at + 1, min(len(data), at + 1 + LENGTH_BYTES_MAX)):
            digit = data[place]
            size |= (digit & 0x7F) << shift
            shift += 7
            if size > most:
                raise MalformedPacket(f"a packet of more than {most} bytes")
            if digit < 0x80:
                return size, place + 1
        if len(data) > at + LENGTH_BYTES_MAX:
            raise MalformedPacket("a remaining length of more than four bytes")
        return 0, -1

    def _control_max(self) -> int:
        """Bytes of a packet that is no publish."""
        return min(self._size_max, CONTROL_SIZE_MAX) if self._allowed else self._size_max

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
        self._over = isinstance(packet, UnsupportedConnect)
        return packet


def _about(data: bytes | bytearray, head: int, body_at: int) -> int:
    """How many bytes of a publish are about its payload: topic and packet id; 2 until their number came."""
    length = data[body_at : body_at + 2]
    return 2 if len(length) < 2 else 2 + int.from_bytes(length, "big") + (2 if head & 0x06 else 0)


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
