"""What devices say, applied: a batch of reports is one transaction, and is acknowledged only after it (L3).

Reports of one device are applied in the order given. A report that fits no open task changes no task; a version
report is kept in any case, and a device that a policy takes by it has its task in the same transaction. The transaction
waits for nothing that others hold: devices whose rows they hold are given back, with nothing done for them.
"""

import asyncio
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from upwell.domain.choosing import Choice
from upwell.domain.hearing import (
    Beside,
    answered_version,
    delivered,
    fallen_back,
    is_older,
    reported_progress,
    reported_result,
    reported_version,
)
from upwell.domain.modules import STANDING
from upwell.domain.stepping import Way
from upwell.domain.talk import ProgressReport, ResultReport, SdkReport, TaskRef, VersionReport
from upwell.domain.task import Stepped, Task
from upwell.domain.timeline import Line
from upwell.service.context import Context
from upwell.service.upgrade import nodes
from upwell.service.upgrade.beside import beside_of, choices_of, ways_of
from upwell.service.upgrade.policies import hold_reported, keep_reported, take_reported
from upwell.service.upgrade.tasks import Ledger, take_open
from upwell.service.upgrade.timeline import said_by
from upwell.service.upgrade.told import Told, keep_told, may_arrive
from upwell.storage.database import Connection
from upwell.storage.queries import sheet

_Q = sheet("reports")
AGAIN_S = 0.01  # until what others hold is tried again
BEFORE = timedelta(microseconds=1)  # a report came before what it brought about


@dataclass(frozen=True, slots=True)
class Delivered:
    """The device acknowledged the offer of this task."""

    task: TaskRef


@dataclass(frozen=True, slots=True)
class Incoming:
    """One thing that a device said, on which connection; `redelivered`: it may have sent it before, on an earlier
    one."""

    device_id: UUID
    connection_id: UUID
    said: VersionReport | ProgressReport | ResultReport | SdkReport | Delivered
    redelivered: bool = False


@dataclass(frozen=True, slots=True)
class Applied:
    """What a batch brought about: whether an offer became due, and whether a task ended. `held`: the devices for which
    nothing was done, for others hold their rows; `born`: those that have tasks by it; `lines`: what their timelines say
    of it, as of `at`."""

    offers_due: bool
    tasks_ended: bool
    held: AbstractSet[UUID] = frozenset()
    born: AbstractSet[UUID] = frozenset()
    lines: Sequence[Line] = ()
    at: datetime | None = None


async def apply(ctx: Context, batch: Sequence[Incoming]) -> Applied:
    """Apply the batch, however often others hold its rows; it is committed when this returns."""
    due = ended = False
    while True:
        applied = await hear(ctx, batch)
        due, ended = due or applied.offers_due, ended or applied.tasks_ended
        batch = [incoming for incoming in batch if incoming.device_id in applied.held]
        if not batch:
            return Applied(due, ended)
        await asyncio.sleep(AGAIN_S)


async def hear(ctx: Context, batch: Sequence[Incoming]) -> Applied:
    """Apply what can be applied now; it is committed when this returns. Raises Held where a row that nobody was
    expected to hold is waited for too long."""

    async def body(conn: Connection) -> Applied:
        now = ctx.now()
        kept = await hold_reported(conn, _versions(batch), _locked_first(batch))
        taken = await take_open(conn, {i.device_id for i in batch} - kept.held, now)
        held = taken.held | kept.held
        said = [i for i in batch if i.device_id not in held] if held else batch
        reported = await keep_reported(conn, kept.without(held), now)
        open_tasks, ledger = taken.tasks, taken.ledger
        ways = await ways_of(conn, open_tasks.values())
        beside = await beside_of(conn, _moved(said, open_tasks), ways)
        known = _Known(await choices_of(conn, open_tasks.values()), beside, ways)
        told = Told()
        for incoming in said:
            moved = _apply_one(incoming, open_tasks.get(incoming.device_id, []), known, ledger, now)
            told.hear(incoming.device_id, incoming.said, moved)
        await ledger.save(conn, now)
        await _save_spellings(conn, said)
        await _save_sdks(conn, said)
        born_due = await take_reported(ctx, conn, reported)
        by_result = await keep_told(conn, told, now)
        born_due += await take_reported(ctx, conn, by_result)
        changed = ledger.tasks.values()
        return Applied(
            offers_due=born_due > 0 or any(t.is_open and t.due_at is not None and t.due_at <= now for t in changed),
            tasks_ended=any(not t.is_open for t in changed),
            held=held,
            born={device for each in (reported, by_result) for ids in each.taken.values() for device in ids},
            lines=_lines(said, kept.news, open_tasks),
            at=now - BEFORE,
        )

    began = ctx.now()
    applied = await ctx.devices.transact(body)
    await nodes.follow(ctx, list(applied.born), began)
    return applied


