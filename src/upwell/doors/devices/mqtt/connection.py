"""One socket of the MQTT door: bytes to packets, packets to the handler, acknowledgements back.

Holds: a publish is acknowledged only after the handler took it; publishes are handed in in order, many at a time,
and acknowledged in order. `connected` comes after CONNACK and before the first publish; `disconnected` once after it.
What came before the end is heard, however the device hung up; of an offender, nothing is from then on.
Bounded: time to CONNECT, silence, pending publishes, unread input, unwritten output, time without reading, what is done
of its packets in a turn of the loop, and how many it may send in a second: who sends more is read more slowly, and in
the end no more. Refuses: to explain itself to an offender, to log a secret or a traceback for what a stranger sent.
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
from upwell.doors.devices.mqtt import codec, packets, strangers
from upwell.doors.devices.mqtt.alarms import NEVER, Alarms
from upwell.doors.devices.mqtt.greeting import Refusal, judged
from upwell.doors.devices.mqtt.handler import Conn, Limits, MqttHandler
from upwell.doors.devices.mqtt.pace import Pace
from upwell.doors.devices.mqtt.probes import probe
from upwell.doors.devices.mqtt.receipts import Pending
from upwell.doors.devices.mqtt.session import Session
from upwell.doors.devices.mqtt.turns import Turns
from upwell.doors.seldom import Seldom
from upwell.meters.counting import Tally
from upwell.service.journal import tell

log = logging.getLogger(__name__)
HUNG_UP = "the device hung up"
LEFT = "the device left"
NO_NEWS = (HUNG_UP, LEFT)  # a fleet that comes and goes
ALIVE_SIZE = 1000  # bytes of a packet not yet whole that are a sign of life too, for a large one takes its time
TURN_WEIGHT = 64  # packets and topic filters of one connection that are looked at before others have their turn
LOGIN_WEIGHT = 30  # packets that a login counts for: a device may come ten times a second, and a hundred at once
SLOW_LOGIN_MAX_S = 5.0  # as long may a device that comes more often wait for its CONNACK
READ_SIZE = 64 * 1024  # bytes of one read; what more there is waits in the socket
_SCRATCH = memoryview(bytearray(READ_SIZE))  # where every connection reads, for what is read is taken at once


class Door(Protocol):
    """What a connection needs of the door it came through."""

    handler: MqttHandler
    limits: Limits
    parting: "dict[UUID, asyncio.Task[None]]"
    turns: Turns
    alarms: Alarms
    ended: Tally  # connections, by why
    skips: Seldom  # by device: whose publishes are larger than may be read
    under_way: int  # publishes of all connections that were handed in and are not settled

    def admit(self, link: "Link") -> bool: ...
    def knocks(self, link: "Link") -> None: ...
    def pace_of(self, device_id: UUID) -> Pace | None: ...
    def enter(self, link: "Link", device_id: UUID) -> "Link | None": ...
    def leave(self, link: "Link") -> None: ...
    def forget(self, link: "Link") -> None: ...
    def part(self, device_id: UUID, farewell: Coroutine[Any, Any, None]) -> None: ...
    def spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]": ...


class _Ended(Exception):
    """The device ended the connection by what it said, and nothing behind it is heard."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


