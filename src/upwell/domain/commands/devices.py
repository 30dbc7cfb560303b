"""Devices: what may be asked of them, and what is told.

A device is named in its product, and known by a public id that is unique in the installation, for a login may have
nothing else. Its owner chooses that id, or it is made of product and name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from upwell.domain.commands.lists import Slice
from upwell.domain.commands.shared import DeviceKey
from upwell.domain.commands.spaces import Space
from upwell.domain.search import EVERYONE, Condition

# --- views ---


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """Since when and until when a device is offered nothing, for it failed so often since it last succeeded, the last
    time in that job and for that reason; None: until a person releases it."""

    since: datetime
    until: datetime | None
    failures: int
    job_id: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One unit. `status` is ONLINE, OFFLINE, UNACTIVE (never connected) or DISABLED, and `status_at` when it last came
    or went; `gateway_id` is the public id of the device it is behind, None for one that connects itself;
    `secondary_secret` opens a login as its secret does. `versions` are by module, as last reported, empty where nobody
    can know them; `firmware_version` is that of the module `default`, None when it never said. `facts` is what a
    dialect keeps of it and the core never reads, and `product_facts` the same of its product; `record` orders it in
    lists; `last_heard_at` is true to a minute or two; `set_aside` tells of one that failed too often."""

    device_id: UUID
    product_key: str
    product_name: str
    product_facts: Mapping[str, object]
    space: Space
    name: str
    public_id: str
    iot_id: str
    secret: str
    secondary_secret: str | None
    gateway_id: str | None
    nickname: str | None
    description: str | None
    facts: Mapping[str, object]
    tags: tuple[tuple[str, str], ...]
    status: str
    status_at: datetime | None
    address: str | None
    sdk_version: str | None
    firmware_version: str | None
    versions: Mapping[str, str]
    created_at: datetime
    modified_at: datetime
    activated_at: datetime | None
    online_at: datetime | None
    offline_at: datetime | None
    record: int
    last_heard_at: datetime | None = None
    set_aside: SetAside | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceCounts:
    """How many devices there are, were ever online, and are online now."""

    devices: int
    active: int
    online: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretReset:
    """A device's new secret; `secondary` says which of the two."""

    public_id: str
    secret: str
    secondary: bool


# --- shown and listed ---


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowDevice:
    """→ Device."""

    device: DeviceKey


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowDevices:
    """→ tuple[Device, ...] in the order asked; unknown ones are left out."""

    devices: tuple[DeviceKey, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDevices:
    """→ Page[Device] of those that fit `which`, and with `product_key`, `space`, `group_id` or `apply_id` of that
    product, space, group or registration, which must be there.

    Orders: `newest` by time of making, those of one moment by id; `record` and `record_up` by record, which grows with
    the time of making. `asked.below` counts by `record`; `asked.order`, by `created_at` or of one product by `name`, by
    itself. With `set_aside` those that are, or are not. A registration's are in the order of their making. `after` is
    the device of the product that the page before ended with, by `newest`, at the same cost at any depth; then what
    `asked` passes over is only told back. Without `counted` there is no total; to take none is to count alone."""

    asked: Slice
    which: Condition = EVERYONE
    product_key: str | None = None
    space: str | None = None
    group_id: int | None = None
    apply_id: int | None = None
    after: UUID | None = None
    order: Literal["newest", "record", "record_up"] = "newest"
    counted: bool = True
    set_aside: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportDevices:
    """→ Flow[Device] of all that the list has, from new to old, csv or ndjson by `form`. Devices that are made
    meanwhile are not in it."""

    which: ListDevices
    form: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CountDevices:
    """→ DeviceCounts of the account, of one space, product or group, or of what is in all that are given."""

    space: str | None = None
    product_key: str | None = None
    group_id: int | None = None


# --- made and changed ---


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateDevice:
    """→ Device. `name` is unique in its product and `public_id` in the installation; without a name or secret one is
    made up. `gateway_id` is the public id of a device that it is behind, itself behind at most one other."""

    product_key: str
    name: str | None = None
    public_id: str | None = None
    space: str | None = None
    nickname: str | None = None
    secret: str | None = None
    gateway_id: str | None = None
    description: str | None = None
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceChange:
    """What to change of one device. None leaves a value as it is; `facts` are merged over the present ones. A device
    that is not enabled may not log in."""

    device: DeviceKey
    nickname: str | None = None
    description: str | None = None
    enabled: bool | None = None
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateDevices:
    """→ tuple[Device, ...] in the order given. All of them or none."""

    changes: tuple[DeviceChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetSecret:
    """→ SecretReset. Without `secret` one is made up; `disconnect` ends the device's connection."""

    device: DeviceKey
    secret: str | None = None
    secondary: bool = False
    disconnect: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetDevice:
    """→ Done. What the device reported is forgotten and its open tasks are cancelled; its names and secret stay."""

    device: DeviceKey


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteDevice:
    """→ Done. Its open tasks are cancelled. With `keep_gateway` it is refused while other devices are behind it."""

    device: DeviceKey
    keep_gateway: bool = False


# --- set aside ---


@dataclass(frozen=True, slots=True, kw_only=True)
class AsideCounts:
    """How many devices are set aside, and for which reasons, the most first; no more than `most` are counted."""

    devices: int
    reasons: tuple[tuple[str, int], ...]
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """How many devices were released, and how many of those that are meant are left."""

    released: int
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CountAside:
    """→ AsideCounts of those that are set aside now: of the account, of one space or product, of those that failed
    last in one job or for one reason."""

    space: str | None = None
    product_key: str | None = None
    job_id: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseDevice:
    """→ Device. Its failures are forgotten, and it is offered what waits for it."""

    device: DeviceKey


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseDevices:
    """→ Released: some of those that CountAside of the same counts. `devices` is how many the caller means: where they
    are more, nothing is done."""

    devices: int
    space: str | None = None
    product_key: str | None = None
    job_id: int | None = None
    reason: str | None = None


# --- tags ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """A pair of key and value, and how many devices have it; with `more`, more than so many."""

    key: str
    value: str
    devices: int
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTags:
    """→ Page[Tag] of the account, by key and value, behind the pair that the page before ended with."""

    asked: Slice
    after: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTags:
    """→ Done. Adds these tags or gives them new values; others stay. Refused with TooMany when more than `most` would
    be there; None is the core's own bound, which is on their text too."""

    device: DeviceKey
    tags: Mapping[str, str]
    most: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteTags:
    """→ Done. A tag that is not there is deleted already; with `need_all` it is refused then, and none is deleted."""

    device: DeviceKey
    keys: tuple[str, ...]
    need_all: bool = False
