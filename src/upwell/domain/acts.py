"""What is done to a job as a whole, as its tasks follow it.

An act is about the tasks that stood in one of its states when it was written down, each of which passes it once.
Whoever changes a task lets it pass first all that its job has pending, in their order, so a task that has not passed
an act stands as it stood then. Source: ADR 0024; laws L5, L7, L12.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from upwell.domain.attempts import anew, confirmed, hastened, repeated
from upwell.domain.standings import ASKS, Standing, marks, standing
from upwell.domain.task import CLOSED, Event, State, Stepped, Task, step

UNKNOWN = "device_unknown"  # the reason of a task of a target that is no device


class What(StrEnum):
    """What is done."""

    HALT = "halt"  # tasks end, cancelled
    LEAVE = "leave"  # the same of those that wait and come from one version
    CONFIRM = "confirm"
    RETRY = "retry"


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One of them: the `nth` of its job, about the tasks in these states, or of a `failure` those that failed so, or of
    a `source_version` those that come from it. What ends tasks says why, in a word and a sentence."""

    job_id: int
    nth: int
    what: What
    states: frozenset[State]
    reason: str = ""
    description: str = ""
    failure: int | None = None
    source_version: str | None = None

    def covers(self, task: Task) -> bool:
        """Whether the task is still to follow it."""
        is_meant = self.failure is None or task.failure == self.failure
        is_meant = is_meant and self.source_version in (None, task.source_version)
        return self.job_id == task.ref.job_id and self.nth > task.acts and task.state in self.states and is_meant


def followed(task: Task, acts: Sequence[Act], now: datetime, *, may_run_again: bool = False) -> Stepped:
    """The task after these acts of its job, which come in their order, as far as they cover it. One that has ended
    runs again only where that is allowed: its device must live and have no other task."""
    before, changed = task.state, None
    for act in acts:
        if act.covers(task) and (act.what is not What.RETRY or may_run_again or task.state not in CLOSED):
            task, change = _MOVES[act.what](task, act, now)
            changed = change or changed
    return task, None if changed is None else replace(changed, before=before)


def stands(task: Task) -> Standing:
    """Where the task stands, as seen from outside."""
    asked, again, gone = marks(task.awaiting, task.attempt, task.reason)
    return standing(task.state, asked=asked, retry_waits=again, gone=gone)


def may_follow(task: Task, what: str) -> bool:
    """Whether a task that stands so is one on which this is done when none is named (huawei 3.9)."""
    return stands(task) in ASKS[what].acts_on and task.reason != UNKNOWN


def halted(task: Task, reason: str, description: str) -> Stepped:
    """It ends, cancelled for that."""
    return step(task, Event.CANCELLED, replace(task, reason=reason, description=description))


def confirmed_anew(task: Task, now: datetime) -> Stepped:
    """Let go on; one that waits for its device has its time anew."""
    stepped, change = confirmed(task, now)
    return (stepped if change else anew(task, now)), change


def retried(task: Task, now: datetime) -> Stepped:
    """Run again; one that waits for its retry begins it now."""
    return (hastened(task, now), None) if task.state is State.QUEUED else repeated(task, task.need_confirm, now)


def _halt(task: Task, act: Act, now: datetime) -> Stepped:
    return halted(task, act.reason, act.description)


def _confirm(task: Task, act: Act, now: datetime) -> Stepped:
    return confirmed_anew(task, now) if may_follow(task, "confirm") else (task, None)


def _retry(task: Task, act: Act, now: datetime) -> Stepped:
    return retried(task, now) if may_follow(task, "retry") else (task, None)


_MOVES = {
    What.HALT: _halt,
    What.LEAVE: _halt,
    What.CONFIRM: _confirm,
    What.RETRY: _retry,
}
