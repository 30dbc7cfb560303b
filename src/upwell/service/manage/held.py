"""What an owner's request holds until its transaction ends: the tasks that it changes, their devices, their packages.

Locks are taken in the house's order: job, packages, devices, tasks.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from upwell.domain.errors import Busy, Conflict, NotFound
from upwell.domain.talk import TaskRef
from upwell.domain.task import Stepped, Task
from upwell.service.context import Context
from upwell.service.manage.access import Caller
from upwell.service.manage.job_packages import refuse_lost_object
from upwell.service.upgrade import acts
from upwell.service.upgrade.fill import fill_chunk, fill_one
from upwell.service.upgrade.lives import are_of_the_past
from upwell.service.upgrade.making import lock_live_devices, taken_devices
from upwell.service.upgrade.tasks import Ledger, columns_of, follow, task_of
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet

SQL = sheet("held")
CHUNKS_OF_SMALL = 4  # in which a small job is filled before the call that acts on it is answered
WAIT_S, WAITS_MAX = 0.02, 100  # for devices that others hold

Act = Callable[[Task], Stepped]


async def fill(ctx: Context, conn: Connection, job_id: int) -> None:
    """All tasks of a locked job exist: none must escape what is asked of some of them. Raises Busy when others hold
    devices that it is for."""
    while (chunk := await fill_chunk(ctx, conn, job_id)).more:
        if not chunk.moved:
            raise Busy("Others hold devices of the job at this moment; ask again.")


async def fill_before(ctx: Context, job_id: int, *, all_of_it: bool) -> None:
    """All tasks of the job exist, or of a small one at least, each chunk committed by itself. Devices that others hold
    are waited for, not for ever."""
    chunks = waits = 0
    while all_of_it or chunks < CHUNKS_OF_SMALL:
        chunk = await fill_one(ctx, job_id)
        if not chunk.more or waits == WAITS_MAX:
            return
        if chunk.moved:
            chunks += 1
        else:
            waits += 1
            await asyncio.sleep(WAIT_S)


async def packages_of_job(conn: Connection, job_id: int, deleted: str) -> list[Row]:
    """The job's packages, none of which is deleted or judged meanwhile; all may be offered (L6). Raises Conflict
    package_is_deleted with that sentence, package_object_lost."""
    packages = await conn.fetch(*SQL["lock_packages"](job_id=job_id))
    if any(package["is_deleted"] for package in packages):
        raise Conflict("package_is_deleted", deleted)
    for package in packages:
        refuse_lost_object(package)
    return packages


async def devices_of_tasks(conn: Connection, refs: Sequence[TaskRef]) -> None:
    """The devices live meanwhile, in the lives that the tasks are of, and get no other task: one that is gone would
    never end its own. Raises NotFound (device)."""
    devices = {ref.device_id for ref in refs}
    if len(await live_devices(conn, list(devices))) < len(devices):
        raise NotFound("device", "one of the given tasks'")
    if await are_of_the_past(conn, refs):
        raise NotFound("device", "one of the given tasks': it was deleted, and another has its name now")


async def devices_of_job(conn: Connection, job_id: int) -> set[UUID]:
    """Those of the job's devices that live."""
    rows = await conn.fetch(*SQL["devices_of_job"](job_id=job_id))
    return await live_devices(conn, [row["device_id"] for row in rows])


async def live_devices(conn: Connection, ids: Sequence[UUID]) -> set[UUID]:
    """Those of these devices that live: they get no other task meanwhile, nor are deleted."""
    return set(await lock_live_devices(conn, ids))


async def tasks_of_account(
    conn: Connection, caller: Caller, refs: Sequence[TaskRef], ledger: Ledger, now: datetime
) -> list[Task]:
    """These tasks, once they have followed what was done to their jobs, which is in the ledger; one that is named twice
    is one. Raises NotFound (task) unless all are the caller's."""
    asked = list(dict.fromkeys(refs))
    await acts.share_waiting(conn, {ref.job_id for ref in asked})
    rows = await conn.fetch(*SQL["lock_tasks"](account_id=caller.account_id, **columns_of(asked)))
    if len(rows) != len(asked):
        raise NotFound("task", "one of the given tasks")
    return await follow(conn, list(map(task_of, rows)), ledger, now)


async def tasks_of_job(
    conn: Connection, job_id: int, device_ids: Sequence[UUID] | None, ledger: Ledger, now: datetime
) -> list[Task]:
    """The job's tasks of the present lives of these devices, or of all, as `tasks_of_account`."""
    await acts.share_waiting(conn, [job_id])
    rows = await conn.fetch(*SQL["lock_tasks_of_job"](job_id=job_id, device_ids=device_ids))
    return await follow(conn, list(map(task_of, rows)), ledger, now)


async def taken(conn: Connection, tasks: Sequence[Task]) -> set[UUID]:
    """The devices of closed tasks that another task holds (L1)."""
    closed = [task for task in tasks if not task.is_open]
    return await taken_devices(conn, [(t.ref.device_id, t.slot) for t in closed])


async def change(
    conn: Connection, tasks: Sequence[Task], act: Act, ledger: Ledger, now: datetime,
    refused: Callable[[Task], Conflict] | None = None,
) -> set[UUID]:  # fmt: skip
    """Let `act` happen to these tasks, which are locked; returns the devices of those that it changed. With `refused`
    the first that does not move refuses all. What is in the ledger is saved with it."""
    done = set[UUID]()
    for task in tasks:
        stepped, moved = act(task)
        if moved is None and refused is not None:
            raise refused(task)
        if moved is not None or stepped != task:
            ledger.note(task, stepped, moved)
            done.add(task.ref.device_id)
    await ledger.save(conn, now)
    return done


async def follow_presence(conn: Connection, job_id: int, device_ids: Sequence[UUID] | None) -> None:
    """Tasks of the job that run again, of these devices or of all, belong to the gateway that holds their device's
    connection now."""
    await conn.execute(*SQL["follow_presence"](job_id=job_id, device_ids=device_ids))
