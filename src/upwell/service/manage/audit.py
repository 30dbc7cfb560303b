"""Who did what: an entry for each call of somebody known that changes something, done or refused.

Holds: the entry of what was done is in the transaction that did it, the first of the call that commits, once, however
often that runs; no use knows of it. A refusal is written before it is answered, those that are alike in a minute as one
row with a count; strangers are counted, not written down. Nothing here changes an entry, nor takes one away.
"""

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from upwell.domain.commands import Command, Reading
from upwell.domain.commands.audit import DONE
from upwell.domain.errors import UpwellError
from upwell.service.context import Context
from upwell.service.manage import device_acts
from upwell.service.manage.kept_answers import Kept
from upwell.service.manage.particulars import particulars
from upwell.storage.database import Connection, Witnessed
from upwell.storage.queries import sheet

log = logging.getLogger(__name__)
_Q = sheet("audit")
T = TypeVar("T")
NO_ACCOUNT = 0
LOCAL = "local"  # where somebody on the server's own machine asks from
BEGUN = "begun"  # of what no transaction holds: it is written down before it is done
FAILED = "failed"  # of a refusal that has no code of a tongue


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks for what, from where. An account that is not known yet is told by the result."""

    who: str
    tongue: str
    address: str
    operation: str
    request_id: str
    account_id: int = NO_ACCOUNT


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One call that was refused."""

    asker: Asker
    code: str
    at: datetime
    ids: str
    changes: str

    @property
    def kind(self) -> tuple[object, ...]:
        """Those of one kind are one row."""
        asker, minute = self.asker, self.at.replace(second=0, microsecond=0)
        return asker.account_id, minute, asker.who, asker.operation, self.code


class Act:
    """One call that may change something. What is done with its `ctx` is written down, unless it turns out to be
    reading; `command` is what is asked, once it is known."""

    def __init__(self, ctx: Context, asker: Asker, command: object = None) -> None:
        self._plain = ctx
        self._witnessed = Witnessed(ctx.database, self.write)
        self.ctx = replace(ctx, database=self._witnessed)
        self.asker = asker
        self.command = command
        self.is_begun = False  # what is asked is read, and done from now on
        self.kept: Kept | None = None

    def may_repeat(self, kept: Kept) -> None:
        """It may come again: its answer is kept with its effect."""
        self.kept = kept
        self._witnessed.first.append(kept.claim)

    def asks(self, command: Command) -> None:
        """This is what is asked."""
        self.command, self.is_begun = command, True

    def only_if(self, holds: Callable[[Connection], Awaitable[None]]) -> None:
        """It is done only if this holds, which raises otherwise; it is asked in the transaction of the effect."""
        self._witnessed.first.append(holds)

    @property
    def only_reads(self) -> bool:
        """Whether it is known to change nothing, and so is no deed."""
        return isinstance(self.command, Reading)

    @property
    def is_written(self) -> bool:
        """Whether its effect is there, with its entry."""
        return self._witnessed.has_written

    async def done(self, result: object) -> None:
        """It was done. What made no transaction is written in one of its own."""
        if self.is_written or self.only_reads:
            return

        async def body(conn: Connection) -> None:
            if self.kept is not None:
                await self.kept.claim(conn)
            await self.write(conn, result)

        await self._plain.database.transact(body)

    async def begun(self) -> None:
        """It begins, and no transaction will hold it."""
        await self._plain.database.transact(lambda conn: self.write(conn, None, BEGUN))

    def refusal(self, code: str) -> Refusal | None:
        """What is to be written when it was refused so; None when its effect is written already, or it reads."""
        if self.is_written or self.only_reads:
            return None
        ids, changes = particulars(self.command, None)
        return Refusal(asker=self.asker, code=code or FAILED, at=self._plain.now(), ids=ids, changes=changes)

    async def write(self, conn: Connection, result: object, word: str = DONE) -> None:
        """The entry, in that transaction; none of what reads."""
        if self.only_reads:
            return
        ids, changes = particulars(self.command, result)
        asker = self.asker
        row: dict[str, Any] = {
            "entry_id": self._plain.new_id(),
            "account_id": asker.account_id or getattr(result, "account_id", NO_ACCOUNT),
            "at": self._plain.now(),
            "who": asker.who,
            "tongue": asker.tongue,
            "address": asker.address,
            "operation": asker.operation,
            "result": word,
            "request_id": asker.request_id,
        }
        if word == DONE:
            await device_acts.write(conn, row, self.command, result)
        await conn.execute(*_Q["write_entry"](**row, ids=ids, changes=changes))
        if self.kept is not None and word == DONE:
            await self.kept.done(conn, result)


async def acted(
    ctx: Context, asker: Asker, command: object, use: Callable[[Context], Awaitable[T]], *, held: bool = True
) -> T:
    """What `use` does, written down with it; a refusal is written and raised. What no transaction holds is written
    before."""
    act = Act(ctx, asker, command)
    try:
        if not held:
            await act.begun()
        result = await use(act.ctx if held else ctx)
    except Exception as exc:
        refusal = act.refusal(type(exc).__name__ if isinstance(exc, UpwellError) else FAILED)
        if refusal is not None:
            await told(ctx, [refusal])
        raise
    if held:
        await act.done(result)
    return result


async def told(ctx: Context, refusals: Sequence[Refusal]) -> None:
    """Write that these calls were refused. One that can't be written is in the log."""
    try:
        await write_refusals(ctx, refusals)
    except UpwellError as exc:
        log.warning("%d refused calls are not in the audit: %s", len(refusals), exc.problem)


async def write_refusals(ctx: Context, refusals: Sequence[Refusal]) -> Sequence[None]:
    """Write that these calls were refused, in one transaction."""
    times = Counter(each.kind for each in refusals)
    first = {each.kind: each for each in reversed(refusals)}
    rows = [_columns(ctx, each, times[kind]) for kind, each in first.items()]
    if rows:
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        await ctx.database.transact(lambda conn: conn.execute(*_Q["write_refusals"](**columns)))
    return [None] * len(refusals)


def _columns(ctx: Context, refusal: Refusal, times: int) -> dict[str, Any]:
    asker = refusal.asker
    return {
        "entry_id": ctx.new_id(),
        "account_id": asker.account_id,
        "at": refusal.at,
        "who": asker.who,
        "tongue": asker.tongue,
        "address": asker.address,
        "operation": asker.operation,
        "result": refusal.code,
        "request_id": asker.request_id,
        "ids": refusal.ids,
        "changes": refusal.changes,
        "times": times,
    }
