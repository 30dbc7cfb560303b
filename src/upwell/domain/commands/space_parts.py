"""Modules and groups as spaces have them: what may be asked, and what is told."""

from dataclasses import dataclass
from datetime import datetime

from upwell.domain.commands.packages import Module
from upwell.domain.commands.scans import Window
from upwell.domain.commands.spaces import Space


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceModule:
    """A module under a number of its own, and its space."""

    module: Module
    module_id: int
    product_name: str
    space: Space


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
