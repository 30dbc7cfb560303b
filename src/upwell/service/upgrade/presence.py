"""Presence: which gateway holds a device's connection. The newest connection of a device wins."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from upwell.service.context import Context
from upwell.storage.database import Connection
from upwell.storage.queries import sheet

SQL = sheet("presence")
PUSH_PAUSE = timedelta(seconds=2)  # after connecting a device subscribes first, and may ask by itself


async def came_online(ctx: Context, node_id: UUID, arrived: Sequence[tuple[UUID, UUID, str]]) -> None:
    """These (device, connection, address) are connected to the node; of one device's several the last counts.
    Their open tasks follow, and pushable ones become due in PUSH_PAUSE, or later when a retry waits."""
    newest = sorted({device: (device, connection, address) for device, connection, address in arrived}.values())
    who = {
        "device_ids": [device for device, _, _ in newest],
        "connection_ids": [connection for _, connection, _ in newest],
        "addresses": [address for _, _, address in newest],
    }

    async def body(conn: Connection) -> None:
        now = ctx.now()
        rows = await conn.fetch(*SQL["came_online"](node_id=node_id, now=now, **who))
        ids = [row["device_id"] for row in rows]
        await conn.execute(*SQL["activate"](device_ids=ids, now=now))
        tasks = {"device_ids": ids, "node_id": node_id, "now": now, "due_at": now + PUSH_PAUSE}
        await conn.execute(*SQL["tasks_online"](**tasks))

    if newest:
        await ctx.database.transact(body)


async def went_offline(ctx: Context, node_id: UUID, gone: Sequence[tuple[UUID, UUID]]) -> None:
    """These (device, connection) ended. A device that has a newer connection meanwhile stays online."""
    ended = sorted(gone)
    who = {"device_ids": [d for d, _ in ended], "connection_ids": [connection for _, connection in ended]}

    async def body(conn: Connection) -> None:
        await conn.execute(*SQL["went_offline"](node_id=node_id, now=ctx.now(), **who))

    if ended:
        await ctx.database.transact(body)
