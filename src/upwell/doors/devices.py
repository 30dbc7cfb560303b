"""What stands between the MQTT door and the service: logins, reports and offers in the Alibaba tongue.

A report is acknowledged when `published` returns, which is after its commit. A payload that can't be understood is
acknowledged, told in the log and changes nothing: a device would only send it again.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from upwell.dialects.alibaba import device, login
from upwell.domain.errors import CallerError, DeviceError
from upwell.domain.fleet import device_id as id_of
from upwell.domain.talk import OfferRequest, ProgressReport, TaskRef, VersionReport
from upwell.doors.mqtt.handler import Conn, Identity
from upwell.doors.mqtt.server import MqttDoor
from upwell.service.access import LoginFacts
from upwell.service.dispatch import Addressed
from upwell.service.reports import Delivered, Incoming

log = logging.getLogger(__name__)
NOBODY = "no such device"  # a secret to check against, so that unknown devices take as long as known ones


@dataclass(frozen=True, slots=True)
class Names:
    """The names a device is addressed by."""

    product_key: str
    device_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What the platform does for devices; handed in by wiring."""

    login_facts: Callable[[UUID], Awaitable[LoginFacts | None]]
    arrived: Callable[[tuple[UUID, UUID, str]], Awaitable[None]]
    left: Callable[[tuple[UUID, UUID]], Awaitable[None]]
    report: Callable[[Incoming], Awaitable[None]]
    ask: Callable[[UUID, OfferRequest, Callable[[Addressed | None], UUID | None]], Awaitable[None]]


class DeviceHandler:
    """The MQTT door's handler for devices of the Alibaba kind."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._connections: dict[UUID, Conn] = {}
        self._background: set[asyncio.Task[None]] = set()
        self.door = MqttDoor(self)

    async def login(self, client_id: str, username: str, password: bytes, peer: str) -> Identity | None:
        """The device's identity when its password proves it (alibaba 6.1); None refuses."""
        try:
            claim = login.parse(client_id, username)
        except DeviceError:
            return None
        identity = id_of(claim.product_key, claim.device_name)
        facts = await self._desk.login_facts(identity)
        proven = login.verify(claim, facts.secret if facts else NOBODY, password)
        if facts is None or not facts.enabled or not proven:
            return None
        return Identity(identity, Names(claim.product_key, claim.device_name))

    async def connected(self, conn: Conn) -> None:
        """The device is online here; its open tasks follow."""
        self._connections[conn.device_id] = conn
        await self._desk.arrived((conn.device_id, conn.connection_id, conn.peer))

    async def disconnected(self, conn: Conn) -> None:
        """The device left, unless it has a newer connection."""
        if self._connections.get(conn.device_id) is conn:
            del self._connections[conn.device_id]
        await self._desk.left((conn.device_id, conn.connection_id))

    def may_publish(self, conn: Conn, topic: str) -> bool:
        """Whether the topic carries the device's own names (L8)."""
        names = _names(conn)
        return device.own_topic(topic, names.product_key, names.device_name)

    def may_subscribe(self, conn: Conn, topic_filter: str) -> bool:
        """Whether all that the filter matches is the device's own (L8)."""
        names = _names(conn)
        return device.own_filter(topic_filter, names.product_key, names.device_name)

    async def published(self, conn: Conn, topic: str, payload: bytes, dup: bool) -> None:
        """Take what the device says; returns after the commit."""
        names = _names(conn)
        try:
            said = device.read(topic, payload, names.product_key, names.device_name)
        except DeviceError as exc:
            log.info("device %s: %s", conn.device_id, exc)
            return
        if isinstance(said, VersionReport | ProgressReport):
            await self._desk.report(Incoming(conn.device_id, conn.connection_id, said))
        elif isinstance(said, OfferRequest):
            request = said
            await self._desk.ask(conn.device_id, request, lambda told: self._answer(conn, request, told))

    def delivered(self, conn: Conn, token: object) -> None:
        """The device acknowledged an offer."""
        if isinstance(token, TaskRef):
            incoming = Incoming(conn.device_id, conn.connection_id, Delivered(token))
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
        try:
            now_ms = int(time.time() * 1000)
            topic, payload = device.upgrade_push(addressed.offer, addressed.product_key, addressed.device_name, now_ms)
        except CallerError as exc:
            log.warning("an offer of job %s can't be told: %s", addressed.offer.task.job_id, exc)
            return None
        return self._push(conn, topic, payload, addressed.offer.task)

    def _answer(self, conn: Conn, request: OfferRequest, told: Addressed | None) -> UUID | None:
        names = _names(conn)
        offer = told.offer if told else None
        framed = device.get_reply if request.manner == "get" else device.request_reply
        try:
            reply = framed(offer, request, names.product_key, names.device_name)
        except CallerError as exc:
            log.warning("device %s: an offer can't be told: %s", conn.device_id, exc)
            return None
        if reply is None:
            return None
        return self._push(conn, *reply, offer.task if offer else None)

    def _push(self, conn: Conn, topic: str, payload: bytes, token: object) -> UUID | None:
        taken = self.door.push(conn.device_id, conn.connection_id, topic, payload, token)
        return conn.connection_id if taken else None


def _names(conn: Conn) -> Names:
    assert isinstance(conn.facts, Names)  # noqa: S101  # set by login above
    return conn.facts
