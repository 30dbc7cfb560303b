"""What a store of firmware bytes promises, whichever driver is behind it.

A writer shows nothing before `commit`; after `commit` the bytes are durable and whole under their key.
Digests are computed while the bytes stream by; no driver holds more than a few chunks in memory.
A key is a relative path of plain segments. A key that could leave the store is refused here, for all drivers.
Foreign errors become `NotFound` (no such object) or `Unavailable` (the store does not answer).

A store of the platform's own files has plain keys (`checked_key`); one that stands for a bucket of an owner has that
owner's keys, whatever their characters (`any_key`), and its driver sees to it that none leaves the store.
"""

import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from upwell.domain.errors import Invalid

READ_CHUNK_BYTES = 256 * 1024
"""What `read` yields at most at once: large enough that a thread hop is cheap, small enough for 10,000 readers."""

KEY_CHARS_MAX = 512
"""Longest key; below the 1,023 bytes of OSS and the 1,024 of S3, so that a prefix still fits."""

OWNER_KEY_CHARS_MAX = 1024
"""Longest key of an owner's object, in characters [seed]; S3 itself stops at as many bytes."""

_KEY = re.compile(r"[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*")


@dataclass(frozen=True, slots=True)
class Stored:
    """What was committed: size in bytes and lower-case hex digests."""

    size: int
    md5: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What a store says of an object without reading it. `tag` changes whenever the object is written anew; it means
    nothing but that."""

    size: int
    tag: str


class Writer(Protocol):
    """One object being written. End it with exactly one `commit`, or with `abort` (harmless when repeated)."""

    async def write(self, data: bytes, /) -> None:
        """Take the next bytes. Returns when there is room for more. Raises `Unavailable`."""

    async def commit(self) -> Stored:
        """Make the object visible, whole and durable. Raises `Unavailable`; then nothing is visible."""

    async def abort(self) -> None:
        """Forget the bytes. Nothing was ever visible. Does nothing after `commit`."""


CHECK_KEY = "upwell.check"
"""The object that the platform keeps in its own store to find out whether the store can be used."""


class Objects(Protocol):
    """A store of objects by key."""

    async def check(self, *, writes: bool = True) -> None:
        """Pass when the store is there and answers; with `writes`, also when it takes writes. Raises `Unavailable`."""

    async def create(self, key: str) -> Writer:
        """Start an object; a committed one replaces an older one whole. Raises `Invalid` for a bad key."""

    async def delete(self, key: str) -> None:
        """Remove the object; one that is not there is removed already."""

    async def exists(self, key: str) -> bool:
        """Whether a committed object has this key."""

    async def look(self, key: str) -> Seen:
        """Size and tag. Raises `NotFound`."""

    def listed(self) -> AsyncIterator[tuple[str, int]]:
        """Key and size in bytes of every committed object, in no order that is promised."""

    def local_path(self, key: str) -> Path | None:
        """The file that holds the object, for sendfile; None when the driver has no files. Not a proof of existence."""

    def read(self, key: str, start: int, length: int) -> AsyncIterator[bytes]:
        """Yield `length` bytes from `start`, fewer when the object ends before. Raises `NotFound`."""

    def whole(self, key: str, size: int) -> AsyncIterator[bytes]:
        """Yield the object of so many bytes, asked for once unless the store breaks off; more or fewer bytes when it is
        of another size. Raises `NotFound`, `Unavailable`."""

    async def presign(self, key: str, seconds: int) -> str | None:
        """A URL that anyone may GET for `seconds`; None when the driver has none to give."""


class Digests:
    """Size, MD5 and SHA-256 of what passes by. Releases the GIL on large chunks, so a thread is worth its hop."""

    def __init__(self) -> None:
        self._size = 0
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256()

    def update(self, data: bytes | bytearray) -> None:
        self._size += len(data)
        self._md5.update(data)
        self._sha256.update(data)

    def stored(self) -> Stored:
        return Stored(self._size, self._md5.hexdigest(), self._sha256.hexdigest())


def checked_key(key: str) -> str:
    """The key itself. Raises `Invalid` when it is absolute, climbs, is hidden, too long or of other characters.

    No segment begins with a dot: that refuses `.` and `..` and leaves dot names to the drivers (unfinished files).
    """
    if len(key) > KEY_CHARS_MAX:
        raise Invalid("key", f"at most {KEY_CHARS_MAX} characters")
    if not _KEY.fullmatch(key):
        raise Invalid("key", "a relative path of letters, digits, '.', '_', '-' and '/'")
    if any(segment.startswith(".") for segment in key.split("/")):
        raise Invalid("key", "no segment begins with a dot")
    return key


def any_key(key: str) -> str:
    """The key itself, if it is one that an owner's object may have. Raises `Invalid` for what no store can hold."""
    if not 1 <= len(key) <= OWNER_KEY_CHARS_MAX:
        raise Invalid("object_key", f"1 to {OWNER_KEY_CHARS_MAX} characters", f"the value has {len(key)}")
    if "\0" in key or (not key.isascii() and re.search("[\ud800-\udfff]", key)):
        raise Invalid("object_key", "Unicode text without the character NUL")
    return key
