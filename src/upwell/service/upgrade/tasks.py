"""Loading and saving tasks: rows become domain values here, and changed values become one UPDATE."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from upwell.domain.acts import followed
from upwell.domain.awaiting import Awaits
from upwell.domain.outcomes import apart
from upwell.domain.talk import TaskRef
from upwell.domain.task import Change, Event, State, Task
from upwell.service.upgrade import acts, counters, events, failures, guards
from upwell.service.upgrade.setbacks import Setbacks
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet

_Q = sheet("tasks")
_SAVED = (
    "rev", "state", "source_version", "progress", "attempt", "description", "reason", "failure_ref", "due_at",
    "offered_on", "offered_at", "timeout_at", "awaiting", "package_id", "code", "failure", "outcome", "job_acts",
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


@dataclass(slots=True)
class Ledger:
    """Changes of one transaction, gathered to be written at once."""

    tasks: dict[TaskRef, Task] = field(default_factory=dict)
    changes: list[tuple[TaskRef, int, Change]] = field(default_factory=list)
    stored: dict[TaskRef, Task] = field(default_factory=dict)  # what was noted, as it was before
    setbacks: Setbacks = field(default_factory=Setbacks)

    def note(self, before: Task, after: Task, change: Change | None) -> None:
        """Remember the task's newest value and, if its state moved, a line of history."""
        self.stored.setdefault(before.ref, before)
        self.tasks[after.ref] = after
        self.setbacks.note(before, after, change)
        if change is not None:
            self.changes.append((after.ref, after.rev + 1, change))

    async def save(self, conn: Connection, now: datetime) -> None:
        """Write everything: the tasks, which have passed all acts of their jobs, their history, what is told of them,
        then the counters, what their devices failed in, and last of all what failures show of jobs with a guard."""
        changed = [(self.stored[ref], _with_outcome(task)) for ref, task in self.tasks.items()]
        replaced, shifts = await failures.placed(conn, changed)
        if changed:
            await _save_tasks(conn, [replaced.get(task.ref, task) for _, task in changed], now)
        if self.changes:
            await _add_changes(conn, self.changes, now)
        await events.tell_tasks(conn, changed, now)
        await counters.move(conn, counters.moves_of(changed))
        await failures.move(conn, shifts)
        await self.setbacks.save(conn, now)
        stepped = [self.tasks[ref] for ref, _, change in self.changes if change.event is Event.STEPPED]
        on = [task.ref for task in stepped if task.wave and task.is_open]
        await guards.heard(conn, [(b, a) for b, a in changed if a.wave], on, now)


def _with_outcome(task: Task) -> Task:
    found = apart(task)
    return task if found == task.outcome else replace(task, outcome=found)


@dataclass(slots=True)
class Taken:
    """Open tasks that are this transaction's until it ends, by their devices, and the devices that are not: nothing may
    be done for `held` ones. What the tasks had yet to follow of their jobs' halts is in the ledger already."""

    tasks: dict[UUID, list[Task]] = field(default_factory=dict)
    held: set[UUID] = field(default_factory=set)
    ledger: Ledger = field(default_factory=Ledger)


async def take_open(conn: Connection, device_ids: Iterable[UUID], now: datetime) -> Taken:
    """The open tasks of these devices. It waits for nothing: a device is held when another transaction has one of its
    tasks, or is acting on the job of one."""
    refs, held = await _share_open(conn, device_ids, wait=False)
    rows = await conn.fetch(*_Q["lock_free"](**columns_of(refs))) if refs else []
    locked = {ref_of(row) for row in rows}
    held |= {ref.device_id for ref in refs if ref not in locked}
    return await _taken(conn, rows, held, now)


async def lock_open(conn: Connection, device_ids: Iterable[UUID], now: datetime) -> Taken:
    """The same for who may wait: no device is held."""
    refs, _ = await _share_open(conn, device_ids, wait=True)
    rows = await conn.fetch(*_Q["lock_waiting"](**columns_of(refs))) if refs else []
    return await _taken(conn, rows, set(), now)


async def lock(conn: Connection, refs: Iterable[TaskRef], ledger: Ledger, now: datetime) -> list[Task]:
    """Those of these tasks that are open, for who shares their jobs: locked, once they have followed what they had
    yet to."""
    rows = await conn.fetch(*_Q["lock_waiting"](**columns_of(refs)))
    return await follow(conn, list(map(task_of, rows)), ledger, now)


async def _share_open(conn: Connection, device_ids: Iterable[UUID], *, wait: bool) -> tuple[list[TaskRef], set[UUID]]:
    """The open tasks of these devices on whose jobs nobody can act from now on, and the devices with others."""
    rows = await conn.fetch(*_Q["share_open"](device_ids=list(device_ids), wait=wait))
    held = {plain(row["device_id"]) for row in rows if not row["is_shared"]}
    return [ref for ref in map(ref_of, rows) if ref.device_id not in held], held


async def _taken(conn: Connection, rows: Sequence[Row], held: AbstractSet[UUID], now: datetime) -> Taken:
    taken = Taken(held=set(held))
    found = [task for task in map(task_of, rows) if task.ref.device_id not in held]
    for task in await follow(conn, found, taken.ledger, now):
        taken.tasks.setdefault(task.ref.device_id, []).append(task)
    return taken


async def follow(conn: Connection, tasks: Sequence[Task], ledger: Ledger, now: datetime) -> list[Task]:
    """These locked tasks, on whose jobs nobody can act meanwhile, once they have followed what they had yet to of what
    was done to their jobs; that is in the ledger. Of those that have ended none runs again by that."""
    behind = {task.ref.job_id for task in tasks if task.acts < task.job_acts}
    pending = await acts.pending(conn, behind) if behind else {}
    found = []
    for task in tasks:
        after, change = followed(task, pending.get(task.ref.job_id, ()), now)
        if after is not task:
            ledger.note(task, after, change)
        found.append(after)
    return found


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
