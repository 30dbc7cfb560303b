"""Our own operations on groups of devices and their members: their members, their commands, their answers."""

from dataclasses import replace

from upwell.dialects.checks import OneOf
from upwell.dialects.operations import Param, Values
from upwell.dialects.upwell import conditions, names, pages
from upwell.dialects.upwell.conditions import CONDITION
from upwell.dialects.upwell.device_ops import COUNTS, DEVICE, DEVICE_PATH, key
from upwell.dialects.upwell.params import DESCRIPTION, DEVICE_ID, NAME, SPACE_ID, label, path_id, sort
from upwell.dialects.upwell.rows import Row, all_of, listed, row
from upwell.dialects.upwell.shapes import Shape, at, free, number, switch, text
from upwell.domain import commands as c
from upwell.domain.errors import Invalid

ENROLLED_MAX = 200  # devices that one request adds

GROUP = Shape("Group", "Devices under one name.", (
    text("id", lambda r: names.group_id(r.group_id)),
    text("name", lambda r: r.name),
    text("description", lambda r: r.description),
    text("kind", lambda r: r.kind, "members are added to a static one; a condition says who is in a dynamic one",
         enum=["static", "dynamic"]),
    free("condition", {"type": "object"}, lambda r: conditions.shown(r.condition_text), "as its maker wrote it",
         always=False),
    text("condition_text", lambda r: conditions.foreign(r.condition_text), "the same, of one that another tongue made",
         always=False),
    text("space_id", lambda r: r.space.key),
    text("super_group_id", lambda r: None if r.super_group_id is None else names.group_id(r.super_group_id),
         "the group that it is under", always=False),
    at("created_at", lambda r: r.created_at),
))  # fmt: skip
COUNTED_GROUP = GROUP.with_(
    "CountedGroup", "A group, and how many devices are in it.",
    free("devices", {"$ref": "#/components/schemas/DeviceCounts"},
         lambda r: None if r.counts is None else COUNTS.show(r.counts), always=False),
)  # fmt: skip
ENROLLED = Shape("Enrolled", "What came of adding or removing members.", (
    number("changed", lambda r: r.done),
    number("already", lambda r: r.already, "were in the group before"),
))  # fmt: skip
FITTING = Shape("Fitting", "What a condition means.", (
    number("fits", lambda r: r.fits, "devices, of those that were looked at"),
    number("looked", lambda r: r.looked, "devices"),
    switch("whole", lambda r: r.whole, "these are all there are; else the newest 10,000 that may be meant"),
    free("examples", {"type": "array", "items": {"$ref": "#/components/schemas/Device"}},
         lambda r: [DEVICE.show(each) for each in r.examples], "ten that fit, at most"),
))  # fmt: skip

_ONE = "/groups/{group_id}"
_GROUP = path_id("group_id", label(64))


def _number(v: Values) -> int:
    return names.read_group_id(v["group_id"])


def _create(v: Values) -> c.CreateGroup:
    above, said = v["super_group_id"], v["condition"]
    condition, written = (None, None) if said is None else conditions.read(said)
    return c.CreateGroup(
        name=v["name"], description=v["description"] or "", space=v["space_id"], condition=condition,
        condition_text=written, super_group_id=None if above is None else names.read_group_id(above),
    )  # fmt: skip


def _preview(v: Values) -> c.PreviewGroup:
    condition, _ = conditions.read(v["condition"])
    return c.PreviewGroup(condition=condition)


def _list(v: Values) -> c.ListGroups:
    kinds, above = frozenset((v["kind"],) if v["kind"] else ()), v["super_group_id"]
    return c.ListGroups(
        asked=pages.asked(v), space=v["space_id"], name=v["name"], kinds=kinds, counted=False,
        super_group_id=None if above is None else names.read_group_id(above),
    )  # fmt: skip


def _add(v: Values) -> c.AddToGroup:
    if not v["device_ids"]:
        raise Invalid("device_ids", "at least one")
    devices = tuple(c.DeviceKey(public_id=each) for each in v["device_ids"])
    return c.AddToGroup(group_id=_number(v), devices=devices, need_all=True)


OPERATIONS: dict[str, Row] = {
    "create_group": row(
        "POST", "/groups", "operator", "Make a group.", _create, GROUP, status=201, gives="group_id",
        body=(Param("name", required=True, check=NAME), Param("description", check=DESCRIPTION), SPACE_ID,
              Param("super_group_id", check=label(64)), CONDITION),
        apart=(("condition", "super_group_id"),),
        notes="With a `condition` it is dynamic: whatever fits is in it, whenever it is asked for. Without"
              " one devices are added. A `version` is of the `module`, or of the whole device, and fits nothing where"
              " it is not known; a `tag` is the value of its `key`.",
    ),
    "preview_group": row(
        "POST", "/groups/preview", "operator", "Which devices a condition means, before a group is made of it.",
        _preview, FITTING, body=(replace(CONDITION, required=True),),
        notes="Nothing is made. It looks at 10,000 devices at most, and so costs the same on any fleet.",
    ),
    "list_groups": listed(
        "/groups", "viewer", "Groups, newest first.", _list, GROUP,
        query=(SPACE_ID, Param("name", check=NAME), Param("kind", check=OneOf(("static", "dynamic"))),
               Param("super_group_id", check=label(64)), sort("name", "created_at")),
    ),
    "show_group": row(
        "GET", _ONE, "viewer", "A group.",
        lambda v: c.ShowGroup(group_id=_number(v), counted=v["counted"] is not False), COUNTED_GROUP, ids=_GROUP,
        query=(Param("counted", "bool"),), tagged=True,
        notes="With `counted` false it has no `devices`, which a large group takes seconds for.",
    ),
    "update_group": row(
        "PATCH", _ONE, "operator", "Change a group's name or description.",
        lambda v: c.UpdateGroup(group_id=_number(v), name=v["name"], description=v["description"]), GROUP, ids=_GROUP,
        body=(Param("name", check=NAME), Param("description", check=DESCRIPTION)),
    ),
    "delete_group": row(
        "DELETE", _ONE, "operator", "Delete a group that no group is under; its devices stay.",
        lambda v: c.DeleteGroup(group_id=_number(v)), ids=_GROUP,
    ),
    "add_to_group": row(
        "POST", _ONE + "/members", "operator", "Add devices to a static group: all of them or none.", _add, ENROLLED,
        ids=_GROUP, body=(Param("device_ids", "list", required=True, check=DEVICE_ID, most=ENROLLED_MAX),),
    ),
    "list_group_members": listed(
        _ONE + "/members", "viewer", "The devices of a group, newest first.",
        lambda v: c.ListDevices(asked=pages.asked(v), group_id=_number(v), order="record", counted=False), DEVICE,
        ids=_GROUP,
    ),
    "remove_from_group": row(
        "DELETE", _ONE + "/members/{device_id}", "operator", "Take a device out of a static group.",
        lambda v: c.RemoveFromGroup(group_id=_number(v), devices=(key(v),), need_all=True), ENROLLED,
        ids=(*_GROUP, *DEVICE_PATH),
    ),
    "list_device_groups": all_of(
        "/devices/{device_id}/groups", "viewer", "The groups that a device is in.",
        lambda v: c.ListGroups(asked=None, device=key(v), counted=False), GROUP, ids=DEVICE_PATH,
    ),
}  # fmt: skip
