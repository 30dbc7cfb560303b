"""The real PostgreSQL under the tests: one embedded server per session, a fresh migrated database per test."""

import asyncio
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from counting import miscounted

from scratch import scratch
from upwell.embedded.server import EmbeddedPostgres
from upwell.service.clock import utc_now
from upwell.service.context import Context
from upwell.service.manage import access
from upwell.storage.database import Database
from upwell.storage.migrating import migrate

TEMPLATE = "upwell_template"
SERVER_START_S = 20.0
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
    top = scratch("upwell-test-")
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


@pytest.fixture(scope="session")
def administer(postgres: str) -> Iterator[Callable[[str], object]]:
    """Has a statement done. One connection does all of them, in a loop of its own: to log in and out for each would
    take a third of a test's fresh database."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        conn = runner.run(asyncpg.connect(postgres))
        yield lambda statement: runner.run(conn.execute(statement))
        runner.run(conn.close())


@pytest.fixture
def dsn(postgres: str, administer: Callable[[str], object]) -> Iterator[str]:
    """The DSN of a fresh database."""
    name = f"test_{next(_number)}"
    administer(f"create database {name} template {TEMPLATE} strategy file_copy")  # half the CPU of a log
    yield dsn_of(postgres, name)
    administer(f"drop database {name} with (force)")


@pytest.fixture
def clock() -> Clock:
    """The clock that `ctx` reads."""
    return Clock()


@pytest_asyncio.fixture
async def ctx(dsn: str, clock: Clock) -> AsyncIterator[Context]:
    """A context on a fresh database, whose counters say what stands when a test is done with it (`counting`)."""
    database = Database(dsn)
    await database.open()
    context = Context(database, clock)
    yield context
    wrong = await miscounted(context)
    await database.close()
    assert not wrong


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


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


@contextmanager
def serving_s3(data: Path, port: int) -> Iterator[None]:
    """A real S3 server (nanio) with one bucket, `bucket`."""
    (data / "bucket").mkdir(parents=True, exist_ok=True)
    env = os.environ | {"NANIO_ACCESS_KEY": "test", "NANIO_SECRET_KEY": "testsecret"}
    nanio = str(Path(sys.executable).parent / "nanio")
    command = [nanio, "serve", "--data-dir", str(data), "--host", "127.0.0.1", "--port", str(port), "--no-access-log"]
    server = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(10)


@pytest.fixture(scope="session")
def s3_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a store on a real S3 server."""
    port = free_port()
    with serving_s3(tmp_path_factory.mktemp("s3"), port), pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testsecret")
        yield f"s3://bucket/some/prefix?endpoint=http://127.0.0.1:{port}&region=us-east-1"


def _wait_for(port: int) -> None:
    end = time.monotonic() + SERVER_START_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
