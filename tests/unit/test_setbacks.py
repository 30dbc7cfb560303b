"""When a device is set aside, and what counts (domain/setbacks.py)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from upwell.domain.attempts import Failure, broke, failed, timed_out, waited_out
from upwell.domain.awaiting import Awaits
from upwell.domain.hearing import reported_version
from upwell.domain.setbacks import HELD, Failed, Setback, clears, counts, folded, problem, until
from upwell.domain.talk import TaskRef, VersionReport
from upwell.domain.task import Event, State, Task, step

NOW = datetime(2026, 1, 31, tzinfo=UTC)
HERE, THERE = UUID(int=1), UUID(int=2)
TASK = Task(
    ref=TaskRef(device_id=UUID(int=7), job_id=3), module="default", state=State.IN_PROGRESS, source_version="1.0",
    destination="2.0", is_delta=False, need_push=True, retry_interval_min=5, retry_count=1, timeout_min=10,
    offered_on=HERE, offered_at=NOW, progress=100,
)  # fmt: skip


def test_the_time_grows_up_to_its_bound() -> None:
    rule = Setback(failures=3, first_min=60, most_min=400, hold_failures=8)
    spans = [until(rule, n, NOW) for n in range(1, 9)]
    minutes = [None if ends is None else (ends - NOW) // timedelta(minutes=1) for ends in spans[:7]]
    assert minutes == [None, None, 60, 120, 240, 400, 400]
    assert spans[7] == HELD
    assert until(replace(rule, hold_failures=None), 10_000, NOW) == NOW + timedelta(minutes=400)
    assert until(replace(rule, failures=0), 10_000, NOW) is None


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        (Setback(), None), (Setback(first_min=5, most_min=5), None), (Setback(first_min=6, most_min=5), "most_min"),
        (Setback(failures=3, hold_failures=3), None), (Setback(failures=3, hold_failures=2), "hold_failures"),
    ],
)  # fmt: skip
def test_what_makes_no_rule(rule: Setback, wrong: str | None) -> None:
    found = problem(rule)
    assert (found and found[0]) == wrong


def test_what_counts_went_wrong_on_the_device() -> None:
    def of(reason: str) -> bool:
        return counts(TASK, *failed(TASK, Failure(reason=reason, text="")))

    assert of("burning_failed") and of("version_not_conform") and of("failed")
    for reason in ("no_space", "low_battery", "in_use", "untellable", "object_missing", "version_not_eligible"):
        assert not of(reason), reason
    assert counts(TASK, *broke(TASK, Failure(reason="download_failed", text=""), NOW)), "though it is tried again"
    assert counts(TASK, *timed_out(TASK))
    assert not counts(TASK, *step(TASK, Event.CANCELLED)) and not counts(TASK, TASK, None)
    unoffered = replace(TASK, state=State.QUEUED, offered_on=None)
    assert not counts(unoffered, *failed(unoffered, Failure(reason="failed", text="")))
    asked = replace(TASK, state=State.QUEUED, awaiting=Awaits.ANSWER)
    assert not counts(asked, *waited_out(asked, NOW)), "a question is no package"


def test_a_success_clears() -> None:
    report = VersionReport(module="default", version="2.0", ref="")
    after, change = reported_version(TASK, report, THERE, NOW)
    assert clears(after, change)
    assert not clears(*failed(TASK, Failure(reason="failed", text="")))
    assert folded([(1, "a"), None, (1, "b"), (2, "c")]) == (True, Failed(times=2, job_id=2, reason="c"))
    assert folded([(1, "a")]) == (False, Failed(times=1, job_id=1, reason="a"))
    assert folded([(1, "a"), None]) == (True, None)
