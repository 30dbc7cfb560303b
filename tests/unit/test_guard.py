"""The guard against the tables of the reference (rollouts 3), which other code computed, and against its promise."""

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upwell.domain.guard import (
    Evidence,
    Guard,
    Share,
    Stretch,
    clean_needed,
    failures_by_stretch,
    halts_at,
    interval,
    is_enough,
    look,
    shares,
    stretch_of,
)

ROOT = Path(__file__).parents[2]
DEFAULT = Guard()
STRICT = Guard(p0=0.01, p1=0.05)
SURE = Guard(p0=0.01, p1=0.10, alpha=0.01)
QUIET = Guard(p0=0.02, p1=0.10, alpha=0.01, at_least=3)
ROUGH = Guard(p0=0.05, p1=0.20, at_least=3)


def plainly(guard: Guard, numbers: list[int]) -> tuple[int, int, float] | None:
    """The rule of 3.4 word for word: each failure in the order of the offers, those from the `at_least`th on."""
    scores = [
        (j * guard.rise - (m - j) * guard.fall, j, m)
        for j, m in enumerate(sorted(numbers), 1) if j >= guard.at_least
    ]  # fmt: skip
    if not scores:
        return None
    best = max(scores)
    return best[1], best[2], best[0]


def looked(guard: Guard, numbers: list[int], alpha: float | None = None) -> Evidence | None:
    return look(guard, (stretch_of(guard, some) for some in failures_by_stretch(numbers).values()), alpha)


# --- the tables ---


@pytest.mark.parametrize(
    ("first", "last", "failed"),
    [(2, 4, 2), (5, 24, 3), (25, 44, 4), (45, 64, 5), (65, 84, 6), (85, 104, 7), (105, 124, 8), (125, 143, 9),
     (144, 163, 10), (164, 183, 11), (184, 203, 12)],
)  # fmt: skip
def test_how_many_failures_halt(first: int, last: int, failed: int) -> None:
    assert {halts_at(DEFAULT, n) for n in range(first, last + 1)} == {failed}


@pytest.mark.parametrize(
    ("guard", "needed"),
    [(STRICT, (2, 3, 3, 4, 5, 7)), (SURE, (3, 3, 3, 4, 6, 10)), (DEFAULT, (3, 3, 3, 5, 7, 12)),
     (QUIET, (3, 4, 4, 6, 8, 13)), (ROUGH, (3, 4, 5, 8, 13, 24))],
)  # fmt: skip
def test_other_settings(guard: Guard, needed: tuple[int, ...]) -> None:
    assert tuple(halts_at(guard, n) for n in (5, 10, 20, 50, 100, 200)) == needed


def exactly(guard: Guard, rate: float, longest: int) -> tuple[float, float]:
    """The chance to halt within so many devices, looked at after each, and the mean number at the halt; they come in
    the order of the offers."""
    open_, halted, weighted = {0: 1.0}, 0.0, 0.0
    for n in range(1, longest + 1):
        fresh: dict[int, float] = {}
        for k, chance in open_.items():
            fresh[k] = fresh.get(k, 0.0) + chance * (1 - rate)
            fresh[k + 1] = fresh.get(k + 1, 0.0) + chance * rate
        limit = halts_at(guard, n)
        tripped = sum(chance for k, chance in fresh.items() if k >= limit)
        halted, weighted = halted + tripped, weighted + tripped * n
        open_ = {k: chance for k, chance in fresh.items() if k < limit}
    return halted, weighted / halted


@pytest.mark.parametrize(
    ("guard", "false_halts", "at_p1", "at_30"),
    [(STRICT, 2.9, 86, 8), (SURE, 0.5, 38, 10), (DEFAULT, 2.9, 43, 9), (QUIET, 0.6, 62, 13), (ROUGH, 3.0, 26, 12)],
)
def test_false_halts_and_how_soon_bad_ones_stop(guard: Guard, false_halts: float, at_p1: int, at_30: int) -> None:
    assert round(100 * exactly(guard, guard.p0, 500)[0], 1) == pytest.approx(false_halts, abs=0.11)
    assert exactly(guard, guard.p1, 500)[1] == pytest.approx(at_p1, abs=1)
    assert exactly(guard, 0.30, 500)[1] == pytest.approx(at_30, abs=1)


def test_between_the_rates_it_halts_sometimes() -> None:
    assert round(100 * exactly(DEFAULT, 0.01, 500)[0], 1) == 0.3
    assert round(100 * exactly(DEFAULT, 0.05, 500)[0]) == 67
    assert round(100 * exactly(Guard(at_least=3), 0.02, 500)[0], 2) == 2.75


def test_when_it_is_enough_to_go_on() -> None:
    assert clean_needed(DEFAULT) == 27
    assert is_enough(DEFAULT, 0, 27) and not is_enough(DEFAULT, 0, 26)
    assert clean_needed(DEFAULT, 1) - clean_needed(DEFAULT) == 19
    assert is_enough(DEFAULT, 1, 46) and not is_enough(DEFAULT, 1, 45)


