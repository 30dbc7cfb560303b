"""Spaces: partitions of an account's products.

The default one is made with its account and stays; its number is the account's. Only the caller's account sees a space;
to all others it does not exist (law 8). A space goes with everything in it, but not while an upgrade runs there.
"""

import secrets
from datetime import datetime

from upwell.domain import commands as c
from upwell.domain.errors import Conflict, NotFound, TooMany
from upwell.domain.task import Event
from upwell.service.context import Context
from upwell.service.manage.access import Caller, require
from upwell.service.upgrade.tasks import Selection, end_tasks
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet

_Q = sheet("spaces")
KEY_BYTES = 16  # of a space's key, told as hexadecimal digits
DEVICES_AT_ONCE = 5000  # that one statement deletes


async def create_space(ctx: Context, caller: Caller, cmd: c.CreateSpace) -> c.Space:
    """A new space. Raises TooMany spaces."""
    require(caller, "admin")
    space_id, key = ctx.new_id(), secrets.token_hex(KEY_BYTES)

    async def body(conn: Connection) -> c.Space:
        await conn.execute(_Q["lock_account"], caller.account_id)
        if await conn.fetchval(_Q["count_spaces"], caller.account_id) >= cmd.most:
            raise TooMany("spaces", cmd.most)
        await conn.execute(_Q["make_space"], space_id, caller.account_id, key, cmd.name, ctx.now())
        return space_of(await find_space(conn, caller, key))

    return await ctx.database.transact(body)


async def list_spaces(ctx: Context, caller: Caller, cmd: c.ListSpaces) -> tuple[c.Space, ...]:
    """The account's spaces, newest first."""
    async with ctx.database.connection() as conn:
        rows = await conn.fetch(_Q["list_spaces"], caller.account_id, cmd.is_default)
    return tuple(space_of(row) for row in rows)


async def show_space(ctx: Context, caller: Caller, cmd: c.ShowSpace) -> c.Space:
    """The space. Raises NotFound."""
    async with ctx.database.connection() as conn:
        return space_of(await find_space(conn, caller, cmd.space))


async def rename_space(ctx: Context, caller: Caller, cmd: c.RenameSpace) -> c.Space:
    """Give a space another name. Raises NotFound."""
    require(caller, "admin")

    async def body(conn: Connection) -> c.Space:
        space = await find_space(conn, caller, cmd.space)
        await conn.execute(_Q["rename_space"], space["space_id"], cmd.name)
        return space_of(await find_space(conn, caller, cmd.space))

    return await ctx.database.transact(body)


async def delete_space(ctx: Context, caller: Caller, cmd: c.DeleteSpace) -> c.Done:
    """Delete a space and everything in it. Raises NotFound, Conflict space_is_default, space_has_running_job, or
    space_in_use when a group of another space is under one of its groups."""
    require(caller, "admin")

    async def body(conn: Connection) -> c.Done:
        space = await find_space(conn, caller, cmd.space, "lock_space")
        await _check_deletable(conn, space)
        products = [row["product_id"] for row in await conn.fetch(_Q["lock_products"], space["space_id"])]
        await _delete_devices(conn, products, ctx.now())
        await conn.execute(_Q["delete_space"], space["space_id"], ctx.now(), products)
        return c.Done()

    return await ctx.database.transact(body)


async def find_space(conn: Connection, caller: Caller, key: str | None, how: str = "find_space") -> Row:
    """The caller's space by its key, or the default one; `how` share_space holds it. Raises NotFound."""
    row = await conn.fetchrow(_Q[how], caller.account_id, key)
    if row is None:
        raise NotFound("space", key or "")
    return row


async def space_number(conn: Connection, caller: Caller, key: str | None) -> int | None:
    """The number of the space that a list is limited to; None for every space. Raises NotFound."""
    return None if key is None else int((await find_space(conn, caller, key))["space_id"])


def space_of(row: Row, prefix: str = "") -> c.Space:
    """The space in a row, whose columns begin with `prefix`."""
    return c.Space(
        key=row[f"{prefix}key"],
        name=row[f"{prefix}name"],
        is_default=row[f"{prefix}is_default"],
        created_at=row[f"{prefix}created_at"],
    )


async def _check_deletable(conn: Connection, space: Row) -> None:
    if space["is_default"]:
        raise Conflict("space_is_default", "The default space stays.")
    if await conn.fetchval(_Q["has_running_job"], space["space_id"]):
        raise Conflict("space_has_running_job", "An upgrade of the space's devices runs or is planned; end it first.")
    if await conn.fetchval(_Q["has_foreign_sub_groups"], space["space_id"]):
        raise Conflict("space_in_use", "A group of another space is under a group of this one.")


async def _delete_devices(conn: Connection, products: list[int], now: datetime) -> None:
    while rows := await conn.fetch(_Q["some_devices"], products, DEVICES_AT_ONCE):
        ids = [row["device_id"] for row in rows]
        await conn.execute(_Q["delete_devices"], ids, now)
        text = "the space of the device was deleted"
        await end_tasks(
            conn, Event.CANCELLED, Selection(device_ids=ids), now, reason="device_deleted", description=text
        )
