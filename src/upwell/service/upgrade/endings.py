"""What time brings: planned jobs begin, windows close, tasks time out, jobs without open tasks end, until they are
opened again. What begins and ends is told in the log, with its counts."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple

from upwell.domain.attempts import TIMEOUT_TEXT, waited_out
from upwell.domain.job import ending, verdict
from upwell.domain.standings import Progress, progress
from upwell.domain.task import RELEASED, Event, State
from upwell.service.context import Context
from upwell.service.journal import tell
from upwell.service.upgrade import news
from upwell.service.upgrade.counters import tallies
from upwell.service.upgrade.tasks import Ledger, Selection, end_tasks, task_of
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet

log = logging.getLogger(__name__)
_Q = sheet("endings")
TASKS = sheet("tasks")
WAITS_AT_ONCE = 5000  # tasks whose wait is ended in one transaction
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
    async with ctx.database.connection() as conn:
        begun = [r["job_id"] for r in await conn.fetch(*_Q["start_planned"](now=ctx.now()))]
    for job_id in begun:
        tell(log, "job started", job=job_id)
    return len(begun)


async def close_windows(ctx: Context) -> int:
    """End the jobs whose time is over: what is still open of them is cancelled (alibaba 7.4); returns how many."""
    async with ctx.database.connection() as conn:
        ready = [r["job_id"] for r in await conn.fetch(*_Q["closed_windows"](now=ctx.now()))]
    return await _end_each(ctx, ready, _close)


async def _end_each(ctx: Context, ready: Sequence[int], way: Way) -> int:
    """Each of these jobs ends its way, if it still may, and that is told; returns how many they are."""
    for job_id in ready:
        ended = await ctx.database.transact(partial(way, ctx, job_id))
        if ended is not None:
            counts = {state.value.lower(): n for state, n in sorted(ended.counts.items())}
            told = {"tasks": sum(ended.counts.values()), **counts}
            tell(log, "job ended", job=ended.job_id, status=ended.status, reason=ended.reason, **told)
    return len(ready)


async def _close(ctx: Context, job_id: int, conn: Connection) -> Ended | None:
    now = ctx.now()
    if await conn.fetchrow(*_Q["lock_running"](job_id=job_id)) is None:
        return None
    chosen = Selection(job_id=job_id)
    await end_tasks(conn, Event.CANCELLED, chosen, now, reason="window_closed", description=WINDOW_TEXT)
    await end_job(conn, job_id, "COMPLETED", now)
    return Ended(job_id, "COMPLETED", await _counts(conn, job_id), WINDOW_TEXT)


async def end_finished(ctx: Context) -> int:
    """End running jobs that have no open task left, and let verify jobs judge their package."""
    async with ctx.database.connection() as conn:
        ready = [r["job_id"] for r in await conn.fetch(*_Q["endable"]())]
    return await _end_each(ctx, ready, _end)


async def _counts(conn: Connection, job_id: int) -> dict[State, int]:
    return {State(r["state"]): r["n"] for r in await conn.fetch(*_Q["counts"](job_id=job_id))}


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
    """The job has ended, and makes no more tasks."""
    await conn.execute(*_Q["end_job"](job_id=job_id, status=status, now=now))


async def set_outcome(conn: Connection, job_id: int, outcome: Progress) -> None:
    """How a job that asks first has ended."""
    await conn.execute(*_Q["set_outcome"](job_id=job_id, outcome=outcome.value))


async def set_package_status(conn: Connection, package_id: int, status: str, now: datetime) -> None:
    """What its verification has come to."""
    await conn.execute(*_Q["set_package_status"](package_id=package_id, status=status, now=now))


async def reopen(conn: Connection, job_id: int, now: datetime) -> None:
    """A job that had ended runs again, and of one that asks first that is news."""
    part = await conn.fetchval(*_Q["reopen_job"](job_id=job_id, now=now))
    if part:
        await news.note_status(conn, job_id, now, Progress.RUNNING, part)


async def _judge(ctx: Context, conn: Connection, job: Row, status: str) -> None:
    """What the verify job found of its package. A verify job without devices waits for one that succeeds (tuya 2.3)."""
    if status == "verified":
        await conn.execute(*_Q["end_empty_verify_jobs"](package_id=job["package_id"], now=ctx.now()))
    elif await conn.fetchval(*_Q["has_empty_verify_job"](package_id=job["package_id"])):
        status = "verifying"
    await set_package_status(conn, job["package_id"], status, ctx.now())


async def end_waits(ctx: Context) -> int:
    """Tasks that ask first and whose present wait is over; returns how many were looked at."""

    async def body(conn: Connection) -> int:
        now, ledger = ctx.now(), Ledger()
        which = TASKS["lock_waits_over"](now=now, at_most=WAITS_AT_ONCE, released=RELEASED)
        tasks = [task_of(row) for row in await conn.fetch(*which)]
        for task in tasks:
            ledger.note(*waited_out(task, now))
        await ledger.save(conn, now)
        return len(tasks)

    return await ctx.database.transact(body)


async def time_out(ctx: Context) -> int:
    """Fail the tasks whose time ran out; returns how many."""
    now = ctx.now()
    chosen = Selection(timeout_before=now)
    return await ctx.database.transact(
        lambda conn: end_tasks(conn, Event.TIMED_OUT, chosen, now, reason="timeout", description=TIMEOUT_TEXT)
    )
