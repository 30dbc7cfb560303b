"""What Tuya's golden answers are asked for: every operation's full answer, its empty list and its last page, and every
refusal. Read at recording alone."""

from collections.abc import Mapping
from typing import Any

from tests.golden.book import Chapter
from tests.golden.rpc_scenes import IMAGE, MD5, SHA256, SIZE, Scene, by_table

# The one place here that knows the server's code.
from upwell.dialects.tuya.management import OPERATIONS

TEXT = "阀门 *~/ a b+&=%<>\"'"
ONE, LAST, BEYOND = ({"CurrentPage": number, "PageSize": 2} for number in (1, 2, 9))
P = {"ProductKey": "{{product|productKey}}"}
D1, D2, D3 = (P | {"DeviceName": name} for name in ("pump_1", "pump_2", "pump_3"))
ID1 = {"IotId": "{{pump_1|data.iotId}}"}
# The tasks of a job are sorted by their devices' ids, which are random.
BY_NAME, ALIKE = {"list": "data", "sort": "deviceName"}, {"list": "data", "hide": ["deviceName", "iotId", "taskId"]}
NO_ID = {
    "ProductKey": "a1nothing00",
    "DeviceName": "nobody",
    "IotId": "0" * 32,
    "ApplyId": 999_999_999,
    "GroupId": "999999999",
    "SuperGroupId": "999999999",
    "FirmwareId": "999999999",
    "JobId": "999999999",
    "FirmwareUrl": "http://127.0.0.1/ota/nothing.bin",
    "TaskId": ["0" * 50],
    "ModuleName": "nothing",
}
_READY = {"FirmwareId": "{{ready|data.firmwareId}}", **P}
_UNVERIFIED = {"FirmwareId": "{{unverified|data.firmwareId}}", **P}
_JOB, _HALL = {"JobId": "{{job|data.jobId}}"}, {"GroupId": "{{hall|data.groupId}}"}
_TASK = {"TaskId": ["{{tasks|data.0.taskId}}"]}


def chapters() -> list[Chapter]:
    """All of them, in order."""
    return [Chapter(name="answers", steps=_answers().steps), Chapter(name="refusals", steps=_refusals().steps)]


def _uploaded(s: Scene, name: str, suffix: str = "bin") -> str:
    """The place of an uploaded file's address."""
    ticket = s.do("GenerateOTAUploadURL", {"FileSuffix": suffix}, name=f"ticket of {name}")
    s.add(f"upload of {name}", {"upload": f"{{{{{ticket}|data}}}}", "image": IMAGE})
    return f"{{{{{ticket}|data.firmwareUrl}}}}"


def _package(s: Scene, name: str, **more: Any) -> dict[str, str]:
    """FirmwareId and ProductKey of a package that is ready."""
    given = {"FirmwareName": name, "DestVersion": "2.0.0", "NeedToVerify": False, **P, **more}
    s.do("CreateOTAFirmware", {"FirmwareUrl": _uploaded(s, name), **given}, name=name)
    return {"FirmwareId": f"{{{{{name}|data.firmwareId}}}}", **P}


def _online(s: Scene, name: str, version: str) -> None:
    where = {"product": P["ProductKey"], "name": name, "secret": f"{{{{{name}|data.deviceSecret}}}}"}
    s.device(name, "online", **where)
    s.device(name, "inform", version=version)
    wait = {"body.data.status": "ONLINE", "body.data.firmwareVersion": version}
    s.do("QueryDeviceDetail", P | {"DeviceName": name}, "full", name=f"{name} runs {version}", until=wait)


def _job(
    s: Scene, name: str, package: Mapping[str, Any], action: str = "CreateOTAStaticUpgradeJob", **more: Any
) -> str:
    """The place of a job's id."""
    s.do(action, {**package, **more}, "full", name=name)
    return f"{{{{{name}|data.jobId}}}}"


