"""Alibaba's management dialect on tables: every limit, every answer through the real SDK's models, bytes as golden."""

import json
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import alibabacloud_iot20180120.models as sdk  # type: ignore[import-untyped]  # the vendor ships no types
import pytest

from upwell.dialects.alibaba import codes, names, render
from upwell.dialects.alibaba.management import OPERATIONS, decode, encode
from upwell.domain import commands as c
from upwell.domain.errors import Conflict, Denied, Invalid, Missing, NotFound, TooMany, Unavailable
from upwell.domain.talk import TaskRef

AT = datetime(2018, 8, 6, 2, 48, 41, 607_900, tzinfo=UTC)
DEVICE_ID = UUID("0f" * 16)
REF = TaskRef(device_id=DEVICE_ID, job_id=2**62 + 5, nth=3)
FIRMWARE, JOB, TASK = names.firmware_id(7), names.job_id(8), names.task_id(REF)

PRODUCT = c.Product(
    product_key="a1AbCdEfGhI",
    product_secret="s",
    name="lamps",
    facts={"NodeType": 0, "NetType": "ETHERNET", "Description": "d", "AliyunCommodityCode": "iothub_senior"}
    | {"DataFormat": 1, "CategoryKey": "Lighting", "Id2": False, "AuthType": "secret", "ProtocolType": "ble"},
    device_count=3,
    created_at=AT,
)
DEVICE = c.Device(
    device_id=DEVICE_ID,
    product_key="a1AbCdEfGhI",
    product_name="lamps",
    product_facts={"NodeType": 1},
    name="d1",
    secret="x",
    iot_id="iot1",
    nickname="nick",
    status="DISABLED",
    firmware_version="1.0.0",
    address="1.2.3.4",
    created_at=AT,
    modified_at=AT,
    activated_at=AT,
    online_at=AT,
    offline_at=AT,
)
PACKAGE = c.Package(
    package_id=7,
    product_key="a1AbCdEfGhI",
    product_name="lamps",
    name="fw",
    description="what",
    module="default",
    version="2.0.0",
    source_version="1.0.0",
    is_delta=True,
    status="exempt",
    verify_progress=100,
    size=5,
    md5="ab" * 16,
    sha256="cd" * 32,
    url="http://h/k",
    udi="u",
    created_at=AT,
    modified_at=AT,
)
JOB_VIEW = c.Job(
    job_id=8,
    package_id=7,
    package_name="fw",
    product_key="a1AbCdEfGhI",
    dest_version="2.0.0",
    kind="static",
    selection="GRAY",
    status="IN_PROGRESS",
    source_versions=("1.0.0",),
    gray_percent="50",
    retry_interval_min=0,
    retry_count=2,
    timeout_min=60,
    maximum_per_min=1000,
    overwrite=True,
    need_push=True,
    need_confirm=False,
    protocol="HTTPS",
    tags=(("k1", "v1"),),
    created_at=AT,
    modified_at=AT,
    started_at=AT,
    ended_at=AT,
)
TASK_VIEW = c.Task(
    ref=REF,
    package_id=7,
    product_key="a1AbCdEfGhI",
    product_name="lamps",
    device_name="d1",
    iot_id="iot1",
    module="default",
    source_version="1.0.0",
    dest_version="2.0.0",
    state="FAILED",
    description="report version is not conform",
    progress=7,
    timeout_min=60,
    created_at=AT,
    modified_at=AT,
)
TICKET = c.UploadTicket(
    host="http://h", object_key="ota/k", access_key_id="a", policy="p", signature="s", url="http://h/k", created_at=AT
)
REGISTRATION = c.Registration(apply_id=2**62, status="CREATE_SUCCESS", asked=2, names=("a", "b"), created_at=AT)


def page(*items: Any, total: int = 21) -> c.Page[Any]:
    return c.Page(items=items, total=total, number=1, size=10)


