"""Events as their account reads them, and which it wants."""

from upwell.domain import commands as c
from upwell.domain.errors import Conflict, NotFound
from upwell.service.context import Context
from upwell.service.manage.access import Caller, require
from upwell.service.manage.job_packages import product_of_account
from upwell.service.upgrade.event_rows import event_of, source_of
from upwell.storage.database import Connection, filled
from upwell.storage.queries import sheet

_Q = sheet("events")
LOOKED_AT_ONCE = 5000  # events that one question reads, so that a filter which fits few costs no more


async def list_events(ctx: Context, caller: Caller, cmd: c.ListEvents) -> c.EventSlice:
    """The account's events after a position. Raises NotFound, Conflict."""
    async with ctx.database.connection() as conn:
        if cmd.job_id is not None:
            which = {"job_id": cmd.job_id, "account_id": caller.account_id}
            if not await conn.fetchval(*_Q["has_job"](**which)):
                raise NotFound("job", str(cmd.job_id))
        product_id = None if cmd.product_key is None else await product_of_account(conn, caller, cmd.product_key)
        after = await _begin(conn, caller.account_id, cmd.after)
        fit = {"kind": cmd.kind, "job_id": cmd.job_id, "product_id": product_id, "take": cmd.most}
        looked = {"account_id": caller.account_id, "after": after, "looked_at_most": LOOKED_AT_ONCE}
        rows = await conn.fetch(*_Q["list"](**fit, **looked))
    found = [row for row in rows if row["position"] is not None]
    is_full = len(found) == cmd.most
    to = found[-1]["position"] if is_full else rows[0]["last"] or after
    source = source_of(caller.account_id)
    items = tuple(event_of(row, source) for row in found)
    return c.EventSlice(items=items, to=to, is_last=not is_full and rows[0]["n"] < LOOKED_AT_ONCE)


async def _begin(conn: Connection, account_id: int, after: int | None) -> int:
    bounds = await conn.fetchrow(*_Q["bounds"](account_id=account_id))
    assert bounds is not None  # noqa: S101  # there is a head
    if after is None:
        return int(bounds["forgotten_to"])
    if not bounds["forgotten_to"] <= after <= bounds["head"]:
        raise Conflict("events_forgotten", "Events behind that one are kept no more, or it is of another database.")
    return after


async def bounds(ctx: Context, account_id: int) -> tuple[int, int]:
    """The position before the oldest event that the account has, and the newest one's of all."""
    async with ctx.database.connection() as conn:
        row = await conn.fetchrow(*_Q["bounds"](account_id=account_id))
    assert row is not None  # noqa: S101  # there is a head
    return row["forgotten_to"], row["head"]


async def news_since(ctx: Context, after: int) -> tuple[int, frozenset[int]]:
    """The newest position, and which accounts have an event after that one."""
    async with ctx.database.connection() as conn:
        head = int(await conn.fetchval(*_Q["head"]()))
        if head <= after:
            return head, frozenset()
        rows = await conn.fetch(*_Q["whose"](after=after, head=head))
    return head, frozenset(row["account_id"] for row in rows)


async def show_event_settings(ctx: Context, caller: Caller, cmd: c.ShowEventSettings) -> c.EventSettings:
    """Which events the account has."""
    async with ctx.database.connection() as conn:
        row = await conn.fetchrow(*_Q["settings"](account_id=caller.account_id))
        assert row is not None  # noqa: S101  # an account that has said nothing has the columns' defaults
        return filled(c.EventSettings, row)


async def update_event_settings(ctx: Context, caller: Caller, cmd: c.UpdateEventSettings) -> c.EventSettings:
    """Have other events from now on."""
    require(caller, "admin")
    given = {name: getattr(cmd, name) for name in ("of_devices", "of_presence", "keep_days", "keep_most")}

    async def body(conn: Connection) -> c.EventSettings:
        await conn.execute(*_Q["make_settings"](account_id=caller.account_id))
        row = await conn.fetchrow(*_Q["set_settings"](account_id=caller.account_id, **given))
        assert row is not None  # noqa: S101  # it was made
        return filled(c.EventSettings, row)

    return await ctx.database.transact(body)
