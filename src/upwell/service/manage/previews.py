"""What a condition means, before a group is made of it: some devices that fit, and how many of those looked at.

Holds: a look is at LOOKED_MAX devices, the newest of each product in turn, of those products alone that the condition
can mean; so it costs the same on any fleet. Where that was all of them the number is exact, and it is said.
"""

from collections.abc import Iterator
from uuid import UUID

from upwell.domain import commands as c
from upwell.domain.search import Both, Compare, Condition
from upwell.service.context import Context
from upwell.service.manage.access import Caller, require
from upwell.service.manage.devices import views
from upwell.storage.queries import sheet
from upwell.storage.search import where

SQL = sheet("groups")
CENSUS = sheet("census")
LOOKED_MAX = 10_000  # devices: some 50 ms
PRODUCTS_MAX = 100  # that are looked into
EXAMPLES_MAX = 10


async def preview_group(ctx: Context, caller: Caller, cmd: c.PreviewGroup) -> c.Fitting:
    """How many devices fit, as far as was looked. Raises Invalid (condition)."""
    require(caller, "operator")
    looked, fits, whole = 0, 0, True
    found = list[UUID]()
    async with ctx.lookups.connection() as conn:
        which = {"account_id": caller.account_id, "product_id": None, "space_id": None}
        rows = await conn.fetch(*CENSUS["products_of_account"](**which))
        keys = {row["product_id"]: row["product_key"] for row in rows}
        meant = _products(cmd.condition)
        products = [number for number, key in keys.items() if meant is None or key in meant]
        for number in products[:PRODUCTS_MAX]:
            room = LOOKED_MAX - looked
            asked = SQL["newest_fitting"](product_id=number, at_most=room)
            [row] = await conn.fetch(*where(asked, cmd.condition))
            looked, fits, whole = looked + row["looked"], fits + row["fits"], row["looked"] < room
            found += [UUID(int=each.int) for each in row["examples"]]
            if not whole:
                break
        whole = whole and len(products) <= PRODUCTS_MAX
        examples = await views(conn, caller, found[:EXAMPLES_MAX], ctx.now())
    return c.Fitting(looked=looked, fits=fits, whole=whole, examples=tuple(examples))


def _products(asked: Condition) -> frozenset[str] | None:
    """The products that a device which fits must be of; None where it may be of any."""
    said = [frozenset(each.values) for each in _all_of(asked)
            if each.field == "product_key" and each.operator in ("=", "in")]  # fmt: skip
    return frozenset.intersection(*said) if said else None


def _all_of(asked: Condition) -> Iterator[Compare]:
    """The comparisons that each must hold."""
    match asked:
        case Compare():
            yield asked
        case Both(parts):
            for part in parts:
                yield from _all_of(part)
