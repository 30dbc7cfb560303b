"""What a failure's reason says of a package: against it, of the choice of devices, or nothing (rollouts 3.6.5)."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from upwell.dialects.huawei.flow import RESULT_CODES
from upwell.domain.hearing import FAILURES
from upwell.domain.outcomes import APART, FEEDS, PROVISIONAL, Outcome, apart, of_failure, verdict
from upwell.domain.talk import TaskRef
from upwell.domain.task import State, Task


@pytest.mark.parametrize("reason", [*(reason for reason, _ in FAILURES.values()), "timeout", "failed", "", "anything"])
def test_what_is_not_known_better_speaks_against_the_package(reason: str) -> None:
    assert of_failure(reason) is Outcome.FAILED and Outcome.FAILED in FEEDS


def test_what_huaweis_devices_say() -> None:
    """huawei 5.5: its result codes."""
    found = {code: of_failure(reason) for code, (kind, reason) in RESULT_CODES.items() if kind == "failed"}
    assert {code for code, outcome in found.items() if outcome is Outcome.POSTPONED} == {1, 4}
    assert {code for code, outcome in found.items() if outcome is Outcome.REJECTED} == {5, 8}


@pytest.mark.parametrize("reason", ["untellable", "version_not_supported", "version_not_eligible"])
def test_what_does_not_fit_is_rejected(reason: str) -> None:
    assert of_failure(reason) is Outcome.REJECTED and not {Outcome.REJECTED, Outcome.POSTPONED} & FEEDS


def test_what_is_provisional_feeds_the_guard_and_is_counted_apart() -> None:
    assert PROVISIONAL == FEEDS & APART == {Outcome.SILENT, Outcome.ROLLED_BACK}


OFFERED = datetime(2026, 6, 1, tzinfo=UTC)
TASK = Task(
    ref=TaskRef(device_id=UUID(int=1), job_id=1, nth=0), module="default", state=State.IN_PROGRESS,
    source_version="1.0",
    destination="2.0", is_delta=False, need_push=True, retry_interval_min=None, retry_count=0, timeout_min=None, wave=1,
    offered_at=OFFERED,
)  # fmt: skip


@pytest.mark.parametrize(
    ("state", "facts", "wanted"),
    [
        (State.FAILED, {"reason": "no_space"}, "rejected"),
        (State.FAILED, {"reason": "no_space", "outcome": "silent"}, "rejected"),
        (State.FAILED, {"reason": "no_space", "outcome": "rolled_back"}, "rejected"),
        (State.FAILED, {"reason": "in_use"}, "postponed"),
        (State.FAILED, {"reason": "timeout"}, ""),
        (State.FAILED, {"reason": "timeout", "outcome": "silent"}, ""),
        (State.FAILED, {"reason": "timeout", "outcome": "rolled_back"}, "rolled_back"),
        (State.SUCCEEDED, {}, ""),
        (State.SUCCEEDED, {"outcome": "silent"}, ""),
        (State.SUCCEEDED, {"outcome": "rolled_back"}, ""),
        (State.SUCCEEDED, {"offered_at": None}, "already_there"),
        (State.IN_PROGRESS, {"outcome": "silent"}, "silent"),
        (State.CANCELED, {"outcome": "rolled_back"}, "rolled_back"),
        (State.QUEUED, {"outcome": "rejected"}, ""),
    ],
)
def test_what_stands_in_the_task(state: State, facts: dict[str, Any], wanted: str) -> None:
    assert apart(replace(TASK, state=state, **facts)) == wanted


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ({}, {"state": State.FAILED}, Outcome.FAILED),
        ({}, {"state": State.FAILED, "outcome": "postponed"}, Outcome.POSTPONED),
        ({"outcome": "rolled_back"}, {"state": State.FAILED}, Outcome.ROLLED_BACK),
        ({}, {"state": State.SUCCEEDED}, None),
        ({"outcome": "silent"}, {"state": State.SUCCEEDED, "outcome": ""}, Outcome.SUCCEEDED),
        ({"outcome": "rolled_back"}, {"state": State.SUCCEEDED, "outcome": ""}, Outcome.SUCCEEDED),
        ({}, {"outcome": "rolled_back"}, Outcome.ROLLED_BACK),
        ({"outcome": "silent"}, {"outcome": "rolled_back"}, Outcome.ROLLED_BACK),
        ({"outcome": "rolled_back"}, {"progress": 10}, None),
        ({"outcome": "silent"}, {"progress": 10}, None),
        ({"outcome": "silent"}, {"state": State.CANCELED}, None),
        ({"state": State.FAILED}, {"state": State.QUEUED}, None),
    ],
)
def test_what_the_guard_is_told(before: dict[str, Any], after: dict[str, Any], wanted: Outcome | None) -> None:
    task = replace(TASK, **before)
    assert verdict(task, replace(task, **after)) is wanted
