"""The checks why a device is not updated, as a table: each has its words, each code can come (domain/why.py)."""

from datetime import UTC, datetime

import pytest

from upwell.domain import why, why_told
from upwell.domain.task import State
from upwell.domain.why_facts import Code, Facts, OfJob, Outside, Stand

NOW = datetime(2026, 11, 29, tzinfo=UTC)


def test_every_code_has_its_words_and_every_check_its_fact() -> None:
    assert set(why_told.NEXT) == set(why_told.MEANS) == set(Code)
    assert len({check.name for check in why.CHECKS}) == len(why.CHECKS)
    told = why_told.Told(now=NOW)
    for facts in (Facts(), *(Facts(task=Stand(state=state)) for state in State)):
        for asked in why.asked(facts):
            text, _ = why_told.fact(asked, told)
            assert text or asked.code


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        (Facts(outside=Outside(misfit="already_there")), Code.ALREADY_THERE),
        (Facts(outside=Outside(misfit="version_unknown")), Code.VERSION_UNKNOWN),
        (Facts(outside=Outside(misfit="not_targeted")), Code.NOT_TARGETED),
        (Facts(outside=Outside(filter="group")), Code.NOT_TARGETED),
        (Facts(outside=Outside(misfit="no_fitting_package")), Code.NO_FITTING_PACKAGE),
        (Facts(outside=Outside(later=True)), Code.SUPERSEDED),
        (Facts(outside=Outside(is_planned=True)), Code.SCHEDULED),
        (Facts(outside=Outside(is_filling=True)), Code.FILLING),
        (Facts(outside=Outside(is_over=True)), Code.ENDED),
        (Facts(task=Stand(state=State.QUEUED, asks_first=True, need_push=False, due="no")), Code.VERSION_ASKED),
        (Facts(task=Stand(state=State.QUEUED)), Code.DUE_NOW),
        (Facts(task=Stand(state=State.QUEUED, due="no", need_push=False)), Code.WHEN_IT_ASKS),
        # The order of rollouts 7: who is away is away first, whatever else.
        (Facts(task=Stand(state=State.QUEUED, online=False, is_unpaused=False)), Code.OFFLINE),
        (Facts(job=OfJob(is_halted=True), task=Stand(state=State.QUEUED, is_unpaused=False)), Code.HALTED),
        # What was told before goes on, whatever keeps offers back.
        (Facts(task=Stand(state=State.IN_PROGRESS, due="no", is_unpaused=False)), Code.DOWNLOADING),
        (Facts(task=Stand(state=State.SUCCEEDED, online=False, is_there=True)), Code.ALREADY_THERE),
    ],
)
def test_the_first_no_is_the_answer(facts: Facts, code: Code) -> None:
    assert why.answer(facts) is code
