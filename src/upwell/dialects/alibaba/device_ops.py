"""Alibaba's device operations (alibaba 3.2, 3.3): finding devices, their state, their names."""

import json
from typing import Any

from upwell.dialects.alibaba import names
from upwell.dialects.alibaba.limits import UNNAMED
from upwell.dialects.alibaba.registration_ops import device
from upwell.dialects.alibaba.render import page
from upwell.dialects.checks import OneOf, shown
from upwell.dialects.operations import Operation, Param, Values
from upwell.dialects.rpc_answers import china_time, gmt, millis, paging, utc
from upwell.dialects.rpc_checks import (
    DEVICE_KEY,
    DEVICE_STATUS,
    NICKNAME,
    PAGE,
    PRODUCT_KEY,
    asked,
    device_key,
    page_size,
)
from upwell.domain import commands as c
from upwell.domain.commands.lists import Page, Slice
from upwell.domain.errors import Invalid, Missing
from upwell.domain.search import Both, Compare, Condition

DEVICES_REACHED_MAX = 10_000  # alibaba 3.2 QueryDevice: PageSize x CurrentPage without a NextToken
NICKNAMES_MAX = 100  # devices per BatchUpdateDeviceNickname; the reference names no limit
REGION = "cn-shanghai"  # what QueryDeviceDetail shows; an installation has one place

_STATUS_NUMBERS = {0: "UNACTIVE", 1: "ONLINE", 3: "OFFLINE", 8: "DISABLED"}  # alibaba 3.2 QueryDeviceByStatus


# --- commands -----------------------------------------------------------------------------------------------------


def _list_devices(p: Values) -> c.ListDevices:
    key, size, token = p["ProductKey"], p["PageSize"], p["NextToken"]
    if token:
        place = names.read_page_token(token)
        if place is None:
            raise Invalid("NextToken", "the NextToken of an earlier answer", f"the value is {shown(token)}")
        return c.ListDevices(product_key=key, asked=Slice.of_page(place[1], size), after=place[0])
    if p["CurrentPage"] * size > DEVICES_REACHED_MAX:
        raise Missing("NextToken", f"CurrentPage x PageSize is over {DEVICES_REACHED_MAX}")
    return c.ListDevices(product_key=key, asked=asked(p))


def _by_names(p: Values) -> c.ShowDevices:
    keys = (c.DeviceKey(product_key=p["ProductKey"], name=name) for name in p["DeviceName"])
    return c.ShowDevices(devices=tuple(keys))


def _states(p: Values) -> c.ShowDevices:
    if p["IotId"]:
        return c.ShowDevices(devices=tuple(c.DeviceKey(iot_id=iot_id) for iot_id in p["IotId"]))
    for name in ("DeviceName", "ProductKey"):
        if not p[name]:
            raise Missing(name, "IotId is absent")
    return _by_names(p)


def _by_status(p: Values) -> c.ListDevices:
    which: list[Condition] = [Compare("status", "=", (_STATUS_NUMBERS[p["Status"]],))]
    if p["ResourceGroupId"]:
        which.append(Compare("product_facts", "=", (json.dumps({"ResourceGroupId": p["ResourceGroupId"]}),)))
    return c.ListDevices(asked=asked(p), which=Both(tuple(which)), product_key=p["ProductKey"])


def _count(p: Values) -> c.CountDevices:
    group = names.read_group_id(p["GroupId"]) if p["GroupId"] else None
    return c.CountDevices(product_key=p["ProductKey"], group_id=group)


def _nicknames(p: Values) -> c.UpdateDevices:
    given = [(device_key(each, each.where), each["Nickname"]) for each in p["DeviceNicknameInfo"]]
    if len({key for key, _ in given}) < len(given):
        raise Invalid("DeviceNicknameInfo", "no device is given twice", "one is repeated")
    return c.UpdateDevices(changes=tuple(c.DeviceChange(device=key, nickname=nickname) for key, nickname in given))


def _enable(p: Values, enabled: bool) -> c.UpdateDevices:
    return c.UpdateDevices(changes=(c.DeviceChange(device=device_key(p), enabled=enabled),))


# --- answers ------------------------------------------------------------------------------------------------------


def _detail(r: c.Device) -> dict[str, Any]:
    return device(r) | {
        "FirmwareVersion": r.firmware_version,
        "GmtActive": china_time(r.activated_at),
        "GmtCreate": china_time(r.created_at),
        "NodeType": r.product_facts.get("NodeType", 0),
        "ProductName": r.product_name,
        "Region": REGION,
        "Status": DEVICE_STATUS[r.status],
        "UtcActive": utc(r.activated_at),
        "UtcCreate": utc(r.created_at),
    }


def _full_detail(r: c.Device) -> dict[str, Any]:
    more = {
        "GmtOnline": china_time(r.online_at),
        "IpAddress": r.address,
        "Owner": True,
        "UtcOnline": utc(r.online_at),
    }
    return {"Data": _detail(r) | more}


def _listed_device(r: c.Device) -> dict[str, Any]:
    return device(r) | {
        "DeviceId": r.iot_id,
        "DeviceStatus": DEVICE_STATUS[r.status],
        "DeviceType": str(r.product_facts.get("NodeType", 0)),
        "GmtCreate": gmt(r.created_at),
        "GmtModified": gmt(r.modified_at),
        "UtcCreate": utc(r.created_at),
        "UtcModified": utc(r.modified_at),
    }


