"""Requests of Alibaba's management API become commands: one golden of every operation at least, and the rules that
join several parameters."""

import inspect
import re
from pathlib import Path

import alibabacloud_iot20180120.models as sdk  # type: ignore[import-untyped]  # the vendor ships no types
import aliyunsdkiot.request.v20180120 as old_sdk  # type: ignore[import-untyped]
import pytest
from tests.unit.alibaba_fleet_requests import HOUR, KEY, START, Given, P
from tests.unit.alibaba_requests import FILES, FW, MANNER, REQUESTS
from tests.unit.alibaba_views import FIRMWARE, GROUP, JOB

from upwell.dialects.alibaba import codes
from upwell.dialects.alibaba.management import OPERATIONS, decode
from upwell.dialects.operations import Param
from upwell.domain import commands as c
from upwell.domain.errors import Invalid, Missing

GOLDEN = [(action, given, command) for action, pairs in REQUESTS.items() for given, command in pairs]


def test_every_operation_has_a_golden_request_here() -> None:
    assert set(REQUESTS) == set(OPERATIONS)


@pytest.mark.parametrize(("action", "given", "command"), GOLDEN)
def test_golden(action: str, given: Given, command: c.Command) -> None:
    assert decode(action, list(given.items())) == command


@pytest.mark.parametrize(("action", "given", "command"), GOLDEN)
def test_instance_and_unknown_parameters_change_nothing(action: str, given: Given, command: c.Command) -> None:
    more = {"IotInstanceId": "iot-060a02lm", "Whatever": "x", "RegionId": "cn-shanghai"}
    assert decode(action, list((more | given).items())) == command


def declared(table: tuple[Param, ...], before: str = "") -> set[str]:
    """The names of the parameters, those inside structs after the struct's."""
    found = {before + param.name for param in table if not param.members}
    return found.union(*(declared(param.members, f"{before}{param.name}.") for param in table))


def new_sdk_names(model: type) -> set[str]:
    source = inspect.getsource(model.to_map)  # type: ignore[attr-defined]
    found: set[str] = set()
    for name in set(re.findall(r"result\['([^']+)'\]", source)):
        inner = getattr(sdk, f"{model.__name__}{name}", None)
        found |= {f"{name}.{each}" for each in new_sdk_names(inner)} if inner else {name}
    return found


def old_sdk_names(action: str) -> set[str]:
    source = (Path(old_sdk.__path__[0]) / f"{action}Request.py").read_text("utf-8")
    found = set()
    for call in re.findall(r"add_(?:query_param|body_params)\((.+?),\s*[^,]+\)\s*$", source, re.MULTILINE):
        parts = re.findall(r"'([^']*)'", call)
        found.add(".".join(part.strip(".") for part in parts if part.strip(".")))
    return found


@pytest.mark.parametrize("action", OPERATIONS)
def test_both_sdks_send_nothing_that_is_not_declared(action: str) -> None:
    ours = declared(OPERATIONS[action].params) | {"IotInstanceId"}
    new, old = new_sdk_names(getattr(sdk, f"{action}Request")), old_sdk_names(action)
    assert "IotInstanceId" in new and "IotInstanceId" in old, "the names were not found in the SDK's source"
    assert new <= ours and old <= ours
    assert ours <= new, "a parameter that the vendor does not have"


STATIC = P | {"FirmwareId": FIRMWARE, "TargetSelection": "ALL"}
SPECIFIC, GRAY, INTO_GROUP = ({**STATIC, "TargetSelection": each} for each in ("SPECIFIC", "GRAY", "GROUP"))
DYNAMIC = P | {"FirmwareId": FIRMWARE}
UPDATE = {"JobId": JOB, "UpgradeType": "STATIC", "TargetSelection": "ALL", "MaximumPerMinute": "10"}
FIRST_DAY = STATIC | {"ScheduleTime": str(START)}
NAME = {"TargetDeviceName.1": "d"}
TIMED = "iot.ota.InvalidScheduleTime"


