"""Tags of devices: a key has one value on a device. Devices are found by them, and conditions of groups read them."""

import json
from collections.abc import Mapping

from upwell.domain import commands as c
from upwell.domain.commands.lists import Page
from upwell.domain.errors import Invalid, NotFound, TooMany
from upwell.service.context import Context
from upwell.service.manage.access import Caller, require
from upwell.service.manage.device_keys import lock_device
from upwell.storage.database import Connection
from upwell.storage.queries import sheet

SQL = sheet("tags")
TAGS_MAX = 100  # of one device (alibaba 3.2)
COUNTED_MAX = 1000  # devices of one tag that are counted
TAGS_TEXT_MAX = 5 * 1024  # bytes of the tags given at once, as JSON text (alibaba 3.2)


async def set_tags(ctx: Context, caller: Caller, cmd: c.SetTags) -> c.Done:
    """Add tags or give them new values. Raises NotFound, Missing, Invalid (tags), TooMany tags; then none is set."""
    require(caller, "operator")
    most = TAGS_MAX if cmd.most is None else cmd.most
    if cmd.most is None:
        check_text(cmd.tags)
    given = {"keys": list(cmd.tags), "values": list(cmd.tags.values())}

    async def body(conn: Connection) -> c.Done:
        device_id = await lock_device(conn, caller, cmd.device)
        await conn.execute(*SQL["set_tags"](device_id=device_id, account_id=caller.account_id, **given))
        if await conn.fetchval(*SQL["count_tags"](device_id=device_id)) > most:
            raise TooMany("tags", most)
        return c.Done()

    return await ctx.database.transact(body)


async def list_tags(ctx: Context, caller: Caller, cmd: c.ListTags) -> Page[c.Tag]:
    """The tags of the account's devices, by key and value, and how many devices have each."""
    key, value = cmd.after or ("", "")
    asked = SQL["list_tags"](
        account_id=caller.account_id, key=key, value=value, take=cmd.asked.take, most=COUNTED_MAX + 1
    )
    async with ctx.database.connection() as conn:
        rows = await conn.fetch(*asked)
    found = tuple(
        c.Tag(key=row["key"], value=row["value"], devices=min(row["devices"], COUNTED_MAX),
              more=row["devices"] > COUNTED_MAX) for row in rows
    )  # fmt: skip
    return Page(items=found, asked=cmd.asked)


async def delete_tags(ctx: Context, caller: Caller, cmd: c.DeleteTags) -> c.Done:
    """Remove tags; all of them or none where all are needed. Raises NotFound (device, tag), Missing."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Done:
        which = {"device_id": await lock_device(conn, caller, cmd.device), "keys": list(cmd.keys)}
        lacking = await conn.fetchval(*SQL["lacking_tag"](**which)) if cmd.need_all else None
        if lacking is not None:
            raise NotFound("tag", lacking)
        await conn.execute(*SQL["delete_tags"](**which))
        return c.Done()

    return await ctx.database.transact(body)


def check_text(tags: Mapping[str, str]) -> None:
    """Raises Invalid (tags) for more text than may be given at once."""
    size = len(json.dumps(dict(tags), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))
    if size > TAGS_TEXT_MAX:
        raise Invalid("tags", f"at most {TAGS_TEXT_MAX} bytes as JSON text", f"{size} bytes given")
