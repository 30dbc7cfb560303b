"""Loading and saving tasks: rows become domain values here, and changed values become one UPDATE."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from upwell.domain.standings import Choice
from upwell.domain.talk import TaskRef
from upwell.domain.task import Change, Event, State, Task, moves
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet

SQL = sheet("tasks")


def task_of(row: Row) -> Task:
    """The task that a row of `lock_open_of_devices` holds."""
    facts = dict(row.items()) | {name: frozenset(row[name]) for name in ("job_sources", "package_sources")}
    ref = TaskRef(device_id=UUID(int=facts.pop("device_id").int), job_id=facts.pop("job_id"), nth=facts.pop("nth"))
    return Task(ref=ref, state=State(facts.pop("state")), **facts)


async def lock_open(conn: Connection, device_ids: Iterable[UUID]) -> dict[UUID, list[Task]]:
    """The open tasks of these devices, locked until the transaction ends."""
    found: dict[UUID, list[Task]] = {}
    for row in await conn.fetch(SQL["lock_open_of_devices"], list(device_ids)):
        task = task_of(row)
        found.setdefault(task.ref.device_id, []).append(task)
    return found


async def choices_of(conn: Connection, tasks: Iterable[Sequence[Task]]) -> dict[int, list[Choice]]:
    """What the jobs of those of these tasks that negotiate may install, by job."""
    jobs = {task.ref.job_id for some in tasks for task in some if task.awaiting}
    found: dict[int, list[Choice]] = {}
    for row in await conn.fetch(SQL["choices"], sorted(jobs)) if jobs else []:
        sources = frozenset(row["source_versions"])
        choice = Choice(package_id=row["package_id"], destination=row["version"], source_versions=sources)
        found.setdefault(row["job_id"], []).append(choice)
    return found


@dataclass(slots=True)
class Ledger:
    """Changes of one transaction, gathered to be written at once."""

    tasks: dict[TaskRef, Task] = field(default_factory=dict)
    changes: list[tuple[TaskRef, int, Change]] = field(default_factory=list)

    def note(self, task: Task, change: Change | None) -> None:
        """Remember the task's newest value and, if its state moved, a line of history."""
        self.tasks[task.ref] = task
        if change is not None:
            self.changes.append((task.ref, task.rev + 1, change))

    async def save(self, conn: Connection, now: datetime) -> None:
        """Write everything: one UPDATE, one INSERT."""
        if self.tasks:
            await _save_tasks(conn, list(self.tasks.values()), now)
        if self.changes:
            await _add_changes(conn, self.changes, now)


async def _save_tasks(conn: Connection, tasks: Sequence[Task], now: datetime) -> None:
    saved = await conn.fetch(
        SQL["save_tasks"],
        now,
        [t.ref.device_id for t in tasks],
        [t.ref.job_id for t in tasks],
        [t.ref.nth for t in tasks],
        [t.state.value for t in tasks],
        [t.source_version for t in tasks],
        [t.progress for t in tasks],
        [t.attempt for t in tasks],
        [t.description for t in tasks],
        [t.reason for t in tasks],
        [t.failure_ref for t in tasks],
        [t.due_at for t in tasks],
        [t.offered_on for t in tasks],
        [t.timeout_at for t in tasks],
        [t.rev for t in tasks],
        [t.awaiting for t in tasks],
        [t.package_id for t in tasks],
        [t.code for t in tasks],
        [t.offered_at for t in tasks],
    )
    if len(saved) != len(tasks):
        raise RuntimeError("a locked task changed under its lock")


async def _add_changes(conn: Connection, changes: Sequence[tuple[TaskRef, int, Change]], now: datetime) -> None:
    # Several changes of one task in one transaction share a rev; the last one stands for them.
    last = {(ref, rev): (ref, rev, change) for ref, rev, change in changes}
    first: dict[tuple[TaskRef, int], State] = {}
    for ref, rev, change in changes:
        first.setdefault((ref, rev), change.before)
    rows = list(last.values())
    await conn.execute(
        SQL["add_changes"],
        now,
        [ref.device_id for ref, _, _ in rows],
        [ref.job_id for ref, _, _ in rows],
        [ref.nth for ref, _, _ in rows],
        [rev for _, rev, _ in rows],
        [c.event.value for _, _, c in rows],
        [first[ref, rev].value for ref, rev, _ in rows],
        [c.after.value for _, _, c in rows],
        [c.detail for _, _, c in rows],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which tasks a bulk event meets; None is no filter."""

    job_id: int | None = None
    device_ids: list[UUID] | None = None
    package_id: int | None = None
    timeout_before: datetime | None = None
    slot: str | None = None
    kind: str | None = None  # of the job
    before_job: int | None = None  # of jobs made earlier than this one


async def move(
    conn: Connection, event: Event, chosen: Selection, now: datetime, *, states: frozenset[State] | None = None,
    reason: str = "", description: str = "",
) -> int:  # fmt: skip
    """Let `event` happen to every chosen task (in `states`, if given); returns how many changed."""
    pairs = moves(event, states)
    return int(
        await conn.fetchval(
            SQL["move_tasks"],
            now,
            [a.value for a, _ in pairs],
            [b.value for _, b in pairs],
            chosen.job_id,
            chosen.device_ids,
            chosen.package_id,
            chosen.timeout_before,
            reason,
            description,
            event.value,
            chosen.slot,
            chosen.kind,
            chosen.before_job,
        )
    )
