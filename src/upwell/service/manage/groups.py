"""Groups of devices: static ones whose members are added, and dynamic ones whose rule says who is in them.

A group reaches the live devices of its own account only (law 8). Who is in a dynamic group is asked anew each time,
never kept. Deleting a group touches no task (alibaba 7.4).
"""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from upwell.domain import commands as c
from upwell.domain.errors import Conflict, NotFound, TooMany
from upwell.domain.search import Condition
from upwell.service.context import Context
from upwell.service.manage.access import Caller, require
from upwell.service.manage.device_keys import lock_all, lock_devices
from upwell.service.manage.devices import show_device
from upwell.service.manage.spaces import find_space
from upwell.service.upgrade.members import condition_of
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet
from upwell.storage.search import condition, fitted, to_json

_Q = sheet("groups")
GROUPS_OF_DEVICE_MAX = 10  # static groups that one device is in (alibaba 3.4)
GROUPS_MAX = 1000  # of one account; no source says how many
LEVELS_MAX = 5  # of groups under groups; no source says how many
RULES_AT_ONCE = 50  # rules that one statement asks of a device


# --- the groups ---


async def create_group(ctx: Context, caller: Caller, cmd: c.CreateGroup) -> c.Group:
    """A new group. Raises Invalid (rule), NotFound (space, super group), Conflict group_name_taken or group_is_dynamic,
    TooMany groups or levels of groups."""
    require(caller, "operator")
    if cmd.rule is not None:
        condition(cmd.rule, 1)  # a rule that can't be asked is refused now
    group_id, kind = ctx.new_id(), "static" if cmd.rule is None else "dynamic"
    rule = None if cmd.rule is None else to_json(cmd.rule)

    async def body(conn: Connection) -> c.Group:
        await conn.execute(_Q["lock_account"], caller.account_id)
        if await conn.fetchval(_Q["count_all"], caller.account_id) >= GROUPS_MAX:
            raise TooMany("groups", GROUPS_MAX)
        if cmd.super_group_id is not None:
            await _check_super(conn, caller, cmd.super_group_id)
        space_id = (await find_space(conn, caller, cmd.space, "share_space"))["space_id"]
        said = (cmd.name, cmd.description, kind, rule, cmd.rule_text, cmd.super_group_id)
        if await conn.fetchval(_Q["make_group"], group_id, caller.account_id, space_id, *said, ctx.now()) is None:
            raise _name_taken(cmd.name)
        return group_of(await find_group(conn, caller, group_id))

    return await ctx.database.transact(body)


async def update_group(ctx: Context, caller: Caller, cmd: c.UpdateGroup) -> c.Done:
    """Give a group another name or description. Raises NotFound, Conflict group_name_taken."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Done:
        await find_group(conn, caller, cmd.group_id)
        try:
            await conn.execute(_Q["update_group"], cmd.group_id, cmd.name, cmd.description, ctx.now())
        except asyncpg.UniqueViolationError as exc:
            raise _name_taken(cmd.name or "") from exc
        return c.Done()

    return await ctx.database.transact(body)


async def delete_group(ctx: Context, caller: Caller, cmd: c.DeleteGroup) -> c.Done:
    """Delete a group that no group is under. Raises NotFound (also for another kind), Conflict
    group_has_sub_groups, or group_not_empty for one with members that must have none."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Done:
        group = await find_group(conn, caller, cmd.group_id, "lock_group")
        if cmd.kind not in (None, group["kind"]):
            raise NotFound("group", str(cmd.group_id))
        if await conn.fetchval(_Q["has_sub_groups"], cmd.group_id):
            raise Conflict("group_has_sub_groups", "The group has groups under it; delete them first.")
        if cmd.only_empty and await conn.fetchval(_Q["has_members"], cmd.group_id):
            raise Conflict("group_not_empty", "The group has devices; remove them first.")
        await conn.execute(_Q["delete_group"], cmd.group_id)
        return c.Done()

    return await ctx.database.transact(body)


async def list_groups(ctx: Context, caller: Caller, cmd: c.ListGroups) -> c.Page[c.Group]:
    """A page of the account's groups, newest first."""
    which = (caller.account_id, cmd.name, cmd.super_group_id, sorted(cmd.kinds))
    async with ctx.database.connection() as conn:
        total = await conn.fetchval(_Q["count_groups"], *which)
        rows = await conn.fetch(_Q["page_of_groups"], *which, cmd.size, (cmd.number - 1) * cmd.size)
    return c.Page(items=tuple(group_of(row) for row in rows), total=total, number=cmd.number, size=cmd.size)


async def show_group(ctx: Context, caller: Caller, cmd: c.ShowGroup) -> c.Group:
    """The group with its counts. Raises NotFound."""
    async with ctx.database.connection() as conn:
        group = await find_group(conn, caller, cmd.group_id)
        return group_of(group, await counts(conn, caller, None, condition_of(group)))


async def show_super_group(ctx: Context, caller: Caller, cmd: c.ShowSuperGroup) -> c.Group | None:
    """The group that this one is under; None at the top. Raises NotFound."""
    async with ctx.database.connection() as conn:
        above = (await find_group(conn, caller, cmd.group_id))["super_group_id"]
        return None if above is None else group_of(await find_group(conn, caller, above))


# --- their devices ---


