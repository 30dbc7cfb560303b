"""Which stored tasks of a job stand as is asked for, with the halts seen that they are still to follow.

A task that a pending halt covers stands as a cancelled one, whatever its row says. A way is a state in which a task is
stored, how many acts of its job it has passed, and what tells its standing beside the state; ways do not overlap.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import product

from upwell.domain.acts import Act, What
from upwell.domain.standings import Standing, standing
from upwell.domain.task import State

ANY_MARKS = 0xFF
_MARKS = tuple(product((False, True), repeat=3))  # asked, again, gone, in the order of their bits


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Tasks stored in `state` that have passed from `low` acts on, and fewer than `high` if that is given; of `marks`,
    bit 4·asked + 2·again + gone says whether such ones are meant."""

    state: State
    low: int = 0
    high: int | None = None
    marks: int = ANY_MARKS

    @property
    def is_whole(self) -> bool:
        """Whether every task in the state is meant."""
        return self.low == 0 and self.high is None and self.marks == ANY_MARKS


def ways_of(states: Iterable[State], wanted: Standing | None, acts: Iterable[Act]) -> tuple[Way, ...]:
    """The ways in which tasks are stored that stand in one of these states (none: in any), and so if a standing is
    wanted, while these acts are pending."""
    among = frozenset(states) or frozenset(State)
    covered = _covered(acts)
    found = []
    for state in State:
        if state in among and (marks := _marks(state, wanted)):
            found.append(Way(state=state, low=covered.get(state, 0), marks=marks))
    if State.CANCELED in among and _stands(State.CANCELED, wanted)(False, False, False):
        found += [Way(state=state, high=high) for state, high in covered.items()]
    return tuple(found)


def _covered(acts: Iterable[Act]) -> dict[State, int]:
    """By state below how many acts passed a task is covered by a halt."""
    covered: dict[State, int] = {}
    for act in acts:
        if act.what is What.HALT:
            covered |= {state: max(act.nth, covered.get(state, 0)) for state in act.states}
    return covered


def _marks(state: State, wanted: Standing | None) -> int:
    stands = _stands(state, wanted)
    return sum(1 << place for place, marks in enumerate(_MARKS) if stands(*marks))


def _stands(state: State, wanted: Standing | None) -> Callable[[bool, bool, bool], bool]:
    return lambda asked, again, gone: (
        wanted is None or standing(state, asked=asked, retry_waits=again, gone=gone) is wanted
    )
