"""Devices that are set aside (ADR 0050): counted, and released by their owner.

Holds: a release of many says how many it means, and one that would touch more does nothing. A call releases
RELEASED_AT_ONCE of them, and tells how many are left.
"""

from typing import Any

from upwell.domain import commands as c
from upwell.domain.errors import Conflict
from upwell.service.context import Context
from upwell.service.manage.access import Caller, require
from upwell.service.manage.device_keys import lock_device
from upwell.service.manage.devices import views
from upwell.service.manage.products import find_product
from upwell.service.manage.spaces import space_number
from upwell.service.upgrade import setbacks
from upwell.storage.database import Connection

SQL = setbacks.SQL
COUNTED_MAX = 100_000  # devices that are told apart
RELEASED_AT_ONCE = 1000  # devices: some 40 ms


async def count_aside(ctx: Context, caller: Caller, cmd: c.CountAside) -> c.AsideCounts:
    """How many are set aside. Raises NotFound (space, product)."""
    async with ctx.database.connection() as conn:
        which = await _which(ctx, conn, caller, cmd)
        rows = await conn.fetch(*SQL["count_by_reason"](most=COUNTED_MAX, **which))
    reasons = tuple((row["reason"], row["n"]) for row in rows)
    return c.AsideCounts(devices=sum(n for _, n in reasons), reasons=reasons, most=COUNTED_MAX)


async def release_device(ctx: Context, caller: Caller, cmd: c.ReleaseDevice) -> c.Device:
    """One begins anew, whether it is set aside or on its way to. Raises NotFound, Missing."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Device:
        device_id, now = await lock_device(conn, caller, cmd.device), ctx.now()
        await setbacks.release(conn, [device_id], caller.who, now)
        return (await views(conn, caller, [device_id], now))[0]

    return await ctx.database.transact(body)


async def release_devices(ctx: Context, caller: Caller, cmd: c.ReleaseDevices) -> c.Released:
    """Some of those that are meant. Raises NotFound (space, product), Conflict more_than_meant."""
    require(caller, "operator")
    asked = c.CountAside(space=cmd.space, product_key=cmd.product_key, job_id=cmd.job_id, reason=cmd.reason)

    async def body(conn: Connection) -> c.Released:
        which = await _which(ctx, conn, caller, asked)
        found = int(await conn.fetchval(*SQL["count_aside"](most=COUNTED_MAX, **which)))
        if found > cmd.devices:
            more = " or more" if found == COUNTED_MAX else ""
            raise Conflict("more_than_meant", f"{found}{more} devices are set aside, {cmd.devices} are meant.")
        rows = await conn.fetch(*SQL["to_release"](at_most=min(RELEASED_AT_ONCE, cmd.devices), **which))
        ids = [row["device_id"] for row in rows]
        released = await setbacks.release(conn, ids, caller.who, ctx.now()) if ids else 0
        return c.Released(released=released, left=max(found - len(ids), 0))

    return await ctx.database.transact(body)


async def _which(ctx: Context, conn: Connection, caller: Caller, cmd: c.CountAside) -> dict[str, Any]:
    return {
        "account_id": caller.account_id, "now": ctx.now(), "job_id": cmd.job_id, "reason": cmd.reason,
        "space_id": await space_number(conn, caller, cmd.space),
        "product_id": await find_product(conn, caller, cmd.product_key) if cmd.product_key else None,
    }  # fmt: skip