def _tasks(s: Scene, job: str, name: str, state: str = "", shows: str = "", **more: Any) -> str:
    """Wait for a job's first task to be so; the place of its id."""
    wait = {"body.data.0.taskStatus": state or "*"}
    name = s.do("ListOTATaskByJob", {"JobId": job, **more}, shows, name=name, until=wait)
    return f"{{{{{name}|data.0.taskId}}}}"


def _paged(s: Scene, action: str, given: Mapping[str, Any] | None = None, **more: Any) -> None:
    """A first page, the last one and one behind it."""
    for place, shows in ((ONE, "full"), (LAST, "last page"), (BEYOND, "")):
        s.do(action, {**(given or {}), **place}, shows, **more)


# --- answers ----------------------------------------------------------------------------------------------------------


def _answers() -> Scene:
    s = Scene()
    s.do("ListOTAFirmware", ONE, "empty")
    s.do("QueryDeviceGroupList", ONE, "empty")
    _products(s)
    _devices(s)
    _groups(s)
    _modules(s)
    _packages(s)
    _jobs(s)
    _spelt(s)
    _ends(s)
    return s


def _products(s: Scene) -> None:
    every = {"ProductName": "pumps_1", "NodeType": 0, "Description": TEXT, "DataFormat": 1, "AuthType": "secret"}
    channels = {"TuyaChannels": "9:MCU,3:BLE"}
    s.do("CreateProduct", every | channels, "full", name="product")
    s.do("CreateProduct", {"ProductName": "阀门", "NodeType": 1}, name="gateways")
    s.do("QueryProduct", P, "full")
    s.do("UpdateProduct", P | {"ProductName": "renamed", "Description": "水泵"}, "full")
    s.do("QueryProduct", P)
    s.do("QueryProduct", {"ProductKey": "{{gateways|productKey}}"})


def _devices(s: Scene) -> None:
    s.do("QueryDevice", P, "empty")
    s.do("QueryDevice", P | {"DeviceStatus": "ONLINE"}, "empty")
    s.do("RegisterDevice", {**P, "DeviceName": "pump_1", "Nickname": "北京_pump"}, "full", name="pump_1")
    for name in ("pump_2", "pump_3", "pump_4"):
        s.do("RegisterDevice", P | {"DeviceName": name}, name=name)
    where = {"ProductKey": "{{gateways|productKey}}"}
    s.do("RegisterDevice", where, name="a device with a name that is made up")
    s.do("BatchRegisterDevice", where | {"Count": 3}, "full", name="three devices")
    apply = {"ApplyId": "{{three devices|data.applyId}}"}
    made = {"body.data.status": "CREATE_SUCCESS"}
    s.do("QueryBatchRegisterDeviceStatus", where | apply, "full", until=made)
    _paged(s, "QueryPageByApplyId", apply)
    s.do("QueryPageByApplyId", apply | BEYOND, "empty")
    for key in (D1, ID1):
        for action in ("QueryDeviceInfo", "QueryDeviceDetail", "QueryDeviceDetai"):
            s.do(action, key, "full")
    s.do("QueryDeviceInfo", D2)
    s.do("QueryDevice", P | ONE, "full")
    s.do("QueryDevice", P | {"PageSize": 2, "NextToken": "{{QueryDevice 3|nextToken}}"}, "last page")
    s.do("QueryDevice", P | LAST, "last page")
    s.do("QueryDevice", P | BEYOND)
    s.do("QueryDevice", P | {"DeviceStatus": "UNACTIVE", **ONE}, "full")
    s.do("QueryDevice", P | {"DeviceStatus": "UNACTIVE", **LAST}, "last page")
    s.do("BatchQueryDeviceDetail", P | {"DeviceName": ["pump_1", "nobody", "pump_2"]}, "full")
    s.do("BatchQueryDeviceDetail", P | {"DeviceName": ["nobody"]}, "empty")
    _online(s, "pump_1", "1.0.0")
    s.do("QueryDevice", P | {"DeviceStatus": "ONLINE"}, "full")


