"""Tasks cancelled, confirmed and run again by their owner.

Of a job that asks, an owner may ask this or that only while it stands so (`domain.standings.ASKS`), each named target
is told what came of it, and what happens to a task is its table's. Of all others a request is done whole or not at all.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from upwell.domain import commands as c
from upwell.domain import standings
from upwell.domain.attempts import anew, confirmed, hastened, repeated
from upwell.domain.awaiting import Awaits
from upwell.domain.errors import Conflict, NotFound
from upwell.domain.standings import ASKS, Progress, Standing
from upwell.domain.task import Event, State, Stepped, Task, ends, step
from upwell.domain.verification import require_unverified, require_verified
from upwell.service.context import Context
from upwell.service.manage import held
from upwell.service.manage.access import Caller, require
from upwell.service.manage.held import Act
from upwell.service.manage.job_packages import product_of_account, require_package
from upwell.service.manage.jobs import devices_of_product, locked_job
from upwell.service.manage.task_views import product_of_job, targets_of
from upwell.service.upgrade import counters, news
from upwell.service.upgrade.endings import end_job, reopen, set_outcome, set_package_status
from upwell.service.upgrade.tasks import Selection, end_tasks
from upwell.storage.database import Connection, Row
from upwell.storage.job_rows import progress_of
from upwell.storage.queries import sheet

SQL = sheet("steering")
CANCEL_TEXT = "cancelled by the owner"
DEVICE_DELETED = "device_deleted"  # the reason of tasks that are cancelled with their device


# --- cancelled ---


async def cancel_tasks(ctx: Context, caller: Caller, cmd: c.CancelTasks) -> c.Steered:
    """Cancel open tasks; when this returns no offer of them is sent (L5). Raises NotFound (job, package, product,
    device); of a job that asks Conflict job_not_of_this_part, job_state."""
    require(caller, "operator")
    way = _stop if cmd.asking else _cancel_of_job if cmd.package_id is None else _cancel_of_devices
    return await ctx.database.transact(lambda conn: way(ctx, conn, caller, cmd))


async def _cancel_of_job(ctx: Context, conn: Connection, caller: Caller, cmd: c.CancelTasks) -> c.Steered:
    job = await locked_job(conn, caller, cmd.job_id or 0)
    if job["status"] == "PLANNED":
        if cmd.scheduled:
            await end_job(conn, job["job_id"], "CANCELED", ctx.now())
        return c.Steered()
    await held.fill(ctx, conn, job["job_id"])
    changed = await _cancel(conn, Selection(job_id=cmd.job_id), ctx.now(), cmd.states)
    if job["kind"] == "verify" and not await conn.fetchval(*SQL["has_tasks"](job_id=cmd.job_id)):
        await _end_empty(conn, job, ctx.now())
    return c.Steered(changed=changed)


async def _cancel_of_devices(ctx: Context, conn: Connection, caller: Caller, cmd: c.CancelTasks) -> c.Steered:
    package_id = cmd.package_id or 0
    await require_package(conn, caller, package_id)
    product_id = await product_of_account(conn, caller, cmd.product_key)
    ids = await devices_of_product(conn, product_id, sorted(set(cmd.device_names)))
    if cmd.job_id is not None:
        await product_of_job(conn, caller, cmd.job_id)
    for job in await conn.fetch(*SQL["lock_unfilled_of_package"](package_id=package_id, job_id=cmd.job_id)):
        await held.fill(ctx, conn, job["job_id"])
    chosen = Selection(job_id=cmd.job_id, device_ids=ids, package_id=package_id)
    return c.Steered(changed=await _cancel(conn, chosen, ctx.now(), cmd.states))


async def _cancel(conn: Connection, chosen: Selection, now: datetime, states: frozenset[str]) -> int:
    changing = frozenset(State(s) for s in states) & {s for s, _ in ends(Event.CANCELLED)}
    if not changing:
        return 0
    text = CANCEL_TEXT
    return await end_tasks(conn, Event.CANCELLED, chosen, now, states=changing, reason="cancelled", description=text)


async def _end_empty(conn: Connection, job: Row, now: datetime) -> None:
    """A verify job without devices ends by its cancel, and its package is as it was (tuya 2.3)."""
    if job["status"] != "IN_PROGRESS":
        return
    await end_job(conn, job["job_id"], "CANCELED", now)
    if not await conn.fetchval(*SQL["has_running_verify_job"](package_id=job["package_id"])):
        await set_package_status(conn, job["package_id"], "unverified", now)


async def _stop(ctx: Context, conn: Connection, caller: Caller, cmd: c.CancelTasks) -> c.Steered:
    def stop(task: Task) -> Stepped:
        return step(task, Event.CANCELLED, replace(task, reason="stopped", description="stopped by its owner"))

    job, now = await _asked_of(conn, caller, cmd.job_id, "stop"), ctx.now()
    if not cmd.targets:
        await conn.execute(*SQL["ask_stop"](job_id=cmd.job_id, now=now))
    if job["status"] == "PLANNED":
        return await _stop_planned(conn, job, cmd.targets, now)
    await held.fill(ctx, conn, job["job_id"])
    return await _steer(conn, caller, job, cmd.targets, "stop", stop, now)


async def _stop_planned(conn: Connection, job: Row, targets: Sequence[str], now: datetime) -> c.Steered:
    if targets:
        return c.Steered(targets=tuple(c.TargetResult(public_id=name, reason="job_state") for name in targets))
    await end_job(conn, job["job_id"], "CANCELED", now)
    await set_outcome(conn, job["job_id"], Progress.STOPPED)
    await news.note_status(conn, job["job_id"], now, Progress.STOPPED, job["part"])
    return c.Steered()


# --- confirmed ---


async def confirm_tasks(ctx: Context, caller: Caller, cmd: c.ConfirmTasks) -> c.Steered:
    """Let tasks that wait for confirmation go on. Raises NotFound (task, job), Conflict task_not_waiting; of a job that
    asks as cancel_tasks."""
    require(caller, "operator")

    def refused(task: Task) -> Conflict:
        return Conflict("task_not_waiting", f"The task is {task.state} and does not wait for confirmation.")

    async def body(conn: Connection) -> c.Steered:
        if not cmd.asking:
            now, tasks = ctx.now(), await held.tasks_of_account(conn, caller, cmd.tasks)
            return c.Steered(
                changed=len(await held.change(conn, tasks, lambda task: confirmed(task, now), now, refused))
            )
        job, now = await _asked_of(conn, caller, cmd.job_id, "confirm"), ctx.now()
        await held.fill(ctx, conn, job["job_id"])
        return await _steer(conn, caller, job, cmd.targets, "confirm", lambda task: _confirming_anew(task, now), now)

    return await ctx.database.transact(body)


def _confirming_anew(task: Task, now: datetime) -> Stepped:
    stepped, change = confirmed(task, now)
    return (stepped if change else anew(task, now)), change  # one that waits for its device has its time anew


# --- run again ---


async def repeat_tasks(ctx: Context, caller: Caller, cmd: c.RepeatTasks) -> c.Steered:
    """Run tasks again that failed or were cancelled; an ended job runs again with them (alibaba 2.5). Raises NotFound
    (job, task, device), Conflict task_not_repeatable, device_busy, package_not_verified, package_is_deleted,
    package_object_lost; of a job that asks as cancel_tasks."""
    require(caller, "operator")
    way = _retry if cmd.asking else _repeat
    return await ctx.database.transact(lambda conn: way(ctx, conn, caller, cmd))


async def _repeat(ctx: Context, conn: Connection, caller: Caller, cmd: c.RepeatTasks) -> c.Steered:
    def repeat(task: Task) -> Stepped:
        return repeated(task, job["need_confirm"], now)

    def refused(task: Task) -> Conflict:
        return Conflict("task_not_repeatable", f"The task is {task.state}; only FAILED or CANCELED ones run again.")

    now, job = ctx.now(), await locked_job(conn, caller, cmd.job_id)
    await _reopen(conn, job, now)
    if any(ref.job_id != cmd.job_id for ref in cmd.tasks):
        raise NotFound("task", "one of the given tasks")
    await held.devices_of_tasks(conn, cmd.tasks)
    tasks = await held.tasks_of_account(conn, caller, cmd.tasks)
    if await held.taken(conn, tasks):
        raise Conflict("device_busy", "A device of these tasks has an unfinished task.")
    done = await held.change(conn, tasks, repeat, now, refused)
    await held.follow_presence(conn, cmd.job_id, [task.device_id for task in cmd.tasks])
    return c.Steered(changed=len(done))


async def _reopen(conn: Connection, job: Row, now: datetime) -> None:
    """The job runs from now, if its package may still be offered; a dynamic job whose policy ended stays ended."""
    packages = await held.packages_of_job(conn, job["job_id"], "The job's package was deleted.")
    if job["kind"] == "verify":
        await _reopen_verification(conn, job, packages[0]["status"], now)
    else:
        for package in packages:
            require_verified(package["status"])
    if job["status"] == "PLANNED":
        raise Conflict("task_not_repeatable", "The job has not begun.")
    if job["kind"] != "dynamic":
        await reopen(conn, job["job_id"], now)


async def _reopen_verification(conn: Connection, job: Row, status: str, now: datetime) -> None:
    if job["status"] == "IN_PROGRESS":
        return
    require_unverified(status)
    await set_package_status(conn, job["package_id"], "verifying", now)


async def _retry(ctx: Context, conn: Connection, caller: Caller, cmd: c.RepeatTasks) -> c.Steered:
    def retry(task: Task) -> Stepped:
        if task.state is State.QUEUED:  # it waits for its retry: that comes now
            return hastened(task, now), None
        return repeated(task, job["need_confirm"], now)

    job, now = await _asked_of(conn, caller, cmd.job_id, "retry"), ctx.now()
    await held.packages_of_job(conn, cmd.job_id, "A package of the batch was deleted.")
    steered = await _steer(conn, caller, job, cmd.targets, "retry", retry, now)
    if (await counters.tallies(conn, [cmd.job_id]))[cmd.job_id].open:  # else it acted on no task
        await reopen(conn, cmd.job_id, now)
    await held.follow_presence(conn, cmd.job_id, None)
    return steered


# --- targets of a job that asks, each for itself (huawei 3.9) ---


async def _asked_of(conn: Connection, caller: Caller, job_id: int | None, what: str) -> Row:
    """The job, locked, if this may be asked of it now."""
    job, ask = await locked_job(conn, caller, job_id or 0, asking=True), ASKS[what]
    if job["part"] not in ask.parts:
        raise Conflict("job_not_of_this_part", f"{what} is not for batches of a {job['part']}.")
    stands = progress_of(job)
    if stands in ask.refused:
        raise Conflict("job_state", f"The batch is {stands} and can't be asked to {what}.")
    return job


async def _steer(
    conn: Connection, caller: Caller, job: Row, names: Sequence[str], what: str, act: Act, now: datetime
) -> c.Steered:
    """Let `act` happen to the tasks of these targets, or to all, that stand where it may."""
    targets = await targets_of(conn, caller, job["job_id"], names)
    ids = list(targets.values()) if names else None
    again, alive = what == "retry", set[UUID]()
    if again:
        alive = await (held.devices_of_job(conn, job["job_id"]) if ids is None else held.live_devices(conn, ids))
    tasks = await held.tasks_of_job(conn, job["job_id"], ids)
    with_task = {task.ref.device_id for task in tasks}
    barred = (with_task - alive) | await held.taken(conn, tasks) if again else set[UUID]()
    fitting = [task for task in tasks if _stands(task) in ASKS[what].acts_on and task.ref.device_id not in barred]
    done = await held.change(conn, [task for task in fitting if task.reason != "device_unknown"], act, now)
    told = (c.TargetResult(public_id=name, reason=_refusal(targets.get(name), with_task, done)) for name in names)
    return c.Steered(changed=len(done), targets=tuple(told))


def _stands(task: Task) -> Standing:
    again = task.attempt > 0 and task.awaiting in (Awaits.NOTHING, Awaits.ONLINE)
    asked = task.awaiting not in (Awaits.NOTHING, Awaits.ONLINE)
    return standings.standing(task.state, asked=asked, retry_waits=again, gone=task.reason == DEVICE_DELETED)


def _refusal(device: UUID | None, with_task: set[UUID], done: set[UUID]) -> str:
    if device in done:
        return ""
    return "task_state" if device in with_task else "device_unknown"
