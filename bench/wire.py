"""The bytes that the devices of the bench and of the long proofs write and read: MQTT 3.1.1, by its specification.

Nothing here comes from the server, and it is written for speed: a packet is cut out of what came by its place, and only
those kinds are told apart that a device acts on.
"""

import hashlib
import hmac
from collections.abc import Iterator

TIMESTAMP = "2524608000000"  # alibaba 6.1: the C SDKs' constant
PINGREQ = b"\xc0\x00"
DISCONNECT = b"\xe0\x00"
CONNACK, PUBLISH, PUBACK, SUBACK, UNSUBACK, PINGRESP = 2, 3, 4, 9, 11, 13
_LENGTH_BYTES_MAX = 4


def packet(head: int, body: bytes) -> bytes:
    """A packet of that first byte."""
    size, length = len(body), b""
    while size > 127:
        length += bytes([size & 127 | 128])
        size >>= 7
    return bytes([head]) + length + bytes([size]) + body


def text(value: str) -> bytes:
    """A string with its size before it."""
    raw = value.encode()
    return len(raw).to_bytes(2) + raw


def connect(client_id: str, username: str, password: str, keep_alive_s: int = 1200) -> bytes:
    """CONNECT with user, password and a clean session."""
    head = text("MQTT") + b"\x04\xc2" + keep_alive_s.to_bytes(2)
    return packet(0x10, head + text(client_id) + text(username) + text(password))


def login(product_key: str, name: str, secret: str) -> bytes:
    """The CONNECT of an Alibaba device on the C SDK (alibaba 6.1)."""
    signed = f"clientId{product_key}.{name}deviceName{name}productKey{product_key}timestamp{TIMESTAMP}"
    password = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).hexdigest().upper()
    about = f"timestamp={TIMESTAMP},_ss=1,_v=sdk-c-4.1.0,securemode=3,signmethod=hmacsha256,ext=3,"
    return connect(f"{product_key}.{name}|{about}|", f"{name}&{product_key}", password)


def publish(topic: str, payload: bytes, packet_id: int, *, dup: bool = False) -> bytes:
    """PUBLISH at QoS 1; at QoS 0 with packet id 0."""
    head = 0x30 | (2 if packet_id else 0) | (8 if dup else 0)
    return packet(head, text(topic) + (packet_id.to_bytes(2) if packet_id else b"") + payload)


def subscribe(packet_id: int, *filters: str) -> bytes:
    """SUBSCRIBE at QoS 1."""
    return packet(0x82, packet_id.to_bytes(2) + b"".join(text(each) + b"\x01" for each in filters))


def unsubscribe(packet_id: int, *filters: str) -> bytes:
    """UNSUBSCRIBE."""
    return packet(0xA2, packet_id.to_bytes(2) + b"".join(map(text, filters)))


def puback(packet_id: int) -> bytes:
    """PUBACK."""
    return b"\x40\x02" + packet_id.to_bytes(2)


class Cutter:
    """Cuts a stream into packets. Raises ValueError at a length that MQTT does not have."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, int, bytes]]:
        """Kind, flags and body of each packet that is whole."""
        if self._rest:
            data = self._rest + data
        at, end = 0, len(data)
        while (found := _measure(data, at, end)) is not None:
            start, size = found
            if start + size > end:
                break
            first = data[at]
            at = start + size
            yield first >> 4, first & 15, data[start:at]
        self._rest = data[at:]


def _measure(data: bytes, at: int, end: int) -> tuple[int, int] | None:
    """Where the body of the packet at `at` starts and its size; None when its head is not whole."""
    size = 0
    for place in range(_LENGTH_BYTES_MAX):
        if at + 1 + place >= end:
            return None
        byte = data[at + 1 + place]
        size |= (byte & 127) << 7 * place
        if byte < 128:
            return at + 2 + place, size
    raise ValueError("a length of more than four bytes")


def published(flags: int, body: bytes) -> tuple[str, int, bytes]:
    """Topic, packet id (0 at QoS 0) and payload of a PUBLISH."""
    end = 2 + int.from_bytes(body[:2])
    if not flags & 6:
        return body[2:end].decode(), 0, body[end:]
    return body[2:end].decode(), int.from_bytes(body[end : end + 2]), body[end + 2 :]
