"""Events on their way to receivers (L16).

A receiver has a place in its account's events; what comes after it is made into deliveries, a bounded number at a time,
and a delivery is tried until it is taken, or for three days. Holds: events of one subject are sent in their order, each
once the one before it is over; a process that sends one has it under a lease longer than a try may last, and when it
dies another tries again, so each is sent at least once; a receiver that fails or is slow is sent one at a time, in room
of its own, so it keeps no other waiting. One that took nothing for days is disabled, which its owner is told.
Source: rollouts 4.2.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from upwell.domain import commands as c
from upwell.domain.events import Kind
from upwell.domain.retrying import RETRIED_FOR, pause
from upwell.service.context import Context
from upwell.service.dice import fraction
from upwell.service.journal import tell
from upwell.service.upgrade import events
from upwell.service.upgrade.event_rows import event_of, source_of
from upwell.service.upgrade.seal_keys import readable
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet
from upwell.storage.sealing import Kept

log = logging.getLogger(__name__)
_Q = sheet("receivers")
WINDOW_MOST = 1000  # deliveries of a receiver that are not over
FED_AT_ONCE = 200  # of them that are made in one transaction
RECEIVERS_AT_ONCE = 100  # that are fed in one turn
LOOKED_AT_ONCE = 2000  # events
OF_RECEIVER = 4  # deliveries of one receiver that are sent at once
LEASE = timedelta(seconds=60)  # longer than a try may last, which is the door's to see to
SLOW_MS = 2000
WAIT_MAX = timedelta(hours=24)  # that a receiver may ask for
KEPT = timedelta(days=7)  # deliveries that are over
KEPT_MOST = 5000
FORGOTTEN_AT_ONCE = 1000

Render = Callable[[c.Event], str]  # what is sent of an event


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A delivery that this process sends now."""

    receiver_id: int
    account_id: int
    position: int
    kind: str
    body: str
    tries: int
    first_at: datetime
    url: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    is_slow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a try: the answer's status and first characters, or the problem; when to come back, if it said."""

    status: int | None
    answer: str = ""
    problem: str = ""
    retry_after_s: int | None = None
    took_ms: int = 0

    @property
    def is_taken(self) -> bool:
        """Whether the receiver has it: 2xx alone says so."""
        return self.status is not None and 200 <= self.status < 300


# --- made ---


async def feed(ctx: Context, render: Render) -> bool:
    """Make the next deliveries of receivers that have room for them; True when there may be more."""
    async with ctx.upkeep.connection() as conn:
        rows = await conn.fetch(*_Q["behind"](most=WINDOW_MOST, at_most=RECEIVERS_AT_ONCE))
    return any([await _feed_one(ctx, row["receiver_id"], render) for row in rows])


async def _feed_one(ctx: Context, receiver_id: int, render: Render) -> bool:
    async def body(conn: Connection) -> bool:
        receiver = await conn.fetchrow(*_Q["lock_behind"](receiver_id=receiver_id, most=WINDOW_MOST))
        if receiver is None or receiver["room"] <= 0:
            return False
        if receiver["again_to"] is not None:
            bounds = receiver["again_after"], receiver["again_to"]
            to, is_over = await _take(ctx, conn, receiver, bounds, render)
            await conn.execute(*_Q["again_to"](receiver_id=receiver_id, after=to, is_over=is_over))
            return True
        begin = max(receiver["position"], receiver["forgotten_to"] or 0)
        to, is_over = await _take(ctx, conn, receiver, (begin, None), render)
        come = {"position": to, "missed": begin - receiver["position"]}
        await conn.execute(*_Q["come_to"](receiver_id=receiver_id, **come))
        return not is_over

    return await ctx.upkeep.transact(body)


async def _take(
    ctx: Context, conn: Connection, receiver: Row, between: tuple[int, int | None], render: Render
) -> tuple[int, bool]:
    """Make deliveries of what fits between these positions, the first excluded; how far it came, and whether to the
    end."""
    after, to = between
    take = min(FED_AT_ONCE, receiver["room"])
    which = {"account_id": receiver["account_id"], "after": after, "to": to, "looked_at_most": LOOKED_AT_ONCE}
    fits = {name: receiver[name] for name in ("kinds", "job_id", "product_id")}
    ping = {"ping": Kind.HOOK_PING, "name": str(receiver["receiver_id"])}
    rows = await conn.fetch(*_Q["next_events"](**which, **fits, **ping, take=take))
    found = [row for row in rows if row["position"] is not None]
    await add(conn, receiver["receiver_id"], receiver["account_id"], found, render, ctx.now())
    if len(found) == take:
        return found[-1]["position"], found[-1]["position"] == to
    return rows[0]["last"] or to or after, rows[0]["n"] < LOOKED_AT_ONCE


