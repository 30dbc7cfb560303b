"""The members of static groups: devices that are added and removed."""

from collections.abc import Sequence
from uuid import UUID

from upwell.domain import commands as c
from upwell.domain.errors import TooMany
from upwell.service.context import Context
from upwell.service.manage.access import Caller, require
from upwell.service.manage.device_keys import lock_all, lock_devices
from upwell.service.manage.groups import find_static
from upwell.storage.database import Connection
from upwell.storage.queries import sheet

SQL = sheet("group_members")
GROUPS_OF_DEVICE_MAX = 10  # static groups that one device is in (alibaba 3.4)


async def add_to_group(ctx: Context, caller: Caller, cmd: c.AddToGroup) -> c.Enrolled:
    """Add devices to a static group; unknown ones are passed over, and those in too many groups too, unless all are
    needed. Raises NotFound (group, device), Missing, Conflict group_is_dynamic, TooMany devices in the group, or groups
    of the device."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Enrolled:
        await find_static(conn, caller, cmd.group_id)
        valid = await _valid(conn, caller, cmd.devices, cmd.need_all)
        found = await conn.fetch(*SQL["memberships"](device_ids=valid, group_id=cmd.group_id))
        already = {row["device_id"] for row in found if row["is_member"]}
        over = {row["device_id"] for row in found if row["groups"] >= GROUPS_OF_DEVICE_MAX} - already
        if cmd.need_all and over:
            raise TooMany("groups of a device", GROUPS_OF_DEVICE_MAX)
        fresh = sorted(set(valid) - already - over)
        await _check_room(conn, cmd, len(fresh))
        await conn.execute(*SQL["add_members"](group_id=cmd.group_id, now=ctx.now(), device_ids=fresh))
        return c.Enrolled(valid=len(valid), done=len(fresh), already=len(already), over=len(over))

    return await ctx.database.transact(body)


async def remove_from_group(ctx: Context, caller: Caller, cmd: c.RemoveFromGroup) -> c.Enrolled:
    """Take devices out of a static group; `already` counts those that were in it. Raises NotFound (group, device),
    Missing, Conflict group_is_dynamic."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Enrolled:
        await find_static(conn, caller, cmd.group_id)
        valid = await _valid(conn, caller, cmd.devices, cmd.need_all)
        gone = await conn.fetchval(*SQL["remove_members"](group_id=cmd.group_id, device_ids=valid))
        return c.Enrolled(valid=len(valid), done=gone, already=gone)

    return await ctx.database.transact(body)


async def _valid(conn: Connection, caller: Caller, keys: Sequence[c.DeviceKey], need_all: bool) -> list[UUID]:
    """The devices behind the keys, each once, locked: their memberships wait for this transaction."""
    found = await (lock_all if need_all else lock_devices)(conn, caller, keys)
    return list(dict.fromkeys(d for d in found if d is not None))


async def _check_room(conn: Connection, cmd: c.AddToGroup, fresh: int) -> None:
    if cmd.most is None or not fresh:
        return
    await conn.execute(*SQL["lock_members"](group_id=cmd.group_id))
    if await conn.fetchval(*SQL["count_members"](group_id=cmd.group_id)) + fresh > cmd.most:
        raise TooMany("devices in a group", cmd.most)
