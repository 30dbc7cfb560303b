"""The door to PostgreSQL: bounded pools, and transactions that repeat when PostgreSQL breaks a tie.

Foreign errors are translated here: a lost or refused connection becomes Unavailable, and so does a PostgreSQL that
takes no writes (a standby, a full disk, a role without the right); text that PostgreSQL can't hold becomes Invalid, and
a wait for a row that took too long becomes Held. A transaction body may run more than once, so it must not do anything
outside the database that can't be repeated; and it leaves nothing set in its session, for a connection is given back as
it is.
What its schema must be is storage/migrating.py's to say.
"""

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import Field, dataclass, field, fields
from typing import Any, ClassVar, Protocol, TypeAlias, TypeVar

import asyncpg

from upwell.domain.errors import Held, Invalid, Unavailable
from upwell.storage.hosts import Hosts, notices_that_it_is_gone
from upwell.storage.sealing import Seals
from upwell.storage.steps import newest_version
from upwell.storage.timing import PoolMeter

log = logging.getLogger(__name__)
T = TypeVar("T")
Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
Row: TypeAlias = asyncpg.Record

TRIES_MAX = 5  # a deadlock or serialisation failure is settled by running the loser again
CONNECT_WITHIN_S = 15.0  # an address that swallows what is sent to it is told as unreachable
_SESSION = {
    "plan_cache_mode": "force_custom_plan",  # optional filters need real plans
    "default_transaction_isolation": "read committed",  # who waited for a lock must see what its holder did
    "jit": "off",  # statements are short; compiling them costs more than it gives
}
_NAME = f"upwell {newest_version()}"  # who migrates sees by it which step we know; 0.1.0 called itself `upwell`


@dataclass(frozen=True, slots=True)
class Pool:
    """The connections of one kind of work, so that no other kind can keep it waiting; more than a few per core only
    queue inside PostgreSQL. `session`: what they set beside what all do."""

    name: str
    size: int
    session: Mapping[str, str] = field(default_factory=dict)


MANAGEMENT = Pool("management", 8)
DEVICES = Pool("devices", 8, {"lock_timeout": "1s"})  # they set aside what others hold; this is for the unforeseen
UPKEEP = Pool("upkeep", 6)
LEASE = Pool("lease", 1)
LOOKUPS = Pool(
    "look-ups", 4,
    {  # each row by its key, planned once: planning is most of what a small question costs, and no size changes it
        "plan_cache_mode": "force_generic_plan", "enable_seqscan": "off", "enable_hashjoin": "off",
        "enable_mergejoin": "off",
    },
)  # fmt: skip
KINDS = (MANAGEMENT, DEVICES, UPKEEP, LEASE, LOOKUPS)

_TIES = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
_LOST = (
    asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.CannotConnectNowError, OSError,
    asyncpg.AdminShutdownError, asyncpg.CrashShutdownError,
    asyncpg.InternalClientError,  # a statement to what is being ended; of several hosts all that answer are standbys
)  # fmt: skip
_NO_WRITES = (  # the last two are classes 53 and 58: no disk space, memory or connection left, an IO error
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InsufficientPrivilegeError,  # the role of the URL is not the one that owns the tables, or no longer
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
)
_UNHELD = (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError)


class _Session(asyncpg.Connection):
    """A connection that is given back without a question: nothing is set in its session, and what was left of a
    transaction is rolled back all the same."""

    meter: PoolMeter  # of the pool; each has a class of its own
    seals: Seals  # of the process

    def __init__(self, protocol: Any, transport: asyncio.Transport, *rest: Any) -> None:
        super().__init__(protocol, transport, *rest)
        notices_that_it_is_gone(transport)

    def get_reset_query(self) -> str:
        """Nothing to reset."""
        return ""

    async def execute(self, query: str, *args: Any, **how: Any) -> Any:
        """As the driver's, and timed."""
        return await self.meter.timed(query, super().execute(query, *args, **how))

    async def fetch(self, query: str, *args: Any, **how: Any) -> Any:
        """As the driver's, and timed."""
        return await self.meter.timed(query, super().fetch(query, *args, **how))

    async def fetchrow(self, query: str, *args: Any, **how: Any) -> Any:
        """As the driver's, and timed."""
        return await self.meter.timed(query, super().fetchrow(query, *args, **how))

    async def fetchval(self, query: str, *args: Any, **how: Any) -> Any:
        """As the driver's, and timed."""
        return await self.meter.timed(query, super().fetchval(query, *args, **how))


