"""Open tasks of some devices cancelled: by their owner, or because the device is another one from now on."""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from upwell.domain.acts import halted
from upwell.domain.task import Task
from upwell.service.upgrade.tasks import lock_open
from upwell.storage.database import Connection


async def end_open(
    conn: Connection, device_ids: Sequence[UUID], now: datetime, *, reason: str, description: str,
    which: Callable[[Task], bool] = lambda task: True,
) -> int:  # fmt: skip
    """Cancel the open tasks of these devices, or some of them; returns how many."""
    taken = await lock_open(conn, device_ids, now)
    found = [task for tasks in taken.tasks.values() for task in tasks if task.is_open and which(task)]
    ended = 0
    for task in found:
        after, change = halted(task, reason, description)
        if change is not None:
            taken.ledger.note(task, after, change)
            ended += 1
    await taken.ledger.save(conn, now)
    return ended
