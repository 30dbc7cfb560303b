"""Why the devices of a job that are not updated are not: counted by the answer, in chunks that hold nothing.

A part of the job's list is read at a time; what stands alike is one row, and is answered once (domain/why.py). Devices
may move on between two parts, so the counts are true of each part at its time, and add up to the tasks that were read.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from upwell.domain import why
from upwell.domain.why_facts import Code, Facts, OfJob
from upwell.service.manage.whys import SQL, stand_of
from upwell.storage.database import Connection, Row

CHUNK = 5000  # tasks read at once; nothing of them is locked
EXAMPLES = 10  # devices that are named of each


class Place(NamedTuple):
    """Behind which task of a job's list; None: at its beginning."""

    device_id: UUID | None = None
    nth: int = 0


@dataclass(slots=True)
class Counted:
    """How many devices there are of each answer, and some of each."""

    counts: Counter[Code] = field(default_factory=Counter)
    examples: dict[Code, list[UUID]] = field(default_factory=dict)

    def add(self, code: Code, n: int, examples: Sequence[UUID]) -> None:
        """So many more, these among them."""
        self.counts[code] += n
        named = self.examples.setdefault(code, [])
        named += examples[: EXAMPLES - len(named)]


async def count_some(
    conn: Connection, job: Row, of_job: OfJob, after: Place, now: datetime, counted: Counted
) -> Place | None:  # fmt: skip
    """Count the next part of a job's tasks; returns where the next one begins, None behind the last. `job` is a row of
    `job` in sql/why.sql."""
    which = {"job_id": job["job_id"], "after": after.device_id, "after_nth": after.nth}
    last = await conn.fetchrow(*SQL["chunk_ends"](at_most=CHUNK, **which))
    to = {"last": None, "last_nth": 0} if last is None else {"last": last["device_id"], "last_nth": last["nth"]}
    for row in await conn.fetch(*SQL["stands"](now=now, **which, **to)):
        code = why.answer(Facts(job=of_job, task=stand_of(row)))
        counted.add(code, row["n"], [UUID(int=each.int) for each in row["examples"]])
    return None if last is None else Place(UUID(int=last["device_id"].int), last["nth"])


async def names_of(conn: Connection, job_id: int, ids: Sequence[UUID]) -> Mapping[UUID, str]:
    """What the devices, or strays, are known by."""
    rows = await conn.fetch(*SQL["public_ids"](job_id=job_id, device_ids=list(ids)))
    return {UUID(int=row["device_id"].int): row["public_id"] for row in rows}
