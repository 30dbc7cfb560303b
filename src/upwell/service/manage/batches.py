"""Jobs that negotiate, asked for and steered by their owner (huawei 3): made, stopped, run again, confirmed, deleted.

Their tasks are tasks as any, and other tongues see them as static jobs. What an owner may ask when is
`domain.standings.ASKS`; what it does to a task is the table's. A stop, retry or confirm of named devices tells for
each what came of it; of all of them it tells nobody by name.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from upwell.domain import commands as c
from upwell.domain import standings
from upwell.domain.attempts import anew, confirmed, hastened, repeated
from upwell.domain.awaiting import Awaits
from upwell.domain.errors import Conflict, Invalid, NotFound
from upwell.domain.fleet import device_id
from upwell.domain.modules import DEFAULT_MODULE, SOFTWARE_MODULE
from upwell.domain.standings import ASKS, ENDED, Progress, Standing
from upwell.domain.task import Event, State, Stepped, Task, step
from upwell.domain.verification import require_verified
from upwell.service.context import Context
from upwell.service.manage import batch_views
from upwell.service.manage.access import Caller, require
from upwell.service.manage.batch_views import SQL
from upwell.service.manage.device_keys import find_public
from upwell.service.manage.jobs import refuse_lost_object
from upwell.service.manage.spaces import find_space
from upwell.service.upgrade import counters, news
from upwell.service.upgrade.counters import progress_of
from upwell.service.upgrade.endings import end_job, reopen
from upwell.service.upgrade.fill import fill_chunk
from upwell.service.upgrade.making import lock_live_devices, taken_devices
from upwell.service.upgrade.tasks import Ledger, task_of
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet

JOBS = sheet("jobs")
OFFERS_PER_MIN = 60_000  # of one batch; no source says how fast the cloud goes (huawei 6.3)
DEVICE_DELETED = "device_deleted"  # the reason of tasks that were cancelled with their device
_MODULES = {"firmware": DEFAULT_MODULE, "software": SOFTWARE_MODULE}


# --- made ---


async def create_batch(ctx: Context, caller: Caller, cmd: c.CreateBatch) -> c.Batch:
    """A job over the given devices, or the members of groups when it starts. Raises NotFound (package, group, space),
    Conflict package_of_other_part, package_not_verified, Invalid scheduled_at."""
    require(caller, "operator")
    now = ctx.now()
    if cmd.scheduled_at is not None and not now <= cmd.scheduled_at <= now + timedelta(days=cmd.schedule_days_max):
        raise Invalid("scheduled_at", f"a time within the next {cmd.schedule_days_max} days")

    async def body(conn: Connection) -> c.Batch:
        packages = await _packages(conn, caller, cmd)
        await _check_groups(conn, caller, cmd.group_ids)
        job_id = await _add(ctx, conn, caller, cmd, packages[0])
        await conn.execute(SQL["add_choices"], job_id, list(cmd.package_ids))
        await _add_targets(conn, caller, cmd, job_id)
        if cmd.scheduled_at is not None:
            await news.note_status(conn, job_id, now, Progress.WAITING, cmd.part)
        return await batch_views.one(conn, caller, job_id)

    return await ctx.database.transact(body)


async def _packages(conn: Connection, caller: Caller, cmd: c.CreateBatch) -> list[Row]:
    rows = await conn.fetch(SQL["packages_of_batch"], caller.account_id, list(cmd.package_ids))
    found = {row["package_id"]: row for row in rows}
    for package_id in cmd.package_ids:
        if package_id not in found:
            raise NotFound("package", str(package_id))
    packages = [found[package_id] for package_id in cmd.package_ids]
    space = None if cmd.space is None else (await find_space(conn, caller, cmd.space))["space_id"]
    for package in packages:
        _check_package(package, cmd.part, space)
    if len({package["module"] for package in packages}) > 1:
        raise Conflict("package_of_other_part", "The packages are for different modules.")
    return packages


def _check_package(package: Row, part: str, space: int | None) -> None:
    is_part = package["module"] == _MODULES[part] if part in _MODULES else package["module"] not in _MODULES.values()
    if not is_part:
        raise Conflict("package_of_other_part", f"A package is for {package['module']}, not for {part}.")
    if package["product_id"] is None:
        raise Conflict("package_of_other_part", "A package belongs to no product.")
    if space not in (None, package["space_id"]):
        raise Conflict("package_of_other_space", "A package belongs to another resource space.")
    require_verified(package["status"])
    refuse_lost_object(package)


async def _check_groups(conn: Connection, caller: Caller, group_ids: Sequence[int]) -> None:
    rows = await conn.fetch(SQL["kinds_of_groups"], caller.account_id, list(group_ids))
    missing = set(group_ids) - {row["group_id"] for row in rows}
    if missing:
        raise NotFound("group", str(min(missing)))


async def _add(ctx: Context, conn: Connection, caller: Caller, cmd: c.CreateBatch, package: Row) -> int:
    job_id, status = ctx.new_id(), "PLANNED" if cmd.scheduled_at else "IN_PROGRESS"
    ext_info = None if cmd.ext_info is None else json.dumps(dict(cmd.ext_info))
    facts = json.dumps(dict(cmd.facts) | {"need_confirm": cmd.need_confirm})
    await conn.execute(
        SQL["add_batch"], job_id, caller.account_id, package["product_id"], package["package_id"],
        "SPECIFIC" if cmd.targets else "GROUP", status, cmd.retry_interval_min, cmd.retry_count or 0, OFFERS_PER_MIN,
        bool(cmd.need_confirm), cmd.name, cmd.part, ext_info, cmd.by_gateway, facts, list(cmd.targets),
        list(cmd.group_ids), cmd.scheduled_at, ctx.now(),
    )  # fmt: skip
    return job_id


async def _add_targets(conn: Connection, caller: Caller, cmd: c.CreateBatch, job_id: int) -> None:
    found = await find_public(conn, caller, cmd.targets)
    await conn.execute(JOBS["add_targets"], job_id, list(found.values()))
    strays = [name for name in cmd.targets if name not in found]
    ids = [device_id(f"stray {job_id}", name) for name in strays]
    await conn.execute(SQL["add_strays"], job_id, ids, strays)


# --- steered ---


async def stop_batch(ctx: Context, caller: Caller, cmd: c.StopBatch) -> tuple[c.TargetResult, ...]:
    """Stop these devices, or the whole batch; no offer of theirs is sent when this returns (L5). Raises NotFound,
    Conflict batch_not_of_this_part, batch_state."""

    def stop(job: Row, task: Task, now: datetime) -> Stepped:
        return step(task, Event.CANCELLED, replace(task, reason="stopped", description="stopped by its owner"))

    async def body(conn: Connection) -> tuple[c.TargetResult, ...]:
        job, now = await _locked(conn, caller, cmd.job_id, "stop"), ctx.now()
        if not cmd.targets:
            await conn.execute(SQL["ask_stop"], cmd.job_id, now)
        if job["status"] == "PLANNED":
            return await _stop_planned(conn, job, cmd, now)
        while await fill_chunk(ctx, conn, cmd.job_id):
            pass  # tasks that do not exist yet must not escape the stop
        return await _steer(conn, caller, job, cmd.targets, "stop", stop, now)

    return await ctx.database.transact(body)


async def _stop_planned(conn: Connection, job: Row, cmd: c.StopBatch, now: datetime) -> tuple[c.TargetResult, ...]:
    if cmd.targets:
        return tuple(c.TargetResult(public_id=name, reason="batch_state") for name in cmd.targets)
    await end_job(conn, job["job_id"], "CANCELED", now)
    await conn.execute(SQL["set_outcome"], job["job_id"], Progress.STOPPED.value)
    await news.note_status(conn, job["job_id"], now, Progress.STOPPED, job["part"])
    return ()


async def retry_batch(ctx: Context, caller: Caller, cmd: c.RetryBatch) -> tuple[c.TargetResult, ...]:
    """Run these devices again, or all that failed, wait for a retry or were stopped. Raises as stop_batch, and Conflict
    package_is_deleted."""

    def retry(job: Row, task: Task, now: datetime) -> Stepped:
        if task.state is State.QUEUED:  # it waits for its retry: that comes now
            return hastened(task, now), None
        return repeated(task, job["need_confirm"], now)

    async def body(conn: Connection) -> tuple[c.TargetResult, ...]:
        job, now = await _locked(conn, caller, cmd.job_id, "retry"), ctx.now()
        for package in await conn.fetch(JOBS["hold_packages"], cmd.job_id):
            if package["is_deleted"]:
                raise Conflict("package_is_deleted", "A package of the batch was deleted.")
            refuse_lost_object(package)
        results = await _steer(conn, caller, job, cmd.targets, "retry", retry, now)
        if (await counters.tallies(conn, [cmd.job_id]))[cmd.job_id].open:  # else it acted on no task
            await reopen(conn, cmd.job_id, now)
        await conn.execute(JOBS["follow_presence_of_job"], cmd.job_id)
        return results

    return await ctx.database.transact(body)


async def confirm_batch(ctx: Context, caller: Caller, cmd: c.ConfirmBatch) -> tuple[c.TargetResult, ...]:
    """Let these devices go on, or all that wait for it. Raises as stop_batch."""

    def confirm(job: Row, task: Task, now: datetime) -> Stepped:
        stepped, change = confirmed(task, now)
        return (stepped if change else anew(task, now)), change  # one that waits for its device has its time anew

    async def body(conn: Connection) -> tuple[c.TargetResult, ...]:
        job, now = await _locked(conn, caller, cmd.job_id, "confirm"), ctx.now()
        while await fill_chunk(ctx, conn, cmd.job_id):
            pass  # all that wait are there
        return await _steer(conn, caller, job, cmd.targets, "confirm", confirm, now)

    return await ctx.database.transact(body)


async def delete_batch(ctx: Context, caller: Caller, cmd: c.DeleteBatch) -> c.Done:
    """Forget a batch that has ended. Raises NotFound, Conflict batch_state."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Done:
        job = await _lock(conn, caller, cmd.job_id)
        if progress_of(job) not in ENDED:
            raise Conflict("batch_state", "The batch has not ended; stop it first.")
        await conn.execute(SQL["delete_batch"], cmd.job_id, ctx.now())
        return c.Done()

    return await ctx.database.transact(body)


