"""Limits of accounts and products over all their jobs: offers a minute, and devices at work at once (ADR 0054).

Holds: grants of jobs below one limit are counted in its own minutes, and locked behind the budgets of those jobs, in
the order of its key, so that no two processes exceed it together (as L4 of a job). Where no limit is set nothing is
asked. Jobs share what is left in equal parts; one that was kept back and is not there now has its part held for it for
HELD_S.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from typing import Any, NamedTuple

from upwell.domain.pace import WINDOW_S, shared
from upwell.service.context import Context
from upwell.storage.database import Connection, Row, filled
from upwell.storage.queries import sheet

SQL = sheet("limits")
HELD_S = 5.0
AT_ONCE = 500  # limits whose devices are counted in one turn


class Limit(NamedTuple):
    """Whose it is: an account's (product 0) or a product's."""

    account_id: int
    product_id: int


@dataclass(slots=True)
class Shares:
    """What limits leave of what the budgets of jobs would grant, and since when each limit counts it."""

    granted: dict[int, int]
    over: dict[int, list[Limit]] = field(default_factory=dict)
    since: dict[Limit, datetime] = field(default_factory=dict)


async def share(
    conn: Connection, granted: Mapping[int, int], spent: Mapping[int, int], now: datetime
) -> Shares:  # fmt: skip
    """Of jobs whose budgets are held and grant so much, and that have limits over them, what these leave."""
    limits = [row for row in await _locked(conn, granted) if row["maximum_per_min"] is not None]
    if not limits:
        return Shares(dict(granted))
    of_job = await _over(conn, granted, {Limit(row["account_id"], row["product_id"]) for row in limits})
    accounts = sorted({row["account_id"] for row in limits})
    waiting = await conn.fetch(*SQL["waiting"](since=now - timedelta(seconds=HELD_S), account_ids=accounts))
    used = await _spent(conn, limits)
    left = dict(granted)
    made = {job: spent.get(job, 0) for job in granted}
    for row in sorted(limits, key=lambda row: row["product_id"], reverse=True):  # a product's before its account's
        limit = Limit(row["account_id"], row["product_id"])
        wanted = {job: left[job] for job in sorted(left) if limit in of_job[job] and left[job]}
        others = {each["job_id"] for each in waiting if _is_below(each, limit)} - wanted.keys()
        left |= shared(row["maximum_per_min"], used.get(limit, 0), wanted, made, len(others))
    kept_back = [job for job in granted if left[job] < granted[job]]
    await conn.execute(*SQL["note_waiting"](job_ids=list(granted), waiting=kept_back, now=now))
    return Shares(left, of_job, await _count(conn, left, of_job))


async def _locked(conn: Connection, jobs: Iterable[int]) -> Sequence[Row]:
    return await conn.fetch(*SQL["lock"](job_ids=sorted(jobs)))


async def _over(conn: Connection, jobs: Iterable[int], limits: set[Limit]) -> dict[int, list[Limit]]:
    rows = await conn.fetch(*SQL["jobs_of"](job_ids=sorted(jobs)))
    both = {row["job_id"]: (Limit(row["account_id"], row["product_id"]), Limit(row["account_id"], 0)) for row in rows}
    return {job: [limit for limit in own if limit in limits] for job, own in both.items()}


def _is_below(job: Row, limit: Limit) -> bool:
    return job["account_id"] == limit.account_id and limit.product_id in (0, job["product_id"])


def _columns(limits: Iterable[Limit]) -> dict[str, Any]:
    every = list(limits)
    return {"account_ids": [each.account_id for each in every], "product_ids": [each.product_id for each in every]}


async def _spent(conn: Connection, limits: Sequence[Row]) -> dict[Limit, int]:
    which = _columns(Limit(row["account_id"], row["product_id"]) for row in limits)
    rows = await conn.fetch(*SQL["spent"](pace_s=WINDOW_S, **which))
    return {Limit(row["account_id"], row["product_id"]): row["offers"] for row in rows}


async def _count(
    conn: Connection, granted: Mapping[int, int], over: Mapping[int, list[Limit]]
) -> dict[Limit, datetime]:  # fmt: skip
    offers = _sums(granted, over)
    if not offers:
        return {}
    rows = await conn.fetch(*SQL["grant"](offers=list(offers.values()), **_columns(offers)))
    return {Limit(row["account_id"], row["product_id"]): row["granted_at"] for row in rows}


def _sums(by_job: Mapping[int, int], over: Mapping[int, list[Limit]]) -> dict[Limit, int]:
    found: dict[Limit, int] = {}
    for job, n in by_job.items():
        for limit in over.get(job, ()) if n else ():
            found[limit] = found.get(limit, 0) + n
    return found


async def give_back(conn: Connection, shares: Shares, unspent: Mapping[int, int]) -> None:
    """So much of what was granted to these jobs was not used."""
    offers = {limit: n for limit, n in _sums(unspent, shares.over).items() if limit in shares.since}
    if offers:
        since = [shares.since[limit] for limit in offers]
        back = [-n for n in offers.values()]
        await conn.execute(*SQL["give_back"](granted_at=since, offers=back, **_columns(offers)))


# --- devices at work ---


@dataclass(slots=True)
class Places:
    """How many more devices may be at work below each limit that the caller has, and how many have begun."""

    free: dict[Limit, int] = field(default_factory=dict)
    over: dict[int, list[Limit]] = field(default_factory=dict)
    begun: dict[Limit, int] = field(default_factory=dict)

    def admit(self, job_id: int) -> bool:
        """Whether one more device of the job may be."""
        return all(self.free[limit] > 0 for limit in self.over.get(job_id, ()))

    def take(self, job_id: int) -> None:
        """One more is."""
        for limit in self.over.get(job_id, ()):
            self.free[limit] -= 1
            self.begun[limit] = self.begun.get(limit, 0) + 1


async def hold(conn: Connection, job_ids: Sequence[int]) -> Places:
    """The limits of devices at work over these jobs, whose budgets the caller has."""
    rows = await _locked(conn, job_ids)
    free = {
        Limit(r["account_id"], r["product_id"]): r["at_once"] - r["running"] for r in rows if r["at_once"] is not None
    }
    return Places(free, await _over(conn, job_ids, set(free)) if free else {})


async def keep(conn: Connection, places: Places) -> None:
    """Write down how many have begun."""
    if places.begun:
        await conn.execute(*SQL["begin_work"](devices=list(places.begun.values()), **_columns(places.begun)))


async def recount(ctx: Context) -> bool:
    """Count the devices at work below each such limit anew, those that others have left out; True when a place came
    free."""
    after, came_free = Limit(-1, -1), False
    while True:
        async with ctx.upkeep.connection() as conn:
            which = {"after_account": after.account_id, "after_product": after.product_id, "at_most": AT_ONCE}
            found = [Limit(r["account_id"], r["product_id"]) for r in await conn.fetch(*SQL["at_once"](**which))]
        for limit in found:
            came_free |= await _recount_one(ctx, limit)
        if len(found) < AT_ONCE:
            return came_free
        after = found[-1]


async def _recount_one(ctx: Context, limit: Limit) -> bool:
    async def body(conn: Connection) -> bool:
        row = await conn.fetchrow(*SQL["lock_one"](**limit._asdict()))
        if row is None:
            return False
        return bool(await conn.fetchval(*SQL["recount"](**limit._asdict())) < row["running"])

    return await ctx.upkeep.transact(body)


# --- shown ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Over:
    """A limit over a job as it stands: `spent` of this minute, and when the first of that comes free."""

    product_id: int
    maximum_per_min: int | None
    at_once: int | None
    running: int
    spent: int
    free_at: datetime | None

    @property
    def is_spent(self) -> bool:
        return self.maximum_per_min is not None and self.spent >= self.maximum_per_min

    @property
    def is_full(self) -> bool:
        return self.at_once is not None and self.running >= self.at_once

    def words(self, now: datetime) -> str:
        """What it keeps a device back by."""
        whose = "product" if self.product_id else "account"
        if not self.is_spent:
            return f"the {whose}'s {self.at_once} devices are at work, of all its rollouts together"
        ends = "" if self.free_at is None else f", next in about {max(1, ceil((self.free_at - now).total_seconds()))} s"
        return f"the {whose}'s {self.maximum_per_min} offers a minute are spent by its rollouts together{ends}"


async def least(conn: Connection, product_id: int, maximum_per_min: int) -> int:
    """How many a minute a job of the product may offer at the most, that has this maximum."""
    found = await conn.fetchval(*SQL["least_of"](product_id=product_id))
    return maximum_per_min if found is None else min(maximum_per_min, int(found))


async def least_flow(conn: Connection, product_id: int, bytes_per_s: int | None) -> int | None:
    """How many bytes a second the downloads of such a job have at the most; None: any number."""
    found = await conn.fetchval(*SQL["least_flow"](product_id=product_id))
    return min((int(each) for each in (found, bytes_per_s) if each is not None), default=None)


async def over(conn: Connection, account_id: int, product_id: int) -> list[Over]:
    """The limits over the jobs of a product, its own first."""
    rows = await conn.fetch(*SQL["over"](account_id=account_id, product_id=product_id, pace_s=WINDOW_S))
    return [filled(Over, row) for row in rows]


async def forget(ctx: Context) -> None:
    """Drop grants that no window can count any more."""
    async with ctx.devices.connection() as conn:
        await conn.execute(*SQL["forget"](kept_s=2 * WINDOW_S))
