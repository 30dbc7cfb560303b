"""A program that comes later: a copy of this one with more steps of the schema, run as a process of its own."""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import upwell
from upwell.storage.steps import newest_version

SOURCE = Path(upwell.__file__).parent
NOW = newest_version()
COMMAND = (sys.executable, "-c", "from upwell.cli.main import main; main()")


def later(folder: Path, *more: str) -> dict[str, str]:
    """What runs COMMAND as a copy of this program in `folder` that has these further migrations, in its environment."""
    package = folder / "upwell"
    shutil.copytree(SOURCE, package, ignore=shutil.ignore_patterns("__pycache__"))
    for number, text in enumerate(more, NOW + 1):
        (package / "storage" / "migrations" / f"{number:04}_later.sql").write_text(text)
    return running(folder)


def running(folder: Path, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """An environment in which COMMAND is the program whose package is in `folder`."""
    return {**environ, "PYTHONPATH": str(folder)}
