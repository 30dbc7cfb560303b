"""The devices of a job, found in chunks, and their tasks made.

Each chunk commits together with the cursor that says how far it goes, so a crash repeats nothing and skips nothing.
"""

import logging
from collections.abc import Callable, Sequence
from uuid import UUID

from upwell.domain.job import gray_quota, nobody
from upwell.domain.standings import Progress
from upwell.service.context import Context
from upwell.service.journal import tell
from upwell.service.upgrade import news
from upwell.service.upgrade.making import lock_live_devices, make, make_failed, take
from upwell.service.upgrade.members import chunk_of_group
from upwell.service.upgrade.policies import Running, candidates_of, winners
from upwell.service.upgrade.tasks import plain
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet

log = logging.getLogger(__name__)
_Q = sheet("fill")
_POLICIES = sheet("policies")
CHUNK = 10_000  # devices; about half a second of work, so a stop never waits long
_AMONG: tuple[tuple[Callable[[Row], bool], str], ...] = (  # what a job looks for its devices among
    (lambda job: job["group_id"] is not None, "of product {product} in the group"),
    (lambda job: bool(job["group_ids"]), "of the packages' product {product} in the groups"),
    (lambda job: job["selection"] == "GRAY", "of product {product} that the job's versions fit"),
    (lambda job: job["selection"] == "SPECIFIC", "of product {product} that was named"),
    (lambda job: True, "of product {product}"),
)


async def unfilled(ctx: Context) -> list[int]:
    """Jobs whose tasks do not all exist yet, oldest first."""
    async with ctx.database.connection() as conn:
        return [r["job_id"] for r in await conn.fetch(*_Q["unfinished_jobs"]())]


async def fill(ctx: Context, job_id: int) -> bool:
    """Make the next chunk of a job's tasks; returns whether more may be missing."""
    more = await ctx.database.transact(lambda conn: fill_chunk(ctx, conn, job_id))
    if not more:
        tell(log, "job has all its tasks", job=job_id)
    return more


async def fill_chunk(ctx: Context, conn: Connection, job_id: int) -> bool:
    """The same inside a transaction of the caller's."""
    job = await conn.fetchrow(*_Q["job_to_fill"](job_id=job_id))
    if job is None:
        return False
    if job["asks_version"] and job["cursor_device"] is None:
        await _resolve(ctx, conn, job)
    until, empty = await _gray_limit(conn, job)
    ids = [] if empty else await _chunk(conn, job, until)
    if ids:
        await _fill_devices(ctx, conn, job, ids)
    more = len(ids) == CHUNK
    last = ids[-1] if ids else job["cursor_device"]
    statement = _Q["advance"](
        job_id=job_id, cursor_device=last, until_device=until, materialised=not more, looked=len(ids)
    )  # fmt: skip
    await conn.execute(*statement)
    if not more and job["kind"] != "dynamic":  # a policy waits for its devices
        await _note_nobody(conn, job, job["looked"] + len(ids))
    if job["part"] and not more:
        await news.note_status(conn, job_id, ctx.now(), Progress.RUNNING, job["part"])
    return more


async def _note_nobody(conn: Connection, job: Row, looked: int) -> None:
    """A job that has all its tasks and no task says why, to its owner and in the log."""
    among = next(text for holds, text in _AMONG if holds(job)).format(product=job["product_key"])
    why = nobody(looked, among=among, version=job["version"], sources=job["source_versions"])
    if await conn.fetchval(*_Q["note_nobody"](job_id=job["job_id"], text=why)) is not None:
        level = logging.INFO if job["kind"] == "verify" else logging.WARNING  # tuya 2.3: one without devices is lawful
        facts = {"job": job["job_id"], "kind": job["kind"], "selection": job["selection"]}
        tell(log, "job selects nobody", level, **facts, product=job["product_key"], why=why)


async def _gray_limit(conn: Connection, job: Row) -> tuple[UUID | None, bool]:
    if job["selection"] != "GRAY" or job["until_device"] is not None:
        return job["until_device"], False
    filters = {"product_id": job["product_id"], "until": job["until"], **_fits(job)}
    quota = gray_quota(await conn.fetchval(*_Q["gray_population"](**filters)), job["gray_percent"])
    if quota == 0:
        return None, True
    return await conn.fetchval(*_Q["gray_last"](**filters, rank=quota - 1)), False


