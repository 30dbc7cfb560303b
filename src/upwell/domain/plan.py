"""What a rollout would do, told before it exists: what is counted of its devices, and what follows from the numbers.

Holds: devices that stand alike are counted together, and of each answer a few are named; how many versions and jobs are
told apart is bounded. What follows is arithmetic: waves by their shares, time by the pace, bytes by the package, and
what a guard would need to halt, by `guard`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from fractions import Fraction
from math import ceil, log
from typing import Any

from upwell.domain.guard import Evidence, Guard, Watch, halts_at, shares
from upwell.domain.job import gray_quota
from upwell.domain.rollout import ALL, Wave, preset, sizes
from upwell.domain.stepping import ANY, Step, path
from upwell.domain.why_facts import Code

EXAMPLES = 10  # devices that are named of each
APART_MAX = 200  # versions, and jobs that devices are busy with, that are told apart
STRATA_MAX = 50  # of one job (service/upgrade/guards.py)
OUTSIDE = (
    Code.ALREADY_THERE, Code.VERSION_UNKNOWN, Code.NOT_TARGETED, Code.NEEDS_INTERMEDIATE, Code.NO_FITTING_PACKAGE,
    Code.QUEUED_BEHIND,
)  # fmt: skip
"""Who is left out; others that are counted take part, and are kept from it as they stand now."""


@dataclass(slots=True)
class Left:
    """Devices of one answer, some of them, and with which jobs they are busy."""

    n: int = 0
    examples: list[str] = field(default_factory=list)
    beside: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Found:
    """What is counted so far. `taken` are the devices that would have an open task, by `versions` and `vendors`, those
    beyond APART_MAX versions apart; Of a share of the devices `counted` are
    those that it is taken of, `drawn` those of it so far, and `share` is how many it still has room for.
    `ran_before` are those that take part and have left the version before, `named` those of each
    wave that says which devices it has."""

    looked: int = 0
    taken: int = 0
    versions: dict[str, int] = field(default_factory=dict)
    unknown_version: int = 0
    other_versions: int = 0
    vendors: dict[str, int] = field(default_factory=dict)
    strata: list[list[str]] = field(default_factory=list)
    left: dict[str, Left] = field(default_factory=dict)
    counted: int = 0
    drawn: int = 0
    share: int | None = None
    before: list[dict[str, Any]] = field(default_factory=list)
    ran_before: int = 0
    named: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, kept: dict[str, Any]) -> "Found":
        """What `kept` gave."""
        left = {code: Left(**each) for code, each in kept.get("left", {}).items()}
        return cls(**{**kept, "left": left})

    def kept(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    def leave(self, code: str, n: int, examples: Iterable[str], beside: str | None = None) -> None:
        """So many more have this answer."""
        if not n:
            return
        left = self.left.setdefault(code, Left())
        left.n += n
        left.examples += list(examples)[: EXAMPLES - len(left.examples)]
        if beside is not None and (beside in left.beside or len(left.beside) < APART_MAX):
            left.beside[beside] = left.beside.get(beside, 0) + n

    def take(self, n: int, version: str | None, vendor: str) -> None:
        """So many more would have an open task."""
        self.taken += n
        self.vendors[vendor] = self.vendors.get(vendor, 0) + n
        if version is None:
            self.unknown_version += n
        elif version in self.versions or len(self.versions) < APART_MAX:
            self.versions[version] = self.versions.get(version, 0) + n
        else:
            self.other_versions += n
        stratum = [vendor, version or ""]
        if stratum not in self.strata and len(self.strata) < APART_MAX:
            self.strata.append(stratum)

    def draw(self, percent: str) -> None:
        """All whom a share is taken of are counted."""
        self.share = gray_quota(self.counted, Decimal(percent))


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """How many of the first `offers` must fail for the guard to halt."""

    offers: int
    failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What follows from what was counted: `waves` by size; `minutes` that all offers take at the pace, with the soaks,
    None: never; `payload` are bytes; `strata` and `needs` are of the guard."""

    waves: tuple[int, ...]
    minutes: int | None
    payload: int
    strata: int
    needs: tuple[Needs, ...]


def led(found: Found, way: Mapping[str, tuple[int, str, int]], goal: str) -> tuple[int, int]:
    """How many offers and bytes it takes to lead these devices, by packages of these ids, versions and sizes."""
    steps = {runs: Step(package_id=number, version=version) for runs, (number, version, _) in way.items()}
    size_of = {number: size for number, _, size in way.values()}
    offers = payload = 0
    for version, n in (*found.versions.items(), (ANY, found.other_versions)):
        trail = path(steps, version, goal)
        offers += n * len(trail)
        payload += n * sum(size_of[step.package_id] for step in trail)
    return offers, payload


def outlook(
    found: Found, waves: str | Sequence[Wave] | None, per_min: int, size: int, watch: Watch | None,
    way: Mapping[str, tuple[int, str, int]] | None = None, goal: str = "", bytes_per_s: int | None = None,
) -> Outlook:  # fmt: skip
    """Of these devices in these waves (None: all at once); of a rollout that leads, by what way to which version. A
    wave takes as long as its offers, or as its bytes where they take longer."""
    offers, payload = (found.taken, size * found.taken) if way is None else led(found, way, goal)
    each_offered = Fraction(offers, found.taken or 1)
    shares_of = (ALL,) if waves is None else preset(waves, found.taken) if isinstance(waves, str) else tuple(waves)
    by_wave = tuple(sizes(shares_of, found.taken, {int(wave): n for wave, n in found.named.items()}))
    by_offers = None if not per_min else each_offered / per_min
    by_bytes = Fraction(payload, 60 * bytes_per_s * (found.taken or 1)) if bytes_per_s else Fraction(0)
    each_min = None if by_offers is None else max(by_offers, by_bytes)
    minutes = None if each_min is None else sum(ceil(each * each_min) for each in by_wave if each)
    soaks = sum(wave.soak_min for wave, n in list(zip(shares_of, by_wave, strict=True))[:-1] if n)
    strata = min(len(found.strata), STRATA_MAX)
    return Outlook(
        waves=by_wave, minutes=None if minutes is None else minutes + soaks, payload=payload, strata=strata,
        needs=() if watch is None else _needs(watch.test, strata, by_wave),
    )  # fmt: skip


def _needs(test: Guard, strata: int, by_wave: Sequence[int]) -> tuple[Needs, ...]:
    """Of the test of all devices, at the end of each wave and at a few numbers before."""
    alpha, targets = shares(test, strata)[0], sum(by_wave)
    ends = {sum(by_wave[: n + 1]) for n in range(len(by_wave))}
    marks = sorted(n for n in {10, 100, 1000, *ends} if 0 < n <= targets)
    return tuple(Needs(offers=n, failures=k) for n in marks if (k := halts_at(test, n, alpha)) <= n)


def replayed(test: Guard, numbers: Iterable[int]) -> Evidence | None:
    """The look at which a guard halts a rollout whose failed offers have these numbers; None: it never does."""
    for failed, number in enumerate(sorted(numbers), 1):
        if failed >= max(test.at_least, halts_at(test, number)):
            return Evidence(failed, number, test.score(failed, number), log(1 / test.alpha))
    return None