def _devices(r: Page[c.Device]) -> dict[str, Any]:
    infos = [_listed_device(item) for item in r.items]
    return paging(r, "Page") | {"NextToken": _token(r), "Data": {"DeviceInfo": infos}}


def _token(r: Page[c.Device]) -> str | None:
    """A full page may have a next one, and the total can't say: a caller may delete what it reads. Only the first
    page is known to hold all."""
    if len(r.items) < r.size or (r.number == 1 and (r.total or 0) <= r.size):
        return None
    return names.page_token(r.items[-1].device_id, r.number + 1)


def _status_device(r: c.Device) -> dict[str, Any]:
    return device(r) | {
        "GmtCreate": china_time(r.created_at),
        "GmtModified": china_time(r.modified_at),
        "Status": DEVICE_STATUS[r.status],
        "UtcCreate": utc(r.created_at),
        "UtcModified": utc(r.modified_at),
    }


def _simple_device(r: c.Device) -> dict[str, Any]:
    return {
        "DeviceName": r.name,
        "IotId": r.iot_id,
        "ProductKey": r.product_key,
        "ProductName": r.product_name,
    }


simple_devices = page(_simple_device, "SimpleDeviceInfo", number="Page")


def _status(r: c.Device) -> dict[str, Any]:
    since = r.online_at if r.status == "ONLINE" else r.offline_at or r.online_at
    return {"Status": DEVICE_STATUS[r.status], "Timestamp": millis(since)}


def _state(r: c.Device) -> dict[str, Any]:
    return _status(r) | {
        "AsAddress": r.address,
        "DeviceId": r.iot_id,
        "DeviceName": r.name,
        "IotId": r.iot_id,
        "LastOnlineTime": utc(r.online_at),
    }


# --- the table ----------------------------------------------------------------------------------------------------

_PAGE_50 = page_size(50)  # alibaba 3.2

OPERATIONS: dict[str, Operation] = {
    "QueryDevice": Operation(
        "viewer", (PRODUCT_KEY, PAGE, _PAGE_50, Param("NextToken")), _list_devices, _devices, limit_per_s=50
    ),
    "QueryDeviceInfo": Operation(
        "viewer",
        DEVICE_KEY,
        lambda p: c.ShowDevice(device=device_key(p)),
        lambda r: {"Data": device(r)},
        limit_per_s=UNNAMED,
    ),
    "QueryDeviceDetail": Operation(
        "viewer", DEVICE_KEY, lambda p: c.ShowDevice(device=device_key(p)), _full_detail, limit_per_s=50
    ),
    "BatchQueryDeviceDetail": Operation(
        "viewer",
        (PRODUCT_KEY, Param("DeviceName", "list", required=True, most=100, unique=False)),
        _by_names,
        lambda r: {"Data": {"Data": [_detail(item) for item in r]}},
        limit_per_s=UNNAMED,
    ),
    "GetDeviceStatus": Operation(
        "viewer",
        DEVICE_KEY,
        lambda p: c.ShowDevice(device=device_key(p)),
        lambda r: {"Data": _status(r)},
        limit_per_s=500,
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
        limit_per_s=UNNAMED,
    ),
    "QueryDeviceByStatus": Operation(
        "viewer",
        (
            Param("Status", "int", required=True, check=OneOf(tuple(_STATUS_NUMBERS))),
            Param("ProductKey"),
            Param("ResourceGroupId"),
            PAGE,
            _PAGE_50,
        ),
        _by_status,
        page(_status_device, "SimpleDeviceInfo", number="Page"),
        limit_per_s=UNNAMED,
    ),
    "QueryDeviceStatistics": Operation(
        "viewer",
        (Param("ProductKey"), Param("GroupId")),
        _count,
        lambda r: {"Data": {"activeCount": r.active, "deviceCount": r.devices, "onlineCount": r.online}},
        limit_per_s=UNNAMED,
    ),
    "DeleteDevice": Operation("operator", DEVICE_KEY, lambda p: c.DeleteDevice(device=device_key(p)), limit_per_s=50),
    "DisableThing": Operation("operator", DEVICE_KEY, lambda p: _enable(p, False), limit_per_s=UNNAMED),
    "EnableThing": Operation("operator", DEVICE_KEY, lambda p: _enable(p, True), limit_per_s=UNNAMED),
    # alibaba 3.2: a JobId comes back that no other operation knows.
    "ResetThing": Operation(
        "operator", DEVICE_KEY, lambda p: c.ResetDevice(device=device_key(p)), ticket="JobId", limit_per_s=UNNAMED
    ),
    "BatchUpdateDeviceNickname": Operation(
        "operator",
        (
            Param(
                "DeviceNicknameInfo",
                "list",
                required=True,
                most=NICKNAMES_MAX,
                members=(*DEVICE_KEY, Param("Nickname", check=NICKNAME, default="")),  # left out: it is deleted
            ),
        ),
        _nicknames,
        limit_per_s=UNNAMED,
    ),
}
