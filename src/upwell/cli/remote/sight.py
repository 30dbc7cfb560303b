"""What is seen of a rollout at a moment: as a screen, or as lines.

Holds: nothing is asked and nothing waited for here. What is said of pace and end comes from the counts that were seen,
with the time that they were seen; a percent that stands still is told with what it waits for.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from upwell.cli.exits import one_line
from upwell.cli.remote.standing import (
    CLOSED,
    GUARD,
    WAVES,
    counts,
    evidence,
    kept_back,
    next_wave,
    open_tasks,
    open_wave,
    waves,
)
from upwell.cli.telling import number, of, word
from upwell.client.shapes import CountedRollout

PACE_S = 120.0  # of the counts that the pace is told from
PACE_LEAST_S = 5.0
BAR = 32  # characters
STATES = ("succeeded", "in_progress", "notified", "queued", "confirm", "failed", "canceled")
COLOURS = {"succeeded": "green", "failed": "red", "canceled": "yellow", "confirm": "magenta", "in_progress": "cyan"}
FAILURES_SHOWN = 5
WAVES_SHOWN = 8  # so that a screen of 24 lines has the open one, and what is said below


@dataclass
class Pace:
    """How many tasks end a minute, told from what was seen in the last while."""

    seen: deque[tuple[float, int]] = field(default_factory=deque)

    def see(self, now_s: float, ended: int) -> None:
        """At that time so many had ended."""
        self.seen.append((now_s, ended))
        while len(self.seen) > 2 and now_s - self.seen[0][0] > PACE_S:
            self.seen.popleft()

    @property
    def watched_s(self) -> float:
        """How long what is told here was seen."""
        return self.seen[-1][0] - self.seen[0][0] if self.seen else 0.0

    def per_minute(self) -> float | None:
        """None as long as too little was seen."""
        if self.watched_s < PACE_LEAST_S:
            return None
        (first_s, first), (last_s, last) = self.seen[0], self.seen[-1]
        return max(0.0, (last - first) / (last_s - first_s) * 60)

    def left(self, left: int) -> timedelta | None:
        """How long the rest takes at this pace."""
        pace = self.per_minute()
        return timedelta(minutes=left / pace) if pace and left else None


@dataclass(frozen=True)
class Sight:
    """What is seen of a rollout at a moment."""

    rollout: CountedRollout
    failures: list[Any]
    pace: Pace
    away: str = ""

    @property
    def ended(self) -> int:
        """Tasks that have ended."""
        told = counts(self.rollout)
        return sum(told.get(state, 0) for state in CLOSED)

    @property
    def is_over(self) -> bool:
        """Whether nothing comes any more."""
        return self.rollout["status"] in ("completed", "canceled") and not open_tasks(self.rollout)

    @property
    def is_halted(self) -> bool:
        """Whether its guard keeps it back."""
        return self.rollout.get("paused", {}).get("by") == GUARD

    @property
    def _is_all_open(self) -> bool:
        """Whether every device may be offered, so that an end can be told from the pace."""
        return not self.rollout.get("paused") and next_wave(self.rollout) is None

    def outlook(self, now: datetime) -> str:
        """How far, how fast, until when; why nothing is told where nothing is known."""
        total, left = counts(self.rollout).get("total", 0), open_tasks(self.rollout)
        if not total:
            return self.rollout.get("status_text") or "Its tasks are being made."
        words = [f"{100 * self.ended // total} % of {of(total, 'device')} ended"]
        pace, rest = self.pace.per_minute(), self.pace.left(left)
        if left and pace is not None:
            words.append(
                f"{pace:,.0f} a minute"
                if pace
                else f"none ended in the last {_span(timedelta(seconds=self.pace.watched_s))}"
            )
        if rest is not None and rest < timedelta(days=30) and self._is_all_open:
            words.append(f"the rest in about {_span(rest)}, at {now + rest:%Y-%m-%d %H:%MZ}")
        return ", ".join(words) + "."


def _span(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    if seconds < 90:
        return f"{max(seconds, 1)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def plain(sight: Sight, now: datetime, before: Sight | None = None) -> str:
    """A line of counts, and before it one for each thing that has happened since the sight before."""
    told = counts(sight.rollout)
    parts = [f"{state.replace('_', ' ')} {number(told[state])}" for state in STATES if told.get(state)]
    status = sight.rollout["status"].replace("_", " ")
    line = f"{status}: {', '.join(parts) or 'no tasks yet'}. {sight.outlook(now)}"
    if (said := sight.rollout.get("happens_next")) and told.get("total"):
        line += f" {one_line(said)}"
    return "\n".join(f"{now:%H:%M:%SZ}  {each}" for each in (*_happened(before, sight), line))


def _happened(before: Sight | None, sight: Sight) -> Iterator[str]:
    """What a person is to know at once: waves that opened, a pause, a halt, and that it goes on."""
    known = {wave["wave"] for wave in waves(before.rollout) if wave["status"] != "waiting"} if before else set()
    last = len(waves(sight.rollout))
    for wave in waves(sight.rollout):
        if wave["status"] != "waiting" and wave["wave"] not in known:
            by = f" by {wave['opened_by']}" if wave.get("opened_by") else ""
            yield one_line(f"wave {wave['wave']} of {last} is open{by}: {of(wave.get('size', 0), 'device')}")
    was, now = (kept_back(before.rollout) if before else ""), kept_back(sight.rollout)
    if now != was:
        yield one_line(now) if now else "it goes on"


def failure(group: Any, examples: bool = True) -> str:
    """Devices that failed alike, in words."""
    code = f" (code {group['code']})" if "code" in group else ""
    where = f"module {group['module']}, " if group.get("module", "default") != "default" else ""
    version = f"{where}from {group.get('source_version') or 'an unknown version'}"
    if not examples:
        return one_line(f"{group['reason']}{code}, {version}")
    some = ", ".join(each["device_id"] for each in group.get("examples", ())[:3])
    said = next((each["description"] for each in group.get("examples", ()) if each.get("description")), "")
    return one_line(f"{group['reason']}{code}, {version}: {some}" + (f": {said}" if said else ""))


def _waves(rollout: CountedRollout) -> Any:
    """The waves as a table; of many those about the open one."""
    from rich.table import Table
    from rich.text import Text

    found, at = waves(rollout), open_wave(rollout)
    start = max(0, min(at - WAVES_SHOWN // 2, len(found) - WAVES_SHOWN))
    grid = Table.grid(padding=(0, 2, 0, 0))
    for place, (name, _) in enumerate(WAVES):
        grid.add_column(
            name, justify="left" if place in (1, len(WAVES) - 1) else "right", no_wrap=place < len(WAVES) - 1
        )
    grid.add_row(*(Text(name, style="dim") for name, _ in WAVES))
    for wave in found[start : start + WAVES_SHOWN]:
        style = "bold" if wave["status"] == "open" else "dim" if wave["status"] == "waiting" else ""
        grid.add_row(*(Text(word(get(wave)), style=style) for _, get in WAVES))
    return grid


def screen(sight: Sight, now: datetime) -> Any:
    """What a terminal shows."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    rollout, told = sight.rollout, counts(sight.rollout)
    title = Text(f"{one_line(rollout['package_name'])} {one_line(rollout['version'])}", style="bold")
    title.append(f"   {rollout['id']}   {rollout['status'].replace('_', ' ')}", style="default")
    lines: list[Any] = [title]
    if held := kept_back(rollout):
        lines.append(Text(one_line(held), style="bold red" if "guard" in held else "bold yellow"))
    bars = Table.grid(padding=(0, 2, 0, 0))
    bars.add_column(no_wrap=True)
    bars.add_column(justify="right", no_wrap=True)
    bars.add_column(no_wrap=True)
    total = told.get("total", 0) or 1
    for state in STATES:
        if told.get(state) or state in ("succeeded", "queued", "failed"):
            length = -(-told.get(state, 0) * BAR // total)
            bars.add_row(
                state.replace("_", " "),
                number(told.get(state, 0)),
                Text("█" * length, style=COLOURS.get(state, "blue")),
            )
    lines += [bars, Text(sight.outlook(now))]
    if waves(rollout):
        lines += ["", _waves(rollout)]
    lines += [Text(one_line(each)) for each in (evidence(rollout), rollout.get("happens_next", "")) if each]
    if sight.failures:
        groups = Table.grid(padding=(0, 2, 0, 0))
        groups.add_column(justify="right", no_wrap=True)
        for each in sight.failures[:FAILURES_SHOWN]:
            groups.add_row(number(each["count"]), Text(failure(each)))
        lines += [Text("Failed so far:", style="bold"), groups]
    if not sight.is_over:
        verbs = (
            "resume|cancel"
            if rollout.get("paused")
            else "pause|promote|cancel"
            if next_wave(rollout)
            else "pause|cancel"
        )
        steers = f"Ctrl-C ends the watching, not the rollout; upwell rollout {verbs} {rollout['id']} steers it."
        lines.append(Text(one_line(sight.away) or steers, style="dim"))
    return Group(*lines)
