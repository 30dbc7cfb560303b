"""Offers, from due to sent: budget first, then claim, send and record.

A grant is committed before anything is sent, so a crash can only lose budget, never exceed it (L4). Offers leave
while their tasks are locked: a cancel waits for them, and after it has returned none is sent (L5).
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from upwell.domain.attempts import PUT_OFF, SETTLE
from upwell.domain.awaiting import OFFERED, OFFERS, Awaits, Cue, wait
from upwell.domain.pace import SEND_WITHIN_S, WINDOW_S, allowance
from upwell.domain.talk import Inquiry, Offer, OfferedFile, TaskRef, VersionReport
from upwell.domain.task import RELEASED, Event, State
from upwell.service.context import Context
from upwell.service.upgrade import reports
from upwell.service.upgrade.tasks import Selection, columns_of, end_tasks, plain, ref_of
from upwell.storage.database import Connection, Row, filled
from upwell.storage.queries import sheet

_Q = sheet("offers")


@dataclass(frozen=True, slots=True)
class Addressed:
    """An offer, or the question that goes before it, and the device it is for. `secret` is the device's, for what a
    vendor signs for it alone; `public_id` is what its owner knows it by over all products."""

    product_key: str
    device_name: str
    offer: Offer | Inquiry
    secret: str = field(repr=False)
    public_id: str = ""

    @property
    def offered(self) -> Offer:
        """The offer, where no question is expected: for a face that does not ask, and in answers."""
        if not isinstance(self.offer, Offer):
            raise TypeError("a question came where an offer was expected")
        return self.offer


@dataclass(frozen=True, slots=True)
class Untellable:
    """The device's vendor has no way to say this offer; no repetition can help."""

    problem: str


@dataclass(frozen=True, slots=True)
class Unasked:
    """The device's vendor has no question for its version; what it said last is its answer. On which connection."""

    connection_id: UUID


Link = Callable[[TaskRef, int], str]  # by the place of a file in its package: the URL that opens it
Sent = UUID | Unasked | Untellable | None  # the connection that took it, or None: try again a little later
Send = Callable[[Addressed], Sent]  # must not wait


async def due(ctx: Context, node_id: UUID, at_most: int) -> list[TaskRef]:
    """Tasks that this gateway may push now, oldest first; of each job no more than its budget has left."""
    async with ctx.database.connection() as conn:
        rows = await conn.fetch(*_Q["due_of_node"](node_id=node_id, now=ctx.now(), at_most=at_most, pace_s=WINDOW_S))
    return [ref_of(r) for r in rows]


async def asked_for(ctx: Context, device_ids: Sequence[UUID]) -> dict[UUID, list[tuple[TaskRef, str]]]:
    """For each device that asks: the tasks it may be told of, with the keys of their modules."""
    async with ctx.database.connection() as conn:
        rows = await conn.fetch(*_Q["asked_for"](device_ids=list(device_ids), now=ctx.now(), settle=SETTLE))
    found: dict[UUID, list[tuple[TaskRef, str]]] = {}
    for row in rows:
        found.setdefault(plain(row["device_id"]), []).append((ref_of(row), row["module"]))
    return found


