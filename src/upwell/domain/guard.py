"""The guard: whether the failures of a rollout are evidence that its package is bad (rollouts 3.3-3.7).

It counts in the order of the offers, not of what is heard: each first offer of a device has a number, and each failure
is judged by how many devices had been offered before it. Open offers count as not failed, so that what is known now is
never worse than what will be known: the chance that a rollout whose true rate is `p0` or less is ever halted is at most
`alpha`, however often one looks and in whatever order devices answer. It needs no success to be reported.

A `Share` is for owners who want a plain percentage instead: it promises nothing of that (docs/api.md has its cost).

Numbers are kept in stretches (`stretch_of`), each with its peaks, so that a look costs a row a stretch, not a failure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import ceil, log, sqrt

STRETCH = 1024  # offers in one stretch: a million of them are a thousand rows
Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Guard:
    """`p0` is the rate of failure that the owner lives with, `p1` the one to catch, `alpha` the greatest chance ever to
    halt a good rollout, `beta` that to go on with a bad one at the end of a wave. Fewer failures than `at_least` never
    halt.

    Guaranteed: 0 < p0 < p1 < 1, 0 < alpha and beta, alpha + beta < 1, 1 <= at_least <= 10. Raises ValueError."""

    p0: float = 0.02
    p1: float = 0.10
    alpha: float = 0.05
    beta: float = 0.10
    at_least: int = 2

    def __post_init__(self) -> None:
        if not 0 < self.p0 < self.p1 < 1:
            raise ValueError(f"0 < p0 < p1 < 1 does not hold of p0 {self.p0} and p1 {self.p1}")
        if not (self.alpha > 0 and self.beta > 0 and self.alpha + self.beta < 1):
            raise ValueError(f"alpha {self.alpha} and beta {self.beta} must be above 0 and below 1 together")
        if not 1 <= self.at_least <= 10:
            raise ValueError(f"at_least {self.at_least} must be 1 to 10")

    @property
    def rise(self) -> float:
        """What a failure adds to the score."""
        return log(self.p1 / self.p0)

    @property
    def fall(self) -> float:
        """What a device that did not fail takes from it."""
        return log((1 - self.p0) / (1 - self.p1))

    @property
    def slope(self) -> float:
        """The rate at which the score neither rises nor falls."""
        return self.fall / (self.rise + self.fall)

    def score(self, failed: int, offered: int) -> float:
        """The log likelihood ratio of p1 to p0 when `failed` of the first `offered` failed."""
        return failed * self.rise - (offered - failed) * self.fall

    def bound(self, alpha: float | None = None) -> float:
        """The score that halts; `alpha` instead of its own is a test's share of it."""
        return log(1 / (self.alpha if alpha is None else alpha))

    @property
    def from_offer(self) -> int:
        """The first offer whose failure may halt."""
        return 1


REJECTED = Guard(p0=0.05, p1=0.20)
"""Of devices that the package does not fit: a wrong choice, of which an owner bears more (rollouts 3.6.5)."""
FROM, FROM_MAX = 20, STRETCH  # offers before a share is looked at: by itself, and at the most


@dataclass(frozen=True, slots=True)
class Share:
    """A failure halts that makes the failed ones more than this `rate` of the offers up to it, once these are
    `from_offer` and `at_least` failed. How often that halts a good rollout nobody bounds.

    Guaranteed: 0 < rate < 1, 1 <= at_least <= 10, 1 <= from_offer <= FROM_MAX. Raises ValueError."""

    rate: float
    from_offer: int = FROM
    at_least: int = 2

    def __post_init__(self) -> None:
        if not (0 < self.rate < 1 and 1 <= self.at_least <= 10 and 1 <= self.from_offer <= FROM_MAX):
            raise ValueError(f"{self} is not a rate between 0 and 1 of 1 to {FROM_MAX} offers")

    @property
    def rise(self) -> float:
        """What a failure adds to the score."""
        return 1 - self.rate

    @property
    def fall(self) -> float:
        """What a device that did not fail takes from it."""
        return self.rate

    def score(self, failed: int, offered: int) -> float:
        """How many more failed than the rate allows."""
        return failed - self.rate * offered

    def bound(self, alpha: float | None = None) -> float:
        """More than none; it knows no alpha."""
        return 1e-9


@dataclass(frozen=True, slots=True)
class Watch:
    """The guard of a rollout: its test of the package, or a plain `share` in its stead, while the test says still when
    a wave has shown enough; that of `rejected` offers; what a halt does, pause or cancel; and how many minutes after
    its first offer a device that told no result counts as failed."""

    test: Guard = field(default_factory=Guard)
    rejected: Guard = REJECTED
    share: Share | None = None
    action: str = "pause"
    verdict_min: int = 1440


