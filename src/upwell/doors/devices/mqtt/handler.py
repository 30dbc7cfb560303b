"""What the MQTT door asks of the platform, what it tells it, and every bound of a connection.

Holds: the handler decides who may log in, publish and subscribe, and when a publish is safely taken.
Refuses: to know a vendor's topic, client id or password scheme.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from upwell.doors.devices.faces import Down
from upwell.doors.devices.identity import Identity
from upwell.doors.devices.mqtt import codec
from upwell.service.journal import tell


def refused(log: logging.Logger, client_id: str, username: str, reason: str, peer: str) -> None:
    """A CONNECT is refused, and who, why and from where is told; its password is not."""
    tell(log, "device login refused", client_id=client_id, user=username, reason=reason, peer=peer)


Receipt = Callable[[object, BaseException | None], None]
"""To be called once of a publish: with anything and None when it was taken, or with the reason why it could not be."""


class Wire(Protocol):
    """The socket under a connection."""

    def push(self, message: Down, token: object) -> bool: ...
    def end(self, reason: str) -> None: ...


@dataclass(slots=True, eq=False)
class Conn:
    """An accepted connection as the handler sees it: a seat, for it can be told something now."""

    connection_id: UUID
    device_id: UUID
    facts: object = field(repr=False)
    peer: str
    wire: Wire = field(repr=False)
    name: str = ""  # what people call the device
    waits: int = 0  # messages of it that wait for what was said before; the handler's own

    def tell(self, message: Down, token: object) -> bool:
        """Write one message now. False, with nothing done, when the connection ended, its output is not flowing, or too
        much is in flight. The handler's `delivered` gets `token` at PUBACK, or before this returns where the message
        went out at QoS 0. Until its PUBACK, `patience_s` seconds of silence at most don't end the connection. Raises
        ValueError for what is no topic name."""
        return self.wire.push(message, token)

    def end(self, reason: str) -> None:
        """End the connection, if it has not ended; nothing that it said and that is not read yet is heard."""
        self.wire.end(reason)


class MqttHandler(Protocol):
    """What the door asks of the platform. What it raises for a device's fault should be an UpwellError: that is
    logged in one line, anything else with its traceback."""

    def is_full(self) -> bool:
        """Whether so much is under way that nobody new is to be let in."""

    async def login(self, client_id: str, username: str, password: bytes, peer: str) -> Identity | None:
        """None refuses (CONNACK 4); raising says that it can't be told now (CONNACK 3)."""

    def turned_away(self, identity: Identity, peer: str, reason: str) -> None:
        """It has proven who it is, and is refused by the door. Must not block."""

    def skipped(self, conn: Conn, topic: str, size: int) -> None:
        """A publish was too large to be read. Must not block."""

    async def connected(self, conn: Conn) -> None:
        """Once per accepted connection, after CONNACK, before any publish of it. Raising ends the connection."""

    async def disconnected(self, conn: Conn) -> None:
        """Once per accepted connection, after `connected` and before the `connected` of its successor. What came before
        the end has been taken, unless that took too long: then publishes may still be under way."""

    def may_publish(self, conn: Conn, topic: str) -> bool:
        """False ends the connection."""

    def published(self, conn: Conn, topic: str, payload: bytes, dup: bool, receipt: Receipt) -> None:
        """Called in the order of arrival, and not for what `may_publish` refuses. It returns at once, and never raises:
        PUBACK follows when `receipt` is called; called with an error it ends the connection without PUBACK, and the
        device sends it again."""

    def may_subscribe(self, conn: Conn, topic_filter: str) -> bool:
        """False answers 0x80 for that filter."""

    def delivered(self, conn: Conn, token: object) -> None:
        """A push reached the device (or left at QoS 0). Must not block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Every bound of one connection."""

    connect_timeout_s: float = 10.0  # from accept to CONNACK: a stranger may not hold a socket
    keep_alive_range_s: tuple[int, int] = (30, 1200)  # alibaba 6.1: outside is refused
    connect_size_max: int = codec.CONNECT_SIZE_MAX  # of a stranger's first packet
    payload_size_max: int = 262_144  # of a publish, where its vendor's page names no bound; a larger one is skipped
    pending_max: int = 32  # publishes handed in and not yet taken; beyond, others wait
    pending_size_max: int = 524_288  # bytes of their payloads from which others wait
    unread_size_max: int = 65_536  # bytes that wait behind them, from which reading pauses
    under_way_max: int = 20_000  # such publishes of all connections; beyond, each has one
    packets_per_s: float = 300.0  # of one connection in the long run: a full gateway whose devices all report in 5 s
    burst_max: int = 3000  # packets at once: what a device has to tell that was away for long
    flood_max_s: float = 60.0  # so long may a connection send more than that, and be read more slowly
    strangers_max: int = 1000  # connections from one address that have not logged in yet
    inflight_max: int = 16  # pushes without PUBACK; a device has few tasks at once, C SDKs hold few buffers
    subscriptions_max: int = 100  # SDKs subscribe to fewer than ten
    write_pause_size: int = 65536  # unwritten bytes from which pushes are refused and reading pauses
    write_buffer_max: int = 262144  # unwritten bytes at which a client that does not read is cut off
    write_stall_max_s: float = 30.0  # as long may output be paused
    linger_s: float = 5.0  # for the last bytes after a close
    last_words_s: float = 30.0  # for taking what a device said before it hung up
    patience_max_s: float = 86_400.0  # silence that a push in flight may excuse
    handover_s: float = 10.0  # a new session waits so long for `disconnected` of the one it replaced