@pytest.mark.parametrize(
    ("failed", "verdicts", "low", "high"),
    [(0, 10, 0, 28), (1, 10, 2, 40), (3, 20, 5, 36), (5, 50, 4, 21), (0, 300, 0, 1.3)],
)
def test_the_interval_that_is_shown(failed: int, verdicts: int, low: float, high: float) -> None:
    shown = tuple(round(100 * each, 1) for each in interval(failed, verdicts))
    assert shown[0] == pytest.approx(low, abs=0.5) and shown[1] == pytest.approx(high, abs=0.5)


def test_the_interval_of_nothing() -> None:
    assert interval(0, 0) == (0.0, 1.0)


# --- in whatever order devices answer (3.4) ---


def halted(guard: Guard, rate: float, delays: tuple[float, float], pace: float, random: Random, alpha: float) -> bool:
    """Whether it halts in 500 devices that are offered one by one at this pace (0: all at once) and whose failures and
    successes come so much later; looked at after each failure."""
    fails = [random.random() < rate for _ in range(500)]
    told = sorted((number * pace + delays[0], number) for number, failed in enumerate(fails, 1) if failed)
    known: list[int] = []
    for at, number in told:
        known.append(number)
        found = looked(guard, [each for each in known if each * pace <= at], alpha)
        if found is not None and found.halts:
            return True
    return False


@pytest.mark.parametrize("delays", [(0.0, 0.0), (1.0, 60.0), (1.0, 200.0), (60.0, 1.0)])
@pytest.mark.parametrize("pace", [1.0, 0.0])
def test_false_halts_in_any_order_of_arrival(delays: tuple[float, float], pace: float) -> None:
    """600 good rollouts, of which 2.9 % are expected to halt and 5 % are allowed to."""
    random = Random(f"{delays} {pace}")
    false = sum(halted(DEFAULT, 0.02, delays, pace, random, DEFAULT.alpha) for _ in range(600))
    assert false <= 36, f"{false} of 600"


SORTS = 3
LATE = {"all alike": (60.0, 60.0, 60.0), "one sort last": (1.0, 1.0, 200.0), "one sort first": (0.0, 200.0, 200.0)}


def halted_with_strata(late: tuple[float, ...], spread: float, pace: float, random: Random) -> bool:
    """Whether the test of all or that of one of three sorts halts in 500 devices that are offered one by one at this
    pace, 0: all at once. A sort's failures come this late, and up to `spread` times as late; looked at after each."""
    sorts = [random.randrange(SORTS) for _ in range(500)]
    places, counts = list[int](), [0] * SORTS
    for sort in sorts:
        counts[sort] += 1
        places.append(counts[sort])
    of_all, of_each = shares(DEFAULT, SORTS)
    fails = [number for number in range(1, 501) if random.random() < DEFAULT.p0]
    told = sorted((n * pace + late[sorts[n - 1]] * random.uniform(1, spread), n) for n in fails)
    known: list[list[int]] = [[] for _ in range(1 + SORTS)]
    for _, number in told:
        sort = sorts[number - 1]
        known[0].append(number)
        known[1 + sort].append(places[number - 1])
        looks = looked(DEFAULT, known[0], of_all), looked(DEFAULT, known[1 + sort], of_each)
        if any(found is not None and found.halts for found in looks):
            return True
    return False


@pytest.mark.parametrize("late", LATE.values(), ids=LATE)
@pytest.mark.parametrize("spread", [1.0, 10.0])
@pytest.mark.parametrize("pace", [1.0, 0.0])
def test_false_halts_with_strata_in_any_order_of_arrival(late: tuple[float, ...], spread: float, pace: float) -> None:
    """A fleet of three sorts of devices at the rate that its owner lives with: the test of all and those of each sort
    halt no more often than alpha together, whichever devices answer first."""
    of_all, of_each = shares(DEFAULT, SORTS)
    assert of_all + SORTS * of_each == pytest.approx(DEFAULT.alpha)
    random = Random(f"{late} {spread} {pace}")
    false = sum(halted_with_strata(late, spread, pace, random) for _ in range(1000))
    assert false <= 1000 * DEFAULT.alpha, f"{false} of 1000"


def test_a_bad_sort_is_found_among_good_ones() -> None:
    """Four of five devices of one of three sorts fail: its own test halts within a wave of 30."""
    random, found = Random(3), 0
    for _ in range(100):
        fails = [number for number in range(1, 11) if random.random() < 0.8]
        evidence = looked(DEFAULT, fails, shares(DEFAULT, 3)[1])
        found += evidence is not None and evidence.halts
    assert found >= 99


# --- a plain percentage ---


def exactly_by_share(share: Share, rate: float, longest: int) -> tuple[float, float]:
    """As `exactly`, of a percentage, which is looked at when something fails."""
    open_, halted, weighted = {0: 1.0}, 0.0, 0.0
    for n in range(1, longest + 1):
        fresh: dict[int, float] = {}
        for k, chance in open_.items():
            fresh[k] = fresh.get(k, 0.0) + chance * (1 - rate)
            evidence = looked_by_share(share, k, n)
            if evidence is not None and evidence.halts:
                halted, weighted = halted + chance * rate, weighted + chance * rate * n
            else:
                fresh[k + 1] = fresh.get(k + 1, 0.0) + chance * rate
        open_ = fresh
    return halted, weighted / halted


