"""Tuya's management dialect on tables: every limit and enumeration, every spelling, every answer as golden bytes."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from upwell.dialects.tuya import codes, names, render
from upwell.dialects.tuya.management import OPERATIONS, decode, encode
from upwell.domain import commands as c
from upwell.domain.errors import CallerError, Conflict, Denied, Invalid, Missing, NotFound, TooMany, Unavailable
from upwell.domain.talk import TaskRef

AT = datetime(2024, 11, 20, 8, 50, 0, 239_900, tzinfo=UTC)
STAMP = "2024-11-20T08:50:00.239Z"
DEVICE_ID = UUID(int=77)
JOB = 1836340779212660001
REF = TaskRef(device_id=DEVICE_ID, job_id=JOB, nth=3)
TASK = f"{JOB}00003{77:039d}" + f"{int(f'{JOB}00003{77:039d}') % 97:02d}"
ID = "D2FCE065-8238-4EE2-A793-0226F69B0542"

PRODUCT = c.Product(
    product_key="k1nhvylTEST", product_secret="s", name="lamps", device_count=3, created_at=AT,
    facts={"NodeType": 1, "Description": "d", "TuyaChannels": "9:MCU"},
)  # fmt: skip
DEVICE = c.Device(
    device_id=DEVICE_ID, product_key="k1nhvylTEST", product_name="lamps", product_facts={"NodeType": 1}, name="dev1",
    secret="x", iot_id="iot1", nickname=None, status="DISABLED", firmware_version="1.0.0", address="1.2.3.4",
    created_at=AT, modified_at=AT, activated_at=AT, online_at=AT, offline_at=AT,
)  # fmt: skip
PACKAGE = c.Package(
    package_id=167, product_key="k1nhvylTEST", product_name="lamps", name="fw", description="", module="default",
    version="1.0.1", source_version=None, is_delta=False, status="exempt", verify_progress=100, size=4496,
    md5="ab" * 16, sha256="cd" * 32, url="http://h/k", udi="u", created_at=AT, modified_at=AT, sign_method="SHA256",
)  # fmt: skip
JOB_VIEW = c.Job(
    job_id=JOB, package_id=167, package_name="fw", product_key="k1nhvylTEST", dest_version="1.0.1", kind="static",
    selection="GRAY", status="IN_PROGRESS", source_versions=("1.0",), gray_percent="33.000", retry_interval_min=60,
    retry_count=1, timeout_min=1440, maximum_per_min=1000, overwrite=False, need_push=True, need_confirm=False,
    protocol="HTTPS", tags=(), created_at=AT, modified_at=AT, started_at=AT, ended_at=None, group_id=18873,
    group_name="north",
)  # fmt: skip
VERIFYING = c.Job(
    job_id=5, package_id=167, package_name="fw", product_key="p", dest_version="1.0.1", kind="verify",
    selection="SPECIFIC", status="COMPLETED", source_versions=(), gray_percent=None, retry_interval_min=None,
    retry_count=0, timeout_min=None, maximum_per_min=1000, overwrite=False, need_push=True, need_confirm=False,
    protocol="HTTPS", tags=(), created_at=AT, modified_at=AT, started_at=AT, ended_at=AT,
)  # fmt: skip
TASK_VIEW = c.Task(
    ref=REF, package_id=167, product_key="k1nhvylTEST", product_name="lamps", device_name="dev1", iot_id="iot1",
    module="default", source_version="1.0.0", dest_version="1.0.1", state="IN_PROGRESS", description="", progress=50,
    timeout_min=1440, created_at=AT, modified_at=AT,
)  # fmt: skip
TICKET = c.UploadTicket(
    host="http://h", object_key="ota/k", access_key_id="a", policy="p", signature="s", url="http://h/ota/k",
    created_at=AT,
)  # fmt: skip
GROUP = c.Group(
    group_id=18873, name="north", description="d", kind="static", rule_text=None, super_group_id=None, created_at=AT,
    devices=3, active=2, online=1,
)  # fmt: skip
MODULE = c.Module(name="MCU", alias="主控", description=None, product_key="p", created_at=AT, modified_at=AT)
RUNS = c.ModuleVersion(module="MCU", version="1.0", product_key="p", device_name="d", iot_id="i")
REGISTRATION = c.Registration(apply_id=9, status="CREATE_SUCCESS", asked=2, names=("a", "b"), created_at=AT)
ENROLLED = c.Enrolled(valid=3, done=2, already=1, over=0)


def page(*items: Any, total: int = 21) -> c.Page[Any]:
    return c.Page(items=items, total=total, number=1, size=10)


BARE = f'{{"code":"","requestId":"{ID.lower()}","success":true}}'
CREATED = f'"data":{{"jobId":"{JOB}","firmwareId":"{JOB}","utcCreate":"{STAMP}"}}'
ROW = (
    '{"deviceName":"dev1","destVersion":"1.0.1","firmwareId":"167","iotId":"iot1",'
    f'"jobId":"{JOB}","productKey":"k1nhvylTEST","productName":"lamps","srcVersion":"1.0.0","taskId":"{TASK}",'
    f'"taskStatus":"IN_PROGRESS","utcCreate":"{STAMP}","utcModified":"{STAMP}",'
)
TASK_ROW = ROW + '"progress":"50","taskDesc":"","timeout":"1440"}'
OPEN_ROW = ROW + '"moduleName":"default"}'
JOB_ROW = (
    f'"firmwareId":"167","jobId":"{JOB}","jobStatus":"IN_PROGRESS","jobType":"UPGRADE_FIRMWARE",'
    f'"productKey":"k1nhvylTEST","targetSelection":"GRAY","utcCreate":"{STAMP}","utcModified":"{STAMP}"'
)
WHOLE_JOB = JOB_ROW + (
    ',"destVersion":"1.0.1","downloadProtocol":"HTTPS","grayPercent":"33","groupId":"18873","groupName":"north",'
    '"jobDesc":"","name":"fw","needConfirm":false,"needPush":true,"retryCount":1,"retryInterval":60,'
    f'"srcVersions":{{"SrcVersion":["1.0"]}},"timeoutInMinutes":1440,"utcStartTime":"{STAMP}"'
)
VERIFY_JOB = (
    '"firmwareId":"167","jobId":"5","jobStatus":"COMPLETED","jobType":"VERIFY_FIRMWARE","productKey":"p",'
    f'"targetSelection":"SPECIFIC","utcCreate":"{STAMP}","utcModified":"{STAMP}","destVersion":"1.0.1",'
    '"downloadProtocol":"HTTPS","jobDesc":"","name":"fw","needConfirm":false,"needPush":true,'
    f'"srcVersions":{{"SrcVersion":[]}},"utcEndTime":"{STAMP}","utcStartTime":"{STAMP}"'
)
PACKAGE_ROW = (
    f'"destVersion":"1.0.1","firmwareDesc":"","firmwareId":"167","firmwareName":"fw","firmwareSign":"{"cd" * 32}",'
    '"firmwareSize":4496,"moduleName":"default","productKey":"k1nhvylTEST","productName":"lamps",'
    f'"signMethod":"SHA256","status":-1,"type":0,"utcCreate":"{STAMP}","utcModified":"{STAMP}"'
)
DEVICE_ROW = '"deviceName":"dev1","deviceSecret":"x","iotId":"iot1","productKey":"k1nhvylTEST"'
DETAIL = DEVICE_ROW + (
    ',"firmwareVersion":"1.0.0","gmtActive":"2024-11-20 16:50:00","gmtCreate":"2024-11-20 16:50:00","nodeType":1,'
    f'"productName":"lamps","status":"DISABLE","utcActive":"{STAMP}","utcCreate":"{STAMP}"'
)
WHOLE_DETAIL = DETAIL + f',"gmtOnline":"2024-11-20 16:50:00","ipAddress":"1.2.3.4","utcOnline":"{STAMP}"'
PRODUCT_ROW = (
    '"authType":"secret","dataFormat":0,"description":"d","deviceCount":3,"gmtCreate":1732092600239,"nodeType":1,'
    '"productKey":"k1nhvylTEST","productName":"lamps","productSecret":"s","tuyaChannels":"9:MCU"'
)
GROUP_ROW = f'"groupDesc":"d","groupId":"18873","groupName":"north","utcCreate":"{STAMP}"'


def paged(rows: str, member: str = "data", number: str = "currentPage") -> str:
    """The golden members of a page, in alphabetical order, around the envelope's."""
    parts = {"code": '""', number: "1", member: f"[{rows}]", "pageCount": "3", "pageSize": "10", "total": "21"}
    parts |= {"requestId": f'"{ID.lower()}"', "success": "true"}
    return "{" + ",".join(f'"{name}":{parts[name]}' for name in sorted(parts)) + "}"


