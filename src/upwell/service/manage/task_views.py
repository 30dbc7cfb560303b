"""What an owner sees of tasks (alibaba 2.5, huawei 3.6)."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from upwell.domain import commands as c
from upwell.domain.commands.lists import Page
from upwell.domain.errors import NotFound
from upwell.domain.fleet import device_id
from upwell.domain.records import RECORD_BITS, target_bound, target_record
from upwell.domain.standings import Standing, standing
from upwell.domain.task import State
from upwell.service.context import Context
from upwell.service.manage.access import Caller
from upwell.service.manage.device_keys import find_public
from upwell.service.manage.devices import show_device
from upwell.service.manage.pages import page
from upwell.storage.database import Connection
from upwell.storage.job_rows import task_view
from upwell.storage.queries import sheet

SQL = sheet("task_views")
_FLAGS = (False, True)


async def list_tasks(ctx: Context, caller: Caller, cmd: c.ListTasks) -> Page[c.Task]:
    """A slice of the tasks of a job, or of a device. Raises NotFound (job, device)."""
    device = None if cmd.device is None else await show_device(ctx, caller, c.ShowDevice(device=cmd.device))
    async with ctx.database.connection() as conn:
        if device is not None:
            return await page_of_tasks(conn, caller, cmd, ids=[device.device_id])
        product_key = await product_of_job(conn, caller, cmd.job_id or 0, asking=cmd.asking)
        return await page_of_tasks(conn, caller, cmd, product_key)


async def product_of_job(conn: Connection, caller: Caller, job_id: int, *, asking: bool = False) -> str:
    """The key of the job's product. Raises NotFound (job)."""
    which = {"job_id": job_id, "account_id": caller.account_id, "asking": asking}
    product_key = await conn.fetchval(*SQL["product_of_job"](**which))
    if product_key is None:
        raise NotFound("job", str(job_id))
    return str(product_key)


async def page_of_tasks(
    conn: Connection, caller: Caller, cmd: c.ListTasks, product_key: str = "", ids: Sequence[UUID] | None = None
) -> Page[c.Task]:
    """The page of a job of that product, which the caller has, or of these devices."""
    if cmd.device_names:
        ids = [device_id(product_key, name) for name in cmd.device_names]
    if cmd.targets:
        ids = list((await targets_of(conn, caller, cmd.job_id or 0, cmd.targets)).values())
    which = {"job_id": cmd.job_id, "device_ids": ids, "module": cmd.module, **_ways_to_stand(cmd)}
    below, asked = cmd.asked.below, cmd.asked
    bound = None if below is None or below >= 1 << RECORD_BITS else target_bound(below)
    span = {"take": asked.take, "skip": asked.skip, "below": bound}
    rows = await conn.fetch(*SQL["tasks"](account_id=caller.account_id, asking=cmd.asking, **which, **span))
    total = None if cmd.job_id is None else await conn.fetchval(*SQL["count_tasks"](**which))
    shown = rows[::-1] if cmd.asking else rows
    return page(shown, asked, task_view, lambda row: target_record(UUID(int=row["device_id"].int)), total)


async def targets_of(conn: Connection, caller: Caller, job_id: int, names: Sequence[str]) -> dict[str, UUID]:
    """The devices of a job under these public ids, those that are no devices among them."""
    found = await find_public(conn, caller, names)
    for row in await conn.fetch(*SQL["strays_by_name"](job_id=job_id, names=names)):
        found.setdefault(row["name"], UUID(int=row["device_id"].int))
    return found


def _ways_to_stand(cmd: c.ListTasks) -> dict[str, Any]:
    """The states asked for; for a standing every (state, asked, again, gone) that stands so, as columns."""
    if cmd.standing is None:
        return {"states": sorted(cmd.states) or None, "asked": None, "again": None, "gone": None}
    columns = zip(*_standing_so(cmd.standing), strict=True)
    return dict(zip(("states", "asked", "again", "gone"), map(list, columns), strict=True))


def _standing_so(wanted: Standing) -> list[tuple[str, bool, bool, bool]]:
    return [
        (state.value, asked, again, gone)
        for state in State for asked in _FLAGS for again in _FLAGS for gone in _FLAGS
        if standing(state, asked=asked, retry_waits=again, gone=gone) is wanted
    ]  # fmt: skip
