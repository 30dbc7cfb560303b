"""Every parameter of every operation of Alibaba's management API, driven from the operations' own tables.

What a value may be is written here by hand; a parameter without a row fails the test, so a new operation brings its
rows. Each wrong value must be refused by the name on the wire and by a code of that parameter's own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.unit.alibaba_requests import HOUR, REQUESTS, RULE, START, Given
from tests.unit.alibaba_views import FIRMWARE, GROUP, JOB, TASK

from upwell.dialects.alibaba import codes, names
from upwell.dialects.alibaba.management import OPERATIONS, decode
from upwell.dialects.alibaba.params import BOOLEAN, INTEGER, LONG, TEXT, UNIQUE, Param
from upwell.domain.errors import CallerError, Invalid, Missing, NotFound
from upwell.domain.talk import TaskRef

Values = tuple[list[str], list[str]]  # accepted, refused

ANY: Values = (["x", "a b*~/+&=%", "阀门", "x" * 1000], [])
DIGITS = ["-2147483648", "2147483647"]
ID: Values = ([], [])  # ids are NotFound when they are none of ours; tested apart
VERSION: Values = (["a", "V1.0-_b", "a" * 64], ["a" * 65, "a b", "a(b)", "2\n", "版"])
MD5: Values = (["aB" * 16], ["a" * 31, "a" * 33, "g" * 32])
SIZE: Values = (["1", "1048576000"], ["0", "-1", "1048576001", "9" * 18])
DESC: Values = (["字" * 100, "x"], ["a" * 101])
PAGE: Values = (["1", "2147483647"], ["0", "-1"])
TIMEOUT: Values = (["61", "1440"], ["0", "1441"])
TWO: Values = (["1", "2"], ["0", "3"])
PACE: Values = (["0", "1000"], ["-1", "1001"])
SELECTION: Values = (["GROUP"], ["all", "SOME"])
GROUP_TYPES: Values = (["LINK_PLATFORM", "LINK_PLATFORM_DYNAMIC"], ["link_platform", "X"])
TAG_KEY: Values = (["a.b", "A9" * 15], ["a" * 31, "a-b", "键"])
TAG_VALUE: Values = (["v", "值" * 1024], ["v" * 1025])
NAME: Values = (["abcd", "a_b9", "水泵水泵", "a" * 30], ["abc", "a" * 31, "a-bc"])
NICKNAME: Values = (["abcd", "a" * 64], ["abc", "a" * 65])
YES: Values = (["true", "True", "false"], [])
NEVER: Values = ([], ["x"])

# By parameter, or by Action.Parameter where an operation differs.
CASES: dict[str, Values] = {
    "AliasName": VERSION,
    "AliyunCommodityCode": (["iothub_senior", "iothub"], ["IOTHUB"]),
    "QueryProductList.AliyunCommodityCode": ANY,
    "AppKey": NEVER,
    "ApplyId": (["0", "9223372036854775807"], []),
    "AuthType": (["secret", "id2", "x509"], ["Secret"]),
    "CancelInProgressTask": YES,
    "CancelNotifiedTask": YES,
    "CancelQueuedTask": (["true", "True", "TRUE"], []),
    "CancelScheduledTask": YES,
    "CancelUnconfirmedTask": YES,
    "CategoryKey": (["a", "a" * 64], ["a" * 65]),
    "Count": (["1", "10000"], ["0", "10001"]),
    "CurrentPage": PAGE,
    "QueryDevice.CurrentPage": (["1", "201"], ["0"]),
    "ListOTATaskByJob.CurrentPage": (["1", "10000"], ["0", "100001"]),
    "DataFormat": (["0", "1"], ["2", "-1"]),
    "Desc": (["字" * 100, "x"], ["a" * 101]),
    "Description": DESC,
    "DestVersion": VERSION,
    "CreateOTAFirmware.DestVersion": (["a", "V1.0-_b", "a" * 64], ["a" * 65, "a b", "a(b)", "2\n"]),
    "DevEui": NEVER,
    "Device.DeviceName": ANY,
    "Device.ProductKey": ANY,
    "DeviceName": ANY,
    "RegisterDevice.DeviceName": (["abcd", "a-_@.:", "a" * 32], ["abc", "a" * 33, "ab/c", "水泵水泵"]),
    "DeviceNameList.DeviceName": ANY,
    "DeviceNameList.DeviceNickname": ANY,
    "DeviceNames": ANY,
    "DeviceNicknameInfo.DeviceName": ANY,
    "DeviceNicknameInfo.IotId": ANY,
    "DeviceNicknameInfo.Nickname": NICKNAME,
    "DeviceNicknameInfo.ProductKey": ANY,
    "DnListFileUrl": (["u" * 1024], ["u" * 1025]),
    "DownloadProtocol": (["HTTPS", "https", "MQTT", "mqtt", "Mqtt"], ["FTP", "MQTTS", "HTTP"]),
    "DynamicGroupExpression": ([RULE, 'status = "ONLINE"'], ["x", "select 1", 'a = "b"', " " * 2001, "()"]),
    "DynamicMode": TWO,
    "FileSuffix": (["bin", "dav", "apk", "tar", "gz", "tar.gz", "zip", "gzip"], ["exe", "BIN", "tar.xz"]),
    "FirmwareDesc": DESC,
    "FirmwareId": ID,
    "FirmwareName": (["a", "a-_()Z9", "a" * 40], ["a" * 41, "a b", "a.b", "ä"]),
    "FirmwareSign": MD5,
    "FirmwareSize": SIZE,
    "FirmwareUdi": (["u" * 4096, "{}"], ["u" * 4097]),
    "FirmwareUrl": (["u" * 1024], ["u" * 1025]),
    "GrayPercent": (
        ["0.001", "1", "33.33", "99.999", "100", "100.000"],
        ["0", "0.000", "0.0001", "100.001", "101", "-1", "1e1", ".5", "5.", "33.3333", "５０"],
    ),
    "GroupDesc": DESC,
    "GroupId": ID,
    "GroupName": NAME,
    "QueryDeviceGroupList.GroupName": (["a", "a" * 30, "-"], ["a" * 31]),
    "GroupType": GROUP_TYPES,
    "CreateOTAStaticUpgradeJob.GroupType": (["LINK_PLATFORM"], ["LINK_PLATFORM_DYNAMIC", "x"]),
    "CreateOTADynamicUpgradeJob.GroupType": (["LINK_PLATFORM_DYNAMIC"], ["LINK_PLATFORM", "x"]),
    "GroupTypes": GROUP_TYPES,
    "Id2": YES,
    "IotId": ANY,
    "JobId": ID,
    "JoinEui": NEVER,
    "JoinPermissionId": (["a" * 128], ["a" * 129]),
    "LoraNodeType": NEVER,
    "MaximumPerMinute": PACE,
    "ModuleName": VERSION,
    "MultiFiles.FileMd5": (["AB" * 16], MD5[1]),
    "MultiFiles.Name": (["a", "字" * 32], ["a" * 33]),
    "MultiFiles.SignValue": (["ab" * 16], MD5[1]),
    "MultiFiles.Size": SIZE,
    "MultiFiles.Url": (["u" * 1024], ["u" * 1025]),
    "MultiModuleMode": YES,
    "NeedConfirm": YES,
    "NeedPush": YES,
    "NeedToVerify": YES,
    "NetType": (["WIFI", "CELLULAR", "ETHERNET", "OTHER"], ["wifi", "LORA"]),
    "NextToken": ([], ["x", "0" * 32, "z" * 33, "é" * 33]),
    "Nickname": NICKNAME,
    "NodeType": (["0"], ["2", "-1"]),
    "OverwriteMode": (["1"], ["0", "3"]),
    "PageSize": (["1", "50"], ["0", "51"]),
    "ListOTAFirmware.PageSize": (["1", "100"], ["0", "101"]),
    "ListOTAJobByFirmware.PageSize": (["1", "200"], ["0", "201"]),
    "ListOTAJobByDevice.PageSize": (["1", "100"], ["0", "101"]),
    "ListOTATaskByJob.PageSize": (["1", "100"], ["0", "101"]),
    "ListOTAModuleVersionsByDevice.PageSize": (["1", "200"], ["0", "201"]),
    "QueryProductList.PageSize": (["1", "200"], ["0", "201"]),
    "QueryDeviceGroupList.PageSize": (["1", "200"], ["0", "201"]),
    "PinCode": NEVER,
    "ProductKey": ANY,
    "ProductName": NAME,
    "PropKey": ANY,
    "Props": (
        ['{"a":1}', '{ "a.b-c_9" : "值" }', '{"a":-1.5e3,"b":false}', '{"键":"v"}'],
        ["x", "[]", "{}", "1", '"a"', "null", '{"a":null}', '{"a":{}}', '{"a":["b"]}', '{"a":"b","a":"c"}',
         '{"a":NaN}', '{"":"b"}', '{"a":""}', '{"a/":"b"}', "[" * 5000, '{"a":"' + "v" * 5120 + '"}',
         '{"a":"b"', '{"a":"b"}x'],
    ),
    "ProtocolType": (["modbus", "opc-ua", "customize", "ble", "zigbee"], ["BLE"]),
    "PublishAuto": YES,
    "ResourceGroupId": (["a" * 64], ["a" * 65]),
    "QueryProductList.ResourceGroupId": ANY,
    "RetryCount": (["1", "2", "5"], ["0", "3", "6"]),
    "RetryInterval": (["0", "10", "30", "60"], ["1", "61", "1441", "-1"]),
    "ScheduleFinishTime": (
        [str(START + HOUR), str(START + 720 * HOUR)],
        ["0", "-1", "999999999999", "10000000000000", str(START + HOUR - 1), str(START + 720 * HOUR + 1)],
    ),
    "ScheduleTime": ([str(START), str(START - 1)], ["0", "-1", "999999999999", "10000000000000"]),
    "SignMethod": (["MD5"], ["SHA256", "Md5"]),
    "SrcVersion": VERSION,
    "SrcVersionList": VERSION,
    "Status": (["0", "1", "3", "8"], ["2", "-1", "9"]),
    "SuperGroupId": ID,
    "Tag.Key": TAG_KEY,
    "Tag.TagKey": ANY,
    "Tag.TagValue": ANY,
    "Tag.Value": TAG_VALUE,
    "Tags.Key": TAG_KEY,
    "Tags.Value": TAG_VALUE,
    "TargetDeviceName": ANY,
    "TargetSelection": SELECTION,
    "UpdateOTAJob.TargetSelection": (["ALL", "SPECIFIC", "GRAY", "GROUP"], ["all", "SOME"]),
    "TaskId": ID,
    "TaskStatus": (["CONFIRM", "QUEUED", "NOTIFIED", "IN_PROGRESS"], ["queued", "FAILED"]),
    "ListOTATaskByJob.TaskStatus": (
        ["CONFIRM", "QUEUED", "NOTIFIED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "CANCELED"],
        ["DONE", "queued"],
    ),
    "TaskStatusList": (["CONFIRM", "QUEUED", "NOTIFIED", "IN_PROGRESS"], ["queued", "FAILED"]),
    "TimeoutInMinutes": TIMEOUT,
    "Type": (["0", "1"], ["2", "-1"]),
    "Udi": (["u" * 4096], ["u" * 4097]),
    "UpgradeType": (["DYNAMIC"], ["static", "VERIFY"]),
    "ValidateType": (DIGITS, []),
}  # fmt: skip

MOST = {  # values in a list
    "BatchAddDeviceGroupRelations.Device": 200,
    "BatchCheckDeviceNames.DeviceName": 10_000,
    "BatchCheckDeviceNames.DeviceNameList": 10_000,
    "BatchDeleteDeviceGroupRelations.Device": 200,
    "BatchGetDeviceState.DeviceName": 50,
    "BatchGetDeviceState.IotId": 50,
    "BatchQueryDeviceDetail.DeviceName": 100,
    "BatchUpdateDeviceNickname.DeviceNicknameInfo": 100,
    "CancelOTATaskByDevice.DeviceName": 200,
    "ConfirmOTATask.TaskId": 200,
    "CreateOTADynamicUpgradeJob.SrcVersion": 10,
    "CreateOTADynamicUpgradeJob.Tag": 10,
    "CreateOTAFirmware.MultiFiles": 20,
    "CreateOTAStaticUpgradeJob.SrcVersion": 10,
    "CreateOTAStaticUpgradeJob.Tag": 10,
    "CreateOTAStaticUpgradeJob.TargetDeviceName": 200,
    "CreateOTAVerifyJob.Tag": 10,
    "CreateOTAVerifyJob.TargetDeviceName": 10,
    "ListOTATaskByJob.DeviceNames": 200,
    "ListOTAUnfinishedTaskByDevice.TaskStatusList": 200,
    "QueryDeviceByTags.Tag": 10,
    "QueryDeviceGroupList.GroupTypes": 200,
    "ReupgradeOTATask.TaskId": 10,
    "UpdateOTAJob.SrcVersionList": 10,
    "UpdateOTAJob.Tags": 10,
}
UNIQUES = {  # lists that refuse a value given twice
    "CancelOTATaskByDevice.DeviceName",
    "CreateOTADynamicUpgradeJob.SrcVersion",
    "CreateOTAStaticUpgradeJob.SrcVersion",
    "CreateOTAStaticUpgradeJob.TargetDeviceName",
    "CreateOTAVerifyJob.TargetDeviceName",
    "ReupgradeOTATask.TaskId",
    "UpdateOTAJob.SrcVersionList",
}
WRONG_TYPES = {
    "int": (INTEGER, ["x", "1.0", "１", "1 ", "0x1", "2147483648", "-2147483649", "9" * 30]),
    "long": (LONG, ["x", "1.0", "１", "1 ", "0x1", "9223372036854775808", "9" * 30]),
    "bool": (BOOLEAN, ["1", "yes", "truе", "none"]),
    "str": (TEXT, ["a\0b", "a\ud800b", "\udfff"]),
    "list": (TEXT, ["a\0b", "a\ud800b", "\udfff"]),
}
NO_SUCH = {  # ids, and what is not there when they name none of ours
    "FirmwareId": "iot.ota.FirmwareNotFound",
    "JobId": "iot.ota.JobNotFound",
    "TaskId": "iot.ota.TaskNotFound",
    "GroupId": "iot.group.NotExistedGroup",
    "SuperGroupId": "iot.group.NotExistedGroup",
}
# Codes that do not hold their parameter's name; every other one must.
SPOKEN_OTHERWISE = {
    "AliyunCommodityCode": {"iot.prod.InvalidAliyunCommodityCode"},
    "CategoryKey": {"iot.prod.InvalidFormattedCatId"},
    "Count": {"iot.check.ParameterIsNotLessThanMax"},
    "CurrentPage": {"iot.common.InvalidPageParams"},
    "PageSize": {"iot.common.InvalidPageParams"},
    "NextToken": {"iot.common.InvalidPageParams"},
    "Desc": {"iot.ota.InvalidModuleDesc"},
    "Description": {"iot.prod.LongProductDesc"},
    "DeviceName": {"iot.ota.DeviceNamesExceedMax", "iot.ota.DeviceNamesRepeated"},
    "DeviceNames": {"iot.ota.DeviceNamesExceedMax"},
    "GroupTypes": {"iot.group.InvalidGroupType"},
    "PropKey": {"iot.device.InvalidFormattedDevicePropertyKey"},
    "Props": {
        "iot.device.InvalidFormattedDevicePropertiesString",
        "iot.device.InvalidFormattedDevicePropertyKey",
        "iot.device.LongDevicePropertiesString",
        "iot.device.NoneDeviceProperties",
    },
    "ScheduleFinishTime": {"iot.ota.InvalidScheduleTime"},
    "SrcVersion": {"iot.ota.SrcVersionsExceedMax", "iot.ota.SrcVersionsRepeated"},
    "SrcVersionList": {"iot.ota.InvalidSrcVersion", "iot.ota.SrcVersionsExceedMax", "iot.ota.SrcVersionsRepeated"},
    "Tags": {"iot.ota.InvalidTag"},
    "TargetDeviceName": {"iot.ota.DeviceNamesExceedMax", "iot.ota.DeviceNamesRepeated"},
    "TaskStatusList": {"iot.ota.InvalidTaskStatus"},
}
GENERAL = "iot.common.InvalidFormattedParameter"
OVER_MAXIMUM = "iot.check.ParameterIsNotLessThanMax"
GENERAL_ONLY = {  # parameters so rare that the general code is enough
    "AppKey", "AuthType", "DataFormat", "DevEui", "JoinEui", "JoinPermissionId", "LoraNodeType", "NetType", "PinCode",
    "ProtocolType", "ResourceGroupId",
}  # fmt: skip
MAXIMUM_LISTS = {"Device", "DeviceNameList", "DeviceNicknameInfo", "GroupTypes", "IotId", "TaskId", "TaskStatusList"}


@dataclass(frozen=True, kw_only=True)
class Place:
    """A parameter in a request that gives it. `wire` is its name there, `label` its name in the tables above."""

    action: str
    param: Param
    label: str
    wire: str
    base: Given

    @property
    def name(self) -> str:
        """The name that the codes know it by."""
        return self.label.partition(".")[0]

    def values(self) -> Values:
        found = CASES.get(f"{self.action}.{self.label}", CASES.get(self.label))
        assert found is not None, f"{self.action}.{self.label} has no row in CASES"
        return found

    def with_value(self, value: str) -> Given:
        return self.base | {self.wire: value}


def flat(table: tuple[Param, ...], before: str = "") -> Iterator[tuple[str, Param]]:
    for param in table:
        yield before + param.name, param
        if param.kind == "structs":
            yield from flat(param.members, f"{param.name}.")


def place(action: str, label: str, param: Param) -> Place:
    """The parameter in the last request that gives it; what is never accepted joins the last request of all."""
    for base, _ in reversed(REQUESTS[action]):
        for key in base:
            struct, _, rest = key.partition(".")
            number, _, member = rest.partition(".")
            if key == label or (param.kind in ("list", "structs") and struct == label):
                return Place(action=action, param=param, label=label, wire=key, base=base)
            if f"{struct}.{member}" == label and number.isdigit():
                return Place(action=action, param=param, label=label, wire=key, base=base)
    assert CASES.get(label) == NEVER, f"no request of {action} gives {label}"
    return Place(action=action, param=param, label=label, wire=label, base=REQUESTS[action][-1][0])


PLACES = [
    place(action, label, param) for action, operation in OPERATIONS.items() for label, param in flat(operation.params)
]
SINGLE = [each for each in PLACES if each.param.kind != "structs"]


def ids(each: Place) -> str:
    return f"{each.action}.{each.label}"


def refused(where: Place, given: Given) -> tuple[CallerError, codes.Refusal]:
    with pytest.raises(CallerError) as caught:
        decode(where.action, list(given.items()))
    return caught.value, codes.refusal(caught.value, where.action)


def check(where: Place, given: Given, wire: str) -> None:
    """The value is refused as Invalid, by its wire name and by a code that is this parameter's."""
    error, said = refused(where, given)
    assert isinstance(error, Invalid), error
    assert f'The specified value of "{wire}" is not valid. {wire}: ' in said.message
    assert error.rule in said.message and len(said.message) < 600
    if said.envelope == "gateway":
        assert (said.status, said.code) == (400, f"Invalid{where.name}")
        return
    assert said.status == 200
    assert said.code in allowed_codes(where.name)


