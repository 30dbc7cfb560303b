"""Jobs and tasks: what may be asked of them, and what is told."""

from dataclasses import dataclass
from datetime import datetime

from upwell.domain.commands.shared import OPEN_STATES, DeviceKey
from upwell.domain.talk import TaskRef

# --- views ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One request to bring devices to a package. `kind` is verify, static or dynamic; `started_at` is None while
    it is planned; `gray_percent` is decimal text as the caller gave it or as stored; `dynamic_mode` is 1 or 2 and
    None unless dynamic; `scheduled_at` and `finish_at` are the window of a planned job; `status_desc` is a
    sentence for why its tasks failed or there are none, where that is of the job as a whole."""

    job_id: int
    package_id: int
    package_name: str
    product_key: str
    dest_version: str
    kind: str
    selection: str
    status: str
    source_versions: tuple[str, ...]
    gray_percent: str | None
    retry_interval_min: int | None
    retry_count: int
    timeout_min: int | None
    maximum_per_min: int
    overwrite: bool
    need_push: bool
    need_confirm: bool
    protocol: str
    tags: tuple[tuple[str, str], ...]
    created_at: datetime
    modified_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    multi_module: bool = False
    dynamic_mode: int | None = None
    group_id: int | None = None
    group_name: str | None = None
    scheduled_at: datetime | None = None
    finish_at: datetime | None = None
    status_desc: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCreated:
    """The new job."""

    job_id: int
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One device in one job. `progress` is 0..100 percent; `timeout_min` is its job's."""

    ref: TaskRef
    package_id: int
    product_key: str
    product_name: str
    device_name: str
    iot_id: str
    module: str
    source_version: str | None
    dest_version: str
    state: str
    description: str
    progress: int
    timeout_min: int | None
    created_at: datetime
    modified_at: datetime


# --- jobs ---


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateVerifyJob:
    """→ JobCreated. Tries the package on named devices. With none of them the job waits without tasks until it is
    cancelled, and the package stays `verifying` (tuya 2.3)."""

    package_id: int
    product_key: str
    device_names: tuple[str, ...]
    timeout_min: int | None = None
    need_push: bool = True
    need_confirm: bool = False
    protocol: str = "HTTPS"
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateStaticJob:
    """→ JobCreated. `selection` is ALL, SPECIFIC (with `device_names`, or with `device_list_url`, an uploaded file of
    names, one a line), GRAY (with `gray_percent`, decimal text over 0 and at most 100) or GROUP (with `group_id`, a
    static group); `retry_interval_min` None means no retry. With `scheduled_at` it is planned, and its devices are
    chosen then; that lies `lead_s` seconds ahead, from the first to the second number. At `finish_at` what is still
    open ends."""

    package_id: int
    product_key: str
    selection: str
    device_names: tuple[str, ...] = ()
    device_list_url: str | None = None
    gray_percent: str | None = None
    group_id: int | None = None
    scheduled_at: datetime | None = None
    lead_s: tuple[int, int] = (300, 7 * 86_400)  # alibaba 2.2: ScheduleTime
    finish_at: datetime | None = None
    multi_module: bool = False
    source_versions: tuple[str, ...] = ()
    retry_interval_min: int | None = None
    retry_count: int = 0
    timeout_min: int | None = None
    maximum_per_min: int = 1000
    overwrite: bool = False
    need_push: bool = True
    need_confirm: bool = False
    protocol: str = "HTTPS"
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateDynamicJob:
    """→ JobCreated. A standing rule: every device whose version is one of `source_versions` (none: any), or that is in
    the dynamic group `group_id`, gets a task. `mode` 1 takes those that match already too, 2 only those that report
    from now on. One may run for a package."""

    package_id: int
    product_key: str
    source_versions: tuple[str, ...] = ()
    group_id: int | None = None
    mode: int = 1
    multi_module: bool = False
    retry_interval_min: int | None = None
    retry_count: int = 0
    timeout_min: int | None = None
    maximum_per_min: int = 1000
    overwrite: bool = False
    need_push: bool = True
    need_confirm: bool = False
    protocol: str = "HTTPS"
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateJob:
    """→ Done. Changes a running job: pace and tags always; `timeout_min` and `source_versions` only of a dynamic one,
    None leaves them. `kind` (static or dynamic) and `selection` must be the job's own."""

    job_id: int
    kind: str
    selection: str
    maximum_per_min: int
    timeout_min: int | None = None
    source_versions: tuple[str, ...] | None = None
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EndPolicy:
    """→ Done. A dynamic job makes no more tasks; those it made live on."""

    job_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowJob:
    """→ Job."""

    job_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListJobsOfPackage:
    """→ Page[Job], newest first."""

    package_id: int
    number: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListJobsOfDevice:
    """→ Page[Job] of the package that touch the device, newest first."""

    package_id: int
    device: DeviceKey
    number: int
    size: int


# --- tasks ---


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTasksOfJob:
    """→ Page[Task]. `state` None means every state; no `device_names` means every device."""

    job_id: int
    number: int
    size: int
    state: str | None = None
    device_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOpenTasksOfDevice:
    """→ tuple[Task, ...]. `module` None means every module."""

    device: DeviceKey
    module: str | None = None
    states: frozenset[str] = OPEN_STATES


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelTasksOfJob:
    """→ Done. Cancels tasks in `states`; `scheduled` those of a planned job whose time has not come."""

    job_id: int
    states: frozenset[str]
    scheduled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelTasksOfDevices:
    """→ Done. Cancels these devices' tasks for the package that are in `states`; `job_id` limits it to one job."""

    package_id: int
    product_key: str
    device_names: tuple[str, ...]
    job_id: int | None = None
    states: frozenset[str] = OPEN_STATES


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmTasks:
    """→ Done. Moves tasks on that wait in CONFIRM."""

    tasks: tuple[TaskRef, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatTasks:
    """→ Done. Failed or cancelled tasks of the job run again, as if new; all of them or none."""

    job_id: int
    tasks: tuple[TaskRef, ...]
