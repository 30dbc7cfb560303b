"""Approvals of jobs: asked for, asked anew, decided (ADR 0043).

Whether a job is approved is a member of its row, which whoever offers reads under the job's lock anyway. It is written
as a pause is: by who has the job alone, so that once a job is kept back no offer of it is on its way.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from upwell.domain.approval import STEPS, Stands, Step, makers_after
from upwell.domain.events import Kind
from upwell.service.upgrade import acts, events, waves
from upwell.storage.database import Connection
from upwell.storage.queries import sheet

SQL = sheet("approvals")
_EVENTS: Mapping[Step, Kind] = {Step.APPROVE: Kind.ROLLOUT_APPROVED, Step.REFUSE: Kind.ROLLOUT_REFUSED}
_WORDS: Mapping[Step, str] = {Step.APPROVE: "approved", Step.REFUSE: "refused"}


class Asked(NamedTuple):
    """What is decided about: how it stands, of which revision, made by whom, the maker first."""

    stands: Stands
    revision: int
    makers: tuple[str, ...]


async def ask(conn: Connection, job_id: int, who: str, now: datetime) -> None:
    """A job that is being made wants an approval, and is kept back in its row."""
    await conn.execute(*SQL["ask"](job_id=job_id, who=who, now=now))
    await _tell_asked(conn, job_id, who, now, 1)


async def asked(conn: Connection, job_id: int) -> Asked | None:
    """How the approval of a locked job stands; None of one that wants none."""
    row = await conn.fetchrow(*SQL["lock_approval"](job_id=job_id))
    return None if row is None else Asked(Stands(row["stands"]), row["revision"], tuple(row["makers"]))


async def ask_anew(conn: Connection, job_id: int, found: Asked, who: str, now: datetime) -> None:
    """A locked job has been changed: no offer of it leaves any more until a person has approved that (L12)."""
    after = STEPS.get((found.stands, Step.EDIT))
    if after is None:
        return
    await acts.alone(conn, job_id)
    makers = makers_after(Step.EDIT, found.stands, found.makers, who)
    revision = await conn.fetchval(*SQL["ask_anew"](job_id=job_id, stands=after, makers=makers, now=now))
    await conn.execute(*SQL["keep_back"](job_id=job_id, now=now))
    await _tell_asked(conn, job_id, who, now, revision)


async def decide(
    conn: Connection, job_id: int, found: Asked, step: Step, who: str, remark: str, now: datetime
) -> None:  # fmt: skip
    """Write down that a person has decided about a locked job; what follows is the caller's."""
    await conn.execute(*SQL["decide"](job_id=job_id, stands=STEPS[found.stands, step], who=who, remark=remark, now=now))
    numbers: dict[str, Any] = {"revision": found.revision}
    await waves.decide(conn, job_id, now, _WORDS[step], who, wave=None, reason=remark, numbers=numbers)
    await events.tell_job(conn, job_id, _EVENTS[step], now, by=who, remark=remark, revision=found.revision)


async def let_go(conn: Connection, job_id: int, now: datetime) -> bool:
    """A locked job that is approved goes on; returns whether it begins now."""
    await acts.alone(conn, job_id)
    begins = bool(await conn.fetchval(*SQL["let_go"](job_id=job_id, now=now)))
    if begins:
        await events.tell_job(conn, job_id, Kind.ROLLOUT_STARTED, now)
    return begins


async def _tell_asked(conn: Connection, job_id: int, who: str, now: datetime, revision: int) -> None:
    await waves.decide(conn, job_id, now, "approval asked", who, wave=None, numbers={"revision": revision})
    await events.tell_job(conn, job_id, Kind.ROLLOUT_AWAITS_APPROVAL, now, by=who, revision=revision)
