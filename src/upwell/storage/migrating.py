"""The schema's version: who may serve a database, and how a database comes to this program's schema.

A program serves a database that has all of its own steps and later ones that leave it what it uses; each step says
which program may go on after it (storage/steps.py), and the database keeps that. `require_schema` only looks.
`migrate` does what is missing, one process at a time, and while no node lives that could not serve what comes of it.
Never does a step wait for a lock in front of others: it gives up within LOCK_WAIT_MS, before PostgreSQL would take it
and another for a deadlock, and tries again. What is done stays done: a step goes on after a kill where it was.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import TypeVar

import asyncpg

from upwell import __version__
from upwell.domain.errors import Unavailable
from upwell.storage import plans
from upwell.storage.database import Connection, Database, reason_of
from upwell.storage.queries import sheet
from upwell.storage.steps import UNMARKED, Part, Step, newest_version, steps

log = logging.getLogger(__name__)
T = TypeVar("T")

MIGRATE_WITHIN_S = 3600.0  # a step may rewrite a large table, and another process's steps are waited for
LOCK_WAIT_MS = 800  # less than PostgreSQL's deadlock_timeout of a second
LOCK_WITHIN_S = 3600.0  # a backup reads every table, and may read for long
LOCK_PAUSE_S = 5.0  # between two tries at most
TOLD_EACH = 20  # tries
LOOK_AGAIN_S = 0.25
NODES_WITHIN_S = 20.0  # longer than the lease of a node that was killed just now (service/upgrade/nodes.py: LEASE_S)
REST = 0.5  # between two chunks, of the time that a chunk took: what serves is not to feel them
_LOCK = 7386015
_HELD = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
_Q = sheet("schema")


@dataclass(frozen=True, slots=True)
class State:
    """What a database says: the steps that are done and the one that is being done in parts, and which step a program
    must know that serves what each made."""

    needs: dict[int, int]
    begun: dict[int, int]

    @property
    def version(self) -> int:
        """The newest step that is done; 0 for none."""
        return max(self.needs, default=0)


async def state_of(database: Database) -> State:
    """As it is now."""
    async with database.connection() as conn:
        return await _state(conn)


async def require_schema(database: Database) -> int:
    """Pass when this program may serve this schema, and return its version; nothing is changed. Raises Unavailable
    naming both versions."""
    return served(await state_of(database))


async def require_settled(database: Database) -> int:
    """As `require_schema`, once nobody migrates. Who migrates after it sees the lease that a node took before it."""
    async with database.connection() as conn, _alone(conn):
        return served(await _state(conn))


def served(state: State) -> int:
    """The version of a schema that this program may serve. Raises Unavailable for any other."""
    have, newest = known(state), newest_version()
    if have < newest:
        raise Unavailable(
            f"The database has schema version {have} and this program, upwell {__version__}, needs {newest}: start "
            "`upwell serve` of this program on it, or run `upwell migrate`."
        )
    return have


def known(state: State) -> int:
    """The version of a schema that this program may serve, or bring to where it may; 0 for none. Raises Unavailable
    when it can't go on from there."""
    have, newest = state.version, newest_version()
    later = {version: needs for version, needs in (state.needs | state.begun).items() if version > newest}
    if ended := [version for version, needs in later.items() if needs > newest]:
        raise Unavailable(
            f"The database has schema version {have}, which is newer than {newest}, the newest that this program, "
            f"upwell {__version__}, knows, and its step {min(ended)} took away what this program uses: run the Upwell "
            "that made it, or a later one."
        )
    missing = [step.version for step in steps() if step.version < have and step.version not in state.needs]
    if missing:
        raise Unavailable(
            f"The database has schema version {have} without step {missing[0]}, so a program between two releases made "
            f"it: start from a backup made by a release of Upwell, with this program, upwell {__version__}."
        )
    return have


def lacking(state: State) -> list[Step]:
    """The steps that are to be done, in order. Raises as `known` does."""
    have = known(state)
    return [step for step in steps() if step.version > have]


