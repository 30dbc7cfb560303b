"""The life of a task: one device in one job.

Every change of a task's state is decided by TRANSITIONS, here and nowhere else. The table is total: each state
meets each event. It holds no clock and no storage; it refuses nothing: an event that means nothing in a state
leaves the task as it is. Time and facts come as arguments, the new task and its changes go out.
Source: alibaba 7.2-7.5 and 6.4; laws L1, L5, L7, L11.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from upwell.domain.talk import ProgressReport, TaskRef, VersionReport


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
    STAYED = "stayed"  # the device runs the source version still
    ECHOED = "echoed"  # a report that an earlier one already settled
    TIMED_OUT = "timed-out"
    CANCELLED = "cancelled"
    OVERWRITTEN = "overwritten"  # a later job takes the device
    REPEATED = "repeated"  # the owner has it run again
    REPEATED_HELD = "repeated-held"  # the same, in a job whose tasks are confirmed one by one


OPEN = (State.CONFIRM, State.QUEUED, State.NOTIFIED, State.IN_PROGRESS)
CLOSED = (State.SUCCEEDED, State.FAILED, State.CANCELED)

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
        Event.TIMED_OUT: State.FAILED,  # huawei 6.1: only tasks that negotiate have a clock before the first progress
        Event.CANCELLED: State.CANCELED,
        Event.OVERWRITTEN: State.CANCELED,
    },
    State.NOTIFIED: {
        Event.PROGRESSED: State.IN_PROGRESS,
        Event.BROKE_RETRY: State.QUEUED,
        Event.BROKE: State.FAILED,
        Event.ARRIVED: State.SUCCEEDED,
        Event.TIMED_OUT: State.FAILED,
        Event.CANCELLED: State.CANCELED,
        Event.OVERWRITTEN: State.CANCELED,
    },
    State.IN_PROGRESS: {
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

# alibaba 6.4: what a negative step means; the word groups failures, the text is what a person reads
FAILURES: dict[int, tuple[str, str]] = {
    -1: ("upgrade_failed", "upgrade failed"),
    -2: ("download_failed", "download failed"),
    -3: ("verification_failed", "verification of the download failed"),
    -4: ("burning_failed", "burning failed"),
}
BUSY = "device_busy"  # the reason of a task that failed when it was made, since another held the device
UNFIT = "version_not_eligible"  # of one whose device went on to a version that the job is not for, before any offer
STRAY_TEXT = "report version is not conform"  # alibaba 2.5, sample of ListOTATaskByJob
TIMEOUT_TEXT = "update timed out"
SETTLE = timedelta(seconds=2)  # alibaba 6.9: a device reports its version within 2 s of coming online


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
    awaiting: str = ""  # what a task that negotiates waits for (domain/asking.py)
    package_id: int | None = None  # what was chosen for the device; None: the job's
    code: int | None = None  # the device's own number for its last result
    rev: int = 0

    @property
    def is_open(self) -> bool:
        """Whether anything can still happen to it."""
        return self.state in OPEN

    def fits(self, version: str | None) -> bool:
        """Whether it is for a device that runs `version` (L6). One that is not known fits if any does."""
        return all(not some or version in some for some in (self.job_sources, self.package_sources))


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What stands beside a task when its device says another version: the destinations of cancelled tasks, which it may
    have been sent to, and whether it is in the job's group."""

    former: frozenset[str] = frozenset()
    is_member: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One line of a task's history."""

    event: Event
    before: State
    after: State
    detail: str = ""


Stepped = tuple[Task, Change | None]


def moves(event: Event, states: frozenset[State] | None = None) -> list[tuple[State, State]]:
    """The changes that `event` makes, for doing many tasks at once: (from, to), of `states` only when given."""
    wanted = states if states is not None else frozenset(State)
    return [(s, to) for (s, e), to in TRANSITIONS.items() if e is event and to is not s and s in wanted]


def birth(need_confirm: bool, device_is_taken: bool) -> tuple[State, str, str]:
    """State, reason and text of a new task. A device whose slot an open task holds can't take another
    (alibaba 7.3: the new task fails at once)."""
    if device_is_taken:
        return State.FAILED, BUSY, "the device has an unfinished task of another job"
    return (State.CONFIRM if need_confirm else State.QUEUED), "", ""


