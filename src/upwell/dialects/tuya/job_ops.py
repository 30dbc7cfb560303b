"""Tuya's job and task operations (tuya 2.2, 2.3, 2.6, 2.7): their parameters, their commands, their answers.

Tuya has no dynamic jobs, windows, pace, tags or replacing of tasks, so what its commands leave out stays at the core's
defaults.
"""

from collections.abc import Callable
from dataclasses import fields
from decimal import Decimal
from typing import Any

from upwell.dialects.checks import OneOf, Range
from upwell.dialects.operations import Operation, Param, Values
from upwell.dialects.rpc_answers import utc
from upwell.dialects.rpc_checks import (
    DEVICE_KEY,
    GRAY_PERCENT,
    OPEN_OF_DEVICE,
    OPEN_TASKS,
    PRODUCT_KEY,
    TASK_STATES,
    UNCONFIRMED,
    VERSION,
    asked_states,
    cancelled_states,
    check_retry,
    check_targets,
    nothing_cancelled,
)
from upwell.dialects.tuya import names
from upwell.dialects.tuya.package_ops import PACKAGE_ID
from upwell.dialects.tuya.render import Listed, Table, page, rows, struct
from upwell.dialects.tuya.tables import PRODUCT, Ask, ask, data, of_device, operation, paged, sliced
from upwell.domain import commands as c

KINDS = {"verify": "VERIFY_FIRMWARE"}  # of jobs; every other is an upgrade
FLAGS = {"CancelQueuedTask": "QUEUED", "CancelNotifiedTask": "NOTIFIED"}  # tuya 2.7: no flag for IN_PROGRESS
TARGETS = {"SPECIFIC": ("TargetDeviceName",), "GRAY": ("GrayPercent",), "GROUP": ("GroupId",)}

_PACKAGES = ask("package_ids", "FirmwareId", read=lambda text: (names.read_firmware_id(text),), required=True)
_JOB_ID = ask("job_id", "JobId", read=names.read_job_id, required=True)


def _targets(most: int) -> Ask:
    return ask("device_names", "TargetDeviceName", "list", most=most)


_MANNER = (
    ask("timeout_min", "TimeoutInMinutes", "int", check=Range(1, 1440)),
    ask("need_push", "NeedPush", "bool"),
    ask("need_confirm", "NeedConfirm", "bool"),
    ask("protocol", "DownloadProtocol", check=OneOf(("HTTPS",))),
)
_STATIC = (
    _PACKAGES,
    PRODUCT,
    ask("selection", "TargetSelection", required=True, check=OneOf(("ALL", *TARGETS))),
    ask("source_versions", "SrcVersion", "list", most=10, check=VERSION),
    ask("retry_interval_min", "RetryInterval", "int", check=OneOf((0, 10, 30, 60, 1440))),
    ask("retry_count", "RetryCount", "int", check=OneOf((1, 2, 5))),
    ask("gray_percent", "GrayPercent", check=GRAY_PERCENT, selects=True),
    ask("group_ids", "GroupId", read=lambda text: (names.read_group_id(text),), selects=True),
    _targets(200),
    *_MANNER,
)
_OF_MANNER = frozenset(field.name for field in fields(c.Manner))


def _job(kind: str) -> Callable[..., c.CreateJob]:
    """The command that makes such a job of its fields and those of its manner."""

    def command(**given: Any) -> c.CreateJob:
        manner = c.Manner(**{name: value for name, value in given.items() if name in _OF_MANNER})
        return c.CreateJob(
            kind=kind, manner=manner, **{name: value for name, value in given.items() if name not in _OF_MANNER}
        )

    return command


def _together(given: Values) -> dict[str, Any]:
    check_targets(given, TARGETS)
    check_retry(given)
    return {}


def _states(given: Values) -> dict[str, Any]:
    states = cancelled_states(given, FLAGS)
    if not states:
        raise nothing_cancelled(FLAGS)
    return {"states": states}


def _percent(r: c.Job) -> str | None:
    """tuya 7.9: as it was sent; what was stored with zeros behind it is shown without them."""
    return f"{Decimal(r.gray_percent).normalize():f}" if r.gray_percent else None