def data(members: str) -> str:
    return f'{{"code":"",{members},"requestId":"{ID.lower()}","success":true}}'


# Every operation: the core's result and the whole answer.
GOLDEN: list[tuple[str, Any, str]] = [
    ("CreateOTAStaticUpgradeJob", c.JobCreated(job_id=JOB, created_at=AT), data(CREATED)),
    ("CreateOTAVerifyJob", c.JobCreated(job_id=JOB, created_at=AT), data(CREATED)),
    ("QueryOTAJob", JOB_VIEW, data(f'"data":{{{WHOLE_JOB}}}')),
    ("QueryOTAJob", VERIFYING, data(f'"data":{{{VERIFY_JOB}}}')),
    ("ListOTAJobByFirmware", page(JOB_VIEW), paged(f"{{{JOB_ROW}}}")),
    ("ListOTAJobByDevice", page(JOB_VIEW), paged(f"{{{JOB_ROW}}}")),
    ("ListOTATaskByJob", page(TASK_VIEW, TASK_VIEW), paged(f"{TASK_ROW},{TASK_ROW}")),
    ("ListOTAUnfinishedTaskByDevice", (TASK_VIEW,), data(f'"data":[{OPEN_ROW}]')),
    ("ListOTAUnfinishedTaskByDevice", (), data('"data":[]')),
    ("CancelOTATaskByJob", c.Done(), BARE),
    ("CancelOTATaskByDevice", c.Done(), BARE),
    ("ConfirmOTATask", c.Done(), BARE),
    ("GenerateOTAUploadURL", TICKET, data(
        '"data":{"firmwareUrl":"http://h/ota/k","host":"http://h","key":"ota/k","objectStorage":"OSS",'
        f'"ossAccessKeyId":"a","policy":"p","signature":"s","utcCreate":"{STAMP}"}}')),
    ("CreateOTAFirmware", c.PackageCreated(package_id=167, created_at=AT),
     data(f'"data":{{"firmwareId":"167","utcCreate":"{STAMP}"}}')),
    ("ModifyOTAFirmware", c.Done(), BARE),
    ("DeleteOTAFirmware", c.Done(), BARE),
    ("QueryOTAFirmware", PACKAGE, data(
        f'"firmwareInfo":{{{PACKAGE_ROW},"firmwareUrl":"http://h/k","udi":"u","verifyProgress":100}}')),
    ("ListOTAFirmware", page(PACKAGE), paged(f"{{{PACKAGE_ROW}}}", "firmwareInfo")),
    ("CreateOTAModule", c.Done(), BARE),
    ("UpdateOTAModule", c.Done(), BARE),
    ("DeleteOTAModule", c.Done(), BARE),
    ("ListOTAModuleByProduct", (MODULE,), data(
        f'"data":[{{"aliasName":"主控","gmtCreate":"{STAMP}","gmtModified":"{STAMP}","moduleName":"MCU",'
        '"productKey":"p"}]')),
    ("ListOTAModuleVersionsByDevice", page(RUNS), paged(
        '{"deviceName":"d","iotId":"i","moduleName":"MCU","moduleVersion":"1.0","productKey":"p"}')),
    ("CreateProduct", PRODUCT, f'{{"code":"","data":{{{PRODUCT_ROW}}},"productKey":"k1nhvylTEST","requestId":'
     f'"{ID.lower()}","success":true}}'),
    ("UpdateProduct", c.Done(), BARE),
    ("QueryProduct", PRODUCT, data(f'"data":{{{PRODUCT_ROW}}}')),
    ("RegisterDevice", DEVICE, data(f'"data":{{{DEVICE_ROW}}}')),
    ("BatchRegisterDevice", REGISTRATION, data('"data":{"applyId":"9"}')),
    ("QueryBatchRegisterDeviceStatus", REGISTRATION,
     data('"data":{"invalidList":[],"status":"CREATE_SUCCESS","validList":["a","b"]}')),
    ("QueryPageByApplyId", page(DEVICE), paged(
        '{"deviceId":"iot1","deviceName":"dev1","deviceSecret":"x","iotId":"iot1"}', "applyDeviceList", "page")),
    ("QueryDevice", page(DEVICE), paged(
        f'{{{DEVICE_ROW},"deviceStatus":"DISABLE","gmtCreate":"Wed, 20-Nov-2024 08:50:00 GMT",'
        f'"gmtModified":"Wed, 20-Nov-2024 08:50:00 GMT","utcCreate":"{STAMP}","utcModified":"{STAMP}"}}',
        number="page")),
    ("QueryDeviceInfo", DEVICE, data(f'"data":{{{DEVICE_ROW}}}')),
    ("QueryDeviceDetail", DEVICE, data(f'"data":{{{WHOLE_DETAIL}}}')),
    ("QueryDeviceDetai", DEVICE, data(f'"data":{{{WHOLE_DETAIL}}}')),
    ("BatchQueryDeviceDetail", (DEVICE,), data(f'"data":[{{{DETAIL}}}]')),
    ("CreateDeviceGroup", GROUP, data(f'"data":{{{GROUP_ROW}}}')),
    ("DeleteDeviceGroup", c.Done(), BARE),
    ("QueryDeviceGroupList", page(GROUP), paged(f"{{{GROUP_ROW}}}")),
    ("QueryDeviceGroupInfo", GROUP,
     data(f'"data":{{{GROUP_ROW},"deviceActive":2,"deviceCount":3,"deviceOnline":1}}')),
    ("BatchAddDeviceGroupRelations", ENROLLED,
     f'{{"alreadyRelatedGroupDeviceCount":1,"code":"","exceedTenGroupDeviceCount":0,"requestId":"{ID.lower()}",'
     '"success":true,"successAddedDeviceCount":2,"validDeviceCount":3}'),
    ("BatchDeleteDeviceGroupRelations", ENROLLED,
     f'{{"alreadyRelatedGroupDeviceCount":1,"code":"","requestId":"{ID.lower()}","success":true,'
     '"successDeviceCount":2,"validDeviceCount":3}'),
    ("QueryDeviceListByDeviceGroup", page(DEVICE), paged(
        '{"deviceName":"dev1","iotId":"iot1","productKey":"k1nhvylTEST","productName":"lamps"}', number="page")),
]  # fmt: skip


