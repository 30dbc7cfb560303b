"""`upwell backup`, `verify-backup`, `restore`: beside a running server, or without one."""

import asyncio
import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from upwell.backup.making import Telling, back_up
from upwell.backup.manifest import BackupError, Head
from upwell.backup.reading import readable, require_place, restore, verify
from upwell.cli.acting import acting
from upwell.cli.apps import alone
from upwell.cli.described import described
from upwell.cli.exits import Ended, Exit, one_line
from upwell.cli.settings import Option, settings_of, with_database
from upwell.config import Settings
from upwell.domain.errors import Invalid
from upwell.embedded.accounts import wheel_folder
from upwell.embedded.files import Paths
from upwell.embedded.server import EmbeddedPostgres
from upwell.objects import local_folder, open_objects
from upwell.objects.port import Objects
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


@alone("verify-backup", "upwell verify-backup /backups/monday")
def verify_backup(of: Place, identity: Identity = None) -> None:
    """Read every byte of a backup and compare it with its digests; and with an identity open it too."""
    store = _store(of)
    try:
        head = asyncio.run(verify(store, _programs(), identity, _telling()))
    except BackupError as exc:
        raise Ended(Exit.FAILED, f"upwell: {one_line(exc.problem)}") from exc
    seen = "compared as it lies there; give --identity to open it too" if head.recipients and not identity else "read"
    print(f"the backup of {head.taken_at} is whole: {head.objects} objects and the database were {seen}")


@alone("restore", "upwell restore /backups/monday --data-dir ./new-data")
@described
def restore_(
    of: Place, identity: Identity = None,
    data_dir: Option = None, database_url: Option = None, objects_url: Option = None, buckets: Option = None,
) -> None:  # fmt: skip
    """Restore a backup into an empty place: a data dir without a database, or a database and a store with nothing in
    them. Start `upwell serve` on it afterwards."""
    os.umask(0o077)
    head = asyncio.run(_restored(settings_of(locals()), _store(of), identity))
    print(
        f"restored as of {head.taken_at}: {head.objects} objects, {head.object_bytes} bytes; run `upwell serve` on it"
    )


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
