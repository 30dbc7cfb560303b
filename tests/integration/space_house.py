"""What the tests of spaces make again and again."""

from typing import Any

from upwell.domain import commands as c
from upwell.service.context import Context
from upwell.service.manage import devices, products, spaces
from upwell.service.manage.access import Caller


async def space(ctx: Context, caller: Caller, name: str = "beside", most: int = 10) -> c.Space:
    return await spaces.create_space(ctx, caller, c.CreateSpace(name=name, most=most))


async def product(ctx: Context, caller: Caller, key: str | None = None, **more: Any) -> c.Product:
    cmd = c.CreateProduct(name="lamp", product_key=key, **more)
    return await products.create_product(ctx, caller, cmd)


async def device(ctx: Context, caller: Caller, product_key: str, name: str, **more: Any) -> c.Device:
    """Its public id is its name with `id-` before it, unless another is given."""
    cmd = c.CreateDevice(**{"product_key": product_key, "name": name, "public_id": f"id-{name}", **more})
    return await devices.create_device(ctx, caller, cmd)


def by_id(public_id: str) -> c.DeviceKey:
    return c.DeviceKey(public_id=public_id)


async def ask(ctx: Context, text: str, *arguments: Any) -> list[dict[str, Any]]:
    async with ctx.database.connection() as conn:
        return [dict(row.items()) for row in await conn.fetch(text, *arguments)]
