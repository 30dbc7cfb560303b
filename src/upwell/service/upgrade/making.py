"""Tasks made, for devices whose rows the caller has locked: so the question whether another task stands in the way has
one answer (L1), and a device can't be deleted meanwhile. Locks are taken in the order job, policies, device, version,
task, and those of a kind in one pass: two passes are two orders.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from upwell.domain.attempts import births
from upwell.domain.policy import LastTask, next_nth
from upwell.domain.task import BUSY, Event, State, Task, step
from upwell.service.context import Context
from upwell.service.upgrade import acts, counters, failures, guards
from upwell.service.upgrade.tasks import lock_open, plain
from upwell.storage.database import Connection, Row, filled
from upwell.storage.queries import sheet

_Q = sheet("fill")
_POLICIES = sheet("policies")
OVERWRITTEN_TEXT = "replaced by a later job"


class Newcomer(NamedTuple):
    """A device that is to have a task: in which of its lives, what it runs of the job's module, and how often the job
    has had it."""

    device_id: UUID
    life: int
    version: str | None
    nth: int = 0


async def newcomers_of(conn: Connection, versions: Mapping[UUID, str | None]) -> list[Newcomer]:
    """These locked devices, which run these versions."""
    rows = await conn.fetch(*_Q["lives_of"](device_ids=list(versions))) if versions else []
    lives = {plain(row["device_id"]): row["life"] for row in rows}
    return [Newcomer(device, lives[device], version) for device, version in versions.items()]


async def make(
    ctx: Context, conn: Connection, job: Row, devices: Sequence[Newcomer], *, found: bool = False
) -> int:  # fmt: skip
    """The job's tasks of these devices; returns how many messages are due now. Those that the filling
    of the job has `found` are made as if they had been there all the time: what was done to all of the job, and not all
    of its tasks have followed, they follow too."""
    if not devices:
        return 0
    now, ids = ctx.now(), [device.device_id for device in devices]
    await acts.share_waiting(conn, [job["job_id"]])
    await _clear_the_way(conn, job, ids, now)
    begun = births(
        need_confirm=job["need_confirm"], need_push=job["need_push"], asks=job["asks_version"], now=now
    )  # fmt: skip
    facts = ("taken", "online", "state", "reason", "description", "due_at", "awaiting", "timeout_at")
    statement = _Q["make_tasks"](
        device_ids=ids, lives=[device.life for device in devices], nths=[device.nth for device in devices],
        versions=[device.version for device in devices], job_id=job["job_id"], slot=_slot(job), module=job["module"],
        found=found, now=now, **{fact: [getattr(birth, fact) for birth in begun] for fact in facts},
    )  # fmt: skip
    rows = await conn.fetch(*statement)
    await counters.move(conn, counters.moves_in(rows))
    if any(row["state"] == State.FAILED for row in rows):
        await failures.count_new(conn, job["job_id"], ids)
    if found and job["is_guarded"]:
        await guards.note_strata(conn, job["job_id"], ids)
    return sum(row["due"] for row in rows)


async def make_failed(ctx: Context, conn: Connection, job: Row, ids: Sequence[UUID], reason: str, text: str) -> None:
    """The job's tasks of devices that it can't be for: failed from the first."""
    if not ids:
        return
    await acts.share_waiting(conn, [job["job_id"]])
    now = ctx.now()
    [failed, *_] = [b for b in births(need_confirm=False, need_push=False, asks=True, now=now) if b.taken]
    statement = _Q["make_failed_tasks"](
        device_ids=ids, job_id=job["job_id"], module=job["module"], state=failed.state, reason=reason,
        description=text, awaiting=failed.awaiting, now=now,
    )  # fmt: skip
    await counters.move(conn, counters.moves_in(await conn.fetch(*statement)))
    await failures.count_new(conn, job["job_id"], ids)


async def take(
    ctx: Context, conn: Connection, job: Row, devices: Mapping[UUID, str | None], *, found: bool = False
) -> int:  # fmt: skip
    """Make the tasks that a dynamic job owes these devices, which run these versions, as `make` does; returns how many
    are due now."""
    rows = await conn.fetch(*_POLICIES["last_tasks"](device_ids=list(devices), job_id=job["job_id"]))
    last = {plain(row["device_id"]): filled(LastTask, row, state=State(row["state"])) for row in rows}
    busy = [device for device, task in last.items() if task.reason == BUSY]
    taken = await _still_taken(ctx, conn, job, busy) if busy else set()
    given = {d: next_nth(last.get(d), version, d in taken) for d, version in devices.items()}
    numbers = {device: nth for device, nth in given.items() if nth is not None}
    owed = await newcomers_of(conn, {device: devices[device] for device in numbers})
    return await make(ctx, conn, job, [each._replace(nth=numbers[each.device_id]) for each in owed], found=found)


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


async def settle(conn: Connection, device_ids: Sequence[UUID], now: datetime) -> None:
    """Those of these locked devices' tasks that are to follow a halt yet follow it: they stand in nobody's way."""
    if not await conn.fetchval(*_Q["is_any_halted"]()):
        return
    halted = [plain(row["device_id"]) for row in await conn.fetch(*_Q["halted_devices"](device_ids=device_ids))]
    if halted:
        await (await lock_open(conn, halted, now)).ledger.save(conn, now)


def _slot(job: Row) -> str:
    """What a task of the job holds: its device, or in a job of modules its module (L1)."""
    return str(job["module"]) if job["multi_module"] else ""


async def _clear_the_way(conn: Connection, job: Row, ids: list[UUID], now: datetime) -> None:
    """alibaba 7.3: what the job overwrites; a task in progress never is. A task that a halt covers ends by that."""
    if not (job["overwrite"] or job["multi_module"] or job["kind"] == "dynamic"):
        await settle(conn, ids, now)
        return
    taken = await lock_open(conn, ids, now)
    tasks = [task for some in taken.tasks.values() for task in some]
    dynamic = await _dynamic_among(conn, tasks) if job["kind"] == "dynamic" else set[int]()
    for task in tasks:
        if _replaces(job, task, dynamic):
            then = replace(task, reason="overwritten", description=OVERWRITTEN_TEXT)
            after, change = step(task, Event.OVERWRITTEN, then)
            if change is not None:
                taken.ledger.note(task, after, change)
    await taken.ledger.save(conn, now)


async def _dynamic_among(conn: Connection, tasks: Sequence[Task]) -> set[int]:
    jobs = {task.ref.job_id for task in tasks}
    rows = await conn.fetch(*_Q["dynamic_among"](job_ids=list(jobs))) if jobs else []
    return {row["job_id"] for row in rows}


def _replaces(job: Row, task: Task, dynamic: set[int]) -> bool:
    """Whether a new task of the job takes the place of this one, as far as that may be replaced. `dynamic` are the jobs
    that are."""
    slot = _slot(job)
    if job["overwrite"] or (job["multi_module"] and task.slot == slot):  # within one module the newer overwrites
        return True
    earlier = task.ref.job_id in dynamic and task.ref.job_id < job["job_id"]
    return earlier and job["kind"] == "dynamic" and (not slot or task.slot in ("", slot))  # [seed]: the latest applies
