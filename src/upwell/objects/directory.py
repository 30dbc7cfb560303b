"""Objects as files below one directory.

An unfinished object is a file in `.incoming`; `commit` syncs it, renames it and syncs the folder, in that order,
so a crash leaves either the whole object or none. Several processes may share a directory: whoever writes an unfinished
file holds a lock on it, which the system drops with the process, and who opens the platform's own directory removes the
files that nobody holds. An owner's bucket (`DirectoryBucket`) is only looked at until something is written to it, and
what others have unfinished there stays.
A file that is absent from a directory that is there does not exist; where the directory itself is away (as when a
volume is not mounted) nothing is said of its files but that they can't be had now.
All file IO runs in threads; the loop never waits for a disk.
"""

import asyncio
import contextlib
import fcntl
import os
import secrets
import stat
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

from upwell.domain.errors import NotFound, Unavailable
from upwell.objects.paths import key_of, path_of
from upwell.objects.port import READ_CHUNK_BYTES, Digests, Seen, Stored, Writer, checked_key

WRITE_CHUNK_BYTES = 1024 * 1024
"""Bytes gathered before a thread writes and digests them: one thread hop per MB, not per network read."""

LEFT_AFTER_S = 24 * 3600.0
"""Where the file system has no locks, an unfinished file that was not written for so long is nobody's."""

_INCOMING = ".incoming"
_T = TypeVar("_T")


class _Away(OSError):
    """The directory itself is not there."""


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


def _begun(path: Path) -> BinaryIO:
    """The new file, locked as long as it is open. Raises FileExistsError when another process took it for a left one
    before it was locked."""
    file = path.open("xb")
    try:
        with contextlib.suppress(_Lockless):
            if not _locked(file.fileno()) or os.fstat(file.fileno()).st_nlink == 0:
                raise FileExistsError(str(path))
    except BaseException:
        file.close()
        raise
    return file


class _Lockless(Exception):
    """The file system has no locks."""


def _locked(fd: int) -> bool:
    """Whether the file is locked for us now; False when somebody holds it. Raises _Lockless."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as exc:
        raise _Lockless from exc
    return True


def _remove_left(path: Path) -> None:
    """Remove the unfinished file, unless somebody writes it."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return  # finished meanwhile
    try:
        left = _locked(fd)
    except _Lockless:
        left = os.fstat(fd).st_mtime < time.time() - LEFT_AFTER_S
    try:
        if left:
            path.unlink(missing_ok=True)
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
            _make_folders(self._root, self._target.parent)
            self._unfinished.replace(self._target)  # before its lock goes: till then it is nobody's to remove
            self._file.close()
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
        self._home: Path | None = self._root
        self._incoming = self._root / _INCOMING
        with _writing():
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._incoming.mkdir(exist_ok=True, mode=0o700)
            for each in self._incoming.iterdir():
                _remove_left(each)

    async def check(self, *, writes: bool = True) -> None:
        with _writing():
            await asyncio.to_thread(self._try_writing if writes else self._look)

    def _try_writing(self) -> None:
        unfinished = self._incoming / f"check-{secrets.token_hex(16)}"
        unfinished.write_bytes(b"check")
        unfinished.unlink(missing_ok=True)  # another process that opens the directory may have been faster

    def _look(self) -> None:
        with contextlib.suppress(FileNotFoundError):  # a bucket's folder is made when something is written to it
            os.scandir(self._root).close()

    async def create(self, key: str) -> Writer:
        target = self.local_path(key)
        with _writing():
            unfinished, file = await asyncio.to_thread(self._begin)
        return DirectoryWriter(self._root, target, unfinished, file)

    def _begin(self) -> tuple[Path, BinaryIO]:
        """A new unfinished file, open and locked."""
        while True:
            unfinished = self._incoming / secrets.token_hex(16)
            with contextlib.suppress(FileExistsError):
                return unfinished, _begun(unfinished)

    def _at_home(self, act: Callable[[], _T]) -> _T:
        """What `act` gives, in a thread. What it does not find is only absent where the directory itself is there."""
        try:
            return act()
        except (FileNotFoundError, NotADirectoryError) as exc:
            if self._home is not None and not (self._home / _INCOMING).is_dir():
                raise _Away(exc.errno, "its directory is not there") from exc
            raise

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
            found = await asyncio.to_thread(self._at_home, path.stat)
        if not stat.S_ISREG(found.st_mode):
            raise NotFound("file", key)
        return Seen(found.st_size, f"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}")

    async def listed(self) -> AsyncIterator[tuple[str, int]]:
        for path, size in await asyncio.to_thread(self._files):
            key = self._key_of(path)
            if key is not None:
                yield key, size

    def _files(self) -> list[tuple[str, int]]:
        """Of files that come or go while we look some may be told and some not."""
        found = []
        with _translated(""):
            for folder, below, names in os.walk(self._root):
                if folder == str(self._root):
                    below[:] = [name for name in below if name != _INCOMING]
                for path in (Path(folder, name) for name in names):
                    with contextlib.suppress(FileNotFoundError):
                        if path.is_file():
                            found.append((path.relative_to(self._root).as_posix(), path.stat().st_size))
        return found

    def _key_of(self, path: str) -> str | None:
        return path

    def local_path(self, key: str) -> Path:
        return self._root / checked_key(key)

    async def read(self, key: str, start: int, length: int) -> AsyncIterator[bytes]:
        path = self.local_path(key)
        with _translated(key):
            fd = await asyncio.to_thread(self._at_home, partial(os.open, path, os.O_RDONLY))
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

    def whole(self, key: str, size: int) -> AsyncIterator[bytes]:
        return self.read(key, 0, size)

    async def presign(self, key: str, seconds: int) -> str | None:
        self.local_path(key)
        return None


class DirectoryBucket(DirectoryObjects):
    """An owner's bucket in a directory: keys of any text, and nothing made there before something is written. `home` is
    the platform's own directory that it lies in, if it does: without that the bucket is not empty, but away."""

    def __init__(self, root: Path, home: Path | None = None) -> None:
        self._root = root.resolve()
        self._home = home and home.resolve()
        self._incoming = self._root / _INCOMING

    def local_path(self, key: str) -> Path:
        return self._root / path_of(key)

    def _key_of(self, path: str) -> str | None:
        return key_of(path)

    def _begin(self) -> tuple[Path, BinaryIO]:
        self._incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
        return super()._begin()
