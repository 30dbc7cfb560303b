"""Nodes: each holds a lease; the devices of one whose lease ended are offline and free for others.

Nothing here reads all tasks, all devices that are online or all connections: dead nodes are found in `node` and what
they hold by index, some at a time; whom a node must send away it is told (`shut_out`), by whoever brought that about
and in his transaction; and a task that was made while its device came or went is looked at again by whoever made it
and by whoever brought the device, each after his commit (`follow`), so that the later of them sees both.
"""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from upwell import __version__
from upwell.domain.events import Kind
from upwell.domain.task import RELEASED
from upwell.service.clock import SharedClock
from upwell.service.context import Context
from upwell.service.upgrade import census, events
from upwell.service.upgrade.tasks import plain
from upwell.storage.database import Connection, Database
from upwell.storage.queries import sheet
from upwell.storage.steps import newest_version

_Q = sheet("nodes")
LEASE_S = 15  # a dead node's devices count as online at most this long
RELEASED_AT_ONCE = 500  # devices of a dead node, in one transaction
TOLD_AT_ONCE = 1000  # connections that a node is told to end
SLOWEST = timedelta(minutes=2)  # a transaction that writes where a device is may be begun so long before its commit
KEPT_S = 3600  # the row of a dead node: a process that stood still may yet write its devices under it


class Lease:
    """The lease of one process, on connections of its own. `lapses` counts how often it had ended before it was
    renewed: others may have released the process's devices then, and which of them is for it to find out."""

    def __init__(self, database: Database, node_id: UUID, clock: object) -> None:
        self.node_id = node_id
        self.lapses = 0
        self._database = database
        self._clock = clock
        self._had = False
        self._knows = newest_version()
        self._kept_s = time.monotonic()

    def age_s(self) -> float:
        """Seconds since it was kept."""
        return time.monotonic() - self._kept_s

    async def keep(self, database: Database | None = None) -> None:
        """This node is alive for LEASE_S more seconds, and its clock is measured; through another database's
        connections, where one is given."""
        async with (database or self._database).connection() as conn:
            clock = self._clock if isinstance(self._clock, SharedClock) else None
            asked_s = clock.tick() if clock else 0.0
            seals = self._database.seals
            said = {"program": __version__, "knows": self._knows, "sealed_by": seals.first, "opens": list(seals.ids)}
            row = await conn.fetchrow(*_Q["keep_lease"](node_id=self.node_id, lease_s=LEASE_S, **said))
            assert row is not None  # noqa: S101  # an upsert gives its row
            if clock:
                clock.measured(row["now"], asked_s, clock.tick())
        self.lapses += self._had and not row["held"]
        self._had, self._kept_s = True, time.monotonic()

    async def drop(self, ctx: Context) -> None:
        """This node ends; its devices are released at once."""
        async with self._database.connection() as conn:
            await conn.execute(*_Q["end_lease"](node_id=self.node_id))
        while await _release(ctx, self.node_id):
            pass


async def release_dead(ctx: Context) -> bool:
    """Release some of the devices of each node without a lease; True when there are more."""
    async with ctx.upkeep.connection() as conn:
        dead = [plain(row["node_id"]) for row in await conn.fetch(*_Q["dead_nodes"]())]
        if not dead:
            await conn.execute(*_Q["forget_nodes"](kept_s=KEPT_S))
    return any([await _release(ctx, node_id) for node_id in dead])


async def _release(ctx: Context, node_id: UUID) -> bool:
    """Some of the devices of a dead node, and once it has none its stray tasks; True when it was many."""

    async def body(conn: Connection) -> bool:
        if await conn.fetchval(*_Q["lock_dead"](node_id=node_id)) is None:
            return False
        some = {"node_id": node_id, "at_most": RELEASED_AT_ONCE}
        released = await conn.fetch(*_Q["release_devices"](**some, now=ctx.now()))
        if released:
            ids = [row["device_id"] for row in released]
            await events.tell_devices(conn, Kind.DEVICE_OFFLINE, ids, ctx.now())
            await census.settle(conn, ids)
            return True
        strays = [row["device_id"] for row in await conn.fetch(*_Q["stray_tasks"](**some))]
        return bool(strays) and await _follow(conn, strays, ctx.now()) > 0

    return await ctx.upkeep.transact(body)


async def follow(ctx: Context, device_ids: Sequence[UUID], since: datetime | None = None) -> int:
    """To be called after a commit that made tasks for these devices, or brought them online or offline: those of their
    open tasks that another node holds than their device follow it; returns how many. Whoever made tasks gives the
    moment `since` when he looked where the devices are: one that has not moved since is not looked at."""
    if since is not None and device_ids:
        async with ctx.devices.connection() as conn:
            moved = await conn.fetch(*_Q["moved"](device_ids=list(device_ids), since=since - SLOWEST))
        device_ids = [plain(row["device_id"]) for row in moved]
    if not device_ids:
        return 0
    return await ctx.devices.transact(lambda conn: _follow(conn, device_ids, ctx.now()))


async def _follow(conn: Connection, device_ids: Sequence[UUID], now: datetime) -> int:
    return len(await conn.fetch(*_Q["follow"](device_ids=list(device_ids), now=now, released=RELEASED)))


async def shut_out(ctx: Context, node_id: UUID) -> list[tuple[UUID, UUID]]:
    """The next (device, connection) of this node that may not stay, TOLD_AT_ONCE at most, each told once."""
    async with ctx.upkeep.connection() as conn:
        rows = await conn.fetch(*_Q["take_shut_out"](node_id=node_id, at_most=TOLD_AT_ONCE))
    return [(plain(row["device_id"]), plain(row["connection_id"])) for row in rows]


async def unwelcome(ctx: Context, seats: Sequence[tuple[UUID, UUID]]) -> list[tuple[UUID, UUID]]:
    """Of these (device, connection), those that may not stay: deleted, disabled, or online elsewhere meanwhile."""
    columns = {"device_ids": [d for d, _ in seats], "connection_ids": [c for _, c in seats]}
    async with ctx.upkeep.connection() as conn:
        rows = await conn.fetch(*_Q["unwelcome"](**columns))
    return [(plain(row["device_id"]), plain(row["connection_id"])) for row in rows]