CREATED: Table = {
    "jobId": lambda r: names.public(r.job_id),
    "firmwareId": lambda r: names.public(r.job_id),  # tuya 1.6: the seed's example has the job's id here
    "utcCreate": lambda r: utc(r.created_at),
}
JOB: Table = {
    "firmwareId": lambda r: names.public(r.package_id),
    "jobId": lambda r: names.public(r.job_id),
    "jobStatus": "status",
    "jobType": lambda r: KINDS.get(r.kind, "UPGRADE_FIRMWARE"),
    "productKey": "product_key",
    "targetSelection": "selection",
    "utcCreate": lambda r: utc(r.created_at),
    "utcModified": lambda r: utc(r.modified_at),
}
WHOLE_JOB: Table = {
    **JOB,
    "destVersion": "dest_version",
    "downloadProtocol": lambda r: r.manner.protocol,
    "grayPercent": _percent,
    "groupId": lambda r: None if r.asks_version or not r.group_ids else names.public(r.group_ids[0]),
    "groupName": "group_name",
    "jobDesc": "status_desc",
    "name": "package_name",
    "needConfirm": lambda r: r.manner.need_confirm,
    "needPush": lambda r: r.manner.need_push,
    "retryCount": lambda r: None if r.manner.retry_interval_min is None else r.manner.retry_count,
    "retryInterval": lambda r: r.manner.retry_interval_min,
    "srcVersions": lambda r: {"SrcVersion": list(r.source_versions)},  # tuya 2.6: PascalCase inside, as printed
    "timeoutInMinutes": lambda r: r.manner.timeout_min,
    "utcEndTime": lambda r: utc(r.ended_at),
    "utcStartTime": lambda r: utc(r.started_at),
}
_EVERY_TASK: Table = {
    "deviceName": "device_name",
    "destVersion": "dest_version",
    "firmwareId": lambda r: names.public(r.package_id),
    "iotId": "iot_id",
    "jobId": lambda r: names.public(r.ref.job_id),
    "productKey": "product_key",
    "productName": "product_name",
    "srcVersion": "source_version",
    "taskId": lambda r: names.task_id(r.ref),
    "taskStatus": "state",
    "utcCreate": lambda r: utc(r.created_at),
    "utcModified": lambda r: utc(r.modified_at),
}
TASK: Table = {
    **_EVERY_TASK,
    "progress": lambda r: str(r.progress),  # tuya 2.7: text, as is the timeout
    "taskDesc": "description",
    "timeout": lambda r: None if r.timeout_min is None else str(r.timeout_min),
}
OPEN_TASK: Table = {**_EVERY_TASK, "moduleName": "module"}

_JOBS = page(JOB, "simpleOTAJobInfo")

OPERATIONS: dict[str, Operation] = {
    "CreateOTAVerifyJob": operation(
        "operator",
        _job("verify"),
        # tuya 2.3, 7.8: the seed's own example names no device.
        (_PACKAGES, PRODUCT, _targets(10), *_MANNER),
        data(lambda r: struct(CREATED, r)),
        selects=True,
    ),
    "CreateOTAStaticUpgradeJob": operation(
        "operator", _job("static"), _STATIC, data(lambda r: struct(CREATED, r)), further=_together, selects=True
    ),
    "QueryOTAJob": operation("viewer", c.ShowJob, (_JOB_ID,), data(lambda r: struct(WHOLE_JOB, r))),
    "ListOTAJobByFirmware": operation("viewer", sliced(c.ListJobs), (PACKAGE_ID, *paged(200)), _JOBS),
    "ListOTAJobByDevice": operation(
        "viewer",
        sliced(c.ListJobs),
        (PACKAGE_ID, *paged(100)),
        _JOBS,
        more=(PRODUCT_KEY, Param("DeviceName", required=True)),
        further=lambda given: {"device": c.DeviceKey(product_key=given["ProductKey"], name=given["DeviceName"])},
    ),
    "ListOTATaskByJob": operation(
        "viewer",
        sliced(c.ListTasks),
        (
            _JOB_ID,
            *paged(100, number=1, size=10),
            ask("states", "TaskStatus", read=lambda state: frozenset({state}), check=OneOf(TASK_STATES)),
            ask("device_names", "DeviceNames", "list", unique=False),
        ),
        page(TASK, "simpleOTATaskInfo"),
    ),
    "ListOTAUnfinishedTaskByDevice": operation(
        "viewer",
        c.ListTasks,
        (ask("module", "ModuleName", check=VERSION),),
        lambda r: {"data": Listed("simpleOTATaskInfo", rows(OPEN_TASK, r.items))},
        more=(
            *DEVICE_KEY,
            Param("TaskStatus", check=OneOf(OPEN_TASKS)),
            Param("TaskStatusList", "list", check=OneOf(OPEN_TASKS), unique=False),
        ),
        further=lambda given: of_device(given) | {"states": asked_states(given), "asked": OPEN_OF_DEVICE},
    ),
    "CancelOTATaskByJob": operation(
        "operator",
        c.CancelTasks,
        (_JOB_ID,),
        more=(*(Param(flag, "bool", default=False) for flag in FLAGS), Param(UNCONFIRMED, "bool")),
        further=_states,
        selects=True,
    ),
    "CancelOTATaskByDevice": operation(
        "operator",
        c.CancelTasks,
        (
            PACKAGE_ID,
            PRODUCT,
            ask("device_names", "DeviceName", "list", required=True, most=200),
            ask("job_id", "JobId", read=names.read_job_id, selects=True),
        ),
        # tuya 2.7: a task that is in progress is left alone, unlike at Alibaba.
        further=lambda _: {"states": c.OPEN_STATES - {"IN_PROGRESS"}},
        selects=True,
    ),
    "ConfirmOTATask": operation(
        "operator",
        c.ConfirmTasks,
        (
            ask(
                "tasks", "TaskId", "list", lambda ids: tuple(map(names.read_task_id, ids)),
                required=True, most=10, unique=False,
            ),
        ),
        selects=True,
    ),
}  # fmt: skip
