"""Something erased: nothing in the database says any more which one it was (ADR 0068).

Holds: all tables are looked through, some blocks in a transaction, again and again until a whole pass finds nothing,
which is the proof. How far it has come is kept, so that what was killed goes on when it is called again. What is
looked for, and what becomes of a row, is its subject's to say.
"""

import asyncio
import json
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol
from uuid import UUID

from upwell.domain.errors import Conflict
from upwell.service.context import Context
from upwell.service.manage.erasing_columns import DEVICE, ERASURE, in_order
from upwell.service.manage.erasing_rows import REMOVED, REPLACED, Rows
from upwell.storage.database import Connection, Database, Row
from upwell.storage.queries import sheet

SQL = sheet("erasing")
BLOCKS = 128  # of a table in a transaction: a megabyte
PASSES_MAX = 6  # over the database while others write
WAITS = "5s"  # for rows that others hold
LISTED_AT_MOST = 100
PAUSE_S = 1.0  # before a pass over what was held
Told = dict[str, dict[str, int]]  # by table, what was done with how many rows


class Subject(Protocol):
    """What is erased."""

    async def hold(self, conn: Connection) -> None:
        """It does not come back until the transaction ends. Raises Conflict where it did."""

    def rows(self, conn: Connection, table: str, pseudonym: UUID, word: str) -> Rows:
        """Rows of a table that say it."""

    async def before_pass(self, ctx: Context) -> Told:
        """What is known where to find goes first; how many rows, by table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An erasure, and how far it has come. By column: `remains` are rows that hold it and could not be changed, `alike`
    things of the owner's that are named as it is."""

    pseudonym: UUID
    word: str
    account_id: int
    subject: Subject
    pass_: int
    at_table: str
    block: int
    found: int
    told: Told
    remains: Counter[str] = field(default_factory=Counter)
    alike: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, row: Row, subject: Subject) -> "Place":
        """As it is kept."""
        return cls(
            pseudonym=UUID(int=row["pseudonym"].int), word=row["word"], account_id=row["account_id"], subject=subject,
            pass_=row["pass"], at_table=row["at_table"], block=row["block"], found=row["found"],
            told=json.loads(row["told"]),
        )  # fmt: skip

    def with_told(self, more: Told) -> "Place":
        """So many more rows were found, and this was done with them."""
        told = {table: dict(done) for table, done in self.told.items()}
        for table, done in more.items():
            of = told.setdefault(table, {})
            for what, count in done.items():
                of[what] = of.get(what, 0) + count
        return replace(self, told=told, found=self.found + sum(sum(done.values()) for done in more.values()))


def new_word() -> tuple[UUID, str]:
    """A pseudonym by lot, and the word of it that stands in texts."""
    pseudonym = uuid.uuid4()
    return pseudonym, f"erased-{pseudonym.hex[:16]}"


async def under_way(database: Database) -> list[Row]:
    """Erasures that have begun and not ended, some of them."""
    async with database.connection() as conn:
        return list(await conn.fetch(*SQL["list"](at_most=LISTED_AT_MOST)))


async def erase(ctx: Context, place: Place, tell: Callable[[Place], None]) -> Place:
    """Pass after pass until one finds nothing; the place of the last one. Raises Conflict, Held."""
    for number in range(PASSES_MAX):
        try:
            place = await _pass(ctx, place, tell)
        except Conflict:
            await _begin_again(ctx, place)
            raise
        if not place.found:
            return place
        if number < PASSES_MAX - 1:
            await asyncio.sleep(PAUSE_S if place.remains else 0)
            place = replace(place, pass_=place.pass_ + 1, at_table="", block=0, found=0)
            place = replace(place, remains=Counter[str](), alike=Counter[str]())
    await _begin_again(ctx, place)
    return place


async def _begin_again(ctx: Context, place: Place) -> None:
    """The next call begins a pass."""
    async with ctx.database.connection() as conn:
        await conn.execute(*SQL["begin_again"](pseudonym=place.pseudonym))


async def _pass(ctx: Context, place: Place, tell: Callable[[Place], None]) -> Place:
    """What is left of it, from where it is."""
    if not place.at_table:
        done = await place.subject.before_pass(ctx)
        place = place.with_told(done)
        for table in done:
            tell(replace(place, at_table=table))
    for table in await _tables(ctx):
        if place.at_table and table != place.at_table:
            continue  # one before it
        before = place.told.get(table)
        place = await _table(ctx, replace(place, at_table=table))
        if place.told.get(table) != before:
            tell(place)
        place = replace(place, at_table="", block=0)
    return place


async def _tables(ctx: Context) -> list[str]:
    async with ctx.database.connection() as conn:
        return in_order([row["name"] for row in await conn.fetch(*SQL["tables"]())])


async def _table(ctx: Context, place: Place) -> Place:
    """What is left of one table; it may grow meanwhile."""
    is_over = False
    while not is_over:
        place, is_over = await ctx.database.transact(lambda conn, p=place: _chunk(conn, p))  # type: ignore[misc]
    return place


async def _chunk(conn: Connection, place: Place) -> tuple[Place, bool]:
    """Some blocks, and whether they were the table's last ones."""
    await conn.execute(*SQL["let_erase"](lock_timeout=WAITS))
    await place.subject.hold(conn)
    sizes = {row["name"]: row["blocks"] for row in await conn.fetch(*SQL["tables"]())}
    rows = place.subject.rows(conn, place.at_table, place.pseudonym, place.word)
    await rows.go_through(place.block, BLOCKS)
    done = {what: rows.done[what] for what in (REMOVED, REPLACED) if rows.done[what]}
    told = place.with_told({place.at_table: done} if done else {}).told
    is_over = place.block + BLOCKS >= sizes.get(place.at_table, 0)
    place = replace(
        place, block=place.block + BLOCKS, found=place.found + rows.found, told=told,
        remains=place.remains + rows.remains, alike=place.alike + rows.alike,
    )  # fmt: skip
    at = {"at_table": place.at_table, "block": place.block, "pass": place.pass_, "found": place.found}
    await conn.execute(*SQL["move_on"](pseudonym=place.pseudonym, **at, told=json.dumps(told)))
    return place, is_over


async def analyse(ctx: Context, place: Place) -> None:
    """PostgreSQL's statistics of what was changed are made anew, for some values are in them."""
    for table in sorted({*place.told, "device", ERASURE} & {*DEVICE, ERASURE}):
        async with ctx.database.connection() as conn:
            await conn.execute(*SQL["analyse"](of_table=table))
