"""What Alibaba's golden answers are asked for: every operation's full answer, its empty list and its last page, and
every refusal. Read at recording alone."""

from collections.abc import Mapping
from typing import Any

from tests.golden.book import Chapter
from tests.golden.rpc_scenes import IMAGE, MD5, SHA256, SIZE, Scene, by_table

# The one place here that knows the server's code.
from upwell.dialects.alibaba.management import OPERATIONS

TEXT = "阀门 *~/ a b+&=%<>\"'"
ONE = {"CurrentPage": 1, "PageSize": 2}
LAST = {"CurrentPage": 2, "PageSize": 2}
BEYOND = {"CurrentPage": 9, "PageSize": 2}
P = {"ProductKey": "{{product|ProductKey}}"}
D1, D2, D3 = (P | {"DeviceName": name} for name in ("pump_1", "pump_2", "pump_3"))
ID1 = {"IotId": "{{pump_1|Data.IotId}}"}
# The tasks of a job are sorted by their devices' ids, which are random.
_LIST = "Data.SimpleOTATaskInfo"
BY_NAME, ALIKE = {"list": _LIST, "sort": "DeviceName"}, {"list": _LIST, "hide": ["DeviceName", "IotId", "TaskId"]}
NO_ID = {
    "ProductKey": "a1nothing00",
    "DeviceName": "nobody",
    "IotId": "0" * 32,
    "ApplyId": 999_999_999,
    "GroupId": "0" * 30,
    "SuperGroupId": "0" * 30,
    "FirmwareId": "0" * 30,
    "JobId": "0" * 32,
    "FirmwareUrl": "http://127.0.0.1/ota/nothing.bin",
    "DnListFileUrl": "http://127.0.0.1/ota/nothing.csv",
    "NextToken": "0" * 33,
    "TaskId": ["0" * 36],
    "ModuleName": "nothing",
    "DynamicGroupExpression": f'group.group_id = "{"0" * 30}"',
}


def chapters() -> list[Chapter]:
    """All of them, in order."""
    return [
        Chapter(name="answers", steps=_answers().steps),
        Chapter(name="refusals", steps=_refusals().steps),
        Chapter(name="limits", steps=_limits().steps, options=["--request-limits"]),
    ]


# --- what every chapter makes ---------------------------------------------------------------------------------------


def _uploaded(s: Scene, name: str, suffix: str = "bin", image: Any = IMAGE) -> str:
    """The place of an uploaded file's address."""
    ticket = s.do("GenerateOTAUploadURL", {"FileSuffix": suffix}, name=f"ticket of {name}")
    s.add(f"upload of {name}", {"upload": f"{{{{{ticket}|Data}}}}", "image": image})
    return f"{{{{{ticket}|Data.FirmwareUrl}}}}"


def _listed(s: Scene, name: str, names: str) -> str:
    """The place of an uploaded list's address."""
    ticket = s.do("GenerateDeviceNameListURL", name=f"ticket of {name}")
    s.add(f"upload of {name}", {"upload": f"{{{{{ticket}|Data}}}}", "image": names})
    return f"{{{{{ticket}|Data.FileUrl}}}}"


def _package(s: Scene, name: str, **more: Any) -> dict[str, str]:
    """FirmwareId and ProductKey of a package that is ready."""
    given = {"FirmwareName": name, "DestVersion": "2.0.0", "NeedToVerify": False, **P, **more}
    if "MultiFiles" not in more:
        given = {"FirmwareUrl": _uploaded(s, name), **given}
    s.do("CreateOTAFirmware", given, name=name)
    return {"FirmwareId": f"{{{{{name}|Data.FirmwareId}}}}", **P}


def _device(s: Scene, name: str, **more: Any) -> None:
    s.do("RegisterDevice", {**P, "DeviceName": name, **more}, name=name)


def _online(s: Scene, name: str, version: str) -> None:
    where = {"product": P["ProductKey"], "name": name, "secret": f"{{{{{name}|Data.DeviceSecret}}}}"}
    s.device(name, "online", **where)
    s.device(name, "inform", version=version)
    wait = {"body.Data.Status": "ONLINE", "body.Data.FirmwareVersion": version}
    s.do("QueryDeviceDetail", P | {"DeviceName": name}, "full", name=f"{name} runs {version}", until=wait)


def _job(
    s: Scene, name: str, package: Mapping[str, Any], action: str = "CreateOTAStaticUpgradeJob", **more: Any
) -> str:
    """The place of a job's id."""
    s.do(action, {**package, **more}, "full", name=name)
    return f"{{{{{name}|Data.JobId}}}}"


def _tasks(s: Scene, job: str, name: str, state: str = "", shows: str = "", **more: Any) -> str:
    """Wait for a job's first task to be so; the place of its id."""
    wait = {"body.Data.SimpleOTATaskInfo.0.TaskStatus": state or "*"}
    name = s.do("ListOTATaskByJob", {"JobId": job, **more}, shows, name=name, until=wait)
    return f"{{{{{name}|Data.SimpleOTATaskInfo.0.TaskId}}}}"


def _paged(s: Scene, action: str, given: Mapping[str, Any] | None = None, **more: Any) -> None:
    """A first page, the last one and one behind it."""
    for place, shows in ((ONE, "full"), (LAST, "last page"), (BEYOND, "")):
        s.do(action, {**(given or {}), **place}, shows, **more)


# --- answers ----------------------------------------------------------------------------------------------------------


def _answers() -> Scene:
    s = Scene()
    s.do("QueryProductList", ONE, "empty")
    s.do("ListOTAFirmware", ONE, "empty")
    s.do("QueryDeviceGroupList", ONE, "empty")
    s.do("QueryDeviceByStatus", {"Status": 0}, "empty")
    s.do("QueryDeviceByTags", {"Tag": [{"TagKey": "site", "TagValue": "a"}]}, "empty")
    s.do("QueryDeviceStatistics", name="statistics of nothing")
    _products(s)
    _devices(s)
    _tags(s)
    _groups(s)
    _modules(s)
    _packages(s)
    _jobs(s)
    _dynamic(s)
    _in_xml(s)
    _ends(s)
    return s


def _products(s: Scene) -> None:
    every = {
        "ProductName": "pumps_1", "NodeType": 0, "ProtocolType": "ble", "AliyunCommodityCode": "iothub_senior",
        "DataFormat": 1, "NetType": "ETHERNET", "AuthType": "id2", "CategoryKey": "Lighting", "Description": TEXT,
        "ValidateType": 2, "PublishAuto": False, "ResourceGroupId": "rg", "Id2": True, "JoinPermissionId": "j",
    }  # fmt: skip
    s.do("CreateProduct", every, "full", name="whole")
    s.do("CreateProduct", {"ProductName": "valves", "NodeType": 1}, name="gateways")
    s.do("CreateProduct", {"ProductName": "阀门_pumps", "NodeType": 0}, name="product")
    s.do("QueryProduct", {"ProductKey": "{{whole|ProductKey}}"}, "full")
    s.do("QueryProduct", P)
    _paged(s, "QueryProductList")
    s.do("QueryProductList", ONE | {"AliyunCommodityCode": "iothub_senior", "ResourceGroupId": "rg"}, "full")
    s.do("UpdateProduct", P | {"ProductName": "renamed", "Description": "水泵"}, "full")
    s.do("QueryProduct", P)
    s.do("UpdateProduct", P | {"ProductName": "renamed", "Description": ""})
    s.do("QueryProduct", P)


