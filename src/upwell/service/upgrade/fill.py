"""The devices of a job, found in chunks, and their tasks made.

A chunk is bounded: it looks at no more than CHUNK devices, however few of them fit, and waits for nobody. It commits
together with the cursor that says how far the job is, so a crash repeats nothing and skips nothing. Devices that others
hold are written down as missed and have their turn again after all others.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from upwell.domain.errors import Held
from upwell.domain.job import nobody
from upwell.domain.standings import Progress
from upwell.service.context import Context
from upwell.service.journal import tell
from upwell.service.upgrade import news, nodes
from upwell.service.upgrade.making import Newcomer, make, make_failed, newcomers_of, take
from upwell.service.upgrade.policies import Running, candidates_of, winners
from upwell.service.upgrade.spans import Next, fits, next_of, products_of, walked
from upwell.service.upgrade.tasks import plain
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet

log = logging.getLogger(__name__)
_Q = sheet("fill")
_POLICIES = sheet("policies")
CHUNK = 1000  # devices that are looked at and locked in one transaction: some 20 ms
PATIENCE = "50ms"
TROUBLE_TEXT = "the tasks of the job can't be made at present; the platform tries it again and again"
MARK_EVERY = 1000  # tasks between two marks in a job's list
_AMONG: tuple[tuple[Callable[[Row], bool], str], ...] = (  # what a job looks for its devices among
    (lambda job: job["group_id"] is not None, "of product {product} in the group"),
    (lambda job: bool(job["group_ids"]), "of the packages' product {product} in the groups"),
    (lambda job: job["selection"] == "GRAY", "of product {product} that the job's versions fit"),
    (lambda job: job["selection"] == "SPECIFIC", "of product {product} that was named"),
    (lambda job: True, "of product {product}"),
)


class Waiting(NamedTuple):
    """A job whose tasks do not all exist yet; nothing was looked at yet for a new one."""

    job_id: int
    is_new: bool


class Chunk(NamedTuple):
    """What came of one chunk: whether more is to be done, and whether it did anything; the devices whose tasks it made,
    and how many offers are due thereby. One that did nothing met what others hold."""

    more: bool
    moved: bool
    ids: Sequence[UUID] = ()
    due: int = 0


class Made(NamedTuple):
    """The devices whose tasks a chunk made, and those that others held; how many offers are due."""

    ids: list[UUID]
    missed: list[UUID]
    due: int = 0


async def waiting(ctx: Context) -> list[Waiting]:
    """Jobs whose tasks do not all exist yet: new ones first, then from old to new."""
    async with ctx.upkeep.connection() as conn:
        return [Waiting(r["job_id"], r["is_new"]) for r in await conn.fetch(*_Q["unfinished_jobs"]())]


async def unfilled(ctx: Context) -> list[int]:
    """The numbers of the same."""
    return [job.job_id for job in await waiting(ctx)]


async def fill(ctx: Context, job_id: int) -> bool:
    """Make the next chunk of a job's tasks; returns whether more may be missing."""
    return (await fill_one(ctx, job_id)).more


async def fill_one(ctx: Context, job_id: int) -> Chunk:
    """The same, and whether it did anything. It waits for others no longer than PATIENCE."""

    async def body(conn: Connection) -> Chunk:
        await conn.execute(*_Q["begin_chunk"](lock_timeout=PATIENCE))
        return await _chunk(ctx, conn, job_id)

    began = ctx.now()
    try:
        chunk = await ctx.upkeep.transact(body)
    except Held:
        return Chunk(more=True, moved=False)
    await nodes.follow(ctx, chunk.ids, began)
    if chunk.moved and not chunk.more:
        tell(log, "job has all its tasks", job=job_id)
    return chunk


async def fill_chunk(ctx: Context, conn: Connection, job_id: int) -> Chunk:
    """The next chunk inside a transaction of the caller's."""
    return await _chunk(ctx, conn, job_id)


