"""How many tasks of a job failed alike, counted as they fail and run again (domain/failing.py).

Whoever changes tasks says which failed, and their kinds are counted in the same transaction, last of all, in rows that
only its database connection writes; a task remembers its kind, so that it is taken off exactly where it was put. What
no task failed of costs nothing.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from upwell.domain.failing import EXAMPLES_MAX, OTHERS, FailureKind, Kinds
from upwell.domain.outcomes import fails
from upwell.domain.talk import TaskRef
from upwell.domain.task import ROLLED_BACK, Task
from upwell.service.context import Context
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet

_Q = sheet("failures")
FOLDED_AT_ONCE = 200  # jobs
OLD_AT_ONCE = 500  # tasks that failed before this was counted, and are counted in one transaction
JOBS_LOOKED_AT = 100  # jobs of those that are looked through for them at once
_WHAT = ("reason", "code", "module", "source_version", "vendor")


@dataclass(slots=True)
class Shifts:
    """By how much each kind's count changes: by job and number of the kind. `what` is said of those that rise."""

    by: Counter[tuple[int, int]] = field(default_factory=Counter)
    what: dict[int, FailureKind] = field(default_factory=dict)
    examples: dict[tuple[int, int], list[UUID]] = field(default_factory=dict)

    def rise(self, job_id: int, number: int, kind: FailureKind, device_id: UUID) -> None:
        """One more task of this device failed so."""
        self.by[job_id, number] += 1
        if number != OTHERS:
            self.what[number] = kind
        some = self.examples.setdefault((job_id, number), [])
        if len(some) < EXAMPLES_MAX:
            some.append(device_id)

    def fall(self, job_id: int, number: int, count: int = 1) -> None:
        """So many tasks failed no longer."""
        self.by[job_id, number] -= count


async def placed(
    conn: Connection, changed: Sequence[tuple[Task, Task]]
) -> tuple[Mapping[TaskRef, Task], Shifts]:  # fmt: skip
    """Those of these tasks, as they were and are to be saved, that are to be saved with another kind than they say; and
    what is to be moved when they are."""
    failing = [(b, a) for b, a in changed if fails(a) and not fails(b)]
    after, shifts = dict[TaskRef, Task](), Shifts()
    for before, task in changed:
        if before.failure is not None and not fails(task):
            shifts.fall(task.ref.job_id, before.failure)
            after[task.ref] = replace(task, failure=None)
    if failing:
        vendors = await _vendors(conn, {task.ref.device_id for _, task in failing})
        kinds = await _kinds(conn, {task.ref.job_id for _, task in failing})
        for before, task in failing:
            kind = _kind_of(before, task, vendors.get(task.ref.device_id, ""))
            number = kinds[task.ref.job_id].placed(kind)
            shifts.rise(task.ref.job_id, number, kind, task.ref.device_id)
            after[task.ref] = replace(task, failure=number)
    return after, shifts


def _kind_of(before: Task, after: Task, vendor: str) -> FailureKind:
    """What a task failed of. A device that strays says another version than the one that it came from."""
    came_from = before.source_version or after.source_version or ""
    where = {"module": after.module, "source_version": came_from, "vendor": vendor}
    if after.outcome == ROLLED_BACK:
        return FailureKind(reason=ROLLED_BACK, code=None, **where)
    return FailureKind(reason=after.reason, code=after.code, **where)


async def move(conn: Connection, shifts: Shifts) -> None:
    """Count them. To be called in the transaction that changes the tasks, last of all."""
    moved = [(job_id, number, by) for (job_id, number), by in sorted(shifts.by.items()) if by]
    if not moved:
        return
    kinds = [shifts.what.get(number) for _, number, _ in moved]
    what: dict[str, list[Any]] = {f"{name}s": [getattr(kind, name, None) for kind in kinds] for name in _WHAT}
    examples = [",".join(map(str, shifts.examples.get((job_id, number), ()))) for job_id, number, _ in moved]
    jobs, numbers, by = (list(column) for column in zip(*moved, strict=True))
    await conn.execute(*_Q["move"](job_ids=jobs, kinds=numbers, by=by, examples=examples, **what))


