"""Tags of devices: a key has one value on a device. Devices are found by them, and rules of groups read them."""

import json
from collections.abc import Mapping

from upwell.domain import commands
from upwell.domain.errors import Invalid, Missing, TooMany
from upwell.service.context import Context
from upwell.service.manage.access import Caller, require
from upwell.service.manage.devices import lock_device, page, show_device
from upwell.storage.database import Connection
from upwell.storage.queries import sheet

_Q = sheet("fleet")
TAGS_MAX = 100  # of one device (alibaba 3.2)
TAGS_TEXT_MAX = 5 * 1024  # bytes of the tags given at once, as JSON text (alibaba 3.2)


async def set_device_tags(ctx: Context, caller: Caller, cmd: commands.SetDeviceTags) -> commands.Done:
    """Add tags or give them new values. Raises NotFound, Missing, Invalid (tags), TooMany tags; then none is set."""
    require(caller, "operator")
    most = TAGS_MAX if cmd.most is None else cmd.most
    if cmd.most is None:
        _check_text(cmd.tags)

    async def body(conn: Connection) -> commands.Done:
        device_id = await lock_device(conn, caller, cmd.device)
        await conn.execute(_Q["set_tags"], device_id, list(cmd.tags), list(cmd.tags.values()))
        if await conn.fetchval(_Q["count_tags"], device_id) > most:
            raise TooMany("tags", most)
        return commands.Done()

    return await ctx.database.transact(body)


async def show_device_tags(ctx: Context, caller: Caller, cmd: commands.ShowDeviceTags) -> Mapping[str, str]:
    """The device's tags by key. Raises NotFound, Missing."""
    device = await show_device(ctx, caller, commands.ShowDevice(device=cmd.device))
    async with ctx.database.connection() as conn:
        rows = await conn.fetch(_Q["show_tags"], device.device_id)
    return {row["key"]: row["value"] for row in rows}


async def delete_device_tag(ctx: Context, caller: Caller, cmd: commands.DeleteDeviceTag) -> commands.Done:
    """Remove a tag; one that is not there is removed already. Raises NotFound (device), Missing."""
    require(caller, "operator")

    async def body(conn: Connection) -> commands.Done:
        device_id = await lock_device(conn, caller, cmd.device)
        await conn.execute(_Q["delete_tag"], device_id, cmd.key)
        return commands.Done()

    return await ctx.database.transact(body)


async def list_devices_by_tags(
    ctx: Context, caller: Caller, cmd: commands.ListDevicesByTags
) -> commands.Page[commands.Device]:
    """A page of the devices that have every one of the tags, newest first. Raises Missing."""
    wanted = list(dict.fromkeys(cmd.tags))
    if not wanted:
        raise Missing("tags")
    which = (caller.account_id, [key for key, _ in wanted], [value for _, value in wanted], len(wanted))
    async with ctx.database.connection() as conn:
        return await page(conn, caller, "devices_by_tags", which, cmd.number, cmd.size)


def _check_text(tags: Mapping[str, str]) -> None:
    size = len(json.dumps(dict(tags), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))
    if size > TAGS_TEXT_MAX:
        raise Invalid("tags", f"at most {TAGS_TEXT_MAX} bytes as JSON text", f"{size} bytes given")
