"""Acts on a job, as its tasks follow them: late or at once, it comes to the same (L5, L7; ADR 0024)."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_task import a_task

from upwell.domain.acts import Act, What, followed
from upwell.domain.awaiting import Awaits
from upwell.domain.task import CLOSED, OPEN, Event, State, Task, step

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OURS = a_task(State.QUEUED).ref.job_id


def act(nth: int, what: What = What.HALT, states: frozenset[State] = frozenset(OPEN), job: int = OURS) -> Act:
    return Act(job_id=job, nth=nth, what=what, states=states, reason="cancelled", description="by its owner")


@pytest.mark.parametrize("state", State)
def test_a_halt_ends_what_stands_in_its_states_and_is_open(state: State) -> None:
    task, change = followed(a_task(state), [act(1, states=frozenset(State))], NOW)
    assert (task.state is State.CANCELED) == (state in OPEN or state is State.CANCELED)
    assert (change is not None) == (state in OPEN) and (task.reason == "cancelled") == (state in OPEN)
    if change is not None:
        assert (change.event, change.before, change.after) == (Event.CANCELLED, state, State.CANCELED)


def test_what_it_has_passed_or_is_of_another_job_or_state_says_nothing() -> None:
    task = replace(a_task(State.QUEUED), acts=1)
    others = [act(1), act(2, states=frozenset({State.NOTIFIED})), act(3, job=OURS + 1)]
    assert followed(task, others, NOW) == (task, None)


def test_several_are_one_line_of_history() -> None:
    task = replace(a_task(State.CONFIRM), awaiting=Awaits.ONLINE)
    after, change = followed(task, [act(1, What.CONFIRM), act(2)], NOW)
    assert after.state is State.CANCELED and change is not None
    assert (change.before, change.after) == (State.CONFIRM, State.CANCELED)


@pytest.mark.parametrize("may", [True, False])
@pytest.mark.parametrize("state", CLOSED)
def test_what_has_ended_runs_again_only_where_it_may(state: State, may: bool) -> None:
    task, change = followed(a_task(state), [act(1, What.RETRY, frozenset(State))], NOW, may_run_again=may)
    again = may and state is not State.SUCCEEDED
    assert (change is not None) is again and task.state is (State.QUEUED if again else state)


Deed = Event | frozenset[State]  # something happens to the task, or a halt of these states is written down


@given(
    st.sampled_from(State),
    st.lists(st.one_of(st.sampled_from(Event), st.frozensets(st.sampled_from(OPEN), min_size=1)), max_size=12),
)
def test_who_follows_late_ends_as_who_follows_at_once(start: State, deeds: list[Deed]) -> None:
    """The one passes each halt when it is written down, the other before its own next event, or never."""
    prompt = late = a_task(start)
    acts: list[Act] = []
    for deed in deeds:
        if isinstance(deed, Event):
            prompt, _ = step(prompt, deed)
            late = replace(followed(late, acts, NOW)[0], acts=len(acts))
            late, _ = step(late, deed)
        else:
            acts.append(act(len(acts) + 1, states=deed))
            prompt = replace(followed(prompt, acts, NOW)[0], acts=len(acts))
    shown: Task = followed(late, acts, NOW)[0]  # as lists tell it before it was written
    assert (shown.state, shown.reason) == (prompt.state, prompt.reason)
