"""`upwell rollout watch`: how a rollout goes, until it has ended.

Holds: on a terminal it is a screen that is drawn anew, elsewhere a line for each change. What is said of pace and end
comes from the counts that were seen here, with the time that they were seen. A server that goes away is waited for.
"""

import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from upwell.cli.exits import Ended, Exit, one_line
from upwell.cli.remote.acting import At
from upwell.cli.remote.standing import CLOSED, counts, next_of, open_tasks
from upwell.cli.telling import as_json, number, of
from upwell.client import ServerFailed, Unreachable
from upwell.client.shapes import CountedRollout

INTERVAL_S = 2.0
PACE_S = 120.0  # of the counts that the pace is told from
PACE_LEAST_S = 5.0
AWAY_MAX_S = 600.0  # that a server which is gone is waited for
BAR = 32  # characters
STATES = ("succeeded", "in_progress", "notified", "queued", "confirm", "failed", "canceled")
COLOURS = {"succeeded": "green", "failed": "red", "canceled": "yellow", "confirm": "magenta", "in_progress": "cyan"}
FAILURES_SHOWN = 5


@dataclass
class Pace:
    """How many tasks end a minute, told from what was seen in the last while."""

    seen: deque[tuple[float, int]] = field(default_factory=deque)

    def see(self, now_s: float, ended: int) -> None:
        """At that time so many had ended."""
        self.seen.append((now_s, ended))
        while len(self.seen) > 2 and now_s - self.seen[0][0] > PACE_S:
            self.seen.popleft()

    def per_minute(self) -> float | None:
        """None as long as too little was seen."""
        if len(self.seen) < 2 or self.seen[-1][0] - self.seen[0][0] < PACE_LEAST_S:
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

    def outlook(self, now: datetime) -> str:
        """How far, how fast, until when; why nothing is told where nothing is known."""
        total, left = counts(self.rollout).get("total", 0), open_tasks(self.rollout)
        if not total:
            return self.rollout.get("status_text") or "Its tasks are being made."
        words = [f"{100 * self.ended // total} % of {of(total, 'device')} ended"]
        pace, rest = self.pace.per_minute(), self.pace.left(left)
        if left and pace is not None:
            words.append(f"{pace:,.0f} a minute" if pace else f"none ended in the last {PACE_S:.0f} s")
        if rest is not None and rest < timedelta(days=30):
            words.append(f"the rest in about {_span(rest)}, at {now + rest:%Y-%m-%d %H:%MZ}")
        return ", ".join(words) + "."


def _span(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    if seconds < 90:
        return f"{max(seconds, 1)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def plain(sight: Sight, now: datetime) -> str:
    """One line."""
    told = counts(sight.rollout)
    parts = [f"{state.replace('_', ' ')} {number(told[state])}" for state in STATES if told.get(state)]
    status = sight.rollout["status"].replace("_", " ")
    return f"{now:%H:%M:%SZ}  {status}: {', '.join(parts) or 'no tasks yet'}. {sight.outlook(now)}"


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


def screen(sight: Sight, now: datetime) -> Any:
    """What a terminal shows."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    rollout, told = sight.rollout, counts(sight.rollout)
    title = Text(f"{one_line(rollout['package_name'])} {one_line(rollout['version'])}", style="bold")
    title.append(f"   {rollout['id']}   {rollout['status'].replace('_', ' ')}", style="default")
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
    lines: list[Any] = [title, bars, Text(sight.outlook(now))]
    if sight.failures:
        groups = Table.grid(padding=(0, 2, 0, 0))
        groups.add_column(justify="right", no_wrap=True)
        for each in sight.failures[:FAILURES_SHOWN]:
            groups.add_row(number(each["count"]), Text(failure(each)))
        lines += [Text("Failed so far:", style="bold"), groups]
    if not sight.is_over:
        lines.append(Text(sight.away or "Ctrl-C ends the watching; the rollout goes on.", style="dim"))
    return Group(*lines)


def follow(at: At, rollout_id: str, interval_s: float = INTERVAL_S, exit_status: bool = False) -> None:
    """Watch until it has ended. Raises Ended with FAILED where that is asked for and not every device got there."""
    sights = _sights(at, rollout_id, interval_s)
    if at.as_json:
        last = _each(sights, lambda sight: as_json(sight.rollout), _documents)
    elif sys.stdout.isatty():
        last = _live(sights)
    else:
        last = _each(sights, lambda sight: print(plain(sight, datetime.now(UTC)), flush=True), _documents)
    at.say(next_of(last.rollout))
    told = counts(last.rollout)
    if exit_status and (told.get("failed") or told.get("canceled") or last.rollout["status"] == "canceled"):
        what = f"{of(told.get('failed', 0), 'device')} failed, {number(told.get('canceled', 0))} were cancelled"
        raise Ended(Exit.FAILED, f"upwell: {what}", f"  try: upwell rollout why-failed {rollout_id}")


def _documents(sight: Sight) -> object:
    return sight.rollout["status"], counts(sight.rollout), sight.away


def _each(sights: Iterable[Sight], tell: Callable[[Sight], None], what: Callable[[Sight], object]) -> Sight:
    """Tell what has changed; the last that was seen."""
    before: object = None
    last: Sight | None = None
    for last in sights:
        if (now := what(last)) != before:
            before = now
            if last.away:
                print(f"upwell: {last.away}", file=sys.stderr, flush=True)
            else:
                tell(last)
    assert last is not None  # noqa: S101  # there is one before the end
    return last


def _live(sights: Iterable[Sight]) -> Sight:
    from rich.console import Console
    from rich.live import Live

    last: Sight | None = None
    with Live(console=Console(), auto_refresh=False) as live:
        for last in sights:
            live.update(screen(last, datetime.now(UTC)), refresh=True)
    assert last is not None  # noqa: S101  # there is one before the end
    return last


def _sights(at: At, rollout_id: str, interval_s: float) -> Iterable[Sight]:
    """What is seen, one after another, until the rollout has ended. Raises Unreachable, ServerFailed where the server
    is gone for too long."""
    pace, failures, failed = Pace(), list[Any](), -1
    rollout: CountedRollout | None = None
    gone_s: float | None = None
    while True:
        now_s = time.monotonic()
        try:
            rollout = at.client.show_rollout(rollout_id)
            if counts(rollout).get("failed", 0) != failed:
                failed = counts(rollout).get("failed", 0)
                failures = at.client.list_rollout_failures(rollout_id) if failed else []
            gone_s = None
        except (Unreachable, ServerFailed) as exc:
            gone_s = now_s if gone_s is None else gone_s
            if rollout is None or now_s - gone_s > AWAY_MAX_S:
                raise
            yield Sight(rollout, failures, pace, f"{at.name} is not reached; asking again ({one_line(str(exc))})")
        else:
            sight = Sight(rollout, failures, pace)
            pace.see(now_s, sight.ended)
            yield sight
            if sight.is_over:
                return
        time.sleep(interval_s)
