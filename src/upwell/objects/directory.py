"""Objects as files below one directory.

An unfinished object is a file in `.incoming`; `commit` syncs it, renames it and syncs the folder, in that order,
so a crash leaves either the whole object or none. The platform's own directory belongs to one process: left-over
unfinished files are removed when that opens it. A directory that is an owner's bucket (`DirectoryBucket`) is shared: it
is only looked at until something is written to it, and what others have unfinished there stays.
All file IO runs in threads; the loop never waits for a disk.
"""

import asyncio
import contextlib
import os
import secrets
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from upwell.domain.errors import NotFound, Unavailable
from upwell.objects.paths import key_of, path_of
from upwell.objects.port import READ_CHUNK_BYTES, Digests, Seen, Stored, Writer, checked_key

WRITE_CHUNK_BYTES = 1024 * 1024
"""Bytes gathered before a thread writes and digests them: one thread hop per MB, not per network read."""

_INCOMING = ".incoming"


@contextmanager
def _translated(key: str) -> Iterator[None]:
    """The one door for the file system's errors."""
    try:
        yield
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as exc:
        raise NotFound("file", key) from exc
    except OSError as exc:
        raise Unavailable(f"The object store can't be used: {exc.strerror}") from exc


@contextmanager
def _writing() -> Iterator[None]:
    """Any error while writing is the store's fault: what is absent there is not the caller's object."""
    try:
        yield
    except OSError as exc:
        raise Unavailable(f"The object store can't be written: {exc.strerror}") from exc


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _make_folders(root: Path, folder: Path) -> None:
    """Make the folders between root and `folder`, each durable in its parent."""
    if folder == root or folder.is_dir():
        return
    _make_folders(root, folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    _sync_folder(folder.parent)


class DirectoryWriter:
    """A file in `.incoming` until committed."""

    def __init__(self, root: Path, target: Path, unfinished: Path, file: BinaryIO) -> None:
        self._root = root
        self._target = target
        self._unfinished = unfinished
        self._file = file
        self._digests = Digests()
        self._gathered = bytearray()
        self._over = False

    async def write(self, data: bytes, /) -> None:
        if self._over:
            raise RuntimeError("the writer has ended")
        self._gathered += data
        if len(self._gathered) >= WRITE_CHUNK_BYTES:
            with _writing():
                await asyncio.to_thread(self._flush)

    async def commit(self) -> Stored:
        if self._over:
            raise RuntimeError("the writer has ended")
        with _writing():
            # Shielded: a cancelled commit must not be undone by `abort` while its thread renames.
            self._over = True
            return await asyncio.shield(asyncio.to_thread(self._commit))

    async def abort(self) -> None:
        if self._over:
            return
        self._over = True
        with _writing():
            await asyncio.to_thread(self._discard)

    def _flush(self) -> None:
        self._file.write(self._gathered)
        self._digests.update(self._gathered)
        self._gathered.clear()

    def _commit(self) -> Stored:
        try:
            self._flush()
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            _make_folders(self._root, self._target.parent)
            self._unfinished.replace(self._target)
        except OSError:
            self._discard()
            raise
        _sync_folder(self._target.parent)
        return self._digests.stored()

    def _discard(self) -> None:
        self._gathered.clear()
        try:
            self._file.close()
        finally:
            self._unfinished.unlink(missing_ok=True)


class DirectoryObjects:
    """The `Objects` port on a directory."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._incoming = self._root / _INCOMING
        with _writing():
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._incoming.mkdir(exist_ok=True, mode=0o700)
            for left in self._incoming.iterdir():
                left.unlink(missing_ok=True)

    async def check(self, *, writes: bool = True) -> None:
        with _writing():
            await asyncio.to_thread(self._try_writing if writes else self._look)

    def _try_writing(self) -> None:
        unfinished = self._incoming / f"check-{secrets.token_hex(16)}"
        unfinished.write_bytes(b"check")
        unfinished.unlink()

    def _look(self) -> None:
        with contextlib.suppress(FileNotFoundError):  # a bucket's folder is made when something is written to it
            os.scandir(self._root).close()

    async def create(self, key: str) -> Writer:
        target = self.local_path(key)
        unfinished = self._incoming / secrets.token_hex(16)
        with _writing():
            file = await asyncio.to_thread(self._opened, unfinished)
        return DirectoryWriter(self._root, target, unfinished, file)

    def _opened(self, unfinished: Path) -> BinaryIO:
        return unfinished.open("xb")

    async def delete(self, key: str) -> None:
        path = self.local_path(key)
        with _writing():
            await asyncio.to_thread(path.unlink, missing_ok=True)

    async def exists(self, key: str) -> bool:
        path = self.local_path(key)
        return await asyncio.to_thread(path.is_file)

    async def look(self, key: str) -> Seen:
        path = self.local_path(key)
        with _translated(key):
            found = await asyncio.to_thread(path.stat)
        if not stat.S_ISREG(found.st_mode):
            raise NotFound("file", key)
        return Seen(found.st_size, f"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}")

    async def listed(self) -> AsyncIterator[tuple[str, int]]:
        for path, size in await asyncio.to_thread(self._files):
            key = self._key_of(path)
            if key is not None:
                yield key, size

    def _files(self) -> list[tuple[str, int]]:
        with _translated(""):
            found = [file for file in self._root.rglob("*") if file.is_file() and self._incoming not in file.parents]
            return [(file.relative_to(self._root).as_posix(), file.stat().st_size) for file in found]

    def _key_of(self, path: str) -> str | None:
        return path

    def local_path(self, key: str) -> Path:
        return self._root / checked_key(key)

    async def read(self, key: str, start: int, length: int) -> AsyncIterator[bytes]:
        path = self.local_path(key)
        with _translated(key):
            fd = await asyncio.to_thread(os.open, path, os.O_RDONLY)
        try:
            while length > 0:
                with _translated(key):
                    data = await asyncio.to_thread(os.pread, fd, min(length, READ_CHUNK_BYTES), start)
                if not data:
                    return
                yield data
                start += len(data)
                length -= len(data)
        finally:
            os.close(fd)

    async def presign(self, key: str, seconds: int) -> str | None:
        self.local_path(key)
        return None


class DirectoryBucket(DirectoryObjects):
    """An owner's bucket in a directory: keys of any text, and nothing made there before something is written."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._incoming = self._root / _INCOMING

    def local_path(self, key: str) -> Path:
        return self._root / path_of(key)

    def _key_of(self, path: str) -> str | None:
        return key_of(path)

    def _opened(self, unfinished: Path) -> BinaryIO:
        unfinished.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return super()._opened(unfinished)
