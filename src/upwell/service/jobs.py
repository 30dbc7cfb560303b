"""Jobs: made at once, filled with tasks in chunks, ended when no task is open.

A job's row is all that its creator waits for. Each chunk of tasks commits together with the cursor that says how
far they go, so a crash repeats nothing and skips nothing.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from upwell.domain import commands as c
from upwell.domain.errors import Conflict, NotFound
from upwell.domain.job import ending, gray_quota, verdict
from upwell.domain.task import TIMEOUT_TEXT, Event, State, birth, moves
from upwell.service.access import Caller
from upwell.service.context import Context
from upwell.service.tasks import Selection, move
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet

SQL = sheet("jobs")
CHUNK = 10_000  # devices; about half a second of work, so a stop never waits long
SMALL = 200  # targets; a job this small has its tasks when its creation is answered


async def create_verify_job(ctx: Context, caller: Caller, cmd: c.CreateVerifyJob) -> c.JobCreated:
    """Try a package on named devices; the package is `verifying` from now (alibaba 7.1)."""

    async def body(conn: Connection) -> c.JobCreated:
        package = await _package(conn, caller, cmd.package_id, cmd.product_key)
        if package["status"] not in ("unverified", "failed"):
            reason = {"verifying": "package_is_verifying"}.get(package["status"], "package_is_verified")
            raise Conflict(reason, f"The package is {package['status']} and can't be verified now.")
        created = await _add(ctx, conn, caller, package, cmd, "verify", "SPECIFIC", cmd.device_names)
        await conn.execute(SQL["set_package_status"], cmd.package_id, "verifying", created.created_at)
        await fill_chunk(ctx, conn, created.job_id)
        return created

    return await ctx.database.transact(body)


async def create_static_job(ctx: Context, caller: Caller, cmd: c.CreateStaticJob) -> c.JobCreated:
    """Bring the selected devices to a verified package."""

    async def body(conn: Connection) -> c.JobCreated:
        package = await _package(conn, caller, cmd.package_id, cmd.product_key)
        if package["status"] not in ("verified", "exempt"):
            raise Conflict("package_not_verified", f"The package is {package['status']}; verify it first.")
        if package["is_delta"] and cmd.source_versions not in ((), (package["source_version"],)):
            raise Conflict("source_version_not_the_deltas", "SrcVersion must be the differential package's own.")
        created = await _add(ctx, conn, caller, package, cmd, "static", cmd.selection, cmd.device_names)
        if len(cmd.device_names) in range(1, SMALL + 1):
            await fill_chunk(ctx, conn, created.job_id)
        return created

    return await ctx.database.transact(body)


async def _package(conn: Connection, caller: Caller, package_id: int, product_key: str) -> Row:
    package = await conn.fetchrow(SQL["package_for_job"], package_id, caller.account_id)
    if package is None:
        raise NotFound("package", str(package_id))
    product = await conn.fetchval(SQL["product_of_account"], product_key, caller.account_id)
    if product is None:
        raise NotFound("product", product_key)
    if package["product_id"] is not None and package["product_id"] != product:
        raise Conflict("package_of_other_product", f"The package does not belong to product {product_key}.")
    return package


async def _add(
    ctx: Context, conn: Connection, caller: Caller, package: Row, cmd: c.CreateVerifyJob | c.CreateStaticJob,
    kind: str, selection: str, names: Sequence[str],
) -> c.JobCreated:  # fmt: skip
    product_id = await conn.fetchval(SQL["product_of_account"], cmd.product_key, caller.account_id)
    targets = await _devices(conn, product_id, names)
    job_id, now = ctx.new_id(), ctx.now()
    pace = cmd if isinstance(cmd, c.CreateStaticJob) else c.CreateStaticJob(
        package_id=cmd.package_id, product_key=cmd.product_key, selection=selection)  # fmt: skip
    await conn.execute(
        SQL["add_job"], job_id, caller.account_id, product_id, package["package_id"], kind, selection,
        list(pace.source_versions), Decimal(pace.gray_percent) if pace.gray_percent else None,
        pace.retry_interval_min, pace.retry_count, cmd.timeout_min, pace.maximum_per_min, pace.overwrite,
        cmd.need_push, cmd.need_confirm, cmd.protocol, json.dumps(cmd.tags), now,
    )  # fmt: skip
    if targets:
        await conn.execute(SQL["add_targets"], job_id, targets)
    return c.JobCreated(job_id=job_id, created_at=now)


async def _devices(conn: Connection, product_id: int, names: Sequence[str]) -> list[UUID]:
    found = {r["name"]: r["device_id"] for r in await conn.fetch(SQL["devices_by_name"], product_id, list(names))}
    missing = [n for n in names if n not in found]
    if missing:
        raise NotFound("device", ", ".join(missing[:10]))
    return [found[n] for n in dict.fromkeys(names)]


async def unfilled(ctx: Context) -> list[int]:
    """Jobs whose tasks do not all exist yet, oldest first."""
    async with ctx.database.connection() as conn:
        return [r["job_id"] for r in await conn.fetch(SQL["unfinished_jobs"])]


async def fill(ctx: Context, job_id: int) -> bool:
    """Make the next chunk of a job's tasks; returns whether more may be missing."""
    return await ctx.database.transact(lambda conn: fill_chunk(ctx, conn, job_id))


