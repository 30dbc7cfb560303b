"""Whether and by which package devices can be brought back to the version that they came from (rollouts 2.39, 2.42;
ADR 0046)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Hindrance(StrEnum):
    """Why devices can't be brought back; of several packages that which came nearest speaks."""

    ALREADY_THERE = "already_there"  # they ran the version before, so nothing is to be undone
    VERSION_UNKNOWN = "version_unknown"  # what they ran before is not known
    NO_PACKAGE = "no_package"  # there is no full package of that version for their module
    OBJECT_LOST = "object_lost"  # its file is gone or another
    NOT_VERIFIED = "not_verified"
    NOT_FOR_VERSION = "not_for_version"  # it may not follow what they run now


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A full package of the version that devices came from. `follows` are the versions it is for; none: any."""

    package_id: int
    is_there: bool
    is_judged: bool
    follows: tuple[str, ...] = ()


def way_back(source: str, brought: str, candidates: Sequence[Candidate]) -> int | Hindrance:
    """The first of these packages that brings devices from `brought` back to `source`, or why there is none. An empty
    source is an unknown one."""
    if not source:
        return Hindrance.VERSION_UNKNOWN
    if source == brought:
        return Hindrance.ALREADY_THERE
    found = [_judged(each, brought) for each in candidates]
    fitting = next((each for each in found if isinstance(each, int)), None)
    if fitting is not None:
        return fitting
    ranks = list(Hindrance)
    return max((each for each in found if isinstance(each, Hindrance)), key=ranks.index, default=Hindrance.NO_PACKAGE)


def _judged(candidate: Candidate, brought: str) -> int | Hindrance:
    if not candidate.is_there:
        return Hindrance.OBJECT_LOST
    if not candidate.is_judged:
        return Hindrance.NOT_VERIFIED
    if candidate.follows and brought not in candidate.follows:
        return Hindrance.NOT_FOR_VERSION
    return candidate.package_id
