"""Requests about products, devices and groups with the command each becomes, written by hand."""

from typing import Any

from tests.unit.alibaba_views import DEVICE_ID, GROUP

from upwell.dialects.alibaba import names
from upwell.domain import commands as c
from upwell.domain.commands.lists import Slice
from upwell.domain.search import Both, Compare

Given = dict[str, str]

P = {"ProductKey": "p"}
KEY = P | {"DeviceName": "d"}
BY_NAME, BY_ID = c.DeviceKey(product_key="p", name="d"), c.DeviceKey(iot_id="i")
PAGED = {"CurrentPage": "3", "PageSize": "7"}
SLICE, FIRST = Slice(take=7, skip=14), Slice(take=10)
_MADE_UP: Any = {"unique_name": True, "key_head": "a1", "key_size": 11}
RULE = 'product_key = "a1***" and name LIKE "test%"'
START = 1_577_808_000_000  # 2020-01-01 00:00 in China
HOUR = 3_600_000

PRODUCT = {
    "ProductName": "pumps_1", "NodeType": "0", "ProtocolType": "ble", "AliyunCommodityCode": "iothub_senior",
    "DataFormat": "1", "NetType": "WIFI", "AuthType": "id2", "CategoryKey": "Lighting", "Description": "d",
    "ValidateType": "2", "PublishAuto": "false", "ResourceGroupId": "rg", "Id2": "True", "JoinPermissionId": "j",
}  # fmt: skip
_FACTS = {
    "NodeType": 0, "ProtocolType": "ble", "AliyunCommodityCode": "iothub_senior", "DataFormat": 1, "NetType": "WIFI",
    "AuthType": "id2", "CategoryKey": "Lighting", "Description": "d", "ValidateType": 2, "PublishAuto": False,
    "ResourceGroupId": "rg", "Id2": True, "JoinPermissionId": "j",
}  # fmt: skip
MEMBERS = {
    "GroupId": GROUP, "Device.1.ProductKey": "p", "Device.1.DeviceName": "d1",
    "Device.2.ProductKey": "q", "Device.2.DeviceName": "d2", "Device.9.ProductKey": "p", "Device.9.DeviceName": "d1",
}  # fmt: skip
_MEMBERS = (c.DeviceKey(product_key="p", name="d1"), c.DeviceKey(product_key="q", name="d2"))


def _status(status: str, *more: Compare) -> Both:
    return Both((Compare("status", "=", (status,)), *more))


def _tag(key: str, value: str) -> Both:
    return Both((Compare("tag_key", "=", (key,)), Compare("tag_value", "=", (value,))))


