"""Groups of devices: static ones whose members are added, and dynamic ones whose condition says who is in them.

A group reaches the live devices of its own account only (law 8). Who is in a dynamic group is asked anew each time,
never kept. Deleting a group touches no task (alibaba 7.4).
"""

from typing import Any

import asyncpg

from upwell.domain import commands as c
from upwell.domain.commands.lists import Page
from upwell.domain.errors import Conflict, NotFound, TooMany
from upwell.domain.search import Condition
from upwell.service.context import Context
from upwell.service.manage import device_counts
from upwell.service.manage.access import Caller, require
from upwell.service.manage.devices import show_device
from upwell.service.manage.pages import page, sliced
from upwell.service.manage.spaces import find_space, space_number
from upwell.service.upgrade.members import condition_of
from upwell.storage.database import Connection, Row
from upwell.storage.orders import GROUPS
from upwell.storage.queries import sheet
from upwell.storage.search import condition, to_json, where
from upwell.storage.views import group_of

SQL = sheet("groups")
GROUPS_MAX = 1000  # of one account; no source says how many
LEVELS_MAX = 5  # of groups under groups; no source says how many
CONDITIONS_AT_ONCE = 50  # that one statement asks of a device


async def create_group(ctx: Context, caller: Caller, cmd: c.CreateGroup) -> c.Group:
    """A new group. Raises Invalid (condition), NotFound (space, super group), Conflict group_name_taken or
    group_is_dynamic, TooMany groups or levels of groups."""
    require(caller, "operator")
    if cmd.condition is not None:
        condition(cmd.condition, 1)  # one that can't be asked is refused now
    group_id = ctx.new_id()
    said = {"name": cmd.name, "description": cmd.description, "super_group_id": cmd.super_group_id} | _filled_by(cmd)

    async def body(conn: Connection) -> c.Group:
        await conn.execute(*SQL["lock_account"](account_id=caller.account_id))
        if await conn.fetchval(*SQL["count_all"](account_id=caller.account_id)) >= GROUPS_MAX:
            raise TooMany("groups", GROUPS_MAX)
        if cmd.super_group_id is not None:
            await _check_super(conn, caller, cmd.super_group_id)
        space_id = (await find_space(conn, caller, cmd.space, "share_space"))["space_id"]
        row = {"group_id": group_id, "account_id": caller.account_id, "space_id": space_id, "now": ctx.now()} | said
        if await conn.fetchval(*SQL["make_group"](**row)) is None:
            raise _name_taken("account", cmd.name)
        return group_of(await find_group(conn, caller, group_id))

    return await ctx.database.transact(body)


async def update_group(ctx: Context, caller: Caller, cmd: c.UpdateGroup) -> c.Group:
    """Give a group another name or description. Raises NotFound, Conflict group_name_taken."""
    require(caller, "operator")
    change = {"group_id": cmd.group_id, "name": cmd.name, "description": cmd.description}

    async def body(conn: Connection) -> c.Group:
        await find_group(conn, caller, cmd.group_id)
        try:
            await conn.execute(*SQL["update_group"](**change, now=ctx.now()))
        except asyncpg.UniqueViolationError as exc:
            raise _name_taken("space", cmd.name or "") from exc
        return group_of(await find_group(conn, caller, cmd.group_id))

    return await ctx.database.transact(body)


