"""What waits for a person, in one cheap answer (ADR 0051).

Holds: each part is read by an index of what is so at this moment, and no more than COUNTED_MAX rows of it, whatever the
account has; nothing is judged here that another part of the house decides.
"""

from datetime import timedelta
from typing import Any, TypeVar

from upwell.domain import commands as c
from upwell.domain.rollout import STALLING, STALLS_AFTER, Lacks
from upwell.service.context import Context
from upwell.service.manage.access import Caller, may
from upwell.service.manage.products import find_product
from upwell.service.manage.spaces import space_number
from upwell.service.upgrade import setbacks
from upwell.service.upgrade.halting import GUARD
from upwell.storage.database import Connection, filled
from upwell.storage.queries import sheet

SQL = sheet("attention")
TAKE, COUNTED_MAX = 20, 1000  # of each part: told, and counted
REFUSED_WITHIN = timedelta(days=1)
T = TypeVar("T", c.HaltedJob, c.StillJob, c.LostPackage)


async def show_attention(ctx: Context, caller: Caller, cmd: c.ShowAttention) -> c.Attention:
    """What waits now. Raises NotFound (space, product)."""
    now = ctx.now()
    async with ctx.database.connection() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        which: dict[str, Any] = {
            "account_id": caller.account_id, "space_id": await space_number(conn, caller, cmd.space),
            "product_id": await find_product(conn, caller, cmd.product_key) if cmd.product_key else None,
        }  # fmt: skip
        decides = caller.person is not None and may(caller, "approver")
        awaiting, mine = await _awaiting(conn, which, caller.key_id, decides)
        since = {"person": Lacks.PERSON, "stalling": sorted(STALLING), "still_before": now - STALLS_AFTER}
        aside = setbacks.SQL["count_aside"](now=now, most=COUNTED_MAX, job_id=None, reason=None, **which)
        return c.Attention(
            halted=await _some(conn, "halted", c.HaltedJob, guard=GUARD, **which), awaiting=awaiting, mine=mine,
            still=await _some(conn, "waves", c.StillJob, **since, **which),
            lost=await _some(conn, "lost", c.LostPackage, **which), aside=int(await conn.fetchval(*aside)),
            refused=int(await conn.fetchval(*SQL["refused"](since=now - REFUSED_WITHIN, **which))),
            most=COUNTED_MAX, asked_at=now,
        )  # fmt: skip


async def _some(conn: Connection, name: str, kind: type[T], **which: Any) -> c.Some[T]:
    rows = await conn.fetch(*SQL[name](take=TAKE, most=COUNTED_MAX, **which))
    return c.Some(items=tuple(filled(kind, row) for row in rows), total=rows[0]["counted"] if rows else 0)


async def _awaiting(
    conn: Connection, which: dict[str, Any], who: str, decides: bool
) -> tuple[c.Some[c.AwaitingJob], int]:  # fmt: skip
    rows = await conn.fetch(*SQL["awaiting"](take=TAKE, most=COUNTED_MAX, who=who, decides=decides, **which))
    items = tuple(filled(c.AwaitingJob, row, makers=tuple(row["makers"])) for row in rows)
    total, mine = (rows[0]["counted"], rows[0]["mine"]) if rows else (0, 0)
    return c.Some(items=items, total=total), mine
