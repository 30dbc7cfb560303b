"""What Alibaba devices say over MQTT: the topics that are theirs, and the payloads of their reports.

Payloads are read leniently in form (three SDK families write three ways) and strictly in meaning. What devices are
told is in offers.py, blocks.py and gateway.py. It holds no session, no task and no clock.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from upwell.dialects.payloads import (
    desc_of,
    json_object,
    lawful_filter,
    plain_topic,
    ref_or_none,
    text_id,
    version_of,
)
from upwell.domain.errors import DeviceError
from upwell.domain.talk import DEFAULT_MODULE, OfferRequest, ProgressReport, Report, VersionReport

PAYLOAD_MAX = 262_144  # bytes of a message (256 KB: the vendor's page "Limits", messages over MQTT)
REF_MAX = 64  # characters of a message id
STEP_MIN, STEP_MAX = -(2**31), 100  # alibaba 6.4: percent up to 100, any negative is a failure


# alibaba 6.3, T1 to T8; `pk` and `dn` are the device's.
TOPICS = {
    "inform": "/ota/device/inform/{pk}/{dn}",
    "upgrade": "/ota/device/upgrade/{pk}/{dn}",
    "progress": "/ota/device/progress/{pk}/{dn}",
    "get": "/sys/{pk}/{dn}/thing/ota/firmware/get",
    "get_reply": "/sys/{pk}/{dn}/thing/ota/firmware/get_reply",
    "request": "/ota/device/request/{pk}/{dn}",
    "download": "/sys/{pk}/{dn}/thing/file/download",
    "download_reply": "/sys/{pk}/{dn}/thing/file/download_reply",
}

# alibaba 6.2: a device's topics are those that carry its own pk and dn, in one of these shapes.
OWN_SHAPES = ("/sys/{pk}/{dn}/#", "/ota/device/+/{pk}/{dn}", "/shadow/+/{pk}/{dn}", "/ext/+/{pk}/{dn}/#")
OWN_CUSTOM_SHAPE = "/{pk}/{dn}/user/#"
PLATFORM_ROOTS = frozenset({"sys", "ota", "ext", "shadow", "broadcast"})  # never a product's custom topics


def own_topic(topic: str, product_key: str, device_name: str) -> bool:
    """Whether the device may publish to `topic`: it is well formed and carries the device's own pk and dn."""
    return plain_topic(topic) and _within_own(topic, product_key, device_name)


def own_filter(topic_filter: str, product_key: str, device_name: str) -> bool:
    """Whether the device may subscribe to `topic_filter`: whatever it matches is the device's own."""
    return lawful_filter(topic_filter) and _within_own(topic_filter, product_key, device_name)


def _within_own(topic_filter: str, product_key: str, device_name: str) -> bool:
    shapes = OWN_SHAPES if product_key in PLATFORM_ROOTS else (*OWN_SHAPES, OWN_CUSTOM_SHAPE)
    levels = topic_filter.split("/")
    return any(_covers(_shape(shape, product_key, device_name), levels) for shape in shapes)


def _shape(pattern: str, product_key: str, device_name: str) -> list[str]:
    return [level.format(pk=product_key, dn=device_name) for level in pattern.split("/")]


def _covers(shape: list[str], levels: list[str]) -> bool:
    """Whether everything that the filter `levels` matches is matched by `shape`."""
    for at, expected in enumerate(shape):
        if expected == "#":
            return True
        if at >= len(levels) or levels[at] == "#" or (expected != "+" and levels[at] != expected):
            return False
    return len(levels) == len(shape)


# --- up ---------------------------------------------------------------------------------------------------------


def reader(topic: str, product_key: str, device_name: str) -> Callable[[bytes], Report] | None:
    """What reads the device's payloads on a topic of its own; None for one that OTA doesn't know. It raises DeviceError
    for a payload that can't be understood."""
    for name, read_message in _READERS.items():
        if topic == TOPICS[name].format(pk=product_key, dn=device_name):
            return partial(_read, read_message)
    return None


def read(topic: str, payload: bytes, product_key: str, device_name: str) -> Report | None:
    """What the device says; None for a topic of its own that OTA doesn't know. Raises DeviceError for a payload
    that can't be understood and for a topic that is not the device's."""
    read_payload = reader(topic, product_key, device_name)
    if read_payload is not None:
        return read_payload(payload)
    if not own_topic(topic, product_key, device_name):
        raise DeviceError("The topic is not one of this device's own.")
    return None


def _read(read_message: Callable[[dict[str, Any]], Report], payload: bytes) -> Report:
    return read_message(json_object(payload, PAYLOAD_MAX))


def _read_inform(message: dict[str, Any]) -> Report:
    # The version is what the device says, also what no package could have: the former one would be a lie.
    params = _params(message)
    return VersionReport(module=_module(params), version=version_of(params.get("version")), ref=_ref_if_any(message))


def _read_progress(message: dict[str, Any]) -> Report:
    params = _params(message)
    return ProgressReport(
        module=_module(params), step=_step(params), desc=desc_of(params.get("desc")), ref=_ref_if_any(message)
    )


def _read_get(message: dict[str, Any]) -> Report:
    return OfferRequest(module=_module(_params(message, needed=False)), ref=ref_of(message), manner="get")


def _read_request(message: dict[str, Any]) -> Report:
    # alibaba 6.4: C3 sends its inform here; the version in it was reported by T1 and is not read again.
    return OfferRequest(module=_module(_params(message, needed=False)), ref=ref_of(message), manner="request")


_READERS = {"inform": _read_inform, "progress": _read_progress, "get": _read_get, "request": _read_request}


def _params(message: dict[str, Any], *, needed: bool = True) -> dict[str, Any]:
    params = message.get("params")
    if params is None and not needed:
        return {}
    if not isinstance(params, dict):
        raise DeviceError("params must be an object.")
    return params


def ref_of(message: dict[str, Any]) -> str:
    """The message id as text: C3 sends a string here and a number there (alibaba 6.4)."""
    return text_id("id", message.get("id"), REF_MAX)


def _ref_if_any(message: dict[str, Any]) -> str:
    return ref_or_none("id", message.get("id"), REF_MAX)


NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")  # alibaba 2.2: module names


def _module(params: dict[str, Any]) -> str:
    value = params.get("module")
    if value in (None, ""):  # alibaba 6.4: absent means default
        return DEFAULT_MODULE
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise DeviceError("module must be 1 to 64 letters, digits, '.', '-' or '_'.")
    return value


_INTEGER = re.compile(r"[+-]?[0-9]{1,10}")


def _step(params: dict[str, Any]) -> int:
    value = params.get("step")  # alibaba 6.4: a string; numbers are accepted too
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise DeviceError("step must be an integer or the text of one.")
    if not STEP_MIN <= value <= STEP_MAX:
        raise DeviceError(f"step must be at most {STEP_MAX}, and at least {STEP_MIN}.")
    return value
