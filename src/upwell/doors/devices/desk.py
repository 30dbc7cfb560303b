"""What stands between the MQTT door and the service: reports and offers, in whichever vendor's tongue.

A connection belongs to the face that its login was of. A report is acknowledged when `published` returns, which is
after its commit. A payload that can't be understood is acknowledged, told in the log and changes nothing: a device
would only send it again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from upwell.domain.errors import CallerError, DeviceError
from upwell.domain.fleet import device_id as id_of
from upwell.domain.talk import BlockRequest, Inquiry, OfferRequest, TaskRef
from upwell.doors.devices.faces import (
    Absent,
    Behind,
    Block,
    Down,
    Face,
    Harmless,
    Heard,
    Linked,
    Names,
    NoBlock,
    Reply,
    Said,
    SubLogin,
    SubLogout,
    SubStatus,
    TopoAdd,
    TopoDelete,
    TopoGet,
)
from upwell.doors.devices.gateways import GatewayDesk, Gateways
from upwell.doors.devices.lanes import Lanes, Place
from upwell.doors.devices.logins import Enrolled, LoginDesk, Logins, Refused
from upwell.doors.devices.mqtt.handler import Conn, Identity, refused
from upwell.doors.devices.mqtt.server import MqttDoor
from upwell.doors.devices.seats import Seats, linked_of
from upwell.doors.seldom import Seldom
from upwell.service.journal import tell
from upwell.service.upgrade.dispatch import Addressed, Sent, Unasked, Untellable
from upwell.service.upgrade.gateways import SubDevice
from upwell.service.upgrade.reports import Delivered, Incoming

log = logging.getLogger(__name__)
CAUTION_PAUSE_S = 3600.0  # between two cautions about the devices of a product
REPORT, ASK = "report", "ask"  # the manners of what devices say, each with its own way to the database
ENROLLED_STAY_S = 30.0  # a device that was told its secret hangs up by itself; one that does not is cut


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What the platform does for devices; handed in by wiring."""

    logins: LoginDesk
    arrived: Callable[[tuple[UUID, UUID, str]], Awaitable[None]]
    left: Callable[[tuple[UUID, UUID]], Awaitable[None]]
    report: Callable[[Incoming], Awaitable[None]]
    ask: Callable[[UUID, OfferRequest, Callable[[Addressed | None], Sent]], Awaitable[None]]
    block: Callable[[UUID, BlockRequest], Awaitable[Block | NoBlock]]
    bind: Callable[[UUID, Sequence[UUID]], Awaitable[None]]
    unbind: Callable[[UUID, Sequence[UUID]], Awaitable[set[UUID]]]
    bound: Callable[[UUID], Awaitable[Sequence[SubDevice]]]
    behind: Callable[[UUID], Awaitable[Sequence[SubDevice]]]
    behind_all: Callable[[Sequence[UUID]], Awaitable[Mapping[UUID, Sequence[SubDevice]]]]


