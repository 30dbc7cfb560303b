"""A verification and static jobs, with devices that are offline, fail, go on, are cancelled and run again."""

from acceptance.callers import Call
from acceptance.client import Server, until
from acceptance.device import Device, online
from acceptance.stories import setting
from acceptance.stories.setting import PAGE, states, tasks

OPERATIONS = (
    "CreateProduct",
    "RegisterDevice",
    "GenerateOTAUploadURL",
    "CreateOTAFirmware",
    "QueryOTAFirmware",
    "DeleteOTAFirmware",
    "CreateOTAVerifyJob",
    "CreateOTAStaticUpgradeJob",
    "QueryOTAJob",
    "ListOTAJobByFirmware",
    "ListOTAJobByDevice",
    "ListOTATaskByJob",
    "ListOTAUnfinishedTaskByDevice",
    "CancelOTATaskByJob",
    "CancelOTATaskByDevice",
    "ConfirmOTATask",
    "ReupgradeOTATask",
)
TEXT = "上海 * ~ / <a> & b"


def story(call: Call, server: Server) -> None:
    key = setting.product(call)
    devices = [setting.device(call, key) for _ in range(3)]
    names = [name for name, _ in devices]
    with online(server.mqtt, key, *devices[0], "1.0.0") as first:
        firmware = _verified(call, key, first)
        first.inform("1.0.0")  # alibaba 6.9: what a device runs is what it says, and it went back
        _failed_and_run_again(call, key, firmware, first)
    _waiting(call, key, firmware, names[1:])
    assert call("DeleteOTAFirmware", FirmwareId=firmware)["Success"]


def _verified(call: Call, key: str, device: Device) -> str:
    firmware = setting.package(call, key, NeedToVerify=True)
    assert call("ListOTAJobByFirmware", FirmwareId=firmware, **PAGE)["Data"] == {"SimpleOTAJobInfo": []}
    target = {"ProductKey": key, "DeviceName": device.name}
    assert call("ListOTAJobByDevice", FirmwareId=firmware, **target, **PAGE)["Data"] == {"SimpleOTAJobInfo": []}
    assert call("ListOTAUnfinishedTaskByDevice", **target)["Data"] == {"SimpleOTATaskInfo": []}
    early = call("CreateOTAStaticUpgradeJob", FirmwareId=firmware, ProductKey=key, TargetSelection="ALL", success=False)
    assert early["Code"] == "iot.ota.FirmwareNotVerified"
    asked = {"FirmwareId": firmware, "ProductKey": key, "TargetDeviceName": [device.name], "TimeoutInMinutes": 30}
    job = call("CreateOTAVerifyJob", **asked, Tag=[{"Key": "site.1", "Value": TEXT}])["Data"]["JobId"]
    [row] = call("ListOTAJobByDevice", FirmwareId=firmware, **target, **PAGE)["Data"]["SimpleOTAJobInfo"]
    assert (row["JobId"], row["JobType"]) == (job, "VERIFY_FIRMWARE")
    offer = device.offered()
    assert (offer["version"], offer["size"], offer["extData"]) == ("2.0.0", len(setting.IMAGE), {"site.1": TEXT})
    shown = call("QueryOTAJob", JobId=job)["Data"]
    assert (shown["JobType"], shown["JobStatus"], shown["TimeoutInMinutes"]) == ("VERIFY_FIRMWARE", "IN_PROGRESS", 30)
    assert (shown["Tags"], shown["SrcVersions"]) == (
        {"OtaTagDTO": [{"Key": "site.1", "Value": TEXT}]},
        {"SrcVersion": []},
    )
    states(call, job, **{device.name: "NOTIFIED"})
    again = call("CreateOTAVerifyJob", **asked, success=False)
    assert again["Code"] == "iot.ota.FirmwareIsVerifying"
    device.progress(40)
    [task] = until(lambda: tasks(call, job, TaskStatus="IN_PROGRESS"), bool)
    assert (task["Progress"], task["Timeout"], task["SrcVersion"]) == ("40.00", "30", "1.0.0")
    device.inform("2.0.0")
    states(call, job, **{device.name: "SUCCEEDED"})
    package = until(lambda: call("QueryOTAFirmware", FirmwareId=firmware)["FirmwareInfo"], lambda p: p["Status"] == 1)
    assert (package["Status"], package["VerifyProgress"]) == (1, 100)
    ended = until(lambda: call("QueryOTAJob", JobId=job)["Data"], lambda now: now["JobStatus"] == "COMPLETED")
    assert "UtcEndTime" in ended
    return firmware