RESULTS: dict[str, list[Any]] = {
    "CreateProduct": [PRODUCT],
    "QueryProduct": [PRODUCT],
    "QueryProductList": [page(PRODUCT), page(total=0)],
    "UpdateProduct": [c.Done()],
    "DeleteProduct": [c.Done()],
    "RegisterDevice": [DEVICE],
    "BatchRegisterDevice": [REGISTRATION],
    "QueryBatchRegisterDeviceStatus": [REGISTRATION],
    "QueryPageByApplyId": [page(DEVICE), page(total=0)],
    "QueryDevice": [page(DEVICE, DEVICE), page(total=0)],
    "QueryDeviceInfo": [DEVICE],
    "QueryDeviceDetail": [DEVICE],
    "BatchQueryDeviceDetail": [(DEVICE, DEVICE), ()],
    "GetDeviceStatus": [DEVICE],
    "BatchGetDeviceState": [(DEVICE,), ()],
    "DeleteDevice": [c.Done()],
    "DisableThing": [c.Done()],
    "EnableThing": [c.Done()],
    "GenerateOTAUploadURL": [TICKET],
    "CreateOTAFirmware": [c.PackageCreated(package_id=7, created_at=AT)],
    "QueryOTAFirmware": [PACKAGE],
    "ListOTAFirmware": [page(PACKAGE), page(total=0)],
    "DeleteOTAFirmware": [c.Done()],
    "CreateOTAVerifyJob": [c.JobCreated(job_id=8, created_at=AT)],
    "CreateOTAStaticUpgradeJob": [c.JobCreated(job_id=8, created_at=AT)],
    "QueryOTAJob": [JOB_VIEW],
    "ListOTAJobByFirmware": [page(JOB_VIEW), page(total=0)],
    "ListOTAJobByDevice": [page(JOB_VIEW), page(total=0)],
    "ListOTATaskByJob": [page(TASK_VIEW), page(total=0)],
    "ListOTAUnfinishedTaskByDevice": [(TASK_VIEW,), ()],
    "CancelOTATaskByJob": [c.Done()],
    "CancelOTATaskByDevice": [c.Done()],
    "ConfirmOTATask": [c.Done()],
}


def test_every_operation_has_a_result_here() -> None:
    assert set(RESULTS) == set(OPERATIONS)


@pytest.mark.parametrize(("action", "result"), [(a, r) for a, results in RESULTS.items() for r in results])
def test_the_sdk_model_reads_every_answer_without_loss(action: str, result: Any) -> None:
    members = json.loads(render.json_bytes(encode(action, result, "ID")))
    model = getattr(sdk, f"{action}ResponseBody")()
    assert model.from_map(members).to_map() == members
    root = ET.fromstring(render.xml_bytes(members, f"{action}Response"))
    assert root.tag == f"{action}Response"
    assert root.findtext("Success") == "true"


# --- limits: (action, what else it needs, parameter, accepted values, refused values) -------------------------------

FW = {"FirmwareName": "f", "DestVersion": "2", "FirmwareUrl": "http://h/k"}
STATIC = {"FirmwareId": FIRMWARE, "ProductKey": "p", "TargetSelection": "ALL"}
GRAY = STATIC | {"TargetSelection": "GRAY"}
VERIFY = {"FirmwareId": FIRMWARE, "ProductKey": "p", "TargetDeviceName.1": "d"}
PAGED = {"CurrentPage": "1", "PageSize": "1"}
RETRY = STATIC | {"RetryCount": "1"}
P = {"ProductKey": "p"}

