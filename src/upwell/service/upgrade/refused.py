"""Logins that were refused, kept for the account that they concern: by product, name and address one row with a count.

No account has more than about KEPT_MAX; those that were last tried longest ago go first, and all after KEPT.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from upwell.domain.events import Kind
from upwell.service.context import Context
from upwell.service.upgrade.timeline import text
from upwell.storage.database import Connection
from upwell.storage.queries import sheet

_Q = sheet("refused")
KEPT_MAX = 1000  # of an account
KEPT = timedelta(days=30)
FORGOTTEN_AT_ONCE = 1000


@dataclass(slots=True, kw_only=True)
class Tried:
    """Logins of one name from one address that were refused. Without `account_id` they are of the account whose the
    product is, and of nobody where there is no such product. `reason` is of the last."""

    account_id: int | None
    product_key: str
    name: str
    address: str
    vendor: str
    reason: str
    first_at: datetime
    at: datetime
    times: int = 1


async def write(ctx: Context, tried: Sequence[Tried]) -> None:
    """Write them. The order of one name's in the database is that of the calls."""
    if not tried:
        return

    async def body(conn: Connection) -> None:
        rows = await conn.fetch(
            *_Q["write"](
                account_ids=[each.account_id for each in tried],
                product_keys=[text(each.product_key) for each in tried],
                names=[text(each.name) for each in tried],
                addresses=[text(each.address) for each in tried],
                vendors=[each.vendor for each in tried],
                reasons=[text(each.reason) for each in tried],
                first_at=[each.first_at for each in tried],
                at=[each.at for each in tried],
                times=[each.times for each in tried],
                kind=Kind.LOGIN_REFUSED,
            )
        )
        accounts = [row["account_id"] for row in rows]
        await conn.execute(*_Q["trim"](account_ids=accounts, kept=KEPT_MAX))

    await ctx.upkeep.transact(body)


async def forget(ctx: Context) -> None:
    """Those that are too old, some at a time."""
    while True:
        async with ctx.upkeep.connection() as conn:
            gone = await conn.fetchval(*_Q["forget"](before=ctx.now() - KEPT, at_most=FORGOTTEN_AT_ONCE))
        if gone < FORGOTTEN_AT_ONCE:
            return
