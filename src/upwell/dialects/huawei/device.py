"""What Huawei devices say and are told over MQTT: topics and payloads of system events, in both directions (huawei 5).

Events up are read leniently, because each device SDK has its own habits: nulls, empty versions, local times, fields
left out. Events down carry exact JSON types and always the id of the device they are for, because SDKs bind numbers to
numbers and drop what is for another. It holds no session, no task and no clock.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from upwell.dialects.huawei import envelope, gateway, render
from upwell.dialects.huawei.flow import outcome
from upwell.dialects.payloads import desc_of, lawful_filter, plain_topic, understood, version_of
from upwell.domain.awaiting import RESULT_WITHIN
from upwell.domain.errors import DeviceError, Invalid
from upwell.domain.modules import SOFTWARE_MODULE, STANDING, module_key
from upwell.domain.talk import DEFAULT_MODULE, Offer, ResultReport, SdkReport, VersionReport

CODE_MAX = 2**31 - 1  # of a result_code, either way: what a database holds; those that mean something are below 256
URL_VALID_S = int(RESULT_WITHIN.total_seconds())  # huawei 5.4: `expires`
DOWN, UP = "$oc/devices/{device_id}/sys/events/down", "$oc/devices/{device_id}/sys/events/up"
# How the topics of the other vendors' devices on the same door begin.
FOREIGN = ("/sys/", "/ota/", "/ext/", "/shadow/", "tylink/", "smart/device/")
OTA, SDK, CLOCK = "$ota", "$sdk_info", "$time_sync"

Part = Literal["firmware", "software", "module"]
_PARTS: Mapping[str, Part] = {DEFAULT_MODULE: "firmware", SOFTWARE_MODULE: "software"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockRequest:
    """The device asks for the time; `device_ms` is its own, in milliseconds since 1970."""

    device_ms: int


Heard = VersionReport | ResultReport | SdkReport | ClockRequest | gateway.Request | DeviceError


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One thing said of one device: the one connected, or one behind it, which is for the core to check. `at` is the
    device's time for it, None when it gives none that can be read: then the server's counts. `event_id` is echoed in
    an answer; it may be empty."""

    device_id: str
    heard: Heard
    at: datetime | None
    event_id: str = ""


# --- topics (huawei 5.2) ------------------------------------------------------------------------------------------


def events_down(device_id: str) -> str:
    """The topic on which a connected device is told, for itself and for those behind it. It is not subscribed to."""
    return DOWN.format(device_id=device_id)


def own_topic(topic: str, device_id: str) -> bool:
    """Whether the device may publish to `topic`: one of its own, without wildcards."""
    return plain_topic(topic) and topic.startswith(f"$oc/devices/{device_id}/")


def owner_of(topic: str) -> str | None:
    """The device id that a system topic carries; None for any other topic."""
    levels = topic.split("/")
    return levels[2] if levels[:2] == ["$oc", "devices"] and len(levels) > 3 and levels[2] else None


def is_custom(topic: str) -> bool:
    """Whether a topic is one that its owner named (huawei 5.1), and not the system's or another vendor's device's."""
    return not topic.startswith(("$", *FOREIGN))


def own_filter(topic_filter: str, device_id: str) -> bool:
    """Whether the device may subscribe to `topic_filter`: whatever it matches is the device's own."""
    return lawful_filter(topic_filter) and topic_filter.startswith(f"$oc/devices/{device_id}/")


def is_read(topic: str, device_id: str) -> bool:
    """Whether what the device publishes there is read at all: its system events are."""
    return topic == UP.format(device_id=device_id)


# --- up -----------------------------------------------------------------------------------------------------------


def read(topic: str, payload: bytes, device_id: str) -> tuple[Said, ...]:
    """What the device says, in its order; nothing for a topic of its own or an event that OTA doesn't know. An error
    stands for what can't be understood among others. Raises DeviceError for a message that can't be, and for a topic
    that is not the device's."""
    if not is_read(topic, device_id):
        if not own_topic(topic, device_id):
            raise DeviceError("The topic is not one of this device's own.")
        return ()
    subject, events = envelope.read(payload, device_id)
    heard = [(event, one) for event in events for one in _heard_or_not(event)]
    understood(one for _, one in heard)
    return tuple(Said(device_id=subject, heard=one, at=event.at, event_id=event.event_id) for event, one in heard)


