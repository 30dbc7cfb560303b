"""The duties of one process, a row for each: what one turn of it does, and when at the latest it turns again.

A duty does bounded work each turn and says whether there is more to do at once. None of them holds a truth: whatever it
is to do is found in PostgreSQL, so any process may do it, and one that was killed leaves nothing undone.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol
from uuid import UUID

from upwell.domain.commands import Command
from upwell.engine.dispatch import Dispatcher
from upwell.engine.gather import Gatherer
from upwell.engine.intake import Intake
from upwell.engine.loop import TURN_MAX_S, Loop
from upwell.engine.wakes import AFTER, After
from upwell.service.context import Context, objects_of
from upwell.service.manage import access, target_files, uploads, users
from upwell.service.manage.device_keys import key_device_id
from upwell.service.upgrade import dispatch, endings, enrol, faults, fill, nodes, stored_objects
from upwell.service.upgrade.dispatch import Addressed, Link, Sent

WATCH_BATCH = 5000  # connections asked about at once; a process with more needs several rounds to ask about all
LONG_TURN_S = 900.0  # a turn that reads or removes whole objects, from a slow store too


class Seated(Protocol):
    """The devices that can be told something by this process now."""

    def send(self, addressed: Addressed, /) -> Sent: ...

    def some(self, count: int, /) -> Sequence[tuple[UUID, UUID]]:
        """The next of them with their connections, so that asking again and again comes round to all."""

    def turn_out(self, device_id: UUID, connection_id: UUID | None = None, /) -> None: ...
    async def catch_up(self, seats: Sequence[tuple[UUID, UUID]], /) -> None: ...


class Engine:
    """The duties of one process and what its devices ask: woken, and asked how late they are. `link` makes the URLs of
    offers, `registration` says who may ask for a secret."""

    def __init__(self, ctx: Context, node_id: UUID, link: Link, registration: enrol.Enrolling) -> None:
        self.ctx = ctx
        self.node_id = node_id
        self.dispatcher = Dispatcher(ctx, node_id, link)
        self.intake = Intake(ctx, node_id, self.dispatcher, registration, self.wake)
        self.keys_told = ctx.now()  # until when the log says which keys were made
        self.loops = {row.name: Loop(row.name, partial(row.turn, self), row.pause_s, row.turn_max_s) for row in DUTIES}

    @property
    def parts(self) -> list[Loop | Gatherer[Any, Any]]:
        """Each to be run, once it is seated, and asked how late it is."""
        return [*self.intake.gatherers, *self.loops.values()]

    def seat(
        self, seated: Seated, tell_news: Callable[[], Awaitable[bool]], look: Callable[[], Awaitable[object]]
    ) -> None:
        """Before anything runs: for whom it works. `tell_news` and `look` are turns that other rooms know how to do:
        pushing news, and saying in the log what `/readyz` would."""
        self.seated, self.tell_news, self.look = seated, tell_news, look

    def wake(self, *names: str) -> None:
        """Have these duties done soon."""
        for name in names:
            self.loops[name].wake()

    def changed(self, command: Command) -> None:
        """A command was done."""
        follows = AFTER.get(type(command), After())
        for key in follows.shuts_out(command):
            device_id = key_device_id(key)
            if device_id is None:
                self.wake("watch")  # who it is must be looked up: the watch finds whose connection may not stay
            else:
                self.seated.turn_out(device_id)
        self.wake(*follows.wakes)


async def _fill(engine: Engine) -> bool:
    await endings.start_planned(engine.ctx)
    waiting = await fill.unfilled(engine.ctx)
    for job_id in waiting:
        while await fill.fill(engine.ctx, job_id):
            engine.loops["fill"].progressed()
            engine.wake("push")
    if waiting:
        engine.wake("push", "finish")
    return False


async def _finish(engine: Engine) -> bool:
    timed_out = await endings.time_out(engine.ctx)
    waited = await endings.end_waits(engine.ctx)
    closed = await endings.close_windows(engine.ctx)
    return bool(await endings.end_finished(engine.ctx)) or timed_out + waited + closed > 0


async def _upkeep(engine: Engine) -> bool:
    await nodes.keep_lease(engine.ctx, engine.node_id)
    await nodes.release_dead(engine.ctx)
    await nodes.adopt_tasks(engine.ctx, engine.node_id)
    engine.keys_told = await access.tell_changed_keys(engine.ctx, engine.keys_told)
    return False


async def _purge(engine: Engine) -> bool:
    """Grants, nonces, tokens, and files that nothing was made of."""
    ctx, objects = engine.ctx, objects_of(engine.ctx)
    await dispatch.forget_grants(ctx)
    await access.purge_nonces(ctx)
    await users.purge(ctx)
    for file_id, key in await target_files.stale_files(ctx):
        await objects.delete(key)
        await target_files.forget_file(ctx, file_id)
    for key in await uploads.stale_files(ctx):
        await objects.delete(key)
        await uploads.forget_file(ctx, key)
    return False


async def _watch(engine: Engine) -> bool:
    seats = engine.seated.some(WATCH_BATCH)
    for device_id, connection_id in await nodes.unwelcome(engine.ctx, seats) if seats else []:
        engine.seated.turn_out(device_id, connection_id)
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
    Duty("push", lambda engine: engine.dispatcher.push_due(engine.seated.send), 0.25),
    Duty("fill", _fill, 1.0),
    Duty("finish", _finish, 0.5),
    Duty("upkeep", _upkeep, 5.0),
    Duty("purge", _purge, 60.0, LONG_TURN_S),
    Duty("watch", _watch, 2.0),  # about as long may a device stay that another process shut out
    Duty("objects", lambda engine: stored_objects.read_one(engine.ctx), 2.0, LONG_TURN_S),
    Duty("lost objects", lambda engine: faults.end_bereft(engine.ctx), 1.0),
    Duty("objects again", lambda engine: stored_objects.look_again(engine.ctx), 15.0),
    Duty("news", lambda engine: engine.tell_news(), 1.0),
    Duty("health", _health, 15.0),
)
