"""What `upwell doctor` looks at on a server's machine: that what the settings say can be so, and what devices would
make of it.

Holds: it changes nothing but the object that the store's own check writes and deletes, waits for no peer for long, and
needs no server that runs; where one does, its own `/readyz` is asked too.
"""

import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
from cryptography import x509

from upwell.backup.archive import contents, when
from upwell.backup.manifest import BackupError
from upwell.backup.shelf import Shelf
from upwell.backup.spool import HELD_BYTES_MAX, Spool
from upwell.config import Settings
from upwell.config.looking import is_there
from upwell.domain.concerns import ENDS_SOON
from upwell.domain.errors import UpwellError
from upwell.embedded.files import Paths
from upwell.objects import local_folder, open_objects
from upwell.objects.cache_folder import held_bytes
from upwell.service.manage import erasing
from upwell.service.upgrade import seal_keys
from upwell.storage.database import Database
from upwell.storage.migrating import require_schema
from upwell.storage.queries import sheet
from upwell.storage.sealing import no_key
from upwell.storage.steps import newest_version
from upwell.wiring.certificates import ServerCertificates
from upwell.wiring.checkup_ways import listeners, public_urls
from upwell.wiring.finding import Finding, Grade
from upwell.wiring.health import MB, folders_of
from upwell.wiring.object_cache import floor_bytes, is_of_use
from upwell.wiring.postgres import CONNECTIONS, SPARE_CONNECTIONS
from upwell.wiring.secret_keys import Keys, keys_from
from upwell.wiring.stores import open_stores

SQL = sheet("checkup")
CLOCK_OFF = timedelta(seconds=5)
ARCHIVE_OLD = timedelta(minutes=15)  # an idle database writes a file each few minutes: its checkpoints
OLDEST_POSTGRES = 150_000
_LASTING = {
    "fsync": ("on",), "full_page_writes": ("on",),
    "synchronous_commit": ("on", "remote_write", "remote_apply", "local"),
}  # fmt: skip


async def findings(
    settings: Settings, connect: Callable[[], contextlib.AbstractAsyncContextManager[Database]]
) -> AsyncIterator[Finding]:
    """All of it, as it is found. `connect` does to the database of these settings."""
    for look in (_disks, _object_cache, _certificates):
        for found in look(settings):
            yield found
    keys = await _keys(settings)
    try:
        async with connect() as database:
            async for found in _database(database, settings.workers):
                yield found
            if isinstance(keys, Keys):
                yield await _secrets(keys, database)
            yield await _erasures(database)
    except UpwellError as exc:
        yield Finding("database", "fault", exc.problem, "start it, or correct --database-url or --data-dir")
    if isinstance(keys, Finding):
        yield keys
    yield await _objects(settings)
    if settings.archive is not None:
        yield await _archive(settings.archive)
        yield _waiting(settings)
    async for found in listeners(settings):
        yield found
    async for found in public_urls(settings):
        yield found


# --- the machine ---


def _disks(settings: Settings) -> Iterator[Finding]:
    for what, folder in folders_of(settings).items():
        try:
            yield _disk(f"disk of the {what}", folder, settings.disk_floor_mb)
            open_to_all = what == "database" and is_there(folder) and folder.stat().st_mode & 0o007
        except OSError as exc:
            yield Finding(f"disk of the {what}", "fault", f"{folder} can't be looked at: {exc.strerror}",
                          "give a folder that this user may enter")  # fmt: skip
            continue
        if open_to_all:
            yield Finding("data dir", "warning", f"everybody on this machine may look into {folder}",
                          f"chmod o= {folder}: devices' secrets are in it")  # fmt: skip


def _disk(about: str, folder: Path, floor_mb: int) -> Finding:
    """Of a folder, or of what it will be made in. Raises OSError."""
    there = next(each for each in (folder.absolute(), *folder.absolute().parents) if is_there(each))
    free_mb = shutil.disk_usage(there).free // MB
    if not there.is_dir():
        return Finding(about, "fault", f"{folder} can't be made: {there} is a file", "give another folder")
    if not os.access(there, os.W_OK | os.X_OK):
        return Finding(about, "fault", f"this user may not write into {there}",
                       "give the folder to the user that serves, and call this as that user")  # fmt: skip
    if free_mb < floor_mb:
        return Finding(about, "fault", f"{free_mb} MB are free in {there}, and disk_floor_mb is {floor_mb}",
                       "make room, or move it to a larger disk")  # fmt: skip
    if not is_there(folder):
        fact = f"{folder} is not there yet; `upwell serve` makes it, and {free_mb} MB are free for it"
        return Finding(about, "ok", fact)
    return Finding(about, "ok", f"{free_mb} MB are free in {folder}")


