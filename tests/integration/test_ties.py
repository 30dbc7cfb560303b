"""Reports, comings and goings, the making of tasks and cancels of the same devices never wait for each other in a ring;
and what a device says in the moment of its deletion leaves nothing behind."""

import asyncio
import logging
from random import Random
from uuid import uuid4

import pytest
from conftest import Clock
from test_jobs import CONNECTION, Fleet, a_filled_job, a_fleet, a_job, a_package, ask, filled, progress, runs

from upwell.domain import commands as c
from upwell.domain.errors import CallerError, Held
from upwell.domain.talk import SdkReport
from upwell.service.context import Context
from upwell.service.manage import devices, steering
from upwell.service.manage.access import Caller
from upwell.service.upgrade import presence, reports
from upwell.service.upgrade.lives import delete_devices

pytestmark = pytest.mark.asyncio
DEVICES, TURNS = 24, 20


class Ring:
    """Four that want the same rows, each in an order of its own."""

    def __init__(self, ctx: Context, caller: Caller, flock: Fleet, package: int) -> None:
        self.ctx, self.caller, self.flock, self.package = ctx, caller, flock, package
        self.node = uuid4()
        self.jobs: list[int] = []

    async def say(self, dice: Random) -> None:
        said = [runs(f"1.{dice.randrange(9)}"), progress(dice.randrange(100)), SdkReport(version=str(dice.random()))]
        devices = dice.sample(self.flock.ids, 16)
        await reports.apply(self.ctx, [reports.Incoming(d, CONNECTION, dice.choice(said)) for d in devices])

    async def move(self, dice: Random) -> None:
        arrived = [(d, uuid4(), "127.0.0.1") for d in dice.sample(self.flock.ids, 16)]
        await presence.came_online(self.ctx, self.node, arrived)
        await presence.went_offline(self.ctx, self.node, [(d, connection) for d, connection, _ in reversed(arrived)])

    async def make(self, dice: Random) -> None:
        job = await a_job(self.ctx, self.caller, self.package, self.flock, overwrite=True)
        self.jobs.append(job)
        await filled(self.ctx, job)

    async def cancel(self, dice: Random) -> None:
        await asyncio.sleep(dice.random() / 50)
        if self.jobs:
            cmd = c.CancelTasks(job_id=dice.choice(self.jobs), states=c.OPEN_STATES)
            await steering.cancel_tasks(self.ctx, self.caller, cmd)
        device = c.DeviceKey(product_key=self.flock.key, name=dice.choice(self.flock.names))
        await devices.reset_device(self.ctx, self.caller, c.ResetDevice(device=device))


async def test_nobody_waits_in_a_ring(
    ctx: Context, caller: Caller, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    flock = await a_fleet(ctx, caller, DEVICES)
    ring = Ring(ctx, caller, flock, await a_package(ctx, caller, flock.key))
    await a_filled_job(ctx, caller, ring.package, flock)

    async def turns(name: str, seed: int) -> None:
        dice = Random(f"{name} {seed}")
        for _ in range(TURNS):
            try:
                await getattr(ring, name)(dice)
            except (CallerError, Held):  # such as a job that has ended meanwhile; a fill tries its chunk again later
                continue

    with caplog.at_level(logging.INFO, "upwell.storage.database"):
        await asyncio.gather(*(turns(name, seed) for name in ("say", "move", "make", "cancel") for seed in range(2)))
    assert [record.getMessage() for record in caplog.records if "tie" in record.getMessage()] == []


@pytest.mark.parametrize("said", [runs("9.9"), SdkReport(version="9.9")])
async def test_nothing_is_kept_of_a_device_that_is_deleted_in_the_same_moment(
    ctx: Context, caller: Caller, clock: Clock, said: object
) -> None:
    """The report has seen that the device lives, and is about to keep what it said."""
    flock = await a_fleet(ctx, caller, 2, version=None)
    gone, stays = flock.ids
    async with ctx.database.connection() as conn, conn.transaction():
        await conn.execute("select from device where device_id = $1 for update", gone)
        await delete_devices(conn, [gone], ctx.now())
        batch = [reports.Incoming(device, CONNECTION, said) for device in (gone, stays)]  # type: ignore[arg-type]
        assert (await reports.hear(ctx, batch)).held == {gone}
        waiting = asyncio.create_task(reports.apply(ctx, batch[:1]))
        await asyncio.sleep(0.1)
        assert not waiting.done()
    await waiting
    kept = await ask(
        ctx, "select device_id from module_version union select device_id from device where sdk_version <> ''"
    )
    assert [row["device_id"] for row in kept] == [stays]


async def test_what_is_said_again_writes_nothing(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 3)
    before = await ask(ctx, "select xmin::text, xmax::text, ctid::text from module_version order by device_id")
    async with ctx.database.connection() as conn, conn.transaction():
        await conn.execute("select from device for update")  # nor does it need its device
        assert (
            await reports.hear(ctx, [reports.Incoming(d, CONNECTION, runs("1.0")) for d in flock.ids])
        ).held == set()
    after = await ask(ctx, "select xmin::text, xmax::text, ctid::text from module_version order by device_id")
    assert after == before