def _groups(s: Scene) -> None:
    s.do("CreateDeviceGroup", {"GroupName": "hall"}, name="hall")
    below = {"GroupName": "room_1", "GroupDesc": TEXT, "SuperGroupId": _HALL["GroupId"]}
    s.do("CreateDeviceGroup", below, "full", name="room")
    s.do("CreateDeviceGroup", {"GroupName": "yard"}, name="yard")
    room = {"GroupId": "{{room|data.groupId}}"}
    s.do("QueryDeviceListByDeviceGroup", room, "empty")
    members = room | {"Device": [D1, D2, D3, D1]}
    s.do("BatchAddDeviceGroupRelations", members, "full")
    s.do("BatchAddDeviceGroupRelations", members, name="they are in it")
    _paged(s, "QueryDeviceListByDeviceGroup", room)
    s.do("QueryDeviceGroupInfo", room, "full")
    _paged(s, "QueryDeviceGroupList")
    s.do("QueryDeviceGroupList", ONE | {"GroupName": "room"}, "full")
    s.do("BatchDeleteDeviceGroupRelations", room | {"Device": [D1, D3]}, "full")
    s.do("BatchDeleteDeviceGroupRelations", room | {"Device": [D1]}, name="it is in it no more")


def _modules(s: Scene) -> None:
    s.do("ListOTAModuleByProduct", {"ProductKey": "{{gateways|productKey}}"}, "empty")
    s.do("CreateOTAModule", P | {"ModuleName": "MCU", "AliasName": "主控.1", "Desc": TEXT}, "full")
    s.do("CreateOTAModule", P | {"ModuleName": "BLE"})
    s.do("UpdateOTAModule", P | {"ModuleName": "BLE", "AliasName": "radio", "Desc": "new"}, "full")
    s.do("ListOTAModuleByProduct", P, "full")
    s.do("ListOTAModuleVersionsByDevice", D2 | ONE, "empty")
    s.device("pump_1", "inform", version="0.9", module="9")
    s.device("pump_1", "inform", version="0.1", module="3")
    s.do("ListOTAModuleVersionsByDevice", D1 | ONE, name="three versions", until={"body.total": 3})
    _paged(s, "ListOTAModuleVersionsByDevice", D1)
    s.do("ListOTAModuleVersionsByDevice", ID1 | ONE, "full")


def _packages(s: Scene) -> None:
    s.do("GenerateOTAUploadURL", None, "full")
    every = {
        "FirmwareName": "阀门-1_(a)", "DestVersion": "2.0.0", "SignMethod": "SHA256", "FirmwareSign": SHA256.upper(),
        "FirmwareSize": SIZE, "FirmwareDesc": TEXT, "Type": 0, "SrcVersion": "1.9.0", "ModuleName": "MCU",
        "NeedToVerify": True, "Udi": '{"a":"b <c>"}', "FirmwareUrl": _uploaded(s, "whole", "tar.gz"), **P,
    }  # fmt: skip
    s.do("CreateOTAFirmware", every, "full", name="whole")
    _package(s, "plain")
    _package(s, "other", DestVersion="3.0.0", FirmwareSign=MD5)
    for name in ("whole", "plain"):
        s.do("QueryOTAFirmware", {"FirmwareId": f"{{{{{name}|data.firmwareId}}}}"}, "full")
    change = {"FirmwareName": "changed", "FirmwareDesc": "new", "Udi": "<u/>"}
    s.do("ModifyOTAFirmware", {"FirmwareId": "{{plain|data.firmwareId}}", **P, **change}, "full")
    s.do("QueryOTAFirmware", {"FirmwareId": "{{plain|data.firmwareId}}"}, name="the changed package")
    _paged(s, "ListOTAFirmware")
    s.do("ListOTAFirmware", {**ONE, **P, "DestVersion": "2.0.0"}, "full")
    s.do("ListOTAFirmware", {**ONE, **P, "DestVersion": "9.9.9"}, "empty")