def step(task: Task, event: Event, now: datetime, **facts: object) -> Stepped:
    """The task after `event`. A change is reported when the state moved or an attempt ended."""
    after = TRANSITIONS[task.state, event]
    if after is task.state and not (event is Event.BROKE_RETRY and task.is_open):
        return task, None
    moved = replace(task, state=after, **facts)  # type: ignore[arg-type]  # facts are fields of Task
    if after in CLOSED:
        moved = replace(moved, due_at=None, timeout_at=None)
    change = Change(event=event, before=task.state, after=after, detail=moved.description)
    return moved, change


def confirmed(task: Task, now: datetime) -> Stepped:
    """The owner lets it go on (alibaba 2.5 ConfirmOTATask); it then follows NeedPush."""
    return step(task, Event.CONFIRMED, now, due_at=now if task.need_push else None)


def delivered(task: Task, now: datetime) -> Stepped:
    """The device acknowledged an offer; one of an attempt that has ended says nothing (L7)."""
    if task.offered_on is None:
        return step(task, Event.ECHOED, now)
    return step(task, Event.DELIVERED, now)


def reported_version(
    task: Task, report: VersionReport, connection: UUID | None, now: datetime, beside: Beside = Beside()
) -> Stepped:
    """A version report of the task's module (alibaba 7.2, ADR 0014). "Not conform" is for a device that was offered
    this package; before that, another version only asks anew whether the task is for it."""
    if not task.is_open:
        return task, None
    if report.version == task.destination:
        return step(task, Event.ARRIVED, now, progress=100, description="", reason="")
    if _is_unchanged(task, report.version, connection):
        return _stayed(task, connection, now), None
    first_word = task.source_version is None and report.version is not None
    if task.offered_at is None or first_word or report.version in beside.former:
        return _judged_anew(replace(task, source_version=report.version), beside, connection, now)
    return _strayed(replace(task, source_version=report.version), now)


def _is_unchanged(task: Task, version: str | None, connection: UUID | None) -> bool:
    """Whether it runs what it ran. Of a version that nobody knows that can't be said once the device may have
    restarted with what the present attempt offered."""
    if version is None and task.offered_on not in (None, connection):
        return False
    return version == task.source_version


def _judged_anew(task: Task, beside: Beside, connection: UUID | None, now: datetime) -> Stepped:
    """The task goes on from the version that its device runs now, if it is for that."""
    if not task.fits(task.source_version):
        text = f"{_said(task)} is none that the job is for ({_sources(task)})"
    elif not beside.is_member:
        text = f"with {_said(task)} the device is not in the job's group any more"
    else:
        return _stayed(task, connection, now), None
    return step(task, Event.BROKE, now, reason=UNFIT, description=text)


def _said(task: Task) -> str:
    if task.source_version is None:
        return "the version that the device reports, which can't be known,"
    return f"the version {task.source_version}, which the device reports,"


def _sources(task: Task) -> str:
    sets = [some for some in (task.job_sources, task.package_sources) if some]
    return ", ".join(sorted(frozenset.intersection(*sets))) or "no version"


def _strayed(task: Task, now: datetime) -> Stepped:
    if not task.fits(task.source_version):  # L6: no retry can help
        return step(task, Event.BROKE, now, reason="version_not_conform", description=STRAY_TEXT)
    return broke(task, "version_not_conform", STRAY_TEXT, "", now)


def _stayed(task: Task, connection: UUID | None, now: datetime) -> Task:
    # alibaba 7.2: the unchanged version is a boot: offer again, but once on each connection
    if not task.need_push or task.state not in (State.QUEUED, State.NOTIFIED, State.IN_PROGRESS):
        return task
    if connection is not None and task.offered_on == connection:
        return task
    if task.due_at is not None and task.due_at - now > SETTLE:
        return task  # a retry that waits keeps its time
    return replace(task, due_at=now)


