"""The duties of one process, a row for each: what one turn of it does, and when at the latest it turns again.

A duty does bounded work each turn and says whether there is more to do at once. None of them holds a truth: whatever it
is to do is found in PostgreSQL, so any process may do it, and one that was killed leaves nothing undone.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol
from uuid import UUID

from upwell.domain.commands import Command
from upwell.engine.dispatch import Dispatcher
from upwell.engine.gather import Gatherer
from upwell.engine.heard import Heard
from upwell.engine.intake import Intake
from upwell.engine.lanes import Lanes
from upwell.engine.loop import TURN_MAX_S, Loop
from upwell.engine.scribe import Scribe
from upwell.engine.sending import SENDING, Sending
from upwell.engine.turned_away import TurnedAway
from upwell.engine.turns import Turns
from upwell.engine.wakes import AFTER
from upwell.service.context import Context, objects_of
from upwell.service.manage import (
    access,
    admission,
    audit_book,
    importing,
    imports,
    kept_answers,
    parts,
    planning,
    reasons,
    sessions,
    surveys,
    target_files,
    uploads,
    users,
    wholes,
)
from upwell.service.manage.device_keys import key_device_id
from upwell.service.upgrade import (
    burying,
    census,
    counters,
    course,
    deliveries,
    endings,
    enrol,
    events,
    failures,
    faults,
    fill,
    following,
    granting,
    halting,
    hours,
    limits,
    nodes,
    pacing,
    refused,
    retention,
    rollbacks,
    spread,
    stored_objects,
    waves,
)
from upwell.service.upgrade.dispatch import Addressed, Link, Sent

log = logging.getLogger(__name__)
SWEPT_AT_ONCE = 1000  # connections looked at again in one turn, so that a turn costs the same for any number of them
UNSEATED_MAX = 1000  # devices remembered that an offer was to go to and that are not here
LONG_TURN_S = 900.0  # a turn that reads or removes whole objects, from a slow store too


class Seated(Protocol):
    """The devices that can be told something by this process now."""

    def send(self, addressed: Addressed, /) -> Sent: ...

    def some(self, count: int, /) -> Sequence[tuple[UUID, UUID]]:
        """The next of them with their connections, so that asking again and again comes round to all."""

    def all(self) -> Sequence[tuple[UUID, UUID]]:
        """Every device with its connection."""

    def is_here(self, device_id: UUID, /) -> bool: ...
    def turn_out(self, device_id: UUID, connection_id: UUID | None = None, /) -> None: ...
    def spoke(self, share: int, most: int, /) -> Mapping[UUID, float]: ...
    async def catch_up(self, seats: Sequence[tuple[UUID, UUID]], /) -> None: ...


Part = Loop | Gatherer[Any, Any] | Lanes[Any] | Scribe | TurnedAway | Sending


class Engine:
    """The duties of one process and what its devices ask: woken, and asked how late they are. `link` makes the URLs of
    offers, `registration` says who may ask for a secret."""

    def __init__(self, ctx: Context, lease: nodes.Lease, link: Link, registration: enrol.Enrolling) -> None:
        self.ctx = ctx
        self.lease = lease
        self.node_id = node_id = lease.node_id
        self.lapses_seen = 0
        self.unseated: set[UUID] = set()
        self.scribe, self.heard, self.turned_away = Scribe(ctx), Heard(ctx), TurnedAway(ctx)
        self.dispatcher = Dispatcher(ctx, node_id, link, self.scribe.note)
        self.intake = Intake(
            ctx, node_id, self.dispatcher, registration, self.wake, self.scribe, self.heard.note, self.turned_away.note
        )
        self.filling = Turns(log, "fill", self._fill_one, partial(fill.tell_trouble, ctx))
        self.following = self._turns("what was asked", following.follow_one)
        self.opening = self._turns("waves", waves.step_one)
        self.halting = self._turns("its guard's finding", halting.halt_one)
        self.silencing = self._turns("silent devices", halting.silence_one)
        self.timing = self._turns("time-outs", endings.time_out_one)
        self.closing = self._turns("the end of the window", endings.close_one)
        self.ending = self._turns("the end", endings.end_one)
        self.keeping_hours = self._turns("hours", hours.move_one)
        self.keeping_device_hours = self._turns("hours of devices", hours.move_of_devices)
        self.taking_off = self._turns("devices at work", pacing.take_off_one)
        self.undoing = self._turns("the count of what a rollback means", rollbacks.count_one)
        self.bereaving = self._turns("what waits for a lost object", faults.end_one)
        self.importing = Turns(log, "the list", partial(importing.work_one, ctx), partial(importing.tell_trouble, ctx))
        self.surveying = Turns(log, "the survey", partial(_survey_one, ctx), partial(surveys.tell_trouble, ctx))
        self.keys_told = ctx.now()  # until when the log says which keys were made
        self.tells_keys = True  # of several processes with one log one does
        self.looking = course.Looking()
        self.sending = Sending(ctx)
        self.loops = {row.name: Loop(row.name, partial(row.turn, self), row.pause_s, row.turn_max_s) for row in DUTIES}

    async def _fill_one(self, job_id: int) -> fill.Chunk:
        chunk = await fill.fill_one(self.ctx, job_id)
        if chunk.due:
            self.wake("push")
        if not chunk.more:
            self.wake("finish", "waves")
        return chunk

    def _turns(self, name: str, step: Callable[[Context, int], Awaitable[fill.Chunk]]) -> Turns:
        return Turns(log, name, partial(step, self.ctx), partial(following.tell_trouble, self.ctx))

    @property
    def parts(self) -> list[Part]:
        """Each to be run, once it is seated, and asked how late it is."""
        return [self.scribe, self.turned_away, *self.intake.gatherers, *self.loops.values(), self.sending]

    def seat(
        self, seated: Seated, tell_news: Callable[[], Awaitable[bool]], look: Callable[[], Awaitable[object]]
    ) -> None:
        """Before anything runs: for whom it works. `tell_news` and `look` are turns that other rooms know how to do:
        pushing news, and saying in the log what `/readyz` would."""
        self.seated, self.tell_news, self.look = seated, tell_news, look

    def wake(self, *names: str) -> None:
        """Have these duties, or what sends, done soon."""
        for name in names:
            if name == SENDING:
                self.sending.wake()
            else:
                self.loops[name].wake()

    def send(self, addressed: Addressed) -> Sent:
        """Push an offer, or the question before it. A device that is not here is remembered: its task follows it."""
        device_id = addressed.offer.task.device_id
        if len(self.unseated) < UNSEATED_MAX and not self.seated.is_here(device_id):
            self.unseated.add(device_id)
        return self.seated.send(addressed)

    def changed(self, command: Command) -> None:
        """A command was done."""
        follows = AFTER[type(command)]
        for key in follows.shuts_out(command):
            device_id = key_device_id(key)
            if device_id is None:
                self.wake("watch")  # who it is must be looked up: the watch finds whose connection may not stay
            else:
                self.seated.turn_out(device_id)
        self.wake(*follows.wakes)


async def _fill(engine: Engine) -> bool:
    await endings.start_planned(engine.ctx)
    return await engine.filling.rounds(await fill.waiting(engine.ctx))


async def _acts(engine: Engine) -> bool:
    moved = await engine.following.rounds(await following.waiting(engine.ctx))
    if moved:
        engine.wake("push", "finish")
    return moved


async def _waves(engine: Engine) -> bool:
    moved = await engine.opening.rounds(await waves.waiting(engine.ctx))
    if moved:
        engine.wake("push")
    return moved


async def _guards(engine: Engine) -> bool:
    silent = await engine.silencing.rounds(await halting.unheard(engine.ctx))
    halted = await engine.halting.round(await halting.tripped(engine.ctx))
    if halted:
        engine.wake("finish", "news")
    return silent or halted


async def _hours(engine: Engine) -> bool:
    of_devices = await engine.keeping_device_hours.round(await hours.due_of_devices(engine.ctx))
    moved = await engine.keeping_hours.round(await hours.due(engine.ctx)) or of_devices
    if moved:
        engine.wake("push")
    return moved


async def _work(engine: Engine) -> bool:
    ended = await engine.taking_off.round(await pacing.limited(engine.ctx))
    came_free = await limits.recount(engine.ctx)
    if ended or came_free:
        engine.wake("push")
    return False  # those that go on are looked at after a while


async def _finish(engine: Engine) -> bool:
    timed_out = await engine.timing.round(await endings.timed(engine.ctx))
    closed = await engine.closing.round(await endings.overdue(engine.ctx))
    return await engine.ending.round(await endings.finished(engine.ctx)) or timed_out or closed


async def _lost(engine: Engine) -> bool:
    return await engine.bereaving.round(await faults.bereaved(engine.ctx))


async def _rollbacks(engine: Engine) -> bool:
    return await engine.undoing.rounds(await rollbacks.waiting(engine.ctx))


async def _imports(engine: Engine) -> bool:
    return await engine.importing.rounds(await importing.waiting(engine.ctx))


SURVEYS: dict[str, surveys.Work] = {"reasons": reasons.count_part, "plan": planning.count_some}


async def _survey_one(ctx: Context, survey_id: int) -> fill.Chunk:
    return await surveys.step(ctx, survey_id, SURVEYS)


async def _surveys(engine: Engine) -> bool:
    return await engine.surveying.rounds(await surveys.waiting(engine.ctx))


async def _counts(engine: Engine) -> bool:
    more = await census.fold(engine.ctx)
    await counters.fold_all(engine.ctx)
    await failures.fold_all(engine.ctx)
    await spread.fold_all(engine.ctx)
    return await failures.count_old(engine.ctx) or more


async def _lease(engine: Engine) -> bool:
    await engine.lease.keep()
    return False


async def _upkeep(engine: Engine) -> bool:
    more = await nodes.release_dead(engine.ctx)
    if engine.tells_keys:
        engine.keys_told = await access.tell_changed_keys(engine.ctx, engine.keys_told)
    return more


async def _purge(engine: Engine) -> bool:
    """Grants, nonces, tokens, and files that nothing was made of."""
    ctx, objects = engine.ctx, objects_of(engine.ctx)
    await granting.forget_grants(ctx)
    await limits.forget(ctx)
    await admission.purge_nonces(ctx)
    await users.purge(ctx)
    await sessions.forget_sessions(ctx)
    await audit_book.forget_strangers(ctx)
    await kept_answers.forget_answers(ctx)
    await refused.forget(ctx)
    for file_id, key in await target_files.stale_files(ctx):
        await objects.delete(key)
        await target_files.forget_file(ctx, file_id)
    for key in await uploads.stale_files(ctx):
        await objects.delete(key)
        await uploads.forget_file(ctx, key)
    await parts.sweep(ctx)
    await imports.sweep(ctx)
    await surveys.forget(ctx)
    return False


async def _watch(engine: Engine) -> bool:
    """Send away whom this process is told of; after its lease lapsed, all whom others released meanwhile."""
    lapses = engine.lease.lapses
    if lapses != engine.lapses_seen:
        await _look_at_all(engine)
        engine.lapses_seen = lapses
    told = await nodes.shut_out(engine.ctx, engine.node_id)
    _turn_out(engine, told)
    return len(told) == nodes.TOLD_AT_ONCE


async def _look_at_all(engine: Engine) -> None:
    seats = engine.seated.all()
    for start in range(0, len(seats), SWEPT_AT_ONCE):
        _turn_out(engine, await nodes.unwelcome(engine.ctx, seats[start : start + SWEPT_AT_ONCE]))
        engine.loops["watch"].progressed()


def _turn_out(engine: Engine, seats: Sequence[tuple[UUID, UUID]]) -> None:
    for device_id, connection_id in seats:
        engine.seated.turn_out(device_id, connection_id)


async def _sweep(engine: Engine) -> bool:
    """What no news told, found by looking again at some connections a turn: who may not stay, whose tasks another node
    holds, and who came behind a gateway."""
    seats = engine.seated.some(SWEPT_AT_ONCE)
    if seats:
        _turn_out(engine, await nodes.unwelcome(engine.ctx, seats))
    unseated, engine.unseated = engine.unseated, set()
    await nodes.follow(engine.ctx, [*{device_id for device_id, _ in seats} | unseated])
    await engine.seated.catch_up(seats)
    return False


async def _health(engine: Engine) -> bool:
    await engine.look()  # so that the log says what is wrong, whether anybody asks or not
    return False


@dataclass(frozen=True, slots=True)
class Duty:
    """One duty: its name in the log and in `/readyz`, its turn, the seconds until it turns again unwoken, and how many
    a turn may take before it is late."""

    name: str
    turn: Callable[[Engine], Awaitable[bool]]
    pause_s: float
    turn_max_s: float = TURN_MAX_S


DUTIES = (
    Duty("push", lambda engine: engine.dispatcher.push_due(engine.send), 0.25),
    Duty("fill", _fill, 1.0),
    Duty("acts", _acts, 0.5),
    Duty("waves", _waves, 1.0),
    Duty("guards", _guards, 0.5),
    Duty("hours", _hours, 0.5),
    Duty("work", _work, 0.5),
    Duty("finish", _finish, 0.5),
    Duty("counts", _counts, 10.0),
    Duty("course", lambda engine: engine.looking.look(engine.ctx), 5.0),
    Duty("lease", _lease, 3.0, nodes.LEASE_S - 3.0),
    Duty("upkeep", _upkeep, 5.0),
    Duty("purge", _purge, 60.0, LONG_TURN_S),
    Duty("retention", lambda engine: retention.forget(engine.ctx), 60.0),
    Duty("watch", _watch, 1.0),  # about as long may a device stay that another process shut out
    Duty("sweep", _sweep, 2.0),
    Duty("objects", lambda engine: stored_objects.read_one(engine.ctx), 2.0, LONG_TURN_S),
    Duty("uploads", lambda engine: wholes.put_together_one(engine.ctx), 1.0, LONG_TURN_S),
    Duty("imports", _imports, 1.0),
    Duty("rollbacks", _rollbacks, 1.0),
    Duty("surveys", _surveys, 1.0),
    Duty("lost objects", _lost, 1.0),
    Duty("burials", lambda engine: burying.bury_some(engine.ctx), 5.0),
    Duty("objects again", lambda engine: stored_objects.look_again(engine.ctx), 15.0),
    Duty("news", lambda engine: engine.tell_news(), 1.0),
    Duty("events", lambda engine: events.place(engine.ctx), 0.25),
    Duty("old events", lambda engine: events.forget(engine.ctx), 30.0),
    Duty("old deliveries", lambda engine: deliveries.forget(engine.ctx), 60.0),
    Duty("health", _health, 15.0),
)
