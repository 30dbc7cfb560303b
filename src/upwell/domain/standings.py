"""Upgrades that ask a device for its version before they offer, and that end by what it says of the result.

It holds the limits of time, the choice of a package, what each report means for a task, and how the states of tasks add
up to the progress of their job. A task's state is not changed here: a report is turned into an Event of `domain.task`,
whose table decides. No clock and no storage. Source: huawei 3.6, 3.9, 6.1-6.3; ADR 0011.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from upwell.domain.talk import ResultReport
from upwell.domain.task import Event, State

# huawei 6.1: how long each wait may last
ONLINE_WITHIN = timedelta(hours=25)  # for the device to come online, from the start of the job
ANSWER_WITHIN = timedelta(minutes=3)  # for its version, from the question
RESULT_WITHIN = timedelta(hours=24)  # for its result, from the offer; the offer's url is valid as long


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


# --- what a device's reports mean ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One package that a job may install: its version, and those it may follow (none: any)."""

    package_id: int
    destination: str
    source_versions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What follows from a device's answer: the event for its task, or with `offer` the package to offer now."""

    event: Event | None = None
    offer: Choice | None = None
    reason: str = ""


def answered(version: str | None, choices: Sequence[Choice]) -> Answered:
    """What the answer to a version question leads to (huawei 6.1 rows 6-7b). A package made for just this version wins
    over one for any. A version that no package may follow breaks the task for good: no retry can help (L6). None is a
    version that is not known: only a package that may follow any fits it."""
    if any(choice.destination == version for choice in choices):
        return Answered(event=Event.ARRIVED)
    fitting = [choice for choice in choices if not choice.source_versions or version in choice.source_versions]
    if not fitting:
        return Answered(event=Event.BROKE, reason="version_not_supported")
    return Answered(offer=max(fitting, key=lambda choice: bool(choice.source_versions)))


def result(report: ResultReport, destination: str) -> Event:
    """What a result report means for an offered task (huawei 6.2). BROKE stands for BROKE_RETRY too: which of them, the
    task's retries decide. The outcome is looked at before the version, because devices name the version they were sent
    with a failure as well; a success with another version is no failure, because some say it before they install."""
    at_destination = report.version == destination
    if report.outcome == "failed" or (report.outcome == "already" and not at_destination):
        return Event.BROKE
    whole = report.outcome == "already" or report.progress in (None, 100)
    return Event.ARRIVED if at_destination and whole else Event.PROGRESSED
