"""What Tuya's management dialect is tried with: views of the core, whole answers, limits, values at and over them."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from tests.job_commands import job_view

from upwell.domain import commands as c
from upwell.domain.commands.lists import Page, Slice
from upwell.domain.standings import Standing
from upwell.domain.talk import TaskRef

AT = datetime(2024, 11, 20, 8, 50, 0, 239_900, tzinfo=UTC)
STAMP = "2024-11-20T08:50:00.239Z"
DEVICE_ID = UUID(int=77)
JOB = 1836340779212660001
REF = TaskRef(device_id=DEVICE_ID, job_id=JOB, nth=3)
TASK = f"{JOB}00003{77:039d}" + f"{int(f'{JOB}00003{77:039d}') % 97:02d}"
ID = "D2FCE065-8238-4EE2-A793-0226F69B0542"

SPACE = c.Space(key="s", name="home", is_default=True, created_at=AT)
PRODUCT = c.Product(
    product_key="k1nhvylTEST", product_secret="s", name="lamps", space=SPACE, device_count=3,
    created_at=AT,
    facts={"NodeType": 1, "Description": "d", "TuyaChannels": "9:MCU"},
)  # fmt: skip
DEVICE = c.Device(
    device_id=DEVICE_ID, product_key="k1nhvylTEST", product_name="lamps", product_facts={"NodeType": 1}, name="dev1",
    secret="x", iot_id="iot1", nickname=None, status="DISABLED", firmware_version="1.0.0", address="1.2.3.4",
    created_at=AT, modified_at=AT, activated_at=AT, online_at=AT, offline_at=AT, space=SPACE, public_id="p_dev1",
    gateway_id=None, description=None, secondary_secret=None, sdk_version=None, versions={}, tags=(), status_at=AT,
    facts={}, record=1,
)  # fmt: skip
PACKAGE = c.Package(
    space=SPACE, source_versions=(),
    package_id=167, product_key="k1nhvylTEST", product_name="lamps", name="fw", description="", module="default",
    version="1.0.1", source_version=None, is_delta=False, status="exempt", verify_progress=100, size=4496,
    md5="ab" * 16, sha256="cd" * 32, url="http://h/k", note="u", created_at=AT, modified_at=AT, sign_method="SHA256",
)  # fmt: skip
JOB_VIEW = job_view(
    job_id=JOB, package_id=167, package_name="fw", product_key="k1nhvylTEST", dest_version="1.0.1", kind="static",
    selection="GRAY", status="IN_PROGRESS", source_versions=("1.0",), gray_percent="33.000", retry_interval_min=60,
    retry_count=1, timeout_min=1440, maximum_per_min=1000, overwrite=False, need_push=True, need_confirm=False,
    protocol="HTTPS", tags=(), created_at=AT, modified_at=AT, started_at=AT, ended_at=None, group_ids=(18873,),
    group_name="north",
)  # fmt: skip
VERIFYING = job_view(
    job_id=5, package_id=167, package_name="fw", product_key="p", dest_version="1.0.1", kind="verify",
    selection="SPECIFIC", status="COMPLETED", source_versions=(), gray_percent=None, retry_interval_min=None,
    retry_count=0, timeout_min=None, maximum_per_min=1000, overwrite=False, need_push=True, need_confirm=False,
    protocol="HTTPS", tags=(), created_at=AT, modified_at=AT, started_at=AT, ended_at=AT,
)  # fmt: skip
TASK_VIEW = c.Task(
    ref=REF, package_id=167, product_key="k1nhvylTEST", product_name="lamps", device_name="dev1", iot_id="iot1",
    module="default", source_version="1.0.0", dest_version="1.0.1", state="IN_PROGRESS", description="", progress=50,
    timeout_min=1440, public_id="k1nhvylTEST_dev1", standing=Standing.RUNNING, reason="", code=None,
    created_at=AT, modified_at=AT,
)  # fmt: skip
TICKET = c.UploadTicket(
    host="http://h", object_key="ota/k", access_key_id="a", policy="p", signature="s", url="http://h/ota/k",
    created_at=AT,
)  # fmt: skip
GROUP = c.Group(
    group_id=18873, name="north", description="d", kind="static", rule_text=None, super_group_id=None, created_at=AT,
    devices=3, active=2, online=1,
)  # fmt: skip
MODULE = c.Module(
    module_id=5,
    product_name="lamps",
    space=SPACE,
    name="MCU",
    alias="主控",
    description=None,
    product_key="p",
    created_at=AT,
    modified_at=AT,
)
RUNS = c.ModuleVersion(module="MCU", version="1.0", product_key="p", device_name="d", iot_id="i")
REGISTRATION = c.Registration(apply_id=9, status="CREATE_SUCCESS", asked=2, names=("a", "b"), created_at=AT)
ENROLLED = c.Enrolled(valid=3, done=2, already=1, over=0)


def told(*items: Any) -> Page[Any]:
    """A page of a list that is asked for by a slice."""
    return Page(items=items, asked=Slice.of_page(1, 10), total=21)


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
    ("CreateOTAStaticUpgradeJob", job_view(job_id=JOB, created_at=AT), data(CREATED)),
    ("CreateOTAVerifyJob", job_view(job_id=JOB, created_at=AT), data(CREATED)),
    ("QueryOTAJob", JOB_VIEW, data(f'"data":{{{WHOLE_JOB}}}')),
    ("QueryOTAJob", VERIFYING, data(f'"data":{{{VERIFY_JOB}}}')),
    ("ListOTAJobByFirmware", told(JOB_VIEW), paged(f"{{{JOB_ROW}}}")),
    ("ListOTAJobByDevice", told(JOB_VIEW), paged(f"{{{JOB_ROW}}}")),
    ("ListOTATaskByJob", told(TASK_VIEW, TASK_VIEW), paged(f"{TASK_ROW},{TASK_ROW}")),
    ("ListOTAUnfinishedTaskByDevice", told(TASK_VIEW), data(f'"data":[{OPEN_ROW}]')),
    ("ListOTAUnfinishedTaskByDevice", told(), data('"data":[]')),
    ("CancelOTATaskByJob", c.Steered(), BARE),
    ("CancelOTATaskByDevice", c.Steered(), BARE),
    ("ConfirmOTATask", c.Steered(), BARE),
    ("GenerateOTAUploadURL", TICKET, data(
        '"data":{"firmwareUrl":"http://h/ota/k","host":"http://h","key":"ota/k","objectStorage":"OSS",'
        f'"ossAccessKeyId":"a","policy":"p","signature":"s","utcCreate":"{STAMP}"}}')),
    ("CreateOTAFirmware", PACKAGE,
     data(f'"data":{{"firmwareId":"167","utcCreate":"{STAMP}"}}')),
    ("ModifyOTAFirmware", c.Done(), BARE),
    ("DeleteOTAFirmware", c.Done(), BARE),
    ("QueryOTAFirmware", PACKAGE, data(
        f'"firmwareInfo":{{{PACKAGE_ROW},"firmwareUrl":"http://h/k","udi":"u","verifyProgress":100}}')),
    ("ListOTAFirmware", page(PACKAGE), paged(f"{{{PACKAGE_ROW}}}", "firmwareInfo")),
    ("CreateOTAModule", c.Done(), BARE),
    ("UpdateOTAModule", c.Done(), BARE),
    ("DeleteOTAModule", c.Done(), BARE),
    ("ListOTAModuleByProduct", page(MODULE), data(
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
    ("GenerateOTAUploadURL", {}, "FileSuffix", ["bin", "BIN", "tar.gz", "gzip", "tar.xz", "pack"], ["exe", "xz"]),
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
    ("CreateDeviceGroup", {}, "GroupName", ["abcd", "a" * 30, "水泵"], ["abc", "a" * 31, "水" * 16]),
    ("CreateProduct", {"NodeType": "0"}, "ProductName", ["水泵", "水" * 15, "センサー", "a-(b)"], ["水", "水" * 16]),
    ("UpdateProduct", P, "ProductName", ["水泵", "a" * 30], ["a" * 31, "水" * 16]),
    ("RegisterDevice", P, "Nickname", ["abcd", "水泵"], ["abc", "水"]),
]  # fmt: skip
