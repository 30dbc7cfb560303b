"""What one process, or several together, have counted at a moment.

Of several processes counters and histograms are added up. A gauge is added up, or the largest is told, or that of the
one process that was asked about what all of them share; the table says which.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from upwell.meters.counting import Histograms, Labels, Spans, Tally
from upwell.meters.table import METRICS, Kind, Of

Value: TypeAlias = float | Spans
Series: TypeAlias = dict[Labels, Value]


class Reading:
    """Values by metric and labels; each metric is in the table, with so many labels."""

    def __init__(self) -> None:
        self.found: dict[str, Series] = {}

    def put(self, name: str, value: float, *labels: str) -> None:
        """A number. Raises KeyError for a metric that the table has not."""
        assert len(labels) == len(METRICS[name].labels)  # noqa: S101
        self.found.setdefault(name, {})[labels] = value

    def tally(self, name: str, tally: Tally, *before: str) -> None:
        """All that was counted, with these label values before its own."""
        for labels, value in tally.found.items():
            self.put(name, value, *before, *labels)

    def spans(self, name: str, spans: Spans, *labels: str) -> None:
        """A histogram, as it is now."""
        assert spans.bounds == METRICS[name].bounds  # noqa: S101
        self.found.setdefault(name, {})[labels] = _copy(spans)

    def histograms(self, name: str, histograms: Histograms, *before: str) -> None:
        """A histogram for each of the label values, with these before them."""
        for labels, spans in histograms.found.items():
            self.spans(name, spans, *before, *labels)

    def as_json(self) -> dict[str, Any]:
        """As another process reads it by `of_json`."""
        return {
            name: [[list(labels), _plain(value)] for labels, value in series.items()]
            for name, series in self.found.items()
        }

    @classmethod
    def of_json(cls, said: Mapping[str, Any]) -> "Reading":
        """What `as_json` told."""
        reading = cls()
        for name, series in said.items():
            bounds = METRICS[name].bounds
            reading.found[name] = {tuple(labels): _value(value, bounds) for labels, value in series}
        return reading

    def totals(self) -> "Reading":
        """What stays true of a process that is gone: what it had counted."""
        kept = Reading()
        kept.found = {name: series for name, series in self.found.items() if METRICS[name].kind is not Kind.GAUGE}
        return kept


def joined(readings: Iterable[Reading]) -> Reading:
    """What several processes have counted, as one."""
    whole = Reading()
    for reading in readings:
        for name, series in reading.found.items():
            of, place = METRICS[name].of, whole.found.setdefault(name, {})
            for labels, value in series.items():
                place[labels] = _both(place[labels], value, of) if labels in place else _fresh(value)
    return whole


def _fresh(value: Value) -> Value:
    return _copy(value) if isinstance(value, Spans) else value


def _both(one: Value, other: Value, of: Of) -> Value:
    if isinstance(one, Spans) and isinstance(other, Spans):
        one.counts = [a + b for a, b in zip(one.counts, other.counts, strict=True)]
        one.sum += other.sum
        return one
    assert not isinstance(one, Spans) and not isinstance(other, Spans)  # noqa: S101  # the table says which it is
    match of:
        case Of.MOST:
            return max(one, other)
        case Of.LEAST:
            return min(one, other)
        case Of.EACH:
            return one + other
        case Of.ALL:
            return other


def _copy(spans: Spans) -> Spans:
    copy = Spans(spans.bounds)
    copy.counts, copy.sum = list(spans.counts), spans.sum
    return copy


def _plain(value: Value) -> Any:
    return [value.counts, value.sum] if isinstance(value, Spans) else value


def _value(said: Any, bounds: tuple[float, ...]) -> Value:
    if not isinstance(said, list):
        return float(said)
    spans = Spans(bounds)
    spans.counts, spans.sum = list(said[0]), float(said[1])
    return spans
