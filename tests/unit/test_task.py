"""The life of a task: the table, retries, echoes, timeouts, deltas."""

import importlib.util
import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upwell.domain import attempts, hearing
from upwell.domain import task as life
from upwell.domain.awaiting import ONLINE_WITHIN, Awaits
from upwell.domain.talk import ProgressReport, TaskRef, VersionReport
from upwell.domain.task import CLOSED, OPEN, TRANSITIONS, Event, State, Task

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ONE, TWO = UUID(int=1), UUID(int=2)
TOP = Path(__file__).parents[2]


def a_task(state: State = State.QUEUED, **more: object) -> Task:
    facts: dict[str, object] = {
        "ref": TaskRef(device_id=ONE, job_id=1), "module": "default", "state": state, "source_version": "1.0",
        "destination": "2.0", "is_delta": False, "need_push": True, "retry_interval_min": None, "retry_count": 0,
        "timeout_min": None,
    }  # fmt: skip
    return Task(**{**facts, **more})  # type: ignore[arg-type]


def version(text: str | None) -> VersionReport:
    return VersionReport(module="default", version=text, ref="")


def progress(step: int, ref: str = "", desc: str = "") -> ProgressReport:
    return ProgressReport(module="default", step=step, desc=desc, ref=ref)


# --- the table ---


def test_the_table_is_total_and_closed_states_leave_by_repetition_alone() -> None:
    assert set(TRANSITIONS) == {(s, e) for s in State for e in Event}
    assert set(OPEN) | set(CLOSED) == set(State) and not set(OPEN) & set(CLOSED)
    repetition = {Event.REPEATED, Event.REPEATED_HELD}
    assert all(TRANSITIONS[s, e] is s for s in CLOSED for e in set(Event) - repetition)
    assert all(TRANSITIONS[State.SUCCEEDED, e] is State.SUCCEEDED for e in Event)
    assert all(TRANSITIONS[s, e] is s for s in OPEN for e in repetition)


def test_what_the_table_must_not_allow() -> None:
    assert TRANSITIONS[State.IN_PROGRESS, Event.OVERWRITTEN] is State.IN_PROGRESS
    assert all(TRANSITIONS[s, Event.TIMED_OUT] is s for s in (State.CONFIRM, *CLOSED))
    assert all(TRANSITIONS[s, Event.ECHOED] is s for s in State)
    assert all(TRANSITIONS[s, Event.CANCELLED] is State.CANCELED for s in OPEN)
    assert all(TRANSITIONS[s, Event.ARRIVED] is State.SUCCEEDED for s in OPEN)


def test_ends_are_the_tables() -> None:
    for event in Event:
        assert all(TRANSITIONS[a, event] is b and b in CLOSED and b is not a for a, b in life.ends(event))
    assert life.ends(Event.CANCELLED, frozenset({State.QUEUED})) == [(State.QUEUED, State.CANCELED)]