def _locked_first(batch: Sequence[Incoming]) -> set[UUID]:
    """The devices whose rows are locked before their tasks are, whatever they run: what they say is written there or
    beside it, or may have arrived and be taken by a policy."""
    spelt = {device for device, _ in _spellings(batch)}
    return spelt | {i.device_id for i in batch if isinstance(i.said, SdkReport) or may_arrive(i.said)}


@dataclass(frozen=True, slots=True)
class _Known:
    """What a report's meaning depends on besides its task: what jobs that ask first may install, what stands beside
    tasks whose device says another version, and by which packages jobs lead."""

    choices: Mapping[int, Sequence[Choice]]
    beside: Mapping[TaskRef, Beside]
    ways: Mapping[int, Way]


def _moved(batch: Sequence[Incoming], open_tasks: Mapping[UUID, Sequence[Task]]) -> list[Task]:
    """The tasks, of those that don't ask first, whose device says another version than their source and destination:
    for most batches none, and then nothing is asked."""
    found: dict[TaskRef, Task] = {}
    for incoming in batch:
        if isinstance(incoming.said, VersionReport):
            for task in open_tasks.get(incoming.device_id, ()):
                known = (task.source_version, task.led_to or task.destination)
                if not task.awaiting and incoming.said.version not in known and _concerns(incoming, task):
                    found[task.ref] = task
    return list(found.values())


def _apply_one(incoming: Incoming, tasks: list[Task], known: _Known, ledger: Ledger, now: datetime) -> list[Task]:
    """The tasks that it changed."""
    moved = []
    for place, task in enumerate(tasks):
        if not task.is_open or not _concerns(incoming, task):
            continue
        stepped, change = _step(task, incoming, known, now)
        if task.counts_setbacks and isinstance(incoming.said, VersionReport):
            back = fallen_back(task, stepped, incoming.said.version, incoming.connection_id)
            if back is not None:
                ledger.setbacks.fell_back(task)
                stepped = back
        if stepped != task or change is not None:
            tasks[place] = stepped
            ledger.note(task, stepped, change)
            moved.append(stepped)
    return moved


def _concerns(incoming: Incoming, task: Task) -> bool:
    if isinstance(incoming.said, Delivered):
        return task.ref == incoming.said.task
    if isinstance(incoming.said, ResultReport):
        return True  # huawei 5.5: it says no module, and a device is at one update at a time
    return isinstance(incoming.said, VersionReport | ProgressReport) and task.module == incoming.said.module


def _step(task: Task, incoming: Incoming, known: _Known, now: datetime) -> Stepped:
    match incoming.said:
        case VersionReport() as report if task.awaiting:
            choices = known.choices.get(task.ref.job_id, ())
            return answered_version(task, choices, report, incoming.connection_id, now)
        case VersionReport() as report:
            beside = known.beside.get(task.ref, Beside())
            return reported_version(task, report, incoming.connection_id, now, beside)
        case ResultReport() if is_older(task, incoming.connection_id, incoming.redelivered):
            return task, None
        case ResultReport() as report:
            return reported_result(task, report, now, known.ways.get(task.ref.job_id))
        case ProgressReport() as report:
            connection, redelivered = incoming.connection_id, incoming.redelivered
            return reported_progress(task, report, now, connection=connection, redelivered=redelivered)
        case Delivered():
            return delivered(task)
        case SdkReport():
            return task, None


def _lines(
    said: Sequence[Incoming], news: AbstractSet[tuple[UUID, str]], tasks: Mapping[UUID, object]
) -> list[Line]:  # fmt: skip
    """What timelines tell of a batch: nothing of a version that its device has said before, unless it has a task."""
    told = [
        i for i in said
        if type(i.said) is not VersionReport
        or (tasks and i.device_id in tasks) or (news and (i.device_id, i.said.module) in news)
    ]  # fmt: skip
    return [line for i in told if (line := said_by(i.device_id, i.said)) is not None]


def _versions(batch: Sequence[Incoming]) -> dict[tuple[UUID, str], str | None]:
    """The last version that each device reported of each module."""
    return {(i.device_id, i.said.module): i.said.version for i in batch if isinstance(i.said, VersionReport)}


def _spellings(batch: Sequence[Incoming]) -> dict[tuple[UUID, str], str]:
    """How devices spell modules that may be nobody's but theirs: most say their names as they are compared."""
    return {
        (i.device_id, i.said.module): i.said.spelt
        for i in batch
        if isinstance(i.said, VersionReport) and i.said.module not in STANDING and i.said.spelt != i.said.module
    }


async def _save_spellings(conn: Connection, batch: Sequence[Incoming]) -> None:
    said = _spellings(batch)
    if said:
        devices, keys = zip(*said, strict=True)
        statement = _Q["save_spellings"](device_ids=list(devices), modules=list(keys), said=list(said.values()))
        await conn.execute(*statement)


async def _save_sdks(conn: Connection, batch: Sequence[Incoming]) -> None:
    said = {i.device_id: i.said.version for i in batch if isinstance(i.said, SdkReport)}
    if said:
        await conn.execute(*_Q["save_sdks"](device_ids=list(said), versions=list(said.values())))
