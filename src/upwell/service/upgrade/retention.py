"""What operators keep no longer, forgotten a chunk at a time.

Of jobs that ended so long ago the tasks that nobody changed since go with their history, and are counted no more; so do
old lines of other tasks' history and of what else befell devices, hours of the versions that they ran, batches of
registered devices, imports, deleted devices of whom no task is left, and entries of the audit. The jobs themselves
stay. Holds: whatever is forgotten was all over; no chunk has more than CHUNK rows or waits for a lock; where a process
was killed the next goes on. A job that never ends, as a standing rule's, keeps its tasks: they are how it knows whom it
had.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from uuid import UUID

from upwell.service.context import Context, first_id
from upwell.service.journal import tell
from upwell.service.upgrade import counters, failures
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet

log = logging.getLogger(__name__)
_Q = sheet("retention")
_SPREAD = sheet("spread")
CHUNK = 1000  # rows
BATCHES = 5  # of registered devices in one chunk: each has up to 10,000
BLOCKS = 64  # of the history's table, looked through at once: half a megabyte
PASS_PAUSE = timedelta(days=1)  # from the beginning of a pass to the next
LOOK_AGAIN = timedelta(days=30)  # at the younger tasks of a job that ended long ago
RESTS = 4  # after each chunk, as many times as long as it took: what is forgotten is in no hurry

Forget = Callable[[Context, datetime, Connection], Awaitable[bool]]  # one chunk; whether there may be more


async def forget(ctx: Context) -> bool:
    """One chunk of each kind; whether there may be more of any."""
    if ctx.kept is None:
        return False
    before, more, began_s = ctx.now() - ctx.kept, False, time.monotonic()
    for part in (_tasks, _registrations, _imports, _devices, _history, _lines, _hours, _audit):
        more |= await ctx.upkeep.transact(lambda conn, part=part: part(ctx, before, conn))  # type: ignore[misc]
    if more:
        await asyncio.sleep(RESTS * (time.monotonic() - began_s))
    return more


async def _tasks(ctx: Context, before: datetime, conn: Connection) -> bool:
    job = await conn.fetchrow(*_Q["old_job"](before=before))
    if job is None:
        return False
    job_id = job["job_id"]
    chunk = {"job_id": job_id, "after": job["forgotten_to"] or UUID(int=0), "before": before, "at_most": CHUNK}
    moves = await conn.fetch(*_Q["forget_tasks"](**chunk))
    gone = -sum(row["n"] for row in moves)
    if gone == CHUNK:
        await conn.execute(*_Q["tasks_forgotten_to"](job_id=job_id, device_id=max(row["last"] for row in moves)))
    elif await _forget_others(conn, job_id) < CHUNK:
        await conn.execute(*_Q["job_looked_through"](job_id=job_id, again_before=before + LOOK_AGAIN))
        tell(log, "old tasks forgotten", job=job_id)
    await counters.move(conn, counters.moves_in(moves))
    await failures.move(conn, failures.forgotten(moves))
    return True


async def _forget_others(conn: Connection, job_id: int) -> int:
    """What else is kept of each device of the job; returns how much of a kind went at most."""
    parts = ("forget_targets", "forget_lots", "forget_stretches", "forget_course")
    return max([int(await conn.fetchval(*_Q[part](job_id=job_id, at_most=CHUNK))) for part in parts])


async def _registrations(ctx: Context, before: datetime, conn: Connection) -> bool:
    return bool(await conn.fetchval(*_Q["forget_registrations"](before=before, at_most=BATCHES)))


async def _imports(ctx: Context, before: datetime, conn: Connection) -> bool:
    import_id = await conn.fetchval(*_Q["old_import"](before=before))
    if import_id is None:
        return False
    if await conn.fetchval(*_Q["forget_imported"](import_id=import_id, at_most=CHUNK)) < CHUNK:
        await conn.execute(*_Q["forget_import"](import_id=import_id))
    return True


async def _devices(ctx: Context, before: datetime, conn: Connection) -> bool:
    """A batch or import that lists a device knows it by the number of its life, which begins anew when its tombstone is
    gone: so those go first."""
    for earlier in ("any_old_registration", "any_old_import"):
        if await conn.fetchval(*_Q[earlier](before=before)):
            return False
    pass_ = await _pass(ctx, "devices", before, conn)
    if pass_ is None:
        return False
    chunk = {"before": before, "at": pass_["at"], "device_id": pass_["device_id"], "at_most": CHUNK}
    row = await conn.fetchrow(*_Q["sweep_devices"](**chunk))
    assert row is not None  # noqa: S101  # it has no condition
    is_over = row["seen"] < CHUNK
    come = {"at": row["at"] or pass_["at"], "device_id": row["device_id"] or pass_["device_id"]}
    await conn.execute(*_Q["devices_swept"](**come, is_over=is_over, before=before))
    return not is_over


async def _history(ctx: Context, before: datetime, conn: Connection) -> bool:
    """Lines of the history are never changed, so where they lie in the table is the cheapest order to read them in."""
    return await _blocks(ctx, "history", before, conn)


async def _lines(ctx: Context, before: datetime, conn: Connection) -> bool:
    """The same of what else befell devices: such lines are changed in their minute alone."""
    return await _blocks(ctx, "lines", before, conn)


async def _blocks(ctx: Context, what: str, before: datetime, conn: Connection) -> bool:
    """Some blocks of a table, from its beginning to its end."""
    pass_ = await _pass(ctx, what, before, conn)
    if pass_ is None:
        return False
    sweep = _Q[f"sweep_{what}"](block=pass_["block"], blocks=BLOCKS, before=before, at_most=CHUNK)
    row = await conn.fetchrow(*sweep)
    assert row is not None  # noqa: S101  # it has no condition
    block = pass_["block"] + (BLOCKS if row["n"] < CHUNK else 0)
    is_over = block >= row["blocks"]
    await conn.execute(*_Q["blocks_swept"](what=what, block=block, oldest=row["oldest"], is_over=is_over))
    return not is_over


async def _hours(ctx: Context, before: datetime, conn: Connection) -> bool:
    """How many devices ran what, by the hour."""
    return int(await conn.fetchval(*_SPREAD["forget_hours"](before=before, at_most=CHUNK))) == CHUNK


async def _audit(ctx: Context, before: datetime, conn: Connection) -> bool:
    """The one way by which anything leaves the audit."""
    await conn.execute(*_Q["let_audit_go"]())
    return int(await conn.fetchval(*_Q["forget_audit"](below=first_id(before), at_most=CHUNK))) == CHUNK


async def _pass(ctx: Context, what: str, before: datetime, conn: Connection) -> Row | None:
    """How far the pass has come that is under way or begins now, held; None where there is none to do."""
    now = ctx.now()
    row = await conn.fetchrow(*_Q["take_sweep"](what=what, before=before, again_before=now - PASS_PAUSE))
    if row is not None and row["is_over"]:
        await conn.execute(*_Q["begin_sweep"](what=what, now=now))
        row = await conn.fetchrow(*_Q["take_sweep"](what=what, before=before, again_before=now - PASS_PAUSE))
    return row