def _jobs(s: Scene) -> None:
    """A verification that succeeds, and jobs whose tasks fail, wait and are cancelled."""
    verified = _package(s, "unverified", NeedToVerify=True)
    package = {"FirmwareId": verified["FirmwareId"]}
    s.do("ListOTAJobByFirmware", package | ONE, "empty")
    s.do("ListOTAJobByDevice", {**package, **D1, **ONE}, "empty")
    s.do("ListOTAUnfinishedTaskByDevice", D1, "empty")
    manner = {"TimeoutInMinutes": 30, "NeedPush": True, "DownloadProtocol": "HTTPS", "TargetDeviceName": ["pump_1"]}
    job = _job(s, "verification", verified, "CreateOTAVerifyJob", **manner)
    s.device("pump_1", "hear")
    _tasks(s, job, "a task that is notified", "NOTIFIED", "full")
    s.do("ListOTAUnfinishedTaskByDevice", D1, "full")
    s.do("QueryOTAJob", {"JobId": job}, "full")
    s.device("pump_1", "progress", step=40)
    _tasks(s, job, "a task in progress", "IN_PROGRESS", "full")
    s.device("pump_1", "inform", version="2.0.0")
    _tasks(s, job, "a task that succeeded", "SUCCEEDED", "full")
    s.do("QueryOTAJob", {"JobId": job}, "full", until={"body.data.jobStatus": "COMPLETED"})
    s.do("QueryOTAFirmware", package, name="a package that was verified")
    s.device("pump_1", "inform", version="1.0.0")
    target = {"TargetSelection": "SPECIFIC", "TargetDeviceName": ["pump_1"], "NeedConfirm": True}
    job = _job(s, "a job that fails", verified, **target)
    task = _tasks(s, job, "a task to confirm", "CONFIRM", "full")
    s.do("ConfirmOTATask", {"TaskId": [task]}, "full")
    s.device("pump_1", "hear")
    s.device("pump_1", "progress", step=-41)
    _tasks(s, job, "a task that failed", "FAILED", "full")
    s.do("QueryOTAJob", {"JobId": job}, "full", until={"body.data.jobStatus": "COMPLETED"})
    _waiting(s, verified)
    _paged(s, "ListOTAJobByFirmware", package)
    s.do("ListOTAJobByDevice", {**package, **D2, **ONE}, "full")
    s.do("ListOTAJobByDevice", {**package, **D2, **LAST}, "last page")


