"""Groups of devices: what may be asked of them, and what is told. Ids are ints; the condition of a dynamic group is a
value of `domain.search`, and its text is kept as the caller wrote it."""

from dataclasses import dataclass
from datetime import datetime

from upwell.domain.commands.devices import Device, DeviceCounts
from upwell.domain.commands.lists import Slice
from upwell.domain.commands.shared import DeviceKey
from upwell.domain.commands.spaces import Space
from upwell.domain.search import Condition

# --- views ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Devices under one name. `kind` is static (members are added) or dynamic (a condition says who is in it). `above`
    is the group that it is under, and `counts` are of its devices; both only where one group is shown."""

    group_id: int
    name: str
    description: str
    kind: str
    space: Space
    condition_text: str | None
    super_group_id: int | None
    created_at: datetime
    above: "Group | None" = None
    counts: DeviceCounts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """What came of adding or removing members: of `valid` existing devices, `done` were, `already` were in it before,
    `over` were in too many groups."""

    valid: int
    done: int
    already: int
    over: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """What a condition means: of `looked` devices `fits` do, of which some are the `examples`. `whole` where those are
    all that there are."""

    looked: int
    fits: int
    whole: bool
    examples: tuple[Device, ...]


# --- commands ---


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateGroup:
    """→ Group. With `condition` it is dynamic. `space` None is the account's default space."""

    name: str
    description: str = ""
    super_group_id: int | None = None
    condition: Condition | None = None
    condition_text: str | None = None
    space: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateGroup:
    """→ Group. None leaves a value as it is."""

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
class ShowGroup:
    """→ Group with the one above, and with counts unless they are not wanted; of its devices in one space alone, if
    that is given."""

    group_id: int
    counted: bool = True
    counted_in: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListGroups:
    """→ Page[Group], newest first; None asks for everything. `part` is any part of the name, `name` the whole; no
    `kinds` are all kinds; changed after `changed_after`. Of a `device`: the static groups that it is in and the dynamic
    ones that it fits. Without `counted` there is no total."""

    asked: Slice | None
    space: str | None = None
    part: str | None = None
    name: str | None = None
    super_group_id: int | None = None
    kinds: frozenset[str] = frozenset()
    changed_after: datetime | None = None
    device: DeviceKey | None = None
    counted: bool = True


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
class PreviewGroup:
    """→ Fitting. Which devices a condition would mean, as far as a bounded look tells."""

    condition: Condition
