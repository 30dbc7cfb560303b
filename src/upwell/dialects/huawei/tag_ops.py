"""Huawei's tags of devices (huawei 4.5): their members, their commands, their answers."""

from collections.abc import Sequence
from typing import Any

from upwell.dialects.checks import OneOf, Text, shown
from upwell.dialects.huawei import render
from upwell.dialects.huawei.params import CHINESE, ID_128, WINDOW, window
from upwell.dialects.operations import Operation, Param, Table, Values, at
from upwell.domain import commands as c
from upwell.domain.errors import Invalid

TAGS_MAX = 10  # of a device, and so of a request

_CHARS, _SAID = CHINESE + r"A-Za-z0-9_.\-", "Chinese, letters, digits or _ . -"
_KEY = Text(64, _CHARS, _SAID)
_TYPE = Param("resource_type", required=True, check=OneOf(("device",)))
_RESOURCE: Table = (_TYPE, Param("resource_id", required=True, check=ID_128))
_TAGS = Param(
    "tags",
    "list",
    required=True,
    most=TAGS_MAX,
    members=(
        Param("tag_key", required=True, check=_KEY),
        Param("tag_value", required=True, check=Text(128, _CHARS, _SAID)),
    ),
)


def _device(v: Values) -> c.DeviceKey:
    return c.DeviceKey(public_id=v["resource_id"])


def _pairs(v: Values) -> tuple[tuple[str, str], ...]:
    _refuse_none("tags", v["tags"])
    return tuple((tag["tag_key"], tag["tag_value"]) for tag in v["tags"])


def _bind(v: Values) -> c.SetDeviceTags:
    tags = _pairs(v)
    _refuse_twice("tags", [key for key, _ in tags])
    return c.SetDeviceTags(device=_device(v), tags=dict(tags), most=TAGS_MAX)


def _unbind(v: Values) -> c.RemoveDeviceTags:
    _refuse_none("tag_keys", v["tag_keys"])
    _refuse_twice("tag_keys", v["tag_keys"])
    return c.RemoveDeviceTags(device=_device(v), keys=v["tag_keys"])


def _refuse_none(field: str, values: Sequence[Any]) -> None:
    if not values:
        raise Invalid(field, "at least one")


def _refuse_twice(field: str, keys: Sequence[str]) -> None:
    twice = next((key for place, key in enumerate(keys) if key in keys[:place]), None)
    if twice is not None:
        raise Invalid(field, "no key is given twice", f"{shown(twice)} is repeated")


def _resources(r: c.Scanned[c.SpaceDevice]) -> dict[str, Any]:
    return {"resources": [{"resource_id": item.public_id} for item in r.items], "page": render.page(r)}


OPERATIONS: dict[str, Operation] = {
    "TagDevice": at("POST", "/tags/bind-resource", "operator", _bind, body=(*_RESOURCE, _TAGS)),
    "UntagDevice": at(
        "POST", "/tags/unbind-resource", "operator", _unbind,
        body=(*_RESOURCE, Param("tag_keys", "list", required=True, check=_KEY, most=TAGS_MAX, unique=False)),
    ),
    "ListResourcesByTags": at(
        "POST", "/tags/query-resources", "viewer",
        lambda v: c.ScanTagged(window=window(v), tags=_pairs(v)), _resources, query=WINDOW, body=(_TYPE, _TAGS),
    ),
}  # fmt: skip
