"""Huawei's batch tasks for upgrades (huawei 3): their members, their commands, their answers.

A batch task is a job and its subtasks are the job's tasks. Batch tasks for anything but upgrades are refused by name.
The upload of a file of targets is a form and the door's; listing and deleting them is here.
"""

from collections.abc import Callable
from typing import Any

from upwell.dialects.checks import OneOf, Pattern, Range, Serialised, Text
from upwell.dialects.huawei import codes, names, render
from upwell.dialects.huawei.device_ops import DEVICE_ID, FILTERS
from upwell.dialects.huawei.flow import PROGRESS_OF, STANDING_OF, SUBTASK_STATUS, TASK_STATUS, task_progress
from upwell.dialects.huawei.package_ops import PACKAGE_ID
from upwell.dialects.huawei.params import APP_ID, CHINESE, GROUP_ID, ID_128, WINDOW, asked
from upwell.dialects.json_members import read
from upwell.dialects.operations import Operation, Param, Table, Values, at
from upwell.domain import commands as c
from upwell.domain.commands import Command
from upwell.domain.errors import Invalid, Missing

PACKAGES_MAX = 20  # of a task; huawei 3.2 names no limit
GROUPS_MAX = 100  # of a task; huawei 3.2 names no limit
NAMED_MAX = 100  # targets of a stop, retry or confirm (huawei 3.9)
RETRY_COUNT_MAX = 5
RETRY_INTERVAL_MAX_MIN = 1440
EXT_INFO_CHARS_MAX = 512
SCHEDULE_DAYS_MAX = 7
OFFERS_PER_MIN = 60_000  # of one task; no source says how fast the cloud goes (huawei 6.3)

_PARTS = {"firmwareUpgrade": "firmware", "softwareUpgrade": "software", "moduleUpgrade": "module"}
TYPES = {part: kind for kind, part in _PARTS.items()}
_TYPE = Param(
    "task_type",
    required=True,
    check=Pattern("|".join(_PARTS), f"one of {', '.join(_PARTS)}; no other task is offered by this server"),
)
_POLICY: Table = (
    Param("schedule_time", "time"),
    Param("retry_count", "int", check=Range(0, RETRY_COUNT_MAX)),
    Param("retry_interval", "int", check=Range(0, RETRY_INTERVAL_MAX_MIN)),
)
_FILTER: Table = (Param("group_ids", "list", required=True, most=GROUPS_MAX, check=GROUP_ID, unique=False),)
_DOCUMENT: Table = (Param("package_ids", "any"), Param("package_id", "any"))
_CREATE: Table = (
    APP_ID,
    Param("task_name", required=True, check=Text(128, CHINESE + "A-Za-z0-9_", "Chinese, letters, digits or _")),
    _TYPE,
    Param("task_mode", check=OneOf(("GATEWAY",))),
    Param("need_confirm", "bool"),
    Param("task_ext_info", "object", check=Serialised(EXT_INFO_CHARS_MAX, "characters")),
    Param("targets", "list", check=ID_128, most=c.TARGETS_MAX, default=(), selects=True, unique=False),
    Param("targets_filter", "object", members=_FILTER, closed=True),
    Param("document", "object", members=_DOCUMENT),
    Param("task_policy", "members", default={}, members=_POLICY, closed=True),
    Param("document_source", check=ID_128),
)
# huawei 3.9: without it all subtasks are meant; an empty one is refused, for it is an unset variable
_NAMED: Table = (Param("targets", "list", check=ID_128, most=NAMED_MAX, default=(), selects_all=True, unique=False),)
_ALIKE: Table = (DEVICE_ID, *FILTERS, Param("tags"), Param("sql"))
_FOUND: Table = (Param("task_detail_status", check=OneOf(tuple(STANDING_OF))), Param("target", check=ID_128))
_ALIKE_NAMED: Table = (*_ALIKE, *_CREATE, *_FOUND, Param("status"))
_ALL, _ONE = "/batchtasks", "/batchtasks/{task_id}"
_TASK_ID = (Param("task_id", required=True, check=Text(24, "a-f0-9", "digits or a-f")),)
_FILE_ID = (Param("file_id", required=True, check=ID_128),)


# --- commands -----------------------------------------------------------------------------------------------------


