"""What undoing a job means: its devices that succeeded are counted by the versions that they came from, a bounded part
of its tasks at a time, by whichever process has the turn."""

from datetime import datetime

from upwell.service.context import Context
from upwell.service.upgrade.fill import Chunk, Waiting
from upwell.storage.database import Connection
from upwell.storage.queries import sheet

SQL = sheet("rollback")
COUNTED_AT_ONCE = 2000  # tasks, none of them locked
WAITING_MAX = 100  # rollbacks looked at in a turn


async def begin(conn: Connection, job_id: int, by: str, now: datetime) -> bool:
    """Begin to count those of a locked job; False if it was rolled back already."""
    if await conn.fetchval(*SQL["begin"](job_id=job_id, asked_by=by, now=now)) is None:
        return False
    await conn.execute(*SQL["forget_parts"](job_id=job_id))
    return True


async def waiting(ctx: Context) -> list[Waiting]:
    """Jobs that are being counted."""
    async with ctx.upkeep.connection() as conn:
        rows = await conn.fetch(*SQL["waiting"](at_most=WAITING_MAX))
    return [Waiting(row["job_id"], row["is_new"]) for row in rows]


async def count_one(ctx: Context, job_id: int) -> Chunk:
    """Count the next tasks of a job."""
    return await ctx.upkeep.transact(lambda conn: count_some(conn, job_id, ctx.now()))


async def count_some(conn: Connection, job_id: int, now: datetime) -> Chunk:
    """The same in a transaction of the caller's."""
    row = await conn.fetchrow(*SQL["lock_counting"](job_id=job_id))
    if row is None:
        return Chunk(more=False, moved=False)
    which = {"job_id": job_id, "after": row["walk_after"], "asked_at": row["asked_at"]}
    found = await conn.fetchrow(*SQL["count_some"](**which, at_most=COUNTED_AT_ONCE))
    assert found is not None  # noqa: S101  # it counts
    more = found["n"] >= COUNTED_AT_ONCE
    await conn.execute(*SQL["count_on"](job_id=job_id, after=found["last"], counted_at=None if more else now))
    return Chunk(more=more, moved=True)
