"""Alibaba's job and task operations (alibaba 2.4, 2.5): their parameters, their commands, their answers."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from upwell.dialects.alibaba import names, render
from upwell.dialects.alibaba.fleet_ops import DEVICE_KEY, PRODUCT_KEY
from upwell.dialects.alibaba.package_ops import FIRMWARE_ID, VERSION
from upwell.dialects.alibaba.params import (
    FROM_ONE,
    Length,
    OneOf,
    Operation,
    Param,
    Pattern,
    Range,
    Unsupported,
    page_params,
    refuse_repeats,
)
from upwell.dialects.rpc_rules import (
    GRAY_PERCENT,
    asked_states,
    cancelled_states,
    check_retry,
    check_targets,
    device_key,
    nothing_cancelled,
)
from upwell.domain import commands as c
from upwell.domain.errors import Invalid

TASKS_REACHED_MAX = 100_000  # alibaba 2.2: CurrentPage x PageSize of ListOTATaskByJob
TAG_CHARS_MAX = 4096  # alibaba 2.2: all keys and values of a batch
MAXIMUM_PER_MIN = 1000  # alibaba 8: the seed's 0-1000, default 1000
CONFIRM_MAX = 200  # tasks per call; the reference names no limit

_STATES = ("CONFIRM", "QUEUED", "NOTIFIED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "CANCELED")
_OPEN = _STATES[:4]
JOB_ID = Param("JobId", required=True)

_MANNER = (
    Param("TimeoutInMinutes", "int", rule=Range(1, 1440)),
    Param("NeedPush", "bool", default=True),
    Param("NeedConfirm", "bool", default=False),
    Param("DownloadProtocol", rule=Pattern(r"(?i:HTTPS)", "HTTPS; MQTT is not supported by this server yet")),
    Param(
        "Tag",
        "structs",
        most=10,
        members=(
            Param("Key", required=True, rule=Pattern(r"[A-Za-z0-9.]{1,30}", "1-30 letters, digits or .")),
            Param("Value", required=True, rule=Length(1, 1024)),
        ),
    ),
)
_VERIFY = (FIRMWARE_ID, PRODUCT_KEY, Param("TargetDeviceName", "list", required=True, most=10), *_MANNER)
_STATIC = (
    FIRMWARE_ID,
    PRODUCT_KEY,
    Param(
        "TargetSelection",
        required=True,
        rule=Pattern("ALL|SPECIFIC|GRAY", "one of ALL, SPECIFIC, GRAY; GROUP is not supported by this server yet"),
    ),
    Param("SrcVersion", "list", most=10, rule=VERSION),
    Param("TargetDeviceName", "list", most=200),
    Param("DnListFileUrl", rule=Unsupported()),
    Param("GrayPercent", rule=GRAY_PERCENT),
    Param("GroupId", rule=Unsupported()),
    Param("GroupType", rule=Unsupported()),
    Param("ScheduleTime", "long", rule=Unsupported()),
    Param("ScheduleFinishTime", "long", rule=Unsupported()),
    Param("RetryInterval", "int", rule=OneOf((0, 10, 30, 60, 1440))),
    Param("RetryCount", "int", rule=OneOf((1, 2, 5))),
    Param("MaximumPerMinute", "int", rule=Range(0, MAXIMUM_PER_MIN), default=MAXIMUM_PER_MIN),
    Param("OverwriteMode", "int", rule=OneOf((1, 2)), default=1),
    Param("MultiModuleMode", "bool", rule=Unsupported(unless=(False,)), default=False),
    *_MANNER,
)
_FLAGS = {"CancelQueuedTask": "QUEUED", "CancelNotifiedTask": "NOTIFIED", "CancelInProgressTask": "IN_PROGRESS"}
_STOPS = ("CancelScheduledTask", "CancelQueuedTask", "CancelInProgressTask", "CancelNotifiedTask")


# --- commands -----------------------------------------------------------------------------------------------------


def _manner(p: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "package_id": names.read_firmware_id(p["FirmwareId"]),
        "product_key": p["ProductKey"],
        "device_names": p["TargetDeviceName"],
        "timeout_min": p["TimeoutInMinutes"],
        "need_push": p["NeedPush"],
        "need_confirm": p["NeedConfirm"],
        "tags": _tags(p["Tag"]),
    }


def _tags(structs: tuple[dict[str, Any], ...]) -> tuple[tuple[str, str], ...]:
    tags = tuple((struct["Key"], struct["Value"]) for struct in structs)
    refuse_repeats("Tag", [key for key, _ in tags])
    chars = sum(len(key) + len(value) for key, value in tags)
    if chars > TAG_CHARS_MAX:  # alibaba 2.2
        raise Invalid("Tag", f"all keys and values at most {TAG_CHARS_MAX} characters", f"they have {chars}")
    return tags


def _verify(p: Mapping[str, Any]) -> c.CreateVerifyJob:
    return c.CreateVerifyJob(**_manner(p))


def _static(p: Mapping[str, Any]) -> c.CreateStaticJob:
    _check_selection(p)
    _check_retry(p)
    return c.CreateStaticJob(
        selection=p["TargetSelection"],
        gray_percent=p["GrayPercent"],
        source_versions=p["SrcVersion"],
        retry_interval_min=p["RetryInterval"],
        retry_count=p["RetryCount"] or 0,
        maximum_per_min=p["MaximumPerMinute"],
        overwrite=p["OverwriteMode"] == 2,
        **_manner(p),
    )


def _check_selection(p: Mapping[str, Any]) -> None:
    """alibaba 2.4: each selection has its own parameters and refuses those of the others."""
    check_targets(p, {"SPECIFIC": "TargetDeviceName", "GRAY": "GrayPercent"})
    if p["TargetSelection"] == "SPECIFIC" and p["SrcVersion"]:
        raise Invalid("SrcVersion", "only with TargetSelection ALL or GRAY", "TargetSelection is SPECIFIC")


def _check_retry(p: Mapping[str, Any]) -> None:
    """alibaba 2.4: RetryInterval must be less than TimeoutInMinutes."""
    check_retry(p)
    interval, timeout = p["RetryInterval"], p["TimeoutInMinutes"]
    if interval is not None and timeout is not None and interval >= timeout:
        raise Invalid("RetryInterval", "less than TimeoutInMinutes", f"{interval} is not less than {timeout}")


def _jobs_of_device(p: Mapping[str, Any]) -> c.ListJobsOfDevice:
    return c.ListJobsOfDevice(
        package_id=names.read_firmware_id(p["FirmwareId"]),
        device=c.DeviceKey(product_key=p["ProductKey"], name=p["DeviceName"]),
        number=p["CurrentPage"],
        size=p["PageSize"],
    )


def _tasks_of_job(p: Mapping[str, Any]) -> c.ListTasksOfJob:
    number, size = p["CurrentPage"], p["PageSize"]
    if number * size > TASKS_REACHED_MAX:  # alibaba 2.2
        raise Invalid("CurrentPage", f"CurrentPage x PageSize at most {TASKS_REACHED_MAX}", f"it is {number * size}")
    return c.ListTasksOfJob(
        job_id=names.read_job_id(p["JobId"]),
        number=number,
        size=size,
        state=p["TaskStatus"],
        device_names=p["DeviceNames"],
    )


def _open_tasks(p: Mapping[str, Any]) -> c.ListOpenTasksOfDevice:
    return c.ListOpenTasksOfDevice(device=device_key(p), module=p["ModuleName"], states=asked_states(p))


def _cancel_job(p: Mapping[str, Any]) -> c.CancelTasksOfJob:
    states = cancelled_states(p, _FLAGS)
    if not states and not p["CancelScheduledTask"]:
        raise nothing_cancelled(_STOPS)
    return c.CancelTasksOfJob(job_id=names.read_job_id(p["JobId"]), states=states, scheduled=p["CancelScheduledTask"])


def _cancel_devices(p: Mapping[str, Any]) -> c.CancelTasksOfDevices:
    return c.CancelTasksOfDevices(
        package_id=names.read_firmware_id(p["FirmwareId"]),
        product_key=p["ProductKey"],
        device_names=p["DeviceName"],
        job_id=names.read_job_id(p["JobId"]) if p["JobId"] else None,
    )


# --- answers ------------------------------------------------------------------------------------------------------


def _created(r: c.JobCreated) -> dict[str, Any]:
    return {"Data": {"JobId": names.job_id(r.job_id), "UtcCreate": render.utc(r.created_at)}}


def _simple_job(r: c.Job) -> dict[str, Any]:
    return {
        "JobId": names.job_id(r.job_id),
        "FirmwareId": names.firmware_id(r.package_id),
        "ProductKey": r.product_key,
        "JobStatus": r.status,
        "JobType": "VERIFY_FIRMWARE" if r.kind == "verify" else "UPGRADE_FIRMWARE",
        "SelectionType": "DYNAMIC" if r.kind == "dynamic" else "STATIC",
        "TargetSelection": r.selection,
        "Tags": {"OtaTagDTO": [{"Key": key, "Value": value} for key, value in r.tags]},
        "UtcCreate": render.utc(r.created_at),
        "UtcModified": render.utc(r.modified_at),
        "UtcStartTime": render.utc(r.started_at),
        "UtcEndTime": render.utc(r.ended_at),
    }


def _job(r: c.Job) -> dict[str, Any]:
    retries = r.retry_interval_min is not None
    more = {
        "Name": r.package_name,
        "JobDesc": "",
        "DestVersion": r.dest_version,
        "DownloadProtocol": r.protocol,
        "SrcVersions": {"SrcVersion": list(r.source_versions)},
        "MaximumPerMinute": r.maximum_per_min,
        "OverwriteMode": 2 if r.overwrite else 1,
        "NeedPush": r.need_push,
        "NeedConfirm": r.need_confirm,
        "MultiModuleMode": False,
        "GrayPercent": render.percent(Decimal(r.gray_percent)) if r.gray_percent else None,
        "RetryInterval": r.retry_interval_min,
        "RetryCount": r.retry_count if retries else None,
        "TimeoutInMinutes": r.timeout_min,
    }
    return {"Data": _simple_job(r) | more}


def _jobs(r: c.Page[c.Job]) -> dict[str, Any]:
    return render.paging(r, "CurrentPage") | {"Data": {"SimpleOTAJobInfo": [_simple_job(item) for item in r.items]}}


def _open_task(r: c.Task) -> dict[str, Any]:
    return {
        "TaskId": names.task_id(r.ref),
        "JobId": names.job_id(r.ref.job_id),
        "FirmwareId": names.firmware_id(r.package_id),
        "ProductKey": r.product_key,
        "ProductName": r.product_name,
        "DeviceName": r.device_name,
        "IotId": r.iot_id,
        "ModuleName": r.module,
        "SrcVersion": r.source_version,
        "DestVersion": r.dest_version,
        "TaskStatus": r.state,
        "UtcCreate": render.utc(r.created_at),
        "UtcModified": render.utc(r.modified_at),
    }


def _task(r: c.Task) -> dict[str, Any]:
    row = _open_task(r)
    del row["ModuleName"]  # alibaba 2.5: ModuleName only in the list of open tasks
    timeout = None if r.timeout_min is None else str(r.timeout_min)
    return row | {"TaskDesc": r.description, "Progress": render.percent(r.progress), "Timeout": timeout}


def _tasks(r: c.Page[c.Task]) -> dict[str, Any]:
    return render.paging(r, "CurrentPage") | {"Data": {"SimpleOTATaskInfo": [_task(item) for item in r.items]}}


# --- the table ----------------------------------------------------------------------------------------------------

OPERATIONS: dict[str, Operation] = {
    "CreateOTAVerifyJob": Operation("operator", _VERIFY, _verify, _created),
    "CreateOTAStaticUpgradeJob": Operation("operator", _STATIC, _static, _created),
    "QueryOTAJob": Operation("viewer", (JOB_ID,), lambda p: c.ShowJob(job_id=names.read_job_id(p["JobId"])), _job),
    "ListOTAJobByFirmware": Operation(
        "viewer",
        (FIRMWARE_ID, *page_params(200)),
        lambda p: c.ListJobsOfPackage(
            package_id=names.read_firmware_id(p["FirmwareId"]), number=p["CurrentPage"], size=p["PageSize"]
        ),
        _jobs,
    ),
    "ListOTAJobByDevice": Operation(
        "viewer",
        (FIRMWARE_ID, PRODUCT_KEY, Param("DeviceName", required=True), *page_params(100)),
        _jobs_of_device,
        _jobs,
    ),
    "ListOTATaskByJob": Operation(
        "viewer",
        (
            JOB_ID,
            Param("CurrentPage", "int", rule=FROM_ONE, default=1),
            Param("PageSize", "int", rule=Range(1, 100), default=10),
            Param("TaskStatus", rule=OneOf(_STATES)),
            Param("DeviceNames", "list", unique=False),
        ),
        _tasks_of_job,
        _tasks,
    ),
    "ListOTAUnfinishedTaskByDevice": Operation(
        "viewer",
        (
            *DEVICE_KEY,
            Param("ModuleName", rule=VERSION),
            Param("TaskStatus", rule=OneOf(_OPEN)),
            Param("TaskStatusList", "list", rule=OneOf(_OPEN), unique=False),
        ),
        _open_tasks,
        lambda r: {"Data": {"SimpleOTATaskInfo": [_open_task(item) for item in r]}},
    ),
    "CancelOTATaskByJob": Operation(
        "operator",
        (JOB_ID, *(Param(name, "bool", default=False) for name in _STOPS), Param("CancelUnconfirmedTask", "bool")),
        _cancel_job,
    ),
    "CancelOTATaskByDevice": Operation(
        "operator",
        (FIRMWARE_ID, PRODUCT_KEY, Param("DeviceName", "list", required=True, most=200), Param("JobId")),
        _cancel_devices,
    ),
    "ConfirmOTATask": Operation(
        "operator",
        (Param("TaskId", "list", required=True, most=CONFIRM_MAX, unique=False),),
        lambda p: c.ConfirmTasks(tasks=tuple(map(names.read_task_id, p["TaskId"]))),
    ),
}