LIMITS: list[tuple[str, dict[str, str], str, list[str], list[str]]] = [
    ("CreateOTAFirmware", FW, "FirmwareName", ["a", "a" * 40, "a-_()Z9"], ["a" * 41, "a b", "a.b", "ä"]),
    ("CreateOTAFirmware", FW, "DestVersion", ["a", "a" * 64, "V1.0-_b"], ["a" * 65, "a b", "a(b)"]),
    ("CreateOTAFirmware", FW, "SrcVersion", ["a" * 64], ["a" * 65, "2\n"]),
    ("CreateOTAFirmware", FW, "FirmwareDesc", ["", "a" * 99, "字" * 100], ["a" * 101, "\0"]),
    ("CreateOTAFirmware", FW, "Udi", ["a" * 4096], ["a" * 4097]),
    ("CreateOTAFirmware", FW, "ModuleName", ["a" * 64], ["a" * 65, "a b"]),
    ("CreateOTAFirmware", FW, "Type", ["0"], ["2", "-1", "x", "1.0"]),
    ("CreateOTAFirmware", FW, "SignMethod", ["MD5"], ["SHA256", "Md5"]),
    ("CreateOTAFirmware", FW, "FirmwareSign", ["aB" * 16], ["a" * 31, "a" * 33, "g" * 32]),
    ("CreateOTAFirmware", FW, "FirmwareSize", ["1", "1048576000"], ["0", "-1", "1048576001", "9" * 19, "9" * 30]),
    ("CreateOTAFirmware", FW, "NeedToVerify", ["True", "true", "FALSE"], ["1", "yes"]),
    ("CreateOTAFirmware", FW, "MultiFiles.1.Name", [""], ["x"]),
    ("GenerateOTAUploadURL", {}, "FileSuffix", ["bin", "tar.gz", "gzip"], ["exe", "BIN"]),
    ("ListOTAFirmware", PAGED, "PageSize", ["1", "99", "100"], ["0", "101"]),
    ("ListOTAFirmware", PAGED, "CurrentPage", ["1", "2147483647"], ["0", "-1", "2147483648"]),
    ("ListOTAJobByFirmware", PAGED | {"FirmwareId": FIRMWARE}, "PageSize", ["200"], ["201"]),
    ("ListOTAJobByDevice", PAGED | P | {"FirmwareId": FIRMWARE, "DeviceName": "d"}, "PageSize", ["100"], ["101"]),
    ("ListOTATaskByJob", {"JobId": JOB}, "PageSize", ["100"], ["101"]),
    ("ListOTATaskByJob", {"JobId": JOB, "PageSize": "100"}, "CurrentPage", ["999", "1000"], ["1001"]),
    ("ListOTATaskByJob", {"JobId": JOB}, "TaskStatus", ["CONFIRM", "CANCELED"], ["DONE"]),
    ("ListOTAUnfinishedTaskByDevice", {"IotId": "i"}, "TaskStatus", ["QUEUED"], ["FAILED"]),
    ("ListOTAUnfinishedTaskByDevice", {"IotId": "i"}, "TaskStatusList.1", ["QUEUED"], ["FAILED"]),
    ("CreateOTAVerifyJob", VERIFY, "TimeoutInMinutes", ["1", "1440"], ["0", "1441"]),
    ("CreateOTAStaticUpgradeJob", STATIC, "TimeoutInMinutes", ["1", "1440"], ["0", "1441"]),
    ("CreateOTAStaticUpgradeJob", STATIC, "MaximumPerMinute", ["0", "999", "1000"], ["-1", "1001"]),
    ("CreateOTAStaticUpgradeJob", STATIC, "TargetSelection", ["ALL"], ["all", "GROUP", "SOME"]),
    ("CreateOTAStaticUpgradeJob", RETRY, "RetryInterval", ["0", "10", "30", "60", "1440"], ["1", "1441"]),
    ("CreateOTAStaticUpgradeJob", STATIC | {"RetryInterval": "10"}, "RetryCount", ["1", "2", "5"], ["0", "3", "6"]),
    ("CreateOTAStaticUpgradeJob", STATIC, "RetryCount", [], ["1"]),
    ("CreateOTAStaticUpgradeJob", RETRY | {"RetryInterval": "30"}, "TimeoutInMinutes", ["31"], ["29", "30"]),
    ("CreateOTAStaticUpgradeJob", STATIC, "OverwriteMode", ["1", "2"], ["0", "3"]),
    ("CreateOTAStaticUpgradeJob", STATIC, "MultiModuleMode", ["false"], ["true"]),
    ("CreateOTAStaticUpgradeJob", STATIC, "DownloadProtocol", ["HTTPS", "https"], ["MQTT", "FTP"]),
    ("CreateOTAStaticUpgradeJob", STATIC, "ScheduleTime", [], ["1577808000000"]),
    ("CreateOTAStaticUpgradeJob", STATIC, "DnListFileUrl", [], ["http://h/l"]),
    ("CreateOTAStaticUpgradeJob", STATIC, "GrayPercent", [], ["50"]),
    ("CreateOTAStaticUpgradeJob", STATIC, "TargetDeviceName.1", [], ["d"]),
    (
        "CreateOTAStaticUpgradeJob",
        GRAY,
        "GrayPercent",
        ["0.001", "1", "33.33", "99.999", "100", "100.000"],
        ["0", "0.000", "0.0001", "100.001", "101", "-1", "1e1", ".5", "5.", "33.3333", "５０"],
    ),
    ("CreateOTAStaticUpgradeJob", STATIC | {"Tag.1.Value": "v"}, "Tag.1.Key", ["a.b", "a" * 30], ["a" * 31, "a-b"]),
    ("CreateOTAStaticUpgradeJob", STATIC | {"Tag.1.Key": "k"}, "Tag.1.Value", ["v", "v" * 1024], ["v" * 1025]),
    ("CreateProduct", {"NodeType": "0"}, "ProductName", ["abcd", "a" * 30, "a_b9"], ["abc", "a" * 31, "a-bc"]),
    ("CreateProduct", {"ProductName": "abcd"}, "NodeType", ["0", "1"], ["2", "-1"]),
    ("CreateProduct", {"ProductName": "abcd", "NodeType": "0"}, "Description", ["a" * 100], ["a" * 101]),
    ("QueryProductList", PAGED, "PageSize", ["200"], ["201"]),
    ("RegisterDevice", P, "DeviceName", ["abcd", "a" * 32, "a-_@.:"], ["abc", "a" * 33, "ab/c"]),
    ("RegisterDevice", P, "Nickname", ["abcd", "a" * 64], ["abc", "a" * 65]),
    ("BatchRegisterDevice", P, "Count", ["1", "9999", "10000"], ["0", "10001"]),
    ("QueryDevice", P, "PageSize", ["1", "50"], ["0", "51"]),
    ("QueryPageByApplyId", {"ApplyId": "1"}, "PageSize", ["50"], ["51"]),
]


