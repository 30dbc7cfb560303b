"""Offers, from due to sent: budget first, then claim, send and record.

A grant is committed before anything is sent, so a crash can only lose budget, never exceed it (L4); what was
granted and not sent is given back. A task counts once in a window: a device that asks again for the offer it has
spends nothing. Offers leave while their tasks are locked: a cancel waits for them, and after it has returned none is
sent (L5). Tasks that others hold are passed over.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any
from uuid import UUID

from upwell.domain.attempts import PUT_OFF, SETTLE, Failure, failed
from upwell.domain.awaiting import OFFERED, OFFERS, UNOFFERED, Awaits, Cue, wait
from upwell.domain.events import Kind as EventKind
from upwell.domain.pace import MINUTE_S, SEND_WITHIN_S, WINDOW_S
from upwell.domain.talk import Inquiry, Offer, OfferedFile, TaskRef, VersionReport
from upwell.domain.task import RELEASED, State
from upwell.domain.timeline import Kind, Line
from upwell.service.context import Context
from upwell.service.upgrade import acts, counters, events, granting, guards, pacing, reports
from upwell.service.upgrade.counters import Moves, place_at
from upwell.service.upgrade.seal_keys import readable
from upwell.service.upgrade.tasks import Ledger, columns_of, lock, plain, ref_of
from upwell.storage.database import Connection, Row, filled
from upwell.storage.queries import sheet
from upwell.storage.sealing import Kept

_Q = sheet("offers")
HOURS_PUT_BY = timedelta(minutes=10)  # a device outside its own hours is looked at again at least this often
PUT_BY = timedelta(seconds=10)  # what can't be offered for a while is looked at again this much later


@dataclass(frozen=True, slots=True)
class Addressed:
    """An offer, or the question that goes before it, and the device it is for. `secret` is the device's, for what a
    vendor signs for it alone; `public_id` is what its owner knows it by over all products. `was_told`: it has
    acknowledged the offer before."""

    product_key: str
    device_name: str
    offer: Offer | Inquiry
    secret: str = field(repr=False)
    public_id: str = ""
    was_told: bool = False

    @property
    def acknowledged(self) -> TaskRef | None:
        """The task whose offer the device's acknowledgement is of, where that says something new."""
        return None if self.was_told or isinstance(self.offer, Inquiry) else self.offer.task

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


_PLACE = itemgetter("place")
Link = Callable[[TaskRef, int], str]  # by the place of a file in its package: the URL that opens it
Sent = UUID | Unasked | Untellable | None  # the connection that took it, or None: try again a little later
Send = Callable[[Addressed], Sent]  # must not wait


async def due(ctx: Context, node_id: UUID, at_most: int) -> list[TaskRef]:
    """Tasks that this gateway may push now, oldest first; of each job no more than its budget has left. Those that turn
    out not to be for their devices now are due no more, until these say something new."""
    now = ctx.now()
    async with ctx.devices.connection() as conn:
        rows = await conn.fetch(
            *_Q["due_of_node"](node_id=node_id, now=now, at_most=at_most, pace_s=WINDOW_S, released=RELEASED)
        )
        unfit = [ref_of(r) for r in rows if not r["is_offerable"]]
        if unfit:
            await conn.execute(
                *_Q["put_by"](**columns_of(unfit), due_by=now, later=now + PUT_BY, look_again=now + HOURS_PUT_BY)
            )
    return [ref_of(r) for r in rows if r["is_offerable"]]


