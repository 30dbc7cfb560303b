"""What small changes of the rules would break that histories and stories do not notice (docs/mutation.md)."""

from dataclasses import replace
from datetime import timedelta

import pytest
from test_task import NOW, ONE, TWO, a_task, progress, version

from upwell.domain import acts, attempts, hearing
from upwell.domain.attempts import Failure
from upwell.domain.awaiting import ONLINE_WITHIN, Awaits
from upwell.domain.choosing import Choice
from upwell.domain.policy import NTH_MAX, TASKS_MAX, LastTask, next_nth
from upwell.domain.talk import ResultReport
from upwell.domain.task import CLOSED, UNFIT, Event, State

LATER = NOW + timedelta(minutes=10)


def told(state: State = State.NOTIFIED, **more: object):  # type: ignore[no-untyped-def]
    """A task whose offer went out."""
    return a_task(state, **{"offered_on": ONE, "offered_at": NOW, **more})


def result(outcome: str = "already", **more: object) -> ResultReport:
    facts = {"outcome": outcome, "version": "2.0", "progress": None, "desc": "", "code": 0, "reason": ""}
    return ResultReport(**{**facts, **more})  # type: ignore[arg-type]


# --- attempts ---


def test_who_is_busy_is_told_so_and_nobody_else() -> None:
    births = {birth.taken: birth for birth in attempts.births(need_confirm=False, need_push=True, asks=False, now=NOW)}
    assert births[True].description == "the device has an unfinished task of another job"
    assert births[False].description == ""


def test_an_attempt_begins_with_nothing_of_the_one_before() -> None:
    task = a_task(awaiting=Awaits.RESULT, progress=70, offered_on=ONE, package_id=7)
    fresh = attempts.anew(task, LATER)
    assert (fresh.awaiting, fresh.timeout_at) == (Awaits.ONLINE, LATER + ONLINE_WITHIN)
    assert (fresh.progress, fresh.offered_on, fresh.package_id) == (0, None, None)


def test_a_failure_tells_the_devices_own_number_and_the_next_attempt_counts_from_its_beginning() -> None:
    task = told(awaiting=Awaits.RESULT, retry_interval_min=10, retry_count=1)
    again, _ = attempts.broke(task, Failure(reason="r", text="t", code=5), NOW)
    assert (again.code, again.due_at, again.timeout_at) == (5, LATER, LATER + ONLINE_WITHIN)


def test_a_confirmed_task_that_asks_has_its_time_from_then() -> None:
    after, _ = attempts.confirmed(a_task(State.CONFIRM, awaiting=Awaits.ONLINE), LATER)
    assert after.timeout_at == LATER + ONLINE_WITHIN


def test_a_message_that_settles_just_now_is_due() -> None:
    task = a_task(due_at=NOW + attempts.SETTLE)
    assert attempts.due_again(task, NOW).due_at == NOW


def test_a_task_is_out_of_time_in_words() -> None:
    after, change = attempts.timed_out(told(State.IN_PROGRESS))
    assert after.state is State.FAILED and after.description == attempts.TIMEOUT_TEXT
    assert after.reason == attempts.RESULTLESS and change and change.event is Event.TIMED_OUT


def test_who_does_not_answer_is_asked_again_and_who_never_came_is_not() -> None:
    asked = a_task(awaiting=Awaits.ANSWER, offered_on=ONE, retry_interval_min=10, retry_count=1)
    again, _ = attempts.waited_out(asked, NOW)
    assert (again.state, again.reason, again.attempt, again.due_at) == (State.QUEUED, attempts.SILENT, 1, LATER)
    never, _ = attempts.waited_out(replace(asked, awaiting=Awaits.ONLINE), NOW)
    assert (never.state, never.reason) == (State.FAILED, attempts.OFFLINE)
    untold, _ = attempts.waited_out(replace(asked, awaiting=Awaits.RESULT, description="half"), NOW)
    assert (untold.state, untold.reason, untold.description) == (State.FAILED, attempts.RESULTLESS, "")


@pytest.mark.parametrize("state", [State.FAILED, State.CANCELED])
def test_run_again_it_is_as_new(state: State) -> None:
    task = told(state, attempt=2, description="d", reason="r", failure_ref="7:-1", progress=40)
    after, change = attempts.repeated(task, False, LATER)
    assert (after.state, after.attempt, after.description, after.reason) == (State.QUEUED, 0, "", "")
    assert (after.offered_at, after.offered_on, after.due_at, after.failure_ref) == (None, None, LATER, "7:-1")
    assert change and change.event is Event.REPEATED and (change.before, change.after) == (state, State.QUEUED)
    held, change = attempts.repeated(task, True, LATER)
    assert (held.state, held.due_at, held.attempt) == (State.CONFIRM, None, 0)
    assert change and change.event is Event.REPEATED_HELD


