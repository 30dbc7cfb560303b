"""What stands beside tasks whose device says another version: cancelled tasks of its past, and the group of the job."""

from collections.abc import Sequence
from uuid import UUID

from upwell.domain.talk import TaskRef
from upwell.domain.task import Beside, Task
from upwell.service.upgrade.members import members_among
from upwell.service.upgrade.tasks import SQL
from upwell.storage.database import Connection


async def beside_of(conn: Connection, tasks: Sequence[Task]) -> dict[TaskRef, Beside]:
    """By task. The versions of their devices are saved already. One question for all, and one for each group."""
    former = await _former(conn, {task.ref.device_id for task in tasks if task.offered_at is not None})
    missing = await _missing(conn, [task for task in tasks if task.offered_at is None and task.group_id is not None])
    return {
        task.ref: Beside(
            former=frozenset(former.get((task.ref.device_id, task.module), ())), is_member=task.ref not in missing
        )
        for task in tasks
    }


async def _former(conn: Connection, devices: set[UUID]) -> dict[tuple[UUID, str], set[str]]:
    found: dict[tuple[UUID, str], set[str]] = {}
    for row in await conn.fetch(SQL["former_destinations"], list(devices)) if devices else []:
        key = UUID(int=row["device_id"].int), row["module"]
        found.setdefault(key, set()).add(row["version"])
    return found


async def _missing(conn: Connection, tasks: Sequence[Task]) -> set[TaskRef]:
    """The tasks of dynamic jobs whose device is in the job's group no more."""
    by_group: dict[int, list[Task]] = {}
    for task in tasks:
        by_group.setdefault(task.group_id or 0, []).append(task)
    missing: set[TaskRef] = set()
    for group_id, some in by_group.items():
        members = await members_among(conn, group_id, sorted({task.ref.device_id for task in some}))
        missing |= {task.ref for task in some if task.ref.device_id not in members}
    return missing