def allowed_codes(name: str) -> set[str]:
    spoken = SPOKEN_OTHERWISE.get(name, set())
    own = {f"iot.{part}.Invalid{form}" for part in ("ota", "prod", "device", "group") for form in forms(name)}
    more = {GENERAL} if name in GENERAL_ONLY else set()
    return own | spoken | more | ({OVER_MAXIMUM} if name in MAXIMUM_LISTS else set())


def forms(name: str) -> list[str]:
    """How a code may spell a parameter's name (4.2: Productkey, IoTId, FirmwareType)."""
    return [name, f"Formatted{name}", f"Formatted{name.capitalize()}", name.replace("Iot", "IoT"), f"Firmware{name}"]


def test_every_row_is_of_a_parameter() -> None:
    labels = {each.label for each in PLACES} | {f"{each.action}.{each.label}" for each in PLACES}
    assert set(CASES) <= labels
    lists = {f"{each.action}.{each.label}" for each in PLACES if each.param.kind in ("list", "structs")}
    assert set(MOST) == lists and lists >= UNIQUES


@pytest.mark.parametrize("where", [each for each in PLACES if each.param.required], ids=ids)
def test_absent(where: Place) -> None:
    given = {key: value for key, value in where.base.items() if key != where.wire}
    if where.param.kind in ("list", "structs"):
        given = {key: value for key, value in given.items() if not key.startswith(f"{where.label}.")}
    for empty in (given, given | {where.wire: ""}):
        error, said = refused(where, empty)
        assert isinstance(error, Missing)
        wire = where.label if where.param.kind in ("list", "structs") else where.wire
        assert (said.code, said.status, said.envelope) == (f"Missing{wire}", 400, "gateway")
        assert said.message == f"{wire} is mandatory for this action."


