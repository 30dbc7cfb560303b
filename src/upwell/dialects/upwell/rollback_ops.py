"""Our own operations that undo a rollout."""

from typing import Any

from upwell.dialects.checks import Range
from upwell.dialects.operations import Param
from upwell.dialects.upwell import names
from upwell.dialects.upwell.job_ops import ROLLOUT_PATH, job_of
from upwell.dialects.upwell.rows import Row, row
from upwell.dialects.upwell.shapes import Shape, at, free, members, number, text
from upwell.dialects.upwell.steer_ops import REASON
from upwell.dialects.upwell.waves import DEVICES_MAX
from upwell.domain import commands as c
from upwell.domain.rollback import Hindrance

_ONE = "/rollouts/{rollout_id}/rollback"

_PART = Shape("", "", (
    text("module", lambda p: p.module),
    text("version", lambda p: p.version, "that they were brought to"),
    text("source_version", lambda p: p.source_version or None, "that they came from; absent: unknown", always=False),
    number("devices", lambda p: p.devices, "that succeeded"),
    text("package_id", lambda p: p.back_id and names.package_id(p.back_id), "that brings them back", always=False),
    text("not_possible", lambda p: p.hindrance and str(p.hindrance), "why they stay; more may come",
         always=False, enum=[str(each) for each in Hindrance]),
    text("rollout_id", lambda p: p.back_job and names.rollout_id(p.back_job), "that brings them back", always=False),
))  # fmt: skip


def _status(told: c.Rollback) -> str:
    if told.started_at is not None:
        return "started"
    return "ready" if told.is_counted else "counting"


def _parts(told: c.Rollback) -> list[dict[str, Any]]:
    return [_PART.show(part) for part in told.parts]


ROLLBACK = Shape("Rollback", "What undoing a rollout means, by the versions that its devices came from.", (
    text("rollout_id", lambda r: names.rollout_id(r.job_id), "the one that is undone"),
    text("status", _status, "more may come", enum=["counting", "ready", "started"]),
    text("asked_by", lambda r: r.asked_by, "a key's id"),
    at("asked_at", lambda r: r.asked_at, "what succeeded later is not meant"),
    at("started_at", lambda r: r.started_at, always=False),
    number("devices", lambda r: r.devices, "that can be brought back, if they still run what they were brought to"),
    free("parts", {"type": "array", "items": members(*_PART.fields)}, _parts),
))  # fmt: skip

OPERATIONS: dict[str, Row] = {
    "plan_rollback": row(
        "POST", _ONE, "operator", "See what undoing a rollout means; nothing is made.",
        lambda v: c.PlanRollback(job_id=job_of(v)), ROLLBACK, status=202, ids=ROLLOUT_PATH,
        notes="The devices that succeeded are counted by the versions that they came from: ask for it until its"
              " `status` is ready. Asked again it counts anew.",
    ),
    "show_rollback": row(
        "GET", _ONE, "viewer", "What undoing a rollout means, or what came of it.",
        lambda v: c.ShowRollback(job_id=job_of(v)), ROLLBACK, ids=ROLLOUT_PATH,
    ),
    "start_rollback": row(
        "POST", _ONE + "/start", "operator", "Bring the devices of a rollout back to what they ran before.",
        lambda v: c.StartRollback(job_id=job_of(v), devices=v["devices"], reason=v["reason"] or ""), ROLLBACK,
        ids=ROLLOUT_PATH, status=201, selects=True,
        body=(Param("devices", "int", required=True, check=Range(1, DEVICES_MAX)), REASON),
        notes="`devices` is how many the rollback tells, so that no more are touched than are meant. Each version gets"
              " a rollout with the waves and the guard of the undone one. A dynamic one is ended before; any other that"
              " still runs is to be cancelled or paused first.",
    ),
}  # fmt: skip
