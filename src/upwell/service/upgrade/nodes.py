"""Nodes: each holds a lease; the devices of one whose lease ended are offline and free for others."""

from collections.abc import Sequence
from uuid import UUID

from upwell.service.context import Context
from upwell.storage.database import Connection
from upwell.storage.queries import sheet

_Q = sheet("nodes")
LEASE_S = 15  # a dead node's devices count as online at most this long


async def keep_lease(ctx: Context, node_id: UUID) -> None:
    """This node is alive for LEASE_S more seconds."""
    async with ctx.database.connection() as conn:
        await conn.execute(*_Q["keep_lease"](node_id=node_id, lease_s=LEASE_S))


async def adopt_tasks(ctx: Context, node_id: UUID) -> None:
    """Tasks made while their device was connecting may have missed it; they follow it now."""
    await ctx.database.transact(lambda conn: conn.execute(*_Q["adopt_tasks"](node_id=node_id, now=ctx.now())))


async def drop_lease(ctx: Context, node_id: UUID) -> None:
    """This node ends; its devices are released at once."""
    async with ctx.database.connection() as conn:
        await conn.execute(*_Q["drop_lease"](node_id=node_id))
    await release_dead(ctx)


async def release_dead(ctx: Context) -> int:
    """Release the devices of nodes without a lease; returns how many nodes."""

    async def body(conn: Connection) -> int:
        dead = [r["node_id"] for r in await conn.fetch(*_Q["dead_nodes"]())]
        if dead:
            await conn.execute(*_Q["release_devices"](node_ids=dead, now=ctx.now()))
            await conn.execute(*_Q["release_tasks"](node_ids=dead))
        await conn.execute(*_Q["forget_nodes"]())
        return len(dead)

    return await ctx.database.transact(body)


async def unwelcome(ctx: Context, seats: Sequence[tuple[UUID, UUID]]) -> list[tuple[UUID, UUID]]:
    """Of these (device, connection), those that may not stay: deleted, disabled, or online elsewhere meanwhile.
    Whoever brought that about, in whichever process, this is how the process that holds the connection learns it."""
    async with ctx.database.connection() as conn:
        columns = {"device_ids": [d for d, _ in seats], "connection_ids": [c for _, c in seats]}
        rows = await conn.fetch(*_Q["unwelcome"](**columns))
    return [(UUID(int=row["device_id"].int), UUID(int=row["connection_id"].int)) for row in rows]


async def asked(ctx: Context, who: Sequence[tuple[UUID, str]]) -> None:
    """These devices, which have no connection, made requests from these addresses: each was online for that moment, and
    no node holds it. Of one device's several the last counts."""
    last = dict(who)
    seen = {"device_ids": list(last), "addresses": list(last.values())}
    await ctx.database.transact(lambda conn: conn.execute(*_Q["asked"](**seen, now=ctx.now())))