def test_the_parameters_that_the_reference_requires_are_required() -> None:
    required = {action: {p.name for p in operation.params if p.required} for action, operation in OPERATIONS.items()}
    assert {name: names for name, names in required.items() if "OTA" in name and "List" not in name} == {
        "GenerateOTAUploadURL": set(),
        "CreateOTAFirmware": {"FirmwareName", "DestVersion"},
        "ModifyOTAFirmware": {"FirmwareId", "ProductKey"},
        "QueryOTAFirmware": {"FirmwareId"},
        "DeleteOTAFirmware": {"FirmwareId"},
        "CreateOTAModule": {"ProductKey", "ModuleName"},
        "UpdateOTAModule": {"ProductKey", "ModuleName"},
        "DeleteOTAModule": {"ProductKey", "ModuleName"},
        "CreateOTAVerifyJob": {"FirmwareId", "ProductKey", "TargetDeviceName"},
        "CreateOTAStaticUpgradeJob": {"FirmwareId", "ProductKey", "TargetSelection"},
        "CreateOTADynamicUpgradeJob": {"FirmwareId", "ProductKey"},
        "UpdateOTAJob": {"JobId", "UpgradeType", "TargetSelection", "MaximumPerMinute"},
        "CancelOTAStrategyByJob": {"JobId"},
        "QueryOTAJob": {"JobId"},
        "CancelOTATaskByJob": {"JobId"},
        "CancelOTATaskByDevice": {"FirmwareId", "ProductKey", "DeviceName"},
        "ConfirmOTATask": {"TaskId"},
        "ReupgradeOTATask": {"JobId", "TaskId"},
    }


