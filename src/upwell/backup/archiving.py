"""An archive written while the database runs: its log as PostgreSQL hands it over, whole bases, and each object.

PostgreSQL copies each file of its log into a folder of the cluster (`basic_archive`: synced, renamed, never over other
bytes). From there it goes on into the place, and away from the folder when it is durable there. Before a file goes, all
that packages stand for now is in the place: so whatever the log names is there, too. What is wanted of the place is
that it keeps what it took. While it does not answer the folder grows, to a bound; then the oldest is given up, which is
told, and a new base is made as soon as can be.
"""

import asyncio
import json
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

from upwell import __version__
from upwell.backup.archive import (
    BASE,
    HISTORY,
    OBJECTS,
    WAL,
    Contents,
    Whose,
    base_key,
    contents,
    listed_objects,
    settle,
    to_keep,
    unneeded,
)
from upwell.backup.making import OBJECT_MAX_BYTES, SQL, own_keys
from upwell.backup.manifest import BackupError
from upwell.backup.pouring import Counted, FromStore, Nowhere
from upwell.backup.programs import Tools
from upwell.backup.shelf import Shelf, digest_of
from upwell.backup.wal import NAME, History, Segment, gaps, read_history, read_left_at, segment_of
from upwell.domain.errors import NotFound
from upwell.objects.buckets import Buckets
from upwell.storage.database import Database

log = logging.getLogger(__name__)
BASE_EVERY = timedelta(hours=24)
HELD_BYTES_MAX = 4 << 30  # of log that the place does not take
PAUSE_S = 1.0


@dataclass(slots=True)
class Counts:
    """What became of it; for metrics."""

    files: int = 0
    bases: int = 0
    failures: int = 0
    given_up: int = 0


@dataclass(frozen=True, slots=True)
class _File:
    """One file that PostgreSQL handed over."""

    name: str
    size: int
    ended_at: datetime


