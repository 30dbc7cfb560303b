"""Presence: which gateway holds a device's connection. The newest connection of a device wins."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from uuid import UUID

from upwell.domain.task import RELEASED
from upwell.service.context import Context
from upwell.storage.database import Connection
from upwell.storage.queries import sheet

_Q = sheet("presence")
PUSH_PAUSE = timedelta(seconds=2)  # after connecting a device subscribes first, and may ask by itself


async def came_online(ctx: Context, node_id: UUID, arrived: Sequence[tuple[UUID, UUID, str]]) -> None:
    """These (device, connection, address) are connected to the node; of one device's several the last counts.
    Their open tasks follow, and pushable ones become due in PUSH_PAUSE, or later when a retry waits."""
    newest = sorted({device: (device, connection, address) for device, connection, address in arrived}.values())

    async def body(conn: Connection) -> None:
        now = ctx.now()
        devices, connections, addresses = _columns(newest)
        rows = await conn.fetch(
            *_Q["came_online"](
                node_id=node_id, now=now, device_ids=devices, connection_ids=connections, addresses=addresses
            )
        )
        ids = [row["device_id"] for row in rows]
        await conn.execute(*_Q["activate"](device_ids=ids, now=now))
        due = {"due_from": now, "due_after": now + PUSH_PAUSE, "released": RELEASED}
        await conn.execute(*_Q["tasks_online"](device_ids=ids, node_id=node_id, **due))

    if newest:
        await ctx.database.transact(body)


async def went_offline(ctx: Context, node_id: UUID, gone: Sequence[tuple[UUID, UUID]]) -> None:
    """These (device, connection) ended. A device that has a newer connection meanwhile stays online."""

    async def body(conn: Connection) -> None:
        devices, connections = _columns(sorted(gone))
        statement = _Q["went_offline"](
            node_id=node_id, now=ctx.now(), device_ids=devices, connection_ids=connections
        )  # fmt: skip
        await conn.execute(*statement)

    if gone:
        await ctx.database.transact(body)


def _columns(rows: Iterable[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]
