"""Jobs approved and refused by a person (ADR 0043).

A person is who signed in: a key may be anybody's, its maker's too. Whoever made what is to be approved, or changed it
since, does not approve it.
"""

import asyncpg

from upwell.domain import commands as c
from upwell.domain.approval import STEPS, Step
from upwell.domain.errors import Conflict, Denied
from upwell.service.context import Context
from upwell.service.manage import job_policies, job_views, jobs, steering
from upwell.service.manage.access import Caller, require
from upwell.service.manage.pausing import require_live
from upwell.service.upgrade import approvals
from upwell.service.upgrade.following import follow_at_once
from upwell.storage.database import Connection, Row


async def approve_job(ctx: Context, caller: Caller, cmd: c.ApproveJob) -> c.Job:
    """Let a job begin, or go on. Raises NotFound, Denied, Conflict job_ended, job_awaits_no_approval, job_was_changed,
    own_approval, dynamic_job_is_running, group_modes_differ."""

    async def body(conn: Connection) -> c.Job:
        job = await _decided(ctx, conn, caller, cmd, Step.APPROVE)
        now = await ctx.moment(conn)  # which of the devices there are it is for
        if await approvals.let_go(conn, cmd.job_id, now) and job["kind"] == "dynamic":
            await job_policies.begin(conn, job)
        return await job_views.one(conn, caller, cmd.job_id, asking=False)

    try:
        return await ctx.database.transact(body)
    except asyncpg.UniqueViolationError as exc:
        raise jobs.no_second(exc) from exc


async def refuse_job(ctx: Context, caller: Caller, cmd: c.RefuseJob) -> c.Job:
    """Have a job be over. Raises NotFound, Denied, Conflict as approve_job."""

    async def body(conn: Connection) -> c.Job:
        job = await _decided(ctx, conn, caller, cmd, Step.REFUSE)
        await steering.end_refused(ctx, conn, caller, job)
        return await job_views.one(conn, caller, cmd.job_id, asking=False)

    shown = await ctx.database.transact(body)
    await follow_at_once(ctx, [cmd.job_id])
    return shown


async def _decided(
    ctx: Context, conn: Connection, caller: Caller, cmd: c.ApproveJob | c.RefuseJob, step: Step
) -> Row:  # fmt: skip
    """The job, locked; what the caller decides is written down."""
    require(caller, "approver")
    if caller.person is None:
        raise Denied("A person approves and refuses: sign in as a user; a key is nobody in particular.")
    job = await jobs.locked_job(conn, caller, cmd.job_id)
    require_live(job)
    found = await approvals.asked(conn, cmd.job_id)
    if found is None or (found.stands, step) not in STEPS:
        stands = "wants no approval" if found is None else f"is {found.stands} already"
        raise Conflict("job_awaits_no_approval", f"The job {stands}.")
    if cmd.revision not in (None, found.revision):
        raise Conflict("job_was_changed", f"The job is at revision {found.revision} by now.")
    if caller.key_id in found.makers:
        raise Conflict("own_approval", "Whoever made or changed a job does not decide about it.")
    await approvals.decide(conn, cmd.job_id, found, step, caller.key_id, cmd.remark, ctx.now())
    return job