_AS_IT_IS: Mapping[str, object] = {}


def is_older(task: Task, connection: UUID | None, redelivered: bool) -> bool:
    """Whether a message was sent before the task's offer was: it was sent first on an earlier connection than the one
    that the offer went by."""
    return redelivered and connection is not None and connection == task.offered_on


def reported_progress(
    task: Task, report: ProgressReport, now: datetime, *, connection: UUID | None = None, redelivered: bool = False,
    again: Mapping[str, object] = _AS_IT_IS,
) -> Stepped:  # fmt: skip
    """A progress report of the task's module (alibaba 6.4), on which connection, and whether the device says that it
    may have sent it before (MQTT's DUP); `again` are more facts of a task that is retried."""
    if is_older(task, connection, redelivered) or _is_echo(task, report, connection, redelivered):
        return step(task, Event.ECHOED, now)
    if report.step < 0:
        reason, text = FAILURES.get(report.step, ("failed", f"failed with step {report.step}"))
        return broke(task, reason, report.desc or text, _echo_of(report), now, code=None, **again)
    if task.state is State.IN_PROGRESS:
        if report.step < task.progress:
            return step(task, Event.ECHOED, now)
        return replace(task, progress=report.step, description=report.desc), None
    ends = now + timedelta(minutes=task.timeout_min) if task.timeout_min and task.timeout_at is None else None
    return step(
        task, Event.PROGRESSED, now, progress=report.step, description=report.desc, timeout_at=ends or task.timeout_at
    )


def _is_echo(task: Task, report: ProgressReport, connection: UUID | None, redelivered: bool) -> bool:
    """Whether a report speaks of an attempt that has ended (L7: replays and reorderings change nothing). What the task
    has done since tells, not the id alone, for many devices write the same id always (ADR 0014)."""
    if task.state is State.CONFIRM or (task.state is State.QUEUED and task.offered_on is None):
        return True  # nothing was offered since
    if report.step >= 0 or not task.failure_ref or _echo_of(report) != task.failure_ref:
        return False
    if task.state is State.QUEUED:  # offered, not acknowledged: some devices fail first and acknowledge then
        return redelivered or connection != task.offered_on
    return redelivered


def _echo_of(report: ProgressReport) -> str:
    # What a repetition of this failure would carry; a device without message ids can't be told apart.
    return f"{report.ref}:{report.step}" if report.ref else ""


def broke(
    task: Task, reason: str, text: str, echo: str, now: datetime, *, code: int | None = None, **again: object
) -> Stepped:
    """The attempt failed: the retry rule. `echo` is what a repetition of this failure would carry; `again` are more
    facts of a task that is retried. The next attempt begins after the job's interval."""
    told: dict[str, object] = {"reason": reason, "description": text, "failure_ref": echo, "code": code}
    if task.retry_interval_min is None or task.attempt >= task.retry_count or task.state is State.CONFIRM:
        return step(task, Event.BROKE, now, **told)
    fresh = {"attempt": task.attempt + 1, "progress": 0, "offered_on": None, "timeout_at": None}
    due = now + timedelta(minutes=task.retry_interval_min)
    return step(task, Event.BROKE_RETRY, now, due_at=due, **(told | fresh | again))


def timed_out(task: Task, now: datetime) -> Stepped:
    """The clock that the first progress report started ran out; never retried (L11)."""
    if task.timeout_at is None:
        return task, None
    return step(task, Event.TIMED_OUT, now, reason="timeout", description=TIMEOUT_TEXT)


def repeated(task: Task, need_confirm: bool, now: datetime) -> Stepped:
    """The owner has a failed or cancelled task run again, as if new; with confirmation it waits for that again
    (alibaba 2.5 ReupgradeOTATask). What the device said of the attempt before stays known, so its echo is one."""
    event = Event.REPEATED_HELD if need_confirm else Event.REPEATED
    due = now if task.need_push and not need_confirm else None
    fresh = {"attempt": 0, "progress": 0, "description": "", "reason": "", "offered_on": None, "offered_at": None}
    return step(task, event, now, due_at=due, timeout_at=None, **fresh)
