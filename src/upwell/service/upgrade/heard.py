"""When devices were last heard, written for many at once. A later moment stands, whichever process wrote it."""

from collections.abc import Mapping
from uuid import UUID

from upwell.service.context import Context
from upwell.storage.database import Connection
from upwell.storage.queries import sheet

_Q = sheet("heard")
_TIMELINE = sheet("timeline")


async def write(ctx: Context, ago_s: Mapping[UUID, float]) -> None:
    """These devices were heard so many seconds ago. The commit waits for no disk."""
    if not ago_s:
        return
    devices = sorted(ago_s)

    async def body(conn: Connection) -> None:
        await conn.execute(*_TIMELINE["lazily"]())
        which = {"device_ids": devices, "ago_s": [ago_s[device] for device in devices]}
        await conn.execute(*_Q["write"](now=ctx.now(), **which))

    await ctx.upkeep.transact(body)
