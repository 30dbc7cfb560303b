"""Tasks follow what was done to their jobs: those that nobody writes by himself, in chunks.

A chunk is no more than CHUNK tasks of one job, waits for nobody, and commits together with the cursor that says how far
they are, so a crash repeats nothing and skips nothing. Tasks that others have are passed by and come back to. The
counters tell when none is left.
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from upwell.domain.acts import Act, What, followed
from upwell.domain.task import CLOSED, State, Task
from upwell.service.context import Context
from upwell.service.journal import tell
from upwell.service.upgrade import acts, counters, events, nodes
from upwell.service.upgrade.fill import Chunk, Waiting
from upwell.service.upgrade.tasks import Ledger, plain, task_of
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet

log = logging.getLogger(__name__)
_Q = sheet("acts")
_FILL = sheet("fill")
CHUNK = 500  # tasks that follow in one transaction: some 15 ms of two idle cores
AT_ONCE = 4  # chunks that are done before the call that acts on a job is answered: all, of a small job
TROUBLE_TEXT = "the tasks of the job can't follow what was asked at present; the platform tries it again and again"


async def waiting(ctx: Context) -> list[Waiting]:
    """Jobs whose tasks have something yet to follow: new ones first, then from old to new."""
    async with ctx.upkeep.connection() as conn:
        return [Waiting(row["job_id"], row["is_new"]) for row in await conn.fetch(*_Q["waiting"]())]


async def follow_at_once(ctx: Context, job_ids: Iterable[int]) -> None:
    """Have the tasks of small jobs follow what was done just now; of large ones some, and the engine does the rest."""
    for job_id in job_ids:
        for _ in range(AT_ONCE):
            try:
                chunk = await follow_one(ctx, job_id)
            except Exception as exc:  # what was done stands; the engine tries it again and tells its owner
                tell(log, "tasks can't follow", logging.WARNING, exc, job=job_id)
                break
            if not (chunk.more and chunk.moved):
                break


async def follow_one(ctx: Context, job_id: int) -> Chunk:
    """One chunk of a job's tasks follows what is first for them."""
    chunk, going = await ctx.upkeep.transact(lambda conn: _chunk(ctx, conn, job_id))
    await nodes.follow(ctx, going)
    return chunk


async def tell_trouble(ctx: Context, job_id: int, is_over: bool) -> None:
    """The job's row tells its owner that its tasks can't follow at present, or no longer does."""
    async with ctx.upkeep.connection() as conn:
        await conn.execute(*_FILL["tell_no_trouble" if is_over else "tell_trouble"](job_id=job_id, text=TROUBLE_TEXT))


async def _chunk(ctx: Context, conn: Connection, job_id: int) -> tuple[Chunk, list[UUID]]:
    """What came of it, and the devices whose tasks run again."""
    if await acts.share(conn, [job_id]):
        return Chunk(more=True, moved=False), []
    row = await conn.fetchrow(*_Q["lock_next"](job_id=job_id))
    if row is None:
        return Chunk(more=False, moved=False), []
    act, now = _act_of(job_id, row), ctx.now()
    left, passed, going = CHUNK, 0, list[UUID]()
    for state in _states_left(act, row["cursor_state"]):
        after = (row["cursor_device"], row["cursor_nth"]) if state.value == row["cursor_state"] else (None, None)
        refs = await _next(conn, act, state, after, left)
        if refs:
            some = await _let_follow(conn, act, state, refs, now)
            left, passed, going = left - len(refs), passed + some.passed, going + some.going
        await _advance(conn, act, state.value, *(refs[-1] if refs else after))
        if left <= 0:
            return Chunk(more=True, moved=True), going
    return await _end_of_pass(conn, act, row["is_filling"], now, passed > 0), going


async def _advance(conn: Connection, act: Act, state: str, device_id: UUID | None, task_nth: int | None) -> None:
    place = {"state": state, "device_id": device_id, "task_nth": task_nth}
    await conn.execute(*_Q["advance"](**place, job_id=act.job_id, act=act.nth))


