"""Events: what may be asked of them, and what is told. They go from old to new, by positions that are never given twice
and never below one that was read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

KEEP_DAYS_MAX = 366
KEEP_MOST_MAX = 100_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What happened (domain/events.py), and to what, as it was called then. `source` is a URI of the account; `name` is
    of what has no number, such as a key."""

    position: int
    kind: str
    source: str
    at: datetime
    device_id: UUID | None = None
    public_id: str | None = None
    product_key: str | None = None
    job_id: int | None = None
    package_id: int | None = None
    name: str | None = None
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSlice:
    """Some events, oldest first. `to` is how far was looked: the next slice begins after it; `is_last` that nothing was
    behind it."""

    items: tuple[Event, ...]
    to: int
    is_last: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ListEvents:
    """→ EventSlice of the account, after that position or, without one, from the oldest that is kept. Of those that fit
    at most `most`, and fewer where many don't fit. Raises NotFound (product, job), Conflict events_forgotten."""

    after: int | None = None
    most: int
    kind: str | None = None
    product_key: str | None = None
    job_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSettings:
    """Which events an account has beside those of what owners do: of what devices do, and of when they come and go; and
    which are kept."""

    of_devices: bool
    of_presence: bool
    keep_days: int
    keep_most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowEventSettings:
    """→ EventSettings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateEventSettings:
    """→ EventSettings. None stays as it is."""

    of_devices: bool | None = None
    of_presence: bool | None = None
    keep_days: int | None = None
    keep_most: int | None = None
