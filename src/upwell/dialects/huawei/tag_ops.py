"""Huawei's tags of devices (huawei 4.5): their members, their commands, their answers."""

from collections.abc import Sequence
from typing import Any

from upwell.dialects.checks import OneOf, Text, shown
from upwell.dialects.huawei import render
from upwell.dialects.huawei.params import CHINESE, ID_128, WINDOW, asked
from upwell.dialects.operations import Operation, Param, Table, Values, at
from upwell.domain import commands as c
from upwell.domain.errors import Invalid
from upwell.domain.search import Both, Compare, Either

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


def _bind(v: Values) -> c.SetTags:
    tags = _pairs(v)
    _refuse_twice("tags", [key for key, _ in tags])
    return c.SetTags(device=_device(v), tags=dict(tags), most=TAGS_MAX)


def _unbind(v: Values) -> c.DeleteTags:
    _refuse_none("tag_keys", v["tag_keys"])
    _refuse_twice("tag_keys", v["tag_keys"])
    return c.DeleteTags(device=_device(v), keys=v["tag_keys"], need_all=True)


def _refuse_none(field: str, values: Sequence[Any]) -> None:
    if not values:
        raise Invalid(field, "at least one")


def _refuse_twice(field: str, keys: Sequence[str]) -> None:
    twice = next((key for place, key in enumerate(keys) if key in keys[:place]), None)
    if twice is not None:
        raise Invalid(field, "no key is given twice", f"{shown(twice)} is repeated")


def _tagged(v: Values) -> c.ListDevices:
    """Those that have at least one of the tags."""
    one_of = (Both((Compare("tag_key", "=", (tag,)), Compare("tag_value", "=", (value,)))) for tag, value in _pairs(v))
    return c.ListDevices(asked=asked(v), which=Either(tuple(one_of)), order="record")


OPERATIONS: dict[str, Operation] = {
    "TagDevice": at("POST", "/tags/bind-resource", "operator", _bind, body=(*_RESOURCE, _TAGS)),
    "UntagDevice": at(
        "POST", "/tags/unbind-resource", "operator", _unbind,
        body=(*_RESOURCE, Param("tag_keys", "list", required=True, check=_KEY, most=TAGS_MAX, unique=False)),
    ),
    "ListResourcesByTags": at(
        "POST", "/tags/query-resources", "viewer", _tagged,
        render.paged("resources", lambda r: {"resource_id": r.public_id}), query=WINDOW, body=(_TYPE, _TAGS),
    ),
}  # fmt: skip