async def held(ctx: Context, tasks: Sequence[TaskRef]) -> set[TaskRef]:
    """Those of these tasks that a transaction holds now: it may be about to change them."""
    if not tasks:
        return set()
    async with ctx.database.connection() as conn:
        free = await conn.fetch(*_Q["free"](**columns_of(tasks)))
    return set(tasks) - {ref_of(row) for row in free}


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of offers that the budgets allowed: those that were sent, and those that a transaction held, or that
    were no more to offer."""

    sent: set[TaskRef] = field(default_factory=set)
    missed: set[TaskRef] = field(default_factory=set)


async def offer(
    ctx: Context,
    tasks: Sequence[TaskRef],
    link: Link,
    send: Send,
    due_by: datetime | None = None,
    *,
    wanted: bool = False,
) -> Attempt:
    """Offer what the budgets allow of these tasks. With `due_by`, a task that is no longer due then, since another
    offer of it went out meanwhile, is passed over. A task that asks first is asked instead; where the vendor can't ask,
    what the device said last is taken for its answer. `wanted`: their devices ask for their offers, and one that has
    its offer already is told it again, without a question."""
    if not tasks:
        return Attempt()
    started = time.monotonic()
    allowed = await _reserve(ctx, tasks)
    if not allowed:
        return Attempt()
    round_ = _Round()
    async with ctx.database.connection() as conn, conn.transaction():
        rows = await conn.fetch(*_Q["claim"](**columns_of(allowed), due_by=due_by, released=RELEASED))
        for row in rows:
            in_time = time.monotonic() - started < SEND_WITHIN_S
            addressed = _addressed(row, link, wanted=wanted)
            round_.note(row, send(addressed) if in_time else None, addressed.offer)
        await _record(ctx, conn, round_)
    if round_.answers:
        await reports.apply(ctx, round_.answers)
    sent = set(round_.taken) | set(round_.asked)
    return Attempt(sent, set(allowed) - {ref_of(row) for row in rows})


@dataclass(slots=True)
class _Round:
    """What became of the tasks of one claim."""

    taken: dict[TaskRef, "_Taken"] = field(default_factory=dict)
    asked: list[TaskRef] = field(default_factory=list)  # for its version, though its job does not ask first
    refused: list[TaskRef] = field(default_factory=list)
    untellable: dict[TaskRef, str] = field(default_factory=dict)
    answers: list[reports.Incoming] = field(default_factory=list)

    def note(self, row: Row, sent: Sent, said: Offer | Inquiry) -> None:
        """What became of one."""
        ref = ref_of(row)
        match sent:
            case None:
                self.refused.append(ref)
            case Untellable(problem):
                self.untellable[ref] = problem
            case _ if row["asks_first"]:
                self.asked.append(ref)  # a device that can't be asked reports by itself (alibaba 6.9)
            case Unasked(connection):
                self.taken[ref] = _Taken.of(row, connection, Cue.SENT)
                # A device that took its offer answers itself: what it said before that says nothing of it.
                if row["has_said"] and row["state"] == State.QUEUED:
                    answer = VersionReport(module=row["module"], version=row["installed"], ref="")
                    self.answers.append(reports.Incoming(ref.device_id, connection, answer))
            case connection:
                told_again = row["awaiting"] in OFFERED and isinstance(said, Offer)
                self.taken[ref] = _Taken.of(row, connection, Cue.TOLD if told_again else Cue.SENT)


@dataclass(frozen=True, slots=True)
class _Taken:
    """A connection took the message of a task, which awaited something until a time."""

    connection: UUID
    awaiting: Awaits
    timeout_at: datetime | None
    cue: Cue

    @classmethod
    def of(cls, row: Row, connection: UUID, cue: Cue) -> "_Taken":
        return cls(connection, Awaits(row["awaiting"]), row["timeout_at"], cue)

    def waits(self, now: datetime) -> tuple[Awaits, datetime | None]:
        """What the task awaits now, and until when."""
        return wait(self.awaiting, self.cue, now, self.timeout_at)


async def _reserve(ctx: Context, tasks: Sequence[TaskRef]) -> list[TaskRef]:
    wanted = Counter(t.job_id for t in tasks)

    async def body(conn: Connection) -> dict[int, int]:
        jobs = list(wanted)
        limits = await conn.fetch(*_Q["lock_budgets"](job_ids=jobs))
        rows = await conn.fetch(*_Q["granted_in_window"](job_ids=jobs, pace_s=WINDOW_S))
        spent = {r["job_id"]: r["offers"] for r in rows}
        granted = {
            r["job_id"]: allowance(r["maximum_per_min"], spent.get(r["job_id"], 0), wanted[r["job_id"]]) for r in limits
        }
        granted = {job: n for job, n in granted.items() if n}
        if granted:
            await conn.execute(*_Q["grant"](job_ids=list(granted), offers=list(granted.values())))
        return granted

    left = await ctx.database.transact(body)
    allowed = []
    for task in tasks:
        if left.get(task.job_id, 0) > 0:
            left[task.job_id] -= 1
            allowed.append(task)
    return allowed


async def _record(ctx: Context, conn: Connection, round_: _Round) -> None:
    now = ctx.now()
    if round_.taken:
        await _record_taken(conn, round_.taken, now)
    if round_.asked:
        await conn.execute(*_Q["record_questions"](**columns_of(round_.asked)))
    if round_.refused:
        await conn.execute(*_Q["put_off"](due_at=now + PUT_OFF, **columns_of(round_.refused)))
    for ref, problem in round_.untellable.items():
        chosen = Selection(job_id=ref.job_id, device_ids=[ref.device_id])
        text = f"the offer can't be told to this device: {problem}"
        await end_tasks(conn, Event.BROKE, chosen, now, reason="untellable", description=text)


async def _record_taken(conn: Connection, taken: Mapping[TaskRef, _Taken], now: datetime) -> None:
    waits = [each.waits(now) for each in taken.values()]
    statement = _Q["record_offers"](
        now=now,
        **columns_of(taken),
        connection_ids=[each.connection for each in taken.values()],
        awaiting=[awaiting for awaiting, _ in waits],
        timeout_at=[ends_at for _, ends_at in waits],
    )
    await conn.execute(*statement)


async def forget_grants(ctx: Context) -> None:
    """Drop grants that no window can count any more."""
    async with ctx.database.connection() as conn:
        await conn.execute(*_Q["forget_grants"](kept_s=2 * WINDOW_S))


def _addressed(row: Row, link: Link, *, wanted: bool) -> Addressed:
    again = wanted and row["awaiting"] in OFFERED and row["fits"]
    asks = row["asks_first"] or not (again or row["awaiting"] in OFFERS)
    said = Inquiry(task=ref_of(row), module=row["module"], **_of_job(row)) if asks else _offer(row, link)
    return Addressed(row["product_key"], row["name"], said, row["secret"], row["public_id"])


def _of_job(row: Row) -> dict[str, Any]:
    ext_info = None if row["ext_info"] is None else json.loads(row["ext_info"])
    return {"ext_info": ext_info, "sub_device_count": row["sub_device_count"]}


def _offer(row: Row, link: Link) -> Offer:
    ref, files = ref_of(row), json.loads(row["files"])
    return filled(
        Offer,
        row,
        task=ref,
        md5="" if files else row["md5"],
        sha256="" if files else row["sha256"],
        url="" if files else link(ref, 0),
        tags=tuple((k, v) for k, v in json.loads(row["tags"])),
        files=tuple(
            OfferedFile(name=f["name"], url=link(ref, place), size=f["size"], md5=f["md5"], sha256=f["sha256"])
            for place, f in enumerate(files)
        ),
        file_name=row["object_key"].rpartition("/")[2],
        **_of_job(row),
    )
