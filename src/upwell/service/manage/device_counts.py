"""How many devices an account, a product or a group has.

Of all devices the fleet's counters say it. Members of a static group, and devices that fit a condition, are counted a
window at a time, so that no statement reads a whole fleet; a count that took long is told again for a while instead of
being taken anew. A fleet that is small is asked in one statement.
"""

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from uuid import UUID

from upwell.domain import commands as c
from upwell.domain.search import Both, Compare, Condition
from upwell.service.context import Context
from upwell.service.manage.access import Caller
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet
from upwell.storage.search import to_json, where

SQL = sheet("census")
GROUPS = sheet("groups")
WINDOW = 10_000  # devices that one statement looks at: some 50 ms
LONG_S = 0.25  # a count that took longer is remembered
KEPT_TIMES = 20  # so many times as long as it took,
KEPT_S_MAX = 60.0  # and no longer than this


async def count(
    ctx: Context, conn: Connection, caller: Caller, product_id: int | None, which: Condition,
    space_id: int | None = None,
) -> c.DeviceCounts:  # fmt: skip
    """How many of the account's devices, of one product or of one space if they are given, fit the condition."""
    fleet = _counts(await _of_fleet(conn, caller, product_id, space_id))
    parts = list(_parts(which))
    if not parts:
        return fleet
    if fleet.devices <= WINDOW:
        asked = GROUPS["count_fitting"](account_id=caller.account_id, product_id=product_id, space_id=space_id)
        [row] = await conn.fetch(*where(asked, which))
        return _counts(row)
    key = ("devices", caller.account_id, product_id, space_id, to_json(which))
    found: c.DeviceCounts | None = ctx.remembered.find(key)
    if found is None:
        began_s = time.monotonic()
        found = await _walk(conn, caller, product_id, space_id, which, parts)
        took_s = time.monotonic() - began_s
        if took_s > LONG_S:
            ctx.remembered.keep(key, found, min(KEPT_TIMES * took_s, KEPT_S_MAX))
    return found


def _parts(which: Condition) -> Iterator[Condition]:
    """What the condition asks, each for itself; nothing when everybody fits."""
    if isinstance(which, Both):
        for part in which.parts:
            yield from _parts(part)
    else:
        yield which


async def _of_fleet(conn: Connection, caller: Caller, product_id: int | None, space_id: int | None) -> Row:
    which = {"account_id": caller.account_id, "product_id": product_id, "space_id": space_id}
    [row] = await conn.fetch(*SQL["counted"](**which))
    return row


async def _walk(
    conn: Connection, caller: Caller, product_id: int | None, space_id: int | None, which: Condition,
    parts: list[Condition],
) -> c.DeviceCounts:  # fmt: skip
    whose = {"account_id": caller.account_id, "product_id": product_id, "space_id": space_id}
    match parts:
        case [Compare("group_id", "=", (group_id,))]:
            return await _windows(conn, lambda at: SQL["window_of_members"](group_id=int(group_id), **whose, **at))
    total = c.DeviceCounts(devices=0, active=0, online=0)
    for product in await conn.fetch(*SQL["products_of_account"](**whose)):
        total = _sum(total, await _windows(conn, partial(_window_of_product, product["product_id"], which)))
    return total


def _window_of_product(product_id: int, which: Condition, at: dict[str, Any]) -> tuple[Any, ...]:
    return where(SQL["window_of_product"](product_id=product_id, **at), which)


async def _windows(conn: Connection, asked: Callable[[dict[str, Any]], tuple[Any, ...]]) -> c.DeviceCounts:
    """The sum of all windows of one walk by device id."""
    total, after = c.DeviceCounts(devices=0, active=0, online=0), None
    while True:
        [row] = await conn.fetch(*asked({"after": after, "at_most": WINDOW}))
        total = _sum(total, _counts(row))
        if row["looked"] < WINDOW:
            return total
        after = UUID(int=row["last"].int)


def _counts(row: Row) -> c.DeviceCounts:
    return c.DeviceCounts(devices=row["devices"], active=row["active"], online=row["online"])


def _sum(one: c.DeviceCounts, other: c.DeviceCounts) -> c.DeviceCounts:
    return c.DeviceCounts(
        devices=one.devices + other.devices, active=one.active + other.active, online=one.online + other.online
    )
