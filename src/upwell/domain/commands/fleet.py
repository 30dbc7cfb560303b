"""Devices: what may be asked of them, and what is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from upwell.domain.commands.shared import DeviceKey

# --- views ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One unit. `status` is ONLINE, OFFLINE, UNACTIVE (never connected) or DISABLED; `firmware_version` is the
    last reported version of the module `default`, None when it never said and empty when nobody can know it;
    `product_facts` are its product's."""

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
    """A batch of devices asked for at once. `status` is CHECK_SUCCESS, CREATE, CREATE_SUCCESS or CREATE_FAILED;
    `names` are the devices made so far, or that may be made after a check; `refused` those that may not."""

    apply_id: int
    status: str
    asked: int
    names: tuple[str, ...]
    created_at: datetime
    refused: tuple[str, ...] = ()


# --- devices ---


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
    """→ Page[Device], newest first. `after` is the device that the page before ended with; it reaches any depth at
    the same cost, and then `number` is only told back."""

    product_key: str
    number: int
    size: int
    after: UUID | None = None


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
    """→ Done. With `keep_gateway` it is refused while other devices are behind it."""

    device: DeviceKey
    keep_gateway: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SetDeviceEnabled:
    """→ Done."""

    device: DeviceKey
    enabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckDeviceNames:
    """→ NamesChecked. Which of these (name, nickname) could be registered; those are kept under the apply id."""

    product_key: str
    names: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamesChecked:
    """`apply_id` registers what was found good. A name is repeated when the product has it or it was given twice."""

    apply_id: int
    invalid_names: tuple[str, ...]
    invalid_nicknames: tuple[str, ...]
    repeated_names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterChecked:
    """→ Registration. The devices that a check found good."""

    product_key: str
    apply_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetDevice:
    """→ Done. What the device reported is forgotten and its open tasks are cancelled; its names and secret stay."""

    device: DeviceKey


@dataclass(frozen=True, slots=True, kw_only=True)
class SetNicknames:
    """→ Done. All of them or none."""

    nicknames: tuple[tuple[DeviceKey, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceCounts:
    """How many devices there are, were ever online, and are online now."""

    devices: int
    active: int
    online: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CountDevices:
    """→ DeviceCounts of the account, of one product, of one group, or of both together."""

    product_key: str | None = None
    group_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDevicesByStatus:
    """→ Page[Device], newest first. `status` is UNACTIVE, ONLINE, OFFLINE or DISABLED; only devices of products whose
    facts contain `product_facts`."""

    status: str
    number: int
    size: int
    product_key: str | None = None
    product_facts: Mapping[str, object] = field(default_factory=dict)


# --- tags of devices ---


@dataclass(frozen=True, slots=True, kw_only=True)
class SetDeviceTags:
    """→ Done. Adds these tags or gives them new values; others stay. Refused with TooMany when more than `most` would
    be there; None is no bound."""

    device: DeviceKey
    tags: Mapping[str, str]
    most: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowDeviceTags:
    """→ Mapping[str, str]."""

    device: DeviceKey


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteDeviceTag:
    """→ Done. A tag that is not there is deleted already."""

    device: DeviceKey
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDevicesByTags:
    """→ Page[Device] that have every one of these tags, newest first."""

    tags: tuple[tuple[str, str], ...]
    number: int
    size: int