def test_what_waits_for_its_retry_begins_it() -> None:
    after = attempts.hastened(a_task(due_at=LATER, progress=4, attempt=1), NOW)
    assert (after.due_at, after.progress, after.attempt) == (NOW, 0, 1)
    asks = attempts.hastened(a_task(awaiting=Awaits.ONLINE), NOW)
    assert asks.timeout_at == NOW + ONLINE_WITHIN


# --- reports ---


def test_an_arrival_leaves_no_word_of_a_failure() -> None:
    after, change = hearing.reported_version(told(reason="r", description="d"), version("2.0"), ONE, NOW)
    assert (after.progress, after.reason, after.description) == (100, "", "") and change and change.detail == ""


def test_a_device_that_tells_of_its_offer_needs_no_second() -> None:
    task = told(State.IN_PROGRESS, awaiting=Awaits.ARRIVAL, due_at=LATER, progress=10, timeout_at=LATER)
    after, _ = hearing.reported_progress(task, progress(20), NOW, connection=TWO)
    assert after.due_at is None and after.progress == 20 and after.awaiting is not Awaits.ARRIVAL


def test_a_failure_without_an_id_is_no_echo_of_another_and_step_0_is_no_failure() -> None:
    task = told(retry_interval_min=10, retry_count=3)
    failed, _ = hearing.reported_progress(task, progress(-1), NOW, connection=ONE)
    assert failed.failure_ref == "" and failed.attempt == 1
    offered = replace(failed, offered_on=TWO, state=State.NOTIFIED)
    twice, change = hearing.reported_progress(offered, progress(-1), LATER, connection=TWO)
    assert twice.attempt == 2 and change
    with_id, _ = hearing.reported_progress(task, progress(-1, ref="7"), NOW, connection=ONE)
    assert with_id.failure_ref == "7:-1"
    began, change = hearing.reported_progress(replace(offered, failure_ref="7:0"), progress(0, ref="7"), LATER)
    assert began.state is State.IN_PROGRESS and change and change.event is Event.PROGRESSED


def test_progress_keeps_its_words_and_repeated_progress_is_heard() -> None:
    task = told(State.IN_PROGRESS, progress=50, code=3, timeout_at=LATER)
    after, change = hearing.reported_progress(task, progress(50, desc="half"), NOW, connection=ONE)
    assert (after.progress, after.description, after.code) == (50, "half", 3) and change is None
    first, _ = hearing.reported_progress(told(progress=60), progress(5), NOW, connection=ONE)
    assert (first.state, first.progress) == (State.IN_PROGRESS, 5), "the clock of progress runs in progress alone"


def test_a_task_that_asks_hears_nothing_before_its_offer() -> None:
    task = told(awaiting=Awaits.ANSWER)
    assert hearing.reported_progress(task, progress(50), NOW, connection=ONE) == (task, None)


def test_a_boot_with_another_source_is_due_on_a_new_connection_alone() -> None:
    task = a_task(job_sources=frozenset({"1.0", "1.1"}), offered_on=ONE, offered_at=None)
    same, _ = hearing.reported_version(task, version("1.1"), ONE, NOW)
    other, _ = hearing.reported_version(task, version("1.1"), TWO, NOW)
    assert (same.due_at, other.due_at) == (None, NOW)


def test_sources_are_told_apart() -> None:
    task = a_task(source_version="1.0", job_sources=frozenset({"1.1", "1.2"}))
    after, _ = hearing.reported_version(task, version("9"), ONE, NOW)
    assert "(1.1, 1.2)" in after.description
    none = a_task(source_version="1.0", job_sources=frozenset({"1"}), package_sources=frozenset({"2"}))
    after, _ = hearing.reported_version(none, version("9"), ONE, NOW)
    assert "(no version)" in after.description


CHOICES = (
    Choice(package_id=1, destination="2.0", source_versions=frozenset({"1.0"})),
    Choice(package_id=2, destination="3.0", source_versions=frozenset({"1.5"})),
)


