"""What an owner sees of a batch and its tasks (huawei 3.5-3.8): how it stands, its counters, windows of both.

Counters are counted in one question with nothing kept beside the tasks, so they are the truth at any instant (L2). How
an ended batch stands was written down at its end.
"""

import json
from collections.abc import Sequence
from uuid import UUID

from upwell.domain import commands as c
from upwell.domain import fault
from upwell.domain.errors import NotFound
from upwell.domain.records import target_bound, target_record
from upwell.domain.standings import Standing, Tally, standing
from upwell.domain.task import State
from upwell.service.context import Context
from upwell.service.manage.access import Caller
from upwell.service.manage.device_keys import find_public
from upwell.service.manage.spaces import space_number
from upwell.service.manage.windows import scanned
from upwell.service.upgrade.counters import progress_of, standing_of, tallies
from upwell.service.upgrade.tasks import described
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet

SQL = sheet("batches")
_FLAGS = (False, True)


async def show_batch(ctx: Context, caller: Caller, cmd: c.ShowBatch) -> c.BatchShown:
    """A batch and a window of its tasks. Raises NotFound."""
    async with ctx.database.connection() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        batch = await one(conn, caller, cmd.job_id)
        return c.BatchShown(batch=batch, tasks=await _tasks(conn, caller, cmd))


async def scan_batches(ctx: Context, caller: Caller, cmd: c.ScanBatches) -> c.Scanned[c.Batch]:
    """A window of the account's batches of a part, newest first. Raises NotFound (space)."""
    async with ctx.database.connection() as conn:
        space = await space_number(conn, caller, cmd.space)
        rows = await conn.fetch(SQL["batches_of_account"], caller.account_id, cmd.part, space)
        fitting = [r["job_id"] for r in rows if cmd.progress in (None, progress_of(r))]
        below = [job_id for job_id in fitting if cmd.window.below is None or job_id < cmd.window.below]
        chosen = below[cmd.window.skip : cmd.window.skip + cmd.window.take]
        batches = await _batches(conn, caller, chosen)
    return scanned(batches, len(fitting), lambda batch: batch, lambda batch: batch.job_id)


async def one(conn: Connection, caller: Caller, job_id: int) -> c.Batch:
    """The batch. Raises NotFound."""
    found = await _batches(conn, caller, [job_id])
    if not found:
        raise NotFound("job", str(job_id))
    return found[0]


async def targets(conn: Connection, caller: Caller, job_id: int, names: Sequence[str]) -> dict[str, UUID]:
    """The devices of a batch under these public ids, those that are no devices among them."""
    found = await find_public(conn, caller, names)
    for row in await conn.fetch(SQL["stray_by_name"], job_id, list(names)):
        found.setdefault(row["name"], UUID(int=row["device_id"].int))
    return found


async def _batches(conn: Connection, caller: Caller, job_ids: list[int]) -> list[c.Batch]:
    """These batches; together they tell as many targets as one may have, the first of them surely all of its own."""
    rows = await conn.fetch(SQL["show_batches"], caller.account_id, job_ids, c.TARGETS_MAX)
    counted = await tallies(conn, [row["job_id"] for row in rows])
    return [_batch(row, counted[row["job_id"]]) for row in rows]


def _batch(row: Row, counted: Tally) -> c.Batch:
    facts = json.loads(row["facts"])
    return c.Batch(
        job_id=row["job_id"],
        name=row["name"],
        part=row["part"],
        package_ids=tuple(row["package_ids"]),
        targets=tuple(row["targets"]),
        group_ids=tuple(row["group_ids"]),
        need_confirm=facts.pop("need_confirm", None),
        by_gateway=row["by_gateway"],
        ext_info=None if row["ext_info"] is None else json.loads(row["ext_info"]),
        scheduled_at=row["scheduled_at"],
        retry_count=row["retry_count"] if row["retry_interval_min"] is not None else None,
        retry_interval_min=row["retry_interval_min"],
        facts=facts,
        progress=progress_of(row, counted),
        reason=_reason(row),
        tally=counted,
        created_at=row["created_at"],
    )


def _reason(row: Row) -> str:
    """Why its tasks failed or there are none, where that is the job's own reason; while it runs, what they wait for."""
    if row["status_desc"] or row["unread"] is None or row["outcome"]:
        return str(row["status_desc"])
    return fault.unread(row["unread"] or None)


async def _tasks(conn: Connection, caller: Caller, cmd: c.ShowBatch) -> c.Scanned[c.BatchTask]:
    named = None
    if cmd.target is not None:
        named = list((await targets(conn, caller, cmd.job_id, [cmd.target])).values())
    ways = _ways_to_stand(cmd.standing)
    below = None if cmd.window.below is None else _bound(cmd.window.below)
    span = (cmd.window.take, cmd.window.skip)
    rows = await conn.fetch(SQL["tasks_of_batch"], cmd.job_id, below, named, *ways, *span)
    total = await conn.fetchval(SQL["count_tasks_of_batch"], cmd.job_id, named, *ways)
    return scanned(rows, total, _task, lambda row: target_record(UUID(int=row["device_id"].int)))


def _bound(record: int) -> UUID | None:
    return None if record >= 1 << 96 else target_bound(record)


def _ways_to_stand(wanted: Standing | None) -> list[list[object]]:
    """Every (state, asked, again, gone) that stands so, as columns."""
    ways = [
        (state.value, asked, again, gone)
        for state in State for asked in _FLAGS for again in _FLAGS for gone in _FLAGS
        if wanted in (None, standing(state, asked=asked, retry_waits=again, gone=gone))
    ]  # fmt: skip
    return [list(column) for column in zip(*ways, strict=True)]


def _task(row: Row) -> c.BatchTask:
    return c.BatchTask(
        public_id=row["public_id"] or "",
        standing=standing_of(row),
        output=described(row),
        reason=row["reason"],
        code=row["code"],
    )
