"""A backup read: verified where it lies, or restored into an empty place."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from upwell.backup.making import SQL, Telling, require_empty
from upwell.backup.manifest import HEAD, HEAD_BYTES_MAX, BackupError, Head, Kept, read_head, read_list
from upwell.backup.pouring import IntoStore, Nowhere, identities_of, take
from upwell.backup.programs import Tools
from upwell.domain.errors import NotFound
from upwell.objects.port import CHECK_KEY, Objects
from upwell.storage.database import Database
from upwell.storage.steps import newest_version


class _Gathered(bytearray):
    """A target that keeps what it got: of a list, which is read whole."""

    def write(self, data: bytes, /) -> None:
        self.extend(data)


async def head_of(of: Objects) -> Head:
    """Raises BackupError where no whole backup is."""
    try:
        text = b"".join([chunk async for chunk in of.read(HEAD, 0, HEAD_BYTES_MAX)])
    except NotFound as exc:
        raise BackupError(f"there is no {HEAD}: no backup was ended there") from exc
    return read_head(text)


async def _list_of(of: Objects, head: Head, tell: Telling) -> list[Kept]:
    text = _Gathered()
    await take(of, head.listed, text, [], tell.moved)
    kept = list(read_list(bytes(text)))
    if (len(kept), sum(each.part.size for each in kept)) != (head.objects, head.object_bytes):
        raise BackupError("the list of objects is another than the backup's")
    return kept


async def verify(of: Objects, programs: Path, identity: Path | None, tell: Telling) -> Head:
    """Read every byte of a backup and compare it; what is not encrypted, or can be opened, is also read as what it is.
    Raises BackupError at the first that is wrong."""
    head = await head_of(of)
    identities = _fitting(head, identity)
    is_open = bool(identities) or not head.recipients
    tell.step("database")
    child = Tools(programs, "").look() if is_open else None
    try:
        await take(of, head.database, child or Nowhere(), identities, tell.moved)
        if child is not None:
            await asyncio.to_thread(child.end)
    finally:
        if child is not None:
            await asyncio.to_thread(child.stop)
    tell.step("objects")
    for each in await _list_of(of, head, tell):
        await take(of, each.part, Nowhere(), identities, tell.moved)
    return head


def _fitting(head: Head, identity: Path | None) -> list[Any]:
    if identity is not None and not head.recipients:
        raise BackupError("the backup is not encrypted; leave --identity out")
    return identities_of(identity)


async def readable(of: Objects, identity: Path | None) -> tuple[Head, list[Any]]:
    """The head of a backup that this program can restore, and what opens it. Raises BackupError."""
    head = await head_of(of)
    if head.recipients and identity is None:
        raise BackupError(f"the backup is encrypted to {', '.join(head.recipients)}: give --identity FILE")
    if head.schema > newest_version():
        raise BackupError(
            f"the backup has schema {head.schema} and this program knows {newest_version()}: "
            f"use upwell {head.upwell} or a later one"
        )
    return head, _fitting(head, identity)


async def require_place(database: Database, objects: Objects) -> None:
    """Raises BackupError unless both are empty."""
    async with database.connection() as conn:
        if not await conn.fetchval(*SQL["is_empty"]()):
            raise BackupError("the database is not empty; a backup is restored into an empty one alone")
    await require_empty(objects, "the store of objects", [CHECK_KEY])


async def restore(
    of: Objects, head: Head, identities: Sequence[Any], database: Database, objects: Any, programs: Path,
    tell: Telling,
) -> None:  # fmt: skip
    """Bring all of the backup into an empty place: the objects, then the database in one transaction. Raises
    BackupError, Unavailable; then the objects that were written are removed again."""
    tell.step("verifying the database")
    await take(of, head.database, Nowhere(), identities, tell.moved)
    written: list[str] = []
    try:
        tell.step("objects")
        for each in await _list_of(of, head, tell):
            await _restore_object(of, each, identities, objects, written, tell)
        tell.step("database")
        await _restore_database(of, head, identities, Tools(programs, database.dsn), tell)
    except BaseException:
        for key in written:
            await objects.delete(key)
        raise
    async with database.connection() as conn:
        await conn.execute(*SQL["analyze"](), timeout=3600)


async def _restore_object(
    of: Objects, kept: Kept, identities: Sequence[Any], objects: Any, written: list[str], tell: Telling
) -> None:  # fmt: skip
    writer = await objects.create(kept.key)
    try:
        await take(of, kept.part, IntoStore(writer, asyncio.get_running_loop()), identities, tell.moved)
        await writer.commit()
    except BaseException:
        await writer.abort()
        raise
    written.append(kept.key)


async def _restore_database(
    of: Objects, head: Head, identities: Sequence[Any], tools: Tools, tell: Telling
) -> None:  # fmt: skip
    child = tools.restore()
    try:
        await take(of, head.database, child, identities, tell.moved)
        await asyncio.to_thread(child.end)
    finally:
        await asyncio.to_thread(child.stop)
