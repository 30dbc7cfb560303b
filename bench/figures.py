"""What was measured: a table to read and JSON to keep."""

import json
import os
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from upwell import __version__


@dataclass(frozen=True)
class Figure:
    """One value. The yardstick was measured in the same run, beside it; a goal is what the value should reach."""

    name: str
    value: float
    unit: str
    yardstick: float | None = None
    yardstick_is: str = ""
    goal: str = ""
    met: bool | None = None


@dataclass
class Figures:
    """All of a run, told as they come."""

    found: list[Figure] = field(default_factory=list)

    def note(
        self, name: str, value: float, unit: str, *, beside: tuple[str, float] | None = None,
        goal: tuple[str, Callable[[float, float], bool]] | None = None,
    ) -> None:  # fmt: skip
        """Keep one and print it. `goal` is its words, and what holds of the value and the yardstick."""
        what, yardstick = beside or ("", None)
        met = None if goal is None else goal[1](value, yardstick or 0.0)
        figure = Figure(name, value, unit, yardstick, what, goal[0] if goal else "", met)
        self.found.append(figure)
        print(line(figure), flush=True)

    def write(self, path: Path) -> None:
        """As JSON."""
        machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}
        head = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "upwell": __version__, "machine": machine}
        load = dict(zip(("1_min", "5_min", "15_min"), os.getloadavg(), strict=True))
        path.write_text(json.dumps({**head, "load": load, "figures": [asdict(each) for each in self.found]}, indent=1))


def line(figure: Figure) -> str:
    """One row of the table."""
    beside = ""
    if figure.yardstick is not None:
        share = figure.value / figure.yardstick if figure.yardstick else 0.0
        beside = f"{share:>7.2f} x {number(figure.yardstick)} ({figure.yardstick_is})"
    goal = f"  [{figure.goal}: {'reached' if figure.met else 'not reached'}]" if figure.goal else ""
    return f"{figure.name:<46} {number(figure.value):>10} {figure.unit:<10}{beside}{goal}"


def number(value: float) -> str:
    """Three digits that matter."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
