"""Everything at once, on several connections to the real database: reports, offers, reconnects on two nodes, jobs of
every kind made, cancelled and run again, devices deleted, disabled and bound to gateways. Whatever the order was, the
laws hold at every look and nothing but refusals came of it."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest
from conftest import Clock
from test_jobs import Fleet, a_fleet, a_package, ask, link, progress, runs, tasks
from tests.job_commands import asking_job, dynamic_job, static_job

from upwell.domain import commands as c
from upwell.domain.errors import CallerError, Held
from upwell.domain.talk import ResultReport, TaskRef, VersionReport
from upwell.service.context import Context
from upwell.service.manage import devices, jobs, steering
from upwell.service.manage.access import Caller
from upwell.service.upgrade import dispatch, endings, fill, gateways, presence, reports
from upwell.service.upgrade.dispatch import Addressed

pytestmark = pytest.mark.asyncio
OPEN = "('CONFIRM', 'QUEUED', 'NOTIFIED', 'IN_PROGRESS')"
# Two open tasks of a device, of which one is for the whole device or both are for one module (L1).
TWO_OPEN = (
    f"select a.device_id from task a join task b using (device_id) where a.state in {OPEN} and b.state in {OPEN}"
    " and (a.job_id, a.nth) < (b.job_id, b.nth) and (a.slot = '' or b.slot = '' or a.slot = b.slot)"
)
OF_THE_GONE = (
    f"select t.* from task t join device d using (device_id) where d.deleted_at is not null and t.state in {OPEN}"
)
ENDLESS = (  # open tasks of jobs that have ended, which nothing will offer or end any more
    f"select t.job_id from task t join job j using (job_id) where t.state in {OPEN}"
    " and j.status not in ('IN_PROGRESS') and j.kind <> 'dynamic'"
)
UNCLOCKED = (
    f"select t.* from task t where t.state in {OPEN} and t.state <> 'CONFIRM' and awaiting <> '' and timeout_at is null"
)
UNCHAINED = (  # a history whose lines do not follow each other
    "select * from (select to_state, lead(from_state) over w as next, lead(event) over w as event from task_history"
    " window w as (partition by device_id, job_id, nth order by rev)) x"
    " where next is distinct from to_state and event is not null"
)
UNTOLD = (  # tasks whose last line of history is not their state
    "select t.device_id from task t cross join lateral (select to_state from task_history h"
    " where h.device_id = t.device_id and h.job_id = t.job_id and h.nth = t.nth order by rev desc limit 1) h"
    " where h.to_state <> t.state"
)
OF_A_FORMER_LIFE = (  # open tasks of devices that were deleted, though others have their names
    "select t.device_id from task t join device d using (device_id)"
    " where t.life <> d.life and t.state in ('CONFIRM', 'QUEUED', 'NOTIFIED', 'IN_PROGRESS')"
)
NEVER_OFFERED = (  # not conform to what nobody told them
    "select device_id from task where state = 'FAILED' and reason = 'version_not_conform' and offered_at is null"
)


class Storm:
    """A fleet in bad weather."""

    def __init__(self, ctx: Context, caller: Caller, clock: Clock, flock: Fleet, packages: list[int]) -> None:
        self.ctx, self.caller, self.clock, self.flock, self.packages = ctx, caller, clock, flock, packages
        self.nodes = [uuid4(), uuid4()]
        self.jobs: list[int] = []
        self.offered: list[Addressed] = []
        self.cancelled: set[int] = set()
        self.wrong: list[BaseException] = []
        self.did: Counter[str] = Counter()

    def some(self, dice: Random, most: int = 6) -> list[UUID]:
        return dice.sample(self.flock.ids, dice.randint(1, most))

    def names(self, dice: Random, most: int = 6) -> tuple[str, ...]:
        return tuple(dice.sample(self.flock.names, dice.randint(1, most)))

    async def say(self, dice: Random) -> None:
        said: list[Any] = [
            progress(dice.randint(-4, 100), dice.choice((str(dice.random()), "123"))), runs("1.0"), runs("2.0"),
            runs("3.0"), VersionReport(module="default", version=None, ref=""),
            ResultReport(outcome="fine", code=0, reason="", progress=100, version="2.0", desc=""),
            ResultReport(outcome="failed", code=1, reason="upgrade_failed", progress=0, version="2.0", desc=""),
            VersionReport(module="mcu", version=dice.choice(("1", "2")), ref=""),
        ]  # fmt: skip
        batch = [
            reports.Incoming(d, dice.choice(self.nodes), dice.choice(said), redelivered=dice.random() < 0.1)
            for d in self.some(dice, 15)
        ]
        batch += [
            reports.Incoming(a.offer.task.device_id, self.nodes[0], reports.Delivered(a.offer.task))
            for a in dice.sample(self.offered, min(5, len(self.offered)))
        ]
        await reports.apply(self.ctx, batch)

    async def offer(self, dice: Random) -> None:
        node = dice.choice(self.nodes)

        def send(addressed: Addressed) -> UUID | None:
            self.offered.append(addressed)
            return dice.choice((node, node, node, None))

        due = await dispatch.due(self.ctx, node, 50)
        asked = await dispatch.asked_for(self.ctx, self.some(dice))
        refs = due or [ref for found in asked.values() for ref, _ in found]
        await dispatch.offer(self.ctx, refs, link, send, due_by=self.ctx.now() if due else None)

    async def move(self, dice: Random) -> None:
        node, devices = dice.choice(self.nodes), self.some(dice, 10)
        arrived = [(d, uuid4(), "127.0.0.1") for d in devices]
        await presence.came_online(self.ctx, node, arrived)
        if dice.random() < 0.5:
            await presence.went_offline(self.ctx, node, [(d, connection) for d, connection, _ in arrived])

    async def plan(self, dice: Random) -> None:
        package = dice.choice(self.packages)
        facts: dict[str, Any] = {"package_id": package, "product_key": self.flock.key}
        more: dict[str, Any] = {
            "retry_interval_min": 0, "retry_count": 2, "overwrite": dice.random() < 0.5, "timeout_min": 1,
            "need_confirm": dice.random() < 0.2, "multi_module": dice.random() < 0.4,
        }  # fmt: skip
        way = dice.random()
        if way < 0.3:
            made = await jobs.create_job(self.ctx, self.caller, dynamic_job(**facts, **more, dynamic_mode=1))
            self.jobs.append(made.job_id)
        elif way < 0.6:
            targets = tuple(f"{self.flock.key}_{name}" for name in self.names(dice, 20))
            cmd = asking_job(
                name="b", part="firmware", package_ids=(self.packages[0],), targets=targets, retry_count=1,
                retry_interval_min=0,
            )  # fmt: skip
            self.jobs.append((await jobs.create_job(self.ctx, self.caller, cmd)).job_id)
        else:
            static = static_job(**facts, **more, selection="ALL")
            self.jobs.append((await jobs.create_job(self.ctx, self.caller, static)).job_id)

    async def fill(self, dice: Random) -> None:
        for job in await fill.unfilled(self.ctx):
            await fill.fill(self.ctx, job)

    async def steer(self, dice: Random) -> None:
        if not self.jobs:
            return
        job, way = dice.choice(self.jobs), dice.randrange(7)
        ctx, caller = self.ctx, self.caller
        if way == 0:
            states = frozenset({"CONFIRM", "QUEUED", "NOTIFIED", "IN_PROGRESS"})
            await steering.cancel_tasks(ctx, caller, c.CancelTasks(job_id=job, states=states))
        elif way == 1:
            await jobs.end_policy(ctx, caller, c.EndPolicy(job_id=job))
        elif way == 2:
            await steering.repeat_tasks(ctx, caller, c.RepeatTasks(asking=True, job_id=job))
        elif way == 3:
            await steering.cancel_tasks(ctx, caller, c.CancelTasks(asking=True, job_id=job))
        else:
            wanted = ("CONFIRM",) if way == 4 else ("FAILED", "CANCELED")
            found = [t for t in (await tasks(ctx, job)).values() if t["state"] in wanted]
            refs = tuple(TaskRef(device_id=UUID(int=t["device_id"].int), job_id=job, nth=t["nth"]) for t in found[:4])
            if refs and way == 4:
                await steering.confirm_tasks(ctx, caller, c.ConfirmTasks(tasks=refs))
            elif refs:
                await steering.repeat_tasks(ctx, caller, c.RepeatTasks(job_id=job, tasks=refs))

    async def lose(self, dice: Random) -> None:
        name = dice.choice(self.flock.names)
        device = c.DeviceKey(product_key=self.flock.key, name=name)
        if dice.random() < 0.3:
            await devices.delete_device(self.ctx, self.caller, c.DeleteDevice(device=device))
            await devices.create_device(self.ctx, self.caller, c.CreateDevice(product_key=self.flock.key, name=name))
        else:
            cmd = c.UpdateDevices(changes=(c.DeviceChange(device=device, enabled=dice.random() < 0.7),))
            await devices.update_devices(self.ctx, self.caller, cmd)

    async def bind(self, dice: Random) -> None:
        gateway, *subs = self.some(dice, 5)
        await dice.choice((gateways.bind, gateways.unbind))(self.ctx, gateway, subs)

    async def pass_time(self, dice: Random) -> None:
        self.clock.move(seconds=dice.choice((1, 3, 70)))
        for ending in (endings.time_out, endings.end_finished):
            await ending(self.ctx)

    async def look(self, dice: Random) -> None:
        assert await ask(self.ctx, TWO_OPEN) == []

    async def blow(self, seed: int, times: int) -> None:
        dice = Random(seed)
        ways: list[tuple[Callable[[Random], Awaitable[None]], int]] = [
            (self.say, 8), (self.offer, 6), (self.move, 4), (self.plan, 2), (self.fill, 3), (self.steer, 5),
            (self.lose, 1), (self.bind, 1), (self.pass_time, 2), (self.look, 2),
        ]  # fmt: skip
        for _ in range(times):
            [way] = dice.choices([way for way, _ in ways], [weight for _, weight in ways])
            try:
                await way(dice)
                self.did[way.__name__] += 1
            except CallerError:
                self.did[f"{way.__name__} refused"] += 1
            except Held:  # it waited as long as it may, did nothing, and is done again later
                self.did[f"{way.__name__} put off"] += 1
            except Exception as exc:
                self.wrong.append(exc)


async def storm(ctx: Context, caller: Caller, clock: Clock, seed: int, winds: int, times: int) -> Storm:
    flock = await a_fleet(ctx, caller, 25)
    await fleet_module(ctx, flock)
    packages = [
        await a_package(ctx, caller, flock.key, f"p{n}", version=v) for n, v in enumerate(("2.0", "3.0", "4.0"))
    ]
    raging = Storm(ctx, caller, clock, flock, packages)
    await asyncio.gather(*(raging.blow(seed * 1000 + wind, times) for wind in range(winds)))
    return raging


async def fleet_module(ctx: Context, flock: Fleet) -> None:
    said = [reports.Incoming(d, UUID(int=1), VersionReport(module="mcu", version="1", ref="")) for d in flock.ids]
    await reports.apply(ctx, said)


async def judge(raging: Storm) -> None:
    if raging.wrong:
        raise raging.wrong[0]
    for law in (TWO_OPEN, OF_THE_GONE, ENDLESS, UNCLOCKED, UNCHAINED, UNTOLD, OF_A_FORMER_LIFE, NEVER_OFFERED):
        assert await ask(raging.ctx, law) == [], law
    missing = {"say", "offer", "move", "plan", "fill", "steer", "bind", "pass_time"} - set(raging.did)
    assert not missing, raging.did


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_laws_hold_in_a_storm(ctx: Context, caller: Caller, clock: Clock, seed: int) -> None:
    await judge(await storm(ctx, caller, clock, seed, winds=8, times=40))


@pytest.mark.prove
@pytest.mark.timeout(600)
async def test_the_laws_hold_in_a_long_storm(ctx: Context, caller: Caller, clock: Clock) -> None:
    seed = int(asyncio.get_running_loop().time() * 1000)
    raging = await storm(ctx, caller, clock, seed, winds=10, times=600)
    print(f"seed={seed} {dict(raging.did)}")
    await judge(raging)
