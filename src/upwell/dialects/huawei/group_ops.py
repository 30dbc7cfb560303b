"""Huawei's device groups (huawei 4.4): their members, their commands, their answers."""

from typing import Any

from upwell.dialects.checks import AnyCase, OneOf, Text
from upwell.dialects.huawei import names, render, search
from upwell.dialects.huawei.device_ops import DEVICE_ID, key
from upwell.dialects.huawei.params import APP_ID, CHINESE, GROUP_ID, WINDOW, asked
from upwell.dialects.operations import Operation, Param, Table, Values, at
from upwell.domain import commands as c
from upwell.domain.errors import Invalid, Missing, NotFound, TooMany

GROUPS_OF_DEVICE_MAX = 10  # huawei 4.4

MEMBERS_MAX = 20_000  # of a group (huawei 4.4)

_CHARS = CHINESE + r"A-Za-z0-9_? '#().,&%@!\-"
_SAID = "Chinese, letters, digits, blanks or _?'#().,&%@!-"
_NAME = Param("name", check=Text(64, _CHARS, _SAID))
_TEXTS: Table = (_NAME, Param("description", check=Text(64, _CHARS, _SAID, low=0)))
_KIND = Param("group_type", check=AnyCase(("STATIC", "DYNAMIC")))  # huawei 4.4: in upper case on the page
_IDS = (Param("group_id", required=True, check=GROUP_ID),)
_CREATE: Table = (
    *_TEXTS,
    Param("super_group_id", check=GROUP_ID),
    APP_ID,
    _KIND,
    Param("dynamic_group_rule", check=Text(search.SQL_CHARS_MAX)),
)


def _create(v: Values) -> c.CreateGroup:
    rule = v["dynamic_group_rule"]
    dynamic = _kind(v) == "dynamic"
    if v["name"] is None:  # huawei 4.4: optional in the schema; a group without a name can't be told from another
        raise Missing("name")
    if dynamic and rule is None:
        raise Missing("dynamic_group_rule", "group_type is DYNAMIC")
    if rule is not None and not dynamic:
        raise Invalid("dynamic_group_rule", "only with group_type DYNAMIC", f"it is {v['group_type'] or 'absent'}")
    if dynamic and v["super_group_id"] is not None:
        raise Invalid("super_group_id", "not with group_type DYNAMIC", "both are given")
    return c.CreateGroup(
        name=v["name"],
        description=v["description"] or "",
        super_group_id=None if v["super_group_id"] is None else names.read_group_id(v["super_group_id"]),
        condition=None if rule is None else search.read_condition("dynamic_group_rule", rule),
        condition_text=rule,
        space=v["app_id"],
    )


def _kind(v: Values) -> str | None:
    """The core's word for the group_type that was asked for."""
    return None if v["group_type"] is None else str(v["group_type"]).lower()


def _list(v: Values) -> c.ListGroups:
    kind = _kind(v)
    return c.ListGroups(
        asked=asked(v),
        space=v["app_id"],
        name=v["name"],
        kinds=frozenset((kind,) if kind else ()),
        changed_after=v["last_modified_time"],
    )


def _number(v: Values) -> int:
    return names.read_group_id(v["group_id"])


def _member(v: Values) -> c.AddToGroup | c.RemoveFromGroup:
    if v["action_id"] == "addDevice":
        return c.AddToGroup(group_id=_number(v), devices=(key(v),), need_all=True, most=MEMBERS_MAX)
    return c.RemoveFromGroup(group_id=_number(v), devices=(key(v),), need_all=True)


def _enrolled(r: c.Enrolled) -> None:
    """Nothing is told of a member that came or went. Raises NotFound or TooMany for one that could do neither, of which
    the core has changed nothing."""
    if not r.valid:
        raise NotFound("device", "the one of device_id")
    if r.over:
        raise TooMany("groups of a device", GROUPS_OF_DEVICE_MAX)


def _listed(r: c.Group) -> dict[str, Any]:
    members = {
        "group_id": names.group_id(r.group_id),
        "name": r.name,
        "description": r.description,
        "super_group_id": None if r.super_group_id is None else names.group_id(r.super_group_id),
        "group_type": r.kind.upper(),
    }
    return render.present(members)


def _group(r: c.Group) -> dict[str, Any]:
    return _listed(r) | render.present({"dynamic_group_rule": r.condition_text})


def _simple(r: c.Device) -> dict[str, Any]:
    members = {
        "device_id": r.public_id,
        "node_id": r.name,
        "device_name": r.nickname,
        "product_id": r.product_key,
    }
    return render.present(members)


_ALL, _ONE = "/device-group", "/device-group/{group_id}"

OPERATIONS: dict[str, Operation] = {
    "AddDeviceGroup": at("POST", _ALL, "operator", _create, _group, status=201, body=_CREATE),
    "ListDeviceGroups": at(
        "GET", _ALL, "viewer", _list, render.paged("device_groups", _listed),
        query=(Param("last_modified_time", "time"), APP_ID, _KIND, _NAME, *WINDOW),
    ),
    "ShowDeviceGroup": at(
        "GET", _ONE, "viewer", lambda v: c.ShowGroup(group_id=_number(v), counted=False), _group, ids=_IDS,
    ),
    "UpdateDeviceGroup": at(
        "PUT", _ONE, "operator",
        lambda v: c.UpdateGroup(group_id=_number(v), name=v["name"], description=v["description"]), _group,
        ids=_IDS, body=_TEXTS,
    ),
    "DeleteDeviceGroup": at(
        "DELETE", _ONE, "operator",
        lambda v: c.DeleteGroup(group_id=_number(v), only_empty=True), status=204, ids=_IDS,
    ),
    "CreateOrDeleteDeviceInGroup": at(
        "POST", _ONE + "/action", "operator", _member, _enrolled, ids=_IDS,
        query=(Param("action_id", required=True, check=OneOf(("addDevice", "removeDevice"))), DEVICE_ID),
    ),
    "ShowDevicesInGroup": at(
        "GET", _ONE + "/devices", "viewer",
        lambda v: c.ListDevices(asked=asked(v), group_id=_number(v), order="record"), render.paged("devices", _simple),
        ids=_IDS, query=WINDOW,
    ),
    "ListDeviceGroupsByDevice": at(
        "POST", "/devices/{device_id}/list-device-group", "viewer",
        lambda v: c.ListGroups(asked=None, device=key(v)),
        lambda r: {"device_groups": [_listed(item) for item in r.items]}, ids=(DEVICE_ID,),
    ),
}  # fmt: skip
