"""Tasks made: for the devices of a job in chunks, and for devices that a standing rule takes.

Each chunk commits together with the cursor that says how far it goes, so a crash repeats nothing and skips nothing.
Whoever makes a task for a device has locked its row, so the question whether another task stands in the way has one
answer (L1), and a device can't be deleted meanwhile. Whoever changes a product's standing rules waits for the reports
that are being applied under the present ones. Locks are taken in the order job, rules,
device, version, task, and those of a kind in one pass: two passes are two orders.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from upwell.domain.asking import ONLINE, first_wait
from upwell.domain.job import gray_quota, nobody
from upwell.domain.policy import LastTask, Policy, next_nth, winner
from upwell.domain.standings import Progress
from upwell.domain.task import BUSY, Event, State, birth
from upwell.service.context import Context
from upwell.service.journal import tell
from upwell.service.upgrade import news
from upwell.service.upgrade.members import chunk_of_group, members_among
from upwell.service.upgrade.tasks import SQL as TASKS
from upwell.service.upgrade.tasks import Selection, move
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet

log = logging.getLogger(__name__)
JOBS = sheet("jobs")
POLICIES = sheet("policies")
CHUNK = 10_000  # devices; about half a second of work, so a stop never waits long
OVERWRITTEN_TEXT = "replaced by a later job"
_AMONG: tuple[tuple[Callable[[Row], bool], str], ...] = (  # what a job looks for its devices among
    (lambda job: job["group_id"] is not None, "of product {product} in the group"),
    (lambda job: bool(job["group_ids"]), "of the packages' product {product} in the groups"),
    (lambda job: job["selection"] == "GRAY", "of product {product} that the job's versions fit"),
    (lambda job: job["selection"] == "SPECIFIC", "of product {product} that was named"),
    (lambda job: True, "of product {product}"),
)


# --- a job's devices, in chunks ---


async def unfilled(ctx: Context) -> list[int]:
    """Jobs whose tasks do not all exist yet, oldest first."""
    async with ctx.database.connection() as conn:
        return [r["job_id"] for r in await conn.fetch(JOBS["unfinished_jobs"])]


async def fill(ctx: Context, job_id: int) -> bool:
    """Make the next chunk of a job's tasks; returns whether more may be missing."""
    more = await ctx.database.transact(lambda conn: fill_chunk(ctx, conn, job_id))
    if not more:
        tell(log, "job has all its tasks", job=job_id)
    return more


async def fill_chunk(ctx: Context, conn: Connection, job_id: int) -> bool:
    """The same inside a transaction of the caller's."""
    job = await conn.fetchrow(JOBS["job_to_fill"], job_id)
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
    await conn.execute(JOBS["advance"], job_id, last, until, not more, len(ids))
    if not more and job["kind"] != "dynamic":  # a standing rule waits for its devices
        await _note_nobody(conn, job, job["looked"] + len(ids))
    if job["part"] and not more:
        await news.note_status(conn, job_id, ctx.now(), Progress.RUNNING, job["part"])
    return more


async def _note_nobody(conn: Connection, job: Row, looked: int) -> None:
    """A job that has all its tasks and no task says why, to its owner and in the log."""
    among = next(text for holds, text in _AMONG if holds(job)).format(product=job["product_key"])
    why = nobody(looked, among=among, version=job["version"], sources=job["source_versions"])
    if await conn.fetchval(JOBS["note_nobody"], job["job_id"], why) is not None:
        level = logging.INFO if job["kind"] == "verify" else logging.WARNING  # tuya 2.3: one without devices is lawful
        facts = {"job": job["job_id"], "kind": job["kind"], "selection": job["selection"]}
        tell(log, "job selects nobody", level, **facts, product=job["product_key"], why=why)


async def _gray_limit(conn: Connection, job: Row) -> tuple[UUID | None, bool]:
    if job["selection"] != "GRAY" or job["until_device"] is not None:
        return job["until_device"], False
    filters = (job["product_id"], job["module"], job["until"], job["source_versions"], _delta_source(job))
    quota = gray_quota(await conn.fetchval(JOBS["gray_population"], *filters), job["gray_percent"])
    if quota == 0:
        return None, True
    return await conn.fetchval(JOBS["gray_last"], *filters, quota - 1), False


