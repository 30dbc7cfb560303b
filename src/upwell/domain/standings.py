"""How tasks that ask first, and their jobs, stand as seen from outside, and what an owner may ask of them when.

Source: huawei 3.6, 3.9; ADR 0011.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from upwell.domain.awaiting import Awaits
from upwell.domain.task import GONE, State


class Standing(StrEnum):
    """Where a task stands, as seen from outside: its state and what is being waited for."""

    WAITING = "waiting"  # for confirmation, for the device, or for leave to be asked
    RUNNING = "running"  # asked for its version, or offered, or under way
    WAIT_RETRY = "wait_retry"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"
    REMOVED = "removed"  # the device was deleted


class Progress(StrEnum):
    """Where a job of this kind stands."""

    RESOLVING = "resolving"  # its targets are being found
    WAITING = "waiting"  # its time has not come
    RUNNING = "running"
    STOPPING = "stopping"
    SUCCEEDED = "succeeded"
    PARTLY = "partly"
    FAILED = "failed"
    STOPPED = "stopped"


ENDED = frozenset({Progress.SUCCEEDED, Progress.PARTLY, Progress.FAILED, Progress.STOPPED})

_STANDINGS = {
    State.CONFIRM: Standing.WAITING,
    State.QUEUED: Standing.WAITING,
    State.NOTIFIED: Standing.RUNNING,
    State.IN_PROGRESS: Standing.RUNNING,
    State.SUCCEEDED: Standing.SUCCEEDED,
    State.FAILED: Standing.FAILED,
    State.CANCELED: Standing.STOPPED,
}


def standing(state: State, *, asked: bool = False, retry_waits: bool = False, gone: bool = False) -> Standing:
    """Where a task in `state` stands. `asked`: its version question is out or was answered; `retry_waits`: an attempt
    failed and the next has not begun; `gone`: it was cancelled because its device was deleted."""
    if state is State.QUEUED and retry_waits:
        return Standing.WAIT_RETRY
    if state is State.QUEUED and asked:
        return Standing.RUNNING
    if state is State.CANCELED and gone:
        return Standing.REMOVED
    return _STANDINGS[state]


def marks(awaiting: Awaits, attempt: int, reason: str) -> tuple[bool, bool, bool]:
    """What tells where a task stands beside its state: (asked, retry_waits, gone) of `standing`."""
    unasked = awaiting in (Awaits.NOTHING, Awaits.ONLINE)
    return not unasked, attempt > 0 and unasked, reason == GONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many tasks of a job stand where."""

    waiting: int = 0
    running: int = 0
    wait_retry: int = 0
    succeeded: int = 0
    failed: int = 0
    stopped: int = 0
    removed: int = 0

    @property
    def total(self) -> int:
        """All of them; L2 by construction."""
        return self.open + self.succeeded + self.failed + self.stopped + self.removed

    @property
    def open(self) -> int:
        """Those to which something can still happen."""
        return self.waiting + self.running + self.wait_retry


def tally(counts: Mapping[Standing, int]) -> Tally:
    """The counts by standing as a value."""
    return Tally(**{str(name): count for name, count in counts.items()})


def progress(tally: Tally, *, planned: bool, resolved: bool, stop_asked: bool) -> Progress:
    """Where a job stands (huawei 3.6). `planned`: its time has not come; `resolved`: all its tasks exist; `stop_asked`:
    its owner stopped all of it."""
    if planned:
        return Progress.STOPPED if stop_asked else Progress.WAITING
    if not resolved:
        return Progress.STOPPING if stop_asked else Progress.RESOLVING
    if tally.open:
        return Progress.STOPPING if stop_asked else Progress.RUNNING
    return Progress.STOPPED if stop_asked else _ending(tally)


def _ending(tally: Tally) -> Progress:
    counted = tally.total - tally.removed  # a device that is gone says nothing about the others
    if counted and tally.stopped == counted:
        return Progress.STOPPED
    if not tally.succeeded:
        return Progress.FAILED
    return Progress.SUCCEEDED if tally.succeeded == counted else Progress.PARTLY


# --- what the owner may ask, and when (huawei 3.9) ----------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One thing that an owner may ask of a running job: of which parts, never while the job stands so, and on which
    tasks it acts when none are named."""

    parts: frozenset[str]
    refused: frozenset[Progress]
    acts_on: frozenset[Standing]


_INSTALLED = frozenset({"firmware", "software"})

ASKS: dict[str, Ask] = {
    "stop": Ask(
        parts=_INSTALLED,
        refused=ENDED | {Progress.STOPPING},
        acts_on=frozenset({Standing.RUNNING, Standing.WAITING, Standing.WAIT_RETRY}),
    ),
    "retry": Ask(
        parts=_INSTALLED,
        refused=frozenset(
            {Progress.SUCCEEDED, Progress.STOPPED, Progress.STOPPING, Progress.WAITING, Progress.RESOLVING}
        ),
        acts_on=frozenset({Standing.FAILED, Standing.WAIT_RETRY, Standing.STOPPED}),
    ),
    "confirm": Ask(
        parts=_INSTALLED | {"module"},
        refused=ENDED | {Progress.STOPPING},
        acts_on=frozenset({Standing.WAITING}),
    ),
}
