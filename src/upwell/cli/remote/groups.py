"""`upwell group …`."""

import json
from typing import Annotated, Any

import typer

from upwell.cli.apps import noun
from upwell.cli.exits import Ended, Exit
from upwell.cli.remote.acting import LIST_MAX, At, Every, Limit, Named, Yes, verb
from upwell.cli.remote.devices import COLUMNS as DEVICES
from upwell.cli.remote.devices import DeviceIds
from upwell.cli.telling import Column, member, minute, moment, number, of
from upwell.client.shapes import CountedGroup

app = noun("Groups of devices.", name="group")
Group = Annotated[str, typer.Argument(metavar="GROUP", help="The group's id.")]
AT_ONCE = 200  # devices that one request adds
COLUMNS: tuple[Column, ...] = (
    ("id", member("id")), ("name", member("name")), ("kind", member("kind")), ("made", moment("created_at")),
)  # fmt: skip


@verb(
    app, "create", 'upwell group create "First floor"',
    """upwell group create Old --condition '{"all_of": [{"field": "version", "values": ["1.0", "1.1"]}]}'""",
)  # fmt: skip
def create(
    at: At,
    name: Annotated[str, typer.Argument(help="What people call it.")],
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    space: Annotated[str | None, typer.Option(help="The space that it lies in; else the default one.")] = None,
    condition: Annotated[
        str | None, typer.Option(metavar="JSON", help="What fills it, as the API takes it (docs/api.md).")
    ] = None,
) -> None:
    """Make a group, to which devices are added by hand, or which a condition fills."""
    filled_by = None if condition is None else _read(condition)
    made = at.client.create_group(name=name, description=description, space_id=space, condition=filled_by)
    at.one(made, ("id", made["id"]), ("name", made["name"]))
    then = "add {} DEVICE..." if condition is None else "devices {}"
    at.say(f"\nNext: upwell group {then.format(made['id'])}")


@verb(
    app, "preview", """upwell group preview --condition '{"all_of": [{"field": "version", "values": ["1.0"]}]}'""",
)  # fmt: skip
def preview(
    at: At,
    condition: Annotated[str, typer.Option(metavar="JSON", help="What would fill it, as the API takes it.")],
) -> None:
    """Show which devices a condition means, before a group is made of it."""
    found = at.client.preview_group(condition=_read(condition))
    told = of(found["fits"], "device")
    at.one(
        found, ("fits", told if found["whole"] else f"{told} of the newest {number(found['looked'])} looked at"),
        ("such as", ", ".join(each["id"] for each in found["examples"]) or None),
    )  # fmt: skip


def _read(condition: str) -> Any:
    """What the server is sent. Raises Ended."""
    try:
        return json.loads(condition)
    except ValueError as exc:
        told = f"upwell: --condition is no JSON: {exc}"
        raise Ended(
            Exit.USAGE, told, """  try: --condition '{"all_of": [{"field": "name", "values": ["lamp-1"]}]}'"""
        ) from exc


def _condition(group: CountedGroup) -> str | None:
    ours = group.get("condition")
    return group.get("condition_text") if ours is None else json.dumps(ours)


@verb(app, "list", "upwell group list")
def list_(at: At, sort: Named = None, limit: Limit = LIST_MAX, every: Every = False) -> None:
    """Show groups, newest first."""
    at.pages(COLUMNS, at.client.list_groups(sort=sort), "no groups; make one: upwell group create NAME", limit, every)


@verb(app, "show", "upwell group show grp_0000000000000009")
def show(at: At, group: Group) -> None:
    """Show a group and how many devices are in it."""
    found = at.client.show_group(group)
    counts = found["devices"]
    at.one(
        found, ("id", found["id"]), ("name", found["name"]), ("kind", found["kind"]),
        ("description", found["description"]), ("condition", _condition(found)),
        ("devices", f"{number(counts['devices'])}, of which {number(counts['online'])} online now"),
        ("made", minute(found["created_at"])),
    )  # fmt: skip


@verb(app, "devices", "upwell group devices grp_0000000000000009 --all")
def devices_(at: At, group: Group, limit: Limit = LIST_MAX, every: Every = False) -> None:
    """Show the devices of a group."""
    at.pages(DEVICES, at.client.list_group_members(group), "no devices in it", limit, every)


@verb(app, "add", "upwell group add grp_0000000000000009 lamp-eu_kitchen-1 lamp-eu_kitchen-2")
def add(at: At, group: Group, devices: DeviceIds) -> None:
    """Add devices to a group; of each 200 all or none."""
    named = list(dict.fromkeys(devices))
    for start in range(0, len(named), AT_ONCE):
        done = at.client.add_to_group(group, device_ids=named[start : start + AT_ONCE])
        at.one(done, ("added", done["changed"]), ("were in it", done["already"]))


@verb(app, "remove", "upwell group remove grp_0000000000000009 lamp-eu_kitchen-1 --yes")
def remove(at: At, group: Group, devices: DeviceIds, yes: Yes = False) -> None:
    """Take devices out of a group."""
    named = list(dict.fromkeys(devices))
    at.sure(f"This takes {of(len(named), 'device')} out of the group {group}.", yes)
    for device in named:
        at.client.remove_from_group(group, device)
        at.say(f"removed {device}")


@verb(app, "delete", "upwell group delete grp_0000000000000009 --yes")
def delete(at: At, group: Group, yes: Yes = False) -> None:
    """Delete a group; its devices stay."""
    found = at.client.show_group(group)
    at.sure(f"This deletes the group {found['name']} of {of(found['devices']['devices'], 'device')}, which stay.", yes)
    at.client.delete_group(group)
    at.say(f"deleted {group}")