def _waiting(s: Scene, package: Mapping[str, Any]) -> None:
    """Devices that are offline, chosen in every way."""
    three = ["pump_2", "pump_3", "pump_4"]
    manner = {"NeedConfirm": True, "TimeoutInMinutes": 120, "RetryInterval": 60, "RetryCount": 2, "NeedPush": False}
    job = _job(s, "a job of three", package, **manner, TargetSelection="SPECIFIC", TargetDeviceName=three)
    s.do("QueryOTAJob", {"JobId": job}, "full")
    s.do("ListOTATaskByJob", {"JobId": job, "TaskStatus": "SUCCEEDED"}, "empty")
    wait = {"body.data.#": 3}
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
    every = dict.fromkeys(("CancelQueuedTask", "CancelNotifiedTask", "CancelUnconfirmedTask"), True)
    s.do("CancelOTATaskByJob", {"JobId": job} | every, "full")
    s.do("QueryOTAJob", {"JobId": job}, "full", until={"body.data.jobStatus": "CANCELED"})
    gray = {"TargetSelection": "GRAY", "GrayPercent": "33.330", "SrcVersion": ["0.1", "0.2"]}
    job = _job(s, "a gray job", package, **gray, RetryInterval=0, RetryCount=1)
    s.do("QueryOTAJob", {"JobId": job}, "full", until={"body.data.jobStatus": "COMPLETED"})
    job = _job(s, "a job of a group", package, TargetSelection="GROUP", GroupId="{{room|data.groupId}}")
    s.do("ListOTATaskByJob", {"JobId": job}, "full", name="tasks of a group", until={"body.data.#": 1})
    s.do("QueryOTAJob", {"JobId": job}, "full")
    s.do("CancelOTATaskByDevice", {**package, "DeviceName": ["pump_2"]}, "full")
    job = _job(s, "a job of all", package, TargetSelection="ALL", SrcVersion=["0.7"])
    s.do("QueryOTAJob", {"JobId": job}, "full", until={"body.data.jobStatus": "COMPLETED"})
    s.do("CreateOTAVerifyJob", {"FirmwareId": "{{whole|data.firmwareId}}", **P}, "full", name="of no device")
    job = "{{of no device|data.jobId}}"
    s.do("QueryOTAJob", {"JobId": job}, "full")
    s.do("CancelOTATaskByJob", {"JobId": job, "CancelQueuedTask": True}, "full")
    s.do("QueryOTAJob", {"JobId": job}, "full", until={"body.data.jobStatus": "CANCELED"})


def _spelt(s: Scene) -> None:
    """tuya 1.6: names in any case, and a form."""
    s.do("QueryProduct", {"productKey": P["ProductKey"]}, name="in another case")
    s.do("QueryDevice", P | {"devicestatus": "online"}, name="a word in another case")
    s.do("QueryProduct", P, name="in a form", method="POST")
    for form in ("JSON", "None"):
        s.do("QueryProduct", P, name=f"of the format {form}", common={"Format": form})


def _ends(s: Scene) -> None:
    s.do("DeleteOTAModule", P | {"ModuleName": "BLE"}, "full")
    s.do("DeleteOTAFirmware", {"FirmwareId": "{{other|data.firmwareId}}"}, "full")
    s.do("DeleteDeviceGroup", {"GroupId": "{{room|data.groupId}}"}, "full")
    s.device("pump_1", "offline")
    wait = {"body.data.status": "OFFLINE"}
    s.do("QueryDeviceDetail", D1, "full", name="a device that is offline", until=wait)


# --- refusals ---------------------------------------------------------------------------------------------------------


def _refusals() -> Scene:
    s = Scene()
    s.do("CreateProduct", {"ProductName": "pumps", "NodeType": 0}, name="product")
    s.do("CreateProduct", {"ProductName": "valves", "NodeType": 0}, name="other")
    for name in ("pump_1", "pump_2"):
        s.do("RegisterDevice", P | {"DeviceName": name}, name=name)
    s.do("BatchRegisterDevice", P | {"Count": 1}, name="batch")
    s.do("CreateDeviceGroup", {"GroupName": "hall"}, name="hall")
    s.do("CreateOTAModule", P | {"ModuleName": "MCU"}, name="module")
    _package(s, "ready")
    _package(s, "unverified", NeedToVerify=True)
    target = {"TargetSelection": "SPECIFIC", "TargetDeviceName": ["pump_1"], "NeedConfirm": True}
    _tasks(s, _job(s, "job", _READY, **target), "tasks", "CONFIRM")
    by_table(s, OPERATIONS, _good(s), NO_ID)
    _of_fleet(s)
    _of_packages(s)
    _of_jobs(s)
    _of_gateway(s)
    return s


