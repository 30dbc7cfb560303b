"""Slices of lists (commands.lists), as statements take them and as they are told."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from upwell.domain.commands.lists import Page, Slice

R = TypeVar("R")
T = TypeVar("T")
NUMBERS_MAX = 1 << 63  # every number of a row is below


def span(asked: Slice | None) -> dict[str, int | None]:
    """The parameters `take`, `skip` and `below` of a statement that ends
    `where (:below::bigint is null or record < :below) … order by record desc limit :take offset :skip`; None takes
    everything."""
    if asked is None:
        return {"take": None, "skip": 0, "below": None}
    below = None if asked.below is None or asked.below >= NUMBERS_MAX else asked.below
    return {"take": asked.take, "skip": asked.skip, "below": below}


def page(
    rows: Sequence[R], asked: Slice | None, view: Callable[[R], T], record: Callable[[R], int] | None = None,
    total: int | None = None,
) -> Page[T]:  # fmt: skip
    """The rows of a slice as views; with None they are everything, on one page."""
    last = record(rows[-1]) if rows and record else None
    return Page(items=tuple(map(view, rows)), asked=asked or Slice(take=max(len(rows), 1)), total=total, last=last)