async def _chunk(conn: Connection, job: Row, until: UUID | None) -> list[UUID]:
    after = job["cursor_device"]
    if job["group_id"] is not None:
        return await chunk_of_group(conn, job["group_id"], job["product_id"], job["until"], after, CHUNK)
    if job["selection"] == "SPECIFIC" or job["asks_version"]:
        rows = await conn.fetch(JOBS["chunk_of_targets"], job["job_id"], after, CHUNK)
    else:
        rows = await conn.fetch(JOBS["chunk_of_product"], job["product_id"], job["until"], after, until, CHUNK)
    return [r["device_id"] for r in rows]


async def _fill_devices(ctx: Context, conn: Connection, job: Row, chunk: list[UUID]) -> None:
    if job["asks_version"]:
        await _fill_targets(ctx, conn, job, chunk)
        return
    ids = [r["device_id"] for r in await conn.fetch(JOBS["lock_devices"], chunk, job["product_id"])]
    if job["kind"] == "dynamic":
        rows = await conn.fetch(POLICIES["versions_of_devices"], ids, job["module"])
        versions: dict[UUID, str | None] = dict.fromkeys(map(_uuid, ids))
        versions |= {_uuid(r["device_id"]): r["version"] for r in rows}
        running = [Running(d, job["product_id"], job["module"], v) for d, v in versions.items()]
        taken = (await _winners(conn, running, await _candidates(conn, running))).get(job["job_id"], {})
        await take(ctx, conn, job, taken)
        return
    fits = (job["module"], job["version"], job["source_versions"], _delta_source(job))
    eligible = [r["device_id"] for r in await conn.fetch(JOBS["eligible"], ids, *fits)]
    await make(ctx, conn, job, dict.fromkeys(eligible, 0))


async def _resolve(ctx: Context, conn: Connection, job: Row) -> None:
    """Who a job that negotiates is for: its groups' members become targets, and those that are no devices fail."""
    for group_id in job["group_ids"]:
        for product in await conn.fetch(JOBS["products_of_job"], job["job_id"]):
            await _add_members(conn, job, group_id, product["product_id"])
    strays = [r["device_id"] for r in await conn.fetch(JOBS["strays"], job["job_id"])]
    await _make_failed(ctx, conn, job, strays, "device_unknown", "there is no such device")


async def _add_members(conn: Connection, job: Row, group_id: int, product_id: int) -> None:
    after: UUID | None = None
    while members := await chunk_of_group(conn, group_id, product_id, job["until"], after, CHUNK):
        await conn.execute(JOBS["add_targets"], job["job_id"], members)
        after = members[-1]


async def _fill_targets(ctx: Context, conn: Connection, job: Row, chunk: list[UUID]) -> None:
    """huawei 3.2: any device may be named; one of another product than the packages' fails by itself (L6)."""
    products = {r["product_id"] for r in await conn.fetch(JOBS["products_of_job"], job["job_id"])}
    rows = await conn.fetch(JOBS["lock_live_devices"], chunk)
    fitting = [_uuid(r["device_id"]) for r in rows if r["product_id"] in products]
    foreign = [r["device_id"] for r in rows if r["product_id"] not in products]
    await make(ctx, conn, job, dict.fromkeys(fitting, 0))
    await _make_failed(ctx, conn, job, foreign, "other_product", "the device is of another product than the package")


async def _make_failed(ctx: Context, conn: Connection, job: Row, ids: Sequence[UUID], reason: str, text: str) -> None:
    if ids:
        state = birth(job["need_confirm"], device_is_taken=True)[0].value
        await conn.execute(
            JOBS["make_failed_tasks"], ids, job["job_id"], job["module"], state, reason, text, ONLINE, ctx.now()
        )


def _delta_source(job: Row) -> str | None:
    return job["source_version"] if job["is_delta"] else None


# --- standing rules ---


@dataclass(frozen=True, slots=True)
class Running:
    """A device of a product runs a version of a module; None: it never said, or nobody knows."""

    device_id: UUID
    product_id: int
    module: str
    version: str | None

    @property
    def kind(self) -> tuple[int, str, str]:
        """What standing rules ask of it, besides its groups."""
        return self.product_id, self.module, self.version or ""


Candidates = Mapping[tuple[int, str, str], Sequence[Policy]]  # by product, module and version


