"""Devices made and deleted.

The id of a device is a function of its name (ADR 0002), so one that is registered again under a deleted one's name has
its row; it is another device all the same, in a life of its own: nothing of those before is its own, and no task of
theirs (ADR 0014).
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from upwell.domain.talk import TaskRef
from upwell.service.upgrade import census, quotas, spread
from upwell.service.upgrade.tasks import columns_of
from upwell.storage.database import Connection, seals_of
from upwell.storage.queries import sheet
from upwell.storage.sealing import Kept

_Q = sheet("lives")


async def make_device(
    conn: Connection, device_id: UUID, product_id: int, name: str, secret: str, iot_id: str, nickname: str | None,
    now: datetime,
) -> bool:  # fmt: skip
    """Make a device; False when the name is taken. Raises OverQuota."""
    kept = seals_of(conn).seal(Kept.DEVICE, device_id, secret)
    row = {"product_id": product_id, "name": name, "secret": kept, "iot_id": iot_id, "nickname": nickname}
    life = await conn.fetchval(*_Q["make_device"](device_id=device_id, **row, now=now))
    if life:
        await forget_past(conn, [device_id])
    await census.made(conn, product_id, int(life is not None))
    if life is not None:
        await quotas.check_devices(conn, product_id)
    return life is not None


async def make_devices(
    conn: Connection, apply_id: int | None, product_id: int, now: datetime, device_ids: Sequence[UUID],
    names: Sequence[str], nicknames: Sequence[str | None], secrets: Sequence[str], iot_ids: Sequence[str],
    public_ids: Sequence[str | None] | None = None, descriptions: Sequence[str | None] | None = None,
) -> set[str]:  # fmt: skip
    """Make many devices, those of a registration where it has a number; returns the names of those that were not taken.
    Whether public ids are free is the caller's to see to."""
    none, seals = [None] * len(names), seals_of(conn)
    kept = [seals.seal(Kept.DEVICE, *each) for each in zip(device_ids, secrets, strict=True)]
    columns = {"names": names, "nicknames": nicknames, "secrets": kept, "iot_ids": iot_ids}
    columns |= {"public_ids": public_ids or none, "descriptions": descriptions or none}
    made = await conn.fetch(
        *_Q["make_devices"](apply_id=apply_id, product_id=product_id, now=now, device_ids=device_ids, **columns)
    )
    revived = [row["device_id"] for row in made if row["life"]]
    if revived:
        await forget_past(conn, revived)
    await census.made(conn, product_id, len(made))
    if made:
        await quotas.check_devices(conn, product_id)
    return {row["name"] for row in made}


async def delete_devices(conn: Connection, device_ids: Sequence[UUID], now: datetime) -> None:
    """Make tombstones of these locked devices; their open tasks are the caller's to cancel in the same transaction."""
    await forget_past(conn, device_ids)
    await census.gone(conn, await conn.fetch(*_Q["delete_devices"](device_ids=device_ids, now=now)))


async def forget_past(conn: Connection, device_ids: Sequence[UUID]) -> None:
    """Forget what these locked devices said, where they were connected and belonged."""
    await spread.forget(conn, device_ids)
    await census.forgotten(conn, await conn.fetch(*_Q["forget_past"](device_ids=device_ids)))


async def are_of_the_past(conn: Connection, refs: Sequence[TaskRef]) -> bool:
    """Whether one of these tasks is of a life of its device that is over."""
    return bool(await conn.fetchval(*_Q["tasks_of_the_past"](**columns_of(refs))))
