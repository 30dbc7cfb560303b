"""What waits for a person, of an account or a part of it, in one answer."""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Some(Generic[T]):
    """The first of them, and how many there are; no more than `most` are counted."""

    items: tuple[T, ...]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltedJob:
    """A job that its guard halted, since when and why."""

    job_id: int
    at: datetime
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitingJob:
    """A job of which a revision waits for an approval, since when; whether it is the caller who may decide."""

    job_id: int
    at: datetime
    revision: int
    makers: tuple[str, ...]
    may_decide: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StillJob:
    """A job whose open wave goes no further by itself: it `lacks` a person, or nothing was heard of it since then."""

    job_id: int
    wave: int
    at: datetime
    lacks: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LostPackage:
    """A package whose object is gone or another, by a stable word and a sentence."""

    package_id: int
    name: str
    version: str
    fault: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """What waits. `mine` are the approvals that the caller may give; `aside` and `refused` devices are only counted;
    `most` is how many of each are counted."""

    halted: Some[HaltedJob]
    awaiting: Some[AwaitingJob]
    mine: int
    still: Some[StillJob]
    lost: Some[LostPackage]
    aside: int
    refused: int
    most: int
    asked_at: datetime

    @property
    def total(self) -> int:
        """How many things that is, an approval that others give left out."""
        listed = self.halted.total + self.mine + self.still.total + self.lost.total
        return listed + self.aside + self.refused


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowAttention:
    """→ Attention, of the account, one space or one product."""

    space: str | None = None
    product_key: str | None = None