@pytest.mark.parametrize("where", SINGLE, ids=ids)
def test_a_value_of_another_type_is_the_gateways(where: Place) -> None:
    rule, texts = WRONG_TYPES[where.param.kind]
    for text in texts:
        error, said = refused(where, where.with_value(text))
        assert isinstance(error, Invalid) and error.rule == rule
        wire = where.label if where.param.kind == "list" else where.wire
        assert (said.code, said.status, said.envelope) == (f"Invalid{where.name}", 400, "gateway")
        assert f'"{wire}"' in said.message
        said.message.encode()  # a lone surrogate is shown, never repeated


@pytest.mark.parametrize("where", SINGLE, ids=ids)
def test_values(where: Place) -> None:
    good, bad = where.values()
    for value in good:
        decode(where.action, list(where.with_value(value).items()))
    for value in bad:
        check(where, where.with_value(value), where.label if where.param.kind == "list" else where.wire)


@pytest.mark.parametrize("where", [each for each in PLACES if each.param.kind == "list"], ids=ids)
def test_lists(where: Place) -> None:
    label, most = ids(where), MOST[ids(where)]
    base = {key: value for key, value in where.base.items() if not key.startswith(f"{where.label}.")}
    values = [distinct(where, number) for number in range(most + 1)]
    fits = {f"{where.label}.{2 * n}": value for n, value in enumerate(values[:most])}  # gaps are allowed (1.5)
    decode(where.action, list((base | fits).items()))
    check(where, base | {f"{where.label}.{n}": value for n, value in enumerate(values)}, where.label)
    twice = base | {f"{where.label}.1": values[0], f"{where.label}.2": values[0]}
    if label in UNIQUES:
        error, said = refused(where, twice)
        assert isinstance(error, Invalid) and error.rule == UNIQUE and "is repeated" in said.message
        check(where, twice, where.label)
    else:
        decode(where.action, list(twice.items()))


