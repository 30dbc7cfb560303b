"""Alibaba's product and device operations (alibaba 3.1-3.3): their parameters, their commands, their answers.

What Alibaba keeps of a product and the core never reads lives in the product's facts under its wire names.
"""

from collections.abc import Mapping
from typing import Any

from upwell.dialects.alibaba import render
from upwell.dialects.alibaba.params import (
    FROM_ONE,
    Length,
    OneOf,
    Operation,
    Param,
    Pattern,
    Range,
    Unsupported,
    page_params,
)
from upwell.dialects.rpc_rules import device_key
from upwell.domain import commands as c
from upwell.domain.errors import Invalid, Missing

REGISTER_COUNT_MAX = 10_000  # alibaba 3.2 BatchRegisterDevice
REGION = "cn-shanghai"  # what QueryDeviceDetail shows; an installation has one place

PRODUCT_NAME = Pattern(r"\w{4,30}", "4-30 letters, digits or _")
DEVICE_NAME = Pattern(r"[A-Za-z0-9\-_@.:]{4,32}", "4-32 letters, digits or - _ @ . :")
_NET_TYPES = {"WIFI": 3, "CELLULAR": 6, "ETHERNET": 7, "OTHER": 8}  # alibaba 3.1: words in, numbers out
_STATUS = {"ONLINE": "ONLINE", "OFFLINE": "OFFLINE", "UNACTIVE": "UNACTIVE", "DISABLED": "DISABLE"}  # alibaba 3.2

PRODUCT_KEY = Param("ProductKey", required=True)
DEVICE_KEY = (Param("IotId"), Param("ProductKey"), Param("DeviceName"))
_NO_LORA = tuple(Param(name, rule=Unsupported()) for name in ("DevEui", "PinCode", "JoinEui", "AppKey", "LoraNodeType"))
_PROTOCOLS = ("modbus", "opc-ua", "customize", "ble", "zigbee")
_PRODUCT = (
    Param("ProductName", required=True, rule=PRODUCT_NAME),
    Param("NodeType", "int", required=True, rule=OneOf((0, 1))),
    Param("ProtocolType", rule=OneOf(_PROTOCOLS)),
    Param("AliyunCommodityCode", rule=OneOf(("iothub_senior", "iothub"))),
    Param("DataFormat", "int", rule=OneOf((0, 1))),
    Param("NetType", rule=OneOf(tuple(_NET_TYPES))),
    Param("AuthType", rule=OneOf(("secret", "id2", "x509")), default="secret"),
    Param("CategoryKey", rule=Length(1, 64)),
    Param("Description", rule=Length(0, 100)),
    Param("ValidateType", "int", default=1),
    Param("PublishAuto", "bool", default=True),
    Param("ResourceGroupId", rule=Length(1, 64)),
    Param("Id2", "bool"),
    Param("JoinPermissionId", rule=Length(1, 128)),
)


# --- commands -----------------------------------------------------------------------------------------------------


def _create_product(p: Mapping[str, Any]) -> c.CreateProduct:
    if p["ProtocolType"] and p["NodeType"] != 0:
        raise Invalid("ProtocolType", "only for devices behind a gateway (NodeType 0)", "NodeType is 1")
    facts = {name: value for name, value in p.items() if name != "ProductName" and value is not None}
    facts.setdefault("DataFormat", 1 if p["AliyunCommodityCode"] == "iothub_senior" else 0)
    return c.CreateProduct(name=p["ProductName"], facts=facts)


def _list_products(p: Mapping[str, Any]) -> c.ListProducts:
    filters = ("AliyunCommodityCode", "ResourceGroupId")
    facts = {name: p[name] for name in filters if p[name]}
    return c.ListProducts(number=p["CurrentPage"], size=p["PageSize"], facts=facts)


def _update_product(p: Mapping[str, Any]) -> c.UpdateProduct:
    facts = {} if p["Description"] is None else {"Description": p["Description"]}
    return c.UpdateProduct(product_key=p["ProductKey"], name=p["ProductName"], facts=facts)


def _list_devices(p: Mapping[str, Any]) -> c.ListDevices:
    number = p["CurrentPage"] or _token_page(p["NextToken"])
    return c.ListDevices(product_key=p["ProductKey"], number=number, size=p["PageSize"])


def _token_page(token: str | None) -> int:
    return max(1, int(token, 16)) if token else 1


def _by_names(p: Mapping[str, Any]) -> c.ShowDevices:
    keys = (c.DeviceKey(product_key=p["ProductKey"], name=name) for name in p["DeviceName"])
    return c.ShowDevices(devices=tuple(keys))


def _states(p: Mapping[str, Any]) -> c.ShowDevices:
    if p["IotId"]:
        return c.ShowDevices(devices=tuple(c.DeviceKey(iot_id=iot_id) for iot_id in p["IotId"]))
    for name in ("DeviceName", "ProductKey"):
        if not p[name]:
            raise Missing(name)
    return _by_names(p)


