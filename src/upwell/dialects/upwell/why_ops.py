"""Our own operations that tell why devices are not updated: what they take, their commands, their answers."""

from upwell.dialects.operations import Param, Values
from upwell.dialects.upwell import names
from upwell.dialects.upwell.device_ops import DEVICE_PATH, key
from upwell.dialects.upwell.package_ops import number_of
from upwell.dialects.upwell.params import label
from upwell.dialects.upwell.render import time
from upwell.dialects.upwell.rows import Row, row
from upwell.dialects.upwell.shapes import Shape, at, free, members, switch, text
from upwell.domain import commands as c
from upwell.domain.errors import Invalid, Missing
from upwell.domain.why import CHECKS
from upwell.domain.why_facts import Code

CODES = [code.value for code in Code]

_CHECK = Shape("", "", (
    text("check", lambda r: r.name, "more may come", enum=[check.name for check in CHECKS]),
    text("question", lambda r: r.question),
    switch("yes", lambda r: r.code is None),
    text("code", lambda r: r.code, "of a no", always=False),
    text("fact", lambda r: r.fact, "for a person"),
    free("at", {"type": "string", "format": "date-time"}, lambda r: time(r.at), "since or until when it is so",
         always=False),
))  # fmt: skip
WHY = Shape("Why", "Why a device is not updated by a rollout.", (
    text("device_id", lambda r: r.device),
    text("rollout_id", lambda r: None if r.job_id is None else names.rollout_id(r.job_id),
         "absent: none is for the device", always=False),
    text("code", lambda r: r.code, "of the first check with a no, or that it is told now; more may come", enum=CODES),
    text("next_step", lambda r: r.does, "what to do, or what happens by itself"),
    at("next_at", lambda r: r.at, "when that is, where a clock knows", always=False),
    free("checks", {"type": "array", "items": members(*_CHECK.fields)},
         lambda r: [_CHECK.show(each) for each in r.checks],
         "those that concern the device, in the order in which they are asked"),
    at("as_of", lambda r: r.asked_at),
))  # fmt: skip


def _explain(v: Values) -> c.ExplainDevice:
    rollout, package = v["rollout_id"], v["package_id"]
    if rollout is None and package is None:
        raise Missing("rollout_id", "package_id is absent")
    if rollout is not None and package is not None:
        raise Invalid("package_id", "not together with rollout_id", "both are given")
    return c.ExplainDevice(
        device=key(v), job_id=None if rollout is None else names.read_rollout_id(rollout),
        package_id=None if package is None else number_of(v),
    )  # fmt: skip


OPERATIONS: dict[str, Row] = {
    "explain_device": row(
        "GET", "/devices/{device_id}/why", "viewer", "Why a device is not updated.", _explain, WHY, ids=DEVICE_PATH,
        query=(Param("rollout_id", check=label(64)), Param("package_id", check=label(64))),
        notes="By a rollout of any API, or by that of a package which has the device or may have it: give one of the"
              " two. What keeps an offer back is read as it is read for offers.",
    ),
}  # fmt: skip