def test_every_operation_is_golden_here() -> None:
    assert {action for action, _, _ in GOLDEN} == set(OPERATIONS)


@pytest.mark.parametrize(("action", "result", "expected"), GOLDEN)
def test_golden_answers(action: str, result: Any, expected: str) -> None:
    answer = render.success(ID, encode(action, result))
    assert answer.decode() == expected
    assert json.loads(answer)["code"] == ""


def test_the_seeds_answer_keeps_the_jobs_id_under_both_names() -> None:
    for action in ("CreateOTAStaticUpgradeJob", "CreateOTAVerifyJob"):
        seed = json.loads(
            '{"code":"","data":{"firmwareId":"1836340779212660001","utcCreate":"2024-11-20T08:50:00.239Z"},'
            '"requestId":"d2fce065-8238-4ee2-a793-0226f69b0542","success":true}'
        )
        answer = json.loads(render.success(ID, encode(action, c.JobCreated(job_id=JOB, created_at=AT))))
        assert answer["data"].pop("jobId") == seed["data"]["firmwareId"]
        assert answer == seed


def test_lists_are_wrapped_where_the_switch_says_so() -> None:
    def wrapped(action: str, result: Any) -> Any:
        return json.loads(render.success(ID, encode(action, result), wrapped=True))

    assert list(wrapped("ListOTATaskByJob", page(TASK_VIEW))["data"]) == ["simpleOTATaskInfo"]
    assert list(wrapped("ListOTAFirmware", page(PACKAGE))["firmwareInfo"]) == ["simpleFirmwareInfo"]
    assert list(wrapped("ListOTAJobByFirmware", page(JOB_VIEW))["data"]) == ["simpleOTAJobInfo"]
    assert list(wrapped("ListOTAModuleVersionsByDevice", page(RUNS))["data"]) == ["simpleOTAModuleInfo"]
    assert wrapped("QueryBatchRegisterDeviceStatus", REGISTRATION)["data"]["validList"] == {"name": ["a", "b"]}
    assert isinstance(wrapped("ListOTAModuleByProduct", (MODULE,))["data"], list)


