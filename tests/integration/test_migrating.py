"""How a schema is brought on beside programs that serve it: in chunks that a kill does not undo, never in front of
others for a lock, and not while a node lives that could not serve what comes of it."""

import asyncio
import os
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio
from conftest import dsn_of
from schema_tools import empty
from tests.held import killed_at
from tests.later import COMMAND, NOW, later

from upwell.domain.errors import Unavailable
from upwell.storage import migrating, plans
from upwell.storage import steps as storage
from upwell.storage.database import Database
from upwell.storage.migrating import State, known, migrate, require_schema, served
from upwell.storage.steps import Part, migrations, step_of, steps

NEXT = NOW + 1
ROWS = 20_000
COUNTED = "-- expand\nalter table counted add times int not null default 0;\n"
CHUNKED = f"""{COUNTED}
-- part: chunked
with few as (
    select id from counted where id > coalesce(:after::text, '0')::int order by id limit 100
), written as (
    update counted set times = times + 1 where id in (select id from few)
)
select max(id)::text from few where pg_advisory_xact_lock_shared(id) is not null;

-- part: concurrently
create index concurrently counted_times on counted (times, id);
"""
TABLES = "select oid, relname from pg_class where relkind = 'r' and relnamespace = current_schema()::regnamespace"


@pytest_asyncio.fixture
async def conn(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    made = await asyncpg.connect(dsn)
    yield made
    await made.close()


@pytest_asyncio.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    made = Database(dsn)
    await made.open()
    yield made
    await made.close()


def with_step(monkeypatch: pytest.MonkeyPatch, *texts: str) -> None:
    """This program has these steps too."""
    more = [*migrations(), *enumerate(texts, NEXT)]
    monkeypatch.setattr(storage, "migrations", lambda: more)


async def fill(conn: asyncpg.Connection) -> None:
    await conn.execute(
        f"create table counted (id int primary key); insert into counted select generate_series(1, {ROWS})"
    )


def command(dsn: str, *more: str) -> list[str]:
    return [*COMMAND, "migrate", "--database-url", dsn, *more]


def begin(dsn: str, environ: dict[str, str], *more: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(command(dsn, *more), env=environ, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip


async def came(conn: asyncpg.Connection) -> int | None:
    """How far the chunks of the next step have come; None: it is not under way."""
    after = await conn.fetchval("select after from schema_progress where version = $1", NEXT)
    return None if after is None else int(after)


async def test_a_step_in_chunks_goes_on_after_kills(
    dsn: str, conn: asyncpg.Connection, database: Database, tmp_path: Path
) -> None:
    """Real processes, killed with SIGKILL in the middle of the chunks: each row is written once, and the program of
    before serves all the while."""
    await fill(conn)
    environ, places = later(tmp_path, CHUNKED), list[int | None]()
    for row in (2_050, 2_150, 15_000):  # whose chunk it is in when it is killed
        held = f"select pg_advisory_lock({row})"  # no transaction: a step waits for old ones first
        await asyncio.to_thread(killed_at, command(dsn), dsn, held, "%update counted%", environ)
        assert await require_schema(database) == NOW
        places.append(await came(conn))
    assert places == [2_000, 2_100, 14_900]
    done = await asyncio.to_thread(begin(dsn, environ).communicate)
    assert f"version {NEXT}" in done[0], done
    assert await conn.fetchval("select count(*) from counted where times = 1") == ROWS
    assert await conn.fetchval("select indisvalid from pg_index where indexrelid = 'counted_times'::regclass")
    assert await conn.fetchval("select count(*) from schema_progress") == 0
    assert await require_schema(database) == NEXT  # by this program, which does not know the step


async def test_an_index_that_was_left_half_made_is_made_again(
    conn: asyncpg.Connection, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await conn.execute("create table counted (id int); insert into counted values (1), (1)")
    with_step(
        monkeypatch,
        "-- expand\n-- part: concurrently\ncreate unique index concurrently counted_id on counted (id);\n",
    )
    with pytest.raises(Unavailable, match="counted_id"):
        await migrate(database)
    assert not await conn.fetchval("select indisvalid from pg_index where indexrelid = 'counted_id'::regclass")
    await conn.execute("delete from counted where ctid = (select min(ctid) from counted)")
    assert await migrate(database) == NEXT
    assert await conn.fetchval("select indisvalid from pg_index where indexrelid = 'counted_id'::regclass")


async def test_nobody_queues_behind_a_step_that_waits(
    dsn: str, conn: asyncpg.Connection, database: Database, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """A long transaction reads a table that a step changes: the step steps back again and again, and others read."""
    with_step(monkeypatch, "-- expand\nalter table device add later int;\n")
    reader = await asyncpg.connect(dsn, server_settings={"lock_timeout": "5s", "application_name": "a report"})
    await conn.execute("begin; select count(*) from device")
    under_way = asyncio.create_task(migrate(database))
    while "waits" not in caplog.text:
        assert await reader.fetchval("select count(*) from device") == 0  # would fail behind one that waits
        assert not under_way.done()
    for _ in range(50):
        assert await reader.fetchval("select count(*) from device") == 0
        await asyncio.sleep(0.02)
    assert not under_way.done()
    await conn.execute("commit")
    assert await under_way == NEXT
    await reader.close()


async def test_who_holds_a_lock_for_ever_is_named(
    dsn: str, conn: asyncpg.Connection, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_step(monkeypatch, "-- expand\nalter table device add later int;\n")
    monkeypatch.setattr(migrating, "LOCK_WITHIN_S", 0)
    await conn.execute("set application_name = 'a forgotten shell'; begin; select count(*) from device")
    with pytest.raises(Unavailable, match=f"a forgotten shell, process {conn.get_server_pid()}"):
        await migrate(database)
    await conn.execute("commit")
    assert await migrate(database) == NEXT


@pytest.mark.parametrize(
    ("mark", "knows", "is_let"),
    [
        ("expand", NOW, True),
        ("contract", NOW, False),
        ("contract", None, False),
        (f"contract {NOW:04}", NOW, True),
        (f"contract {NOW:04}", NOW - 1, False),
    ],
)
async def test_nothing_is_taken_from_a_node_that_lives(
    conn: asyncpg.Connection, database: Database, monkeypatch: pytest.MonkeyPatch, mark: str, knows: int | None,
    is_let: bool,
) -> None:  # fmt: skip
    """A step that takes away waits until no node lives that does not know what it must."""
    with_step(monkeypatch, f"-- {mark}\ncreate table later (id int);\n")
    monkeypatch.setattr(migrating, "NODES_WITHIN_S", 0.3)
    node = uuid4()
    await conn.execute("insert into node values ($1, now() + interval '1 h', '0.1.9', $2)", node, knows)
    if not is_let:
        with pytest.raises(Unavailable, match=f"node {node} .upwell 0.1.9"):
            await migrate(database)
        assert await conn.fetchval("select max(version) from schema_version") == NOW
        assert await conn.fetchval("select to_regclass('later')") is None
        await conn.execute("update node set lease_until = now()")
    assert await migrate(database) == NEXT


async def test_a_session_of_a_release_without_a_name_is_in_the_way(
    dsn: str, conn: asyncpg.Connection, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0.1.0 that stands still lets its lease lapse, and goes on writing when it wakes; its connections are there."""
    with_step(monkeypatch, "-- contract\ncreate table later (id int);\n")
    monkeypatch.setattr(migrating, "NODES_WITHIN_S", 0.3)
    old = await asyncpg.connect(dsn, server_settings={"application_name": "upwell"})
    with pytest.raises(Unavailable, match=f"an older upwell, process {old.get_server_pid()}"):
        await migrate(database)
    assert await migrate(database, nodes_are_dead=True) == NEXT
    with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.InternalClientError)):
        await old.fetchval("select 1")
    old.terminate()


OWN = dict.fromkeys((step.version for step in steps()), 0)


@pytest.mark.parametrize(
    ("later_steps", "begun", "refused"),
    [
        ({}, {}, ""),
        ({NEXT: 0}, {}, ""),
        ({NEXT: 0, NEXT + 1: NOW}, {NEXT + 2: 0}, ""),
        ({NEXT: NEXT}, {}, f"step {NEXT} took away"),
        ({NEXT: 0, NEXT + 1: NEXT}, {}, f"step {NEXT + 1} took away"),
        ({NEXT: 0}, {NEXT + 1: NEXT + 1}, f"step {NEXT + 1} took away"),
    ],
)
def test_which_later_schemas_this_program_serves(
    later_steps: dict[int, int], begun: dict[int, int], refused: str
) -> None:
    state = State(OWN | later_steps, begun)
    if not refused:
        assert served(state) == known(state) == max(OWN | later_steps)
        return
    for ask in (served, known):
        with pytest.raises(Unavailable, match=refused):
            ask(state)


@pytest.mark.parametrize(
    "text",
    ["create table x ();", "-- extend\n", "-- expand 0001\n", f"-- contract {NEXT + 1:04}\n",
     "-- expand\n-- part: slowly\nselect 1;", "-- expand\n-- part: chunked\nselect 1;",
     "-- expand\n-- part: concurrently\ncreate index x on device (name);"],
)  # fmt: skip
def test_a_step_that_does_not_say_what_it_is_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=f"migration {NEXT:04}"):
        step_of(NEXT, text)


def test_what_a_step_says_of_itself() -> None:
    step = step_of(NEXT, f"-- contract {NOW:04}\n-- why\n-- part: chunked\nselect :after::text;\n")
    assert (step.needs, step.parts) == (NOW, (Part("chunked", "select $1::text"),))


async def test_a_plan_tells_each_table_that_is_kept_from_others(postgres: str) -> None:
    """Each step in its own transaction: what PostgreSQL has locked against everybody, or against writers, was told."""
    async with empty(postgres, "schema_planned") as dsn:
        conn = await asyncpg.connect(dsn)
        await conn.execute("create table schema_version (version int primary key)")
        for step in steps():
            before = {row["oid"]: row["relname"] for row in await conn.fetch(TABLES)}
            told = {hold.table: hold.takes for doing in plans.doings(step) for hold in doing.holds}
            async with conn.transaction():
                for part in step.parts:
                    await conn.execute(part.text)
                held = await conn.fetch(
                    "select relation, mode from pg_locks where pid = pg_backend_pid() and locktype = 'relation'"
                    " and mode in ('AccessExclusiveLock', 'ShareLock')"
                )
            names = {before[row["relation"]] for row in held if row["relation"] in before}
            assert names <= told.keys(), (step.version, names, told)
            alone = {before[r["relation"]] for r in held if r["relation"] in before and r["mode"].startswith("Access")}
            assert {name for name in alone if told[name] != "everybody"} == set(), (step.version, alone, told)
        await conn.close()


async def test_the_command_looks_and_changes_nothing(
    postgres: str, dsn: str, conn: asyncpg.Connection, tmp_path: Path
) -> None:
    """0 for a schema that is served, 1 for one that is behind, and a refusal for one that is not served any more."""
    await fill(conn)
    await conn.execute("analyze counted")
    environ = later(tmp_path, CHUNKED, "-- contract\ndrop table counted;\n")

    def asked(environ: dict[str, str], *more: str) -> tuple[int, str]:
        process = begin(dsn, environ, *more)
        told, problems = process.communicate()
        return process.returncode, told + problems

    ours = dict(os.environ)
    assert asked(ours, "--check") == (0, f"the schema has version {NOW}, which is this program's\n")
    code, told = asked(environ, "--check")
    assert code == 1 and f"needs {NEXT + 1}: steps to do: 2" in told
    code, plan = asked(environ, "--plan")
    assert code == 0 and f"counted, about {ROWS} rows: nobody can read or write for a moment" in plan, plan
    assert "in chunks" in plan and "only adds" in plan and f"know step {NEXT + 1}" in plan
    assert await conn.fetchval("select max(version) from schema_version") == NOW
    node = uuid4()
    await conn.execute("insert into node values ($1, now() + interval '9 s', '0.1.9', 1)", node)
    assert f"to be stopped before: node {node}" in asked(environ, "--plan")[1]
    began = time.monotonic()
    assert asked(environ) == (0, f"the schema has version {NEXT + 1}\n"), time.monotonic() - began
    code, told = asked(ours, "--check")
    assert code == 2 and f"its step {NEXT + 1} took away" in told
    assert len(told.splitlines()) == 1
    assert asked(ours, "--check", "--plan")[0] == 2
    assert dsn_of(postgres, "x") not in told


async def test_a_role_without_rights_is_told_so_in_a_line(dsn: str, conn: asyncpg.Connection, tmp_path: Path) -> None:
    """Another one than the tables belong to, as after a restore: no command ends in a traceback."""
    role, password = f"stranger_{uuid4().hex[:8]}", uuid4().hex
    await conn.execute(f"create role {role} login password '{password}'")
    try:
        parts = urlsplit(dsn)
        theirs = parts._replace(netloc=f"{role}:{password}@{parts.netloc.rpartition('@')[2]}").geturl()
        for words in (
            ["migrate", "--check"],
            ["migrate", "--plan"],
            ["key", "list"],
            ["doctor", "--http", "127.0.0.1:0"],
        ):
            done = subprocess.run(
                [*COMMAND, *words, "--data-dir", str(tmp_path / "none"), "--database-url", theirs],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == (1 if words[0] == "doctor" else 2), done
            assert "permission denied for table" in done.stdout + done.stderr, done
            assert "Traceback" not in done.stderr and password not in done.stdout + done.stderr
    finally:
        await conn.execute(f"drop role {role}")
