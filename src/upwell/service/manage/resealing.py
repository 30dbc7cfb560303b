"""Secrets encrypted with another key, or no more, or for the first time: beside servers that run.

Holds: so many rows in a transaction, in the order of their key; a row that is right already is left alone, and one
that somebody wrote meanwhile is left as they wrote it, so this may be killed at any moment and begun again. Keys that
nothing is encrypted with any more are taken away at the end, and only while every process that serves encrypts with
the new one: a process that does not would go on with the old one.
"""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from upwell.domain.errors import Unavailable
from upwell.service.context import Context
from upwell.service.upgrade import seal_keys
from upwell.storage.database import Connection, Row, seals_of
from upwell.storage.queries import sheet
from upwell.storage.sealing import Kept, Seals, sealed_with

SQL = sheet("seal_keys")
AT_ONCE = 500  # rows in a transaction
PASSES_MAX = 5  # over a table of which others write rows meanwhile
FIRST_UUID = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class Table:
    """A table with secrets: its columns, and what is before its first row."""

    name: str
    first: Kept
    second: Kept | None
    before: str | int


TABLES = (
    Table("product", Kept.PRODUCT, None, -1),
    Table("access_key", Kept.KEY, None, ""),
    Table("hook_action", Kept.ACTION, None, -1),
    Table("receiver", Kept.RECEIVER, Kept.RECEIVER, -1),
    Table("device", Kept.DEVICE, Kept.SECONDARY, FIRST_UUID),
)
SERVERS = "secret"  # the table of the platform's own, which are bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How far it is: of this table so many rows were read, so many written."""

    table: str
    read: int
    written: int
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """How many secrets of a table are kept how: by the id of the key, empty for plain."""

    table: str
    by_key: Counter[str]


async def rotate(ctx: Context) -> AsyncIterator[Step]:
    """Have all secrets kept as the first key of this process says; a step now and then. Raises Unavailable."""
    await seal_keys.begin(ctx.database)
    await _require_nodes(ctx)
    for table in (*TABLES, None):
        for _ in range(PASSES_MAX):
            left = 0
            async for step, missed in _table(ctx, table):
                left += missed
                yield step
            if not left:
                break
        else:
            name = SERVERS if table is None else table.name
            raise Unavailable(f"Rows of {name} are written faster than they can be encrypted: run it again.")
    await _end(ctx)


async def counted(ctx: Context) -> AsyncIterator[Held]:
    """How all secrets are kept, a table at a time; read in small parts."""
    for table in TABLES:
        by_key = Counter[str]()
        async for rows in _read(ctx, table):
            for row in rows:
                by_key.update(sealed_with(text) for text in (row["first"], row["second"]) if text)
        yield Held(table.name, by_key)
    async with ctx.database.connection() as conn:
        rows = await conn.fetch(*SQL["secret"]())
    yield Held(SERVERS, Counter(sealed_with(bytes(row["value"]).decode("latin-1")) for row in rows))


async def _read(ctx: Context, table: Table) -> AsyncIterator[list[Row]]:
    after: str | int = table.before
    while True:
        async with ctx.database.connection() as conn:
            rows = list(await conn.fetch(*SQL[table.name](after=after, at_most=AT_ONCE)))
        if not rows:
            return
        yield rows
        last = rows[-1]["id"]
        after = int(last) if isinstance(table.before, int) else last


async def _table(ctx: Context, table: Table | None) -> AsyncIterator[tuple[Step, int]]:
    """One pass over a table; with each step how many rows somebody else wrote meanwhile."""
    if table is None:
        written = await ctx.database.transact(_servers)
        yield Step(table=SERVERS, read=written, written=written, is_over=True), 0
        return
    read = done = 0
    async for rows in _read(ctx, table):
        due = [row for row in rows if _is_due(ctx.database.seals, row)]
        written = await _written(ctx, table, due) if due else 0
        read, done = read + len(rows), done + written
        yield Step(table=table.name, read=read, written=done), len(due) - written
    yield Step(table=table.name, read=read, written=done, is_over=True), 0


def _is_due(seals: Seals, row: Row) -> bool:
    return any(text and sealed_with(text) != seals.first for text in (row["first"], row["second"]))


async def _written(ctx: Context, table: Table, due: Sequence[Row]) -> int:
    seals = ctx.database.seals
    columns = {
        "ids": [row["id"] for row in due],
        "firsts": [_again(seals, table.first, row["id"], row["first"]) for row in due],
        "seconds": [_again(seals, table.second, row["id"], row["second"]) for row in due],
        "had_firsts": [row["first"] for row in due],
        "had_seconds": [row["second"] for row in due],
    }
    return len(await ctx.database.transact(lambda conn: conn.fetch(*SQL[f"reseal_{table.name}"](**columns))))


def _again(seals: Seals, kept: Kept | None, row: str, text: str | None) -> str | None:
    if kept is None or not text:  # of an erased device there is none
        return text
    return seals.seal(kept, row, seals.open(kept, row, text))


async def _servers(conn: Connection) -> int:
    seals, written = seals_of(conn), 0
    for row in await conn.fetch(*SQL["secret"]()):
        had = bytes(row["value"])
        if sealed_with(had.decode("latin-1")) == seals.first:
            continue
        value = seals.seal_bytes(Kept.SERVER, row["id"], seals.open_bytes(Kept.SERVER, row["id"], had))
        written += len(await conn.fetch(*SQL["reseal_secret"](id=row["id"], value=value, had=had)))
    return written


async def _require_nodes(ctx: Context) -> None:
    async with ctx.database.connection() as conn:
        await _require(conn)


async def _require(conn: Connection) -> None:
    """Raises Unavailable while a process serves that encrypts with another key."""
    first = seals_of(conn).first
    for node in await conn.fetch(*SQL["nodes_that_seal"]()):
        if node["sealed_by"] != first:
            does = f"encrypts with the key {node['sealed_by']}" if node["sealed_by"] else "keeps new secrets plain"
            ours = f"the key {first} first" if first else "`plain` first"
            raise Unavailable(
                f"A server that runs {does}: start every server with the keys that are given here, {ours}, and then "
                "run this again."
            )


async def _end(ctx: Context) -> None:
    async def body(conn: Connection) -> None:
        await conn.execute(*SQL["lock_seal_keys"]())
        await _require(conn)
        first = seals_of(conn).first
        await conn.execute(*SQL["is_whole"](key_id=first, now=datetime.now(UTC)))
        await conn.fetch(*SQL["forget_seal_keys"](key_id=first))

    await ctx.database.transact(body)
