"""Our own operations on devices, their tags and their registration in batches: members, commands, answers.

A device's id is the core's public id: what its owner chose, or product id, `_` and name. Secrets are told where they
are made, and to operators who ask for them; no list of what viewers see has them.
"""

from upwell.dialects.checks import OneOf, Range, Text
from upwell.dialects.operations import Param, Table, Values
from upwell.dialects.upwell import names, pages
from upwell.dialects.upwell.flows import FORMS
from upwell.dialects.upwell.params import (
    CURSOR,
    DESCRIPTION,
    DEVICE_ID,
    DEVICE_NAME,
    KEY,
    NAME,
    PRODUCT_ID,
    SPACE_ID,
    VERSION,
    Tags,
    label,
    path_id,
    sort,
    word,
)  # fmt: skip
from upwell.dialects.upwell.product_ops import PRODUCT_PATH
from upwell.dialects.upwell.rows import Row, flowing, listed, row
from upwell.dialects.upwell.shapes import Shape, at, free, members, number, switch, text, texts
from upwell.domain import commands as c
from upwell.domain.commands.lists import Slice
from upwell.domain.errors import Invalid
from upwell.domain.search import Both, Compare, Field

REGISTERED_MAX = 10_000  # devices of one batch
TAGS_AT_ONCE = 100
TAG_KEY = word(64)
STATUSES = {"online": "ONLINE", "offline": "OFFLINE", "never_online": "UNACTIVE", "disabled": "DISABLED"}
_STATUS_OF = {core: ours for ours, core in STATUSES.items()}
_REGISTRATION = {
    "CHECK_SUCCESS": "checked", "CREATE": "making", "CREATE_SUCCESS": "made", "CREATE_FAILED": "failed",
}  # fmt: skip
_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}

_ASIDE = Shape("", "", (
    at("since", lambda a: a.since),
    at("until", lambda a: a.until, "absent: until a person releases it", always=False),
    number("failures", lambda a: a.failures, "since it succeeded last"),
    text("rollout_id", lambda a: names.rollout_id(a.job_id), "where it failed last"),
    text("reason", lambda a: a.reason),
))  # fmt: skip
DEVICE = Shape("Device", "One unit.", (
    text("id", lambda r: r.public_id, "what its owner chose, else product id, _ and name; Huawei's device_id"),
    text("product_id", lambda r: r.product_key),
    text("name", lambda r: r.name, "unique in its product; Alibaba's and Tuya's DeviceName, Huawei's node_id"),
    text("iot_id", lambda r: r.iot_id, "Alibaba's IotId"),
    text("space_id", lambda r: r.space.key),
    text("status", lambda r: _STATUS_OF[r.status], "more may come", enum=list(STATUSES)),
    switch("enabled", lambda r: r.status != "DISABLED", "one that is not enabled may not log in"),
    text("gateway_id", lambda r: r.gateway_id, "the device that it is behind", always=False),
    text("nickname", lambda r: r.nickname or None, always=False),
    text("description", lambda r: r.description or None, always=False),
    text("address", lambda r: r.address, always=False),
    text("sdk_version", lambda r: r.sdk_version, always=False),
    free("versions", _TEXTS, lambda r: dict(r.versions), "what it runs, by module, as it last said"),
    free("tags", _TEXTS, lambda r: dict(r.tags)),
    at("created_at", lambda r: r.created_at),
    at("modified_at", lambda r: r.modified_at),
    at("activated_at", lambda r: r.activated_at, "when it first came online", always=False),
    at("online_at", lambda r: r.online_at, always=False),
    at("offline_at", lambda r: r.offline_at, always=False),
    at("last_heard_at", lambda r: r.last_heard_at, "anything that it sent; true to a minute or two", always=False),
    free("set_aside", members(*_ASIDE.fields), lambda r: None if r.set_aside is None else _ASIDE.show(r.set_aside),
         "it failed too often, and is offered nothing meanwhile", always=False),
))  # fmt: skip
_SECRET = text("secret", lambda r: r.secret)
MADE_DEVICE = DEVICE.with_("MadeDevice", "A device just made, with the secret that it logs in with.", _SECRET)
DEVICE_SECRET = Shape("DeviceSecret", "What a device logs in with.", (
    text("id", lambda r: r.public_id),
    text("product_id", lambda r: r.product_key),
    text("name", lambda r: r.name),
    _SECRET,
    text("secondary_secret", lambda r: r.secondary_secret, "opens a login as its secret does", always=False),
))  # fmt: skip
NEW_SECRET = Shape("NewSecret", "A device's new secret.", (
    text("id", lambda r: r.public_id),
    _SECRET,
    switch("secondary", lambda r: r.secondary),
))  # fmt: skip
COUNTS = Shape("DeviceCounts", "How many devices there are.", (
    number("devices", lambda r: r.devices),
    number("ever_online", lambda r: r.active),
    number("online", lambda r: r.online),
))  # fmt: skip
REGISTRATION = Shape("Registration", "Devices that are made in one batch.", (
    text("id", lambda r: names.registration_id(r.apply_id)),
    text("status", lambda r: _REGISTRATION[r.status], "more may come", enum=list(_REGISTRATION.values())),
    number("asked", lambda r: r.asked, "for how many devices"),
    texts("names", lambda r: r.names, "those made, or that may be made after a check"),
    texts("refused", lambda r: r.refused, "those that may not be made"),
    texts("invalid_names", lambda r: r.invalid_names or None, "told by the check alone", always=False),
    texts("repeated_names", lambda r: r.repeated_names or None, "given twice, or the product has them", always=False),
    at("created_at", lambda r: r.created_at),
))  # fmt: skip

