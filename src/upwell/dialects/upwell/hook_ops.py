"""Our own operations on hooks, which the core calls receivers: their members, their commands, their answers."""

from datetime import timedelta

from upwell.dialects.checks import OneOf, Range
from upwell.dialects.operations import Param, Table, Values
from upwell.dialects.upwell import names, pages
from upwell.dialects.upwell.cloud_events import NAMES, PREFIX
from upwell.dialects.upwell.event_ops import EVENT_ID
from upwell.dialects.upwell.params import PRODUCT_ID, YES, label, path_id
from upwell.dialects.upwell.rows import Row, all_of, listed, row
from upwell.dialects.upwell.shapes import Shape, at, number, switch, text, texts
from upwell.domain import commands as c

URL = Param("target_url", check=label(1024))
TITLE = Param("name", check=label(64))
TYPES = Param("types", "list", check=OneOf(tuple(NAMES)), most=len(NAMES), selects=True)
HOOK_PATH = path_id("hook_id", label(64))
REDELIVERED_MAX = 200
OVERLAP_H, OVERLAP_MAX_H = 24, 30 * 24
_STATUSES = ("waiting", "sending", "delivered", "given_up")

HOOK = Shape("Hook", "Where events are sent.", (
    text("id", lambda r: names.hook_id(r.receiver_id)),
    text("name", lambda r: r.name or None, always=False),
    text("target_url", lambda r: r.target_url),
    texts("types", lambda r: [PREFIX + kind for kind in r.kinds], "of events; none: every one that the account has"),
    text("product_id", lambda r: r.product_key, "of whose events alone", always=False),
    text("rollout_id", lambda r: None if r.job_id is None else names.rollout_id(r.job_id), always=False),
    switch("enabled", lambda r: r.enabled),
    text("disabled_because", lambda r: r.reason or None, "`gone`: it answered 410; `failing`: nothing was taken for"
         " three days; absent where its owner disabled it. More may come", always=False),
    at("failing_since", lambda r: r.failing_since, "nothing was taken since", always=False),
    number("waiting", lambda r: r.waiting, "deliveries that are not over"),
    number("missed", lambda r: r.missed, "how far it was behind what the account had forgotten by then"),
    at("old_secret_until", lambda r: r.former_until, "it signs too until then", always=False),
    at("created_at", lambda r: r.created_at),
    at("modified_at", lambda r: r.modified_at),
))  # fmt: skip
MADE_HOOK = HOOK.with_(
    "MadeHook", "A hook with its new secret, which is shown this once.",
    text("secret", lambda r: r.secret, "of Standard Webhooks: `whsec_` and the key in Base64"),
)  # fmt: skip


def _status(r: c.Delivery) -> str:
    if r.done_at is not None:
        return "delivered" if r.is_taken else "given_up"
    return "sending" if r.is_sending else "waiting"


DELIVERY = Shape("Delivery", "What became of an event for a hook.", (
    text("event_id", lambda r: names.event_id(r.position)),
    text("type", lambda r: PREFIX + r.kind),
    text("status", _status, "more may come"),
    number("tries", lambda r: r.tries),
    at("happened_at", lambda r: r.made_at),
    at("tried_at", lambda r: r.tried_at, "the last time", always=False),
    number("duration_ms", lambda r: r.took_ms, "of the last try", always=False),
    number("answer_status", lambda r: r.status, always=False),
    text("answer", lambda r: r.answer or None, "its first characters", always=False),
    text("problem", lambda r: r.problem or None, "why there was no answer", always=False),
    at("next_at", lambda r: None if r.done_at else r.next_at, "it is tried again", always=False),
    at("done_at", lambda r: r.done_at, always=False),
))  # fmt: skip

DELIVERY_IN_FULL = DELIVERY.with_(
    "DeliveryInFull", "What became of an event for a hook, and what is sent.",
    text("target_url", lambda r: r.url, "where it goes now"),
    text("body", lambda r: r.body, "the CloudEvent, byte for byte; `webhook-signature` is made anew at each try"),
)  # fmt: skip


def _kinds(types: list[str] | None) -> tuple[str, ...]:
    return tuple(NAMES[each] for each in types or ())


def _create(v: Values) -> c.CreateReceiver:
    rollout = v["rollout_id"]
    return c.CreateReceiver(
        target_url=v["target_url"], name=v["name"] or "", kinds=_kinds(v["types"]), product_key=v["product_id"],
        job_id=None if rollout is None else names.read_rollout_id(rollout),
    )  # fmt: skip


