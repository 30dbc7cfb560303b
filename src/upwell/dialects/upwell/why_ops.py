"""Our own operations that tell why devices are not updated: what they take, their commands, their answers."""

from upwell.dialects.checks import Range
from upwell.dialects.operations import Param, Values
from upwell.dialects.upwell import names
from upwell.dialects.upwell.device_ops import DEVICE_PATH, key
from upwell.dialects.upwell.job_ops import CREATE, ROLLOUT_PATH, create_of, job_of
from upwell.dialects.upwell.package_ops import number_of
from upwell.dialects.upwell.params import label, path_id
from upwell.dialects.upwell.render import time
from upwell.dialects.upwell.rows import Row, row
from upwell.dialects.upwell.shapes import Shape, at, free, members, number, switch, text, texts
from upwell.domain import commands as c
from upwell.domain.errors import Invalid, Missing
from upwell.domain.why import CHECKS
from upwell.domain.why_facts import Code

AWAY_MAX = 3650  # days
CODES = [code.value for code in Code]

_CHECK = Shape("", "", (
    text("check", lambda r: r.name, "more may come", enum=[check.name for check in CHECKS]),
    text("question", lambda r: r.question),
    switch("yes", lambda r: r.code is None),
    text("code", lambda r: r.code, "of a no", always=False),
    text("fact", lambda r: names.in_words(r.fact), "for a person"),
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
    texts("steps", lambda r: r.steps or None,
          "versions by which it is led from what it runs, the last one the rollout's", always=False),
    at("as_of", lambda r: r.asked_at),
))  # fmt: skip

_ANSWERED = (
    text("code", lambda r: r.code, "more may come", enum=CODES),
    number("devices", lambda r: r.count),
    text("next_step", lambda r: r.does, "what to do, or what happens by itself"),
    free("examples", {"type": "array", "items": {"type": "string"}, "maxItems": 10}, lambda r: list(r.examples),
         "ids of some of them"),
)  # fmt: skip
_REASON = Shape("", "", _ANSWERED)
STATUSES = ("running", "done", "failed")
_STATUS = text("status", lambda r: r.status, "more may come", enum=list(STATUSES))
_PROBLEM = text("problem", lambda r: r.problem, "why it failed, or does not go on at present", always=False)
REASONS = Shape("Reasons", "Why the devices of a rollout that are not updated are not.", (
    text("rollout_id", lambda r: names.rollout_id(r.job_id)),
    _STATUS,
    _PROBLEM,
    number("looked", lambda r: r.looked, "devices that are counted so far"),
    number("updated", lambda r: r.updated, "of them"),
    number("not_updated", lambda r: r.not_updated, "of them; the sum of all reasons"),
    free("reasons", {"type": "array", "items": members(*_REASON.fields)},
         lambda r: [_REASON.show(each) for each in r.reasons], "the most first"),
    at("started_at", lambda r: r.created_at),
    at("ended_at", lambda r: r.ended_at, always=False),
))  # fmt: skip

_BESIDE = Shape("", "", (
    text("rollout_id", lambda r: names.rollout_id(r[0])), number("devices", lambda r: r[1]),
))  # fmt: skip
_LEFT = Shape("", "", (
    *_ANSWERED,
    switch("takes_part", lambda r: r.takes_part,
           "whether they would have an open task; false: they are left out, or their task fails at once"),
    free("busy_with", {"type": "array", "items": members(*_BESIDE.fields)},
         lambda r: [_BESIDE.show(each) for each in r.beside] or None, "of those that another rollout has",
         always=False),
))  # fmt: skip
_VERSION = Shape("", "", (
    text("version", lambda r: r[0] or None, "absent: not known, or with `others` not told apart", always=False),
    switch("others", lambda r: True if r[0] == "" else None, always=False),
    number("devices", lambda r: r[1]),
    texts("steps", lambda r: r[2] or None, "versions by which they are led, the last one the package's", always=False),
))  # fmt: skip
_VENDOR = Shape("", "", (
    text("vendor", lambda r: r[0] or None, "by whose device side they spoke last; absent: none yet", always=False),
    number("devices", lambda r: r[1]),
))  # fmt: skip
_WAVE = Shape("", "", (number("wave", lambda r: r[0], "from 1"), number("devices", lambda r: r[1])))
_NEED = Shape("", "", (number("offers", lambda r: r[0]), number("failures", lambda r: r[1], "halt it")))
_BEFORE = Shape("", "", (
    text("rollout_id", lambda r: names.rollout_id(r.job_id)),
    number("offers", lambda r: r.offers, "first ones, that are numbered"),
    number("failures", lambda r: r.failed),
    number("halts_at", lambda r: r.halts_at, "the offer; absent: this guard would not have halted it", always=False),
    number("halts_by", lambda r: r.halts_by, "failures", always=False),
))  # fmt: skip