def _devices(s: Scene) -> None:
    s.do("QueryDevice", P, "empty")
    s.do("RegisterDevice", {**P, "DeviceName": "pump_1", "Nickname": "北京_pump"}, "full", name="pump_1")
    _device(s, "pump_2")
    _device(s, "pump_3")
    _device(s, "pump_4")
    s.do("RegisterDevice", {"ProductKey": "{{gateways|ProductKey}}"}, name="a device with a name that is made up")
    _batches(s)
    for key in (D1, ID1):
        s.do("QueryDeviceInfo", key, "full")
        s.do("QueryDeviceDetail", key, "full")
        s.do("GetDeviceStatus", key, "full")
    s.do("QueryDeviceInfo", D2)
    s.do("QueryDevice", P | ONE, "full")
    s.do("QueryDevice", P | {"PageSize": 2, "NextToken": "{{QueryDevice 2|NextToken}}"}, "last page")
    s.do("QueryDevice", P | {"PageSize": 3}, "full")
    s.do("QueryDevice", P | LAST, "last page")
    s.do("QueryDevice", P | BEYOND)
    s.do("BatchQueryDeviceDetail", P | {"DeviceName": ["pump_1", "nobody", "pump_2"]}, "full")
    s.do("BatchQueryDeviceDetail", P | {"DeviceName": ["nobody"]}, "empty")
    s.do("BatchGetDeviceState", P | {"DeviceName": ["pump_1", "nobody"]}, "full")
    s.do("BatchGetDeviceState", {"IotId": [ID1["IotId"]]}, "full")
    s.do("BatchGetDeviceState", P | {"DeviceName": ["nobody"]}, "empty")
    _paged(s, "QueryDeviceByStatus", P | {"Status": 0})
    s.do("QueryDeviceByStatus", {"Status": 0, "ResourceGroupId": "rg"})
    s.do("QueryDeviceStatistics", P, "full")
    info = [{"IotId": ID1["IotId"]}, {**D2, "Nickname": "水泵 * ~"}]
    s.do("BatchUpdateDeviceNickname", {"DeviceNicknameInfo": info}, "full")
    s.do("QueryDeviceInfo", D1, name="without a nickname")
    s.do("QueryDeviceInfo", D2, name="with a nickname")
    _online(s, "pump_1", "1.0.0")
    s.do("QueryDeviceInfo", D1)
    s.do("GetDeviceStatus", D1, "full")
    s.do("BatchGetDeviceState", P | {"DeviceName": ["pump_1"]}, "full")
    s.do("QueryDeviceByStatus", P | {"Status": 1}, "full")
    s.do("QueryDeviceStatistics", P, "full")
    s.do("DisableThing", D3, "full")
    s.do("QueryDeviceDetail", D3, name="a disabled device")
    s.do("QueryDeviceByStatus", P | {"Status": 8}, "full")
    s.do("EnableThing", D3, "full")
    s.do("ResetThing", D3, "full")
    s.do("QueryDeviceDetail", D3, name="a device that was reset")


def _batches(s: Scene) -> None:
    where = {"ProductKey": "{{gateways|ProductKey}}"}
    made = {"body.Data.Status": "CREATE_SUCCESS"}
    s.do("BatchRegisterDevice", where | {"Count": 3}, "full", name="three devices")
    apply = {"ApplyId": "{{three devices|Data.ApplyId}}"}
    s.do("QueryBatchRegisterDeviceStatus", where | apply, "full", until=made)
    _paged(s, "QueryPageByApplyId", apply)
    names = ["valve_2", "b*d", "valve_2", "valve_3"]
    s.do("BatchCheckDeviceNames", where | {"DeviceName": names}, "full", name="names of all kinds")
    s.do("QueryBatchRegisterDeviceStatus", where | {"ApplyId": "{{names of all kinds|Data.ApplyId}}"}, "full")
    s.do("BatchCheckDeviceNames", where | {"DeviceName": ["b*d"]}, name="no good name")
    s.do("QueryBatchRegisterDeviceStatus", where | {"ApplyId": "{{no good name|Data.ApplyId}}"})
    named = [{"DeviceName": "fine", "DeviceNickname": "a"}, {"DeviceName": "finer", "DeviceNickname": "水泵 1"}]
    s.do("BatchCheckDeviceNames", where | {"DeviceNameList": named}, "full", name="names with nicknames")
    named = [{"DeviceName": "valve_5", "DeviceNickname": "三号阀门"}, {"DeviceName": "valve_4"}]
    s.do("BatchCheckDeviceNames", where | {"DeviceNameList": named}, "full", name="names that are good")
    apply = {"ApplyId": "{{names that are good|Data.ApplyId}}"}
    s.do("QueryBatchRegisterDeviceStatus", where | apply, "full", name="names that were checked")
    s.do("QueryPageByApplyId", apply | ONE, "empty")
    s.do("BatchRegisterDeviceWithApplyId", where | apply, "full")
    s.do("QueryBatchRegisterDeviceStatus", where | apply, "full", until=made)
    s.do("QueryPageByApplyId", apply, "full")
    s.do("BatchRegisterDeviceWithApplyId", where | apply, name="the same names once more")


def _tags(s: Scene) -> None:
    s.do("QueryDeviceProp", D1, "empty")
    props = '{"site":"上海 <a>","floor":3,"half":1.50,"on":true}'
    s.do("SaveDeviceProp", D1 | {"Props": props}, "full")
    for device in (D2, D3):
        s.do("SaveDeviceProp", device | {"Props": '{"site":"上海 <a>"}'})
    s.do("QueryDeviceProp", D1, "full")
    s.do("DeleteDeviceProp", ID1 | {"PropKey": "half"}, "full")
    s.do("DeleteDeviceProp", ID1 | {"PropKey": "half"}, name="a tag that is gone")
    s.do("QueryDeviceProp", ID1, "full")
    _paged(s, "QueryDeviceByTags", {"Tag": [{"TagKey": "site", "TagValue": "上海 <a>"}]})
    both = [{"TagKey": "site", "TagValue": "上海 <a>"}, {"TagKey": "floor", "TagValue": "3"}]
    s.do("QueryDeviceByTags", {"Tag": both}, "full")


def _groups(s: Scene) -> None:
    s.do("CreateDeviceGroup", {"GroupName": "hall"}, name="hall")
    hall = {"GroupId": "{{hall|Data.GroupId}}"}
    below = {"GroupName": "room_1", "GroupDesc": TEXT, "SuperGroupId": hall["GroupId"]}
    s.do("CreateDeviceGroup", below, "full", name="room")
    room = {"GroupId": "{{room|Data.GroupId}}"}
    rule = {"GroupName": "rule_1", "GroupDesc": "d"}
    text = f'product_key = "{P["ProductKey"]}" and name LIKE "pump%"'
    s.do("CreateDeviceDynamicGroup", rule | {"DynamicGroupExpression": text}, "full", name="rule")
    s.do("QueryDeviceListByDeviceGroup", room, "empty")
    s.do("QueryDeviceGroupByDevice", D1, name="groups of a device by a rule")
    s.do("QueryDeviceGroupByDevice", {"ProductKey": "{{gateways|ProductKey}}", "DeviceName": "valve_4"}, "empty")
    members = room | {"Device": [D1, D2, D3, D1]}
    s.do("BatchAddDeviceGroupRelations", members, "full")
    s.do("BatchAddDeviceGroupRelations", members, name="they are in it")
    _paged(s, "QueryDeviceListByDeviceGroup", room)
    wait = {"body.Data.SimpleDeviceInfo.#": 4}
    s.do("QueryDeviceListByDeviceGroup", {"GroupId": "{{rule|Data.GroupId}}"}, "full", until=wait)
    s.do("QueryDeviceGroupByDevice", D1, "full")
    s.do("QueryDeviceGroupInfo", room | {"GroupType": "LINK_PLATFORM"}, "full")
    s.do("QueryDeviceGroupInfo", {"GroupId": "{{rule|Data.GroupId}}"}, "full")
    s.do("QueryDeviceStatistics", room, "full")
    s.do("QuerySuperDeviceGroup", room, "full")
    s.do("QuerySuperDeviceGroup", hall, "empty")
    _paged(s, "QueryDeviceGroupList")
    filters = {"GroupName": "room", "SuperGroupId": hall["GroupId"], "GroupTypes": ["LINK_PLATFORM"]}
    s.do("QueryDeviceGroupList", ONE | filters, "full")
    s.do("QueryDeviceGroupList", {"GroupTypes": ["LINK_PLATFORM_DYNAMIC"]}, "full")
    s.do("UpdateDeviceGroup", room | {"GroupDesc": "new"}, "full")
    s.do("QueryDeviceGroupInfo", room, name="the new description")
    s.do("BatchDeleteDeviceGroupRelations", room | {"Device": [D1, D3]}, "full")
    s.do("BatchDeleteDeviceGroupRelations", room | {"Device": [D1]}, name="it is in it no more")


