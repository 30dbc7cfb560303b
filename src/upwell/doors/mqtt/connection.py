"""One socket of the MQTT door: bytes to packets, packets to the handler, acknowledgements back.

Holds: a publish is acknowledged only after the handler took it; publishes are handed in in order, many at a time,
and acknowledged in order. `connected` comes after CONNACK and before the first publish; `disconnected` once after it.
Bounded: time to CONNECT, silence, pending publishes, unread input, unwritten output, time without reading.
Refuses: to explain itself to an offender, to log a secret or a traceback for what a stranger sent.
"""

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Coroutine
from typing import Any, Protocol, cast
from uuid import UUID, uuid4

from upwell.domain.errors import UpwellError
from upwell.doors.mqtt import codec
from upwell.doors.mqtt.codec import ConnectCode
from upwell.doors.mqtt.handler import Conn, Identity, Limits, MqttHandler, refused
from upwell.doors.mqtt.session import Session
from upwell.service.journal import tell

log = logging.getLogger(__name__)
HUNG_UP = "the device hung up"
LEFT = "the device left"
NO_NEWS = (HUNG_UP, LEFT)  # a fleet that comes and goes
HOST_PROBES = {  # a host that answers none for six minutes is gone: seconds before the first, between two, and how many
    getattr(socket, name): value
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 60), ("TCP_KEEPCNT", 5))
    if hasattr(socket, name)  # not every system names all of them
}


class Door(Protocol):
    """What a connection needs of the door it came through."""

    handler: MqttHandler
    limits: Limits

    def admit(self, link: "Link") -> bool: ...
    def enter(self, link: "Link", device_id: UUID) -> "Link | None": ...
    def leave(self, link: "Link") -> None: ...
    def part(self, device_id: UUID, farewell: Coroutine[Any, Any, None]) -> None: ...
    def parting(self, device_id: UUID) -> "asyncio.Task[None] | None": ...
    def spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]": ...


