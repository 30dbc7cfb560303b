"""Which standing rule takes a device, and whether it takes it once more."""

import pytest

from upwell.domain.policy import TASKS_MAX, LastTask, Policy, next_nth, winner
from upwell.domain.task import BUSY, OPEN, State

NONE: frozenset[int] = frozenset()


def rule(job_id: int, destination: str = "2.0", group_id: int | None = None) -> Policy:
    return Policy(job_id=job_id, group_id=group_id, destination=destination)


def last(state: State, *, nth: int = 0, reason: str = "", source: str | None = "1.0") -> LastTask:
    return LastTask(nth=nth, state=state, reason=reason, source_version=source)


def test_the_latest_covering_policy_wins_whatever_their_order() -> None:
    rules = [rule(1), rule(3, "3.0"), rule(2)]
    assert winner(rules, NONE, "1.0") == 3
    assert winner(reversed(rules), NONE, None) == 3
    assert winner([], NONE, "1.0") is None


def test_a_device_at_the_latest_destination_is_not_taken_back_by_an_earlier_policy() -> None:
    assert winner([rule(1, "1.5"), rule(2, "2.0")], NONE, "2.0") is None
    assert winner([rule(1, "1.5"), rule(2, "2.0")], NONE, "1.5") == 2


def test_a_group_covers_its_members_alone() -> None:
    rules = [rule(1), rule(2, "3.0", group_id=7)]
    assert winner(rules, NONE, "1.0") == 1
    assert winner(rules, frozenset({7}), "1.0") == 2
    assert winner(rules, frozenset({8}), "1.0") == 1


@pytest.mark.parametrize(
    ("before", "version", "taken", "expected"),
    [
        (None, "1.0", False, 0),
        (None, None, True, 0),
        (last(State.SUCCEEDED), "1.0", False, 1),
        (last(State.FAILED), "1.0", False, None),
        (last(State.CANCELED), "1.0", False, None),
        (last(State.FAILED), "1.1", False, 1),
        (last(State.CANCELED), "1.1", False, 1),
        (last(State.FAILED, source=None), None, False, None),
        (last(State.FAILED, reason=BUSY), "1.0", False, 1),
        (last(State.FAILED, reason=BUSY), "1.0", True, None),
        (last(State.FAILED, reason=BUSY), "1.1", True, None),
        (last(State.SUCCEEDED, nth=TASKS_MAX - 2), "1.0", False, TASKS_MAX - 1),
        (last(State.SUCCEEDED, nth=TASKS_MAX - 1), "1.0", False, None),
        *((last(state), "9.9", False, None) for state in OPEN),
    ],
)
def test_once_more(before: LastTask | None, version: str | None, taken: bool, expected: int | None) -> None:
    assert next_nth(before, version, taken) == expected
