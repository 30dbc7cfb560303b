"""What an owner sees of jobs and tasks."""

import json
from typing import Any
from uuid import UUID

from upwell.domain import commands as c
from upwell.domain.errors import NotFound
from upwell.domain.fleet import device_id
from upwell.domain.talk import TaskRef
from upwell.service.context import Context
from upwell.service.manage.access import Caller
from upwell.service.manage.devices import show_device
from upwell.service.upgrade.tasks import described
from upwell.storage.database import Connection, Row, values
from upwell.storage.queries import sheet

SQL = sheet("jobs")
OPEN_OF_DEVICE_MAX = 1000  # open tasks of one device that are listed; there is one for each module at the most


async def show_job(ctx: Context, caller: Caller, cmd: c.ShowJob) -> c.Job:
    """One job. Raises NotFound."""
    async with ctx.database.connection() as conn:
        return await job_of_account(conn, caller, cmd.job_id)


async def list_jobs_of_package(ctx: Context, caller: Caller, cmd: c.ListJobsOfPackage) -> c.Page[c.Job]:
    """The jobs of a package, newest first."""
    return await _jobs(ctx, caller, cmd.package_id, None, cmd.number, cmd.size)


async def list_jobs_of_device(ctx: Context, caller: Caller, cmd: c.ListJobsOfDevice) -> c.Page[c.Job]:
    """The jobs of a package that touch one device, newest first."""
    device = await show_device(ctx, caller, c.ShowDevice(device=cmd.device))
    return await _jobs(ctx, caller, cmd.package_id, device.device_id, cmd.number, cmd.size)


async def _jobs(
    ctx: Context, caller: Caller, package_id: int, device: UUID | None, number: int, size: int
) -> c.Page[c.Job]:
    async with ctx.database.connection() as conn:
        if not await conn.fetchval(SQL["has_package"], package_id, caller.account_id):
            raise NotFound("package", str(package_id))
        rows = await conn.fetch(SQL["jobs"], caller.account_id, None, package_id, device, size, (number - 1) * size)
        total = await conn.fetchval(SQL["count_jobs"], caller.account_id, package_id, device)
    return c.Page(items=tuple(_job_of(r) for r in rows), total=total, number=number, size=size)


async def job_of_account(conn: Connection, caller: Caller, job_id: int) -> c.Job:
    """The job. Raises NotFound."""
    row = await conn.fetchrow(SQL["jobs"], caller.account_id, job_id, None, None, 1, 0)
    if row is None:
        raise NotFound("job", str(job_id))
    return _job_of(row)


def _job_of(row: Row) -> c.Job:
    tags = tuple((k, v) for k, v in json.loads(row["tags"]))
    return c.Job(**values(row) | {"tags": tags, "source_versions": tuple(row["source_versions"])})


def _task_of(row: Row) -> c.Task:
    facts: dict[str, Any] = values(row) | {"description": described(row)}
    del facts["object_state"], facts["object_problem"]
    ref = TaskRef(device_id=UUID(int=facts.pop("device_id").int), job_id=facts.pop("job_id"), nth=facts.pop("nth"))
    return c.Task(ref=ref, **facts)


async def list_tasks_of_job(ctx: Context, caller: Caller, cmd: c.ListTasksOfJob) -> c.Page[c.Task]:
    """A page of a job's tasks, in a stable order."""
    states = [cmd.state] if cmd.state else None
    async with ctx.database.connection() as conn:
        job = await job_of_account(conn, caller, cmd.job_id)
        ids = [device_id(job.product_key, n) for n in cmd.device_names] or None
        span = cmd.size, (cmd.number - 1) * cmd.size
        rows = await conn.fetch(SQL["tasks"], caller.account_id, cmd.job_id, ids, states, None, *span)
        total = await conn.fetchval(SQL["count_tasks"], cmd.job_id, ids, states)
    return c.Page(items=tuple(_task_of(r) for r in rows), total=total, number=cmd.number, size=cmd.size)


async def list_open_tasks_of_device(ctx: Context, caller: Caller, cmd: c.ListOpenTasksOfDevice) -> tuple[c.Task, ...]:
    """The unfinished tasks of one device."""
    device = await show_device(ctx, caller, c.ShowDevice(device=cmd.device))
    states = sorted(cmd.states & c.OPEN_STATES)
    async with ctx.database.connection() as conn:
        rows = await conn.fetch(
            SQL["tasks"], caller.account_id, None, [device.device_id], states, cmd.module, OPEN_OF_DEVICE_MAX, 0
        )
    return tuple(_task_of(r) for r in rows)
