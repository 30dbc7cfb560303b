"""The operations on products, devices and groups that stand around Tuya's OTA (tuya 2.1, 2.8).

Tuya's pages on them are Alibaba's under another envelope; what neither page decides is done as Alibaba does. What Tuya
keeps of a product and the core never reads lives in the product's facts under its wire names.
"""

from typing import Any
from uuid import UUID

from upwell.dialects.checks import Length, OneOf, Pattern, Range
from upwell.dialects.operations import Operation, Param, Values
from upwell.dialects.rpc_answers import china_time, gmt, millis, utc
from upwell.dialects.rpc_checks import (
    DEVICE_KEY,
    DEVICE_NAME,
    DEVICE_STATUS,
    GROUP_NAME,
    KEY_HEAD,
    KEY_SIZE,
    NICKNAME,
    PAGE,
    PRODUCT_KEY,
    PRODUCT_NAME,
    page_size,
)
from upwell.dialects.tuya import channels, names
from upwell.dialects.tuya.render import Listed, Table, page, rows, struct
from upwell.dialects.tuya.tables import PRODUCT, ask, data, of_device, operation, paged, sliced
from upwell.domain import commands as c
from upwell.domain.commands.lists import Page, Slice
from upwell.domain.errors import Invalid
from upwell.domain.search import EVERYONE, Compare

REACHED_MAX = 10_000  # tuya 2.1: devices that CurrentPage x PageSize of QueryDevice reaches without NextToken
STATUS_ASKED = {shown: status for status, shown in DEVICE_STATUS.items()}

TOKEN = Pattern(r"[0-9a-f]{32}", "the nextToken of an earlier answer")

_PRODUCT_NAME = ask("name", "ProductName", required=True, check=PRODUCT_NAME)
_GROUP = ask("group_id", "GroupId", read=names.read_group_id, required=True)
_APPLY = ask("apply_id", "ApplyId", "long", required=True)
_FACTS = (
    Param("Description", check=Length(0, 100)),
    Param("DataFormat", "int", check=OneOf((0, 1))),
    Param("AuthType", check=OneOf(("secret",))),
    Param("TuyaChannels", check=channels.WRITTEN),
)
_OWN = ("ProductKey", "ProductName")  # what the core keeps itself


def _facts(given: Values) -> dict[str, Any]:
    """What is kept of a product under its wire names; `TuyaChannels` is tuya 4.5's channel -> module."""
    facts = {name: value for name, value in given.items() if name not in _OWN and value is not None}
    return {"facts": facts, "unique_name": True}


def _new(given: Values) -> dict[str, Any]:
    return _facts(given) | {"key_head": KEY_HEAD, "key_size": KEY_SIZE}


def _devices(given: Values) -> c.ListDevices:
    number, size, token = given["CurrentPage"], given["PageSize"], given["NextToken"]
    if token is None and number * size > REACHED_MAX:
        raise Invalid(
            "NextToken", f"needed when CurrentPage x PageSize is over {REACHED_MAX}", f"it is {number * size}"
        )
    status = given["DeviceStatus"]
    which = Compare("status", "=", (STATUS_ASKED[status],)) if status else EVERYONE
    after = UUID(token) if token and not status else None
    return c.ListDevices(asked=Slice.of_page(number, size), which=which, product_key=given["ProductKey"], after=after)


def _named(given: Values) -> dict[str, Any]:
    product_key = given["ProductKey"]
    return {"devices": tuple(c.DeviceKey(product_key=product_key, name=name) for name in given["DeviceName"])}


def _members(given: Values) -> dict[str, Any]:
    keys = (c.DeviceKey(product_key=each["ProductKey"], name=each["DeviceName"]) for each in given["Device"])
    return {"devices": tuple(keys)}


