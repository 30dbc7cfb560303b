"""Groups of devices: what may be asked of them, and what is told. Ids are ints; a rule of a dynamic group is a value
of `domain.search`, and its text is kept as the caller wrote it."""

from dataclasses import dataclass
from datetime import datetime

from upwell.domain.commands.shared import DeviceKey
from upwell.domain.search import Condition

# --- views ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Devices under one name. `kind` is static (members are added) or dynamic (a rule says who is in it)."""

    group_id: int
    name: str
    description: str
    kind: str
    rule_text: str | None
    super_group_id: int | None
    created_at: datetime
    devices: int = 0
    active: int = 0
    online: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """What came of adding or removing members: of `valid` existing devices, `done` were, `already` were in it before,
    `over` were in too many groups."""

    valid: int
    done: int
    already: int
    over: int = 0


# --- commands ---


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateGroup:
    """→ Group. With `rule` it is dynamic. `space` None is the account's default space."""

    name: str
    description: str = ""
    super_group_id: int | None = None
    rule: Condition | None = None
    rule_text: str | None = None
    space: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateGroup:
    """→ Done. None leaves a value as it is."""

    group_id: int
    name: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteGroup:
    """→ Done. `kind`, if given, must be the group's. Tasks that a job of the group made live on.
    `only_empty` refuses it while the group has members or groups under it."""

    group_id: int
    kind: str | None = None
    only_empty: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ListGroups:
    """→ Page[Group] without counts, newest first. `name` is any part of the name; no `kinds` are all kinds."""

    number: int
    size: int
    name: str | None = None
    super_group_id: int | None = None
    kinds: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowGroup:
    """→ Group with counts."""

    group_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowSuperGroup:
    """→ Group | None: the group that this one is under, without counts."""

    group_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AddToGroup:
    """→ Enrolled. Only of a static group. `need_all` refuses it unless every device is there and has room for a group;
    with `most` it is refused with TooMany when the group would have more members."""

    group_id: int
    devices: tuple[DeviceKey, ...]
    need_all: bool = False
    most: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveFromGroup:
    """→ Enrolled. Only of a static group. `need_all` refuses it unless every device is there."""

    group_id: int
    devices: tuple[DeviceKey, ...]
    need_all: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDevicesOfGroup:
    """→ Page[Device]."""

    group_id: int
    number: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListGroupsOfDevice:
    """→ tuple[Group, ...] without counts, newest first: the static groups it is in and the dynamic ones it fits."""

    device: DeviceKey
