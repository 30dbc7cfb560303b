"""One socket of the MQTT door: bytes to packets, packets to the handler, acknowledgements back.

Holds: a publish is acknowledged only after the handler took it; publishes are handed in in order, many at a time,
and acknowledged in order. `connected` comes after CONNACK and before the first publish; `disconnected` once after it.
What came before the end is heard, however the device hung up; of an offender, nothing is from then on.
Bounded: time to CONNECT, silence, pending publishes, unread input, unwritten output, time without reading.
Refuses: to explain itself to an offender, to log a secret or a traceback for what a stranger sent.
"""

import asyncio
import logging
from collections.abc import Coroutine
from functools import partial
from typing import Any, Protocol, cast
from uuid import UUID, uuid4

from upwell.domain.errors import UpwellError
from upwell.doors.devices.faces import Down
from upwell.doors.devices.identity import Identity
from upwell.doors.devices.mqtt import codec, packets
from upwell.doors.devices.mqtt.greeting import Refusal, judged
from upwell.doors.devices.mqtt.handler import Conn, Limits, MqttHandler
from upwell.doors.devices.mqtt.inbox import Inbox, Pending
from upwell.doors.devices.mqtt.probes import probe
from upwell.doors.devices.mqtt.session import Session
from upwell.service.journal import tell

log = logging.getLogger(__name__)
HUNG_UP = "the device hung up"
LEFT = "the device left"
NO_NEWS = (HUNG_UP, LEFT)  # a fleet that comes and goes
ALIVE_SIZE = 1000  # bytes of a packet not yet whole that are a sign of life too, for a large one takes its time


class Door(Protocol):
    """What a connection needs of the door it came through."""

    handler: MqttHandler
    limits: Limits
    parting: "dict[UUID, asyncio.Task[None]]"

    def admit(self, link: "Link") -> bool: ...
    def enter(self, link: "Link", device_id: UUID) -> "Link | None": ...
    def leave(self, link: "Link") -> None: ...
    def forget(self, link: "Link") -> None: ...
    def part(self, device_id: UUID, farewell: Coroutine[Any, Any, None]) -> None: ...
    def spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]": ...