@pytest.mark.parametrize(("action", "base", "name", "good", "bad"), LIMITS)
def test_limits(action: str, base: dict[str, str], name: str, good: list[str], bad: list[str]) -> None:
    for value in good:
        decode(action, list((base | {name: value}).items()))
    for value in bad:
        with pytest.raises(Invalid) as caught:
            decode(action, list((base | {name: value}).items()))
        said = codes.refusal(caught.value)
        assert "Invalid" in said.code or said.code == "iot.prod.LongProductDesc" or "Max" in said.code
        assert caught.value.field in said.message and caught.value.rule in said.message
        assert len(said.message) < 300


def many(name: str, count: int) -> dict[str, str]:
    return {f"{name}.{place}": f"v{place}" for place in range(1, count + 1)}


SPECIFIC = STATIC | {"TargetSelection": "SPECIFIC"}


@pytest.mark.parametrize(
    ("action", "base", "name", "most", "code"),
    [
        ("CreateOTAVerifyJob", VERIFY, "TargetDeviceName", 10, "iot.ota.DeviceNamesExceedMax"),
        ("CreateOTAStaticUpgradeJob", SPECIFIC, "TargetDeviceName", 200, "iot.ota.DeviceNamesExceedMax"),
        ("CreateOTAStaticUpgradeJob", STATIC, "SrcVersion", 10, "iot.ota.SrcVersionsExceedMax"),
        ("CancelOTATaskByDevice", P | {"FirmwareId": FIRMWARE}, "DeviceName", 200, "iot.ota.DeviceNamesExceedMax"),
        ("BatchQueryDeviceDetail", P, "DeviceName", 100, "iot.ota.DeviceNamesExceedMax"),
        ("BatchGetDeviceState", {}, "IotId", 50, "iot.check.ParameterIsNotLessThanMax"),
    ],
)
def test_list_limits(action: str, base: dict[str, str], name: str, most: int, code: str) -> None:
    decode(action, list((base | many(name, 1)).items()))
    decode(action, list((base | many(name, most)).items()))
    with pytest.raises(Invalid) as caught:
        decode(action, list((base | many(name, most + 1)).items()))
    assert codes.refusal(caught.value).code == code


@pytest.mark.parametrize(
    ("action", "given", "code"),
    [
        ("CreateOTAVerifyJob", VERIFY | {"TargetDeviceName.2": "d"}, "iot.ota.DeviceNamesRepeated"),
        ("CreateOTAStaticUpgradeJob", STATIC | {"SrcVersion.1": "1", "SrcVersion.9": "1"},
         "iot.ota.SrcVersionsRepeated"),
        ("CreateOTAStaticUpgradeJob", SPECIFIC | {"SrcVersion.1": "1", "TargetDeviceName.1": "d"},
         "iot.ota.InvalidSrcVersion"),
        ("CreateOTAStaticUpgradeJob", STATIC | {f"Tag.{n}.{m}": f"k{n}" for n in range(11) for m in ("Key", "Value")},
         "iot.ota.InvalidTag"),
        ("CreateOTAStaticUpgradeJob", STATIC | {f"Tag.{n}.Key": f"k{n}" for n in range(1, 5)}
         | {f"Tag.{n}.Value": "v" * 1023 for n in range(1, 5)}, "iot.ota.InvalidTag"),
        ("CreateOTAFirmware", FW | {"Type": "1", "SrcVersion": "2"}, "iot.ota.InvalidSrcVersion"),
        ("CancelOTATaskByJob", {"JobId": JOB, "CancelQueuedTask": "false"}, "iot.ota.InvalidCancelScope"),
        ("CreateOTAFirmware", FW | {"Type": "x"}, "InvalidType"),
    ],
)  # fmt: skip
def test_cross_rules(action: str, given: dict[str, str], code: str) -> None:
    with pytest.raises(Invalid) as caught:
        decode(action, list(given.items()))
    assert codes.refusal(caught.value).code == code


