"""Our own operations on events: their members, their commands, their answers. The same list is a stream for who accepts
`text/event-stream`; how that is written stands here too.
"""

from typing import Any

from upwell.dialects.checks import OneOf, Pattern, Range
from upwell.dialects.operations import Param, Table, Values
from upwell.dialects.upwell import names
from upwell.dialects.upwell.cloud_events import NAMES, cloud_event
from upwell.dialects.upwell.params import PAGE_DEFAULT, PAGE_MAX, PRODUCT_ID, label
from upwell.dialects.upwell.render import json_bytes
from upwell.dialects.upwell.rows import Row, row
from upwell.dialects.upwell.shapes import Shape, free, number, switch, text
from upwell.domain import commands as c

STREAM_TYPE = "text/event-stream"
EVENT_ID = Pattern(names.pattern("event"), "the id of an event")

EVENTS = Shape("Events", "Some events, oldest first.", (
    free("items", {"type": "array", "items": {"$ref": "#/components/schemas/Event"}},
         lambda r: [cloud_event(event) for event in r.items]),
    text("next_after", lambda r: names.event_id(r.to), "to be given as `after` of the next page, now or later"),
    switch("is_last", lambda r: r.is_last, "nothing is behind this page yet"),
))  # fmt: skip

SETTINGS = Shape("EventSettings", "Which events an account has, and for how long.", (
    switch("devices", lambda r: r.of_devices, "what devices do: offers, progress, ends of tasks, versions, first seen"),
    switch("presence", lambda r: r.of_presence, "each time a device connects, or its connection ends"),
    number("keep_days", lambda r: r.keep_days),
    number("keep_most", lambda r: r.keep_most, "the oldest beyond so many are kept no longer"),
))  # fmt: skip

_FILTERS: Table = (
    Param("type", check=OneOf(tuple(NAMES))),
    PRODUCT_ID,
    Param("rollout_id", check=label(64)),
    Param("after", check=EVENT_ID),
)


def _list(v: Values) -> c.ListEvents:
    rollout, after = v["rollout_id"], v["after"]
    return c.ListEvents(
        after=None if after is None else names.read_event_id(after), most=v["limit"], product_key=v["product_id"],
        kind=None if v["type"] is None else NAMES[v["type"]],
        job_id=None if rollout is None else names.read_rollout_id(rollout),
    )  # fmt: skip


def _settings(v: Values) -> c.UpdateEventSettings:
    return c.UpdateEventSettings(
        of_devices=v["devices"], of_presence=v["presence"], keep_days=v["keep_days"], keep_most=v["keep_most"]
    )  # fmt: skip


OPERATIONS: dict[str, Row] = {
    "list_events": row(
        "GET", "/events", "viewer", "What happened, oldest first.", _list, EVENTS,
        query=(*_FILTERS, Param("limit", "int", check=Range(1, PAGE_MAX), default=PAGE_DEFAULT)),
        notes="Without `after` from the oldest that is kept. A page may have fewer items than `limit`, and none, before"
        f" the last. To a request that accepts `{STREAM_TYPE}` events are sent as they happen, from now on or after"
        " `after` or `Last-Event-ID`.",
    ),
    "show_event_settings": row(
        "GET", "/event_settings", "viewer", "Which events the account has.", lambda _: c.ShowEventSettings(), SETTINGS,
    ),
    "update_event_settings": row(
        "PATCH", "/event_settings", "admin", "Have other events from now on.", _settings, SETTINGS,
        body=(Param("devices", "bool"), Param("presence", "bool"),
              Param("keep_days", "int", check=Range(1, c.KEEP_DAYS_MAX)),
              Param("keep_most", "int", check=Range(1000, c.KEEP_MOST_MAX))),
    ),
}  # fmt: skip


# --- the stream (rollouts 4.5) --------------------------------------------------------------------------------------


def in_stream(event: c.Event) -> bytes:
    """An event in a stream; its id is where a client that comes back goes on."""
    return _block(names.event_id(event.position), "", json_bytes(cloud_event(event)))


def come_to(position: int) -> bytes:
    """All up to there was looked at, and nothing of it fits: no event, but where to go on."""
    return _block(names.event_id(position), "", b"")


def reset_to(position: int) -> bytes:
    """The client's place is not here any more: what comes next begins with the oldest."""
    said: dict[str, Any] = {"begins_after": names.event_id(position)}
    return _block(names.event_id(position), "reset", json_bytes(said))


def _block(event_id: str, name: str, data: bytes) -> bytes:
    lines = [f"id: {event_id}".encode()]
    lines += [f"event: {name}".encode()] if name else []
    lines += [b"data: " + data] if data else []
    return b"\n".join([*lines, b"", b""])


def retry_after(ms: int) -> bytes:
    """How long a client waits before it comes back."""
    return b"retry: %d\n\n" % ms


HEARTBEAT = b":\n\n"  # a comment, so that nobody on the way takes the connection for dead
