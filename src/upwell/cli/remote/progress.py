"""How far something has come: a bar on a terminal, nothing elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from upwell.cli.exits import Ended, Exit
from upwell.cli.remote.acting import At
from upwell.client import Progress
from upwell.client.shapes import Upload


@contextmanager
def bar(what: str, total: int) -> Iterator[Progress]:
    """What is told how many bytes are there; it shows them with the pace and the rest where somebody looks."""
    if not sys.stderr.isatty():
        yield lambda done, of_all: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    name, pace, rest = TextColumn("{task.description}"), TransferSpeedColumn(), TimeRemainingColumn()
    with Bars(name, BarColumn(), DownloadColumn(), pace, rest, console=Console(stderr=True)) as bars:
        task = bars.add_task(what, total=total)
        yield lambda done, of_all: bars.update(task, completed=done, total=of_all)


def send(at: At, path: Path, upload_id: str | None, part_size: int | None) -> Upload:
    """Upload a file, and say how to go on where somebody leaves it."""
    begun: list[str] = [upload_id] if upload_id else []
    with path.open("rb") as file, bar(path.name, path.stat().st_size) as progress:
        try:
            return at.client.upload(
                file, name=path.name[:128], part_size=part_size, upload_id=upload_id, progress=progress,
                began=lambda each: begun.__setitem__(slice(None), [each]),
            )  # fmt: skip
        except KeyboardInterrupt:
            raise Ended(
                Exit.INTERRUPTED, "", f"upwell: {path.name} is not whole on the server", *_again(begun)
            ) from None
        except Exception:
            for line in _again(begun):
                print(line, file=sys.stderr)
            raise


def _again(begun: list[str]) -> list[str]:
    return [f"  try: the same command with --resume {begun[0]}"] if begun else []