def _update(v: Values) -> c.UpdateReceiver:
    return c.UpdateReceiver(
        receiver_id=number_of(v), target_url=v["target_url"], name=v["name"], enabled=v["enabled"],
        kinds=() if v["all_types"] else None if v["types"] is None else _kinds(v["types"]),
    )  # fmt: skip


def _redeliver(v: Values) -> c.Redeliver:
    return c.Redeliver(
        receiver_id=number_of(v), positions=tuple(map(names.read_event_id, v["event_ids"] or ())),
        first=_position(v["first"]), last=_position(v["last"]),
    )  # fmt: skip


def _position(event_id: str | None) -> int | None:
    return None if event_id is None else names.read_event_id(event_id)


def _deliveries(v: Values) -> c.ListDeliveries:
    return c.ListDeliveries(receiver_id=number_of(v), asked=pages.asked(v), is_open=v["open"])


def number_of(v: Values) -> int:
    """The hook that a path names."""
    return names.read_hook_id(v["hook_id"])


def _delivery(v: Values) -> c.ShowDelivery:
    return c.ShowDelivery(receiver_id=number_of(v), position=names.read_event_id(v["event_id"]))


_RANGE: Table = (
    Param("event_ids", "list", check=EVENT_ID, most=REDELIVERED_MAX, selects=True),
    Param("first", check=EVENT_ID),
    Param("last", check=EVENT_ID),
)

OPERATIONS: dict[str, Row] = {
    "create_hook": row(
        "POST", "/hooks", "operator", "Have events sent to a URL, from now on.", _create, MADE_HOOK, status=201,
        body=(Param("target_url", required=True, check=label(1024)), TITLE, TYPES, PRODUCT_ID,
              Param("rollout_id", check=label(64))),
        notes="What its `types` name of devices and of their presence the account has from now on.", gives="hook_id",
    ),
    "list_hooks": all_of("/hooks", "operator", "All hooks, newest first.", lambda _: c.ListReceivers(), HOOK),
    "show_hook": row(
        "GET", "/hooks/{hook_id}", "operator", "One hook.", lambda v: c.ShowReceiver(receiver_id=number_of(v)), HOOK,
        ids=HOOK_PATH,
    ),
    "update_hook": row(
        "PATCH", "/hooks/{hook_id}", "operator", "Change a hook, stop it or have it go on.", _update, HOOK,
        ids=HOOK_PATH, body=(URL, TITLE, TYPES, Param("all_types", "bool", check=YES), Param("enabled", "bool")),
        apart=(("types", "all_types"),),
        notes="One that is enabled again goes on where it was, with what is still kept.",
    ),
    "delete_hook": row(
        "DELETE", "/hooks/{hook_id}", "operator", "Delete a hook with what waits for it.",
        lambda v: c.DeleteReceiver(receiver_id=number_of(v)), ids=HOOK_PATH,
    ),
    "ping_hook": row(
        "POST", "/hooks/{hook_id}/ping", "operator", "Send a hook an event that says nothing.",
        lambda v: c.PingReceiver(receiver_id=number_of(v)), HOOK, ids=HOOK_PATH, status=202,
    ),
    "rotate_hook_secret": row(
        "POST", "/hooks/{hook_id}/rotate_secret", "operator", "Give a hook a new secret.",
        lambda v: c.RotateSecret(receiver_id=number_of(v), overlap=timedelta(hours=v["overlap_hours"])), MADE_HOOK,
        ids=HOOK_PATH, body=(Param("overlap_hours", "int", check=Range(0, OVERLAP_MAX_H), default=OVERLAP_H),),
        notes="For `overlap_hours` what is sent is signed with the old one too.",
    ),
    "redeliver_events": row(
        "POST", "/hooks/{hook_id}/redeliver", "operator", "Send events again, with the same ids.", _redeliver, HOOK,
        ids=HOOK_PATH, status=202, body=_RANGE, one=("event_ids", "last"),
        apart=(("event_ids", "first"),),
        notes="`event_ids` are of its deliveries. `first` to `last`, or all up to `last`, is a range of the account's"
        " events that are kept, those that the hook's filters fit.",
    ),
    "list_deliveries": listed(
        "/hooks/{hook_id}/deliveries", "operator", "What was sent and is to be sent, newest event first.", _deliveries,
        DELIVERY, ids=HOOK_PATH, query=(Param("open", "bool"),),
        notes="Those that are over are kept for 7 days, 5,000 of a hook at the most.",
    ),
    "show_delivery": row(
        "GET", "/hooks/{hook_id}/deliveries/{event_id}", "operator", "One delivery, with what is sent.", _delivery,
        DELIVERY_IN_FULL, ids=(*HOOK_PATH, *path_id("event_id", label(64))),
    ),
}  # fmt: skip
