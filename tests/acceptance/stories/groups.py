"""Devices that are tagged and put into groups, and a group that fills itself."""

from typing import Any

from acceptance.callers import Call
from acceptance.client import Server, unique
from acceptance.stories import setting

OPERATIONS = (
    "CreateProduct",
    "RegisterDevice",
    "QueryDeviceStatistics",
    "SaveDeviceProp",
    "QueryDeviceProp",
    "DeleteDeviceProp",
    "QueryDeviceByTags",
    "CreateDeviceGroup",
    "UpdateDeviceGroup",
    "DeleteDeviceGroup",
    "QueryDeviceGroupList",
    "QueryDeviceGroupInfo",
    "BatchAddDeviceGroupRelations",
    "BatchDeleteDeviceGroupRelations",
    "QueryDeviceListByDeviceGroup",
    "QueryDeviceGroupByDevice",
    "QuerySuperDeviceGroup",
    "CreateDeviceDynamicGroup",
    "DeleteDeviceDynamicGroup",
)
PAGE = setting.PAGE


def story(call: Call, server: Server) -> None:
    key = setting.product(call)
    names = [setting.device(call, key)[0] for _ in range(3)]
    _tagged(call, key, names)
    group = _grouped(call, key, names)
    _nested(call, group)
    _filled(call, key, names)
    call("DeleteDeviceGroup", GroupId=group)
    assert call("QueryDeviceGroupInfo", GroupId=group, success=False)["Code"] == "iot.group.NotExistedGroup"


def _tagged(call: Call, key: str, names: list[str]) -> None:
    site = unique("site")
    props = f'{{"site":"{site}","楼层":"<3> & \\"4\\""}}'

    def found() -> list[str]:
        rows = call("QueryDeviceByTags", Tag=[{"TagKey": "site", "TagValue": site}], **PAGE)
        return sorted(row["DeviceName"] for row in rows["Data"]["SimpleDeviceInfo"])

    target = {"ProductKey": key, "DeviceName": names[0]}
    assert (call("QueryDeviceProp", **target)["Props"], found()) == ("{}", [])
    call("SaveDeviceProp", **target, Props=props)
    assert found() == names[:1]
    assert call("QueryDeviceProp", **target)["Props"] == props
    call("SaveDeviceProp", ProductKey=key, DeviceName=names[1], Props=f'{{"site":"{site}"}}')
    assert found() == sorted(names[:2])
    for prop in ("site", "nothing"):  # alibaba 3.2: no error when missing
        call("DeleteDeviceProp", **target, PropKey=prop)
    assert found() == names[1:2]


def _grouped(call: Call, key: str, names: list[str]) -> str:
    name = unique("hall")
    made = call("CreateDeviceGroup", GroupName=name, GroupDesc="东厂 *~/ &")["Data"]
    group = str(made["GroupId"])
    assert (made["GroupName"], made["GroupDesc"]) == (name, "东厂 *~/ &")
    asked = {"ProductKey": key, "DeviceName": names[0]}
    assert call("QueryDeviceGroupByDevice", **asked)["GroupInfos"] == {"GroupInfo": []}
    for count in range(3):
        listed = call("QueryDeviceListByDeviceGroup", GroupId=group, **PAGE)
        members = sorted(row["DeviceName"] for row in listed["Data"]["SimpleDeviceInfo"])
        assert (listed["Total"], members) == (count, sorted(names[:count]))
        told = call("BatchAddDeviceGroupRelations", GroupId=group, Device=_keys(key, names[: count + 1]))
        assert (told["ValidDeviceCount"], told["SuccessAddedDeviceCount"]) == (count + 1, 1)
        assert (told["AlreadyRelatedGroupDeviceCount"], told["ExceedTenGroupDeviceCount"]) == (count, 0)
    [mine] = call("QueryDeviceGroupByDevice", **asked)["GroupInfos"]["GroupInfo"]
    assert (mine["GroupId"], mine["GroupType"]) == (group, "LINK_PLATFORM")
    told = call("BatchDeleteDeviceGroupRelations", GroupId=group, Device=_keys(key, names[2:]))
    assert (told["ValidDeviceCount"], told["SuccessDeviceCount"]) == (1, 1)
    call("UpdateDeviceGroup", GroupId=group, GroupDesc="西厂")
    info = call("QueryDeviceGroupInfo", GroupId=group)["Data"]
    assert (info["GroupDesc"], info["DeviceCount"], info["DeviceOnline"]) == ("西厂", 2, 0)
    assert call("QueryDeviceStatistics", GroupId=group)["Data"]["deviceCount"] == 2
    return group


def _keys(key: str, names: list[str]) -> list[dict[str, Any]]:
    return [{"ProductKey": key, "DeviceName": name} for name in names]


def _nested(call: Call, group: str) -> None:
    assert call("QuerySuperDeviceGroup", GroupId=group)["Data"] == {"GroupInfo": []}
    below = []
    for count in range(3):
        listed = call("QueryDeviceGroupList", SuperGroupId=group, **PAGE)
        assert (listed["Total"], [row["GroupId"] for row in listed["Data"]["GroupInfo"]]) == (count, below[::-1])
        below.append(call("CreateDeviceGroup", GroupName=unique("room"), SuperGroupId=group)["Data"]["GroupId"])
    [above] = call("QuerySuperDeviceGroup", GroupId=below[0])["Data"]["GroupInfo"]
    assert above["GroupId"] == group
    assert call("DeleteDeviceGroup", GroupId=group, success=False)["Code"] == "iot.group.GroupHasSubGroups"
    for each in below:
        call("DeleteDeviceGroup", GroupId=each)


def _filled(call: Call, key: str, names: list[str]) -> None:
    rule = f'product_key = "{key}" and name LIKE "{names[1]}%"'
    name = unique("rule")
    made = call("CreateDeviceDynamicGroup", GroupName=name, DynamicGroupExpression=rule, GroupDesc="自动")["Data"]
    group = made["GroupId"]
    assert made["DynamicGroupExpression"] == rule
    info = call("QueryDeviceGroupInfo", GroupId=group, GroupType="LINK_PLATFORM_DYNAMIC")["Data"]
    assert (info["DynamicGroupExpression"], info["DeviceCount"]) == (rule, 1)
    listed = call("QueryDeviceListByDeviceGroup", GroupId=group, **PAGE)["Data"]["SimpleDeviceInfo"]
    assert [row["DeviceName"] for row in listed] == names[1:2]
    kinds = {"GroupName": name, "GroupTypes": ["LINK_PLATFORM_DYNAMIC"]}
    [row] = call("QueryDeviceGroupList", **kinds, **PAGE)["Data"]["GroupInfo"]
    assert (row["GroupId"], row["GroupType"]) == (group, "LINK_PLATFORM_DYNAMIC")
    assert call("QueryDeviceGroupList", GroupName=name, GroupTypes=["LINK_PLATFORM"], **PAGE)["Total"] == 0
    refused = call("BatchAddDeviceGroupRelations", GroupId=group, Device=_keys(key, names), success=False)
    assert refused["Code"].startswith("iot.")
    call("DeleteDeviceDynamicGroup", GroupId=group)
    assert call("QueryDeviceGroupList", **kinds, **PAGE)["Data"] == {"GroupInfo": []}
