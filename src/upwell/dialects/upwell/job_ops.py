"""Our own operations on rollouts, which the core calls jobs: their members, their commands, their answers.

Which devices are meant is always said, by exactly one member of `targets`; what does not go with the kind is refused.
"""

from collections.abc import Mapping
from typing import Any

from upwell.dialects.checks import OneOf, Range
from upwell.dialects.operations import Param, Table, Values
from upwell.dialects.upwell import care, names, pages
from upwell.dialects.upwell.device_ops import DEVICE_PATH, key
from upwell.dialects.upwell.package_ops import PACKAGE_PATH, number_of
from upwell.dialects.upwell.params import (
    DEVICE_NAME,
    KEY,
    ONE_MEMBER,
    SPACE_ID,
    VERSION,
    YES,
    Moment,
    Percent,
    Tags,
    label,
    moment,
    path_id,
    percent,
    sort,
    word,
)
from upwell.dialects.upwell.rows import Row, listed, row
from upwell.dialects.upwell.shapes import Shape, at, free, members, number, switch, text, texts
from upwell.dialects.upwell.waves import DEVICES_MAX
from upwell.domain import commands as c
from upwell.domain.approval import Stands
from upwell.domain.errors import Invalid
from upwell.domain.talk import TaskRef
from upwell.domain.task import State

KINDS = ("static", "dynamic", "verify")
NAMED_MAX = 1000  # devices that one request names; more are named in a list that is uploaded
STEERED_MAX = 200  # tasks that one request confirms or retries
MINUTES_MAX = 1440
PER_MIN = 1000  # offers of one rollout
LEAD_S = (0, 30 * c.DAY_S)  # how far ahead one may be planned
STATES = {str(state).lower(): state for state in State}
OPEN = {name: state for name, state in STATES.items() if str(state) in c.OPEN_STATES}
SELECTIONS = {"ALL": "all", "SPECIFIC": "devices", "GRAY": "percent", "GROUP": "group"}
AWAITING = "awaiting_approval"
_STATUSES = ("planned", AWAITING, "in_progress", "completed", "canceled")

TAGS = Param("tags", "object", check=Tags(word(30), label(128), 0, 10))
PACE = Param("maximum_per_min", "int", check=Range(0, care.PER_MIN_MAX))
TIMEOUT = Param("timeout_min", "int", check=Range(1, MINUTES_MAX))
SOURCES = Param("source_versions", "list", check=VERSION, most=20, selects=True)
_TARGETS: Table = (
    Param("all", "bool", check=YES),
    Param("device_names", "list", check=DEVICE_NAME, most=NAMED_MAX, selects=True),
    Param("list_url", check=label(1024)),
    Param("percent", "number", check=Percent()),
    Param("group_id", check=label(64)),
)
_RETRY: Table = (
    Param("count", "int", required=True, check=Range(1, 5)),
    Param("interval_min", "int", required=True, check=Range(0, MINUTES_MAX)),
)
CREATE: Table = (
    Param("kind", required=True, check=OneOf(KINDS)),
    Param("package_id", required=True, check=label(64)),
    Param("product_id", required=True, check=KEY),
    Param("targets", "members", required=True, members=_TARGETS, closed=True, check=ONE_MEMBER),
    SOURCES,
    Param("downgrade", "bool"),
    Param("existing", "bool"),
    Param("scheduled_at", check=Moment()),
    Param("finish_at", check=Moment()),
    PACE,
    TIMEOUT,
    Param("retry", "members", members=_RETRY, closed=True),
    Param("overwrite", "bool"),
    Param("multi_module", "bool"),
    Param("needs_confirmation", "bool", default=False),
    Param("push", "bool", default=True),
    Param("download_protocol", check=OneOf(("https", "mqtt")), default="https"),
    TAGS,
    *care.PARAMS,
    care.APPROVAL,
    care.HOURS,
    care.PACE,
)
_FOR: Mapping[str, tuple[str, ...]] = {  # which kinds a member is for, where it is not for all
    "source_versions": ("static", "dynamic"), "existing": ("dynamic",), "scheduled_at": ("static",),
    "finish_at": ("static",), "maximum_per_min": ("static", "dynamic"), "retry": ("static", "dynamic"),
    "overwrite": ("static", "dynamic"), "multi_module": ("static", "dynamic"),
    "waves": ("static", "dynamic"), "preset": ("static", "dynamic"), "same_devices_first": ("static", "dynamic"),
    "guard": ("static", "dynamic"), "approval": ("static", "dynamic"), "hours": ("static", "dynamic"),
    "pace": ("static", "dynamic"),
}  # fmt: skip
_SELECTED = {  # by which targets: the core's word, and for which kinds
    "all": ("ALL", ("static", "dynamic")), "device_names": ("SPECIFIC", ("static", "verify")),
    "list_url": ("SPECIFIC", ("static",)), "percent": ("GRAY", ("static",)),
    "group_id": ("GROUP", ("static", "dynamic")),
}  # fmt: skip


