"""What devices run by the results of their upgrades, kept until they report a version themselves (issue 9, number 23).

Many devices say that they have succeeded and never what they run (huawei 5.8): the destination counts as what they run
then, for owners, policies and offers, and is marked as told by a result. Locks are taken in the house's order,
policies, devices and versions before tasks, so whoever may turn out to have arrived is held before its tasks are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from upwell.domain.talk import ResultReport, VersionReport
from upwell.domain.task import State, Task
from upwell.service.upgrade.policies import Reported, hold_reported, keep_reported
from upwell.storage.database import Connection


@dataclass(slots=True)
class Told:
    """What results of one batch say, by device and module. A version that is reported later in it takes its place."""

    versions: dict[tuple[UUID, str], str] = field(default_factory=dict)

    def hear(self, device_id: UUID, said: object, moved: Sequence[Task]) -> None:
        """A report, and the tasks that it changed."""
        if isinstance(said, VersionReport):
            self.versions.pop((device_id, said.module), None)
        if isinstance(said, ResultReport):
            arrived = {task.module: _brought(task, said) for task in moved if _brought(task, said)}
            self.versions |= {(device_id, module): version for module, version in arrived.items()}


def _brought(task: Task, said: ResultReport) -> str:
    """The version that the task's device runs by its result; empty: it told nothing of that."""
    if task.state is State.SUCCEEDED:
        return task.destination
    is_step = task.led_to is not None and said.outcome != "failed" and task.is_open and task.offered_on is None
    return said.version if is_step and said.version == task.source_version else ""


def may_arrive(report: object) -> bool:
    """Whether it may say that its device has arrived."""
    return isinstance(report, ResultReport) and report.outcome != "failed" and report.version != ""


async def keep_told(conn: Connection, told: Told, now: datetime) -> Reported:
    """Keep what results told, and say what it means for policies."""
    return await keep_reported(conn, await hold_reported(conn, told.versions), now, by_result=True)