def _modules(s: Scene) -> None:
    s.do("ListOTAModuleByProduct", {"ProductKey": "{{whole|ProductKey}}"}, "empty")
    s.do("CreateOTAModule", P | {"ModuleName": "MCU", "AliasName": "主控.1", "Desc": TEXT}, "full")
    s.do("CreateOTAModule", P | {"ModuleName": "BLE"})
    s.do("UpdateOTAModule", P | {"ModuleName": "BLE", "AliasName": "radio", "Desc": "new"}, "full")
    s.do("ListOTAModuleByProduct", P, "full")
    s.do("UpdateOTAModule", P | {"ModuleName": "BLE", "Desc": ""})
    s.do("ListOTAModuleByProduct", P)
    s.do("ListOTAModuleVersionsByDevice", D2 | ONE, "empty")
    s.device("pump_1", "inform", version="0.9", module="MCU")
    s.device("pump_1", "inform", version="0.1", module="BLE")
    s.do(
        "ListOTAModuleVersionsByDevice",
        D1 | ONE,
        name="three versions",
        until={"body.Data.SimpleOTAModuleInfo.#": 2, "body.Total": 3},
    )
    _paged(s, "ListOTAModuleVersionsByDevice", D1)
    s.do("ListOTAModuleVersionsByDevice", ID1 | ONE, "full")


def _packages(s: Scene) -> None:
    s.do("GenerateOTAUploadURL", None, "full")
    s.do("GenerateDeviceNameListURL", None, "full")
    every = {
        "FirmwareName": "阀门-1_(a)", "DestVersion": "2.0.0", "SignMethod": "SHA256", "FirmwareSign": SHA256.upper(),
        "FirmwareSize": SIZE, "FirmwareDesc": TEXT, "Type": 1, "SrcVersion": "1.9.0", "ModuleName": "MCU",
        "NeedToVerify": True, "Udi": '{"a":"b <c>"}', "FirmwareUrl": _uploaded(s, "delta", "tar.gz"), **P,
    }  # fmt: skip
    s.do("CreateOTAFirmware", every, "full", name="delta")
    files = [
        {"Name": "file 0", "Url": _uploaded(s, "file 0"), "Size": SIZE, "FileMd5": MD5, "SignValue": MD5},
        {"Name": "file 1", "Url": _uploaded(s, "file 1", image=IMAGE[1:])},
    ]
    _package(s, "several", MultiFiles=files, DestVersion="3.0.0")
    _package(s, "plain")
    for name in ("delta", "several", "plain"):
        s.do("QueryOTAFirmware", {"FirmwareId": f"{{{{{name}|Data.FirmwareId}}}}"}, "full")
    change = {"FirmwareName": "changed", "FirmwareDesc": "", "FirmwareUdi": "<u/>"}
    s.do("ModifyOTAFirmware", {"FirmwareId": "{{plain|Data.FirmwareId}}", **P, **change}, "full")
    s.do("QueryOTAFirmware", {"FirmwareId": "{{plain|Data.FirmwareId}}"}, name="the changed package")
    _paged(s, "ListOTAFirmware")
    s.do("ListOTAFirmware", {**ONE, **P, "DestVersion": "2.0.0"}, "full")
    s.do("ListOTAFirmware", {**ONE, **P, "DestVersion": "9.9.9"}, "empty")


def _jobs(s: Scene) -> None:
    """A verification that succeeds, and jobs whose tasks fail, wait, run again and are cancelled."""
    verified = {"FirmwareId": "{{unverified|Data.FirmwareId}}", **P}
    _package(s, "unverified", NeedToVerify=True)
    package = {"FirmwareId": verified["FirmwareId"]}
    s.do("ListOTAJobByFirmware", package | ONE, "empty")
    s.do("ListOTAJobByDevice", {**package, **D1, **ONE}, "empty")
    s.do("ListOTAUnfinishedTaskByDevice", D1, "empty")
    tags = [{"Key": "site.1", "Value": TEXT}, {"Key": "a", "Value": "b"}]
    manner = {"TimeoutInMinutes": 30, "NeedPush": True, "DownloadProtocol": "https", "Tag": tags}
    s.do("CreateOTAVerifyJob", {**verified, "TargetDeviceName": ["pump_1"], **manner}, "full", name="verification")
    job = {"JobId": "{{verification|Data.JobId}}"}
    s.device("pump_1", "hear")
    _tasks(s, job["JobId"], "a task that is notified", "NOTIFIED", "full")
    s.do("ListOTAUnfinishedTaskByDevice", D1, "full")
    s.do("QueryOTAJob", job, "full")
    s.do("QueryOTAFirmware", package, name="a package that is verified now")
    s.device("pump_1", "progress", step=40)
    _tasks(s, job["JobId"], "a task in progress", "IN_PROGRESS", "full")
    s.device("pump_1", "inform", version="2.0.0")
    _tasks(s, job["JobId"], "a task that succeeded", "SUCCEEDED", "full")
    s.do("QueryOTAJob", job, "full", until={"body.Data.JobStatus": "COMPLETED"})
    s.do("QueryOTAFirmware", package, name="a package that was verified")
    s.device("pump_1", "inform", version="1.0.0")
    _failed(s, verified)
    _waiting(s, verified)
    _paged(s, "ListOTAJobByFirmware", package)
    s.do("ListOTAJobByDevice", {**package, **D1, **ONE}, "full")
    s.do("ListOTAJobByDevice", {**package, **D1, **LAST}, "last page")


def _failed(s: Scene, package: Mapping[str, Any]) -> None:
    target = {"TargetSelection": "SPECIFIC", "TargetDeviceName": ["pump_1"], "NeedConfirm": True}
    job = _job(s, "a job that fails", package, DownloadProtocol="MQTT", MaximumPerMinute=100, OverwriteMode=1, **target)
    task = _tasks(s, job, "a task to confirm", "CONFIRM", "full")
    s.do("ConfirmOTATask", {"TaskId": [task]}, "full")
    s.device("pump_1", "hear")
    s.device("pump_1", "progress", step=-2)
    _tasks(s, job, "a task that failed", "FAILED", "full")
    s.do("QueryOTAJob", {"JobId": job}, "full", until={"body.Data.JobStatus": "COMPLETED"})
    s.do("ReupgradeOTATask", {"JobId": job, "TaskId": [task]}, "full")
    _tasks(s, job, "a task that runs again", "CONFIRM", "full")
    s.do("ConfirmOTATask", {"TaskId": [task]}, "full")
    s.device("pump_1", "hear")
    s.device("pump_1", "inform", version="2.0.0")
    _tasks(s, job, "a task that succeeded after all", "SUCCEEDED", "full")
    s.device("pump_1", "inform", version="1.0.0")


