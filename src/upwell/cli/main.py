"""The command line. What was foreseen is a line or two on standard error and an exit code, never a traceback.

Holds: nothing of the server and nothing of the client is loaded here; `tree` loads what is called.
"""

import os
import sys
from typing import Annotated

import typer

from upwell import __version__
from upwell.cli.apps import STYLE
from upwell.cli.exits import Ended, Exit, one_line, to_the_end
from upwell.cli.tree import Tree
from upwell.domain.errors import UpwellError

app = typer.Typer(
    name="upwell", cls=Tree, no_args_is_help=True, context_settings={"max_content_width": 100}, **STYLE
)  # fmt: skip


def _print_version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def upwell(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> None:
    """Over-the-air firmware updates: run a server, and bring new firmware to your devices.

    \b
    Begin so:
      upwell serve                          run a server; it prints your first token
      upwell login http://127.0.0.1:8686    sign in with it
      upwell product create lamp            make a kind of device
      upwell device import lamps.csv --product ID
      upwell package upload lamp-2.0.bin --product ID --version 2.0
      upwell rollout start PACKAGE --all
      upwell rollout watch ROLLOUT

    Every command has --help with examples. Exit codes: 0 done, 1 failed, 2 usage, 3 refused, 4 not found,
    5 not signed in or not allowed, 6 no server, 130 interrupted."""


def main() -> None:
    """The entry point."""
    to_the_end(run)


def run() -> None:
    """What is asked for; raises SystemExit."""
    if "_UPWELL_COMPLETE" in os.environ:
        from typer._completion_classes import completion_init

        completion_init()
    try:
        app()
    except Ended as end:
        print(*end.lines, sep="\n", file=sys.stderr)
        raise SystemExit(int(end.code)) from None
    except UpwellError as exc:
        print(f"upwell: {one_line(exc.problem)}", file=sys.stderr)
        raise SystemExit(int(Exit.USAGE)) from None
