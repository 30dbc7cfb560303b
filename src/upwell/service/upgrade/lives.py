"""Devices made. The id of a device is a function of its name (ADR 0002), so one that is registered again under a
deleted one's name has its row; it is another device all the same, in a life of its own: nothing of those before is its
own, and no task of theirs (ADR 0014)."""

from collections.abc import Sequence
from uuid import UUID

from upwell.domain.talk import TaskRef
from upwell.storage.database import Connection
from upwell.storage.queries import sheet

_Q = sheet("lives")


async def make_device(conn: Connection, device_id: UUID, *row: object) -> bool:
    """Make a device of its product, name, secret, iot_id, nickname and time; False when the name is taken."""
    life = await conn.fetchval(_Q["make_device"], device_id, *row)
    if life:
        await conn.execute(_Q["forget_past"], [device_id])
    return life is not None


async def make_devices(conn: Connection, *batch: object) -> set[str]:
    """Make the devices of a registration; returns the names of those that were not taken."""
    made = await conn.fetch(_Q["make_devices"], *batch)
    revived = [row["device_id"] for row in made if row["life"]]
    if revived:
        await conn.execute(_Q["forget_past"], revived)
    return {row["name"] for row in made}


async def are_of_the_past(conn: Connection, refs: Sequence[TaskRef]) -> bool:
    """Whether one of these tasks is of a life of its device that is over."""
    columns = [t.device_id for t in refs], [t.job_id for t in refs], [t.nth for t in refs]
    return bool(await conn.fetchval(_Q["tasks_of_the_past"], *columns))
