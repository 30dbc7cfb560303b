"""A reading in Prometheus' text format (0.0.4), as its documentation defines it."""

import math

from upwell.meters.counting import Spans
from upwell.meters.reading import Reading
from upwell.meters.table import METRICS, Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def told(reading: Reading) -> bytes:
    """Each metric of the reading in the order of the table, with its help and type."""
    lines: list[str] = []
    for name, metric in METRICS.items():
        if series := reading.found.get(name):
            lines += [f"# HELP {name} {_help(metric.help)}", f"# TYPE {name} {metric.kind.value}"]
            for labels, value in sorted(series.items()):
                lines += _samples(metric, dict(zip(metric.labels, labels, strict=True)), value)
    return ("\n".join(lines) + "\n").encode()


def _samples(metric: Metric, labels: dict[str, str], value: float | Spans) -> list[str]:
    if not isinstance(value, Spans):
        return [f"{metric.name}{_labels(labels)} {_number(value)}"]
    lines, count = [], 0
    for bound, more in zip((*value.bounds, math.inf), value.counts, strict=True):
        count += more
        lines.append(f"{metric.name}_bucket{_labels({**labels, 'le': _number(bound)})} {count}")
    return [
        *lines,
        f"{metric.name}_sum{_labels(labels)} {_number(value.sum)}",
        f"{metric.name}_count{_labels(labels)} {count}",
    ]


def _labels(labels: dict[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return _help(value).replace('"', r"\"")


def _help(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if float(value).is_integer() and abs(value) < 2**53 else repr(float(value))
