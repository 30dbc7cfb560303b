"""Upgrades that ask first: what each report means, and how tasks add up to a job."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upwell.domain import hearing, standings
from upwell.domain.choosing import Choice, arrived, chosen
from upwell.domain.standings import ASKS, ENDED, Progress, Standing, Tally
from upwell.domain.talk import ResultReport
from upwell.domain.task import TRANSITIONS, Event, State

FULL = Choice(package_id=1, destination="V2.0")
DELTA = Choice(package_id=2, destination="V2.0", source_versions=frozenset({"V1.0", "V1.1"}))
OTHER = Choice(package_id=3, destination="V3.0", source_versions=frozenset({"V2.5"}))


@pytest.mark.parametrize(
    ("version", "choices", "expected"),
    [
        ("V1.0", [FULL], FULL),
        ("V3.0", [FULL], FULL),  # huawei 6.1: a downgrade is allowed
        ("V1.0", [DELTA], DELTA),
        ("V0.9", [DELTA], None),
        ("V1.1", [FULL, DELTA], DELTA),
        ("V0.9", [FULL, DELTA], FULL),
        ("V2.5", [DELTA, OTHER], OTHER),
        ("v1.0", [DELTA], None),
        (None, [DELTA], None),  # issue 9, number 2
        (None, [DELTA, FULL], FULL),
    ],
)
def test_what_a_device_gets_that_was_asked(version: str | None, choices: list[Choice], expected: Choice | None) -> None:
    assert chosen(version, choices) == expected and not arrived(version, choices)


def test_a_device_that_runs_what_the_job_brings_has_arrived() -> None:
    assert arrived("V2.0", [FULL]) and arrived("V2.0", [DELTA]) and arrived("V3.0", [DELTA, OTHER])


@given(st.none() | st.text(max_size=3), st.lists(st.builds(
    Choice, package_id=st.integers(), destination=st.text(max_size=3),
    source_versions=st.frozensets(st.text(max_size=3), max_size=3),
), max_size=4))  # fmt: skip
def test_no_package_is_offered_to_a_version_that_it_may_not_follow(version: str | None, choices: list[Choice]) -> None:
    found = chosen(version, choices)
    fits = [choice for choice in choices if not choice.source_versions or version in choice.source_versions]  # L6
    assert found in fits if fits else found is None


def report(code: int, progress: int | None, version: str) -> ResultReport:
    outcome = {0: "fine", 3: "already"}.get(code, "failed")
    return ResultReport(outcome=outcome, code=code, reason="", progress=progress, version=version, desc="")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "progress", "version", "expected"),
    [
        # huawei 6.2, row by row
        (0, 100, "V2.0", Event.ARRIVED),
        (0, None, "V2.0", Event.ARRIVED),
        (0, 80, "V2.0", Event.PROGRESSED),
        (0, 99, "V2.0", Event.PROGRESSED),
        (0, 100, "V1.0", Event.PROGRESSED),  # Java, right after the last byte
        (0, None, "V1.0", Event.PROGRESSED),
        (0, 0, "", Event.PROGRESSED),
        (1, 0, "V2.0", Event.BROKE),  # C names the target with a failure
        (10, 0, "", Event.BROKE),  # Go names nothing
        (7, None, "V1.0", Event.BROKE),
        (255, 100, "V2.0", Event.BROKE),
        (77, 100, "V2.0", Event.BROKE),
        (3, None, "V2.0", Event.ARRIVED),
        (3, 0, "V2.0", Event.ARRIVED),
        (3, 100, "V1.0", Event.BROKE),
    ],
)
def test_what_a_result_means(code: int, progress: int | None, version: str, expected: Event) -> None:
    assert hearing.result(report(code, progress, version), "V2.0") is expected


def test_every_event_that_a_report_gives_is_one_that_the_tables_knows_for_an_offered_task() -> None:
    moves = {Event.ARRIVED: State.SUCCEEDED, Event.PROGRESSED: State.IN_PROGRESS, Event.BROKE: State.FAILED}
    for state, (event, after) in itertools.product((State.NOTIFIED, State.IN_PROGRESS), moves.items()):
        assert TRANSITIONS[state, event] is after


@pytest.mark.parametrize(
    ("state", "facts", "expected"),
    [
        (State.CONFIRM, {}, Standing.WAITING),
        (State.QUEUED, {}, Standing.WAITING),
        (State.QUEUED, {"asked": True}, Standing.RUNNING),
        (State.QUEUED, {"retry_waits": True}, Standing.WAIT_RETRY),
        (State.QUEUED, {"asked": True, "retry_waits": True}, Standing.WAIT_RETRY),
        (State.NOTIFIED, {}, Standing.RUNNING),
        (State.IN_PROGRESS, {}, Standing.RUNNING),
        (State.SUCCEEDED, {"asked": True}, Standing.SUCCEEDED),
        (State.FAILED, {"retry_waits": True}, Standing.FAILED),
        (State.CANCELED, {}, Standing.STOPPED),
        (State.CANCELED, {"gone": True}, Standing.REMOVED),
        (State.FAILED, {"gone": True}, Standing.FAILED),
    ],
)
def test_where_a_task_stands(state: State, facts: dict[str, bool], expected: Standing) -> None:
    assert standings.standing(state, **facts) is expected


@pytest.mark.parametrize(
    ("tally", "facts", "expected"),
    [
        (Tally(), {"planned": True}, Progress.WAITING),
        (Tally(), {"planned": True, "stop_asked": True}, Progress.STOPPED),
        (Tally(), {"resolved": False}, Progress.RESOLVING),
        (Tally(waiting=1), {"resolved": False, "stop_asked": True}, Progress.STOPPING),
        (Tally(waiting=1), {}, Progress.RUNNING),
        (Tally(running=1, failed=1), {}, Progress.RUNNING),
        (Tally(wait_retry=1, succeeded=1), {}, Progress.RUNNING),
        (Tally(running=1), {"stop_asked": True}, Progress.STOPPING),
        (Tally(stopped=1, succeeded=1), {"stop_asked": True}, Progress.STOPPED),
        (Tally(succeeded=2), {}, Progress.SUCCEEDED),
        (Tally(succeeded=2, removed=1), {}, Progress.SUCCEEDED),
        (Tally(succeeded=1, failed=1), {}, Progress.PARTLY),
        (Tally(succeeded=1, stopped=1), {}, Progress.PARTLY),
        (Tally(failed=2), {}, Progress.FAILED),
        (Tally(failed=1, stopped=1), {}, Progress.FAILED),
        (Tally(stopped=2, removed=1), {}, Progress.STOPPED),
        (Tally(removed=2), {}, Progress.FAILED),
        (Tally(), {}, Progress.FAILED),
    ],
)
def test_where_a_job_stands(tally: Tally, facts: dict[str, bool], expected: Progress) -> None:
    defaults = {"planned": False, "resolved": True, "stop_asked": False}
    assert standings.progress(tally, **{**defaults, **facts}) is expected


@given(st.dictionaries(st.sampled_from(Standing), st.integers(0, 50)))
def test_a_tally_counts_every_task_once(counts: dict[Standing, int]) -> None:
    tally = standings.tally(counts)
    assert tally.total == sum(counts.values())
    done = standings.progress(tally, planned=False, resolved=True, stop_asked=False)
    assert (done in ENDED) == (tally.open == 0)


def test_what_may_be_asked_of_a_job() -> None:
    """huawei 3.9, the table."""
    for name, allowed in {
        "stop": {Progress.RESOLVING, Progress.WAITING, Progress.RUNNING},
        "retry": {Progress.RUNNING, Progress.FAILED, Progress.PARTLY},
        "confirm": {Progress.RESOLVING, Progress.WAITING, Progress.RUNNING},
    }.items():
        assert frozenset(Progress) - ASKS[name].refused == allowed
    assert ASKS["confirm"].parts == {"firmware", "software", "module"}
    assert ASKS["stop"].parts == ASKS["retry"].parts == {"firmware", "software"}
    assert ASKS["stop"].acts_on == {Standing.RUNNING, Standing.WAITING, Standing.WAIT_RETRY}
    assert ASKS["retry"].acts_on == {Standing.FAILED, Standing.WAIT_RETRY, Standing.STOPPED}
    assert ASKS["confirm"].acts_on == {Standing.WAITING}
