"""Jobs that ask a device for its version before they offer: what may be asked of them, and what is told.

Their words are those of `domain.standings`: Standing for a task, Progress for the job.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from upwell.domain.commands.scans import Scanned, Window
from upwell.domain.standings import Progress, Standing, Tally

TARGETS_MAX = 30_000  # devices that one batch may name

# --- views ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One request to bring devices to a package. `part` is firmware, software or module; `targets` are public ids;
    `retry_interval_min` None means no retry; `facts` is what a dialect keeps of it and the core never reads; `reason`
    is a sentence for why its tasks failed, what they wait for, or why there are none, where that is of the batch as a
    whole."""

    job_id: int
    name: str
    part: str
    package_ids: tuple[int, ...]
    targets: tuple[str, ...]
    group_ids: tuple[int, ...]
    need_confirm: bool | None
    by_gateway: bool
    ext_info: Mapping[str, object] | None
    scheduled_at: datetime | None
    retry_count: int | None
    retry_interval_min: int | None
    facts: Mapping[str, object]
    progress: Progress
    reason: str
    tally: Tally
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchTask:
    """One device in a batch. `output` is what the device said last, or why it waits for its package; `reason` is a
    stable word for a failure, and `code` the number that the device gave for it."""

    public_id: str
    standing: Standing
    output: str
    reason: str
    code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchShown:
    """A batch and some of its tasks."""

    batch: Batch
    tasks: Scanned[BatchTask]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetResult:
    """What came of a request for one device of a batch; `reason` is empty when it was done."""

    public_id: str
    reason: str = ""


# --- commands ---


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateBatch:
    """→ Batch. Its devices are `targets` by public id, or else the members of `group_ids` when it starts. A target that
    is no device fails by itself. The packages are all for `part`; a device gets the one that its version may follow.
    With `need_confirm` every task waits for ConfirmBatch. `scheduled_at` is at most `schedule_days_max` days ahead."""

    name: str
    part: str
    package_ids: tuple[int, ...]
    space: str | None = None
    targets: tuple[str, ...] = ()
    group_ids: tuple[int, ...] = ()
    need_confirm: bool | None = None
    by_gateway: bool = False
    ext_info: Mapping[str, object] | None = None
    scheduled_at: datetime | None = None
    schedule_days_max: int = 7
    retry_count: int | None = None
    retry_interval_min: int | None = None
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanBatches:
    """→ Scanned[Batch]. Together they tell at most TARGETS_MAX targets: a batch whose own do not fit any more, after
    those of newer ones, tells none; ShowBatch does."""

    window: Window
    part: str
    space: str | None = None
    progress: Progress | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowBatch:
    """→ BatchShown. The window and the filters are of its tasks."""

    job_id: int
    window: Window
    standing: Standing | None = None
    target: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StopBatch:
    """→ tuple[TargetResult, ...]. Stops these devices, or all that run or wait."""

    job_id: int
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryBatch:
    """→ tuple[TargetResult, ...]. Runs these devices again, or all that failed, wait for a retry or were stopped."""

    job_id: int
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmBatch:
    """→ tuple[TargetResult, ...]. Lets these devices go on, or all that wait."""

    job_id: int
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteBatch:
    """→ Done. Only of one that has ended."""

    job_id: int
