"""Static jobs at a time to come, and those whose devices come from a list, a group or a percentage."""

import time

from acceptance.callers import Call
from acceptance.client import Server, unique, until
from acceptance.device import online
from acceptance.stories import setting
from acceptance.stories.setting import tasks

OPERATIONS = (
    "CreateProduct",
    "RegisterDevice",
    "CreateDeviceGroup",
    "BatchAddDeviceGroupRelations",
    "GenerateOTAUploadURL",
    "GenerateDeviceNameListURL",
    "CreateOTAFirmware",
    "CreateOTAStaticUpgradeJob",
    "UpdateOTAJob",
    "QueryOTAJob",
    "ListOTATaskByJob",
    "CancelOTATaskByJob",
)
HOUR_MS = 3_600_000


def story(call: Call, server: Server) -> None:
    key = setting.product(call)
    devices = [setting.device(call, key) for _ in range(3)]
    names = [name for name, _ in devices]
    _planned(call, key, names)
    _listed(call, key, names)
    _grouped(call, key, names)
    for device in devices:
        with online(server.mqtt, key, *device, "1.0.0"):
            pass
    _gray(call, key)


def _planned(call: Call, key: str, names: list[str]) -> None:
    start = int(time.time() * 1000) + HOUR_MS
    asked = {"FirmwareId": setting.package(call, key), "ProductKey": key, "TargetSelection": "SPECIFIC"}
    window = {"ScheduleTime": start, "ScheduleFinishTime": start + 2 * HOUR_MS}
    job = call("CreateOTAStaticUpgradeJob", **asked, TargetDeviceName=names[:1], **window)["Data"]["JobId"]
    shown = call("QueryOTAJob", JobId=job)["Data"]
    assert shown["JobStatus"] == "PLANNED"
    assert [shown[f"UtcSchedule{which}"][:19] for which in ("Time", "FinishTime")] == [
        time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at / 1000)) for at in (start, start + 2 * HOUR_MS)
    ]
    call("UpdateOTAJob", JobId=job, UpgradeType="STATIC", TargetSelection="SPECIFIC", MaximumPerMinute=10)
    assert call("QueryOTAJob", JobId=job)["Data"]["MaximumPerMinute"] == 10
    assert tasks(call, job) == []
    call("CancelOTATaskByJob", JobId=job, CancelScheduledTask=True)
    status = until(lambda: call("QueryOTAJob", JobId=job)["Data"]["JobStatus"], lambda now: now == "CANCELED")
    assert status == "CANCELED"
    late = call(
        "CreateOTAStaticUpgradeJob", **asked, TargetDeviceName=names[:1], ScheduleTime=start - HOUR_MS, success=False
    )
    assert late["Code"] == "iot.ota.InvalidScheduleTime"


def _listed(call: Call, key: str, names: list[str]) -> None:
    ticket = setting.Ticket(call("GenerateDeviceNameListURL")["Data"])
    url = setting.sent(ticket, "\r\n".join(names[:2]).encode())
    asked = {"FirmwareId": setting.package(call, key), "ProductKey": key, "TargetSelection": "SPECIFIC"}
    job = call("CreateOTAStaticUpgradeJob", **asked, DnListFileUrl=url)["Data"]["JobId"]
    assert _who(call, job, 2) == sorted(names[:2])
    _cancelled(call, job)


def _grouped(call: Call, key: str, names: list[str]) -> None:
    group = call("CreateDeviceGroup", GroupName=unique("hall"))["Data"]["GroupId"]
    members = [{"ProductKey": key, "DeviceName": name} for name in names[1:]]
    call("BatchAddDeviceGroupRelations", GroupId=group, Device=members)
    asked = {"FirmwareId": setting.package(call, key), "ProductKey": key, "TargetSelection": "GROUP"}
    job = call("CreateOTAStaticUpgradeJob", **asked, GroupId=group, GroupType="LINK_PLATFORM")["Data"]["JobId"]
    shown = call("QueryOTAJob", JobId=job)["Data"]
    assert (shown["GroupId"], shown["TargetSelection"]) == (group, "GROUP")
    assert _who(call, job, 2) == sorted(names[1:])
    _cancelled(call, job)


def _gray(call: Call, key: str) -> None:
    asked = {"FirmwareId": setting.package(call, key), "ProductKey": key, "TargetSelection": "GRAY"}
    more = {"GrayPercent": "33.34", "SrcVersion": ["1.0.0", "1.1.0"]}
    job = call("CreateOTAStaticUpgradeJob", **asked, **more)["Data"]["JobId"]
    shown = call("QueryOTAJob", JobId=job)["Data"]
    assert (shown["GrayPercent"], shown["SrcVersions"]) == ("33.34", {"SrcVersion": ["1.0.0", "1.1.0"]})
    assert len(_who(call, job, 1)) == 1  # 33.34 % of 3, rounded down
    _cancelled(call, job)


def _who(call: Call, job: str, count: int) -> list[str]:
    rows = until(lambda: tasks(call, job), lambda rows: len(rows) == count)
    return sorted(row["DeviceName"] for row in rows)


def _cancelled(call: Call, job: str) -> None:
    call("CancelOTATaskByJob", JobId=job, CancelQueuedTask=True, CancelNotifiedTask=True)
    left = until(lambda: [row for row in tasks(call, job) if row["TaskStatus"] != "CANCELED"], lambda rows: not rows)
    assert left == []
