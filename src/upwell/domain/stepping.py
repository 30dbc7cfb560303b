"""Stepping stones: by which packages devices are led to one that may follow some versions only (ADR 0048).

A package that leads says which versions it may follow; a device that runs another is brought to one of these first, by
another package of the module, and so on. A way is the next package for each version, found once, backwards from the
goal: the shortest, at most STEPS_MAX packages. The version ANY stands for those that are not named; one that nobody
knows has no way. Packages that lead in a circle are refused, since whoever runs none of the circle's versions
could never come in.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

STEPS_MAX = 16  # packages of one path; more is a mistake, and each is a download and a restart
VERSIONS_MAX = 1000  # of one way: named versions from which it leads
ANY = ""  # no version is empty
NO_WAY = "needs_intermediate"  # the reason of a task whose device went to a version from which nothing leads


@dataclass(frozen=True, slots=True, kw_only=True)
class Stone:
    """A package, with the versions that it may follow; none: any."""

    package_id: int
    version: str
    follows: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The package that a device gets next, and the version that it brings."""

    package_id: int
    version: str


Way = Mapping[str, Step]


def find(goal: Stone, stones: Iterable[Stone]) -> dict[str, Step]:
    """The way to `goal` by these packages. Of several next ones the first in the order given is taken, one for
    just that version before one for any."""
    by_version: dict[str, list[Stone]] = {}
    for stone in stones:
        by_version.setdefault(stone.version, []).append(stone)
    way: dict[str, Step] = {}
    level = [goal]
    for _ in range(STEPS_MAX):
        reached = _reached(level, way, goal.version)
        way |= reached
        if ANY in way or not reached:
            break
        level = [stone for version in reached for stone in by_version.get(version, ())]
    return dict(list(way.items())[:VERSIONS_MAX])


def _reached(level: Sequence[Stone], way: Way, goal: str) -> dict[str, Step]:
    """The versions from which these packages lead on, of those that had no way yet."""
    found: dict[str, Step] = {}
    for stone in level:
        for version in sorted(stone.follows) or [ANY]:
            if version not in way and version != goal:
                found.setdefault(version, Step(package_id=stone.package_id, version=stone.version))
    return found


def next_step(way: Way, version: str | None) -> Step | None:
    """The package for a device that runs this; None: there is no way."""
    return None if version is None else way.get(version, way.get(ANY))


def path(way: Way, version: str | None, goal: str) -> tuple[Step, ...]:
    """All packages from this version to the goal, in their order; none: there is no way, or it is there."""
    steps: list[Step] = []
    while version != goal and len(steps) < STEPS_MAX:
        step = next_step(way, version)
        if step is None:
            return ()
        steps.append(step)
        version = step.version
    return tuple(steps)


def is_nearer(way: Way, after: str, before: str | None, goal: str) -> bool:
    """Whether from `after` fewer packages are left than from `before`, where that is known."""
    left, former = path(way, after, goal), path(way, before, goal)
    return bool(left) and before is not None and (not former or len(left) < len(former))


def circle(version: str, follows: Sequence[str], leading: Iterable[Stone]) -> tuple[str, ...]:
    """The versions by which a new package that leads, of `version`, would be led to itself by those that lead already;
    none: there is no circle."""
    after: dict[str, set[str]] = {}
    for stone in leading:
        after.setdefault(stone.version, set()).update(stone.follows)
    trails: list[tuple[str, ...]] = [(version, each) for each in follows]
    seen = set(follows)
    while trails:
        trail = trails.pop(0)
        if trail[-1] == version:
            return trail
        for each in sorted(after.get(trail[-1], set()) - (seen - {version})):
            seen.add(each)
            trails.append((*trail, each))
    return ()
