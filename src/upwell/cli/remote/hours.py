"""`upwell hours …`: when devices of a group, or with a tag, may be offered something."""

from typing import Annotated, Any

import typer

from upwell.cli.apps import noun
from upwell.cli.exits import Ended, Exit
from upwell.cli.remote.acting import At, Yes, verb
from upwell.cli.remote.careful import hours_of, read_hours
from upwell.cli.telling import Column, member, moment
from upwell.client.shapes import DeviceHours

app = noun("Hours of groups and tags, for all rollouts.", name="hours")
Hours = Annotated[str, typer.Argument(metavar="HOURS", help="Their id.")]
Spans = Annotated[
    list[str], typer.Option("--hours", metavar="SPAN", help="22:00-04:00, or mon-fri@22:00-04:00; may be given again.")
]
Zone = Annotated[str, typer.Option(metavar="ZONE", help="As the IANA database has it: Europe/Berlin.")]


def _whose(one: DeviceHours) -> str:
    """Which devices they are of, in words."""
    tag = one.get("tag")
    return f"tag {tag['key']}={tag['value']}" if tag is not None else f"group {one.get('group_id')}"


COLUMNS: tuple[Column, ...] = (
    ("id", member("id")), ("of", _whose), ("hours", lambda one: hours_of(one["hours"])), ("made", moment("created_at")),
)  # fmt: skip


def _tell(at: At, one: DeviceHours) -> None:
    at.one(one, ("id", one["id"]), ("of", _whose(one)), ("hours", hours_of(one["hours"])))


@verb(
    app, "add", "upwell hours add --group grp_0000000000000009 --hours mon-fri@22:00-04:00 --zone Europe/Berlin",
    "upwell hours add --tag line=3 --hours 12:00-13:00 --zone Asia/Shanghai",
)  # fmt: skip
def add(
    at: At,
    spans: Spans,
    zone: Zone,
    group: Annotated[str | None, typer.Option(metavar="GROUP", help="Of the devices of this static group.")] = None,
    tag: Annotated[str | None, typer.Option(metavar="KEY=VALUE", help="Of the devices with this tag.")] = None,
) -> None:
    """Offer devices of a group, or with a tag, something in these hours alone. Of several all must be open."""
    key, equals, value = (tag or "").partition("=")
    if (group is None) == (tag is None) or (tag is not None and not equals):
        raise Ended(Exit.USAGE, "upwell: hours are of a group or of a tag", "  try: --group GROUP, or --tag line=3")
    whose: dict[str, Any] = {"tag": {"key": key, "value": value}} if group is None else {"group_id": group}
    given: Any = {"hours": read_hours(spans, zone)} | whose
    _tell(at, at.client.create_device_hours(**given))


@verb(app, "list", "upwell hours list")
def list_(at: At) -> None:
    """Show the hours of groups and tags, newest first."""
    at.many(COLUMNS, at.client.list_device_hours(), "no hours; devices are offered at any time")


@verb(app, "show", "upwell hours show hrs_0000000000000009")
def show(at: At, hours: Hours) -> None:
    """Show the hours of a group or tag, and whether they are open."""
    _tell(at, at.client.show_device_hours(hours))


@verb(app, "change", "upwell hours change hrs_0000000000000009 --hours 22:00-06:00 --zone Europe/Berlin")
def change(at: At, hours: Hours, spans: Spans, zone: Zone) -> None:
    """Give a group or tag other hours."""
    given: Any = read_hours(spans, zone)
    _tell(at, at.client.update_device_hours(hours, hours=given))


@verb(app, "delete", "upwell hours delete hrs_0000000000000009 --yes")
def delete(at: At, hours: Hours, yes: Yes = False) -> None:
    """Let the devices of a group or tag be offered at any time."""
    found = at.client.show_device_hours(hours)
    at.sure(f"Devices of {_whose(found)} are offered at any time then.", yes)
    at.client.delete_device_hours(hours)
    at.say(f"deleted {hours}")
