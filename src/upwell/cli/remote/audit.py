"""`upwell audit …` over the API: the entries of the caller's own account."""

import sys
from datetime import UTC, datetime
from typing import Annotated, Literal

import typer

from upwell.cli.apps import noun
from upwell.cli.remote.acting import LIST_MAX, SORT, At, Every, Limit, verb
from upwell.cli.telling import Column, member, moment, word

app = noun("What owners of your account did and were refused.", name="audit")
Since = Annotated[str | None, typer.Option(help="From this moment on: 2026-01-31, or with a time.")]
Until = Annotated[str | None, typer.Option(help="Before this moment.")]
Who = Annotated[str | None, typer.Option(help="A key's id, user NAME, or local NAME.")]
Operation = Annotated[str | None, typer.Option(help="As the caller's tongue calls it.")]
Result = Annotated[str | None, typer.Option(help="done, refused, or a refusal's code.")]
About = Annotated[str | None, typer.Option(metavar="ID", help="That name this device, rollout or other thing.")]
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
    since: Since = None,
    until: Until = None,
    who: Who = None,
    operation: Operation = None,
    result: Result = None,
    about: About = None,
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
        about=about,
        sort=sort,
    )
    at.pages(COLUMNS, listed, "nothing of that kind was done", limit, every)


@verb(
    app, "export", "upwell audit export --since 2026-01-01 --until 2026-02-01 > january.ndjson",
    "upwell audit export --format csv --about ro_0000000000000007 > rollout.csv",
)  # fmt: skip
def export(
    at: At,
    since: Since = None,
    until: Until = None,
    who: Who = None,
    operation: Operation = None,
    result: Result = None,
    about: About = None,
    kind: Annotated[Literal["csv", "ndjson"], typer.Option("--format", help="How they are written.")] = "ndjson",
) -> None:
    """Write all entries that fit to standard output, oldest first; none that is written meanwhile. An admin may."""
    pieces = at.client.export_audit(
        since=instant("--since", since), until=instant("--until", until), who=who, operation=operation, result=result,
        about=about, format=kind,
    )  # fmt: skip
    for piece in pieces:
        sys.stdout.buffer.write(piece)
    sys.stdout.flush()