def _heard_or_not(event: envelope.Event) -> Sequence[Heard]:
    try:
        return _heard(event)
    except DeviceError as exc:
        return (exc,)


def _heard(event: envelope.Event) -> Sequence[Heard]:
    if event.service in gateway.ASKED_BY:
        request = gateway.read(event.kind, event.paras)
        return () if request is None else (request,)
    reader = _READERS.get((event.service, event.kind))
    if reader is None:
        return ()
    if not isinstance(event.paras, dict):
        raise DeviceError("paras must be an object.")
    return reader(event.paras)


def _versions(paras: dict[str, Any]) -> list[Heard]:
    """The versions of a version_report: what the device says, also what no package could have, for the former one would
    be a lie. A null or empty one says nothing of that part (huawei 5.6)."""
    told = [(DEFAULT_MODULE, paras.get("fw_version")), (SOFTWARE_MODULE, paras.get("sw_version"))]
    found: list[Heard] = [_version(module, said) for module, said in told if said not in (None, "")]
    return found + _module_versions(paras.get("modules"))


def _version(module: str, said: Any) -> VersionReport:
    return VersionReport(module=module, version=version_of(said), ref="")


_MODULE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def _module_versions(value: Any) -> list[Heard]:
    """The versions of other modules. No source says how devices report them (huawei 9): Upwell reads the form that the
    management API shows them in, `modules` with module_name and module_version."""
    if value is None:
        return []
    if not isinstance(value, list):
        return [DeviceError("modules must be an array of objects.")]
    return [_module_version(entry) for entry in value if not _is_silent(entry)]


def _is_silent(entry: Any) -> bool:
    return isinstance(entry, dict) and "module_name" in entry and entry.get("module_version") in (None, "")


def _module_version(entry: Any) -> Heard:
    name = entry.get("module_name") if isinstance(entry, dict) else None
    if not isinstance(name, str) or not _MODULE.fullmatch(name) or module_key(name) in STANDING:
        return DeviceError(
            "modules must be objects whose module_name is 1 to 64 letters, digits, '_', '-' or '.', and no name that "
            "stands."
        )
    return _version(name, entry.get("module_version"))


def _result(paras: dict[str, Any]) -> list[Heard]:
    code = _integer(paras, "result_code")
    if code is None:
        raise DeviceError("result_code must be an integer.")
    progress = _integer(paras, "progress")
    code = min(max(code, -CODE_MAX), CODE_MAX)
    kind, reason = outcome(code)
    report = ResultReport(
        outcome=kind,
        code=code,
        reason=reason,
        progress=None if progress is None else min(max(progress, 0), 100),  # no reason to lose a result
        version=version_of(paras.get("version")) or "",
        desc=desc_of(paras.get("description")),
    )
    return [report]


def _sdk_info(paras: dict[str, Any]) -> list[Heard]:
    version = version_of(paras.get("device_sdk_version"))
    heard: list[Heard] = [SdkReport(version=version)] if version else []
    return heard + _versions(paras)


def _clock(paras: dict[str, Any]) -> list[Heard]:
    sent = _integer(paras, "device_send_time")
    if sent is None:
        raise DeviceError("device_send_time must be an integer.")
    return [ClockRequest(device_ms=sent)]


_READERS: Mapping[tuple[Any, Any], Callable[[dict[str, Any]], list[Heard]]] = {
    (OTA, "version_report"): _versions,
    (OTA, "upgrade_progress_report"): _result,
    (SDK, "sdk_info_report"): _sdk_info,
    (CLOCK, "time_sync_request"): _clock,
}


_INTEGER = re.compile(r"[+-]?[0-9]{1,15}")


def _integer(paras: dict[str, Any], field: str) -> int | None:
    """An integer, or the text of one; None for null or none."""
    value = paras.get(field)
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        return int(value)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 10**15):
        raise DeviceError(f"{field} must be an integer.")
    return value


