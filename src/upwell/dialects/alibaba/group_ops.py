"""Alibaba's group operations (alibaba 3.4): static groups that devices are put into, dynamic ones that a rule fills."""

from typing import Any

from upwell.dialects.alibaba import names
from upwell.dialects.alibaba.device_ops import simple_devices
from upwell.dialects.alibaba.limits import UNNAMED
from upwell.dialects.alibaba.render import page
from upwell.dialects.alibaba.search import read_rule
from upwell.dialects.checks import Length, OneOf
from upwell.dialects.operations import Operation, Param, Values
from upwell.dialects.rpc_answers import utc
from upwell.dialects.rpc_checks import GROUP_NAME, PAGE, PRODUCT_KEY, asked, page_size
from upwell.domain import commands as c

MEMBERS_MAX = 200  # alibaba 3.4: devices per BatchAddDeviceGroupRelations and its opposite

_GROUP_NAME = Param("GroupName", required=True, check=GROUP_NAME)
GROUP_ID = Param("GroupId", required=True)
_GROUP_DESC = Param("GroupDesc", check=Length(1, 100))
_TYPES = {"static": "LINK_PLATFORM", "dynamic": "LINK_PLATFORM_DYNAMIC"}  # alibaba 2.1
_KINDS = {word: kind for kind, word in _TYPES.items()}
# The id alone says which group it is; the type is checked for its words and then has nothing left to say.
_GROUP_TYPE = Param("GroupType", check=OneOf(tuple(_KINDS)))
_MEMBERS = (
    GROUP_ID,
    Param(
        "Device",
        "list",
        required=True,
        most=MEMBERS_MAX,
        members=(Param("ProductKey", required=True), Param("DeviceName", required=True)),
    ),
)


# --- commands -----------------------------------------------------------------------------------------------------


def _create(p: Values) -> c.CreateGroup:
    above = names.read_group_id(p["SuperGroupId"]) if p["SuperGroupId"] else None
    return c.CreateGroup(name=p["GroupName"], description=p["GroupDesc"] or "", super_group_id=above)


def _create_dynamic(p: Values) -> c.CreateGroup:
    text = p["DynamicGroupExpression"]
    return c.CreateGroup(
        name=p["GroupName"], description=p["GroupDesc"] or "", condition=read_rule(text), condition_text=text
    )


def _update(p: Values) -> c.UpdateGroup:
    return c.UpdateGroup(group_id=names.read_group_id(p["GroupId"]), description=p["GroupDesc"])


def _list(p: Values) -> c.ListGroups:
    return c.ListGroups(
        asked=asked(p),
        part=p["GroupName"],
        super_group_id=names.read_group_id(p["SuperGroupId"]) if p["SuperGroupId"] else None,
        kinds=frozenset(_KINDS[word] for word in p["GroupTypes"]),
    )


def _members(p: Values) -> dict[str, Any]:
    """A device that is named twice is one device: adding and removing do not count."""
    keys = (c.DeviceKey(product_key=each["ProductKey"], name=each["DeviceName"]) for each in p["Device"])
    return {"group_id": names.read_group_id(p["GroupId"]), "devices": tuple(dict.fromkeys(keys))}


# --- answers ------------------------------------------------------------------------------------------------------


def _named(r: c.Group) -> dict[str, Any]:
    return {"GroupDesc": r.description, "GroupId": names.group_id(r.group_id), "GroupName": r.name}


def _created(r: c.Group) -> dict[str, Any]:
    more = {"DynamicGroupExpression": r.condition_text, "UtcCreate": utc(r.created_at)}
    return {"Data": _named(r) | more}


def _typed(r: c.Group) -> dict[str, Any]:
    return _named(r) | {"GroupType": _TYPES[r.kind], "UtcCreate": utc(r.created_at)}


def _shown(r: c.Group) -> dict[str, Any]:
    seen = r.counts or c.DeviceCounts(devices=0, active=0, online=0)
    more = {"DeviceActive": seen.active, "DeviceCount": seen.devices, "DeviceOnline": seen.online}
    return {"Data": _created(r)["Data"] | more}


