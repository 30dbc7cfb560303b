"""Our own operations on devices that are set aside: how many there are, and their release."""

from typing import Any

from upwell.dialects.checks import Range
from upwell.dialects.operations import Param, Table, Values
from upwell.dialects.upwell import names
from upwell.dialects.upwell.device_ops import DEVICE, DEVICE_PATH, key
from upwell.dialects.upwell.params import PRODUCT_ID, SPACE_ID, label
from upwell.dialects.upwell.rows import Row, row
from upwell.dialects.upwell.shapes import Shape, free, members, number, text
from upwell.dialects.upwell.waves import DEVICES_MAX
from upwell.domain import commands as c

_REASON = members(text("reason", lambda r: None), number("devices", lambda r: None))
COUNTS = Shape("SetAsideCounts", "How many devices are set aside.", (
    number("devices", lambda r: r.devices),
    number("counted_up_to", lambda r: r.most if r.devices >= r.most else None, "there may be more", always=False),
    free("reasons", {"type": "array", "items": _REASON},
         lambda r: [{"reason": reason, "devices": n} for reason, n in r.reasons],
         "of the last failure, the most first"),
))  # fmt: skip
RELEASED = Shape("Released", "What a release of many did.", (
    number("released", lambda r: r.released, "devices"),
    number("left", lambda r: r.left, "of those that are meant; ask again with this number"),
))  # fmt: skip
_WHICH: Table = (PRODUCT_ID, SPACE_ID, Param("rollout_id", check=label(64)), Param("reason", check=label(64)))


def _named(v: Values) -> dict[str, Any]:
    job = None if v["rollout_id"] is None else names.read_rollout_id(v["rollout_id"])
    return {"product_key": v["product_id"], "space": v["space_id"], "job_id": job, "reason": v["reason"]}


OPERATIONS: dict[str, Row] = {
    "count_set_aside": row(
        "GET", "/set_aside_devices", "viewer", "How many devices are set aside, and why.",
        lambda v: c.CountAside(**_named(v)), COUNTS, query=_WHICH,
        notes="By `rollout_id` those that failed last in that one. Which they are is told by"
              " `GET /v1/devices?set_aside=true`.",
    ),
    "release_devices": row(
        "POST", "/set_aside_devices/release", "operator", "Have devices that are set aside be offered updates again.",
        lambda v: c.ReleaseDevices(devices=v["devices"], **_named(v)), RELEASED,
        body=(Param("devices", "int", required=True, check=Range(1, DEVICES_MAX)), *_WHICH),
        notes="`devices` is how many are meant: where more are set aside that fit, nothing is done. Each call releases"
              " up to 1,000.",
    ),
    "release_device": row(
        "POST", "/devices/{device_id}/release", "operator",
        "Forget the failures of a device, and offer it updates again.",
        lambda v: c.ReleaseDevice(device=key(v)), DEVICE, ids=DEVICE_PATH,
    ),
}  # fmt: skip
