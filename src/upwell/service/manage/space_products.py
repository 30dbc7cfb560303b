"""Products in spaces, under keys that their owner may choose.

A key is one product's in the whole installation, because the ids of devices are made from it. After a product's
deletion its owner may take the key again, and nobody else: the rows of its devices stay the owner's.
"""

import json

from upwell.domain import commands as c
from upwell.domain.errors import Conflict, NotFound
from upwell.service.context import Context
from upwell.service.dice import dice
from upwell.service.manage.access import Caller, require
from upwell.service.manage.products import PRODUCT_SECRET_SIZE
from upwell.service.manage.spaces import find_space, space_number, space_of
from upwell.service.manage.windows import scanned, span
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet

_Q = sheet("spaces") | {name: sheet("fleet")[name] for name in ("has_devices", "delete_product")}
PRODUCT_KEY_SIZE = 24  # characters of a made-up key


async def create_space_product(ctx: Context, caller: Caller, cmd: c.CreateSpaceProduct) -> c.SpaceProduct:
    """A new product. Raises NotFound (space), Conflict product_key_taken, which does not say whose it is."""
    require(caller, "operator")
    product_id, key, secret = ctx.new_id(), cmd.product_key or dice(PRODUCT_KEY_SIZE), dice(PRODUCT_SECRET_SIZE)

    async def body(conn: Connection) -> c.SpaceProduct:
        space_id = (await find_space(conn, caller, cmd.space, "share_space"))["space_id"]
        row = (product_id, caller.account_id, space_id, key, secret, cmd.name, json.dumps(dict(cmd.facts)), ctx.now())
        made = await conn.fetchval(_Q["make_product"], *row)
        # Asked after the insert, which waits for whoever is deleting a product of this key.
        if made is None or await conn.fetchval(_Q["key_of_others"], key, caller.account_id):
            raise Conflict("product_key_taken", f"The product id {key} is in use.")
        return await _show(conn, product_id)

    return await ctx.database.transact(body)


async def scan_products(ctx: Context, caller: Caller, cmd: c.ScanProducts) -> c.Scanned[c.SpaceProduct]:
    """The account's products in a window. Raises NotFound (space)."""
    async with ctx.database.connection() as conn:
        which = (caller.account_id, await space_number(conn, caller, cmd.space), cmd.name)
        total = await conn.fetchval(_Q["count_products"], *which)
        ids = [row["product_id"] for row in await conn.fetch(_Q["scan_products"], *which, *span(cmd.window))]
        rows = await conn.fetch(_Q["show_products"], ids)
    return scanned(rows, total, _product, lambda row: int(row["product_id"]))


async def show_space_product(ctx: Context, caller: Caller, cmd: c.ShowSpaceProduct) -> c.SpaceProduct:
    """The product. Raises NotFound (space, product)."""
    async with ctx.database.connection() as conn:
        return await _show(conn, await find_product(conn, caller, cmd.product_key, cmd.space))


async def change_space_product(ctx: Context, caller: Caller, cmd: c.ChangeSpaceProduct) -> c.SpaceProduct:
    """Name the product anew and lay facts over its own. Raises NotFound (space, product)."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.SpaceProduct:
        product_id = await find_product(conn, caller, cmd.product_key, cmd.space, "lock_product")
        await conn.execute(_Q["change_product"], product_id, cmd.name, json.dumps(dict(cmd.facts)))
        return await _show(conn, product_id)

    return await ctx.database.transact(body)


async def delete_space_product(ctx: Context, caller: Caller, cmd: c.DeleteSpaceProduct) -> c.Done:
    """Delete a product without devices. Raises NotFound (space, product), Conflict product_has_devices."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Done:
        product_id = await find_product(conn, caller, cmd.product_key, cmd.space, "lock_product")
        if await conn.fetchval(_Q["has_devices"], product_id):
            raise Conflict("product_has_devices", "The product has devices; delete them first.")
        await conn.execute(_Q["delete_product"], product_id, ctx.now())
        return c.Done()

    return await ctx.database.transact(body)


async def find_product(
    conn: Connection, caller: Caller, product_key: str, space: str | None, how: str = "find_product"
) -> int:
    """The id of the caller's product, which must be in the space if one is given; `how` share_product or lock_product
    holds it. Raises NotFound (space, product)."""
    if space is not None:
        await find_space(conn, caller, space)
    product_id = await conn.fetchval(_Q[how], caller.account_id, product_key, space)
    if product_id is None:
        raise NotFound("product", product_key)
    return int(product_id)


async def _show(conn: Connection, product_id: int) -> c.SpaceProduct:
    row = await conn.fetchrow(_Q["show_products"], [product_id])
    assert row is not None  # noqa: S101  # the product is held
    return _product(row)


def _product(row: Row) -> c.SpaceProduct:
    product = c.Product(
        product_key=row["product_key"],
        product_secret=row["product_secret"],
        name=row["name"],
        facts=json.loads(row["facts"]),
        device_count=row["device_count"],
        created_at=row["created_at"],
    )
    return c.SpaceProduct(product=product, space=space_of(row, "space_"))