class Link(asyncio.Protocol):
    """One connection, from accept to the last byte."""

    def __init__(self, door: Door) -> None:
        self.conn: Conn | None = None
        self._door = door
        self._limits = door.limits
        self._decoder = codec.Decoder(self._limits.connect_size_max)
        self._inbox = Inbox()
        self._pending = Pending()
        self._unheard = 0  # bytes since the last sign of life
        self._transport: asyncio.Transport
        self._session: Session
        self._greeting: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None
        self._ready = False  # `connected` returned: packets may be handled
        self._finished = False  # no more is read or written; what was read may still wait to be heard
        self._talked_out = False  # the device says no more, and may still listen
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

    def eof_received(self) -> bool:
        """The device says no more. What it said is taken and acknowledged before the connection is closed, where the
        device still listens; a WebSocket's does not."""
        self._talked_out = True
        if self._timer and self.conn:
            self._timer.cancel()
            self._timer = self._loop.call_later(self._limits.last_words_s, self.cut, HUNG_UP)
        self._pump()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._finish("the connection broke" if exc and not self._talked_out else HUNG_UP)
        if self._timer:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        if self._finished:
            return
        self._unheard += len(data)
        packets = self._decoded(data)
        if self.conn and (packets or self._unheard >= ALIVE_SIZE):
            self._unheard = 0
            self._session.heard(self._loop.time())
        if not packets:
            return
        self._inbox.extend(packets)
        if self.conn is None and self._greeting is None:
            self._greeting = self._door.spawn(self._greet(self._inbox.take()))
        self._pump()

    def _decoded(self, data: bytes) -> list[packets.Packet]:
        try:
            return self._decoder.feed(data)
        except packets.MalformedPacket as exc:
            self.cut(f"malformed: {exc}", hear=False)
            return []

    def pause_writing(self) -> None:
        if not self._finished:
            cut = partial(self.cut, "does not read", abort=True)
            self._stall = self._loop.call_later(self._limits.write_stall_max_s, cut)
        self._throttle()

    def resume_writing(self) -> None:
        if self._stall:
            self._stall.cancel()
        self._stall = None
        self._pump()

    def _write(self, data: bytes) -> None:
        if self._finished:
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > self._limits.write_buffer_max:
            self.cut("does not read", abort=True)

    # The end.

    def cut(self, reason: str, *, abort: bool = False, hear: bool = True) -> None:
        """End this connection: what is written goes out within `linger_s`, nothing more is read. What was read before
        is heard, unless it is a stranger's or not to be."""
        if not hear or self.conn is None:
            self._inbox.clear()
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
        for timer in (self._timer, self._stall):
            if timer:
                timer.cancel()
        self._stall = None
        self._door.leave(self)
        level = logging.DEBUG if reason in NO_NEWS or self._refused else logging.INFO
        tell(log, "mqtt connection ended", level, peer=self.peer, device=self._who(), reason=reason)
        if self.conn:
            self._door.part(self.conn.device_id, self._see_off(self.conn))
        else:
            self._door.forget(self)

    def _who(self) -> str:
        return (self.conn.name or str(self.conn.device_id)) if self.conn else ""

    async def _see_off(self, conn: Conn) -> None:
        """Hear the device out, then say farewell."""
        if self._greeting:
            await asyncio.wait({self._greeting})
        await self._hear_out()
        self._door.forget(self)
        try:
            await self._door.handler.disconnected(conn)
        except Exception as exc:
            self._complain("disconnected", exc)

    async def _hear_out(self) -> None:
        """What came before the end is taken, and what was handed in is settled, within `last_words_s`."""
        until_s = self._loop.time() + self._limits.last_words_s
        while self._pending or self._inbox:
            self._pump()
            left_s = until_s - self._loop.time()
            if not self._pending or left_s <= 0:
                break
            await self._pending.settle(left_s)
        self._inbox.clear()

    def _complain(self, step: str, exc: BaseException) -> None:
        """A handler's failure, in one line where it was foreseen."""
        level, error = (logging.INFO, None) if isinstance(exc, UpwellError) else (logging.ERROR, exc)
        told = {"peer": self.peer, "device": self._who(), "error": type(exc).__name__}
        tell(log, f"mqtt {step} failed", level, error, **told)

    # The login.

    async def _greet(self, first: packets.Packet) -> None:
        answer = await judged(first, self._door.handler, self._limits.keep_alive_range_s, self.peer)
        if isinstance(answer, Refusal):
            self._refuse(answer)
        elif not self._finished or self._inbox:  # else nobody is there any more, and nothing is left to hear
            await self._open(*answer)

    def _refuse(self, refusal: Refusal) -> None:
        if refusal.error:
            self._complain("login", refusal.error)
        if refusal.answer:
            self._refused = True
            self._write(refusal.answer)
        self.cut(refusal.reason)

    async def _open(self, connect: packets.Connect, identity: Identity) -> None:
        """Take the device's place, say so, and let packets through once the handler knows of it."""
        former = self._door.enter(self, identity.device_id)
        if former:
            former.cut("replaced by a later login")  # alibaba 6.1, rule 5
        farewell = self._door.parting.get(identity.device_id)
        host = self.peer.rpartition(":")[0] or self.peer  # a device's address has no port; the log's has
        conn = Conn(uuid4(), identity.device_id, identity.facts, host, self, identity.name)
        self._session = Session(self._limits, keep_alive_s=connect.keep_alive_s, now_s=self._loop.time())
        self.conn = conn
        if self._finished:  # it hung up meanwhile, and is heard out all the same
            self._door.leave(self)
            self._door.part(conn.device_id, self._see_off(conn))
        else:
            if self._timer:
                self._timer.cancel()
            self._watch_silence()
        self._write(codec.connack(packets.ConnectCode.ACCEPTED))
        own_max = identity.payload_size_max
        self._decoder.allow(self._limits.payload_size_max if own_max is None else own_max)
        self._inbox.extend(self._decoded(b""))
        self._throttle()
        if farewell:
            await asyncio.wait({farewell}, timeout=self._limits.handover_s)
        try:
            await self._door.handler.connected(conn)
        except Exception as exc:
            self._complain("connected", exc)
            self.cut("could not be welcomed", hear=False)
            return
        self._ready = True
        self._pump()

    def _watch_silence(self) -> None:
        """One timer per connection, set again only when it fires, and within one silence at most, for patience may end
        before its time. Silence while we don't read is ours."""
        now_s = self._loop.time()
        if not self._reading:
            self._session.heard(now_s)
        if now_s >= self._session.deadline_s:
            self.cut("silent beyond its keep alive")
            return
        next_s = min(self._session.deadline_s, now_s + self._session.silence_max_s)
        self._timer = self._loop.call_at(next_s, self._watch_silence)

    # The packets.

    def _pump(self) -> None:
        """Handle what came in, as far as the bounds allow, and close when a device that hung up is heard out."""
        try:
            while self._inbox and self.conn and self._open_for_work():
                self._handle(self.conn, self._inbox.take())
        except Exception as exc:
            self._complain("packet", exc)
            self.cut("could not be served", hear=False)
        if self._talked_out and not self._inbox and not self._pending and (self._ready or self._greeting is None):
            self.cut(HUNG_UP)
        self._throttle()

    def _open_for_work(self) -> bool:
        room = len(self._pending) < self._limits.pending_max and self._pending.size < self._limits.pending_size_max
        return self._ready and room and not self.draining and not self._stall

    def _throttle(self) -> None:
        """Read on while there is room; a stranger's next words wait in the socket until it is known."""
        if self._finished or self._talked_out or self._transport.is_closing():
            return
        open_ears = self.conn is not None and not self.draining and self._inbox.size < self._limits.unread_size_max
        wanted = not self._stall and (self._greeting is None or open_ears)  # a WebSocket's pings are answered always
        if wanted is self._reading:
            return
        self._reading = wanted
        if wanted:
            if self.conn:
                self._session.heard(self._loop.time())
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _handle(self, conn: Conn, packet: packets.Packet) -> None:
        handler = self._door.handler
        match packet:
            case packets.Publish(topic=topic) if handler.may_publish(conn, topic):
                taking = handler.published(conn, topic, packet.payload, packet.dup)
                self._hand_in(taking, packet.packet_id, len(packet.payload))
            case packets.Skipped(topic=topic) if handler.may_publish(conn, topic):
                self._hand_in(self._skip(packet), packet.packet_id)
            case packets.Publish() | packets.Skipped():
                self.cut("published to a topic that is not its own", hear=False)
            case packets.Puback(packet_id):
                if (token := self._session.acknowledged(packet_id)) is not None:
                    handler.delivered(conn, token)
            case packets.Subscribe(packet_id, filters):
                codes = self._session.subscribe(filters, lambda topic_filter: handler.may_subscribe(conn, topic_filter))
                self._write(codec.suback(packet_id, codes))
            case packets.Unsubscribe(packet_id, names):
                self._session.unsubscribe(names)
                self._write(codec.unsuback(packet_id))
            case packets.Pingreq():
                self._write(codec.pingresp())
            case _:
                self.cut(LEFT, hear=False)

    def _hand_in(self, taking: Coroutine[Any, Any, None], packet_id: int, size: int = 0) -> None:
        work = self._door.spawn(taking)
        self._pending.add(work, packet_id, size)
        work.add_done_callback(self._settle)

    async def _skip(self, packet: packets.Skipped) -> None:
        """It is acknowledged in its turn like one that was read, or the device would send it again for ever."""
        event = f"mqtt publish skipped: its payload of {packet.size} bytes is more than may be read"
        tell(log, event, logging.WARNING, peer=self.peer, device=self._who(), topic=packet.topic)

    def _settle(self, _: "asyncio.Task[None]") -> None:
        """Acknowledge the publishes that were taken, oldest first, and none after one that was not."""
        taken, failures = self._pending.settled()
        acknowledged = [codec.puback(packet_id) for packet_id in taken if packet_id]
        if acknowledged:
            self._write(b"".join(acknowledged))
        for failed in failures:
            self._complain("published", failed)
            self.cut("a publish could not be taken", hear=False)
        self._pump()

    def end(self, reason: str) -> None:
        """Cut it, unless it ended: then what it said before is heard to its end."""
        if not self._finished:
            self.cut(reason, hear=False)

    def push(self, message: Down, token: object) -> bool:
        """Write one message now, or refuse with nothing done."""
        conn, topic, payload = self.conn, message.topic, message.payload
        deaf = self._finished or self._talked_out or self.draining or self._stall is not None
        if conn is None or deaf or self._transport.is_closing():
            return False
        if self._transport.get_write_buffer_size() + len(payload) + len(topic) * 4 + 16 > self._limits.write_buffer_max:
            return False
        sent = self._session.send(topic, payload, token, message.qos, self._patient_until(message.patience_s))
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
        probe(self._transport)
        return self._loop.time() + min(patience_s, self._limits.patience_max_s)
