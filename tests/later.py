"""Other programs than this one, run as processes of their own: one that comes later, a copy with more steps of the
schema, and 0.1.0, out of this repository's history."""

import io
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

import upwell
from upwell.storage.steps import newest_version

RELEASED = "e11f759c076ff32160956cdf537049d6d04644cf"  # 0.1.0, as CHANGELOG.md names it
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


def released(folder: Path) -> dict[str, str]:
    """The same of 0.1.0, in `folder`. Raises LookupError where the history has no such commit."""
    made = subprocess.run(
        ["git", "archive", RELEASED, "src"], cwd=Path(__file__).parents[1], capture_output=True, check=False
    )
    if made.returncode:
        raise LookupError("0.1.0 is not in the history of this checkout: git fetch --unshallow")
    with tarfile.open(fileobj=io.BytesIO(made.stdout)) as archive:
        archive.extractall(folder / "released", filter="data")
    return running(folder / "released" / "src")
