"""What a package's verification forbids, and that every refusal says what to do."""

import pytest

from upwell.domain.errors import Conflict
from upwell.domain.verification import OFFERED, require_unverified, require_verified


@pytest.mark.parametrize("status", ["unverified", "failed", "verifying"])
def test_what_must_be_verified_says_how(status: str) -> None:
    """Issue 9, number 28: "is verifying; verify it first" left an owner with nothing to do."""
    with pytest.raises(Conflict) as caught:
        require_verified(status)
    assert caught.value.reason == "package_not_verified"
    assert f"is {status}" in caught.value.problem and "with a device" in caught.value.problem
    assert ("cancel" in caught.value.problem) == (status == "verifying")


def test_a_verification_of_nobody_stands_in_nobodys_way() -> None:
    """Issue 9, number 28."""
    require_unverified("verifying", on_devices=False)
    require_unverified("unverified")
    require_unverified("failed")
    with pytest.raises(Conflict) as caught:
        require_unverified("verifying")
    assert caught.value.reason == "package_is_verifying"
    assert "wait" in caught.value.problem and "cancel" in caught.value.problem


@pytest.mark.parametrize("status", OFFERED)
def test_what_is_offered_is_not_verified_again(status: str) -> None:
    require_verified(status)
    with pytest.raises(Conflict) as caught:
        require_unverified(status)
    assert caught.value.reason == "package_is_verified"