async def _candidates(conn: Connection, running: Sequence[Running]) -> Candidates:
    """The policies that may take such devices, whichever groups these are in."""
    wanted = sorted({r.kind for r in running})
    found: dict[tuple[int, str, str], list[Policy]] = {}
    for row in await conn.fetch(POLICIES["candidates"], *map(list, zip(*wanted, strict=True))) if wanted else []:
        policy = Policy(job_id=row["job_id"], group_id=row["group_id"], destination=row["destination"])
        found.setdefault((row["product_id"], row["module"], row["version"]), []).append(policy)
    return found


async def _winners(
    conn: Connection, running: Sequence[Running], found: Candidates
) -> dict[int, dict[UUID, str | None]]:
    """For each dynamic job the devices that its policy takes, with the version they run."""
    members = await _memberships(conn, running, found)
    taken: dict[int, dict[UUID, str | None]] = {}
    for run in running:
        candidates = found.get(run.kind, [])
        job_id = winner(candidates, members.get(run.device_id, frozenset()), run.version)
        if job_id is not None:
            taken.setdefault(job_id, {})[run.device_id] = run.version
    return taken


async def _memberships(conn: Connection, running: Sequence[Running], found: Candidates) -> dict[UUID, frozenset[int]]:
    asked: dict[int, set[UUID]] = {}
    for run in running:
        for policy in found.get(run.kind, []):
            if policy.group_id is not None:
                asked.setdefault(policy.group_id, set()).add(run.device_id)
    members: dict[UUID, set[int]] = {}
    for group_id, devices in asked.items():
        for device in await members_among(conn, group_id, sorted(devices)):
            members.setdefault(device, set()).add(group_id)
    return {device: frozenset(ids) for device, ids in members.items()}


@dataclass(frozen=True, slots=True)
class Reported:
    """What devices run from now, and what dynamic jobs take of it: for each job its devices, whose rows are locked."""

    running: list[Running]
    taken: dict[int, dict[UUID, str | None]]


@dataclass(frozen=True, slots=True)
class Held:
    """Reports whose meaning for standing rules can't change any more: what live devices run, the policies that may take
    them, and those of them whose rows are locked for that."""

    running: list[Running]
    candidates: Candidates
    locked: frozenset[UUID]


async def hold_reported(
    conn: Connection, versions: Mapping[tuple[UUID, str], str | None], arriving: AbstractSet[UUID] = frozenset()
) -> Held:
    """Take all that applying these reports, by (device, module), locks before tasks; dead devices are left out. The
    rules of their products are held until the transaction ends: a job that comes into being meanwhile waits for it, and
    its fill sees the new versions, or has come before and its rule is seen here. Of `arriving` a later report of the
    transaction may bring a version: their rows are locked, and with them whatever versions are to be kept."""
    told = {device for device, _ in versions}
    if not told and not arriving:
        return Held([], {}, frozenset())
    rows = await conn.fetch(POLICIES["products_of"], list(told | arriving))
    products = {_uuid(r["device_id"]): r["product_id"] for r in rows}
    running = [Running(d, products[d], module, v) for (d, module), v in versions.items() if d in products]
    ruled = sorted(set(products.values()))
    await conn.execute(POLICIES["share_rules"], ruled)
    modules = {(r["product_id"], r["module"]) for r in await conn.fetch(POLICIES["ruled_modules"], ruled)}
    found = await _candidates(conn, [r for r in running if (r.product_id, r.module) in modules])
    wanted = arriving | {r.device_id for r in running if r.kind in found}
    locked = await conn.fetch(POLICIES["lock_takers"], list(wanted)) if wanted else []
    if arriving:
        await conn.execute(POLICIES["lock_versions"], list(told | arriving))
    return Held(running, found, frozenset(_uuid(r["device_id"]) for r in locked))


async def keep_reported(conn: Connection, held: Held, now: datetime, *, by_result: bool = False) -> Reported:
    """Keep what was reported, and say what it means for standing rules. It is kept first, because a group's condition
    may be about versions."""
    await _save_versions(conn, held.running, now, by_result)
    taken = await _winners(conn, [r for r in held.running if r.device_id in held.locked], held.candidates)
    return Reported(held.running, taken)


