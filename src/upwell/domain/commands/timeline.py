"""What befell a device, and a fleet over time: what may be asked, and what is told."""

from dataclasses import dataclass
from datetime import datetime

from upwell.domain.commands.lists import Slice
from upwell.domain.commands.shared import DeviceKey


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineLine:
    """One line of a device's timeline (domain/timeline.py), or several of one minute that are alike: `times` of them,
    from `at` to `last_at`. Of a task `source` and `version` are its states, in small letters; otherwise they are
    versions. An empty text is none."""

    at: datetime
    last_at: datetime
    times: int
    kind: str
    what: str
    job_id: int | None
    package_id: int | None
    module: str
    source: str
    version: str
    reason: str
    address: str
    who: str
    detail: str
    size: int
    resumed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTimeline:
    """→ Page[TimelineLine] of a device in its present life, newest first, not counted. `since` is the first moment,
    `until` the first one after the last."""

    asked: Slice
    device: DeviceKey
    kind: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedLogin:
    """Logins as one name from one address that were refused, the first and the last of them; `reason` is of the last.
    An empty `product_key` is none or several, an empty `name` all names of the address that there was no room for."""

    product_key: str
    name: str
    address: str
    vendor: str
    reason: str
    first_at: datetime
    at: datetime
    times: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRefusedLogins:
    """→ Page[RefusedLogin] of the account, or of a product alone, the last tried first, not counted. `since` is the
    first moment."""

    asked: Slice
    product_key: str | None = None
    since: datetime | None = None
    address: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionHour:
    """How many devices of a product ran which version of a module at the end of an hour, the most first; how many one
    that nobody can know, and how many one of those that are not told apart."""

    at: datetime
    versions: tuple[tuple[str, int], ...]
    unknown: int
    others: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListVersionHours:
    """→ Page[VersionHour] of the hours in which that changed, newest first, not counted."""

    asked: Slice
    product_key: str
    module: str
    since: datetime | None = None
    until: datetime | None = None