async def asked_for(ctx: Context, device_ids: Sequence[UUID]) -> dict[UUID, list[tuple[TaskRef, str]]]:
    """For each device that asks: the tasks it may be told of, with the keys of their modules."""
    async with ctx.devices.connection() as conn:
        rows = await conn.fetch(*_Q["asked_for"](device_ids=list(device_ids), now=ctx.now(), settle=SETTLE))
    found: dict[UUID, list[tuple[TaskRef, str]]] = {}
    for row in rows:
        found.setdefault(plain(row["device_id"]), []).append((ref_of(row), row["module"]))
    return found


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of offers that the budgets allowed: those that were sent, and those that a transaction held, or that
    were no more to offer; `lines` are what timelines tell of those that left, as of `at`."""

    sent: set[TaskRef] = field(default_factory=set)
    missed: set[TaskRef] = field(default_factory=set)
    lines: Sequence[Line] = ()
    at: datetime | None = None


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
    its offer already is told it again, without a question. Raises Held where a budget was waited for too long."""
    if not tasks:
        return Attempt()
    started = time.monotonic()
    again, guarded = await _told_lately(ctx, tasks) if wanted else (set[TaskRef](), set[int]())
    grant = await granting.reserve(ctx, [task for task in tasks if task not in again])
    allowed = [*again, *grant.tasks]
    if not allowed:
        return Attempt()
    round_ = _Round()
    async with ctx.devices.connection() as conn, conn.transaction():
        acted_on = await acts.share(conn, {task.job_id for task in allowed})
        room = await pacing.hold(conn, grant.limited, guarded | grant.guarded)
        held = await _hold(conn, guarded | grant.guarded)
        kept_back = acted_on | {job_id for job_id, offered in held.items() if offered.is_halted}
        free = [task for task in allowed if task.job_id not in kept_back]
        claim = _Q["claim"](**columns_of(free), due_by=due_by, released=RELEASED, now=ctx.now())
        rows = await conn.fetch(*claim) if free else []
        claimed = {free[row["place"] - 1]: row for row in sorted(rows, key=_PLACE)}  # as they were asked for
        secrets = {ref: readable(conn, Kept.DEVICE, ref.device_id, row["secret"]) for ref, row in claimed.items()}
        at = ctx.now()  # before any of their devices can have said something of it
        for ref, row in claimed.items():
            if (secret := secrets[ref]) is None:
                round_.refused.append(ref)
                continue
            in_time = time.monotonic() - started < SEND_WITHIN_S and _is_open(row, ctx.now())
            addressed = _addressed(ref, row, secret, link, wanted=wanted)
            round_.note(ref, row, send(addressed) if in_time and room.admits(ref) else None, addressed.offer)
            if round_.offered and round_.offered[-1] == ref:
                room.take(ref)
        await guards.number(conn, [ref for ref in round_.offered if ref.job_id in held], held, ctx.now())
        await pacing.keep(conn, room)
        await pacing.count_told(conn, [ref for ref in round_.first if ref.job_id in grant.growing])
        await _record(ctx, conn, round_, again)
        await granting.give_back(conn, grant, round_.spent)
    if round_.answers:
        await reports.apply(ctx, round_.answers)
    sent = set(round_.taken) | set(round_.asked)
    return Attempt(sent, set(allowed) - claimed.keys(), round_.lines, at)


def _is_open(row: Row, now: datetime) -> bool:
    """Whether the hours of its job last still, in the moment in which it is sent."""
    return row["open_until"] is None or row["open_until"] > now


async def _hold(conn: Connection, guarded: AbstractSet[int]) -> Mapping[int, guards.Offered]:
    """L13: nothing is judged of these guarded jobs from here on, and what was before is seen by the claim."""
    return await guards.hold(conn, guarded) if guarded else {}


@dataclass(slots=True)
class _Round:
    """What became of the tasks of one claim."""

    taken: dict[TaskRef, "_Taken"] = field(default_factory=dict)
    offered: list[TaskRef] = field(default_factory=list)  # in order
    first: list[TaskRef] = field(default_factory=list)  # of those, whose devices had none before
    asked: list[TaskRef] = field(default_factory=list)  # for its version, though its job does not ask first
    refused: list[TaskRef] = field(default_factory=list)
    untellable: dict[TaskRef, str] = field(default_factory=dict)
    answers: list[reports.Incoming] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    @property
    def spent(self) -> set[TaskRef]:
        """The tasks of which a message left."""
        return {ref for ref, taken in self.taken.items() if taken.is_message} | set(self.asked)

    def note(self, ref: TaskRef, row: Row, sent: Sent, said: Offer | Inquiry) -> None:
        """What became of one."""
        match sent:
            case None:
                self.refused.append(ref)
            case Untellable(problem):
                self.untellable[ref] = problem
            case _ if row["asks_first"]:
                self.asked.append(ref)  # a device that can't be asked reports by itself (alibaba 6.9)
                if isinstance(sent, UUID):
                    self.lines.append(_told(ref, row, said))
            case Unasked(connection):
                self.taken[ref] = _Taken.of(row, connection, Cue.SENT, is_message=False)
                # A device that took its offer answers itself: what it said before that says nothing of it.
                if row["has_said"] and row["state"] == State.QUEUED:
                    answer = VersionReport(module=row["module"], version=row["installed"], ref="")
                    self.answers.append(reports.Incoming(ref.device_id, connection, answer))
            case connection:
                if isinstance(said, Offer):
                    self.offered.append(ref)
                    self.first += [ref] if row["is_first"] else []
                told_again = row["awaiting"] in OFFERED and isinstance(said, Offer)
                cue = Cue.TOLD if told_again else Cue.SENT
                self.taken[ref] = _Taken.of(row, connection, cue, is_offer=isinstance(said, Offer))
                self.lines.append(_told(ref, row, said))


