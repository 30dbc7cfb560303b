"""Tasks made, for devices whose rows the caller has locked: so the question whether another task stands in the way has
one answer (L1), and a device can't be deleted meanwhile. Locks are taken in the order job, policies, device, version,
task, and those of a kind in one pass: two passes are two orders.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from upwell.domain.attempts import births
from upwell.domain.policy import LastTask, next_nth
from upwell.domain.task import BUSY, Event, State
from upwell.service.context import Context
from upwell.service.upgrade.tasks import Selection, end_tasks, plain
from upwell.storage.database import Connection, Row, filled
from upwell.storage.queries import sheet

_Q = sheet("fill")
_POLICIES = sheet("policies")
OVERWRITTEN_TEXT = "replaced by a later job"


async def make(ctx: Context, conn: Connection, job: Row, devices: Mapping[UUID, int]) -> int:
    """The job's tasks of these devices, each its `nth`; returns how many messages are due now."""
    if not devices:
        return 0
    now, ids = ctx.now(), list(devices)
    await _clear_the_way(conn, job, ids, now)
    begun = births(
        need_confirm=job["need_confirm"], need_push=job["need_push"], asks=job["asks_version"], now=now
    )  # fmt: skip
    facts = ("taken", "online", "state", "reason", "description", "due_at", "awaiting", "timeout_at")
    statement = _Q["make_tasks"](
        device_ids=ids, nths=list(devices.values()), job_id=job["job_id"], slot=_slot(job), module=job["module"],
        now=now, **{fact: [getattr(birth, fact) for birth in begun] for fact in facts},
    )  # fmt: skip
    row = await conn.fetchrow(*statement)
    return int(row["due"]) if row else 0


async def make_failed(ctx: Context, conn: Connection, job: Row, ids: Sequence[UUID], reason: str, text: str) -> None:
    """The job's tasks of devices that it can't be for: failed from the first."""
    if not ids:
        return
    now = ctx.now()
    [failed, *_] = [b for b in births(need_confirm=False, need_push=False, asks=True, now=now) if b.taken]
    statement = _Q["make_failed_tasks"](
        device_ids=ids, job_id=job["job_id"], module=job["module"], state=failed.state, reason=reason,
        description=text, awaiting=failed.awaiting, now=now,
    )  # fmt: skip
    await conn.execute(*statement)


async def take(ctx: Context, conn: Connection, job: Row, devices: Mapping[UUID, str | None]) -> int:
    """Make the tasks that a dynamic job owes these devices, which run these versions; returns how many are due now."""
    rows = await conn.fetch(*_POLICIES["last_tasks"](device_ids=list(devices), job_id=job["job_id"]))
    last = {plain(row["device_id"]): filled(LastTask, row, state=State(row["state"])) for row in rows}
    busy = [device for device, task in last.items() if task.reason == BUSY]
    taken = await _still_taken(ctx, conn, job, busy) if busy else set()
    numbers = {d: next_nth(last.get(d), version, d in taken) for d, version in devices.items()}
    return await make(ctx, conn, job, {d: nth for d, nth in numbers.items() if nth is not None})


async def taken_devices(conn: Connection, slots: Sequence[tuple[UUID, str]]) -> set[UUID]:
    """Of these (device, slot), the devices that an open task stands in the way of (L1)."""
    devices, held = [device for device, _ in slots], [slot for _, slot in slots]
    return {plain(r["device_id"]) for r in await conn.fetch(*_Q["taken_devices"](device_ids=devices, slots=held))}


async def lock_live_devices(conn: Connection, ids: Sequence[UUID]) -> dict[UUID, int]:
    """Those of these devices that live, with their product: they get no other task meanwhile, nor are deleted."""
    rows = await conn.fetch(*_Q["lock_live_devices"](device_ids=ids))
    return {plain(row["device_id"]): row["product_id"] for row in rows}


async def _still_taken(ctx: Context, conn: Connection, job: Row, ids: list[UUID]) -> set[UUID]:
    await _clear_the_way(conn, job, ids, ctx.now())
    return await taken_devices(conn, [(device, _slot(job)) for device in ids])


def _slot(job: Row) -> str:
    """What a task of the job holds: its device, or in a job of modules its module (L1)."""
    return str(job["module"]) if job["multi_module"] else ""


async def _clear_the_way(conn: Connection, job: Row, ids: list[UUID], now: datetime) -> None:
    """alibaba 7.3: what the job overwrites; a task in progress never is."""
    text = OVERWRITTEN_TEXT
    for way in _ways(job, ids):
        await end_tasks(conn, Event.OVERWRITTEN, way, now, reason="overwritten", description=text)


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
