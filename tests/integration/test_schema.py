"""The schema: that schema.sql is what the migrations give; and its version, who may change it, and what becomes of a
program that is older or newer than its database."""

import asyncio
from pathlib import Path

import asyncpg
import pytest
from conftest import dsn_of
from schema_tools import dumped, empty, restore, schema_of
from test_command_line import FREE, refusal, told
from tools.schema import FILE, HEAD, in_order

from upwell.domain.errors import Unavailable
from upwell.service.context import Context
from upwell.service.manage import access
from upwell.storage import steps as storage
from upwell.storage.database import Database
from upwell.storage.migrating import migrate, require_schema
from upwell.storage.steps import UNMARKED, migrations, newest_version

BESIDE = (
    ("key", "list"),
    ("key", "create", "--dialect", "tuya", "--role", "admin"),
    ("key", "revoke", "nobody"),
    ("user", "list"),
    ("user", "delete", "nobody"),
    ("object", "list", "--bucket", "firmware"),
    ("audit", "list"),
    ("audit", "export"),
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


async def test_the_schema_file_is_fresh(dsn: str) -> None:
    assert FILE.read_text("utf-8") == HEAD + await schema_of(dsn), "run: python tools/schema.py"


async def test_the_schema_file_leaves_nothing_out(postgres: str, dsn: str) -> None:
    """What it makes is for PostgreSQL's own pg_dump what it makes of the migrations' tables itself."""
    async with empty(postgres, "schema_from_file") as made, empty(postgres, "schema_from_dump") as restored:
        await execute(made, FILE.read_text("utf-8"))
        await restore(restored, await dumped(dsn))
        assert await dumped(made) == await dumped(restored)


async def test_every_kind_of_object_is_in_a_schema_file(postgres: str) -> None:
    """Also those that no migration has made yet, in an order that can be run."""
    async with empty(postgres, "schema_of_all") as dsn, empty(postgres, "schema_of_all_again") as other:
        await execute(
            dsn,
            "create type open_state as enum ('QUEUED', 'it''s')",
            "create domain percent as int default 0 constraint percent_range check (value between 0 and 100)",
            "create table z_first (id bigint primary key, at timestamptz not null default now(), done percent)",
            "create unlogged table a_second (id bigint references z_first, state open_state not null,"
            " twice int generated always as (2) stored, unique (id, state)) with (fillfactor = 90)",
            "create index on a_second (state desc) where id is not null",
            "create function told() returns trigger language plpgsql as $$ begin return new; end $$",
            "create trigger tells after insert on a_second for each row execute function told()",
            "create view z_view as select id from z_first",
            "create function a_count(z z_first[]) returns bigint stable return (select count(*) from a_second)",
            "create function a_facts(z z_first) returns table (id bigint) begin atomic select id from z_view; end",
            "create view a_view as select id from z_view",
            "alter table z_first rename column at to noted",
            *(
                f"comment on {what} is 'what it''s for'"
                for what in ("table z_first", "column z_first.id", "view a_view", "type percent", "function told()")
            ),
        )
        made = await schema_of(dsn)
        await execute(other, made)
        assert await schema_of(other) == made
        assert await dumped(other) == await dumped(dsn)


def test_what_is_needed_comes_first() -> None:
    assert in_order({1: [3], 2: [], 3: [2], 4: []}) == [2, 3, 1, 4]


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


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read"])
async def test_two_programs_migrate_at_once(postgres: str, isolation: str) -> None:
    """Issue 9, number 33: one does it, the other waits and finds it done, whatever the database's own settings."""
    name = f"schema_at_once_{isolation[:4]}"
    dsn = await fresh(postgres, name)
    await execute(dsn, f"alter database {name} set default_transaction_isolation = '{isolation}'")
    databases = [Database(dsn) for _ in range(4)]
    for database in databases:
        await database.open()
    assert await asyncio.gather(*map(migrate, databases)) == [newest_version()] * 4
    assert await versions(dsn) == [version for version, _ in migrations()]
    for database in databases:
        await database.close()


async def test_a_schema_that_lacks_a_step_is_refused(dsn: str) -> None:
    """The step would never be made up for: a later one may already rest on its absence."""
    await execute(dsn, "delete from schema_version where version = 4")
    database = Database(dsn)
    await database.open()
    for use in (migrate, require_schema):
        with pytest.raises(Unavailable, match=f"version {newest_version()} without step 4"):
            await use(database)
    await database.close()
    assert 4 not in await versions(dsn)


async def test_a_step_that_fails_leaves_nothing_behind(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The steps of before there were marks are one transaction, and each later one is whole or not begun."""
    good = migrations()
    dsn = await fresh(postgres, "schema_half")
    database = Database(dsn)
    await database.open()
    fails = "create table half (id int); select 1 / 0"
    monkeypatch.setattr(
        storage, "migrations", lambda: [each if each[0] != UNMARKED else (UNMARKED, fails) for each in good]
    )
    with pytest.raises(Unavailable, match="division by zero"):
        await migrate(database)
    assert "CREATE TABLE" not in await schema_of(dsn)
    broken = [*good, (good[-1][0] + 1, f"-- expand\n{fails}")]
    monkeypatch.setattr(storage, "migrations", lambda: broken)
    with pytest.raises(Unavailable, match="division by zero"):
        await migrate(database)
    assert HEAD + await schema_of(dsn) == FILE.read_text("utf-8")
    monkeypatch.undo()
    assert await migrate(database) == good[-1][0]
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
