"""Alibaba's job operations (alibaba 2.4): their parameters, their commands, their answers.

The window of a planned job is checked here as far as it needs no clock; how far it is from now is the core's to check.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from upwell.dialects.alibaba import names
from upwell.dialects.alibaba.package_ops import FIRMWARE_ID
from upwell.dialects.alibaba.render import page, percent
from upwell.dialects.checks import Length, OneOf, Pattern, Range
from upwell.dialects.operations import Operation, Param, Values, refuse_repeats
from upwell.dialects.rpc_answers import from_millis, utc
from upwell.dialects.rpc_checks import (
    GRAY_PERCENT,
    PRODUCT_KEY,
    VERSION,
    asked,
    check_retry,
    check_targets,
    page_params,
)
from upwell.domain import commands as c
from upwell.domain.errors import Invalid, Missing

TAG_CHARS_MAX = 4096  # alibaba 2.2: all keys and values of a job
MAXIMUM_PER_MIN = 1000  # alibaba 8: the seed's 0-1000, default 1000
WINDOW_MIN, WINDOW_MAX = timedelta(hours=1), timedelta(days=30)  # alibaba 2.2: ScheduleFinishTime after ScheduleTime

JOB_ID = Param("JobId", required=True)

_MILLIS = Range(10**12, 10**13 - 1, "a time in milliseconds since 1970, 13 digits")  # alibaba 2.2
_TIMEOUT = Param("TimeoutInMinutes", "int", check=Range(1, 1440))
_PACE = Range(0, MAXIMUM_PER_MIN)
_TAG = (
    Param("Key", required=True, check=Pattern(r"[A-Za-z0-9.]{1,30}", "1-30 letters, digits or .")),
    Param("Value", required=True, check=Length(1, 1024)),
)
_TARGETS = {"SPECIFIC": ("TargetDeviceName", "DnListFileUrl"), "GRAY": ("GrayPercent",), "GROUP": ("GroupId",)}
_SELECTIONS = ("ALL", "SPECIFIC", "GRAY", "GROUP")

_MANNER = (
    FIRMWARE_ID,
    PRODUCT_KEY,
    _TIMEOUT,
    Param("NeedPush", "bool", default=True),
    Param("NeedConfirm", "bool", default=False),
    Param("DownloadProtocol", check=Pattern(r"(?i:HTTPS|MQTT)", "HTTPS or MQTT"), default="HTTPS"),
    Param("Tag", "list", most=10, members=_TAG),
)
_UPGRADE = (
    *_MANNER,
    Param("SrcVersion", "list", most=10, check=VERSION),
    Param("RetryInterval", "int", check=OneOf((0, 10, 30, 60, 1440))),
    Param("RetryCount", "int", check=OneOf((1, 2, 5))),
    Param("MaximumPerMinute", "int", check=_PACE, default=MAXIMUM_PER_MIN),
    Param("OverwriteMode", "int", check=OneOf((1, 2)), default=1),
    Param("MultiModuleMode", "bool", default=False),
    Param("GroupId", selects=True),
)
# alibaba 2.4: one sample of the page spells TargetDeviceNames.1
_VERIFY = (*_MANNER, Param("TargetDeviceName", "list", required=True, most=10, also="TargetDeviceNames"))
_STATIC = (
    *_UPGRADE,
    Param("TargetSelection", required=True, check=OneOf(_SELECTIONS)),
    Param("TargetDeviceName", "list", most=200),
    Param("DnListFileUrl", check=Length(1, 1024), selects=True),
    Param("GrayPercent", check=GRAY_PERCENT, selects=True),
    Param("GroupType", check=OneOf(("LINK_PLATFORM",))),  # alibaba 8: the default with GROUP
    Param("ScheduleTime", "long", check=_MILLIS),
    Param("ScheduleFinishTime", "long", check=_MILLIS),
)
_DYNAMIC = (
    *_UPGRADE,
    Param("DynamicMode", "int", check=OneOf((1, 2)), default=1),
    Param("GroupType", check=OneOf(("LINK_PLATFORM_DYNAMIC",))),
)
_UPDATE = (
    JOB_ID,
    Param("UpgradeType", required=True, check=OneOf(("STATIC", "DYNAMIC"))),
    Param("TargetSelection", required=True, check=OneOf(_SELECTIONS)),
    Param("MaximumPerMinute", "int", required=True, check=_PACE),
    _TIMEOUT,
    Param("SrcVersionList", "list", most=10, check=VERSION),
    Param("Tags", "list", most=10, members=_TAG),
)


# --- commands -----------------------------------------------------------------------------------------------------


def _job_of(p: Values, **manner: Any) -> dict[str, Any]:
    """What every job has; `manner` is how it goes about its tasks, beside what every job says of that."""
    return {
        "package_ids": (names.read_firmware_id(p["FirmwareId"]),),
        "product_key": p["ProductKey"],
        "manner": c.Manner(
            timeout_min=p["TimeoutInMinutes"],
            need_push=p["NeedPush"],
            need_confirm=p["NeedConfirm"],
            protocol=p["DownloadProtocol"].upper(),
            **manner,
        ),
        "tags": _tags(p, "Tag"),
    }


def _tags(p: Values, name: str) -> tuple[tuple[str, str], ...]:
    tags = tuple((struct["Key"], struct["Value"]) for struct in p[name])
    refuse_repeats(name, [key for key, _ in tags])
    chars = sum(len(key) + len(value) for key, value in tags)
    if chars > TAG_CHARS_MAX:  # alibaba 2.2
        raise Invalid(name, f"all keys and values at most {TAG_CHARS_MAX} characters", f"they have {chars}")
    return tags


def _upgrade(p: Values, **hours: datetime | None) -> dict[str, Any]:
    check_retry(p)  # [seed]: RetryInterval and TimeoutInMinutes take any pair of their values
    if p["MultiModuleMode"] and p["OverwriteMode"] == 2:  # alibaba 7.3
        raise Invalid("OverwriteMode", "not 2 with MultiModuleMode", "MultiModuleMode is true")
    manner = {
        "multi_module": p["MultiModuleMode"],
        "retry_interval_min": p["RetryInterval"],
        "retry_count": p["RetryCount"] or 0,
        "maximum_per_min": p["MaximumPerMinute"],
        "overwrite": p["OverwriteMode"] == 2,
    }
    return _job_of(p, **manner, **hours) | {
        "source_versions": p["SrcVersion"],
        "group_ids": (names.read_group_id(p["GroupId"]),) if p["GroupId"] else (),
    }


def _verify(p: Values) -> c.CreateJob:
    return c.CreateJob(kind="verify", device_names=p["TargetDeviceName"], **_job_of(p))


def _static(p: Values) -> c.CreateJob:
    _check_selection(p)
    scheduled_at, finish_at = _window(p)
    return c.CreateJob(
        kind="static",
        selection=p["TargetSelection"],
        device_names=p["TargetDeviceName"],
        device_list_url=p["DnListFileUrl"],
        gray_percent=p["GrayPercent"],
        **_upgrade(p, scheduled_at=scheduled_at, finish_at=finish_at),
    )


def _check_selection(p: Values) -> None:
    """alibaba 2.4: each selection has its own parameters and refuses those of the others."""
    selection = p["TargetSelection"]
    check_targets(p, _TARGETS, {"GROUP": ("GroupType",)})
    if p["TargetDeviceName"] and p["DnListFileUrl"]:
        raise Invalid("DnListFileUrl", "not together with TargetDeviceName", "both are given")
    if selection in ("SPECIFIC", "GROUP") and p["SrcVersion"]:
        raise Invalid("SrcVersion", "only with TargetSelection ALL or GRAY", f"TargetSelection is {selection}")


def _window(p: Values) -> tuple[datetime | None, datetime | None]:
    start = None if p["ScheduleTime"] is None else from_millis(p["ScheduleTime"])
    if p["ScheduleFinishTime"] is None:
        return start, None
    finish = from_millis(p["ScheduleFinishTime"])
    if start is None:
        raise Invalid("ScheduleFinishTime", "only with ScheduleTime", "ScheduleTime is absent")
    if not WINDOW_MIN <= finish - start <= WINDOW_MAX:  # alibaba 2.2
        problem = f"it is {finish - start} after" if finish >= start else f"it is {start - finish} before"
        raise Invalid("ScheduleFinishTime", "1 hour to 30 days after ScheduleTime", problem)
    return start, finish


def _dynamic(p: Values) -> c.CreateJob:
    """alibaba 2.4: GroupId and GroupType both or none, and a group excludes SrcVersion."""
    if bool(p["GroupId"]) != bool(p["GroupType"]):
        absent, given = ("GroupType", "GroupId") if p["GroupId"] else ("GroupId", "GroupType")
        raise Missing(absent, f"{given} is given")
    if p["GroupId"] and p["SrcVersion"]:
        raise Invalid("SrcVersion", "not together with GroupId", "both are given")
    return c.CreateJob(kind="dynamic", selection="ALL", dynamic_mode=p["DynamicMode"], **_upgrade(p))  # alibaba 2.1


def _update(p: Values) -> c.UpdateJob:
    for name in ("TimeoutInMinutes", "SrcVersionList"):  # alibaba 2.4: dynamic only
        if p["UpgradeType"] == "STATIC" and p[name]:
            raise Invalid(name, "only with UpgradeType DYNAMIC", "UpgradeType is STATIC")
    return c.UpdateJob(
        job_id=names.read_job_id(p["JobId"]),
        kind=p["UpgradeType"].lower(),
        selection=p["TargetSelection"],
        maximum_per_min=p["MaximumPerMinute"],
        timeout_min=p["TimeoutInMinutes"],
        source_versions=p["SrcVersionList"] or None,
        tags=_tags(p, "Tags"),
    )


def _list(p: Values) -> c.ListJobs:
    name = p.get("DeviceName")
    return c.ListJobs(
        asked=asked(p),
        package_id=names.read_firmware_id(p["FirmwareId"]),
        device=c.DeviceKey(product_key=p["ProductKey"], name=name) if name else None,
    )


# --- answers ------------------------------------------------------------------------------------------------------


def _created(r: c.Job) -> dict[str, Any]:
    return {"Data": {"JobId": names.job_id(r.job_id), "UtcCreate": utc(r.created_at)}}


def _simple_job(r: c.Job) -> dict[str, Any]:
    is_dynamic = r.kind == "dynamic"
    return {
        "JobId": names.job_id(r.job_id),
        "FirmwareId": names.firmware_id(r.package_id),
        "ProductKey": r.product_key,
        "JobStatus": r.status,
        "JobType": "VERIFY_FIRMWARE" if r.kind == "verify" else "UPGRADE_FIRMWARE",
        "SelectionType": "DYNAMIC" if is_dynamic else "STATIC",
        "TargetSelection": "ALL" if is_dynamic else r.selection,  # alibaba 2.1: a dynamic job reads back ALL
        "Tags": {"OtaTagDTO": [{"Key": key, "Value": value} for key, value in r.tags]},
        "UtcCreate": utc(r.created_at),
        "UtcModified": utc(r.modified_at),
        "UtcStartTime": utc(r.started_at),
        "UtcEndTime": utc(r.ended_at),
    }


def _job(r: c.Job) -> dict[str, Any]:
    manner = r.manner
    retries = manner.retry_interval_min is not None
    more = {
        "Name": r.package_name,
        "JobDesc": r.status_desc,
        "DestVersion": r.dest_version,
        "DownloadProtocol": manner.protocol,
        "SrcVersions": {"SrcVersion": list(r.source_versions)},
        "MaximumPerMinute": manner.maximum_per_min,
        "OverwriteMode": 2 if manner.overwrite else 1,
        "NeedPush": manner.need_push,
        "NeedConfirm": manner.need_confirm,
        "MultiModuleMode": manner.multi_module,
        "DynamicMode": r.dynamic_mode,
        "GrayPercent": percent(Decimal(r.gray_percent)) if r.gray_percent else None,
        "GroupId": None if r.asks_version or not r.group_ids else names.group_id(r.group_ids[0]),
        "GroupName": r.group_name,
        "RetryInterval": manner.retry_interval_min,
        "RetryCount": manner.retry_count if retries else None,
        "TimeoutInMinutes": manner.timeout_min,
        "UtcScheduleTime": utc(manner.scheduled_at),
        "UtcScheduleFinishTime": utc(manner.finish_at),
    }
    return {"Data": _simple_job(r) | more}


_jobs = page(_simple_job, "SimpleOTAJobInfo")


# --- the table ----------------------------------------------------------------------------------------------------

OPERATIONS: dict[str, Operation] = {
    "CreateOTAVerifyJob": Operation("operator", _VERIFY, _verify, _created, selects=True, limit_per_s=10),
    "CreateOTAStaticUpgradeJob": Operation("operator", _STATIC, _static, _created, selects=True, limit_per_s=20),
    "CreateOTADynamicUpgradeJob": Operation("operator", _DYNAMIC, _dynamic, _created, selects=True, limit_per_s=20),
    "UpdateOTAJob": Operation("operator", _UPDATE, _update, selects=True, limit_per_s=10),
    "CancelOTAStrategyByJob": Operation(
        "operator", (JOB_ID,), lambda p: c.EndPolicy(job_id=names.read_job_id(p["JobId"])), selects=True, limit_per_s=10
    ),
    "QueryOTAJob": Operation(
        "viewer", (JOB_ID,), lambda p: c.ShowJob(job_id=names.read_job_id(p["JobId"])), _job, limit_per_s=10
    ),
    "ListOTAJobByFirmware": Operation("viewer", (FIRMWARE_ID, *page_params(200)), _list, _jobs, limit_per_s=10),
    "ListOTAJobByDevice": Operation(
        "viewer",
        (FIRMWARE_ID, PRODUCT_KEY, Param("DeviceName", required=True), *page_params(100)),
        _list,
        _jobs,
        limit_per_s=10,
    ),
}
