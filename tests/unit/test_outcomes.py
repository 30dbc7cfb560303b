"""What a failure's reason says of a package: against it, of the choice of devices, or nothing (rollouts 3.6.5)."""

import pytest

from upwell.dialects.huawei.flow import RESULT_CODES
from upwell.domain.hearing import FAILURES
from upwell.domain.outcomes import APART, FEEDS, Outcome, of_failure


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


def test_only_silence_is_both_a_failure_and_counted_apart() -> None:
    assert {Outcome.SILENT} == FEEDS & APART