async def migrate(database: Database, *, alone: bool = False, nodes_are_dead: bool = False) -> int:
    """Bring the schema to this program's; returns its version, which is a later one where that only adds. Safe when
    several processes start at once: one does it, the others wait. `alone`: nobody else can be at this database.
    `nodes_are_dead`: so somebody says; their sessions are ended. Raises Unavailable when the database is too new,
    when nodes live that could not serve it then, and for what PostgreSQL refuses; what was done by then stays."""
    try:
        async with database.connection() as conn, _alone(conn):
            todo = lacking(await _state(conn))
            if not todo:
                return known(await _state(conn))
            if nodes_are_dead:
                await _bury(conn, _needed(todo))
            elif not alone:
                await _until_nobody_lacks_it(conn, _needed(todo))
            await _unmarked(conn, [step for step in todo if step.version <= UNMARKED])
            for step in todo:
                if step.version > UNMARKED:
                    await _in_parts(conn, step)
            return served(await _state(conn))
    except asyncpg.PostgresError as exc:  # such as no right to make tables, or a PostgreSQL that is too old
        raise Unavailable(f"The schema can't be brought to version {newest_version()}: {reason_of(exc)}") from exc


async def in_the_way(database: Database, todo: list[Step]) -> list[str]:
    """Who lives at the database and could not serve it after these steps, in words."""
    async with database.connection() as conn:
        return await _in_the_way(conn, _needed(todo))


async def rows_of(database: Database, tables: set[str]) -> dict[str, int]:
    """About how many rows each of these tables has, as PostgreSQL last counted them; of one that is not there, none."""
    async with database.connection() as conn:
        found = await conn.fetch(*_Q["rows_of"](tables=sorted(tables)))
    return {row["name"]: row["about"] for row in found}


def _needed(todo: list[Step]) -> int:
    return max((step.needs for step in todo), default=0)


async def _state(conn: Connection) -> State:
    there = await conn.fetchrow(*_Q["what_is_there"]())
    assert there is not None  # noqa: S101  # it has no condition
    needs = {} if not there["has_steps"] else {r["version"]: r["needs"] for r in await conn.fetch(*_Q["done"]())}
    begun = {} if not there["has_parts"] else {r["version"]: r["needs"] for r in await conn.fetch(*_Q["begun"]())}
    return State(needs, begun)


@asynccontextmanager
async def _alone(conn: Connection) -> AsyncIterator[None]:
    """Nobody else migrates. It is asked for again and again, for who waits inside PostgreSQL keeps an index from being
    made concurrently."""
    until = time.monotonic() + MIGRATE_WITHIN_S
    while not await conn.fetchval(*_Q["lock"](which=_LOCK)):
        if time.monotonic() > until:
            raise Unavailable("Another process has been migrating the database for an hour: see what it waits for.")
        await asyncio.sleep(LOOK_AGAIN_S)
    try:
        yield
    finally:
        if not conn.is_closed():
            await conn.execute(*_Q["unlock"](which=_LOCK))


async def _in_the_way(conn: Connection, needed: int) -> list[str]:
    there = await conn.fetchrow(*_Q["what_is_there"]())
    if there is None or not there["has_nodes"] or not needed:
        return []
    nodes = await conn.fetch(*_Q["living_nodes"](needed=needed))
    told = [f"node {row['node_id']} ({row['program'] or 'upwell of before 0.2.0'})" for row in nodes]
    sessions = await conn.fetch(*_Q["old_sessions"](needed=needed))
    return told or [f"a session of an older upwell, process {row['pid']} of PostgreSQL" for row in sessions]


async def _until_nobody_lacks_it(conn: Connection, needed: int) -> None:
    until = time.monotonic() + NODES_WITHIN_S
    while found := await _in_the_way(conn, needed):
        if time.monotonic() > until:
            raise Unavailable(
                f"The schema is not brought to version {newest_version()} while programs live that don't know step "
                f"{needed} and would write what it no longer fits: {', '.join(found[:5])}. Stop them, then start this "
                "one again; if none of them lives, run `upwell migrate --nodes-are-dead`."
            )
        await asyncio.sleep(LOOK_AGAIN_S)


async def _bury(conn: Connection, needed: int) -> None:
    there = await conn.fetchrow(*_Q["what_is_there"]())
    if there is not None and there["has_nodes"]:
        await conn.execute(*_Q["end_leases"](needed=needed))
        await conn.execute(*_Q["end_sessions"](needed=needed))


