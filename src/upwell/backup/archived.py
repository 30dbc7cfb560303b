"""An archive read: verified where it lies, or made a database and a store again, as of a moment."""

import asyncio
import os
import shutil
import tarfile
from collections.abc import Callable, Coroutine, Iterator, Sequence
from datetime import datetime
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

from upwell.backup.archive import HISTORY, OBJECTS, WAL, ClusterCopy, Contents, base_key, contents, listed_objects, when
from upwell.backup.making import SQL, Telling, anywhere
from upwell.backup.manifest import BackupError
from upwell.backup.pouring import IntoStore
from upwell.backup.shelf import Shelf
from upwell.backup.wal import SEGMENT_BYTES, Segment, is_segment, segment_of
from upwell.domain.errors import NotFound
from upwell.objects.buckets import Buckets
from upwell.storage.database import Database
from upwell.storage.steps import newest_version

MORE_SEGMENTS = 64
NEEDED = ("backup_label", "backup_manifest", "global/pg_control")


async def verify(shelf: Shelf, tell: Telling) -> tuple[Contents, list[str]]:
    """Read every byte and compare it; what is open is also looked at as what it is. What is wrong, all of it. Raises
    BackupError where no archive is."""
    there = await contents(shelf)
    wrong = list(there.lacks())
    tell.step("bases")
    for base in there.bases:
        wrong += await _found(_verify_base(shelf, base))
        listed = (await listed_objects(shelf, base.id)).values()
        wrong += [f"the object {each} of the base {base.id} is missing" for each in set(listed) - there.objects]
    tell.step("log")
    for name in sorted(there.wal):
        wrong += await _found(_verify_log(shelf, name, tell))
    tell.step("objects")
    for sha256 in sorted(there.objects):
        wrong += await _found(_verify_object(shelf, sha256, tell))
    return there, wrong


async def _found(check: Coroutine[Any, Any, None]) -> list[str]:
    try:
        await check
    except (BackupError, NotFound) as exc:
        return [exc.problem]
    return []


async def _verify_base(shelf: Shelf, base: ClusterCopy) -> None:
    slot = await shelf.slot(base_key(base.id, "files"))
    reading = _Untarring(lambda tar: _names(tar, base))
    await _untar(shelf, slot, reading, opens=shelf.opens(slot))


def _names(tar: tarfile.TarFile, base: ClusterCopy) -> None:
    names = {each.name for each in tar}
    for name in NEEDED:
        if name not in names:
            raise BackupError(f"the base {base.id} has no {name}")


async def _verify_log(shelf: Shelf, name: str, tell: Telling) -> None:
    slot, data, segment = await shelf.slot(WAL + name), BytesIO(), segment_of(name)
    await shelf.get(slot, data)
    tell.moved(slot.part.stored_size)
    if shelf.opens(slot) and segment is not None and not is_segment(data.getvalue(), segment):
        raise BackupError(f"{name} is no such file of the log")


async def _verify_object(shelf: Shelf, sha256: str, tell: Telling) -> None:
    slot = await shelf.slot(OBJECTS + sha256)
    if slot.sha256 != sha256:
        raise BackupError(f"the object {sha256} is of other bytes")
    await shelf.get(slot, _Away())
    tell.moved(slot.part.stored_size)


class _Away:
    """A target for what is only compared."""

    def write(self, data: bytes, /) -> None: ...


def extract(tar: tarfile.TarFile, folder: Path) -> None:
    """Files and folders below `folder`, for their owner alone. What would be elsewhere, or is anything else, is
    refused; tarfile's own filters are missing in Debian's Python 3.11."""
    for each in tar:
        name = PurePosixPath(each.name)
        if name.is_absolute() or ".." in name.parts or not (each.isdir() or each.isfile()):
            raise BackupError(f"the base has {each.name!r}, which is no file or folder of a database")
        path = folder / name
        if each.isdir():
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            continue
        data = tar.extractfile(each)
        assert data is not None  # noqa: S101  # it is a file
        with data, os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as written:
            shutil.copyfileobj(data, written)


class _NotWanted(BackupError):
    """Whoever reads a tar has ended."""


class _Untarring:
    """A target whose bytes somebody reads as a tar meanwhile, in a thread of its own."""

    def __init__(self, use: Callable[[tarfile.TarFile], None]) -> None:
        self._use = use
        reading, writing = os.pipe()
        self._reader, self._writer = os.fdopen(reading, "rb"), os.fdopen(writing, "wb")

    def write(self, data: bytes, /) -> None:
        """Returns when it is read, or nobody wants more."""
        try:
            self._writer.write(data)
        except BrokenPipeError:
            raise _NotWanted("the files of the base can't be read") from None

    def end(self) -> None:
        """No more comes."""
        try:
            self._writer.close()
        except BrokenPipeError:
            return

    def read(self) -> None:
        """Until the end. Raises BackupError, OSError."""
        with self._reader:
            try:
                with tarfile.open(fileobj=self._reader, mode="r|gz") as tar:
                    self._use(tar)
                while self._reader.read(1 << 20):
                    continue
            except (tarfile.TarError, EOFError) as exc:
                raise BackupError(f"the files of the base are damaged: {exc}") from exc


async def _untar(shelf: Shelf, slot: Any, reading: _Untarring, *, opens: bool = True) -> None:
    if not opens:
        reading.end()
        await shelf.get(slot, _Away())
        return
    reader = asyncio.create_task(asyncio.to_thread(reading.read))
    try:
        await shelf.get(slot, reading)
    except _NotWanted:
        reading.end()
        await reader  # says what it did not like
        raise
    finally:
        reading.end()
        await asyncio.wait({reader})
        told = reader.exception()
    if told is not None:
        raise told


