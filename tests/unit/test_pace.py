"""The budget of offers."""

from hypothesis import given
from hypothesis import strategies as st

from upwell.domain.pace import MINUTE_S, SEND_WITHIN_S, WINDOW_S, allowance

whole = st.integers(0, 20_000)


@given(whole, whole, whole)
def test_allowance_keeps_within_what_is_left(maximum: int, granted: int, wanted: int) -> None:
    given_now = allowance(maximum, granted, wanted)
    assert 0 <= given_now <= wanted
    assert granted + given_now <= max(maximum, granted)
    if maximum > granted and wanted:
        assert given_now > 0


def test_zero_holds_the_job() -> None:
    assert allowance(0, 0, 100) == 0


@given(st.integers(0, 50), st.lists(st.tuples(st.floats(0, 40), st.floats(0, SEND_WITHIN_S), st.integers(0, 30))))
def test_no_minute_sees_more_than_the_maximum(maximum: int, asks: list[tuple[float, float, int]]) -> None:
    """Grants counted over WINDOW_S bound what leaves in any 60 seconds, however late in its time each leaves."""
    now, grants, sends = 0.0, list[tuple[float, int]](), list[tuple[float, int]]()
    for pause, late, wanted in asks:
        now += pause
        spent = sum(n for at, n in grants if at > now - WINDOW_S)
        grants.append((now, allowance(maximum, spent, wanted)))
        sends.append((now + late, grants[-1][1]))
    for begin, _ in sends:
        assert sum(n for at, n in sends if begin <= at < begin + MINUTE_S) <= maximum