def test_an_answer_chooses_the_package_or_ends_the_task() -> None:
    asked = a_task(awaiting=Awaits.ANSWER, offered_on=ONE, timeout_at=LATER, progress=9)
    after, change = hearing.answered_version(asked, CHOICES, version("1.5"), ONE, NOW)
    assert (after.package_id, after.destination, after.progress, after.due_at) == (2, "3.0", 0, NOW)
    assert after.source_version == "1.5" and after.awaiting is Awaits.OFFER and change is None
    there, _ = hearing.answered_version(asked, CHOICES, version("3.0"), ONE, NOW)
    assert there.state is State.SUCCEEDED
    unfit, _ = hearing.answered_version(asked, CHOICES, version("7"), ONE, NOW)
    assert (unfit.state, unfit.reason) == (State.FAILED, hearing.NOT_SUPPORTED)


def test_after_the_offer_another_version_says_nothing_on_its_connection() -> None:
    offered = told(awaiting=Awaits.RESULT, package_id=1, destination="2.0", timeout_at=LATER)
    assert hearing.answered_version(offered, CHOICES, version("1.0"), ONE, NOW) == (offered, None)
    again, _ = hearing.answered_version(offered, CHOICES, version("1.0"), TWO, NOW)
    assert (again.due_at, again.package_id) == (NOW, 1)
    held = replace(offered, state=State.CONFIRM)
    assert hearing.answered_version(held, CHOICES, version("1.0"), TWO, NOW) == (held, None)
    closed = replace(offered, state=State.FAILED)
    assert hearing.answered_version(closed, CHOICES, version("2.0"), TWO, NOW) == (closed, None)


def test_results() -> None:
    task = told(reason="r", description="d", retry_interval_min=10, retry_count=1)
    there, change = hearing.reported_result(task, result(desc="done", code=0), NOW)
    assert (there.state, there.progress, there.description, there.code, there.reason) == (
        State.SUCCEEDED, 100, "done", 0, "",
    )  # fmt: skip
    assert change and change.event is Event.ARRIVED
    bad = result("failed", version="1.0", desc="no room", code=4, reason="no_room")
    broken, _ = hearing.reported_result(task, bad, NOW)
    assert (broken.state, broken.attempt, broken.due_at) == (State.QUEUED, 1, LATER)
    assert (broken.reason, broken.description, broken.code) == ("no_room", "no room", 4)
    going, _ = hearing.reported_result(task, result("fine", version="1.0", progress=30, desc="on", code=1), NOW)
    assert (going.state, going.progress, going.description, going.code) == (State.IN_PROGRESS, 30, "on", 1)
    early, change = hearing.reported_result(a_task(), bad, NOW)
    assert early == a_task() and change is None
    assert hearing.reported_result(a_task(State.CANCELED), result(), NOW) == (a_task(State.CANCELED), None)
    assert hearing.reported_result(a_task(), result(), NOW)[0].state is State.SUCCEEDED


# --- acts ---


def act(what: acts.What, *states: State, nth: int = 1, job_id: int = 1) -> acts.Act:
    return acts.Act(job_id=job_id, nth=nth, what=what, states=frozenset(states), reason="why", description="in words")


def test_a_task_follows_what_covers_it_once_and_in_order() -> None:
    halt = act(acts.What.HALT, State.QUEUED)
    after, change = acts.followed(a_task(due_at=NOW), [halt], NOW)
    assert (after.state, after.reason, after.description) == (State.CANCELED, "why", "in words")
    assert change and (change.before, change.after) == (State.QUEUED, State.CANCELED)
    for none in (a_task(State.NOTIFIED), a_task(acts=1), a_task(State.SUCCEEDED)):
        assert acts.followed(none, [halt], NOW) == (none, None)
    other = act(acts.What.HALT, State.QUEUED, job_id=2)
    assert acts.followed(a_task(), [other], NOW) == (a_task(), None)


def test_what_has_ended_runs_again_only_where_it_may() -> None:
    retry = act(acts.What.RETRY, *CLOSED)
    failed = a_task(State.FAILED, awaiting=Awaits.ONLINE, reason="offline")
    assert acts.followed(failed, [retry], NOW) == (failed, None)
    after, change = acts.followed(failed, [retry], NOW, may_run_again=True)
    assert after.state is State.QUEUED and change and change.before is State.FAILED


def test_halted_then_retried_is_one_change() -> None:
    both = [act(acts.What.HALT, State.QUEUED), act(acts.What.RETRY, State.CANCELED, nth=2)]
    task = a_task(awaiting=Awaits.ONLINE)
    after, change = acts.followed(task, both, NOW)
    assert after.state is State.CANCELED and change and change.after is State.CANCELED


