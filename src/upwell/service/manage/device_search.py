"""Devices listed and counted.

Every list is one condition of domain.search over the caller's live devices, and every page of one costs the same at any
depth that is reached by a marker: a record, or the device that the page before ended with, which is remembered for who
counts pages. A registration alone has an order of its own.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from upwell.domain import commands as c
from upwell.domain.commands.lists import Flow, Order, Page, Slice
from upwell.domain.errors import Invalid, NotFound
from upwell.domain.records import RECORD_BITS, device_bound
from upwell.domain.search import EVERYONE, Both, Compare, Condition, Not
from upwell.service.context import Context
from upwell.service.manage import device_counts
from upwell.service.manage.access import Caller
from upwell.service.manage.devices import views
from upwell.service.manage.groups import condition_of_group
from upwell.service.manage.pages import end_of
from upwell.service.manage.products import find_product
from upwell.service.manage.spaces import find_space
from upwell.storage.database import Connection, Row
from upwell.storage.orders import DEVICES, ordered
from upwell.storage.queries import sheet
from upwell.storage.search import to_json, where
from upwell.storage.views import record_of

SQL = sheet("device_lists")
REMEMBERED_FROM = 1000  # passing over fewer devices costs nothing worth remembering
EXPORTED_AT_ONCE = 500  # devices; a piece costs PostgreSQL some 15 ms
END_KEPT_S = 60.0  # where a page ended, for who reads on


class _End(NamedTuple):
    """The device that a page ended with, and when it was made."""

    moment: datetime
    device_id: UUID


async def list_devices(ctx: Context, caller: Caller, cmd: c.ListDevices) -> Page[c.Device]:
    """The devices that fit, in a slice. Raises NotFound (space, product, group, batch), Invalid (after, condition)."""
    async with ctx.database.connection() as conn:
        if cmd.apply_id is not None:
            total, rows = await _registered(conn, caller, cmd, cmd.apply_id)
        else:
            total, rows = await _fitting(ctx, conn, caller, cmd)
        items = await views(conn, caller, [row["device_id"] for row in rows], ctx.now())
    last = record_of(rows[-1]) if rows else None
    end = end_of(cmd.asked, last, rows[-1]) if rows else None
    return Page(items=tuple(items), asked=cmd.asked, total=total, last=last, end=end)


async def export_devices(ctx: Context, caller: Caller, cmd: c.ExportDevices) -> Flow[c.Device]:
    """All devices that fit, piece by piece from new to old. Raises as `list_devices`."""

    async def some(below: int | None) -> Page[c.Device]:
        return await list_devices(ctx, caller, replace(cmd.which, asked=Slice(take=EXPORTED_AT_ONCE, below=below)))

    async def rest() -> AsyncIterator[tuple[c.Device, ...]]:
        page = first
        while len(page.items) == EXPORTED_AT_ONCE:
            page = await some(page.last)
            yield page.items

    first = await some(None)
    return Flow(form=cmd.form, first=first.items, rest=rest())


async def count_devices(ctx: Context, caller: Caller, cmd: c.CountDevices) -> c.DeviceCounts:
    """How many devices the account, a space, a product or a group has. Raises NotFound (space, product, group)."""
    async with ctx.database.connection() as conn:
        space_id = None if cmd.space is None else (await find_space(conn, caller, cmd.space))["space_id"]
        product_id = await find_product(conn, caller, cmd.product_key) if cmd.product_key else None
        which = EVERYONE if cmd.group_id is None else await condition_of_group(conn, caller, cmd.group_id)
        return await device_counts.count(ctx, conn, caller, product_id, which, space_id)


async def _registered(
    conn: Connection, caller: Caller, cmd: c.ListDevices, apply_id: int
) -> tuple[int | None, list[Row]]:
    if not await conn.fetchval(*SQL["has_registration"](apply_id=apply_id, account_id=caller.account_id)):
        raise NotFound("batch", str(apply_id))
    total = await conn.fetchval(*SQL["count_registered"](apply_id=apply_id))
    taken = {"take": cmd.asked.take, "skip": cmd.asked.skip}
    return total, list(await conn.fetch(*SQL["registered"](apply_id=apply_id, **taken)))


async def _fitting(
    ctx: Context, conn: Connection, caller: Caller, cmd: c.ListDevices
) -> tuple[int | None, list[Row]]:  # fmt: skip
    """How many fit, if that is wanted, and the rows of those in the slice."""
    space_id = None if cmd.space is None else (await find_space(conn, caller, cmd.space))["space_id"]
    which, product_id = await _which(ctx, conn, caller, cmd)
    total = None
    if cmd.counted:
        total = (await device_counts.count(ctx, conn, caller, product_id, which, space_id)).devices
    asked = which if cmd.space is None else Both((which, Compare("space", "=", (cmd.space,))))
    key = (caller.account_id, product_id, cmd.order, to_json(asked))
    end = ctx.remembered.find((key, cmd.asked.skip)) if _counts_pages(cmd, product_id) else None
    statement = await _statement(conn, caller, cmd, product_id, end)
    rows = await conn.fetch(*where(statement, asked)) if cmd.asked.take else []
    passed = cmd.asked.skip + cmd.asked.take
    if len(rows) == cmd.asked.take and passed >= REMEMBERED_FROM and _counts_pages(cmd, product_id):
        ctx.remembered.keep((key, passed), _End(rows[-1]["created_at"], rows[-1]["device_id"]), END_KEPT_S)
    return total, list(rows)


def _counts_pages(cmd: c.ListDevices, product_id: int | None) -> bool:
    """Whether the caller counts pages of a list that can go on from a device."""
    by_number = cmd.after is None and cmd.asked.below is None and cmd.asked.order is None and cmd.asked.take > 0
    return by_number and (cmd.order == "record" or (cmd.order == "newest" and product_id is not None))


async def _which(
    ctx: Context, conn: Connection, caller: Caller, cmd: c.ListDevices
) -> tuple[Condition, int | None]:  # fmt: skip
    """All that is asked of a device but its space, as one condition, and the product that it must be of."""
    parts: list[Condition] = [Both((cmd.which,))]  # apart, so that tags of one part are not compared with another's
    product_id = None
    if cmd.product_key is not None:
        product_id = await find_product(conn, caller, cmd.product_key)
    if cmd.group_id is not None:
        parts.append(Both((await condition_of_group(conn, caller, cmd.group_id),)))
    if cmd.set_aside is not None:
        aside = Compare("set_aside", "=", (ctx.now().isoformat(),))
        parts.append(aside if cmd.set_aside else Not(aside))
    return Both(tuple(parts)), product_id


async def _statement(
    conn: Connection, caller: Caller, cmd: c.ListDevices, product_id: int | None, end: _End | None
) -> tuple[Any, ...]:
    """The statement of the order that is asked for, with its arguments; it goes on from behind `end`. Raises Invalid
    (after)."""
    if cmd.asked.order is not None:
        return _in_order(caller, cmd, product_id, cmd.asked.order)
    if cmd.after is not None:
        moment = await conn.fetchval(*SQL["moment_of_device"](product_id=product_id, device_id=cmd.after))
        if moment is None:
            raise Invalid("after", "the device that the page before ended with")
        end = _End(moment, cmd.after)
    if end is not None and cmd.order == "newest":
        place = {"product_id": product_id, "moment": end.moment, "after": end.device_id, "take": cmd.asked.take}
        return (*SQL["newest_after"](**place),)
    whose = {"account_id": caller.account_id, "product_id": product_id}
    span = {"take": cmd.asked.take, "skip": cmd.asked.skip if end is None else 0}
    if cmd.order == "newest":
        return (*SQL["newest"](**whose, **span),)
    bound = None if cmd.order == "record_up" else cmd.asked.below
    return (*SQL[cmd.order](**whose, **span, **(_bound(bound) if end is None else end._asdict())),)


def _in_order(caller: Caller, cmd: c.ListDevices, product_id: int | None, order: Order) -> tuple[Any, ...]:
    """The statement of a list by a field, from behind what the page before ended with. Raises Invalid (sort)."""
    whose = {"account_id": caller.account_id, "product_id": product_id, "take": cmd.asked.take, "skip": cmd.asked.skip}
    after = cmd.asked.after
    if order.field == "name":
        if product_id is None:
            raise Invalid("sort", "created_at or -created_at, unless product_id is given", f"it is {order.field}")
        return ordered(SQL["by_name"](**whose), DEVICES, order, after)
    record = None if after is None else after.record
    if order.down:
        return (*SQL["record"](**whose, **_bound(record)),)
    return (*SQL["record_up"](**whose, **_bound(None if record is None else record + 1)),)


def _bound(record: int | None) -> dict[str, Any]:
    is_bound = record is not None and record < 1 << RECORD_BITS
    moment, device_id = device_bound(record or 0) if is_bound else (None, None)
    return {"moment": moment, "device_id": device_id}
