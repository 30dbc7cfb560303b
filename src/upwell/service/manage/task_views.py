"""What an owner sees of tasks (alibaba 2.5, huawei 3.6).

How many stand so comes from the job's counters, and no page passes over a million tasks: it goes on from where the page
before ended, or from a mark in the job's list. A task that a halt covers which it is still to follow is seen as
cancelled, in lists and in counts alike.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple
from uuid import UUID

from upwell.domain import commands as c
from upwell.domain.commands.lists import Page, Slice
from upwell.domain.errors import NotFound
from upwell.domain.fleet import device_id
from upwell.domain.records import RECORD_BITS, target_bound, target_record
from upwell.domain.talk import TaskRef
from upwell.domain.task import State
from upwell.domain.ways import Way, ways_of
from upwell.service.context import Context
from upwell.service.manage.access import Caller
from upwell.service.manage.device_keys import find_public
from upwell.service.manage.devices import show_device
from upwell.service.manage.pages import page
from upwell.service.remembered import Remembered
from upwell.service.upgrade import acts, counters
from upwell.storage.database import Connection, Row
from upwell.storage.job_rows import task_view
from upwell.storage.queries import sheet

SQL = sheet("task_views")
REMEMBERED_FROM = 1000  # passing over fewer tasks costs nothing worth remembering
END_KEPT_S = 60.0  # where a page ended, for who reads on
_KEY = ("device_id", "job_id", "nth")


class JobOfTasks(NamedTuple):
    """The job whose tasks are asked for, and the module that all of them are of."""

    product_key: str
    module: str


async def list_tasks(ctx: Context, caller: Caller, cmd: c.ListTasks) -> Page[c.Task]:
    """A slice of the tasks of a job, or of a device. Raises NotFound (job, device)."""
    device = None if cmd.device is None else await show_device(ctx, caller, c.ShowDevice(device=cmd.device))
    async with ctx.database.connection() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        if device is not None:
            return await _of_devices(conn, caller, cmd, [device.device_id])
        return await page_of_tasks(ctx, conn, caller, cmd)


async def page_of_tasks(ctx: Context, conn: Connection, caller: Caller, cmd: c.ListTasks) -> Page[c.Task]:
    """The page of a job of the caller's; in a transaction of one snapshot its total and its items agree. Raises
    NotFound (job)."""
    job = await job_of_tasks(conn, caller, cmd.job_id or 0, asking=cmd.asking)
    if cmd.device_names:
        return await _of_devices(conn, caller, cmd, [device_id(job.product_key, name) for name in cmd.device_names])
    if cmd.targets:
        ids = list((await targets_of(conn, caller, cmd.job_id or 0, cmd.targets)).values())
        return await _of_devices(conn, caller, cmd, ids)
    if cmd.module is not None and cmd.module.lower() != job.module:
        return page([], cmd.asked, task_view, None, 0)
    total = await counters.count(conn, cmd.job_id or 0, cmd.states, cmd.standing)
    if cmd.asked.order is not None:
        return await _shown(conn, cmd, await _by_state(conn, cmd, down=cmd.asked.order.down), total)
    found = await _of_job(ctx.remembered, conn, cmd, total) if cmd.asked.skip < total else []
    return await _shown(conn, cmd, found, total)


async def job_of_tasks(conn: Connection, caller: Caller, job_id: int, *, asking: bool = False) -> JobOfTasks:
    """The caller's job. Raises NotFound (job)."""
    which = {"job_id": job_id, "account_id": caller.account_id, "asking": asking}
    job = await conn.fetchrow(*SQL["job_of_tasks"](**which))
    if job is None:
        raise NotFound("job", str(job_id))
    return JobOfTasks(*job)


async def product_of_job(conn: Connection, caller: Caller, job_id: int, *, asking: bool = False) -> str:
    """The key of the product of the caller's job. Raises NotFound (job)."""
    return (await job_of_tasks(conn, caller, job_id, asking=asking)).product_key


async def targets_of(conn: Connection, caller: Caller, job_id: int, names: Sequence[str]) -> dict[str, UUID]:
    """The devices of a job under these public ids, those that are no devices among them."""
    found = await find_public(conn, caller, names)
    for row in await conn.fetch(*SQL["strays_by_name"](job_id=job_id, names=names)):
        found.setdefault(row["name"], UUID(int=row["device_id"].int))
    return found


# --- which ---


async def _of_devices(conn: Connection, caller: Caller, cmd: c.ListTasks, ids: Sequence[UUID]) -> Page[c.Task]:
    ways = ways_of(map(State, cmd.states), cmd.standing, ())
    which = {"job_id": cmd.job_id, "device_ids": ids, "module": cmd.module, "account_id": caller.account_id}
    meant = {"states": [way.state for way in ways], "marks": [way.marks for way in ways], "down": cmd.asking}
    rows = await conn.fetch(*SQL["tasks_of_devices"](**which, **meant))
    if cmd.asked.order is not None:
        return _some_by_state(cmd, await _shown(conn, cmd, rows, len(rows)), down=cmd.asked.order.down)
    bound = _bound(cmd.asked)
    below = [row for row in rows if (bound is None or row["device_id"] < bound) and _is_behind(row, cmd)]
    found = below[cmd.asked.skip : cmd.asked.skip + cmd.asked.take]
    return await _shown(conn, cmd, found, None if cmd.job_id is None else len(rows))