TAG = Shape("Tag", "A tag that devices have.", (
    text("key", lambda r: r.key),
    text("value", lambda r: r.value),
    number("devices", lambda r: r.devices, "that have it"),
    switch("more", lambda r: r.more, "more than `devices` have it"),
))  # fmt: skip

_ALL, _ONE = "/devices", "/devices/{device_id}"
DEVICE_PATH = path_id("device_id", DEVICE_ID)
_DEVICE_SECRET = Param("secret", check=Text(32, "A-Za-z0-9_-", "letters, digits, _ or -", low=8))
_SAID: Table = (Param("nickname", check=NAME), Param("description", check=DESCRIPTION))
_NEW: Table = (
    Param("id", check=Text(128, "A-Za-z0-9_-", "letters, digits, _ or -")),
    _DEVICE_SECRET,
    Param("gateway_id", check=DEVICE_ID),
    *_SAID,
)
_TAGS = Tags(TAG_KEY, label(128), 1, TAGS_AT_ONCE)
NEW_DEVICE: Table = (Param("name", required=True, check=DEVICE_NAME), *_NEW, Param("tags", "object", check=_TAGS))
"""What a row of a list has."""

_FILTERS: Table = (
    PRODUCT_ID,
    SPACE_ID,
    Param("group_id", check=label(64)),
    Param("name", check=DEVICE_NAME),
    Param("nickname", check=NAME),
    Param("status", check=OneOf(tuple(STATUSES))),
    Param("gateway_id", check=DEVICE_ID),
    Param("module", check=word(64)),
    Param("version", check=VERSION),
    Param("tag_key", check=TAG_KEY),
    Param("tag_value", check=label(128)),
    Param("set_aside", "bool"),
)
_COMPARED: tuple[Field, ...] = ("name", "nickname", "module", "version", "tag_key", "tag_value")  # as they are
_REGISTRATION_PATH = (*PRODUCT_PATH, Param("registration_id", required=True, check=label(64)))


def key(v: Values) -> c.DeviceKey:
    """The device that device_id names."""
    return c.DeviceKey(public_id=v["device_id"])


def group_of(v: Values) -> int | None:
    """The group that group_id names, if it is given."""
    return None if v["group_id"] is None else names.read_group_id(v["group_id"])


def new_device(v: Values) -> c.CreateDevice:
    """The device that a request or a row of a list asks for."""
    return c.CreateDevice(
        product_key=v["product_id"], name=v["name"], public_id=v["id"], nickname=v["nickname"],
        description=v["description"], secret=v["secret"], gateway_id=v["gateway_id"],
    )  # fmt: skip


def _list(v: Values) -> c.ListDevices:
    given: dict[Field, str | None] = {name: v[name] for name in _COMPARED}
    given |= {"status": v["status"] and STATUSES[v["status"]], "gateway": v["gateway_id"]}
    parts = tuple(Compare(field, "=", (value,)) for field, value in given.items() if value is not None)
    asked = pages.asked(v) if CURSOR in v else Slice(take=1)  # an export takes all
    return c.ListDevices(
        asked=asked, which=Both(parts), product_key=v["product_id"], space=v["space_id"], group_id=group_of(v),
        order="record", counted=False, set_aside=v["set_aside"],
    )  # fmt: skip


def _change(v: Values) -> c.UpdateDevices:
    said = {name: v[name] for name in ("nickname", "description", "enabled")}
    return c.UpdateDevices(changes=(c.DeviceChange(device=key(v), **said),))


def _reset(v: Values) -> c.ResetSecret:
    return c.ResetSecret(device=key(v), secret=v["secret"], secondary=v["secondary"], disconnect=v["disconnect"])


def _register(v: Values) -> c.CheckDeviceNames | c.RegisterDevices:
    if v["names"] is None:
        return c.RegisterDevices(product_key=v["product_id"], count=v["count"])
    if not v["names"]:
        raise Invalid("names", "at least one")
    return c.CheckDeviceNames(product_key=v["product_id"], names=tuple((name, None) for name in v["names"]))


def _number(v: Values) -> int:
    return names.read_registration_id(v["registration_id"])


