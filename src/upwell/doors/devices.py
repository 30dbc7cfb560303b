"""What stands between the MQTT door and the service: logins, reports and offers, in whichever vendor's tongue.

A connection belongs to the face that its login was of. A report is acknowledged when `published` returns, which is
after its commit. A payload that can't be understood is acknowledged, told in the log and changes nothing: a device
would only send it again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from upwell.domain.errors import CallerError, DeviceError
from upwell.domain.fleet import device_id as id_of
from upwell.domain.talk import OfferRequest, ProgressReport, TaskRef, VersionReport
from upwell.doors.faces import Claim, Down, Face, Heard, Linked, Names, Reply, Said
from upwell.doors.mqtt.handler import Conn, Identity
from upwell.doors.mqtt.server import MqttDoor
from upwell.service.access import LoginFacts
from upwell.service.dispatch import Addressed
from upwell.service.reports import Delivered, Incoming

log = logging.getLogger(__name__)
NOBODY = "no such device"  # a secret to check against, so that unknown devices take as long as known ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What the platform does for devices; handed in by wiring."""

    now: Callable[[], datetime]
    login_facts: Callable[[UUID], Awaitable[LoginFacts | None]]
    login_facts_by_name: Callable[[str], Awaitable[Sequence[LoginFacts]]]
    arrived: Callable[[tuple[UUID, UUID, str]], Awaitable[None]]
    left: Callable[[tuple[UUID, UUID]], Awaitable[None]]
    report: Callable[[Incoming], Awaitable[None]]
    ask: Callable[[UUID, OfferRequest, Callable[[Addressed | None], UUID | None]], Awaitable[None]]


class DeviceHandler:
    """The MQTT door's handler for every vendor's devices."""

    def __init__(self, desk: Desk, faces: Sequence[Face]) -> None:
        self._desk = desk
        self._faces = faces
        self._connections: dict[UUID, Conn] = {}
        self._background: set[asyncio.Task[None]] = set()
        self.door = MqttDoor(self)

    async def login(self, client_id: str, username: str, password: bytes, peer: str) -> Identity | None:
        """The device's identity when its password proves it; None refuses."""
        try:
            face, claim = self._claim(client_id, username)
        except DeviceError:
            return None
        if not isinstance(claim, Claim):
            return None
        found = await self._candidates(claim)
        proven = [one for one in found if claim.proves(one.secret, password, self._desk.now())]
        if not found:
            claim.proves(NOBODY, password, self._desk.now())
        if not proven or not proven[0].enabled:
            return None
        names = Names(proven[0].product_key, proven[0].name)
        return Identity(id_of(names.product_key, names.device_name), Linked(face, names, proven[0].secret))

    def _claim(self, client_id: str, username: str) -> tuple[Face, object]:
        for face in self._faces:
            claim = face.claim(client_id, username)
            if claim is not None:
                return face, claim
        raise DeviceError("The login is of no known vendor's kind.")

    async def _candidates(self, claim: Claim) -> Sequence[LoginFacts]:
        if claim.product_key is None:
            return await self._desk.login_facts_by_name(claim.device_name)
        facts = await self._desk.login_facts(id_of(claim.product_key, claim.device_name))
        return [] if facts is None else [facts]

    async def connected(self, conn: Conn) -> None:
        """The device is online here; its open tasks follow."""
        self._connections[conn.device_id] = conn
        await self._desk.arrived((conn.device_id, conn.connection_id, conn.peer))
        linked = _linked(conn)
        for down in linked.face.greet(linked, self._desk.now()):
            self._push(conn, down, None)

    async def disconnected(self, conn: Conn) -> None:
        """The device left, unless it has a newer connection."""
        if self._connections.get(conn.device_id) is conn:
            del self._connections[conn.device_id]
        await self._desk.left((conn.device_id, conn.connection_id))

    def may_publish(self, conn: Conn, topic: str) -> bool:
        """Whether the topic is of a device of this connection (L8)."""
        linked = _linked(conn)
        return linked.face.may_publish(linked, topic)

    def may_subscribe(self, conn: Conn, topic_filter: str) -> bool:
        """Whether all that the filter matches is of devices of this connection (L8)."""
        linked = _linked(conn)
        return linked.face.may_subscribe(linked, topic_filter)

    async def published(self, conn: Conn, topic: str, payload: bytes, dup: bool) -> None:
        """Take what the device says; returns after the commit."""
        linked = _linked(conn)
        try:
            heard = linked.face.read(linked, topic, payload)
        except DeviceError as exc:
            log.info("device %s: %s", conn.device_id, exc)
            return
        for one in heard:
            await self._take(conn, one)

    async def _take(self, conn: Conn, heard: Heard) -> None:
        match heard:
            case Said(names, VersionReport() | ProgressReport() as report):
                await self._desk.report(Incoming(_id(names), conn.connection_id, report))
            case Said(names, OfferRequest() as request):
                await self._desk.ask(_id(names), request, lambda told: self._answer(conn, names, request, told))
            case Reply(down):
                self._push(conn, down, None)

    def delivered(self, conn: Conn, token: object) -> None:
        """The device acknowledged an offer."""
        if isinstance(token, TaskRef):
            incoming = Incoming(token.device_id, conn.connection_id, Delivered(token))
            work = asyncio.ensure_future(self._deliver(incoming))
            self._background.add(work)
            work.add_done_callback(self._background.discard)

    async def _deliver(self, incoming: Incoming) -> None:
        try:
            await self._desk.report(incoming)
        except Exception as exc:  # the task stays QUEUED and is offered again on the next connection
            log.warning("device %s: delivery not recorded: %s", incoming.device_id, exc)

    def send(self, addressed: Addressed) -> UUID | None:
        """Push an offer to the device's connection; its id, or None when it can't be taken now."""
        conn = self._connections.get(addressed.offer.task.device_id)
        if conn is None:
            return None
        linked = _linked(conn)
        try:
            down = linked.face.push(linked, addressed, self._desk.now())
        except CallerError as exc:
            log.warning("an offer of job %s can't be told: %s", addressed.offer.task.job_id, exc)
            return None
        return self._push(conn, down, addressed.offer.task)

    def _answer(self, conn: Conn, names: Names, request: OfferRequest, told: Addressed | None) -> UUID | None:
        linked = _linked(conn)
        try:
            down = linked.face.answer(linked, names, request, told)
        except CallerError as exc:
            log.warning("device %s: an offer can't be told: %s", conn.device_id, exc)
            return None
        return None if down is None else self._push(conn, down, told.offer.task if told else None)

    def _push(self, conn: Conn, down: Down, token: object) -> UUID | None:
        taken = self.door.push(conn.device_id, conn.connection_id, down.topic, down.payload, token, down.qos)
        return conn.connection_id if taken else None


def _linked(conn: Conn) -> Linked:
    assert isinstance(conn.facts, Linked)  # noqa: S101  # set by login above
    return conn.facts


def _id(names: Names) -> UUID:
    return id_of(names.product_key, names.device_name)
