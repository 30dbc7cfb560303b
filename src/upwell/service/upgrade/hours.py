"""The hours of jobs (ADR 0043), and of devices (ADR 0059), moved in their rows.

A job's row says until when it may offer. Whoever offers compares that with the clock, before each message too, so that
nothing has to happen in time when hours end (L5); when they begin, some process moves it on, a second late at most.
What a device was told before goes on and ends. Hours are computed anew at each opening and closing, and once a day, for
zones change.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from upwell.domain.hours import Hours, look
from upwell.service.context import Context
from upwell.service.upgrade import acts
from upwell.service.upgrade.fill import Chunk, Waiting
from upwell.storage.database import Connection
from upwell.storage.job_rows import kept_hours, said_hours
from upwell.storage.queries import sheet

SQL = sheet("hours")
OF_DEVICES = sheet("device_hours")
AT_ONCE = 500  # jobs in one turn
AGAIN = timedelta(days=1)


async def give(conn: Connection, job_id: int, hours: Hours, now: datetime) -> None:
    """A locked job has these hours from now on, in place of any other: when this is committed nothing of it leaves
    outside of them."""
    await acts.alone(conn, job_id)
    await conn.execute(*SQL["set_hours"](job_id=job_id, hours=json.dumps(kept_hours(hours)), **moved(hours, now)))


async def drop(conn: Connection, job_id: int, now: datetime) -> None:
    """A locked job may offer at any time."""
    await conn.execute(*SQL["drop_hours"](job_id=job_id, now=now))


async def due(ctx: Context) -> list[Waiting]:
    """Jobs whose hours open or close now."""
    async with ctx.upkeep.connection() as conn:
        rows = await conn.fetch(*SQL["due"](now=ctx.now(), at_most=AT_ONCE))
    return [Waiting(row["job_id"], True) for row in rows]


async def move_one(ctx: Context, job_id: int) -> Chunk:
    """One of them does, unless somebody has the job now."""

    async def body(conn: Connection) -> bool:
        now = ctx.now()
        row = await conn.fetchrow(*SQL["lock"](job_id=job_id, now=now))
        if row is None:
            return False
        if not row["is_live"]:
            await conn.execute(*SQL["rest"](job_id=job_id))
            return True
        stand = moved(said_hours(json.loads(row["hours"])), now)
        opens = stand["open_until"] is not None and not row["is_open"]
        await conn.execute(*SQL["move"](job_id=job_id, opens=opens, now=now, **stand))
        return True

    return Chunk(more=False, moved=await ctx.upkeep.transact(body))


async def due_of_devices(ctx: Context) -> list[Waiting]:
    """Hours of devices that open or close now."""
    async with ctx.upkeep.connection() as conn:
        rows = await conn.fetch(*OF_DEVICES["due"](now=ctx.now(), at_most=AT_ONCE))
    return [Waiting(row["hours_id"], True) for row in rows]


async def move_of_devices(ctx: Context, hours_id: int) -> Chunk:
    """Some of them do, unless somebody has the row now."""

    async def body(conn: Connection) -> bool:
        now = ctx.now()
        kept = await conn.fetchval(*OF_DEVICES["lock_due"](hours_id=hours_id, now=now))
        if kept is not None:
            await conn.execute(*OF_DEVICES["move"](hours_id=hours_id, **moved(said_hours(json.loads(kept)), now)))
        return kept is not None

    return Chunk(more=False, moved=await ctx.upkeep.transact(body))


def moved(hours: Hours, now: datetime) -> Mapping[str, Any]:
    """What is written of hours as they stand now."""
    found = look(hours, now)
    edge = found.open_until or found.opens_at
    return {
        "open_until": found.open_until,
        "opens_at": found.opens_at,
        "look_at": min(edge or now + AGAIN, now + AGAIN),
    }
