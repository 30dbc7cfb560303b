"""Waves are exact, nested and never empty while there are devices; the next opens on evidence or waits for a person."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upwell.domain.guard import Guard
from upwell.domain.rollout import (
    ALL,
    PRESETS,
    Judgement,
    Lacks,
    Result,
    Seen,
    Wave,
    judge,
    preset,
    problem,
    sizes,
    told,
    wave_of,
)

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SOAK = timedelta(0)
GUARD = Guard()


def percents(*shares: float) -> tuple[Wave, ...]:
    return tuple(Wave(percent=Decimal(str(share))) for share in shares)


@pytest.mark.parametrize(
    ("waves", "targets", "wanted"),
    [
        (percents(10, 30, 100), 300, [30, 60, 210]),
        (percents(1, 10, 100), 10, [1, 1, 8]),
        (percents(1, 2, 3, 100), 2, [1, 1, 0, 0]),
        (percents(33.3, 100), 10, [3, 7]),
        ((Wave(count=5), Wave(percent=Decimal(10)), ALL), 30, [5, 1, 24]),
        ((Wave(count=5), ALL), 3, [3, 0]),
        (percents(10, 100), 0, [0, 0]),
        (preset("careful", 49), 49, [1, 8, 40]),
        (preset("careful", 50), 50, [5, 1, 19, 25]),
        (preset("careful", 1_000_000), 1_000_000, [50, 99_950, 400_000, 500_000]),
        (preset("careful", 1), 1, [1, 0, 0]),
        (preset("fast", 300), 300, [30, 270]),
        (preset("all_at_once", 7), 7, [7]),
    ],
)
def test_sizes(waves: tuple[Wave, ...], targets: int, wanted: list[int]) -> None:
    assert sizes(waves, targets) == wanted


shares = st.lists(st.integers(1, 99_999), max_size=8, unique=True).map(
    lambda found: percents(*(each / 1000 for each in sorted(found)), 100)
)


@given(waves=shares | st.sampled_from(PRESETS), targets=st.integers(0, 2000))
def test_waves_are_exact_nested_and_not_empty(waves: tuple[Wave, ...] | str, targets: int) -> None:
    whole = preset(waves, targets) if isinstance(waves, str) else waves
    found = sizes(whole, targets)
    assert sum(found) == targets and problem(whole) is None
    filled = [size for size in found if size]
    assert bool(filled) is bool(targets)
    assert found == filled + [0] * (len(found) - len(filled)), "only the last ones may be empty"
    dealt = [wave_of(place, found) for place in range(1, targets + 1)]
    assert dealt == sorted(dealt) and [dealt.count(number) for number in range(1, len(found) + 1)] == found


@pytest.mark.parametrize(
    ("waves", "place"),
    [
        ((), -1), (percents(10, 30), 1), (percents(10, 10, 100), 1), (percents(30, 10, 100), 1),
        ((Wave(count=5), Wave(count=5), ALL), 1), ((Wave(count=5),), 0),
        ((Wave(percent=Decimal(1), at_least=9, at_most=5), ALL), 0), (percents(100, 100), 1),
        ((Wave(percent=Decimal(100), soak_min=1),), 0),
    ],
)  # fmt: skip
def test_waves_that_make_no_sense_are_told(waves: tuple[Wave, ...], place: int) -> None:
    found = problem(waves)
    assert found is not None and found[0] == place


@pytest.mark.parametrize(
    ("seen", "wanted"),
    [
        (Seen(), Judgement(lacks=Lacks.REACHED)),
        (Seen(open=30, unreached=30), Judgement(lacks=Lacks.REACHED)),
        (Seen(fine=26, open=4), Judgement(lacks=Lacks.VERDICTS, more=1)),
        (Seen(fine=27, open=3), Judgement(result=Result.GO, until=NOW)),
        (Seen(fine=27, open=30, unreached=30), Judgement(result=Result.GO, until=NOW)),
        (Seen(fine=26, open=100, unreached=100), Judgement(result=Result.INCONCLUSIVE, until=NOW)),
        (Seen(fine=1), Judgement(result=Result.INCONCLUSIVE, until=NOW)),
        (Seen(failed=1, fine=4), Judgement(lacks=Lacks.PERSON)),
        (Seen(failed=1), Judgement(lacks=Lacks.PERSON)),
        (Seen(failed=1, fine=5), Judgement(lacks=Lacks.PERSON)),  # 46 would be needed
        (Seen(failed=1, fine=45), Judgement(lacks=Lacks.PERSON)),
        (Seen(failed=1, fine=46), Judgement(result=Result.GO, until=NOW)),
        (Seen(failed=1, fine=45, open=2), Judgement(lacks=Lacks.EVIDENCE, more=1)),
    ],
)
def test_the_next_wave_opens_on_evidence(seen: Seen, wanted: Judgement) -> None:
    assert judge(seen, GUARD, SOAK, None, NOW) == wanted


def test_time_is_evidence_too() -> None:
    seen, soak = Seen(fine=30), timedelta(hours=1)
    begun = judge(seen, GUARD, soak, None, NOW)
    assert (begun.lacks, begun.until) == (Lacks.SOAK, NOW + soak)
    assert judge(seen, GUARD, soak, NOW - timedelta(minutes=59), NOW).lacks is Lacks.SOAK
    assert judge(seen, GUARD, soak, NOW - soak, NOW).lacks is None


def test_what_happens_next_is_said_with_its_numbers() -> None:
    assert told(Judgement(lacks=Lacks.VERDICTS, more=3), 2) == "Wave 2 opens when 3 more of wave 1 have a verdict."
    assert "2026-06-01T00:00:00Z" in told(Judgement(lacks=Lacks.SOAK, until=NOW), 2)
    assert len({told(Judgement(lacks=lacks, until=NOW), 3) for lacks in (*Lacks, None)}) == len(Lacks) + 1