def _good(s: Scene) -> dict[str, Mapping[str, Any]]:
    """For each operation what could be served; no request here is sent as it is, but by a viewer to what he may not."""
    page = {"CurrentPage": 1, "PageSize": 10}
    apply = {"ApplyId": "{{batch|data.applyId}}"}
    free = _uploaded(s, "a free file")
    return {
        "CreateProduct": {"ProductName": "more_pumps", "NodeType": 0},
        "QueryProduct": P,
        "UpdateProduct": P | {"ProductName": "pumps"},
        "RegisterDevice": P | {"DeviceName": "pump_7"},
        "BatchRegisterDevice": P | {"Count": 1},
        "QueryBatchRegisterDeviceStatus": P | apply,
        "QueryPageByApplyId": apply,
        "QueryDevice": P,
        "QueryDeviceInfo": D1,
        "QueryDeviceDetail": ID1,
        "QueryDeviceDetai": D1,
        "BatchQueryDeviceDetail": P | {"DeviceName": ["pump_1"]},
        "CreateDeviceGroup": {"GroupName": "room", "SuperGroupId": _HALL["GroupId"]},
        "DeleteDeviceGroup": _HALL,
        "QueryDeviceGroupList": {},
        "QueryDeviceGroupInfo": _HALL,
        "QueryDeviceListByDeviceGroup": _HALL,
        "BatchAddDeviceGroupRelations": _HALL | {"Device": [D1]},
        "BatchDeleteDeviceGroupRelations": _HALL | {"Device": [D1]},
        "GenerateOTAUploadURL": {},
        "CreateOTAFirmware": {"FirmwareName": "fw", "DestVersion": "3", "FirmwareUrl": free, "ModuleName": "MCU", **P},
        "ModifyOTAFirmware": _READY | {"FirmwareName": "ready"},
        "QueryOTAFirmware": {"FirmwareId": _READY["FirmwareId"]},
        "ListOTAFirmware": page | P,
        "DeleteOTAFirmware": {"FirmwareId": _UNVERIFIED["FirmwareId"]},
        "CreateOTAModule": P | {"ModuleName": "BLE"},
        "UpdateOTAModule": P | {"ModuleName": "MCU", "Desc": "d"},
        "DeleteOTAModule": P | {"ModuleName": "MCU"},
        "ListOTAModuleByProduct": P,
        "ListOTAModuleVersionsByDevice": D1 | page,
        "CreateOTAVerifyJob": _UNVERIFIED | {"TargetDeviceName": ["pump_2"]},
        "CreateOTAStaticUpgradeJob": _READY | {"TargetSelection": "GROUP", **_HALL},
        "QueryOTAJob": _JOB,
        "ListOTAJobByFirmware": {"FirmwareId": _READY["FirmwareId"], **page},
        "ListOTAJobByDevice": {"FirmwareId": _READY["FirmwareId"], **D1, **page},
        "ListOTATaskByJob": _JOB,
        "ListOTAUnfinishedTaskByDevice": D1,
        "CancelOTATaskByJob": _JOB | {"CancelQueuedTask": True},
        "CancelOTATaskByDevice": _READY | {"DeviceName": ["pump_1"], **_JOB},
        "ConfirmOTATask": _TASK,
    }


