"""How every command of the program is declared: as a verb of a noun or alone, with an example in its help."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

import typer

Command = TypeVar("Command", bound=Callable[..., Any])
STYLE: dict[str, Any] = {
    "add_completion": False,  # `upwell completion` prints it
    "rich_markup_mode": None,
    "pretty_exceptions_enable": False,  # they show values of variables, and some of ours are secrets
}


def noun(help_: str, *, name: str) -> typer.Typer:
    """What verbs are added to by `verb`."""
    app = typer.Typer(no_args_is_help=True, name=name, help=help_, **STYLE)
    app.callback()(_noun)  # with it one verb alone is a verb too
    return app


def _noun() -> None:
    pass


def verb(app: typer.Typer, name: str, *examples: str) -> Callable[[Command], Command]:
    """The command of that name, with examples of how it is called."""
    return lambda command: app.command(name, epilog=shown(examples), short_help=short(command.__doc__))(command)


def alone(name: str, *examples: str) -> Callable[[Callable[..., Any]], typer.Typer]:
    """A command with no noun before it, in the place of the function."""

    def made(command: Callable[..., Any]) -> typer.Typer:
        app = typer.Typer(**STYLE)
        app.command(name, epilog=shown(examples))(command)
        return app

    return made


def short(text: str | None) -> str:
    """What a command does, in its noun's list: the first clause of its help that ends in `.`, `:` or `;`, whole."""
    said = " ".join((text or "").split())
    return re.split(r"[.:;](?:\s|$)", said, maxsplit=1)[0]


def shown(examples: tuple[str, ...]) -> str:
    """The end of a help text."""
    return "\b\nExamples:\n" + "\n".join(f"  {each}" for each in examples)