def _create(v: Values) -> c.CreateJob:
    part = _PARTS[v["task_type"]]
    if part == "module":  # huawei 3.2: software and firmware only
        for name in ("task_mode", "task_ext_info"):
            if v[name] is not None:
                raise Invalid(name, "only with task_type softwareUpgrade or firmwareUpgrade", "it is moduleUpgrade")
    _check_retry(v["task_policy"])
    targets, groups = _targets(v)
    facts = {
        "document": v["document"],
        "targets_filter": None if targets else v["targets_filter"],
        "need_confirm": v["need_confirm"],
    }
    return c.CreateJob(
        kind="static",
        asks_version=True,
        name=v["task_name"],
        part=part,
        package_ids=_packages(v["document"]),
        space=v["app_id"],
        selection="SPECIFIC" if targets else "GROUP",
        targets=targets,
        group_ids=groups,
        manner=_manner(v),
        lead_s=(0, SCHEDULE_DAYS_MAX * c.DAY_S),
        by_gateway=v["task_mode"] is not None,
        ext_info=v["task_ext_info"],
        facts=render.present(facts),
    )


def _manner(v: Values) -> c.Manner:
    policy = v["task_policy"]
    return c.Manner(
        retry_interval_min=policy.get("retry_interval"),
        retry_count=policy.get("retry_count") or 0,
        maximum_per_min=OFFERS_PER_MIN,
        need_confirm=v["need_confirm"],
        scheduled_at=policy.get("schedule_time"),
    )


def _check_retry(policy: Values) -> None:
    pair = ("retry_count", "retry_interval")
    missing = [name for name in pair if policy.get(name) is None]
    if len(missing) == 1:  # huawei 3.4: one must come with the other
        [given] = set(pair) - set(missing)
        raise Missing(f"task_policy.{missing[0]}", f"task_policy.{given} is given")


def _targets(v: Values) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """huawei 3.2: targets win over targets_filter, and that over document_source, which no upgrade takes."""
    if v["targets"]:
        return tuple(dict.fromkeys(v["targets"])), ()
    if v["targets_filter"]:
        ids = read(_FILTER, v["targets_filter"], "targets_filter.")["group_ids"]
        if ids:
            return (), tuple(names.read_group_id(text) for text in dict.fromkeys(ids))
        raise Invalid("targets_filter.group_ids", "at least one")
    if v["document_source"] is not None:
        raise Invalid("document_source", "not for upgrades", "give targets or targets_filter")
    raise Missing("targets", "targets_filter is absent")


def _packages(document: dict[str, Any] | None) -> tuple[int, ...]:
    """huawei 0.1: the list `package_ids`, and `package_id` as a text or a list."""
    if document is None:
        raise Missing("document")
    name = "package_id" if document.get("package_ids") is None else "package_ids"
    if document.get(name) is None:
        raise Missing("document.package_ids")
    given, other = _listed(document[name]), _listed(document.get("package_id"))
    if name == "package_ids" and other not in (None, given):
        raise Invalid("document.package_id", "not together with package_ids", "both are given, and they differ")
    table = (Param(name, "list", required=True, check=PACKAGE_ID.check, most=PACKAGES_MAX, unique=False),)
    ids = read(table, {name: given}, "document.")[name]
    if not ids:
        raise Invalid(f"document.{name}", "at least one")
    return tuple(names.read_package_id(text) for text in dict.fromkeys(ids))


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _list(v: Values) -> c.ListJobs:
    progress = None if v["status"] is None else PROGRESS_OF[v["status"]]
    return c.ListJobs(asked=asked(v), asking=True, part=_PARTS[v["task_type"]], space=v["app_id"], progress=progress)


def _number(v: Values) -> int:
    return names.read_task_id(v["task_id"])


def _show(v: Values) -> c.ShowJob:
    status = v["task_detail_status"]
    tasks = c.ListTasks(
        asked=asked(v),
        asking=True,
        job_id=_number(v),
        standing=None if status is None else STANDING_OF[status],
        targets=() if v["target"] is None else (v["target"],),
    )
    return c.ShowJob(job_id=_number(v), asking=True, tasks=tasks)


# --- answers ------------------------------------------------------------------------------------------------------