def _waiting(s: Scene, package: Mapping[str, Any]) -> None:
    """Devices that are offline, chosen in every way."""
    three = ["pump_2", "pump_3", "pump_4"]
    manner = {"NeedConfirm": True, "TimeoutInMinutes": 120, "RetryInterval": 60, "RetryCount": 2, "NeedPush": False}
    specific = {"TargetSelection": "SPECIFIC", "TargetDeviceName": three}
    job = _job(s, "a job of three", package, **manner, **specific, OverwriteMode=2)
    s.do("QueryOTAJob", {"JobId": job}, "full")
    s.do("ListOTATaskByJob", {"JobId": job, "TaskStatus": "SUCCEEDED"}, "empty")
    wait = {"body.Data.SimpleOTATaskInfo.#": 3}
    s.do("ListOTATaskByJob", {"JobId": job}, "full", name="three tasks", until=wait, loose=ALIKE)
    _paged(s, "ListOTATaskByJob", {"JobId": job}, loose=ALIKE)
    s.do("ListOTATaskByJob", {"JobId": job, "TaskStatus": "CONFIRM", "DeviceNames": ["pump_2", "nobody"]}, "full")
    filters = {"ModuleName": "default", "TaskStatus": "CONFIRM", "TaskStatusList": ["QUEUED"]}
    s.do("ListOTAUnfinishedTaskByDevice", D2 | filters, "full")
    s.do("ListOTAUnfinishedTaskByDevice", D2 | {"TaskStatus": "IN_PROGRESS"}, "empty")
    s.do("ConfirmOTATask", {"TaskId": [_tasks(s, job, "the first", DeviceNames=["pump_2"])]}, "full")
    _tasks(s, job, "a task that waits", "QUEUED", "full", DeviceNames=["pump_2"])
    s.do("CancelOTATaskByDevice", {**package, "DeviceName": ["pump_2"], "JobId": job}, "full")
    _tasks(s, job, "a task that was cancelled", "CANCELED", "full", DeviceNames=["pump_2"])
    s.do("CancelOTATaskByJob", {"JobId": job, "CancelQueuedTask": True, "CancelUnconfirmedTask": False}, "full")
    s.do("ListOTATaskByJob", {"JobId": job}, name="what was protected", loose=BY_NAME)
    flags = ("CancelScheduledTask", "CancelQueuedTask", "CancelInProgressTask", "CancelNotifiedTask")
    every = dict.fromkeys((*flags, "CancelUnconfirmedTask"), True)
    s.do("CancelOTATaskByJob", {"JobId": job} | every, "full")
    _tasks(s, job, "all are cancelled", "CANCELED", DeviceNames=["pump_3"])
    s.do("QueryOTAJob", {"JobId": job}, "full", until={"body.Data.JobStatus": "CANCELED"})
    list_ = _listed(s, "a list", "pump_2\r\npump_3\n")
    job = _job(s, "a job of a list", package, TargetSelection="SPECIFIC", DnListFileUrl=list_)
    s.do(
        "ListOTATaskByJob",
        {"JobId": job},
        "full",
        name="tasks of a list",
        until={"body.Data.SimpleOTATaskInfo.#": 2},
        loose=BY_NAME,
    )
    s.do("QueryOTAJob", {"JobId": job}, "full")
    s.do("CancelOTATaskByJob", {"JobId": job, "CancelQueuedTask": True})
    gray = {"TargetSelection": "GRAY", "GrayPercent": "33.33", "SrcVersion": ["0.1", "0.2"]}
    job = _job(s, "a gray job", package, **gray, RetryInterval=0, RetryCount=1)
    s.do("QueryOTAJob", {"JobId": job}, "full", until={"body.Data.JobStatus": "COMPLETED"})
    group = {"TargetSelection": "GROUP", "GroupId": "{{room|Data.GroupId}}", "GroupType": "LINK_PLATFORM"}
    job = _job(s, "a job of a group", package, **group, MultiModuleMode=True)
    s.do(
        "ListOTATaskByJob", {"JobId": job}, "full", name="tasks of a group", until={"body.Data.SimpleOTATaskInfo.#": 1}
    )
    s.do("QueryOTAJob", {"JobId": job}, "full")
    s.do("CancelOTATaskByDevice", {**package, "DeviceName": ["pump_2"]}, "full")
    window = {"ScheduleTime": "{{now|ms+7200}}", "ScheduleFinishTime": "{{now|ms+14400}}"}
    job = _job(s, "a planned job", package, TargetSelection="ALL", SrcVersion=["0.7"], **window)
    s.do("QueryOTAJob", {"JobId": job}, "full")
    update = {"JobId": job, "UpgradeType": "STATIC", "TargetSelection": "ALL", "MaximumPerMinute": 9}
    s.do("UpdateOTAJob", update | {"Tags": [{"Key": "k", "Value": "v"}]}, "full")
    s.do("QueryOTAJob", {"JobId": job}, "full")
    s.do("CancelOTATaskByJob", {"JobId": job, "CancelScheduledTask": True}, "full")
    s.do("QueryOTAJob", {"JobId": job}, "full", until={"body.Data.JobStatus": "CANCELED"})


def _dynamic(s: Scene) -> None:
    package = _package(s, "dynamic", DestVersion="4.0.0")
    every = {
        "SrcVersion": ["0.7.0", "0.8.0"], "RetryInterval": 10, "RetryCount": 1, "TimeoutInMinutes": 60,
        "MaximumPerMinute": 500, "OverwriteMode": 2, "DynamicMode": 2, "NeedPush": True, "NeedConfirm": True,
        "DownloadProtocol": "HTTPS", "Tag": [{"Key": "k", "Value": "v"}],
    }  # fmt: skip
    s.do("CreateOTADynamicUpgradeJob", package | every, "full", name="a dynamic job")
    job = "{{a dynamic job|Data.JobId}}"
    s.do("QueryOTAJob", {"JobId": job}, "full")
    s.do("ListOTATaskByJob", {"JobId": job}, "empty")
    change = {"UpgradeType": "DYNAMIC", "TargetSelection": "ALL", "MaximumPerMinute": 7, "TimeoutInMinutes": 5}
    more = {"SrcVersionList": ["0.7.1", "0.7.0"], "Tags": [{"Key": "x", "Value": "y"}]}
    s.do("UpdateOTAJob", {"JobId": job, **change, **more}, "full")
    s.do("QueryOTAJob", {"JobId": job}, "full")
    s.device("pump_1", "inform", version="0.7.0")
    _tasks(s, job, "a task by a policy", "CONFIRM", "full")
    s.do("CancelOTAStrategyByJob", {"JobId": job}, "full")
    s.do("CancelOTATaskByJob", {"JobId": job, "CancelQueuedTask": True}, "full")
    s.do("QueryOTAJob", {"JobId": job}, "full", until={"body.Data.JobStatus": "CANCELED"})
    group = {"GroupId": "{{rule|Data.GroupId}}", "GroupType": "LINK_PLATFORM_DYNAMIC", "NeedConfirm": True}
    s.do("CreateOTADynamicUpgradeJob", package | group, "full", name="a dynamic job of a group")
    s.do("QueryOTAJob", {"JobId": "{{a dynamic job of a group|Data.JobId}}"}, "full")
    s.do("CancelOTAStrategyByJob", {"JobId": "{{a dynamic job of a group|Data.JobId}}"}, "full")


def _in_xml(s: Scene) -> None:
    """alibaba 1.6, and the other signature (1.4)."""
    asks: tuple[tuple[str, Mapping[str, Any]], ...] = (
        ("QueryProduct", {"ProductKey": "{{whole|ProductKey}}"}),
        ("QueryProductList", ONE),
        ("QueryDevice", P | ONE),
        ("QueryDeviceProp", D1),
        ("QueryDeviceGroupByDevice", D1),
        ("QueryOTAFirmware", {"FirmwareId": "{{several|Data.FirmwareId}}"}),
        ("ListOTAFirmware", ONE),
        ("ListOTAModuleByProduct", P),
        ("QueryOTAJob", {"JobId": "{{verification|Data.JobId}}"}),
        ("ListOTATaskByJob", {"JobId": "{{verification|Data.JobId}}"}),
        ("ListOTATaskByJob", {"JobId": "{{verification|Data.JobId}}", "TaskStatus": "QUEUED"}),
        ("QueryProduct", {"ProductKey": "a1nothing00"}),
        ("QueryProduct", {}),
    )
    for action, given in asks:
        s.do(action, given, name=f"{action} in XML", common={"Format": "XML"})
        s.do(action, given, name=f"{action} by acs3", sign="acs3")
    s.do("QueryProduct", P, name="in a form", method="POST")
    for form in (None, "None", ""):
        s.do("QueryProduct", P, name=f"of the format {form}", common={"Format": form})


def _ends(s: Scene) -> None:
    s.do("DeleteOTAModule", P | {"ModuleName": "BLE"}, "full")
    s.do("DeleteOTAFirmware", {"FirmwareId": "{{several|Data.FirmwareId}}"}, "full")
    s.do("DeleteDeviceGroup", {"GroupId": "{{room|Data.GroupId}}"}, "full")
    s.do("DeleteDeviceDynamicGroup", {"GroupId": "{{rule|Data.GroupId}}"}, "full")
    s.do("DeleteDevice", D3, "full")
    s.do("DeleteProduct", {"ProductKey": "{{whole|ProductKey}}"}, "full")
    s.device("pump_1", "offline")
    wait = {"body.Data.Status": "OFFLINE"}
    s.do("QueryDeviceDetail", D1, "full", name="a device that is offline", until=wait)
    s.do("GetDeviceStatus", D1, "full")
    s.do("BatchGetDeviceState", P | {"DeviceName": ["pump_1"]}, "full")
    s.do("QueryDeviceByStatus", P | {"Status": 3}, "full")


# --- refusals ---------------------------------------------------------------------------------------------------------


def _refusals() -> Scene:
    s = Scene()
    _ground(s)
    by_table(s, OPERATIONS, _good(s), NO_ID)
    _of_fleet(s)
    _of_parameters(s)
    _of_packages(s)
    _of_jobs(s)
    _of_tasks(s)
    _of_gateway(s)
    return s


