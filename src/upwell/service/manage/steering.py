"""Tasks cancelled, confirmed and run again by their owner.

Of a job that asks, an owner may ask this or that only while it stands so (`domain.standings.ASKS`), each named target
is told what came of it, and what happens to a task is its table's. Of all others a request is done whole or not at all.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from uuid import UUID

from upwell.domain import commands as c
from upwell.domain.acts import What, confirmed_anew, halted, may_follow, retried
from upwell.domain.attempts import confirmed, repeated
from upwell.domain.errors import Conflict, NotFound
from upwell.domain.events import Kind
from upwell.domain.standings import ASKS, Progress
from upwell.domain.task import OPEN, State, Stepped, Task
from upwell.domain.verification import require_unverified, require_verified
from upwell.service.context import Context
from upwell.service.journal import tell
from upwell.service.manage import failure_views, held, job_policies
from upwell.service.manage.access import Caller, require
from upwell.service.manage.held import Act
from upwell.service.manage.job_looks import devices_of_product
from upwell.service.manage.job_packages import product_of_account, require_package
from upwell.service.manage.jobs import locked_job
from upwell.service.manage.task_views import product_of_job, targets_of
from upwell.service.upgrade import acts, counters, events, news
from upwell.service.upgrade.cancelling import end_open
from upwell.service.upgrade.endings import end_job, reopen, set_outcome, set_package_status
from upwell.service.upgrade.fill import fill
from upwell.service.upgrade.following import follow_at_once
from upwell.service.upgrade.making import settle
from upwell.service.upgrade.tasks import Ledger
from upwell.storage.database import Connection, Row, filled
from upwell.storage.job_rows import progress_of
from upwell.storage.queries import sheet

log = logging.getLogger(__name__)
SQL = sheet("steering")
CHANGED_AT_ONCE = 1000  # tasks that are confirmed or run again by the call that asks it; of more the engine does it
CANCEL_TEXT = "cancelled by the owner"
REFUSED_TEXT = "refused by its approver"
LEFT_TEXT = "left out by the owner, with all that come from that version"
LOOKED_MAX = 100_000  # tasks that wait, of which those from one version are told apart: some 0.1 s
Whole = c.ConfirmTasks | c.RepeatTasks
Way = Callable[[Context, Connection, Caller, Whole], Awaitable[c.Steered]]


# --- cancelled ---


async def cancel_tasks(ctx: Context, caller: Caller, cmd: c.CancelTasks) -> c.Steered:
    """Cancel open tasks; when this returns no offer of them is sent (L5). Those of a whole job are cancelled by one row
    of it, which they follow: it takes no longer, however many they are. Raises NotFound (job, package, product,
    device); of a job that asks Conflict job_not_of_this_part, job_state; with `devices` more_than_meant."""
    require(caller, "operator")
    if cmd.package_id is not None and not cmd.asking:
        return await _cancel_of_devices(ctx, caller, cmd)
    await _fill(ctx, caller, cmd)
    way = _stop if cmd.asking else _cancel_of_job if cmd.source_version is None else _leave_out
    steered = await ctx.database.transact(lambda conn: way(ctx, conn, caller, cmd))
    await follow_at_once(ctx, [cmd.job_id or 0])
    return steered


async def _fill(ctx: Context, caller: Caller, cmd: c.CancelTasks | Whole) -> None:
    """A small job has its tasks, so that its lists tell of them all; any job, where some are named."""
    async with ctx.database.connection() as conn:
        await product_of_job(conn, caller, cmd.job_id or 0, asking=cmd.asking)
    await held.fill_before(ctx, cmd.job_id or 0, all_of_it=bool(cmd.targets))


async def _cancel_of_job(ctx: Context, conn: Connection, caller: Caller, cmd: c.CancelTasks) -> c.Steered:
    job = await locked_job(conn, caller, cmd.job_id or 0)
    if job["status"] == "PLANNED":
        if cmd.scheduled or _is_meant(job, cmd):
            await end_job(conn, job["job_id"], "CANCELED", ctx.now())
        return c.Steered()
    why = {"reason": "cancelled", "description": CANCEL_TEXT}
    changed = await _halt(conn, caller, job, frozenset(map(State, cmd.states)), ctx.now(), **why)
    if cmd.devices is not None and changed > cmd.devices:
        raise Conflict("more_than_meant", f"{changed} devices would be cancelled, {cmd.devices} are meant.")
    if job["kind"] == "verify" and not await conn.fetchval(*SQL["has_tasks"](job_id=cmd.job_id)):
        await _end_empty(conn, job, ctx.now())
    return c.Steered(changed=changed)


async def count_waiting(ctx: Context, caller: Caller, cmd: c.CountWaiting) -> c.Waiting:
    """How many devices of the job wait that come from a version. Raises NotFound (job)."""
    async with ctx.database.connection() as conn:
        await product_of_job(conn, caller, cmd.job_id)
        return await _waiting(conn, cmd.job_id, cmd.source_version)


async def _waiting(conn: Connection, job_id: int, source_version: str) -> c.Waiting:
    asked = SQL["count_waiting"](
        job_id=job_id, source_version=source_version, states=sorted(acts.WAITING), most=LOOKED_MAX
    )
    return filled(c.Waiting, (await conn.fetch(*asked))[0])


async def _leave_out(ctx: Context, conn: Connection, caller: Caller, cmd: c.CancelTasks) -> c.Steered:
    """One row of the job, which those tasks follow. Nobody changes a task of it between the count and the row. Raises
    Conflict more_than_meant."""
    job, version = await locked_job(conn, caller, cmd.job_id or 0), cmd.source_version or ""
    await acts.alone(conn, job["job_id"])
    found = await _waiting(conn, job["job_id"], version)
    if cmd.devices is not None and (found.devices > cmd.devices or not found.whole):
        more = "" if found.whole else " or more"
        raise Conflict("more_than_meant", f"{found.devices}{more} devices wait, {cmd.devices} are meant.")
    if not found.devices and found.whole:
        return c.Steered()
    why, now = {"reason": "cancelled", "description": LEFT_TEXT}, ctx.now()
    await acts.leave(conn, job["job_id"], version, now, asked_by=caller.key_id, **why)
    told = {"tasks": found.devices, "reason": why["reason"], "by": caller.key_id, "source_version": version}
    await events.tell_job(conn, job["job_id"], Kind.ROLLOUT_CANCELED, now, **told)
    tell(log, "job halted", job=job["job_id"], tasks=found.devices, states=",".join(sorted(acts.WAITING)),
         reason=why["reason"])  # fmt: skip
    return c.Steered(changed=found.devices)


def _is_meant(job: Row, cmd: c.CancelTasks) -> bool:
    """Of a job without an hour whose approval is waited for its devices would be queued, or wait for confirmation."""
    state = State.CONFIRM if job["need_confirm"] else State.QUEUED
    return job["unapproved"] and job["scheduled_at"] is None and state in cmd.states


async def end_refused(ctx: Context, conn: Connection, caller: Caller, job: Row) -> None:
    """A locked job is over that was refused: it does not begin, or its open tasks are cancelled."""
    now, why = ctx.now(), {"reason": "refused", "description": REFUSED_TEXT}
    if job["part"]:
        await conn.execute(*SQL["ask_stop"](job_id=job["job_id"], now=now))
    if job["kind"] == "dynamic":
        await job_policies.drop(conn, job)
    if job["status"] == "PLANNED" and job["part"]:
        await _stop_planned(conn, job, (), now)
        return
    if job["status"] != "PLANNED":
        await _halt(conn, caller, job, frozenset(OPEN), now, **why)
    if job["status"] == "PLANNED" or (job["kind"], job["status"]) == ("dynamic", "IN_PROGRESS"):
        await end_job(conn, job["job_id"], "CANCELED", now)


async def _halt(
    conn: Connection, caller: Caller, job: Row, states: frozenset[State], now: datetime, **why: str
) -> int:  # fmt: skip
    changed = await acts.halt(conn, job["job_id"], states, now, asked_by=caller.key_id, **why)
    told = {"tasks": changed, "reason": why["reason"], "by": caller.key_id}
    await events.tell_job(conn, job["job_id"], Kind.ROLLOUT_CANCELED, now, **told)
    tell(log, "job halted", job=job["job_id"], tasks=changed, states=",".join(sorted(states)), reason=why["reason"])
    return changed


async def _cancel_of_devices(ctx: Context, caller: Caller, cmd: c.CancelTasks) -> c.Steered:
    package_id, states = cmd.package_id or 0, frozenset(map(State, cmd.states))
    async with ctx.database.connection() as conn:
        await require_package(conn, caller, package_id)
        product_id = await product_of_account(conn, caller, cmd.product_key)
        ids = await devices_of_product(conn, product_id, sorted(set(cmd.device_names)))
        if cmd.job_id is not None:
            await product_of_job(conn, caller, cmd.job_id)
        jobs = await conn.fetch(*SQL["unfilled_of_package"](package_id=package_id, job_id=cmd.job_id))
    for job in jobs:  # none must escape, and no other fill waits for this one
        while await fill(ctx, job["job_id"]):
            pass

    async def body(conn: Connection) -> c.Steered:
        which = SQL["jobs_of_package"](package_id=package_id, job_id=cmd.job_id)
        meant = {row["job_id"] for row in await conn.fetch(*which)}
        why = {"reason": "cancelled", "description": CANCEL_TEXT}
        changed = await end_open(
            conn, ids, ctx.now(), which=lambda task: task.ref.job_id in meant and task.state in states, **why
        )
        return c.Steered(changed=changed)

    return await ctx.database.transact(body)


async def _end_empty(conn: Connection, job: Row, now: datetime) -> None:
    """A verify job without devices ends by its cancel, and its package is as it was (tuya 2.3)."""
    if job["status"] != "IN_PROGRESS":
        return
    await end_job(conn, job["job_id"], "CANCELED", now)
    if not await conn.fetchval(*SQL["has_running_verify_job"](package_id=job["package_id"])):
        await set_package_status(conn, job["package_id"], "unverified", now)


async def _stop(ctx: Context, conn: Connection, caller: Caller, cmd: c.CancelTasks) -> c.Steered:
    why = {"reason": "stopped", "description": "stopped by its owner"}
    job, now = await _asked_of(conn, caller, cmd.job_id, "stop"), ctx.now()
    if not cmd.targets:
        await conn.execute(*SQL["ask_stop"](job_id=cmd.job_id, now=now))
    if job["status"] == "PLANNED":
        return await _stop_planned(conn, job, cmd.targets, now)
    if not cmd.targets:
        return c.Steered(changed=await _halt(conn, caller, job, frozenset(OPEN), now, **why))
    await held.fill(ctx, conn, job["job_id"])
    return await _steer(conn, caller, job, cmd.targets, "stop", lambda task: halted(task, **why), now)


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
    if cmd.whole:
        return await _of_whole_job(ctx, caller, cmd, _confirm_whole)

    def refused(task: Task) -> Conflict:
        return Conflict("task_not_waiting", f"The task is {task.state} and does not wait for confirmation.")

    async def body(conn: Connection) -> c.Steered:
        if not cmd.asking:
            now, ledger = ctx.now(), Ledger()
            tasks = await held.tasks_of_account(conn, caller, cmd.tasks, ledger, now)
            done = await held.change(conn, tasks, lambda task: confirmed(task, now), ledger, now, refused)
            return c.Steered(changed=len(done))
        job, now = await _asked_of(conn, caller, cmd.job_id, "confirm"), ctx.now()
        if not cmd.targets and await _is_large(conn, job):
            return c.Steered(changed=await acts.set_going(conn, job["job_id"], What.CONFIRM, now, caller.key_id))
        await held.fill(ctx, conn, job["job_id"])
        return await _steer(conn, caller, job, cmd.targets, "confirm", lambda task: confirmed_anew(task, now), now)

    if cmd.asking:
        await _fill(ctx, caller, cmd)
    return await ctx.database.transact(body)


async def _of_whole_job(ctx: Context, caller: Caller, cmd: Whole, way: Way) -> c.Steered:
    """One row of the job, which its tasks follow: it takes no longer, however many they are."""
    await _fill(ctx, caller, cmd)
    steered = await ctx.database.transact(lambda conn: way(ctx, conn, caller, cmd))
    await follow_at_once(ctx, [cmd.job_id or 0])
    return steered


async def _confirm_whole(ctx: Context, conn: Connection, caller: Caller, cmd: Whole) -> c.Steered:
    job = await locked_job(conn, caller, cmd.job_id or 0)
    if job["status"] == "PLANNED":
        raise Conflict("task_not_waiting", "The job has not begun.")
    changed = await acts.set_going(conn, job["job_id"], What.CONFIRM, ctx.now(), caller.key_id, State.CONFIRM)
    return c.Steered(changed=changed)


async def _is_large(conn: Connection, job: Row) -> bool:
    """Whether the job's tasks are too many to be changed at once."""
    if job["status"] == "IN_PROGRESS" and not job["materialised"]:
        return True
    return (await counters.tallies(conn, [job["job_id"]]))[job["job_id"]].total > CHANGED_AT_ONCE


