"""Hours of a group's devices, or of those with a tag, as their owner makes and sees them (ADR 0059).

A device that several of them hold for is offered where all are open. A change is seen by every claim that
begins after it; of the devices that were held back a thousand are looked at at once, the others within minutes.
"""

import json
from collections.abc import Mapping
from typing import Any

from upwell.domain import commands as c
from upwell.domain.errors import Conflict, NotFound, TooMany
from upwell.domain.hours import Hours
from upwell.service.context import Context
from upwell.service.manage.access import Caller, require
from upwell.service.manage.groups import find_static
from upwell.service.upgrade.hours import moved
from upwell.storage.database import Connection, Row
from upwell.storage.job_rows import kept_hours, said_hours
from upwell.storage.queries import sheet

SQL = sheet("device_hours")
AT_ONCE, LOOKED_AT = 1000, 10_000  # devices that a change looks at; a tag's are looked for among so many
HOURS_MAX = 50  # of an account; each is looked at with each offer of its devices


async def create_device_hours(ctx: Context, caller: Caller, cmd: c.CreateDeviceHours) -> c.DeviceHours:
    """Hours of a static group or a tag. Raises NotFound (group), Conflict group_is_dynamic or has_hours, TooMany
    device hours."""
    require(caller, "operator")
    hours_id, account = ctx.new_id(), caller.account_id
    key, value = cmd.tag or (None, None)

    async def body(conn: Connection) -> c.DeviceHours:
        if cmd.group_id is not None:
            await find_static(conn, caller, cmd.group_id)
        await conn.execute(*SQL["lock_account"](account_id=account))
        if await conn.fetchval(*SQL["count_all"](account_id=account)) >= HOURS_MAX:
            raise TooMany("device hours", HOURS_MAX)
        given = {"hours_id": hours_id, "account_id": account, "group_id": cmd.group_id, "key": key, "value": value}
        if await conn.fetchval(*SQL["make"](now=ctx.now(), **given, **_kept(ctx, cmd.hours))) is None:
            whose = "group" if cmd.group_id is not None else "tag"
            raise Conflict("has_hours", f"The {whose} has hours already; change those, or delete them.")
        return await _one(conn, caller, hours_id)

    return await ctx.database.transact(body)


async def list_device_hours(ctx: Context, caller: Caller, _: c.ListDeviceHours) -> tuple[c.DeviceHours, ...]:
    """All of the account's, newest first."""
    async with ctx.database.connection() as conn:
        rows = await conn.fetch(*SQL["show"](account_id=caller.account_id, hours_id=None))
    return tuple(_shown(row) for row in rows)


async def show_device_hours(ctx: Context, caller: Caller, cmd: c.ShowDeviceHours) -> c.DeviceHours:
    """Raises NotFound."""
    async with ctx.database.connection() as conn:
        return await _one(conn, caller, cmd.hours_id)


async def update_device_hours(ctx: Context, caller: Caller, cmd: c.UpdateDeviceHours) -> c.DeviceHours:
    """Other hours, from now on. Raises NotFound."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.DeviceHours:
        await held(conn, caller, cmd.hours_id)
        await conn.execute(*SQL["change"](hours_id=cmd.hours_id, **_kept(ctx, cmd.hours)))
        await _wake(ctx, conn, cmd.hours_id)
        return await _one(conn, caller, cmd.hours_id)

    return await ctx.database.transact(body)


async def delete_device_hours(ctx: Context, caller: Caller, cmd: c.DeleteDeviceHours) -> c.Done:
    """Its devices may be offered at any time. Raises NotFound."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Done:
        await held(conn, caller, cmd.hours_id)
        await _wake(ctx, conn, cmd.hours_id)
        await conn.execute(*SQL["drop"](hours_id=cmd.hours_id))
        return c.Done()

    return await ctx.database.transact(body)


async def held(conn: Connection, caller: Caller, hours_id: int) -> c.DeviceHours:
    """The same, locked. Raises NotFound."""
    await conn.fetchval(*SQL["lock"](hours_id=hours_id, account_id=caller.account_id))
    return await _one(conn, caller, hours_id)


async def _wake(ctx: Context, conn: Connection, hours_id: int) -> None:
    await conn.execute(*SQL["wake"](hours_id=hours_id, now=ctx.now(), at_most=AT_ONCE, look_at=LOOKED_AT))


def _kept(ctx: Context, hours: Hours) -> Mapping[str, Any]:
    return {"hours": json.dumps(kept_hours(hours)), **moved(hours, ctx.now())}


async def _one(conn: Connection, caller: Caller, hours_id: int) -> c.DeviceHours:
    row = await conn.fetchrow(*SQL["show"](account_id=caller.account_id, hours_id=hours_id))
    if row is None:
        raise NotFound("device_hours", str(hours_id))
    return _shown(row)


def _shown(row: Row) -> c.DeviceHours:
    return c.DeviceHours(
        hours_id=row["hours_id"], group_id=row["group_id"],
        tag=None if row["key"] is None else (row["key"], row["value"]),
        hours=said_hours(json.loads(row["hours"])), closes_at=row["open_until"] if row["is_open"] else None,
        opens_at=row["opens_at"], created_at=row["created_at"],
    )  # fmt: skip
