"""Which of a job's packages a device gets that was asked what it runs. Source: huawei 6.1 rows 6-7b; law L6."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One package that a job may install: its version, and those it may follow (none: any)."""

    package_id: int
    destination: str
    source_versions: frozenset[str] = frozenset()


def arrived(version: str | None, choices: Sequence[Choice]) -> bool:
    """Whether a device that runs `version` has what one of these would bring."""
    return any(choice.destination == version for choice in choices)


def chosen(version: str | None, choices: Sequence[Choice]) -> Choice | None:
    """The package for a device that runs `version` and has not arrived; None when no package may follow that. One made
    for just this version wins over one for any. None is a version that is not known: only a package that may follow any
    fits it."""
    fitting = [choice for choice in choices if not choice.source_versions or version in choice.source_versions]
    return max(fitting, key=lambda choice: bool(choice.source_versions), default=None)
