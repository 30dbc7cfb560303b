"""Who moves a task next (issue 9, number 26): an answer for every open state and manner."""

import functools
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from upwell.domain import next_move as table
from upwell.domain.awaiting import Awaits
from upwell.domain.next_move import Facts, Move, Mover, Occasion, next_move
from upwell.domain.task import OPEN, State

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER, SOONER = NOW + timedelta(hours=1), NOW - timedelta(hours=1)
MANNERS: dict[str, tuple[object, ...]] = {
    "state": OPEN,
    "need_push": (True, False),
    "online": (True, False),
    "awaiting": tuple(Awaits),
    "offered": (False, True),
    "due_at": (None, SOONER, LATER),
    "timeout_at": (None, LATER),
    "package": ("ok", "checking", "lost", "deleted"),
    "fits": (True, False),
    "enabled": (True, False),
    "held": (False, True),
    "kept": ("", "paused", "shut"),
    "finish_at": (None, LATER),
}


def everything() -> Iterator[Facts]:
    for values in itertools.product(*MANNERS.values()):
        yield Facts(**dict(zip(MANNERS, values, strict=True)))  # type: ignore[arg-type]


@functools.cache
def some() -> dict[Facts, Move]:
    """A seventh of it, which has an example of each turn, and what is told of it."""
    return {facts: next_move(facts, NOW) for facts in itertools.islice(everything(), 0, None, 7)}


def test_every_open_task_has_a_next_mover_and_its_time() -> None:
    """Issue 9, number 26: for each state and manner, never empty."""
    for facts in everything():
        move = next_move(facts, NOW)
        assert move.does and isinstance(move.when, (datetime, Occasion)) and str(move)
        if move.who is Mover.UPWELL:  # it does nothing by itself without a time, but for what it is doing now
            assert isinstance(move.when, datetime) or move.when in (Occasion.READ, Occasion.FOUND, Occasion.OPENS)


@pytest.mark.parametrize("place", range(len(table.TURNS)))
def test_no_rule_can_be_taken_away(place: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Issue 9, number 26: without it some task would have no mover, or a wrong one."""
    whole = some()
    monkeypatch.setattr(table, "TURNS", table.TURNS[:place] + table.TURNS[place + 1 :])

    def told(facts: Facts) -> Move | None:
        try:
            return next_move(facts, NOW)
        except LookupError:
            return None

    assert any(told(facts) != move for facts, move in whole.items())


def test_the_clocks_that_end_a_task_are_told_beside() -> None:
    facts = Facts(state=State.NOTIFIED, need_push=True, online=False, offered=True)
    assert next_move(facts, NOW).ends_at is None  # notified without a clock, offline for weeks: its owner sees that
    assert next_move(facts, NOW).when is Occasion.CONNECTS
    timed = Facts(state=State.IN_PROGRESS, need_push=True, online=True, offered=True, timeout_at=LATER)
    assert (next_move(timed, NOW).who, next_move(timed, NOW).ends_at) == (Mover.DEVICE, LATER)
    both = Facts(state=State.QUEUED, need_push=True, online=True, timeout_at=LATER, finish_at=SOONER)
    assert next_move(both, NOW).ends_at == SOONER
    held = Facts(state=State.CONFIRM, need_push=True, online=True, timeout_at=LATER)
    assert (next_move(held, NOW).who, next_move(held, NOW).ends_at) == (Mover.OWNER, None)