async def _lock(conn: Connection, caller: Caller, job_id: int) -> Row:
    job = await conn.fetchrow(SQL["lock_batch"], job_id, caller.account_id)
    if job is None:
        raise NotFound("job", str(job_id))
    return job


async def _locked(conn: Connection, caller: Caller, job_id: int, what: str) -> Row:
    """The batch, locked, if this may be asked of it now (huawei 3.9)."""
    require(caller, "operator")
    job, ask = await _lock(conn, caller, job_id), ASKS[what]
    if job["part"] not in ask.parts:
        raise Conflict("batch_not_of_this_part", f"{what} is not for batches of a {job['part']}.")
    standing = progress_of(job)
    if standing in ask.refused:
        raise Conflict("batch_state", f"The batch is {standing} and can't be asked to {what}.")
    return job


Act = Callable[[Row, Task, datetime], Stepped]


async def _steer(
    conn: Connection, caller: Caller, job: Row, names: Sequence[str], what: str, act: Act, now: datetime
) -> tuple[c.TargetResult, ...]:
    """Let `act` happen to the tasks of these devices, or to all, that stand where it may."""
    ids = await batch_views.targets(conn, caller, job["job_id"], names)
    alive = await _hold_devices(conn, job, list(ids.values()) if names else None) if what == "retry" else set()
    rows = await conn.fetch(SQL["lock_tasks_of_batch"], job["job_id"], list(ids.values()) if names else None)
    tasks = [task_of(row) for row in rows]
    taken = await _taken(conn, tasks, alive) if what == "retry" else set()
    ledger, done = Ledger(), set[UUID]()
    for task in tasks:
        if _stands(task) not in ASKS[what].acts_on or task.ref.device_id in taken or task.reason == "device_unknown":
            continue
        stepped, change = act(job, task, now)
        if change is not None or stepped != task:
            ledger.note(stepped, change)
            done.add(task.ref.device_id)
    await ledger.save(conn, now)
    with_task = {task.ref.device_id for task in tasks}
    return tuple(c.TargetResult(public_id=name, reason=_refusal(ids.get(name), with_task, done)) for name in names)


