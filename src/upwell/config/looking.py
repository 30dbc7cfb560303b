"""Whether there is something at a path."""

from pathlib import Path


def is_there(path: Path) -> bool:
    """False where there is nothing, or no folder above it. Raises OSError where it can't be looked at, and ValueError
    for what is no path: `Path.exists` of Python 3.14 says of both that there is nothing."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True
