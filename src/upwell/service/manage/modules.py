"""Modules: the separately updatable parts of a product.

`default` is the whole device: it exists always, has no row, and nobody makes, changes or deletes it. The other names
are unique in the product whatever their case (domain/modules.py), are found in any, and stay.
"""

from upwell.domain import commands as c
from upwell.domain.errors import Conflict, NotFound, TooMany
from upwell.domain.modules import module_key, module_name
from upwell.domain.talk import DEFAULT_MODULE
from upwell.service.context import Context
from upwell.service.manage.access import Caller, require
from upwell.service.manage.devices import show_device
from upwell.service.manage.products import find_product
from upwell.storage.database import Connection, values
from upwell.storage.queries import sheet

_Q = sheet("modules")
MODULES_MAX = 10  # of one product besides `default` (alibaba 2.2)


async def create_module(ctx: Context, caller: Caller, cmd: c.CreateModule) -> c.Done:
    """A new module. Raises NotFound (product), Conflict module_is_default or module_name_taken, TooMany modules."""
    require(caller, "operator")
    _check_name(cmd.name)

    async def body(conn: Connection) -> c.Done:
        product_id = await find_product(conn, caller, cmd.product_key, how="lock_product")
        row = (product_id, ctx.new_id(), module_name(cmd.name), cmd.alias, cmd.description, ctx.now())
        if await conn.fetchval(_Q["make_module"], *row) is None:
            raise Conflict("module_name_taken", f"The product has a module named {cmd.name}.")
        if await conn.fetchval(_Q["count_modules"], product_id, []) > MODULES_MAX:
            raise TooMany("modules", MODULES_MAX)
        return c.Done()

    return await ctx.database.transact(body)


async def update_module(ctx: Context, caller: Caller, cmd: c.UpdateModule) -> c.Done:
    """Give a module another alias or description. Raises NotFound (product, module), Conflict module_is_default."""
    require(caller, "operator")
    _check_name(cmd.name)

    async def body(conn: Connection) -> c.Done:
        product_id = await find_product(conn, caller, cmd.product_key)
        row = (product_id, cmd.name, cmd.alias, cmd.description, ctx.now())
        if await conn.fetchval(_Q["update_module"], *row) is None:
            raise NotFound("module", cmd.name)
        return c.Done()

    return await ctx.database.transact(body)


async def delete_module(ctx: Context, caller: Caller, cmd: c.DeleteModule) -> c.Done:
    """Delete a module that no package installs. Raises NotFound (product, module), Conflict module_is_default or
    module_in_use."""
    require(caller, "operator")
    _check_name(cmd.name)

    async def body(conn: Connection) -> c.Done:
        product_id = await find_product(conn, caller, cmd.product_key)
        if await conn.fetchval(_Q["lock_module"], product_id, cmd.name) is None:
            raise NotFound("module", cmd.name)
        if await conn.fetchval(_Q["has_packages"], product_id, cmd.name):
            raise Conflict("module_in_use", f"Packages install the module {cmd.name}; delete them first.")
        await conn.execute(_Q["delete_module"], product_id, cmd.name)
        return c.Done()

    return await ctx.database.transact(body)


async def list_modules(ctx: Context, caller: Caller, cmd: c.ListModules) -> tuple[c.Module, ...]:
    """The product's modules, `default` first, then by name. Raises NotFound (product)."""
    async with ctx.database.connection() as conn:
        product_id = await find_product(conn, caller, cmd.product_key)
        born = await conn.fetchval(_Q["product_age"], product_id)
        rows = await conn.fetch(_Q["list_modules"], product_id)
    whole = c.Module(
        name=DEFAULT_MODULE,
        alias=None,
        description=None,
        product_key=cmd.product_key,
        created_at=born,
        modified_at=born,
    )
    return (whole, *(c.Module(**values(row), product_key=cmd.product_key) for row in rows))


async def list_module_versions(ctx: Context, caller: Caller, cmd: c.ListModuleVersions) -> c.Page[c.ModuleVersion]:
    """A page of the versions that a device reported last, by module. Raises NotFound, Missing."""
    device = await show_device(ctx, caller, c.ShowDevice(device=cmd.device))
    whose = {"product_key": device.product_key, "device_name": device.name, "iot_id": device.iot_id}
    async with ctx.database.connection() as conn:
        total = await conn.fetchval(_Q["count_module_versions"], device.device_id)
        span = cmd.size, (cmd.number - 1) * cmd.size
        rows = await conn.fetch(_Q["page_of_module_versions"], device.device_id, *span)
    items = tuple(c.ModuleVersion(**values(row), **whose) for row in rows)
    return c.Page(items=items, total=total, number=cmd.number, size=cmd.size)


def _check_name(name: str) -> None:
    if module_key(name) == DEFAULT_MODULE:
        raise Conflict("module_is_default", f"The module {DEFAULT_MODULE} is the whole device and stays as it is.")
