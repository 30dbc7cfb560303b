"""What the demo shows: a live display on a terminal, plain lines anywhere else. It decides nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from demo.driver import STATES

PLAIN_INTERVAL_S = 2.0
BAR_WIDTH = 30
ASTRAY_MAX = 20
COLOURS = {"SUCCEEDED": "green", "FAILED": "red", "IN_PROGRESS": "cyan", "NOTIFIED": "yellow"}
MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Now:
    """One look at the rollout."""

    counts: dict[str, int]
    connected: int
    downloading: int
    served_bytes: int
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class Result:
    """What the rollout came to."""

    devices: int
    states: dict[str, int]
    failures: dict[str, list[str]]
    """Reason → the devices that gave it."""
    first_success_s: float | None
    last_success_s: float | None
    served_bytes: int
    run_s: float
    problems: list[str] = field(default_factory=list)
    astray: list[str] = field(default_factory=list)


class Screen:
    """The whole of the demo's output."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self._live: Live | None = None
        self._started_at = time.monotonic()
        self._plain_at = 0.0

    def say(self, text: str) -> None:
        """One step done."""
        self.console.print(Text(f"{time.monotonic() - self._started_at:6.1f} s  {text}"), soft_wrap=True)

    @contextmanager
    def live(self) -> Iterator[None]:
        """The time in which `show` draws in place."""
        if not self.console.is_terminal:
            yield
            return
        with Live(console=self.console, refresh_per_second=8) as self._live:
            yield
        self._live = None

    def show(self, now: Now) -> None:
        states = "  ".join(f"{state} {count}" for state, count in now.counts.items() if count)
        self.draw(_panel(now), f"{states}  | {now.downloading} downloading, {now.served_bytes / MB:.0f} MB served")

    def draw(self, panel: RenderableType, line: str) -> None:
        """A look at something that goes on: the panel on a terminal, now and then the line elsewhere."""
        if self._live is not None:
            self._live.update(panel)
        elif time.monotonic() - self._plain_at >= PLAIN_INTERVAL_S:
            self._plain_at = time.monotonic()
            self.say(line)

    def summary(self, result: Result) -> None:
        """The last screen; its last line is the verdict."""
        print_ = self.console.print
        print_()
        print_(_states_table(result))
        if result.failures:
            print_(_failures_table(result))
        print_(f"first success  {_seconds(result.first_success_s)} after the rollout began")
        print_(f"last success   {_seconds(result.last_success_s)}")
        print_(f"bytes served   {result.served_bytes:,} ({result.served_bytes / MB:.0f} MB)")
        print_(f"run time       {result.run_s:.1f} s")
        self.list("faults the devices saw", result.problems)
        verdict = f"{len(result.astray)} astray" if result.astray else "all as scripted"
        self.verdict(f"{result.devices} devices, {verdict}", result.astray)

    def failure(self, text: str, missing: Sequence[str], log: str) -> None:
        """The demo ended early."""
        if log:
            self.console.print("the server's last lines:")
            self.console.print(Text(log), soft_wrap=True)
        self.list("missing", missing)
        self.console.print(Text(f"the demo failed: {text}", style="bold red"), soft_wrap=True)

    def verdict(self, text: str, astray: Sequence[str]) -> None:
        """The last line, and before it what is not as it should be."""
        self.list("astray", astray)
        self.console.print(Text(text, style="bold red" if astray else "bold green"), soft_wrap=True)

    def list(self, title: str, lines: Sequence[str]) -> None:
        if not lines:
            return
        self.console.print(f"{title}: {len(lines)}")
        for line in lines[:ASTRAY_MAX]:
            self.console.print(Text(f"  {line}"), soft_wrap=True)
        if len(lines) > ASTRAY_MAX:
            self.console.print(f"  and {len(lines) - ASTRAY_MAX} more")


def _panel(now: Now) -> Group:
    grid = Table.grid(padding=(0, 2))
    total = max(1, sum(now.counts.values()))
    for state in STATES:
        count, colour = now.counts.get(state, 0), COLOURS.get(state, "white")
        bar = ProgressBar(total=total, completed=count, width=BAR_WIDTH, complete_style=colour, finished_style=colour)
        grid.add_row(Text(state, style=colour), bar, Text(f"{count:>5}"))
    foot = (
        f"{now.connected} connected, {now.downloading} downloading, "
        f"{now.served_bytes / MB:.0f} MB served, {now.elapsed_s:.0f} s"
    )
    return Group(grid, Text(foot))


def _states_table(result: Result) -> Table:
    table = Table("state", "devices", title="Rollout")
    for state in (*STATES, *sorted(set(result.states) - set(STATES))):
        if state in result.states:
            table.add_row(Text(state, style=COLOURS.get(state, "white")), str(result.states[state]))
    return table


def _failures_table(result: Result) -> Table:
    table = Table("reason", "devices", "for example", title="Why devices failed")
    for reason, names in sorted(result.failures.items(), key=lambda item: (-len(item[1]), item[0])):
        table.add_row(Text(reason), str(len(names)), Text(names[0]))
    return table


def _seconds(value: float | None) -> str:
    return "none" if value is None else f"{value:.1f} s"
