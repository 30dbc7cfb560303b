"""The attempts of a task and its times: when it is due, how often it is tried, when Upwell ends it by itself.

A message is due at `due_at`: the offer or, where the device is asked first, the question. A new attempt forgets what
the one before was offered, and waits for its device anew where it asks. Source: alibaba 2.5, 7.2-7.4; huawei 6.1;
laws L1, L11.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from upwell.domain.awaiting import OURS, Awaits, Cue, wait
from upwell.domain.task import BUSY, ROLLED_BACK, Event, State, Stepped, Task, step

SETTLE = timedelta(seconds=2)  # alibaba 6.9: a device reports its version within 2 s of coming online
PUT_OFF = timedelta(seconds=1)  # a connection that took no offer is tried again this much later

TIMEOUT_TEXT = "update timed out"
OFFLINE = "online_timeout"  # reasons of waits that ended
SILENT = "version_timeout"
RESULTLESS = "timeout"


@dataclass(frozen=True, slots=True, kw_only=True)
class Birth:
    """How a new task begins, of a device whose slot another open task holds, or whose connection is held."""

    taken: bool
    online: bool
    state: State
    reason: str
    description: str
    awaiting: Awaits
    due_at: datetime | None
    timeout_at: datetime | None


def births(*, need_confirm: bool, need_push: bool, asks: bool, now: datetime) -> tuple[Birth, ...]:
    """How the tasks of a job begin, for each way that a device may stand. One whose slot an open task holds can't take
    another: its new task fails at once (alibaba 7.3)."""
    return tuple(
        _birth(need_confirm, need_push, asks, now, taken=taken, online=online)
        for taken in (False, True) for online in (False, True)
    )  # fmt: skip


def _birth(need_confirm: bool, need_push: bool, asks: bool, now: datetime, *, taken: bool, online: bool) -> Birth:
    awaiting = Awaits.ONLINE if asks else Awaits.NOTHING
    state = State.FAILED if taken else State.CONFIRM if need_confirm else State.QUEUED
    waits = state is State.QUEUED
    return Birth(
        taken=taken,
        online=online,
        state=state,
        reason=BUSY if taken else "",
        description="the device has an unfinished task of another job" if taken else "",
        awaiting=awaiting,
        due_at=now if waits and need_push and online else None,
        timeout_at=wait(awaiting, Cue.ANEW, now, None)[1] if waits else None,
    )


def due(task: Task, now: datetime) -> datetime | None:
    """When a task that may be told of now is due: at once, or where the job does not push, when its device asks. One of
    a wave that has not opened is made due by the opening."""
    return now if task.need_push and not task.is_shut else None


def due_again(task: Task, now: datetime) -> Task:
    """The task of a device that is back: its message is due once more, a retry that waits keeps its time."""
    if not task.need_push or task.is_shut or task.state not in (State.QUEUED, State.NOTIFIED, State.IN_PROGRESS):
        return task
    if task.due_at is not None and task.due_at - now > SETTLE:
        return task
    return replace(task, due_at=now)


def anew(task: Task, since: datetime) -> Task:
    """The task as its next attempt begins at `since`: nothing was offered in it, and one that asks waits for its device
    and chooses its package anew. One that is led keeps the step that it is at."""
    awaiting, ends_at = wait(task.awaiting, Cue.ANEW, since, None)
    package_id = None if task.led_to is None else task.package_id
    return replace(task, awaiting=awaiting, timeout_at=ends_at, progress=0, offered_on=None, package_id=package_id)


def cued(task: Task, cue: Cue, now: datetime) -> Task:
    """The task once its wait has moved on."""
    awaiting, ends_at = wait(task.awaiting, cue, now, task.timeout_at)
    return replace(task, awaiting=awaiting, timeout_at=ends_at)


def confirmed(task: Task, now: datetime) -> Stepped:
    """The owner lets it go on (alibaba 2.5 ConfirmOTATask); it then follows NeedPush."""
    return step(task, Event.CONFIRMED, replace(anew(task, now), due_at=due(task, now)))


def repeated(task: Task, need_confirm: bool, now: datetime) -> Stepped:
    """The owner has a failed or cancelled task run again, as if new; with confirmation it waits for that again
    (alibaba 2.5 ReupgradeOTATask). What the device said of the attempt before stays known, so its echo is one."""
    fresh = replace(anew(task, now), attempt=0, description="", reason="", offered_at=None)
    if task.outcome == ROLLED_BACK:
        fresh = replace(fresh, outcome="")
    if need_confirm:
        return step(task, Event.REPEATED_HELD, replace(fresh, due_at=None))
    return step(task, Event.REPEATED, replace(fresh, due_at=due(task, now)))


def hastened(task: Task, now: datetime) -> Task:
    """A task that waits for its retry begins it now."""
    return replace(anew(task, now), due_at=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an attempt failed: a stable word and a sentence; `echo` is what a repetition of the report would carry, and
    `code` the device's own number."""

    reason: str
    text: str
    echo: str = ""
    code: int | None = None


def failed(task: Task, failure: Failure) -> Stepped:
    """The task failed for good: no retry can help."""
    return step(task, Event.BROKE, replace(task, reason=failure.reason, description=failure.text))


def broke(task: Task, failure: Failure, now: datetime) -> Stepped:
    """The attempt failed: the retry rule. The next attempt begins after the job's interval."""
    told = replace(task, reason=failure.reason, description=failure.text, failure_ref=failure.echo, code=failure.code)
    if task.retry_interval_min is None or task.attempt >= task.retry_count or task.state is State.CONFIRM:
        return step(task, Event.BROKE, told)
    due_at = now + timedelta(minutes=task.retry_interval_min)
    return step(task, Event.BROKE_RETRY, replace(anew(told, due_at), attempt=task.attempt + 1, due_at=due_at))


def timed_out(task: Task) -> Stepped:
    """The task's time is over (alibaba 7.4)."""
    return step(task, Event.TIMED_OUT, replace(task, reason=RESULTLESS, description=TIMEOUT_TEXT))


def waited_out(task: Task, now: datetime) -> Stepped:
    """The task's present wait is over. A device that did not answer is asked again if a retry is left; one that never
    came, or never told its result, has had its time (huawei 6.1). While its job is paused, or its wave not open, a wait
    for what Upwell says first takes none of its time."""
    kept_until = now if task.is_paused or task.is_shut else task.let_on_at
    if task.awaiting in OURS and kept_until is not None and kept_until + OURS[task.awaiting] > now:
        return replace(task, timeout_at=kept_until + OURS[task.awaiting]), None
    if task.awaiting is Awaits.ANSWER:
        return broke(task, Failure(reason=SILENT, text=""), now)
    reason = OFFLINE if task.awaiting is Awaits.ONLINE else RESULTLESS
    return step(task, Event.TIMED_OUT, replace(task, reason=reason, description=""))
