"""An archive written while the database runs: its log as PostgreSQL hands it over, whole bases, and each object.

PostgreSQL copies each file of its log into a folder of the cluster (`basic_archive`: synced, renamed, never over other
bytes). From there it goes on into the place, and away from the folder when it is durable there. Before a file goes, all
that packages stand for now is in the place: so whatever the log names is there, too. What is wanted of the place is
that it keeps what it took. While it does not answer the folder grows, to a bound; then the oldest is given up, which is
told, and a new base is made as soon as can be. Nothing goes into a place before it is known to be this database's, and
to have no later life of it.
"""

import asyncio
import json
import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
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
    Needed,
    Whose,
    base_key,
    contents,
    listed_objects,
    needed,
    settle,
    whose,
)
from upwell.backup.making import OBJECT_MAX_BYTES, SQL, own_keys
from upwell.backup.manifest import BackupError
from upwell.backup.pouring import Counted, FromStore, Nowhere
from upwell.backup.programs import Tools
from upwell.backup.shelf import Shelf, digest_of
from upwell.backup.spool import Handed, Spool, full_at, handed
from upwell.backup.wal import FIRST_TIMELINE, History, Segment, gaps, read_history, read_left_at, segment_of
from upwell.domain.errors import NotFound
from upwell.objects.buckets import Buckets
from upwell.storage.database import Database

log = logging.getLogger(__name__)
BASE_EVERY = timedelta(hours=24)
PAUSE_S = 1.0


@dataclass(slots=True)
class Counts:
    """What became of it; for metrics."""

    files: int = 0
    bases: int = 0
    failures: int = 0
    given_up: int = 0


class Overtaken(BackupError):
    """A server that was restored from the archive goes on with it."""