def _of_fleet(s: Scene) -> None:
    s.refused("CreateProduct", {"ProductName": "pumps", "NodeType": 0}, "the name is taken")
    s.refused("UpdateProduct", P | {"ProductName": "valves"}, "the name is taken")
    s.refused("RegisterDevice", D1, "the name is taken")
    s.refused("QueryDevice", P | {"CurrentPage": 201, "PageSize": 50}, "too far for a number")
    s.refused("QueryDevice", P | {"NextToken": "0" * 32}, "a token of no device")
    for action in ("QueryDeviceInfo", "QueryDeviceDetail", "QueryDeviceDetai", "ListOTAUnfinishedTaskByDevice"):
        s.refused(action, {}, "no device at all")
        s.refused(action, P, "half a device")
        s.refused(action, {"DeviceName": "pump_1"}, "the other half")
    s.refused("CreateDeviceGroup", {"GroupName": "hall"}, "the name is taken")
    above = _HALL["GroupId"]
    for level in range(2, 6):
        s.do("CreateDeviceGroup", {"GroupName": f"level_{level}", "SuperGroupId": above}, name=f"level {level}")
        above = f"{{{{level {level}|data.groupId}}}}"
    s.refused("CreateDeviceGroup", {"GroupName": "level_6", "SuperGroupId": above}, "too deep")
    s.refused("DeleteDeviceGroup", _HALL, "groups are under it")
    for action in ("BatchAddDeviceGroupRelations", "BatchDeleteDeviceGroupRelations"):
        s.do(action, _HALL | {"Device": [P | {"DeviceName": "nobody"}]}, name=f"{action}: of nobody")
    s.refused("CreateOTAModule", P | {"ModuleName": "mcu"}, "the name is taken")
    for action in ("CreateOTAModule", "DeleteOTAModule", "UpdateOTAModule"):
        s.refused(action, P | {"ModuleName": "default"}, "the whole device")
    for n in range(9):
        s.do("CreateOTAModule", P | {"ModuleName": f"m{n}"}, name=f"module {n}")
    s.refused("CreateOTAModule", P | {"ModuleName": "m9"}, "too many")


def _of_packages(s: Scene) -> None:
    new = {"FirmwareName": "newest", "DestVersion": "3", **P}
    url = {"FirmwareUrl": _uploaded(s, "one file")}
    s.do("GenerateOTAUploadURL", {}, name="ticket of nothing")
    for why, given in {
        "the name is taken": url | {"FirmwareName": "ready"},
        "another size": url | {"FirmwareSize": 5},
        "another MD5": url | {"FirmwareSign": "0" * 32},
        "another SHA-256": url | {"SignMethod": "SHA256", "FirmwareSign": "0" * 64},
        "a sign of no kind": url | {"FirmwareSign": "x"},
        "a file that is used": {"FirmwareUrl": "{{ticket of ready|data.firmwareUrl}}"},
        "a file that never came": {"FirmwareUrl": "{{ticket of nothing|data.firmwareUrl}}"},
    }.items():
        s.refused("CreateOTAFirmware", new | given, why)
    s.do("CreateOTAFirmware", new | url | {"ModuleName": "MCU"}, name="of a module")
    s.refused("DeleteOTAModule", P | {"ModuleName": "MCU"}, "packages install it")
    others = {"FirmwareName": "others", "ProductKey": "{{other|productKey}}", "NeedToVerify": False}
    s.do("CreateOTAFirmware", new | others | {"FirmwareUrl": _uploaded(s, "others")}, name="others")
    s.refused("ModifyOTAFirmware", _READY | {"FirmwareName": "others"}, "the name is taken")
    s.refused("ModifyOTAFirmware", {"FirmwareId": _READY["FirmwareId"]}, "a deletion as the vendor prints it")
    product = {"ProductKey": "{{other|productKey}}", "FirmwareName": "r"}
    s.refused("ModifyOTAFirmware", _READY | product, "of another product")
    s.refused("DeleteOTAFirmware", {"FirmwareId": _READY["FirmwareId"]}, "a job runs")