async def _end_of_pass(conn: Connection, act: Act, is_filling: bool, now: datetime, moved: bool) -> Chunk:
    """All tasks were come to: the act is over, unless others had some of them, or some are still to be made."""
    names = sorted(state.value for state in act.states)
    if is_filling or await conn.fetchval(*_Q["count_left"](job_id=act.job_id, act=act.nth, states=names)):
        await _advance(conn, act, names[0], None, None)
        return Chunk(more=True, moved=moved)
    await conn.execute(*_Q["done"](job_id=act.job_id, act=act.nth, now=now))
    tell(log, "tasks have followed", job=act.job_id, act=act.what.value, reason=act.reason)
    return Chunk(more=True, moved=True)


def _act_of(job_id: int, row: Row) -> Act:
    return Act(
        job_id=job_id, nth=row["nth"], what=What(row["what"]), states=frozenset(map(State, row["states"])),
        reason=row["reason"], description=row["description"], failure=row["failure"],
        source_version=row["source_version"],
    )  # fmt: skip


def _states_left(act: Act, cursor: str | None) -> list[State]:
    """The states whose tasks are still to be come to in this pass, in order."""
    return sorted(state for state in act.states if cursor is None or state.value >= cursor)


async def _next(
    conn: Connection, act: Act, state: State, after: tuple[UUID | None, int | None], at_most: int
) -> list[tuple[UUID, int]]:
    asked = _Q["next_to_follow"](
        job_id=act.job_id, state=state.value, act=act.nth, after_device=after[0], after_nth=after[1], at_most=at_most
    )  # fmt: skip
    return [(plain(row["device_id"]), row["nth"]) for row in await conn.fetch(*asked)]


class _Some(NamedTuple):
    """How many of some tasks have passed an act, and the devices of those that run again."""

    passed: int
    going: list[UUID]


async def _let_follow(
    conn: Connection, act: Act, state: State, refs: Sequence[tuple[UUID, int]], now: datetime
) -> _Some:
    """Those of these tasks that nobody else has follow the act."""
    which = {"device_ids": [device for device, _ in refs], "nths": [nth for _, nth in refs]}
    which |= {"job_id": act.job_id, "state": state.value, "act": act.nth}
    if act.what is What.HALT:
        rows = await conn.fetch(
            *_Q["end_followers"](now=now, reason=act.reason, description=act.description, **which)
        )  # fmt: skip
        await events.tell_followers(conn, now, which=which, state=State.CANCELED)
        await counters.move(conn, counters.moves_in(rows))
        return _Some(sum(row["n"] for row in rows if row["n"] > 0), [])
    return await _set_going(conn, act, which, now)


async def _set_going(conn: Connection, act: Act, which: dict[str, object], now: datetime) -> _Some:
    fit, held = None, set[UUID]()
    if act.what is What.RETRY and State(str(which["state"])) in CLOSED:
        fit, held = await _fit_to_run_again(conn, act, which)
    tasks = [task_of(row) for row in await conn.fetch(*_Q["lock_followers"](**which))]
    tasks = [task for task in tasks if task.ref.device_id not in held]
    pending = (await acts.pending(conn, [act.job_id])).get(act.job_id, [])
    ledger, passing = Ledger(), list[Task]()
    for task in tasks:
        again = fit is None or (task.ref.device_id, task.ref.nth) in fit
        after, change = followed(task, pending, now, may_run_again=again)
        if after is task:
            passing.append(task)
        else:
            ledger.note(task, after, change)
    await _pass_by(conn, act, passing)
    await ledger.save(conn, now)
    return _Some(len(tasks), [ref.device_id for ref in ledger.tasks] if act.what is What.RETRY else [])


async def _fit_to_run_again(
    conn: Connection, act: Act, which: dict[str, object]
) -> tuple[set[tuple[UUID, int]], set[UUID]]:
    """Those of these tasks that may run again, and the devices that others have."""
    asked = _Q["of_present_lives"](device_ids=which["device_ids"], nths=which["nths"], job_id=act.job_id)
    rows = await conn.fetch(*asked)
    held = {plain(row["device_id"]) for row in rows if row["is_held"]}
    return {(plain(row["device_id"]), row["nth"]) for row in rows if not row["is_held"]}, held


async def _pass_by(conn: Connection, act: Act, tasks: Sequence[Task]) -> None:
    if tasks:
        which = {"device_ids": [task.ref.device_id for task in tasks], "nths": [task.ref.nth for task in tasks]}
        rows = await conn.fetch(*_Q["pass_by"](job_id=act.job_id, act=act.nth, **which))
        await counters.move(conn, counters.moves_in(rows))
