"""Counters and spans: what each part of the house counts of itself, read when somebody asks for metrics.

Holds: counting is an addition in memory, of one thread, and waits for nothing; the label values of one counter are
bounded whatever strangers say: beyond SERIES_MAX of them all further ones count as OTHER.
"""

from bisect import bisect_left
from collections.abc import Sequence

SERIES_MAX = 1000  # label values of one counter: a tongue has some hundred operations
LABEL_CHARS_MAX = 80
OTHER = "other"

Labels = tuple[str, ...]


class Tally:
    """How often something happened, or how much of it there was, by label values."""

    __slots__ = ("found",)

    def __init__(self) -> None:
        self.found: dict[Labels, float] = {}

    def add(self, *labels: str, by: float = 1) -> None:
        """It happened once more."""
        found = self.found
        if labels in found:
            found[labels] += by
        else:
            self._add_new(labels, by)

    def _add_new(self, labels: Labels, by: float) -> None:
        labels = tuple(each[:LABEL_CHARS_MAX] for each in labels)
        if labels not in self.found and len(self.found) >= SERIES_MAX:
            labels = (OTHER,) * len(labels)
        self.found[labels] = self.found.get(labels, 0) + by


class Spans:
    """A histogram of one quantity: how many values were at most each of the bounds, and their sum. A value costs a
    bisection of some dozen bounds."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)  # the last is of what is above all of them
        self.sum = 0.0

    def add(self, value: float) -> None:
        """One more value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


class Histograms:
    """A histogram for each of some label values."""

    __slots__ = ("bounds", "found")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.found: dict[Labels, Spans] = {}

    def add(self, value: float, *labels: str) -> None:
        """One more value of these labels."""
        spans = self.found.get(labels)
        if spans is None:
            spans = self._new(labels)
        spans.add(value)

    def _new(self, labels: Labels) -> Spans:
        labels = tuple(each[:LABEL_CHARS_MAX] for each in labels)
        if labels not in self.found and len(self.found) >= SERIES_MAX:
            labels = (OTHER,) * len(labels)
        return self.found.setdefault(labels, Spans(self.bounds))
