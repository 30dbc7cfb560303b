"""`upwell key|user|object|audit|check` on a data dir that no server runs on: its PostgreSQL is started for the call,
ended with it, and its schema stays as it is."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from test_command_line import refusal, told

from scratch import scratch
from upwell.embedded.files import running_dsn
from upwell.embedded.server import EmbeddedPostgres
from upwell.storage.steps import newest_version


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    top = scratch("upwell-beside-")
    asyncio.run(made(top / "data"))
    assert told("migrate", "--data-dir", str(top / "data")).returncode == 0
    yield top / "data"
    shutil.rmtree(top, ignore_errors=True)


async def made(data_dir: Path) -> None:
    """An empty database that has run."""
    server = EmbeddedPostgres(data_dir)
    await server.start()
    await server.stop()


async def execute(data_dir: Path, statement: str) -> None:
    server = EmbeddedPostgres(data_dir)
    await server.start()
    try:
        conn = await asyncpg.connect(server.dsn)
        await conn.execute(statement)
        await conn.close()
    finally:
        await server.stop()


def test_a_key_is_made_listed_and_written_down(data_dir: Path) -> None:
    where = ("--data-dir", str(data_dir))
    done = told("key", "create", "--dialect", "upwell", "--role", "admin", "--json", *where)
    assert done.returncode == 0, done.stderr
    key = json.loads(done.stdout)
    assert key["secret"].startswith(key["id"]) and running_dsn(data_dir) is None
    listed, entries = told("key", "list", *where).stdout, told("audit", "list", *where).stdout
    assert key["id"] in listed and "key create" in entries and key["id"] in entries
    assert told("object", "list", "--bucket", "firmware", "--account", "default", *where).returncode == 0
    assert told("check", *where).returncode == 0
    assert running_dsn(data_dir) is None and not list(data_dir.glob("run/.s.*"))


def test_two_at_once_do_not_share_it_unknown(data_dir: Path) -> None:
    """Who holds the data dir is told; nothing is damaged."""

    async def held() -> str:
        server = EmbeddedPostgres(data_dir)
        await server.start()
        try:  # it serves: the command finds it
            done = await asyncio.to_thread(told, "key", "list", "--data-dir", str(data_dir))
            return done.stdout
        finally:
            await server.stop()

    assert "upw_" in asyncio.run(held())


def test_a_folder_without_a_database_stays_empty(tmp_path: Path) -> None:
    line = refusal("key", "list", "--data-dir", str(tmp_path / "none"))
    assert "has no database" in line and "upwell serve" in line and not (tmp_path / "none").exists()


def test_a_schema_of_another_version_is_refused_and_left(data_dir: Path) -> None:
    newest = newest_version()
    asyncio.run(execute(data_dir, f"delete from schema_version where version = {newest}"))
    line = refusal("key", "list", "--data-dir", str(data_dir))
    assert str(newest) in line and "upwell migrate" in line and running_dsn(data_dir) is None
    assert refusal("key", "list", "--data-dir", str(data_dir)) == line
    asyncio.run(execute(data_dir, f"insert into schema_version values ({newest}), ({newest + 1})"))
    assert "newer" in refusal("key", "list", "--data-dir", str(data_dir))
