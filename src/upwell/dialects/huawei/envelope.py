"""The envelope of Huawei's system events: one message, several services, both ways (huawei 5.3).

What comes is read leniently, because each device SDK has its own habits; what goes always names the device it is for.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from upwell.dialects.huawei import render
from upwell.dialects.payloads import json_object
from upwell.domain.errors import DeviceError

PAYLOAD_MAX = 1024 * 1024  # bytes (huawei 5.1)
SERVICES_MAX = 100  # of one message; gateways speak for many sub-devices, one message each
EVENT_ID_MAX = 128  # characters that are echoed; a longer one is as good as none

_DEVICE_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_TIME = re.compile(r"[0-9]{8}T[0-9]{6}Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One service of a message. `at` is the device's time for it, None when it gives none that can be read: then the
    server's counts. `event_id` is echoed in an answer; it may be empty."""

    service: str
    kind: str
    at: datetime | None
    event_id: str
    paras: Any


def read(payload: bytes, device_id: str) -> tuple[str, Sequence[Event]]:
    """The device that a message of `device_id`'s connection is about, and its events. Raises DeviceError."""
    message = json_object(payload, PAYLOAD_MAX)
    return _subject(message, device_id), [_event(service) for service in _services(message)]


def write(
    device_id: str, service: str, kind: str, now: datetime, paras: Mapping[str, Any], event_id: str = ""
) -> bytes:
    """An event for a device, `event_id` only where it answers one."""
    event = {"service_id": service, "event_type": kind, "event_time": render.time(now), "event_id": event_id or None}
    # huawei 5.3: Java drops a message whose object_device_id is another, and an empty one is another.
    return render.json_bytes({"object_device_id": device_id, "services": [render.present(event) | {"paras": paras}]})


def read_device_id(value: Any, name: str) -> str:
    """A device id that a device names. Raises DeviceError."""
    if not isinstance(value, str) or not _DEVICE_ID.fullmatch(value):
        raise DeviceError(f"{name} must be a device id.")
    return value


def _subject(message: dict[str, Any], device_id: str) -> str:
    """huawei 5.3: absent, null or blank means the topic's device."""
    value = message.get("object_device_id")
    if value is None or (isinstance(value, str) and not value.strip()):
        return device_id
    return read_device_id(value, "object_device_id")


def _services(message: dict[str, Any]) -> list[dict[str, Any]]:
    services = message.get("services")
    if not isinstance(services, list) or not all(isinstance(service, dict) for service in services):
        raise DeviceError("services must be an array of objects.")
    if len(services) > SERVICES_MAX:
        raise DeviceError(f"services may have at most {SERVICES_MAX} entries.")
    # Names that are no text are no service of ours, and could not be looked up.
    return [one for one in services if all(isinstance(one.get(k), str) for k in ("service_id", "event_type"))]


def _event(service: dict[str, Any]) -> Event:
    event_id = service.get("event_id")
    return Event(
        service=service["service_id"],
        kind=service["event_type"],
        at=_at(service.get("event_time")),
        event_id=event_id if isinstance(event_id, str) and len(event_id) <= EVENT_ID_MAX else "",
        paras=service.get("paras"),
    )


def _at(value: Any) -> datetime | None:
    """huawei 5.3: Python devices send local time in another form; what can't be read is as good as none."""
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        return None
    try:
        return datetime.strptime(value, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:  # a day that does not exist, by a device without a clock
        return None
