"""What came of a rollout's first offer to a device, for its guard and its waves alone: no task and no vendor's answer
says it.

A failure that speaks against the package feeds the guard. A device that the package does not fit speaks of a wrong
choice of devices, which has a test of its own; one that puts it off, or that has it already, speaks of nothing.
Source: rollouts 3.6.5.
"""

from collections.abc import Mapping
from enum import StrEnum

from upwell.domain.hearing import NOT_SUPPORTED
from upwell.domain.stepping import NO_WAY
from upwell.domain.task import UNFIT


class Outcome(StrEnum):
    """Of an offer that has a verdict."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SILENT = "silent"  # no result was told in time; a later one takes its place
    REJECTED = "rejected"
    POSTPONED = "postponed"
    ALREADY_THERE = "already_there"  # it came to the version without having been offered it


FEEDS = frozenset({Outcome.FAILED, Outcome.SILENT})  # the guard's test of the package
APART = frozenset({Outcome.SILENT, Outcome.REJECTED, Outcome.POSTPONED, Outcome.ALREADY_THERE})
"""What a wave counts otherwise than the states of its tasks say."""

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
