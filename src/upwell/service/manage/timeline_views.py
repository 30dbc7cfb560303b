"""A device's timeline as its owner reads it: what was noted of it, and the history of its tasks, as one list."""

from upwell.domain import commands as c
from upwell.domain.commands.lists import Page
from upwell.service.context import Context
from upwell.service.manage.access import Caller
from upwell.service.manage.devices import show_device
from upwell.service.manage.pages import page
from upwell.service.manage.places import place_of, record_of
from upwell.storage.database import filled
from upwell.storage.queries import sheet

_Q = sheet("timeline")


async def list_timeline(ctx: Context, caller: Caller, cmd: c.ListTimeline) -> Page[c.TimelineLine]:
    """A slice of it. Raises NotFound, Missing."""
    device = await show_device(ctx, caller, c.ShowDevice(device=cmd.device))
    which = {"kind": cmd.kind, "since": cmd.since, "until": cmd.until, **place_of(cmd.asked.below)}
    async with ctx.database.connection() as conn:
        rows = await conn.fetch(*_Q["show"](device_id=device.device_id, take=cmd.asked.take, **which))
    return page(rows, cmd.asked, lambda row: filled(c.TimelineLine, row), lambda row: record_of(row["at"], row["tie"]))
