"""Modules under numbers of their own. The standing ones, `default` and `software`, are each product's and are not
listed, counted, made, changed or removed here."""

from upwell.domain import commands as c
from upwell.domain.errors import Conflict, NotFound, TooMany
from upwell.domain.modules import STANDING, module_key
from upwell.service.context import Context
from upwell.service.manage.access import Caller, require
from upwell.service.manage.products import find_product
from upwell.service.manage.spaces import space_number
from upwell.service.manage.windows import scanned, span
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet
from upwell.storage.views import space_of

_Q = sheet("modules")


async def add_module(ctx: Context, caller: Caller, cmd: c.AddModule) -> c.SpaceModule:
    """A new module. Raises NotFound (space, product), Conflict module_is_standing or module_name_taken, TooMany
    modules."""
    require(caller, "operator")
    if module_key(cmd.name) in STANDING:
        raise Conflict("module_is_standing", f"The module {cmd.name} is every product's.")
    module_id = ctx.new_id()

    async def body(conn: Connection) -> c.SpaceModule:
        product_id = await find_product(conn, caller, cmd.product_key, cmd.space, "lock_product")
        row = (product_id, module_id, cmd.name, cmd.alias, cmd.description, ctx.now())
        if await conn.fetchval(_Q["make_module"], *row) is None:
            raise Conflict("module_name_taken", f"The product has a module named {cmd.name}.")
        if await conn.fetchval(_Q["count_modules"], product_id, list(STANDING)) > cmd.most:
            raise TooMany("modules", cmd.most)
        return _module(await _find(conn, caller, module_id))

    return await ctx.database.transact(body)


async def scan_modules(ctx: Context, caller: Caller, cmd: c.ScanModules) -> c.Scanned[c.SpaceModule]:
    """The account's modules in a window. Raises NotFound (space)."""
    async with ctx.database.connection() as conn:
        space_id = await space_number(conn, caller, cmd.space)
        which = (caller.account_id, space_id, cmd.product_key, list(STANDING))
        total = await conn.fetchval(_Q["count_scanned_modules"], *which)
        rows = await conn.fetch(_Q["scan_modules"], *which, *span(cmd.window))
    return scanned(rows, total, _module, lambda row: int(row["module_id"]))


async def show_module(ctx: Context, caller: Caller, cmd: c.ShowModule) -> c.SpaceModule:
    """The module. Raises NotFound."""
    async with ctx.database.connection() as conn:
        return _module(await _find(conn, caller, cmd.module_id))


async def change_module(ctx: Context, caller: Caller, cmd: c.ChangeModule) -> c.SpaceModule:
    """Give a module another alias or description. Raises NotFound."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.SpaceModule:
        found = await _find(conn, caller, cmd.module_id)
        row = (found["product_id"], found["name"], cmd.alias, cmd.description, ctx.now())
        await conn.fetchval(_Q["update_module"], *row)
        return _module(await _find(conn, caller, cmd.module_id))

    return await ctx.database.transact(body)


async def remove_module(ctx: Context, caller: Caller, cmd: c.RemoveModule) -> c.Done:
    """Delete a module that no package installs. Raises NotFound, Conflict module_in_use."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Done:
        found = await _find(conn, caller, cmd.module_id)
        which = found["product_id"], found["name"]
        if await conn.fetchval(_Q["lock_module"], *which) is None:
            raise NotFound("module", str(cmd.module_id))
        if await conn.fetchval(_Q["has_packages"], *which):
            raise Conflict("module_in_use", f"Packages install the module {found['name']}; delete them first.")
        await conn.execute(_Q["delete_module"], *which)
        return c.Done()

    return await ctx.database.transact(body)


async def _find(conn: Connection, caller: Caller, module_id: int) -> Row:
    row = await conn.fetchrow(_Q["show_module"], caller.account_id, module_id, list(STANDING))
    if row is None:
        raise NotFound("module", str(module_id))
    return row


def _module(row: Row) -> c.SpaceModule:
    module = c.Module(
        name=row["name"],
        alias=row["alias"],
        description=row["description"],
        product_key=row["product_key"],
        created_at=row["created_at"],
        modified_at=row["modified_at"],
    )
    space = space_of(row)
    return c.SpaceModule(module=module, module_id=row["module_id"], product_name=row["product_name"], space=space)
