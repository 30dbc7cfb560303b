"""Do the counters say what there is? Everything is counted anew and compared.

Each job and each product is counted in one snapshot, a window at a time, so the comparison holds however much happens
meanwhile, and nobody waits for it. Nothing is changed.
"""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from upwell.domain.spread import Place
from upwell.service.context import Context
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet

_Q = sheet("recount")
AT_ONCE = 1000  # jobs or products read at once
WINDOW = 20_000  # tasks or devices that one statement looks at
MARKS_AT_ONCE = 100
_PLACE = ("wave", "acts", "state", "asked", "again", "gone", "outcome")
_FLEET = ("devices", "active", "online")
T = TypeVar("T")


async def differences(ctx: Context) -> AsyncIterator[str | None]:
    """One line for each difference, and None for each job and each product that was looked at without one."""
    for rows, look in ((_all(ctx, "jobs", "job_id"), _of_job), (_all(ctx, "products", "product_id"), _of_product)):
        async for row in rows:
            lines = await _snapshot(ctx, partial(look, row))
            for line in lines:
                yield line
            if not lines:
                yield None


async def _all(ctx: Context, statement: str, key: str) -> AsyncIterator[Row]:
    after = 0
    while True:
        async with ctx.database.connection() as conn:
            rows = await conn.fetch(*_Q[statement](after=after, at_most=AT_ONCE))
        for row in rows:
            yield row
        if len(rows) < AT_ONCE:
            return
        after = rows[-1][key]


async def _snapshot(ctx: Context, ask: Callable[[Connection], Awaitable[T]]) -> T:
    async with ctx.database.connection() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        return await ask(conn)


async def _of_job(job: Row, conn: Connection) -> list[str]:
    job_id = job["job_id"]
    told = Counter({_place(row): row["n"] for row in await conn.fetch(*_Q["told_of_job"](job_id=job_id))})
    counted = Counter({row["kind"]: row["n"] for row in await conn.fetch(*_Q["failures_of_job"](job_id=job_id))})
    there, failed, after = Counter[tuple[Any, ...]](), Counter[int](), (None, None)
    while True:
        at = {"after": after[0], "after_nth": after[1], "at_most": WINDOW}
        rows = await conn.fetch(*_Q["window_of_job"](job_id=job_id, **at))
        for row in rows:
            there[_place(row)] += row["n"]
            if row["failure"] is not None:
                failed[row["failure"]] += row["n"]
        if not rows or rows[0]["looked"] < WINDOW:
            break
        after = rows[0]["last"], rows[0]["last_nth"]
    wrong = [place for place in sorted(told.keys() | there.keys()) if told[place] != there[place]]
    lines = [f"job {job_id}: {there[place]} tasks and {told[place]} counted ({_said(place)})" for place in wrong]
    odd = [kind for kind in sorted(counted.keys() | failed.keys()) if counted[kind] != failed[kind]]
    lines += [f"job {job_id}: {failed[kind]} failures of kind {kind} and {counted[kind]} counted" for kind in odd]
    return lines + await _of_marks(conn, job_id)


def _place(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in _PLACE)


def _said(place: Sequence[Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in zip(_PLACE, place, strict=True))


async def _of_marks(conn: Connection, job_id: int) -> list[str]:
    marks = await conn.fetch(*_Q["marks_of_job"](job_id=job_id))
    lines, before, since = [], 0, None
    for start in range(0, len(marks), MARKS_AT_ONCE):
        some = marks[start : start + MARKS_AT_ONCE]
        until: list[UUID] = [mark["device_id"] for mark in some]
        spans = {"since": [since, *until[:-1]], "until": until}
        counted = await conn.fetch(*_Q["between_marks"](job_id=job_id, **spans))
        for mark, row in zip(some, counted, strict=True):
            before += row["n"]
            if mark["place"] != before:
                lines.append(f"job {job_id}: {before} tasks before a mark that says {mark['place']}")
        since = until[-1]
    return lines


async def _of_product(product: Row, conn: Connection) -> list[str]:
    product_id = product["product_id"]
    told = await conn.fetchrow(*_Q["told_of_product"](product_id=product_id))
    there, run, after = Counter[str](), Counter[Place](), None
    while True:
        at = {"product_id": product_id, "after": after, "at_most": WINDOW}
        for version in await conn.fetch(*_Q["versions_in_window"](**at)):
            run[Place.of(version["module"], version["version"], version["counted"])] += version["n"]
        [row] = await conn.fetch(*_Q["window_of_product"](**at))
        there.update({name: row[name] for name in _FLEET})
        if row["devices"] < WINDOW:
            break
        after = row["last"]
    counted: Mapping[str, int] = dict(told or {})
    name, wrong = product["product_key"], [word for word in _FLEET if counted.get(word, 0) != there[word]]
    lines = [f"product {name}: {there[word]} {word} and {counted.get(word, 0)} counted" for word in wrong]
    return lines + await _of_versions(conn, product_id, name, run)


async def _of_versions(conn: Connection, product_id: int, name: str, run: Mapping[Place, int]) -> list[str]:
    rows = await conn.fetch(*_Q["versions_of_product"](product_id=product_id))
    told = {Place(row["module"], row["version"], row["rare"]): row["n"] for row in rows if row["n"]}
    wrong = [place for place in sorted(told.keys() | run.keys()) if told.get(place, 0) != run.get(place, 0)]
    return [
        f"product {name}: {run.get(place, 0)} devices run {place.version!r} of {place.module!r}"
        f"{' or another rare version' if place.rare else ''} and {told.get(place, 0)} counted"
        for place in wrong
    ]
