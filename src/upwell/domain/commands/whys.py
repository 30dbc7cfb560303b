"""Why devices are not updated: what may be asked, and what is told (domain/why.py)."""

from dataclasses import dataclass
from datetime import datetime

from upwell.domain.commands.shared import DeviceKey


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyCheck:
    """A check that was asked: with `code` its answer is no. `fact` is a sentence, `at` since or until when it is so."""

    name: str
    question: str
    code: str | None
    fact: str
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """Why a device is not updated by a job, None: none is for it. `code` is of the first check whose answer is no, or
    says that it is told now; `does` is the next step, at `at` where a clock knows that. `asked_at` is of when all this
    was read, in one snapshot. `steps` are the versions by which the device is led from what it runs now."""

    device: str
    job_id: int | None
    code: str
    does: str
    at: datetime | None
    checks: tuple[WhyCheck, ...]
    asked_at: datetime
    steps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainDevice:
    """→ Why, of the device in a job, or in the job of a package that has it or may have it."""

    device: DeviceKey
    job_id: int | None = None
    package_id: int | None = None
