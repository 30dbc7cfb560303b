"""The schema's version: who may change it, and what becomes of a program that is older or newer than its database."""

import asyncio
from pathlib import Path

import asyncpg
import pytest
from conftest import dsn_of
from test_command_line import FREE, refusal, told

from upwell.domain.errors import Unavailable
from upwell.service.context import Context
from upwell.service.manage import access
from upwell.storage.database import Database, migrate, newest_version, schema_version

BESIDE = (
    ("key", "list"),
    ("key", "create", "--dialect", "tuya", "--role", "admin"),
    ("key", "revoke", "nobody"),
    ("user", "list"),
    ("user", "delete", "nobody"),
    ("object", "list", "--bucket", "firmware"),
)


async def execute(dsn: str, *statements: str) -> None:
    conn = await asyncpg.connect(dsn)
    for statement in statements:
        await conn.execute(statement)
    await conn.close()


async def versions(dsn: str) -> list[int]:
    conn = await asyncpg.connect(dsn)
    found = [row["version"] for row in await conn.fetch("select version from schema_version order by 1")]
    await conn.close()
    return found


async def fresh(postgres: str, name: str) -> str:
    """The DSN of an empty database."""
    await execute(postgres, f"create database {name}")
    return dsn_of(postgres, name)


@pytest.mark.parametrize("command", [*BESIDE, ("migrate",), ("serve", *FREE)], ids=" ".join)
async def test_a_newer_schema_is_refused_by_every_command(dsn: str, tmp_path: Path, command: tuple[str, ...]) -> None:
    """Issue 9, number 33: in one line that names both versions, and nothing is changed."""
    await execute(dsn, "insert into schema_version values (9999)")
    before = await versions(dsn)
    given = ("--database-url", dsn, "--data-dir", str(tmp_path)) if command[0] != "migrate" else ("--database-url", dsn)
    line = await asyncio.to_thread(refusal, *command, *given)
    assert "9999" in line and str(newest_version()) in line
    assert await versions(dsn) == before


@pytest.mark.parametrize("command", BESIDE, ids=" ".join)
async def test_a_command_beside_a_server_leaves_an_older_schema_alone(
    postgres: str, dsn: str, command: tuple[str, ...]
) -> None:
    """Issue 9, number 33: `upwell key …` of a new program migrated the database under a running older server."""
    await execute(dsn, f"delete from schema_version where version = {newest_version()}")
    before = await versions(dsn)
    line = await asyncio.to_thread(refusal, *command, "--database-url", dsn)
    assert str(before[-1]) in line and str(newest_version()) in line
    assert "upwell serve" in line and "upwell migrate" in line
    assert await versions(dsn) == before


async def test_migrate_makes_an_empty_database_whole(postgres: str) -> None:
    """Issue 9, number 33."""
    dsn = await fresh(postgres, "schema_by_command")
    assert "version 0" in await asyncio.to_thread(refusal, "key", "list", "--database-url", dsn)
    done = await asyncio.to_thread(told, "migrate", "--database-url", dsn)
    assert done.returncode == 0 and str(newest_version()) in done.stdout
    made = await asyncio.to_thread(
        told, "key", "create", "--dialect", "alibaba", "--role", "admin", "--database-url", dsn
    )
    assert made.returncode == 0 and "secret:" in made.stdout
    assert (await versions(dsn))[-1] == newest_version()


async def test_two_programs_migrate_at_once(postgres: str) -> None:
    """Issue 9, number 33: one does it, the other waits and finds it done."""
    dsn = await fresh(postgres, "schema_at_once")
    databases = [Database(dsn) for _ in range(4)]
    for database in databases:
        await database.open()
    assert await asyncio.gather(*map(migrate, databases)) == [newest_version()] * 4
    assert await schema_version(databases[0]) == newest_version()
    assert len(await versions(dsn)) == len(set(await versions(dsn)))
    for database in databases:
        await database.close()


async def test_a_database_without_the_right_to_make_tables(postgres: str) -> None:
    """Issue 9, number 36: no traceback at the start on a database of one's own that was not made ready."""
    dsn = await fresh(postgres, "schema_denied")
    await execute(dsn, "create role guest login password 'guest-of-upwell'")
    password = dsn.split(":")[2].split("@")[0]
    guest = dsn.replace(f"upwell:{password}@", "guest:guest-of-upwell@")
    assert "permission denied" in await asyncio.to_thread(refusal, "migrate", "--database-url", guest)


async def test_a_database_that_takes_no_writes_is_unavailable(dsn: str) -> None:
    """Issue 9, number 34: a standby or a full disk is a refusal for now, not a fault of ours."""
    name = dsn.split("?")[0].rsplit("/", 1)[1]
    await execute(dsn, f"alter database {name} set default_transaction_read_only = on")
    database = Database(dsn)
    await database.open()
    with pytest.raises(Unavailable, match="read-only"):
        await access.create_key(Context(database), "acme", "admin", "alibaba")
    await database.close()


def test_the_embedded_database_is_migrated_without_a_server(tmp_path: Path) -> None:
    """Issue 9, number 33: `upwell migrate` starts and ends the data dir's own PostgreSQL; it makes no data dir."""
    absent = tmp_path / "absent"
    assert str(absent) in refusal("migrate", "--data-dir", str(absent))
    assert not absent.exists()
