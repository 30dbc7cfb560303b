"""What is done to a job as a whole: one row, in effect when its transaction is over (ADR 0024, 0025).

Who changes a task's state, gives birth to one or sends its offer holds its job's advisory lock shared until its
transaction ends; who acts on a job holds it alone, last of all its locks, while it writes that down. So no offer of
what an act ended is on its way when the act is committed, and nobody commits a state that it did not see.
"""

from collections.abc import Iterable
from datetime import datetime

from upwell.domain.acts import Act, What
from upwell.domain.standings import ASKS, standing
from upwell.domain.task import Event, State, ends
from upwell.service.upgrade import counters, guards
from upwell.storage.database import Connection
from upwell.storage.queries import sheet

_Q = sheet("acts")
WAITING = frozenset({State.CONFIRM, State.QUEUED})  # tasks that were told nothing yet


async def share(conn: Connection, job_ids: Iterable[int]) -> set[int]:
    """Keep others from acting on these jobs until the transaction ends; returns those that somebody is acting on at
    this moment: nothing may be done for their tasks. It waits for nothing."""
    rows = await conn.fetch(*_Q["share"](job_ids=sorted(set(job_ids))))
    return {row["job_id"] for row in rows if not row["is_shared"]}


async def share_waiting(conn: Connection, job_ids: Iterable[int]) -> None:
    """The same for who may wait."""
    await conn.execute(*_Q["share_waiting"](job_ids=sorted(set(job_ids))))


async def alone(conn: Connection, job_id: int) -> None:
    """Nobody changes a task of this locked job, makes one or sends its offer until the transaction ends; whoever does
    so now is waited for."""
    await conn.execute(*_Q["alone"](job_id=job_id))


async def pending(conn: Connection, job_ids: Iterable[int]) -> dict[int, list[Act]]:
    """What was done to these jobs and not all of their tasks have followed, by job, in its order."""
    found: dict[int, list[Act]] = {}
    for row in await conn.fetch(*_Q["pending"](job_ids=sorted(set(job_ids)))):
        act = Act(
            job_id=row["job_id"], nth=row["nth"], what=What(row["what"]), states=frozenset(map(State, row["states"])),
            reason=row["reason"], description=row["description"], failure=row["failure"],
            source_version=row["source_version"],
        )  # fmt: skip
        found.setdefault(act.job_id, []).append(act)
    return found


async def halt(
    conn: Connection, job_id: int, states: Iterable[State], now: datetime, *, reason: str, description: str,
    asked_by: str = "",
) -> int:  # fmt: skip
    """End the tasks of a locked job that stand in one of these states; returns how many they are. It has taken effect
    when the transaction is committed: no offer of them goes out, what their devices say meets ended tasks, and of a job
    whose tasks would begin in one of the states no more are made, but by a policy. What was to be confirmed or run
    again of the job, and was not yet, is not any more."""
    ending = [state for state, _ in ends(Event.CANCELLED, frozenset(states))]
    await alone(conn, job_id)
    counts = (await counters.totals(conn, [job_id]))[job_id]
    found = sum(counts.get(state, 0) for state in ending)
    fills = await conn.fetchval(*_Q["end_filling"](job_id=job_id, states=ending))
    if found or fills:
        await conn.execute(*_Q["forget_pending"](job_id=job_id, now=now))
        await _write(conn, job_id, What.HALT, ending, now, reason, description, asked_by)
    return found


async def pause(conn: Connection, job_id: int, now: datetime, by: str, why: str, *, over: bool = False) -> bool:
    """Keep back all offers of a locked job, by pushing and by asking, until it is resumed; one that is paused stays as
    it is unless this says `over` it, and False comes back. In effect when the transaction is committed (L12). What its
    devices were told goes on."""
    await alone(conn, job_id)
    return await conn.fetchval(*_Q["pause"](job_id=job_id, now=now, by=by, why=why, over=over)) is not None


async def resume(conn: Connection, job_id: int, now: datetime) -> bool:
    """Let offers of a locked job go out again: those that are due, and none a second time; False where it was not
    paused. After a halt by its guard a new score begins."""
    await guards.renew(conn, job_id)
    return await conn.fetchval(*_Q["resume"](job_id=job_id, now=now)) is not None


async def set_going(
    conn: Connection, job_id: int, what: What, now: datetime, asked_by: str = "", only: State | None = None,
    failure: int | None = None,
) -> int:  # fmt: skip
    """Have the tasks of a locked job confirmed, or run again, as far as they stand where that may be, of a state only
    if it is given, and of a failure; returns how many stand so, however they failed."""
    await alone(conn, job_id)
    found, states = 0, set[State]()
    for row in await conn.fetch(*counters.SQL["counted"](job_ids=[job_id])):
        facts = {"asked": row["asked"], "retry_waits": row["again"], "gone": row["gone"]}
        state = State(row["state"])
        if only in (None, state) and standing(state, **facts) in ASKS[what.value].acts_on:
            found += row["n"]
            states.add(state)
    unborn = await conn.fetchval(*_Q["is_filling"](job_id=job_id)) and what is What.CONFIRM
    if found or unborn:
        await _write(
            conn, job_id, what, states | ({State.CONFIRM} if unborn else set()), now, "", "", asked_by, failure
        )
    return found


async def leave(
    conn: Connection, job_id: int, source_version: str, now: datetime, *, reason: str, description: str, asked_by: str
) -> None:
    """End the tasks of a locked job, which the caller has alone, that wait and come from this version. No offer of them
    goes out when the transaction is committed; lists and counts tell it as they follow."""
    await _write(conn, job_id, What.LEAVE, WAITING, now, reason, description, asked_by, None, source_version)


async def _write(
    conn: Connection, job_id: int, what: What, states: Iterable[State], now: datetime, reason: str, description: str,
    asked_by: str, failure: int | None = None, source_version: str | None = None,
) -> None:  # fmt: skip
    told = {"reason": reason, "description": description, "asked_by": asked_by, "failure": failure}
    told["source_version"] = source_version
    names = sorted(state.value for state in states)
    await conn.execute(*_Q["write"](job_id=job_id, what=what.value, states=names, now=now, **told))
