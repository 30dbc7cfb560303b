"""Spaces: partitions of an account's products.

The default one is made with its account and stays; its number is the account's. Only the caller's account sees a space;
to all others it does not exist (law 8). A space goes with everything in it, but not while an upgrade runs there.
"""

import secrets
from datetime import datetime

from upwell.domain import commands as c
from upwell.domain.errors import Conflict, NotFound, TooMany
from upwell.service.context import Context
from upwell.service.manage.access import Caller, require
from upwell.service.upgrade.burying import BURIED_AT_ONCE, bury
from upwell.storage.database import Connection, Row
from upwell.storage.orders import SPACES, ordered
from upwell.storage.queries import sheet
from upwell.storage.views import space_of

SQL = sheet("spaces")
KEY_BYTES = 16  # of a space's key, told as hexadecimal digits


async def create_space(ctx: Context, caller: Caller, cmd: c.CreateSpace) -> c.Space:
    """A new space. Raises TooMany spaces."""
    require(caller, "admin")
    space_id, key = ctx.new_id(), secrets.token_hex(KEY_BYTES)

    async def body(conn: Connection) -> c.Space:
        await conn.execute(*SQL["lock_account"](account_id=caller.account_id))
        if await conn.fetchval(*SQL["count_spaces"](account_id=caller.account_id)) >= cmd.most:
            raise TooMany("spaces", cmd.most)
        row = {"space_id": space_id, "account_id": caller.account_id, "key": key, "name": cmd.name}
        await conn.execute(*SQL["make_space"](**row, now=ctx.now()))
        return space_of(await find_space(conn, caller, key))

    return await ctx.database.transact(body)


async def list_spaces(ctx: Context, caller: Caller, cmd: c.ListSpaces) -> tuple[c.Space, ...]:
    """The account's spaces, newest first."""
    async with ctx.database.connection() as conn:
        which = {"account_id": caller.account_id, "is_default": cmd.is_default, "key": cmd.space}
        rows = await conn.fetch(*ordered(SQL["list_spaces"](**which), SPACES, cmd.order))
    return tuple(map(space_of, rows))


async def show_space(ctx: Context, caller: Caller, cmd: c.ShowSpace) -> c.Space:
    """The space. Raises NotFound."""
    async with ctx.database.connection() as conn:
        return space_of(await find_space(conn, caller, cmd.space))


async def rename_space(ctx: Context, caller: Caller, cmd: c.RenameSpace) -> c.Space:
    """Give a space another name. Raises NotFound."""
    require(caller, "admin")

    async def body(conn: Connection) -> c.Space:
        space = await find_space(conn, caller, cmd.space)
        await conn.execute(*SQL["rename_space"](space_id=space["space_id"], name=cmd.name))
        return space_of(await find_space(conn, caller, cmd.space))

    return await ctx.database.transact(body)


async def delete_space(ctx: Context, caller: Caller, cmd: c.DeleteSpace) -> c.Done:
    """Delete a space and everything in it. Of very many devices nobody sees any from then on, and the engine makes
    tombstones of them. Raises NotFound, Conflict space_is_default, space_has_running_job, or
    space_in_use when a group of another space is under one of its groups."""
    require(caller, "admin")

    async def body(conn: Connection) -> c.Done:
        space = await find_space(conn, caller, cmd.space, "lock_space")
        await _check_deletable(conn, space)
        space_id, now = space["space_id"], ctx.now()
        rows = await conn.fetch(*SQL["lock_products"](space_id=space_id))
        products = [row["product_id"] for row in rows]
        await _delete_devices(conn, products, now)
        await conn.execute(*SQL["delete_space"](space_id=space_id, now=now, product_ids=products))
        return c.Done()

    return await ctx.database.transact(body)


async def find_space(conn: Connection, caller: Caller, key: str | None, how: str = "find_space") -> Row:
    """The caller's space by its key, or the default one; `how` share_space holds it. Raises NotFound."""
    row = await conn.fetchrow(*SQL[how](account_id=caller.account_id, key=key))
    if row is None:
        raise NotFound("space", key or "")
    return row


async def space_number(conn: Connection, caller: Caller, key: str | None) -> int | None:
    """The number of the space that a list is limited to; None for every space. Raises NotFound."""
    return None if key is None else int((await find_space(conn, caller, key))["space_id"])


async def _check_deletable(conn: Connection, space: Row) -> None:
    if space["space_is_default"]:
        raise Conflict("space_is_default", "The default space stays.")
    if await conn.fetchval(*SQL["has_running_job"](space_id=space["space_id"])):
        raise Conflict("space_has_running_job", "An upgrade of the space's devices runs or is planned; end it first.")
    if await conn.fetchval(*SQL["has_foreign_sub_groups"](space_id=space["space_id"])):
        raise Conflict("space_in_use", "A group of another space is under a group of this one.")


async def _delete_devices(conn: Connection, products: list[int], now: datetime) -> None:
    rows = await conn.fetch(*SQL["some_devices"](product_ids=products, most=BURIED_AT_ONCE))
    await bury(conn, [row["device_id"] for row in rows], now)
