"""`upwell rollout watch`: how a rollout goes, until it has ended.

Holds: on a terminal it is a screen that is drawn anew, elsewhere a line for each change. A server that goes away is
waited for. One that a guard has halted is watched on, for a person may have it go on; but a script that wants the exit
status is told at once.
"""

import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from upwell.cli.exits import Ended, Exit, one_line
from upwell.cli.remote.acting import At
from upwell.cli.remote.sight import Pace, Sight, plain, screen
from upwell.cli.remote.standing import counts, kept_back, next_of, open_wave
from upwell.cli.telling import as_json, number, of
from upwell.client import ServerFailed, Unreachable
from upwell.client.shapes import CountedRollout

INTERVAL_S = 2.0
AWAY_MAX_S = 600.0  # that a server which is gone is waited for


def follow(at: At, rollout_id: str, interval_s: float = INTERVAL_S, exit_status: bool = False) -> None:
    """Watch until it has ended. Raises Ended with FAILED where that is asked for and not every device got there, or its
    guard has halted it."""
    sights = _sights(at, rollout_id, interval_s, until_halt=exit_status)
    if at.as_json:
        last = _each(sights, lambda sight, before: as_json(sight.rollout))
    elif sys.stdout.isatty():
        last = _live(sights)
    else:
        last = _each(sights, lambda sight, before: print(plain(sight, datetime.now(UTC), before)))
    at.say(next_of(last.rollout))
    told = counts(last.rollout)
    if exit_status and last.is_halted:
        raise Ended(
            Exit.FAILED,
            f"upwell: {one_line(kept_back(last.rollout))}",
            f"  try: upwell rollout why-failed {rollout_id}",
        )
    if exit_status and (told.get("failed") or told.get("canceled") or last.rollout["status"] == "canceled"):
        what = f"{of(told.get('failed', 0), 'device')} failed, {number(told.get('canceled', 0))} were cancelled"
        raise Ended(Exit.FAILED, f"upwell: {what}", f"  try: upwell rollout why-failed {rollout_id}")


def _documents(sight: Sight) -> object:
    found = sight.rollout
    return found["status"], counts(found), sight.away, kept_back(found), open_wave(found), found.get("happens_next")


def _each(sights: Iterable[Sight], tell: Callable[[Sight, Sight | None], None]) -> Sight:
    """Tell what has changed, with what was told before; the last that was seen."""
    known: object = None
    before: Sight | None = None
    last: Sight | None = None
    for last in sights:
        if (now := _documents(last)) != known:
            known = now
            if last.away:
                print(f"upwell: {last.away}", file=sys.stderr, flush=True)
            else:
                tell(last, before)
                sys.stdout.flush()
                before = last
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


def _sights(at: At, rollout_id: str, interval_s: float, *, until_halt: bool) -> Iterable[Sight]:
    """What is seen, one after another, until the rollout has ended, or was halted. Raises Unreachable,
    ServerFailed where the server is gone for too long."""
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
            if sight.is_over or (until_halt and sight.is_halted):
                return
        time.sleep(interval_s)