# --- answers ------------------------------------------------------------------------------------------------------


def _created_product(r: c.Product) -> dict[str, Any]:
    facts = r.facts
    data = {
        "AliyunCommodityCode": facts.get("AliyunCommodityCode"),
        "AuthType": facts.get("AuthType", "secret"),
        "DataFormat": facts.get("DataFormat", 0),
        "Description": facts.get("Description"),
        "Id2": facts.get("Id2", False),
        "NodeType": facts.get("NodeType", 0),
        "ProductKey": r.product_key,
        "ProductName": r.name,
        "ProductSecret": r.product_secret,
        "ProtocolType": facts.get("ProtocolType"),
    }
    return {"ProductKey": r.product_key, "Data": data}


def _product(r: c.Product) -> dict[str, Any]:
    facts = r.facts
    more = {
        "CategoryKey": facts.get("CategoryKey"),
        "DeviceCount": r.device_count,
        "GmtCreate": render.millis(r.created_at),
        "NetType": _NET_TYPES.get(str(facts.get("NetType", "WIFI")), _NET_TYPES["OTHER"]),
        "Owner": True,
        "ProductStatus": facts.get("ProductStatus", "DEVELOPMENT_STATUS"),
        "ValidateType": facts.get("ValidateType", 1),
    }
    return {"Data": _created_product(r)["Data"] | more}


def _products(r: c.Page[c.Product]) -> dict[str, Any]:
    shown = ("AuthType", "DataFormat", "Description", "DeviceCount", "GmtCreate", "NodeType", "ProductKey")
    rows = [_product(item)["Data"] for item in r.items]
    infos = [{name: row[name] for name in (*shown, "ProductName")} for row in rows]
    return {"Data": render.paging(r, "CurrentPage") | {"List": {"ProductInfo": infos}}}


def _device(r: c.Device) -> dict[str, Any]:
    return {
        "DeviceName": r.name,
        "DeviceSecret": r.secret,
        "IotId": r.iot_id,
        "Nickname": r.nickname,
        "ProductKey": r.product_key,
    }


def _detail(r: c.Device) -> dict[str, Any]:
    return _device(r) | {
        "FirmwareVersion": r.firmware_version,
        "GmtActive": render.china_time(r.activated_at),
        "GmtCreate": render.china_time(r.created_at),
        "NodeType": r.product_facts.get("NodeType", 0),
        "ProductName": r.product_name,
        "Region": REGION,
        "Status": _STATUS[r.status],
        "UtcActive": render.utc(r.activated_at),
        "UtcCreate": render.utc(r.created_at),
    }


def _full_detail(r: c.Device) -> dict[str, Any]:
    more = {
        "GmtOnline": render.china_time(r.online_at),
        "IpAddress": r.address,
        "Owner": True,
        "UtcOnline": render.utc(r.online_at),
    }
    return {"Data": _detail(r) | more}


def _registration(r: c.Registration) -> dict[str, Any]:
    data = {
        "Status": r.status,
        "ValidList": {"Name": list(r.names)},
        "InvalidList": {"Name": []},
        "InvalidDetailList": {"invalidDetailList": []},  # alibaba 3.2: a lower-case i here
    }
    return {"Data": data}


def _registered(r: c.Page[c.Device]) -> dict[str, Any]:
    infos = [
        {"DeviceId": item.iot_id, "DeviceName": item.name, "DeviceSecret": item.secret, "IotId": item.iot_id}
        for item in r.items
    ]
    return render.paging(r, "Page") | {"ApplyDeviceList": {"ApplyDeviceInfo": infos}}


def _listed_device(r: c.Device) -> dict[str, Any]:
    return _device(r) | {
        "DeviceId": r.iot_id,
        "DeviceStatus": _STATUS[r.status],
        "DeviceType": str(r.product_facts.get("NodeType", 0)),
        "GmtCreate": render.gmt(r.created_at),
        "GmtModified": render.gmt(r.modified_at),
        "UtcCreate": render.utc(r.created_at),
        "UtcModified": render.utc(r.modified_at),
    }


def _devices(r: c.Page[c.Device]) -> dict[str, Any]:
    infos = [_listed_device(item) for item in r.items]
    # alibaba 3.2: a token for the deep pages; ours is the next page's number, so both ways of paging agree.
    token = f"{r.number + 1:032x}" if r.number * r.size < r.total else None
    return render.paging(r, "Page") | {"NextToken": token, "Data": {"DeviceInfo": infos}}


def _status(r: c.Device) -> dict[str, Any]:
    since = r.online_at if r.status == "ONLINE" else r.offline_at or r.online_at
    return {"Status": _STATUS[r.status], "Timestamp": render.millis(since)}


