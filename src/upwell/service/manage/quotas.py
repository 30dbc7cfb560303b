"""Quotas as the machine's operator sets and sees them."""

from collections.abc import Mapping

from upwell.domain.errors import NotFound
from upwell.domain.quotas import QUOTAS, Quota
from upwell.service.context import Context
from upwell.service.upgrade.quotas import SQL
from upwell.storage.database import Connection, Row

AT_ONCE = 100  # accounts listed in one turn


async def set_quotas(ctx: Context, account: str, quotas: Mapping[Quota, int | None]) -> None:
    """Set those that are said; the others stay, and so does what is there, if more. Raises NotFound (account)."""

    async def body(conn: Connection) -> None:
        account_id = await conn.fetchval(*SQL["find_account"](name=account))
        if account_id is None:
            raise NotFound("account", account)
        now = await conn.fetchrow(*SQL["hold"](account_id=account_id))
        columns = {what: quotas.get(what, now[what] if now is not None else None) for what in QUOTAS}
        if any(limit is not None for limit in columns.values()):
            await conn.execute(*SQL["set"](account_id=account_id, **columns))
        else:
            await conn.execute(*SQL["drop"](account_id=account_id))

    await ctx.database.transact(body)


async def list_quotas(ctx: Context, after: str = "") -> list[tuple[Row, Row]]:
    """The next accounts that have quotas, each with its quotas and what it has."""
    async with ctx.database.connection() as conn:
        rows = await conn.fetch(*SQL["list"](after=after, at_most=AT_ONCE))
        used = [await conn.fetchrow(*SQL["used"](account_id=row["account_id"])) for row in rows]
    return [(row, each) for row, each in zip(rows, used, strict=True) if each is not None]
