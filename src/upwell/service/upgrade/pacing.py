"""Paces that grow, and limits on how many devices of a job are at work at once (ADR 0043).

Holds: a device counts from its first offer until its task has ended, and each is counted before another one's leaves,
for whoever offers what a job with a limit has keeps its budget's row until that is written down. `running` is never
less than how many these are; a duty takes off who has ended.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from upwell.domain.errors import Conflict
from upwell.domain.pace import AT_ONCE_MAX, Pace, per_min
from upwell.domain.talk import TaskRef
from upwell.domain.task import State
from upwell.service.context import Context
from upwell.service.upgrade import limits
from upwell.service.upgrade.counters import totals
from upwell.service.upgrade.fill import Chunk, Waiting
from upwell.service.upgrade.limits import Places
from upwell.service.upgrade.tasks import plain
from upwell.storage.database import Connection, Row
from upwell.storage.job_rows import kept_growth, said_growth
from upwell.storage.queries import sheet

SQL = sheet("pacing")
AT_ONCE = 500  # jobs in one turn


async def give(conn: Connection, job_id: int, pace: Pace, maximum_per_min: int) -> None:
    """A job that is being made goes that fast."""
    growth = pace.growth
    rate = None if growth is None else per_min(growth, maximum_per_min, 0, 0)
    kept = None if growth is None else json.dumps(kept_growth(growth))
    said = {"at_once": pace.at_once, "bytes_per_s": pace.bytes_per_s}
    await conn.execute(*SQL["give"](job_id=job_id, growth=kept, per_min=rate, **said))


async def change(conn: Connection, job_id: int, pace: Pace, maximum_per_min: int) -> None:
    """A locked job goes that fast from now on; successes of before count, and devices that are at work do. Raises
    Conflict too_many_at_work, where these are more than are counted one by one."""
    counts = (await totals(conn, [job_id]))[job_id]
    at_work = counts.get(State.NOTIFIED, 0) + counts.get(State.IN_PROGRESS, 0)
    if pace.at_once is not None and at_work > AT_ONCE_MAX:
        raise Conflict("too_many_at_work", f"{at_work} devices are at work; with a limit {AT_ONCE_MAX} may be.")
    await give(conn, job_id, pace, maximum_per_min)
    if pace.at_once is not None:
        await conn.execute(*SQL["take_up"](job_id=job_id, at_most=AT_ONCE_MAX))


# --- paces that grow ---


def rates(budgets: Iterable[Row]) -> dict[int, int]:
    """How many a minute each of these jobs may offer now: its maximum, where it does not grow."""
    return {row["job_id"]: rate_of(row, row["succeeded"]) for row in budgets}


def rate_of(row: Row, succeeded: int) -> int:
    """How many a minute the job of this row may offer, so many of whose devices succeeded."""
    if row["growth"] is None:
        return int(row["maximum_per_min"])
    return per_min(said_growth(json.loads(row["growth"])), row["maximum_per_min"], row["told"], succeeded)


async def keep_rates(conn: Connection, found: Mapping[int, int]) -> None:
    """What those that grow may now, for who chooses what is due; their budgets are the caller's."""
    if found:
        await conn.execute(*SQL["set_paces"](job_ids=list(found), per_min=list(found.values())))


async def count_told(conn: Connection, tasks: Iterable[TaskRef]) -> None:
    """The devices of these tasks were offered their jobs, which grow, for the first time."""
    told = Counter(task.job_id for task in tasks)
    if told:
        await conn.execute(*SQL["count_told"](job_ids=list(told), told=list(told.values())))


# --- devices at work ---


@dataclass(slots=True)
class Room:
    """How many more devices may be at work of each job that has a limit, and which are; of jobs below a limit of their
    account or product too."""

    free: dict[int, int] = field(default_factory=dict)
    counted: frozenset[int] = frozenset()
    running: set[tuple[int, UUID]] = field(default_factory=set)
    begun: dict[int, list[TaskRef]] = field(default_factory=dict)
    places: Places = field(default_factory=Places)

    def admits(self, task: TaskRef) -> bool:
        """Whether an offer may leave to the device: there is room, or it is at work already."""
        if task.job_id not in self.counted or self._is_running(task):
            return True
        return self.free.get(task.job_id, 1) > 0 and self.places.admit(task.job_id)

    def take(self, task: TaskRef) -> None:
        """An offer left to the device."""
        if task.job_id not in self.counted or self._is_running(task):
            return
        if task.job_id in self.free:
            self.free[task.job_id] -= 1
        self.places.take(task.job_id)
        self.running.add((task.job_id, task.device_id))
        self.begun.setdefault(task.job_id, []).append(task)

    def _is_running(self, task: TaskRef) -> bool:
        return (task.job_id, task.device_id) in self.running


async def hold(conn: Connection, limited: Iterable[int], guarded: Iterable[int]) -> Room:
    """The budgets of these jobs, in one order whatever they are held for, and the limits over those that are limited;
    what room these have."""
    counted = frozenset(limited)
    if not counted:
        return Room()
    rows = await conn.fetch(*SQL["hold"](job_ids=sorted({*counted, *guarded})))
    places = await limits.hold(conn, sorted(counted))
    free = {row["job_id"]: row["at_once"] - row["running"] for row in rows if row["at_once"] is not None}
    at_work = await conn.fetch(*SQL["at_work"](job_ids=sorted(counted)))
    return Room(free, counted, {(row["job_id"], plain(row["device_id"])) for row in at_work}, places=places)


async def keep(conn: Connection, room: Room) -> None:
    """Write down whose work has begun, in jobs whose budgets are held."""
    for job_id, tasks in sorted(room.begun.items()):
        ids, nths = [task.device_id for task in tasks], [task.nth for task in tasks]
        await conn.execute(*SQL["begin_work"](job_id=job_id, device_ids=ids, nths=nths))
    await limits.keep(conn, room.places)


async def limited(ctx: Context) -> list[Waiting]:
    """Jobs with a limit of which devices may have ended their work."""
    async with ctx.upkeep.connection() as conn:
        rows = await conn.fetch(*SQL["limited"](at_most=AT_ONCE))
    return [Waiting(row["job_id"], False) for row in rows]


async def take_off_one(ctx: Context, job_id: int) -> Chunk:
    """Of one of them those that have, unless somebody offers it now."""

    async def body(conn: Connection) -> bool:
        row = await conn.fetchrow(*SQL["lock_limited"](job_id=job_id))
        if row is None:
            return False
        await conn.execute(*SQL["end_work"](job_id=job_id))
        return bool(await conn.fetchval(*SQL["count_work"](job_id=job_id)) != row["running"])

    return Chunk(more=False, moved=await ctx.upkeep.transact(body))