@pytest.mark.parametrize(
    ("action", "given", "field"),
    [
        ("CreateOTAFirmware", FW | {"FirmwareUrl": ""}, "FirmwareUrl"),
        ("CreateOTAFirmware", FW | {"Type": "1"}, "SrcVersion"),
        ("CreateOTAStaticUpgradeJob", {}, "FirmwareId"),
        ("CreateOTAStaticUpgradeJob", SPECIFIC, "TargetDeviceName"),
        ("CreateOTAStaticUpgradeJob", GRAY, "GrayPercent"),
        ("CreateOTAStaticUpgradeJob", STATIC | {"RetryInterval": "0"}, "RetryCount"),
        ("CreateOTAStaticUpgradeJob", STATIC | {"Tag.1.Key": "k"}, "Tag.1.Value"),
        ("CreateOTAVerifyJob", STATIC, "TargetDeviceName"),
        ("QueryDeviceDetail", {}, "IotId"),
        ("QueryDeviceDetail", P, "DeviceName"),
        ("ConfirmOTATask", {}, "TaskId"),
    ],
)
def test_missing(action: str, given: dict[str, str], field: str) -> None:
    with pytest.raises(Missing) as caught:
        decode(action, list(given.items()))
    said = codes.refusal(caught.value)
    assert (said.code, said.status, said.envelope) == (f"Missing{field}", 400, "gateway")
    assert said.message == f"{field} is mandatory for this action."


def test_commands() -> None:
    given = GRAY | {
        "GrayPercent": "33.33",
        "SrcVersion.2": "1",
        "Tag.1.Key": "k",
        "Tag.1.Value": "v",
        "NeedPush": "False",
    }
    assert decode("CreateOTAStaticUpgradeJob", list(given.items())) == c.CreateStaticJob(
        package_id=7,
        product_key="p",
        selection="GRAY",
        gray_percent="33.33",
        source_versions=("1",),
        tags=(("k", "v"),),
        need_push=False,
    )
    queued = [("JobId", JOB), ("CancelQueuedTask", "true")]
    assert decode("CancelOTATaskByJob", queued) == c.CancelTasksOfJob(job_id=8, states=frozenset({"QUEUED", "CONFIRM"}))
    guarded = [*queued, ("CancelUnconfirmedTask", "false")]
    assert decode("CancelOTATaskByJob", guarded) == c.CancelTasksOfJob(job_id=8, states=frozenset({"QUEUED"}))
    assert decode("ConfirmOTATask", [("TaskId.1", TASK)]) == c.ConfirmTasks(tasks=(REF,))
    assert decode("DisableThing", [("IotId", "i"), ("ProductKey", "p"), ("DeviceName", "d")]) == c.SetDeviceEnabled(
        device=c.DeviceKey(iot_id="i"), enabled=False
    )
    token = encode("QueryDevice", page(DEVICE), "ID")["NextToken"]
    assert decode("QueryDevice", [("ProductKey", "p"), ("NextToken", token)]) == c.ListDevices(
        product_key="p", number=2, size=10
    )


@pytest.mark.parametrize("number", [0, 1, 7, 2**40, 2**63 - 1])
def test_ids_read_back_and_know_their_kind(number: int) -> None:
    firmware, job = names.firmware_id(number), names.job_id(number)
    assert firmware.isalnum() and job.isalnum() and 26 <= len(firmware) <= 32 and 26 <= len(job) <= 32
    assert names.read_firmware_id(firmware) == number and names.read_job_id(job) == number
    ref = TaskRef(device_id=DEVICE_ID, job_id=number, nth=32767)
    assert names.read_task_id(names.task_id(ref)) == ref
    bad = [job, firmware[:-1], firmware.swapcase(), "", "é" * 30, "z" * 26 + "0100", firmware[:26] + "010001"]
    bad += [firmware[:at] + ("b" if firmware[at] == "a" else "a") + firmware[at + 1 :] for at in range(30)]
    for text in bad:
        with pytest.raises(NotFound):
            names.read_firmware_id(text)


