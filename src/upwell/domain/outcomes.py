"""What came of a rollout's first offer to a device, for its guard and its waves alone: no task's state and no vendor's
answer says it.

A failure that speaks against the package feeds the guard. A device that the package does not fit speaks of a wrong
choice of devices, which has a test of its own; one that puts it off, or that has it already, speaks of nothing. Of a
task that is open a verdict is provisional: a later result takes its place. Source: rollouts 3.6.5.
"""

from collections.abc import Mapping
from enum import StrEnum

from upwell.domain.hearing import NOT_SUPPORTED
from upwell.domain.stepping import NO_WAY
from upwell.domain.task import UNFIT, State, Task


class Outcome(StrEnum):
    """Of an offer that has a verdict."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SILENT = "silent"  # no result was told in time
    ROLLED_BACK = "rolled_back"  # it had the whole package, and came back with the version of before
    REJECTED = "rejected"
    POSTPONED = "postponed"
    ALREADY_THERE = "already_there"  # it came to the version without having been offered it


FEEDS = frozenset({Outcome.FAILED, Outcome.SILENT, Outcome.ROLLED_BACK})  # the guard's test of the package
APART = frozenset(Outcome) - {Outcome.SUCCEEDED, Outcome.FAILED}
"""What a wave counts otherwise than the states of its tasks say, or shows beside them; these stand in the task."""
PROVISIONAL = frozenset({Outcome.SILENT, Outcome.ROLLED_BACK})  # of a task that is open still

_OF_REASON: Mapping[str, Outcome] = {
    "in_use": Outcome.POSTPONED,  # huawei 5.5: 1
    "low_battery": Outcome.POSTPONED,  # 4
    "no_space": Outcome.REJECTED,  # 5
    "package_type_unknown": Outcome.REJECTED,  # 8
    "untellable": Outcome.REJECTED,  # its vendor has no words for such a package
    NOT_SUPPORTED: Outcome.REJECTED,
    UNFIT: Outcome.REJECTED,
    NO_WAY: Outcome.REJECTED,
}


def of_failure(reason: str) -> Outcome:
    """Of a task that failed for good for this reason."""
    return _OF_REASON.get(reason, Outcome.FAILED)


def apart(task: Task) -> str:
    """What is to stand in a task as it is saved. One that came back with the version of before and then failed, did so
    for that."""
    if task.state is State.FAILED:
        found = of_failure(task.reason)
        if found is Outcome.FAILED:
            found = Outcome.ROLLED_BACK if task.outcome == Outcome.ROLLED_BACK else found
        return found if found in APART else ""
    if task.state is State.SUCCEEDED:
        return Outcome.ALREADY_THERE if task.offered_at is None else ""
    return task.outcome if task.outcome in PROVISIONAL else ""


def fails(task: Task) -> bool:
    """Whether it is of those that are counted by why they failed; one that rolled back and is tried again is."""
    return task.state is State.FAILED or task.outcome == Outcome.ROLLED_BACK


def verdict(before: Task, after: Task) -> Outcome | None:
    """What the guard is told of a task that is saved so; None: nothing, or nothing new. That one succeeded says
    something new where its verdict was provisional."""
    if after.state is State.FAILED and before.is_open:
        return Outcome(after.outcome or Outcome.FAILED)
    if after.state is State.SUCCEEDED and before.is_open:
        return Outcome.SUCCEEDED if before.outcome in PROVISIONAL else None
    if after.outcome == Outcome.ROLLED_BACK and before.outcome != after.outcome:
        return Outcome.ROLLED_BACK
    return None
