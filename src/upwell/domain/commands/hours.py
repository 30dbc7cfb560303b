"""Hours of a group's devices, or of those with a tag: in them alone they are offered anything (ADR 0059)."""

from dataclasses import dataclass
from datetime import datetime

from upwell.domain.hours import Hours


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceHours:
    """Hours of the devices of one static group, or with one tag; when they close, where they are open, and when they
    open next."""

    hours_id: int
    group_id: int | None
    tag: tuple[str, str] | None
    hours: Hours
    closes_at: datetime | None
    opens_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateDeviceHours:
    """→ DeviceHours. Of the group or of the tag, one of which is given."""

    group_id: int | None = None
    tag: tuple[str, str] | None = None
    hours: Hours


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDeviceHours:
    """→ all of the account's, newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowDeviceHours:
    """→ DeviceHours."""

    hours_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateDeviceHours:
    """→ DeviceHours, with these hours from now on."""

    hours_id: int
    hours: Hours


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteDeviceHours:
    """→ Done. The devices are offered at any time again."""

    hours_id: int