class Archiver:
    """The archive of one database at one place. `cluster` is its folder, `spool` the one that it hands over by."""

    def __init__(
        self, shelf: Shelf, database: Database, objects: Buckets, tools: Tools, cluster: Path, spool: Path, *,
        room: int, now: Any,
    ) -> None:  # fmt: skip
        self._shelf, self._database, self._objects, self._tools = shelf, database, objects, tools
        self._cluster, self._spool, self._room, self._now = cluster, spool, room, now
        self._opened = False
        self._wal, self._kept = set[str](), set[str]()
        self._lost, self._looked = set[str](), dict[tuple[str, str], str]()
        self._last: Segment | None = None
        self._histories: dict[str, History] = {}
        self._broken = False  # the log since the last base has a gap
        self.counts = Counts()
        self.until: datetime = self._oldest() or now()  # what was committed before is in the place, if it was archived
        self.base_at: datetime | None = None

    async def open(self) -> None:
        """Find out what is there already. Raises BackupError where the place is another's, Unavailable."""
        async with self._database.connection() as conn:
            cluster = await conn.fetchrow(*SQL["cluster"]())
        assert cluster is not None  # noqa: S101  # it has no condition
        await settle(self._shelf.place, Whose(system=cluster["system"], postgres=cluster["postgres"]))
        there = await contents(self._shelf)
        self._wal, self._kept = set(there.wal), set(there.objects)
        self._last = max((s for s in there.segments if s.timeline == cluster["timeline"]), default=None)
        newest = there.bases[-1] if there.bases else None
        if newest is not None:
            self.base_at = newest.stopped_at
            is_other = newest.stop.timeline != cluster["timeline"]
            led = there.lived(None)
            self._broken = is_other or any(gaps([each for each in there.segments if led.has(each)], newest.start))
        self._opened = True

    @property
    def wants_base(self) -> bool:
        """Whether a new one is due."""
        return self._broken or self.base_at is None or self._now() - self.base_at > BASE_EVERY

    async def ship(self, *, with_objects: bool = True) -> int:
        """Bring all that was handed over into the place, objects first; how many files. Raises BackupError,
        Unavailable."""
        if not self._opened:
            await self.open()
        files = await asyncio.to_thread(self._waiting)
        if not files:
            return 0
        if with_objects:
            await self.keep_objects()
        for each in files:
            await self._ship(each)
        return len(files)

    def _oldest(self) -> datetime | None:
        """Since when something waits."""
        times = [path.stat().st_mtime for path in self._spool.iterdir() if NAME.fullmatch(path.name)]
        return datetime.fromtimestamp(min(times), UTC) if times else None

    def _waiting(self) -> list[_File]:
        """What was handed over and is not gone on, timelines' histories first; those of the past are PostgreSQL's own
        to keep, and are taken from there."""
        found = [path for path in self._spool.iterdir() if NAME.fullmatch(path.name)]
        past = [path for path in (self._cluster / "pg_wal").glob(f"*{HISTORY}") if path.name not in self._wal]
        files = [_File(p.name, (s := p.stat()).st_size, datetime.fromtimestamp(s.st_mtime, UTC)) for p in found + past]
        return sorted(files, key=lambda each: (not each.name.endswith(HISTORY), each.name))

    async def _ship(self, file: _File) -> None:
        path = self._spool / file.name
        if not path.exists():
            path = self._cluster / "pg_wal" / file.name
        data = await asyncio.to_thread(path.read_bytes)  # 16 MB at most
        if file.name in self._wal:
            if (await self._shelf.slot(WAL + file.name)).sha256 != digest_of(data):
                raise BackupError(
                    f"{file.name} is in the archive with other bytes: another server archives there; "
                    "end it, or give this one an empty place"
                )
        else:
            facts: dict[str, Any] = {"ended_at": file.ended_at.isoformat()}
            if file.name.endswith(HISTORY):
                facts["left_at"] = read_left_at(data.decode())
            await self._shelf.put(WAL + file.name, BytesIO(data), packed=True, **facts)
            self._wal.add(file.name)
            self.counts.files += 1
        if file.name.endswith(".backup"):
            history = read_history(data.decode())
            self._histories[history.label] = history
        self._note(file)
        if path.parent == self._spool:
            await asyncio.to_thread(path.unlink)

    def _note(self, file: _File) -> None:
        segment = segment_of(file.name)
        if segment is None:
            return
        last = self._last
        if last is None or segment.timeline > last.timeline:  # a timeline begins, and a base on it is made
            self._last = segment
        elif segment.number > last.number:
            if segment.number > last.number + 1:
                log.error("the archive lacks the log between %s and %s; a new base is made", last.name, segment.name)
                self._broken = True
            self._last = segment
        self.until = file.ended_at

    # --- objects ---

    async def keep_objects(self) -> None:
        """Have each object in the place that a package stands for. One that the store lost is told once."""
        async with self._database.connection() as conn:
            rows = await conn.fetch(*SQL["stands_for"]())
        for row in rows:
            key, sha256 = row["object_key"], row["sha256"]
            if sha256 not in self._kept and key not in self._lost and self._objects.keeps(key):
                try:
                    await self._keep(key, sha256)
                except (NotFound, BackupError) as exc:
                    self._lost.add(key)
                    log.error("the object of package %s is not archived: %s", row["package_id"], exc.problem)

    async def _keep(self, key: str, sha256: str) -> None:
        source = FromStore(self._objects.read(key, 0, OBJECT_MAX_BYTES), asyncio.get_running_loop())
        await self._shelf.put(OBJECTS + sha256, source, must_be=sha256)
        self._kept.add(sha256)

    async def _all_objects(self) -> dict[str, str]:
        """The digest of each object of the platform's own store, all of which are in the place then."""
        found: dict[str, str] = {}
        async for key in own_keys(self._objects):
            try:
                tag = (await self._objects.look(key)).tag
                sha256 = self._looked.get((key, tag)) or await self._digest(key)
                if sha256 not in self._kept:
                    await self._keep(key, sha256)
            except (NotFound, BackupError):  # it went, or was written anew, while it was read
                continue
            found[key] = sha256
            self._looked[key, tag] = sha256
        self._looked = {(key, tag): sha for (key, tag), sha in self._looked.items() if found.get(key) == sha}
        return found

    async def _digest(self, key: str) -> str:
        source = Counted(FromStore(self._objects.read(key, 0, OBJECT_MAX_BYTES), asyncio.get_running_loop()))
        await asyncio.to_thread(_read_all, source)
        return source.sha256

    # --- bases ---

    async def make_base(self) -> None:
        """All files of the cluster, and the store's objects. The log that it needs is in the place when it is told to
        be there; `ship` goes on meanwhile. Raises BackupError, Unavailable."""
        async with self._database.connection() as conn:
            cluster = await conn.fetchrow(*SQL["cluster"]())
        assert cluster is not None  # noqa: S101  # it has no condition
        base_id = f"{self._now():%Y%m%dT%H%M%SZ}"
        began_broken, self._broken = self._broken, False
        try:
            history = await self._files(base_id)
            found = await self._all_objects()
            text = b"".join(json.dumps(each).encode() + b"\n" for each in found.items())
            await self._shelf.put(base_key(base_id, "objects"), BytesIO(text), packed=True, plain=True)
            await self._shelf.put(
                base_key(base_id, "head"), BytesIO(b"\n"), plain=True, upwell=__version__, schema=cluster["schema"],
                start=history.start.name, stop=history.stop.name, stopped_at=history.stopped_at.isoformat(),
            )  # fmt: skip
        except BaseException:
            self._broken = self._broken or began_broken
            raise
        self.base_at = history.stopped_at
        self.counts.bases += 1

    async def _files(self, base_id: str) -> History:
        label = f"upwell {base_id}"
        child = self._tools.base(label)
        try:
            await self._shelf.put(base_key(base_id, "files"), child.output, end=child.end)
        finally:
            await asyncio.to_thread(child.stop)
        given_up = self.counts.given_up
        while not self._has_log_of(label):
            if self.counts.given_up > given_up:
                raise BackupError("log that the base needs was given up")
            await asyncio.sleep(PAUSE_S)  # until `ship` has brought the log's part of it
        return self._histories.pop(label)

    def _has_log_of(self, label: str) -> bool:
        found = self._histories.get(label)
        return found is not None and self._last is not None and self._last.number >= found.stop.number

    async def prune(self, days: int) -> None:
        """Remove what no moment of the last so many days needs: bases, log, objects."""
        there = await contents(self._shelf)
        bases = to_keep(there.bases, self._now() - timedelta(days=days))
        if not bases:
            return
        kept_ids, newest = {base.id for base in bases}, bases[-1]
        keys = {key async for key, _ in self._shelf.place.listed() if key.startswith(BASE)}
        for base_id in sorted({key.split("/")[1] for key in keys} - kept_ids):
            if base_id < newest.id:  # a later one is being made
                for part in ("head", "objects", "files"):
                    await self._shelf.remove(base_key(base_id, part))
        for name in unneeded(there.wal, bases):
            await self._shelf.remove(WAL + name)
            self._wal.discard(name)
        await self._prune_objects(there, [base.id for base in bases])

    async def _prune_objects(self, there: Contents, base_ids: Sequence[str]) -> None:
        """Those that were there before the oldest base and are in no list of any, and that no package stands for
        now."""
        named = set[str]()
        for each in base_ids:
            named |= set((await listed_objects(self._shelf, each)).values())
        async with self._database.connection() as conn:
            named |= {row["sha256"] for row in await conn.fetch(*SQL["stands_for"]())}
        for sha256 in sorted(there.objects - named):
            if sha256 in self._kept:
                self._kept.discard(sha256)
                await self._shelf.remove(OBJECTS + sha256)

    # --- bounds ---

    def held(self) -> int:
        """Bytes of log that wait for the place."""
        return sum(path.stat().st_size for path in self._spool.iterdir() if NAME.fullmatch(path.name))

    def give_up(self) -> None:
        """Remove the oldest of what waits when it is too much, or the disk gets full: the server is worth more."""
        files = sorted(path for path in self._spool.iterdir() if NAME.fullmatch(path.name))
        held = sum(path.stat().st_size for path in files)
        for path in files:
            if held <= HELD_BYTES_MAX and shutil.disk_usage(self._spool).free >= self._room:
                return
            held -= path.stat().st_size
            path.unlink()
            self.counts.given_up += 1
            self._broken = True
            log.error("%s is given up, for the archive does not take it and the disk gets full", path.name)


def _read_all(source: Counted) -> None:
    nowhere = Nowhere()
    while data := source.read():
        nowhere.write(data)