def _above(r: c.Group) -> dict[str, Any]:
    return {"Data": {"GroupInfo": [] if r.above is None else [_named(r.above)]}}


def _added(r: c.Enrolled) -> dict[str, Any]:
    return {
        "AlreadyRelatedGroupDeviceCount": r.already,
        "ExceedTenGroupDeviceCount": r.over,
        "SuccessAddedDeviceCount": r.done,
        "ValidDeviceCount": r.valid,
    }


def _removed(r: c.Enrolled) -> dict[str, Any]:
    return {
        "AlreadyRelatedGroupDeviceCount": r.already,
        "SuccessDeviceCount": r.done,
        "ValidDeviceCount": r.valid,
    }


# --- the table ----------------------------------------------------------------------------------------------------


def _delete(kind: str, limit_per_s: int) -> Operation:
    return Operation(
        "operator",
        (GROUP_ID,),
        lambda p: c.DeleteGroup(group_id=names.read_group_id(p["GroupId"]), kind=kind),
        limit_per_s=limit_per_s,
    )


OPERATIONS: dict[str, Operation] = {
    "CreateDeviceGroup": Operation(
        "operator", (_GROUP_NAME, _GROUP_DESC, Param("SuperGroupId")), _create, _created, limit_per_s=500
    ),
    "CreateDeviceDynamicGroup": Operation(
        "operator",
        (_GROUP_NAME, Param("DynamicGroupExpression", required=True), _GROUP_DESC),
        _create_dynamic,
        _created,
        limit_per_s=UNNAMED,
    ),
    "UpdateDeviceGroup": Operation("operator", (GROUP_ID, _GROUP_DESC, _GROUP_TYPE), _update, limit_per_s=UNNAMED),
    "DeleteDeviceGroup": _delete("static", limit_per_s=500),
    "DeleteDeviceDynamicGroup": _delete("dynamic", limit_per_s=UNNAMED),
    "QueryDeviceGroupList": Operation(
        "viewer",
        (
            PAGE,
            page_size(200),
            Param("GroupName", check=Length(1, 30)),
            Param("SuperGroupId"),
            Param("GroupTypes", "list", check=OneOf(tuple(_KINDS)), unique=False),
        ),
        _list,
        page(_typed, "GroupInfo"),
        limit_per_s=100,
    ),
    "QueryDeviceGroupInfo": Operation(
        "viewer",
        (GROUP_ID, _GROUP_TYPE),
        lambda p: c.ShowGroup(group_id=names.read_group_id(p["GroupId"])),
        _shown,
        limit_per_s=30,
    ),
    "QuerySuperDeviceGroup": Operation(
        "viewer",
        (GROUP_ID,),
        lambda p: c.ShowGroup(group_id=names.read_group_id(p["GroupId"]), counted=False),
        _above,
        limit_per_s=UNNAMED,
    ),
    "QueryDeviceGroupByDevice": Operation(
        "viewer",
        (PRODUCT_KEY, Param("DeviceName", required=True)),
        lambda p: c.ListGroups(asked=None, device=c.DeviceKey(product_key=p["ProductKey"], name=p["DeviceName"])),
        lambda r: {"GroupInfos": {"GroupInfo": [_typed(item) for item in r.items]}},
        limit_per_s=UNNAMED,
    ),
    "QueryDeviceListByDeviceGroup": Operation(
        "viewer",
        (GROUP_ID, PAGE, page_size(50)),
        lambda p: c.ListDevices(asked=asked(p), group_id=names.read_group_id(p["GroupId"])),
        simple_devices,
        limit_per_s=5,
    ),
    "BatchAddDeviceGroupRelations": Operation(
        "operator", _MEMBERS, lambda p: c.AddToGroup(**_members(p)), _added, limit_per_s=500
    ),
    "BatchDeleteDeviceGroupRelations": Operation(
        "operator", _MEMBERS, lambda p: c.RemoveFromGroup(**_members(p)), _removed, limit_per_s=50
    ),
}