def test_a_refusal_is_the_references() -> None:
    told = codes.refusal(RuntimeError("secret"))
    assert render.failure(ID, told.code, told.message).decode() == (
        f'{{"code":"iot.system.SystemException","errorMessage":"System Exception","requestId":"{ID.lower()}",'
        '"success":false}'
    )
    assert told.status == 500


# --- limits: (action, what else it needs, parameter, accepted values, refused values) -------------------------------

FW = {"FirmwareName": "f", "DestVersion": "2", "FirmwareUrl": "http://h/k"}
FIRMWARE = {"FirmwareId": "167"}
P = {"ProductKey": "p"}
STATIC = FIRMWARE | P | {"TargetSelection": "ALL"}
GRAY = STATIC | {"TargetSelection": "GRAY"}
SPECIFIC = STATIC | {"TargetSelection": "SPECIFIC"}
GROUPED = STATIC | {"TargetSelection": "GROUP"}
VERIFY = FIRMWARE | P
PAGED = {"CurrentPage": "1", "PageSize": "1"}
MD5, SHA = {"SignMethod": "MD5"}, {"SignMethod": "SHA256"}
MODULE_KEY = P | {"ModuleName": "m"}

LIMITS: list[tuple[str, dict[str, str], str, list[str], list[str]]] = [
    # seed 001
    ("CreateOTAStaticUpgradeJob", STATIC, "TargetSelection", ["ALL", "all", "All"], ["SOME", "S****pecific"]),
    ("CreateOTAStaticUpgradeJob", STATIC | {"RetryCount": "1"}, "RetryInterval",
     ["0", "10", "30", "60", "1440"], ["-1", "1", "1439", "1441", "x"]),
    ("CreateOTAStaticUpgradeJob", STATIC | {"RetryInterval": "60"}, "RetryCount", ["1", "2", "5"], ["0", "3", "6"]),
    ("CreateOTAStaticUpgradeJob", STATIC, "RetryCount", [], ["1"]),
    ("CreateOTAStaticUpgradeJob", STATIC, "TimeoutInMinutes", ["1", "1440"], ["0", "1441"]),
    ("CreateOTAStaticUpgradeJob", GRAY, "GrayPercent", ["1", "33", "100", "33.33"], ["0", "101", "100.001", "x"]),
    ("CreateOTAStaticUpgradeJob", STATIC, "GrayPercent", [], ["33"]),
    ("CreateOTAStaticUpgradeJob", STATIC, "TargetDeviceName.1", [], ["d"]),
    ("CreateOTAStaticUpgradeJob", STATIC, "GroupId", [], ["1"]),
    ("CreateOTAStaticUpgradeJob", STATIC, "NeedPush", ["True", "false", "TRUE"], ["1", "yes"]),
    ("CreateOTAStaticUpgradeJob", STATIC, "NeedConfirm", ["True", "False"], ["0"]),
    ("CreateOTAStaticUpgradeJob", STATIC, "DownloadProtocol", ["HTTPS", "Https", "https"], ["MQTT", "HTTP"]),
    ("CreateOTAStaticUpgradeJob", STATIC, "SrcVersion.1", ["1.0", "a" * 64], ["a" * 65, "a b"]),
    # seed 003
    ("CreateOTAVerifyJob", VERIFY, "TimeoutInMinutes", ["1", "1440"], ["0", "1441", "-1"]),
    ("CreateOTAVerifyJob", VERIFY, "NeedPush", ["True", "False"], ["no"]),
    ("CreateOTAVerifyJob", VERIFY, "NeedConfirm", ["true"], ["2"]),
    ("CreateOTAVerifyJob", VERIFY, "DownloadProtocol", ["Https"], ["MQTT"]),
    # tuya 2.4
    ("GenerateOTAUploadURL", {}, "FileSuffix", ["bin", "BIN", "tar.gz", "gzip"], ["exe", "tar.xz"]),
    ("CreateOTAFirmware", FW, "FirmwareName", ["a", "a" * 40, "固件(1)", "ひらカタ-_"],
     ["a" * 41, "_a", "(a", "a b", "ä", "a.b"]),
    ("CreateOTAFirmware", FW, "DestVersion", ["a" * 64, "1.0-_b"], ["a" * 65, "1 0"]),
    ("CreateOTAFirmware", FW, "SrcVersion", ["a" * 64], ["a" * 65]),
    ("CreateOTAFirmware", FW, "SignMethod", ["MD5", "Md5", "SHA256", "Sha256"], ["SHA1"]),
    ("CreateOTAFirmware", FW | MD5, "FirmwareSign", ["aB" * 16], ["a" * 31, "a" * 64]),
    ("CreateOTAFirmware", FW | SHA, "FirmwareSign", ["aB" * 32], ["a" * 32, "a" * 65]),
    ("CreateOTAFirmware", FW, "FirmwareSize", ["1", "1048576000"], ["0", "1048576001"]),
    ("CreateOTAFirmware", FW, "FirmwareDesc", ["a" * 100], ["a" * 101]),
    ("CreateOTAFirmware", FW, "Type", ["0"], ["1", "2"]),
    ("CreateOTAFirmware", FW, "ModuleName", ["a" * 64], ["a" * 65, "a b"]),
    ("CreateOTAFirmware", FW, "NeedToVerify", ["False"], ["n"]),
    ("CreateOTAFirmware", FW, "Udi", ["a" * 4096], ["a" * 4097]),
    ("ModifyOTAFirmware", FIRMWARE, "FirmwareName", ["a" * 40], ["a" * 41]),
    ("ModifyOTAFirmware", FIRMWARE | {"FirmwareName": "f"}, "FirmwareDesc", ["a" * 100], ["a" * 101]),
    ("ListOTAFirmware", PAGED, "PageSize", ["100"], ["0", "101"]),
    ("ListOTAFirmware", PAGED, "CurrentPage", ["1"], ["0"]),
    # tuya 2.5
    ("CreateOTAModule", P, "ModuleName", ["a" * 64], ["a" * 65, "模"]),
    ("CreateOTAModule", MODULE_KEY, "AliasName", ["模块", "a" * 64], ["a" * 65, "a b"]),
    ("CreateOTAModule", MODULE_KEY, "Desc", ["a" * 100], ["a" * 101]),
    ("UpdateOTAModule", MODULE_KEY, "AliasName", ["a" * 64], ["a" * 65]),
    # tuya 2.6 to 2.8
    ("ListOTAJobByFirmware", PAGED | FIRMWARE, "PageSize", ["200"], ["201"]),
    ("ListOTAJobByDevice", PAGED | FIRMWARE | P | {"DeviceName": "d"}, "PageSize", ["100"], ["101"]),
    ("ListOTATaskByJob", {"JobId": "1"}, "PageSize", ["100"], ["101"]),
    ("ListOTATaskByJob", {"JobId": "1"}, "TaskStatus", ["CONFIRM", "canceled"], ["DONE"]),
    ("ListOTAUnfinishedTaskByDevice", {"IotId": "i"}, "TaskStatus", ["Queued"], ["FAILED"]),
    ("ListOTAUnfinishedTaskByDevice", {"IotId": "i"}, "TaskStatusList.1", ["QUEUED"], ["SUCCEEDED"]),
    ("ListOTAModuleVersionsByDevice", PAGED | {"IotId": "i"}, "PageSize", ["200"], ["201"]),
    ("QueryDevice", P, "PageSize", ["50"], ["51"]),
    ("QueryDevice", P | {"PageSize": "50"}, "CurrentPage", ["200"], ["201"]),
    ("QueryDevice", P, "DeviceStatus", ["ONLINE", "Disable"], ["DISABLED"]),
    ("QueryDevice", P, "NextToken", ["0" * 32], ["x"]),
    ("RegisterDevice", P, "DeviceName", ["abcd", "a" * 32], ["abc", "a" * 33, "ab/c"]),
    ("BatchRegisterDevice", P, "Count", ["1", "10000"], ["0", "10001"]),
    ("CreateProduct", {"ProductName": "abcd"}, "NodeType", ["0", "1"], ["2"]),
    ("CreateProduct", {"ProductName": "abcd", "NodeType": "0"}, "TuyaChannels", ["9:MCU", "9:MCU,3:zigbee"],
     ["0:x", "9", "9:", "1000:a"]),
    ("CreateDeviceGroup", {}, "GroupName", ["abcd", "a" * 30], ["abc", "a" * 31]),
]  # fmt: skip