# --- run again ---


async def repeat_tasks(ctx: Context, caller: Caller, cmd: c.RepeatTasks) -> c.Steered:
    """Run tasks again that failed or were cancelled; an ended job runs again with them (alibaba 2.5). Raises NotFound
    (job, task, device), Conflict task_not_repeatable, device_busy, package_not_verified, package_is_deleted,
    package_object_lost; of a job that asks as cancel_tasks."""
    require(caller, "operator")
    if cmd.whole:
        return await _of_whole_job(ctx, caller, cmd, _repeat_whole)
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
    await settle(conn, [task.device_id for task in cmd.tasks], now)
    ledger = Ledger()
    tasks = await held.tasks_of_account(conn, caller, cmd.tasks, ledger, now)
    if await held.taken(conn, tasks):
        raise Conflict("device_busy", "A device of these tasks has an unfinished task.")
    done = await held.change(conn, tasks, repeat, ledger, now, refused)
    await held.follow_presence(conn, cmd.job_id, [task.device_id for task in cmd.tasks])
    return c.Steered(changed=len(done))


async def _repeat_whole(ctx: Context, conn: Connection, caller: Caller, cmd: Whole) -> c.Steered:
    now, job = ctx.now(), await locked_job(conn, caller, cmd.job_id or 0)
    kind = cmd.failure if isinstance(cmd, c.RepeatTasks) else None
    failed = (await counters.totals(conn, [job["job_id"]]))[job["job_id"]].get(State.FAILED, 0)
    if kind is not None:
        failed = min(failed, await failure_views.count_of(conn, job["job_id"], kind))
    if not failed:
        return c.Steered()
    await _reopen(conn, job, now)
    changed = await acts.set_going(conn, job["job_id"], What.RETRY, now, caller.key_id, State.FAILED, kind)
    return c.Steered(changed=min(changed, failed))


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
    job, now = await _asked_of(conn, caller, cmd.job_id, "retry"), ctx.now()
    await held.packages_of_job(conn, cmd.job_id, "A package of the batch was deleted.")
    if not cmd.targets and await _is_large(conn, job):
        changed = await acts.set_going(conn, job["job_id"], What.RETRY, now, caller.key_id)
        if changed:
            await reopen(conn, job["job_id"], now)
        return c.Steered(changed=changed)
    steered = await _steer(conn, caller, job, cmd.targets, "retry", lambda task: retried(task, now), now)
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
        await settle(conn, list(alive), now)
    ledger = Ledger()
    tasks = await held.tasks_of_job(conn, job["job_id"], ids, ledger, now)
    with_task = {task.ref.device_id for task in tasks}
    barred = (with_task - alive) | await held.taken(conn, tasks) if again else set[UUID]()
    fitting = [task for task in tasks if may_follow(task, what) and task.ref.device_id not in barred]
    done = await held.change(conn, fitting, act, ledger, now)
    told = (c.TargetResult(public_id=name, reason=_refusal(targets.get(name), with_task, done)) for name in names)
    return c.Steered(changed=len(done), targets=tuple(told))


def _refusal(device: UUID | None, with_task: set[UUID], done: set[UUID]) -> str:
    if device in done:
        return ""
    return "task_state" if device in with_task else "device_unknown"