async def _save_versions(conn: Connection, running: Sequence[Running], now: datetime, by_result: bool) -> None:
    if running:
        columns = zip(*((r.device_id, r.module, r.version) for r in running), strict=True)
        await conn.execute(TASKS["save_versions"], now, *map(list, columns), by_result)


async def take_reported(ctx: Context, conn: Connection, reported: Reported) -> int:
    """Make the tasks that standing rules owe these devices, whose versions are saved; returns how many offers are due
    now."""
    if not reported.taken:
        return 0
    jobs = await conn.fetch(POLICIES["jobs_of_policies"], list(reported.taken))
    return sum([await take(ctx, conn, job, reported.taken[job["job_id"]]) for job in jobs])


async def take(ctx: Context, conn: Connection, job: Row, devices: Mapping[UUID, str | None]) -> int:
    """Make the tasks that a dynamic job owes these devices (their rows are locked); returns how many are due now."""
    rows = await conn.fetch(POLICIES["last_tasks"], list(devices), job["job_id"])
    last = {_uuid(r["device_id"]): _last_task(r) for r in rows}
    busy = [d for d, task in last.items() if task.reason == BUSY]
    taken = await _still_taken(ctx, conn, job, busy) if busy else set()
    numbers = {d: next_nth(last.get(d), version, d in taken) for d, version in devices.items()}
    return await make(ctx, conn, job, {d: nth for d, nth in numbers.items() if nth is not None})


async def _still_taken(ctx: Context, conn: Connection, job: Row, ids: list[UUID]) -> set[UUID]:
    await _clear_the_way(conn, job, ids, ctx.now())
    rows = await conn.fetch(JOBS["taken_devices"], ids, [_slot(job)] * len(ids))
    return {_uuid(r["device_id"]) for r in rows}


def _last_task(row: Row) -> LastTask:
    facts: dict[str, Any] = dict(row.items())
    return LastTask(
        nth=facts["nth"],
        first_nth=facts["first_nth"],
        state=State(facts["state"]),
        reason=facts["reason"],
        source_version=facts["source_version"],
    )


# --- rows ---


def _slot(job: Row) -> str:
    """What a task of the job holds: its device, or in a job of modules its module (L1)."""
    return str(job["module"]) if job["multi_module"] else ""


async def make(ctx: Context, conn: Connection, job: Row, devices: Mapping[UUID, int]) -> int:
    """The job's tasks of these devices, whose rows are locked, each its `nth`; returns how many offers are due now."""
    if not devices:
        return 0
    now, ids = ctx.now(), list(devices)
    await _clear_the_way(conn, job, ids, now)
    free, _, _ = birth(job["need_confirm"], device_is_taken=False)
    taken, reason, text = birth(job["need_confirm"], device_is_taken=True)
    push_now = job["need_push"] and free is State.QUEUED
    awaiting, ends = first_wait(now) if job.get("asks_version") else ("", None)
    row = await conn.fetchrow(
        JOBS["make_tasks"], ids, list(devices.values()), job["job_id"], _slot(job), job["module"], free.value,
        push_now, taken.value, reason, text, now, awaiting, ends if free is State.QUEUED else None,
    )  # fmt: skip
    return int(row["due"]) if row else 0


async def _clear_the_way(conn: Connection, job: Row, ids: list[UUID], now: datetime) -> None:
    """alibaba 7.3: what the job overwrites; a task in progress never is."""
    text = OVERWRITTEN_TEXT
    for way in _ways(job, ids):
        await move(conn, Event.OVERWRITTEN, way, now, reason="overwritten", description=text)


def _ways(job: Row, ids: list[UUID]) -> list[Selection]:
    slot, found = _slot(job), []
    if job["overwrite"]:
        found.append(Selection(device_ids=ids))
    if job["multi_module"]:  # within one module the newer task overwrites
        found.append(Selection(device_ids=ids, slot=slot))
    if job["kind"] == "dynamic":  # [seed]: of several dynamic jobs the latest applies
        slots = ("", slot) if slot else (None,)
        earlier = job["job_id"]
        found += [Selection(device_ids=ids, slot=s, kind="dynamic", before_job=earlier) for s in slots]
    return found


def _uuid(value: UUID) -> UUID:
    return UUID(int=value.int)  # asyncpg's own kind compares equal but hashes slower
