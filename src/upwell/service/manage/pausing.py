"""Jobs paused and resumed by their owner (L12).

A pause is a member of the job's row, and in effect when it is answered: nothing of the job leaves any process, whether
pushed or asked for. What devices were told before goes on and ends. Tasks stay as they are, so that resuming repeats
nothing.
"""

from upwell.domain import commands as c
from upwell.domain.errors import Conflict
from upwell.service.context import Context
from upwell.service.manage import job_views
from upwell.service.manage.access import Caller, require
from upwell.service.manage.jobs import locked_job
from upwell.service.upgrade import acts, halting, waves
from upwell.storage.database import Connection, Row


async def pause_job(ctx: Context, caller: Caller, cmd: c.PauseJob) -> c.Job:
    """Keep back all offers of a job. Raises NotFound, Conflict job_ended."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Job:
        job = await locked_job(conn, caller, cmd.job_id)
        require_live(job)
        now, by = ctx.now(), caller.key_id
        if await acts.pause(conn, cmd.job_id, now, by, cmd.reason):
            await waves.decide(conn, cmd.job_id, now, "paused", by, wave=None, reason=cmd.reason, numbers={})
        return await job_views.one(conn, caller, cmd.job_id, asking=False)

    return await ctx.database.transact(body)


async def resume_job(ctx: Context, caller: Caller, cmd: c.ResumeJob) -> c.Job:
    """Let a job go on where it was. One that its guard has halted begins a new score. Raises NotFound, Conflict
    job_ended."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Job:
        job = await locked_job(conn, caller, cmd.job_id)
        require_live(job)
        await halting.settle(ctx, conn, cmd.job_id)  # what its guard found just now is written down before
        now = ctx.now()
        if await acts.resume(conn, cmd.job_id, now):
            await waves.decide(conn, cmd.job_id, now, "resumed", caller.key_id, wave=None, numbers={})
        return await job_views.one(conn, caller, cmd.job_id, asking=False)

    return await ctx.database.transact(body)


def require_live(job: Row) -> None:
    """Raises Conflict job_ended. A dynamic job whose policy has ended still has tasks to offer."""
    if job["status"] not in ("PLANNED", "IN_PROGRESS") and not (
        job["kind"] == "dynamic" and job["status"] == "CANCELED"
    ):
        raise Conflict("job_ended", f"The job is {job['status']}.")