class DeviceHandler:
    """The MQTT door's handler for every vendor's devices."""

    def __init__(self, desk: Desk, faces: Sequence[Face]) -> None:
        self._desk = desk
        self._logins = Logins(desk.logins, faces)
        self._background: set[asyncio.Task[None]] = set()
        self._cautions = Seldom(CAUTION_PAUSE_S)
        self._lanes = Lanes()
        self.seats = Seats()
        self.door = MqttDoor(self)
        self._gateways = Gateways(self._gateway_desk(), self.seats, self.door.end)

    def _gateway_desk(self) -> GatewayDesk:
        desk = self._desk
        return GatewayDesk(
            now=desk.logins.now, candidates=self._logins.candidates, arrived=desk.arrived, left=desk.left,
            bind=desk.bind, unbind=desk.unbind, bound=desk.bound, behind=desk.behind, behind_all=desk.behind_all,
        )  # fmt: skip

    # What the MQTT door asks.

    async def login(self, client_id: str, username: str, password: bytes, peer: str) -> Identity | None:
        """The identity of the device when its password proves it; None refuses."""
        found = await self._logins.check(client_id, username, password)
        if isinstance(found, Refused):
            refused(log, client_id, username, found.reason, peer)
            return None
        return found

    async def connected(self, conn: Conn) -> None:
        """The device is online here; its open tasks follow."""
        if isinstance(conn.facts, Enrolled):
            self._push(conn, conn.facts.down, None)
            asyncio.get_running_loop().call_later(ENROLLED_STAY_S, self.door.end, conn.device_id, "was told its secret")
            return
        linked = linked_of(conn)
        self.seats.take(conn, conn.device_id, linked.names)
        await self._desk.arrived((conn.device_id, conn.connection_id, conn.peer))
        self.seats.settle(conn, conn.device_id)
        if linked.face.subs_come_along:
            await self._gateways.come_along(conn)
        tell(log, "device connected", logging.DEBUG, device=conn.name, peer=conn.peer, face=linked.face.name)
        for down in linked.face.greet(linked, self._desk.logins.now()):
            self._push(conn, down, None)

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
        return linked.face.may_publish(linked, topic) or linked.face.excuse(linked, topic) is not None

    def may_subscribe(self, conn: Conn, topic_filter: str) -> bool:
        """Whether all that the filter matches is of devices of this connection (L8)."""
        return isinstance(conn.facts, Linked) and conn.facts.face.may_subscribe(conn.facts, topic_filter)

    async def published(self, conn: Conn, topic: str, payload: bytes, dup: bool) -> None:
        """Take what the device says; returns after the commit."""
        async with self._gateways.turn(conn):  # messages of a connection are read in their order
            said = await self._read(conn, topic, payload)
            place = self._place(said)
        del payload  # may be large, and what was said in it is not
        if place is None:
            for one in said:
                await self._take(conn, one, dup)
            return
        async with place:
            for one in said:
                await self._take(conn, one, dup)

    def _place(self, said: Sequence[Said]) -> Place | None:
        """Where a message stands among its device's; none for blocks, of which several are read at once."""
        if not said or isinstance(said[0].report, BlockRequest):
            return None
        manner = ASK if isinstance(said[0].report, OfferRequest) else REPORT
        alone = len(said) > 1  # several things said in one message stay together
        return self._lanes.place(_id(said[0].names), object() if alone else manner)

    async def _read(self, conn: Conn, topic: str, payload: bytes) -> Sequence[Said]:
        """What a message says of one device. Whatever else it asks is done."""
        linked = linked_of(conn)
        if not linked.face.may_publish(linked, topic):  # asked again: what came before may have brought it online
            await self._excuse(conn, topic)
            return ()
        try:
            heard = linked.face.read(linked, topic, payload)
        except DeviceError as exc:
            tell(log, "a message was not understood", device=conn.name, topic=topic, reason=exc.problem)
            return ()
        found = [await self._heard(conn, one) for one in heard]
        return [one for one in found if one is not None]

    async def _excuse(self, conn: Conn, topic: str) -> None:
        """Nothing is heard of a topic that is not of a device online here. Only a stranger's ends the connection."""
        linked = linked_of(conn)
        match linked.face.excuse(linked, topic):
            case Harmless():
                tell(log, "nothing is read of the topic", logging.DEBUG, device=conn.name, topic=topic)
                return
            case Absent(product_key, name):
                facts = await self._logins.candidates(product_key, name)
                if any(one.gateway_id == conn.device_id for one in facts):
                    tell(log, "a device speaks for one that is not online with it", device=conn.name, other=name)
                    return
        if self.seats.of(conn.device_id) is conn:
            self.door.end(conn.device_id, "published to a topic that is not its own")

    def delivered(self, conn: Conn, token: object) -> None:
        """The device acknowledged an offer."""
        if isinstance(token, TaskRef):
            incoming = Incoming(token.device_id, conn.connection_id, Delivered(token))
            work = asyncio.ensure_future(self._deliver(incoming, self.seats.shown(token.device_id) or conn.name))
            self._background.add(work)
            work.add_done_callback(self._background.discard)

    async def _deliver(self, incoming: Incoming, device: str) -> None:
        try:
            async with self._lanes.place(incoming.device_id, REPORT):
                await self._desk.report(incoming)
        except Exception as exc:  # the task stays QUEUED and is offered again on the next connection
            tell(log, "a delivery was not recorded", logging.WARNING, device=device, reason=exc)

    # What a message says.

    async def _heard(self, conn: Conn, heard: Heard) -> Said | None:
        """What is said of a device; anything else is done and answered here."""
        match heard:
            case Said():
                return heard
            case DeviceError() as problem:
                tell(log, "a message was not understood", device=conn.name, reason=problem.problem)
            case Reply(down):
                self._push(conn, down if isinstance(down, Down) else down(self._desk.logins.now()), None)
            case Behind(public_id, report):
                await self._gateways.take(conn, heard)
                found = linked_of(conn).called(public_id)
                if found is not None:
                    return Said(found, report)
                tell(log, "a device speaks for one that is not behind it", device=conn.name, other=public_id)
            case SubLogin() | SubLogout() | TopoAdd() | TopoDelete() | TopoGet() | SubStatus():
                answer = await self._gateways.take(conn, heard)
                if answer is not None:
                    self._push(conn, answer, None)
        return None

    async def _take(self, conn: Conn, said: Said, dup: bool) -> None:
        names, report = said.names, said.report
        match report:
            case OfferRequest():
                await self._desk.ask(_id(names), report, partial(self._answer, conn, names, report))
            case BlockRequest():
                await self._block(conn, names, report)
            case _:
                await self._desk.report(Incoming(_id(names), conn.connection_id, report, dup))

    def _answer(self, conn: Conn, names: Names, request: OfferRequest, told: Addressed | None) -> Sent:
        linked = linked_of(conn)
        if told is not None and isinstance(told.offer, Inquiry):  # no answer yet: what it runs must be known before
            return self.send(told)
        try:
            down = linked.face.answer(linked, names, request, told)
        except CallerError as exc:
            tell(log, "an offer can't be told", logging.WARNING, device=names.shown, reason=exc)
            return None
        return None if down is None else self._push(conn, down, told.offer.task if told else None)

    async def _block(self, conn: Conn, names: Names, request: BlockRequest) -> None:
        linked = linked_of(conn)
        found = await self._desk.block(_id(names), request)
        down = linked.face.block(linked, names, request, found)
        if down is not None and not self._push(conn, down, None):
            tell(log, "a block was not taken; the device asks again", logging.DEBUG, device=names.shown)

    # What the platform tells.

    def send(self, addressed: Addressed) -> Sent:
        """Push an offer, or the question before it, to the connection its device speaks on."""
        said = addressed.offer
        conn = self.seats.of(said.task.device_id)
        if conn is None:
            return None
        linked = linked_of(conn)
        if isinstance(said, Inquiry) and not linked.face.asks:
            return Unasked(conn.connection_id)
        try:
            down = linked.face.push(linked, addressed, self._desk.logins.now())
        except CallerError as exc:
            device = Names(addressed.product_key, addressed.device_name).shown
            tell(log, "an offer can't be told", logging.WARNING, device=device, job=said.task.job_id, reason=exc)
            return Untellable(str(exc))
        return self._push(conn, down, None if isinstance(said, Inquiry) else said.task)

    async def catch_up(self, seats: Sequence[tuple[UUID, UUID]]) -> None:
        """Of these devices and their connections: what came behind a gateway meanwhile is online with it."""
        found = [(self.seats.of(device_id), device_id) for device_id, _ in seats]
        conns = [conn for conn, device_id in found if conn is not None and conn.device_id == device_id]
        gateways = [conn for conn in conns if linked_of(conn).face.subs_come_along]
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

    def _push(self, conn: Conn, down: Down, token: object) -> UUID | None:
        taken = self.door.push(
            conn.device_id, conn.connection_id, down.topic, down.payload, token, down.qos, down.patience_s
        )
        if down.caution:
            self._caution(linked_of(conn).names, down.caution)
        return conn.connection_id if taken else None

    def _caution(self, names: Names, caution: str) -> None:
        untold = self._cautions.due(names.product_key)
        if untold is not None:
            more = untold or None
            tell(log, "an offer is of no use", logging.WARNING, device=names.shown, reason=caution, untold=more)


def _id(names: Names) -> UUID:
    return id_of(names.product_key, names.device_name)
