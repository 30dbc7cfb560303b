"""Devices on MQTT: what the MQTT door asks of the platform, in whichever vendor's tongue.

A connection belongs to the face that its login was of. A report is acknowledged when `published` returns, which is
after its commit. A payload that can't be understood is acknowledged, told in the log and changes nothing: a device
would only send it again.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import cast
from uuid import UUID

from upwell.domain.errors import CallerError, DeviceError
from upwell.domain.talk import Inquiry, TaskRef
from upwell.domain.timeline import Kind, Line
from upwell.doors.devices.desk import Desk, Fetch, Hearing
from upwell.doors.devices.faces import (
    Absent,
    Behind,
    Down,
    Harmless,
    Heard,
    Linked,
    MqttFace,
    Names,
    Reader,
    Reply,
    Said,
    SubLogin,
    SubLogout,
    SubStatus,
    TopoAdd,
    TopoDelete,
    TopoGet,
)
from upwell.doors.devices.gateways import Gateways
from upwell.doors.devices.identity import Identity
from upwell.doors.devices.logins import Enrolled, Logins, Refused
from upwell.doors.devices.meter import Devices
from upwell.doors.devices.mqtt.handler import Conn, Receipt, refused
from upwell.doors.devices.mqtt.server import MqttDoor
from upwell.doors.devices.refusals import tell_refused
from upwell.doors.devices.seats import Seats, linked_of
from upwell.service.journal import host_of, tell
from upwell.service.upgrade.dispatch import Addressed, Sent, Unasked, Untellable

log = logging.getLogger(__name__)
READERS_MAX, READERS_EACH = 16, 4  # topics of a connection, and of each sub-device on it, that are known how to be read
ENROLLED_STAY_S = 30.0  # a device that was told its secret hangs up by itself; one that does not is cut


class Connections:
    """The MQTT door's handler for every vendor's devices."""

    def __init__(
        self, desk: Desk, faces: Sequence[MqttFace], fetches: Mapping[str, Fetch], meter: Devices | None = None
    ) -> None:
        self.meter = meter or Devices()
        self._desk = desk
        self._logins = Logins(desk, faces)
        self.seats = Seats()
        self.door = MqttDoor(self)
        self._hearing = Hearing(desk, fetches, lambda _, addressed: self.send(addressed), self.door.spawn, self.meter)
        self._gateways = Gateways(desk, self._logins.candidates, self.seats)

    # What the MQTT door asks.

    def is_full(self) -> bool:
        """Whether devices say more than is taken."""
        return self._desk.is_full()

    async def login(self, client_id: str, username: str, password: bytes, peer: str) -> Identity | None:
        found = await self._logins.check(client_id, username, password)
        if isinstance(found, Refused):
            refused(log, client_id, username, found.reason, peer)
            tell_refused(self._desk, found, host_of(peer))
            self.meter.refused(found.vendor, found.reason)
            return None
        return found

    def turned_away(self, identity: Identity, peer: str, reason: str) -> None:
        """The device is known, and its login refused all the same."""
        if isinstance(identity.facts, Linked):
            self.meter.refused(identity.facts.face.name, reason)
            line = Line(device_id=identity.device_id, kind=Kind.REFUSED, what="login", reason=reason)
            self._desk.note(line._replace(address=host_of(peer)))

    def skipped(self, conn: Conn, topic: str, size: int) -> None:
        """What it published was too large to be read."""
        self._not_understood(conn, f"{topic} ({size} bytes)", "its payload is more than may be read", is_told=True)

    async def connected(self, conn: Conn) -> None:
        """The device is online here; its open tasks follow."""
        if isinstance(conn.facts, Enrolled):
            self.meter.accepted("enrolment")
            conn.tell(conn.facts.down, None)
            asyncio.get_running_loop().call_later(ENROLLED_STAY_S, conn.end, "was told its secret")
            return
        linked = linked_of(conn)
        self.meter.accepted(linked.face.name)
        self.seats.take(conn, conn.device_id, linked.names)
        await self._desk.arrived((conn.device_id, conn.connection_id, conn.peer), linked.face.name)
        self.seats.settle(conn, conn.device_id)
        if _face(linked).subs_come_along:
            await self._gateways.come_along(conn)
        tell(log, "device connected", logging.DEBUG, device=conn.name, peer=conn.peer, face=linked.face.name)

    async def disconnected(self, conn: Conn) -> None:
        """The device left with its sub-devices, unless it has a newer connection."""
        if isinstance(conn.facts, Enrolled):
            return
        self.seats.leave(conn.device_id, conn)
        await self._gateways.part(conn)
        await self._desk.left((conn.device_id, conn.connection_id))

    def may_publish(self, conn: Conn, topic: str) -> bool:
        """Whether the topic is of a device of this connection (L8), or may turn out to be no offence."""
        linked = conn.facts
        if not isinstance(linked, Linked):
            return False
        if self._reader(linked, topic) is not None or _face(linked).excuse(linked, topic) is not None:
            return True
        reason = "published to a topic that is not its own"
        told = Line(device_id=conn.device_id, kind=Kind.REFUSED, what="publish", reason=reason, detail=topic)
        self._desk.note(told._replace(address=conn.peer))
        return False

    def may_subscribe(self, conn: Conn, topic_filter: str) -> bool:
        """Whether all that the filter matches is of devices of this connection (L8)."""
        return isinstance(conn.facts, Linked) and _face(conn.facts).may_subscribe(conn.facts, topic_filter)

    def published(self, conn: Conn, topic: str, payload: bytes, dup: bool, receipt: Receipt) -> None:
        """Take what the device says; `receipt` is called after the commit. Most messages say something of a device that
        is online here, and are handed on at once; the others wait for what was said before them."""
        reader = None if conn.waits else self._reader(linked_of(conn), topic)
        if reader is None:
            self._wait(conn, topic, payload, dup, receipt)
            return
        try:
            heard = reader(payload)
        except DeviceError as exc:
            self._not_understood(conn, topic, exc.problem)
            receipt(None, None)
            return
        said = [one for one in heard if type(one) is Said]
        if len(said) == len(heard):
            self._hearing.hand(conn, said, receipt, dup=dup)
        else:
            self._wait(conn, topic, payload, dup, receipt)

    def _not_understood(self, conn: Conn, topic: str, reason: str, *, is_told: bool = False) -> None:
        """Told in the log, unless it is already, and in the timeline of the device that the connection is of."""
        self.meter.not_understood.add()
        if not is_told:
            tell(log, "a message was not understood", device=conn.name, topic=topic, reason=reason)
        line = Line(device_id=conn.device_id, kind=Kind.UNREADABLE, what="message", reason=reason, detail=topic)
        self._desk.note(line._replace(address=conn.peer))

    def _reader(self, linked: Linked, topic: str) -> Reader | None:
        """How what is said there is read; None for a topic that is not of a device online here."""
        found = linked.readers.get(topic)
        if found is None and _face(linked).may_publish(linked, topic):
            if len(linked.readers) >= READERS_MAX + READERS_EACH * len(linked.subs):
                linked.readers.clear()
            found = linked.readers[topic] = _face(linked).reader(linked, topic)
        return found

    def _wait(self, conn: Conn, topic: str, payload: bytes, dup: bool, receipt: Receipt) -> None:
        conn.waits += 1
        self.door.spawn(self._publish(conn, topic, payload, dup, receipt))

    async def _publish(self, conn: Conn, topic: str, payload: bytes, dup: bool, receipt: Receipt) -> None:
        """Take what the device says, in its turn; `receipt` is called after the commit."""
        is_waiting = True
        try:
            async with self._gateways.turn(conn):  # messages of a connection are read in their order
                said = await self._read(conn, topic, payload)
                conn.waits, is_waiting = conn.waits - 1, False
                self._hearing.hand(conn, said, receipt, dup=dup)
        except BaseException as exc:
            conn.waits -= is_waiting
            receipt(None, exc)
            if not isinstance(exc, Exception):
                raise

    async def _read(self, conn: Conn, topic: str, payload: bytes) -> Sequence[Said]:
        """What a message says of one device. Whatever else it asks is done."""
        linked = linked_of(conn)
        reader = self._reader(linked, topic)
        if reader is None:  # asked again: what came before may have brought it online
            await self._excuse(conn, topic)
            return ()
        try:
            heard = reader(payload)
        except DeviceError as exc:
            self._not_understood(conn, topic, exc.problem)
            return ()
        found = [await self._heard(conn, one) for one in heard]
        return [one for one in found if one is not None]

    async def _excuse(self, conn: Conn, topic: str) -> None:
        """Nothing is heard of a topic that is not of a device online here. Only a stranger's ends the connection."""
        linked = linked_of(conn)
        match _face(linked).excuse(linked, topic):
            case Harmless():
                tell(log, "nothing is read of the topic", logging.DEBUG, device=conn.name, topic=topic)
                return
            case Absent(product_key, name):
                facts = await self._logins.candidates(product_key, name)
                if any(one.gateway_id == conn.device_id for one in facts):
                    tell(log, "a device speaks for one that is not online with it", device=conn.name, other=name)
                    return
        if self.seats.of(conn.device_id) is conn:
            conn.end("published to a topic that is not its own")

    def delivered(self, conn: Conn, token: object) -> None:
        device = self.seats.shown(token.device_id) if isinstance(token, TaskRef) else ""
        self._hearing.delivered(conn, token, device or conn.name)

    # What a message says.

    async def _heard(self, conn: Conn, heard: Heard) -> Said | None:
        """What is said of a device; anything else is done and answered here."""
        match heard:
            case Said():
                return heard
            case DeviceError() as problem:
                self._not_understood(conn, "", problem.problem)
            case Reply(down):
                self._hearing.tell(conn, down if isinstance(down, Down) else down(self._desk.now()))
            case Behind(public_id, report):
                await self._gateways.take(conn, heard)
                found = linked_of(conn).called(public_id)
                if found is not None:
                    return Said(found, report)
                tell(log, "a device speaks for one that is not behind it", device=conn.name, other=public_id)
            case SubLogin() | SubLogout() | TopoAdd() | TopoDelete() | TopoGet() | SubStatus():
                answer = await self._gateways.take(conn, heard)
                if answer is not None:
                    self._hearing.tell(conn, answer)
        return None

    # What the platform tells.

    def send(self, addressed: Addressed) -> Sent:
        """Push an offer, or the question before it, where its device speaks."""
        said = addressed.offer
        seat = self.seats.of(said.task.device_id)
        if seat is None:
            return None
        linked = linked_of(seat)
        if isinstance(said, Inquiry) and not linked.face.asks:
            return Unasked(seat.connection_id)
        try:
            down = _face(linked).push(linked, addressed, self._desk.now())
        except CallerError as exc:
            device = Names(addressed.product_key, addressed.device_name).shown
            tell(log, "an offer can't be told", logging.WARNING, device=device, job=said.task.job_id, reason=exc)
            return Untellable(str(exc))
        return self._hearing.tell(seat, down, addressed.acknowledged)

    def some(self, count: int) -> list[tuple[UUID, UUID]]:
        """The next of the devices online here with their connections, round and round."""
        return self.seats.some(count)

    def all(self) -> list[tuple[UUID, UUID]]:
        """Every device online here with its connection."""
        return self.seats.all()

    def spoke(self, share: int, most: int) -> Mapping[UUID, float]:
        """Of the devices with a connection of their own the next ones, one in `share` and no more than `most`: those
        that spoke since they were last come to, and how many seconds ago."""
        return self.door.spoke(share, most)

    def is_here(self, device_id: UUID) -> bool:
        """Whether the device has a seat here."""
        return self.seats.of(device_id) is not None

    async def catch_up(self, seats: Sequence[tuple[UUID, UUID]]) -> None:
        """Of these devices and their connections: what came behind a gateway meanwhile is online with it."""
        found = [(self.seats.of(device_id), device_id) for device_id, _ in seats]
        conns = [conn for conn, device_id in found if conn is not None and conn.device_id == device_id]
        gateways = [conn for conn in conns if _face(linked_of(conn)).subs_come_along]
        if gateways:
            await self._gateways.catch_up(gateways)

    def turn_out(self, device_id: UUID, connection_id: UUID | None = None) -> None:
        """The device may not stay (on that connection): end its connection, or take it off its gateway's."""
        conn = self.seats.of(device_id)
        if conn is not None and connection_id not in (None, conn.connection_id):
            return
        self.seats.leave(device_id)
        if conn is None or conn.device_id == device_id:
            self.door.end(device_id, "the device may not stay")


def _face(linked: Linked) -> MqttFace:
    """The face of a connection: only these log in over MQTT."""
    return cast(MqttFace, linked.face)
