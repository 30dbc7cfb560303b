"""Loading and saving tasks: rows become domain values here, and changed values become one UPDATE."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from upwell.domain.awaiting import Awaits
from upwell.domain.talk import TaskRef
from upwell.domain.task import Change, Event, State, Task, ends
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet

_Q = sheet("tasks")
_SAVED = (
    "rev", "state", "source_version", "progress", "attempt", "description", "reason", "failure_ref", "due_at",
    "offered_on", "offered_at", "timeout_at", "awaiting", "package_id", "code",
)  # fmt: skip


def task_of(row: Row) -> Task:
    """The task of a row of `task_facts`."""
    facts = dict(row.items()) | {name: frozenset(row[name] or ()) for name in ("job_sources", "package_sources")}
    ref = ref_of(row)
    for name in ("device_id", "job_id", "nth"):
        del facts[name]
    return Task(ref=ref, state=State(facts.pop("state")), awaiting=Awaits(facts.pop("awaiting")), **facts)


def ref_of(row: Row) -> TaskRef:
    """The identity of the task of a row."""
    return TaskRef(device_id=plain(row["device_id"]), job_id=row["job_id"], nth=row["nth"])


def plain(value: UUID) -> UUID:
    """The driver's own kind of UUID compares equal but hashes slower."""
    return UUID(int=value.int)


def columns_of(tasks: Iterable[TaskRef]) -> dict[str, list[Any]]:
    """The parameters `device_ids`, `job_ids` and `nths` of a statement about these tasks."""
    refs = list(tasks)
    return {
        "device_ids": [t.device_id for t in refs],
        "job_ids": [t.job_id for t in refs],
        "nths": [t.nth for t in refs],
    }


async def lock_open(conn: Connection, device_ids: Iterable[UUID]) -> dict[UUID, list[Task]]:
    """The open tasks of these devices, locked until the transaction ends."""
    found: dict[UUID, list[Task]] = {}
    for row in await conn.fetch(*_Q["lock_open_of_devices"](device_ids=list(device_ids))):
        task = task_of(row)
        found.setdefault(task.ref.device_id, []).append(task)
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
    columns = {name: [getattr(task, name) for task in tasks] for name in _SAVED}
    identity = {name: [getattr(task.ref, name) for task in tasks] for name in ("device_id", "job_id", "nth")}
    saved = await conn.fetch(*_Q["save_tasks"](now=now, **identity, **columns))
    if len(saved) != len(tasks):
        raise RuntimeError("a locked task changed under its lock")


async def _add_changes(conn: Connection, changes: Sequence[tuple[TaskRef, int, Change]], now: datetime) -> None:
    # Several changes of one task in one transaction share a rev; the last one stands for them.
    last = {(ref, rev): change for ref, rev, change in changes}
    first: dict[tuple[TaskRef, int], State] = {}
    for ref, rev, change in changes:
        first.setdefault((ref, rev), change.before)
    await conn.execute(
        *_Q["add_changes"](
            now=now,
            **columns_of(ref for ref, _ in last),
            revs=[rev for _, rev in last],
            events=[change.event for change in last.values()],
            from_states=[first[key] for key in last],
            to_states=[change.after for change in last.values()],
            details=[change.detail for change in last.values()],
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which tasks an event ends together; None is no filter."""

    job_id: int | None = None
    device_ids: list[UUID] | None = None
    package_id: int | None = None
    timeout_before: datetime | None = None
    slot: str | None = None
    kind: str | None = None  # of the job
    before_job: int | None = None  # of jobs made earlier than this one


async def end_tasks(
    conn: Connection, event: Event, chosen: Selection, now: datetime, *, states: frozenset[State] | None = None,
    reason: str, description: str,
) -> int:  # fmt: skip
    """Let `event` end every chosen task (in `states`, if given) that it ends; returns how many."""
    pairs = ends(event, states)
    statement = _Q["end_tasks"](
        now=now, event=event, from_states=[before for before, _ in pairs], to_states=[after for _, after in pairs],
        reason=reason, description=description, **asdict(chosen),
    )  # fmt: skip
    return int(await conn.fetchval(*statement))
