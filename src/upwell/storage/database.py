"""The door to PostgreSQL: a bounded pool, transactions that repeat when PostgreSQL breaks a tie, migrations.

Foreign errors are translated here: a lost or refused connection becomes Unavailable, text that PostgreSQL can't hold
becomes Invalid. A transaction body may run more than once, so it must not do anything outside the database that can't
be repeated.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any, TypeAlias, TypeVar

import asyncpg

from upwell.domain.errors import Invalid, Unavailable

log = logging.getLogger(__name__)
T = TypeVar("T")
Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
Row: TypeAlias = asyncpg.Record

TRIES_MAX = 5  # a deadlock or serialisation failure is settled by running the loser again
POOL_MAX = 12  # connections; more than a few per core only queue inside PostgreSQL
_SESSION = {"plan_cache_mode": "force_custom_plan", "application_name": "upwell"}  # optional filters need real plans
_TIES = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
_LOST = (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.CannotConnectNowError, OSError)
_UNHELD = (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError)


class Database:
    """A pool of connections to one PostgreSQL."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None

    async def open(self) -> None:
        """Connect. Raises Unavailable when PostgreSQL can't be reached."""
        try:
            self._pool = await asyncpg.create_pool(
                self._dsn, min_size=1, max_size=POOL_MAX, command_timeout=120, server_settings=_SESSION
            )
        except (*_LOST, asyncpg.PostgresError) as exc:
            raise Unavailable(f"PostgreSQL can't be reached: {type(exc).__name__}") from exc

    async def close(self) -> None:
        """Give every connection back; those still busy after 3 s are cut."""
        if self._pool is None:
            return
        try:
            await asyncio.wait_for(self._pool.close(), 3)
        except TimeoutError:
            self._pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection for reading; each statement commits by itself. Raises Unavailable, and Invalid for text with a
        NUL or half a character in it."""
        if self._pool is None:
            raise Unavailable("The database is not open.")
        try:
            async with self._pool.acquire(timeout=30) as conn:
                yield conn
        except _UNHELD as exc:
            raise Invalid("text", "no NUL character") from exc
        except asyncpg.DataError as exc:
            if isinstance(exc.__cause__, UnicodeEncodeError):
                raise Invalid("text", "whole characters") from exc
            raise
        except _LOST as exc:
            raise Unavailable(f"PostgreSQL does not answer: {type(exc).__name__}") from exc

    async def transact(self, body: Callable[[Connection], Awaitable[T]]) -> T:
        """Run `body` in one transaction; it is committed when this returns. A tie is run again."""
        for attempt in range(TRIES_MAX):
            try:
                async with self.connection() as conn, conn.transaction():
                    return await body(conn)
            except _TIES:
                if attempt == TRIES_MAX - 1:
                    raise
                log.info("transaction lost a tie, running it again")
        raise AssertionError("unreachable")


def migrations() -> list[tuple[int, str]]:
    """Number and text of every migration, in order."""
    folder = files("upwell.storage").joinpath("migrations")
    found = [(int(f.name[:4]), f.read_text("utf-8")) for f in folder.iterdir() if f.name.endswith(".sql")]
    return sorted(found)


async def migrate(database: Database) -> int:
    """Bring the schema to the newest version, one transaction for all steps; returns that version.
    Safe when several processes start at once: an advisory lock lets one do it."""

    async def body(conn: Connection) -> int:
        await conn.execute("select pg_advisory_xact_lock(7386015)")
        await conn.execute("create table if not exists schema_version (version int primary key)")
        have = await conn.fetchval("select coalesce(max(version), 0) from schema_version")
        for version, text in migrations():
            if version > have:
                await conn.execute(text)
                await conn.execute("insert into schema_version values ($1)", version)
                have = version
        return int(have)

    return await database.transact(body)


def values(row: Row) -> dict[str, Any]:
    """A row as keyword arguments."""
    return dict(row.items())