def distinct(where: Place, number: int) -> str:
    if where.label == "TaskId":
        return names.task_id(TaskRef(device_id=REQUESTS_DEVICE, job_id=8, nth=number))
    good = where.values()[0]
    return f"v{number}" if "x" in good or "a" in good else good[number % len(good)]


REQUESTS_DEVICE = names.read_task_id(TASK).device_id


@pytest.mark.parametrize("where", [each for each in PLACES if each.param.kind == "structs"], ids=ids)
def test_structs(where: Place) -> None:
    most = MOST[ids(where)]
    base = {key: value for key, value in where.base.items() if not key.startswith(f"{where.label}.")}
    structs: dict[str, str] = {}
    for number in range(1, most + 2):
        if number == most + 1:
            decode(where.action, list((base | structs).items()))
        for member in where.param.members:
            if member.required or member.name == "IotId":
                structs[f"{where.label}.{number}.{member.name}"] = f"v{number}"
    check(where, base | structs, where.label)


@pytest.mark.parametrize("where", [each for each in PLACES if each.label in NO_SUCH], ids=ids)
def test_ids_that_name_nothing(where: Place) -> None:
    for text in ("x", FIRMWARE[:-1], "z" * 32, "é" * 30, FIRMWARE + JOB, "' or 1=1 --"):
        error, said = refused(where, where.with_value(text))
        assert isinstance(error, NotFound)
        assert (said.code, said.status, said.envelope) == (NO_SUCH[where.label], 200, "business")
    others = {"FirmwareId": FIRMWARE, "JobId": JOB, "GroupId": GROUP, "SuperGroupId": GROUP, "TaskId": TASK}
    for name, other in others.items():
        if NO_SUCH[name] != NO_SUCH[where.label]:
            assert isinstance(refused(where, where.with_value(other))[0], NotFound)


