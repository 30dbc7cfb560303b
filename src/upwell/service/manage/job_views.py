"""What an owner sees of jobs: what each is, and of those that ask how they stand (huawei 3.5-3.8).

Counters are counted in one question with nothing kept beside the tasks, so they are the truth at any instant (L2). How
an ended job stands was written down at its end.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from upwell.domain import commands as c
from upwell.domain.commands.lists import Page
from upwell.domain.errors import NotFound
from upwell.domain.rollout import Seen
from upwell.domain.task import OPEN
from upwell.service.context import Context
from upwell.service.manage.access import Caller
from upwell.service.manage.devices import show_device
from upwell.service.manage.job_packages import require_package
from upwell.service.manage.pages import page, sliced
from upwell.service.manage.spaces import space_number
from upwell.service.manage.task_views import page_of_tasks
from upwell.service.upgrade import granting, guards, waves
from upwell.service.upgrade.counters import tallies, totals
from upwell.storage.database import Connection, Row
from upwell.storage.job_rows import job_view, progress_of
from upwell.storage.orders import JOBS
from upwell.storage.queries import sheet

SQL = sheet("job_views")


async def show_job(ctx: Context, caller: Caller, cmd: c.ShowJob) -> c.Job:
    """A job, with tasks and counts of the same instant if they are asked for. Raises NotFound."""
    if cmd.tasks is None and not cmd.counted:
        async with ctx.database.connection() as conn:
            return await one(conn, caller, cmd.job_id, asking=cmd.asking)
    async with ctx.database.connection() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        job = await one(conn, caller, cmd.job_id, asking=cmd.asking)
        tasks = None if cmd.tasks is None else await page_of_tasks(ctx, conn, caller, cmd.tasks)
        counts = (await totals(conn, [cmd.job_id]))[cmd.job_id] if cmd.counted else None
        return await _with_outlook(ctx, conn, replace(job, tasks=tasks, counts=counts))


async def _with_outlook(ctx: Context, conn: Connection, job: c.Job) -> c.Job:
    """With where the devices of its waves stand, and what happens next."""
    counts = job.counts
    if counts is not None:
        job = replace(job, offered_lately=(await granting.spent_by(conn, [job.job_id])).get(job.job_id, 0))
    if job.care is not None and job.care.guard is not None:
        job = replace(job, failing=await guards.failing(conn, job.job_id))
    row = await conn.fetchrow(*waves.SQL["show_rollout"](job_id=job.job_id)) if job.open_wave else None
    if row is None or counts is None:
        return job
    seen = await waves.seen_by_wave(conn, job.job_id)
    shown = tuple(replace(wave, seen=seen.get(wave.wave, Seen())) for wave in job.waves)
    is_over = job.ended_at is not None or not any(counts.get(state) for state in OPEN)
    return replace(
        job,
        waves=shown,
        happens_next="" if is_over else await waves.outlook(conn, row, ctx.now(), is_paused=job.paused is not None),
    )


async def list_jobs(ctx: Context, caller: Caller, cmd: c.ListJobs) -> Page[c.Job]:
    """A slice of the account's jobs, newest first. Raises NotFound (device, package, space)."""
    device = None if cmd.device is None else await show_device(ctx, caller, c.ShowDevice(device=cmd.device))
    async with ctx.database.connection() as conn:
        if cmd.package_id is not None:
            await require_package(conn, caller, cmd.package_id)
        which = {
            "account_id": caller.account_id,
            "package_id": cmd.package_id,
            "device_id": None if device is None else device.device_id,
            "part": cmd.part,
            "space_id": await space_number(conn, caller, cmd.space),
            "product_key": cmd.product_key,
        }
        ids, total = await _found(conn, cmd, which)
        jobs = await _jobs(conn, caller, ids, asking=cmd.asking)
    return page(jobs, cmd.asked, lambda job: job, lambda job: job.job_id, total)


async def _found(conn: Connection, cmd: c.ListJobs, which: dict[str, Any]) -> tuple[list[int], int | None]:
    """The ids of a slice, and how many fit, if that is wanted. How a job stands is no column, so all that may fit are
    looked at for it."""
    if cmd.progress is None:
        rows = await conn.fetch(*sliced(SQL["find_jobs"], JOBS, cmd.asked, **which))
        total = await conn.fetchval(*SQL["count_jobs"](**which)) if cmd.counted else None
        return [row["job_id"] for row in rows], total
    rows = await conn.fetch(*sliced(SQL["find_jobs"], JOBS, None, **which))
    fitting = [row["job_id"] for row in rows if progress_of(row) == cmd.progress]
    below = [job_id for job_id in fitting if cmd.asked.below is None or job_id < cmd.asked.below]
    return below[cmd.asked.skip : cmd.asked.skip + cmd.asked.take], len(fitting)


async def one(conn: Connection, caller: Caller, job_id: int, *, asking: bool) -> c.Job:
    """The job. Raises NotFound."""
    found = await _jobs(conn, caller, [job_id], asking=asking)
    if not found:
        raise NotFound("job", str(job_id))
    return found[0]


async def _jobs(conn: Connection, caller: Caller, job_ids: Sequence[int], *, asking: bool) -> list[c.Job]:
    """These jobs. Of those that are meant as ones that ask, how they stand, and together as many targets as one may
    have, of the first surely all of its own."""
    most = c.TARGETS_MAX if asking else 0
    which = {"account_id": caller.account_id, "job_ids": job_ids, "asking": asking, "targets_max": most}
    rows = await conn.fetch(*SQL["show_jobs"](**which))
    counted = await tallies(conn, [row["job_id"] for row in rows]) if asking else {}
    in_waves = [row["job_id"] for row in rows if row["open_wave"]]
    dealt = await conn.fetch(*waves.SQL["waves_of"](job_ids=in_waves)) if in_waves else []
    return [replace(job_view(row, counted.get(row["job_id"])), waves=_waves_of(row["job_id"], dealt)) for row in rows]


def _waves_of(job_id: int, dealt: Sequence[Row]) -> tuple[c.JobWave, ...]:
    shown = ("wave", "size", "soak_min", "opened_at", "opened_by")
    return tuple(c.JobWave(**{name: row[name] for name in shown}) for row in dealt if row["job_id"] == job_id)
