"""Tasks cancelled, confirmed and run again by their owner."""

from collections.abc import Sequence
from datetime import datetime

from upwell.domain import commands as c
from upwell.domain.attempts import confirmed, repeated
from upwell.domain.errors import Conflict, NotFound
from upwell.domain.talk import TaskRef
from upwell.domain.task import Event, State, Task, ends
from upwell.domain.verification import require_unverified, require_verified
from upwell.service.context import Context
from upwell.service.manage.access import Caller
from upwell.service.manage.jobs import refuse_lost_object
from upwell.service.manage.views import job_of_account
from upwell.service.upgrade.endings import end_job, reopen, set_package_status
from upwell.service.upgrade.fill import fill_chunk
from upwell.service.upgrade.lives import are_of_the_past
from upwell.service.upgrade.making import lock_live_devices, taken_devices
from upwell.service.upgrade.tasks import Ledger, Selection, end_tasks, task_of
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet

SQL = sheet("jobs")
CANCEL_TEXT = "cancelled by the owner"


async def cancel_tasks_of_job(ctx: Context, caller: Caller, cmd: c.CancelTasksOfJob) -> c.Done:
    """Cancel the job's tasks in the given states; when this returns no offer of them is sent (L5). A planned job that
    is cancelled (`scheduled`) never begins."""

    async def body(conn: Connection) -> c.Done:
        job = await _locked_job(conn, caller, cmd.job_id)
        if job["status"] == "PLANNED":
            if cmd.scheduled:
                await end_job(conn, cmd.job_id, "CANCELED", ctx.now())
            return c.Done()
        await _fill(ctx, conn, cmd.job_id)
        await _cancel(conn, Selection(job_id=cmd.job_id), ctx.now(), cancelling(cmd.states))
        if job["kind"] == "verify" and not await conn.fetchval(SQL["has_tasks"], cmd.job_id):
            await _end_empty(conn, job, ctx.now())
        return c.Done()

    return await ctx.database.transact(body)


async def _fill(ctx: Context, conn: Connection, job_id: int) -> None:
    """Tasks of a locked job that do not exist yet must not escape a cancel."""
    while await fill_chunk(ctx, conn, job_id):
        pass


def cancelling(states: frozenset[str]) -> frozenset[State]:
    """The states among these that a cancel changes."""
    return frozenset(State(s) for s in states) & {s for s, _ in ends(Event.CANCELLED)}


async def _cancel(conn: Connection, chosen: Selection, now: datetime, states: frozenset[State] | None = None) -> None:
    if states is None or states:
        text = CANCEL_TEXT
        await end_tasks(conn, Event.CANCELLED, chosen, now, states=states, reason="cancelled", description=text)


async def _end_empty(conn: Connection, job: Row, now: datetime) -> None:
    """A verify job without devices ends by its cancel, and its package is as it was (tuya 2.3)."""
    if job["status"] != "IN_PROGRESS":
        return
    await end_job(conn, job["job_id"], "CANCELED", now)
    if not await conn.fetchval(SQL["has_running_verify_job"], job["package_id"]):
        await set_package_status(conn, job["package_id"], "unverified", now)


async def _locked_job(conn: Connection, caller: Caller, job_id: int) -> Row:
    job = await conn.fetchrow(SQL["lock_job_of_account"], job_id, caller.account_id)
    if job is None:
        raise NotFound("job", str(job_id))
    return job


async def cancel_tasks_of_devices(ctx: Context, caller: Caller, cmd: c.CancelTasksOfDevices) -> c.Done:
    """Cancel these devices' open tasks for a package (of one job only, if named)."""

    async def body(conn: Connection) -> c.Done:
        if not await conn.fetchval(SQL["has_package"], cmd.package_id, caller.account_id):
            raise NotFound("package", str(cmd.package_id))
        product = await conn.fetchval(SQL["product_of_account"], cmd.product_key, caller.account_id)
        if product is None:
            raise NotFound("product", cmd.product_key)
        found = await conn.fetch(SQL["devices_by_name"], product, list(cmd.device_names))
        missing = set(cmd.device_names) - {r["name"] for r in found}
        if missing:
            raise NotFound("device", ", ".join(sorted(missing)[:10]))
        if cmd.job_id is not None:
            await job_of_account(conn, caller, cmd.job_id)
        for job in await conn.fetch(SQL["lock_unfilled_of_package"], cmd.package_id, cmd.job_id):
            await _fill(ctx, conn, job["job_id"])
        ids = [r["device_id"] for r in found]
        chosen = Selection(job_id=cmd.job_id, device_ids=ids, package_id=cmd.package_id)
        await _cancel(conn, chosen, ctx.now(), cancelling(cmd.states))
        return c.Done()

    return await ctx.database.transact(body)