def _stands(task: Task) -> Standing:
    again = task.attempt > 0 and task.awaiting in (Awaits.NOTHING, Awaits.ONLINE)
    asked = task.awaiting not in (Awaits.NOTHING, Awaits.ONLINE)
    return standings.standing(task.state, asked=asked, retry_waits=again, gone=task.reason == DEVICE_DELETED)


async def _hold_devices(conn: Connection, job: Row, ids: Sequence[UUID] | None) -> set[UUID]:
    """Those of these devices, or of the whole batch's, that live: they get no other task meanwhile, nor are deleted."""
    if ids is None:
        ids = [r["device_id"] for r in await conn.fetch(SQL["devices_of_batch"], job["job_id"])]
    return set(await lock_live_devices(conn, ids))


async def _taken(conn: Connection, tasks: Sequence[Task], alive: set[UUID]) -> set[UUID]:
    """The devices of closed tasks that another task holds (L1), and those that are gone."""
    gone = {task.ref.device_id for task in tasks} - alive
    closed = [task for task in tasks if not task.is_open]
    return gone | await taken_devices(conn, [(t.ref.device_id, t.slot) for t in closed])


def _refusal(device: UUID | None, with_task: set[UUID], done: set[UUID]) -> str:
    if device in done:
        return ""
    return "task_state" if device in with_task else "device_unknown"