def _ground(s: Scene) -> None:
    """What the requests name."""
    s.do("CreateProduct", {"ProductName": "pumps", "NodeType": 0}, name="product")
    s.do("CreateProduct", {"ProductName": "valves", "NodeType": 0}, name="other")
    for name in ("pump_1", "pump_2"):
        _device(s, name)
    s.do("BatchCheckDeviceNames", P | {"DeviceName": ["pump_9"]}, name="batch")
    s.do("CreateDeviceGroup", {"GroupName": "hall"}, name="hall")
    text = {"DynamicGroupExpression": 'name = "pump_1"'}
    s.do("CreateDeviceDynamicGroup", {"GroupName": "rule_1"} | text, name="rule")
    s.do("CreateOTAModule", P | {"ModuleName": "MCU"}, name="module")
    _package(s, "ready")
    _package(s, "unverified", NeedToVerify=True)
    s.do("CreateOTADynamicUpgradeJob", _READY | {"SrcVersion": ["0.0.1"]}, name="dynamic")
    target = {"TargetSelection": "SPECIFIC", "TargetDeviceName": ["pump_1"], "NeedConfirm": True}
    job = _job(s, "job", _READY, **target)
    _tasks(s, job, "tasks", "CONFIRM")


_READY = {"FirmwareId": "{{ready|Data.FirmwareId}}", **P}
_UNVERIFIED = {"FirmwareId": "{{unverified|Data.FirmwareId}}", **P}
_JOB = {"JobId": "{{job|Data.JobId}}"}
_TASK = {"TaskId": ["{{tasks|Data.SimpleOTATaskInfo.0.TaskId}}"]}
_HALL, _RULE = {"GroupId": "{{hall|Data.GroupId}}"}, {"GroupId": "{{rule|Data.GroupId}}"}


def _good(s: Scene) -> dict[str, Mapping[str, Any]]:
    """For each operation what could be served; no request here is sent as it is, but by a viewer to what he may not."""
    page = {"CurrentPage": 1, "PageSize": 10}
    apply = {"ApplyId": "{{batch|Data.ApplyId}}"}
    free = _uploaded(s, "a free file")
    list_ = _listed(s, "a free list", "pump_2")
    static = {"TargetSelection": "SPECIFIC", "DnListFileUrl": list_}
    dynamic = {"JobId": "{{dynamic|Data.JobId}}"}
    update = {"UpgradeType": "DYNAMIC", "TargetSelection": "ALL", "MaximumPerMinute": 9}
    return {
        "CreateProduct": {"ProductName": "more_pumps", "NodeType": 0},
        "QueryProduct": P,
        "QueryProductList": page,
        "UpdateProduct": P | {"ProductName": "pumps"},
        "DeleteProduct": P,
        "RegisterDevice": P | {"DeviceName": "pump_7"},
        "BatchRegisterDevice": P | {"Count": 1},
        "BatchCheckDeviceNames": P | {"DeviceName": ["some"]},
        "BatchRegisterDeviceWithApplyId": P | apply,
        "QueryBatchRegisterDeviceStatus": P | apply,
        "QueryPageByApplyId": apply,
        "QueryDevice": P,
        "QueryDeviceInfo": D1,
        "QueryDeviceDetail": ID1,
        "BatchQueryDeviceDetail": P | {"DeviceName": ["pump_1"]},
        "GetDeviceStatus": D1,
        "BatchGetDeviceState": P | {"DeviceName": ["pump_1"]},
        "QueryDeviceByStatus": P | {"Status": 0},
        "QueryDeviceStatistics": P,
        "DeleteDevice": D1,
        "DisableThing": D1,
        "EnableThing": ID1,
        "ResetThing": D1,
        "BatchUpdateDeviceNickname": {"DeviceNicknameInfo": [{**D1, "Nickname": "named"}]},
        "SaveDeviceProp": D1 | {"Props": '{"a":"b"}'},
        "QueryDeviceProp": D1,
        "DeleteDeviceProp": D1 | {"PropKey": "a"},
        "QueryDeviceByTags": {"Tag": [{"TagKey": "a", "TagValue": "b"}]},
        "CreateDeviceGroup": {"GroupName": "room", "SuperGroupId": _HALL["GroupId"]},
        "CreateDeviceDynamicGroup": {"GroupName": "rule_2", "DynamicGroupExpression": 'name = "x"'},
        "UpdateDeviceGroup": _HALL | {"GroupDesc": "d"},
        "DeleteDeviceGroup": _HALL,
        "DeleteDeviceDynamicGroup": _RULE,
        "QueryDeviceGroupList": {"SuperGroupId": _HALL["GroupId"]},
        "QueryDeviceGroupInfo": _HALL,
        "QuerySuperDeviceGroup": _HALL,
        "QueryDeviceGroupByDevice": D1,
        "QueryDeviceListByDeviceGroup": _HALL,
        "BatchAddDeviceGroupRelations": _HALL | {"Device": [D1]},
        "BatchDeleteDeviceGroupRelations": _HALL | {"Device": [D1]},
        "GenerateOTAUploadURL": {},
        "GenerateDeviceNameListURL": {},
        "CreateOTAFirmware": {"FirmwareName": "fw", "DestVersion": "3", "FirmwareUrl": free, "ModuleName": "MCU", **P},
        "ModifyOTAFirmware": _READY | {"FirmwareDesc": "d"},
        "QueryOTAFirmware": {"FirmwareId": _READY["FirmwareId"]},
        "ListOTAFirmware": page | P,
        "DeleteOTAFirmware": {"FirmwareId": _UNVERIFIED["FirmwareId"]},
        "CreateOTAModule": P | {"ModuleName": "BLE"},
        "UpdateOTAModule": P | {"ModuleName": "MCU", "Desc": "d"},
        "DeleteOTAModule": P | {"ModuleName": "MCU"},
        "ListOTAModuleByProduct": P,
        "ListOTAModuleVersionsByDevice": D1 | page,
        "CreateOTAVerifyJob": _UNVERIFIED | {"TargetDeviceName": ["pump_2"]},
        "CreateOTAStaticUpgradeJob": _READY | static,
        "CreateOTADynamicUpgradeJob": _READY,
        "UpdateOTAJob": dynamic | update,
        "CancelOTAStrategyByJob": dynamic,
        "QueryOTAJob": _JOB,
        "ListOTAJobByFirmware": {"FirmwareId": _READY["FirmwareId"], **page},
        "ListOTAJobByDevice": {"FirmwareId": _READY["FirmwareId"], **D1, **page},
        "ListOTATaskByJob": _JOB,
        "ListOTAUnfinishedTaskByDevice": D1,
        "CancelOTATaskByJob": _JOB | {"CancelQueuedTask": True},
        "CancelOTATaskByDevice": _READY | {"DeviceName": ["pump_1"], **_JOB},
        "ConfirmOTATask": _TASK,
        "ReupgradeOTATask": _JOB | _TASK,
    }


def _of_fleet(s: Scene) -> None:
    s.refused("CreateProduct", {"ProductName": "pumps", "NodeType": 0}, "the name is taken")
    s.refused("UpdateProduct", P | {"ProductName": "valves"}, "the name is taken")
    s.refused("DeleteProduct", P, "it has devices")
    s.refused("RegisterDevice", D1, "the name is taken")
    s.refused("BatchCheckDeviceNames", P, "no name at all")
    many = {"many": 10_001, "as": "device{}"}
    s.refused("BatchCheckDeviceNames", P | {"DeviceName": many}, "too many", method="POST")
    both = {"DeviceName": ["some"], "DeviceNameList": [{"DeviceName": "some"}]}
    s.refused("BatchCheckDeviceNames", P | both, "both kinds of names")
    batch = {"ProductKey": "{{other|ProductKey}}", "ApplyId": "{{batch|Data.ApplyId}}"}
    s.refused("BatchRegisterDeviceWithApplyId", batch, "of another product")
    s.refused("QueryDevice", P | {"CurrentPage": 201, "PageSize": 50}, "too far for a number")
    for action in ("QueryDeviceInfo", "QueryDeviceProp", "ListOTAUnfinishedTaskByDevice", "DisableThing"):
        s.refused(action, {}, "no device at all")
        s.refused(action, P, "half a device")
        s.refused(action, {"DeviceName": "pump_1"}, "the other half")
    s.refused("BatchGetDeviceState", {}, "no device at all")
    s.refused("BatchGetDeviceState", {"DeviceName": ["pump_1"]}, "no product")
    twice = [{**D1, "Nickname": "named"}, {**D1, "Nickname": "other"}]
    s.refused("BatchUpdateDeviceNickname", {"DeviceNicknameInfo": twice}, "a device twice")
    s.refused("BatchUpdateDeviceNickname", {"DeviceNicknameInfo": [D1, ID1]}, "a device twice by two names")
    s.refused("BatchUpdateDeviceNickname", {"DeviceNicknameInfo": [{**P, "DeviceName": "nobody"}]}, "of nobody")
    bad_props = {
        "no object": "[1]", "no JSON": "{", "no tag": "{}", "a list in it": '{"a":[1]}',
        "a key of others": '{"a b":"c"}', "a value too long": f'{{"a":"{"b" * 257}"}}',
        "a key twice": '{"a":"b","a":"c"}', "NUL in it": '{"a":"\\u0000"}',
        "too long": f'{{"a":"{"b" * 5200}"}}',
    }  # fmt: skip
    for why, props in bad_props.items():
        s.refused("SaveDeviceProp", D1 | {"Props": props}, why)
    hundred = ",".join(f'"k{n}":"v"' for n in range(100))
    s.refused("SaveDeviceProp", D1 | {"Props": f'{{{hundred},"x":"y"}}'}, "too many at once")
    s.do("SaveDeviceProp", D1 | {"Props": f"{{{hundred}}}"}, name="as many tags as may be")
    s.refused("SaveDeviceProp", D1 | {"Props": '{"x":"y"}'}, "too many together")
    _of_groups(s)


