"""Tasks ended whose package's object is lost (L6, issue 9, number 24), a bounded number at a time.

What waits is found anew each time, so a process that dies is followed by the next, and tasks that are made after the
loss, or come to need the package again, end too. A task that has failed so stays failed when its object is put right.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import partial

from upwell.domain.fault import RETURN_WITHIN, Fault, bereft
from upwell.service.context import Context
from upwell.service.upgrade import acts
from upwell.service.upgrade.fill import Chunk, Waiting
from upwell.service.upgrade.tasks import Ledger, follow, task_of
from upwell.storage.database import Connection
from upwell.storage.queries import sheet

_Q = sheet("faults")
JOBS_AT_ONCE = 1000  # jobs that are looked for in one turn
TASKS_AT_ONCE = 1000  # of one job and package, ended in one transaction


async def bereaved(ctx: Context) -> list[Waiting]:
    """Jobs that have such tasks."""
    async with ctx.upkeep.connection() as conn:
        which = _Q["bereaved_jobs"](back_before=ctx.now() - RETURN_WITHIN, at_most=JOBS_AT_ONCE)
        return [Waiting(r["job_id"], False) for r in await conn.fetch(*which)]


async def end_one(ctx: Context, job_id: int) -> Chunk:
    """End some of the job's tasks; its row says why, for its owner. It waits for nobody who has one of them."""
    back_before = ctx.now() - RETURN_WITHIN
    async with ctx.upkeep.connection() as conn:
        rows = await conn.fetch(*_Q["faults_of_job"](job_id=job_id, back_before=back_before))
        faults = {r["package_id"]: Fault(word=r["object_fault"], text=r["object_problem"]) for r in rows}
        for fault in faults.values():
            await conn.execute(*_Q["describe_job"](job_id=job_id, text=fault.text))
    ended = await ctx.upkeep.transact(partial(_end, ctx, job_id, faults, back_before))
    return Chunk(more=ended > 0, moved=ended > 0)


async def end_bereft(ctx: Context) -> bool:
    """Some tasks of each of those jobs; True when more may be waiting."""
    return any([(await end_one(ctx, job.job_id)).moved for job in await bereaved(ctx)])


async def _end(
    ctx: Context, job_id: int, faults: Mapping[int, Fault], back_before: datetime, conn: Connection
) -> int:  # fmt: skip
    if await acts.share(conn, [job_id]):
        return 0
    now, ledger = ctx.now(), Ledger()
    for package_id, fault in faults.items():
        left = TASKS_AT_ONCE - len(ledger.tasks)
        which = {"job_id": job_id, "package_id": package_id, "back_before": back_before, "at_most": left}
        tasks = [task_of(found) for found in await conn.fetch(*_Q["lock_bereft"](**which))]
        for task in await follow(conn, tasks, ledger, now):
            stepped, change = bereft(task, fault, now)
            if change is not None:
                ledger.note(task, stepped, change)
    await ledger.save(conn, now)
    return len(ledger.tasks)
