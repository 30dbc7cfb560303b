"""In which order a list goes and from where on, in SQL.

The text is joined from the fragments of this file alone; what the page before ended with is a parameter. A statement
has the places {order} and {beyond}; its last column in any order is its record number, which no two rows share. Texts
are compared by their characters' numbers, so that every database has one order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from upwell.domain.commands.lists import End, Order

ORDER, BEYOND = "{order}", "{beyond}"  # where a statement takes them
NUMBER_MAX = (1 << 63) - 1  # no number of a row is greater
_TEXT, _TIME, _NUMBER = "text", "timestamptz", "bigint"


@dataclass(frozen=True, slots=True)
class Orders:
    """A list's record number, and the columns that it may go by with their types. The order of making is that of the
    records."""

    record: str
    columns: Mapping[str, tuple[str, str]] = field(default_factory=dict)


_NAME = ('name collate "C"', _TEXT)
ACCOUNTS = Orders("account_id", {"name": _NAME})
AUDIT = Orders("e.entry_id")
DEVICES = Orders("", {"name": ('d.name collate "C"', _TEXT)})  # of one product, whose devices' names differ
GROUPS = Orders("g.group_id", {"name": ('g.name collate "C"', _TEXT)})
IMPORTS = Orders("import_id")
JOBS = Orders("j.job_id")
KEYS = Orders(
    "k.key_id",
    {
        "created_at": ("k.created_at", _TIME),
        "last_used_at": ("coalesce(k.last_used_at, '-infinity')", _TIME),  # never used comes before any use
        "expires_at": ("coalesce(k.expires_at, 'infinity')", _TIME),
    },
)
PACKAGES = Orders(
    "k.package_id",
    {"name": ('k.name collate "C"', _TEXT), "modified_at": ("k.modified_at", _TIME), "size": ("k.size", _NUMBER)},
)
PRODUCTS = Orders("product_id", {"name": _NAME})
SPACES = Orders("space_id", {"name": _NAME})
USERS = Orders("user_id", {"name": _NAME})


def ordered(
    statement: Sequence[Any], orders: Orders, order: Order | None, after: End | None = None
) -> tuple[Any, ...]:  # fmt: skip
    """A statement and its arguments, as the driver takes them, in this order and from behind `after` on; without an
    order from new to old."""
    sql, *given = statement
    order = order or Order("created_at", down=True)
    columns = _columns(orders, order, after)
    by = ", ".join(f"{each.text}{' desc' if order.down else ''}" for each in columns)
    beyond = "true"
    if after is not None:
        names = ", ".join(each.text for each in columns)
        bounds = ", ".join(f"${len(given) + place}::{each.kind}" for place, each in enumerate(columns, 1))
        beyond = f"({names}) {'<' if order.down else '>'} ({bounds})"
        given += [each.bound for each in columns]
    return (sql.replace(ORDER, by).replace(BEYOND, beyond), *given)


class _Column(NamedTuple):
    text: str
    kind: str
    bound: object


def _columns(orders: Orders, order: Order, after: End | None) -> list[_Column]:
    """What rows are compared by, with what the page before ended with; every number is below the greatest there is."""
    end = after or End(None, 0)
    found = []
    if order.field in orders.columns:
        found.append(_Column(*orders.columns[order.field], end.value))
    if orders.record:
        found.append(_Column(orders.record, _NUMBER, min(end.record, NUMBER_MAX)))
    return found
