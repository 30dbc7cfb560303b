"""Products: kinds of devices, each in a space of its account.

Only the caller's account sees a product; to all others it does not exist (law 8). A deleted product stays as a
tombstone. Its name is free again, and its key for its owner alone, because the rows of its devices stay the owner's:
their ids are made from it.
"""

import json

import asyncpg

from upwell.domain import commands as c
from upwell.domain.commands.lists import Page
from upwell.domain.errors import Conflict, NotFound
from upwell.service.context import Context
from upwell.service.dice import dice
from upwell.service.manage.access import Caller, require
from upwell.service.manage.pages import page, sliced
from upwell.service.manage.spaces import find_space, space_number
from upwell.service.upgrade import setbacks
from upwell.storage.database import Connection, Row, seals_of
from upwell.storage.job_rows import kept_care
from upwell.storage.orders import PRODUCTS
from upwell.storage.queries import sheet
from upwell.storage.sealing import Kept
from upwell.storage.views import product_of

SQL = sheet("products")
PRODUCT_SECRET_SIZE = 16  # characters
UNIQUE_NAME = "product_name"  # the index that keeps names apart


async def create_product(ctx: Context, caller: Caller, cmd: c.CreateProduct) -> c.Product:
    """A new product. Raises NotFound (space), Conflict product_name_taken, or product_key_taken, which does not say
    whose it is."""
    require(caller, "operator")
    made_up = cmd.key_head + dice(cmd.key_size - len(cmd.key_head))
    product_id, key, secret = ctx.new_id(), cmd.product_key or made_up, dice(PRODUCT_SECRET_SIZE)
    given = {"name": cmd.name, "shares_name": not cmd.unique_name, "facts": json.dumps(dict(cmd.facts))}
    row = {"product_id": product_id, "account_id": caller.account_id, "key": key, **given}

    async def body(conn: Connection) -> c.Product:
        space_id = (await find_space(conn, caller, cmd.space, "share_space"))["space_id"]
        sealed = seals_of(conn).seal(Kept.PRODUCT, product_id, secret)
        try:
            await conn.execute(*SQL["make_product"](**row, secret=sealed, space_id=space_id, now=ctx.now()))
        except asyncpg.UniqueViolationError as exc:
            raise _name_taken(cmd.name) if exc.constraint_name == UNIQUE_NAME else _key_taken(key) from exc
        # Asked after the insert, which waits for whoever is deleting a product of this key.
        if await conn.fetchval(*SQL["key_of_others"](key=key, account_id=caller.account_id)):
            raise _key_taken(key)
        return await shown(conn, product_id)

    return await ctx.database.transact(body)


async def show_product(ctx: Context, caller: Caller, cmd: c.ShowProduct) -> c.Product:
    """The product. Raises NotFound (space, product)."""
    async with ctx.database.connection() as conn:
        return await shown(conn, await find_product(conn, caller, cmd.product_key, cmd.space))


async def list_products(ctx: Context, caller: Caller, cmd: c.ListProducts) -> Page[c.Product]:
    """The account's products, newest first. Raises NotFound (space)."""
    facts = json.dumps(dict(cmd.facts))
    async with ctx.database.connection() as conn:
        space_id = await space_number(conn, caller, cmd.space)
        which = {"account_id": caller.account_id, "space_id": space_id, "name": cmd.name, "facts": facts}
        which["product_key"] = cmd.product_key
        total = await conn.fetchval(*SQL["count_products"](**which)) if cmd.counted else None
        found = await conn.fetch(*sliced(SQL["list_products"], PRODUCTS, cmd.asked, **which))
        rows, seals = await _rows(conn, [row["product_id"] for row in found]), seals_of(conn)
    return page(rows, cmd.asked, lambda row: product_of(row, seals), lambda row: int(row["product_id"]), total)


async def update_product(ctx: Context, caller: Caller, cmd: c.UpdateProduct) -> c.Product:
    """Name the product anew and lay facts over its own. Raises NotFound (space, product), Conflict
    product_name_taken; Denied for which rollouts want approval, which is the admins' to say."""
    require(caller, "operator")
    change = {"name": cmd.name, "facts": json.dumps(dict(cmd.facts)), "may_share": not cmd.unique_name}
    defaults = cmd.rollout_defaults
    change |= {
        "sets_defaults": defaults is not None,
        "defaults": None if defaults in (None, c.Care()) else kept_care(defaults),
    }

    async def body(conn: Connection) -> c.Product:
        product_id = await find_product(conn, caller, cmd.product_key, cmd.space, "lock_product")
        if defaults is not None:
            _check_approval(caller, (await shown(conn, product_id)).rollout_defaults, defaults)
        try:
            await conn.execute(*SQL["update_product"](product_id=product_id, **change))
        except asyncpg.UniqueViolationError as exc:
            raise _name_taken(cmd.name or "") from exc
        await setbacks.begin(conn, caller.account_id, defaults)
        return await shown(conn, product_id)

    return await ctx.database.transact(body)


def _check_approval(caller: Caller, before: c.Care | None, after: c.Care) -> None:
    """Who may make rollouts does not say which of them want approval. Raises Denied."""
    if after.approval != (before and before.approval):
        require(caller, "admin")


async def delete_product(ctx: Context, caller: Caller, cmd: c.DeleteProduct) -> c.Done:
    """Delete a product without devices. Raises NotFound (space, product), Conflict product_has_devices."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Done:
        product_id = await find_product(conn, caller, cmd.product_key, cmd.space, "lock_product")
        if await conn.fetchval(*SQL["has_devices"](product_id=product_id)):
            raise Conflict("product_has_devices", "The product has devices; delete them first.")
        await conn.execute(*SQL["delete_product"](product_id=product_id, now=ctx.now()))
        return c.Done()

    return await ctx.database.transact(body)


async def find_product(
    conn: Connection, caller: Caller, product_key: str, space: str | None = None, how: str = "find_product"
) -> int:
    """The id of the caller's product, which must be in the space if one is given; `how` share_product or lock_product
    holds it. Raises NotFound (space, product)."""
    if space is not None:
        await find_space(conn, caller, space)
    which = {"account_id": caller.account_id, "key": product_key, "space": space}
    product_id = await conn.fetchval(*SQL[how](**which))
    if product_id is None:
        raise NotFound("product", product_key)
    return int(product_id)


async def shown(conn: Connection, product_id: int) -> c.Product:
    """The product of that number, which the caller holds."""
    [row] = await _rows(conn, [product_id])  # the product is held
    return product_of(row, seals_of(conn))


async def _rows(conn: Connection, product_ids: list[int]) -> list[Row]:
    return list(await conn.fetch(*SQL["show_products"](product_ids=product_ids)))


def _name_taken(name: str) -> Conflict:
    return Conflict("product_name_taken", f"The account has a product named {name}.")


def _key_taken(key: str) -> Conflict:
    return Conflict("product_key_taken", f"The product id {key} is in use.")
