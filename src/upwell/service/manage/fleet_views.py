"""What an owner sees of a fleet: logins that were refused, and how versions spread by the hour.

Of versions a page goes from hour to hour in which something changed, each with all that stood at its end: the changes
of those hours, and what stood before the first of them.
"""

from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from upwell.domain import commands as c
from upwell.domain.commands.lists import Page
from upwell.service.context import Context
from upwell.service.manage.access import Caller
from upwell.service.manage.pages import page
from upwell.service.manage.places import place_of, record_of
from upwell.service.manage.products import find_product
from upwell.storage.database import Row, filled
from upwell.storage.queries import sheet

_REFUSED = sheet("refused")
_SPREAD = sheet("spread")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR = timedelta(hours=1)
_HOURS_MAX = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _HOUR


async def list_refused_logins(ctx: Context, caller: Caller, cmd: c.ListRefusedLogins) -> Page[c.RefusedLogin]:
    """A slice of those of the account, or of one product, newest first. Raises NotFound (product)."""
    given = {"product_key": cmd.product_key, "since": cmd.since, "address": cmd.address, "name": cmd.name}
    which = given | place_of(cmd.asked.below)
    async with ctx.database.connection() as conn:
        if cmd.product_key is not None:
            await find_product(conn, caller, cmd.product_key)
        rows = await conn.fetch(*_REFUSED["list"](account_id=caller.account_id, take=cmd.asked.take, **which))
    return page(rows, cmd.asked, lambda row: filled(c.RefusedLogin, row), lambda row: record_of(row["at"], row["tie"]))


async def list_version_hours(ctx: Context, caller: Caller, cmd: c.ListVersionHours) -> Page[c.VersionHour]:
    """The hours in which the spread changed, newest first. Raises NotFound (product)."""
    async with ctx.database.connection() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        product_id = await find_product(conn, caller, cmd.product_key)
        of = {"product_id": product_id, "module": cmd.module.lower()}
        below = None if cmd.asked.below is None else _EPOCH + min(cmd.asked.below, _HOURS_MAX) * _HOUR
        span = {"below": below, "since": cmd.since, "until": cmd.until, "take": cmd.asked.take}
        hours = [row["hour"] for row in await conn.fetch(*_SPREAD["hours"](**of, **span))]
        rows = await conn.fetch(*_SPREAD["changes"](**of, first=hours[-1], last=hours[0])) if hours else []
    return page(list(_told(hours, rows)), cmd.asked, lambda hour: hour, lambda hour: (hour.at - _EPOCH) // _HOUR)


def _told(hours: list[datetime], rows: Iterable[Row]) -> Iterable[c.VersionHour]:
    """Each of these hours, newest first, with what stood at its end; the rows are what changed, oldest first."""
    now: dict[tuple[str, bool], int] = {}
    at_end: dict[datetime, dict[tuple[str, bool], int]] = {}
    changes = deque(rows)
    for hour in reversed(hours):
        while changes and changes[0]["hour"] <= hour:
            row = changes.popleft()
            now[row["version"], row["rare"]] = row["devices"]
        at_end[hour] = dict(now)
    return [_view(hour, at_end[hour]) for hour in hours]


def _view(hour: datetime, devices: dict[tuple[str, bool], int]) -> c.VersionHour:
    known = {version: n for (version, rare), n in devices.items() if version and not rare and n > 0}
    most = sorted(known.items(), key=lambda each: (-each[1], each[0]))
    unknown, others = devices.get(("", False), 0), devices.get(("", True), 0)
    return c.VersionHour(at=hour, versions=tuple(most), unknown=max(unknown, 0), others=max(others, 0))
