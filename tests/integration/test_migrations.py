"""What becomes of databases that earlier versions left behind, with what they held."""

import asyncio
import logging
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


@pytest.mark.parametrize("most", [3, 9])
async def test_tags_are_of_the_account_of_their_device(postgres: str, old: asyncpg.Connection, most: int) -> None:
    """However many devices each account has; those of a device that is not there go."""
    for account, devices in ((7, most), (8, 2)):
        await old.execute("insert into account values ($1, $2, now())", account, f"account {account}")
        await old.execute(
            "insert into product (product_id, account_id, product_key, product_secret, name, created_at, space_id)"
            " values ($1, $1, $2, 's', 'lamps', now(), $1)", account, f"a1{account}",
        )  # fmt: skip
        for n in range(devices):
            await old.execute(
                "insert into device (device_id, product_id, name, secret, iot_id, created_at, modified_at)"
                " values ($1, $2, $3, 's', $3, now(), now())", UUID(int=10 * account + n), account, f"d{account}{n}",
            )  # fmt: skip
    tags = [(UUID(int=n), "site", f"site {n}") for n in (70, 71, 72, 80, 81, 99)]
    await old.executemany("insert into device_tag values ($1, $2, $3)", tags)
    await bring_on(postgres)
    rows = await old.fetch("select device_id, value, account_id from device_tag order by device_id")
    assert [(row["device_id"].int, row["value"], row["account_id"]) for row in rows] == [
        (n, f"site {n}", n // 10) for n in (70, 71, 72, 80, 81)
    ]  # fmt: skip
    assert HEAD + await schema_of(dsn_of(postgres, "of_before")) == FILE.read_text("utf-8")


async def test_devices_of_a_killed_node_are_counted_as_online(postgres: str, old: asyncpg.Connection) -> None:
    """As their rows say, until the present program sees that the node is dead."""
    for n, node in enumerate((1, 1, None)):
        await old.execute(
            "insert into device (device_id, product_id, name, secret, iot_id, created_at, modified_at)"
            " values ($1, 7, $2, 's', $2, now(), now())", UUID(int=n), f"d{n}",
        )  # fmt: skip
        await old.execute(
            "insert into presence (device_id, node_id) values ($1, $2)", UUID(int=n), node and UUID(int=node)
        )
    await bring_on(postgres)
    assert await old.fetchval("select array_agg(counted_in order by device_id) from presence") == [7, 7, None]
    assert tuple(await old.fetchrow("select devices, online from fleet_count")) == (3, 2)


async def test_no_step_is_begun_before_all_locks_are_got(
    postgres: str, old: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A long transaction reads what a late step changes: its lock is asked for first, so that no work is undone again
    and again for want of it."""
    caplog.set_level(logging.INFO)
    await old.execute("create sequence begun")  # no rollback takes back what it gave
    every = [(n, f"select nextval('begun');\n{text}" if n == BEFORE + 1 else text) for n, text in migrations()]
    monkeypatch.setattr(storage, "migrations", lambda: every)
    reader = await asyncpg.connect(dsn_of(postgres, "of_before"))
    await reader.execute("begin; select count(*) from device_tag")
    under_way = asyncio.create_task(bring_on(postgres))
    while caplog.text.count("waits") == 0:
        assert not under_way.done()
        await asyncio.sleep(0.02)
    assert await old.fetchval("select is_called from begun") is False
    await reader.close()
    await under_way
    assert await old.fetchval("select last_value from begun") == 1
    assert f"the schema comes from step {BEFORE} to " in caplog.text, "whoever waits is told what for"