class Database:
    """One kind of connections to one PostgreSQL; `name` is what its refusals call it, `seals` is what secrets are kept
    by."""

    def __init__(self, dsn: str, name: str = "PostgreSQL", pool: Pool = MANAGEMENT, seals: Seals | None = None) -> None:
        self._dsn = dsn
        self._name = name
        self._kind = pool
        self.seals = seals or Seals()
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self.meter = PoolMeter(pool.name)

    async def open(self) -> None:
        """Connect. Raises Unavailable when PostgreSQL can't be reached."""
        try:
            pool = await asyncpg.create_pool(  # of a floor it would log each failure to keep it
                self._dsn, min_size=0, max_size=self._kind.size, command_timeout=120, timeout=CONNECT_WITHIN_S,
                connect=Hosts(self._dsn).connect,
                server_settings=_SESSION | {"application_name": _NAME} | dict(self._kind.session),
                connection_class=type("_Session", (_Session,), {"meter": self.meter, "seals": self.seals}),
            )  # fmt: skip
            async with pool.acquire():
                self._pool = pool
        except (*_LOST, asyncpg.PostgresError, ValueError) as exc:
            raise Unavailable(f"{self._name} can't be reached: {reason_of(exc)}") from exc

    async def beside(self, pool: Pool) -> "Database":
        """Connections of another kind to the same PostgreSQL, open. Raises as `open` does."""
        other = Database(self._dsn, self._name, pool, self.seals)
        await other.open()
        return other

    async def close(self) -> None:
        """Give every connection back; those still busy after 3 s are cut."""
        if self._pool is None:
            return
        try:
            await asyncio.wait_for(self._pool.close(), 3)
        except TimeoutError:
            self._pool.terminate()

    @property
    def dsn(self) -> str:
        """Where it is, with its password: for programs that connect themselves, and for no log."""
        return self._dsn

    def connections(self) -> tuple[int, int, int]:
        """How many are busy, idle, and may be at most."""
        if self._pool is None:
            return 0, 0, self._kind.size
        idle = self._pool.get_idle_size()
        return self._pool.get_size() - idle, idle, self._kind.size

    @property
    def unwitnessed(self) -> "Database":
        """The same connections without a witness, for what only prepares (see Witnessed)."""
        return self

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection for reading; each statement commits by itself. Raises Unavailable, Held for rows that others
        hold longer than this kind of work waits, and Invalid for text with a NUL or half a character in it."""
        if self._pool is None:
            raise Unavailable("The database is not open.")
        try:
            asked_s = time.perf_counter()
            async with self._pool.acquire(timeout=30) as conn:
                self.meter.waited(asked_s)
                try:
                    yield conn
                except asyncpg.InternalClientError:  # it is being ended, and would be given to the next as it is
                    conn.terminate()
                    raise
        except _UNHELD as exc:
            raise Invalid("text", "no NUL character") from exc
        except asyncpg.DataError as exc:
            if isinstance(exc.__cause__, UnicodeEncodeError):
                raise Invalid("text", "whole characters") from exc
            raise
        except asyncpg.LockNotAvailableError as exc:
            raise Held from exc
        except _LOST as exc:
            raise Unavailable(f"PostgreSQL does not answer: {reason_of(exc)}") from exc
        except _NO_WRITES as exc:
            if isinstance(exc, asyncpg.ReadOnlySQLTransactionError):  # it is a standby now: ask anew which one is not
                await self._pool.expire_connections()
            raise Unavailable(f"PostgreSQL can't do it now: {reason_of(exc)}") from exc

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


class Witnessed(Database):
    """Another's connections, whose first transaction that commits has a row of the witness in it, written last of all:
    one comes with the other, and no body needs to know of it. `witness` is given what the body returned; what stands
    in `first` is done first of all in that transaction, in that order, and what one raises ends it."""

    def __init__(self, of: Database, witness: Callable[[Connection, Any], Awaitable[None]]) -> None:
        self._of = of
        self._witness = witness
        self.first: list[Callable[[Connection], Awaitable[None]]] = []
        self.has_written = False

    @property
    def unwitnessed(self) -> Database:
        """The other itself."""
        return self._of

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """The other's, as it gives them: for reading."""
        async with self._of.connection() as conn:
            yield conn

    async def transact(self, body: Callable[[Connection], Awaitable[T]]) -> T:
        """As the other does it; a body that runs again after a tie is witnessed again, the first time being undone."""
        if self.has_written:
            return await self._of.transact(body)

        async def witnessed(conn: Connection) -> T:
            for each in self.first:
                await each(conn)
            result = await body(conn)
            await self._witness(conn, result)
            return result

        result = await self._of.transact(witnessed)
        self.has_written = True
        return result


def seals_of(conn: Connection) -> Seals:
    """What secrets are kept by in the database of this connection."""
    seals = getattr(conn, "seals", None)  # of the session behind the pool's proxy
    assert isinstance(seals, Seals)  # noqa: S101  # every connection is of a Database
    return seals


def reason_of(exc: Exception) -> str:
    """Why, in PostgreSQL's or the system's words; neither has a password in it."""
    if isinstance(exc, TimeoutError):
        return "no answer in time"
    if isinstance(exc, asyncpg.TargetServerAttributeNotMatched):
        return "none of its hosts takes writes"
    if isinstance(exc, asyncpg.InternalClientError):
        return "it is ending the connection"
    number = getattr(exc, "errno", None)
    if isinstance(number, int) and number > 0:
        return os.strerror(number)  # the event loop's own words have the address, and the resolver's number is below 0
    return getattr(exc, "strerror", None) or str(exc).partition("\n")[0] or type(exc).__name__


class _View(Protocol):
    """A dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


V = TypeVar("V", bound=_View)


def filled(view: type[V], row: Row, **others: object) -> V:
    """The view whose members are the columns of their names, or these others; a member with neither has its default."""
    columns = dict(row.items()) | others
    return view(**{each.name: columns[each.name] for each in fields(view) if each.name in columns})
