"""How many devices products have, were online once, and are online, counted as they change.

Whoever changes devices or their presence moves the counters in the same transaction, in rows that only its database
connection writes; the sum of a product's rows in one snapshot is the truth, and costs the same whatever the size of the
fleet. That a device counts as online is written in its presence, so that it is taken off exactly where it was put.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from upwell.service.context import Context
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet

_Q = sheet("census")
FOLDED_AT_ONCE = 100  # products


async def settle(conn: Connection, device_ids: Sequence[UUID]) -> None:
    """Count these devices as online as their rows say now. To be called when their presence changed, or whether they
    are enabled, in the same transaction, which holds those rows."""
    if not device_ids:
        return
    rows = await conn.fetch(*_Q["settle"](device_ids=device_ids))
    await _move(conn, online=_placed(rows))


async def made(conn: Connection, product_id: int, count: int) -> None:
    """So many devices were made."""
    await _move(conn, devices={product_id: count})


async def activated(conn: Connection, rows: Iterable[Row]) -> None:
    """The devices of these rows, each with its product, came online for the first time."""
    await _move(conn, active=Counter(row["product_id"] for row in rows))


async def gone(conn: Connection, rows: Iterable[Row]) -> None:
    """The devices of these rows, each with its product and whether it was active, are deleted."""
    devices, active = Counter[int](), Counter[int]()
    for row in rows:
        devices[row["product_id"]] -= 1
        active[row["product_id"]] -= row["is_active"]
    await _move(conn, devices=devices, active=active)


async def forgotten(conn: Connection, rows: Iterable[Row]) -> None:
    """Presences were deleted that were counted so."""
    online = Counter[int]()
    for row in rows:
        online[row["counted_in"]] -= 1
    await _move(conn, online=online)


async def fold(ctx: Context) -> bool:
    """Fold the rows of some products together, those that nobody writes at this moment; True when more may be apart."""
    async with ctx.upkeep.connection() as conn:
        apart = [row["product_id"] for row in await conn.fetch(*_Q["products_apart"](at_most=FOLDED_AT_ONCE))]
        for product_id in apart:
            await conn.execute(*_Q["fold"](product_id=product_id))
    return len(apart) == FOLDED_AT_ONCE


def _placed(rows: Iterable[Row]) -> Counter[int]:
    online = Counter[int]()
    for row in rows:
        if row["counted_in"] is not None:
            online[row["counted_in"]] += 1
        if row["counted_was"] is not None:
            online[row["counted_was"]] -= 1
    return online


async def _move(
    conn: Connection, *, devices: Mapping[int, int] | None = None, active: Mapping[int, int] | None = None,
    online: Mapping[int, int] | None = None,
) -> None:  # fmt: skip
    moves = [each or {} for each in (devices, active, online)]
    products = sorted({product for each in moves for product, by in each.items() if by})
    if products:
        by = [[each.get(product, 0) for product in products] for each in moves]
        columns = dict(zip(("devices", "active", "online"), by, strict=True))
        await conn.execute(*_Q["move"](product_ids=products, **columns))
