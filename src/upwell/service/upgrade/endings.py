"""What time brings: planned jobs begin, windows close, tasks time out, jobs without open tasks end, until they are
opened again. What begins and ends is told in the log, with its counts."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from typing import NamedTuple

from upwell.domain.attempts import timed_out, waited_out
from upwell.domain.events import Kind
from upwell.domain.job import ending, verdict
from upwell.domain.standings import Progress, progress
from upwell.domain.task import OPEN, RELEASED, State
from upwell.service.context import Context
from upwell.service.journal import tell
from upwell.service.upgrade import acts, events, guards, hours, news
from upwell.service.upgrade.counters import tallies, totals
from upwell.service.upgrade.fill import Chunk, Waiting
from upwell.service.upgrade.following import follow_at_once
from upwell.service.upgrade.tasks import Ledger, follow, task_of
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet

log = logging.getLogger(__name__)
_Q = sheet("endings")
TASKS = sheet("tasks")
TIMED_AT_ONCE = 1000  # tasks of a job whose time ends in one transaction: some 50 ms
WINDOW_TEXT = "the job's time was over"


class Ended(NamedTuple):
    """A job that ended just now, and how many of its tasks ended how."""

    job_id: int
    status: str
    counts: Mapping[State, int]
    reason: str = ""


Way = Callable[[Context, int, Connection], Awaitable[Ended | None]]  # how a job ends; None when it may not now


async def start_planned(ctx: Context) -> int:
    """Begin the jobs whose time has come; returns how many."""
    async with ctx.upkeep.connection() as conn:
        rows = await conn.fetch(*_Q["start_planned"](now=ctx.now(), kind=Kind.ROLLOUT_STARTED))
    begun = [row["job_id"] for row in rows]
    for job_id in begun:
        tell(log, "job started", job=job_id)
    return len(begun)


async def overdue(ctx: Context) -> list[Waiting]:
    """Running jobs whose time is over."""
    async with ctx.upkeep.connection() as conn:
        return [Waiting(r["job_id"], False) for r in await conn.fetch(*_Q["closed_windows"](now=ctx.now()))]


async def close_one(ctx: Context, job_id: int) -> Chunk:
    """End a job whose time is over: what is still open of it is cancelled (alibaba 7.4)."""
    chunk = await _end_by(ctx, job_id, _close)
    await follow_at_once(ctx, [job_id])
    return chunk


async def close_windows(ctx: Context) -> int:
    """End all of those; returns how many."""
    return len([await close_one(ctx, job.job_id) for job in await overdue(ctx)])


async def _end_by(ctx: Context, job_id: int, way: Way) -> Chunk:
    """The job ends that way, if it still may, and that is told."""
    ended = await ctx.upkeep.transact(partial(way, ctx, job_id))
    if ended is not None:
        counts = {state.value.lower(): n for state, n in sorted(ended.counts.items())}
        told = {"tasks": sum(ended.counts.values()), **counts}
        tell(log, "job ended", job=ended.job_id, status=ended.status, reason=ended.reason, **told)
    return Chunk(more=False, moved=ended is not None)


async def _close(ctx: Context, job_id: int, conn: Connection) -> Ended | None:
    now = ctx.now()
    if await conn.fetchrow(*_Q["lock_running"](job_id=job_id)) is None:
        return None
    await _set_ended(conn, job_id, "COMPLETED", now)
    await acts.halt(conn, job_id, OPEN, now, reason="window_closed", description=WINDOW_TEXT)
    counts = await _tell_ended(conn, job_id, "COMPLETED", now)
    return Ended(job_id, "COMPLETED", counts, WINDOW_TEXT)


async def finished(ctx: Context) -> list[Waiting]:
    """Running jobs that have no open task left, by their counters."""
    async with ctx.upkeep.connection() as conn:
        return [Waiting(r["job_id"], False) for r in await conn.fetch(*_Q["endable"]())]


async def end_one(ctx: Context, job_id: int) -> Chunk:
    """End such a job, and let a verify job judge its package."""
    return await _end_by(ctx, job_id, _end)


async def end_finished(ctx: Context) -> int:
    """End all of those; returns how many."""
    return len([await end_one(ctx, job.job_id) for job in await finished(ctx)])


async def _counts(conn: Connection, job_id: int) -> dict[State, int]:
    return (await totals(conn, [job_id]))[job_id]


async def _end(ctx: Context, job_id: int, conn: Connection) -> Ended | None:
    job = await conn.fetchrow(*_Q["lock_running"](job_id=job_id))
    if job is None:
        return None
    counts = await _counts(conn, job_id)
    status = ending(counts)
    if status is None:
        return None
    await end_job(conn, job_id, status, ctx.now())
    if job["part"]:
        await _conclude(ctx, conn, job)
    if job["kind"] == "verify":
        await _judge(ctx, conn, job, verdict(counts))
    return Ended(job_id, status, counts)


async def _conclude(ctx: Context, conn: Connection, job: Row) -> None:
    """How a job that asks first ended is written down, and is news."""
    counted = (await tallies(conn, [job["job_id"]]))[job["job_id"]]
    outcome = progress(counted, planned=False, resolved=True, stop_asked=job["stop_asked"])
    await set_outcome(conn, job["job_id"], outcome)
    await news.note_status(conn, job["job_id"], ctx.now(), outcome, job["part"], job["status_desc"])


async def end_job(conn: Connection, job_id: int, status: str, now: datetime) -> None:
    """The job has ended, which is told, and makes no more tasks."""
    await _set_ended(conn, job_id, status, now)
    await _tell_ended(conn, job_id, status, now)


async def _set_ended(conn: Connection, job_id: int, status: str, now: datetime) -> None:
    await conn.execute(*_Q["end_job"](job_id=job_id, status=status, now=now))


async def _tell_ended(conn: Connection, job_id: int, status: str, now: datetime) -> dict[State, int]:
    """How many of its tasks stand how, as it is told."""
    counts = await _counts(conn, job_id)
    tasks = {state.value: n for state, n in counts.items()}
    await events.tell_job(conn, job_id, Kind.ROLLOUT_ENDED, now, status=status, tasks=tasks)
    return counts


async def set_outcome(conn: Connection, job_id: int, outcome: Progress) -> None:
    """How a job that asks first has ended."""
    await conn.execute(*_Q["set_outcome"](job_id=job_id, outcome=outcome.value))


async def set_package_status(conn: Connection, package_id: int, status: str, now: datetime) -> None:
    """What its verification has come to, which is told at its end."""
    kind = {"verified": Kind.PACKAGE_VERIFIED, "failed": Kind.PACKAGE_FAILED}.get(status)
    if kind is not None:
        await events.tell_package(conn, package_id, kind, now)
    await conn.execute(*_Q["set_package_status"](package_id=package_id, status=status, now=now))


async def reopen(conn: Connection, job_id: int, now: datetime) -> None:
    """A job that had ended runs again, and of one that asks first that is news."""
    part = await conn.fetchval(*_Q["reopen_job"](job_id=job_id, now=now))
    await guards.renew(conn, job_id)
    await conn.execute(*hours.SQL["look_again"](job_id=job_id, now=now))
    if part is not None:
        await events.tell_job(conn, job_id, Kind.ROLLOUT_STARTED, now, again=True)
    if part:
        await news.note_status(conn, job_id, now, Progress.RUNNING, part)


async def _judge(ctx: Context, conn: Connection, job: Row, status: str) -> None:
    """What the verify job found of its package. A verify job without devices waits for one that succeeds (tuya 2.3)."""
    if status == "verified":
        await conn.execute(*_Q["end_empty_verify_jobs"](package_id=job["package_id"], now=ctx.now()))
    elif await conn.fetchval(*_Q["has_empty_verify_job"](package_id=job["package_id"])):
        status = "verifying"
    await set_package_status(conn, job["package_id"], status, ctx.now())


# --- time that tasks are given ---


async def timed(ctx: Context) -> list[Waiting]:
    """Jobs of which a task's time is over."""
    async with ctx.upkeep.connection() as conn:
        rows = await conn.fetch(*TASKS["jobs_timed"](now=ctx.now(), released=RELEASED))
    return [Waiting(row["job_id"], False) for row in rows]


async def time_out_one(ctx: Context, job_id: int) -> Chunk:
    """Some of the job's tasks whose time is over: they fail, or their present wait ends. It waits for nobody."""
    timed = await ctx.upkeep.transact(partial(_time_out, ctx, job_id))
    return Chunk(more=timed == TIMED_AT_ONCE, moved=timed > 0)


async def time_out(ctx: Context) -> int:
    """The same of each of those jobs; returns how many tasks."""
    return sum([await ctx.upkeep.transact(partial(_time_out, ctx, job.job_id)) for job in await timed(ctx)])


async def _time_out(ctx: Context, job_id: int, conn: Connection) -> int:
    if await acts.share(conn, [job_id]):
        return 0
    now, ledger = ctx.now(), Ledger()
    which = TASKS["lock_timed"](job_id=job_id, now=now, at_most=TIMED_AT_ONCE, released=RELEASED)
    tasks = [task_of(row) for row in await conn.fetch(*which)]
    for task in await follow(conn, tasks, ledger, now):
        if task.is_open:
            ledger.note(task, *(waited_out(task, now) if task.awaiting else timed_out(task)))
    await ledger.save(conn, now)
    return len(tasks)
