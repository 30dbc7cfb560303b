"""The server itself, as an admin sees it: what it is, whether its parts work, and what will not last."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """When the first certificate ends that is shown to them: `management` or `devices`."""

    of: str
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """The disk of what it keeps: `objects` or `database`. Bytes; -1 where it can't be looked at."""

    of: str
    free: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """What somebody should look at: a stable word, what it is of, a sentence."""

    kind: str
    of: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerState:
    """A process as it sees itself. `checks` are by name `ok` or why not."""

    version: str
    database: str
    schema: int
    checks: Mapping[str, str]
    certificates: tuple[Certificate, ...]
    disks: tuple[Disk, ...]
    asked_at: datetime
    concerns: tuple[Concern, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowServer:
    """→ ServerState, for admins. Raises Unavailable of a process that serves nobody."""
