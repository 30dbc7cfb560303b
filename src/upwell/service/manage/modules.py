"""Modules: the separately updatable parts of a product.

`default` is the whole device: it exists always, has no row, and nobody makes, changes or deletes it. The other names
are unique in the product whatever their case (domain/modules.py), are found in any, and stay. Numbers lead to none of
the standing ones, `default` and `software`: a tongue that has numbers has these in every product.
"""

from upwell.domain import commands as c
from upwell.domain.commands.lists import Page
from upwell.domain.errors import Conflict, Missing, NotFound, TooMany
from upwell.domain.modules import DEFAULT_MODULE, STANDING, module_key, module_name
from upwell.service.context import Context
from upwell.service.manage.access import Caller, require
from upwell.service.manage.devices import show_device
from upwell.service.manage.pages import page, span
from upwell.service.manage.products import find_product
from upwell.service.manage.spaces import space_number
from upwell.storage.database import Connection, Row, filled
from upwell.storage.queries import sheet
from upwell.storage.views import module_of

SQL = sheet("modules")
MODULES_MAX = 10  # of one product besides `default` (alibaba 2.2)


async def create_module(ctx: Context, caller: Caller, cmd: c.CreateModule) -> c.Module:
    """A new module. Raises NotFound (space, product), Conflict module_is_default, module_is_standing or
    module_name_taken, TooMany modules."""
    require(caller, "operator")
    _refuse_default(cmd.name)
    if module_key(cmd.name) in cmd.standing:
        raise Conflict("module_is_standing", f"The module {cmd.name} is every product's.")
    most = MODULES_MAX if cmd.most is None else cmd.most
    made = {"module_id": ctx.new_id(), "name": module_name(cmd.name)}
    told = {"alias": cmd.alias, "description": cmd.description}

    async def body(conn: Connection) -> c.Module:
        product_id = await find_product(conn, caller, cmd.product_key, cmd.space, "lock_product")
        row = {"product_id": product_id, "now": ctx.now()} | made | told
        if await conn.fetchval(*SQL["make_module"](**row)) is None:
            raise Conflict("module_name_taken", f"The product has a module named {cmd.name}.")
        if await conn.fetchval(*SQL["count_modules"](product_id=product_id, without=list(cmd.standing))) > most:
            raise TooMany("modules", most)
        return await _show(conn, c.ModuleKey(name=cmd.name), product_id, cmd.name)

    return await ctx.database.transact(body)


async def show_module(ctx: Context, caller: Caller, cmd: c.ShowModule) -> c.Module:
    """The module. Raises NotFound (product, module), Missing, Conflict module_is_default."""
    async with ctx.database.connection() as conn:
        return await _show(conn, cmd.module, *await _find(conn, caller, cmd.module))


async def update_module(ctx: Context, caller: Caller, cmd: c.UpdateModule) -> c.Module:
    """Give a module another alias or description. Raises NotFound (product, module), Missing, Conflict
    module_is_default."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Module:
        product_id, name = await _find(conn, caller, cmd.module)
        change = {"alias": cmd.alias, "description": cmd.description, "now": ctx.now()}
        await conn.execute(*SQL["update_module"](product_id=product_id, name=name, **change))
        return await _show(conn, cmd.module, product_id, name)

    return await ctx.database.transact(body)


async def delete_module(ctx: Context, caller: Caller, cmd: c.DeleteModule) -> c.Done:
    """Delete a module that no package installs. Raises NotFound (product, module), Missing, Conflict module_is_default
    or module_in_use."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Done:
        product_id, name = await _find(conn, caller, cmd.module)
        if await conn.fetchval(*SQL["lock_module"](product_id=product_id, name=name)) is None:
            raise _no_module(cmd.module)
        if await conn.fetchval(*SQL["has_packages"](product_id=product_id, name=name)):
            raise Conflict("module_in_use", f"Packages install the module {name}; delete them first.")
        await conn.execute(*SQL["delete_module"](product_id=product_id, name=name))
        return c.Done()

    return await ctx.database.transact(body)


