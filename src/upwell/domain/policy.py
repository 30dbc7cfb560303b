"""Standing rules: which of several dynamic jobs takes a device, and whether it takes it once more.

A policy covers a device that runs one of its source versions, or any where it names none, and if it has a group, is
in it. Of all that cover a device the latest applies (alibaba 2.4 [seed]); a device that runs its destination needs
nothing, also not of an earlier one. Source: alibaba 2.4, 7.3, 7.4.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from upwell.domain.stepping import NO_WAY
from upwell.domain.task import BUSY, OPEN, UNFIT, State

TASKS_MAX = 10  # of one device in one dynamic job (alibaba 2.2): two policies that contradict each other come to rest
NTH_MAX = 32_767  # of all devices that had one name, in one job; a column's bound, beyond 3,000 registrations of a name


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a look-up by product, module and version finds."""

    job_id: int
    group_id: int | None
    destination: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LastTask:
    """The last task that a device had in a job, and the number of its first in the device's present life; None: it had
    none in it, since another device had its name then."""

    nth: int
    first_nth: int | None = 0
    state: State
    reason: str
    source_version: str | None


def winner(candidates: Iterable[Policy], groups: frozenset[int], version: str | None) -> int | None:
    """The job whose policy takes a device that is in `groups` and runs `version` (None: it never said); None when the
    latest policy that covers it has brought it where it should be, or no policy covers it."""
    covering = (p for p in candidates if p.group_id is None or p.group_id in groups)
    latest = max(covering, key=lambda p: p.job_id, default=None)
    return None if latest is None or latest.destination == version else latest.job_id


def next_nth(last: LastTask | None, version: str | None, device_is_taken: bool) -> int | None:
    """The number of the device's next task in a dynamic job; None when it gets none. A device that has left the
    destination again, or runs another version than the task before began with, is updated once more. One that failed or
    was cancelled is not, as long as nothing changed: that is for a repetition by the owner. One that was busy is, when
    it is free, and one that the job was not for, when it is."""
    if last is None:
        return 0
    if last.nth >= NTH_MAX:
        return None
    if last.first_nth is None:
        return last.nth + 1
    if last.nth + 1 - last.first_nth >= TASKS_MAX or last.state in OPEN:
        return None
    if last.state is State.FAILED and last.reason == BUSY:
        return None if device_is_taken else last.nth + 1
    if last.state is State.FAILED and last.reason in (UNFIT, NO_WAY):
        return last.nth + 1
    again = last.state is State.SUCCEEDED or (version is not None and version != last.source_version)
    return last.nth + 1 if again else None
