"""What an owner sees of a job's failures: which there are, how many of each, and a few devices that failed so.

All of it is read from counters (service/upgrade/failures.py) in one snapshot, so it adds up to the job's count of
failed tasks; tasks that are not counted by kind yet are among the last.
"""

from collections.abc import Mapping
from dataclasses import replace

from upwell.domain import commands as c
from upwell.domain.failing import EXAMPLES_MAX, OTHERS
from upwell.domain.task import State
from upwell.service.context import Context
from upwell.service.manage.access import Caller
from upwell.service.manage.task_views import job_of_tasks
from upwell.service.upgrade.counters import totals
from upwell.storage.database import Connection, Row, filled
from upwell.storage.queries import sheet

SQL = sheet("failures")
Examples = Mapping[int, list[c.FailedTask]]
_APART = c.Failures(reason="", code=None, module="", source_version="", vendor="", count=0, examples=())


async def list_failures(ctx: Context, caller: Caller, cmd: c.ListFailures) -> tuple[c.Failures, ...]:
    """The kinds of failures of a job, the most first. Raises NotFound (job)."""
    async with ctx.database.connection() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        await job_of_tasks(conn, caller, cmd.job_id)
        rows = await conn.fetch(*SQL["counted"](job_id=cmd.job_id))
        failed = (await totals(conn, [cmd.job_id]))[cmd.job_id].get(State.FAILED, 0)
        examples = await _examples(conn, caller, cmd.job_id, rows)
    known = [_failures(row, examples) for row in rows if row["kind"] != OTHERS]
    others = failed - sum(each.count for each in known)
    return (
        (*known, replace(_APART, count=others, examples=tuple(examples.get(OTHERS, ())))) if others > 0 else (*known,)
    )


async def _examples(conn: Connection, caller: Caller, job_id: int, rows: list[Row]) -> Examples:
    pairs = [(row["kind"], device) for row in rows for device in dict.fromkeys(row["examples"] or ())]
    kinds, devices = (list(column) for column in zip(*pairs, strict=True)) if pairs else ([], [])
    which = {"job_id": job_id, "account_id": caller.account_id, "kinds": kinds, "device_ids": devices}
    found: dict[int, list[c.FailedTask]] = {}
    for row in await conn.fetch(*SQL["examples"](**which)) if pairs else []:
        some = found.setdefault(row["kind"], [])
        if len(some) < EXAMPLES_MAX:
            some.append(filled(c.FailedTask, row))
    return found


def _failures(row: Row, examples: Examples) -> c.Failures:
    return filled(c.Failures, row, count=row["n"], examples=tuple(examples.get(row["kind"], ())))


async def count_of(conn: Connection, job_id: int, kind: int) -> int:
    """How many tasks of the job are counted as of that kind."""
    rows = await conn.fetch(*SQL["counted"](job_id=job_id))
    return next((int(row["n"]) for row in rows if row["kind"] == kind), 0)