async def confirm_tasks(ctx: Context, caller: Caller, cmd: c.ConfirmTasks) -> c.Done:
    """Let tasks that wait for confirmation go on; all of them or none. Raises NotFound, Conflict."""

    async def body(conn: Connection) -> c.Done:
        now, ledger = ctx.now(), Ledger()
        for task in await _locked_tasks(conn, caller, cmd.tasks):
            stepped, change = confirmed(task, now)
            if change is None:
                raise Conflict("task_not_waiting", f"The task is {task.state} and does not wait for confirmation.")
            ledger.note(stepped, change)
        await ledger.save(conn, now)
        return c.Done()

    return await ctx.database.transact(body)


async def _locked_tasks(conn: Connection, caller: Caller, refs: Sequence[TaskRef]) -> list[Task]:
    asked = list(dict.fromkeys(refs))  # a task that is named twice is one task
    columns = [t.device_id for t in asked], [t.job_id for t in asked], [t.nth for t in asked]
    rows = await conn.fetch(SQL["lock_tasks"], caller.account_id, *columns)
    if len(rows) != len(asked):
        raise NotFound("task", "one of the given tasks")
    return [task_of(row) for row in rows]


async def repeat_tasks(ctx: Context, caller: Caller, cmd: c.RepeatTasks) -> c.Done:
    """Run failed or cancelled tasks of a job again (alibaba 2.5); an ended job runs again with them. All or none.
    Raises NotFound (job, task, device), Conflict task_not_repeatable, device_busy, package_not_verified,
    package_is_deleted."""

    async def body(conn: Connection) -> c.Done:
        now = ctx.now()
        job = await _locked_job(conn, caller, cmd.job_id)
        await _reopen(conn, job, now)
        if any(ref.job_id != cmd.job_id for ref in cmd.tasks):
            raise NotFound("task", "one of the given tasks")
        await _hold_devices(conn, cmd.tasks)
        if await are_of_the_past(conn, cmd.tasks):
            raise NotFound("device", "one of the given tasks': it was deleted, and another has its name now")
        tasks = await _locked_tasks(conn, caller, cmd.tasks)
        await _refuse_taken(conn, tasks)
        ledger = Ledger()
        for task in tasks:
            stepped, change = repeated(task, job["need_confirm"], now)
            if change is None:
                raise Conflict(
                    "task_not_repeatable", f"The task is {task.state}; only FAILED or CANCELED ones run again."
                )
            ledger.note(stepped, change)
        await ledger.save(conn, now)
        await conn.execute(SQL["follow_presence"], cmd.job_id, [t.device_id for t in cmd.tasks])
        return c.Done()

    return await ctx.database.transact(body)


async def _hold_devices(conn: Connection, refs: Sequence[TaskRef]) -> None:
    """The devices live until the transaction ends, and get no other task: one that is gone would never end its own."""
    devices = {ref.device_id for ref in refs}
    if len(await lock_live_devices(conn, list(devices))) < len(devices):
        raise NotFound("device", "one of the given tasks'")


async def _reopen(conn: Connection, job: Row, now: datetime) -> None:
    """The job runs from now, if its package may still be offered; a dynamic job whose policy ended stays ended."""
    packages = await conn.fetch(SQL["hold_packages"], job["job_id"])
    if any(package["is_deleted"] for package in packages):
        raise Conflict("package_is_deleted", "The job's package was deleted.")
    for package in packages:
        refuse_lost_object(package)
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


async def _refuse_taken(conn: Connection, tasks: Sequence[Task]) -> None:
    taken = await taken_devices(conn, [(t.ref.device_id, t.slot) for t in tasks])
    repeatable = {t.ref.device_id for t in tasks if not t.is_open}
    if repeatable & taken:
        raise Conflict("device_busy", "A device of these tasks has an unfinished task.")