async def look_again(ctx: Context, job_id: int, since: datetime) -> None:
    """To be called after the commit of a transaction of the caller's, begun then, that may have filled a small job."""
    async with ctx.upkeep.connection() as conn:
        rows = await conn.fetch(*_Q["some_of_job"](job_id=job_id, at_most=CHUNK))
    await nodes.follow(ctx, [plain(row["device_id"]) for row in rows], since)


async def tell_trouble(ctx: Context, job_id: int, is_over: bool) -> None:
    """The job's row tells its owner that its tasks can't be made at present, or no longer does."""
    async with ctx.upkeep.connection() as conn:
        await conn.execute(*_Q["tell_no_trouble" if is_over else "tell_trouble"](job_id=job_id, text=TROUBLE_TEXT))


async def _chunk(ctx: Context, conn: Connection, job_id: int) -> Chunk:
    job = await conn.fetchrow(*_Q["job_to_fill"](job_id=job_id))
    if job is None:
        return Chunk(more=False, moved=False)
    if await walked(conn, job, CHUNK):
        return Chunk(more=True, moved=True)
    span = await next_of(conn, job, CHUNK)
    if span.is_over:
        return await _make_missed(ctx, conn, job, span)
    made = await _make(ctx, conn, job, span.ids, span.strays)
    if made.missed:
        await conn.execute(*_Q["miss"](job_id=job_id, device_ids=made.missed))
    more = await _advance(ctx, conn, job, span, made, _mark(job, made.ids))
    return Chunk(more, moved=True, ids=tuple(made.ids), due=made.due)


async def _make_missed(ctx: Context, conn: Connection, job: Row, span: Next) -> Chunk:
    """The turn of those that others held when it was theirs."""
    rows = await conn.fetch(*_Q["window_of_missed"](job_id=job["job_id"], at_most=CHUNK))
    ids = [row["device_id"] for row in rows]
    made = await _make(ctx, conn, job, ids, ())
    held = set(made.missed)
    await conn.execute(*_Q["no_longer_missed"](job_id=job["job_id"], device_ids=[d for d in ids if d not in held]))
    if made.ids:
        await conn.execute(*_Q["shift_marks"](job_id=job["job_id"], device_ids=made.ids, first=min(made.ids)))
    more, moved = await _advance(ctx, conn, job, span, made), not ids or len(held) < len(ids)
    return Chunk(more, moved, ids=tuple(made.ids), due=made.due)


async def _advance(
    ctx: Context, conn: Connection, job: Row, span: Next, made: Made, mark: UUID | None = None
) -> bool:  # fmt: skip
    """Write down how far the job is; returns whether more is missing."""
    job_id, looked = job["job_id"], len(span.ids) + len(span.strays)
    more = not span.ends or await conn.fetchval(*_Q["has_missed"](job_id=job_id))
    statement = _Q["advance"](
        job_id=job_id, cursor_device=span.last, gray_left=span.left, materialised=not more, looked=looked,
        made=len(made.ids), mark=mark, place=job["made"],
    )  # fmt: skip
    await conn.execute(*statement)
    if not more and job["kind"] != "dynamic":  # a policy waits for its devices
        await _note_nobody(conn, job, job["looked"] + looked)
    if job["part"] and not more:
        await news.note_status(conn, job_id, ctx.now(), Progress.RUNNING, job["part"])
    return more


def _mark(job: Row, ids: Sequence[UUID]) -> UUID | None:
    """Where in the job's list the tasks of these devices begin, now and then. A dynamic job's come in no order."""
    before, after = job["made"], job["made"] + len(ids)
    is_due = before == 0 or after // MARK_EVERY > before // MARK_EVERY >= 0
    return min(ids) if ids and is_due and job["kind"] != "dynamic" else None


async def _note_nobody(conn: Connection, job: Row, looked: int) -> None:
    """A job that has all its tasks and no task says why, to its owner and in the log."""
    among = next(text for holds, text in _AMONG if holds(job)).format(product=job["product_key"])
    why = nobody(looked, among=among, version=job["version"], sources=job["source_versions"])
    if await conn.fetchval(*_Q["note_nobody"](job_id=job["job_id"], text=why)) is not None:
        level = logging.INFO if job["kind"] == "verify" else logging.WARNING  # tuya 2.3: one without devices is lawful
        facts = {"job": job["job_id"], "kind": job["kind"], "selection": job["selection"]}
        tell(log, "job selects nobody", level, **facts, product=job["product_key"], why=why)


