"""What the meaning of reports depends on beside their tasks: of tasks that ask first what their job may install; of
others whose device says another version cancelled tasks of its past, and the group of the job."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from upwell.domain.choosing import Choice
from upwell.domain.hearing import Beside
from upwell.domain.stepping import Step, Way
from upwell.domain.talk import TaskRef
from upwell.domain.task import Task
from upwell.service.upgrade.members import members_among
from upwell.service.upgrade.tasks import plain
from upwell.storage.database import Connection
from upwell.storage.queries import sheet

_Q = sheet("reports")


async def choices_of(conn: Connection, tasks: Iterable[Sequence[Task]]) -> dict[int, list[Choice]]:
    """What the jobs of those of these tasks that ask first may install, by job."""
    jobs = {task.ref.job_id for some in tasks for task in some if task.awaiting}
    found: dict[int, list[Choice]] = {}
    for row in await conn.fetch(*_Q["choices"](job_ids=sorted(jobs))) if jobs else []:
        sources = frozenset(row["source_versions"])
        choice = Choice(package_id=row["package_id"], destination=row["version"], source_versions=sources)
        found.setdefault(row["job_id"], []).append(choice)
    return found


async def ways_of(conn: Connection, tasks: Iterable[Sequence[Task]]) -> dict[int, dict[str, Step]]:
    """By which packages the jobs of those of these tasks that are led lead, by job."""
    jobs = {task.ref.job_id for some in tasks for task in some if task.led_to is not None}
    found: dict[int, dict[str, Step]] = {}
    for row in await conn.fetch(*_Q["ways"](job_ids=sorted(jobs))) if jobs else []:
        step = Step(package_id=row["package_id"], version=row["version"])
        found.setdefault(row["job_id"], {})[row["runs"]] = step
    return found


async def beside_of(conn: Connection, tasks: Sequence[Task], ways: Mapping[int, Way]) -> dict[TaskRef, Beside]:
    """By task. The versions of their devices are saved already. One question for all, and one for each group."""
    former = await _former(conn, {task.ref.device_id for task in tasks if task.offered_at is not None})
    missing = await _missing(conn, [task for task in tasks if task.offered_at is None and task.group_id is not None])
    return {
        task.ref: Beside(
            former=frozenset(former.get((task.ref.device_id, task.module), ())),
            is_member=task.ref not in missing,
            way=ways.get(task.ref.job_id, {}),
        )
        for task in tasks
    }


async def _former(conn: Connection, devices: set[UUID]) -> dict[tuple[UUID, str], set[str]]:
    found: dict[tuple[UUID, str], set[str]] = {}
    for row in await conn.fetch(*_Q["former_destinations"](device_ids=list(devices))) if devices else []:
        key = plain(row["device_id"]), row["module"]
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
