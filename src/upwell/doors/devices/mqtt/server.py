"""The MQTT door: listens, and knows which device is on which connection.

Holds: one session per device; a later login ends the earlier one before it is accepted (alibaba 6.1). A push goes to
the connection it was meant for or nowhere; it needs no SUBSCRIBE (alibaba 6.2).
Bounded: connections in all, those of an address that have not logged in, what is done for them in a turn of the loop.
Refuses: to queue pushes, to route between devices, to keep sessions of devices that left. It is not a broker.
"""

import asyncio
import contextlib
import logging
import ssl as tls
from collections.abc import Coroutine, Iterator
from typing import Any, cast
from uuid import UUID

from upwell.doors.devices.mqtt.alarms import Alarms
from upwell.doors.devices.mqtt.connection import Link
from upwell.doors.devices.mqtt.handler import Limits, MqttHandler
from upwell.doors.devices.mqtt.pace import Pace
from upwell.doors.devices.mqtt.strangers import Strangers
from upwell.doors.devices.mqtt.turns import Turns
from upwell.doors.devices.mqtt.websocket import WebSocketLayer
from upwell.doors.layers import TlsLayer
from upwell.doors.proxied import Proxied, ProxyLayer
from upwell.doors.seldom import Seldom
from upwell.doors.tls import Failures
from upwell.meters.counting import Tally
from upwell.service.journal import tell

log = logging.getLogger(__name__)

CONNECTIONS_MAX = 100_000  # per process; about 10 KB each
BACKLOG = 4096  # a whole fleet comes back at once after a power cut
REFUSAL_PAUSE_S = 60.0  # between two tellings that an address was refused connections
SKIP_PAUSE_S, SKIPS_TOLD = 60.0, 5  # so many of a device's skipped publishes are told in so long
PACES_MAX = 10_000  # devices that left and are remembered as having sent much
BRIEF_S = 60.0  # of a connection that was briefer its login says well enough when the device was heard
LEFT_MAX = 100_000  # devices that left and of which it is not written yet when they were heard
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
        self.connections_max = connections_max
        self._drain_timeout_s = drain_timeout_s
        self._links: set[Link] = set()
        self.refused, self.ended = Tally(), Tally()  # connections, by why
        self._strangers = Strangers(self.limits.strangers_max)
        self._refusals = Seldom(REFUSAL_PAUSE_S)
        self.skips = Seldom(SKIP_PAUSE_S, SKIPS_TOLD)
        self.turns = Turns(self._rested)
        self.alarms = Alarms()
        self.under_way = 0
        self._calm: asyncio.Event | None = None  # while it is waited for that nothing is under way
        self.devices: dict[UUID, Link] = {}  # that are logged in here now
        self._paces: dict[UUID, Pace] = {}  # of some that left, and had sent much
        self._left: dict[UUID, float] = {}  # when devices that left were last heard
        self._round: Iterator[UUID] = iter(())
        self._servers: list[asyncio.Server] = []
        self._failures = Failures("mqtt")
        self._work: set[asyncio.Task[None]] = set()
        self.parting: dict[UUID, asyncio.Task[None]] = {}

    async def start(
        self,
        host: str,
        port: int,
        ssl: tls.SSLContext | None = None,
        *,
        websocket: bool = False,
        shared: bool = False,
        proxied: Proxied | None = None,
    ) -> tuple[str, int]:
        """Listen, and give the address bound; `shared` with other processes of ours, among which the system deals out
        the connections; `proxied` where proxies hand on all of them. Raises OSError where it can't be."""

        def accepted() -> asyncio.BaseProtocol:
            link = Link(self)
            spoken = WebSocketLayer(link, self.turns) if websocket else link
            carried = spoken if ssl is None else TlsLayer(cast(asyncio.Protocol, spoken), ssl, self._failures)
            return carried if proxied is None else ProxyLayer(cast(asyncio.Protocol, carried), proxied)

        server = await asyncio.get_running_loop().create_server(
            accepted, host, port, backlog=BACKLOG, reuse_port=shared
        )
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
        await self._calmed()
        await self._settle(tuple(self._work))
        for link in tuple(self._links):
            link.cut("the door closes", hear=False)
        await self._settle(tuple(self._work))
        for task in tuple(self._work):
            task.cancel()
        self._servers.clear()

    async def _calmed(self) -> None:
        """What was handed in is settled and acknowledged."""
        self._calm = asyncio.Event()
        self._rested()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._drain_timeout_s):
                await self._calm.wait()

    def _rested(self) -> None:
        if self._calm is not None and not self.under_way and not self.turns:
            self._calm.set()

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

    def spoke(self, share: int, most: int) -> dict[UUID, float]:
        """Of the devices that are logged in here the next ones, one in `share` and no more than `most`, and some that
        left: those that spoke since they were last come to, and how many seconds ago."""
        now_s, found = asyncio.get_running_loop().time(), dict[UUID, float]()
        while self._left and len(found) < most:
            device_id, heard_s = self._left.popitem()
            found[device_id] = now_s - heard_s
        for device_id in self._next(min(-(-len(self.devices) // share), most - len(found))):
            link = self.devices.get(device_id)
            last_s = link.spoke_s() if link else None
            if last_s is not None:
                found[device_id] = now_s - last_s
        return found

    def _next(self, count: int) -> list[UUID]:
        got = [each for _, each in zip(range(count), self._round, strict=False)]
        if len(got) < count:
            self._round = iter(tuple(self.devices))
        return got

    # For the connections.

    def admit(self, link: Link) -> bool:
        """Whether there is room for it."""
        if len(self._links) >= self.connections_max and not self._strangers.room_made(link):
            self._refused(link, "too many connections")
            return False
        if self.handler.is_full():
            self._refused(link, "more is said than is taken")
            return False
        if not self._strangers.admit(link):
            self._refused(link, "too many connections of its address that have not logged in")
            return False
        self._links.add(link)
        return True

    def connected(self) -> int:
        """How many connections are open, those that have not logged in too."""
        return len(self._links)

    def _refused(self, link: Link, reason: str) -> None:
        self.refused.add(reason)
        untold = self._refusals.due(f"{link.host} {reason}")
        if untold is not None:
            tell(log, "mqtt connection refused", logging.WARNING, peer=link.peer, reason=reason, untold=untold or None)

    def knocks(self, link: Link) -> None:
        """It said its CONNECT."""
        self._strangers.knocks(link)

    def pace_of(self, device_id: UUID) -> Pace | None:
        """What the device has sent lately, if it is here or left after it had sent much."""
        link = self.devices.get(device_id)
        return link.pace if link else self._paces.get(device_id)

    def enter(self, link: Link, device_id: UUID) -> Link | None:
        """`link` is the device's connection from now on; the one it was until now, if any."""
        self._strangers.leave(link)
        former = self.devices.get(device_id)
        self.devices[device_id] = link
        self._paces.pop(device_id, None)
        return former

    def leave(self, link: Link) -> None:
        """It is no device's connection any more; how much it sent lately counts when the device comes again."""
        if link.conn and self.devices.get(link.conn.device_id) is link:
            device_id = link.conn.device_id
            del self.devices[device_id]
            heard_s = link.spoke_s()
            if heard_s is not None and heard_s > link.since_s + BRIEF_S and len(self._left) < LEFT_MAX:
                self._left[device_id] = heard_s
            if link.pace.is_owed(asyncio.get_running_loop().time()):
                self._paces[device_id] = link.pace
                if len(self._paces) > PACES_MAX:
                    del self._paces[next(iter(self._paces))]

    def forget(self, link: Link) -> None:
        """All that it said is heard."""
        self._strangers.leave(link)
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
