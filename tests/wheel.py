"""The wheel, built as `make dist` builds it, of this checkout's files and away from it."""

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
PARTS = ("src", "pyproject.toml", "README.md", "LICENSE", "requirements")


def built(top: Path) -> Path:
    """The wheel, made of the sdist, in `top`/dist."""
    shutil.copytree(CHECKOUT / "src", top / "tree" / "src", ignore=shutil.ignore_patterns("*.egg-info", "__pycache__"))
    for name in PARTS[1:]:
        here = CHECKOUT / name
        (shutil.copytree if here.is_dir() else shutil.copy)(here, top / "tree" / name)
    code = "from setuptools import build_meta; print(build_meta.build_sdist('../dist'))"
    run(top / "tree", sys.executable, "-c", code)
    [sdist] = (top / "dist").glob("upwell-*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(top / "sdist", filter="data")
    [source] = (top / "sdist").iterdir()
    wheel = ("-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--wheel-dir", str(top / "dist"), ".")
    run(source, sys.executable, *wheel)
    [file] = (top / "dist").glob("upwell-*.whl")
    return file


def run(folder: Path, *command: str) -> str:
    """What it prints; it must end well."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "UPWELL_"))}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout
