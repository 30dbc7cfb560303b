"""Why the devices of a job that are not updated are not: counted by the answer, in chunks that hold nothing.

A part of the job's list is read at a time; what stands alike is one row, and is answered once (domain/why.py). Devices
may move on between two parts, so the counts are true of each part at its time, and add up to the tasks that were read.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from upwell.domain import commands as c
from upwell.domain import why
from upwell.domain.errors import NotFound
from upwell.domain.why_facts import Code, Facts, OfJob
from upwell.domain.why_told import NEXT
from upwell.service.context import Context
from upwell.service.manage import surveys
from upwell.service.manage.access import Caller
from upwell.service.manage.surveys import Part
from upwell.service.manage.whys import SQL, of_job, stand_of
from upwell.storage.database import Connection, Row

CHUNK = 5000  # tasks read at once; nothing of them is locked
EXAMPLES = 10  # devices that are named of each
FRESH = timedelta(seconds=30)  # a count that is not older is told again


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

    @classmethod
    def of(cls, kept: dict[str, Any]) -> "Counted":
        """What `kept` gave."""
        examples = {Code(code): [UUID(each) for each in ids] for code, ids in kept.get("examples", {}).items()}
        return cls(Counter({Code(code): n for code, n in kept.get("counts", {}).items()}), examples)

    def kept(self) -> dict[str, Any]:
        """As JSON has it."""
        examples = {code.value: [str(each) for each in ids] for code, ids in self.examples.items()}
        return {"counts": {code.value: n for code, n in self.counts.items()}, "examples": examples}


async def count_some(
    conn: Connection, job: Row, of_all: OfJob, after: Place, now: datetime, counted: Counted
) -> Place | None:  # fmt: skip
    """Count the next part of a job's tasks; returns where the next one begins, None behind the last. `job` is a row of
    `job` in sql/why.sql."""
    which = {"job_id": job["job_id"], "after": after.device_id, "after_nth": after.nth}
    last = await conn.fetchrow(*SQL["chunk_ends"](at_most=CHUNK, **which))
    to = {"last": None, "last_nth": 0} if last is None else {"last": last["device_id"], "last_nth": last["nth"]}
    for row in await conn.fetch(*SQL["stands"](now=now, **which, **to)):
        code = why.answer(Facts(job=of_all, task=stand_of(row)))
        counted.add(code, row["n"], [UUID(int=each.int) for each in row["examples"]])
    return None if last is None else Place(UUID(int=last["device_id"].int), last["nth"])


async def names_of(conn: Connection, job_id: int, ids: Sequence[UUID]) -> Mapping[UUID, str]:
    """What the devices, or strays, are known by."""
    rows = await conn.fetch(*SQL["public_ids"](job_id=job_id, device_ids=list(ids)))
    return {UUID(int=row["device_id"].int): row["public_id"] for row in rows}


async def show_reasons(ctx: Context, caller: Caller, cmd: c.ShowReasons) -> c.Reasons:
    """The reasons of a job, as they are counted since a moment ago or from now on; those of a small job are whole.
    Raises NotFound (job), TooMany."""

    async def body(conn: Connection) -> tuple[int, bool]:
        job = await _job(conn, caller.account_id, cmd.job_id)
        which = {"job_id": cmd.job_id, "account_id": caller.account_id, "since": ctx.now() - FRESH}
        last = await conn.fetchval(*surveys.SQL["last_of_job"](**which))
        if last is not None:
            return int(last), False
        made = await surveys.begin(ctx, conn, caller, "reasons", product_id=job["product_id"], job_id=cmd.job_id)
        return made, True

    survey_id, is_new = await ctx.database.transact(body)
    if is_new:
        await surveys.step(ctx, survey_id, {"reasons": count_part})
    async with ctx.database.connection() as conn:
        return await _shown(conn, await surveys.shown(conn, caller, "reasons", survey_id))


async def count_part(ctx: Context, conn: Connection, row: Row) -> Part:
    """The next part of a survey of reasons. Raises NotFound (job)."""
    job, counted = await _job(conn, row["account_id"], row["job_id"]), Counted.of(json.loads(row["found"]))
    after = Place(row["after_device"], row["after_nth"])
    place = await count_some(conn, job, await of_job(conn, job, 0), after, ctx.now(), counted)
    to = place or after
    return Part(
        found=counted.kept(), looked=counted.counts.total(), after=to.device_id, nth=to.nth, is_over=place is None
    )  # fmt: skip


async def _job(conn: Connection, account_id: int, job_id: int) -> Row:
    job = await conn.fetchrow(*SQL["job"](job_id=job_id, account_id=account_id))
    if job is None:
        raise NotFound("job", str(job_id))
    return job


async def _shown(conn: Connection, row: Row) -> c.Reasons:
    counted = Counted.of(json.loads(row["found"]))
    names = await names_of(conn, row["job_id"], [each for ids in counted.examples.values() for each in ids])
    updated = counted.counts.pop(Code.ALREADY_THERE, 0)
    reasons = sorted(counted.counts.items(), key=lambda each: (-each[1], each[0]))
    return c.Reasons(
        job_id=row["job_id"], status=row["status"], problem=row["problem"], looked=row["looked"], updated=updated,
        not_updated=counted.counts.total(), created_at=row["created_at"], ended_at=row["ended_at"],
        reasons=tuple(
            c.Answered(
                code=code, count=n, does=NEXT[code],
                examples=tuple(names[each] for each in counted.examples[code] if names.get(each)),
            )
            for code, n in reasons
        ),
    )  # fmt: skip
