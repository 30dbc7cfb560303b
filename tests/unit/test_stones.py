"""Ways over stepping stones (ADR 0048)."""

import random

import pytest

from upwell.domain.stepping import ANY, STEPS_MAX, Stone, circle, find, is_nearer, next_step, path


def stone(number: int, version: str, *follows: str) -> Stone:
    return Stone(package_id=number, version=version, follows=frozenset(follows))


GOAL = stone(9, "2.0", "1.5")


def names(way: dict[str, object], version: str | None, goal: str = "2.0") -> list[str]:
    return [step.version for step in path(way, version, goal)]  # type: ignore[arg-type]


def test_a_way_leads_by_the_fewest_packages() -> None:
    way = find(
        GOAL, [stone(1, "1.5", "1.0", "1.1"), stone(2, "1.1", "0.9"), stone(3, "1.0", "0.9"), stone(4, "7", "1")]
    )
    assert names(way, "1.5") == ["2.0"]
    assert names(way, "1.0") == names(way, "1.1") == ["1.5", "2.0"]
    assert len(names(way, "0.9")) == 3
    assert names(way, "2.0") == names(way, "0.1") == names(way, None) == []
    assert next_step(way, "7") is None
    short = find(stone(9, "2.0", "1.5", "1.0"), [stone(1, "1.5", "1.0")])
    assert names(short, "1.0") == ["2.0"]


def test_a_package_for_any_version_takes_the_rest() -> None:
    way = find(GOAL, [stone(1, "1.5"), stone(2, "1.5", "1.4"), stone(3, "1.4", "1.3")])
    assert (way[ANY].package_id, way["1.4"].package_id) == (1, 2)
    assert "1.3" not in way, "who runs it needs two packages by the one for any"
    assert names(way, "1.3") == names(way, "never heard of") == ["1.5", "2.0"]
    assert names(way, None) == [], "what nobody knows has no way"


def test_of_packages_alike_the_first_given_is_taken() -> None:
    assert find(GOAL, [stone(2, "1.5", "1.0"), stone(1, "1.5", "1.0")])["1.0"].package_id == 2


def test_a_way_is_no_longer_than_its_limit() -> None:
    chain = [stone(n, str(n), str(n + 1)) for n in range(1, 40)]
    way = find(stone(0, "0", "1"), chain)
    assert len(path(way, str(STEPS_MAX), "0")) == STEPS_MAX
    assert next_step(way, str(STEPS_MAX + 1)) is None


def test_nearer_is_a_shorter_way() -> None:
    way = find(GOAL, [stone(1, "1.5", "1.0"), stone(2, "1.0")])
    assert is_nearer(way, "1.5", "1.0", "2.0") and is_nearer(way, "1.0", "0.5", "2.0")
    assert not is_nearer(way, "1.0", "1.5", "2.0") and not is_nearer(way, "1.0", "1.0", "2.0")
    assert is_nearer(way, "1.0", "2.5", "2.0"), "from there nothing led"
    assert not is_nearer(way, "1.0", None, "2.0"), "nothing was known"


@pytest.mark.parametrize(
    ("version", "follows", "trail"),
    [
        ("1.0", ["1.0"], ("1.0", "1.0")),
        ("1.0", ["2.0"], ("1.0", "2.0", "1.5", "1.0")),
        ("1.0", ["0.9", "2.0"], ("1.0", "2.0", "1.5", "1.0")),
        ("1.0", ["0.9"], ()),
        ("3.0", ["2.0"], ()),
    ],
)
def test_circles_are_found(version: str, follows: list[str], trail: tuple[str, ...]) -> None:
    leading = [stone(1, "2.0", "1.5"), stone(2, "1.5", "1.0")]
    assert circle(version, follows, leading) == trail


def test_on_random_stones_every_way_ends_at_the_goal_and_each_step_may_follow() -> None:
    """Against a search of another kind: what can be reached at all, by trying every package from every version."""
    dice = random.Random(5)
    for _ in range(300):
        versions = [str(n) for n in range(dice.randint(2, 9))]
        stones = [stone(n, dice.choice(versions), *dice.sample(versions, dice.choice((0, 1, 1, 2)))) for n in range(8)]
        goal = stone(99, "goal", *dice.sample(versions, 2))
        way = find(goal, stones)
        of_number = {each.package_id: each for each in [goal, *stones]}
        for start in [*versions, "unheard"]:
            trail = path(way, start, "goal")
            at = start
            for step in trail:
                follows = of_number[step.package_id].follows
                assert not follows or at in follows
                at = step.version
            assert bool(trail) is _reaches(start, goal, stones)
            assert not trail or at == "goal"
            assert len(trail) == _distance(start, goal, stones)


def _distance(start: str, goal: Stone, stones: list[Stone]) -> int:
    here, steps = {start}, 0
    while steps <= STEPS_MAX:
        if "goal" in here:
            return steps
        more = {s.version for s in [goal, *stones] for at in here if not s.follows or at in s.follows}
        if more <= here:
            return 0
        here, steps = here | more, steps + 1
    return 0


def _reaches(start: str, goal: Stone, stones: list[Stone]) -> bool:
    return _distance(start, goal, stones) > 0