async def fill_chunk(ctx: Context, conn: Connection, job_id: int) -> bool:
    """The same inside a transaction of the caller's."""
    job = await conn.fetchrow(SQL["job_to_fill"], job_id)
    if job is None:
        return False
    until, empty = await _gray_limit(conn, job)
    ids = [] if empty else await _chunk(conn, job, until)
    if ids:
        await _make(ctx, conn, job, ids)
    more = len(ids) == CHUNK
    await conn.execute(SQL["advance"], job_id, ids[-1] if ids else job["cursor_device"], until, not more)
    return more


async def _gray_limit(conn: Connection, job: Row) -> tuple[UUID | None, bool]:
    if job["selection"] != "GRAY" or job["until_device"] is not None:
        return job["until_device"], False
    filters = (job["product_id"], job["module"], job["created_at"], job["source_versions"], _delta_source(job))
    quota = gray_quota(await conn.fetchval(SQL["gray_population"], *filters), job["gray_percent"])
    if quota == 0:
        return None, True
    return await conn.fetchval(SQL["gray_last"], *filters, quota - 1), False


async def _chunk(conn: Connection, job: Row, until: UUID | None) -> list[UUID]:
    if job["selection"] == "SPECIFIC":
        rows = await conn.fetch(SQL["chunk_of_targets"], job["job_id"], job["cursor_device"], CHUNK)
    else:
        rows = await conn.fetch(
            SQL["chunk_of_product"], job["product_id"], job["created_at"], job["cursor_device"], until, CHUNK
        )
    return [r["device_id"] for r in rows]


async def _make(ctx: Context, conn: Connection, job: Row, chunk: list[UUID]) -> None:
    now = ctx.now()
    fits = (job["module"], job["version"], job["source_versions"], _delta_source(job))
    ids = [r["device_id"] for r in await conn.fetch(SQL["eligible"], chunk, *fits)]
    if job["overwrite"]:
        text = "replaced by a later job"
        await move(conn, Event.OVERWRITTEN, Selection(device_ids=ids), now, reason="overwritten", description=text)
    free, _, _ = birth(job["need_confirm"], device_is_taken=False)
    taken, reason, text = birth(job["need_confirm"], device_is_taken=True)
    push_now = job["need_push"] and free is State.QUEUED
    arguments = (ids, job["job_id"], job["module"], free.value, push_now, taken.value, reason, text, now)
    while await conn.fetchval(SQL["make_tasks"], *arguments):
        pass  # asked again: a slot that another job took in between now shows as taken


def _delta_source(job: Row) -> str | None:
    return job["source_version"] if job["is_delta"] else None


async def end_finished(ctx: Context) -> int:
    """End running jobs that have no open task left, and let verify jobs judge their package."""
    async with ctx.database.connection() as conn:
        ready = [r["job_id"] for r in await conn.fetch(SQL["endable"])]
    for job_id in ready:
        await ctx.database.transact(lambda conn, job_id=job_id: _end(ctx, conn, job_id))  # type: ignore[misc]
    return len(ready)


async def _end(ctx: Context, conn: Connection, job_id: int) -> None:
    job = await conn.fetchrow(SQL["lock_running"], job_id)
    if job is None:
        return
    counts = {State(r["state"]): r["n"] for r in await conn.fetch(SQL["counts"], job_id)}
    status = ending(counts)
    if status is None:
        return
    await conn.execute(SQL["end_job"], job_id, status, ctx.now())
    if job["kind"] == "verify":
        await conn.execute(SQL["set_package_status"], job["package_id"], verdict(counts), ctx.now())


async def time_out(ctx: Context) -> int:
    """Fail the tasks whose time ran out; returns how many."""
    now = ctx.now()

    async def body(conn: Connection) -> int:
        chosen = Selection(timeout_before=now)
        return await move(conn, Event.TIMED_OUT, chosen, now, reason="timeout", description=TIMEOUT_TEXT)

    return await ctx.database.transact(body)


def cancelling(states: frozenset[str]) -> frozenset[State]:
    """The states among these that a cancel changes."""
    return frozenset(State(s) for s in states) & {s for s, _ in moves(Event.CANCELLED)}


@dataclass(frozen=True, slots=True)
class Shown:
    """Limits of one page."""

    size: int
    number: int

    @property
    def skip(self) -> int:
        """Rows before this page."""
        return (self.number - 1) * self.size


def plain(row: Row, **more: Any) -> dict[str, Any]:
    """A row as keyword arguments, with `more` over it."""
    return {**dict(row.items()), **more}