class Link(asyncio.BufferedProtocol):
    """One connection, from accept to the last byte. It reads for itself, or is handed what a layer below it read."""

    __slots__ = (
        "_decoder", "_door", "_finished", "_greeting", "_has_knocked", "_hungry", "_loop", "_pending", "_progress",
        "_reading", "_ready", "_refused", "_resting", "_session", "_slowed", "_stall", "_talked_out", "_told_s",
        "_transport", "_unheard", "alarm_tick", "conn", "draining", "host", "is_called", "is_queued", "pace", "peer",
        "since_s", "standing",
    )  # fmt: skip

    def __init__(self, door: Door) -> None:
        self.conn: Conn | None = None
        self._door = door
        self._decoder = codec.Decoder(door.limits.connect_size_max)
        self._pending = Pending()
        self.pace = Pace(door.limits)  # of the device that logs in, whatever its connections
        self._told_s = 0.0  # when its device was heard, as far as that is told
        self._unheard = 0  # bytes since the last sign of life
        self._transport: asyncio.Transport
        self._loop: asyncio.AbstractEventLoop
        self._session: Session
        self._greeting: asyncio.Task[None] | None = None
        self._progress: asyncio.Future[None] | None = None  # of publishes, while it is heard out
        self._stall: asyncio.TimerHandle | None = None
        self._slowed: asyncio.TimerHandle | None = None  # it sent more than it may, and is not read until then
        self._ready = False  # `connected` returned: packets may be handled
        self._finished = False  # no more is read or written; what was read may still wait to be heard
        self._talked_out = False  # the device says no more, and may still listen
        self._hungry = True  # every whole packet that came was handled
        self._resting = False  # it sent much, and is not read until its next turn
        self._reading = True
        self._refused = False  # a login, which was told with its reason
        self.draining = False
        self.is_queued = self.is_called = False
        self.standing = strangers.NONE
        self._has_knocked = False
        self.alarm_tick = NEVER
        self.peer = self.host = "?"

    # The socket.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self._loop = asyncio.get_running_loop()
        name = transport.get_extra_info("peername")
        self.host = str(name[0]) if isinstance(name, tuple) else "local"  # a device's address is told without its port
        self.peer = f"{name[0]}:{name[1]}" if isinstance(name, tuple) else "local"
        self.since_s = self._loop.time()
        if not self._door.admit(self):
            self._finished = True
            self._transport.abort()
            return
        self._transport.set_write_buffer_limits(high=self._door.limits.write_pause_size)
        self._door.alarms.set(self, self.since_s + self._door.limits.connect_timeout_s)

    def eof_received(self) -> bool:
        """The device says no more. What it said is taken and acknowledged before the connection is closed, where the
        device still listens; a WebSocket's does not."""
        self._talked_out = True
        if self.conn and not self._finished:
            self._door.alarms.set(self, self._loop.time() + self._door.limits.last_words_s)
        self._pump()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._finish("the connection broke" if exc and not self._talked_out else HUNG_UP)
        self._door.alarms.clear(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        """A stranger's first words are few, and what more it says waits in its socket."""
        return _SCRATCH if self.conn else _SCRATCH[: self._door.limits.connect_size_max]

    def buffer_updated(self, nbytes: int) -> None:
        if nbytes == READ_SIZE:
            self._resting = True
            self._door.turns.later(self)
        self.data_received(_SCRATCH[:nbytes])

    def data_received(self, data: bytes | memoryview) -> None:
        if self._finished:
            return
        self._decoder.put(data)
        self._hungry = False
        self._unheard += len(data)
        if self._unheard >= ALIVE_SIZE and self.conn:
            self._is_heard()
        self._pump()

    def pause_writing(self) -> None:
        if not self._finished:
            cut = partial(self.cut, "does not read", abort=True)
            self._stall = self._loop.call_later(self._door.limits.write_stall_max_s, cut)
        self._throttle()

    def resume_writing(self) -> None:
        if self._stall:
            self._stall.cancel()
        self._stall = None
        self._pump()

    def _write(self, data: bytes) -> None:
        if self._finished or self._transport.is_closing():  # the latter before it is told that the connection broke
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > self._door.limits.write_buffer_max:
            self.cut("does not read", abort=True)

    # The end.

    def cut(self, reason: str, *, abort: bool = False, hear: bool = True) -> None:
        """End this connection: what is written goes out within `linger_s`, nothing more is read. What was read before
        is heard, unless it is a stranger's or not to be."""
        if not hear or self.conn is None:
            self._decoder.clear()
            self._hungry = True
        if self._finished:
            return
        self._finish(reason)
        if abort:
            self._transport.abort()
            return
        self._transport.close()
        self._door.alarms.set(self, self._loop.time() + self._door.limits.linger_s)

    def _finish(self, reason: str) -> None:
        if self._finished:
            return
        self._finished = True
        self._door.alarms.clear(self)
        for timer in (self._stall, self._slowed):
            if timer:
                timer.cancel()
        self._stall = self._slowed = None
        self._door.leave(self)
        self._door.ended.add(reason.partition(":")[0])
        level = logging.DEBUG if reason in NO_NEWS or self._refused else logging.INFO
        tell(log, "mqtt connection ended", level, peer=self.peer, device=self._who(), reason=reason)
        if self.conn:
            self._door.part(self.conn.device_id, self._see_off(self.conn))
        else:
            self._door.forget(self)

    def spoke_s(self) -> float | None:
        """When its device was last heard, if that was not told before."""
        heard_s = self._session.heard_s if self.conn else 0.0
        if heard_s <= self._told_s:
            return None
        self._told_s = heard_s
        return heard_s

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
        until_s = self._loop.time() + self._door.limits.last_words_s
        while self._pending or not self._hungry:
            self._pump()
            left_s = until_s - self._loop.time()
            if left_s <= 0 or not (self._pending or self._may_go_on()):
                break
            self._progress = self._loop.create_future()
            await asyncio.wait({self._progress}, timeout=left_s if self._pending else 0)
        self._decoder.clear()
        self._hungry = True

    def ring(self) -> None:
        """The time of what it waits for is over."""
        if self._finished:
            self._transport.abort()
        elif self.conn is None:
            self.cut("no login in time")
        elif self._talked_out:
            self.cut(HUNG_UP)
        else:
            self._watch_silence()

    def _complain(self, step: str, exc: BaseException) -> None:
        """A handler's failure, in one line where it was foreseen."""
        level, error = (logging.INFO, None) if isinstance(exc, UpwellError) else (logging.ERROR, exc)
        told = {"peer": self.peer, "device": self._who(), "error": type(exc).__name__}
        tell(log, f"mqtt {step} failed", level, error, **told)

    # The login.

    def _knock(self) -> None:
        """A stranger's first packet, once it is whole."""
        try:
            first = self._decoder.take()
        except packets.MalformedPacket as exc:
            self.cut(f"malformed: {exc}", hear=False)
            return
        if first is not None:
            self._has_knocked = True
            self._door.knocks(self)
            self._greeting = self._door.spawn(self._greet(first))
        elif self._talked_out:
            self.cut(HUNG_UP)

    async def _greet(self, first: packets.Packet) -> None:
        answer = await judged(first, self._door.handler, self._door.limits.keep_alive_range_s, self.peer)
        if not isinstance(answer, Refusal):
            answer = await self._slowed_login(*answer)
        if isinstance(answer, Refusal):
            self._refuse(answer)
        elif not self._finished or self._decoder.held:  # else nobody is there any more, and nothing is left to hear
            await self._open(*answer)
        self._greeting = None

    async def _slowed_login(
        self, connect: packets.Connect, identity: Identity
    ) -> tuple[packets.Connect, Identity] | Refusal:
        """A device that comes again and again waits for its CONNACK, and is refused where it would be too long."""
        self.pace = self._door.pace_of(identity.device_id) or self.pace
        wait_s = self.pace.charge(LOGIN_WEIGHT, self._loop.time())
        if wait_s > SLOW_LOGIN_MAX_S:
            tell(log, "device login refused", device=identity.name, peer=self.peer, reason="it comes too often")
            self._door.handler.turned_away(identity, self.peer, "it comes too often")
            return Refusal("login refused: too often", codec.connack(packets.ConnectCode.UNAVAILABLE))
        if wait_s:
            await asyncio.sleep(wait_s)
        return connect, identity

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
        conn = Conn(uuid4(), identity.device_id, identity.facts, self.host, self, identity.name)
        limits = self._door.limits
        self._session = Session(limits, keep_alive_s=connect.keep_alive_s, now_s=self._loop.time())
        self.conn = conn
        if self._finished:  # it hung up meanwhile, and is heard out all the same
            self._door.leave(self)
            self._door.part(conn.device_id, self._see_off(conn))
        else:
            self._watch_silence()
        self._write(codec.connack(packets.ConnectCode.ACCEPTED))
        own_max = identity.payload_size_max
        self._decoder.allow(limits.payload_size_max if own_max is None else own_max)
        self._throttle()
        if farewell:
            await asyncio.wait({farewell}, timeout=limits.handover_s)
        try:
            await self._door.handler.connected(conn)
        except Exception as exc:
            self._complain("connected", exc)
            self.cut("could not be welcomed", hear=False)
            return
        self._ready = True
        self._pump()

    def _watch_silence(self) -> None:
        """Its alarm is set again only when it rings, and within one silence at most, for patience may end before its
        time. Silence while we don't read is ours."""
        now_s = self._loop.time()
        if not self._reading:
            self._session.heard(now_s)
        if now_s >= self._session.deadline_s:
            self.cut("silent beyond its keep alive")
            return
        self._door.alarms.set(self, min(self._session.deadline_s, now_s + self._session.silence_max_s))

    def _is_heard(self) -> None:
        self._unheard = 0
        self._session.heard(self._loop.time())

    # The packets.

    def go_on(self) -> None:
        """It is its turn: what was taken is acknowledged, and what waits is handled as far as the bounds allow."""
        self._resting = False
        self._pump()

    def _pump(self) -> None:
        if self.conn is None or not self._ready:
            if not (self._has_knocked or self._finished):
                self._knock()
            self._throttle()
            return
        answers: list[bytes] = []
        over = self._acknowledge(answers) or self._handle_some(self.conn, answers)
        if answers:
            self._write(answers[0] if len(answers) == 1 else b"".join(answers))
        if over:
            self.cut(over, hear=False)
        elif self._talked_out and self._hungry and not self._pending:
            self.cut(HUNG_UP)
        self._throttle()

    def _acknowledge(self, answers: list[bytes]) -> str:
        """Of the publishes that were taken, oldest first, and of none after one that was not; why that ends it."""
        failures = self._pending.settled(answers) if self._pending else ()
        for failed in failures:
            self._complain("published", failed)
        return "a publish could not be taken" if failures else ""

    def _handle_some(self, conn: Conn, answers: list[bytes]) -> str:
        """Handle what came in, as far as the bounds allow; why that ends the connection, if it does."""
        weight = 0
        try:
            while self._may_go_on():
                if weight >= TURN_WEIGHT:
                    self._door.turns.later(self)
                    break
                packet = self._decoder.take()
                if packet is None:
                    self._hungry = True
                    break
                weight += self._handle(conn, packet, answers)
        except packets.MalformedPacket as exc:
            return f"malformed: {exc}"
        except _Ended as end:
            return end.reason
        except Exception as exc:
            self._complain("packet", exc)
            return "could not be served"
        return self._charge(weight) if weight else ""

    def _charge(self, weight: int) -> str:
        """It is heard, and what it sent counts; why that ends it."""
        now_s = self._loop.time()
        self._unheard = 0
        self._session.heard(now_s)
        wait_s = self.pace.charge(weight, now_s)
        if not wait_s:
            return ""
        if self._finished or self.pace.is_flood(now_s):  # who has sent so much is not heard out
            return "sends more than it may"
        self._slowed = self._slowed or self._loop.call_later(wait_s, self._quicken)
        return ""

    def _quicken(self) -> None:
        self._slowed = None
        self._door.turns.later(self)

    def _may_go_on(self) -> bool:
        limits, pending = self._door.limits, self._pending
        if self._hungry or not self._ready or self.draining or self._stall or self._slowed:
            return False
        if not pending:
            return True
        room = self._door.under_way < limits.under_way_max
        return room and len(pending) < limits.pending_max and pending.size < limits.pending_size_max

    def _throttle(self) -> None:
        """Read on while there is room; a stranger's next words wait in the socket until it is known."""
        if self._finished or self._talked_out or self._transport.is_closing():
            return
        wanted = not (self._stall or self._slowed or self._resting)
        if self._has_knocked:
            open_ears = self.conn is not None and not self.draining
            wanted = wanted and open_ears and (self._hungry or self._has_room())
        if wanted is self._reading:
            return
        self._reading = wanted
        if wanted:
            if self.conn:
                self._session.heard(self._loop.time())
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _has_room(self) -> bool:
        """Whether more may wait until publishes under way are taken; what waits for its turn only waits alone."""
        return not self.is_queued and self._decoder.held < self._door.limits.unread_size_max

    def _handle(self, conn: Conn, packet: packets.Packet, answers: list[bytes]) -> int:
        """What is to be answered at once is added to `answers`. Returns the packet's weight. Raises _Ended."""
        match packet:
            case packets.Publish(topic=topic):
                self._publish(conn, packet)
            case packets.Skipped(topic=topic):
                if not self._door.handler.may_publish(conn, topic):
                    raise _Ended("published to a topic that is not its own")
                self._skip(conn, packet)
            case packets.Puback(packet_id):
                if (token := self._session.acknowledged(packet_id)) is not None:
                    self._door.handler.delivered(conn, token)
            case packets.Subscribe(packet_id, filters):
                allowed = partial(self._door.handler.may_subscribe, conn)
                answers.append(codec.suback(packet_id, self._session.subscribe(filters, allowed)))
                return 1 + len(filters)
            case packets.Unsubscribe(packet_id, names):
                self._session.unsubscribe(names)
                answers.append(codec.unsuback(packet_id))
                return 1 + len(names)
            case packets.Pingreq():
                answers.append(codec.pingresp())
            case _:
                raise _Ended(LEFT)
        return 1

    def _publish(self, conn: Conn, packet: packets.Publish) -> None:
        handler, topic = self._door.handler, packet.topic
        if not handler.may_publish(conn, topic):
            raise _Ended("published to a topic that is not its own")
        self._door.under_way += 1
        receipt = self._pending.add(self, packet.packet_id, len(packet.payload))
        handler.published(conn, topic, packet.payload, packet.dup, receipt)

    def _skip(self, conn: Conn, packet: packets.Skipped) -> None:
        """It is acknowledged in its turn like one that was read, or the device would send it again for ever."""
        untold = self._door.skips.due(self._who())
        if untold is not None:
            event = f"mqtt publish skipped: its payload of {packet.size} bytes is more than may be read"
            told = {"peer": self.peer, "device": self._who(), "topic": packet.topic, "untold": untold or None}
            tell(log, event, logging.WARNING, **told)
        self._door.handler.skipped(conn, packet.topic, packet.size)
        self._door.under_way += 1
        self._pending.add(self, packet.packet_id, 0)()

    def settled(self) -> None:
        """A publish was taken, or could not be."""
        self._door.under_way -= 1
        self._door.turns.soon(self)
        if self._progress and not self._progress.done():
            self._progress.set_result(None)

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
        unwritten, limits = self._transport.get_write_buffer_size(), self._door.limits
        if unwritten + len(payload) + len(topic) * 4 + 16 > limits.write_buffer_max:
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
        return self._loop.time() + min(patience_s, self._door.limits.patience_max_s)