# --- commands -------------------------------------------------------------------------------------------------------


def create_of(v: Values) -> c.CreateJob:
    """The rollout that a body asks for. Raises Invalid, NotFound."""
    kind, chosen = v["kind"], _chosen(v["targets"], v["kind"])
    for name, kinds in _FOR.items():
        if v[name] not in (None, ()) and kind not in kinds:
            raise Invalid(name, f"only with kind {' or '.join(kinds)}", f"kind is {kind}")
    sources = v["source_versions"] or ()
    if sources and (chosen not in ("all", "percent")):
        raise Invalid("source_versions", "only with targets all or percent", f"targets has {chosen}")
    targets = v["targets"]
    existing = True if v["existing"] is None else v["existing"]
    return c.CreateJob(
        kind=kind,
        package_ids=(names.read_package_id(v["package_id"]),),
        product_key=v["product_id"],
        selection="ALL" if kind == "dynamic" else _SELECTED[chosen][0],
        device_names=targets["device_names"] or (),
        device_list_url=targets["list_url"],
        gray_percent=percent(targets["percent"]),
        group_ids=() if targets["group_id"] is None else (names.read_group_id(targets["group_id"]),),
        any_group=targets["group_id"] is not None,
        source_versions=sources,
        downgrade=bool(v["downgrade"]),
        dynamic_mode=(1 if existing else 2) if kind == "dynamic" else None,
        manner=_manner(v),
        lead_s=LEAD_S,
        tags=tags_of(v) or (),
        care=_care(v),
    )


def _care(v: Values) -> c.Care | None:
    if v["existing"] is False and (v["waves"] is not None or v["preset"] is not None):
        raise Invalid("existing", "not false with waves or preset: these are shares of the devices there are")
    return care.read(v)


def _chosen(targets: Values, kind: str) -> str:
    """The one member that says which devices are meant. Raises Invalid."""
    given = next(name for name in _SELECTED if targets[name] is not None)
    kinds = _SELECTED[given][1]
    if kind not in kinds:
        raise Invalid(f"targets.{given}", f"only with kind {' or '.join(kinds)}", f"kind is {kind}")
    return given


def _manner(v: Values) -> c.Manner:
    retry, start, finish = v["retry"], moment(v["scheduled_at"]), moment(v["finish_at"])
    if finish is not None and (start is None or finish <= start):
        raise Invalid("finish_at", "after scheduled_at, and only with it")
    if v["multi_module"] and v["overwrite"]:
        raise Invalid("overwrite", "not with multi_module", "both are true")
    return c.Manner(
        retry_interval_min=retry and retry["interval_min"],
        retry_count=retry["count"] if retry else 0,
        timeout_min=v["timeout_min"],
        maximum_per_min=PER_MIN if v["maximum_per_min"] is None else v["maximum_per_min"],
        overwrite=bool(v["overwrite"]),
        multi_module=bool(v["multi_module"]),
        need_push=v["push"],
        need_confirm=v["needs_confirmation"],
        protocol=v["download_protocol"].upper(),
        scheduled_at=start,
        finish_at=finish,
    )