def test_no_two_parameters_share_a_code_of_their_own() -> None:
    """A business code leads to one parameter, but for the families that say the same thing."""
    families: list[set[str]] = [
        {"CurrentPage", "PageSize", "NextToken"}, {"ScheduleTime", "ScheduleFinishTime"},
        {"SrcVersion", "SrcVersionList"}, {"Tag", "Tags"}, {"TaskStatus", "TaskStatusList"},
        {"GroupType", "GroupTypes"}, {"DeviceName", "DeviceNames", "TargetDeviceName"}, {"PropKey", "Props"},
    ]  # fmt: skip
    seen: dict[str, set[str]] = {}
    for where in PLACES:
        for value in where.values()[1] if where.param.kind != "structs" else []:
            said = refused(where, where.with_value(value))[1]
            if said.envelope == "business":
                seen.setdefault(said.code, set()).add(where.name)
    for code, parameters in seen.items():
        shared = code in (GENERAL, OVER_MAXIMUM) or any(parameters <= family for family in families)
        assert len(parameters) == 1 or shared, (code, parameters)


def test_a_form_of_ten_thousand_names_and_nicknames_is_read() -> None:
    named = {f"DeviceNameList.{n}.DeviceName": f"d{n}" for n in range(10_000)}
    named |= {f"DeviceNameList.{n}.DeviceNickname": f"nick{n}" for n in range(10_000)}
    command: Any = decode("BatchCheckDeviceNames", [("ProductKey", "p"), *named.items()])
    assert len(command.names) == 10_000 and command.names[-1] == ("d9999", "nick9999")
