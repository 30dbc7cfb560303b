"""Our own answer to what waits for a person."""

from typing import Any

from upwell.dialects.upwell import names
from upwell.dialects.upwell.params import PRODUCT_ID, SPACE_ID
from upwell.dialects.upwell.rows import Row, row
from upwell.dialects.upwell.shapes import Shape, at, free, members, number, switch, text, texts
from upwell.domain import commands as c
from upwell.domain.rollout import Lacks

_ROLLOUT = text("rollout_id", lambda r: names.rollout_id(r.job_id))
_HALTED = Shape("", "", (
    _ROLLOUT, at("at", lambda r: r.at), text("reason", lambda r: r.why, "the test that tripped, and its numbers"),
))  # fmt: skip
_AWAITING = Shape("", "", (
    _ROLLOUT, at("at", lambda r: r.at, "since when"), number("revision", lambda r: r.revision),
    texts("makers", lambda r: r.makers), switch("may_decide", lambda r: r.may_decide, "whether it is you"),
))  # fmt: skip
_STILL = Shape("", "", (
    _ROLLOUT, number("wave", lambda r: r.wave, "that is open"), at("at", lambda r: r.at, "since when"),
    text("lacks", lambda r: r.lacks, "a person who promotes it; or what did not come for a day",
         enum=[str(each) for each in Lacks if each is not Lacks.SOAK]),
))  # fmt: skip
_LOST = Shape("", "", (
    text("package_id", lambda r: names.package_id(r.package_id)), text("name", lambda r: r.name),
    text("version", lambda r: r.version), text("fault", lambda r: r.fault, "a stable word"),
    text("reason", lambda r: r.why),
))  # fmt: skip


def _some(shape: Shape, *more: Any) -> dict[str, Any]:
    items = free("items", {"type": "array", "items": members(*shape.fields)}, lambda r: None, "20 at the most")
    return members(number("total", lambda r: None), *more, items)


def _told(shape: Shape, some: Any, **more: Any) -> dict[str, Any]:
    return {"total": some.total, **more, "items": [shape.show(each) for each in some.items]}


ATTENTION = Shape("Attention", "What waits for a person.", (
    number("total", lambda r: r.total, "things, of approvals those that you may give"),
    number("counted_up_to", lambda r: r.most, "of each part"),
    at("asked_at", lambda r: r.asked_at),
    free("halted", _some(_HALTED), lambda r: _told(_HALTED, r.halted),
         "rollouts that their guards halted, newest first"),
    free("awaiting_approval", _some(_AWAITING, number("yours", lambda r: None)),
         lambda r: _told(_AWAITING, r.awaiting, yours=r.mine), "rollouts, those that you may decide first"),
    free("waiting_waves", _some(_STILL), lambda r: _told(_STILL, r.still),
         "rollouts whose next wave a person must open, or of whose open one nothing was heard for a day"),
    free("lost_packages", _some(_LOST), lambda r: _told(_LOST, r.lost), "whose object is gone or another"),
    number("set_aside_devices", lambda r: r.aside),
    number("refused_devices", lambda r: r.refused, "names of devices whose logins were refused within a day"),
))  # fmt: skip

OPERATIONS: dict[str, Row] = {
    "show_attention": row(
        "GET", "/attention", "viewer", "What waits for a person.",
        lambda v: c.ShowAttention(space=v["space_id"], product_key=v["product_id"]), ATTENTION,
        query=(PRODUCT_ID, SPACE_ID),
        notes="As cheap as a look at one thing. A key of one space or product sees what is in there.",
    ),
}  # fmt: skip