class Link(asyncio.Protocol):
    """One connection, from accept to the last byte."""

    def __init__(self, door: Door) -> None:
        self.conn: Conn | None = None
        self._door = door
        self._limits = door.limits
        self._decoder = codec.Decoder(self._limits.packet_size_max)
        self._inbox: deque[codec.Packet] = deque()
        self._pending: deque[tuple[asyncio.Task[None], int]] = deque()
        self._transport: asyncio.Transport
        self._session: Session
        self._greeting: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None
        self._ready = False  # `connected` returned: packets may be handled
        self._finished = False  # no more is read or written
        self._reading = True
        self._refused = False  # a login, which was told with its reason
        self.draining = False
        self.peer = "?"

    # The socket.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self._loop = asyncio.get_running_loop()
        name = transport.get_extra_info("peername")
        self.peer = f"{name[0]}:{name[1]}" if isinstance(name, tuple) else "local"
        self._transport.set_write_buffer_limits(high=self._limits.write_pause_size)
        if not self._door.admit(self):
            self.cut("too many connections", abort=True)
            return
        self._timer = self._loop.call_later(self._limits.connect_timeout_s, self.cut, "no login in time")

    def connection_lost(self, exc: Exception | None) -> None:
        self._finish("the connection broke" if exc else HUNG_UP)
        for timer in (self._timer, self._stall):
            if timer:
                timer.cancel()

    def data_received(self, data: bytes) -> None:
        if self._finished:
            return
        try:
            packets = self._decoder.feed(data)
        except codec.MalformedPacket as exc:
            self.cut(f"malformed: {exc}")
            return
        if not packets:
            return
        self._inbox.extend(packets)
        if self.conn:
            self._session.heard(self._loop.time())
        elif self._greeting is None:
            self._greeting = self._door.spawn(self._greet(self._inbox.popleft()))
        self._pump()

    def pause_writing(self) -> None:
        if not self._finished:
            self._stall = self._loop.call_later(self._limits.write_stall_max_s, self._stalled)
        self._throttle()

    def resume_writing(self) -> None:
        if self._stall:
            self._stall.cancel()
        self._stall = None
        self._pump()

    def _stalled(self) -> None:
        self.cut("does not read", abort=True)

    def _write(self, data: bytes) -> None:
        if self._finished:
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > self._limits.write_buffer_max:
            self.cut("does not read", abort=True)

    # The end.

    def cut(self, reason: str, *, abort: bool = False) -> None:
        """End this connection: what is written goes out within `linger_s`, nothing more is read."""
        if self._finished:
            return
        self._finish(reason)
        if abort:
            self._transport.abort()
            return
        self._transport.close()
        self._timer = self._loop.call_later(self._limits.linger_s, self._transport.abort)

    def _finish(self, reason: str) -> None:
        if self._finished:
            return
        self._finished = True
        self._inbox.clear()
        if self._timer:
            self._timer.cancel()
        self._door.leave(self)
        level = logging.DEBUG if reason in NO_NEWS or self._refused else logging.INFO
        tell(log, "mqtt connection ended", level, peer=self.peer, device=self._who(), reason=reason)
        if self.conn:
            self._door.part(self.conn.device_id, self._say_farewell(self.conn))

    def _who(self) -> str:
        return (self.conn.name or str(self.conn.device_id)) if self.conn else ""

    async def _say_farewell(self, conn: Conn) -> None:
        if self._greeting:
            await asyncio.wait({self._greeting})
        try:
            await self._door.handler.disconnected(conn)
        except Exception as exc:
            self._complain("disconnected", exc)

    def _complain(self, step: str, exc: BaseException) -> None:
        """A handler's failure, in one line where it was foreseen."""
        foreseen = isinstance(exc, UpwellError)
        tell(
            log, f"mqtt {step} failed", logging.INFO if foreseen else logging.ERROR, None if foreseen else exc,
            peer=self.peer, device=self._who(), error=type(exc).__name__,
        )  # fmt: skip

    # The login.

    async def _greet(self, first: codec.Packet) -> None:
        if isinstance(first, codec.UnsupportedConnect):
            self._write(codec.connack_unsupported(first.protocol_level))
            self.cut(f"login refused: protocol level {first.protocol_level}")
            return
        if not isinstance(first, codec.Connect):  # the decoder lets nothing else come first
            self.cut("malformed: a packet before CONNECT")
            return
        least, most = self._limits.keep_alive_range_s
        if not least <= first.keep_alive_s <= most:  # alibaba 6.1; 0 (no keep alive) is refused with the rest
            reason = f"keep alive {first.keep_alive_s} s, must be {least} to {most}"
            refused(log, first.client_id, first.username, reason, self.peer)
            self._refuse(ConnectCode.IDENTIFIER_REJECTED)
            return
        try:
            identity = await self._door.handler.login(first.client_id, first.username, first.password, self.peer)
        except Exception as exc:
            self._complain("login", exc)
            self._refuse(ConnectCode.UNAVAILABLE)
            return
        if self._finished:
            return
        if identity is None:
            self._refuse(ConnectCode.BAD_CREDENTIALS)
            return
        await self._open(first, identity)

    def _refuse(self, code: ConnectCode) -> None:
        self._refused = True
        self._write(codec.connack(code))
        self.cut(f"login refused: {code.name.lower()}")

    async def _open(self, connect: codec.Connect, identity: Identity) -> None:
        """Take the device's place, say so, and let packets through once the handler knows of it."""
        former = self._door.enter(self, identity.device_id)
        if former and former.conn:
            former.conn.replaced = True
            former.cut("replaced by a later login")  # alibaba 6.1, rule 5
        farewell = self._door.parting(identity.device_id)
        host = self.peer.rpartition(":")[0] or self.peer  # a device's address has no port; the log's has
        conn = Conn(uuid4(), identity.device_id, identity.facts, host, connect.client_id, connect.protocol_level,
                    name=identity.name)  # fmt: skip
        self._session = Session(
            keep_alive_s=connect.keep_alive_s,
            now_s=self._loop.time(),
            inflight_max=self._limits.inflight_max,
            subscriptions_max=self._limits.subscriptions_max,
        )
        self.conn = conn
        if identity.packet_size_max is not None:
            self._decoder.allow(identity.packet_size_max)
        if self._timer:
            self._timer.cancel()
        self._watch_silence()
        self._write(codec.connack(ConnectCode.ACCEPTED))
        if farewell:
            await asyncio.wait({farewell}, timeout=self._limits.handover_s)
        try:
            await self._door.handler.connected(conn)
        except Exception as exc:
            self._complain("connected", exc)
            self.cut("could not be welcomed")
            return
        self._ready = True
        self._pump()

    def _watch_silence(self) -> None:
        """One timer per connection, set again only when it fires, and within one silence at most, for patience may end
        before its time. Silence while we don't read is ours."""
        now_s = self._loop.time()
        if not self._reading:
            self._session.heard(now_s)
        if self._session.silent_too_long(now_s):
            self.cut("silent beyond its keep alive")
            return
        next_s = min(self._session.deadline_s, now_s + self._session.silence_max_s)
        self._timer = self._loop.call_at(next_s, self._watch_silence)

    # The packets.

    def _pump(self) -> None:
        """Handle what came in, as far as the bounds allow, and read on only when all of it is handled."""
        try:
            while self._inbox and self.conn and self._open_for_work():
                self._handle(self.conn, self._inbox.popleft())
        except Exception as exc:
            self._complain("packet", exc)
            self.cut("could not be served")
        self._throttle()

    def _open_for_work(self) -> bool:
        held = self.draining or self._stall or len(self._pending) >= self._limits.pending_max
        return self._ready and not self._finished and not held

    def _throttle(self) -> None:
        if self._finished or self._transport.is_closing():
            return
        wanted = self._greeting is None or (not self._inbox and self._open_for_work())
        if wanted is self._reading:
            return
        self._reading = wanted
        if wanted:
            if self.conn:
                self._session.heard(self._loop.time())
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _handle(self, conn: Conn, packet: codec.Packet) -> None:
        handler = self._door.handler
        match packet:
            case codec.Publish():
                self._hand_in(conn, packet)
            case codec.Puback(packet_id):
                if done := self._session.acknowledged(packet_id):
                    handler.delivered(conn, done.token)
            case codec.Subscribe(packet_id, filters):
                codes = self._session.subscribe(filters, lambda topic_filter: handler.may_subscribe(conn, topic_filter))
                self._write(codec.suback(packet_id, codes))
            case codec.Unsubscribe(packet_id, names):
                self._session.unsubscribe(names)
                self._write(codec.unsuback(packet_id))
            case codec.Pingreq():
                self._write(codec.pingresp())
            case _:
                self.cut(LEFT)

    def _hand_in(self, conn: Conn, packet: codec.Publish) -> None:
        handler = self._door.handler
        if not handler.may_publish(conn, packet.topic):
            self.cut("published to a topic that is not its own")
            return
        work = self._door.spawn(handler.published(conn, packet.topic, packet.payload, packet.dup))
        self._pending.append((work, packet.packet_id))
        work.add_done_callback(self._settle)

    def _settle(self, _: "asyncio.Task[None]") -> None:
        """Acknowledge the publishes that were taken, oldest first, and none after one that was not."""
        acknowledged: list[bytes] = []
        failures: list[BaseException] = []
        while self._pending and self._pending[0][0].done():
            work, packet_id = self._pending.popleft()
            failed = asyncio.CancelledError() if work.cancelled() else work.exception()
            if failed:
                failures.append(failed)
            elif packet_id and not failures:
                acknowledged.append(codec.puback(packet_id))
        if acknowledged:
            self._write(b"".join(acknowledged))
        for failed in failures:
            self._complain("published", failed)
            self.cut("a publish could not be taken")
        self._pump()

    def push(self, topic: str, payload: bytes, token: object, qos: int, patience_s: float = 0.0) -> bool:
        """Write one message now, or refuse with nothing done."""
        conn = self.conn
        if conn is None or self._finished or self.draining or self._stall or self._transport.is_closing():
            return False
        if self._transport.get_write_buffer_size() + len(payload) + len(topic) * 4 + 16 > self._limits.write_buffer_max:
            return False
        sent = self._session.send(topic, payload, token, qos, self._patient_until(patience_s))
        if sent is None:
            return False
        self._write(sent.data)
        if not sent.awaits_puback:
            self._door.handler.delivered(conn, token)
        return True

    def _patient_until(self, patience_s: float) -> float | None:
        """Silence that is excused is not the end of a device, but its host must be there: the kernel asks it."""
        if not patience_s:
            return None
        raw = self._transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in HOST_PROBES.items():
            raw.setsockopt(socket.IPPROTO_TCP, option, value)
        return self._loop.time() + min(patience_s, self._limits.patience_max_s)
