"""`upwell audit …` over the API: the entries of the caller's own account."""

from datetime import UTC, datetime
from typing import Annotated, Literal

import typer

from upwell.cli.apps import noun
from upwell.cli.remote.acting import LIST_MAX, SORT, At, Every, Limit, verb
from upwell.cli.telling import Column, as_json, member, moment, word

app = noun("What owners of your account did and were refused.", name="audit")
COLUMNS: tuple[Column, ...] = (
    ("at", moment("at")), ("who", member("who")), ("did", member("operation")),
    ("result", lambda e: e["result"] + (f" ×{e['times']}" if e["times"] > 1 else "")),
    ("about", lambda e: word({**e["ids"], **e["changes"]})),
)  # fmt: skip


def instant(name: str, text: str | None) -> str | None:
    """A moment as the API takes it; a time without a zone is UTC. Raises BadParameter."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as exc:
        raise typer.BadParameter(f"{name} is no time: {text}; write 2026-01-31 or 2026-01-31T12:00:00Z") from exc
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).isoformat()


@verb(
    app, "list", "upwell audit list --since 2026-01-31 --result refused",
    "upwell audit list --operation create_rollout --all --json > rollouts.ndjson",
)  # fmt: skip
def list_(
    at: At,
    since: Annotated[str | None, typer.Option(help="From this moment on: 2026-01-31, or with a time.")] = None,
    until: Annotated[str | None, typer.Option(help="Before this moment.")] = None,
    who: Annotated[str | None, typer.Option(help="A key's id, user NAME, or local NAME.")] = None,
    operation: Annotated[str | None, typer.Option(help="As the caller's tongue calls it.")] = None,
    result: Annotated[str | None, typer.Option(help="done, refused, or a refusal's code.")] = None,
    sort: Annotated[Literal["at", "-at"] | None, typer.Option(help=SORT)] = None,
    limit: Limit = LIST_MAX,
    every: Every = False,
) -> None:
    """Show entries, newest first. An admin may."""
    listed = at.client.list_audit(
        since=instant("--since", since),
        until=instant("--until", until),
        who=who,
        operation=operation,
        result=result,
        sort=sort,
    )
    at.pages(COLUMNS, listed, "nothing of that kind was done", limit, every)


@verb(app, "export", "upwell audit export --since 2026-01-01 --until 2026-02-01 > january.ndjson")
def export(
    at: At,
    since: Annotated[str | None, typer.Option(help="From this moment on: 2026-01-31, or with a time.")] = None,
    until: Annotated[str | None, typer.Option(help="Before this moment.")] = None,
) -> None:
    """Write all entries to standard output, newest first, one JSON object a line."""
    for entry in at.client.list_audit(since=instant("--since", since), until=instant("--until", until), limit=200):
        as_json(entry)