def test_an_owner_lets_go_on_what_waits_and_nothing_else() -> None:
    confirm = act(acts.What.CONFIRM, State.CONFIRM, State.QUEUED)
    after, change = acts.followed(a_task(State.CONFIRM), [confirm], NOW)
    assert (after.state, after.due_at) == (State.QUEUED, NOW) and change and change.event is Event.CONFIRMED


def test_where_a_task_stands_is_told_by_all_its_marks() -> None:
    stands = {
        acts.stands(task)
        for task in (
            a_task(awaiting=Awaits.ONLINE),
            a_task(awaiting=Awaits.ANSWER),
            a_task(awaiting=Awaits.ONLINE, attempt=1),
            a_task(State.CANCELED),
            a_task(State.CANCELED, reason="device_deleted"),
        )
    }
    assert len(stands) == 5


# --- what ends ---


def test_what_ended_is_due_no_more_and_its_history_says_why() -> None:
    after, change = attempts.timed_out(told(State.IN_PROGRESS, due_at=LATER, timeout_at=LATER))
    assert (after.due_at, after.timeout_at) == (None, None)
    assert change and change.detail == attempts.TIMEOUT_TEXT


def test_another_failure_is_no_echo_though_it_comes_again() -> None:
    task = told(failure_ref="7:-1")
    other, change = hearing.reported_progress(task, progress(-1, ref="8"), NOW, connection=TWO, redelivered=True)
    assert other.state is State.FAILED and change
    same = hearing.reported_progress(task, progress(-1, ref="7"), NOW, connection=TWO, redelivered=True)
    assert same == (task, None)


def test_who_strayed_to_another_source_tries_again() -> None:
    task = told(job_sources=frozenset({"1.0", "1.1"}), retry_interval_min=10, retry_count=1)
    again, _ = hearing.reported_version(task, version("1.1"), ONE, NOW)
    never, _ = hearing.reported_version(task, version("9"), ONE, NOW)
    assert (again.state, never.state) == (State.QUEUED, State.FAILED)


def test_who_has_what_another_package_brings_is_not_brought_elsewhere() -> None:
    choices = (*CHOICES, Choice(package_id=3, destination="4.0"))
    task = told(awaiting=Awaits.ANSWER, package_id=1, destination="2.0")
    after, _ = hearing.answered_version(task, choices, version("3.0"), TWO, NOW)
    assert (after.state, after.reason, after.description) == (State.FAILED, hearing.NOT_SUPPORTED, "")


def test_a_result_without_progress_keeps_it_and_the_first_starts_the_clock() -> None:
    task = told(progress=40, timeout_min=10)
    after, _ = hearing.reported_result(task, result("fine", version="1.0"), NOW)
    assert (after.progress, after.timeout_at) == (40, LATER)


def test_who_works_has_the_time_that_is_left() -> None:
    task = told(State.IN_PROGRESS, awaiting=Awaits.ARRIVAL, timeout_at=LATER)
    for after in (
        hearing.reported_progress(task, progress(20), NOW, connection=TWO)[0],
        hearing.reported_result(task, result("fine", version="1.0", progress=20), NOW)[0],
    ):
        assert after.timeout_at is not None


def test_held_again_it_is_not_due() -> None:
    assert attempts.repeated(told(State.FAILED, due_at=LATER), True, NOW)[0].due_at is None


# --- standing rules ---


def last(**more: object) -> LastTask:
    return LastTask(**{"nth": 4, "state": State.SUCCEEDED, "reason": "", "source_version": "1.0", **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "version_now", "expected"),
    [
        (last(nth=NTH_MAX, first_nth=NTH_MAX - 1), "1.0", None),
        (last(nth=NTH_MAX - 1, first_nth=NTH_MAX - 2), "1.0", NTH_MAX),
        (last(first_nth=None), "1.0", 5),
        (last(nth=TASKS_MAX - 1), "1.0", None),
        (last(nth=TASKS_MAX - 2), "1.0", TASKS_MAX - 1),
        (last(nth=20, first_nth=20 - TASKS_MAX + 2), "1.0", 21),
        (last(state=State.FAILED, reason=UNFIT), "1.0", 5),
        (last(state=State.CANCELED, reason=UNFIT), "1.0", None),
    ],
)
def test_once_more_at_its_bounds(before: LastTask, version_now: str, expected: int | None) -> None:
    assert next_nth(before, version_now, device_is_taken=False) == expected
