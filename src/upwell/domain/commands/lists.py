"""Lists: which part of one is asked for, and what is told. One way for all of them.

Items go from new to old by a record number that grows with what is made, unless a command says otherwise or another
order is asked for. A caller that counts pages passes over records (`skip`); one that goes on from a marker asks for
those `below` it, or `after` it in another order, which costs the same at any depth.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, TypeVar

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, slots=True)
class Order:
    """By which field of what is shown a list goes, `down` from high to low. Texts go by their characters' numbers, and
    `created_at` is the order of making."""

    field: str
    down: bool = False


@dataclass(frozen=True, slots=True)
class End:
    """What a page in such an order ended with: the value of its field, None of `created_at`, and the record number."""

    value: str | int | datetime | None
    record: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """At most `take` records whose number is smaller than `below`, after passing over `skip` of them. None is no bound;
    a bound may be greater than any number there is. With `order` they go by that, from behind `after` on."""

    take: int
    skip: int = 0
    below: int | None = None
    order: Order | None = None
    after: End | None = None

    @classmethod
    def of_page(cls, number: int, size: int) -> "Slice":
        """Page `number`, from 1, of `size` records each."""
        return cls(take=size, skip=(number - 1) * size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow(Generic[T]):
    """All items of a list, piece by piece, in the `form` that was asked for. The first piece is here, each other one is
    read when it is asked for; nothing is held between them."""

    form: str
    first: tuple[T, ...]
    rest: AsyncIterator[tuple[T, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """The items of a slice. `total` counts all that fit the filter, and is None where nobody counted;
    `last` is the record number of the last item, None when there is none or the list has no such numbers; `end` is what
    it ended with in the order that was asked for."""

    items: tuple[T, ...]
    asked: Slice
    total: int | None = None
    last: int | None = None
    end: End | None = None

    @property
    def number(self) -> int:
        """Which page it is, from 1, for a caller that counts pages."""
        return self.asked.skip // self.asked.take + 1

    @property
    def size(self) -> int:
        """How many items a page has at most."""
        return self.asked.take

    def of(self, view: Callable[[T], U]) -> "Page[U]":
        """The same page with each item as `view` shows it."""
        return replace(self, items=tuple(map(view, self.items)))  # type: ignore[arg-type,return-value]  # of another kind