FLEET: dict[str, list[tuple[Given, c.Command]]] = {
    "CreateProduct": [
        (PRODUCT, c.CreateProduct(name="pumps_1", facts=_FACTS, **_MADE_UP)),
        (
            {"ProductName": "pumps_1", "NodeType": "1"},
            c.CreateProduct(
                name="pumps_1",
                facts={"NodeType": 1, "AuthType": "secret", "ValidateType": 1, "PublishAuto": True, "DataFormat": 0},
                **_MADE_UP,
            ),
        ),
    ],
    "QueryProduct": [(P, c.ShowProduct(product_key="p"))],
    "QueryProductList": [
        (PAGED, c.ListProducts(asked=SLICE)),
        (
            PAGED | {"AliyunCommodityCode": "iothub_senior", "ResourceGroupId": "rg"},
            c.ListProducts(
                asked=SLICE, facts={"AliyunCommodityCode": "iothub_senior", "ResourceGroupId": "rg"}
            ),
        ),
    ],
    "UpdateProduct": [
        (P | {"ProductName": "pumps"}, c.UpdateProduct(product_key="p", name="pumps", unique_name=True)),
        (
            P | {"ProductName": "pumps", "Description": ""},
            c.UpdateProduct(product_key="p", name="pumps", unique_name=True, facts={"Description": ""}),
        ),
    ],
    "DeleteProduct": [(P, c.DeleteProduct(product_key="p"))],
    "RegisterDevice": [
        (P, c.CreateDevice(product_key="p")),
        (
            P | {"DeviceName": "d-1@x", "Nickname": "北京水泵"},
            c.CreateDevice(product_key="p", name="d-1@x", nickname="北京水泵"),
        ),
    ],
    "BatchRegisterDevice": [(P | {"Count": "10000"}, c.RegisterDevices(product_key="p", count=10_000))],
    "BatchCheckDeviceNames": [
        (
            P | {"DeviceName.1": "good", "DeviceName.2": "/", "DeviceName.4": "good"},
            c.CheckDeviceNames(product_key="p", names=(("good", None), ("/", None), ("good", None))),
        ),
        (
            P | {"DeviceNameList.2.DeviceName": "b", "DeviceNameList.1.DeviceName": "a"}
            | {"DeviceNameList.2.DeviceNickname": "nick"},
            c.CheckDeviceNames(product_key="p", names=(("a", None), ("b", "nick"))),
        ),
    ],
    "BatchRegisterDeviceWithApplyId": [
        (P | {"ApplyId": str(2**62)}, c.RegisterDevices(product_key="p", apply_id=2**62))
    ],
    "QueryBatchRegisterDeviceStatus": [
        (P | {"ApplyId": str(2**62)}, c.ShowRegistration(product_key="p", apply_id=2**62))
    ],
    "QueryPageByApplyId": [
        ({"ApplyId": "5"}, c.ListDevices(asked=FIRST, apply_id=5)),
        (PAGED | {"ApplyId": "5"}, c.ListDevices(asked=SLICE, apply_id=5)),
    ],
    "QueryDevice": [
        (P, c.ListDevices(asked=FIRST, product_key="p")),
        (P | {"CurrentPage": "200", "PageSize": "50"}, c.ListDevices(asked=Slice.of_page(200, 50), product_key="p")),
        (
            P | {"CurrentPage": "201", "PageSize": "50", "NextToken": names.page_token(DEVICE_ID, 202)},
            c.ListDevices(asked=Slice.of_page(202, 50), product_key="p", after=DEVICE_ID),
        ),
    ],
    "QueryDeviceInfo": [(KEY, c.ShowDevice(device=BY_NAME)), (KEY | {"IotId": "i"}, c.ShowDevice(device=BY_ID))],
    "QueryDeviceDetail": [(KEY, c.ShowDevice(device=BY_NAME)), ({"IotId": "i"}, c.ShowDevice(device=BY_ID))],
    "BatchQueryDeviceDetail": [
        (
            P | {"DeviceName.2": "b", "DeviceName.1": "d"},
            c.ShowDevices(devices=(BY_NAME, c.DeviceKey(product_key="p", name="b"))),
        )
    ],
    "GetDeviceStatus": [(KEY, c.ShowDevice(device=BY_NAME)), ({"IotId": "i"}, c.ShowDevice(device=BY_ID))],
    "BatchGetDeviceState": [
        (P | {"DeviceName.1": "d"}, c.ShowDevices(devices=(BY_NAME,))),
        ({"IotId.1": "i"}, c.ShowDevices(devices=(BY_ID,))),
    ],
    "QueryDeviceByStatus": [
        ({"Status": "0"}, c.ListDevices(asked=FIRST, which=_status("UNACTIVE"))),
        (PAGED | P | {"Status": "8"}, c.ListDevices(asked=SLICE, which=_status("DISABLED"), product_key="p")),
        (
            {"Status": "1", "ResourceGroupId": "rg"},
            c.ListDevices(
                asked=FIRST, which=_status("ONLINE", Compare("product_facts", "=", ('{"ResourceGroupId": "rg"}',)))
            ),
        ),
    ],
    "QueryDeviceStatistics": [
        ({}, c.CountDevices()),
        (P | {"GroupId": GROUP}, c.CountDevices(product_key="p", group_id=9)),
    ],
    "DeleteDevice": [(KEY, c.DeleteDevice(device=BY_NAME)), ({"IotId": "i"}, c.DeleteDevice(device=BY_ID))],
    "DisableThing": [
        (KEY, c.UpdateDevices(changes=(c.DeviceChange(device=BY_NAME, enabled=False),))),
        ({"IotId": "i"}, c.UpdateDevices(changes=(c.DeviceChange(device=BY_ID, enabled=False),))),
    ],
    "EnableThing": [
        (KEY, c.UpdateDevices(changes=(c.DeviceChange(device=BY_NAME, enabled=True),))),
        ({"IotId": "i"}, c.UpdateDevices(changes=(c.DeviceChange(device=BY_ID, enabled=True),))),
    ],
    "ResetThing": [(KEY, c.ResetDevice(device=BY_NAME)), ({"IotId": "i"}, c.ResetDevice(device=BY_ID))],
    "BatchUpdateDeviceNickname": [
        (
            {"DeviceNicknameInfo.1.IotId": "i", "DeviceNicknameInfo.1.Nickname": "nick"}
            | {"DeviceNicknameInfo.3.ProductKey": "p", "DeviceNicknameInfo.3.DeviceName": "d"},
            c.UpdateDevices(
                changes=(
                    c.DeviceChange(device=BY_ID, nickname="nick"),
                    c.DeviceChange(device=BY_NAME, nickname=""),
                )
            ),
        )
    ],
    "SaveDeviceProp": [
        (
            KEY | {"Props": '{"color":"红","n":1.50,"on":true}'},
            c.SetTags(device=BY_NAME, tags={"color": "红", "n": "1.50", "on": "true"}),
        ),
        ({"IotId": "i", "Props": '{"a":"b"}'}, c.SetTags(device=BY_ID, tags={"a": "b"})),
    ],
    "QueryDeviceProp": [(KEY, c.ShowDevice(device=BY_NAME)), ({"IotId": "i"}, c.ShowDevice(device=BY_ID))],
    "DeleteDeviceProp": [
        (KEY | {"PropKey": "color"}, c.DeleteTags(device=BY_NAME, keys=("color",))),
        ({"IotId": "i", "PropKey": "color"}, c.DeleteTags(device=BY_ID, keys=("color",))),
    ],
    "QueryDeviceByTags": [
        (
            PAGED | {"Tag.1.TagKey": "color", "Tag.1.TagValue": "红", "Tag.2.TagKey": "n", "Tag.2.TagValue": "1"},
            c.ListDevices(asked=SLICE, which=Both((_tag("color", "红"), _tag("n", "1")))),
        )
    ],
    "CreateDeviceGroup": [
        ({"GroupName": "north"}, c.CreateGroup(name="north")),
        (
            {"GroupName": "北方设备", "GroupDesc": "what", "SuperGroupId": GROUP},
            c.CreateGroup(name="北方设备", description="what", super_group_id=9),
        ),
    ],
    "CreateDeviceDynamicGroup": [
        (
            {"GroupName": "north", "GroupDesc": "what", "DynamicGroupExpression": RULE},
            c.CreateGroup(
                name="north",
                description="what",
                rule=Both((Compare("product_key", "=", ("a1***",)), Compare("name", "like", ("test%",)))),
                rule_text=RULE,
            ),
        )
    ],
    "UpdateDeviceGroup": [
        (
            {"GroupId": GROUP, "GroupDesc": "new", "GroupType": "LINK_PLATFORM"},
            c.UpdateGroup(group_id=9, description="new"),
        )
    ],
    "DeleteDeviceGroup": [({"GroupId": GROUP}, c.DeleteGroup(group_id=9, kind="static"))],
    "DeleteDeviceDynamicGroup": [({"GroupId": GROUP}, c.DeleteGroup(group_id=9, kind="dynamic"))],
    "QueryDeviceGroupList": [
        ({}, c.ListGroups(number=1, size=10)),
        (
            PAGED | {"GroupName": "n", "SuperGroupId": GROUP, "GroupTypes.1": "LINK_PLATFORM_DYNAMIC"},
            c.ListGroups(number=3, size=7, name="n", super_group_id=9, kinds=frozenset({"dynamic"})),
        ),
    ],
    "QueryDeviceGroupInfo": [
        ({"GroupId": GROUP, "GroupType": "LINK_PLATFORM_DYNAMIC"}, c.ShowGroup(group_id=9)),
    ],
    "QuerySuperDeviceGroup": [({"GroupId": GROUP}, c.ShowSuperGroup(group_id=9))],
    "QueryDeviceGroupByDevice": [(KEY, c.ListGroupsOfDevice(device=BY_NAME))],
    "QueryDeviceListByDeviceGroup": [
        ({"GroupId": GROUP}, c.ListDevices(asked=FIRST, group_id=9)),
        (PAGED | {"GroupId": GROUP}, c.ListDevices(asked=SLICE, group_id=9)),
    ],
    "BatchAddDeviceGroupRelations": [(MEMBERS, c.AddToGroup(group_id=9, devices=_MEMBERS))],
    "BatchDeleteDeviceGroupRelations": [(MEMBERS, c.RemoveFromGroup(group_id=9, devices=_MEMBERS))],
}  # fmt: skip
