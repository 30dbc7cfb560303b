"""Our own operations on hours of a group's devices, or of those with a tag."""

from dataclasses import replace

from upwell.dialects.operations import Param, Values
from upwell.dialects.upwell import care, names
from upwell.dialects.upwell.device_ops import TAG_KEY
from upwell.dialects.upwell.params import label, path_id
from upwell.dialects.upwell.rows import Row, all_of, row
from upwell.dialects.upwell.shapes import Shape, at, free, members, text
from upwell.domain import commands as c
from upwell.domain.errors import Missing
from upwell.domain.hours import Hours

_TAG = Shape("", "", (text("key", lambda t: t[0]), text("value", lambda t: t[1])))
DEVICE_HOURS = Shape("DeviceHours", "When devices of a group, or with a tag, may be offered something.", (
    text("id", lambda h: names.hours_id(h.hours_id)),
    text("group_id", lambda h: None if h.group_id is None else names.group_id(h.group_id), always=False),
    free("tag", members(*_TAG.fields), lambda h: None if h.tag is None else _TAG.show(h.tag), always=False),
    free("hours", members(*care.HOURS_SHAPE.fields), care.HOURS_SHAPE.show, "outside of them nothing is offered"),
    at("created_at", lambda h: h.created_at),
))  # fmt: skip
_ONE = "/device_hours/{hours_id}"
_ID = path_id("hours_id", label(64))
_HOURS = replace(care.HOURS, required=True)


def _number(v: Values) -> int:
    return names.read_hours_id(v["hours_id"])


def _hours(v: Values) -> Hours:
    hours = care.hours_of(v["hours"])
    if hours is None or not hours.spans:
        raise Missing("hours.zone", "hours have a zone and spans")
    return hours


def _create(v: Values) -> c.CreateDeviceHours:
    group, tag = v["group_id"], v["tag"]
    return c.CreateDeviceHours(
        group_id=None if group is None else names.read_group_id(group),
        tag=None if tag is None else (tag["key"], tag["value"]), hours=_hours(v),
    )  # fmt: skip


OPERATIONS: dict[str, Row] = {
    "create_device_hours": row(
        "POST", "/device_hours", "operator", "Say when devices of a group, or with a tag, may be offered something.",
        _create, DEVICE_HOURS, status=201, gives="hours_id",
        body=(
            Param("group_id", check=label(64)),
            Param("tag", "members", closed=True, members=(
                Param("key", required=True, check=TAG_KEY), Param("value", required=True, check=label(128)),
            )),
            _HOURS,
        ),
        one=("group_id", "tag"),
        notes="Of a static `group_id`, or of a `tag`. A device for which several hold is offered where all are open,"
              " and its rollout's own `hours` too. What is under way ends.",
    ),
    "list_device_hours": all_of(
        "/device_hours", "viewer", "The hours of groups and tags, newest first.", lambda _: c.ListDeviceHours(),
        DEVICE_HOURS,
    ),
    "show_device_hours": row(
        "GET", _ONE, "viewer", "The hours of a group or tag.", lambda v: c.ShowDeviceHours(hours_id=_number(v)),
        DEVICE_HOURS, ids=_ID, tagged=True,
    ),
    "update_device_hours": row(
        "PATCH", _ONE, "operator", "Give a group or tag other hours.",
        lambda v: c.UpdateDeviceHours(hours_id=_number(v), hours=_hours(v)), DEVICE_HOURS, ids=_ID, body=(_HOURS,),
        notes="A device that is held back is looked at again within ten minutes.",
    ),
    "delete_device_hours": row(
        "DELETE", _ONE, "operator", "Let devices of a group or tag be offered at any time.",
        lambda v: c.DeleteDeviceHours(hours_id=_number(v)), ids=_ID,
    ),
}  # fmt: skip
