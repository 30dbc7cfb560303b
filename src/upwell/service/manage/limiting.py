"""Limits of an account or product over all their jobs, as their owner sets and sees them (ADR 0054)."""

from typing import Any

from upwell.domain import commands as c
from upwell.domain.pace import WINDOW_S
from upwell.service.context import Context
from upwell.service.manage.access import Caller, require
from upwell.service.manage.products import find_product
from upwell.service.upgrade import limits
from upwell.storage.database import Connection

SQL = limits.SQL


async def show_limits(ctx: Context, caller: Caller, cmd: c.ShowLimits) -> c.Limits:
    """The limits, and what is spent. Raises NotFound (product)."""
    async with ctx.database.connection() as conn:
        return await _shown(conn, cmd.product_key, await _whose(conn, caller, cmd.product_key, "find_product"))


async def set_limits(ctx: Context, caller: Caller, cmd: c.SetLimits) -> c.Limits:
    """Set others. What was granted in this minute counts against them, and devices that are counted already do. Raises
    NotFound (product)."""
    require(caller, "admin")

    async def body(conn: Connection) -> c.Limits:
        which = await _whose(conn, caller, cmd.product_key, "share_product")
        if cmd.maximum_per_min is None and cmd.at_once is None:
            await conn.execute(*SQL["drop"](**which))
        else:
            await conn.execute(*SQL["set"](maximum_per_min=cmd.maximum_per_min, at_once=cmd.at_once, **which))
            await conn.execute(*SQL["recount"](**which))
        if cmd.bytes_per_s is None:
            await conn.execute(*SQL["drop_flow"](**which))
        else:
            await conn.execute(*SQL["set_flow"](bytes_per_s=cmd.bytes_per_s, **which))
        return await _shown(conn, cmd.product_key, which)

    return await ctx.database.transact(body)


async def _whose(conn: Connection, caller: Caller, product_key: str | None, how: str) -> dict[str, Any]:
    product_id = 0 if product_key is None else await find_product(conn, caller, product_key, how=how)
    return {"account_id": caller.account_id, "product_id": product_id}


async def _shown(conn: Connection, product_key: str | None, which: dict[str, Any]) -> c.Limits:
    row = await conn.fetchrow(*SQL["show"](pace_s=WINDOW_S, **which))
    assert row is not None  # noqa: S101  # it has no condition
    names = ("maximum_per_min", "at_once", "bytes_per_s", "spent", "running")
    return c.Limits(product_key=product_key, **{name: row[name] for name in names})