def _failed_and_run_again(call: Call, key: str, firmware: str, device: Device) -> None:
    job = call(
        "CreateOTAStaticUpgradeJob",
        FirmwareId=firmware,
        ProductKey=key,
        TargetSelection="SPECIFIC",
        TargetDeviceName=[device.name],
        NeedConfirm=True,
        DownloadProtocol="MQTT",
        MaximumPerMinute=100,
        OverwriteMode=1,
    )["Data"]["JobId"]
    [row] = call("ListOTAJobByDevice", FirmwareId=firmware, ProductKey=key, DeviceName=device.name, **PAGE)["Data"][
        "SimpleOTAJobInfo"
    ][:1]
    assert row["JobId"] == job
    [waiting] = call("ListOTAUnfinishedTaskByDevice", ProductKey=key, DeviceName=device.name)["Data"][
        "SimpleOTATaskInfo"
    ]
    assert (waiting["TaskStatus"], waiting["ModuleName"]) == ("CONFIRM", "default")
    early = call("ReupgradeOTATask", JobId=job, TaskId=[waiting["TaskId"]], success=False)
    assert early["Code"] == "iot.ota.TaskStatusNotAllowed"
    call("ConfirmOTATask", TaskId=[waiting["TaskId"]])
    assert call("ConfirmOTATask", TaskId=[waiting["TaskId"]], success=False)["Code"] == early["Code"]
    assert device.offered()["dProtocol"] == "mqtt"
    device.progress(-2)
    states(call, job, **{device.name: "FAILED"})
    [failed] = tasks(call, job, DeviceNames=[device.name])
    assert "download failed" in failed["TaskDesc"]
    call("ReupgradeOTATask", JobId=job, TaskId=[failed["TaskId"]])
    [again] = call("ListOTAUnfinishedTaskByDevice", ProductKey=key, DeviceName=device.name, TaskStatusList=["CONFIRM"])[
        "Data"
    ]["SimpleOTATaskInfo"]
    assert again["TaskId"] == failed["TaskId"]  # alibaba 2.5: held for confirmation again
    call("ConfirmOTATask", TaskId=[again["TaskId"]])
    assert device.offered()["version"] == "2.0.0"
    device.inform("2.0.0")
    states(call, job, **{device.name: "SUCCEEDED"})


def _waiting(call: Call, key: str, firmware: str, names: list[str]) -> None:
    """Devices that never came online: their tasks wait, and are cancelled one way and the other."""
    job = call(
        "CreateOTAStaticUpgradeJob",
        FirmwareId=firmware,
        ProductKey=key,
        TargetSelection="SPECIFIC",
        TargetDeviceName=names,
        NeedConfirm=True,
        TimeoutInMinutes=120,
        RetryInterval=60,
        RetryCount=2,
    )["Data"]["JobId"]
    shown = call("QueryOTAJob", JobId=job)["Data"]
    assert (shown["RetryInterval"], shown["RetryCount"], shown["TargetSelection"]) == (60, 2, "SPECIFIC")
    assert call("ListOTAJobByFirmware", FirmwareId=firmware, **PAGE)["Total"] == 3
    states(call, job, **dict.fromkeys(names, "CONFIRM"))
    assert tasks(call, job, TaskStatus="SUCCEEDED") == []
    assert [row["DeviceName"] for row in tasks(call, job, DeviceNames=names[1:])] == names[1:]
    [one] = tasks(call, job, DeviceNames=names[:1])
    call("ConfirmOTATask", TaskId=[one["TaskId"]])
    states(call, job, **{names[0]: "QUEUED", names[1]: "CONFIRM"})
    call("CancelOTATaskByDevice", FirmwareId=firmware, ProductKey=key, DeviceName=names[:1], JobId=job)
    states(call, job, **{names[0]: "CANCELED", names[1]: "CONFIRM"})
    refused = call("DeleteOTAFirmware", FirmwareId=firmware, success=False)
    assert refused["Code"] == "iot.ota.FirmwareHasRunningJob"
    # alibaba 2.5: an explicit false protects what waits for a confirmation
    call("CancelOTATaskByJob", JobId=job, CancelQueuedTask=True, CancelUnconfirmedTask=False)
    states(call, job, **{names[0]: "CANCELED", names[1]: "CONFIRM"})
    call("CancelOTATaskByJob", JobId=job, CancelQueuedTask=True, CancelNotifiedTask=True, CancelInProgressTask=True)
    states(call, job, **dict.fromkeys(names, "CANCELED"))
    assert call("CancelOTATaskByJob", JobId=job, success=False)["Code"] == "iot.ota.InvalidCancelScope"
    until(lambda: call("QueryOTAJob", JobId=job)["Data"]["JobStatus"], lambda now: now != "IN_PROGRESS")