def _many(shape: Shape) -> dict[str, object]:
    return {"type": "array", "items": members(*shape.fields)}


PLAN = Shape("Plan", "What a rollout would do that is not made.", (
    text("id", lambda r: names.plan_id(r.plan_id)),
    text("product_id", lambda r: r.product_key),
    text("package_id", lambda r: names.package_id(r.package_id)),
    _STATUS,
    _PROBLEM,
    number("looked", lambda r: r.looked, "devices that are judged so far"),
    number("devices", lambda r: r.taken, "of them that would have an open task"),
    free("versions", _many(_VERSION), lambda r: [_VERSION.show(each) for each in r.versions],
         "those devices by what they run, the most first"),
    free("vendors", _many(_VENDOR), lambda r: [_VENDOR.show(each) for each in r.vendors], "the most first"),
    free("kept", _many(_LEFT), lambda r: [_LEFT.show(each) for each in r.answers],
         "who is left out, and who takes part and is not offered as things stand; the most first"),
    free("waves", _many(_WAVE), lambda r: [_WAVE.show(each) for each in enumerate(r.waves, 1)]),
    switch("wants_approval", lambda r: r.wants_approval, "whether it would wait for a person's approval"),
    number("minutes", lambda r: r.minutes, "all offers at this pace, with the soaks; absent: never", always=False),
    number("ran_before", lambda r: r.ran_before or None,
           "of the devices, that have left this version before: a rollout of them wants downgrade true", always=False),
    number("bytes", lambda r: r.payload, "to be downloaded by all of them"),
    free("guard_needs", _many(_NEED), lambda r: [_NEED.show(each) for each in r.needs] or None,
         "so many failures among the first offers", always=False),
    free("guard_before", _many(_BEFORE), lambda r: [_BEFORE.show(each) for each in r.before] or None,
         "what the guard would have made of the last guarded rollouts of the product", always=False),
    at("started_at", lambda r: r.created_at),
    at("ended_at", lambda r: r.ended_at, always=False),
))  # fmt: skip


def _plan(v: Values) -> c.CreatePlan:
    other = v["instead_of"]
    return c.CreatePlan(
        job=create_of(v), away_days=v["away_days"], instead_of=None if other is None else names.read_plan_id(other)
    )


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
    "list_rollout_reasons": row(
        "GET", "/rollouts/{rollout_id}/reasons", "viewer", "Why the devices of a rollout that are not updated are not.",
        lambda v: c.ShowReasons(job_id=job_of(v)), REASONS, ids=ROLLOUT_PATH,
        notes="Counted when it is asked for, a part at a time: while it is `running` ask again. What is not older than"
              " half a minute is told again.",
    ),
    "create_plan": row(
        "POST", "/rollouts/plan", "operator", "Tell what a rollout would do, and make nothing.", _plan, PLAN,
        status=202,
        body=(*CREATE, Param("away_days", "int", check=Range(1, AWAY_MAX), default=30),
              Param("instead_of", check=label(64))), selects=True, gives="plan_id",
        apart=(("waves", "preset"),),
        notes="The body is that of a rollout. It is refused as a rollout would be. Its devices are judged from then on:"
              " ask for the plan. It is kept for a day. Devices that are away for over `away_days` are told apart."
              " A plan that it is asked for `instead_of` is counted no further.",
    ),
    "show_plan": row(
        "GET", "/plans/{plan_id}", "viewer", "What a rollout would do, as far as it is counted.",
        lambda v: c.ShowPlan(plan_id=names.read_plan_id(v["plan_id"])), PLAN, ids=path_id("plan_id", label(64)),
    ),
}  # fmt: skip