def _of_groups(s: Scene) -> None:
    s.refused("CreateDeviceGroup", {"GroupName": "hall"}, "the name is taken")
    s.refused("CreateDeviceDynamicGroup", {"GroupName": "hall", "DynamicGroupExpression": 'name = "x"'}, "name taken")
    above = _HALL["GroupId"]
    for level in range(2, 6):
        s.do("CreateDeviceGroup", {"GroupName": f"level_{level}", "SuperGroupId": above}, name=f"level {level}")
        above = f"{{{{level {level}|Data.GroupId}}}}"
    s.refused("CreateDeviceGroup", {"GroupName": "level_6", "SuperGroupId": above}, "too deep")
    s.refused("CreateDeviceGroup", {"GroupName": "level_7", "SuperGroupId": _RULE["GroupId"]}, "under a rule")
    s.refused("DeleteDeviceGroup", _HALL, "groups are under it")
    s.refused("DeleteDeviceGroup", _RULE, "it is dynamic")
    s.refused("DeleteDeviceDynamicGroup", _HALL, "it is static")
    for action in ("BatchAddDeviceGroupRelations", "BatchDeleteDeviceGroupRelations"):
        s.refused(action, _RULE | {"Device": [D1]}, "it is dynamic")
        s.do(action, _HALL | {"Device": [P | {"DeviceName": "nobody"}]}, name=f"{action}: of nobody")
    rules = {
        "a statement": "1; drop table device", "an unknown field": 'colour = "red"', "an operator": 'status > "ONLINE"',
        "no form": "name", "too long": 'name = "' + "a" * 2000 + '"', "too many": " or ".join(['name = "a"'] * 21),
        "too deep": "(" * 6 + 'name = "a"' + ")" * 6, "no literal": "name = nickname", "empty": 'name = ""',
        "a backslash": 'name = "a\\\\b"', "no status": 'status = "GONE"', "no time": 'gmt_create > "soon"',
        "no node": 'node_type = "7"', "two tags": 'tag.tag_name = "a" and tag.tag_name = "b"',
        "many values": "name in (" + ", ".join(['"a"'] * 51) + ")", "a function": 'lower(name) = "a"',
        "two of them": 'name = "a"; name = "b"', "a turned one": '"a" = name', "open": 'name = "a',
    }  # fmt: skip
    for why, text in rules.items():
        s.refused("CreateDeviceDynamicGroup", {"GroupName": "rule_2", "DynamicGroupExpression": text}, why)


def _of_parameters(s: Scene) -> None:
    """What holds between parameters, of any operation."""
    s.refused("CreateProduct", {"ProductName": "more", "NodeType": 1, "ProtocolType": "ble"}, "a gateway behind one")
    s.refused("QueryProduct", P, "two values of one name", repeated=[["ProductKey", "a1nothing00"]])
    s.do("QueryProduct", P, name="a value twice", repeated=[["ProductKey", P["ProductKey"]]])
    s.do("QueryProduct", P | {"Colour": "red"}, name="a name that nobody knows")
    s.refused("QueryProduct", P | {"ProductKey.1": "x"}, "a number where none belongs")
    s.refused("ListOTATaskByJob", _JOB | {"CurrentPage": 2000, "PageSize": 100}, "too far for a number")
    s.refused("UpdateOTAModule", P | {"ModuleName": "MCU"}, "nothing to change")
    static = _READY | {"TargetSelection": "ALL"}
    for name in ("SourceVersion", "Filter", "IncludeDevices.1", "Device.1.DeviceName", "GroupIds.1"):
        s.refused("CreateOTAStaticUpgradeJob", static | {name: "x"}, f"an unknown choice {name}")
    s.refused("CreateOTADynamicUpgradeJob", _READY | {"GrayPercent": "50"}, "what its sister knows")
    s.refused("CancelOTATaskByJob", _JOB, "nothing to cancel")
    s.refused("CancelOTATaskByJob", _JOB | {"CancelQueuedTask": False}, "nothing to cancel by words")
    for why, given in {
        "count without interval": {"RetryCount": 1},
        "interval without count": {"RetryInterval": 10},
        "modules and overwriting": {"OverwriteMode": 2, "MultiModuleMode": True},
        "a tag's key": {"Tag": [{"Key": "a-b", "Value": "c"}]},
        "a tag twice": {"Tag": [{"Key": "a", "Value": "c"}, {"Key": "a", "Value": "d"}]},
        "tags too long": {"Tag": [{"Key": f"k{n}", "Value": "v" * 1000} for n in range(5)]},
        "percent of all": {"GrayPercent": "50"},
        "devices of all": {"TargetDeviceName": ["some"]},
        "a list of all": {"DnListFileUrl": "http://127.0.0.1/x"},
        "a group of all": {"GroupId": _HALL["GroupId"]},
        "a group's type of all": {"GroupType": "LINK_PLATFORM"},
        "a finish without a start": {"ScheduleFinishTime": "{{now|ms+7200}}"},
        "a start too soon": {"ScheduleTime": "{{now|ms+60}}"},
        "a start in the past": {"ScheduleTime": "{{now|ms-3600}}"},
        "a start too late": {"ScheduleTime": "{{now|ms+700000}}"},
        "a window too short": {"ScheduleTime": "{{now|ms+7200}}", "ScheduleFinishTime": "{{now|ms+7800}}"},
        "a window too long": {"ScheduleTime": "{{now|ms+7200}}", "ScheduleFinishTime": "{{now|ms+2700000}}"},
        "a window turned": {"ScheduleTime": "{{now|ms+7200}}", "ScheduleFinishTime": "{{now|ms+3600}}"},
        "too many versions": {"SrcVersion": [str(n) for n in range(11)]},
    }.items():
        s.refused("CreateOTAStaticUpgradeJob", static | given, why)
    for selection in ("SPECIFIC", "GRAY", "GROUP"):
        s.refused("CreateOTAStaticUpgradeJob", static | {"TargetSelection": selection}, f"{selection} of nothing")
    specific = {"TargetSelection": "SPECIFIC", "TargetDeviceName": ["pump_2"]}
    s.refused("CreateOTAStaticUpgradeJob", static | specific | {"SrcVersion": ["1"]}, "SPECIFIC with versions")
    s.refused("CreateOTAStaticUpgradeJob", static | specific | {"DnListFileUrl": "http://127.0.0.1/x"}, "two lists")
    dynamic = _READY | {"GroupId": _RULE["GroupId"]}
    s.refused("CreateOTADynamicUpgradeJob", dynamic, "a group without its type")
    typed = {"GroupType": "LINK_PLATFORM_DYNAMIC"}
    s.refused("CreateOTADynamicUpgradeJob", _READY | typed, "a type without its group")
    s.refused("CreateOTADynamicUpgradeJob", dynamic | typed | {"SrcVersion": ["1"]}, "a group with versions")


