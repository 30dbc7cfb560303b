"""`upwell completion` and `upwell version`."""

from enum import StrEnum
from typing import Annotated

import typer
from typer._completion_shared import get_completion_script

from upwell import __version__
from upwell.cli.apps import alone

VARIABLE = "_UPWELL_COMPLETE"


class Shell(StrEnum):
    """Those that are completed in."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


@alone(
    "completion",
    "upwell completion bash > ~/.local/share/bash-completion/completions/upwell",
    "upwell completion zsh > ~/.zfunc/_upwell",
    "upwell completion fish > ~/.config/fish/completions/upwell.fish",
)
def completion(shell: Annotated[Shell, typer.Argument(help="your shell")]) -> None:
    """Print what makes your shell complete commands and options of `upwell`."""
    print(get_completion_script(prog_name="upwell", complete_var=VARIABLE, shell=shell.value))


@alone("version", "upwell version")
def version() -> None:
    """Print the version."""
    print(__version__)
