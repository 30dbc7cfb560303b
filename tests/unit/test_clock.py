"""One time for all processes, whatever their machines' clocks say; ids that carry it."""

from datetime import UTC, datetime, timedelta

from upwell.service.clock import SharedClock
from upwell.service.context import Context

THEN = datetime(2026, 11, 29, 2, 0, tzinfo=UTC)


class Ticks:
    """A monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.at_s = 1000.0

    def __call__(self) -> float:
        return self.at_s


def off_by(minutes: float, ticks: Ticks) -> SharedClock:
    return SharedClock(lambda: THEN + timedelta(minutes=minutes), ticks)


def test_it_is_the_machines_until_postgresql_was_asked_and_then_postgresqls() -> None:
    ticks = Ticks()
    clock = off_by(7, ticks)
    assert clock() == THEN + timedelta(minutes=7)
    clock.measured(THEN, 999.9, 1000.1)
    assert clock() == THEN
    ticks.at_s += 60
    assert clock() == THEN + timedelta(seconds=60)


def test_two_machines_whose_clocks_differ_by_minutes_have_one_time() -> None:
    ticks = Ticks()
    clocks = [off_by(-5, ticks), off_by(5, ticks)]
    for clock in clocks:
        clock.measured(THEN, 999.999, 1000.001)
    ticks.at_s += 3600
    assert abs(clocks[0]() - clocks[1]()) <= timedelta(milliseconds=2)


def test_a_slow_answer_moves_nothing_and_a_quick_one_as_little_as_it_must() -> None:
    ticks = Ticks()
    clock = off_by(0, ticks)
    clock.measured(THEN, 1000, 1000)
    clock.measured(THEN + timedelta(seconds=3), 1000, 1010)
    assert clock() == THEN
    clock.measured(THEN + timedelta(seconds=0.5), 1000.0, 1000.1)
    assert clock() == THEN + timedelta(seconds=0.4)


def test_put_back_by_less_than_a_step_it_stands_still_and_by_more_it_follows() -> None:
    ticks = Ticks()
    clock = off_by(0, ticks)
    clock.measured(THEN, 1000, 1000)
    clock.measured(THEN - timedelta(seconds=0.3), 1000, 1000)
    assert clock() == THEN
    ticks.at_s += 0.2
    assert clock() == THEN
    ticks.at_s += 0.2
    assert THEN < clock() < THEN + timedelta(seconds=0.2)
    clock.measured(THEN - timedelta(hours=1), 1000.4, 1000.4)
    assert clock() == THEN - timedelta(hours=1)


def test_ids_grow_with_time_and_are_of_63_bits_until_2107() -> None:
    moment = THEN
    ctx = Context(None, lambda: moment)  # type: ignore[arg-type]  # nothing is asked of it
    former = (int(THEN.timestamp() * 1000) & (1 << 41) - 1) << 22 | (1 << 22) - 1  # as 0.1.0 made them, the greatest
    least = former - (1 << 22)
    for moment in (
        datetime(2029, 12, 31, 23, 59, 59, 999000, tzinfo=UTC),
        datetime(2030, 1, 1, tzinfo=UTC),
        datetime(2030, 1, 1, 0, 0, 0, 2000, tzinfo=UTC),
        datetime(2040, 1, 1, tzinfo=UTC),
        datetime(2100, 1, 1, tzinfo=UTC),
        datetime(2107, 1, 1, tzinfo=UTC),
    ):
        made = {ctx.new_id() for _ in range(20)}
        assert len(made) == 20 and min(made) > max(least, former) and max(made) < 1 << 63, moment
        least = max(made)