async def count_new(conn: Connection, job_id: int, device_ids: Sequence[UUID]) -> None:
    """Count those tasks of a job for these devices that were made as failed in this transaction."""
    await move(conn, await _place(conn, job_id, device_ids))


def forgotten(rows: Iterable[Row]) -> Shifts:
    """What it means that tasks are gone, of which a statement tells how many were counted as which kind: `n` is below
    zero."""
    shifts = Shifts()
    for row in rows:
        if row["failure"] is not None:
            shifts.fall(row["job_id"], row["failure"], -row["n"])
    return shifts


async def fold_all(ctx: Context) -> None:
    """Fold the rows of each job together, those that nobody writes at this moment."""
    after: int | None = 0
    while after is not None:
        async with ctx.upkeep.connection() as conn:
            rows = await conn.fetch(*_Q["jobs_apart"](after=after, at_most=FOLDED_AT_ONCE))
            for row in rows:
                await conn.execute(*_Q["fold"](job_id=row["job_id"]))
                await conn.execute(*_Q["forget_empty"](job_id=row["job_id"]))
        after = rows[-1]["job_id"] if len(rows) == FOLDED_AT_ONCE else None


async def count_old(ctx: Context) -> bool:
    """Count some of the tasks that failed before kinds were counted; True when there may be more. Once it has come to
    the end there is nothing to do any more."""

    async def body(conn: Connection) -> bool:
        place = await conn.fetchrow(*_Q["take_old"]())
        if place is None:
            return False
        job_id, after = place["block"], place["device_id"]
        for _ in range(JOBS_LOOKED_AT):
            which = {"job_id": job_id, "after": after, "at_most": OLD_AT_ONCE}
            devices = [row["device_id"] for row in await conn.fetch(*_Q["old_of_job"](**which))]
            if devices:
                await move(conn, await _place(conn, job_id, sorted(set(devices))))
                after = devices[-1]
                break
            following = await conn.fetchval(*_Q["next_job"](after=job_id))
            if following is None:
                await conn.execute(*_Q["old_counted"]())
                return False
            job_id, after = following, UUID(int=0)
        await conn.execute(*_Q["old_counted_to"](job_id=job_id, device_id=after))
        return True

    return await ctx.upkeep.transact(body)


async def _place(conn: Connection, job_id: int, device_ids: Sequence[UUID]) -> Shifts:
    rows = await conn.fetch(*_Q["uncounted"](job_id=job_id, device_ids=device_ids))
    shifts = Shifts()
    if not rows:
        return shifts
    kinds, numbers = (await _kinds(conn, {job_id}))[job_id], []
    for row in rows:
        kind = FailureKind(
            reason=row["reason"], code=row["code"], module=row["module"], source_version=row["source_version"] or "",
            vendor=row["vendor"] or "",
        )  # fmt: skip
        numbers.append(kinds.placed(kind))
        shifts.rise(job_id, numbers[-1], kind, UUID(int=row["device_id"].int))
    which = {"device_ids": [row["device_id"] for row in rows], "nths": [row["nth"] for row in rows]}
    await conn.execute(*_Q["place"](job_id=job_id, kinds=numbers, **which))
    return shifts


async def _vendors(conn: Connection, devices: Iterable[UUID]) -> dict[UUID, str]:
    rows = await conn.fetch(*_Q["vendors"](device_ids=list(devices)))
    return {UUID(int=row["device_id"].int): row["vendor"] for row in rows}


async def _kinds(conn: Connection, jobs: Iterable[int]) -> dict[int, Kinds]:
    found: dict[int, list[int]] = {job_id: [] for job_id in jobs}
    for row in await conn.fetch(*_Q["kinds"](job_ids=list(found))):
        found[row["job_id"]].append(row["kind"])
    return {job_id: Kinds.of(numbers) for job_id, numbers in found.items()}
