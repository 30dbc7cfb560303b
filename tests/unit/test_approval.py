"""Which rollouts want a person's approval, and what happens to it."""

import pytest

from upwell.domain.approval import STEPS, Approval, Stands, Step, is_wanted, makers_after, strictest


@pytest.mark.parametrize(
    ("rule", "devices", "wanted"),
    [
        (None, 5, False),
        (None, None, False),
        (Approval(), 1, True),
        (Approval(), 0, False),
        (Approval(over=10), 10, False),
        (Approval(over=10), 11, True),
        (Approval(over=10), None, True),
        (Approval(required=False), 11, False),
        (Approval(required=False), None, False),
    ],
)
def test_who_wants_one(rule: Approval | None, devices: int | None, wanted: bool) -> None:
    assert is_wanted(rule, devices) is wanted


def test_a_rollout_may_ask_for_more_and_not_for_less() -> None:
    few, many, off = Approval(over=5), Approval(over=500), Approval(required=False)
    assert strictest(None, None) is None and strictest(off, None) is None
    assert strictest(many, few) == strictest(few, many) == few
    assert strictest(off, many) == strictest(None, many) == many
    assert strictest(few, off) == strictest(few, None) == few


def test_nothing_is_decided_twice_and_what_was_refused_stays_so() -> None:
    assert {pair for pair in STEPS if pair[1] is not Step.EDIT} == {
        (Stands.AWAITING, Step.APPROVE), (Stands.AWAITING, Step.REFUSE)
    }  # fmt: skip
    assert not [pair for pair in STEPS if pair[0] is Stands.REFUSED]
    assert {STEPS[stands, Step.EDIT] for stands in (Stands.AWAITING, Stands.APPROVED)} == {Stands.AWAITING}


def test_who_changed_it_since_it_was_approved_has_made_it_too() -> None:
    assert makers_after(Step.EDIT, Stands.AWAITING, ["ann"], "bob") == ["ann", "bob"]
    assert makers_after(Step.EDIT, Stands.AWAITING, ["ann", "bob"], "ann") == ["ann", "bob"]
    assert makers_after(Step.EDIT, Stands.APPROVED, ["ann", "bob"], "cleo") == ["ann", "cleo"]
    assert makers_after(Step.APPROVE, Stands.AWAITING, ["ann", "bob"], "cleo") == ["ann", "bob"]
