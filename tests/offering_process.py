"""A process of its own that offers what a node may push and what its devices ask for, to be raced with and killed.

Run: python -m tests.offering_process DSN NODE AT_ONCE; it says `ready` and then the id of each device in the moment
in which it is sent an offer, a line each.
"""

import asyncio
import os
import sys
from uuid import UUID

from upwell.domain.errors import Held
from upwell.service.context import Context
from upwell.service.upgrade import dispatch
from upwell.storage.database import Database

CONNECTION = UUID(int=1)
ASKING = 5  # devices that ask in one turn


def send(addressed: dispatch.Addressed) -> UUID:
    os.write(1, f"{addressed.offer.task.device_id}\n".encode())
    return CONNECTION


async def main(dsn: str, node: UUID, at_once: int) -> None:
    database = Database(dsn)
    await database.open()
    ctx = Context(database)
    async with database.connection() as conn:
        devices = [row["device_id"] for row in await conn.fetch("select device_id from device order by device_id")]
    os.write(1, b"ready\n")
    while True:
        try:
            due = await dispatch.due(ctx, node, at_once)
            await dispatch.offer(ctx, due, lambda task, place: "http://x", send, due_by=ctx.now())
            asking, devices = devices[:ASKING], devices[ASKING:] + devices[:ASKING]
            asked = await dispatch.asked_for(ctx, asking)
            tasks = [ref for found in asked.values() for ref, _ in found]
            await dispatch.offer(ctx, tasks, lambda task, place: "http://x", send, wanted=True)
        except Held:
            continue
        if not due and not tasks:
            await asyncio.sleep(0.01)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], UUID(sys.argv[2]), int(sys.argv[3])))
