"""`upwell audit …`: what owners did and were refused, of every account, beside a running server."""

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from upwell.cli.apps import noun, verb
from upwell.cli.described import described
from upwell.cli.settings import Option, settings_of, with_database
from upwell.cli.telling import Column, table
from upwell.domain.commands import AuditEntry, ListAudit
from upwell.domain.commands.lists import Slice
from upwell.domain.errors import Invalid
from upwell.service.context import Context
from upwell.service.journal import one_line
from upwell.service.manage import audit_lists

app = noun("What owners did and were refused.", name="audit")
LIMIT = 50
STRANGERS: tuple[Column, ...] = (
    ("minute (UTC)", lambda s: f"{s.minute.astimezone(UTC):%Y-%m-%d %H:%M}"),
    ("from", lambda s: s.address or "all others"), ("refused", lambda s: str(s.times)),
)  # fmt: skip
LIMIT_MAX = 10_000  # entries that are kept in memory; an export has no limit

Account = Annotated[str | None, typer.Option(help="only of this account")]
Since = Annotated[str | None, typer.Option(help="from this moment on: 2026-01-31, or 2026-01-31T12:00:00+01:00")]
Until = Annotated[str | None, typer.Option(help="before this moment")]
Who = Annotated[str | None, typer.Option(help="a key's id, user NAME, or local NAME")]
Operation = Annotated[str | None, typer.Option(help="as the caller's tongue calls it")]
Result = Annotated[str | None, typer.Option(help="done, refused, or a refusal's code")]
Limit = Annotated[int, typer.Option(min=1, max=LIMIT_MAX, help="how many at most")]
AsJson = Annotated[bool, typer.Option("--json", help="one JSON object a line")]


@verb(app, "list", "upwell audit list --account acme --since 2026-01-31 --result refused")
@described
def list_entries(
    account: Account = None, since: Since = None, until: Until = None, who: Who = None, operation: Operation = None,
    result: Result = None, limit: Limit = LIMIT, as_json: AsJson = False,
    data_dir: Option = None, database_url: Option = None,
) -> None:  # fmt: skip
    """Show the newest entries, newest first, each on one line."""
    settings = settings_of(locals())
    cmd = _asked(since, until, who, operation, result, limit)
    page = with_database(settings, lambda ctx: audit_lists.list_all(ctx, account, cmd))
    if as_json:
        print("".join(map(_line, page.items)), end="")
        return
    for each in page.items:
        print(one_line(_in_words(each)))


@verb(app, "export", "upwell audit export --since 2026-01-01 --until 2026-02-01 > january.ndjson")
@described
def export(
    account: Account = None, since: Since = None, until: Until = None, who: Who = None, operation: Operation = None,
    result: Result = None, data_dir: Option = None, database_url: Option = None,
) -> None:  # fmt: skip
    """Write all entries to standard output, oldest first, one JSON object a line.

    What commits while it is read may be older than what was written: an export that goes on from the last one begins
    some minutes before its end and passes over the ids that it has."""
    settings = settings_of(locals())
    cmd = _asked(since, until, who, operation, result, LIMIT)

    async def use(ctx: Context) -> None:
        async for chunk in audit_lists.exported(ctx, account, cmd):
            await asyncio.to_thread(sys.stdout.write, "".join(map(_line, chunk)))
        sys.stdout.flush()

    with_database(settings, use)


@verb(app, "strangers", "upwell audit strangers")
@described
def strangers(
    since: Since = None, limit: Limit = LIMIT, as_json: AsJson = False,
    data_dir: Option = None, database_url: Option = None,
) -> None:  # fmt: skip
    """Show how many calls of nobody known were refused, by minute and network, newest first."""
    settings, moment = settings_of(locals()), _moment("since", since)
    found = with_database(settings, lambda ctx: audit_lists.list_strangers(ctx, moment, limit))
    if as_json:
        print("".join(json.dumps(asdict(each), default=datetime.isoformat) + "\n" for each in found), end="")
        return
    table(STRANGERS, found)


def _asked(
    since: str | None, until: str | None, who: str | None, operation: str | None, result: str | None, limit: int
) -> ListAudit:
    return ListAudit(
        asked=Slice(take=limit), since=_moment("since", since), until=_moment("until", until), who=who,
        operation=operation, result=result,
    )  # fmt: skip


def _moment(name: str, text: str | None) -> datetime | None:
    """Of a time without a zone UTC is meant. Raises Invalid."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as exc:
        raise Invalid(name, "a date, or a date and a time, as 2026-01-31T12:00:00Z", f"it is {text}") from exc
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _line(entry: AuditEntry) -> str:
    return json.dumps(asdict(entry) | {"entry_id": str(entry.entry_id)}, default=datetime.isoformat) + "\n"


def _in_words(entry: AuditEntry) -> str:
    """The entry on one line, however wide a terminal is: for people, and for grep."""
    at, times = f"{entry.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z", f" ×{entry.times}" if entry.times > 1 else ""
    what = {name: text if isinstance(text, str) else json.dumps(text) for name, text in _what(entry).items()}
    words = (at, entry.account or "-", entry.who, entry.address, entry.operation, entry.result + times)
    return "  ".join((*words, " ".join(f"{name}={text}" for name, text in what.items())))


def _what(entry: AuditEntry) -> Mapping[str, object]:
    return {**entry.ids, **entry.changes}
