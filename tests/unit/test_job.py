"""Who is selected, and how jobs and packages end."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upwell.domain.job import ending, gray_quota, verdict
from upwell.domain.task import OPEN, State

percent = st.decimals(min_value=Decimal("0.001"), max_value=100, places=3)


@given(st.integers(1, 10**6), percent)
def test_quota_is_the_floor_and_at_least_one(population: int, share: Decimal) -> None:
    quota = gray_quota(population, share)
    assert 1 <= quota <= population
    assert quota == max(1, int(share * 1000) * population // 100_000)


@given(st.integers(0, 10**6), percent, percent)
def test_quota_is_monotone(population: int, one: Decimal, other: Decimal) -> None:
    assert gray_quota(population, min(one, other)) <= gray_quota(population, max(one, other))


def test_quota_of_nobody_is_none() -> None:
    assert gray_quota(0, Decimal(50)) == 0
    assert gray_quota(7, Decimal(100)) == 7
    assert gray_quota(3, Decimal("0.001")) == 1


@given(st.dictionaries(st.sampled_from(list(State)), st.integers(0, 5)))
def test_a_job_ends_exactly_when_nothing_is_open(counts: dict[State, int]) -> None:
    status = ending(counts)
    assert (status is None) == any(counts.get(s, 0) for s in OPEN)
    if status == "CANCELED":
        assert counts[State.CANCELED] == sum(counts.values()) > 0


@pytest.mark.parametrize(
    ("counts", "status", "package"),
    [
        ({}, "COMPLETED", "unverified"),
        ({State.SUCCEEDED: 2}, "COMPLETED", "verified"),
        ({State.SUCCEEDED: 2, State.FAILED: 1}, "COMPLETED", "failed"),
        ({State.SUCCEEDED: 2, State.CANCELED: 1}, "COMPLETED", "unverified"),
        ({State.FAILED: 1, State.CANCELED: 1}, "COMPLETED", "failed"),
        ({State.CANCELED: 3}, "CANCELED", "unverified"),
    ],
)
def test_endings(counts: dict[State, int], status: str, package: str) -> None:
    assert ending(counts) == status
    assert verdict(counts) == package
