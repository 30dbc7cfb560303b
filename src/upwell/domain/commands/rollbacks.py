"""Devices brought back to the versions that a job took them from (ADR 0046)."""

from dataclasses import dataclass
from datetime import datetime

from upwell.domain.rollback import Hindrance

# --- views ---


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackPart:
    """Devices that came from one version, empty where it is unknown: so many succeeded. They are brought back by the
    package `back_id`, unless something stands in the way; `back_job` is the job that does it."""

    module: str
    version: str
    source_version: str
    devices: int
    back_id: int | None = None
    hindrance: Hindrance | None = None
    back_job: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """What undoing a job means: the devices that it succeeded on by `asked_at`. While `is_counted` is false there may
    be more. `devices` can be brought back; `started_at` is when that was asked for."""

    job_id: int
    asked_by: str
    asked_at: datetime
    is_counted: bool
    started_at: datetime | None
    devices: int
    parts: tuple[RollbackPart, ...]


# --- commands ---


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRollback:
    """→ Rollback. Counts anew what undoing a job means, of which nothing is made yet."""

    job_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowRollback:
    """→ Rollback, as it was counted last."""

    job_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRollback:
    """→ Rollback. Makes a job for each version that devices can be brought back to; `devices` is how many the caller
    means, which must be as many as the rollback tells. A standing rule ends before."""

    job_id: int
    devices: int
    reason: str = ""
