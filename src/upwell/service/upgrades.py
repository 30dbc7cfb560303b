"""What an owner sees of jobs and tasks, and how tasks are cancelled and confirmed."""

import json
from typing import Any
from uuid import UUID

from upwell.domain import commands as c
from upwell.domain import task as life
from upwell.domain.errors import Conflict, NotFound
from upwell.domain.fleet import device_id
from upwell.domain.talk import TaskRef
from upwell.domain.task import Event
from upwell.service import fleet
from upwell.service.access import Caller
from upwell.service.context import Context
from upwell.service.jobs import SQL, Shown, cancelling, fill_chunk, plain
from upwell.service.tasks import Ledger, Selection, move, task_of
from upwell.storage.database import Connection, Row

CANCEL_TEXT = "cancelled by the owner"


async def show_job(ctx: Context, caller: Caller, cmd: c.ShowJob) -> c.Job:
    """One job. Raises NotFound."""
    async with ctx.database.connection() as conn:
        return await _job(conn, caller, cmd.job_id)


async def list_jobs_of_package(ctx: Context, caller: Caller, cmd: c.ListJobsOfPackage) -> c.Page[c.Job]:
    """The jobs of a package, newest first."""
    return await _jobs(ctx, caller, cmd.package_id, None, Shown(cmd.size, cmd.number))


async def list_jobs_of_device(ctx: Context, caller: Caller, cmd: c.ListJobsOfDevice) -> c.Page[c.Job]:
    """The jobs of a package that touch one device, newest first."""
    device = await fleet.show_device(ctx, caller, c.ShowDevice(device=cmd.device))
    return await _jobs(ctx, caller, cmd.package_id, device.device_id, Shown(cmd.size, cmd.number))


async def _jobs(ctx: Context, caller: Caller, package_id: int, device: UUID | None, page: Shown) -> c.Page[c.Job]:
    async with ctx.database.connection() as conn:
        if not await conn.fetchval(SQL["has_package"], package_id, caller.account_id):
            raise NotFound("package", str(package_id))
        rows = await conn.fetch(SQL["jobs"], caller.account_id, None, package_id, device, page.size, page.skip)
        total = await conn.fetchval(SQL["count_jobs"], caller.account_id, package_id, device)
    return c.Page(items=tuple(_job_of(r) for r in rows), total=total, number=page.number, size=page.size)


async def _job(conn: Connection, caller: Caller, job_id: int) -> c.Job:
    row = await conn.fetchrow(SQL["jobs"], caller.account_id, job_id, None, None, 1, 0)
    if row is None:
        raise NotFound("job", str(job_id))
    return _job_of(row)


def _job_of(row: Row) -> c.Job:
    tags = tuple((k, v) for k, v in json.loads(row["tags"]))
    return c.Job(**plain(row, tags=tags, source_versions=tuple(row["source_versions"])))


def _task_of(row: Row) -> c.Task:
    facts: dict[str, Any] = plain(row)
    ref = TaskRef(device_id=UUID(int=facts.pop("device_id").int), job_id=facts.pop("job_id"), nth=facts.pop("nth"))
    return c.Task(ref=ref, **facts)


async def list_tasks_of_job(ctx: Context, caller: Caller, cmd: c.ListTasksOfJob) -> c.Page[c.Task]:
    """A page of a job's tasks, in a stable order."""
    states = sorted({cmd.state} if cmd.state else c.TASK_STATES)
    page = Shown(cmd.size, cmd.number)
    async with ctx.database.connection() as conn:
        job = await _job(conn, caller, cmd.job_id)
        ids = [device_id(job.product_key, n) for n in cmd.device_names] or None
        rows = await conn.fetch(SQL["tasks"], caller.account_id, cmd.job_id, ids, states, None, page.size, page.skip)
        total = await conn.fetchval(SQL["count_tasks"], caller.account_id, cmd.job_id, ids, states)
    return c.Page(items=tuple(_task_of(r) for r in rows), total=total, number=page.number, size=page.size)


async def list_open_tasks_of_device(ctx: Context, caller: Caller, cmd: c.ListOpenTasksOfDevice) -> tuple[c.Task, ...]:
    """The unfinished tasks of one device."""
    device = await fleet.show_device(ctx, caller, c.ShowDevice(device=cmd.device))
    states = sorted(cmd.states & c.OPEN_STATES)
    async with ctx.database.connection() as conn:
        rows = await conn.fetch(SQL["tasks"], caller.account_id, None, [device.device_id], states, cmd.module, 1000, 0)
    return tuple(_task_of(r) for r in rows)


async def cancel_tasks_of_job(ctx: Context, caller: Caller, cmd: c.CancelTasksOfJob) -> c.Done:
    """Cancel the job's tasks in the given states; when this returns no offer of them is sent (L5)."""

    async def body(conn: Connection) -> c.Done:
        await _job(conn, caller, cmd.job_id)
        states = cancelling(cmd.states)
        await conn.execute(SQL["lock_job"], cmd.job_id)
        while await fill_chunk(ctx, conn, cmd.job_id):
            pass  # tasks that do not exist yet must not escape the cancel
        if states:
            chosen = Selection(job_id=cmd.job_id)
            await move(
                conn, Event.CANCELLED, chosen, ctx.now(), states=states, reason="cancelled", description=CANCEL_TEXT
            )
        return c.Done()

    return await ctx.database.transact(body)


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
            await _job(conn, caller, cmd.job_id)
        ids = [r["device_id"] for r in found]
        chosen = Selection(job_id=cmd.job_id, device_ids=ids, package_id=cmd.package_id)
        states = cancelling(cmd.states)
        await move(conn, Event.CANCELLED, chosen, ctx.now(), states=states, reason="cancelled", description=CANCEL_TEXT)
        return c.Done()

    return await ctx.database.transact(body)


async def confirm_tasks(ctx: Context, caller: Caller, cmd: c.ConfirmTasks) -> c.Done:
    """Let tasks that wait for confirmation go on; all of them or none. Raises NotFound, Conflict."""

    async def body(conn: Connection) -> c.Done:
        now, ledger = ctx.now(), Ledger()
        columns = [t.device_id for t in cmd.tasks], [t.job_id for t in cmd.tasks], [t.nth for t in cmd.tasks]
        rows = await conn.fetch(SQL["lock_tasks"], caller.account_id, *columns)
        if len(rows) != len(set(cmd.tasks)):
            raise NotFound("task", "one of the given tasks")
        for task in map(task_of, rows):
            stepped, change = life.confirmed(task, now)
            if change is None:
                raise Conflict("task_not_waiting", f"The task is {task.state} and does not wait for confirmation.")
            ledger.note(stepped, change)
        await ledger.save(conn, now)
        return c.Done()

    return await ctx.database.transact(body)


async def delete_device(ctx: Context, caller: Caller, cmd: c.DeleteDevice) -> c.Done:
    """Delete a device and cancel its open tasks."""

    async def body(conn: Connection) -> c.Done:
        now = ctx.now()
        gone = await fleet.delete_device_row(conn, caller, cmd.device, now)
        chosen = Selection(device_ids=[gone])
        await move(conn, Event.CANCELLED, chosen, now, reason="device_deleted", description="the device was deleted")
        return c.Done()

    return await ctx.database.transact(body)
