"""Versions as a product's devices are counted by: which are told apart.

Devices say what they like, so how many versions are told apart is bounded. One for which there is no room counts as
rare: among those of its module, or where that is unknown too among those of the product. A device's version remembers
where it was put, and is taken off there.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum

VERSIONS_MAX = 200  # of one module that are told apart
PAIRS_MAX = 1000  # versions of all modules of a product that are told apart
UNKNOWN = ""  # a version that nobody can know


class Counted(IntEnum):
    """Where a version is counted."""

    ITSELF = 0
    RARE_OF_MODULE = 1
    RARE_OF_PRODUCT = 2


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a device counts by its version of a module."""

    module: str
    version: str
    rare: bool

    @classmethod
    def of(cls, module: str, version: str | None, counted: int) -> "Place":
        """Where a version is that was counted so."""
        if counted == Counted.ITSELF:
            return cls(module, version or UNKNOWN, False)
        return cls(module if counted == Counted.RARE_OF_MODULE else "", UNKNOWN, True)


@dataclass(slots=True)
class Spread:
    """The versions of one product that are told apart, by module."""

    known: set[tuple[str, str]] = field(default_factory=set)
    modules: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> "Spread":
        """Of these modules and versions."""
        known = set(pairs)
        return cls(known, Counter(module for module, _ in known))

    def counted(self, module: str, version: str | None) -> Counted:
        """Where one more device with this version is to count."""
        pair = module, version or UNKNOWN
        if pair in self.known:
            return Counted.ITSELF
        if len(self.known) < PAIRS_MAX and self.modules[module] < VERSIONS_MAX:
            self.known.add(pair)
            self.modules[module] += 1
            return Counted.ITSELF
        return Counted.RARE_OF_MODULE if self.modules[module] else Counted.RARE_OF_PRODUCT
