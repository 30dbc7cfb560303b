"""The folder of the cache of objects. What lies in it is the whole truth about it, and several processes share it.

Holds: a file is named by the SHA-256 of what it should hold, one that is being filled by that and its whole size, and
nothing is asked for by any other name. Whoever fills a file has it locked, and the system unlocks it with the process.
Room is taken and made under one lock of the folder: with what is being filled at its whole size, the files never have
more bytes than allowed, and what is written leaves the disk its floor. A file that somebody reads may be removed: its
bytes stay until they close it.
Refused: to trust a file. Its reader has it digested once, and finds by its stamp whether it is still that one.
All of it is disk IO, for threads, but for `opened`, which is one look at one file.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

FILES_MAX = 10_000
"""Files held at once: whoever takes room looks at all of them, some 50 ms of a thread."""

LOCK_WITHIN_S = 2.0
"""How long the folder's lock is waited for; whoever has it holds it for some milliseconds."""

HASH_BYTES = 1024 * 1024
"""Read and digested at once."""

USED_AGAIN_S = 10.0
"""Within so long a file's use is not noted again."""

_LOCK = "lock"
_WHOLE = re.compile(r"[0-9a-f]{64}")
_PART = re.compile(r"([0-9a-f]{64})\.([0-9]{1,15})\.part")
_READ = (
    os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
)  # a pipe that somebody put there must not be waited for
_MAKE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class NoRoom(Exception):
    """The object does not fit, into the bound or onto the disk."""


