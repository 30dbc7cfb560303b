"""What TuyaLink devices say over MQTT: topics, and payloads read into reports (tuya 4.2 to 4.6).

Payloads are read leniently in form and strictly in meaning. A channel is a module by the mapping that is handed in.
It holds no session, no task and no clock; what devices are told is in offers.py, sub-devices are in gateway.py.
"""

import re
from collections.abc import Mapping
from typing import Any

from upwell.dialects.payloads import (
    desc_of,
    json_object,
    lawful_filter,
    plain_topic,
    ref_or_none,
    text_id,
    understood,
    version_of,
)
from upwell.dialects.tuya.channels import CHANNEL_MAX, module_of
from upwell.domain.errors import DeviceError
from upwell.domain.talk import OfferRequest, ProgressReport, Report, VersionReport

PAYLOAD_MAX = 262_144  # bytes of a message; no page of the vendor's names a bound
REF_MAX = 32  # characters of a msgId (tuya 4.3)
CHANNELS_MAX = 64  # entries of one firmware/report that are read

PROGRESS_MAX = 100
CLOCK_MIN_S = 10**9  # the year 2001: a time before it is a device's uptime

_ROOTS = ("tylink/{device_id}/", "smart/device/in/{device_id}", "smart/device/out/{device_id}")

Channels = Mapping[int, str]


# --- topics ----------------------------------------------------------------------------------------------------------


def own_topic(topic: str, device_id: str) -> bool:
    """Whether the device may publish to `topic`: it is well formed and the device's own (tuya 4.2)."""
    return plain_topic(topic) and _is_own(topic, device_id)


def own_filter(topic_filter: str, device_id: str) -> bool:
    """Whether the device may subscribe to `topic_filter`: whatever it matches is the device's own."""
    return lawful_filter(topic_filter) and _is_own(topic_filter, device_id)


def device_of(topic: str) -> str | None:
    """The device id that a topic or filter carries; None for one of neither protocol's shape."""
    levels = topic.split("/")
    if levels[0] == "tylink" and len(levels) > 2:
        return levels[1]
    if levels[:2] == ["smart", "device"] and len(levels) == 4:  # tuya 5.1
        return levels[3]
    return None


def mentioned(topic: str) -> str | None:
    """The device id that a topic of either protocol carries, in whatever form; None for any other topic."""
    levels = topic.split("/")
    place = {"tylink": 1, "rpc": 2, "smart": 3}.get(levels[0], len(levels))  # tuya 4.2, 5.1
    return levels[place] if plain_topic(topic) and len(levels) > place and levels[place] else None


def suffix_of(topic: str, device_id: str) -> str | None:
    """What follows `tylink/{deviceId}/`; None for a topic of the older protocol."""
    prefix = f"tylink/{device_id}/"
    return topic.removeprefix(prefix) if topic.startswith(prefix) else None


def _is_own(topic: str, device_id: str) -> bool:
    link, *atop = (root.format(device_id=device_id) for root in _ROOTS)
    return (topic.startswith(link) and len(topic) > len(link)) or topic in atop


# --- payloads --------------------------------------------------------------------------------------------------------


def ref(said: Mapping[str, Any]) -> str:
    """The msgId as text. Raises DeviceError for one that no answer could repeat."""
    return text_id("msgId", said.get("msgId"), REF_MAX)


def read(suffix: str, payload: bytes, channels: Channels) -> tuple[Report | DeviceError, ...]:
    """What the device says of its firmware; nothing for a topic that OTA doesn't know. An error stands for a channel
    that can't be understood among others. Raises DeviceError for a payload that can't be."""
    reader = _READERS.get(suffix)
    return () if reader is None else reader(json_object(payload, PAYLOAD_MAX), channels)


def _versions(said: dict[str, Any], channels: Channels) -> tuple[Report | DeviceError, ...]:
    """tuya 4.6: INIT and UPDATE alike say what each channel runs, and either completes a task."""
    listed = _data(said).get("otaChannel")
    if not isinstance(listed, list) or not listed:
        raise DeviceError("otaChannel must be a list of channels and versions.")
    read = [_version(each, channels, _moment(said)) for each in listed[:CHANNELS_MAX]]
    if len(listed) > CHANNELS_MAX:
        read.append(DeviceError(f"otaChannel has more than {CHANNELS_MAX} entries."))
    return understood(read)


def _version(entry: Any, channels: Channels, moment: str) -> VersionReport | DeviceError:
    # The version is what the device says, also what no package could have: the former one would be a lie.
    if not isinstance(entry, dict):
        return DeviceError("otaChannel must be a list of objects.")
    try:
        module = module_of(channels, _channel(entry))
    except DeviceError as exc:
        return exc
    return VersionReport(module=module, version=version_of(entry.get("version")), ref=moment)


def _progress(said: dict[str, Any], channels: Channels) -> tuple[Report | DeviceError, ...]:
    data = _data(said)
    module = module_of(channels, _channel(data))
    code = _number(data.get("errorCode"))
    if code is not None and code != 0:
        # tuya 4.9: the description is `<code>:<errorMsg>`; unknown codes are failures too (4.6).
        desc = f"{code}:{desc_of(data.get('errorMsg'))}"
        return (ProgressReport(module=module, step=-abs(code), desc=desc, ref=_moment(said)),)
    step = _number(data.get("progress"))
    if step is None or not 0 <= step <= PROGRESS_MAX:
        raise DeviceError(f"progress must be a number from 0 to {PROGRESS_MAX}, or errorCode one other than 0.")
    return (ProgressReport(module=module, step=step, desc="", ref=_moment(said)),)


def _get(said: dict[str, Any], channels: Channels) -> tuple[Report | DeviceError, ...]:
    data = said.get("data")
    asked = data.get("channel") if isinstance(data, dict) else None
    module = None if asked is None else module_of(channels, _channel({"channel": asked}))
    return (OfferRequest(module=module, ref=ref(said), manner="get"),)


# tuya 4.4; the second of each is wrong and seen in the field.
_READERS = {
    "ota/firmware/report": _versions,
    "ota/progress/report": _progress,
    "ota/progress": _progress,
    "ota/get": _get,
    "ota/firmware/get": _get,
}


def _moment(said: Mapping[str, Any]) -> str:
    """By what a repeated report is recognised: msgId and time together, for the msgId alone restarts at every boot
    (tuya 4.3). A device without a clock has none: rather a report counted twice than one that is lost."""
    time = _number(said.get("time"), CLOCK_MIN_S * 10**6)
    msg_id = ref_or_none("msgId", said.get("msgId"), REF_MAX)
    return f"{msg_id}@{time}" if time is not None and time >= CLOCK_MIN_S else ""


def _data(said: dict[str, Any]) -> dict[str, Any]:
    data = said.get("data")
    if not isinstance(data, dict):
        raise DeviceError("data must be an object.")
    return data


def _channel(entry: Mapping[str, Any]) -> int:
    channel = _number(entry.get("channel", 0))  # tuya 4.5: 0 is the device itself
    if channel is None or not 0 <= channel <= CHANNEL_MAX:
        raise DeviceError(f"channel must be a number from 0 to {CHANNEL_MAX}.")
    return channel


def _number(value: Any, below: int = 10**9) -> int | None:
    """A number, or the text of one; None for anything else. Fractions are cut off, as C does."""
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,15}", value.strip()):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < below:
        return None
    return int(value)
