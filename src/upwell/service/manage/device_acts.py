"""What an owner did to a device, written into its timeline with the audit's entry of it, in the same transaction.

Who did it, from where, and in a few words what; which values were given is the audit's to say. Commands that are about
many devices at once, and those about tasks, whose history is told anyway, write nothing here.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any
from uuid import UUID

from upwell.domain import commands as c
from upwell.domain import fleet
from upwell.domain.timeline import Kind, Line
from upwell.service.upgrade import timeline
from upwell.service.upgrade.timeline import Counted
from upwell.storage.database import Connection
from upwell.storage.queries import sheet

SQL = sheet("devices")
DEVICES_MAX = 1000  # of one call


def _changed(change: c.DeviceChange) -> tuple[str, str]:
    if change.enabled is not None:
        return ("enabled" if change.enabled else "disabled"), ""
    given = [each.name for each in fields(change) if each.name != "device" and getattr(change, each.name)]
    return "changed", ", ".join(given)


_DONE: Mapping[type, Callable[[Any], tuple[str, str]]] = {
    c.ResetSecret: lambda cmd: ("secret reset", "the secondary one" if cmd.secondary else ""),
    c.ResetDevice: lambda cmd: ("reset", ""),
    c.SetTags: lambda cmd: ("tagged", ", ".join(cmd.tags)),
    c.DeleteTags: lambda cmd: ("untagged", ", ".join(cmd.keys)),
}
"""Of commands about one device: what was done, and more of it."""


def _about(command: object, result: object) -> Iterator[tuple[c.DeviceKey, str, str]]:
    match command:
        case c.UpdateDevices(changes=changes):
            for change in changes[:DEVICES_MAX]:
                yield change.device, *_changed(change)
        case c.CreateDevice() if isinstance(result, c.Device):
            yield c.DeviceKey(product_key=result.product_key, name=result.name), "made", ""
    if told := _DONE.get(type(command)):
        yield command.device, *told(command)  # type: ignore[attr-defined]


async def write(conn: Connection, entry: Mapping[str, Any], command: object, result: object) -> None:
    """The lines of a command that was done, if it is about devices. `entry` is the audit's of it, whose number tells
    them apart."""
    about = list(_about(command, result))
    if not about:
        return
    ids = await _ids(conn, entry["account_id"], [key for key, _, _ in about])
    by = {name: entry[name] for name in ("who", "address", "account_id")}
    lines = [
        Counted.of(Line(device_id=found, kind=Kind.ACT, what=what, detail=detail, **by), entry["at"])
        for found, (_, what, detail) in zip(ids, about, strict=True)
        if found is not None
    ]
    await timeline.write_in(conn, lines, apart=entry["entry_id"])


async def _ids(conn: Connection, account_id: int, keys: Sequence[c.DeviceKey]) -> list[UUID | None]:
    """The devices that these keys lead to, in their order; the command has found them already, and holds them."""
    asked = [key.public_id for key in keys if key.public_id and not key.iot_id]
    implied = [(text, device) for text in asked for device in fleet.implied_ids(text)]
    which = {
        "public_ids": asked,
        "implied": [text for text, _ in implied],
        "implied_ids": [each for _, each in implied],
    }
    rows = await conn.fetch(*SQL["devices_by_public_id"](account_id=account_id, **which)) if asked else []
    found: dict[str, UUID] = {}
    for row in rows:
        found.setdefault(row["public_id"], UUID(int=row["device_id"].int))
    return [_id(key, found) for key in keys]


def _id(key: c.DeviceKey, public: Mapping[str, UUID]) -> UUID | None:
    if key.iot_id:
        return fleet.device_of_iot_id(key.iot_id)
    return public.get(key.public_id) if key.public_id else fleet.device_id(key.product_key or "", key.name or "")
