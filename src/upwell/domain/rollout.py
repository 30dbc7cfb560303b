"""The waves of a rollout: how large they are, and when the next one opens (rollouts 3.5-3.7, laws L9, L13).

Waves are shares of a rollout's devices taken in the order of one lot and counted from its beginning: each has those
before in it, the last one all. A wave that is not empty has a device at least. The next one opens by its rule, here, or
because a person says so. No data is no evidence: it neither opens nor halts anything.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from math import ceil

from upwell.domain.guard import Guard, clean_needed, is_enough
from upwell.domain.job import gray_quota
from upwell.domain.outcomes import FEEDS
from upwell.domain.task import State

WAVES_MAX = 20
FILLING_WHOLE, FILLING, DEALING, UNDEALT, NONE = -3, -2, -1, 32_767, -1
"""Of a job's open wave: its tasks are being made, of its only wave or to be dealt to several, or are being dealt. Of a
task's: it is not dealt yet, or in none, for it had ended when it was made. Waves are numbered from 1; a job without
waves has 0 in both."""
HEARD = Decimal("0.9")  # rollouts 3.7: this share of the reached devices of a wave has a verdict before the next opens
TOLD = frozenset({State.NOTIFIED, State.IN_PROGRESS})
SMALL = 5  # rollouts 3.7: of so few devices one that fails wants a person


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """A share of the devices: so many, or so many in a hundred, rounded down; not fewer than `at_least` nor more than
    `at_most`. Or those of a group, with a tag (key and value), or of these names, as far as no such wave before has
    them. The next wave waits `soak_min` minutes once this one has its verdicts."""

    count: int | None = None
    percent: Decimal | None = None
    at_least: int = 1
    at_most: int | None = None
    soak_min: int = 0
    group_id: int | None = None
    tag: tuple[str, str] | None = None
    devices: tuple[str, ...] = ()

    @property
    def is_named(self) -> bool:
        """Whether it says which devices, and not how many."""
        return self.group_id is not None or self.tag is not None or bool(self.devices)

    def reach(self, targets: int) -> int:
        """How many of the devices it has, those of the waves before among them."""
        if self.percent == 100:
            return targets
        wanted = self.count or 0 if self.percent is None else gray_quota(targets, self.percent)
        return max(self.at_least, wanted if self.at_most is None else min(wanted, self.at_most))


ALL = Wave(percent=Decimal(100))
PRESETS = ("careful", "fast", "all_at_once")
FEW = 50  # devices: of fewer the shares of `careful` are others


def preset(name: str, targets: int) -> tuple[Wave, ...]:
    """The waves of that name for so many devices (rollouts 3.7)."""
    one, ten, twenty, half = Decimal(1), Decimal(10), Decimal(20), Decimal(50)
    careful = (Wave(percent=one, at_least=5, at_most=50, soak_min=60), Wave(percent=ten), Wave(percent=half), ALL)
    few = (Wave(count=1, soak_min=60), Wave(percent=twenty), ALL)
    return {"careful": few if targets < FEW else careful, "fast": (Wave(percent=ten), ALL), "all_at_once": (ALL,)}[name]


def is_whole(waves: str | Sequence[Wave]) -> bool:
    """Whether these are one wave that has all devices."""
    return waves == "all_at_once" if isinstance(waves, str) else tuple(waves) == (ALL,)


def problem(waves: Sequence[Wave]) -> tuple[int, str] | None:
    """What is wrong with waves that an owner says, and with which of them: each share must be more than the one before,
    and the last all."""
    former: Wave | None = None
    for place, wave in enumerate(waves):
        if wave.is_named:
            continue
        if wave.percent is not None and former and former.percent is not None and wave.percent <= former.percent:
            return place, f"more than the {former.percent:f} percent of the wave before"
        if wave.count is not None and former and former.count is not None and wave.count <= former.count:
            return place, f"more than the {former.count} devices of the wave before"
        if wave.at_most is not None and wave.at_most < wave.at_least:
            return place, "at_most not below at_least"
        former = wave
    return None if waves and waves[-1] == ALL else (len(waves) - 1, "percent 100 alone in the last wave")


def sizes(waves: Sequence[Wave], targets: int, named: Mapping[int, int] | None = None) -> list[int]:
    """How many devices each wave has beside those of the waves before; `named` have those that say which, by number.
    They are exact and sum to the targets; only where there are more waves than devices the last ones have none. A share
    counts those of all waves before, and is taken of the devices that no wave names, as far as there are any."""
    counts = named or {}
    found, passed, rest = [], 0, targets - sum(counts.values())
    for number, wave in enumerate(waves, 1):
        reach = min(targets, max(passed + 1, wave.reach(targets)))
        size = counts.get(number, 0) if wave.is_named else min(reach - passed, rest)
        rest -= 0 if wave.is_named else size
        found.append(size)
        passed += size
    return found


def wave_of(place: int, by_wave: Sequence[int]) -> int:
    """The number of the wave that has the device at this place of the lot, the first being 1."""
    for number, size in enumerate(by_wave, 1):
        if place <= size:
            return number
        place -= size
    return len(by_wave)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is known of a wave's devices: which have a verdict, `open` others, how many of these have not been connected
    and asked for nothing since it opened, and how many were `told` and are at it. Of those that failed some have been
    `silent` for too long, or `rolled_back` to the version of before: these may tell a result still. What is `rejected`,
    `postponed` or `already_there` is evidence of nothing (rollouts 3.6.5), and devices whose tasks were cancelled are
    none of it."""

    fine: int = 0
    failed: int = 0
    open: int = 0
    unreached: int = 0
    told: int = 0
    silent: int = 0
    rolled_back: int = 0
    rejected: int = 0
    postponed: int = 0
    already_there: int = 0

    @classmethod
    def of(cls, counted: Mapping[tuple[str, str], int]) -> "Seen":
        """Of devices that are counted by the state of their task and its outcome (domain/outcomes.py); none is known to
        be unreached."""
        found: Counter[str] = Counter()
        for (state, outcome), n in counted.items():
            for name in _counted_as(state, outcome):
                found[name] += n
        return cls(**found)

    @property
    def reached(self) -> int:
        return max(0, self.fine + self.failed + self.open - self.unreached)

    @property
    def verdicts(self) -> int:
        return self.fine + self.failed