PRODUCT_SHOWN: Table = {
    "authType": lambda r: r.facts.get("AuthType", "secret"),
    "dataFormat": lambda r: r.facts.get("DataFormat", 0),
    "description": lambda r: r.facts.get("Description"),
    "deviceCount": "device_count",
    "gmtCreate": lambda r: millis(r.created_at),
    "nodeType": lambda r: r.facts.get("NodeType", 0),
    "productKey": "product_key",
    "productName": "name",
    "productSecret": "product_secret",
    "tuyaChannels": lambda r: r.facts.get("TuyaChannels"),
}
DEVICE: Table = {
    "deviceName": "name",
    "deviceSecret": "secret",
    "iotId": "iot_id",
    "nickname": "nickname",
    "productKey": "product_key",
}
LISTED_DEVICE: Table = {
    **DEVICE,
    "deviceStatus": lambda r: DEVICE_STATUS[r.status],
    "gmtCreate": lambda r: gmt(r.created_at),
    "gmtModified": lambda r: gmt(r.modified_at),
    "utcCreate": lambda r: utc(r.created_at),
    "utcModified": lambda r: utc(r.modified_at),
}
DETAIL: Table = {
    **DEVICE,
    "firmwareVersion": "firmware_version",
    "gmtActive": lambda r: china_time(r.activated_at),
    "gmtCreate": lambda r: china_time(r.created_at),
    "nodeType": lambda r: r.product_facts.get("NodeType", 0),
    "productName": "product_name",
    "status": lambda r: DEVICE_STATUS[r.status],
    "utcActive": lambda r: utc(r.activated_at),
    "utcCreate": lambda r: utc(r.created_at),
}
WHOLE_DETAIL: Table = {
    **DETAIL,
    "gmtOnline": lambda r: china_time(r.online_at),
    "ipAddress": "address",
    "utcOnline": lambda r: utc(r.online_at),
}
REGISTERED: Table = {"deviceId": "iot_id", "deviceName": "name", "deviceSecret": "secret", "iotId": "iot_id"}
REGISTRATION: Table = {
    "invalidList": lambda r: Listed("name", list(r.refused)),
    "status": "status",
    "validList": lambda r: Listed("name", list(r.names)),
}
GROUP: Table = {
    "groupDesc": "description",
    "groupId": lambda r: names.public(r.group_id),
    "groupName": "name",
    "utcCreate": lambda r: utc(r.created_at),
}
WHOLE_GROUP: Table = {
    **GROUP,
    "deviceActive": lambda r: r.counts.active,
    "deviceCount": lambda r: r.counts.devices,
    "deviceOnline": lambda r: r.counts.online,
}
MEMBER: Table = {"deviceName": "name", "iotId": "iot_id", "productKey": "product_key", "productName": "product_name"}
ADDED: Table = {
    "alreadyRelatedGroupDeviceCount": "already",
    "exceedTenGroupDeviceCount": "over",
    "successAddedDeviceCount": "done",
    "validDeviceCount": "valid",
}
REMOVED: Table = {
    "alreadyRelatedGroupDeviceCount": "already",
    "successDeviceCount": "done",
    "validDeviceCount": "valid",
}


def _device_page(r: Page[c.Device]) -> dict[str, Any]:
    full = len(r.items) == r.size and r.number * r.size < (r.total or 0)
    shown = page(LISTED_DEVICE, "deviceInfo", number="Page")(r)
    return shown | {"nextToken": r.items[-1].device_id.hex if full else None}


_MEMBERS = Param(
    "Device",
    "list",
    required=True,
    most=200,
    members=(PRODUCT_KEY, Param("DeviceName", required=True)),
)
_SHOW_DETAIL = operation(
    "viewer", c.ShowDevice, (), data(lambda r: struct(WHOLE_DETAIL, r)), more=DEVICE_KEY, further=of_device
)

