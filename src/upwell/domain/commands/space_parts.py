"""Groups as spaces have them: what may be asked, and what is told."""

from dataclasses import dataclass
from datetime import datetime

from upwell.domain.commands.scans import Window


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
