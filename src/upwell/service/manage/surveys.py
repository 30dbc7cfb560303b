"""Surveys: what is counted of many devices, some of them at a time, each part with the place behind it (ADR 0042).

Holds: a part locks nothing but the survey's row for a moment, and a process that is killed loses that part alone. A
survey is kept for a day, and of an account the last hundred of a kind.
"""

import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from upwell.domain.errors import NotFound, TooMany
from upwell.service.context import Context
from upwell.service.manage.access import Caller
from upwell.service.upgrade.fill import Chunk, Waiting
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet

log = logging.getLogger(__name__)
SQL = sheet("surveys")
RUNNING_MAX = 10  # of an account under way, of one kind
KEPT = timedelta(days=1)
KEPT_MAX = 100  # of an account, of one kind
FORGOTTEN_AT_ONCE, TARGETS_AT_ONCE = 20, 1000
WAITING_MAX = 100  # looked at in a turn
DROPPED_TEXT = "Another one was asked for in its place."
TROUBLE_TEXT = "It does not go on at present; the server's log says why, and it is tried again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one part gave: all that is found by now, how far that is, and whether it is the end."""

    found: dict[str, Any]
    looked: int
    stage: int = 0
    after: UUID | None = None
    nth: int = 0
    is_over: bool = False


Work = Callable[[Context, Connection, Row], Awaitable[Part]]


async def begin(
    ctx: Context, conn: Connection, caller: Caller, what: str, *, product_id: int, job_id: int | None = None,
    asked: dict[str, Any] | None = None, survey_id: int | None = None,
) -> int:  # fmt: skip
    """A new survey of the account; its number. Raises TooMany under way."""
    await conn.execute(*SQL["lock_account"](account_id=caller.account_id))
    which = {"account_id": caller.account_id, "what": what}
    if await conn.fetchval(*SQL["count_running"](**which)) >= RUNNING_MAX:
        raise TooMany(f"{'plans' if what == 'plan' else 'counts of reasons'} under way", RUNNING_MAX)
    number = survey_id or ctx.new_id()
    told = {"survey_id": number, "job_id": job_id, "product_id": product_id, "asked": json.dumps(asked or {})}
    await conn.execute(*SQL["make"](now=ctx.now(), **which, **told))
    return number


async def drop(ctx: Context, conn: Connection, caller: Caller, what: str, survey_id: int, product_id: int) -> None:
    """A survey of the caller's account that is under way, or of that product if the caller has no more, is counted no
    further; of any other nothing happens."""
    which = {"survey_id": survey_id, "account_id": caller.account_id, "what": what}
    which |= {"product_id": None if caller.scope is None else product_id}
    await conn.execute(*SQL["drop"](**which, problem=DROPPED_TEXT, now=ctx.now()))


async def shown(conn: Connection, caller: Caller, what: str, survey_id: int) -> Row:
    """A survey of the caller's. Raises NotFound (plan)."""
    row = await conn.fetchrow(*SQL["show"](survey_id=survey_id, account_id=caller.account_id, what=what))
    if row is None:
        raise NotFound("plan", str(survey_id))
    return row


async def waiting(ctx: Context) -> list[Waiting]:
    """Those under way, oldest first."""
    async with ctx.upkeep.connection() as conn:
        rows = await conn.fetch(*SQL["waiting"](at_most=WAITING_MAX))
    return [Waiting(row["survey_id"], row["is_new"]) for row in rows]


async def step(ctx: Context, survey_id: int, works: dict[str, Work]) -> Chunk:
    """The next part of a survey."""
    async with ctx.upkeep.connection() as conn:
        row = await conn.fetchrow(*SQL["running"](survey_id=survey_id))
        if row is None:
            return Chunk(more=False, moved=True)
        try:
            async with _reading(conn):
                part = await works[row["what"]](ctx, conn, row)
        except NotFound as exc:
            await conn.execute(*SQL["fail"](survey_id=survey_id, problem=f"The {exc.kind} is gone.", now=ctx.now()))
            return Chunk(more=False, moved=True)
        moved = await conn.fetchval(*SQL["move_on"](
            survey_id=survey_id, stage=part.stage, after_device=part.after, after_nth=part.nth, looked=part.looked,
            found=json.dumps(part.found), is_over=part.is_over, now=ctx.now(), from_stage=row["stage"],
            from_device=row["after_device"], from_nth=row["after_nth"],
        ))  # fmt: skip
    return Chunk(more=not part.is_over, moved=moved is not None)


@asynccontextmanager
async def beside(ctx: Context) -> AsyncIterator[Connection]:
    """A second connection for a part that reads two things at once. A process works on one survey at a time, so nobody
    who holds one of these waits for another who does."""
    async with ctx.upkeep.connection() as conn, _reading(conn):
        yield conn


@asynccontextmanager
async def _reading(conn: Connection) -> AsyncIterator[None]:
    async with conn.transaction(isolation="repeatable_read", readonly=True):
        await conn.execute(*SQL["begin_part"]())
        yield


async def tell_trouble(ctx: Context, survey_id: int, is_over: bool) -> None:
    """The survey tells its owner that it can't go on at present, or no longer does."""
    async with ctx.upkeep.connection() as conn:
        await conn.execute(*SQL["tell_trouble"](survey_id=survey_id, problem=None if is_over else TROUBLE_TEXT))


async def forget(ctx: Context) -> None:
    """Some of those that are kept no longer."""
    async with ctx.upkeep.connection() as conn:
        await conn.fetch(*SQL["forget"](
            before=ctx.now() - KEPT, kept=KEPT_MAX, at_most=FORGOTTEN_AT_ONCE, chunk=TARGETS_AT_ONCE
        ))  # fmt: skip