async def delete_group(ctx: Context, caller: Caller, cmd: c.DeleteGroup) -> c.Done:
    """Delete a group that no group is under. Raises NotFound (also for another kind), Conflict
    group_has_sub_groups, or group_not_empty for one with members that must have none."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Done:
        group = await find_group(conn, caller, cmd.group_id, "lock_group")
        if cmd.kind not in (None, group["kind"]):
            raise NotFound("group", str(cmd.group_id))
        if await conn.fetchval(*SQL["has_sub_groups"](group_id=cmd.group_id)):
            raise Conflict("group_has_sub_groups", "The group has groups under it; delete them first.")
        if cmd.only_empty and await conn.fetchval(*SQL["has_members"](group_id=cmd.group_id)):
            raise Conflict("group_not_empty", "The group has devices; remove them first.")
        await conn.execute(*SQL["delete_group"](group_id=cmd.group_id))
        return c.Done()

    return await ctx.database.transact(body)


async def show_group(ctx: Context, caller: Caller, cmd: c.ShowGroup) -> c.Group:
    """The group, the one above it, and its counts. Raises NotFound."""
    async with ctx.database.connection() as conn:
        row = await find_group(conn, caller, cmd.group_id)
        space_id = await space_number(conn, caller, cmd.counted_in)
        seen = await device_counts.count(ctx, conn, caller, None, condition_of(row), space_id) if cmd.counted else None
        above = row["super_group_id"]
        over = None if above is None else group_of(await find_group(conn, caller, above))
    return group_of(row, over, seen)


async def list_groups(ctx: Context, caller: Caller, cmd: c.ListGroups) -> Page[c.Group]:
    """The account's groups in a slice, newest first. Raises NotFound (device, space), Missing."""
    device = None if cmd.device is None else await show_device(ctx, caller, c.ShowDevice(device=cmd.device))
    which: dict[str, Any] = {"account_id": caller.account_id, "part": cmd.part, "name": cmd.name}
    which |= {"super_group_id": cmd.super_group_id, "kinds": sorted(cmd.kinds), "changed_after": cmd.changed_after}
    async with ctx.database.connection() as conn:
        which["space_id"] = await space_number(conn, caller, cmd.space)
        which["group_ids"] = None if device is None else await _groups_of(conn, caller, device)
        total = await conn.fetchval(*SQL["count_groups"](**which)) if cmd.counted else None
        rows = await conn.fetch(*sliced(SQL["list_groups"], GROUPS, cmd.asked, **which))
    return page(rows, cmd.asked, group_of, lambda row: int(row["group_id"]), total)


async def find_group(conn: Connection, caller: Caller, group_id: int, how: str = "show_group") -> Row:
    """The caller's group; `how` share_group or lock_group holds it, and tells its kind alone. Raises NotFound."""
    group = await conn.fetchrow(*SQL[how](group_id=group_id, account_id=caller.account_id))
    if group is None:
        raise NotFound("group", str(group_id))
    return group


async def find_static(conn: Connection, caller: Caller, group_id: int) -> None:
    """Hold the caller's group, which must be a static one. Raises NotFound, Conflict group_is_dynamic."""
    if (await find_group(conn, caller, group_id, "share_group"))["kind"] != "static":
        raise Conflict("group_is_dynamic", "A rule says who is in the group; this needs a static one.")


async def condition_of_group(conn: Connection, caller: Caller, group_id: int) -> Condition:
    """Who is in the caller's group. Raises NotFound."""
    return condition_of(await find_group(conn, caller, group_id))


def _filled_by(cmd: c.CreateGroup) -> dict[str, str | None]:
    """What says who is in a new group."""
    kind, tree = ("static", None) if cmd.condition is None else ("dynamic", to_json(cmd.condition))
    return {"kind": kind, "condition": tree, "condition_text": cmd.condition_text}


async def _check_super(conn: Connection, caller: Caller, group_id: int) -> None:
    await find_static(conn, caller, group_id)
    if await conn.fetchval(*SQL["level_of_group"](group_id=group_id)) >= LEVELS_MAX:
        raise TooMany("levels of groups", LEVELS_MAX)


async def _groups_of(conn: Connection, caller: Caller, device: c.Device) -> list[int]:
    """The static groups a device is in and the dynamic ones it fits; bounded by the account's groups."""
    rows = await conn.fetch(*SQL["static_groups_of"](device_id=device.device_id))
    found = [row["group_id"] for row in rows]
    dynamic = await conn.fetch(*SQL["dynamic_groups"](account_id=caller.account_id))
    for start in range(0, len(dynamic), CONDITIONS_AT_ONCE):
        some = dynamic[start : start + CONDITIONS_AT_ONCE]
        asked = SQL["fits"](device_id=device.device_id)
        fits = await conn.fetchval(*where(asked, *map(condition_of, some))) or []  # the device went meanwhile
        found += [group["group_id"] for group, fit in zip(some, fits, strict=False) if fit]
    return found


def _name_taken(place: str, name: str) -> Conflict:
    return Conflict("group_name_taken", f"The {place} has a group named {name}.")
