"""How far a standby is behind, look after look."""

import pytest

from upwell.service.upgrade.running import Standby
from upwell.wiring.standbys import Standbys


def looked(*looks: tuple[float, list[Standby]]) -> dict[str, float]:
    standbys = Standbys()
    for now_s, seen in looks:
        standbys.look(seen, now_s)
    return standbys.lag_s


def at(place: int | None, end_place: int | None, said_s: float = 0.0, name: str = "standby1") -> list[Standby]:
    return [Standby(name=name, said_s=said_s, place=place, end_place=end_place)]


@pytest.mark.parametrize(
    ("looks", "lag_s"),
    [
        ([(0, at(10, 10)), (100, at(10, 10))], 0.0),  # nothing is written, and nothing lacks
        ([(0, at(10, 20)), (100, at(20, 20))], 0.0),
        ([(0, at(10, 20)), (100, at(10, 30))], 100.0),  # it stands still while there is more
        ([(0, at(10, 20)), (100, at(10, 30)), (130, at(10, 30))], 130.0),
        ([(0, at(10, 10)), (100, at(10, 30))], 0.0),  # more came since the last look, whenever that was
        ([(0, at(10, 10)), (100, at(10, 30)), (130, at(10, 40))], 30.0),
        ([(0, at(10, 20)), (100, at(15, 30))], 0.0),  # it moves, and has not said that it is late
        ([(0, at(10, 20)), (100, at(15, 30, 7.0))], 7.0),
        ([(0, at(10, 20)), (5, at(10, 30, 7.0))], 7.0),
        ([(0, at(10, 20)), (100, []), (200, at(10, 30))], 0.0),  # what is gone is forgotten
        ([(0, at(10, 20)), (100, at(5, 30))], 100.0),  # made anew from an older copy, it has less
        ([(0, at(None, 20, 3.0)), (100, at(None, 30, 3.0))], 3.0),  # a role that may not see it
        ([(0, at(10, None)), (100, at(10, None))], 0.0),  # this one is no primary
    ],
)
def test_one_that_lacks_something_and_stands_still_is_behind_since_then(
    looks: list[tuple[float, list[Standby]]], lag_s: float
) -> None:
    assert looked(*looks)["standby1"] == lag_s


def test_each_has_its_own() -> None:
    both = [*at(10, 30), *at(30, 30, name="standby2")]
    assert looked((0, both), (50, both)) == {"standby1": 50.0, "standby2": 0.0}
    assert looked((0, both), (50, [])) == {}
