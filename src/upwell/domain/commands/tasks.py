"""Tasks: what may be asked of them, and what is told.

A job that asks devices for their version is steered target by target: what may be asked of it when is
`domain.standings.ASKS`, and each named target is told apart. A command says `asking` when it means such jobs alone: any
other is not found. Without it a command is done to all that it names, or to none (alibaba 2.5).
"""

from dataclasses import dataclass
from datetime import datetime

from upwell.domain.commands.lists import Slice
from upwell.domain.commands.shared import OPEN_STATES, DeviceKey
from upwell.domain.standings import Standing
from upwell.domain.talk import TaskRef

# --- views ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One device in one job. `source_version` None: it never reported one; `progress` is 0..100 percent; `timeout_min`
    is its job's; `product_key` and `product_name` are those of the job; `description` is what the device said last, or
    why it waits for its package; `reason` is a stable word for a failure, `code` the number that the device gave for
    it; `wave` is none below 1, and while it is not dealt (domain/rollout.py). A target that is no device has its
    `public_id` alone."""

    ref: TaskRef
    package_id: int
    product_key: str
    product_name: str
    device_name: str | None
    iot_id: str | None
    public_id: str
    module: str
    source_version: str | None
    dest_version: str
    state: str
    standing: Standing
    description: str
    reason: str
    code: int | None
    progress: int
    timeout_min: int | None
    created_at: datetime
    modified_at: datetime
    wave: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedTask:
    """One of those that failed alike: when, and what its device said last."""

    public_id: str
    at: datetime
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """How many tasks of a job failed alike, and a few of them, the last to fail first. An empty text is unknown or
    none; without a `reason` they are all that were not told apart. `kind` is their number (domain/failing.py)."""

    reason: str
    code: int | None
    module: str
    source_version: str
    vendor: str
    count: int
    examples: tuple[FailedTask, ...]
    kind: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetResult:
    """What came of a request for one target; `reason` is empty when it was done."""

    public_id: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Steered:
    """How many tasks were changed, and what came of each named target of a job that asks."""

    changed: int = 0
    targets: tuple[TargetResult, ...] = ()


# --- commands ---


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTasks:
    """→ Page[Task] of a job, or of a device. An empty `states` means every state, `module` None every module, no
    `device_names` (of the job's product) and no `targets` (public ids) every device. With `asking` from new to old, by
    record; else in a stable order, and of devices alone unless `strays`, targets that are no device, are wanted too.
    `after` is the task that the page before ended with, at the same cost at any depth; of a job in `asked.order` by
    state `after_state` is the one that it was in then. The total is counted for a job."""

    asked: Slice
    job_id: int | None = None
    device: DeviceKey | None = None
    module: str | None = None
    states: frozenset[str] = frozenset()
    device_names: tuple[str, ...] = ()
    asking: bool = False
    standing: Standing | None = None
    targets: tuple[str, ...] = ()
    after: TaskRef | None = None
    after_state: str | None = None
    strays: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFailures:
    """→ tuple[Failures, ...] of a job, the most first; their counts add up to its failed tasks, at the same cost at any
    size."""

    job_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a job's tasks stood at a moment: `waiting` to be told, `at_work` since, and how they ended."""

    at: datetime
    waiting: int
    at_work: int
    succeeded: int
    failed: int
    canceled: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListCourse:
    """→ tuple[Look, ...] of a job, oldest first, a few hundred at most."""

    job_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CountWaiting:
    """→ Waiting of a job."""

    job_id: int
    source_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How many tasks of a job wait to be told, or to be confirmed, and come from one version; of a job that is not
    `whole`, at least so many: not all that wait were looked at, or are made."""

    devices: int
    whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelTasks:
    """→ Steered. Cancels tasks in `states`: those of a job, with `scheduled` also of one whose time has not come; with
    a `source_version` only those that wait and come from it; where they are more than `devices`, none; or with
    `package_id` those for a package that `device_names` of `product_key` have, of one job only if it is named. With
    `asking` a job's `targets`, or all of it."""

    job_id: int | None = None
    states: frozenset[str] = OPEN_STATES
    scheduled: bool = False
    package_id: int | None = None
    product_key: str = ""
    device_names: tuple[str, ...] = ()
    asking: bool = False
    targets: tuple[str, ...] = ()
    source_version: str | None = None
    devices: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmTasks:
    """→ Steered. Moves tasks on that wait in CONFIRM: `tasks`, or all of the `whole` job; or with `asking` a job's
    `targets`, or all of it. Of a whole job is told how many wait; they go on soon after."""

    tasks: tuple[TaskRef, ...] = ()
    job_id: int | None = None
    whole: bool = False
    asking: bool = False
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatTasks:
    """→ Steered. Failed or cancelled tasks of the job run again, as if new: `tasks`, or all that failed of the `whole`
    job, but those whose device has another task by now or is gone; or with `asking` its `targets`, or all that failed,
    wait for a retry or were stopped. Of a whole job is told how many failed; they run soon after. With a `failure` they
    are those of the whole job that failed so."""

    job_id: int
    tasks: tuple[TaskRef, ...] = ()
    whole: bool = False
    failure: int | None = None
    asking: bool = False
    targets: tuple[str, ...] = ()
