"""Quotas of accounts: whoever made some of what they limit looks here before its transaction ends (ADR 0067).

Holds: the account's row is held from the look to the end of the transaction, and what others made before is seen, so
two at once don't go beyond a quota. An account without a row is neither held nor counted.
"""

from upwell.domain.quotas import OverQuota, Resource, is_over
from upwell.storage.database import Connection
from upwell.storage.queries import sheet

SQL = sheet("quotas")


async def check_devices(conn: Connection, product_id: int) -> None:
    """The account of the product has no more devices than it may. Raises OverQuota."""
    await check(conn, await conn.fetchval(*SQL["account_of"](product_id=product_id)), "devices")


async def check(conn: Connection, account_id: int, *made: Resource) -> None:
    """There is no more of what was made in this transaction than there may be. Raises OverQuota."""
    quota = await conn.fetchrow(*SQL["hold"](account_id=account_id))
    if quota is None or all(quota[what] is None for what in made):
        return
    used = await conn.fetchrow(*SQL["used"](account_id=account_id))
    assert used is not None  # noqa: S101  # it has no condition
    for what in made:
        if is_over(quota[what], used[what]):
            raise OverQuota(what, quota[what], used[what])


async def room(conn: Connection, account_id: int, what: Resource) -> tuple[int, int] | None:
    """The quota and how much more there may be, until the transaction ends; None is without limit."""
    quota = await conn.fetchrow(*SQL["hold"](account_id=account_id))
    if quota is None or quota[what] is None:
        return None
    used = await conn.fetchrow(*SQL["used"](account_id=account_id))
    assert used is not None  # noqa: S101  # it has no condition
    return quota[what], max(0, quota[what] - used[what])
