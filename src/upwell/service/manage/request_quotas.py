"""How many requests a second an account may make, as the machine's operator says (ADR 0067). A process knows it as of
KEPT at most, so that a request costs no look of its own."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from upwell.service.context import Context
from upwell.service.manage.together import Together
from upwell.service.upgrade.quotas import SQL

KEPT = timedelta(seconds=10)
KNOWN_MAX = 10_000  # accounts; when there are more it begins anew


class RequestQuotas:
    """Of the accounts that ask this process."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._known: dict[int, tuple[datetime, int | None]] = {}
        self._asked: Together[int, int | None] = Together(partial(_read, ctx))

    async def of(self, account_id: int) -> int | None:
        """None without one. Raises Unavailable."""
        now = self._ctx.now()
        known = self._known.get(account_id)
        if known is not None and abs(now - known[0]) < KEPT:
            return known[1]
        quota = await self._asked.one(account_id)
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        self._known[account_id] = now, quota
        return quota


async def _read(ctx: Context, account_ids: Sequence[int]) -> list[int | None]:
    async with ctx.lookups.connection() as conn:
        rows = await conn.fetch(*SQL["of_requests"](account_ids=account_ids))
    found = {row["account_id"]: row["requests_per_s"] for row in rows}
    return [found.get(each) for each in account_ids]