def tags_of(v: Values) -> tuple[tuple[str, str], ...] | None:
    """The tags of a rollout; None where none are said."""
    return None if v["tags"] is None else tuple(v["tags"].items())


def job_of(v: Values) -> int:
    """The rollout that rollout_id names."""
    return names.read_rollout_id(v["rollout_id"])


def _update(v: Values) -> c.UpdateJob:
    return c.UpdateJob(
        job_id=job_of(v), maximum_per_min=v["maximum_per_min"], timeout_min=v["timeout_min"],
        source_versions=v["source_versions"], tags=tags_of(v), hours=care.hours_of(v["hours"]),
        pace=care.pace_of(v["pace"]),
    )  # fmt: skip


def _cancel(v: Values) -> c.CancelTasks:
    if v["from_version"] is not None:
        return c.CancelTasks(job_id=job_of(v), source_version=v["from_version"], devices=v["devices"])
    if v["states"] == ():
        raise Invalid("states", "at least one", "leave it out to cancel all that is open")
    states = v["states"] or tuple(OPEN)
    return c.CancelTasks(
        job_id=job_of(v),
        states=frozenset(str(OPEN[state]) for state in states),
        scheduled=v["states"] is None,
        devices=v["devices"],
    )


def _tasks(v: Values) -> tuple[TaskRef, ...]:
    """The tasks that are named, all of the rollout of the path. Raises Invalid, NotFound."""
    if not v["task_ids"]:
        raise Invalid("task_ids", "at least one")
    refs = tuple(map(names.read_task_id, v["task_ids"]))
    foreign = next((ref for ref in refs if ref.job_id != job_of(v)), None)
    if foreign is not None:
        raise names.Unread("task", f"{names.task_id(foreign)} in this rollout")
    return refs


def _confirm(v: Values) -> c.ConfirmTasks:
    return c.ConfirmTasks(job_id=job_of(v), whole=True) if v["all"] else c.ConfirmTasks(tasks=_tasks(v))


def _retry_tasks(v: Values) -> c.RepeatTasks:
    if v["all"]:
        return c.RepeatTasks(job_id=job_of(v), whole=True)
    if v["failure_id"] is not None:
        return c.RepeatTasks(job_id=job_of(v), whole=True, failure=names.read_failure_id(v["failure_id"]))
    return c.RepeatTasks(job_id=job_of(v), tasks=_tasks(v))


# --- answers --------------------------------------------------------------------------------------------------------


def _counts(r: c.Job) -> dict[str, int]:
    counts = r.counts or {}
    found = {name: counts.get(state, 0) for name, state in STATES.items()}
    return found | {"total": sum(found.values())}


def _status(r: c.Job) -> str:
    awaits = r.approval is not None and r.approval.stands is Stands.AWAITING and r.ended_at is None
    return AWAITING if awaits else r.status.lower()


def _retry(r: c.Job) -> dict[str, Any] | None:
    if r.manner.retry_interval_min is None:
        return None
    return {"count": r.manner.retry_count, "interval_min": r.manner.retry_interval_min}