# --- down ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """What goes along with a question or an offer: the owner's own object, and in gateway mode the task and how many
    devices behind the gateway it has (huawei 3.2, 5.4)."""

    ext_info: Mapping[str, Any] | None = None
    task_id: str | None = None
    sub_device_count: int | None = None

    def members(self) -> dict[str, Any]:
        """As members of paras."""
        return render.present(
            {"task_id": self.task_id, "sub_device_count": self.sub_device_count, "task_ext_info": self.ext_info}
        )


_NO_EXTRAS = Extras()


def version_query(device_id: str, now: datetime, extras: Extras = _NO_EXTRAS) -> bytes:
    """The question for a device's versions, to be published on `events_down` of the connection it goes by."""
    return envelope.write(device_id, OTA, "version_query", now, extras.members())


def upgrade(
    device_id: str,
    offer: Offer,
    now: datetime,
    *,
    file_name: str | None = None,
    access_token: str | None = None,
    extras: Extras = _NO_EXTRAS,
) -> bytes:
    """The upgrade event for a device. Its kind follows from the offer's module; with an access token it is the event
    for a file that the platform holds, without one the `_v2` event for object storage. `offer.udi` goes as custom_info.
    Raises Invalid for an offer that devices would misread."""
    part = part_of(offer.module)
    if part == "module" and access_token is not None:
        raise Invalid("access_token", "not for modules")
    paras = {
        "version": offer.version,
        "url": _url(offer.url, needs_query=access_token is None),
        "file_size": offer.size,
        "file_name": file_name,
        "access_token": access_token,  # huawei 5.7: the C SDK tells the two kinds apart by it
        "expires": URL_VALID_S,
        "sign": _sign(offer),
        "custom_info": offer.udi,
        "module_name": offer.module if part == "module" else None,
    }
    kind = f"{part}_upgrade" if access_token is not None else f"{part}_upgrade_v2"
    return envelope.write(device_id, OTA, kind, now, render.present(paras) | extras.members())


def _sign(offer: Offer) -> str | None:
    """What the device is to check the file by. Of one in its owner's bucket it is what the owner gave, for C's demo
    fails on any (huawei 5.4); of one that the platform holds the digest in lower case, for the page demands it and
    Java's and Python's samples fail without (huawei 5.7)."""
    return offer.sha256.lower() if offer.is_held else offer.sign


def clock_answer(device_id: str, asked: ClockRequest, event_id: str, received_ms: int, now: datetime) -> bytes:
    """The answer to a request for the time; `received_ms` is when it came, in milliseconds since 1970."""
    sent_ms = int(now.timestamp() * 1000)
    paras = {"device_send_time": asked.device_ms, "server_recv_time": received_ms, "server_send_time": sent_ms}
    return envelope.write(device_id, CLOCK, "time_sync_response", now, paras, event_id)


def gateway_answer(device_id: str, answer: gateway.Answer, event_id: str, now: datetime) -> bytes:
    """The answer to what a gateway asked of the devices behind it."""
    kind, paras = answer
    return envelope.write(device_id, gateway.SERVICE, kind, now, paras, event_id)


def part_of(module: str) -> Part:
    """Which kind of upgrade installs a module."""
    return _PARTS.get(module, "module")


_URL = re.compile(r"https?://[A-Za-z0-9._-]+(:[0-9]{1,5})?/[!#-\[\]-~]*")  # no blank, quote nor backslash
_PORTS = {"https": 443, "http": 80}


def _url(url: str, *, needs_query: bool) -> str:
    """The url as every SDK can read it (huawei 5.7): C needs an explicit port, and in a v2 url a `?`, for the file name
    ends there."""
    if not _URL.fullmatch(url):
        raise Invalid("url", "an http or https url of printable ASCII without blank, quote and backslash")
    parts = urlsplit(url)
    if needs_query and not parts.query:
        raise Invalid("url", "a url with a query, for devices end the file name there")
    if ":" in parts.netloc:
        return url
    return parts._replace(netloc=f"{parts.netloc}:{_PORTS[parts.scheme]}").geturl()
