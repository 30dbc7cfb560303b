"""A pace that grows, against the table of its source and by its properties."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upwell.domain.pace import Growth, per_min, problem

AWS = Growth(base_per_min=50, factor=Decimal(2), each_offered=1000, each_succeeded=1000)


@pytest.mark.parametrize(
    ("offered", "succeeded", "rate"),
    [
        (0, 0, 50), (999, 0, 50), (1000, 0, 100), (1999, 999, 100), (2000, 0, 200), (3000, 0, 400), (4000, 0, 500),
        (1500, 1400, 100), (2500, 1000, 200), (10**9, 10**9, 500),
    ],
)  # fmt: skip
def test_it_is_that_of_the_source(offered: int, succeeded: int, rate: int) -> None:
    """rollouts 1.1.3: the threshold is additive, the rate geometric, whichever came more often."""
    assert per_min(AWS, 500, offered, succeeded) == rate


def test_without_success_it_stays_where_success_is_asked_for() -> None:
    evidence = Growth(base_per_min=10, factor=Decimal("1.5"), each_succeeded=20)
    assert per_min(evidence, 1000, 10**6, 19) == 10
    assert [per_min(evidence, 1000, 0, n) for n in (20, 40, 60)] == [15, 22, 33]


GROWTHS = st.builds(
    Growth, base_per_min=st.integers(1, 60_000), factor=st.decimals("1.1", 5, places=1),
    each_offered=st.none() | st.integers(1, 10**6), each_succeeded=st.none() | st.integers(1, 10**6),
)  # fmt: skip
COUNTS = st.integers(0, 10**8)


@given(GROWTHS, st.integers(0, 60_000), COUNTS, COUNTS, COUNTS)
def test_it_only_grows_and_never_over_the_maximum(
    growth: Growth, most: int, offered: int, succeeded: int, more: int
) -> None:
    rate = per_min(growth, most, offered, succeeded)
    assert min(most, growth.base_per_min) <= rate <= most
    assert per_min(growth, most, offered + more, succeeded) >= rate <= per_min(growth, most, offered, succeeded + more)


def test_what_is_no_pace() -> None:
    assert problem(AWS) is None
    for factor in ("1.0", "5.1"):
        assert (problem(Growth(base_per_min=1, factor=Decimal(factor), each_offered=1)) or ("",))[0] == "factor"
    assert (problem(Growth(base_per_min=1, factor=Decimal(2))) or ("",))[0] == "each_succeeded"
