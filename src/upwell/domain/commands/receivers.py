"""Receivers, where an account's events are sent (`/v1` calls one a hook): what may be asked of them, what is told."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from upwell.domain.commands.lists import Slice


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """A receiver. Without `kinds` it is sent every event that its account has. `reason` says why the platform disabled
    it, empty where its owner did; `waiting` is how many deliveries are not over; `missed` how many positions went by
    that were forgotten before they were sent. `secret` is told by what makes it alone."""

    receiver_id: int
    name: str
    target_url: str
    kinds: tuple[str, ...]
    product_key: str | None
    job_id: int | None
    enabled: bool
    reason: str
    failing_since: datetime | None
    waiting: int
    missed: int
    former_until: datetime | None
    created_at: datetime
    modified_at: datetime
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateReceiver:
    """→ Receiver with its secret. It is sent what happens from now on; an account that has had no such events has them
    where `kinds` names them. Raises Invalid (target_url), NotFound (product, job), TooMany receivers."""

    target_url: str
    name: str = ""
    kinds: tuple[str, ...] = ()
    product_key: str | None = None
    job_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowReceiver:
    """→ Receiver."""

    receiver_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListReceivers:
    """→ tuple[Receiver, ...], newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateReceiver:
    """→ Receiver. None stays as it is. One that is enabled again goes on where it was."""

    receiver_id: int
    target_url: str | None = None
    name: str | None = None
    kinds: tuple[str, ...] | None = None
    enabled: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteReceiver:
    """→ Done. What waits for it is dropped."""

    receiver_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PingReceiver:
    """→ Receiver, which is sent an event of its own, whatever its kinds."""

    receiver_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RotateSecret:
    """→ Receiver with a new secret; the old one signs too for so long."""

    receiver_id: int
    overlap: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeliver:
    """→ Receiver, which is sent these events again, or those of its filters between two positions, both included.
    Raises NotFound (event), Conflict redelivery_runs."""

    receiver_id: int
    positions: tuple[int, ...] = ()
    first: int | None = None
    last: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What became of an event for a receiver. `status` is that of the last answer, `answer` its first characters; where
    there was none `problem` says why. It is over when it `is_taken` or given up (`done_at`). `url` and `body`, what is
    sent where, are told of one alone."""

    position: int
    kind: str
    tries: int
    made_at: datetime
    next_at: datetime
    tried_at: datetime | None
    took_ms: int | None
    status: int | None
    answer: str
    problem: str
    done_at: datetime | None
    is_taken: bool
    is_sending: bool
    url: str = field(default="", repr=False)
    body: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowDelivery:
    """→ Delivery with what is sent. Raises NotFound (receiver, event)."""

    receiver_id: int
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDeliveries:
    """→ Page[Delivery], newest event first, not counted. Those that are over are kept for some days."""

    receiver_id: int
    asked: Slice
    is_open: bool | None = None