async def add_to_group(ctx: Context, caller: Caller, cmd: c.AddToGroup) -> c.Enrolled:
    """Add devices to a static group; unknown ones are passed over, and those in too many groups too, unless all are
    needed. Raises NotFound (group, device), Missing, Conflict group_is_dynamic, TooMany devices in the group, or groups
    of the device."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Enrolled:
        await _find_static(conn, caller, cmd.group_id)
        valid = await _valid(conn, caller, cmd.devices, cmd.need_all)
        rows = {row["device_id"]: row for row in await conn.fetch(_Q["memberships"], valid, cmd.group_id)}
        already = [d for d in valid if d in rows and rows[d]["is_member"]]
        over = [
            d for d in valid if d in rows and not rows[d]["is_member"] and rows[d]["groups"] >= GROUPS_OF_DEVICE_MAX
        ]
        if cmd.need_all and over:
            raise TooMany("groups of a device", GROUPS_OF_DEVICE_MAX)
        fresh = sorted(set(valid) - set(already) - set(over))
        await _check_room(conn, cmd, len(fresh))
        await conn.execute(_Q["add_members"], cmd.group_id, ctx.now(), fresh)
        return c.Enrolled(valid=len(valid), done=len(fresh), already=len(already), over=len(over))

    return await ctx.database.transact(body)


async def remove_from_group(ctx: Context, caller: Caller, cmd: c.RemoveFromGroup) -> c.Enrolled:
    """Take devices out of a static group; `already` counts those that were in it. Raises NotFound (group, device),
    Missing, Conflict group_is_dynamic."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Enrolled:
        await _find_static(conn, caller, cmd.group_id)
        valid = await _valid(conn, caller, cmd.devices, cmd.need_all)
        gone = await conn.fetchval(_Q["remove_members"], cmd.group_id, valid)
        return c.Enrolled(valid=len(valid), done=gone, already=gone)

    return await ctx.database.transact(body)


async def list_groups_of_device(ctx: Context, caller: Caller, cmd: c.ListGroupsOfDevice) -> tuple[c.Group, ...]:
    """The static groups a device is in and the dynamic ones it fits, newest first. Raises NotFound, Missing."""
    device = await show_device(ctx, caller, c.ShowDevice(device=cmd.device))
    async with ctx.database.connection() as conn:
        found = await conn.fetch(_Q["static_groups_of_device"], device.device_id, caller.account_id)
        dynamic = await conn.fetch(_Q["dynamic_groups"], caller.account_id)
        for start in range(0, len(dynamic), RULES_AT_ONCE):
            some = dynamic[start : start + RULES_AT_ONCE]
            statement, arguments = fitted(_Q["fits"], [condition_of(group) for group in some], device.device_id)
            fits = await conn.fetchval(statement, *arguments) or [False] * len(some)  # the device went meanwhile
            found += [group for group, fit in zip(some, fits, strict=True) if fit]
    return tuple(sorted(map(group_of, found), key=lambda group: group.group_id, reverse=True))


# --- parts ---


async def find_group(conn: Connection, caller: Caller, group_id: int, how: str = "show_group") -> Row:
    """The caller's group; `how` share_group or lock_group holds it. Raises NotFound."""
    group = await conn.fetchrow(_Q[how], group_id, caller.account_id)
    if group is None:
        raise NotFound("group", str(group_id))
    return group


async def _find_static(conn: Connection, caller: Caller, group_id: int) -> None:
    if (await find_group(conn, caller, group_id, "share_group"))["kind"] != "static":
        raise _is_dynamic()


async def _check_super(conn: Connection, caller: Caller, group_id: int) -> None:
    await _find_static(conn, caller, group_id)
    if await conn.fetchval(_Q["level_of_group"], group_id) >= LEVELS_MAX:
        raise TooMany("levels of groups", LEVELS_MAX)


async def _check_room(conn: Connection, cmd: c.AddToGroup, fresh: int) -> None:
    if cmd.most is None or not fresh:
        return
    await conn.execute(_Q["lock_members"], cmd.group_id)
    if await conn.fetchval(_Q["count_members"], cmd.group_id) + fresh > cmd.most:
        raise TooMany("devices in a group", cmd.most)


async def _valid(conn: Connection, caller: Caller, keys: Sequence[c.DeviceKey], need_all: bool) -> list[UUID]:
    """The devices behind the keys, each once, locked: their memberships wait for this transaction."""
    found = await (lock_all if need_all else lock_devices)(conn, caller, keys)
    return list(dict.fromkeys(d for d in found if d is not None))


async def counts(conn: Connection, caller: Caller, product_id: int | None, rule: Condition) -> c.DeviceCounts:
    """How many of the account's devices, of one product if it is given, fit the condition."""
    statement, arguments = fitted(_Q["count_fitting"], [rule], caller.account_id, product_id)
    row = await conn.fetchrow(statement, *arguments)
    assert row is not None  # noqa: S101  # a count always answers
    return c.DeviceCounts(devices=row["devices"], active=row["active"], online=row["online"])


async def condition_of_group(conn: Connection, caller: Caller, group_id: int) -> Condition:
    """Who is in the caller's group, as a rule. Raises NotFound."""
    return condition_of(await find_group(conn, caller, group_id))


def group_of(row: Row, counts: c.DeviceCounts | None = None) -> c.Group:
    """The group in a row."""
    seen = counts or c.DeviceCounts(devices=0, active=0, online=0)
    return c.Group(
        group_id=row["group_id"],
        name=row["name"],
        description=row["description"],
        kind=row["kind"],
        rule_text=row["rule_text"],
        super_group_id=row["super_group_id"],
        created_at=row["created_at"],
        devices=seen.devices,
        active=seen.active,
        online=seen.online,
    )


def _name_taken(name: str) -> Conflict:
    return Conflict("group_name_taken", f"The account has a group named {name}.")


def _is_dynamic() -> Conflict:
    return Conflict("group_is_dynamic", "A rule says who is in the group; this needs a static one.")
