"""What metrics tell of the newest rollouts that run, and of PostgreSQL's standbys: read without a lock, and bounded
whatever there is. No rule is here: what is due, paced or stalled is decided where it always is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from upwell.domain.pace import WINDOW_S, allowance
from upwell.domain.rollout import STALLING, STALLS_AFTER
from upwell.domain.task import State
from upwell.service.context import Context
from upwell.service.upgrade import pacing
from upwell.service.upgrade.counters import totals
from upwell.service.upgrade.granting import spent_by
from upwell.service.upgrade.halting import GUARD
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet

SQL = sheet("running")
COUNTED_MAX = 10_000
STANDBYS_MAX = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """One rollout that runs: how it stands, where its tasks are, and whether its rate alone keeps some of them back."""

    job_id: int
    how: str
    tasks: Mapping[State, int]
    is_held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Standby:
    """One that is connected, or whose slot waits for it; or several of one name, by the last of them. `said_s` is its
    lag when it last said one. `place` is how far it is in the log, `end_place` how far the primary is, in bytes; None
    where PostgreSQL does not tell."""

    name: str
    said_s: float
    place: int | None
    end_place: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What all processes on one database share."""

    running: int
    newest: tuple[Running, ...]
    standbys: tuple[Standby, ...] = ()


async def shared(ctx: Context, at_most: int) -> Shared:
    """As it is now; so many rollouts at most. Raises Unavailable."""
    async with ctx.upkeep.connection() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        now = ctx.now()
        count = await conn.fetchval(*SQL["count"](at_most=COUNTED_MAX))
        newest = await _newest(conn, now, at_most)
        standbys = await conn.fetch(*SQL["standbys"](at_most=STANDBYS_MAX))
        return Shared(running=int(count), newest=newest, standbys=tuple(Standby(**row) for row in standbys))


async def _newest(conn: Connection, now: datetime, at_most: int) -> tuple[Running, ...]:
    rows = await conn.fetch(
        *SQL["newest"](
            at_most=at_most, guard=GUARD, now=now, stalling=sorted(STALLING), still_before=now - STALLS_AFTER,
            shared_since=now - timedelta(seconds=WINDOW_S),
        )
    )  # fmt: skip
    jobs = [row["job_id"] for row in rows]
    counts, spent = await totals(conn, jobs), await spent_by(conn, jobs)
    return tuple(_running(row, counts[row["job_id"]], spent.get(row["job_id"], 0)) for row in rows)


def _running(row: Row, tasks: Mapping[State, int], spent: int) -> Running:
    how, waiting = _how(row), tasks.get(State.QUEUED, 0)
    rate = pacing.rate_of(row, tasks.get(State.SUCCEEDED, 0))
    is_over = row["waits_for_shared"] or not allowance(rate, spent, waiting)
    is_held = how in ("offering", "stalled") and waiting > 0 and is_over
    return Running(job_id=row["job_id"], how=how, tasks=tasks, is_held=is_held)


def _how(row: Row) -> str:
    for name in ("halted", "paused"):
        if row[f"is_{name}"]:
            return name
    if row["unapproved"]:
        return "awaiting_approval"
    if row["is_outside_hours"]:
        return "outside_hours"
    return "stalled" if row["is_stalled"] else "offering"
