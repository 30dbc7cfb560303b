"""Devices found by rules and told in windows: listed, searched, by tags, of a group.

Every list is one condition of domain.search over the caller's live devices, from new to old by record, which costs the
same at any depth.
"""

from datetime import datetime
from uuid import UUID

from upwell.domain import commands as c
from upwell.domain.records import RECORD_BITS, device_bound
from upwell.domain.search import Both, Compare, Condition, Either
from upwell.service.context import Context
from upwell.service.manage.access import Caller
from upwell.service.manage.groups import EVERYONE, condition_of_group
from upwell.service.manage.space_devices import record_of, views
from upwell.service.manage.spaces import find_space
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet
from upwell.storage.search import fitted

_Q = sheet("space_devices")


async def scan_devices(ctx: Context, caller: Caller, cmd: c.ScanDevices) -> c.Scanned[c.SpaceDevice]:
    """The devices that fit every filter, in a window. Raises NotFound (space)."""
    async with ctx.database.connection() as conn:
        if cmd.space is not None:
            await find_space(conn, caller, cmd.space)
        return await _scan(conn, caller, _filter(cmd), cmd.window)


async def search_devices(ctx: Context, caller: Caller, cmd: c.SearchDevices) -> c.Found:
    """Devices that fit a rule, or their number. Raises Invalid (rule)."""
    rule = cmd.condition or EVERYONE
    async with ctx.database.connection() as conn:
        if cmd.count_only:
            return c.Found(count=await _count(conn, caller, rule), shown=cmd.shown)
        if cmd.order == "ascending":
            statement, given = fitted(_Q["scan_devices_up"], [rule], caller.account_id, cmd.take, cmd.skip)
            rows = await conn.fetch(statement, *given)
        else:
            rows = await _rows(conn, caller, rule, c.Window(take=cmd.take, skip=cmd.skip))
        return c.Found(devices=tuple(await views(conn, caller, _ids(rows))), shown=cmd.shown)


async def scan_tagged(ctx: Context, caller: Caller, cmd: c.ScanTagged) -> c.Scanned[c.SpaceDevice]:
    """The devices that have at least one of the tags, in a window."""
    one_of = tuple(
        Both((Compare("tag_key", "=", (key,)), Compare("tag_value", "=", (value,)))) for key, value in cmd.tags
    )
    async with ctx.database.connection() as conn:
        return await _scan(conn, caller, Either(one_of), cmd.window)


async def scan_devices_of_group(ctx: Context, caller: Caller, cmd: c.ScanDevicesOfGroup) -> c.Scanned[c.SpaceDevice]:
    """The devices of a group, in a window. Raises NotFound (group)."""
    async with ctx.database.connection() as conn:
        return await _scan(conn, caller, await condition_of_group(conn, caller, cmd.group_id), cmd.window)


def _filter(cmd: c.ScanDevices) -> Condition:
    given = (
        ("space", "=", cmd.space),
        ("product_key", "=", cmd.product_key),
        ("behind" if cmd.cascade else "gateway", "=", cmd.gateway_id),
        ("name", "=", cmd.name),
        ("nickname", "=", cmd.nickname),
        ("created_at", ">", _text(cmd.after)),
        ("created_at", "<", _text(cmd.before)),
    )
    return Both(tuple(Compare(field, test, (value,)) for field, test, value in given if value is not None))  # type: ignore[arg-type]


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


async def _scan(conn: Connection, caller: Caller, rule: Condition, window: c.Window) -> c.Scanned[c.SpaceDevice]:
    total = await _count(conn, caller, rule)
    rows = await _rows(conn, caller, rule, window)
    items = await views(conn, caller, _ids(rows))
    return c.Scanned(items=tuple(items), total=total, last=record_of(rows[-1]) if rows else None)


async def _count(conn: Connection, caller: Caller, rule: Condition) -> int:
    statement, given = fitted(_Q["count_devices"], [rule], caller.account_id)
    return int(await conn.fetchval(statement, *given))


async def _rows(conn: Connection, caller: Caller, rule: Condition, window: c.Window) -> list[Row]:
    is_bound = window.below is not None and window.below < 1 << RECORD_BITS
    moment, device_id = device_bound(window.below or 0) if is_bound else (None, None)
    statement, given = fitted(
        _Q["scan_devices"], [rule], caller.account_id, moment, device_id, window.take, window.skip
    )
    return list(await conn.fetch(statement, *given))


def _ids(rows: list[Row]) -> list[UUID]:
    return [row["device_id"] for row in rows]
