"""Alibaba's ways to register devices (alibaba 3.2): one, many by made-up names, many by names that were checked."""

from typing import Any

from upwell.dialects.alibaba.limits import UNNAMED
from upwell.dialects.alibaba.render import page
from upwell.dialects.checks import Range, Unsupported
from upwell.dialects.operations import Operation, Param, Values
from upwell.dialects.rpc_checks import DEVICE_NAME, NICKNAME, PAGE, PRODUCT_KEY, asked, page_size
from upwell.domain import commands as c
from upwell.domain.errors import Invalid, Missing

REGISTER_COUNT_MAX = 10_000  # alibaba 3.2 BatchRegisterDevice, BatchCheckDeviceNames

_LORA = Unsupported("not supported by this server, which registers no LoRaWAN devices")
_NO_LORA = tuple(Param(name, check=_LORA) for name in ("DevEui", "PinCode", "JoinEui", "AppKey", "LoraNodeType"))
_APPLY_ID = Param("ApplyId", "long", required=True)

# alibaba 3.2: what a check finds wrong with a name is told in its answer, so the names have no rule here.
_CHECKED = (
    PRODUCT_KEY,
    Param("DeviceName", "list", most=REGISTER_COUNT_MAX, unique=False),
    Param(
        "DeviceNameList",
        "list",
        most=REGISTER_COUNT_MAX,
        members=(Param("DeviceName", required=True), Param("DeviceNickname")),
    ),
)


def _check_names(p: Values) -> c.CheckDeviceNames:
    plain, named = p["DeviceName"], p["DeviceNameList"]
    if not plain and not named:
        raise Missing("DeviceName", "DeviceNameList is absent")
    if plain and named:
        raise Invalid("DeviceNameList", "not together with DeviceName", "both are given")
    pairs = [(name, None) for name in plain] + [(each["DeviceName"], each["DeviceNickname"]) for each in named]
    return c.CheckDeviceNames(product_key=p["ProductKey"], names=tuple(pairs))


def device(r: c.Device) -> dict[str, Any]:
    """The members that every answer about one device begins with."""
    return {
        "DeviceName": r.name,
        "DeviceSecret": r.secret,
        "IotId": r.iot_id,
        "Nickname": r.nickname or None,
        "ProductKey": r.product_key,
    }


def _applied(r: c.Registration) -> dict[str, Any]:
    return {"Data": {"ApplyId": r.apply_id}}


def _checked(r: c.Registration) -> dict[str, Any]:
    details = [
        *({"DeviceName": name, "ErrorMsg": f"DeviceName: {DEVICE_NAME.text}"} for name in r.invalid_names),
        *({"NickName": nickname, "ErrorMsg": f"NickName: {NICKNAME.text}"} for nickname in r.invalid_nicknames),
    ]
    data = {
        "ApplyId": r.apply_id,
        "InvalidDeviceNameList": {"InvalidDeviceName": list(r.invalid_names)},
        "InvalidDeviceNicknameList": {"InvalidDeviceNickname": list(r.invalid_nicknames)},
        "RepeatedDeviceNameList": {"RepeatDevieNameList": list(r.repeated_names)},  # alibaba 3.2: misspelt so
        # The Go SDK's model has a flat list here and fails at a wrapper, which the Python SDKs' models have. Without
        # details it is left out, so that all of them read the answer (alibaba 6.1).
        "InvalidDetailList": {"InvalidDetailList": details} if details else None,
    }
    return {"Data": data}


def _registration(r: c.Registration) -> dict[str, Any]:
    details = [{"DeviceName": name, "ErrorMsg": "The device can't be registered."} for name in r.refused]
    data = {
        "Status": r.status,
        "ValidList": {"Name": list(r.names)},
        "InvalidList": {"Name": list(r.refused)},
        "InvalidDetailList": {"invalidDetailList": details},  # alibaba 3.2: a lower-case i here
    }
    return {"Data": data}


def _registered(r: c.Device) -> dict[str, Any]:
    return {"DeviceId": r.iot_id, "DeviceName": r.name, "DeviceSecret": r.secret, "IotId": r.iot_id}


OPERATIONS: dict[str, Operation] = {
    "RegisterDevice": Operation(
        "operator",
        (PRODUCT_KEY, Param("DeviceName", check=DEVICE_NAME), Param("Nickname", check=NICKNAME), *_NO_LORA),
        lambda p: c.CreateDevice(product_key=p["ProductKey"], name=p["DeviceName"], nickname=p["Nickname"]),
        lambda r: {"Data": device(r)},
        limit_per_s=30,
    ),
    "BatchRegisterDevice": Operation(
        "operator",
        (PRODUCT_KEY, Param("Count", "int", required=True, check=Range(1, REGISTER_COUNT_MAX))),
        lambda p: c.RegisterDevices(product_key=p["ProductKey"], count=p["Count"]),
        _applied,
        limit_per_s=10,
    ),
    "BatchCheckDeviceNames": Operation("operator", _CHECKED, _check_names, _checked, limit_per_s=10),
    "BatchRegisterDeviceWithApplyId": Operation(
        "operator",
        (_APPLY_ID, PRODUCT_KEY),
        lambda p: c.RegisterDevices(product_key=p["ProductKey"], apply_id=p["ApplyId"]),
        _applied,
        limit_per_s=10,
    ),
    "QueryBatchRegisterDeviceStatus": Operation(
        "viewer",
        (_APPLY_ID, PRODUCT_KEY),
        lambda p: c.ShowRegistration(apply_id=p["ApplyId"], product_key=p["ProductKey"]),
        _registration,
        limit_per_s=UNNAMED,
    ),
    "QueryPageByApplyId": Operation(
        "viewer",
        (_APPLY_ID, PAGE, page_size(50)),
        lambda p: c.ListDevices(asked=asked(p), apply_id=p["ApplyId"]),
        page(_registered, "ApplyDeviceInfo", "ApplyDeviceList", "Page"),
        limit_per_s=UNNAMED,
    ),
}
