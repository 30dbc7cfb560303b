"""What a task awaits: the second machine."""

from datetime import UTC, datetime, timedelta

from upwell.domain.awaiting import AWAITED, OFFERED, OFFERS, UNOFFERED, WITHIN, Awaits, Cue, wait

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ENDS = NOW + timedelta(hours=1)


def test_the_table_is_total_and_a_task_that_awaits_nothing_stays_so() -> None:
    assert set(AWAITED) == {(awaits, cue) for awaits in Awaits for cue in Cue}
    assert all(AWAITED[Awaits.NOTHING, cue] is Awaits.NOTHING for cue in Cue)
    assert all(AWAITED[awaits, cue] is not Awaits.NOTHING for awaits in set(Awaits) - {Awaits.NOTHING} for cue in Cue)
    assert OFFERED | UNOFFERED | {Awaits.NOTHING} == set(Awaits) and not OFFERED & UNOFFERED


def test_an_offer_goes_out_when_it_is_awaited_and_a_question_else() -> None:
    for awaits in set(Awaits) - {Awaits.NOTHING}:
        after = AWAITED[awaits, Cue.SENT]
        assert after is (Awaits.RESULT if awaits in OFFERS else Awaits.ARRIVAL if awaits in OFFERED else Awaits.ANSWER)


def test_what_was_offered_keeps_the_time_of_its_first_offer() -> None:
    for awaits in OFFERED:
        for cue in set(Cue) - {Cue.ANEW}:
            after, ends_at = wait(awaits, cue, NOW, ENDS)
            assert after in OFFERED and ends_at == ENDS
        assert wait(awaits, Cue.ANEW, NOW, ENDS) == (Awaits.ONLINE, NOW + WITHIN[Awaits.ONLINE])


def test_each_other_wait_has_a_time_of_its_own() -> None:
    assert wait(Awaits.ONLINE, Cue.SENT, NOW, ENDS) == (Awaits.ANSWER, NOW + timedelta(minutes=3))  # huawei 6.1
    assert wait(Awaits.ANSWER, Cue.ANSWERED, NOW, ENDS) == (Awaits.OFFER, NOW + timedelta(hours=24))
    assert wait(Awaits.OFFER, Cue.SENT, NOW, ENDS) == (Awaits.RESULT, NOW + timedelta(hours=24))
    assert wait(Awaits.ANSWER, Cue.ANEW, NOW, ENDS) == (Awaits.ONLINE, NOW + timedelta(hours=25))
    assert wait(Awaits.NOTHING, Cue.SENT, NOW, ENDS) == (Awaits.NOTHING, ENDS)
    assert wait(Awaits.NOTHING, Cue.ANEW, NOW, None) == (Awaits.NOTHING, None)
