"""Lists that go from new to old by record number: how a part of one is asked for, and what is told."""

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """At most `take` records whose number is smaller than `below`, after passing over `skip` of them. None is no bound;
    a bound may be greater than any number there is."""

    take: int
    below: int | None = None
    skip: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned(Generic[T]):
    """A window's items, newest first. `total` counts all that fit the filter, whatever the window; `last` is the record
    number of the last item, None when there is none."""

    items: tuple[T, ...]
    total: int
    last: int | None
