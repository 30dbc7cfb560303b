"""Who is in a group, as jobs ask it: some devices, or the next ones of a product."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
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


class Span(NamedTuple):
    """A part of a long list of devices, by id: those that are wanted, the last that was looked at (None: nobody was),
    and whether the list ends here."""

    ids: list[UUID]
    last: UUID | None
    ends: bool


async def span_of_group(
    conn: Connection, group_id: int, product_id: int, created_until: datetime, after: UUID | None, size: int
) -> Span:
    """Of the next `size` devices from behind `after` the live ones of the product in the group, made until
    `created_until`. A group that is gone has none. What it costs is bounded, however few fit."""
    group = await conn.fetchrow(*SQL["group_of_job"](group_id=group_id))
    if group is None:
        return Span([], after, ends=True)
    place = {"product_id": product_id, "created_until": created_until, "after": after, "size": size}
    if group["kind"] == "static":
        rows = await conn.fetch(*SQL["window_of_members"](group_id=group_id, **place))
    else:
        asked = SQL["window_of_fitting"](account_id=group["account_id"], **place)
        rows = await conn.fetch(*where(asked, condition_of(group)))
    last = rows[-1]["device_id"] if rows else after
    return Span([row["device_id"] for row in rows if row["fits"]], last, ends=len(rows) < size)


def condition_of(group: Row) -> Condition:
    """Who is in the group of a row, a static one too."""
    if group["kind"] == "static":
        return Compare("group_id", "=", (str(group["group_id"]),))
    return from_json(group["condition"])