@pytest.mark.parametrize(("action", "base", "name", "good", "bad"), LIMITS)
def test_limits(action: str, base: dict[str, str], name: str, good: list[str], bad: list[str]) -> None:
    for value in good:
        decode(action, list((base | {name: value}).items()))
    for value in bad:
        with pytest.raises(Invalid) as caught:
            decode(action, list((base | {name: value}).items()))
        told = codes.refusal(caught.value)
        assert (told.status, told.envelope) in ((200, "business"), (400, "gateway"))
        assert told.code.startswith("iot.")
        assert caught.value.field in told.message and caught.value.rule in told.message


def many(name: str, count: int) -> dict[str, str]:
    return {f"{name}.{place}": f"v{place}" for place in range(1, count + 1)}


@pytest.mark.parametrize(
    ("action", "base", "name", "most"),
    [
        ("CreateOTAStaticUpgradeJob", STATIC, "SrcVersion", 10),
        ("CreateOTAStaticUpgradeJob", SPECIFIC, "TargetDeviceName", 200),
        ("CreateOTAVerifyJob", VERIFY, "TargetDeviceName", 10),
        ("CancelOTATaskByDevice", VERIFY, "DeviceName", 200),
        ("BatchQueryDeviceDetail", P, "DeviceName", 100),
    ],
)
def test_list_limits(action: str, base: dict[str, str], name: str, most: int) -> None:
    decode(action, list((base | many(name, 1)).items()))
    decode(action, list((base | many(name, most)).items()))
    with pytest.raises(Invalid, match=f"{most + 1} are given"):
        decode(action, list((base | many(name, most + 1)).items()))


