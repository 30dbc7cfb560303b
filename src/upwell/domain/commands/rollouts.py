"""Careful rollouts: what may be asked of a job beside what becomes of its tasks, and what is told of it (ADR 0039)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from upwell.domain.approval import Approval, Stands
from upwell.domain.commands.lists import Slice
from upwell.domain.guard import Watch
from upwell.domain.hours import Hours
from upwell.domain.pace import Pace
from upwell.domain.rollout import Seen, Wave
from upwell.domain.setbacks import Setback

# --- views ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Since when a job is paused, by which key or by what of Upwell's own, and why."""

    at: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Care:
    """How carefully a job goes about its devices: in `waves`, or in those of a `preset` (domain/rollout.py). With
    `same_first` the same devices come first in every such job, else each job draws its own lot. A `guard` halts it.
    With an `approval` it may want one before it begins. Outside of its `hours` nothing is offered.
    How fast it goes beside its maximum is its `pace`. Of defaults alone, of no job: when devices are `set_aside`."""

    preset: str = ""
    waves: tuple[Wave, ...] = ()
    same_first: bool = False
    guard: Watch | None = None
    approval: Approval | None = None
    hours: Hours | None = None
    pace: Pace | None = None
    set_aside: Setback | None = None

    @property
    def has_waves(self) -> bool:
        """Whether anything is said of waves or of a guard."""
        return bool(self.preset or self.waves) or self.guard is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """How the approval of a job stands that wants one: since when it is asked for, of which `revision` of the job, who
    made that, and how it was decided, by whom."""

    stands: Stands
    revision: int
    makers: tuple[str, ...]
    asked_at: datetime
    decided_at: datetime | None = None
    decided_by: str = ""
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobHours:
    """The hours of a job: when they close, where they are open now, and when they open next."""

    hours: Hours
    closes_at: datetime | None
    opens_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPace:
    """The pace of a job: how many a minute it was at its last offer, where it grows, and how many devices are at work,
    where that has a limit; these may have ended a moment ago."""

    pace: Pace
    per_min: int | None
    running: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutDefaults:
    """How carefully an account's jobs go about their devices where neither they nor their products say; None: as any
    job."""

    care: Care | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobWave:
    """A wave as it stands: `size` is how many devices it was dealt; `seen` is told where it was asked for."""

    wave: int
    size: int
    soak_min: int
    opened_at: datetime | None = None
    opened_by: str = ""
    seen: Seen | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """What the guard of a job has seen since it began, or since a person had it go on after a halt: so many devices
    were offered it, and `failed` of them. With `halts_at` failures among these offers it halts, or before. The rate of
    failures is between `low` and `high`, at 95 %."""

    offered: int
    failed: int
    halts_at: int
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided of a job, by a key or by `upwell`, and with which numbers; `nth` is its place among those of the
    job, from 1."""

    nth: int
    at: datetime
    what: str
    wave: int | None
    by: str
    result: str
    reason: str
    numbers: Mapping[str, object]


# --- commands ---


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseJob:
    """→ Job. No offer of it is sent any more when this returns; what its devices were told goes on. One that is paused
    stays as it is."""

    job_id: int
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeJob:
    """→ Job. It goes on where it was; of one that is not paused nothing changes."""

    job_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproveJob:
    """→ Job. It begins, or goes on as it was changed, if its time has come. `revision` is the one that is meant: one
    that was changed meanwhile is refused."""

    job_id: int
    remark: str = ""
    revision: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefuseJob:
    """→ Job. It is over: one that has not begun does not, of one that has the open tasks are cancelled."""

    job_id: int
    remark: str
    revision: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowRolloutDefaults:
    """→ RolloutDefaults of the account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRolloutDefaults:
    """→ RolloutDefaults. They are in place of those of before; None takes them away."""

    care: Care | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PromoteJob:
    """→ Job. Its next wave opens now; or with `skip_soak` without the soak of the one before, once its rule is
    satisfied. `wave` is the one that is meant; one that is open already is nothing to do."""

    job_id: int
    wave: int | None = None
    skip_soak: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDecisions:
    """→ Page[Decision] of a job, newest first."""

    job_id: int
    asked: Slice
