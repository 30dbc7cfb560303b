"""What MQTT packets say, as values; codec.py turns them into bytes and back."""

from dataclasses import dataclass, field
from enum import IntEnum

from upwell.domain.errors import DeviceError


class MalformedPacket(DeviceError):
    """The bytes are not MQTT as a device may speak it."""


class ConnectCode(IntEnum):
    """The answer to a CONNECT (mqtt 3.2.2.3)."""

    ACCEPTED = 0
    UNSUPPORTED_LEVEL = 1
    IDENTIFIER_REJECTED = 2
    UNAVAILABLE = 3
    BAD_CREDENTIALS = 4


@dataclass(frozen=True, slots=True)
class Connect:
    client_id: str
    username: str
    password: bytes = field(repr=False)
    keep_alive_s: int
    protocol_level: int


@dataclass(frozen=True, slots=True)
class UnsupportedConnect:
    """A CONNECT of another version of MQTT: its level is all that can be known of it. Nothing is decoded after it."""

    protocol_level: int


@dataclass(slots=True)
class Publish:
    """`packet_id` is 0 exactly at QoS 0. It is nobody's to change, and not frozen because one is made so often."""

    topic: str
    payload: bytes = field(repr=False)
    packet_id: int
    dup: bool


@dataclass(frozen=True, slots=True)
class Skipped:
    """A publish whose payload is larger than may be read: `size` bytes came, and none was kept."""

    topic: str
    size: int
    packet_id: int


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


Packet = Connect | UnsupportedConnect | Publish | Skipped | Puback | Subscribe | Unsubscribe | Pingreq | Disconnect