def test_confirm_takes_ten_tasks() -> None:
    given = {f"TaskId.{place}": TASK for place in range(1, 11)}
    assert decode("ConfirmOTATask", list(given.items())) == c.ConfirmTasks(tasks=(REF,) * 10)
    with pytest.raises(Invalid):
        decode("ConfirmOTATask", [*given.items(), ("TaskId.11", TASK)])


@pytest.mark.parametrize(
    ("action", "given", "field"),
    [
        ("CreateOTAStaticUpgradeJob", P | {"TargetSelection": "ALL"}, "FirmwareId"),
        ("CreateOTAStaticUpgradeJob", FIRMWARE | {"TargetSelection": "ALL"}, "ProductKey"),
        ("CreateOTAStaticUpgradeJob", VERIFY, "TargetSelection"),
        ("CreateOTAStaticUpgradeJob", GRAY, "GrayPercent"),
        ("CreateOTAStaticUpgradeJob", SPECIFIC, "TargetDeviceName"),
        ("CreateOTAStaticUpgradeJob", GROUPED, "GroupId"),
        ("CreateOTAStaticUpgradeJob", STATIC | {"RetryInterval": "0"}, "RetryCount"),
        ("CreateOTAVerifyJob", P, "FirmwareId"),
        ("CreateOTAVerifyJob", FIRMWARE, "ProductKey"),
        ("CreateOTAFirmware", {"FirmwareName": "f", "DestVersion": "1"}, "FirmwareUrl"),
        ("ModifyOTAFirmware", FIRMWARE, "FirmwareName"),
        ("ConfirmOTATask", {}, "TaskId"),
        ("QueryDeviceDetail", {}, "IotId"),
        ("BatchAddDeviceGroupRelations", {"GroupId": "1"}, "Device"),
    ],
)
def test_missing(action: str, given: dict[str, str], field: str) -> None:
    with pytest.raises(Missing) as caught:
        decode(action, list(given.items()))
    told = codes.refusal(caught.value)
    assert (told.code, told.status) == ("MissingParameter", 400)
    assert told.message == f"{field} is mandatory for this action."


