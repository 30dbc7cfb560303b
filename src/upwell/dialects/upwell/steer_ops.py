"""Our own operations that steer a rollout as a whole, and tell what was decided of it."""

from upwell.dialects.checks import Range
from upwell.dialects.operations import Param, Values
from upwell.dialects.upwell import care, pages
from upwell.dialects.upwell.job_ops import ROLLOUT, ROLLOUT_PATH, job_of
from upwell.dialects.upwell.params import prose
from upwell.dialects.upwell.rows import Row, listed, row
from upwell.dialects.upwell.shapes import Shape, at, free, number, text
from upwell.domain import commands as c
from upwell.domain.rollout import WAVES_MAX

_ONE = "/rollouts/{rollout_id}"
REVISION_MAX = 2_147_483_647
WHAT = (
    "opened", "promoted", "soak_skipped", "paused", "resumed", "halted", "rolled_back", "approval_asked",
    "approved", "refused",
)  # fmt: skip
REASON = Param("reason", check=prose(256))
_REVISION = Param("revision", "int", check=Range(1, REVISION_MAX))

DECISION = Shape("Decision", "What was decided of a rollout, and with which numbers.", (
    number("number", lambda r: r.nth, "from 1"),
    at("at", lambda r: r.at),
    text("what", lambda r: r.what.replace(" ", "_"), "more may come", enum=list(WHAT)),
    number("wave", lambda r: r.wave, always=False),
    text("by", lambda r: r.by, "a key's id or a user, or `upwell` by its rule"),
    text("result", lambda r: r.result or None, "go or inconclusive of the wave before; halt", always=False),
    text("reason", lambda r: r.reason or None, always=False),
    free("numbers", {"type": "object"}, lambda r: dict(r.numbers)),
))  # fmt: skip


def _promote(v: Values) -> c.PromoteJob:
    return c.PromoteJob(
        job_id=job_of(v), wave=v["wave"], skip_soak=bool(v["skip_soak"]), reason=v["reason"] or ""
    )  # fmt: skip


_DEFAULTS = Shape("RolloutDefaults", "How carefully rollouts go about their devices where they do not say.", (
    free("rollout_defaults", {"type": "object"}, lambda r: care.shown(r.care) if r.care else {},
         "for products that have none of their own"),
))  # fmt: skip


def _set_defaults(v: Values) -> c.SetRolloutDefaults:
    return c.SetRolloutDefaults(care=care.read(v["rollout_defaults"], "rollout_defaults."))


OPERATIONS: dict[str, Row] = {
    "approve_rollout": row(
        "POST", _ONE + "/approve", "approver", "Let a rollout begin, or go on as it was changed.",
        lambda v: c.ApproveJob(job_id=job_of(v), remark=v["remark"] or "", revision=v["revision"]), ROLLOUT,
        ids=ROLLOUT_PATH, body=(Param("remark", check=prose(256)), _REVISION),
        notes="For a person who signed in, and neither made nor changed it. `revision` is the one that is meant: one"
              " that was changed meanwhile is refused.",
    ),
    "refuse_rollout": row(
        "POST", _ONE + "/refuse", "approver", "Have a rollout be over that waits for approval.",
        lambda v: c.RefuseJob(job_id=job_of(v), remark=v["remark"], revision=v["revision"]), ROLLOUT,
        ids=ROLLOUT_PATH, body=(Param("remark", required=True, check=prose(256)), _REVISION),
        notes="Of one that had begun and was changed the open tasks are cancelled.",
    ),
    "show_rollout_defaults": row(
        "GET", "/rollout_defaults", "viewer", "How carefully the account's rollouts go about their devices.",
        lambda _: c.ShowRolloutDefaults(), _DEFAULTS,
    ),
    "update_rollout_defaults": row(
        "PATCH", "/rollout_defaults", "admin", "Say how carefully rollouts go about from now on.", _set_defaults,
        _DEFAULTS, body=(Param("rollout_defaults", "members", required=True, members=care.DEFAULTS, closed=True),),
        notes="What is said is in place of what was. A product's own come first: its waves, preset and guard together,"
              " its approval by itself.",
    ),
    "pause_rollout": row(
        "POST", _ONE + "/pause", "operator", "Keep back all offers of a rollout.",
        lambda v: c.PauseJob(job_id=job_of(v), reason=v["reason"] or ""), ROLLOUT, ids=ROLLOUT_PATH,
        body=(REASON,),
        notes="When this returns none is sent any more, to no device that asks either; what devices were told goes on."
              " Its `status` stays; one that is paused already stays as it is.",
    ),
    "resume_rollout": row(
        "POST", _ONE + "/resume", "operator", "Let a paused rollout go on where it was.",
        lambda v: c.ResumeJob(job_id=job_of(v)), ROLLOUT, ids=ROLLOUT_PATH,
    ),
    "promote_rollout": row(
        "POST", _ONE + "/promote", "operator", "Open the next wave of a rollout, whatever its rule says.",
        _promote, ROLLOUT, ids=ROLLOUT_PATH,
        body=(Param("wave", "int", check=Range(1, WAVES_MAX)), Param("skip_soak", "bool"), REASON),
        notes="`wave` is the one that is meant, so that asking twice opens one. With `skip_soak` it still waits for"
              " the rule, but for no soak.",
    ),
    "list_rollout_decisions": listed(
        _ONE + "/decisions", "viewer", "What was decided of a rollout, newest first.",
        lambda v: c.ListDecisions(job_id=job_of(v), asked=pages.asked(v)), DECISION, ids=ROLLOUT_PATH,
    ),
}  # fmt: skip