@pytest.mark.parametrize(
    ("action", "given", "field", "code"),
    [
        ("CreateOTAVerifyJob", MANNER | NAME | {"TargetDeviceName.2": "d"}, "TargetDeviceName",
         "iot.ota.DeviceNamesRepeated"),
        ("CreateOTAStaticUpgradeJob", STATIC | {"SrcVersion.1": "1", "SrcVersion.9": "1"}, "SrcVersion",
         "iot.ota.SrcVersionsRepeated"),
        ("CreateOTAStaticUpgradeJob", SPECIFIC | NAME | {"SrcVersion.1": "1"}, "SrcVersion",
         "iot.ota.InvalidSrcVersion"),
        ("CreateOTAStaticUpgradeJob", INTO_GROUP | {"GroupId": GROUP, "SrcVersion.1": "1"}, "SrcVersion",
         "iot.ota.InvalidSrcVersion"),
        ("CreateOTAStaticUpgradeJob", SPECIFIC | NAME | {"DnListFileUrl": "u"}, "DnListFileUrl",
         "iot.ota.InvalidDnListFileUrl"),
        ("CreateOTAStaticUpgradeJob", STATIC | {"DnListFileUrl": "u"}, "DnListFileUrl",
         "iot.ota.InvalidDnListFileUrl"),
        ("CreateOTAStaticUpgradeJob", STATIC | NAME, "TargetDeviceName", "iot.ota.InvalidTargetDeviceName"),
        ("CreateOTAStaticUpgradeJob", STATIC | {"GrayPercent": "50"}, "GrayPercent", "iot.ota.InvalidGrayPercent"),
        ("CreateOTAStaticUpgradeJob", STATIC | {"GroupId": GROUP}, "GroupId", "iot.group.InvalidGroupId"),
        ("CreateOTAStaticUpgradeJob", STATIC | {"GroupType": "LINK_PLATFORM"}, "GroupType",
         "iot.group.InvalidGroupType"),
        ("CreateOTAStaticUpgradeJob", STATIC | {"ScheduleFinishTime": str(START)}, "ScheduleFinishTime", TIMED),
        ("CreateOTAStaticUpgradeJob", FIRST_DAY | {"ScheduleFinishTime": str(START + HOUR - 1)}, "ScheduleFinishTime",
         TIMED),
        ("CreateOTAStaticUpgradeJob", FIRST_DAY | {"ScheduleFinishTime": str(START - HOUR)}, "ScheduleFinishTime",
         TIMED),
        ("CreateOTAStaticUpgradeJob", FIRST_DAY | {"ScheduleFinishTime": str(START + 720 * HOUR + 1)},
         "ScheduleFinishTime", TIMED),
        ("CreateOTAStaticUpgradeJob", STATIC | {"MultiModuleMode": "true", "OverwriteMode": "2"}, "OverwriteMode",
         "iot.ota.InvalidOverwriteMode"),
        ("CreateOTADynamicUpgradeJob", DYNAMIC | {"MultiModuleMode": "true", "OverwriteMode": "2"}, "OverwriteMode",
         "iot.ota.InvalidOverwriteMode"),
        ("CreateOTAStaticUpgradeJob", STATIC | {"RetryCount": "1"}, "RetryCount", "iot.ota.InvalidRetryCount"),
        ("CreateOTAFirmware", {"FirmwareName": "f", "DestVersion": "2", "FirmwareUrl": "u", "SignMethod": "SHA256"}
         | {"FirmwareSign": "ab" * 16}, "FirmwareSign", "iot.ota.InvalidFirmwareSign"),
        ("CreateOTADynamicUpgradeJob", DYNAMIC | {"GroupId": GROUP, "GroupType": "LINK_PLATFORM_DYNAMIC"}
         | {"SrcVersion.1": "1"}, "SrcVersion", "iot.ota.InvalidSrcVersion"),
        ("CreateOTAStaticUpgradeJob", STATIC | {f"Tag.{n}.Key": f"k{n}" for n in range(1, 5)}
         | {f"Tag.{n}.Value": "v" * 1023 for n in range(1, 5)}, "Tag", "iot.ota.InvalidTag"),
        ("CreateOTAStaticUpgradeJob", STATIC | {f"Tag.{n}.{each}": "k" for n in (1, 2) for each in ("Key", "Value")},
         "Tag", "iot.ota.InvalidTag"),
        ("UpdateOTAJob", UPDATE | {"TimeoutInMinutes": "60"}, "TimeoutInMinutes", "iot.ota.InvalidTimeoutInMinutes"),
        ("UpdateOTAJob", UPDATE | {"SrcVersionList.1": "1"}, "SrcVersionList", "iot.ota.InvalidSrcVersion"),
        ("UpdateOTAJob", UPDATE | {f"Tags.{n}.{each}": "k" for n in (1, 2) for each in ("Key", "Value")}, "Tags",
         "iot.ota.InvalidTag"),
        ("CreateOTAFirmware", FW | {"FirmwareUrl": "u", "SrcVersion": "2.0.0"}, "SrcVersion",
         "iot.ota.InvalidSrcVersion"),
        ("CreateOTAFirmware", FW | FILES | {"FirmwareUrl": "u"}, "FirmwareUrl", "iot.ota.InvalidFirmwareUrl"),
        ("CreateOTAFirmware", FW | FILES | {"FirmwareSign": "ab" * 16}, "FirmwareSign", "iot.ota.InvalidFirmwareSign"),
        ("CreateOTAFirmware", FW | FILES | {"FirmwareSize": "5"}, "FirmwareSize", "iot.ota.InvalidFirmwareSize"),
        ("CreateOTAFirmware", FW | FILES | {"MultiFiles.2.Name": "boot"}, "MultiFiles", "iot.ota.InvalidMultiFiles"),
        ("CreateOTAFirmware", FW | FILES | {"MultiFiles.2.Url": "http://h/1"}, "MultiFiles",
         "iot.ota.InvalidMultiFiles"),
        ("CreateOTAFirmware", FW | FILES | {"MultiFiles.1.SignValue": "cd" * 16}, "MultiFiles",
         "iot.ota.InvalidMultiFiles"),
        ("UpdateOTAModule", P | {"ModuleName": "m"}, "AliasName", "iot.ota.InvalidAliasName"),
        ("CancelOTATaskByJob", {"JobId": JOB, "CancelQueuedTask": "false"}, "CancelQueuedTask",
         "iot.ota.InvalidCancelScope"),
        ("ListOTATaskByJob", {"JobId": JOB, "PageSize": "100", "CurrentPage": "1001"}, "CurrentPage",
         "iot.common.InvalidPageParams"),
        ("BatchCheckDeviceNames", P | {"DeviceName.1": "a", "DeviceNameList.1.DeviceName": "b"}, "DeviceNameList",
         "iot.device.InvalidDeviceNameList"),
        ("BatchUpdateDeviceNickname", {"DeviceNicknameInfo.1.IotId": "i", "DeviceNicknameInfo.2.IotId": "i"},
         "DeviceNicknameInfo", "iot.device.InvalidDeviceNicknameInfo"),
        ("CreateProduct", {"ProductName": "pumps", "NodeType": "1", "ProtocolType": "ble"}, "ProtocolType",
         "iot.common.InvalidFormattedParameter"),
        ("QueryDevice", P | {"NextToken": "x"}, "NextToken", "iot.common.InvalidPageParams"),
    ],
)  # fmt: skip
def test_cross_rules(action: str, given: Given, field: str, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        decode(action, list(given.items()))
    said = codes.refusal(caught.value, action)
    assert (said.code, said.status, said.envelope) == (code, 200, "business")
    assert f'"{field}"' in said.message


@pytest.mark.parametrize(
    ("action", "given"),
    [
        ("CreateOTAStaticUpgradeJob", FIRST_DAY | {"ScheduleFinishTime": str(START + HOUR)}),
        ("CreateOTAStaticUpgradeJob", FIRST_DAY | {"ScheduleFinishTime": str(START + 720 * HOUR)}),
        # Issue 9, number 20: the seeds give both values as valid, without a relation.
        ("CreateOTAStaticUpgradeJob", STATIC | {"RetryInterval": "60", "RetryCount": "1", "TimeoutInMinutes": "60"}),
        ("CreateOTADynamicUpgradeJob", DYNAMIC | {"RetryInterval": "1440", "RetryCount": "1", "TimeoutInMinutes": "1"}),
        ("CreateOTADynamicUpgradeJob", DYNAMIC | {"RetryInterval": "60", "RetryCount": "1", "TimeoutInMinutes": "60"}),
        ("CreateOTAStaticUpgradeJob", STATIC | {f"Tag.{n}.Key": f"k{n}" for n in range(1, 5)}
         | {f"Tag.{n}.Value": "v" * 1022 for n in range(1, 5)}),
        ("ListOTATaskByJob", {"JobId": JOB, "PageSize": "100", "CurrentPage": "1000"}),
    ],
)  # fmt: skip
def test_the_edges_of_cross_rules_are_allowed(action: str, given: Given) -> None:
    decode(action, list(given.items()))


@pytest.mark.parametrize(
    ("action", "given", "field"),
    [
        ("CreateOTAFirmware", {"FirmwareName": "f", "DestVersion": "2"}, "FirmwareUrl"),
        ("CreateOTAFirmware", FW | FILES | {"SrcVersion": ""}, "SrcVersion"),
        ("CreateOTAFirmware", FW | {"MultiFiles.7.Name": "boot"}, "MultiFiles.7.Url"),
        ("CreateOTAStaticUpgradeJob", SPECIFIC, "TargetDeviceName"),
        ("CreateOTAStaticUpgradeJob", GRAY, "GrayPercent"),
        ("CreateOTAStaticUpgradeJob", INTO_GROUP | {"GroupType": "LINK_PLATFORM"}, "GroupId"),
        ("CreateOTAStaticUpgradeJob", STATIC | {"RetryInterval": "0"}, "RetryCount"),
        ("CreateOTAStaticUpgradeJob", STATIC | {"Tag.4.Key": "k"}, "Tag.4.Value"),
        ("CreateOTADynamicUpgradeJob", DYNAMIC | {"GroupId": GROUP}, "GroupType"),
        ("CreateOTADynamicUpgradeJob", DYNAMIC | {"GroupType": "LINK_PLATFORM_DYNAMIC"}, "GroupId"),
        ("QueryDeviceDetail", {}, "IotId"),
        ("QueryDeviceDetail", P, "DeviceName"),
        ("QueryDeviceDetail", {"DeviceName": "d"}, "ProductKey"),
        ("BatchGetDeviceState", {}, "DeviceName"),
        ("BatchGetDeviceState", {"DeviceName.1": "d"}, "ProductKey"),
        ("BatchCheckDeviceNames", P, "DeviceName"),
        ("BatchUpdateDeviceNickname", {"DeviceNicknameInfo.4.Nickname": "nick"}, "DeviceNicknameInfo.4.IotId"),
        ("BatchUpdateDeviceNickname", {"DeviceNicknameInfo.1.ProductKey": "p"}, "DeviceNicknameInfo.1.DeviceName"),
        ("QueryDevice", P | {"CurrentPage": "201", "PageSize": "50"}, "NextToken"),
        ("SaveDeviceProp", KEY, "Props"),
    ],
)
def test_missing_by_a_cross_rule(action: str, given: Given, field: str) -> None:
    with pytest.raises(Missing) as caught:
        decode(action, list(given.items()))
    said = codes.refusal(caught.value, action)
    assert (said.code, said.status, said.envelope) == (f"Missing{field}", 400, "gateway")
    assert re.fullmatch(rf"{re.escape(field)} is mandatory (for this action|because .+)\.", said.message)
