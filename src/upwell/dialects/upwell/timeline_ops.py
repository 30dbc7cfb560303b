"""Our own lists of what befell devices, and of a fleet over time: their members, their commands, their answers."""

from upwell.dialects.checks import OneOf
from upwell.dialects.operations import Param, Table, Values
from upwell.dialects.upwell import names, pages
from upwell.dialects.upwell.device_ops import DEVICE_PATH, key
from upwell.dialects.upwell.module_ops import MODULE_NAME
from upwell.dialects.upwell.params import KEY, PRODUCT_ID, Moment, label, moment
from upwell.dialects.upwell.rows import Row, listed
from upwell.dialects.upwell.shapes import Shape, at, free, members, number, text
from upwell.domain import commands as c
from upwell.domain.timeline import Kind

KINDS = tuple(kind.value for kind in Kind)

LINE = Shape("TimelineLine", "One thing that befell a device, or several of a minute that are alike.", (
    at("at", lambda r: r.at, "of several the first"),
    at("last_at", lambda r: r.last_at if r.times > 1 else None, "of several the last", always=False),
    number("times", lambda r: r.times, "how many they are"),
    text("kind", lambda r: r.kind, "more may come", enum=list(KINDS)),
    text("what", lambda r: r.what, "a word of the kind; more may come"),
    text("rollout_id", lambda r: None if r.job_id is None else names.rollout_id(r.job_id), always=False),
    text("package_id", lambda r: None if r.package_id is None else names.package_id(r.package_id), always=False),
    text("module", lambda r: r.module or None, always=False),
    text("from", lambda r: r.source or None, "a version; of a task its state before", always=False),
    text("to", lambda r: r.version or None, "a version; of a task its state from then on", always=False),
    text("reason", lambda r: r.reason or None, always=False),
    text("detail", lambda r: r.detail or None, "for a person; of several the last", always=False),
    number("bytes", lambda r: r.size or None, "that left, of all", always=False),
    number("resumed", lambda r: r.resumed or None, "how many began behind the first byte of the file", always=False),
    text("address", lambda r: r.address or None, always=False),
    text("who", lambda r: r.who or None, "as in the audit", always=False),
))  # fmt: skip

REFUSED = Shape("RefusedLogin", "Logins as one name from one address that were refused.", (
    at("at", lambda r: r.at, "the last"),
    at("first_at", lambda r: r.first_at),
    number("times", lambda r: r.times),
    text("name", lambda r: r.name or None, "absent: all further names of the address", always=False),
    text("product_id", lambda r: r.product_key or None, "absent: none was said and several fit", always=False),
    text("address", lambda r: r.address, "IPv6 by its network"),
    text("vendor", lambda r: r.vendor, "by whose device side it was tried"),
    text("reason", lambda r: r.reason, "of the last"),
))  # fmt: skip
_VERSION = members(text("version", lambda r: None), number("devices", lambda r: None))
HOUR = Shape("VersionHour", "How many devices ran which version at the end of an hour in which that changed.", (
    at("at", lambda r: r.at, "the beginning of the hour"),
    free("versions", {"type": "array", "items": _VERSION},
         lambda r: [{"version": version, "devices": devices} for version, devices in r.versions], "the most first"),
    number("unknown", lambda r: r.unknown or None, "devices that said a version that can't be known", always=False),
    number("others", lambda r: r.others or None, "devices with versions that are not told apart", always=False),
))  # fmt: skip

_FILTERS: Table = (
    Param("kind", check=OneOf(KINDS)),
    Param("since", check=Moment()),
    Param("until", check=Moment()),
)


def _list(v: Values) -> c.ListTimeline:
    return c.ListTimeline(
        asked=pages.asked(v), device=key(v), kind=v["kind"], since=moment(v["since"]), until=moment(v["until"])
    )  # fmt: skip


def _refused(v: Values) -> c.ListRefusedLogins:
    return c.ListRefusedLogins(
        asked=pages.asked(v), product_key=v["product_id"], since=moment(v["since"]), address=v["address"],
        name=v["name"],
    )  # fmt: skip


def _hours(v: Values) -> c.ListVersionHours:
    return c.ListVersionHours(
        asked=pages.asked(v), product_key=v["product_id"], module=v["module"], since=moment(v["since"]),
        until=moment(v["until"]),
    )  # fmt: skip


OPERATIONS: dict[str, Row] = {
    "list_device_timeline": listed(
        "/devices/{device_id}/timeline", "viewer", "What befell a device, newest first.", _list, LINE, ids=DEVICE_PATH,
        query=_FILTERS,
        notes="Lines come a few seconds later. Those of one minute that are alike are one, and a device has some"
              " hundreds beside the changes of its tasks. From `since` on, and before `until`.",
    ),
    "list_refused_logins": listed(
        "/refused_logins", "viewer", "Logins of devices that were refused, the last tried first.", _refused, REFUSED,
        query=(PRODUCT_ID, Param("since", check=Moment()), Param("address", check=label(64)),
               Param("name", check=label(200))),
        notes="Of devices of the account, and of unknown names with one of its products. By name and address one, kept"
              " for 30 days after the last.",
    ),
    "list_version_history": listed(
        "/version_history", "viewer", "How versions spread over a product's devices, newest hour first.", _hours, HOUR,
        query=(Param("product_id", required=True, check=KEY), Param("module", check=MODULE_NAME, default="default"),
               *_FILTERS[1:]),
        notes="An hour in which nothing changed is not there: what stood before goes on. At most 200 versions are told"
              " apart.",
    ),
}  # fmt: skip
