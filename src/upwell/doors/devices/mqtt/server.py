"""The MQTT door: listens, and knows which device is on which connection.

Holds: one session per device; a later login ends the earlier one before it is accepted (alibaba 6.1). A push goes to
the connection it was meant for or nowhere; it needs no SUBSCRIBE (alibaba 6.2).
Refuses: to queue pushes, to route between devices, to keep sessions of devices that left. It is not a broker.
"""

import asyncio
import logging
import ssl as tls
from collections.abc import Coroutine
from typing import Any
from uuid import UUID

from upwell.doors.devices.mqtt.connection import Link
from upwell.doors.devices.mqtt.handler import Limits, MqttHandler
from upwell.doors.devices.mqtt.websocket import WebSocketLayer
from upwell.doors.layers import TlsLayer
from upwell.doors.tls import Failures

log = logging.getLogger(__name__)

CONNECTIONS_MAX = 100_000  # per process; about 10 KB each
BACKLOG = 4096  # a whole fleet comes back at once after a power cut
DRAIN_TIMEOUT_S = 10.0  # for publishes under way when the door closes


class MqttDoor:
    """Every MQTT connection of one process. `start` may be called once per address; `stop` ends them all."""

    def __init__(
        self,
        handler: MqttHandler,
        *,
        connections_max: int = CONNECTIONS_MAX,
        drain_timeout_s: float = DRAIN_TIMEOUT_S,
        **limits: Any,
    ) -> None:
        """`limits` are the fields of Limits by name, e.g. `connect_timeout_s=10`."""
        self.handler = handler
        self.limits = Limits(**limits)
        self._connections_max = connections_max
        self._drain_timeout_s = drain_timeout_s
        self._links: set[Link] = set()
        self.devices: dict[UUID, Link] = {}  # that are logged in here now
        self._servers: list[asyncio.Server] = []
        self._failures = Failures("mqtt")
        self._work: set[asyncio.Task[None]] = set()
        self.parting: dict[UUID, asyncio.Task[None]] = {}

    async def start(
        self, host: str, port: int, ssl: tls.SSLContext | None = None, *, websocket: bool = False
    ) -> tuple[str, int]:
        """Listen, and give the address bound. Raises OSError where it can't be."""

        def accepted() -> asyncio.Protocol:
            link = Link(self)
            spoken = WebSocketLayer(link) if websocket else link
            return spoken if ssl is None else TlsLayer(spoken, ssl, self._failures)

        server = await asyncio.get_running_loop().create_server(accepted, host, port, backlog=BACKLOG)
        self._servers.append(server)
        address = server.sockets[0].getsockname()
        log.debug(
            "mqtt door open: host=%s port=%s tls=%s websocket=%s", address[0], address[1], ssl is not None, websocket
        )
        return str(address[0]), int(address[1])

    async def stop(self) -> None:
        """Take nothing new, answer what is under way within `drain_timeout_s`, close, and wait for the farewells."""
        for server in self._servers:
            server.close()
        for link in tuple(self._links):
            link.draining = True
        await self._settle(tuple(self._work))
        for link in tuple(self._links):
            link.cut("the door closes", hear=False)
        await self._settle(tuple(self._work))
        for task in tuple(self._work):
            task.cancel()
        self._servers.clear()

    async def _settle(self, tasks: tuple["asyncio.Task[None]", ...]) -> None:
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=self._drain_timeout_s)
        if late:
            log.warning("mqtt door: %d pieces of work did not end in %g s", len(late), self._drain_timeout_s)

    def end(self, device_id: UUID, reason: str) -> None:
        """End the device's connection, if it has one here."""
        link = self.devices.get(device_id)
        if link is not None:
            link.end(reason)

    # For the connections.

    def admit(self, link: Link) -> bool:
        if len(self._links) >= self._connections_max:
            return False
        self._links.add(link)
        return True

    def enter(self, link: Link, device_id: UUID) -> Link | None:
        """`link` is the device's connection from now on; the one it was until now, if any."""
        former = self.devices.get(device_id)
        self.devices[device_id] = link
        return former

    def leave(self, link: Link) -> None:
        """It is no device's connection any more."""
        if link.conn and self.devices.get(link.conn.device_id) is link:
            del self.devices[link.conn.device_id]

    def forget(self, link: Link) -> None:
        """All that it said is heard."""
        self._links.discard(link)

    def part(self, device_id: UUID, farewell: Coroutine[Any, Any, None]) -> None:
        """Run the farewell of a connection of that device, where its successor can find it."""
        task = self.parting[device_id] = self.spawn(farewell)

        def forget(_: "asyncio.Task[None]") -> None:
            if self.parting.get(device_id) is task:
                del self.parting[device_id]

        task.add_done_callback(forget)

    def spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run `work`, kept from the collector until it ends."""
        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return task
