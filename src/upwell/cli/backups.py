"""`upwell backup`, `verify-backup`, `restore`: beside a running server, or without one."""

import asyncio
import os
import shutil
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from upwell.backup import archive, archived
from upwell.backup.archive import whose
from upwell.backup.archived import Rewinding
from upwell.backup.making import Telling, back_up, require_empty
from upwell.backup.manifest import BackupError, Head
from upwell.backup.pouring import identities_of
from upwell.backup.reading import readable, require_place, restore, verify
from upwell.backup.shelf import Shelf
from upwell.cli.acting import acting
from upwell.cli.apps import alone
from upwell.cli.described import described
from upwell.cli.exits import Ended, Exit, one_line
from upwell.cli.settings import Option, settings_of, with_database
from upwell.config import Settings
from upwell.domain.errors import Invalid
from upwell.embedded.accounts import wheel_folder
from upwell.embedded.files import Paths
from upwell.embedded.recovery import recover
from upwell.embedded.server import EmbeddedPostgres
from upwell.objects import local_folder, open_objects
from upwell.objects.port import CHECK_KEY, Objects
from upwell.service.context import Context
from upwell.wiring.stores import open_database, open_stores

TOLD_S = 5.0  # between two lines of how far it is
MB = 1_000_000
Place = Annotated[str, typer.Argument(help="a folder, or s3://BUCKET/PREFIX[?endpoint=URL&region=NAME]")]
Recipient = Annotated[
    list[str] | None, typer.Option(help="encrypt to this public key of age (age1…); may be given again")
]  # fmt: skip
Identity = Annotated[Path | None, typer.Option(help="the file of age-keygen with the private key of a recipient")]


@alone(
    "backup",
    "upwell backup /backups/monday --data-dir ./upwell-data",
    "upwell backup s3://backups/monday --recipient age1…",
)
@described
def backup(
    to: Place, recipient: Recipient = None,
    data_dir: Option = None, database_url: Option = None, objects_url: Option = None, buckets: Option = None,
) -> None:  # fmt: skip
    """Back up the database and the firmware files, while a server runs on them or not, into an empty place.

    It has all secrets of devices, products and keys: encrypt it, or keep it as safe as the server."""
    settings = settings_of(locals())
    os.umask(0o077)  # what is backed up is for us alone

    async def use(ctx: Context) -> Head:
        stores, place = await open_stores(settings), _store(to, new=True)
        return await back_up(ctx.database, stores, place, _programs(), recipient or [], _telling())

    head = with_database(settings, acting("backup", {"place": to}, use, held=False))
    print(
        f"backed up as of {head.taken_at}: database {head.database.size} bytes, "
        f"{head.objects} objects with {head.object_bytes} bytes{', encrypted' if head.recipients else ''}"
    )


@alone("verify-backup", "upwell verify-backup /backups/monday", "upwell verify-backup s3://backups/archive")
def verify_backup(of: Place, identity: Identity = None) -> None:
    """Read every byte of a backup or an archive and compare it with its digests; and with an identity open it too."""
    store = _store(of)
    if asyncio.run(_is_archive(store)):
        _verify_archive(store, identity)
        return
    try:
        head = asyncio.run(verify(store, _programs(), identity, _telling()))
    except BackupError as exc:
        raise Ended(Exit.FAILED, f"upwell: {one_line(exc.problem)}") from exc
    seen = "compared as it lies there; give --identity to open it too" if head.recipients and not identity else "read"
    print(f"the backup of {head.taken_at} is whole: {head.objects} objects and the database were {seen}")


async def _is_archive(store: Objects) -> bool:
    return await whose(store) is not None


def _verify_archive(store: Objects, identity: Path | None) -> None:
    shelf = Shelf(store, identities=identities_of(identity))
    there, wrong = asyncio.run(archived.verify(shelf, _telling()))
    if wrong:
        raise Ended(Exit.FAILED, *(f"upwell: {one_line(each)}" for each in wrong))
    segments = there.segments
    print(
        f"the archive is whole: {len(there.bases)} bases, the first of {there.bases[0].stopped_at}, the log from "
        f"{segments[0].name} to {segments[-1].name}, {len(there.objects)} objects"
    )