class Archiver:
    """The archive of one database at one place. `cluster` is its folder, `spool` the one that it hands over by."""

    def __init__(
        self, shelf: Shelf, database: Database, objects: Buckets, tools: Tools, cluster: Path, spool: Path, *,
        room: int, now: Any,
    ) -> None:  # fmt: skip
        self._shelf, self._database, self._objects, self._tools = shelf, database, objects, tools
        self._cluster, self.spool, self._now = cluster, Spool(spool, room), now
        self._mine: Whose | None = None  # once the place is known to be
        self._timeline = FIRST_TIMELINE
        self._opening = asyncio.Lock()
        self._wal, self._kept = set[str](), set[str]()
        self._lost, self._looked = set[str](), dict[tuple[str, str], str]()
        self._last: Segment | None = None
        self._histories: dict[str, History] = {}
        self._broken = False  # the log since the last base has a gap
        self.counts = Counts()
        # What was committed before is in the place, if it was archived.
        self.until: datetime = self.spool.oldest() or now()
        self.base_at: datetime | None = None
        # Since when what goes into the place leads nowhere: no base, a gap.
        self._apart_at: datetime | None = self.until

    async def open(self) -> None:
        """Find out what is there already, unless that is known and the place is still ours. Raises BackupError where
        it is another's, Overtaken, Unavailable."""
        async with self._opening:
            if self._mine is not None and await whose(self._shelf.place) == self._mine:
                await self._not_overtaken()
                return
            self._mine = None  # where the place was emptied it is begun anew
            await self._open()

    async def _not_overtaken(self) -> None:
        if not await self._shelf.missing(f"{WAL}{self._timeline + 1:08X}{HISTORY}"):
            raise Overtaken(
                "the archive has a later life of the database: a server that was restored from it archives there; "
                "end one of the two, or give this one an empty place"
            )

    async def _open(self) -> None:
        async with self._database.connection() as conn:
            cluster = await conn.fetchrow(*SQL["cluster"]())
        assert cluster is not None  # noqa: S101  # it has no condition
        mine = Whose(system=cluster["system"], postgres=cluster["postgres"])
        await settle(self._shelf.place, mine)
        self._timeline = cluster["timeline"]
        await self._not_overtaken()
        there = await contents(self._shelf)
        self._wal, self._kept = set(there.wal), set(there.objects)
        self._last = max((s for s in there.segments if s.timeline == cluster["timeline"]), default=None)
        newest = there.bases[-1] if there.bases else None
        if newest is None:
            self.base_at, self._apart_at = None, self._apart_at or self.until
        else:
            self.base_at = newest.stopped_at
            is_other = newest.stop.timeline != cluster["timeline"]
            led = there.lived(None)
            self._broken = is_other or any(gaps([each for each in there.segments if led.has(each)], newest.start))
            self._apart_at = self.until if self._broken else None
        self._mine = mine

    @property
    def wants_base(self) -> bool:
        """Whether a new one is due; what is there must be known."""
        return self._broken or self.base_at is None or self._now() - self.base_at > BASE_EVERY

    async def ship(self, *, with_objects: bool = True) -> int:
        """Bring all that was handed over into the place, objects first; how many files. Raises BackupError,
        Unavailable."""
        files = await asyncio.to_thread(self._waiting)
        if self._mine is None or files:
            await self.open()
        if not files:
            return 0
        if with_objects:
            await self.keep_objects()
        for each in files:
            await self._ship(each)
        return len(files)

    def _waiting(self) -> list[Handed]:
        """What was handed over and is not gone on, timelines' histories first; those of the past are PostgreSQL's own
        to keep, and are taken from there."""
        past = [path for path in (self._cluster / "pg_wal").glob(f"*{HISTORY}") if path.name not in self._wal]
        files = [
            replace(each, ended_at=min(each.ended_at, full_at(self._cluster, each.name) or each.ended_at))
            for each in self.spool.files() + handed(past)
        ]
        return sorted(files, key=lambda each: (not each.name.endswith(HISTORY), each.name))

    async def _ship(self, file: Handed) -> None:
        path = self.spool.folder / file.name
        if not path.exists():
            path = self._cluster / "pg_wal" / file.name
        try:
            data = await asyncio.to_thread(path.read_bytes)  # 16 MB at most
        except FileNotFoundError:  # it was given up meanwhile
            return
        if not await self._is_there(file.name, data):
            facts: dict[str, Any] = {"ended_at": file.ended_at.isoformat()}
            if file.name.endswith(HISTORY):
                facts["left_at"] = read_left_at(data.decode())
            await self._shelf.put(WAL + file.name, BytesIO(data), packed=True, **facts)
            self.counts.files += 1
        self._wal.add(file.name)
        if file.name.endswith(".backup"):
            history = read_history(data.decode())
            self._histories[history.label] = history
        self._note(file)
        if path.parent == self.spool.folder:
            await asyncio.to_thread(self.spool.remove, file.name)

    async def _is_there(self, name: str, data: bytes) -> bool:
        """As these bytes; another server may have brought it a moment ago. Raises BackupError where it is as others."""
        try:
            slot = await self._shelf.slot(WAL + name)
        except NotFound:
            return False
        if slot.sha256 != digest_of(data):
            raise BackupError(
                f"{name} is in the archive with other bytes: another server archives there; "
                "end it, or give this one an empty place"
            )
        return True

    def _note(self, file: Handed) -> None:
        segment = segment_of(file.name)
        if segment is None:
            return
        last = self._last
        if last is None or segment.timeline > last.timeline:  # a timeline begins, and a base on it is made
            self._last = segment
        elif segment.number > last.number:
            if segment.number > last.number + 1:
                log.error("the archive lacks the log between %s and %s; a new base is made", last.name, segment.name)
                self._break()
            self._last = segment
        self.until = file.ended_at

    def _break(self) -> None:
        """The log that comes leads on from no base."""
        self._broken = True
        self._apart_at = self._apart_at or self.until

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
        await self._shelf.put(OBJECTS + sha256, source, must_be=sha256, kept_at=self._now().isoformat())
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
        await self.open()
        async with self._database.connection() as conn:
            cluster = await conn.fetchrow(*SQL["cluster"]())
        assert cluster is not None  # noqa: S101  # it has no condition
        base_id = f"{self._now():%Y%m%dT%H%M%SZ}"
        began_broken, self._broken = self._broken, False  # what breaks from here on breaks this base too
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
        self._apart_at = history.stopped_at if self._broken else None
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
        await self.open()
        there = await contents(self._shelf)
        wanted = needed(there, self._now() - timedelta(days=days))
        if not wanted.bases:
            return
        kept_ids, newest_id = {base.id for base in wanted.bases}, max(base.id for base in there.bases)
        keys = {key async for key, _ in self._shelf.place.listed() if key.startswith(BASE)}
        for base_id in sorted({key.split("/")[1] for key in keys} - kept_ids):
            if base_id < newest_id:  # a later one is being made
                for part in ("head", "objects", "files"):
                    await self._shelf.remove(base_key(base_id, part))
        for name in sorted(there.wal - wanted.log):
            await self._shelf.remove(WAL + name)
            self._wal.discard(name)
        await self._prune_objects(there, wanted)

    async def _prune_objects(self, there: Contents, wanted: Needed) -> None:
        """Those that were there before the oldest base and are in no list of any, and that no package stood for
        since."""
        named, since = set[str](), wanted.bases[0].stopped_at
        for base in wanted.bases:
            named |= set((await listed_objects(self._shelf, base.id)).values())
        async with self._database.connection() as conn:
            named |= {row["sha256"] for row in await conn.fetch(*SQL["stood_for"](since=since))}
        for sha256 in sorted(there.objects - named):
            kept_at = (await self._shelf.slot(OBJECTS + sha256)).facts.get("kept_at")
            if sha256 in self._kept and (kept_at is None or datetime.fromisoformat(kept_at) < since):
                self._kept.discard(sha256)
                await self._shelf.remove(OBJECTS + sha256)

    # --- bounds ---

    def behind(self) -> timedelta:
        """How much is lost with the machine now. What is in the place and leads on from no base is lost, too."""
        now: datetime = self._now()
        return max(now - min(self.until, self._apart_at or self.until), timedelta(0))

    def give_up(self) -> None:
        """Remove the oldest of what waits when it is too much, or the disk gets full: the server is worth more."""
        for each in self.spool.too_much(self._now()):
            self.spool.remove(each.name)
            self.counts.given_up += 1
            self._break()
            log.error("%s is given up, for the archive does not take it and the disk gets full", each.name)


def _read_all(source: Counted) -> None:
    nowhere = Nowhere()
    while data := source.read():
        nowhere.write(data)
