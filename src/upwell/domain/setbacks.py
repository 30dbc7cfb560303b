"""A device that fails again and again is set aside for a growing time, whatever job asks (rollouts 1.4.10, 2.11).

Holds: what counts is that the device was given the package and it went wrong there. What its owner did, what the
package or the choice of devices is to blame for, and a device that puts it off count for nothing; a success, or a
person, has it begin anew.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from upwell.domain import fault
from upwell.domain.awaiting import UNOFFERED
from upwell.domain.outcomes import Outcome, of_failure
from upwell.domain.task import Change, Event, State, Task

FAILURES_MAX = 100  # until a device is set aside
SPAN_MAX_MIN = 43_200  # minutes that it may be set aside at once
HELD = datetime(9999, 1, 1, tzinfo=UTC)  # until when it is set aside that only a person releases
_ENDS = frozenset({Event.BROKE, Event.BROKE_RETRY, Event.TIMED_OUT})
_DOUBLED_MAX = 30  # more often a minute does not fit below any bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Setback:
    """The rule of an account or product. At the `failures`-th failure since its last success a device is set aside for
    `first_min` minutes, at each further one for twice as long, up to `most_min`; from `hold_failures` on until a person
    releases it. With 0 failures none is ever set aside."""

    failures: int = 3
    first_min: int = 60
    most_min: int = 1440
    hold_failures: int | None = None


def problem(rule: Setback) -> tuple[str, str] | None:
    """What is wrong with a rule that an owner says: which member, and what it must be."""
    if rule.most_min < rule.first_min:
        return "most_min", "not less than first_min"
    if rule.hold_failures is not None and rule.hold_failures < rule.failures:
        return "hold_failures", "not less than failures"
    return None


def until(rule: Setback, failures: int, now: datetime) -> datetime | None:
    """Until when a device is set aside that has failed so often; None: it is not. HELD: until a person releases it."""
    if not rule.failures or failures < rule.failures:
        return None
    if rule.hold_failures is not None and failures >= rule.hold_failures:
        return HELD
    doubled = rule.first_min * 2 ** min(failures - rule.failures, _DOUBLED_MAX)
    return now + timedelta(minutes=min(doubled, rule.most_min))


def counts(before: Task, after: Task, change: Change | None) -> bool:
    """Whether a task that was so and is so went wrong on its device: an attempt ended that had offered the package."""
    if change is None or change.event not in _ENDS or before.offered_on is None or before.awaiting in UNOFFERED:
        return False
    return of_failure(after.reason) is Outcome.FAILED and after.reason not in fault.REASONS


def clears(after: Task, change: Change | None) -> bool:
    """Whether it came to the version, or to that of a step on its way."""
    return change is not None and (after.state is State.SUCCEEDED or change.event is Event.STEPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """How often a device failed in one transaction since it last succeeded there, of which job, and why at last."""

    times: int
    job_id: int
    reason: str


def folded(said: Iterable[tuple[int, str] | None]) -> tuple[bool, Failed | None]:
    """What befell one device in a transaction, in order: a job and reason for each failure, None for a success.
    Returns whether it succeeded, and what came after that."""
    cleared, times, last = False, 0, (0, "")
    for each in said:
        if each is None:
            cleared, times = True, 0
        else:
            times, last = times + 1, each
    return cleared, Failed(times=times, job_id=last[0], reason=last[1]) if times else None
