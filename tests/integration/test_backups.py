"""What a backup refuses, notices and brings back: real PostgreSQL, real stores, a directory and S3."""

import asyncio
import hashlib
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pyrage
import pytest
import pytest_asyncio
from conftest import dsn_of
from test_command_line import told

from scratch import scratch
from upwell.backup.making import Telling, back_up
from upwell.backup.manifest import BackupError
from upwell.backup.reading import head_of, readable, require_place, restore, verify
from upwell.embedded.accounts import wheel_folder
from upwell.objects import open_bucket, open_objects
from upwell.objects.buckets import Buckets, object_ref
from upwell.objects.port import Objects
from upwell.service.context import Context
from upwell.service.manage import access
from upwell.storage.database import Database

PROGRAMS = wheel_folder() / "pginstall" / "bin"
QUIET = Telling(step=lambda what: None, moved=lambda size: None)
PROJECT = "0" * 32
OWN, ODD = "firmware/a.bin", object_ref(PROJECT, "cn-north-4", "owners", "v1/ü %/../x")
SPARE = object_ref(PROJECT, "eu-west-101", "owners", "not/a/package/yet.bin")
ELSEWHERE = object_ref(PROJECT, "cn-north-4", "mapped", "b.bin")


class House:
    """A database and a store with something in them."""

    def __init__(self, database: Database, top: Path) -> None:
        self.database, self.top = database, top
        url = str(top / "store")
        mapped = {"*/mapped": str(top / "mapped")}
        self.objects = Buckets(open_objects(url), url, mapped, open_bucket)

    async def put(self, key: str, data: bytes) -> None:
        writer = await self.objects.create(key)
        await writer.write(data)
        await writer.commit()

    async def back_up(self, to: Objects, *recipients: str) -> None:
        await back_up(self.database, self.objects, to, PROGRAMS, recipients, QUIET)


@pytest.fixture
def top() -> Iterator[Path]:
    folder = scratch("upwell-backups-")
    yield folder
    shutil.rmtree(folder)


@pytest_asyncio.fixture
async def house(ctx: Context, caller: access.Caller, top: Path) -> House:
    made = House(ctx.database, top)
    await made.put(OWN, b"own" * 100_000)
    await made.put(ODD, b"odd" * 1000)
    await made.put(SPARE, b"spare")
    await made.put(ELSEWHERE, b"elsewhere")
    await package(ctx, caller, "own", OWN, b"own" * 100_000)
    await package(ctx, caller, "odd", ODD, b"odd" * 1000)
    await package(ctx, caller, "elsewhere", ELSEWHERE, b"elsewhere")
    return made


async def package(ctx: Context, caller: access.Caller, name: str, key: str, data: bytes) -> None:
    """The row of a package of an object that the store has, as its check left it."""
    facts = {
        "package_id": ctx.new_id(), "account_id": caller.account_id, "name": name, "version": "2", "status": "verified",
        "object_key": key, "size": len(data), "md5": hashlib.md5(data).hexdigest(),
        "sha256": hashlib.sha256(data).hexdigest(), "url": "", "created_at": ctx.now(), "modified_at": ctx.now(),
    }  # fmt: skip
    places = ", ".join(f"${n}" for n in range(1, len(facts) + 1))
    async with ctx.database.connection() as conn:
        await conn.execute(f"insert into package ({', '.join(facts)}) values ({places})", *facts.values())


@pytest_asyncio.fixture
async def empty(postgres: str) -> AsyncIterator[Database]:
    """A database with nothing in it."""
    admin = await asyncpg.connect(postgres)
    await admin.execute("create database restored template template0")
    database = Database(dsn_of(postgres, "restored"))
    await database.open()
    yield database
    await database.close()
    await admin.execute("drop database restored with (force)")
    await admin.close()


async def restored(of: Objects, empty: Database, top: Path, identity: Path | None = None) -> Buckets:
    url = str(top / "new-store")
    objects = Buckets(open_objects(url), url, {}, open_bucket)
    head, identities = await readable(of, identity)
    await require_place(empty, objects.own)
    await restore(of, head, identities, empty, objects, PROGRAMS, QUIET)
    return objects


async def content(objects: Buckets, key: str) -> bytes:
    return b"".join([chunk async for chunk in objects.read(key, 0, 10**9)])


async def rows(database: Database) -> dict[str, Any]:
    """Every row of every table, as text, by the table."""
    async with database.connection() as conn:
        tables = await conn.fetch("select tablename from pg_tables where schemaname = 'public' order by 1")
        return {t: sorted(r[0] for r in await conn.fetch(f'select x::text from "{t}" x')) for (t,) in tables}


@pytest.mark.parametrize("place", ["directory", "s3"])
async def test_all_of_it_comes_back(
    house: House, empty: Database, top: Path, place: str, request: pytest.FixtureRequest
) -> None:
    to = (
        open_objects(str(top / "backup"))
        if place == "directory"
        else open_objects(request.getfixturevalue("s3_url").replace("some/prefix", "some/backup"))
    )
    before = await rows(house.database)
    await house.back_up(to)
    await verify(to, PROGRAMS, None, QUIET)
    objects = await restored(to, empty, top)
    assert await rows(empty) == before
    assert await content(objects, OWN) == b"own" * 100_000 and await content(objects, ODD) == b"odd" * 1000
    assert await content(objects, SPARE) == b"spare"
    assert not await objects.exists(ELSEWHERE)  # it is its owner's, where the map says
    assert sum(len(found) for found in before.values()) > 10


