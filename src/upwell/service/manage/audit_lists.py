"""The audit, read: by the admins of an account, and on the server's machine by whoever runs it."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from upwell.domain import commands as c
from upwell.domain.commands.lists import Flow, Page
from upwell.service.context import Context, first_id
from upwell.service.manage.access import Caller, find_account, require
from upwell.service.manage.pages import page, sliced
from upwell.storage.database import Row, filled
from upwell.storage.orders import AUDIT
from upwell.storage.queries import sheet

_Q = sheet("audit")
OF_IDS, OF_CHANGES = "$.** ? (@ == $about)", "$.changes[*].device.** ? (@ == $about)"  # where an entry names a thing
CHUNK = 500  # entries that are read at once for an export: about a megabyte at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Strangers:
    """How many calls of nobody known were refused in that minute, to whoever came from that network; empty is of all
    for whom there was no room."""

    minute: datetime
    address: str
    times: int


async def list_audit(ctx: Context, caller: Caller, cmd: c.ListAudit) -> Page[c.AuditEntry]:
    """A slice of the account's entries, newest first. Raises Denied."""
    require(caller, "admin")
    return await _listed(ctx, caller.account_id, cmd)


async def list_all(ctx: Context, account: str | None, cmd: c.ListAudit) -> Page[c.AuditEntry]:
    """As list_audit, of the account by that name, or of every one and none. Raises NotFound."""
    return await _listed(ctx, await _number(ctx, account), cmd)


async def exported(
    ctx: Context, account: str | None, cmd: c.ListAudit
) -> AsyncIterator[Sequence[c.AuditEntry]]:  # fmt: skip
    """All that `list_all` has of them, oldest first, a chunk at a time, each read by itself; `cmd.asked` counts for
    nothing. Raises NotFound."""
    async for rows in _chunks(ctx, await _number(ctx, account), cmd):
        yield rows


async def export_audit(ctx: Context, caller: Caller, cmd: c.ExportAudit) -> Flow[c.AuditEntry]:
    """All of the account's that the list has, piece by piece, oldest first; none that is written meanwhile. Raises
    Denied."""
    require(caller, "admin")
    chunks = _chunks(ctx, caller.account_id, replace(cmd.which, until=cmd.which.until or ctx.now()))
    try:
        first = await anext(chunks)
    except StopAsyncIteration:  # a tuple as anext's default is a SystemError of CPython 3.11
        first = ()
    return Flow(form=cmd.form, first=first, rest=chunks)


async def _chunks(
    ctx: Context, account_id: int | None, cmd: c.ListAudit
) -> AsyncGenerator[tuple[c.AuditEntry, ...], None]:  # fmt: skip
    which = {"account_id": account_id, **_filters(cmd)}
    after = -1 if cmd.since is None else first_id(cmd.since) - 1
    below = None if cmd.until is None else first_id(cmd.until)
    while True:
        async with ctx.database.connection() as conn:
            rows = await conn.fetch(*_Q["export_entries"](**which, after=after, below=below, take=CHUNK))
        if not rows:
            return
        yield tuple(map(_entry, rows))
        after = rows[-1]["entry_id"]


async def list_strangers(ctx: Context, since: datetime | None, at_most: int) -> list[Strangers]:
    """The counts of refused strangers, newest first."""
    async with ctx.database.connection() as conn:
        return [filled(Strangers, row) for row in await conn.fetch(*_Q["list_strangers"](since=since, take=at_most))]


async def _listed(ctx: Context, account_id: int | None, cmd: c.ListAudit) -> Page[c.AuditEntry]:
    which: dict[str, Any] = {"account_id": account_id, **_filters(cmd)}
    which["least"] = None if cmd.since is None else first_id(cmd.since)
    which["below"] = None if cmd.until is None else first_id(cmd.until)
    async with ctx.database.connection() as conn:
        rows = await conn.fetch(*sliced(_Q["list_entries"], AUDIT, cmd.asked, **which))
    return page(rows, cmd.asked, _entry, lambda row: int(row["entry_id"]))


def _filters(cmd: c.ListAudit) -> dict[str, Any]:
    about = None if cmd.about is None else json.dumps({"about": cmd.about})
    found = {"about": about, "of_ids": OF_IDS, "of_changes": OF_CHANGES}
    return {"who": cmd.who, "operation": cmd.operation, "result": cmd.result, **found}


async def _number(ctx: Context, account: str | None) -> int | None:
    return None if account is None else await find_account(ctx, account)


def _entry(row: Row) -> c.AuditEntry:
    return filled(c.AuditEntry, row, ids=json.loads(row["ids"]), changes=json.loads(row["changes"]))
