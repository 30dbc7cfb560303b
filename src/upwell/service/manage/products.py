"""Products: kinds of devices.

Only the caller's account sees a product; to all others it does not exist (law 8). A deleted product stays as a
tombstone, and its name is free again.
"""

import json

import asyncpg

from upwell.domain import commands
from upwell.domain.errors import Conflict, NotFound
from upwell.service.context import Context
from upwell.service.dice import dice
from upwell.service.manage.access import Caller, require
from upwell.storage.database import Connection, values
from upwell.storage.queries import sheet

_Q = sheet("fleet")
PRODUCT_SECRET_SIZE = 16  # characters


async def create_product(ctx: Context, caller: Caller, cmd: commands.CreateProduct) -> commands.Product:
    """A new product. Raises Conflict product_name_taken."""
    require(caller, "operator")
    product_id, key, secret = ctx.new_id(), "a1" + dice(9), dice(PRODUCT_SECRET_SIZE)

    async def body(conn: Connection) -> commands.Product:
        facts = json.dumps(dict(cmd.facts))
        row = (product_id, caller.account_id, key, secret, cmd.name, facts, ctx.now())
        if await conn.fetchval(_Q["make_product"], *row) is None:
            raise Conflict("product_name_taken", f"The account has a product named {cmd.name}.")
        return (await _show_products(conn, [product_id]))[0]

    return await ctx.database.transact(body)


async def show_product(ctx: Context, caller: Caller, cmd: commands.ShowProduct) -> commands.Product:
    """The product. Raises NotFound."""
    async with ctx.database.connection() as conn:
        product_id = await find_product(conn, caller, cmd.product_key)
        return (await _show_products(conn, [product_id]))[0]


async def list_products(ctx: Context, caller: Caller, cmd: commands.ListProducts) -> commands.Page[commands.Product]:
    """A page of the account's products whose facts contain the asked ones, newest first."""
    facts = json.dumps(dict(cmd.facts))
    async with ctx.database.connection() as conn:
        total = await conn.fetchval(_Q["count_products"], caller.account_id, facts)
        span = cmd.size, (cmd.number - 1) * cmd.size
        rows = await conn.fetch(_Q["page_of_products"], caller.account_id, facts, *span)
        items = await _show_products(conn, [row["product_id"] for row in rows])
    return commands.Page(items=tuple(items), total=total, number=cmd.number, size=cmd.size)


async def update_product(ctx: Context, caller: Caller, cmd: commands.UpdateProduct) -> commands.Done:
    """Name the product anew and lay facts over its own. Raises NotFound, Conflict product_name_taken."""
    require(caller, "operator")

    async def body(conn: Connection) -> commands.Done:
        product_id = await find_product(conn, caller, cmd.product_key)
        try:
            await conn.execute(_Q["update_product"], product_id, cmd.name, json.dumps(dict(cmd.facts)))
        except asyncpg.UniqueViolationError as exc:
            raise Conflict("product_name_taken", f"The account has a product named {cmd.name}.") from exc
        return commands.Done()

    return await ctx.database.transact(body)


async def delete_product(ctx: Context, caller: Caller, cmd: commands.DeleteProduct) -> commands.Done:
    """Delete a product without devices. Raises NotFound, Conflict product_has_devices."""
    require(caller, "operator")

    async def body(conn: Connection) -> commands.Done:
        product_id = await find_product(conn, caller, cmd.product_key, "lock_product")
        if await conn.fetchval(_Q["has_devices"], product_id):
            raise Conflict("product_has_devices", "The product has devices; delete them first.")
        await conn.execute(_Q["delete_product"], product_id, ctx.now())
        return commands.Done()

    return await ctx.database.transact(body)


async def find_product(conn: Connection, caller: Caller, product_key: str, how: str = "find_product") -> int:
    """The id of the caller's product; `how` share_product or lock_product holds it. Raises NotFound."""
    product_id = await conn.fetchval(_Q[how], caller.account_id, product_key)
    if product_id is None:
        raise NotFound("product", product_key)
    return int(product_id)


async def _show_products(conn: Connection, product_ids: list[int]) -> list[commands.Product]:
    rows = await conn.fetch(_Q["show_products"], product_ids)
    return [commands.Product(**values(row) | {"facts": json.loads(row["facts"])}) for row in rows]
