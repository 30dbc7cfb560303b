"""A command over the API: its options, its client, and what becomes of refusals.

Holds: every command has `--url`, `--context` and `--json`; a refusal is told with what to do next and ends the program
with the code of its kind; nothing is asked where nobody sits at a terminal.
"""

import inspect
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, fields, is_dataclass
from typing import Annotated, Any, Literal, NoReturn, get_type_hints

import typer

from upwell.cli import telling
from upwell.cli.apps import short, shown
from upwell.cli.exits import Ended, Exit, one_line
from upwell.cli.remote import contexts
from upwell.client import (
    Client,
    ClientError,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    Pages,
    Problem,
    Retries,
    ServerFailed,
    Unreachable,
    Unreadable,
)

RETRIES = Retries(count=3)  # somebody waits: two seconds for a server that restarts
LIST_MAX = 100  # things that are shown where nobody says how many
Url = Annotated[str | None, typer.Option("--url", metavar="URL", help="The server; else UPWELL_URL, else the context.")]
Context = Annotated[
    str | None,
    typer.Option("--context", metavar="NAME", help="A context of `upwell context list`; else the one in use."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the API's own JSON, of a list one object a line.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]
SORT = "By this field; with a minus from high to low, as in --sort=-created_at."
Named = Annotated[Literal["name", "-name", "created_at", "-created_at"] | None, typer.Option("--sort", help=SORT)]
Made = Annotated[Literal["created_at", "-created_at"] | None, typer.Option("--sort", help=SORT)]
Limit = Annotated[int, typer.Option(min=1, help="How many at most.")]
Every = Annotated[bool, typer.Option("--all", help="All of them, however many.")]
OPTIONS: dict[str, Any] = {"url": Url, "context": Context, "as_json": AsJson}
ABSENT: dict[str, Any] = {"url": None, "context": None, "as_json": False}


@dataclass(frozen=True, slots=True)
class At:
    """Where a command acts, and how it tells."""

    client: Client
    name: str
    as_json: bool

    def one(self, thing: telling.Thing, *pairs: tuple[str, Any]) -> None:
        """Tell one thing."""
        if self.as_json:
            telling.as_json(thing)
        else:
            telling.details(pairs)

    def many(self, columns: tuple[telling.Column, ...], things: Iterable[Any], none: str) -> int:
        """Tell a list that is here, or that there is `none`."""
        if self.as_json:
            count = 0
            for count, thing in enumerate(things, 1):  # noqa: B007
                telling.as_json(thing)
            return count
        count = telling.table(columns, things)
        if not count:
            self.note(none)
        return count

    def pages(
        self, columns: tuple[telling.Column, ...], pages: Pages[Any], none: str, limit: int, every: bool
    ) -> None:  # fmt: skip
        """Tell the first of a list, or all of it."""
        taking = _Taking(pages, None if every else limit)
        count = self.many(columns, taking, none)
        if taking.more:
            self.note(f"the first {count}; there are more: --all, or --limit {10 * limit}")

    def say(self, text: str) -> None:
        """Tell people what was done, or what comes next."""
        if not self.as_json:
            print(text)

    def note(self, text: str) -> None:
        """Tell people beside what a program reads."""
        if not self.as_json:
            print(text, file=sys.stderr)

    def sure(self, what: str, yes: bool) -> None:
        """Go on only if somebody is. Raises Ended where nobody can be asked."""
        if yes:
            return
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise Ended(Exit.USAGE, f"upwell: {what}", "  try: say --yes if that is meant; nothing was done")
        try:
            goes_on = typer.confirm(f"{what} Go on?", err=True)
        except typer.Abort:
            raise Ended(Exit.INTERRUPTED, "", "upwell: nothing was done") from None
        if not goes_on:
            raise Ended(Exit.USAGE, "upwell: nothing was done")


class _Taking:
    """So many of a list; `more` says whether something was left."""

    def __init__(self, pages: Pages[Any], most: int | None) -> None:
        self._pages, self._most, self.more = pages, most, False

    def __iter__(self) -> Any:
        for count, each in enumerate(self._pages):
            if count == self._most:
                self.more = True
                return
            yield each


def verb(app: typer.Typer, name: str, *examples: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The command of that name: the function is called with where it acts, and what else its parameters are. One that
    is a dataclass stands for an option for each of its fields."""

    def added(command: Callable[..., None]) -> Callable[..., None]:
        _, *said = inspect.signature(command, eval_str=True).parameters.values()
        bundles: dict[str, Any] = {each.name: each.annotation for each in said if is_dataclass(each.annotation)}
        own = [one for each in said for one in (_of_bundle(each.annotation) if each.name in bundles else [each])]

        def run(**given: Any) -> None:
            url, context, as_json = (given.pop(each) for each in OPTIONS)
            for name, kind in bundles.items():
                given[name] = kind(**{field.name: given.pop(field.name) for field in fields(kind)})
            act(url, context, as_json, lambda at: command(at, **given))

        more = [
            inspect.Parameter(each, inspect.Parameter.KEYWORD_ONLY, default=ABSENT[each], annotation=kind)
            for each, kind in OPTIONS.items()
        ]
        takes = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own]
        run.__signature__ = inspect.Signature([*takes, *more])  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in (*takes, *more)}
        run.__doc__, run.__name__ = command.__doc__, command.__name__
        app.command(name, epilog=shown(examples), short_help=short(command.__doc__))(run)
        return command

    return added


def _of_bundle(kind: Any) -> list[inspect.Parameter]:
    """The options that a dataclass stands for; each has a default."""
    hints = get_type_hints(kind, include_extras=True)
    return [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
        for field in fields(kind)
    ]


def act(url: str | None, context: str | None, as_json: bool, use: Callable[[At], None]) -> None:
    """Do it there. Raises Ended."""
    name, signed = contexts.chosen(os.environ, url, context)
    try:
        with closing(client_of(signed)) as client:
            use(At(client, name, as_json))
        sys.stdout.flush()
    except (ClientError, ValueError) as exc:
        end(exc, name, as_json)


def client_of(signed: contexts.Signed) -> Client:
    """The client of a server. Raises Ended for a URL or a certificate that is none."""
    try:
        return Client(signed.url, signed.token or None, verify=signed.ca or True, retries=RETRIES)
    except (ValueError, OSError) as exc:
        raise Ended(Exit.USAGE, f"upwell: {exc}", "  try: upwell login http://HOST:8686") from exc


def end(exc: Exception, name: str, as_json: bool = False) -> NoReturn:
    """Say what went wrong and what to do. Raises Ended."""
    if isinstance(exc, Problem) and as_json:
        telling.as_json(exc.told)
    raise Ended(code_of(exc), *lines_of(exc, name)) from exc


def code_of(exc: Exception) -> Exit:
    """By which code a command ends so."""
    match exc:
        case NotFound():
            return Exit.MISSING
        case NotAuthenticated() | NotAllowed():
            return Exit.NO_RIGHT
        case ServerFailed() | Unreachable() | Unreadable():
            return Exit.NO_SERVER
        case Problem():
            return Exit.REFUSED
        case ClientError():
            return Exit.FAILED
    return Exit.USAGE


def lines_of(exc: Exception, name: str) -> list[str]:
    """What is said of it."""
    match exc:
        case NotAuthenticated():
            return [f"upwell: {name} does not know you: {one_line(exc.detail)}", "  try: upwell login URL"]
        case Problem():
            tries = [each.get("try", "") for each in exc.errors] or [exc.advice]
            told = [f"  try: {one_line(each)}" for each in tries if each]
            return [f"upwell: {one_line(exc.detail)}", *told, f"  request {exc.request_id}"]
        case Unreachable():
            return [
                f"upwell: {name} is not reached: {one_line(str(exc))}",
                "  try: is the server running, and the URL right?",
            ]
        case Unreadable():
            return [f"upwell: {name} does not answer as Upwell: {one_line(str(exc))}", "  try: is the URL right?"]
    return [f"upwell: {one_line(str(exc))}"]