@pytest.mark.parametrize("text", ["", "z" * 36, "-" * 36, TASK[:-1], TASK + "0"])
def test_no_task(text: str) -> None:
    with pytest.raises(NotFound):
        names.read_task_id(text)


def test_an_unknown_action_is_the_gateways() -> None:
    with pytest.raises(NotFound) as caught:
        decode("Nope", [])
    said = codes.refusal(caught.value)
    assert (said.code, said.status, said.envelope) == ("InvalidAction.NotFound", 404, "gateway")


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (NotFound("package", "12"), "iot.ota.FirmwareNotFound", 200),
        (NotFound("device", "d1"), "iot.device.NotExistedDevice", 200),
        (Conflict("package_name_taken", "x"), "iot.ota.FirmwareNameExisted", 200),
        (Conflict("job_ended", "x"), "iot.ota.JobEnded", 200),
        (TooMany("packages", 500), "iot.ota.FirmwareCountExceedMax", 200),
        (Invalid("md5", "the stored file's", "x"), "iot.ota.FirmwareSignMismatch", 200),
        (Invalid("size", "the stored file's", "x"), "iot.ota.FirmwareSizeMismatch", 200),
        (Denied(), "NoPermission", 403),
        (Unavailable(), "ServiceUnavailable", 503),
        (RuntimeError("secret"), "InternalError", 500),
    ],
)
def test_codes(error: Exception, code: str, status: int) -> None:
    said = codes.refusal(error)
    assert (said.code, said.status, said.envelope == "business") == (code, status, status == 200)
    assert "secret" not in said.message and "12" not in said.message


def test_golden_bytes() -> None:
    created = encode("CreateOTAFirmware", c.PackageCreated(package_id=7, created_at=AT), "R")
    stamp = "2018-08-06T02:48:41.607Z"
    assert render.json_bytes(created) == (
        f'{{"RequestId":"R","Success":true,"Data":{{"FirmwareId":"{FIRMWARE}","UtcCreate":"{stamp}"}}}}'.encode()
    )
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    empty = encode("ListOTATaskByJob", page(total=0), "R")
    assert render.xml_bytes(empty, "ListOTATaskByJobResponse").decode() == (
        f"{head}<ListOTATaskByJobResponse><RequestId>R</RequestId><Success>true</Success><CurrentPage>1</CurrentPage>"
        "<PageCount>0</PageCount><PageSize>10</PageSize><Total>0</Total><Data/></ListOTATaskByJobResponse>"
    )
    error = render.gateway_error("R", "h", "C", "a<b & \0")
    assert render.to_bytes(error, "Error", xml=True) == (
        "text/xml;charset=utf-8",
        (
            f"{head}<Error><RequestId>R</RequestId><HostId>h</HostId><Code>C</Code>"
            "<Message>a&lt;b &amp; \ufffd</Message></Error>"
        ).encode(),
    )
    assert render.json_bytes(render.business_error("R", "C", "ü")) == (
        '{"RequestId":"R","Success":false,"Code":"C","ErrorMessage":"ü"}'.encode()
    )
    lists = render.xml_bytes({"V": {"S": ["1", "2"]}, "F": [{"A": 1}, {"A": None}]}, "R").decode()
    assert lists == f"{head}<R><V><S>1</S><S>2</S></V><F><A>1</A></F><F/></R>"


def test_times() -> None:
    detail = encode("QueryDeviceDetail", DEVICE, "R")["Data"]
    assert (detail["GmtActive"], detail["UtcActive"]) == ("2018-08-06 10:48:41", "2018-08-06T02:48:41.607Z")
    assert detail["Status"] == "DISABLE"
    listed = encode("QueryDevice", page(DEVICE), "R")["Data"]["DeviceInfo"][0]
    assert listed["GmtCreate"] == "Mon, 06-Aug-2018 02:48:41 GMT"
    assert encode("QueryProduct", PRODUCT, "R")["Data"]["GmtCreate"] == 1533523721607
    job = encode("QueryOTAJob", JOB_VIEW, "R")["Data"]
    assert (job["GrayPercent"], job["OverwriteMode"]) == ("50.00", 2)
    row = encode("ListOTATaskByJob", page(TASK_VIEW), "R")["Data"]["SimpleOTATaskInfo"][0]
    assert (row["Progress"], row["Timeout"]) == ("7.00", "60")
