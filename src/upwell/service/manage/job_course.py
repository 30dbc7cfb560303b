"""What an owner sees of how a job went: how its tasks stood from time to time (service/upgrade/course.py)."""

from collections.abc import Sequence

from upwell.domain import commands as c
from upwell.service.context import Context
from upwell.service.manage.access import Caller
from upwell.service.manage.task_views import job_of_tasks
from upwell.service.upgrade import course
from upwell.storage.database import filled

TOLD_MAX = 300


async def list_course(ctx: Context, caller: Caller, cmd: c.ListCourse) -> tuple[c.Look, ...]:
    """How it stood, oldest first. Raises NotFound (job)."""
    async with ctx.database.connection() as conn:
        await job_of_tasks(conn, caller, cmd.job_id)
        rows = await conn.fetch(*course.SQL["of_job"](job_id=cmd.job_id, at_most=course.LOOKS_MAX))
    return thinned([filled(c.Look, row) for row in rows])


def thinned(looks: Sequence[c.Look]) -> tuple[c.Look, ...]:
    """So many at most, evenly among them; the last one always."""
    every = -(-len(looks) // TOLD_MAX)
    return tuple(looks) if every <= 1 else tuple(looks[::-1][::every][::-1])