def test_modify_without_a_name_is_never_a_delete() -> None:
    with pytest.raises(Missing):
        decode("ModifyOTAFirmware", [("FirmwareId", "167")])
    asked = decode("ModifyOTAFirmware", [("FirmwareId", "167"), ("FirmwareName", "n")])
    assert asked == c.ModifyPackage(package_id=167, name="n")


# --- commands and spellings ----------------------------------------------------------------------------------------


def test_the_seeds_requests_become_commands() -> None:
    static = {"FirmwareId": "167", "ProductKey": "k1nhvyl0000", "TargetSelection": "ALL", "RetryCount": "1"}
    static |= {"RetryInterval": "60", "TimeoutInMinutes": "1440", "SrcVersion.1": "1.0", "Action": "ignored"}
    assert decode("CreateOTAStaticUpgradeJob", list(static.items())) == c.CreateStaticJob(
        package_id=167, product_key="k1nhvyl0000", selection="ALL", source_versions=("1.0",),
        retry_interval_min=60, retry_count=1, timeout_min=1440,
    )  # fmt: skip
    verify = [("FirmwareId", "167"), ("ProductKey", "k1nhvyl0000"), ("TimeoutInMinutes", "1440")]
    assert decode("CreateOTAVerifyJob", verify) == c.CreateVerifyJob(
        package_id=167, product_key="k1nhvyl0000", device_names=(), timeout_min=1440
    )


def test_damaged_spellings_mean_the_same() -> None:
    damaged = {"FirmwareID": "167", "productkey": "K1Nhvyl", "targetSelection": "Group", "GroupID": "9"}
    damaged |= {"srcversion.1": "V1", "NEEDPUSH": "False", "DownloadProtocol": "Https"}
    assert decode("CreateOTAStaticUpgradeJob", list(damaged.items())) == c.CreateStaticJob(
        package_id=167, product_key="K1Nhvyl", selection="GROUP", group_id=9, source_versions=("V1",), need_push=False
    )
    assert decode("ConfirmOTATask", [("TaskID.1", TASK)]) == c.ConfirmTasks(tasks=(REF,))
    assert decode("QueryOTAJob", [("JobID", "12")]) == c.ShowJob(job_id=12)
    assert decode("QueryDeviceDetai", [("IoTID", "i")]) == c.ShowDevice(device=c.DeviceKey(iot_id="i"))
    members = [("GroupId", "1"), ("device.1.productkey", "p"), ("DEVICE.1.DeviceName", "d")]
    assert decode("BatchAddDeviceGroupRelations", members) == c.AddToGroup(
        group_id=1, devices=(c.DeviceKey(product_key="p", name="d"),)
    )


@pytest.mark.parametrize(
    "pairs",
    [
        [("FirmwareId", "167"), ("FirmwareID", "168")],
        [("FirmwareId", "167"), ("FirmwareId", "168")],
        [("FirmwareId", "167"), ("TargetDeviceName.1", "a"), ("targetdevicename.1", "b")],
    ],
)
def test_two_spellings_with_different_values_are_refused(pairs: list[tuple[str, str]]) -> None:
    with pytest.raises(Invalid) as caught:
        decode("CreateOTAVerifyJob", [*pairs, ("ProductKey", "p")])
    assert "one spelling" in codes.refusal(caught.value).message


def test_two_spellings_with_one_value_pass() -> None:
    pairs = [("JobId", "12"), ("JobID", "12")]
    assert decode("QueryOTAJob", pairs) == c.ShowJob(job_id=12)