def _of_packages(s: Scene) -> None:
    new = {"FirmwareName": "newest", "DestVersion": "3", **P}
    url = {"FirmwareUrl": _uploaded(s, "one file")}
    for why, given in {
        "the name is taken": url | {"FirmwareName": "ready"},
        "no file": {},
        "another size": url | {"FirmwareSize": 5},
        "another MD5": url | {"FirmwareSign": "0" * 32},
        "another SHA-256": url | {"SignMethod": "SHA256", "FirmwareSign": "0" * 64},
        "a sign of no kind": url | {"FirmwareSign": "x"},
        "a delta of nothing": url | {"Type": 1},
        "a delta of itself": url | {"Type": 1, "SrcVersion": "3"},
        "a file of both kinds": url | {"MultiFiles": [{"Name": "a", "Url": url["FirmwareUrl"]}]},
        "a file that is used": {"FirmwareUrl": "{{ticket of ready|Data.FirmwareUrl}}"},
        "a file that never came": {"FirmwareUrl": "{{ticket of nothing|Data.FirmwareUrl}}"},
        "of no module": url | {"ModuleName": "nothing"},
    }.items():
        if "ticket of nothing" in str(given):
            s.do("GenerateOTAUploadURL", {}, name="ticket of nothing")
        s.refused("CreateOTAFirmware", new | given, why)
    s.add("upload of an empty file", {"upload": "{{ticket of nothing|Data}}", "image": ""})
    s.refused("CreateOTAFirmware", new | {"FirmwareUrl": "{{ticket of nothing|Data.FirmwareUrl}}"}, "an empty file")
    files = {"a": url["FirmwareUrl"], "b": _uploaded(s, "another file")}
    several = [{"Name": name, "Url": address} for name, address in files.items()]
    for why, more in {
        "a name twice": [several[0], {"Name": "a", "Url": files["b"]}],
        "an address twice": [several[0], {"Name": "b", "Url": files["a"]}],
        "two signs": [several[0] | {"FileMd5": "0" * 32, "SignValue": "1" * 32}],
        "a sign of no kind": [several[0] | {"SignValue": "x"}],
        "another size inside": [several[0] | {"Size": 5}],
        "another MD5 inside": [several[0] | {"FileMd5": "0" * 32}],
    }.items():
        s.refused("CreateOTAFirmware", new | {"MultiFiles": more}, f"of several: {why}")
    sha = {"SignMethod": "SHA256", "MultiFiles": [several[0] | {"SignValue": "0" * 64}]}
    s.refused("CreateOTAFirmware", new | sha, "of several: another SHA-256 inside")
    s.do("CreateOTAFirmware", new | {"MultiFiles": several, "NeedToVerify": False}, name="several")
    others = {"FirmwareName": "others", "ProductKey": "{{other|ProductKey}}", "NeedToVerify": False}
    s.do("CreateOTAFirmware", new | others | {"FirmwareUrl": _uploaded(s, "others")}, name="others")
    delta = {"Type": 1, "SrcVersion": "1.0.0", "NeedToVerify": False, "FirmwareName": "delta"}
    s.do("CreateOTAFirmware", new | delta | {"FirmwareUrl": _uploaded(s, "delta")}, name="delta")
    large = _uploaded(s, "large", image={"zeros": 16 * 1024 * 1024 + 1})
    s.do(
        "CreateOTAFirmware", new | {"FirmwareName": "large", "NeedToVerify": False, "FirmwareUrl": large}, name="large"
    )
    s.refused("ModifyOTAFirmware", _READY | {"FirmwareName": "delta"}, "the name is taken")
    others = _READY | {"ProductKey": "{{other|ProductKey}}"}
    s.refused("ModifyOTAFirmware", others | {"FirmwareDesc": "d"}, "of another product")
    s.refused("DeleteOTAFirmware", {"FirmwareId": _READY["FirmwareId"]}, "a job runs")
    _of_modules(s)


def _of_modules(s: Scene) -> None:
    s.refused("CreateOTAModule", P | {"ModuleName": "mcu"}, "the name is taken")
    for action in ("CreateOTAModule", "DeleteOTAModule"):
        s.refused(action, P | {"ModuleName": "default"}, "the whole device")
    s.refused("UpdateOTAModule", P | {"ModuleName": "default", "Desc": "d"}, "the whole device")
    url = _uploaded(s, "of a module")
    given = {"FirmwareName": "mcu_1", "DestVersion": "1", "FirmwareUrl": url, "ModuleName": "MCU", **P}
    s.do("CreateOTAFirmware", given, name="of a module")
    s.refused("DeleteOTAModule", P | {"ModuleName": "MCU"}, "packages install it")
    for n in range(9):
        s.do("CreateOTAModule", P | {"ModuleName": f"m{n}"}, name=f"module {n}")
    s.refused("CreateOTAModule", P | {"ModuleName": "m9"}, "too many")


def _of_jobs(s: Scene) -> None:
    static = _READY | {"TargetSelection": "ALL"}
    firmware = {
        name: {"FirmwareId": f"{{{{{name}|Data.FirmwareId}}}}"} for name in ("several", "others", "delta", "large")
    }
    one = {"TargetDeviceName": ["pump_2"]}
    s.refused("CreateOTAVerifyJob", _READY | one, "it needs none")
    s.refused("CreateOTAVerifyJob", _UNVERIFIED | {"TargetDeviceName": ["nobody"]}, "of nobody")
    s.refused("CreateOTAVerifyJob", static | firmware["others"] | one, "of another product's package")
    for action, given in (("CreateOTAStaticUpgradeJob", static), ("CreateOTADynamicUpgradeJob", _READY)):
        s.refused(action, given | {"FirmwareId": _UNVERIFIED["FirmwareId"]}, "not verified")
        s.refused(action, given | firmware["others"], "of another product's package")
        s.refused(action, given | firmware["several"] | {"DownloadProtocol": "MQTT"}, "several files by MQTT")
        s.refused(action, given | firmware["large"] | {"DownloadProtocol": "MQTT"}, "a large file by MQTT")
        s.refused(action, given | firmware["delta"] | {"SrcVersion": ["9"]}, "not the delta's version")
    s.do("CreateOTAVerifyJob", _UNVERIFIED | one, name="verification")
    s.refused("CreateOTAVerifyJob", _UNVERIFIED | one, "it is verifying")
    s.refused("CreateOTAStaticUpgradeJob", _UNVERIFIED | {"TargetSelection": "ALL"}, "it is verifying")
    specific = static | {"TargetSelection": "SPECIFIC", "TargetDeviceName": ["pump_2", "nobody"]}
    s.refused("CreateOTAStaticUpgradeJob", specific, "of nobody")
    group = static | {"TargetSelection": "GROUP"}
    s.refused("CreateOTAStaticUpgradeJob", group | _RULE, "a dynamic group")
    typed = {"GroupType": "LINK_PLATFORM_DYNAMIC"}
    s.refused("CreateOTADynamicUpgradeJob", _READY | _HALL | typed, "a static group")
    s.refused("CreateOTADynamicUpgradeJob", _READY | typed | {"GroupId": "0" * 30}, "no group")
    s.refused("CreateOTAStaticUpgradeJob", group | {"GroupId": "0" * 30}, "no group")
    s.refused("CreateOTADynamicUpgradeJob", _READY | {"SrcVersion": ["0.0.2"]}, "one is running")
    _of_lists(s)
    dynamic, change = {"JobId": "{{dynamic|Data.JobId}}"}, {"MaximumPerMinute": 9, "TargetSelection": "ALL"}
    s.refused("UpdateOTAJob", _JOB | change | {"UpgradeType": "DYNAMIC"}, "it is static")
    s.refused("UpdateOTAJob", dynamic | change | {"UpgradeType": "STATIC"}, "it is dynamic")
    s.refused("UpdateOTAJob", _JOB | change | {"UpgradeType": "STATIC"}, "another selection")
    own = _JOB | change | {"UpgradeType": "STATIC", "TargetSelection": "SPECIFIC"}
    s.refused("UpdateOTAJob", own | {"TimeoutInMinutes": 5}, "a timeout of a static job")
    s.refused("UpdateOTAJob", own | {"SrcVersionList": ["1"]}, "versions of a static job")
    s.refused("UpdateOTAJob", own | {"Tags": [{"Key": "a", "Value": "b"}, {"Key": "a", "Value": "c"}]}, "a tag twice")
    s.refused("CancelOTAStrategyByJob", _JOB, "it is static")
    first = {"FirmwareId": "{{delta|Data.FirmwareId}}", **P, **_RULE, **typed}
    s.do("CreateOTADynamicUpgradeJob", first, name="by a rule")
    second = first | {"FirmwareId": "{{large|Data.FirmwareId}}"}
    s.refused("CreateOTADynamicUpgradeJob", second | {"OverwriteMode": 2}, "the group's jobs have another mode")
    ruled = {"JobId": "{{by a rule|Data.JobId}}"}
    more = ruled | change | {"UpgradeType": "DYNAMIC", "SrcVersionList": ["1"]}
    s.refused("UpdateOTAJob", more, "versions of a group's job")
    s.do("CancelOTAStrategyByJob", ruled, name="the rule's end")
    s.refused("CancelOTAStrategyByJob", ruled, "it has ended")
    s.refused("UpdateOTAJob", ruled | change | {"UpgradeType": "DYNAMIC"}, "it has ended")