async def test_only_the_recipient_reads_an_encrypted_one(house: House, empty: Database, top: Path) -> None:
    to, own, other = open_objects(str(top / "backup")), *(pyrage.x25519.Identity.generate() for _ in range(2))
    await house.back_up(to, str(own.to_public()))
    for file in (top / "backup").rglob("*"):
        if file.is_file() and file.suffix not in (".json", ".jsonl"):
            assert file.read_bytes().startswith(b"age-encryption.org/v1\n")  # as the program `age` reads them
    await verify(to, PROGRAMS, None, QUIET)  # that it lies there as it was stored needs no key
    (top / "other").write_text(str(other))
    (top / "own").write_text(str(own))
    with pytest.raises(BackupError, match="can't be opened"):
        await verify(to, PROGRAMS, top / "other", QUIET)
    with pytest.raises(BackupError, match="is encrypted to age1"):
        await readable(to, None)
    await verify(to, PROGRAMS, top / "own", QUIET)
    objects = await restored(to, empty, top, top / "own")
    assert await content(objects, OWN) == b"own" * 100_000


@pytest.mark.skipif(shutil.which("age") is None, reason="no age here (apt-get install age)")
async def test_an_encrypted_one_is_read_by_the_program_age(house: House, top: Path) -> None:
    made = subprocess.run(["age-keygen", "-o", str(top / "key")], capture_output=True, text=True, check=True)
    recipient = made.stderr.split()[-1]
    await house.back_up(open_objects(str(top / "backup")), recipient)
    opened = subprocess.run(
        ["age", "-d", "-i", str(top / "key"), str(top / "backup" / "database.dump")], capture_output=True, check=True
    )
    listed = subprocess.run([PROGRAMS / "pg_restore", "-l"], input=opened.stdout, capture_output=True, check=True)
    assert b"TABLE DATA public package" in listed.stdout
    await verify(open_objects(str(top / "backup")), PROGRAMS, top / "key", QUIET)


async def test_each_damage_is_noticed(house: House, empty: Database, top: Path) -> None:
    to = open_objects(str(top / "backup"))
    await house.back_up(to)
    files = [file for file in (top / "backup").rglob("*") if file.is_file() and file.stat().st_size]
    assert len(files) == 6  # the head, the list, the database, three objects
    for file in files:
        whole = file.read_bytes()
        for damaged in (whole[:-1], whole + b"x", _flipped(whole), None):
            file.unlink() if damaged is None else file.write_bytes(damaged)
            if file.name == "backup.json" and damaged == whole[:-1]:
                continue  # without its last line end it says the same
            with pytest.raises(BackupError):
                await verify(to, PROGRAMS, None, QUIET)
            file.write_bytes(whole)
    await verify(to, PROGRAMS, None, QUIET)


def _flipped(data: bytes) -> bytes:
    place = len(data) // 2
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


async def test_a_damaged_backup_leaves_nothing_where_it_was_to_be(house: House, empty: Database, top: Path) -> None:
    to = open_objects(str(top / "backup"))
    await house.back_up(to)
    last = sorted((top / "backup" / "objects").iterdir())[-1]
    last.write_bytes(_flipped(last.read_bytes()))
    with pytest.raises(BackupError, match="is damaged"):
        await restored(to, empty, top)
    assert await rows(empty) == {}
    assert [path for path in (top / "new-store").rglob("*") if path.is_file()] == []


async def test_it_writes_and_restores_where_nothing_is(house: House, top: Path) -> None:
    to = open_objects(str(top / "backup"))
    await house.back_up(to)
    before = (await head_of(to)).taken_at
    with pytest.raises(BackupError, match="place of the backup is not empty"):
        await house.back_up(to)
    assert (await head_of(to)).taken_at == before
    with pytest.raises(BackupError, match="database is not empty"):
        await require_place(house.database, open_objects(str(top / "another")))


async def test_a_store_that_lost_a_packages_object_is_not_backed_up_silently(house: House, top: Path) -> None:
    await house.objects.delete(OWN)
    to = open_objects(str(top / "backup"))
    with pytest.raises(BackupError, match=r"object of package \d+ is not in the store"):
        await house.back_up(to)
    with pytest.raises(BackupError, match="no backup was ended there"):
        await head_of(to)


async def test_the_snapshot_is_of_one_moment(house: House, ctx: Context, empty: Database, top: Path) -> None:
    """What is made while objects are read is not in it, and what is deleted meanwhile is."""
    to, made = open_objects(str(top / "backup")), asyncio.Event()

    def step(what: str) -> None:
        if what == "objects":
            made.set()

    async def meanwhile() -> None:
        await made.wait()
        await access.create_key(ctx, "later", "admin", "alibaba")

    task = asyncio.create_task(meanwhile())
    await back_up(house.database, house.objects, to, PROGRAMS, [], Telling(step=step, moved=lambda size: None))
    await task
    await restored(to, empty, top)
    assert "later" not in json.dumps(await rows(empty)) and "later" in json.dumps(await rows(house.database))


async def test_a_later_schema_is_refused(house: House, top: Path) -> None:
    to = open_objects(str(top / "backup"))
    await house.back_up(to)
    file = top / "backup" / "backup.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"schema": 100_000, "upwell": "9.0.0"}))
    with pytest.raises(BackupError, match=r"use upwell 9\.0\.0 or a later one"):
        await readable(to, None)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("verify-backup", "/nothing/here"), "there is no folder /nothing/here"),
        (("verify-backup", "s3:nothing"), "there is no folder"),
        (("backup", "x", "--recipient", "age1nonsense", "--data-dir", "/nothing"), "has no database"),
    ],
)
def test_refusals_are_one_line(words: tuple[str, ...], problem: str) -> None:
    done = told(*words)
    assert done.returncode == 2 and problem in done.stderr and done.stderr.count("\n") == 1
