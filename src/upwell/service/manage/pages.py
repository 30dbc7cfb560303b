"""Slices of lists (commands.lists), as statements take them and as they are told."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from upwell.domain.commands.lists import End, Page, Slice
from upwell.storage.orders import NUMBER_MAX, Orders, ordered
from upwell.storage.queries import Statement

R = TypeVar("R")
T = TypeVar("T")


def span(asked: Slice | None) -> dict[str, int | None]:
    """The parameters `take`, `skip` and `below` of a statement that ends
    `where (:below::bigint is null or record < :below) … order by record desc limit :take offset :skip`; None takes
    everything."""
    if asked is None:
        return {"take": None, "skip": 0, "below": None}
    below = None if asked.below is None or asked.below > NUMBER_MAX else asked.below
    return {"take": asked.take, "skip": asked.skip, "below": below}


def sliced(statement: Statement, orders: Orders, asked: Slice | None, **which: Any) -> tuple[Any, ...]:
    """The statement, which has the places of an order and the parameters `take` and `skip`, of a slice; None takes
    everything."""
    at = span(asked)
    below = at.pop("below")
    if asked is None or asked.order is None:
        return ordered(statement(**which, **at), orders, None, None if below is None else End(None, below))
    return ordered(statement(**which, **at), orders, asked.order, asked.after)


def end_of(asked: Slice | None, last: int | None, row: Any) -> End | None:
    """What a page ends with in the order that was asked for, whose last item has that record and is told by `row`."""
    if asked is None or asked.order is None or last is None:
        return None
    value = None if asked.order.field == "created_at" else row[asked.order.field]
    if not isinstance(value, str | int | datetime | None):
        raise TypeError(f"no list goes by what is {value!r}")
    return End(value, last)


def page(
    rows: Sequence[R], asked: Slice | None, view: Callable[[R], T], record: Callable[[R], int] | None = None,
    total: int | None = None,
) -> Page[T]:  # fmt: skip
    """The rows of a slice as views; with None they are everything, on one page."""
    last = record(rows[-1]) if rows and record else None
    end = end_of(asked, last, rows[-1]) if rows else None
    return Page(
        items=tuple(map(view, rows)), asked=asked or Slice(take=max(len(rows), 1)), total=total, last=last, end=end
    )  # fmt: skip