# --- the tasks of some devices ---


async def _make(
    ctx: Context, conn: Connection, job: Row, ids: Sequence[UUID], strays: Sequence[UUID]
) -> Made:  # fmt: skip
    if strays:
        await make_failed(ctx, conn, job, strays, "device_unknown", "there is no such device")
    made = await _make_of_kind(ctx, conn, job, ids) if ids else Made([], [])
    return made._replace(ids=[*made.ids, *strays])


async def _make_of_kind(ctx: Context, conn: Connection, job: Row, ids: Sequence[UUID]) -> Made:
    if job["asks_version"]:
        return await _make_for_targets(ctx, conn, job, ids)
    if job["kind"] == "dynamic":
        return await _make_by_policy(ctx, conn, job, ids)
    which = {"product_id": job["product_id"], "version": job["version"], **fits(job)}
    rows = await conn.fetch(*_Q["lock_eligible"](device_ids=ids, **which))
    devices = [Newcomer(r["device_id"], r["life"], r["version"]) for r in rows]
    locked = [device.device_id for device in devices]
    missed = []
    if len(locked) < len(ids):
        rest = set(ids).difference(locked)
        missed = [r["device_id"] for r in await conn.fetch(*_Q["eligible"](device_ids=list(rest), **which))]
    return Made(locked, missed, await make(ctx, conn, job, devices, found=True))


async def _make_by_policy(ctx: Context, conn: Connection, job: Row, ids: Sequence[UUID]) -> Made:
    """Of those of these devices that the job's policy takes, unless a later one does."""
    found, missed = await _lock_free(conn, ids)
    locked = [device for device, product in found.items() if product == job["product_id"]]
    versions = await _versions_of(conn, locked, job["module"])
    running = [Running(d, job["product_id"], job["module"], v) for d, v in versions.items()]
    taken = await winners(conn, running, await candidates_of(conn, running))
    due = await take(ctx, conn, job, taken.get(job["job_id"], {}), found=True)
    return Made(list(taken.get(job["job_id"], ())), missed, due)


async def _make_for_targets(ctx: Context, conn: Connection, job: Row, ids: Sequence[UUID]) -> Made:
    """huawei 3.2: any device may be named; one of another product than the packages' fails by itself (L6)."""
    products = await products_of(conn, job)
    found, missed = await _lock_free(conn, ids)
    fitting = [device for device, product in found.items() if product in products]
    foreign = [device for device, product in found.items() if product not in products]
    devices = await newcomers_of(conn, await _versions_of(conn, fitting, job["module"]))
    due = await make(ctx, conn, job, devices, found=True)
    await make_failed(ctx, conn, job, foreign, "other_product", "the device is of another product than the package")
    return Made(list(found), missed, due)


async def _versions_of(conn: Connection, ids: Sequence[UUID], module: str) -> dict[UUID, str | None]:
    """What these devices run of the module."""
    rows = await conn.fetch(*_POLICIES["versions_of_devices"](device_ids=ids, module=module))
    return dict.fromkeys(ids) | {plain(r["device_id"]): r["version"] for r in rows}


async def _lock_free(conn: Connection, ids: Sequence[UUID]) -> tuple[dict[UUID, int], list[UUID]]:
    """Of these devices that live, those that nobody else holds, locked, with their product; and the others."""
    rows = await conn.fetch(*_Q["lock_free_devices"](device_ids=ids))
    found = {plain(row["device_id"]): row["product_id"] for row in rows}
    if len(found) == len(ids):
        return found, []
    rest = [device for device in map(plain, ids) if device not in found]
    return found, [r["device_id"] for r in await conn.fetch(*_Q["live_devices"](device_ids=rest))]
