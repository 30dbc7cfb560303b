"""Devices whose product is gone, which nobody sees any more, become tombstones: some at a time."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from upwell.domain.task import GONE
from upwell.service.context import Context
from upwell.service.upgrade import setbacks
from upwell.service.upgrade.cancelling import end_open
from upwell.service.upgrade.lives import delete_devices
from upwell.storage.database import Connection
from upwell.storage.queries import sheet

_Q = sheet("lives")
BURIED_AT_ONCE = 1000  # devices


async def bury_some(ctx: Context) -> bool:
    """Those of some; True when there may be more. Devices that others have are left for later."""

    async def body(conn: Connection) -> bool:
        rows = await conn.fetch(*_Q["lock_unburied"](at_most=BURIED_AT_ONCE))
        await bury(conn, [row["device_id"] for row in rows], ctx.now())
        return len(rows) == BURIED_AT_ONCE

    return await ctx.upkeep.transact(body)


async def bury(conn: Connection, device_ids: Sequence[UUID], now: datetime) -> None:
    """Make tombstones of these locked devices and cancel their open tasks."""
    if device_ids:
        await delete_devices(conn, device_ids, now)
        await end_open(conn, device_ids, now, reason=GONE, description="the space of the device was deleted")
        await setbacks.forget(conn, device_ids)