ROLLOUT = Shape("Rollout", "One request to bring devices to a package: a job or batch task of the others.", (
    text("id", lambda r: names.rollout_id(r.job_id)),
    text("kind", lambda r: r.kind, enum=list(KINDS)),
    text("status", _status, "more may come", enum=list(_STATUSES)),
    text("status_text", lambda r: r.status_desc or r.waits_for or None, "why there are no tasks, or why all failed",
         always=False),
    text("package_id", lambda r: names.package_id(r.package_id)),
    text("package_name", lambda r: r.package_name),
    text("product_id", lambda r: r.product_key),
    text("version", lambda r: r.dest_version, "to which devices are brought"),
    text("selected_by", lambda r: "group" if r.group_ids else SELECTIONS[r.selection],
         enum=list(SELECTIONS.values())),
    free("percent", {"type": "number"}, lambda r: None if r.gray_percent is None else float(r.gray_percent),
         always=False),
    texts("group_ids", lambda r: [names.group_id(each) for each in r.group_ids] or None, always=False),
    texts("source_versions", lambda r: r.source_versions or None, "those that it is for; absent: any", always=False),
    text("undoes", lambda r: r.undoes and names.rollout_id(r.undoes), "the rollout whose devices it brings back",
         always=False),
    switch("existing", lambda r: None if r.dynamic_mode is None else r.dynamic_mode == 1,
           "whether it takes devices that match already", always=False),
    switch("asks_version", lambda r: r.asks_version, "whether devices are asked for their version first"),
    number("maximum_per_min", lambda r: r.manner.maximum_per_min, "offers"),
    number("timeout_min", lambda r: r.manner.timeout_min, "from the first progress", always=False),
    free("retry", members(number("count", lambda r: None), number("interval_min", lambda r: None)), _retry,
         always=False),
    switch("overwrite", lambda r: r.manner.overwrite),
    switch("multi_module", lambda r: r.manner.multi_module),
    switch("needs_confirmation", lambda r: bool(r.manner.need_confirm)),
    switch("push", lambda r: r.manner.need_push),
    text("download_protocol", lambda r: r.manner.protocol.lower()),
    free("tags", {"type": "object", "additionalProperties": {"type": "string"}}, lambda r: dict(r.tags)),
    text("made_by", lambda r: r.made_by or None, "a key's id or a user, of any API; absent of an old one",
         always=False),
    at("created_at", lambda r: r.created_at),
    at("modified_at", lambda r: r.modified_at),
    at("scheduled_at", lambda r: r.manner.scheduled_at, always=False),
    at("finish_at", lambda r: r.manner.finish_at, always=False),
    at("started_at", lambda r: r.started_at, always=False),
    at("ended_at", lambda r: r.ended_at, always=False),
    *care.FIELDS,
))  # fmt: skip
COUNTED_ROLLOUT = ROLLOUT.with_(
    "CountedRollout", "A rollout, and how many of its tasks are in each state.",
    free("tasks", members(*(number(name, lambda r: None) for name in (*STATES, "total"))), _counts,
         "they add up to total at any instant"),
    number("offered_in_min", lambda r: r.offered_lately, "offers of the last minute, of `maximum_per_min` or its pace",
           always=False),
    text("happens_next", lambda r: r.happens_next or None, "a sentence about its waves", always=False),
    care.EVIDENCE_FIELD,
)  # fmt: skip
STEERED = Shape("Steered", "What a request about tasks did.", (
    number("changed", lambda r: r.changed, "tasks"),
))  # fmt: skip

WAITING = Shape("Waiting", "Devices of a rollout that wait and come from one version.", (
    number("devices", lambda r: r.devices, "that a cancel with this `from_version` would leave out"),
    switch("whole", lambda r: r.whole, "else at least so many: more wait than were looked at, or are not found yet"),
))  # fmt: skip

_ALL, _ONE = "/rollouts", "/rollouts/{rollout_id}"
ROLLOUT_PATH = path_id("rollout_id", label(64))
_NAMED: Table = (Param("task_ids", "list", check=label(80), most=STEERED_MAX), Param("all", "bool", check=YES))
_WHICH = ("task_ids", "all")
_FAILED: Table = (*_NAMED, Param("failure_id", check=label(64)))