def _of_jobs(s: Scene) -> None:
    static = _READY | {"TargetSelection": "ALL"}
    others, one = {"FirmwareId": "{{others|data.firmwareId}}"}, {"TargetDeviceName": ["pump_2"]}
    for name in ("SourceVersion", "Filter", "Device.1.DeviceName", "ScheduleTime", "OverwriteMode"):
        s.refused("CreateOTAStaticUpgradeJob", static | {name: "x"}, f"an unknown choice {name}")
    for why, given in {
        "count without interval": {"RetryCount": 1},
        "interval without count": {"RetryInterval": 10},
        "percent of all": {"GrayPercent": "50"},
        "devices of all": {"TargetDeviceName": ["some"]},
        "a group of all": _HALL,
        "not verified": {"FirmwareId": _UNVERIFIED["FirmwareId"]},
        "of another product's package": others,
        "of nobody": {"TargetSelection": "SPECIFIC", "TargetDeviceName": ["pump_2", "nobody"]},
        **{f"{kind} of nothing": {"TargetSelection": kind} for kind in ("SPECIFIC", "GRAY", "GROUP")},
    }.items():
        s.refused("CreateOTAStaticUpgradeJob", static | given, why)
    s.refused("CreateOTAVerifyJob", _READY | one, "it needs none")
    s.refused("CreateOTAVerifyJob", _UNVERIFIED | {"TargetDeviceName": ["nobody"]}, "of nobody")
    s.refused("CreateOTAVerifyJob", _READY | others | one, "of another product's package")
    s.do("CreateOTAVerifyJob", _UNVERIFIED | one, name="verification")
    s.refused("CreateOTAVerifyJob", _UNVERIFIED | one, "it is verifying")
    s.refused("CreateOTAStaticUpgradeJob", static | _UNVERIFIED, "it is verifying")
    s.refused("CancelOTATaskByJob", _JOB, "nothing to cancel")
    s.refused("CancelOTATaskByDevice", _READY | {"DeviceName": ["nobody"]}, "of nobody")
    s.refused("ConfirmOTATask", {"TaskId": [*_TASK["TaskId"], "0" * 50]}, "one is none")
    s.refused("ConfirmOTATask", {"TaskId": ["x"]}, "no task's name")
    s.do("ConfirmOTATask", _TASK, name="it is confirmed")
    s.refused("ConfirmOTATask", _TASK, "it was confirmed")
    s.do("CancelOTATaskByJob", _JOB | {"CancelQueuedTask": True}, name="it is cancelled")
    firmware = {"FirmwareId": _READY["FirmwareId"]}
    s.do("DeleteOTAFirmware", firmware, name="ready: its end", until={"body.success": True})
    s.refused("QueryOTAFirmware", firmware, "a deleted one")
    s.refused("CreateOTAStaticUpgradeJob", static, "a deleted package")
    for action, given in (
        ("QueryProduct", P),
        ("QueryDeviceInfo", D1),
        ("QueryOTAJob", _JOB),
        ("ConfirmOTATask", _TASK),
    ):
        s.refused(action, given, "of another account", by="stranger")


def _of_gateway(s: Scene) -> None:
    s.refused("DoNothing", {}, "no operation")
    s.refused("QueryProductList", {}, "an operation of its sister's")
    s.refused("QueryProduct", P, "a key of nobody", by="nobody")
    s.refused("QueryProduct", P, "another signature", late={"Signature": "x"})
    s.refused("QueryProduct", P, "another value than was signed", late={"ProductKey": "a1nothing00"})
    for name in ("AccessKeyId", "SignatureMethod", "SignatureNonce", "Timestamp", "Action"):
        s.refused("QueryProduct", P, f"no {name}", common={name: None})
    s.refused("QueryProduct", P, "no Signature", late={"Signature": None})
    for name, value in (
        ("SignatureMethod", "HMAC-MD5"), ("Format", "XML"), ("Timestamp", "yesterday"),
        ("Timestamp", "{{now|utc-1800}}"), ("Timestamp", "{{now|utc+1800}}"),
    ):  # fmt: skip
        s.refused("QueryProduct", P, f"{name} {value}", common={name: value})
    s.do("QueryProduct", P, name="a nonce", common={"SignatureNonce": "the-one-nonce"})
    s.refused("QueryProduct", P, "a nonce again", common={"SignatureNonce": "the-one-nonce"})
    s.refused("QueryProduct", P, "two values of one name", repeated=[["productkey", "a1nothing00"]])
    s.refused("QueryProduct", P, "another method", method="PUT")
    s.refused("QueryProduct", P, "a body of JSON", method="POST", raw="{}", type="application/json")
    s.do("QueryProduct", P | {"Colour": "red"}, name="a name that nobody knows")
