"""Spaces, which partition an account's products, and what lies in them under ids that its owner chooses.

A space and a product are named by keys that are texts, a device by a public id that is unique in the installation, for
a login has nothing else. Without a space a command means the account's default one when it makes something, and every
one when it lists. The views hold the core's own view of a thing beside what a space adds to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from upwell.domain.commands.fleet import Device
from upwell.domain.commands.packages import Module
from upwell.domain.commands.scans import Window
from upwell.domain.commands.shared import DeviceKey
from upwell.domain.search import Condition

# --- views ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """A partition of an account's products. Each account has one that is the default."""

    key: str
    name: str
    is_default: bool
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceDevice:
    """A device and its space. `public_id` is its id there; `gateway_id` the public id of the device it is behind, None
    for one that connects itself; `secondary_secret` opens a login as its secret does; `versions` are by module, as last
    reported, empty where nobody can know them; `status_at` is when it last came or went; `facts` is what a dialect
    keeps of it and the core never reads; `record` orders it in lists."""

    device: Device
    space: Space
    public_id: str
    gateway_id: str | None
    description: str | None
    secondary_secret: str | None
    sdk_version: str | None
    versions: Mapping[str, str]
    tags: tuple[tuple[str, str], ...]
    status_at: datetime | None
    facts: Mapping[str, object]
    record: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceModule:
    """A module under a number of its own, and its space."""

    module: Module
    module_id: int
    product_name: str
    space: Space


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretReset:
    """A device's new secret; `secondary` says which of the two."""

    public_id: str
    secret: str
    secondary: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search found: some devices, or how many there are; `shown` is as asked."""

    devices: tuple[SpaceDevice, ...] = ()
    count: int | None = None
    shown: tuple[str, ...] = ()


# --- spaces ---


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateSpace:
    """→ Space. Refused with TooMany when the account has `most`."""

    name: str
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSpaces:
    """→ tuple[Space, ...], newest first. `is_default` None means all."""

    is_default: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowSpace:
    """→ Space."""

    space: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameSpace:
    """→ Space."""

    space: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteSpace:
    """→ Done. Everything in it goes too; the default space stays."""

    space: str


# --- devices ---


@dataclass(frozen=True, slots=True, kw_only=True)
class AddDevice:
    """→ SpaceDevice. `name` is unique in its product and `public_id` in the installation; without `secret` one is made
    up. `gateway_id` is the public id of a device that it is behind, itself behind at most one other."""

    product_key: str
    name: str
    public_id: str
    space: str | None = None
    nickname: str | None = None
    secret: str | None = None
    gateway_id: str | None = None
    description: str | None = None
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanDevices:
    """→ Scanned[SpaceDevice]. `gateway_id` limits to devices right behind it, or with `cascade` at any depth; `name`
    and `nickname` are whole; made after `after` and before `before`."""

    window: Window
    space: str | None = None
    product_key: str | None = None
    gateway_id: str | None = None
    cascade: bool = False
    name: str | None = None
    nickname: str | None = None
    after: datetime | None = None
    before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowSpaceDevice:
    """→ SpaceDevice."""

    device: DeviceKey


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeDevice:
    """→ SpaceDevice. None leaves a value as it is; `facts` are merged over the present ones."""

    device: DeviceKey
    nickname: str | None = None
    description: str | None = None
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetSecret:
    """→ SecretReset. Without `secret` one is made up; `disconnect` ends the device's connection."""

    device: DeviceKey
    secret: str | None = None
    secondary: bool = False
    disconnect: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchDevices:
    """→ Found. `take` devices after `skip` of them, by record up or down, or in no order; or only how many.
    `shown` says what of them is wanted, in the words of who asks; it is told back, and empty means all."""

    condition: Condition | None
    order: Literal["ascending", "descending"] | None = None
    skip: int = 0
    take: int = 10
    count_only: bool = False
    shown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveDeviceTags:
    """→ Done. All of them or none; refused with NotFound when the device lacks one."""

    device: DeviceKey
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanTagged:
    """→ Scanned[SpaceDevice] of the devices that have at least one of these tags."""

    window: Window
    tags: tuple[tuple[str, str], ...]


# --- modules ---


@dataclass(frozen=True, slots=True, kw_only=True)
class AddModule:
    """→ SpaceModule. As CreateModule; refused with TooMany when the product has `most` beside the standing ones."""

    product_key: str
    name: str
    most: int
    space: str | None = None
    alias: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanModules:
    """→ Scanned[SpaceModule] without the standing ones."""

    window: Window
    space: str | None = None
    product_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowModule:
    """→ SpaceModule."""

    module_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeModule:
    """→ SpaceModule. None leaves a value as it is."""

    module_id: int
    alias: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveModule:
    """→ Done. Not one that packages install."""

    module_id: int


# --- groups ---


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanGroups:
    """→ Scanned[Group] without counts. `name` is the whole name; changed after `changed_after`."""

    window: Window
    space: str | None = None
    name: str | None = None
    kind: str | None = None
    changed_after: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeGroup:
    """→ Group without counts. None leaves a value as it is."""

    group_id: int
    name: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanDevicesOfGroup:
    """→ Scanned[SpaceDevice]."""

    group_id: int
    window: Window