def _is_behind(row: Row, cmd: c.ListTasks) -> bool:
    """Whether the task of a row comes behind the one that the page before ended with."""
    if cmd.after is None:
        return True
    end, place = cmd.after, (row["job_id"], row["device_id"], row["nth"])
    ended = (end.job_id, end.device_id, end.nth)
    return place < ended if cmd.asking else place > ended


async def _of_job(ends: Remembered, conn: Connection, cmd: c.ListTasks, total: int) -> Sequence[Row]:
    """The keys of the page's tasks, in its order."""
    asked = cmd.asked
    which = (cmd.job_id, cmd.states, cmd.standing, cmd.asking, asked.below)
    after = ends.find((which, asked.skip)) if cmd.after is None else (cmd.after.device_id, cmd.after.nth)
    is_all = not cmd.states and cmd.standing is None
    if is_all and after is None and asked.below is None and asked.skip:
        rows = await _by_mark(conn, cmd, total)
    else:
        rows = await _passing_over(conn, cmd, after, is_all=is_all)
    passed = asked.skip + asked.take
    if len(rows) == asked.take and passed >= REMEMBERED_FROM and cmd.after is None:
        ends.keep((which, passed), (rows[-1]["device_id"], rows[-1]["nth"]), END_KEPT_S)
    return rows


async def _by_state(conn: Connection, cmd: c.ListTasks, *, down: bool) -> Sequence[Row]:
    """The keys of the page's tasks, one state after the other, each in the order of its index."""
    found: list[Row] = []
    after = None if cmd.after is None else (cmd.after.device_id, cmd.after.nth)
    for state in _states_from(cmd, down=down):
        left = replace(cmd.asked, take=cmd.asked.take - len(found))
        of_state = replace(cmd, states=frozenset((state,)), asked=left)
        found += await _passing_over(conn, of_state, after if state == cmd.after_state else None, is_all=False)
        if len(found) == cmd.asked.take:
            break
    return found


def _some_by_state(cmd: c.ListTasks, few: Page[c.Task], *, down: bool) -> Page[c.Task]:
    """The page of some devices' tasks in a job, which are few."""

    def place(state: str, ref: TaskRef) -> tuple[int, UUID, int]:
        rank = list(State).index(State(state))
        return (-rank if down else rank, ref.device_id, ref.nth)

    end = None if cmd.after is None or cmd.after_state is None else place(cmd.after_state, cmd.after)
    behind = [task for task in few.items if end is None or place(task.state, task.ref) > end]
    items = sorted(behind, key=lambda task: place(task.state, task.ref))[: cmd.asked.take]
    return replace(few, items=tuple(items))


def _states_from(cmd: c.ListTasks, *, down: bool) -> list[str]:
    """The states that are asked for in the order in which a task passes through them, or the other way, from the one
    that the page before ended in."""
    states = [str(each) for each in (reversed(State) if down else State) if not cmd.states or each in cmd.states]
    return states[states.index(cmd.after_state) :] if cmd.after_state in states else states


async def _passing_over(
    conn: Connection, cmd: c.ListTasks, after: tuple[UUID, int] | None, *, is_all: bool
) -> Sequence[Row]:
    """A page from behind the task that the page before ended with, or found by passing over what is before it."""
    asked, job_id, (device, nth) = cmd.asked, cmd.job_id or 0, after or (None, None)
    span = {"take": asked.take, "skip": 0 if after else asked.skip, "after": device, "after_nth": nth}
    of = {"job_id": job_id, "down": cmd.asking, "below": _bound(asked), **span}
    if is_all:
        return await conn.fetch(*SQL["all_tasks"](from_device=None, **of))
    pending = (await acts.pending(conn, [job_id])).get(job_id, [])
    ways = ways_of(map(State, cmd.states), cmd.standing, pending)
    return await conn.fetch(*SQL["some_tasks"](**of, **_columns(ways)))


async def _by_mark(conn: Connection, cmd: c.ListTasks, total: int) -> Sequence[Row]:
    """A page of all tasks of a job, wherever it is: read from low to high from the mark before it."""
    asked, job_id = cmd.asked, cmd.job_id or 0
    take = min(asked.take, total - asked.skip)
    place = total - asked.skip - take if cmd.asking else asked.skip
    mark = await conn.fetchrow(*SQL["mark_before"](job_id=job_id, place=place))
    device, passed = mark or (None, 0)
    span = {"take": take, "skip": place - passed, "after": None, "after_nth": None, "below": None}
    rows = await conn.fetch(*SQL["all_tasks"](job_id=job_id, down=False, from_device=device, **span))
    return rows[::-1] if cmd.asking else rows


def _columns(ways: Sequence[Way]) -> dict[str, Any]:
    return {
        "states": [way.state for way in ways],
        "lows": [way.low for way in ways],
        "highs": [way.high for way in ways],
        "marks": [way.marks for way in ways],
        "whole": all(way.is_whole for way in ways),
    }


def _bound(asked: Slice) -> UUID | None:
    below = asked.below
    return None if below is None or below >= 1 << RECORD_BITS else target_bound(below)


async def _shown(conn: Connection, cmd: c.ListTasks, found: Sequence[Row], total: int | None) -> Page[c.Task]:
    columns = {f"{name}s": [row[name] for row in found] for name in _KEY}
    rows = await conn.fetch(*SQL["show_tasks"](asking=cmd.asking or cmd.strays, **columns)) if found else []
    return page(rows, cmd.asked, task_view, lambda row: target_record(UUID(int=row["device_id"].int)), total)
