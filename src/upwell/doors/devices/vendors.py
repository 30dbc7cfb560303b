"""The vendors whose devices are served: a row for each. A new one is a folder of its dialect, its face and its row."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from starlette.routing import Route

from upwell.domain.connected import Stream
from upwell.domain.talk import TaskRef
from upwell.doors.devices.connections import Connections
from upwell.doors.devices.desk import Desk, Fetch
from upwell.doors.devices.faces import HttpFace, MqttFace
from upwell.doors.devices.faces import alibaba_registration as registration
from upwell.doors.devices.faces.alibaba import AlibabaFace
from upwell.doors.devices.faces.alibaba_blocks import Blocks
from upwell.doors.devices.faces.huawei import HuaweiFace
from upwell.doors.devices.faces.tuyalink import TuyaLinkFace
from upwell.doors.devices.polling import PollingDoor


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What faces are made of: the desk, what links and reads files, and the server's settings."""

    desk: Desk
    link: Callable[[TaskRef, int, str], str]  # by the place of a file in its package, and its name
    tls_link: Callable[[TaskRef, int], str | None]
    stream: Callable[[UUID, int], Awaitable[Stream | None]]
    read: Callable[[str, int, int], AsyncIterator[bytes]]  # of a stored object: from where, how many bytes
    settings: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceRow:
    """One row: a dialect's device side. Its face over MQTT or HTTP, and what it has beside: routes of its own on the
    management address, and a reader of files in blocks."""

    dialect: str
    mqtt: Callable[[Given], MqttFace] | None = None
    http: Callable[[Given], HttpFace] | None = None
    routes: Callable[[Given], Sequence[Route]] = lambda given: ()
    fetch: Callable[[Given], Fetch] | None = None


FACES = (  # in the order in which they are asked whose a login is
    FaceRow(
        dialect="alibaba",
        mqtt=lambda given: AlibabaFace(given.tls_link),
        routes=lambda given: [registration.route(given.desk.product_secret, given.desk.enrol)],
        fetch=lambda given: Blocks(given.stream, given.read).block,
    ),
    FaceRow(
        dialect="huawei",
        mqtt=lambda given: HuaweiFace(
            given.desk.now, given.link, timedelta(hours=given.settings.huawei_clock_tolerance_h)
        ),
    ),
    FaceRow(dialect="tuya", mqtt=lambda given: TuyaLinkFace(given.desk.now, given.tls_link)),
)


def serving(rows: Sequence[FaceRow], given: Given) -> tuple[Connections, list[Route]]:
    """The devices of these vendors: those on MQTT, and the routes of those that ask by HTTP."""
    fetches = {row.dialect: row.fetch(given) for row in rows if row.fetch}
    connections = Connections(given.desk, [row.mqtt(given) for row in rows if row.mqtt], fetches)
    polling = PollingDoor(given.desk, [row.http(given) for row in rows if row.http], fetches, connections.meter)
    return connections, [*polling.routes(), *(route for row in rows for route in row.routes(given))]
