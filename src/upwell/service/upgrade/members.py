"""Who is in a group, as jobs ask it: some devices, or the next ones of a product."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from upwell.domain.search import Compare, Condition
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet
from upwell.storage.search import from_json, where

SQL = sheet("groups")


async def members_among(conn: Connection, group_id: int, device_ids: Sequence[UUID]) -> set[UUID]:
    """Those of these devices that are in the group now; nobody is in a group that is gone."""
    group = await conn.fetchrow(*SQL["group_of_job"](group_id=group_id))
    if group is None:
        return set()
    asked = SQL["fitting_among"](account_id=group["account_id"], device_ids=list(device_ids))
    rows = await conn.fetch(*where(asked, condition_of(group)))
    return {row["device_id"] for row in rows}


async def chunk_of_group(
    conn: Connection, group_id: int, product_id: int, created_until: datetime, after: UUID | None, size: int
) -> list[UUID]:
    """The next `size` live devices of the product in the group, by device id from behind `after`; only those made
    until `created_until`. Fewer mean that there are no more; a group that is gone has none."""
    group = await conn.fetchrow(*SQL["group_of_job"](group_id=group_id))
    if group is None:
        return []
    place = {"account_id": group["account_id"], "product_id": product_id, "created_until": created_until}
    asked = SQL["chunk_of_fitting"](**place, after=after, size=size)
    return [row["device_id"] for row in await conn.fetch(*where(asked, condition_of(group)))]


def condition_of(group: Row) -> Condition:
    """Who is in the group of a row, a static one too."""
    if group["kind"] == "static":
        return Compare("group_id", "=", (str(group["group_id"]),))
    return from_json(group["condition"])
