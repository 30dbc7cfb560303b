"""Alibaba's task operations (alibaba 2.5): their parameters, their commands, their answers."""

from typing import Any

from upwell.dialects.alibaba import names
from upwell.dialects.alibaba.job_ops import JOB_ID
from upwell.dialects.alibaba.package_ops import FIRMWARE_ID
from upwell.dialects.alibaba.render import page, percent
from upwell.dialects.checks import OneOf
from upwell.dialects.operations import Operation, Param, Values
from upwell.dialects.rpc_answers import utc
from upwell.dialects.rpc_checks import (
    DEVICE_KEY,
    OPEN_OF_DEVICE,
    OPEN_TASKS,
    PAGE,
    PRODUCT_KEY,
    TASK_STATES,
    UNCONFIRMED,
    VERSION,
    asked,
    asked_states,
    cancelled_states,
    device_key,
    nothing_cancelled,
    page_size,
)
from upwell.domain import commands as c
from upwell.domain.errors import Invalid

TASKS_REACHED_MAX = 100_000  # alibaba 2.2: CurrentPage x PageSize of ListOTATaskByJob
CONFIRM_MAX = 200  # tasks per ConfirmOTATask; the reference names no limit
REPEAT_MAX = 10  # alibaba 2.2: tasks per ReupgradeOTATask

_FLAGS = {"CancelQueuedTask": "QUEUED", "CancelNotifiedTask": "NOTIFIED", "CancelInProgressTask": "IN_PROGRESS"}
_STOPS = ("CancelScheduledTask", "CancelQueuedTask", "CancelInProgressTask", "CancelNotifiedTask")


# --- commands -----------------------------------------------------------------------------------------------------


def _tasks_of_job(p: Values) -> c.ListTasks:
    number, size = p["CurrentPage"], p["PageSize"]
    if number * size > TASKS_REACHED_MAX:  # alibaba 2.2
        raise Invalid("CurrentPage", f"CurrentPage x PageSize at most {TASKS_REACHED_MAX}", f"it is {number * size}")
    return c.ListTasks(
        asked=asked(p),
        job_id=names.read_job_id(p["JobId"]),
        states=frozenset({p["TaskStatus"]} if p["TaskStatus"] else ()),
        device_names=p["DeviceNames"],
    )


def _open_tasks(p: Values) -> c.ListTasks:
    return c.ListTasks(asked=OPEN_OF_DEVICE, device=device_key(p), module=p["ModuleName"], states=asked_states(p))


def _cancel_job(p: Values) -> c.CancelTasks:
    states = cancelled_states(p, _FLAGS)
    if not states and not p["CancelScheduledTask"]:
        raise nothing_cancelled(_STOPS)
    return c.CancelTasks(job_id=names.read_job_id(p["JobId"]), states=states, scheduled=p["CancelScheduledTask"])


def _cancel_devices(p: Values) -> c.CancelTasks:
    return c.CancelTasks(
        package_id=names.read_firmware_id(p["FirmwareId"]),
        product_key=p["ProductKey"],
        device_names=p["DeviceName"],
        job_id=names.read_job_id(p["JobId"]) if p["JobId"] else None,
    )


# --- answers ------------------------------------------------------------------------------------------------------


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
        "UtcCreate": utc(r.created_at),
        "UtcModified": utc(r.modified_at),
    }


def _task(r: c.Task) -> dict[str, Any]:
    row = _open_task(r)
    del row["ModuleName"]  # alibaba 2.5: ModuleName only in the list of open tasks
    timeout = None if r.timeout_min is None else str(r.timeout_min)
    return row | {"TaskDesc": r.description, "Progress": percent(r.progress), "Timeout": timeout}


# --- the table ----------------------------------------------------------------------------------------------------

OPERATIONS: dict[str, Operation] = {
    "ListOTATaskByJob": Operation(
        "viewer",
        (
            JOB_ID,
            PAGE,
            page_size(100),
            Param("TaskStatus", check=OneOf(TASK_STATES)),
            Param("DeviceNames", "list", unique=False),
        ),
        _tasks_of_job,
        page(_task, "SimpleOTATaskInfo"),
        limit_per_s=10,
    ),
    "ListOTAUnfinishedTaskByDevice": Operation(
        "viewer",
        (
            *DEVICE_KEY,
            Param("ModuleName", check=VERSION),
            Param("TaskStatus", check=OneOf(OPEN_TASKS)),
            Param("TaskStatusList", "list", check=OneOf(OPEN_TASKS), unique=False),
        ),
        _open_tasks,
        lambda r: {"Data": {"SimpleOTATaskInfo": [_open_task(item) for item in r.items]}},
        limit_per_s=10,
    ),
    "CancelOTATaskByJob": Operation(
        "operator",
        (JOB_ID, *(Param(name, "bool", default=False) for name in _STOPS), Param(UNCONFIRMED, "bool")),
        _cancel_job,
        selects=True,
        limit_per_s=5,
    ),
    "CancelOTATaskByDevice": Operation(
        "operator",
        (FIRMWARE_ID, PRODUCT_KEY, Param("DeviceName", "list", required=True, most=200), Param("JobId", selects=True)),
        _cancel_devices,
        selects=True,
        limit_per_s=10,
    ),
    "ConfirmOTATask": Operation(
        "operator",
        (Param("TaskId", "list", required=True, most=CONFIRM_MAX, unique=False),),
        lambda p: c.ConfirmTasks(tasks=tuple(map(names.read_task_id, p["TaskId"]))),
        selects=True,
        limit_per_s=20,
    ),
    "ReupgradeOTATask": Operation(
        "operator",
        (JOB_ID, Param("TaskId", "list", required=True, most=REPEAT_MAX)),
        lambda p: c.RepeatTasks(
            job_id=names.read_job_id(p["JobId"]), tasks=tuple(map(names.read_task_id, p["TaskId"]))
        ),
        selects=True,
        limit_per_s=20,
    ),
}
