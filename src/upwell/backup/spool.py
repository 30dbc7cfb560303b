"""The folder that PostgreSQL hands its log over by: what waits there, and what is too much of it."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from upwell.backup.wal import NAME

HELD_BYTES_MAX = 4 << 30  # of log that the place does not take
WAITED = timedelta(seconds=60)  # what came since goes to a place that answers, however full the disk is


@dataclass(frozen=True, slots=True)
class Handed:
    """One file that PostgreSQL handed over. What was acknowledged before `ended_at` is in it, or in those before it."""

    name: str
    size: int
    ended_at: datetime


class Spool:
    """The folder, on a disk of which `room` bytes are to stay free."""

    def __init__(self, folder: Path, room: int) -> None:
        self.folder, self._room = folder, room

    def files(self) -> list[Handed]:
        """All of it."""
        return handed([path for path in self.folder.iterdir() if NAME.fullmatch(path.name)])

    def oldest(self) -> datetime | None:
        """Since when something waits."""
        return min((each.ended_at for each in self.files()), default=None)

    def held(self) -> int:
        """Bytes that wait."""
        return sum(each.size for each in self.files())

    def remove(self, name: str) -> None:
        """It is in the place, or given up."""
        (self.folder / name).unlink(missing_ok=True)

    def too_much(self, now: datetime) -> Iterator[Handed]:
        """The oldest, as long as there is too much or the disk gets full; whoever goes through them removes each."""
        files = sorted(self.files(), key=lambda each: each.name)
        held = sum(each.size for each in files)
        for each in files:
            if held <= HELD_BYTES_MAX and not (now - each.ended_at > WAITED and self._is_full()):
                return
            held -= each.size
            yield each

    def _is_full(self) -> bool:
        return shutil.disk_usage(self.folder).free < self._room


def handed(paths: Sequence[Path]) -> list[Handed]:
    """As they are; one that goes meanwhile is none."""
    found = list[Handed]()
    for path in paths:
        try:
            seen = path.stat()
        except FileNotFoundError:
            continue
        found.append(Handed(path.name, seen.st_size, datetime.fromtimestamp(seen.st_mtime, UTC)))
    return found


def full_at(cluster: Path, name: str) -> datetime | None:
    """When PostgreSQL had filled a file of its log: whatever is acknowledged later is in the next one. It is copied
    into the folder some time after that, a minute where a first try fails. None where PostgreSQL has forgotten it."""
    for state in ("done", "ready"):  # the one becomes the other by its name alone
        try:
            seen = (cluster / "pg_wal" / "archive_status" / f"{name}.{state}").stat()
        except FileNotFoundError:
            continue
        return datetime.fromtimestamp(seen.st_mtime, UTC)
    return None
