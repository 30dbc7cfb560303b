"""Devices listed and counted.

Every list is one condition of domain.search over the caller's live devices, and every page of one costs the same at any
depth that is reached by a marker: a record, or the device that the page before ended with. A registration alone has an
order of its own.
"""

from typing import Any

from upwell.domain import commands as c
from upwell.domain.commands.lists import Page, Slice
from upwell.domain.errors import Invalid, NotFound
from upwell.domain.records import RECORD_BITS, device_bound
from upwell.domain.search import EVERYONE, Both, Compare, Condition
from upwell.service.context import Context
from upwell.service.manage.access import Caller
from upwell.service.manage.devices import views
from upwell.service.manage.groups import condition_of_group, counts
from upwell.service.manage.products import find_product
from upwell.service.manage.spaces import find_space
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet
from upwell.storage.search import where
from upwell.storage.views import record_of

SQL = sheet("device_lists")


async def list_devices(ctx: Context, caller: Caller, cmd: c.ListDevices) -> Page[c.Device]:
    """The devices that fit, in a slice. Raises NotFound (space, product, group, batch), Invalid (after, rule)."""
    async with ctx.database.connection() as conn:
        if cmd.apply_id is not None:
            total, rows = await _registered(conn, caller, cmd, cmd.apply_id)
        else:
            total, rows = await _fitting(conn, caller, cmd)
        items = await views(conn, caller, [row["device_id"] for row in rows])
    return Page(items=tuple(items), asked=cmd.asked, total=total, last=record_of(rows[-1]) if rows else None)


async def count_devices(ctx: Context, caller: Caller, cmd: c.CountDevices) -> c.DeviceCounts:
    """How many devices the account, a product or a group has. Raises NotFound (product, group)."""
    async with ctx.database.connection() as conn:
        product_id = await find_product(conn, caller, cmd.product_key) if cmd.product_key else None
        rule = EVERYONE if cmd.group_id is None else await condition_of_group(conn, caller, cmd.group_id)
        return await counts(conn, caller, product_id, rule)


async def _registered(
    conn: Connection, caller: Caller, cmd: c.ListDevices, apply_id: int
) -> tuple[int | None, list[Row]]:
    if not await conn.fetchval(*SQL["has_registration"](apply_id=apply_id, account_id=caller.account_id)):
        raise NotFound("batch", str(apply_id))
    total = await conn.fetchval(*SQL["count_registered"](apply_id=apply_id))
    taken = {"take": cmd.asked.take, "skip": cmd.asked.skip}
    return total, list(await conn.fetch(*SQL["registered"](apply_id=apply_id, **taken)))


async def _fitting(conn: Connection, caller: Caller, cmd: c.ListDevices) -> tuple[int | None, list[Row]]:
    """How many fit, if that is wanted, and the rows of those in the slice."""
    which, product_id = await _which(conn, caller, cmd)
    statement = await _statement(conn, caller, cmd, product_id)
    total = None
    if cmd.counted:
        of = {"account_id": caller.account_id, "product_id": product_id}
        total = await conn.fetchval(*where(SQL["count_devices"](**of), which))
    rows = await conn.fetch(*where(statement, which)) if cmd.asked.take else []
    return total, list(rows)


async def _which(conn: Connection, caller: Caller, cmd: c.ListDevices) -> tuple[Condition, int | None]:
    """All that is asked of a device as one condition, and the number of the product that it must be of."""
    parts: list[Condition] = [Both((cmd.which,))]  # apart, so that tags of one part are not compared with another's
    product_id = None
    if cmd.space is not None:
        await find_space(conn, caller, cmd.space)
        parts.append(Compare("space", "=", (cmd.space,)))
    if cmd.product_key is not None:
        product_id = await find_product(conn, caller, cmd.product_key)
    if cmd.group_id is not None:
        parts.append(Both((await condition_of_group(conn, caller, cmd.group_id),)))
    return Both(tuple(parts)), product_id


async def _statement(conn: Connection, caller: Caller, cmd: c.ListDevices, product_id: int | None) -> tuple[Any, ...]:
    """The statement of the order that is asked for, with its arguments. Raises Invalid (after)."""
    whose = {"account_id": caller.account_id, "product_id": product_id}
    if cmd.after is not None:
        moment = await conn.fetchval(*SQL["moment_of_device"](product_id=product_id, device_id=cmd.after))
        if moment is None:
            raise Invalid("after", "the device that the page before ended with")
        place = {"product_id": product_id, "moment": moment, "after": cmd.after, "take": cmd.asked.take}
        return (*SQL["newest_after"](**place),)
    below = _below(cmd.asked) if cmd.order == "record" else {}
    return (*SQL[cmd.order](**whose, take=cmd.asked.take, skip=cmd.asked.skip, **below),)


def _below(asked: Slice) -> dict[str, Any]:
    is_bound = asked.below is not None and asked.below < 1 << RECORD_BITS
    moment, device_id = device_bound(asked.below or 0) if is_bound else (None, None)
    return {"moment": moment, "device_id": device_id}
