"""The life of a task: one device in one job.

Every change of a task's state is decided by TRANSITIONS, here and nowhere else; what it awaits beside that by
`awaiting`, its attempts and times by `attempts`, what reports mean by `hearing`. The table is total: each state meets
each event. It holds no clock and no storage; it refuses nothing: an event that means nothing in a state
leaves the task as it is. Time and facts come as arguments, the new task and its changes go out.
Source: alibaba 7.2-7.5 and 6.4; laws L1, L5, L7, L11.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from upwell.domain.awaiting import Awaits
from upwell.domain.talk import TaskRef


class State(StrEnum):
    """Where a task stands. The names are Alibaba's, for they are the field's (alibaba 7.2)."""

    CONFIRM = "CONFIRM"
    QUEUED = "QUEUED"
    NOTIFIED = "NOTIFIED"
    IN_PROGRESS = "IN_PROGRESS"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"


class Event(StrEnum):
    """What can happen to a task."""

    CONFIRMED = "confirmed"  # the owner released it
    DELIVERED = "delivered"  # the device acknowledged the offer
    PROGRESSED = "progressed"  # a progress report of 0..100
    BROKE_RETRY = "broke-retry"  # the device failed and a retry is left
    BROKE = "broke"  # the device failed and no retry is left
    ARRIVED = "arrived"  # the device runs the destination version
    STEPPED = "stepped"  # the device runs a version by which it is led on (domain/stepping.py)
    ECHOED = "echoed"  # a report that an earlier one already settled
    TIMED_OUT = "timed-out"
    CANCELLED = "cancelled"
    OVERWRITTEN = "overwritten"  # a later job takes the device
    REPEATED = "repeated"  # the owner has it run again
    REPEATED_HELD = "repeated-held"  # the same, in a job whose tasks are confirmed one by one


OPEN = (State.CONFIRM, State.QUEUED, State.NOTIFIED, State.IN_PROGRESS)
CLOSED = (State.SUCCEEDED, State.FAILED, State.CANCELED)
RELEASED = (State.QUEUED, State.NOTIFIED, State.IN_PROGRESS)  # open, and its device may be told of it

_MOVES: dict[State, dict[Event, State]] = {
    State.CONFIRM: {
        Event.CONFIRMED: State.QUEUED,
        Event.ARRIVED: State.SUCCEEDED,  # alibaba 7.2: whatever the state
        Event.BROKE: State.FAILED,
        Event.CANCELLED: State.CANCELED,
        Event.OVERWRITTEN: State.CANCELED,
    },
    State.QUEUED: {
        Event.DELIVERED: State.NOTIFIED,
        Event.PROGRESSED: State.IN_PROGRESS,  # progress overtook the acknowledgement of the offer
        Event.BROKE_RETRY: State.QUEUED,
        Event.BROKE: State.FAILED,
        Event.ARRIVED: State.SUCCEEDED,
        Event.TIMED_OUT: State.FAILED,  # huawei 6.1: only tasks that ask first have a clock before the first progress
        Event.CANCELLED: State.CANCELED,
        Event.OVERWRITTEN: State.CANCELED,
    },
    State.NOTIFIED: {
        Event.PROGRESSED: State.IN_PROGRESS,
        Event.BROKE_RETRY: State.QUEUED,
        Event.STEPPED: State.QUEUED,
        Event.BROKE: State.FAILED,
        Event.ARRIVED: State.SUCCEEDED,
        Event.TIMED_OUT: State.FAILED,
        Event.CANCELLED: State.CANCELED,
        Event.OVERWRITTEN: State.CANCELED,
    },
    State.IN_PROGRESS: {
        Event.STEPPED: State.QUEUED,
        Event.BROKE_RETRY: State.QUEUED,
        Event.BROKE: State.FAILED,
        Event.ARRIVED: State.SUCCEEDED,
        Event.TIMED_OUT: State.FAILED,
        Event.CANCELLED: State.CANCELED,
        # alibaba 7.3: an in-progress task is never overwritten
    },
    State.FAILED: {Event.REPEATED: State.QUEUED, Event.REPEATED_HELD: State.CONFIRM},  # alibaba 2.5 ReupgradeOTATask
    State.CANCELED: {Event.REPEATED: State.QUEUED, Event.REPEATED_HELD: State.CONFIRM},
}

TRANSITIONS: dict[tuple[State, Event], State] = {
    (state, event): _MOVES.get(state, {}).get(event, state) for state in State for event in Event
}

BUSY = "device_busy"  # the reason of a task that failed when it was made, since another held the device
UNFIT = "version_not_eligible"  # of one whose device went on to a version that the job is not for, before any offer
ROLLED_BACK = "rolled_back"  # the outcome of one whose device has come back with the version of before
GONE = "device_deleted"  # of one that was cancelled with its device


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task with the facts of its job and package that its life depends on."""

    ref: TaskRef
    module: str
    state: State
    source_version: str | None
    destination: str
    is_delta: bool
    job_sources: frozenset[str] = frozenset()  # what the job is for; none: any
    package_sources: frozenset[str] = frozenset()  # what the package may follow; none: any
    group_id: int | None = None  # which the job's devices are of
    need_push: bool
    need_confirm: bool = False
    retry_interval_min: int | None
    retry_count: int
    timeout_min: int | None
    progress: int = 0
    attempt: int = 0
    description: str = ""
    reason: str = ""
    failure_ref: str = ""
    due_at: datetime | None = None
    offered_on: UUID | None = None  # by the present attempt
    offered_at: datetime | None = None  # by any attempt; None: the device was never offered the package
    timeout_at: datetime | None = None
    slot: str = ""
    awaiting: Awaits = Awaits.NOTHING  # domain/awaiting.py
    package_id: int | None = None  # what was chosen for the device; None: the job's
    led_to: str | None = (
        None  # where its job leads by stepping stones, of which `destination` is the next; None: it does not
    )
    code: int | None = None  # the device's own number for its last result
    failure: int | None = None  # of one that failed: as which kind it is counted (domain/failing.py)
    rev: int = 0
    wave: int = 0
    acts: int = 0  # of its job, how many it has passed as it is stored (domain/acts.py)
    job_acts: int = 0  # how many its job has: what is changed has passed them all
    is_paused: bool = False  # its job: nothing is offered
    is_shut: bool = False  # its wave has not opened yet: it is not offered
    let_on_at: datetime | None = None  # when its job was resumed last, or its last wave opened
    outcome: str = ""  # of its offer, where a wave counts it otherwise than its state says (domain/outcomes.py)
    counts_setbacks: bool = False  # its account sets devices aside that fail (domain/setbacks.py)
    has_setback: bool = False  # its device has failures that count

    @property
    def is_open(self) -> bool:
        """Whether anything can still happen to it."""
        return self.state in OPEN

    def fits(self, version: str | None) -> bool:
        """Whether it is for a device that runs `version` (L6). One that is not known fits if any does."""
        return all(not some or version in some for some in (self.job_sources, self.package_sources))


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One line of a task's history."""

    event: Event
    before: State
    after: State
    detail: str = ""


Stepped = tuple[Task, Change | None]


def ends(event: Event, states: frozenset[State] | None = None) -> list[tuple[State, State]]:
    """The ends that `event` brings, for doing many tasks at once: (from, to), of `states` only when given."""
    wanted = states if states is not None else frozenset(State)
    found = ((s, to) for (s, e), to in TRANSITIONS.items() if e is event and s in wanted)
    return [(s, to) for s, to in found if to in CLOSED and to is not s]


_ANEW = (Event.BROKE_RETRY, Event.STEPPED)  # an attempt ends, whether the state moves or not


def step(task: Task, event: Event, then: Task | None = None) -> Stepped:
    """The task after `event`, as `then` where the event means something: the same task with what changes beside its
    state. A change is reported when the state moved or an attempt ended. A task that has ended is due no more."""
    after = TRANSITIONS[task.state, event]
    if after is task.state and not (event in _ANEW and task.is_open):
        return task, None
    moved = replace(then or task, state=after)
    if after in CLOSED:
        moved = replace(moved, due_at=None, timeout_at=None)
    return moved, Change(event=event, before=task.state, after=after, detail=moved.description)
