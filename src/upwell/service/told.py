"""What devices run by the results of their upgrades, kept until they report a version themselves (issue 9, number 23).

Many devices say that they have succeeded and never what they run (huawei 5.8): the destination counts as what they run
then, for owners, standing rules and offers, and is marked as told by a result. Locks are taken in the house's order,
rules and devices before tasks, so whoever may turn out to have arrived is held before its tasks are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from upwell.domain.talk import Report, ResultReport, VersionReport
from upwell.domain.task import State, Task
from upwell.service.making import POLICIES, Reported, keep_reported
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
            arrived = {task.module: task.destination for task in moved if task.state is State.SUCCEEDED}
            self.versions |= {(device_id, module): version for module, version in arrived.items()}


async def hold_arrivals(conn: Connection, said: Mapping[UUID, Sequence[Report]]) -> None:
    """Hold the standing rules and the rows of devices that may say here that they have arrived."""
    devices = sorted(device for device, reports in said.items() if any(map(_may_arrive, reports)))
    if not devices:
        return
    products = {row["product_id"] for row in await conn.fetch(POLICIES["products_of"], devices)}
    await conn.execute(POLICIES["share_rules"], sorted(products))
    await conn.fetch(POLICIES["lock_takers"], devices)


def _may_arrive(report: Report) -> bool:
    return isinstance(report, ResultReport) and report.outcome != "failed" and report.version != ""


async def keep_told(conn: Connection, told: Told, now: datetime) -> Reported:
    """Keep what results told, and say what it means for standing rules."""
    return await keep_reported(conn, told.versions, now, by_result=True)