def _told(ref: TaskRef, row: Row, said: Offer | Inquiry) -> Line:
    """What the device's timeline tells of a message that left."""
    versions = {"source": row["installed"] or "", "version": row["version"]} if isinstance(said, Offer) else {}
    what = "offered" if isinstance(said, Offer) else "asked"
    return Line(
        device_id=ref.device_id, kind=Kind.OFFER, what=what, job_id=ref.job_id, module=row["module"], **versions
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Taken:
    """A connection took the message of a task, which awaited something until a time."""

    row: Row
    connection: UUID
    awaiting: Awaits
    timeout_at: datetime | None
    cue: Cue
    is_message: bool = True  # it went out to the device
    is_offer: bool = False

    @classmethod
    def of(
        cls, row: Row, connection: UUID, cue: Cue, *, is_message: bool = True, is_offer: bool = False
    ) -> "_Taken":  # fmt: skip
        return cls(row, connection, Awaits(row["awaiting"]), row["timeout_at"], cue, is_message, is_offer)

    @property
    def is_told(self) -> bool:
        """Whether it is an event: an offer that the device has not acknowledged yet."""
        return self.is_offer and self.row["state"] == State.QUEUED

    def told(self) -> dict[str, Any]:
        """What the event says."""
        return {"nth": self.row["nth"], "module": self.row["module"], "to": self.row["version"],
                "from": self.row["installed"], "attempt": self.row["attempt"]}  # fmt: skip

    def waits(self, now: datetime) -> tuple[Awaits, datetime | None]:
        """What the task awaits now, and until when."""
        return wait(self.awaiting, self.cue, now, self.timeout_at)


async def _told_lately(ctx: Context, tasks: Sequence[TaskRef]) -> tuple[set[TaskRef], set[int]]:
    """Those of these tasks whose devices have their offers, and were counted for them in this minute; and which of
    their jobs have a guard."""
    async with ctx.devices.connection() as conn:
        since = ctx.now() - timedelta(seconds=MINUTE_S)
        rows = await conn.fetch(*_Q["told_lately"](**columns_of(tasks), since=since, unoffered=list(UNOFFERED)))
    return {ref_of(row) for row in rows}, {row["job_id"] for row in rows if row["is_guarded"]}


async def _record(ctx: Context, conn: Connection, round_: _Round, again: AbstractSet[TaskRef]) -> None:
    now = ctx.now()
    if round_.taken:
        await _record_taken(conn, round_.taken, now, again)
    if round_.asked:
        await conn.execute(*_Q["record_questions"](**columns_of(round_.asked)))
    if round_.refused:
        await conn.execute(*_Q["put_off"](due_at=now + PUT_OFF, **columns_of(round_.refused)))
    if round_.untellable:
        await _end_untellable(conn, round_.untellable, now)


async def _end_untellable(conn: Connection, problems: Mapping[TaskRef, str], now: datetime) -> None:
    ledger = Ledger()
    for task in await lock(conn, problems, ledger, now):
        text = f"the offer can't be told to this device: {problems[task.ref]}"
        ledger.note(task, *failed(task, Failure(reason="untellable", text=text)))
    await ledger.save(conn, now)


async def _record_taken(
    conn: Connection, taken: Mapping[TaskRef, _Taken], now: datetime, again: AbstractSet[TaskRef]
) -> None:
    """What was told again without a grant keeps the time since which it is counted."""
    waits = [each.waits(now) for each in taken.values()]
    moves = _moves(zip((each.row for each in taken.values()), (awaiting for awaiting, _ in waits), strict=True))
    statement = _Q["record_offers"](
        **columns_of(taken),
        offered_at=[None if ref in again else now for ref in taken],
        connection_ids=[each.connection for each in taken.values()],
        awaiting=[awaiting for awaiting, _ in waits],
        timeout_at=[ends_at for _, ends_at in waits],
    )
    await conn.execute(*statement)
    told = [
        (ref, EventKind.TASK_OFFERED, each.told()) for ref, each in taken.items() if each.is_told and ref not in again
    ]
    await events.tell_some(conn, told, now)
    await counters.move(conn, moves)


def _moves(waits: Iterable[tuple[Row, Awaits]]) -> Moves:
    """What it means for the counters that the tasks of these rows of `claim` await that."""
    moves = Counter[counters.Place]()
    for row, awaiting in waits:
        if awaiting != row["awaiting"]:
            moves[place_at(row, Awaits(row["awaiting"]))] -= 1
            moves[place_at(row, awaiting)] += 1
    return moves


def _addressed(ref: TaskRef, row: Row, secret: str, link: Link, *, wanted: bool) -> Addressed:
    again = wanted and row["awaiting"] in OFFERED and row["fits"]
    asks = row["asks_first"] or not (again or row["awaiting"] in OFFERS)
    said = Inquiry(task=ref, module=row["module"], **_of_job(row)) if asks else _offer(ref, row, link)
    was_told = row["state"] != State.QUEUED
    return Addressed(row["product_key"], row["name"], said, secret, row["public_id"], was_told)


def _of_job(row: Row) -> dict[str, Any]:
    ext_info = None if row["ext_info"] is None else json.loads(row["ext_info"])
    return {"ext_info": ext_info, "sub_device_count": row["sub_device_count"]}


def _offer(ref: TaskRef, row: Row, link: Link) -> Offer:
    files = json.loads(row["files"])
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