def test_the_page_of_states_is_fresh() -> None:
    spec = importlib.util.spec_from_file_location("states", TOP / "tools" / "states.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (TOP / "docs" / "states.md").read_text("utf-8") == module.text(), "run: python tools/states.py"


# --- any history ---

said = st.one_of(
    st.builds(version, st.sampled_from(["1.0", "2.0", "3.0", None])),
    st.builds(progress, st.integers(-5, 100), st.sampled_from(["", "7", "8"]), st.sampled_from(["", "x"])),
)
doings = st.one_of(said, st.sampled_from(["confirm", "deliver", "offer", "time_out", "cancel", "overwrite"]))
tasks = st.builds(
    a_task,
    state=st.sampled_from(list(State)),
    source_version=st.sampled_from([None, "1.0"]),
    is_delta=st.booleans(),
    job_sources=st.sampled_from([frozenset(), frozenset({"1.0"}), frozenset({"1.0", "3.0"})]),
    package_sources=st.sampled_from([frozenset(), frozenset({"1.0"})]),
    offered_on=st.sampled_from([None, ONE, TWO]),
    offered_at=st.sampled_from([None, NOW]),
    need_push=st.booleans(),
    retry_interval_min=st.sampled_from([None, 0, 10]),
    retry_count=st.integers(0, 3),
    timeout_min=st.sampled_from([None, 5]),
)


def do(task: Task, doing: object, now: datetime) -> Task:
    match doing:
        case VersionReport():
            return hearing.reported_version(task, doing, TWO, now)[0]
        case ProgressReport():
            return hearing.reported_progress(task, doing, now)[0]
        case "confirm":
            return attempts.confirmed(task, now)[0]
        case "deliver":
            return hearing.delivered(task)[0]
        case "offer":
            return replace(task, offered_on=ONE, due_at=None)
        case "time_out":
            return life.step(task, Event.TIMED_OUT)[0] if task.timeout_at else task
        case "cancel":
            return life.step(task, Event.CANCELLED)[0]
        case _:
            return life.step(task, Event.OVERWRITTEN)[0]


@given(tasks, st.lists(doings, max_size=30))
def test_no_history_revives_a_closed_task(task: Task, history: list[object]) -> None:
    for place, doing in enumerate(history):
        after = do(task, doing, NOW + timedelta(minutes=place))
        if not task.is_open:
            assert after.state is task.state and after.due_at is None and after.timeout_at is None
        task = after


@given(tasks, st.lists(doings, max_size=30))
def test_attempts_are_bounded_and_progress_grows_within_one(task: Task, history: list[object]) -> None:
    for place, doing in enumerate(history):
        if not task.is_open:
            return
        after = do(task, doing, NOW + timedelta(minutes=place))
        assert task.attempt <= after.attempt <= task.attempt + 1
        assert after.attempt <= after.retry_count
        assert 0 <= after.progress <= 100
        if after.attempt == task.attempt:
            assert after.progress >= task.progress
        if doing == "time_out":
            runs = task.timeout_at is not None and task.state is not State.CONFIRM
            assert after.attempt == task.attempt and (after.state is State.FAILED) == runs
        task = after


@given(tasks.filter(lambda t: t.is_open), said)
def test_the_same_report_twice_is_the_same_as_once(task: Task, report: VersionReport | ProgressReport) -> None:
    """On one connection, with nothing between (L7)."""
    once = do(task, report, NOW)
    twice = do(once, report, NOW) if once.is_open else once
    nameless = isinstance(report, ProgressReport) and not report.ref  # repetitions can't be told apart
    assert twice == once or nameless


@pytest.mark.parametrize("state", CLOSED)
@pytest.mark.parametrize(
    "report",
    [
        progress(-1),
        progress(50),
        version("9.9"),
    ],
)
def test_a_closed_task_is_left_as_it_is(state: State, report: VersionReport | ProgressReport) -> None:
    task = a_task(state, retry_interval_min=1, retry_count=3)
    assert do(task, report, NOW) == task


# --- versions ---


def test_arrival_succeeds_from_any_open_state() -> None:
    for state in OPEN:
        task, change = hearing.reported_version(a_task(state, description="x"), version("2.0"), ONE, NOW)
        assert (task.state, task.progress, task.due_at, task.description) == (State.SUCCEEDED, 100, None, "")
        assert change is not None and change.before is state


def test_the_first_version_becomes_the_source() -> None:
    task, change = hearing.reported_version(a_task(source_version=None), version("1.5"), ONE, NOW)
    assert (task.source_version, task.state, change) == ("1.5", State.QUEUED, None)


def test_the_source_version_makes_an_offer_due_once_on_each_connection() -> None:
    task, _ = hearing.reported_version(a_task(), version("1.0"), ONE, NOW)
    assert task.due_at == NOW
    offered = replace(task, due_at=None, offered_on=ONE)
    assert hearing.reported_version(offered, version("1.0"), ONE, NOW) == (offered, None)
    assert hearing.reported_version(offered, version("1.0"), TWO, NOW)[0].due_at == NOW
    quiet = a_task(need_push=False)
    assert hearing.reported_version(quiet, version("1.0"), ONE, NOW) == (quiet, None)


def test_a_waiting_retry_keeps_its_time() -> None:
    later = NOW + timedelta(minutes=9)
    assert hearing.reported_version(a_task(due_at=later), version("1.0"), TWO, NOW)[0].due_at == later
    soon = NOW + timedelta(seconds=1)
    assert hearing.reported_version(a_task(due_at=soon), version("1.0"), TWO, NOW)[0].due_at == NOW


def test_a_stray_version_fails_or_retries_and_a_delta_never_retries() -> None:
    task, _ = hearing.reported_version(a_task(State.IN_PROGRESS, offered_at=NOW), version("3.0"), ONE, NOW)
    assert (task.state, task.reason, task.description) == (State.FAILED, "version_not_conform", hearing.STRAY_TEXT)
    retries = {"offered_at": NOW, "retry_interval_min": 5, "retry_count": 1}
    retried, _ = hearing.reported_version(a_task(**retries), version("3.0"), ONE, NOW)
    assert (retried.state, retried.attempt, retried.source_version) == (State.QUEUED, 1, "3.0")
    assert retried.due_at == NOW + timedelta(minutes=5)
    delta, _ = hearing.reported_version(
        a_task(is_delta=True, package_sources=frozenset({"1.0"}), **retries), version("3.0"), ONE, NOW
    )
    assert (delta.state, delta.attempt) == (State.FAILED, 0)


said_versions = st.sampled_from(["0.9", "1.0", "2.0", "3.0", None])


@given(tasks.filter(lambda t: t.is_open), said_versions, st.sampled_from([ONE, TWO]), st.booleans(), st.booleans())
def test_not_conform_is_for_a_device_that_was_offered(
    task: Task, text: str | None, connection: UUID, was_sent_there: bool, is_member: bool
) -> None:
    """Issue 9, number 3: before the first offer another version asks anew whether the job is for the device; and a
    version that it was sent to by a cancelled task, whenever."""
    beside = hearing.Beside(former=frozenset({"3.0"}) if was_sent_there else frozenset(), is_member=is_member)
    after, _ = hearing.reported_version(task, version(text), connection, NOW, beside)
    asked_anew = task.offered_at is None or (was_sent_there and text == "3.0") or task.source_version is None
    if text == task.destination:
        assert after.state is State.SUCCEEDED
    elif text == task.source_version and (text is not None or task.offered_on in (None, connection)):
        assert after.state is task.state and after.attempt == task.attempt
    elif asked_anew and (text is not None or task.offered_at is None):
        fits = task.fits(text) and is_member
        assert (after.state, after.source_version) == (task.state if fits else State.FAILED, text)
        assert after.attempt == task.attempt and (fits or after.reason == life.UNFIT)
    elif task.offered_at is not None and task.source_version is not None:
        assert after.reason == "version_not_conform"
        assert after.state is State.FAILED or task.fits(text)  # no retry for what may not be offered (L6)


@given(tasks.filter(lambda t: t.is_open and t.offered_at is not None), st.sampled_from([ONE, TWO]))
def test_an_unknown_version_after_an_offer_is_never_the_source_at_the_next_boot(task: Task, connection: UUID) -> None:
    """Issue 9, number 2: else the offer would come again at each."""
    after, _ = hearing.reported_version(task, version(None), connection, NOW)
    if task.source_version is not None or task.offered_on not in (None, connection):
        assert after.reason == "version_not_conform"
    else:  # it did not restart with what the present attempt offered, which may be nothing yet
        assert (after.state, after.attempt, after.source_version) == (task.state, task.attempt, None)


@pytest.mark.parametrize("text", ["3.0", None])
def test_a_task_that_ends_before_an_offer_says_why_in_words(text: str | None) -> None:
    """Issue 9, number 3: the version, and those that the job is for."""
    task = a_task(job_sources=frozenset({"1.0", "0.9"}), package_sources=frozenset({"1.0", "1.1"}))
    after, _ = hearing.reported_version(task, version(text), ONE, NOW)
    assert "1.0" in after.description and "0.9" not in after.description and "conform" not in after.description
    assert (text or "can't be known") in after.description
    gone, _ = hearing.reported_version(a_task(), version(text), ONE, NOW, hearing.Beside(is_member=False))
    assert "group" in gone.description and gone.reason == life.UNFIT


# --- failures, echoes, timeouts ---


WORDS = {-1: "upgrade_failed", -2: "download_failed", -3: "verification_failed", -4: "burning_failed", -9: "failed"}


@pytest.mark.parametrize(("code", "reason"), WORDS.items())
def test_failures_have_words(code: int, reason: str) -> None:
    task, _ = hearing.reported_progress(a_task(State.IN_PROGRESS), progress(code, desc="disk"), NOW)
    assert (task.state, task.reason) == (State.FAILED, reason)
    assert task.description.endswith("disk")


def test_retries_until_none_is_left() -> None:
    task = a_task(State.IN_PROGRESS, retry_interval_min=10, retry_count=2, progress=60, offered_on=ONE,
                  timeout_min=5, timeout_at=NOW)  # fmt: skip
    for attempt in (1, 2):
        task, change = hearing.reported_progress(task, progress(-1, str(attempt)), NOW)
        assert change is not None and change.event is Event.BROKE_RETRY
        assert (task.state, task.attempt, task.progress, task.offered_on) == (State.QUEUED, attempt, 0, None)
        assert (task.due_at, task.timeout_at) == (NOW + timedelta(minutes=10), None)
        task, _ = hearing.delivered(replace(task, offered_on=ONE, due_at=None))
    task, _ = hearing.reported_progress(task, progress(-1, "3"), NOW)
    assert (task.state, task.attempt, task.due_at) == (State.FAILED, 2, None)


def test_reports_before_an_offer_are_echoes() -> None:
    for state in (State.CONFIRM, State.QUEUED):
        for report in (progress(30), progress(-1, "7")):
            assert hearing.reported_progress(a_task(state), report, NOW) == (a_task(state), None)


def retried() -> Task:
    task = a_task(State.IN_PROGRESS, offered_on=ONE, retry_interval_min=0, retry_count=5)
    return hearing.reported_progress(task, progress(-2, "7"), NOW)[0]


@pytest.mark.parametrize("ref", ["7", "8", ""])
def test_a_failure_after_the_next_offer_is_that_offers_whatever_its_id(ref: str) -> None:
    """Issue 9, number 25: many devices write the same message id always, and their retries ended after the first."""
    task, _ = hearing.delivered(replace(retried(), offered_on=ONE, due_at=None))
    assert hearing.reported_progress(task, progress(-2, ref), NOW, connection=ONE)[0].attempt == 2
    assert hearing.reported_progress(task, progress(-2, ref), NOW, connection=TWO)[0].attempt == 2


def test_an_offer_that_is_not_acknowledged_yet_fails_on_its_own_connection_alone() -> None:
    """Issue 9, number 25: some clients acknowledge an offer only after its handler, which has failed, returned."""
    task = replace(retried(), offered_on=TWO, due_at=None)
    assert hearing.reported_progress(task, progress(-2, "7"), NOW, connection=ONE) == (task, None)
    assert hearing.reported_progress(task, progress(-2, "7"), NOW, connection=TWO)[0].attempt == 2


@pytest.mark.parametrize("state", [State.QUEUED, State.NOTIFIED, State.IN_PROGRESS])
@pytest.mark.parametrize("offered_on", [ONE, TWO])
def test_a_redelivered_failure_is_an_echo_after_the_next_offer_too(state: State, offered_on: UUID) -> None:
    """Issue 9, number 25: of a replay the transport says that it is one (L7)."""
    task = replace(retried(), state=state, offered_on=offered_on, due_at=None)
    assert hearing.reported_progress(task, progress(-2, "7"), NOW, connection=TWO, redelivered=True) == (task, None)


@given(tasks.filter(lambda t: t.is_open), st.builds(progress, st.integers(-5, 100), st.sampled_from(["", "7", "8"])))
def test_what_was_sent_before_the_offer_says_nothing_of_it(task: Task, report: ProgressReport) -> None:
    """Issue 9, number 25: redelivered on the connection of the offer, so it was sent first on an earlier one (L7)."""
    task = replace(task, offered_on=TWO)
    assert hearing.reported_progress(task, report, NOW, connection=TWO, redelivered=True) == (task, None)


def test_a_constant_id_ends_when_the_retries_do() -> None:
    """Issue 9, number 25: 2 offers of 3, and then notified for ever."""
    task = a_task(State.QUEUED, retry_interval_min=0, retry_count=2)
    for offer in range(3):
        task, _ = hearing.delivered(replace(task, offered_on=ONE, due_at=None))
        task, _ = hearing.reported_progress(task, progress(-1, "123"), NOW, connection=ONE)
        assert hearing.reported_progress(task, progress(-1, "123"), NOW, connection=ONE) == (task, None)
        assert (task.state, task.attempt) == ((State.QUEUED, offer + 1) if offer < 2 else (State.FAILED, 2))


def test_a_late_acknowledgement_of_an_ended_attempt_is_an_echo() -> None:
    task = retried()
    late, _ = hearing.delivered(task)
    assert hearing.reported_progress(late, progress(40), NOW)[0].state is not State.IN_PROGRESS


def test_reordered_progress_changes_nothing() -> None:
    task, _ = hearing.reported_progress(a_task(State.NOTIFIED, offered_on=ONE), progress(50, "8", "half"), NOW)
    assert hearing.reported_progress(task, progress(30, "7", "third"), NOW) == (task, None)


def test_the_clock_starts_at_the_first_progress_of_an_attempt() -> None:
    task = a_task(State.NOTIFIED, timeout_min=5, offered_on=ONE)
    task, _ = hearing.reported_progress(task, progress(1), NOW)
    assert task.timeout_at == NOW + timedelta(minutes=5)
    task, _ = hearing.reported_progress(task, progress(2), NOW + timedelta(minutes=4))
    assert task.timeout_at == NOW + timedelta(minutes=5)


def test_a_timeout_is_never_retried() -> None:
    running = a_task(State.IN_PROGRESS, retry_interval_min=1, retry_count=9, timeout_at=NOW)
    task, change = life.step(running, Event.TIMED_OUT)
    assert (task.state, task.attempt, task.timeout_at) == (State.FAILED, 0, None)
    assert change is not None and change.after is State.FAILED
    assert (State.IN_PROGRESS, State.FAILED) in life.ends(Event.TIMED_OUT)


def test_confirmation_makes_an_offer_due_if_pushed() -> None:
    assert attempts.confirmed(a_task(State.CONFIRM), NOW)[0].due_at == NOW
    task, _ = attempts.confirmed(a_task(State.CONFIRM, need_push=False), NOW)
    assert (task.state, task.due_at) == (State.QUEUED, None)
    for state in set(State) - {State.CONFIRM}:
        assert attempts.confirmed(a_task(state), NOW) == (a_task(state), None)


def test_births() -> None:
    for asks, need_confirm, need_push in itertools.product((False, True), repeat=3):
        begun = attempts.births(need_confirm=need_confirm, need_push=need_push, asks=asks, now=NOW)
        assert [(b.taken, b.online) for b in begun] == list(itertools.product((False, True), repeat=2))
        for birth in begun:
            awaited = Awaits.ONLINE if asks else Awaits.NOTHING
            free = State.CONFIRM if need_confirm else State.QUEUED
            assert (birth.state, birth.awaiting) == (State.FAILED if birth.taken else free, awaited)
            assert birth.reason == ("device_busy" if birth.taken else "")
            waits = birth.state is State.QUEUED
            assert birth.due_at == (NOW if waits and need_push and birth.online else None)
            assert birth.timeout_at == (NOW + ONLINE_WITHIN if waits and asks else None)
