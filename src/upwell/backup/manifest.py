"""What a backup says of itself: `backup.json`, written last, and `manifest.jsonl`, a line for each object."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from upwell.domain.errors import UpwellError

HEAD, LIST, DUMP = "backup.json", "manifest.jsonl", "database.dump"
FORMAT = 1
HEAD_BYTES_MAX = 64 * 1024


class BackupError(UpwellError):
    """A backup can't be made, read or restored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Some bytes: their size and digest as they were, and as they lie in the backup, encrypted or not."""

    at: str
    size: int
    sha256: str
    stored_size: int
    stored_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One object of the store, by its key there."""

    key: str
    part: Part

    def line(self) -> bytes:
        """Its line of the list."""
        return json.dumps({"key": self.key, **asdict(self.part)}).encode() + b"\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The whole of it. `taken_at` is the moment whose commits are in it."""

    upwell: str
    schema: int
    taken_at: str
    database: Part
    objects: int
    object_bytes: int
    listed: Part
    recipients: tuple[str, ...] = ()

    def text(self) -> bytes:
        """As it is stored."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1).encode() + b"\n"


def read_head(text: bytes) -> Head:
    """Raises BackupError for what is no head, or of a later format."""
    try:
        said = json.loads(text)
        if said.pop("format") != FORMAT:
            raise BackupError(
                f"the backup is of another format than {FORMAT}: use the Upwell that made it, or a later one"
            )
        database, listed = Part(**said.pop("database")), Part(**said.pop("listed"))
        return Head(database=database, listed=listed, recipients=tuple(said.pop("recipients")), **said)
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise BackupError(f"{HEAD} can't be read: {exc}") from exc


def read_list(text: bytes) -> Iterator[Kept]:
    """Raises BackupError for a line that is none."""
    for number, line in enumerate(text.splitlines(), 1):
        try:
            said: Mapping[str, Any] = json.loads(line)
            part = {name: value for name, value in said.items() if name != "key"}
            yield Kept(key=said["key"], part=Part(**part))
        except (ValueError, KeyError, TypeError) as exc:
            raise BackupError(f"line {number} of {LIST} can't be read: {exc}") from exc
