"""What is counted of many devices: why those of a job are not updated, and what a job would do before it is made."""

from dataclasses import dataclass
from datetime import datetime

from upwell.domain.commands.jobs import CreateJob


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """How many devices have the same answer `code`, the next step, some of them, and of those that are busy with other
    jobs with which, the most first. `takes_part`: of a plan, whether they would have an open task."""

    code: str
    count: int
    does: str
    examples: tuple[str, ...]
    beside: tuple[tuple[int, int], ...] = ()
    takes_part: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasons:
    """Why devices of a job are not updated, the most first. `status` is running, done, or failed for `problem`; until
    it is done the counts are of the `looked` tasks that were read so far."""

    job_id: int
    status: str
    problem: str | None
    looked: int
    updated: int
    not_updated: int
    reasons: tuple[Answered, ...]
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowReasons:
    """→ Reasons of a job; asking begins to count where no count is young."""

    job_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What the guard would have made of the failures of a job before: at which of its `offers` it halts, by how many
    failures; None: never."""

    job_id: int
    offers: int
    failed: int
    halts_at: int | None
    halts_by: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a job would do. `status` as of Reasons. Of `looked` devices `taken` would have an open task, by version
    (None: not known; the empty text: others) with the versions that it is led by, and by vendor; `answers` are the
    others, and those that take part and are kept from it as they stand now; `ran_before` those that take part and have
    left the version before; `wants_approval` whether the job would wait for a person. `minutes` None: never, at this
    pace."""

    plan_id: int
    product_key: str
    package_id: int
    status: str
    problem: str | None
    looked: int
    taken: int
    versions: tuple[tuple[str | None, int, tuple[str, ...]], ...]
    vendors: tuple[tuple[str, int], ...]
    answers: tuple[Answered, ...]
    waves: tuple[int, ...]
    minutes: int | None
    payload: int
    needs: tuple[tuple[int, int], ...]
    before: tuple[Replayed, ...]
    ran_before: int
    wants_approval: bool
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatePlan:
    """→ Plan of a job that is not made. Devices that are away for more than `away_days` are told apart. The plan that
    it is asked for `instead_of` is counted no further, if it still is."""

    job: CreateJob
    away_days: int = 30
    instead_of: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowPlan:
    """→ Plan."""

    plan_id: int
