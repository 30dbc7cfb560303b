"""Our own lists of tasks: what they take, their commands, their answers."""

from upwell.dialects.checks import OneOf
from upwell.dialects.operations import Param, Table, Values
from upwell.dialects.upwell import names, pages
from upwell.dialects.upwell.device_ops import DEVICE_PATH, key
from upwell.dialects.upwell.job_ops import ROLLOUT_PATH, STATES, job_of
from upwell.dialects.upwell.module_ops import MODULE_NAME
from upwell.dialects.upwell.params import DEVICE_NAME, sort
from upwell.dialects.upwell.render import time
from upwell.dialects.upwell.rows import Row, all_of, listed
from upwell.dialects.upwell.shapes import Shape, at, free, members, number, text
from upwell.domain import commands as c
from upwell.domain.commands.lists import Slice
from upwell.domain.rollout import UNDEALT

TASK = Shape("Task", "One device in one rollout.", (
    text("id", lambda r: names.task_id(r.ref)),
    text("rollout_id", lambda r: names.rollout_id(r.ref.job_id)),
    text("device_id", lambda r: r.public_id),
    text("device_name", lambda r: r.device_name, "absent of a target that is no device", always=False),
    text("product_id", lambda r: r.product_key),
    text("package_id", lambda r: names.package_id(r.package_id)),
    text("module", lambda r: r.module),
    text("source_version", lambda r: r.source_version, "absent: the device never said one", always=False),
    text("version", lambda r: r.dest_version, "to which it is brought"),
    text("state", lambda r: r.state.lower(), "more may come", enum=list(STATES)),
    number("progress", lambda r: r.progress, "percent"),
    number("wave", lambda r: r.wave if 0 < r.wave < UNDEALT else None, "in which it is offered", always=False),
    text("description", lambda r: r.description or None, "what the device said last, or why it waits", always=False),
    text("reason", lambda r: r.reason or None, "a stable word for why it failed", always=False),
    number("code", lambda r: r.code, "the device's own number for its last result", always=False),
    at("created_at", lambda r: r.created_at),
    at("modified_at", lambda r: r.modified_at),
))  # fmt: skip

_EXAMPLE = members(
    text("device_id", lambda r: None), at("at", lambda r: None), text("description", lambda r: None, always=False)
)


def _examples(failures: c.Failures) -> list[dict[str, str]]:
    shown = [(each.public_id, time(each.at) or "", each.description) for each in failures.examples]
    return [
        {"device_id": public_id, "at": at} | ({"description": said} if said else {}) for public_id, at, said in shown
    ]


FAILURES = Shape("Failures", "Tasks of a rollout that failed alike.", (
    text("id", lambda r: None if r.kind is None else names.failure_id(r.kind), "by which they are run again; absent of"
         " `others`", always=False),
    text("reason", lambda r: r.reason or "others", "a stable word; `others` are all that are not told apart"),
    number("code", lambda r: r.code, "the device's own number for its result", always=False),
    text("module", lambda r: r.module or None, always=False),
    text("source_version", lambda r: r.source_version or None, "from which they came, if known", always=False),
    text("vendor", lambda r: r.vendor or None, "by whose device side they spoke last; more may come", always=False),
    number("count", lambda r: r.count, "tasks; of all items they add up to the failed and the rolled back ones"),
    free("examples", {"type": "array", "items": _EXAMPLE, "maxItems": 3}, _examples, "some of the last to fail so"),
))  # fmt: skip

_STATE = Param("state", check=OneOf(tuple(STATES)))
_FILTERS: Table = (_STATE, Param("device_name", check=DEVICE_NAME))


def _states(v: Values) -> frozenset[str]:
    return frozenset((str(STATES[v["state"]]),) if v["state"] else ())


def _of_job(v: Values) -> c.ListTasks:
    return c.ListTasks(
        asked=Slice(take=v["limit"], order=pages.order(v)), job_id=job_of(v), states=_states(v), after=pages.after(v),
        after_state=pages.after_state(v), strays=True, device_names=(v["device_name"],) if v["device_name"] else (),
    )  # fmt: skip


def _of_device(v: Values) -> c.ListTasks:
    return c.ListTasks(
        asked=Slice(take=v["limit"]), device=key(v), module=v["module"], states=_states(v), after=pages.after(v)
    )


LOOK = Shape("Standing", "How the tasks of a rollout stood at a moment.", (
    at("at", lambda r: r.at),
    number("waiting", lambda r: r.waiting, "queued, or to be confirmed"),
    number("at_work", lambda r: r.at_work, "notified, or in progress"),
    number("succeeded", lambda r: r.succeeded),
    number("failed", lambda r: r.failed),
    number("canceled", lambda r: r.canceled),
))  # fmt: skip

OPERATIONS: dict[str, Row] = {
    "list_rollout_tasks": listed(
        "/rollouts/{rollout_id}/tasks", "viewer", "The tasks of a rollout, in a stable order.", _of_job, TASK,
        ids=ROLLOUT_PATH, query=(*_FILTERS, sort("state", default=None)),
        notes="By `state` from `confirm` to `canceled`, as a task may pass through them.",
    ),
    "list_rollout_failures": all_of(
        "/rollouts/{rollout_id}/failures", "viewer", "What failed tasks of a rollout have in common, the most first.",
        lambda v: c.ListFailures(job_id=job_of(v)), FAILURES, ids=ROLLOUT_PATH,
        notes="Devices that rolled back are among them, those too that may still succeed. At most 200 kinds are told"
              " apart. It costs the same at any size.",
    ),
    "list_rollout_course": all_of(
        "/rollouts/{rollout_id}/course", "viewer", "How the tasks of a rollout stood from time to time, oldest first.",
        lambda v: c.ListCourse(job_id=job_of(v)), LOOK, ids=ROLLOUT_PATH,
        notes="A moment is told where something had changed, every five seconds at first and the more seldom the longer"
              " the rollout runs, so that there are at most 300, the last one always.",
    ),
    "list_device_tasks": listed(
        "/devices/{device_id}/tasks", "viewer", "The tasks of a device, oldest first.", _of_device, TASK,
        ids=DEVICE_PATH, query=(_STATE, Param("module", check=MODULE_NAME)),
    ),
}  # fmt: skip
