"""The inner tongue: what any dialect may ask of the core, and what it is told.

A command is one use; the account and the key that ask are told beside it, never inside it. Nothing here knows a
vendor's word or number: ids are ints, times are aware datetimes, sizes are bytes, spans are minutes. Views carry
the names of the columns they come from. A dialect checks the form of what it decodes; the core checks the facts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from upwell.domain.talk import DEFAULT_MODULE, TaskRef

T = TypeVar("T")

OPEN_STATES = frozenset({"CONFIRM", "QUEUED", "NOTIFIED", "IN_PROGRESS"})
TASK_STATES = OPEN_STATES | {"SUCCEEDED", "FAILED", "CANCELED"}


# --- shared values ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceKey:
    """Which device: `iot_id` alone, or product key and name. `iot_id` wins when both are given."""

    iot_id: str | None = None
    product_key: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """Page `number` (from 1) of at most `size` items out of `total`."""

    items: tuple[T, ...]
    total: int
    number: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """It happened, and there is nothing to tell about it."""


# --- views: what the core tells -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A kind of device. `facts` is what a dialect keeps of it and the core never reads."""

    product_key: str
    product_secret: str
    name: str
    facts: Mapping[str, object]
    device_count: int
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One unit. `status` is ONLINE, OFFLINE, UNACTIVE (never connected) or DISABLED; `firmware_version` is the
    last reported version of the module `default`; `product_facts` are its product's."""

    device_id: UUID
    product_key: str
    product_name: str
    product_facts: Mapping[str, object]
    name: str
    secret: str
    iot_id: str
    nickname: str | None
    status: str
    firmware_version: str | None
    address: str | None
    created_at: datetime
    modified_at: datetime
    activated_at: datetime | None
    online_at: datetime | None
    offline_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A batch of devices asked for at once. `status` is CREATE, CREATE_SUCCESS or CREATE_FAILED; `names` are the
    devices made so far."""

    apply_id: int
    status: str
    asked: int
    names: tuple[str, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadTicket:
    """Leave to upload one file by a form POST to `host` under `object_key`; `url` names the file afterwards."""

    host: str
    object_key: str
    access_key_id: str
    policy: str
    signature: str
    url: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A version of a module, ready to install. `status` is unverified, verifying, verified, failed or exempt;
    `verify_progress` is 0..100; `product_key` is None for a package of no product."""

    package_id: int
    product_key: str | None
    product_name: str | None
    name: str
    description: str
    module: str
    version: str
    source_version: str | None
    is_delta: bool
    status: str
    verify_progress: int
    size: int
    md5: str
    sha256: str
    url: str
    udi: str | None
    created_at: datetime
    modified_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageCreated:
    """The new package."""

    package_id: int
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One request to bring devices to a package. `kind` is verify, static or dynamic; `started_at` is None while
    it is planned; `gray_percent` is decimal text as the caller gave it or as stored."""

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


# --- products -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateProduct:
    """→ Product."""

    name: str
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowProduct:
    """→ Product."""

    product_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListProducts:
    """→ Page[Product], newest first; only those whose facts contain `facts`."""

    number: int
    size: int
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateProduct:
    """→ Done. `facts` are merged over the present ones."""

    product_key: str
    name: str
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteProduct:
    """→ Done. Refused while the product has devices."""

    product_key: str


# --- devices ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterDevice:
    """→ Device. Without `name` one is made up."""

    product_key: str
    name: str | None = None
    nickname: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterDevices:
    """→ Registration. `count` devices with made-up names."""

    product_key: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowRegistration:
    """→ Registration."""

    apply_id: int
    product_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRegistered:
    """→ Page[Device], in the order of their making."""

    apply_id: int
    number: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDevices:
    """→ Page[Device], newest first."""

    product_key: str
    number: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowDevice:
    """→ Device."""

    device: DeviceKey


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowDevices:
    """→ tuple[Device, ...] in the order asked; unknown ones are left out."""

    devices: tuple[DeviceKey, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteDevice:
    """→ Done."""

    device: DeviceKey


@dataclass(frozen=True, slots=True, kw_only=True)
class SetDeviceEnabled:
    """→ Done."""

    device: DeviceKey
    enabled: bool


# --- packages -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateUploadTicket:
    """→ UploadTicket. `suffix` ends the object's name, without its dot."""

    suffix: str = "bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatePackage:
    """→ PackageCreated. `url` is a ticket's; `size` and `md5` (lower-case hex) are checked when given.
    `verify` False makes the package ready at once (status exempt)."""

    name: str
    version: str
    url: str
    product_key: str | None = None
    description: str = ""
    module: str = DEFAULT_MODULE
    source_version: str | None = None
    is_delta: bool = False
    size: int | None = None
    md5: str | None = None
    verify: bool = True
    udi: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowPackage:
    """→ Package."""

    package_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPackages:
    """→ Page[Package], newest first."""

    number: int
    size: int
    product_key: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletePackage:
    """→ Done."""

    package_id: int


# --- jobs ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateVerifyJob:
    """→ JobCreated. Tries the package on 1-10 named devices."""

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
    """→ JobCreated. `selection` is ALL, SPECIFIC (with `device_names`) or GRAY (with `gray_percent`, decimal text
    over 0 and at most 100); `retry_interval_min` None means no retry."""

    package_id: int
    product_key: str
    selection: str
    device_names: tuple[str, ...] = ()
    gray_percent: str | None = None
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


# --- tasks --------------------------------------------------------------------------------------------------------


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
    """→ Done. Cancels every open task of these devices for the package; `job_id` limits it to one job."""

    package_id: int
    product_key: str
    device_names: tuple[str, ...]
    job_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmTasks:
    """→ Done. Moves tasks on that wait in CONFIRM."""

    tasks: tuple[TaskRef, ...]


Command = (
    CreateProduct | ShowProduct | ListProducts | UpdateProduct | DeleteProduct
    | RegisterDevice | RegisterDevices | ShowRegistration | ListRegistered
    | ListDevices | ShowDevice | ShowDevices | DeleteDevice | SetDeviceEnabled
    | CreateUploadTicket | CreatePackage | ShowPackage | ListPackages | DeletePackage
    | CreateVerifyJob | CreateStaticJob | ShowJob | ListJobsOfPackage | ListJobsOfDevice
    | ListTasksOfJob | ListOpenTasksOfDevice | CancelTasksOfJob | CancelTasksOfDevices | ConfirmTasks
)  # fmt: skip

Result = (
    Done | Product | Device | Registration | UploadTicket | Package | PackageCreated | Job | JobCreated
    | Page[Product] | Page[Device] | Page[Package] | Page[Job] | Page[Task]
    | tuple[Device, ...] | tuple[Task, ...]
)  # fmt: skip
