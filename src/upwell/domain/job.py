"""Jobs: who is selected, and how a job and its package end. Source: alibaba 2.4, 7.1, 7.4; law L9."""

from collections.abc import Mapping, Sequence
from decimal import ROUND_FLOOR, Decimal

from upwell.domain.task import OPEN, State


def gray_quota(population: int, percent: Decimal) -> int:
    """How many devices a GRAY job covers: rounded down, but at least one (alibaba 2.2)."""
    if population == 0:
        return 0
    return max(1, int((percent * population / 100).to_integral_value(ROUND_FLOOR)))


def nobody(looked: int, *, among: str, version: str, sources: Sequence[str]) -> str:
    """Why a job has no task now that they are all made: of `looked` devices that it looked at, `among` whatever it was
    for, none fits. `sources` are the versions that it may follow, none: any."""
    if looked == 0:
        return f"no device was selected: there is none {among}"
    takes = " or one that the job does not take" if sources else ""
    return f"no device was selected: each of the {looked} {among} runs version {version} already{takes}"


def ending(counts: Mapping[State, int]) -> str | None:
    """The status of a job whose tasks all exist: None while one is open (alibaba 7.4, 7.5)."""
    if any(counts.get(s) for s in OPEN):
        return None
    targets = sum(counts.values())
    return "CANCELED" if targets and counts.get(State.CANCELED) == targets else "COMPLETED"


def verdict(counts: Mapping[State, int]) -> str:
    """The status of a package whose verify job ended (alibaba 7.1): all succeeded, any failed, or cancelled."""
    if counts.get(State.FAILED):
        return "failed"
    if counts.get(State.SUCCEEDED) and not counts.get(State.CANCELED):
        return "verified"
    return "unverified"