async def list_modules(ctx: Context, caller: Caller, cmd: c.ListModules) -> Page[c.Module]:
    """The account's modules in a slice, or all of a product. Raises NotFound (space, product), Missing."""
    all_of_one = cmd.asked is None
    without = [] if all_of_one else list(STANDING)
    async with ctx.database.connection() as conn:
        place = {"space_id": await space_number(conn, caller, cmd.space), "product_key": cmd.product_key}
        which = {"account_id": caller.account_id, "without": without} | place
        whole = [await _whole(conn, caller, cmd)] if all_of_one else []
        total = len(whole) + await conn.fetchval(*SQL["count_listed"](**which))
        rows = await conn.fetch(*SQL["list_modules"](**which, by_name=all_of_one, **span(cmd.asked)))
    return page(whole + rows, cmd.asked, module_of, lambda row: int(row["module_id"] or 0), total)


async def list_module_versions(ctx: Context, caller: Caller, cmd: c.ListModuleVersions) -> Page[c.ModuleVersion]:
    """The versions that a device reported last, by module. Raises NotFound, Missing."""
    device = await show_device(ctx, caller, c.ShowDevice(device=cmd.device))
    whose = {"product_key": device.product_key, "device_name": device.name, "iot_id": device.iot_id}
    async with ctx.database.connection() as conn:
        total = await conn.fetchval(*SQL["count_module_versions"](device_id=device.device_id))
        taken = {"take": cmd.asked.take, "skip": cmd.asked.skip}
        rows = await conn.fetch(*SQL["list_module_versions"](device_id=device.device_id, **taken))
    return page(rows, cmd.asked, lambda row: filled(c.ModuleVersion, row, **whose), total=total)


async def held(conn: Connection, caller: Caller, key: c.ModuleKey) -> c.Module:
    """The module, held until the transaction ends. Raises as show_module does."""
    product_id, name = await _find(conn, caller, key)
    await conn.execute(*SQL["lock_module"](product_id=product_id, name=name))
    return await _show(conn, key, product_id, name)


async def _find(conn: Connection, caller: Caller, key: c.ModuleKey) -> tuple[int, str]:
    """The product and the name that a key leads to, whether or not the product has a module of that name. Raises
    NotFound (product, module), Missing, Conflict module_is_default."""
    if key.module_id is not None:
        asked = {"account_id": caller.account_id, "module_id": key.module_id, "without": list(STANDING)}
        row = await conn.fetchrow(*SQL["find_module"](**asked))
        if row is None:
            raise _no_module(key)
        return row["product_id"], row["name"]
    if not key.name:
        raise Missing("name")
    if not key.product_key:
        raise Missing("product_key")
    _refuse_default(key.name)
    return await find_product(conn, caller, key.product_key), key.name


async def _show(conn: Connection, key: c.ModuleKey, product_id: int, name: str) -> c.Module:
    row = await conn.fetchrow(*SQL["show_module"](product_id=product_id, name=name))
    if row is None:
        raise _no_module(key)
    return module_of(row)


async def _whole(conn: Connection, caller: Caller, cmd: c.ListModules) -> Row:
    """The row of `default`."""
    if not cmd.product_key:
        raise Missing("product_key")
    product_id = await find_product(conn, caller, cmd.product_key, cmd.space)
    [row] = await conn.fetch(*SQL["whole_module"](product_id=product_id, name=DEFAULT_MODULE))
    return row


def _refuse_default(name: str) -> None:
    if module_key(name) == DEFAULT_MODULE:
        raise Conflict("module_is_default", f"The module {DEFAULT_MODULE} is the whole device and stays as it is.")


def _no_module(key: c.ModuleKey) -> NotFound:
    return NotFound("module", str(key.module_id or key.name))