class Rewinding:
    """An archive on its way to a database as of a moment; None for all of it."""

    def __init__(self, shelf: Shelf, there: Contents, until: datetime | None, tell: Telling) -> None:
        """Raises BackupError where it has no such moment."""
        self._shelf, self._there, self._tell, self._until = shelf, there, tell, until
        self._descent = there.lived(until)
        of_it = [base for base in there.bases if self._descent.comes_from(base.stop)]
        bases = [base for base in of_it if until is None or base.stopped_at <= until]
        if not bases:
            first = f"the first is of {of_it[0].stopped_at}" if of_it else "there is none yet"
            raise BackupError(f"the archive has no base of {until or 'any moment'} or before: {first}")
        self.base = bases[-1]
        if self.base.schema > newest_version():
            raise BackupError(
                f"the archive has schema {self.base.schema} and this program knows {newest_version()}: "
                f"use upwell {self.base.upwell} or a later one"
            )
        self._log = [each for each in there.segments if self._descent.has(each)]
        self._to_come: Iterator[Segment] = iter(self._run())

    @property
    def timeline(self) -> int:
        """The one to go through the log of: that which the database lived on at the moment."""
        return self._descent.timeline

    def _run(self) -> list[Segment]:
        """The log from the base on, as far as nothing is missing. Raises BackupError where that is not as far as the
        base needs."""
        found: list[Segment] = []
        wanted = self.base.start.number
        for each in self._log:
            if each.number in (wanted - 1, wanted) and each.number >= self.base.start.number:
                found.append(each)
                wanted = each.number + 1
        if not found or found[-1].number < self.base.stop.number:
            raise BackupError(
                f"the log that the base {self.base.id} needs is not whole: upwell verify-backup says more"
            )
        later = next((each for each in self._log if each.number > wanted), None)
        self.cut = later and f"the log lacks what is before {later.name}, so what is in that and later is not restored"
        return found

    async def fill(self, folder: Path) -> None:
        """The base's files and the log into an empty folder. Raises BackupError."""
        self._tell.step("base")
        slot = await self._shelf.slot(base_key(self.base.id, "files"))
        if not self._shelf.opens(slot):
            raise BackupError("the archive is encrypted: give --identity FILE")
        await _untar(self._shelf, slot, _Untarring(lambda tar: extract(tar, folder)))
        await asyncio.to_thread(_close, folder)
        self._tell.step("log")
        for name in sorted(self._there.wal):
            if name.endswith(HISTORY):
                await self._bring(folder, name)
        run = list(self._to_come)
        reach = await self._reach(run)
        self._to_come = iter(run[reach:])
        for each in run[:reach]:
            await self._bring(folder, each.name)

    async def _reach(self, run: Sequence[Segment]) -> int:
        """How many of these the moment is in, as far as can be seen from outside."""
        if self._until is None:
            return len(run)
        handed = await when(self._shelf, [each.name for each in run])
        before = sum(datetime.fromisoformat(handed[each.name]) <= self._until for each in run)
        least = sum(each.number <= self.base.stop.number for each in run)
        return min(max(before + 2, least), len(run))

    async def more(self, folder: Path) -> bool:
        """Some more of the log; False where there is none."""
        some = [each for _, each in zip(range(MORE_SEGMENTS), self._to_come, strict=False)]
        for each in some:
            await self._bring(folder, each.name)
        return bool(some)

    async def _bring(self, folder: Path, name: str) -> None:
        slot = await self._shelf.slot(WAL + name)
        part = folder / "pg_wal" / f"{name}.new"
        with part.open("wb") as file:
            await self._shelf.get(slot, file)
        if segment_of(name) is not None and part.stat().st_size != SEGMENT_BYTES:
            raise BackupError(f"{name} is no whole file of the log")
        part.chmod(0o600)
        part.replace(part.with_name(name))
        self._tell.moved(slot.size)


def _close(folder: Path) -> None:
    """For nobody else on the machine."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)


async def restore_objects(
    shelf: Shelf, base: ClusterCopy, database: Database, objects: Buckets, tell: Telling
) -> tuple[int, int, list[int]]:
    """Bring into an empty store what packages of the database stand for, and what else was there at the base; how many,
    how many bytes, and the packages whose objects the archive has not, for the store had lost them. Raises BackupError,
    Unavailable; then what was written is removed again."""
    tell.step("objects")
    wanted = await listed_objects(shelf, base.id)
    async with database.connection() as conn:
        rows = await conn.fetch(*SQL["stands_for"]())
    of_packages = {row["object_key"]: row for row in rows if objects.keeps(row["object_key"])}
    lost = [row["package_id"] for row in of_packages.values() if await shelf.missing(OBJECTS + row["sha256"])]
    wanted |= {anywhere(key): row["sha256"] for key, row in of_packages.items() if row["package_id"] not in lost}
    written, count = list[str](), 0
    try:
        for key, sha256 in wanted.items():
            count += await _restore_object(shelf, key, sha256, objects)
            written.append(key)
    except BaseException:
        for key in written:
            await objects.delete(key)
        raise
    return len(written), count, lost


async def _restore_object(shelf: Shelf, key: str, sha256: str, objects: Buckets) -> int:
    try:
        slot = await shelf.slot(OBJECTS + sha256)
    except NotFound as exc:
        raise BackupError(f"the object {sha256} is not in the archive") from exc
    writer = await objects.create(key)
    try:
        await shelf.get(slot, IntoStore(writer, asyncio.get_running_loop()))
        await writer.commit()
    except BaseException:
        await writer.abort()
        raise
    return slot.size
