"""Alibaba's tags of devices (alibaba 3.2): saved and shown as the text of one JSON object, searched by pairs."""

import json
from typing import Any

from upwell.dialects.alibaba.device_ops import simple_devices
from upwell.dialects.alibaba.limits import UNNAMED
from upwell.dialects.checks import Length, Pattern, shown
from upwell.dialects.operations import STORABLE, Operation, Param, Values, is_storable
from upwell.dialects.rpc_checks import DEVICE_KEY, PAGE, asked, device_key, page_size
from upwell.domain import commands as c
from upwell.domain.errors import Invalid
from upwell.domain.search import Both, Compare

PROPS_SIZE_MAX = 5 * 1024  # bytes of UTF-8; alibaba 3.2 SaveDeviceProp
PROPS_MAX = 100  # tags; alibaba 3.2 SaveDeviceProp
SEARCH_TAGS_MAX = 10  # tags per QueryDeviceByTags; the reference names no limit

OBJECT = "the text of a JSON object whose values are text, numbers or booleans"
SIZE = f"at most {PROPS_SIZE_MAX} bytes"
COUNT = f"at most {PROPS_MAX} tags"
SOME = "at least one tag"
# The reference has no rule for keys and values of device tags: wide ones that a database index still holds.
TAG_KEY = Pattern(r"[\w.\-]{1,64}", "1-64 letters, digits or . - _")
TAG_VALUE = Length(1, 256)
KEY = f"a key has {TAG_KEY.text}"


def read_props(text: str) -> dict[str, str]:
    """The tags in a Props text, numbers and booleans as they are written. Raises Invalid naming what is wrong."""
    size = len(text.encode())
    if size > PROPS_SIZE_MAX:
        raise Invalid("Props", SIZE, f"it has {size}")
    try:
        pairs = json.loads(text, object_pairs_hook=_Pairs, parse_int=str, parse_float=str, parse_constant=_no_constant)
    except (ValueError, RecursionError) as exc:
        raise Invalid("Props", OBJECT, f"the value is {shown(text)}") from exc
    if not isinstance(pairs, _Pairs):
        raise Invalid("Props", OBJECT, f"the value is {shown(text)}")
    if not pairs:
        raise Invalid("Props", SOME, "it has none")
    if len(pairs) > PROPS_MAX:
        raise Invalid("Props", COUNT, f"it has {len(pairs)}")
    tags: dict[str, str] = {}
    for key, value in pairs:
        if key in tags:
            raise Invalid("Props", "no key is given twice", f"{shown(key)} is repeated")
        tags[_key(key)] = _value(key, value)
    return tags


class _Pairs(list[tuple[str, Any]]):
    """The members of an object in their order, repeated keys and all; no array is one."""


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def _key(key: str) -> str:
    problem = TAG_KEY.problem(key)
    if problem:
        raise Invalid("Props", KEY, problem)
    return key


def _value(key: str, value: Any) -> str:
    if isinstance(value, bool):
        value = "true" if value else "false"
    if not isinstance(value, str):
        raise Invalid("Props", OBJECT, f"the value of {key} is something else")
    problem = TAG_VALUE.problem(value)
    if problem:
        raise Invalid("Props", f"a value has {TAG_VALUE.text}", f"{problem} (key {key})")
    if not is_storable(value):
        raise Invalid("Props", STORABLE, f"the value of {key} is {shown(value)}")
    return value


def _search(p: Values) -> c.ListDevices:
    """Those that have every one of the tags."""
    tags = (
        Both((Compare("tag_key", "=", (each["TagKey"],)), Compare("tag_value", "=", (each["TagValue"],))))
        for each in p["Tag"]
    )
    return c.ListDevices(asked=asked(p), which=Both(tuple(tags)))


def _props(r: c.Device) -> dict[str, Any]:
    return {"Props": json.dumps(dict(r.tags), ensure_ascii=False, separators=(",", ":"))}


OPERATIONS: dict[str, Operation] = {
    "SaveDeviceProp": Operation(
        "operator",
        (*DEVICE_KEY, Param("Props", required=True)),
        lambda p: c.SetTags(device=device_key(p), tags=read_props(p["Props"])),
        limit_per_s=UNNAMED,
    ),
    "QueryDeviceProp": Operation(
        "viewer", DEVICE_KEY, lambda p: c.ShowDevice(device=device_key(p)), _props, limit_per_s=UNNAMED
    ),
    "DeleteDeviceProp": Operation(
        "operator",
        (*DEVICE_KEY, Param("PropKey", required=True)),
        lambda p: c.DeleteTags(device=device_key(p), keys=(p["PropKey"],)),
        limit_per_s=UNNAMED,
    ),
    "QueryDeviceByTags": Operation(
        "viewer",
        (
            Param(
                "Tag",
                "list",
                required=True,
                most=SEARCH_TAGS_MAX,
                members=(Param("TagKey", required=True), Param("TagValue", required=True)),
            ),
            PAGE,
            page_size(50),
        ),
        _search,
        simple_devices,
        limit_per_s=UNNAMED,
    ),
}
