"""A backup made of a database and a store, whether they serve meanwhile or not."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from upwell import __version__
from upwell.backup.manifest import DUMP, HEAD, LIST, BackupError, Head, Kept, Part
from upwell.backup.pouring import FromStore, keep, recipients_of
from upwell.backup.programs import Tools
from upwell.domain.errors import NotFound
from upwell.objects.buckets import OWN_FOLDER, Buckets, object_ref
from upwell.objects.port import CHECK_KEY, Objects
from upwell.storage.database import Database
from upwell.storage.queries import sheet

SQL = sheet("backup")
OBJECT_MAX_BYTES = 1 << 62  # all of it
ANYWHERE = "-"  # the region of a reference into the platform's own store, where none counts
_IN_BUCKET = re.compile(rf"{OWN_FOLDER}/([0-9a-f]{{32}})/([a-z0-9.-]{{3,63}})/")
_REGION = re.compile(r"^(@[0-9a-f]{32}/)[^/]+/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """What is told while it goes on: another step begins, and so many bytes more are done."""

    step: Callable[[str], None]
    moved: Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What is taken of the database at the moment that the backup is of."""

    name: str
    taken_at: str
    schema: int
    stands_for: dict[str, tuple[int, str, int]]


async def back_up(
    database: Database, objects: Buckets, to: Objects, programs: Path, recipients: Sequence[str], tell: Telling
) -> Head:
    """Make a backup in the empty place `to`. Raises BackupError, Unavailable; then there is none, though some of its
    parts may be there."""
    keys = recipients_of(recipients)
    await require_empty(to, "the place of the backup")
    async with database.connection() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        snapshot = await _taken(conn)
        tell.step("database")
        child = Tools(programs, database.dsn).dump(snapshot.name)
        try:
            dump = await keep(to, DUMP, child.output, keys, tell.moved, child.end)
        finally:
            await asyncio.to_thread(child.stop)
    kept = await _keep_objects(objects, to, keys, tell)
    _require_all(objects, snapshot, kept)
    tell.step("manifest")
    lines = b"".join(each.line() for each in kept)
    head = Head(
        upwell=__version__, schema=snapshot.schema, taken_at=snapshot.taken_at, database=dump, objects=len(kept),
        object_bytes=sum(each.part.size for each in kept), listed=await keep(to, LIST, BytesIO(lines), [], tell.moved),
        recipients=tuple(recipients),
    )  # fmt: skip
    await keep(to, HEAD, BytesIO(head.text()), [], tell.moved)
    return head


async def require_empty(place: Objects, what: str, but: Sequence[str] = ()) -> None:
    """Raises BackupError when there is anything else than `but`."""
    async for key, _ in place.listed():
        if key not in but:
            raise BackupError(f"{what} is not empty: it has {key!r}; give an empty one")


async def _taken(conn: Any) -> Snapshot:
    row = await conn.fetchrow(*SQL["taken"]())
    stands_for = await conn.fetch(*SQL["stands_for"]())
    return Snapshot(
        name=row["snapshot"], taken_at=row["taken_at"].isoformat(), schema=row["schema"],
        stands_for={r["object_key"]: (r["size"], r["sha256"], r["package_id"]) for r in stands_for},
    )  # fmt: skip


async def _keep_objects(
    objects: Buckets, to: Objects, keys: Sequence[Any], tell: Telling
) -> list[Kept]:  # fmt: skip
    """Each object of the platform's own store; one that goes meanwhile is no package's, and left out."""
    loop, kept = asyncio.get_running_loop(), list[Kept]()
    tell.step("objects")
    async for key in own_keys(objects):
        source = FromStore(objects.read(key, 0, OBJECT_MAX_BYTES), loop)
        try:
            part = await keep(to, f"objects/{len(kept) + 1:08d}", source, keys, tell.moved)
        except NotFound:
            continue
        kept.append(Kept(key=key, part=part))
    return kept


async def own_keys(objects: Buckets) -> AsyncIterator[str]:
    """Each key of the platform's own store, and each reference into the owners' buckets that are in it, whether a
    package is made of it yet or not."""
    buckets = set[tuple[str, str]]()
    async for key, _ in objects.own.listed():
        found = _IN_BUCKET.match(key)
        if found is not None:
            buckets.add((found[1], found[2]))
        elif key != CHECK_KEY:
            yield key
    for project, bucket in sorted(buckets):
        if objects.keeps(object_ref(project, ANYWHERE, bucket, "-")):
            async for key, _ in objects.bucket(project, ANYWHERE, bucket).listed():
                yield object_ref(project, ANYWHERE, bucket, key)


def anywhere(key: str) -> str:
    """The key as `own_keys` has it, whatever region a reference names."""
    return _REGION.sub(rf"\1{ANYWHERE}/", key)


def _require_all(objects: Buckets, snapshot: Snapshot, kept: Sequence[Kept]) -> None:
    """What packages stood for at the snapshot is there, byte by byte; what lies in mapped buckets is their owners'."""
    found: dict[str, Part] = {each.key: each.part for each in kept}
    for key, (size, sha256, package_id) in snapshot.stands_for.items():
        if not objects.keeps(key):
            continue
        part = found.get(anywhere(key))
        if part is None or (part.size, part.sha256) != (size, sha256):
            what = "is not in the store" if part is None else "is of other bytes than it was"
            raise BackupError(
                f"the object of package {package_id} {what}: mend or delete the package, then back up again"
            )
