"""Groups as spaces have them: listed in windows, and changed."""

import asyncpg

from upwell.domain import commands as c
from upwell.domain.errors import Conflict
from upwell.service.context import Context
from upwell.service.manage.access import Caller, require
from upwell.service.manage.groups import find_group, group_of
from upwell.service.manage.spaces import space_number
from upwell.service.manage.windows import scanned, span
from upwell.storage.database import Connection
from upwell.storage.queries import sheet

_Q = sheet("groups")


async def scan_groups(ctx: Context, caller: Caller, cmd: c.ScanGroups) -> c.Scanned[c.Group]:
    """The account's groups in a window, without counts. Raises NotFound (space)."""
    async with ctx.database.connection() as conn:
        space_id = await space_number(conn, caller, cmd.space)
        which = (caller.account_id, space_id, cmd.name, cmd.kind, cmd.changed_after)
        total = await conn.fetchval(_Q["count_scanned_groups"], *which)
        rows = await conn.fetch(_Q["scan_groups"], *which, *span(cmd.window))
    return scanned(rows, total, group_of, lambda row: int(row["group_id"]))


async def change_group(ctx: Context, caller: Caller, cmd: c.ChangeGroup) -> c.Group:
    """Give a group another name or description. Raises NotFound, Conflict group_name_taken."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Group:
        await find_group(conn, caller, cmd.group_id)
        try:
            await conn.execute(_Q["update_group"], cmd.group_id, cmd.name, cmd.description, ctx.now())
        except asyncpg.UniqueViolationError as exc:
            raise Conflict("group_name_taken", f"The space has a group named {cmd.name}.") from exc
        return group_of(await find_group(conn, caller, cmd.group_id))

    return await ctx.database.transact(body)