async def add(
    conn: Connection, receiver_id: int, account_id: int, rows: Sequence[Row], render: Render, now: datetime
) -> None:
    """Deliveries of these events, by their rows; one that is over is sent once more."""
    if not rows:
        return
    source = source_of(account_id)
    columns = {
        "positions": [row["position"] for row in rows],
        "subjects": [row["subject"] for row in rows],
        "kinds": [row["kind"] for row in rows],
        "bodies": [render(event_of(row, source)) for row in rows],
        "ats": [row["at"] for row in rows],
    }
    await conn.execute(*_Q["add_deliveries"](receiver_id=receiver_id, now=now, **columns))


# --- sent ---


async def claim(ctx: Context, most: int, slow_most: int) -> list[Claimed]:
    """Deliveries that are due, for this process to send within the lease: so many of receivers that take what they are
    sent, and so many of slow ones."""
    now = ctx.now()
    room = {"most": most, "slow_most": slow_most, "of_receiver": OF_RECEIVER}
    async with ctx.upkeep.connection() as conn:
        rows = await conn.fetch(*_Q["claim"](now=now, until=now + LEASE, **room))
        found = [_claimed(conn, row) for row in rows]
    return [each for each in found if each.secrets]


def _claimed(conn: Connection, row: Row) -> Claimed:
    """With no secret where none can be read: it is claimed again when the lease is over."""
    given = {name: row[name] for name in ("receiver_id", "account_id", "position", "kind", "body", "tries", "first_at",
                                          "url", "is_slow")}  # fmt: skip
    kept = [text for text in (row["secret"], row["former_secret"]) if text]
    read = (readable(conn, Kept.RECEIVER, row["receiver_id"], text) for text in kept)
    return Claimed(**given, secrets=tuple(filter(None, read)))


async def settle(ctx: Context, sent: Claimed, outcome: Outcome) -> None:
    """Write down what came of it, and what follows for the receiver."""
    now = ctx.now()
    is_given_up = not outcome.is_taken and now - sent.first_at >= RETRIED_FOR
    next_at = now + pause(sent.tries, fraction())
    wait_until = None
    if outcome.retry_after_s is not None and not outcome.is_taken:
        wait_until = now + min(timedelta(seconds=outcome.retry_after_s), WAIT_MAX)
        next_at = max(next_at, wait_until)
    told = {"took_ms": outcome.took_ms, "status": outcome.status, "answer": outcome.answer, "problem": outcome.problem}
    done_at = now if outcome.is_taken or is_given_up else None
    which = {"receiver_id": sent.receiver_id, "position": sent.position, "tries": sent.tries}

    async def body(conn: Connection) -> None:
        await conn.execute(*_Q["hold"](receiver_id=sent.receiver_id))
        ends = {"next_at": next_at, "done_at": done_at, "is_taken": outcome.is_taken}
        if await conn.fetchval(*_Q["settle"](**which, **told, **ends)) is None:
            return
        if outcome.is_taken:
            is_slow = outcome.took_ms > SLOW_MS
            await conn.execute(*_Q["note_taken"](receiver_id=sent.receiver_id, is_slow=is_slow))
            return
        failed = _Q["note_failed"](receiver_id=sent.receiver_id, now=now, wait_until=wait_until)
        failing_since = await conn.fetchval(*failed)
        if outcome.status == 410:
            await _disable(conn, sent, "gone", now)
        elif failing_since is not None and now - failing_since >= RETRIED_FOR:
            await _disable(conn, sent, "failing", now)

    await ctx.upkeep.transact(body)
    if not outcome.is_taken:
        why = outcome.problem or f"the answer was {outcome.status}"
        level = logging.WARNING if is_given_up else logging.INFO
        tell(log, "event was not taken", level, hook=sent.receiver_id, tries=sent.tries, reason=why)


async def _disable(conn: Connection, sent: Claimed, reason: str, now: datetime) -> None:
    """It is sent nothing more until its owner enables it."""
    if await conn.fetchval(*_Q["disable"](receiver_id=sent.receiver_id, reason=reason, now=now)) is not None:
        await events.tell(
            conn, sent.account_id, Kind.HOOK_DISABLED, now, name=str(sent.receiver_id), reason=reason, tries=sent.tries
        )
        tell(log, "hook disabled", logging.WARNING, hook=sent.receiver_id, reason=reason)


async def forget(ctx: Context) -> bool:
    """Some deliveries that are long over; True when there may be more."""
    async with ctx.upkeep.connection() as conn:
        ids = [row["receiver_id"] for row in await conn.fetch(*_Q["with_deliveries"]())]
    more = False
    for receiver_id in ids:
        async with ctx.upkeep.connection() as conn:
            which = {"receiver_id": receiver_id, "before": ctx.now() - KEPT, "most": KEPT_MOST}
            gone = await conn.fetchval(*_Q["forget_deliveries"](**which, at_most=FORGOTTEN_AT_ONCE))
            more |= gone == FORGOTTEN_AT_ONCE
    return more
