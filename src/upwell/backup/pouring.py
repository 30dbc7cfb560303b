"""Bytes from where they are to where they are to be, a bounded number at a time, with the digests of both sides.

It is done in a thread, for a program's pipe and the encryption wait; a store is asked on the event loop all the same.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pyrage

from upwell.backup.manifest import BackupError, Part
from upwell.domain.errors import NotFound
from upwell.objects.port import READ_CHUNK_BYTES, Objects, Writer

T = TypeVar("T")
Moved = Callable[[int], None]  # told of each so many bytes


class Source(Protocol):
    """Bytes to be read; none at the end."""

    def read(self, size: int = -1, /) -> bytes: ...


class Target(Protocol):
    """Takes bytes."""

    def write(self, data: bytes, /) -> Any: ...


class Counted:
    """A source or a target whose bytes are counted on their way."""

    def __init__(self, of: Any, moved: Moved = lambda size: None) -> None:
        self._of, self._moved = of, moved
        self.size, self._digest = 0, hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes."""
        data: bytes = self._of.read(READ_CHUNK_BYTES if size < 0 else size)
        self._count(data)
        return data

    def write(self, data: bytes, /) -> int:
        """Hand them on."""
        self._of.write(data)
        self._count(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is held back here."""

    @property
    def sha256(self) -> str:
        """Of all so far."""
        return self._digest.hexdigest()

    def _count(self, data: bytes) -> None:
        self.size += len(data)
        self._digest.update(data)
        self._moved(len(data))


class Nowhere:
    """A target for what is only to be looked at."""

    def write(self, data: bytes, /) -> None: ...


class FromStore:
    """An object's bytes for a thread."""

    def __init__(self, chunks: AsyncIterator[bytes], loop: asyncio.AbstractEventLoop) -> None:
        self._chunks, self._loop, self._rest = chunks, loop, b""

    def read(self, size: int = -1, /) -> bytes:
        """At most so many."""
        if not self._rest:
            self._rest = _waited(anext(self._chunks, b""), self._loop)
        size = len(self._rest) if size < 0 else size
        data, self._rest = self._rest[:size], self._rest[size:]
        return data


class IntoStore:
    """A store's writer for a thread."""

    def __init__(self, writer: Writer, loop: asyncio.AbstractEventLoop) -> None:
        self._writer, self._loop = writer, loop

    def write(self, data: bytes, /) -> None:
        """Returns when there is room for more."""
        _waited(self._writer.write(bytes(data)), self._loop)


def _waited(work: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> T:
    async def done() -> T:
        return await work

    return asyncio.run_coroutine_threadsafe(done(), loop).result()


def recipients_of(texts: Sequence[str]) -> list[pyrage.x25519.Recipient]:
    """Raises BackupError for what is no public key of age."""
    try:
        return [pyrage.x25519.Recipient.from_str(text) for text in texts]
    except pyrage.RecipientError as exc:
        raise BackupError(
            f"a recipient must be a public key of age, age1…, as `age-keygen -y` prints it: {exc}"
        ) from exc


def identities_of(file: Path | None) -> list[pyrage.x25519.Identity]:
    """The private keys of a file of age-keygen's. Raises BackupError."""
    if file is None:
        return []
    try:
        lines = [line.strip() for line in file.read_text().splitlines()]
        found = [pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except (OSError, UnicodeError, pyrage.IdentityError) as exc:
        raise BackupError(
            f"the identity {file} can't be read: it must be a file of age-keygen's, AGE-SECRET-KEY-1…"
        ) from exc
    if not found:
        raise BackupError(f"the identity {file} has no private key in it")
    return found


async def keep(
    to: Objects, at: str, source: Source, recipients: Sequence[pyrage.x25519.Recipient], moved: Moved,
    end: Callable[[], None] = lambda: None,
) -> Part:  # fmt: skip
    """Pour all of a source into the object `at`, which is there when this returns; `end` raises where the source did
    not end well, and then nothing is."""
    loop = asyncio.get_running_loop()
    writer = await to.create(at)
    try:
        plain, stored = Counted(source, moved), Counted(IntoStore(writer, loop))
        await asyncio.to_thread(_pour, plain, stored, recipients)
        await asyncio.to_thread(end)
        kept = await writer.commit()
    except BaseException:
        await writer.abort()
        raise
    if kept.sha256 != stored.sha256:
        raise BackupError(f"{at} was stored as other bytes than were sent")
    return Part(
        at=at, size=plain.size, sha256=plain.sha256, stored_size=stored.size, stored_sha256=stored.sha256
    )  # fmt: skip


def _pour(plain: Counted, stored: Counted, recipients: Sequence[pyrage.x25519.Recipient]) -> None:
    if recipients:
        pyrage.encrypt_io(plain, stored, list(recipients))
        return
    while data := plain.read():
        stored.write(data)


async def take(
    of: Objects, part: Part, target: Target, identities: Sequence[pyrage.x25519.Identity], moved: Moved
) -> None:  # fmt: skip
    """Pour a part into the target, opened where it is encrypted. Raises BackupError when it is damaged: then what the
    target got is of no use."""
    loop = asyncio.get_running_loop()
    chunks = of.read(part.at, 0, part.stored_size + 1)  # what is longer is noticed
    stored, plain = Counted(FromStore(chunks, loop), moved), Counted(target)
    try:
        await asyncio.to_thread(_unpour, stored, plain, identities)
    except NotFound as exc:
        raise BackupError(f"{part.at} is missing") from exc
    except pyrage.DecryptError as exc:
        raise BackupError(f"{part.at} can't be opened with this identity: {exc}") from exc
    if (stored.size, stored.sha256) != (part.stored_size, part.stored_sha256):
        raise BackupError(f"{part.at} is damaged: it is of other bytes than were stored")
    if identities and (plain.size, plain.sha256) != (part.size, part.sha256):
        raise BackupError(f"{part.at} is damaged: it holds other bytes than were backed up")


def _unpour(stored: Counted, plain: Counted, identities: Sequence[pyrage.x25519.Identity]) -> None:
    if identities:
        pyrage.decrypt_io(stored, plain, list(identities))
        while stored.read():  # to its end, so that the digest is of all
            pass
        return
    while data := stored.read():
        plain.write(data)