@dataclass(frozen=True, slots=True)
class Peak:
    """The failure of a stretch that speaks most against the package: the `failed`th, at offer number `offered`."""

    failed: int
    offered: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a guard needs of some offers in a row: how many of them failed, and the peaks. `peaks[k]` is the highest of
    those failures that have at least `k` others of the stretch before them; there are no more than can matter."""

    failed: int
    peaks: tuple[Peak, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The numbers of a look: `failed` of the first `offered` devices failed. `score` halts from `bound` on."""

    failed: int
    offered: int
    score: float
    bound: float

    @property
    def halts(self) -> bool:
        return self.score >= self.bound


def stretch_of(guard: Guard | Share, numbers: Iterable[int]) -> Stretch:
    """Of a stretch's failures their offers' numbers, each once."""
    found = [Peak(nth, number) for nth, number in enumerate(sorted(numbers), 1)]
    highest: list[Peak] = []
    for peak in reversed(found):
        if peak.offered < guard.from_offer and not highest:
            break  # none of the stretch may halt
        best = highest[-1] if highest else peak
        may_halt = peak.offered >= guard.from_offer and _height(guard, peak) >= _height(guard, best)
        highest.append(peak if may_halt else best)
    return Stretch(len(found), tuple(reversed(highest))[: guard.at_least])


def look(guard: Guard | Share, stretches: Iterable[Stretch], alpha: float | None = None) -> Evidence | None:
    """The failure that speaks most against the package of all stretches in order. None where fewer failed than the
    guard wants. `alpha` instead of the guard's own is a test's share of it."""
    bound, before, worst = guard.bound(alpha), 0, None
    for stretch in stretches:
        passed = max(0, guard.at_least - 1 - before)
        if passed < len(stretch.peaks):
            peak = stretch.peaks[passed]
            failed = before + peak.failed
            found = Evidence(failed, peak.offered, guard.score(failed, peak.offered), bound)
            if worst is None or found.score > worst.score:
                worst = found
        before += stretch.failed
    return worst


def shares(guard: Guard, strata: int) -> tuple[float, float]:
    """The part of alpha that the test of all devices has, and that of each stratum: a half, and the other half by as
    many strata as there are. With one or none the test of all has all of it, and no stratum is looked at."""
    return (guard.alpha, 0.0) if strata < 2 else (guard.alpha / 2, guard.alpha / 2 / strata)


def halts_at(guard: Guard | Share, offered: int, alpha: float | None = None) -> int:
    """The least number of failures among the first `offered` that halts."""
    bound = guard.bound(alpha)
    return max(guard.at_least, ceil((bound + offered * guard.fall) / (guard.rise + guard.fall) - 1e-12))


def is_enough(guard: Guard, failed: int, fine: int) -> bool:
    """Whether these verdicts are evidence enough that the package is good, at the end of a wave (rollouts 3.5)."""
    return guard.score(failed, failed + fine) <= log(guard.beta / (1 - guard.alpha))


def clean_needed(guard: Guard, failed: int = 0) -> int:
    """How many fine devices are enough beside so many failed ones."""
    return ceil((log((1 - guard.alpha) / guard.beta) + failed * guard.rise) / guard.fall - 1e-12)


def interval(failed: int, verdicts: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a rate, to show it; (0, 1) of nothing (rollouts 3.2)."""
    if not verdicts:
        return 0.0, 1.0
    rate, square = failed / verdicts, Z95 * Z95 / verdicts
    centre, half = rate + square / 2, Z95 * sqrt(rate * (1 - rate) / verdicts + square / verdicts / 4)
    return max(0.0, (centre - half) / (1 + square)), min(1.0, (centre + half) / (1 + square))


def failures_by_stretch(numbers: Iterable[int]) -> dict[int, list[int]]:
    """The numbers of failed offers by the stretch that they are in; offers are numbered from 1."""
    found: dict[int, list[int]] = {}
    for number in numbers:
        found.setdefault((number - 1) // STRETCH, []).append(number)
    return dict(sorted(found.items()))


def told(
    evidence: Evidence, whose: str, reasons: Sequence[tuple[str, int]], strongest: tuple[Evidence, str] | None = None,
    *, did: str = "failed",
) -> str:  # fmt: skip
    """Why a rollout is halted, as a sentence for its owner. `whose` are the devices of the test that tripped, such as
    "devices of tuya", and what they `did`; `strongest` are those that speak most against the package, where they are
    others."""
    low, high = interval(evidence.failed, evidence.offered)
    text = f"{evidence.failed} of the first {evidence.offered} {whose} {did} ({100 * low:.0f} to {100 * high:.0f} %)"
    if strongest is not None:
        most, of = strongest
        text += f", most of all {of}: {most.failed} of the first {most.offered}"
    return text + (f"; {', '.join(f'{reason} ({count})' for reason, count in reasons)}" if reasons else "")


def _height(guard: Guard | Share, peak: Peak) -> float:
    """The part of a peak's score that what is before its stretch does not change."""
    return peak.failed * (guard.rise + guard.fall) - peak.offered * guard.fall