OPERATIONS: dict[str, Row] = {
    "create_device": row(
        "POST", _ALL, "operator", "Make a device.", new_device, MADE_DEVICE, status=201, gives="device_id",
        body=(Param("product_id", required=True, check=KEY), Param("name", check=DEVICE_NAME), *_NEW),
        notes="A name, an id and a secret are made up where none are given.",
    ),
    "list_devices": listed(
        _ALL, "viewer", "Devices, newest first.", _list, DEVICE,
        query=(*_FILTERS, sort("name", "created_at")),
        notes="Filters are met all together; with `module` it is that one's `version`, with `tag_key` that one's"
              " `tag_value`. By `name` are those of one `product_id`.",
    ),
    "export_devices": flowing(
        _ALL + "/export", "viewer", "All devices that a list has, newest first, in one file.",
        lambda v: c.ExportDevices(which=_list(v), form=v["format"] or "csv"), DEVICE,
        query=(Param("format", check=OneOf(tuple(FORMS))), *_FILTERS),
        notes="Without secrets. In CSV, texts that a spreadsheet would take for a formula have an apostrophe before"
              " them. Devices that are made meanwhile are not in it.",
    ),
    "count_devices": row(
        "GET", "/device_counts", "viewer", "How many devices the account, a product or a group has.",
        lambda v: c.CountDevices(product_key=v["product_id"], group_id=group_of(v)), COUNTS,
        query=(PRODUCT_ID, Param("group_id", check=label(64))),
    ),
    "show_device": row(
        "GET", _ONE, "viewer", "A device.", lambda v: c.ShowDevice(device=key(v)), DEVICE, ids=DEVICE_PATH, tagged=True,
    ),
    "show_device_secret": row(
        "GET", _ONE + "/secret", "operator", "The secrets of a device.",
        lambda v: c.ShowDevice(device=key(v)), DEVICE_SECRET, ids=DEVICE_PATH,
    ),
    "update_device": row(
        "PATCH", _ONE, "operator", "Change what is said of a device, or let it log in or not.", _change, DEVICE,
        ids=DEVICE_PATH, body=(*_SAID, Param("enabled", "bool")), of=lambda r: r[0],
    ),
    "reset_device_secret": row(
        "POST", _ONE + "/secret", "operator", "Give a device another secret.", _reset, NEW_SECRET, ids=DEVICE_PATH,
        body=(_DEVICE_SECRET, Param("secondary", "bool", default=False), Param("disconnect", "bool", default=False)),
    ),
    "reset_device": row(
        "POST", _ONE + "/reset", "operator", "Forget what a device reported, and cancel its open tasks.",
        lambda v: c.ResetDevice(device=key(v)), ids=DEVICE_PATH, notes="Its names and secrets stay.",
    ),
    "delete_device": row(
        "DELETE", _ONE, "operator", "Delete a device; its open tasks are cancelled.",
        lambda v: c.DeleteDevice(device=key(v), keep_gateway=True), ids=DEVICE_PATH,
    ),
    "list_tags": listed(
        "/tags", "viewer", "The tags of all devices, by key and value.",
        lambda v: c.ListTags(asked=Slice(take=v["limit"]), after=pages.after_pair(v)), TAG,
        notes="A device has each key once. `devices` is counted up to 1,000.",
    ),
    "set_device_tags": row(
        "POST", _ONE + "/tags", "operator", "Give a device tags, or tags it has other values.",
        lambda v: c.SetTags(device=key(v), tags=v["tags"]), ids=DEVICE_PATH,
        body=(Param("tags", "object", required=True, check=_TAGS),),
        notes="Other tags stay.",
    ),
    "delete_device_tag": row(
        "DELETE", _ONE + "/tags/{key}", "operator", "Take a tag from a device.",
        lambda v: c.DeleteTags(device=key(v), keys=(v["key"],), need_all=True),
        ids=(*DEVICE_PATH, Param("key", required=True, check=TAG_KEY)),
    ),
    "register_devices": row(
        "POST", "/products/{product_id}/registrations", "operator", "Check names for many devices, or make many.",
        _register, REGISTRATION, status=201, ids=PRODUCT_PATH,
        body=(Param("names", "list", check=label(64), most=REGISTERED_MAX, unique=False),
              Param("count", "int", check=Range(1, REGISTERED_MAX))),
        notes="`names` are checked and none is made yet; `count` devices with made-up names are made at once.",
        one=("names", "count"),
    ),
    "make_registered_devices": row(
        "POST", "/products/{product_id}/registrations/{registration_id}/devices", "operator",
        "Make the devices whose names were found good.",
        lambda v: c.RegisterDevices(product_key=v["product_id"], apply_id=_number(v)), REGISTRATION,
        ids=_REGISTRATION_PATH, notes="Asked again it makes nothing more and tells what came of it.",
    ),
    "show_registration": row(
        "GET", "/products/{product_id}/registrations/{registration_id}", "viewer", "A batch of devices.",
        lambda v: c.ShowRegistration(product_key=v["product_id"], apply_id=_number(v)), REGISTRATION,
        ids=_REGISTRATION_PATH,
    ),
}  # fmt: skip