OPERATIONS: dict[str, Operation] = {
    "CreateProduct": operation(
        "operator",
        c.CreateProduct,
        (_PRODUCT_NAME,),
        lambda r: {"productKey": r.product_key, "data": struct(PRODUCT_SHOWN, r)},
        more=(Param("NodeType", "int", required=True, check=OneOf((0, 1))), *_FACTS),
        further=_new,
    ),
    "UpdateProduct": operation("operator", c.UpdateProduct, (PRODUCT, _PRODUCT_NAME), more=_FACTS, further=_facts),
    "QueryProduct": operation("viewer", c.ShowProduct, (PRODUCT,), data(lambda r: struct(PRODUCT_SHOWN, r))),
    "RegisterDevice": operation(
        "operator",
        c.CreateDevice,
        (PRODUCT, ask("name", "DeviceName", check=DEVICE_NAME), ask("nickname", "Nickname", check=NICKNAME)),
        data(lambda r: struct(DEVICE, r)),
    ),
    "BatchRegisterDevice": operation(
        "operator",
        c.RegisterDevices,
        (PRODUCT, ask("count", "Count", "int", required=True, check=Range(1, 10_000))),
        data(lambda r: {"applyId": names.public(r.apply_id)}),
    ),
    "QueryBatchRegisterDeviceStatus": operation(
        "viewer", c.ShowRegistration, (_APPLY, PRODUCT), data(lambda r: struct(REGISTRATION, r))
    ),
    "QueryPageByApplyId": operation(
        "viewer",
        sliced(c.ListDevices),
        (_APPLY, *paged(50, number=1, size=10)),
        page(REGISTERED, "applyDeviceInfo", "applyDeviceList", "Page"),
    ),
    "QueryDevice": Operation(
        "viewer",
        (PRODUCT_KEY, PAGE, page_size(50), Param("NextToken", check=TOKEN),
         Param("DeviceStatus", check=OneOf(tuple(STATUS_ASKED)))),
        _devices,
        _device_page,
    ),
    "QueryDeviceInfo": operation(
        "viewer", c.ShowDevice, (), data(lambda r: struct(DEVICE, r)), more=DEVICE_KEY, further=of_device
    ),
    "QueryDeviceDetail": _SHOW_DETAIL,
    "QueryDeviceDetai": _SHOW_DETAIL,  # tuya 1.6: as the vendor's page prints it
    "BatchQueryDeviceDetail": operation(
        "viewer",
        c.ShowDevices,
        (),
        data(lambda r: Listed("data", rows(DETAIL, r))),
        more=(PRODUCT_KEY, Param("DeviceName", "list", required=True, most=100, unique=False)),
        further=_named,
    ),
    "CreateDeviceGroup": operation(
        "operator",
        c.CreateGroup,
        (
            ask("name", "GroupName", required=True, check=GROUP_NAME),
            ask("description", "GroupDesc", check=Length(1, 100)),
            ask("super_group_id", "SuperGroupId", read=names.read_group_id),
        ),
        data(lambda r: struct(GROUP, r)),
    ),
    "DeleteDeviceGroup": operation("operator", c.DeleteGroup, (_GROUP,)),
    "QueryDeviceGroupList": operation(
        "viewer",
        sliced(c.ListGroups),
        (*paged(200, number=1, size=10), ask("part", "GroupName")),
        page(GROUP, "groupInfo"),
    ),
    "QueryDeviceGroupInfo": operation("viewer", c.ShowGroup, (_GROUP,), data(lambda r: struct(WHOLE_GROUP, r))),
    "BatchAddDeviceGroupRelations": operation(
        "operator", c.AddToGroup, (_GROUP,), lambda r: struct(ADDED, r), more=(_MEMBERS,), further=_members
    ),
    "BatchDeleteDeviceGroupRelations": operation(
        "operator", c.RemoveFromGroup, (_GROUP,), lambda r: struct(REMOVED, r), more=(_MEMBERS,), further=_members
    ),
    "QueryDeviceListByDeviceGroup": operation(
        "viewer",
        sliced(c.ListDevices),
        (_GROUP, *paged(50, number=1, size=10)),
        page(MEMBER, "simpleDeviceInfo", number="Page"),
    ),
}  # fmt: skip
