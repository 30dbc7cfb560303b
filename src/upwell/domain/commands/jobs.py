"""Jobs: what may be asked of them, and what is told.

A job may ask its devices for their version before it offers (`asks_version`; ADR 0011). What tongues word as jobs and
as batch tasks are these two, and one command makes both. How one that asks stands is in the words of
`domain.standings`. A command says `asking` when it means such jobs alone: any other is not found.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from upwell.domain.commands.lists import Page, Slice
from upwell.domain.commands.rollouts import Approved, Care, Failing, JobHours, JobPace, JobWave, Pause
from upwell.domain.commands.shared import DeviceKey
from upwell.domain.commands.tasks import ListTasks, Task
from upwell.domain.hours import Hours
from upwell.domain.pace import Pace
from upwell.domain.standings import Progress, Tally
from upwell.domain.task import State

TARGETS_MAX = 30_000  # public ids that one job may name
DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a job goes about its tasks. `retry_interval_min` None means no retry; `timeout_min` runs from the first
    progress; `maximum_per_min` is offers. With `scheduled_at` the job is planned, and its devices are chosen then; at
    `finish_at` what is still open ends. `need_confirm` None is as False, where nobody said."""

    retry_interval_min: int | None = None
    retry_count: int = 0
    timeout_min: int | None = None
    maximum_per_min: int = 1000
    overwrite: bool = False
    multi_module: bool = False
    need_push: bool = True
    need_confirm: bool | None = False
    protocol: str = "HTTPS"
    scheduled_at: datetime | None = None
    finish_at: datetime | None = None


# --- views ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One request to bring devices to a package. `kind` is verify, static or dynamic; `started_at` is None while it is
    planned; `gray_percent` is decimal text as stored; `dynamic_mode` is 1 or 2 and None unless dynamic; `status_desc`
    is a sentence for why its tasks failed or there are none, where that is of the whole job.

    Of a job that asks: `package_ids` are those that it chooses from, `package_id` the first of them; `part` is
    firmware, software or module; `targets` are public ids; `facts` is what a dialect keeps of it and the core never
    reads; `waits_for` is a sentence for what all its tasks wait for; `progress` and `tally` say how it stands, where it
    was asked for as such. `tasks` are told where they were asked for, and so are `counts`: how many tasks are in each
    state, those without any left out.

    `open_wave` is the last wave that is offered, from 1: 0 of a job without waves, and below of one whose devices are
    not dealt to its waves yet. `happens_next` is a sentence about the next one, and `failing` what its guard has
    seen, where counts were asked for. `undoes` is the job whose devices it brings back; `made_by` is a key's id
    or a user, `offered_lately` what counts against its budget of a minute, where counts were asked for."""

    job_id: int
    kind: str
    selection: str
    status: str
    package_id: int
    package_name: str
    product_key: str
    dest_version: str
    source_versions: tuple[str, ...]
    manner: Manner
    created_at: datetime
    modified_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    tags: tuple[tuple[str, str], ...] = ()
    gray_percent: str | None = None
    dynamic_mode: int | None = None
    group_ids: tuple[int, ...] = ()
    group_name: str | None = None
    status_desc: str = ""
    asks_version: bool = False
    package_ids: tuple[int, ...] = ()
    name: str = ""
    part: str = ""
    targets: tuple[str, ...] = ()
    by_gateway: bool = False
    ext_info: Mapping[str, object] | None = None
    facts: Mapping[str, object] = field(default_factory=dict)
    waits_for: str = ""
    progress: Progress | None = None
    tally: Tally | None = None
    tasks: Page[Task] | None = None
    counts: Mapping[State, int] | None = None
    paused: Pause | None = None
    approval: Approved | None = None
    hours: JobHours | None = None
    pace: JobPace | None = None
    care: Care | None = None
    open_wave: int = 0
    undoes: int | None = None
    made_by: str = ""
    offered_lately: int | None = None
    waves: tuple[JobWave, ...] = ()
    happens_next: str = ""
    failing: Failing | None = None


# --- commands ---


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateJob:
    """→ Job.

    `kind` verify tries the one package on `device_names`; with none of them the job waits without tasks until it is
    cancelled, and the package stays `verifying` (tuya 2.3). static brings the selected devices to it. dynamic is a
    standing rule: every device whose version is one of `source_versions` (none: any), or that is in the dynamic group,
    gets a task; `dynamic_mode` 1 takes those that match already too, 2 only those that report from now on; one may run
    for a package.

    `selection` is ALL, SPECIFIC (with `device_names` of `product_key`, or with `device_list_url`, an uploaded file of
    names, one a line), GRAY (with `gray_percent`, decimal text over 0 and at most 100) or GROUP (one of `group_ids`,
    static; with `any_group` of any kind, whoever fits when it starts). A name that is no device refuses the job.
    `scheduled_at` lies `lead_s` seconds ahead, from the first to the second number.

    With `asks_version` it is static, its devices are `targets` by public id (a target that is no device fails by
    itself), or the members of any `group_ids` when it starts. The packages are all for `part`; a device gets the one
    that its version may follow.

    `downgrade` False refuses it where its devices ran the version before and have left it; None does not ask."""

    kind: str
    package_ids: tuple[int, ...]
    selection: str = "SPECIFIC"
    product_key: str = ""
    device_names: tuple[str, ...] = ()
    device_list_url: str | None = None
    gray_percent: str | None = None
    group_ids: tuple[int, ...] = ()
    any_group: bool = False
    source_versions: tuple[str, ...] = ()
    downgrade: bool | None = None
    dynamic_mode: int | None = None
    manner: Manner = field(default_factory=Manner)
    lead_s: tuple[int, int] = (300, 7 * DAY_S)  # alibaba 2.2: ScheduleTime
    tags: tuple[tuple[str, str], ...] = ()
    asks_version: bool = False
    name: str = ""
    part: str = ""
    space: str | None = None
    targets: tuple[str, ...] = ()
    by_gateway: bool = False
    ext_info: Mapping[str, object] | None = None
    facts: Mapping[str, object] = field(default_factory=dict)
    care: Care | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateJob:
    """→ Job. Changes a running job: pace, hours and tags always; `timeout_min` and `source_versions` only of a dynamic
    one. None leaves a value as it is; hours without a span are none, and so is a pace that says nothing; what another
    does not say stays. `kind` (static or dynamic) and `selection` must be the job's own where they are given."""

    job_id: int
    kind: str | None = None
    selection: str | None = None
    maximum_per_min: int | None = None
    timeout_min: int | None = None
    source_versions: tuple[str, ...] | None = None
    tags: tuple[tuple[str, str], ...] | None = ()
    hours: Hours | None = None
    pace: Pace | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndPolicy:
    """→ Done. A dynamic job makes no more tasks; those it made live on."""

    job_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteJob:
    """→ Done. Only of one that asks and has ended."""

    job_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowJob:
    """→ Job, with a page of `tasks` at the same instant if they are asked for, and with `counts` if they are
    `counted`."""

    job_id: int
    asking: bool = False
    tasks: ListTasks | None = None
    counted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ListJobs:
    """→ Page[Job], newest first: of a package, of those that touch `device`, of a product, of a space, of a `part`
    (empty of those that do not ask); with `asking` with how they stand. Together they tell at most TARGETS_MAX targets:
    a job whose own do not fit any more, after those of newer ones, tells none; ShowJob does. Without `counted` there is
    no total."""

    asked: Slice
    package_id: int | None = None
    device: DeviceKey | None = None
    asking: bool = False
    part: str | None = None
    space: str | None = None
    product_key: str | None = None
    progress: Progress | None = None
    counted: bool = True