async def _unmarked(conn: Connection, todo: list[Step]) -> None:
    """The steps of before there were marks: all or none, so that the program before can go on where they can't. Each
    lock that they need is got before any work is done, which one that is not got would undo."""
    tables = {hold.table for step in todo for doing in plans.doings(step) for hold in doing.holds}

    async def all_of_them() -> None:
        if found := [row["name"] for row in await conn.fetch(*_Q["rows_of"](tables=sorted(tables)))]:
            await conn.execute(f"lock table {', '.join(found)} in access exclusive mode")
        await conn.execute("create table if not exists schema_version (version int primary key)")
        if todo[0].version > 1:  # a large database takes its time
            log.info("the schema comes from step %s to %s at once", todo[0].version - 1, todo[-1].version)
        for step in todo:
            for part in step.parts:
                await conn.execute(part.text, timeout=MIGRATE_WITHIN_S)
            await conn.execute("insert into schema_version (version) values ($1)", step.version)

    if todo:
        await _patiently(conn, f"steps {todo[0].version} to {todo[-1].version}", all_of_them)


async def _in_parts(conn: Connection, step: Step) -> None:
    came = await conn.fetchrow(*_Q["progress"](version=step.version))
    done, after = (came["parts"], came["after"]) if came else (0, None)
    for number, part in enumerate(step.parts[done:], done):
        await _do(conn, step, part, number, after)
        after = None

    async def over() -> None:
        await conn.execute(*_Q["step_is_done"](version=step.version, needs=step.needs))
        await conn.execute(*_Q["forget_progress"](version=step.version))

    await _patiently(conn, f"step {step.version}", over)
    log.info("the schema has step %s", step.version)


async def _do(conn: Connection, step: Step, part: Part, number: int, after: str | None) -> None:
    name = f"step {step.version}"

    async def noted(parts: int, after: str | None = None) -> None:
        await conn.execute(*_Q["note_progress"](version=step.version, needs=step.needs, parts=parts, after=after))

    async def whole() -> None:
        await conn.execute(part.text, timeout=MIGRATE_WITHIN_S)
        await noted(number + 1)

    async def chunk() -> str | None:
        came: str | None = await conn.fetchval(part.text, after, timeout=MIGRATE_WITHIN_S)
        await noted(number + (came is None), came)
        return came

    match part.how:
        case "whole":
            await _patiently(conn, name, whole)
        case "chunked":
            while True:
                began = time.monotonic()
                after = await _patiently(conn, name, chunk)
                if after is None:
                    return
                await asyncio.sleep(REST * (time.monotonic() - began))
        case "concurrently":
            await _patiently(conn, name, lambda: noted(number))
            await _index(conn, part)
            await _patiently(conn, name, lambda: noted(number + 1))


async def _index(conn: Connection, part: Part) -> None:
    """One that was being made when its maker was killed is there, and of no use."""
    is_good = await conn.fetchval(*_Q["is_index_good"](name=part.index))
    if is_good is False:
        await conn.execute(f"drop index concurrently {part.index}", timeout=MIGRATE_WITHIN_S)
    if not is_good:
        await conn.execute(part.text, timeout=MIGRATE_WITHIN_S)


async def _patiently(conn: Connection, what: str, body: Callable[[], Awaitable[T]]) -> T:
    """Run `body` in one transaction that waits for no lock longer than LOCK_WAIT_MS: who comes after it waits no longer
    than that either. It is run again until it gets them all."""
    until = time.monotonic() + LOCK_WITHIN_S
    for attempt in count():
        try:
            async with conn.transaction():
                await conn.execute(*_Q["wait_for_locks"](wait=f"{LOCK_WAIT_MS}ms"))
                return await body()
        except _HELD:
            if attempt % TOLD_EACH == 0:
                log.warning("%s of the schema waits: %s", what, await _oldest(conn))
            if time.monotonic() > until:
                break
        await asyncio.sleep(min(LOOK_AGAIN_S * (attempt + 1), LOCK_PAUSE_S))
    raise Unavailable(
        f"The schema's {what} can't be done: it gets no lock, and {await _oldest(conn)}. End that, then start this one "
        "again."
    )


async def _oldest(conn: Connection) -> str:
    """Whose transaction has been open for longest."""
    row = await conn.fetchrow(*_Q["oldest_transaction"]())
    if row is None:
        return "no transaction of this database is open now"
    return (
        f"the oldest transaction is of {row['name'] or 'a program without a name'}, process {row['pid']}, open for "
        f"{row['age_s']} s"
    )
