"""The real PostgreSQL under the tests: one embedded server per session, a fresh migrated database per test."""

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from upwell.embedded import EmbeddedPostgres
from upwell.service import access
from upwell.service.context import Context, utc_now
from upwell.storage.database import Database, migrate

TEMPLATE = "upwell_template"
_number = itertools.count(1)


class Clock:
    """A clock that tests move; each look takes a millisecond, so that later is always larger."""

    def __init__(self) -> None:
        self.moment = utc_now()

    def __call__(self) -> datetime:
        self.moment += timedelta(milliseconds=1)
        return self.moment

    def move(self, **span: float) -> None:
        """Let time pass."""
        self.moment += timedelta(**span)


def dsn_of(dsn: str, name: str) -> str:
    """The same server's other database."""
    return dsn.replace("/upwell?", f"/{name}?", 1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The DSN of a running server that has a migrated template database."""
    top = Path(tempfile.mkdtemp(prefix="upwell-test-", dir="/tmp"))
    top.chmod(0o711)  # as root the server is another user and must pass through
    server = EmbeddedPostgres(top / "data")
    asyncio.run(_start(server))
    yield server.dsn
    asyncio.run(server.stop())
    shutil.rmtree(top, ignore_errors=True)


async def _start(server: EmbeddedPostgres) -> None:
    await server.start()
    await _admin(server.dsn, f"create database {TEMPLATE}")
    database = Database(dsn_of(server.dsn, TEMPLATE))
    await database.open()
    await migrate(database)
    await database.close()


async def _admin(dsn: str, statement: str) -> None:
    conn = await asyncpg.connect(dsn)
    await conn.execute(statement)
    await conn.close()


@pytest_asyncio.fixture
async def dsn(postgres: str) -> AsyncIterator[str]:
    """The DSN of a fresh database."""
    name = f"test_{next(_number)}"
    await _admin(postgres, f"create database {name} template {TEMPLATE}")
    yield dsn_of(postgres, name)
    await _admin(postgres, f"drop database {name} with (force)")


@pytest.fixture
def clock() -> Clock:
    """The clock that `ctx` reads."""
    return Clock()


@pytest_asyncio.fixture
async def ctx(dsn: str, clock: Clock) -> AsyncIterator[Context]:
    """A context on a fresh database."""
    database = Database(dsn)
    await database.open()
    yield Context(database, clock)
    await database.close()


@pytest_asyncio.fixture
async def caller(ctx: Context) -> access.Caller:
    """The admin of a fresh account."""
    return await caller_of(ctx, "acme", "admin")


@pytest_asyncio.fixture
async def stranger(ctx: Context) -> access.Caller:
    """The admin of another account."""
    return await caller_of(ctx, "other", "admin")


async def caller_of(ctx: Context, account: str, role: str) -> access.Caller:
    """A caller with a new key."""
    key = await access.create_key(ctx, account, role, "alibaba")
    return access.Caller(key.account_id, key.role, key.key_id, key.dialect)
