"""How many tasks of a job stand where, counted as they change.

Whoever changes tasks moves their counters in the same transaction, in rows that only its database connection writes;
the sum of a job's rows in one snapshot is the truth at any instant (L2), and costs the same whatever the size of the
job. What is told has the halts in it that tasks are still to follow. How an ended job stands was written down then.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from upwell.domain.awaiting import Awaits
from upwell.domain.standings import Standing, Tally, marks, tally
from upwell.domain.task import State, Task
from upwell.service.context import Context
from upwell.storage.database import Connection, Row
from upwell.storage.job_rows import standing_of
from upwell.storage.queries import sheet

SQL = sheet("counters")
FOLDED_AT_ONCE = 200  # jobs


class Place(NamedTuple):
    """Where a task is counted."""

    job_id: int
    wave: int
    acts: int
    state: str
    asked: bool
    again: bool
    gone: bool
    outcome: str


def place_in(row: Row) -> Place:
    """Where the tasks of a row that a statement returned are counted."""
    return Place(*(row[name] for name in Place._fields))


Moves = Mapping[Place, int]  # by how much each count changes


def place_of(task: Task, acts: int) -> Place:
    """Where the task counts once it has passed so many acts of its job."""
    return Place(
        task.ref.job_id,
        task.wave,
        acts,
        task.state.value,
        *marks(task.awaiting, task.attempt, task.reason),
        task.outcome,
    )


def place_at(row: Row, awaiting: Awaits) -> Place:
    """Where the task of a row counts that awaits this."""
    whose = row["job_id"], row["wave"], row["acts"], row["state"]
    return Place(*whose, *marks(awaiting, row["attempt"], row["reason"]), row["outcome"])


def moves_of(changed: Iterable[tuple[Task, Task]]) -> Moves:
    """What it means that these tasks, as they are stored, are saved so; what is saved has passed its job's acts."""
    moves = Counter[Place]()
    for before, after in changed:
        moves[place_of(before, before.acts)] -= 1
        moves[place_of(after, after.job_acts)] += 1
    return moves


def moves_in(rows: Iterable[Row]) -> Moves:
    """The moves that a statement about many tasks returned, grouped: `n` is by how much."""
    moves = Counter[Place]()
    for row in rows:
        moves[place_in(row)] += row["n"]
    return moves


async def move(conn: Connection, moves: Moves) -> None:
    """Count them. To be called in the transaction that changes the tasks, last of all."""
    moved = [(*place, by) for place, by in sorted(moves.items()) if by]
    if moved:
        columns = zip((*Place._fields, "by"), map(list, zip(*moved, strict=True)), strict=True)
        await conn.execute(*SQL["move"](**dict(columns)))


async def totals(conn: Connection, job_ids: Sequence[int]) -> dict[int, dict[State, int]]:
    """How many tasks of these jobs are in each state; states without any are left out."""
    counts: dict[int, Counter[State]] = {job_id: Counter() for job_id in job_ids}
    for row in await conn.fetch(*SQL["counted"](job_ids=job_ids)):
        counts[row["job_id"]][State(row["state"])] += row["n"]
    return {job_id: dict(counted) for job_id, counted in counts.items()}


async def count(conn: Connection, job_id: int, states: Collection[str], wanted: Standing | None) -> int:
    """How many tasks of the job are in one of these states (none: in any), and stand so if a standing is wanted."""
    rows = await conn.fetch(*SQL["counted"](job_ids=[job_id]))
    fitting = (row for row in rows if not states or row["state"] in states)
    return sum(row["n"] for row in fitting if wanted is None or standing_of(row) is wanted)


async def tallies(conn: Connection, job_ids: Sequence[int]) -> dict[int, Tally]:
    """How many tasks of these jobs stand where."""
    counts: dict[int, Counter[Standing]] = defaultdict(Counter)
    for row in await conn.fetch(*SQL["counted"](job_ids=job_ids)):
        counts[row["job_id"]][standing_of(row)] += row["n"]
    return {job_id: tally(counts[job_id]) for job_id in job_ids}


async def fold_all(ctx: Context) -> None:
    """Fold the rows of each job together, those that nobody writes at this moment, a job at a time."""
    after: int | None = 0
    while after is not None:
        async with ctx.upkeep.connection() as conn:
            after = await fold(conn, after, FOLDED_AT_ONCE)


async def fold(conn: Connection, after: int, at_most: int) -> int | None:
    """The same of some jobs from behind that one; returns the last of them, None when it has come to the end."""
    jobs = [row["job_id"] for row in await conn.fetch(*SQL["jobs_apart"](after=after, at_most=at_most))]
    for job_id in jobs:
        await conn.execute(*SQL["fold"](job_id=job_id))
        await conn.execute(*SQL["forget_empty"](job_id=job_id))
    return jobs[-1] if len(jobs) == at_most else None