def test_cancels() -> None:
    def states(**flags: str) -> frozenset[str]:
        asked = decode("CancelOTATaskByJob", [("JobId", "1"), *flags.items()])
        assert isinstance(asked, c.CancelTasksOfJob)
        return asked.states

    assert states(CancelQueuedTask="True") == {"QUEUED", "CONFIRM"}
    assert states(CancelQueuedTask="true", CancelUnconfirmedTask="false") == {"QUEUED"}
    assert states(CancelNotifiedTask="true") == {"NOTIFIED"}
    assert states(CancelUnconfirmedTask="true") == {"CONFIRM"}
    with pytest.raises(Invalid):
        states()
    with pytest.raises(Invalid):
        states(CancelInProgressTask="true")  # tuya 2.7: not Tuya's
    by_device = decode("CancelOTATaskByDevice", list((VERIFY | {"DeviceName.1": "d", "JobId": "5"}).items()))
    assert by_device == c.CancelTasksOfDevices(
        package_id=167, product_key="p", device_names=("d",), job_id=5,
        states=frozenset({"CONFIRM", "QUEUED", "NOTIFIED"}),
    )  # fmt: skip


def test_packages() -> None:
    given = FW | {"SignMethod": "Sha256", "FirmwareSign": "AB" * 32, "NeedToVerify": "False", "ModuleName": "MCU"}
    assert decode("CreateOTAFirmware", list(given.items())) == c.CreatePackage(
        name="f", version="2", url="http://h/k", sign_method="SHA256", sha256="ab" * 32, verify=False, module="MCU"
    )


def test_devices() -> None:
    assert decode("QueryDevice", [("ProductKey", "p")]) == c.ListDevices(product_key="p", number=1, size=10)
    token = encode("QueryDevice", c.Page(items=(DEVICE,), total=2, number=1, size=1))["nextToken"]
    assert decode("QueryDevice", [("ProductKey", "p"), ("NextToken", token)]) == c.ListDevices(
        product_key="p", number=1, size=10, after=DEVICE_ID
    )
    assert encode("QueryDevice", page(DEVICE, total=1))["nextToken"] is None
    disabled = decode("QueryDevice", [("ProductKey", "p"), ("DeviceStatus", "DISABLE")])
    assert disabled == c.ListDevicesByStatus(status="DISABLED", number=1, size=10, product_key="p")
    product = {"ProductName": "abcd", "NodeType": "0", "TuyaChannels": "3:zigbee"}
    assert decode("CreateProduct", list(product.items())) == c.CreateProduct(
        name="abcd", facts={"NodeType": 0, "TuyaChannels": "3:zigbee"}
    )


# --- ids and refusals ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, 7, 2**40, 2**63 - 1])
def test_ids_are_decimal_text_and_read_back(number: int) -> None:
    assert names.public(number).isdigit()
    assert names.read_firmware_id(names.public(number)) == number
    ref = TaskRef(device_id=UUID(int=2**128 - 1), job_id=number, nth=32767)
    assert names.task_id(ref).isdigit()
    assert names.read_task_id(names.task_id(ref)) == ref


@pytest.mark.parametrize("text", ["", "x", "-1", "01", "1.0", "9" * 19, "١", "1" * 5000, "1\n"])
def test_what_can_be_no_id(text: str) -> None:
    for read in (names.read_firmware_id, names.read_job_id, names.read_group_id):
        with pytest.raises(NotFound):
            read(text)


def test_a_mistyped_task_id_is_none() -> None:
    for place in range(len(TASK)):
        wrong = TASK[:place] + str((int(TASK[place]) + 1) % 10) + TASK[place + 1 :]
        with pytest.raises(NotFound):
            names.read_task_id(wrong)
    for text in ("", TASK[:-1], TASK + "0", "1" * 5000):
        with pytest.raises(NotFound):
            names.read_task_id(text)


def test_an_unknown_action_is_the_gateways() -> None:
    for action in ("Nope", "CreateOTADynamicUpgradeJob", "UpdateOTAJob", "ReupgradeOTATask", "x" * 100):
        with pytest.raises(NotFound) as caught:
            decode(action, [])
        told = codes.refusal(caught.value)
        assert (told.code, told.status) == ("InvalidAction.NotFound", 400)


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (NotFound("package", "12"), "iot.ota.FirmwareNotFound", 200),
        (NotFound("job", "12"), "iot.ota.JobNotFound", 200),
        (NotFound("product", "p"), "iot.prod.NotExistedProduct", 200),
        (Conflict("package_not_verified", "x"), "iot.ota.FirmwareNotVerified", 200),
        (TooMany("packages", 500), "iot.ota.FirmwareCountExceedMax", 200),
        (Invalid("CurrentPage", "an integer from 1 to 2"), "iot.common.InvalidPageParams", 200),
        (Denied(), "iot.common.AuthActionPermissionDeny", 403),
        (CallerError(), "iot.system.IllegalRequest", 200),
        (Unavailable(), "iot.system.SystemException", 503),
    ],
)
def test_codes(error: Exception, code: str, status: int) -> None:
    told = codes.refusal(error)
    assert (told.code, told.status) == (code, status)
