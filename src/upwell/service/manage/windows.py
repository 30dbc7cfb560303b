"""Windows on lists that go from new to old by a number (commands.scans), as the database takes them and tells them."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from upwell.domain.commands import Scanned, Window

R = TypeVar("R")
T = TypeVar("T")
NUMBERS_MAX = 1 << 63  # every number of a row is below


def span(window: Window) -> tuple[int | None, int, int]:
    """The number that only smaller ones follow (None: all), how many to take, and how many to pass over."""
    below = None if window.below is None or window.below >= NUMBERS_MAX else window.below
    return below, window.take, window.skip


def scanned(rows: Sequence[R], total: int, view: Callable[[R], T], record: Callable[[R], int]) -> Scanned[T]:
    """The rows of a window as views, and the record of the last one."""
    return Scanned(items=tuple(map(view, rows)), total=total, last=record(rows[-1]) if rows else None)