def _object_cache(settings: Settings) -> Iterator[Finding]:
    path, most = settings.object_cache, settings.object_cache_mb
    if not is_of_use(settings):
        return
    if not path.is_dir():
        yield Finding("object cache", "ok", f"{path} is not there yet; `upwell serve` makes it")
        return
    free, floor, held = shutil.disk_usage(path).free // MB, floor_bytes(settings) // MB, held_bytes(path) // MB
    if free < floor:
        yield Finding("object cache", "warning", f"{held} MB of at most {most} are in {path}, and {free} MB are free:"
                      f" nothing is added while that is less than {floor}",
                      "make room, or downloads from S3 are slow and each asks it")  # fmt: skip
    else:
        yield Finding("object cache", "ok", f"{held} MB of at most {most} are in {path}")


def _certificates(settings: Settings) -> Iterator[Finding]:
    try:
        shown = ServerCertificates(settings)
    except UpwellError as exc:
        yield Finding("certificates", "fault", exc.problem, "give files that fit each other")
        return
    for of, expires in shown.expire().items():
        left = expires - datetime.now(UTC)
        if left < ENDS_SOON:
            grade: Grade = "fault" if left < timedelta(0) else "warning"
            yield Finding(f"certificate for {of}", grade, f"it ends {expires:%Y-%m-%d %H:%M} UTC",
                          "renew it and send SIGHUP; devices that check it can't connect after that")  # fmt: skip
        else:
            yield Finding(f"certificate for {of}", "ok", f"it ends {expires:%Y-%m-%d}, in {left.days} days")
    if shown.devices is not None and settings.device_tls == "compatible" and shown.devices.without_rsa_key_exchange():
        yield Finding("certificate for devices", "warning", "none of them has an RSA key",
                      "Alibaba's C SDKs need one: --device-tls-cert and --device-tls-key beside it")  # fmt: skip
    for setting, file in (("tls_cert", settings.tls_cert), ("device_tls_cert", settings.device_tls_cert)):
        if file is not None:
            yield from _leaf(settings, setting, x509.load_pem_x509_certificates(file.read_bytes())[0], shown)


def _leaf(
    settings: Settings, setting: str, shown: x509.Certificate, all_shown: ServerCertificates
) -> Iterator[Finding]:
    """What is wrong with the certificate of one setting itself."""
    option = f"--{setting.replace('_', '-')}"
    if (begins := shown.not_valid_before_utc) > datetime.now(UTC):
        yield Finding(f"certificate of {option}", "fault", f"it begins {begins:%Y-%m-%d %H:%M} UTC: nobody believes it"
                      " before that", "set this machine's clock right, or give one that has begun")  # fmt: skip
    if all_shown.devices is None:
        return
    url = settings.secure_url_at(settings.downloads.port if settings.downloads else None)
    host, names = (urlsplit(url or "").hostname or "").lower(), _names(shown)
    if host and not {host, f"*.{host.partition('.')[2]}"} & {each.lower() for each in names}:
        fact = f"that of {option} is for {', '.join(names) or 'nobody'}, and devices are sent to {host}"
        yield Finding("certificate for devices", "fault", fact, "get one for that name, or change --public-tls-url")


def _names(shown: x509.Certificate) -> list[str]:
    """Whom a certificate is for."""
    try:
        names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]


# --- what it stores in ---


async def _database(database: Database, workers: int) -> AsyncIterator[Finding]:
    async with database.connection() as conn:
        row = await conn.fetchrow(*SQL["facts"]())
        assert row is not None  # noqa: S101  # it has no condition
        off = abs(row["now"] - datetime.now(UTC))
    if row["version"] < OLDEST_POSTGRES:
        yield Finding("database", "fault", f"PostgreSQL {row['shown']}", "use 15 or newer")
    else:
        yield Finding("database", "ok", f"PostgreSQL {row['shown']} answers")
    for name, wanted in _LASTING.items():
        if row[name] not in wanted:
            yield Finding("database", "fault", f"{name} is {row[name]}: what was acknowledged may be lost",
                          f"set {name} on")  # fmt: skip
    try:
        have, ours = await require_schema(database), newest_version()
        later = f"it has version {have}; what came after this program's, {ours}, leaves it what it uses"
        yield Finding("schema", "ok", "it is this program's" if have == ours else later)
        yield await _room(database, workers)
    except UpwellError as exc:
        yield Finding("schema", "fault", exc.problem, "upwell migrate, or the program that fits it")
    if off > CLOCK_OFF:
        yield Finding("clock", "fault", f"it is {off.total_seconds():.0f} s from the database's",
                      "let both machines keep time by NTP: signatures and deadlines are compared with it")  # fmt: skip
    else:
        yield Finding("clock", "ok", "it is the database's")


async def _room(database: Database, workers: int) -> Finding:
    """Whether all connections that processes of ours may open are to be had; they open them as they need them."""
    async with database.connection() as conn:
        row = await conn.fetchrow(*SQL["room"]())
        assert row is not None  # noqa: S101  # it has no condition
    processes = max(workers, row["serving"])
    needed, room = CONNECTIONS * processes, row["room"] - row["others"]
    those = f"{processes} process{'es' if processes > 1 else ''} of a server open{'s' if processes == 1 else ''}"
    told = f"{those} {needed} at most, of {row['room']} that may be, {row['others']} are other programs'"
    if needed <= room:
        return Finding("connections", "ok", told)
    more = needed + row["others"] + SPARE_CONNECTIONS
    advice = f"let PostgreSQL have {more} (max_connections, and the limits of the role and the database)"
    return Finding("connections", "warning", told, f"{advice}, or say fewer --workers")