def _of_lists(s: Scene) -> None:
    given = _READY | {"TargetSelection": "SPECIFIC"}
    lists = {
        "an empty list": "\n\n",
        "a long line": "a" * 100,
        "a blank inside": "a\0b",
        "of somebody": "pump_2\nnobody\n",
    }
    for name, text in lists.items():
        s.refused("CreateOTAStaticUpgradeJob", given | {"DnListFileUrl": _listed(s, name, text)}, name)
    s.do("GenerateDeviceNameListURL", name="ticket of no list")
    never = {"DnListFileUrl": "{{ticket of no list|Data.FileUrl}}"}
    s.refused("CreateOTAStaticUpgradeJob", given | never, "a list that never came")
    wrong = {"FirmwareName": "x", "DestVersion": "9", "FirmwareUrl": "{{ticket of an empty list|Data.FileUrl}}"}
    s.refused("CreateOTAFirmware", wrong, "a list is no firmware")
    s.refused("CreateOTAStaticUpgradeJob", given | {"DnListFileUrl": "{{ticket of ready|Data.FirmwareUrl}}"}, "no list")


def _of_tasks(s: Scene) -> None:
    s.refused("ReupgradeOTATask", _JOB | _TASK, "it waits")
    s.refused("ReupgradeOTATask", {"JobId": "{{dynamic|Data.JobId}}", **_TASK}, "of another job")
    s.refused("ReupgradeOTATask", _JOB | {"TaskId": ["x"]}, "no task's name")
    s.refused("ConfirmOTATask", {"TaskId": [*_TASK["TaskId"], "0" * 36]}, "one is none")
    s.do("ConfirmOTATask", _TASK, name="it is confirmed")
    s.refused("ConfirmOTATask", _TASK, "it was confirmed")
    s.refused("CancelOTATaskByDevice", _READY | {"DeviceName": ["nobody"]}, "of nobody")
    s.do("CancelOTATaskByJob", _JOB | {"CancelQueuedTask": True}, name="it is cancelled")
    wait = {"body.Data.SimpleOTATaskInfo.0.TaskStatus": "CANCELED"}
    s.do("ListOTATaskByJob", _JOB, name="a cancelled task", until=wait)
    other = {
        "FirmwareId": "{{large|Data.FirmwareId}}",
        **P,
        "TargetSelection": "SPECIFIC",
        "TargetDeviceName": ["pump_1"],
    }
    _tasks(s, _job(s, "a job that takes the device", other), "the task that takes it")
    s.refused("ReupgradeOTATask", _JOB | _TASK, "the device is taken")
    s.do("CancelOTATaskByJob", {"JobId": "{{a job that takes the device|Data.JobId}}", "CancelQueuedTask": True})
    planned = {"TargetSelection": "ALL", "ScheduleTime": "{{now|ms+7200}}"}
    s.do("CreateOTAStaticUpgradeJob", _READY | planned, name="planned")
    s.refused("ReupgradeOTATask", {"JobId": "{{planned|Data.JobId}}", **_TASK}, "it has not begun")
    for job in ("planned", "dynamic"):
        flags = {"CancelQueuedTask": True, "CancelScheduledTask": job == "planned"}
        s.do("CancelOTATaskByJob", {"JobId": f"{{{{{job}|Data.JobId}}}}", **flags}, name=f"{job}: its tasks' end")
    s.do("CancelOTAStrategyByJob", {"JobId": "{{dynamic|Data.JobId}}"}, name="dynamic: its end")
    firmware = {"FirmwareId": _READY["FirmwareId"]}
    s.do("DeleteOTAFirmware", firmware, name="ready: its end", until={"body.Success": True})
    s.refused("ReupgradeOTATask", _JOB | _TASK, "the package is gone")
    s.refused("QueryOTAFirmware", firmware, "a deleted one")
    s.refused("CreateOTAStaticUpgradeJob", _READY | {"TargetSelection": "ALL"}, "a deleted package")
    for action, given in (
        ("QueryProduct", P),
        ("QueryDeviceInfo", D1),
        ("QueryOTAJob", _JOB),
        ("ConfirmOTATask", _TASK),
    ):
        s.refused(action, given, "of another account", by="stranger")


def _of_gateway(s: Scene) -> None:
    s.refused("DoNothing", {}, "no operation")
    s.refused("queryproduct", P, "in small letters")
    s.refused("QueryProduct", P, "a key of nobody", by="nobody")
    s.refused("QueryProduct", P, "another signature", late={"Signature": "x"})
    s.refused("QueryProduct", P, "another value than was signed", late={"ProductKey": "a1nothing00"})
    for name in (
        "Version",
        "AccessKeyId",
        "SignatureMethod",
        "SignatureVersion",
        "SignatureNonce",
        "Timestamp",
        "Action",
    ):
        s.refused("QueryProduct", P, f"no {name}", common={name: None})
    s.refused("QueryProduct", P, "no Signature", late={"Signature": None})
    for name, value in (
        ("Version", "2017-01-01"), ("SignatureMethod", "HMAC-MD5"), ("SignatureVersion", "2.0"), ("Format", "CSV"),
        ("Timestamp", "yesterday"), ("Timestamp", "{{now|utc-1800}}"), ("Timestamp", "{{now|utc+1800}}"),
        ("SignatureType", "BEARERTOKEN"),
    ):  # fmt: skip
        s.refused("QueryProduct", P, f"{name} {value}", common={name: value})
    s.do("QueryProduct", P, name="a nonce", common={"SignatureNonce": "the-one-nonce"})
    s.refused("QueryProduct", P, "a nonce again", common={"SignatureNonce": "the-one-nonce"})
    s.refused("QueryProduct", P, "a common name twice", repeated=[["Version", "2018-01-20"], ["Format", "XML"]])
    s.refused("QueryProduct", P, "another method", method="PUT")
    s.refused("QueryProduct", P, "a body of JSON", method="POST", raw="{}", type="application/json")
    for why, more in {
        "no operation": {"do": "DoNothing"},
        "a key of nobody": {"by": "nobody"},
        "by a viewer": {"do": "DeleteProduct", "by": "viewer"},
        "a wrong parameter": {"with": {}},
    }.items():
        ask = {"do": "QueryProduct", "with": P, "common": {"Format": "XML"}} | more
        s.add(f"in XML: {why}", ask, "refused")
    acs3: dict[str, dict[str, Any]] = {
        "no version": {"common": {"x-acs-version": None}},
        "another version": {"common": {"x-acs-version": "2017-01-01"}},
        "no action": {"common": {"x-acs-action": None}},
        "no date": {"common": {"x-acs-date": None}},
        "no nonce": {"common": {"x-acs-signature-nonce": None}},
        "an old date": {"common": {"x-acs-date": "{{now|utc-1800}}"}},
        "no digest": {"common": {"x-acs-content-sha256": None}},
        "another digest": {"common": {"x-acs-content-sha256": "0" * 64}},
        "another algorithm": {"late": {"authorization": "ACS3-HMAC-SM3 Credential=x,SignedHeaders=host,Signature=x"}},
        "half a signature": {"late": {"authorization": "ACS3-HMAC-SHA256 Credential=x,SignedHeaders=host"}},
        "another value than was signed": {"late": {"x-acs-action": "QueryProductList"}},
        "a key of nobody": {"by": "nobody"},
    }
    for why, more in acs3.items():
        s.add(f"by acs3: {why}", {"do": "QueryProduct", "with": P, "sign": "acs3"} | more, "refused")


def _limits() -> Scene:
    """alibaba 2.0: 5 of these a second, so that 40 at once are too many in any second that they fall into."""
    s = Scene()
    given = {"GroupId": "0" * 30}
    s.refused("QueryDeviceListByDeviceGroup", given, "too many in a second", times=40)
    s.refused("QueryDeviceListByDeviceGroup", given, "too many, in XML", times=40, common={"Format": "XML"})
    s.do("QueryProductList", {"CurrentPage": 1, "PageSize": 10}, name="another operation is served")
    return s