def _counted_as(state: str, outcome: str) -> tuple[str, ...]:
    apart = (outcome,) if outcome else ()
    match state:
        case State.CANCELED:
            return ()
        case State.SUCCEEDED:
            return apart or ("fine",)
        case State.FAILED:
            return ("failed", *apart) if not outcome or outcome in FEEDS else apart
        case _:
            return ("failed", *apart) if outcome in FEEDS else ("open", "told") if state in TOLD else ("open",)


class Result(StrEnum):
    """Of a wave: the evidence is enough, or can never be and nothing speaks against going on."""

    GO = "go"
    INCONCLUSIVE = "inconclusive"


class Lacks(StrEnum):
    """What the next wave still waits for."""

    REACHED = "reached"  # no device was reached yet
    VERDICTS = "verdicts"
    EVIDENCE = "evidence"  # more devices that come through fine
    PERSON = "person"  # who promotes: no more evidence can come, or a small wave has a failure
    SOAK = "soak"


STALLING = frozenset({Lacks.REACHED, Lacks.VERDICTS, Lacks.EVIDENCE})  # what devices are to bring
STALLS_AFTER = timedelta(days=1)  # without a verdict: the usual time in which each device has one


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a wave has come to: its `result`, once it has one, and what the next wave still waits for, None when it may
    open: `more` devices, or until a time."""

    result: Result | None = None
    lacks: Lacks | None = None
    more: int = 0
    until: datetime | None = None


def judge(seen: Seen, guard: Guard, soak: timedelta, ready_at: datetime | None, now: datetime) -> Judgement:
    """Whether the wave behind one of which so much is known may open. `ready_at`: since when nothing but the soak has
    been waited for; None: it would begin now."""
    if seen.reached == 0:
        return Judgement(lacks=Lacks.REACHED)
    more = ceil(HEARD * seen.reached) - seen.verdicts
    if more > 0:
        return Judgement(lacks=Lacks.VERDICTS, more=more)
    if seen.failed and seen.fine + seen.failed + seen.open <= SMALL:
        return Judgement(lacks=Lacks.PERSON)
    if is_enough(guard, seen.failed, seen.fine):
        result = Result.GO
    elif not seen.failed and seen.reached < clean_needed(guard):
        result = Result.INCONCLUSIVE
    else:
        more = clean_needed(guard, seen.failed) - seen.fine
        reachable = more <= seen.reached - seen.verdicts
        return Judgement(lacks=Lacks.EVIDENCE, more=more) if reachable else Judgement(lacks=Lacks.PERSON)
    until = (ready_at or now) + soak
    return Judgement(result=result, lacks=Lacks.SOAK if until > now else None, until=until)


def told(judgement: Judgement, number: int) -> str:
    """What happens next, as a sentence for the owner; `number` is the next wave's."""
    before, more = f"Wave {number} opens when", judgement.more
    match judgement.lacks:
        case Lacks.REACHED:
            return f"{before} devices of wave {number - 1} have been reached and have a verdict; none was yet."
        case Lacks.VERDICTS:
            return f"{before} {more} more of wave {number - 1} {'has' if more == 1 else 'have'} a verdict."
        case Lacks.EVIDENCE:
            return f"{before} {more} more of wave {number - 1} {'is' if more == 1 else 'are'} fine."
        case Lacks.PERSON:
            return f"{before} a person promotes the rollout: wave {number - 1} can't show by itself that it is fine."
        case Lacks.SOAK:
            return f"{before} the soak of wave {number - 1} is over, at {judgement.until:%Y-%m-%dT%H:%M:%SZ}."
    return f"Wave {number} opens now."