async def _keys(settings: Settings) -> Keys | Finding:
    """Those that are given, or why they can't be used, which no database is needed to see."""
    try:
        return await keys_from(settings)
    except UpwellError as exc:
        return Finding("secrets", "fault", exc.problem, "give the keys as the server is given them")


async def _secrets(keys: Keys, database: Database) -> Finding:
    about = "secrets"
    try:
        seals = keys.seals()
        found = await seal_keys.look(database)
    except UpwellError as exc:
        return Finding(about, "fault", exc.problem, "give the keys as the server is given them")
    except asyncpg.UndefinedTableError:
        return Finding(about, "ok", "they are plain: the schema is of a program that encrypts none")
    missing = [each.key_id for each in found if not seals.has(each.key_id, each.check_value)]
    if missing:
        return Finding(about, "fault", no_key(missing), "without it no device can log in: give the server all keys")
    if not found:
        said = f"the key {seals.first} is not in use yet" if seals.first else "they are plain"
        return Finding(about, "ok", f"{said}: --secret-key-file encrypts them")
    if [each.key_id for each in found if each.whole_at] == [seals.first] and len(found) == 1:
        return Finding(about, "ok", f"all are encrypted with the key {seals.first}")
    now = f"new ones are encrypted with the key {seals.first}" if seals.first else "new ones are plain"
    fact = f"{now}, and others may be plain or with {', '.join(each.key_id for each in found)}"
    return Finding(about, "warning", fact, "upwell secrets rotate")


async def _erasures(database: Database) -> Finding:
    about = "erasures"
    try:
        begun = await erasing.under_way(database)
    except asyncpg.UndefinedTableError:
        return Finding(about, "ok", "there are none: the schema is of a program that erases nothing")
    if not begun:
        return Finding(about, "ok", "none has begun that is not whole")
    first = f"{begun[0]['what']} {begun[0]['word']}, begun {begun[0]['began_at']:%Y-%m-%d %H:%M} UTC"
    return Finding(about, "warning", f"{len(begun)} have begun and are not whole: {first}",
                   "`upwell erase list` says which; call the same again, and it goes on")  # fmt: skip


async def _objects(settings: Settings) -> Finding:
    folder = local_folder(settings.objects_at)
    try:
        if folder is not None and not is_there(folder):
            return Finding("objects", "ok", f"{folder} is not there yet, so nothing was tried")
        await open_stores(settings)
    except OSError as exc:
        return Finding("objects", "fault", f"{folder} can't be looked at: {exc.strerror}", "give another folder")
    except UpwellError as exc:
        do = "make the store reachable and writable for this user"
        if folder is None:
            do += (
                ": its endpoint, region and bucket, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, and this machine's clock"
            )
        return Finding("objects", "fault", exc.problem, do)
    return Finding("objects", "ok", "the store takes an object, and lets it go")


async def _archive(place: str) -> Finding:
    about, again = "archive", "the server's log says why, and makes a new base when it can"
    try:
        shelf = Shelf(open_objects(place))
        there = await contents(shelf)
        lacks = list(there.lacks()) or ([] if there.segments else ["there is no log yet"])
        newest = there.segments[-1].name if there.segments else ""
        last = (
            datetime.fromisoformat((await when(shelf, [newest]))[newest])
            if newest
            else datetime.min.replace(tzinfo=UTC)
        )
    except BackupError as exc:
        return Finding(about, "warning", exc.problem, "start `upwell serve` with it")
    except UpwellError as exc:
        return Finding(about, "fault", exc.problem, "make the place reachable and writable for this user")
    if lacks:
        return Finding(about, "warning", "; ".join(lacks), again)
    if datetime.now(UTC) - last > ARCHIVE_OLD:
        return Finding(about, "warning", f"its log ends at {last:%Y-%m-%d %H:%M:%S} UTC", again)
    return Finding(about, "ok", f"{len(there.bases)} bases, and the log up to {last:%Y-%m-%d %H:%M:%S} UTC")


def _waiting(settings: Settings) -> Finding:
    """Of the log of this data dir, what the archive did not take yet."""
    about, spool = "log that waits for the archive", Spool(Paths(settings.data_dir).spool, 0)
    files = spool.files() if spool.folder.is_dir() else []
    since = min((each.ended_at for each in files), default=datetime.now(UTC))
    fact = f"{len(files)} files of {sum(each.size for each in files) // MB} MB"
    if datetime.now(UTC) - since <= ARCHIVE_OLD:
        return Finding(about, "ok", fact if files else "there is none")
    fact += (
        f" since {since:%Y-%m-%d %H:%M:%S} UTC; at {HELD_BYTES_MAX // MB} MB, or disk_floor_mb, the oldest is given up"
    )
    return Finding(about, "warning", fact, "make the archive's place take it again; the server's log says why it fails")
