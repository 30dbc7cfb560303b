"""Who moves a task next, and when: of every open task there is an answer, also where no clock runs.

TURNS are read from the top; the first that holds answers. A turn says who acts, what they do, and when: at a time, or
on an occasion that no clock knows, such as the device connecting. `ends_at` is when Upwell ends the task or its wait
whatever the others do; None says that nothing ever will but the ones named, so its owner may have to.
Source: alibaba 7.2-7.5, huawei 6.1, ADR 0014.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from upwell.domain.awaiting import OFFERS, UNOFFERED, Awaits
from upwell.domain.task import State


class Mover(StrEnum):
    """Who acts."""

    OWNER = "owner"
    DEVICE = "device"
    UPWELL = "upwell"


class Occasion(StrEnum):
    """When that is, where no clock knows."""

    CONFIRMS = "when the owner does"
    CONNECTS = "when the device connects"
    ASKS = "when the device asks"
    REPORTS = "when the device reports"
    READ = "when the object is read"
    FOUND = "within seconds"
    OPENS = "when the wave before has its verdicts, or the owner says so"


When = datetime | Occasion


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What decides it. `awaiting`, `due_at` and `timeout_at` are the task's; `offered`: in the present attempt;
    `online`: its device is connected; `package` stands as an offer would find it, lost means that its object is gone,
    or another than it should be; `fits`: the device runs what the package may follow; `held`: the job's pace is 0;
    `kept`: the job is paused, or the task's wave has not opened; `finish_at` is when the job's time is over."""

    state: State
    need_push: bool
    online: bool
    awaiting: Awaits = Awaits.NOTHING
    offered: bool = False
    due_at: datetime | None = None
    timeout_at: datetime | None = None
    package: Literal["ok", "checking", "lost", "deleted"] = "ok"
    fits: bool = True
    enabled: bool = True
    held: bool = False
    kept: Literal["", "paused", "shut"] = ""
    finish_at: datetime | None = None

    @property
    def asks_first(self) -> bool:
        """Whether what is due for it is a question: it may be asked whatever its device runs."""
        return self.awaiting not in OFFERS

    @property
    def needs_offer(self) -> bool:
        """Whether it moves by an offer: it has none, or one is to be repeated."""
        if self.asks_first:
            return False
        unoffered = self.state is State.QUEUED and not self.offered
        return self.awaiting in (Awaits.OFFER, Awaits.AGAIN) or self.due_at is not None or unoffered

    @property
    def needs_word(self) -> bool:
        """Whether it moves by what Upwell says next, an offer or a question."""
        return self.needs_offer or (self.asks_first and self.due_at is not None)

    @property
    def waits_for_object(self) -> bool:
        """Whether it can't go on without the package's object (domain/fault.py)."""
        if self.state is State.CONFIRM:
            return True
        unasked = self.awaiting in UNOFFERED
        unoffered = self.state is State.QUEUED and (not self.offered or unasked)
        return unoffered or (
            self.online and self.due_at is not None and self.awaiting in (Awaits.NOTHING, Awaits.AGAIN)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What happens next to a task."""

    who: Mover
    does: str
    when: When
    ends_at: datetime | None

    def __str__(self) -> str:
        """For a person."""
        return f"{self.who}: {self.does}, {_told(self.when)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One line of the table: in words, whom it is about, and who does what when. `when` may be a time of the task."""

    words: str
    holds: Callable[[Facts, datetime], bool]
    who: Mover
    does: str
    when: Occasion | Callable[[Facts], datetime | None]


def _due(facts: Facts) -> datetime | None:
    return facts.due_at


def _later(facts: Facts, now: datetime) -> bool:
    return facts.due_at is not None and facts.due_at > now


_BEFORE = (Awaits.ONLINE, Awaits.ANSWER)
_ASKED = (Awaits.ANSWER, Awaits.ARRIVAL)

TURNS = (
    Turn(
        words="it needs the package, whose object is gone or another",
        holds=lambda f, now: f.package == "lost" and f.waits_for_object,
        who=Mover.UPWELL, does="ends it, with that reason", when=Occasion.FOUND,
    ),
    Turn(
        words="it waits for confirmation", holds=lambda f, now: f.state is State.CONFIRM,
        who=Mover.OWNER, does="confirms or cancels it", when=Occasion.CONFIRMS,
    ),
    Turn(
        words="its device is disabled", holds=lambda f, now: not f.enabled,
        who=Mover.OWNER, does="enables the device or cancels it", when=Occasion.CONFIRMS,
    ),
    Turn(
        words="it needs an offer, and the package is deleted",
        holds=lambda f, now: f.needs_offer and f.package == "deleted",
        who=Mover.OWNER, does="cancels it", when=Occasion.CONFIRMS,
    ),
    Turn(
        words="it needs an offer or question, and the job's pace is 0 a minute",
        holds=lambda f, now: f.held and f.needs_word,
        who=Mover.OWNER, does="gives the job a pace or cancels it", when=Occasion.CONFIRMS,
    ),
    Turn(
        words="it needs an offer or question, and the job is paused",
        holds=lambda f, now: f.kept == "paused" and f.needs_word,
        who=Mover.OWNER, does="resumes the job or cancels it", when=Occasion.CONFIRMS,
    ),
    Turn(
        words="it needs an offer or question, and its wave has not opened",
        holds=lambda f, now: f.kept == "shut" and (f.needs_word or f.awaiting is Awaits.ONLINE),
        who=Mover.UPWELL, does="opens the wave", when=Occasion.OPENS,
    ),
    Turn(
        words="it needs the package, whose object is being read",
        holds=lambda f, now: f.package == "checking" and (f.needs_offer or f.awaiting in _BEFORE),
        who=Mover.UPWELL, does="compares the object", when=Occasion.READ,
    ),
    Turn(
        words="its device is away",
        holds=lambda f, now: not f.online,
        who=Mover.DEVICE, does="comes back, and is asked or offered, asks or reports", when=Occasion.CONNECTS,
    ),
    Turn(
        words="it needs an offer, and the device runs what the package may not follow",
        holds=lambda f, now: f.needs_offer and not f.fits,
        who=Mover.DEVICE, does="reports a version that fits, or another", when=Occasion.REPORTS,
    ),
    Turn(
        words="its version question is out", holds=lambda f, now: f.awaiting in _ASKED and f.due_at is None,
        who=Mover.DEVICE, does="answers with its version", when=Occasion.REPORTS,
    ),
    Turn(
        words="a question is due", holds=lambda f, now: f.asks_first and f.due_at is not None,
        who=Mover.UPWELL, does="asks for the version", when=_due,
    ),
    Turn(
        words="an offer is due, now or after a retry's wait", holds=lambda f, now: f.need_push and f.due_at is not None,
        who=Mover.UPWELL, does="offers", when=_due,
    ),
    Turn(
        words="a retry waits, and the job does not push", holds=lambda f, now: not f.need_push and _later(f, now),
        who=Mover.DEVICE, does="asks, but is told nothing before", when=_due,
    ),
    Turn(
        words="it needs an offer, and the job does not push", holds=lambda f, now: not f.need_push and f.needs_offer,
        who=Mover.DEVICE, does="asks and is offered", when=Occasion.ASKS,
    ),
    Turn(
        words="it was never offered on this connection",
        holds=lambda f, now: f.needs_offer or f.awaiting is Awaits.ONLINE,
        who=Mover.DEVICE, does="reports its version or connects anew, and is asked or offered", when=Occasion.REPORTS,
    ),
    Turn(
        words="it was offered", holds=lambda f, now: f.state is State.QUEUED,
        who=Mover.DEVICE, does="acknowledges the offer or reports", when=Occasion.REPORTS,
    ),
    Turn(
        words="the offer was acknowledged", holds=lambda f, now: f.state is State.NOTIFIED,
        who=Mover.DEVICE, does="reports progress, a failure or its version", when=Occasion.REPORTS,
    ),
    Turn(
        words="it is under way", holds=lambda f, now: f.state is State.IN_PROGRESS,
        who=Mover.DEVICE, does="reports progress, a failure or its version", when=Occasion.REPORTS,
    ),
)  # fmt: skip


def next_move(facts: Facts, now: datetime) -> Move:
    """Who moves an open task next, and when. Raises LookupError when no turn says so, which no open task may meet."""
    for turn in TURNS:
        if turn.holds(facts, now):
            when = turn.when if isinstance(turn.when, Occasion) else turn.when(facts)
            if when is not None:
                return Move(who=turn.who, does=turn.does, when=when, ends_at=ends_at(facts))
    raise LookupError(f"nobody moves {facts}")


def ends_at(facts: Facts) -> datetime | None:
    """When Upwell ends the task or its present wait by itself: its clock, or its job's hours; the earlier of them."""
    clocks = (facts.timeout_at if facts.state is not State.CONFIRM else None, facts.finish_at)
    return min((clock for clock in clocks if clock is not None), default=None)


def _told(when: When) -> str:
    return str(when) if isinstance(when, Occasion) else f"at {when:%Y-%m-%dT%H:%M:%SZ}"