def _state(r: c.Device) -> dict[str, Any]:
    return _status(r) | {
        "AsAddress": r.address,
        "DeviceId": r.iot_id,
        "DeviceName": r.name,
        "IotId": r.iot_id,
        "LastOnlineTime": render.utc(r.online_at),
    }


# --- the table ----------------------------------------------------------------------------------------------------

_PAGE = Param("CurrentPage", "int", rule=FROM_ONE, default=1)
_PAGE_50 = Param("PageSize", "int", rule=Range(1, 50), default=10)

OPERATIONS: dict[str, Operation] = {
    "CreateProduct": Operation("operator", _PRODUCT, _create_product, _created_product),
    "QueryProduct": Operation("viewer", (PRODUCT_KEY,), lambda p: c.ShowProduct(product_key=p["ProductKey"]), _product),
    "QueryProductList": Operation(
        "viewer",
        (*page_params(200), Param("AliyunCommodityCode"), Param("ResourceGroupId")),
        _list_products,
        _products,
    ),
    "UpdateProduct": Operation(
        "operator",
        (
            PRODUCT_KEY,
            Param("ProductName", required=True, rule=PRODUCT_NAME),
            Param("Description", rule=Length(0, 100), keep_empty=True),
        ),
        _update_product,
    ),
    "DeleteProduct": Operation("operator", (PRODUCT_KEY,), lambda p: c.DeleteProduct(product_key=p["ProductKey"])),
    "RegisterDevice": Operation(
        "operator",
        (PRODUCT_KEY, Param("DeviceName", rule=DEVICE_NAME), Param("Nickname", rule=Length(4, 64)), *_NO_LORA),
        lambda p: c.RegisterDevice(product_key=p["ProductKey"], name=p["DeviceName"], nickname=p["Nickname"]),
        lambda r: {"Data": _device(r)},
    ),
    "BatchRegisterDevice": Operation(
        "operator",
        (PRODUCT_KEY, Param("Count", "int", required=True, rule=Range(1, REGISTER_COUNT_MAX))),
        lambda p: c.RegisterDevices(product_key=p["ProductKey"], count=p["Count"]),
        lambda r: {"Data": {"ApplyId": r.apply_id}},
    ),
    "QueryBatchRegisterDeviceStatus": Operation(
        "viewer",
        (Param("ApplyId", "long", required=True), PRODUCT_KEY),
        lambda p: c.ShowRegistration(apply_id=p["ApplyId"], product_key=p["ProductKey"]),
        _registration,
    ),
    "QueryPageByApplyId": Operation(
        "viewer",
        (Param("ApplyId", "long", required=True), _PAGE, _PAGE_50),
        lambda p: c.ListRegistered(apply_id=p["ApplyId"], number=p["CurrentPage"], size=p["PageSize"]),
        _registered,
    ),
    "QueryDevice": Operation(
        "viewer",
        (
            PRODUCT_KEY,
            Param("CurrentPage", "int", rule=FROM_ONE),
            _PAGE_50,
            Param("NextToken", rule=Pattern(r"0{24}[0-7][0-9a-f]{7}", "the NextToken of an earlier answer")),
        ),
        _list_devices,
        _devices,
    ),
    "QueryDeviceInfo": Operation(
        "viewer", DEVICE_KEY, lambda p: c.ShowDevice(device=device_key(p)), lambda r: {"Data": _device(r)}
    ),
    "QueryDeviceDetail": Operation("viewer", DEVICE_KEY, lambda p: c.ShowDevice(device=device_key(p)), _full_detail),
    "BatchQueryDeviceDetail": Operation(
        "viewer",
        (PRODUCT_KEY, Param("DeviceName", "list", required=True, most=100, unique=False)),
        _by_names,
        lambda r: {"Data": {"Data": [_detail(item) for item in r]}},
    ),
    "GetDeviceStatus": Operation(
        "viewer", DEVICE_KEY, lambda p: c.ShowDevice(device=device_key(p)), lambda r: {"Data": _status(r)}
    ),
    "BatchGetDeviceState": Operation(
        "viewer",
        (
            Param("IotId", "list", most=50, unique=False),
            Param("ProductKey"),
            Param("DeviceName", "list", most=50, unique=False),
        ),
        _states,
        lambda r: {"DeviceStatusList": {"DeviceStatus": [_state(item) for item in r]}},
    ),
    "DeleteDevice": Operation("operator", DEVICE_KEY, lambda p: c.DeleteDevice(device=device_key(p))),
    "DisableThing": Operation(
        "operator", DEVICE_KEY, lambda p: c.SetDeviceEnabled(device=device_key(p), enabled=False)
    ),
    "EnableThing": Operation("operator", DEVICE_KEY, lambda p: c.SetDeviceEnabled(device=device_key(p), enabled=True)),
}
