"""What becomes of databases that earlier versions left behind, with what they held."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio
from conftest import dsn_of
from schema_tools import empty, schema_of
from tools.schema import FILE, HEAD

from upwell.storage import steps as storage
from upwell.storage.database import Database
from upwell.storage.migrating import migrate
from upwell.storage.steps import migrations

pytestmark = pytest.mark.asyncio
BEFORE = 6  # the newest schema of the version that this one follows
START = datetime(2026, 1, 1, tzinfo=UTC)
BATCH, CHECKED, ALONE, WAITED, LATER = range(1, 6)


@pytest_asyncio.fixture
async def old(postgres: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to an empty database of the schema of BEFORE."""
    admin = await asyncpg.connect(postgres)
    await admin.execute("create database of_before")
    conn = await asyncpg.connect(dsn_of(postgres, "of_before"))
    for version, text in migrations():
        if version <= BEFORE:
            await conn.execute(text)
    await conn.execute("create table schema_version (version int primary key)")
    done = [(version,) for version, _ in migrations() if version <= BEFORE]
    await conn.executemany("insert into schema_version values ($1)", done)
    yield conn
    await conn.close()
    await admin.execute("drop database of_before with (force)")
    await admin.close()


async def bring_on(postgres: str) -> None:
    """Migrate it."""
    database = Database(dsn_of(postgres, "of_before"))
    await database.open()
    await migrate(database)
    await database.close()


@pytest.mark.parametrize("version", [version for version, _ in migrations()])
async def test_each_earlier_version_comes_to_the_same_schema(
    postgres: str, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    """A database that stopped at any migration is brought on to exactly what schema.sql says."""
    every = migrations()
    async with empty(postgres, f"schema_at_{version}") as dsn:
        database = Database(dsn)
        await database.open()
        monkeypatch.setattr(storage, "migrations", lambda: [step for step in every if step[0] <= version])
        assert await migrate(database) == version
        monkeypatch.undo()
        assert await migrate(database) == every[-1][0]
        assert HEAD + await schema_of(dsn) == FILE.read_text("utf-8")
        await database.close()


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


async def registered(
    conn: asyncpg.Connection, apply_id: int, asked: float, made: dict[int, float], names: str | None
) -> None:
    """A batch that was asked for at a time, and when each of its devices was made last."""
    await conn.execute(
        "insert into registration values ($1, 7, 1, 'CREATE_SUCCESS', $2, $3, $4)",
        apply_id,
        len(made),
        at(asked),
        names,
    )
    for place, (device, moment) in enumerate(made.items()):
        await conn.execute(
            "insert into registered values ($1, $2, $3, $4)", apply_id, place, UUID(int=device), f"d{device}"
        )
        await conn.execute(
            "insert into device (device_id, product_id, name, secret, iot_id, created_at, modified_at)"
            " values ($1, 1, $2, 's', $2, $3, $3)"
            " on conflict (device_id) do update set created_at = excluded.created_at",
            UUID(int=device), f"d{device}", at(moment),
        )  # fmt: skip


async def test_lists_of_batches_keep_their_devices(postgres: str, old: asyncpg.Connection) -> None:
    """Issue 9, number 5: a batch is asked for before its devices are made, and theirs it stays; but not a device that
    was registered again since."""
    await registered(old, BATCH, 0, {1: 0.01, 2: 0.01, 3: 500}, None)
    await registered(old, CHECKED, 0, {4: 900, 5: 900, 6: 1000}, "{}")
    await registered(old, ALONE, 0, {7: 0.01}, None)
    await registered(old, WAITED, 0, {8: 3000}, "{}")
    await registered(old, LATER, 4000, {2: 4000.01, 9: 4000.01}, None)
    await bring_on(postgres)
    rows = await old.fetch("select apply_id, device_id from registered where life = 0 order by apply_id, place")
    assert [(row["apply_id"], row["device_id"].int) for row in rows] == [
        (BATCH, 1), (CHECKED, 4), (CHECKED, 5), (ALONE, 7), (WAITED, 8), (LATER, 2), (LATER, 9),
    ]  # fmt: skip


async def test_of_two_open_tasks_for_one_module_the_newer_goes_on(postgres: str, old: asyncpg.Connection) -> None:
    """Issue 9, number 21: a module deleted and made again in other letters left a device with two, which only their
    spelling kept apart; such a database could not be migrated."""
    tasks = [(1, "Scanner", "QUEUED"), (2, "SCANNER", "IN_PROGRESS"), (3, "mcu", "NOTIFIED"), (4, "scanner", "FAILED")]
    for job, module, state in tasks:
        await old.execute(
            "insert into task (device_id, job_id, module, slot, state, created_at, modified_at)"
            " values ($1, $2, $3, $3, $4, now(), now())", UUID(int=1), job, module, state,
        )  # fmt: skip
    await bring_on(postgres)
    rows = await old.fetch("select job_id, slot, state, reason from task order by job_id")
    assert [tuple(row) for row in rows] == [
        (1, "scanner", "CANCELED", "overwritten"), (2, "scanner", "IN_PROGRESS", ""), (3, "mcu", "NOTIFIED", ""),
        (4, "scanner", "FAILED", ""),
    ]  # fmt: skip
    told = await old.fetch("select job_id, rev, event, from_state, to_state from task_change")
    assert [tuple(row) for row in told] == [(1, 1, "overwritten", "QUEUED", "CANCELED")]