async def _chunk(conn: Connection, job: Row, until: UUID | None) -> list[UUID]:
    after = job["cursor_device"]
    if job["group_id"] is not None:
        return await chunk_of_group(conn, job["group_id"], job["product_id"], job["until"], after, CHUNK)
    if job["selection"] == "SPECIFIC" or job["asks_version"]:
        which = _Q["chunk_of_targets"](job_id=job["job_id"], after=after, at_most=CHUNK)
    else:
        which = _Q["chunk_of_product"](
            product_id=job["product_id"], until=job["until"], after=after, last=until, at_most=CHUNK
        )
    rows = await conn.fetch(*which)
    return [r["device_id"] for r in rows]


async def _fill_devices(ctx: Context, conn: Connection, job: Row, chunk: list[UUID]) -> None:
    if job["asks_version"]:
        await _fill_targets(ctx, conn, job, chunk)
        return
    locked = _Q["lock_devices"](device_ids=chunk, product_id=job["product_id"])
    ids = [r["device_id"] for r in await conn.fetch(*locked)]
    if job["kind"] == "dynamic":
        await _take_by_policy(ctx, conn, job, ids)
        return
    which = _Q["eligible"](device_ids=ids, version=job["version"], **_fits(job))
    eligible = [r["device_id"] for r in await conn.fetch(*which)]
    await make(ctx, conn, job, dict.fromkeys(eligible, 0))


async def _take_by_policy(ctx: Context, conn: Connection, job: Row, ids: list[UUID]) -> None:
    """Those of these devices that the job's policy takes, unless a later one does."""
    rows = await conn.fetch(*_POLICIES["versions_of_devices"](device_ids=ids, module=job["module"]))
    versions: dict[UUID, str | None] = dict.fromkeys(map(plain, ids))
    versions |= {plain(r["device_id"]): r["version"] for r in rows}
    running = [Running(d, job["product_id"], job["module"], v) for d, v in versions.items()]
    taken = await winners(conn, running, await candidates_of(conn, running))
    await take(ctx, conn, job, taken.get(job["job_id"], {}))


async def _resolve(ctx: Context, conn: Connection, job: Row) -> None:
    """Who a job that asks first is for: its groups' members become targets, and those that are no devices fail."""
    for group_id in job["group_ids"]:
        for product in await conn.fetch(*_Q["products_of_job"](job_id=job["job_id"])):
            await _add_members(conn, job, group_id, product["product_id"])
    strays = [r["device_id"] for r in await conn.fetch(*_Q["strays"](job_id=job["job_id"]))]
    await make_failed(ctx, conn, job, strays, "device_unknown", "there is no such device")


async def _add_members(conn: Connection, job: Row, group_id: int, product_id: int) -> None:
    after: UUID | None = None
    while members := await chunk_of_group(conn, group_id, product_id, job["until"], after, CHUNK):
        await add_targets(conn, job["job_id"], members)
        after = members[-1]


async def add_targets(conn: Connection, job_id: int, device_ids: Sequence[UUID]) -> None:
    """The job is for these devices too."""
    await conn.execute(*_Q["add_targets"](job_id=job_id, device_ids=device_ids))


async def _fill_targets(ctx: Context, conn: Connection, job: Row, chunk: list[UUID]) -> None:
    """huawei 3.2: any device may be named; one of another product than the packages' fails by itself (L6)."""
    products = {r["product_id"] for r in await conn.fetch(*_Q["products_of_job"](job_id=job["job_id"]))}
    found = await lock_live_devices(conn, chunk)
    fitting = [device for device, product in found.items() if product in products]
    foreign = [device for device, product in found.items() if product not in products]
    await make(ctx, conn, job, dict.fromkeys(fitting, 0))
    await make_failed(ctx, conn, job, foreign, "other_product", "the device is of another product than the package")


def _fits(job: Row) -> dict[str, object]:
    """The parameters of statements that look for devices which the job's versions fit."""
    delta_source = job["source_version"] if job["is_delta"] else None
    return {"module": job["module"], "versions": job["source_versions"], "delta_source": delta_source}
