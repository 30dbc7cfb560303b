"""Tasks ended whose package's object is lost (L6, issue 9, number 24), a bounded number at a time.

What waits is found anew each time, so a process that dies is followed by the next, and tasks that are made after the
loss, or come to need the package again, end too. A task that has failed so stays failed when its object is put right.
"""

from functools import partial

from upwell.domain.fault import RETURN_WITHIN, Fault, bereft
from upwell.service.context import Context
from upwell.service.upgrade.tasks import Ledger, task_of
from upwell.storage.database import Connection
from upwell.storage.queries import sheet

_Q = sheet("faults")
JOBS_AT_ONCE = 20  # jobs looked at in one turn
TASKS_AT_ONCE = 1000  # of one job and package, ended in one transaction


async def end_bereft(ctx: Context) -> bool:
    """One turn; True when more may be waiting."""
    async with ctx.database.connection() as conn:
        which = _Q["bereaved_jobs"](back_before=ctx.now() - RETURN_WITHIN, at_most=JOBS_AT_ONCE)
        jobs = [r["job_id"] for r in await conn.fetch(*which)]
    return any([await ctx.database.transact(partial(_end, ctx, job_id)) for job_id in jobs])


async def _end(ctx: Context, job_id: int, conn: Connection) -> int:
    """End some of the job's tasks; its row says why, for its owner. Returns how many."""
    now, ledger = ctx.now(), Ledger()
    back_before = now - RETURN_WITHIN
    for row in await conn.fetch(*_Q["faults_of_job"](job_id=job_id, back_before=back_before)):
        fault = Fault(word=row["object_fault"], text=row["object_problem"])
        await conn.execute(*_Q["describe_job"](job_id=job_id, text=fault.text))
        left = TASKS_AT_ONCE - len(ledger.tasks)
        which = {"job_id": job_id, "package_id": row["package_id"], "back_before": back_before, "at_most": left}
        for task in [task_of(found) for found in await conn.fetch(*_Q["lock_bereft"](**which))]:
            stepped, change = bereft(task, fault, now)
            if change is not None:
                ledger.note(stepped, change)
    await ledger.save(conn, now)
    return len(ledger.tasks)