def _policy(r: c.Manner) -> dict[str, Any] | None:
    members = {
        "schedule_time": render.time(r.scheduled_at),
        "retry_count": None if r.retry_interval_min is None else r.retry_count,
        "retry_interval": r.retry_interval_min,
    }
    return render.present(members) or None


def _task(r: c.Job) -> dict[str, Any]:
    members = {
        "task_id": names.task_id(r.job_id),
        "task_name": r.name,
        "task_type": TYPES[r.part],
        "task_mode": "GATEWAY" if r.by_gateway else None,
        "need_confirm": r.facts.get("need_confirm"),
        "task_ext_info": r.ext_info,
        "targets": list(r.targets) or None,
        "targets_filter": r.facts.get("targets_filter"),
        "document": r.facts.get("document"),
        "task_policy": _policy(r.manner),
        "status": None if r.progress is None else TASK_STATUS[r.progress],
        "status_desc": r.status_desc or r.waits_for or None,
        "task_progress": None if r.tally is None else task_progress(r.tally),
        "create_time": render.time(r.created_at),
    }
    return render.present(members)


def _subtask(r: c.Task) -> dict[str, Any]:
    failed = SUBTASK_STATUS[r.standing] in ("Fail", "FailWaitRetry")
    error = codes.task_failure(r.reason, r.description, r.code) if failed else None
    members = {"target": r.public_id, "status": SUBTASK_STATUS[r.standing], "output": r.description, "error": error}
    return render.present(members)


def _shown(r: c.Job) -> dict[str, Any]:
    if r.tasks is None:
        return {"batchtask": _task(r)}
    details = [_subtask(item) for item in r.tasks.items]
    return {"batchtask": _task(r), "task_details": details, "page": render.page(r.tasks)}


def _target(r: c.TargetResult) -> dict[str, str]:
    if not r.reason:
        return {"target": r.public_id, "status": "success"}
    return {"target": r.public_id, "status": "failure"} | codes.target_failure(r.reason)


def _steered(verb: str, command: Callable[..., Command]) -> Operation:
    """The operation that asks the command for these targets of the task, or for all of it."""
    return at(
        "POST", f"{_ONE}/{verb}", "operator",
        lambda v: command(job_id=_number(v), asking=True, targets=v["targets"]),
        lambda r: {"targets": [_target(item) for item in r.targets]},
        ids=_TASK_ID, body=_NAMED, selects=True, alike=_ALIKE_NAMED,
    )  # fmt: skip


def file_members(r: c.TargetFile) -> dict[str, Any]:
    """A file of targets as answers tell of it (huawei 3.10)."""
    return {"file_id": r.file_id, "file_name": r.name, "upload_time": render.time(r.uploaded_at)}


OPERATIONS: dict[str, Operation] = {
    "CreateBatchTask": at(
        "POST", _ALL, "operator", _create, _task, status=201, body=_CREATE, selects=True, alike=_ALIKE,
    ),
    "ListBatchTasks": at(
        "GET", _ALL, "viewer", _list, render.paged("batchtasks", _task),
        query=(_TYPE, APP_ID, Param("status", check=OneOf(tuple(PROGRESS_OF))), *WINDOW),
    ),
    "ShowBatchTask": at(
        "GET", _ONE, "viewer", _show, _shown, ids=_TASK_ID,
        query=(*_FOUND, *WINDOW),
    ),
    "DeleteBatchTask": at(
        "DELETE", _ONE, "operator", lambda v: c.DeleteJob(job_id=_number(v)), status=204, ids=_TASK_ID,
    ),
    "RetryBatchTask": _steered("retry", c.RepeatTasks),
    "StopBatchTask": _steered("stop", c.CancelTasks),
    "ConfirmBatchTask": _steered("confirm", c.ConfirmTasks),
    "ListBatchTaskFiles": at(
        "GET", "/batchtask-files", "viewer",
        lambda _: c.ListTargetFiles(), lambda r: {"files": [file_members(item) for item in r]},
    ),
    "DeleteBatchTaskFile": at(
        "DELETE", "/batchtask-files/{file_id}", "operator",
        lambda v: c.DeleteTargetFile(file_id=v["file_id"]), status=204, ids=_FILE_ID,
    ),
}  # fmt: skip