def _moment(text: str) -> datetime:
    """A moment with its offset from UTC, or of UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as exc:
        raise BackupError(f"--until {text!r} is no time: say it as 2026-11-30T06:15:00Z") from exc
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


@alone(
    "restore",
    "upwell restore /backups/monday --data-dir ./new-data",
    "upwell restore s3://backups/archive --until 2026-11-30T06:15:00Z --data-dir ./new-data",
)
@described
def restore_(
    of: Place, identity: Identity = None,
    until: Annotated[
        str | None, typer.Option(help="of an archive: the moment, UTC or with its offset; else all of it")
    ] = None,
    data_dir: Option = None, database_url: Option = None, objects_url: Option = None, buckets: Option = None,
) -> None:  # fmt: skip
    """Restore a backup into an empty place: a data dir without a database, or a database and a store with nothing in
    them; or an archive, as of its end or any moment, into a data dir and a store. Start `upwell serve` on it
    afterwards."""
    moment = None if until is None else _moment(until)
    settings, store = settings_of(locals()), _store(of)
    os.umask(0o077)
    if asyncio.run(_is_archive(store)):
        asyncio.run(_rewound(settings, Shelf(store, identities=identities_of(identity)), moment))
        return
    if moment is not None:
        raise BackupError("--until is for an archive; a backup is of one moment alone")
    head = asyncio.run(_restored(settings, store, identity))
    print(
        f"restored as of {head.taken_at}: {head.objects} objects, {head.object_bytes} bytes; run `upwell serve` on it"
    )


async def _rewound(settings: Settings, shelf: Shelf, until: datetime | None) -> None:
    """Make the database of an archive, then bring its objects; when these fail there is no database either."""
    if settings.database_url is not None:
        raise BackupError("an archive is restored into a data dir: leave --database-url out")
    there, telling = await archive.contents(shelf), _telling()
    if Paths(settings.data_dir).cluster.exists():
        raise BackupError(f"the data dir {settings.data_dir} has a database; give one that has none")
    stores = await open_stores(settings)
    await require_empty(stores.own, "the store of objects", [CHECK_KEY])
    rewinding = Rewinding(shelf, there, until, telling)
    as_of = await recover(settings.data_dir, rewinding.fill, rewinding.more, until, rewinding.timeline)
    postgres = EmbeddedPostgres(settings.data_dir)
    try:
        await postgres.start()
        database = await open_database(settings, postgres.dsn)
        try:
            count, size, lost = await archived.restore_objects(shelf, rewinding.base, database, stores, telling)
        finally:
            await database.close()
    except BaseException:
        await postgres.stop()
        shutil.rmtree(Paths(settings.data_dir).cluster, ignore_errors=True)
        raise
    await postgres.stop()
    for each in lost:
        print(f"upwell: the object of package {each} is not in the archive: its store had lost it", file=sys.stderr)
    if rewinding.cut:
        print(f"upwell: {rewinding.cut}", file=sys.stderr)
    last = as_of.isoformat() if as_of else "the base itself"
    print(f"restored as of {last}: {count} objects, {size} bytes; run `upwell serve` on it")


async def _restored(settings: Settings, of: Objects, identity: Path | None) -> Head:
    head, identities = await readable(of, identity)
    if settings.database_url is not None:
        await _into(settings, settings.database_url, of, head, identities)
        return head
    paths = Paths(settings.data_dir)
    if paths.cluster.exists():
        raise BackupError(f"the data dir {settings.data_dir} has a database; give one that has none")
    postgres = EmbeddedPostgres(settings.data_dir)
    try:
        await postgres.start()
        await _into(settings, postgres.dsn, of, head, identities)
    except BaseException:
        await postgres.stop()
        shutil.rmtree(paths.cluster, ignore_errors=True)  # it was made here and has nothing in it
        raise
    await postgres.stop()
    return head


async def _into(settings: Settings, dsn: str, of: Objects, head: Head, identities: Sequence[Any]) -> None:
    database = await open_database(settings, dsn)
    try:
        stores = await open_stores(settings)
        await require_place(database, stores.own)
        await restore(of, head, identities, database, stores, _programs(), _telling())
    finally:
        await database.close()


def _store(place: str, *, new: bool = False) -> Objects:
    url = place if place.startswith(("s3://", "file:")) else str(Path(place).absolute())
    try:
        folder = local_folder(url)
        if folder is not None and not new and not folder.is_dir():
            raise BackupError(f"there is no folder {folder}")
        return open_objects(url)
    except Invalid as exc:
        raise BackupError(f"{place} is no place of a backup: give a folder or s3://BUCKET/PREFIX") from exc


def _programs() -> Path:
    return wheel_folder() / "pginstall" / "bin"


def _telling() -> Telling:
    """A line for each step, and how far it is every few seconds; to standard error, for the last line is the result."""
    began, told, count, name = time.monotonic(), time.monotonic(), 0, ""

    def step(what: str) -> None:
        nonlocal name, count, told
        name, count, told = what, 0, time.monotonic()
        print(f"{what} …", file=sys.stderr, flush=True)

    def moved(size: int) -> None:
        nonlocal count, told
        count += size
        if time.monotonic() - told > TOLD_S:
            told = time.monotonic()
            print(f"{name}: {count // MB} MB, {told - began:.0f} s", file=sys.stderr, flush=True)

    return Telling(step=step, moved=moved)
