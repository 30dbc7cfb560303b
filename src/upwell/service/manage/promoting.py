"""Waves opened by a person, and what was decided of a job, by whomever (L13)."""

import json

from upwell.domain import commands as c
from upwell.domain.commands.lists import Page
from upwell.domain.errors import Conflict
from upwell.service.context import Context
from upwell.service.manage import job_views
from upwell.service.manage.access import Caller, require
from upwell.service.manage.jobs import locked_job
from upwell.service.manage.pages import page, span
from upwell.service.manage.pausing import require_live
from upwell.service.manage.task_views import product_of_job
from upwell.service.upgrade import waves
from upwell.storage.database import Connection, Row

SQL = waves.SQL


async def promote_job(ctx: Context, caller: Caller, cmd: c.PromoteJob) -> c.Job:
    """Open the next wave of a job, or have it wait for no soak. Raises NotFound, Conflict job_ended, job_has_no_waves,
    waves_not_dealt, last_wave_is_open, wave_is_not_next, job_awaits_approval, job_is_paused."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Job:
        require_live(await locked_job(conn, caller, cmd.job_id))
        row = await conn.fetchrow(*SQL["lock_shown"](job_id=cmd.job_id))
        if row is None:
            raise Conflict("job_has_no_waves", "The job is offered to all its devices at once.")
        if cmd.wave is None or cmd.wave > max(row["open_wave"], 0):
            await _promote(ctx, conn, caller, cmd, row)
        return await job_views.one(conn, caller, cmd.job_id, asking=False)

    return await ctx.database.transact(body)


async def _promote(ctx: Context, conn: Connection, caller: Caller, cmd: c.PromoteJob, row: Row) -> None:
    if row["open_wave"] <= 0:
        raise Conflict("waves_not_dealt", "The devices of the job are not dealt to its waves yet.")
    now = ctx.now()
    wave, seen = await waves.judged(conn, row, now)
    following = row["open_wave"] + 1
    if row["open_wave"] == wave["last"]:
        raise Conflict("last_wave_is_open", "The last wave of the job is open.")
    if cmd.wave not in (None, following):
        raise Conflict("wave_is_not_next", f"The next wave is {following}.")
    if row["unapproved"]:
        raise Conflict("job_awaits_approval", "The job waits for an approval.")
    if row["paused_at"] is not None:
        raise Conflict("job_is_paused", "The job is paused.")
    by, numbers = caller.key_id, waves.numbers_of(seen, wave)
    if not cmd.skip_soak:
        await waves.open_next(conn, row, now, by, "promoted", reason=cmd.reason, numbers=numbers)
        return
    await conn.execute(*SQL["skip_soak"](job_id=cmd.job_id, wave=wave["wave"]))
    again = {"heard": row["heard"], "pause_s": row["pause_s"], "lacks": row["lacks"]}
    await conn.execute(*SQL["look_later"](job_id=cmd.job_id, next_at=now, now=now, **again))
    told = {"reason": cmd.reason, "wave": wave["wave"]}
    await waves.decide(conn, cmd.job_id, now, "soak skipped", by, numbers=numbers, **told)


async def list_decisions(ctx: Context, caller: Caller, cmd: c.ListDecisions) -> Page[c.Decision]:
    """A slice of what was decided of a job, newest first. Raises NotFound."""
    async with ctx.database.connection() as conn:
        await product_of_job(conn, caller, cmd.job_id)
        rows = await conn.fetch(*SQL["decisions"](job_id=cmd.job_id, **span(cmd.asked)))
    return page(rows, cmd.asked, _decision, lambda row: int(row["nth"]))


def _decision(row: Row) -> c.Decision:
    told = {name: row[name] for name in ("nth", "at", "what", "wave", "by", "result", "reason")}
    return c.Decision(**told, numbers=json.loads(row["numbers"]))