OPERATIONS: dict[str, Row] = {
    "create_rollout": row(
        "POST", _ALL, "operator", "Bring devices to a package.", create_of, ROLLOUT, status=201, body=CREATE,
        selects=True, gives="rollout_id", apart=(("waves", "preset"),),
        notes="A static one brings the devices that are chosen when it starts; a dynamic one is a standing rule for"
              " every device that fits; verify tries the package on some. `targets` has exactly one member. Without"
              " `source_versions` any version is taken. With `waves` or a `preset` its devices are offered one share"
              " after the other; the last of `waves` is percent 100.",
    ),
    "list_rollouts": listed(
        _ALL, "viewer", "Rollouts, newest first.",
        lambda v: c.ListJobs(asked=pages.asked(v), space=v["space_id"], counted=False), ROLLOUT,
        query=(SPACE_ID, sort("created_at")),
    ),
    "list_package_rollouts": listed(
        "/packages/{package_id}/rollouts", "viewer", "The rollouts of a package, newest first.",
        lambda v: c.ListJobs(asked=pages.asked(v), package_id=number_of(v), counted=False), ROLLOUT, ids=PACKAGE_PATH,
        query=(sort("created_at"),),
    ),
    "list_device_rollouts": listed(
        "/devices/{device_id}/rollouts", "viewer", "The rollouts that a device is in, newest first.",
        lambda v: c.ListJobs(asked=pages.asked(v), device=key(v), counted=False), ROLLOUT, ids=DEVICE_PATH,
        query=(sort("created_at"),),
    ),
    "show_rollout": row(
        "GET", _ONE, "viewer", "A rollout, with the counts of all states.",
        lambda v: c.ShowJob(job_id=job_of(v), counted=True), COUNTED_ROLLOUT, ids=ROLLOUT_PATH, tagged=True,
    ),
    "update_rollout": row(
        "PATCH", _ONE, "operator", "Change the pace, the hours or the tags of a rollout that runs.", _update, ROLLOUT,
        ids=ROLLOUT_PATH, body=(PACE, TIMEOUT, SOURCES, TAGS, care.HOURS, care.PACE), selects=True,
        notes="`timeout_min` and `source_versions` only of a dynamic one. With `maximum_per_min` 0 nothing is offered."
              " Hours `{}` are none, and so is a pace `{}`; other hours are in place of those there were, what is not"
              " said of a pace stays."
              " Of a rollout that wanted approval a change is approved anew.",
    ),
    "cancel_rollout": row(
        "POST", _ONE + "/cancel", "operator", "Cancel the open tasks of a rollout.", _cancel, STEERED,
        ids=ROLLOUT_PATH,
        body=(
            Param("states", "list", check=OneOf(tuple(OPEN)), most=len(OPEN)), Param("from_version", check=VERSION),
            Param("devices", "int", check=Range(0, DEVICES_MAX)),
        ),
        selects=True, apart=(("states", "from_version"),),
        notes="When this returns no offer of them is sent any more. With `states` those in other states go on. A"
              " planned rollout is cancelled whole; a dynamic one still takes devices until it is ended."
              " With a `from_version` those are left out that wait, or are to be confirmed, and come from it; counts"
              " and lists tell it soon after. `devices` is how many are meant: where it would be more, or that can't"
              " be told, nothing is done.",
    ),
    "count_waiting": row(
        "GET", _ONE + "/waiting", "viewer", "How many devices of a rollout wait that come from a version.",
        lambda v: c.CountWaiting(job_id=job_of(v), source_version=v["from_version"]), WAITING, ids=ROLLOUT_PATH,
        query=(Param("from_version", required=True, check=VERSION),),
        notes="Those that were told nothing yet. At most 100,000 of all that wait are looked at.",
    ),
    "end_rollout": row(
        "POST", _ONE + "/end", "operator", "End the standing rule of a dynamic rollout; its tasks go on.",
        lambda v: c.EndPolicy(job_id=job_of(v)), ids=ROLLOUT_PATH,
    ),
    "confirm_tasks": row(
        "POST", _ONE + "/confirm", "operator", "Let tasks go on that wait for confirmation.",
        _confirm, STEERED, ids=ROLLOUT_PATH, body=_NAMED, selects=True, one=_WHICH,
        notes="Of `task_ids` all of them or none. `all` are those that wait now, however many; the counts of the"
              " rollout show how far they are.",
    ),
    "retry_tasks": row(
        "POST", _ONE + "/retry", "operator", "Run failed or cancelled tasks again.",
        _retry_tasks, STEERED, ids=ROLLOUT_PATH, body=_FAILED, selects=True, one=(*_WHICH, "failure_id"),
        notes="Of `task_ids` all of them or none. `all` are those that failed, none that were cancelled, however many;"
              " those of a `failure_id` failed so, as the rollout's failures tell. One whose device is gone or has"
              " another task stays as it is.",
    ),
}  # fmt: skip
