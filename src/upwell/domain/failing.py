"""Failures that are alike: what a job's failed tasks are counted by, and how many kinds of them a job may have.

Devices choose their codes and versions, so the kinds of a job are bounded: what comes when there are KINDS_MAX counts
as OTHERS, and a task is taken from where it was put, for it remembers its kind.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256

KINDS_MAX = 200  # kinds of one job that are told apart
EXAMPLES_MAX = 3  # devices of a kind that are named
OTHERS = 0  # the number of the kind of all that there was no room for
_NUMBER_BYTES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureKind:
    """Tasks that failed for the same reason, with the same number of the device's, of the same module, coming from the
    same version, on devices of the same vendor. An empty text is unknown or none."""

    reason: str
    code: int | None
    module: str
    source_version: str
    vendor: str

    @property
    def number(self) -> int:
        """A number of 63 bits, over 0, made of all that it says."""
        told = "\0".join((self.reason, str(self.code), self.module, self.source_version, self.vendor))
        made = int.from_bytes(sha256(told.encode("utf-8", "surrogatepass")).digest()[:_NUMBER_BYTES]) >> 1
        return made or 1


@dataclass(slots=True)
class Kinds:
    """Which kinds of one job are told apart; `known` are their numbers."""

    known: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, numbers: Iterable[int]) -> "Kinds":
        """Of these numbers, OTHERS may be among them."""
        return cls(set(numbers) - {OTHERS})

    def placed(self, kind: FailureKind) -> int:
        """As which number one more task of this kind is counted."""
        number = kind.number
        if number in self.known:
            return number
        if len(self.known) >= KINDS_MAX:
            return OTHERS
        self.known.add(number)
        return number