class Busy(Exception):
    """Another process fills this file."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """Which file was digested; one that was written since, or another, has another stamp."""

    device: int
    inode: int
    size: int
    mtime_ns: int


def stamp_of(fd: int) -> Stamp:
    """The stamp of an open file. Raises OSError."""
    found = os.fstat(fd)
    return Stamp(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


@dataclass(slots=True)
class Part:
    """A file that is being filled from its beginning, by us, who have it open and locked."""

    path: Path
    fd: int
    size: int
    written: int = 0

    def write(self, data: bytes) -> None:
        """The next bytes. Raises OSError."""
        rest = memoryview(data)
        while rest:
            done = os.pwrite(self.fd, rest, self.written)
            self.written += done
            rest = rest[done:]


@dataclass(frozen=True, slots=True)
class _Lying:
    """A file of the folder: the bytes that count as its, and those of them that are still to be written."""

    name: str
    size: int
    unwritten: int
    used_ns: int


class Folder:
    """`path`, which is ours alone. Raises OSError when it can't be had, or has no locks."""

    def __init__(self, path: Path, bytes_max: int, floor_bytes: int) -> None:
        self.path = path
        self.bytes_max = bytes_max
        self.floor_bytes = floor_bytes
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)  # it may be a link to another disk
        try:
            os.fchmod(fd, 0o700)
        finally:
            os.close(fd)
        self._sweep()

    def held_bytes(self) -> int:
        """As `held_bytes`."""
        return held_bytes(self.path)

    def opened(self, sha256: str, stamp: Stamp | None = None) -> int | None:
        """The whole file's descriptor; None where there is none or, with a stamp, another. Raises OSError."""
        try:
            fd = os.open(self.path / _checked(sha256), _READ)
        except FileNotFoundError:
            return None
        try:
            if stamp is None or stamp_of(fd) == stamp:
                self._note_use(fd)
                return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)
        return None

    def has(self, sha256: str, stamp: Stamp) -> bool:
        """Whether the whole file is there, and is that one. Raises OSError."""
        fd = self.opened(sha256, stamp)
        if fd is not None:
            os.close(fd)
        return fd is not None

    def verified(self, sha256: str, size: int) -> Stamp | None:
        """The stamp of the whole file, digested now; None where there is none. One that is not what it should be is
        removed. Raises OSError."""
        fd = self.opened(sha256)
        if fd is None:
            return None
        try:
            stamp = stamp_of(fd)
            if stamp.size == size and _digest(fd, size) == sha256 and stamp_of(fd) == stamp:
                return stamp
        finally:
            os.close(fd)
        self.remove(sha256)
        return None

    def remove(self, sha256: str) -> None:
        """The whole file is no more. Raises OSError."""
        (self.path / _checked(sha256)).unlink(missing_ok=True)

    def begin(self, sha256: str, size: int) -> Part:
        """Room for a file, which is made. Raises NoRoom, Busy when somebody fills it, OSError."""
        path = self.path / f"{_checked(sha256)}.{size}.part"
        with self._locked():
            self._remove_left(path)
            self._make_room(size)
            fd = os.open(path, _MAKE, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as exc:
                path.unlink()
                os.close(fd)
                raise Busy from exc  # somebody looked in this moment whether it is left
        return Part(path, fd, size)

    def finish(self, part: Part, sha256: str) -> Stamp:
        """The part is whole, and is what its name says. It stays open. Raises OSError."""
        with self._locked():  # whoever counts sees it once
            part.path.rename(self.path / _checked(sha256))
        stamp = stamp_of(part.fd)
        fcntl.flock(part.fd, fcntl.LOCK_UN)
        return stamp

    def give_up(self, part: Part) -> None:
        """The part is no more. It stays open and locked. Raises OSError."""
        part.path.unlink(missing_ok=True)

    def beside(self, sha256: str, size: int) -> int | None:
        """The descriptor of a part that another process fills; None when it has ended. Raises OSError."""
        try:
            return os.open(self.path / f"{_checked(sha256)}.{size}.part", _READ)
        except FileNotFoundError:
            return None

    def _make_room(self, size: int) -> None:
        """Remove those that nobody used for longest until the file fits. Raises NoRoom; then nothing was removed."""
        lying = _lying(self.path)
        going = sorted((each for each in lying if _WHOLE.fullmatch(each.name)), key=lambda each: each.used_ns)
        held, free = sum(each.size for each in lying), _free(self.path) - sum(each.unwritten for each in lying)
        removed: list[_Lying] = []
        while held + size > self.bytes_max or free - size < self.floor_bytes or len(lying) - len(removed) >= FILES_MAX:
            if not going:
                raise NoRoom
            removed.append(going.pop(0))
            held, free = held - removed[-1].size, free + removed[-1].size
        for each in removed:
            (self.path / each.name).unlink(missing_ok=True)

    def _sweep(self) -> None:
        """Remove what is not ours and what nobody fills, and what is beyond the bound."""
        with self._locked():
            for path in list(self.path.iterdir()):
                mode = path.lstat().st_mode
                ours = stat.S_ISREG(mode) and (path.name == _LOCK or is_digest(path.name))
                if ours or stat.S_ISDIR(mode):  # a volume's own folders (lost+found) are not ours to remove
                    continue
                with contextlib.suppress(Busy):
                    self._remove_left(path)
            with contextlib.suppress(NoRoom):
                self._make_room(0)

    def _remove_left(self, path: Path) -> None:
        """Remove the file, if it is there. Raises Busy when somebody fills it, OSError."""
        try:
            fd = os.open(path, _READ)
        except FileNotFoundError:
            return
        except OSError:  # a link, or nothing that can be opened: nobody fills it
            path.unlink(missing_ok=True)
            return
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
        except BlockingIOError as exc:
            raise Busy from exc
        finally:
            os.close(fd)

    def _note_use(self, fd: int) -> None:
        """The file is used: the time of its last access says so, to other processes too."""
        now_ns, seen = time.time_ns(), os.fstat(fd)
        if now_ns - seen.st_atime_ns > USED_AGAIN_S * 1e9:
            os.utime(fd, ns=(now_ns, seen.st_mtime_ns))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """The folder's lock. Raises OSError (TimeoutError) when it can't be had in time."""
        fd = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            _lock(fd)
            yield
        finally:
            os.close(fd)


def held_bytes(path: Path) -> int:
    """What all files of the folder have, those that are being filled at their whole size. Raises OSError."""
    return sum(each.size for each in _lying(path))


def is_left(fd: int) -> bool:
    """Whether nobody fills the part any more. Raises OSError."""
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(fd, fcntl.LOCK_UN)
    return True


def _lock(fd: int) -> None:
    deadline = time.monotonic() + LOCK_WITHIN_S
    while True:
        try:
            return fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            if time.monotonic() > deadline:
                raise TimeoutError("the folder's lock is held for too long") from exc
            time.sleep(0.01)


def is_digest(text: str) -> bool:
    """Whether it is a SHA-256 as files are named by."""
    return _WHOLE.fullmatch(text) is not None


def _checked(sha256: str) -> str:
    """The digest itself: whatever else comes here must name no file."""
    if not is_digest(sha256):
        raise ValueError("no SHA-256 in hexadecimal letters")
    return sha256


def _free(path: Path) -> int:
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize


def _digest(fd: int, size: int) -> str:
    digest, at = hashlib.sha256(), 0
    while at < size and (data := os.pread(fd, HASH_BYTES, at)):
        digest.update(data)
        at += len(data)
    return digest.hexdigest()


def _lying(path: Path) -> list[_Lying]:
    found = []
    with os.scandir(path) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):  # removed while we look
                seen = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(seen.st_mode) and entry.name != _LOCK:
                    part = _PART.fullmatch(entry.name)
                    size = max(int(part[2]), seen.st_size) if part else seen.st_size
                    found.append(_Lying(entry.name, size, size - seen.st_size, seen.st_atime_ns))
    return found