def looked_by_share(share: Share, before: int, number: int) -> Evidence | None:
    """What it says of a failure at this number behind so many others; they were none that halted."""
    stretch = stretch_of(share, [number])
    return look(share, [Stretch(before, ()), stretch])


def row_of(test: tuple[tuple[float, float], ...]) -> str:
    shares_, means = [each[0] for each in test[:3]], [each[1] for each in test[3:]]
    return " | ".join([f"{100 * each:.1f} %" for each in shares_] + [f"{each:.0f}" for each in means])


def test_what_a_percentage_costs_is_told() -> None:
    """The table of docs/api.md, to its last digit."""
    text, rates = (ROOT / "docs" / "api.md").read_text("utf-8"), (0.01, 0.02, 0.05, 0.10, 0.30)
    for percent, offers in ((5, 10), (5, 20), (5, 50), (10, 20)):
        share = Share(percent / 100, offers)
        found = tuple(exactly_by_share(share, rate, 500) for rate in rates)
        assert f"| `percent` {percent}, `from_offer` {offers} | {row_of(found)} |" in text
    found = tuple(exactly(DEFAULT, rate, 500) for rate in rates)
    assert f"| the test, as it is by itself | {row_of(found)} |" in text


@given(
    numbers=st.sets(st.integers(1, 3000), max_size=60).map(sorted),
    share=st.builds(
        Share, st.sampled_from([0.01, 0.05, 0.2]), st.sampled_from([1, 20, 700, 1024]), st.sampled_from([1, 2, 5])
    ),
)
def test_by_stretches_a_percentage_is_the_rule(numbers: list[int], share: Share) -> None:
    halts = any(
        j >= share.at_least and m >= share.from_offer and j > share.rate * m + 1e-9 for j, m in enumerate(numbers, 1)
    )
    found = look(share, (stretch_of(share, some) for some in failures_by_stretch(numbers).values()))
    assert (found is not None and found.halts) is halts


@pytest.mark.parametrize("wrong", [{"rate": 0.0}, {"rate": 1.0}, {"rate": 0.1, "from_offer": 1025}])
def test_percentages_that_mean_nothing(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="is not a rate"):
        Share(**wrong)  # type: ignore[arg-type]


# --- the rule itself ---


@given(
    numbers=st.sets(st.integers(1, 6000), max_size=60).map(sorted),
    guard=st.sampled_from([DEFAULT, STRICT, SURE, QUIET, ROUGH, Guard(at_least=1), Guard(at_least=10)]),
)
def test_by_stretches_it_is_the_rule(numbers: list[int], guard: Guard) -> None:
    found, expected = looked(guard, numbers), plainly(guard, numbers)
    if expected is None:
        assert found is None
    else:
        assert found is not None
        assert found.score == pytest.approx(expected[2])
        assert found.score == guard.score(found.failed, found.offered)
        assert found.halts is (found.score >= found.bound)


@given(numbers=st.sets(st.integers(1, 3000), min_size=2, max_size=40).map(sorted), more=st.integers(1, 3000))
def test_one_more_failure_never_speaks_for_the_package(numbers: list[int], more: int) -> None:
    before, after = looked(DEFAULT, numbers), looked(DEFAULT, sorted({*numbers, more}))
    assert before is not None and after is not None
    assert after.score >= before.score - 1e-9


def test_one_failure_is_never_enough() -> None:
    sharp = Guard(p0=0.0001, p1=0.9)
    assert sharp.score(1, 1) > 9
    assert looked(sharp, [1]) is None
    evidence = looked(sharp, [1, 2])
    assert evidence is not None and evidence.halts and (evidence.failed, evidence.offered) == (2, 2)


def test_where_the_halt_comes() -> None:
    """The third of the first 24, not of the first 25: 3.3's table."""
    assert (found := looked(DEFAULT, [3, 9, 24])) is not None and found.halts
    assert (found := looked(DEFAULT, [3, 9, 25])) is not None and not found.halts


def test_a_look_reads_a_row_a_stretch() -> None:
    stretch = stretch_of(DEFAULT, range(1, 1025))
    assert stretch.failed == 1024 and len(stretch.peaks) == 2
    assert len(failures_by_stretch(range(1, 4097))) == 4


def test_with_one_stratum_all_of_alpha_is_for_the_test_of_all() -> None:
    assert shares(DEFAULT, 0) == shares(DEFAULT, 1) == (0.05, 0.0)
    assert shares(DEFAULT, 5) == pytest.approx((0.025, 0.005))


@pytest.mark.parametrize(
    "wrong",
    [{"p0": 0.0}, {"p0": 0.2}, {"p1": 1.0}, {"alpha": 0.0}, {"beta": 0.96}, {"at_least": 0}, {"at_least": 11}],
)
def test_settings_that_mean_nothing(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"must be|does not hold"):
        Guard(**wrong)  # type: ignore[arg-type]
