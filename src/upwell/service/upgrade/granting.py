"""Offers granted: of each job as many as its budget has left in this minute, and the limits over it leave (L4).

Holds: a grant is counted before anything of it is sent, so a crash can only lose budget, never exceed it; what was
granted and not sent is given back.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime

from upwell.domain.pace import WINDOW_S, allowance
from upwell.domain.talk import TaskRef
from upwell.service.context import Context
from upwell.service.upgrade import limits, pacing
from upwell.service.upgrade.limits import Shares
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet

_Q = sheet("offers")


@dataclass(frozen=True, slots=True)
class Grant:
    """The tasks that budgets allow, from when each job's budget counts them, and which of the jobs have a guard, a pace
    that grows, or a limit on devices at work."""

    tasks: Sequence[TaskRef] = ()
    since: Mapping[int, datetime] = field(default_factory=dict)
    guarded: AbstractSet[int] = frozenset()
    growing: AbstractSet[int] = frozenset()
    limited: AbstractSet[int] = frozenset()
    shares: Shares = field(default_factory=lambda: Shares({}))


async def reserve(ctx: Context, tasks: Sequence[TaskRef]) -> Grant:
    """What the budgets of their jobs, and the limits over these, allow of these tasks; counted when this returns."""
    wanted = Counter(t.job_id for t in tasks)
    if not wanted:
        return Grant()
    jobs = sorted(wanted)

    async def body(conn: Connection) -> tuple[dict[int, int], dict[int, datetime], Sequence[Row], Shares]:
        budgets = await conn.fetch(*_Q["lock_budgets"](job_ids=jobs))
        if len(budgets) < len(jobs):  # no offer of theirs was ever counted
            await conn.execute(*_Q["make_budgets"](job_ids=jobs))
            budgets = await conn.fetch(*_Q["lock_budgets"](job_ids=jobs))
        spent = await spent_by(conn, jobs)
        rates = pacing.rates(budgets)
        granted = {job: allowance(rate, spent.get(job, 0), wanted[job]) for job, rate in rates.items()}
        await pacing.keep_rates(conn, {r["job_id"]: rates[r["job_id"]] for r in budgets if r["growth"] is not None})
        shares = Shares({})
        below = {r["job_id"]: granted[r["job_id"]] for r in budgets if r["is_shared"] and granted[r["job_id"]]}
        if below:
            shares = await limits.share(conn, below, spent, ctx.now())
        granted = {job: n for job, n in (granted | shares.granted).items() if n}
        if not granted:
            return {}, {}, budgets, shares
        counted = await conn.fetch(*_Q["grant"](job_ids=list(granted), offers=list(granted.values())))
        return granted, {r["job_id"]: r["granted_at"] for r in counted}, budgets, shares

    left, since, budgets, shares = await ctx.devices.transact(body)
    allowed = []
    for task in tasks:
        if left.get(task.job_id, 0) > 0:
            left[task.job_id] -= 1
            allowed.append(task)
    return Grant(
        allowed, since, guarded={r["job_id"] for r in budgets if r["is_guarded"]},
        growing={r["job_id"] for r in budgets if r["growth"] is not None},
        limited={r["job_id"] for r in budgets if r["is_limited"]}, shares=shares,
    )  # fmt: skip


async def spent_by(conn: Connection, jobs: Sequence[int]) -> dict[int, int]:
    """How many offers count against the budgets of these jobs now; none of one that is left out."""
    rows = await conn.fetch(*_Q["granted_in_window"](job_ids=jobs, pace_s=WINDOW_S))
    return {row["job_id"]: row["offers"] for row in rows}


async def give_back(conn: Connection, grant: Grant, spent: AbstractSet[TaskRef]) -> None:
    """What was granted and not sent: it is counted no longer than what it takes back."""
    unspent = Counter(task.job_id for task in grant.tasks if task not in spent)
    if unspent:
        since = [grant.since[job] for job in unspent]
        offers = [-n for n in unspent.values()]
        await conn.execute(*_Q["give_back"](job_ids=list(unspent), granted_at=since, offers=offers))
        await limits.give_back(conn, grant.shares, unspent)


async def forget_grants(ctx: Context) -> None:
    """Drop grants that no window can count any more."""
    async with ctx.devices.connection() as conn:
        await conn.execute(*_Q["forget_grants"](kept_s=2 * WINDOW_S))
