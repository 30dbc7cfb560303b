"""A paused job offers nothing, whoever asks, and goes on where it was (L12)."""

import asyncio
import random
from datetime import timedelta

import pytest
from conftest import Clock
from offering import offering, sent_by
from test_asking_jobs import Stage
from test_jobs import (
    Wire,
    a_filled_job,
    a_fleet,
    a_job,
    a_package,
    ask,
    filled,
    link,
    online,
    progress,
    refs,
    runs,
    say,
    states,
    status_of,
)
from tests.job_commands import dynamic_job

from upwell.domain import commands as c
from upwell.domain.errors import Conflict, Denied, NotFound
from upwell.domain.task import State
from upwell.service.context import Context
from upwell.service.manage import job_views, jobs, pausing, steering
from upwell.service.manage.access import Caller
from upwell.service.upgrade import dispatch, endings
from upwell.service.upgrade.reports import Delivered

pytestmark = pytest.mark.asyncio


async def pause(ctx: Context, caller: Caller, job: int, reason: str = "") -> c.Job:
    return await pausing.pause_job(ctx, caller, c.PauseJob(job_id=job, reason=reason))


async def resume(ctx: Context, caller: Caller, job: int) -> c.Job:
    return await pausing.resume_job(ctx, caller, c.ResumeJob(job_id=job))


async def test_a_paused_job_offers_nothing_and_goes_on_where_it_was(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 5)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    node, wire = await online(ctx, clock, flock), Wire()
    chosen = await dispatch.due(ctx, node, 9)
    begun, rest = chosen[:2], chosen[2:]
    assert (await dispatch.offer(ctx, begun, link, wire)).sent == set(begun)
    await say(ctx, *((ref.device_id, Delivered(ref)) for ref in begun))
    paused = (await pause(ctx, caller, job, "the lamps flicker")).paused
    assert paused is not None and (paused.by, paused.reason) == (caller.key_id, "the lamps flicker")
    assert (await pause(ctx, caller, job, "again")).paused == paused, "the first one stands"
    # Nobody is told anything, pushed or asked for, chosen before or not, told before or not.
    assert await dispatch.due(ctx, node, 9) == [] and await dispatch.asked_for(ctx, flock.ids) == {}
    assert (await dispatch.offer(ctx, rest, link, wire)).sent == set()
    assert (await dispatch.offer(ctx, refs(job, flock.ids), link, wire, wanted=True)).sent == set()
    assert len(wire.sent) == 2
    # What is under way ends; to vendors the job is as it was.
    await say(ctx, (begun[0].device_id, runs("2.0")), (begun[1].device_id, progress(50)))
    assert await states(ctx, job) == {"SUCCEEDED": 1, "IN_PROGRESS": 1, "QUEUED": 3}
    assert await status_of(ctx, caller, job) == "IN_PROGRESS"
    clock.move(hours=30)
    assert await resume(ctx, caller, job) == await resume(ctx, caller, job)
    assert set(await dispatch.due(ctx, node, 9)) == set(rest)
    assert (await dispatch.offer(ctx, await dispatch.due(ctx, node, 9), link, wire)).sent == set(rest)
    assert len({each.offer.task for each in wire.sent}) == len(wire.sent) == 5
    assert await dispatch.due(ctx, node, 9) == []


async def test_a_paused_job_holds_up_no_other(ctx: Context, caller: Caller, clock: Clock) -> None:
    """Its tasks are due for longer, and not read."""
    one, other = await a_fleet(ctx, caller, 6), await a_fleet(ctx, caller, 2, name="other")
    first = await a_filled_job(ctx, caller, await a_package(ctx, caller, one.key), one)
    second = await a_filled_job(ctx, caller, await a_package(ctx, caller, other.key, "more"), other)
    node = await online(ctx, clock, one)
    await ask(ctx, "update task set node_id = $1, due_at = $2 where job_id = $3", node, clock(), second)
    await pause(ctx, caller, first)
    assert set(await dispatch.due(ctx, node, 2)) == set(refs(second, other.ids))
    await resume(ctx, caller, first)
    assert set(await dispatch.due(ctx, node, 2)) <= set(refs(first, one.ids))


async def test_a_cancel_wins_over_a_pause(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 2)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    await pause(ctx, caller, job)
    cancel = c.CancelTasks(job_id=job, states=frozenset(c.OPEN_STATES))
    assert (await steering.cancel_tasks(ctx, caller, cancel)).changed == 2
    await endings.end_finished(ctx)
    shown = await job_views.show_job(ctx, caller, c.ShowJob(job_id=job))
    assert (shown.status, shown.paused) == ("CANCELED", None)
    for steer in (pause, resume):
        with pytest.raises(Conflict, match="CANCELED"):
            await steer(ctx, caller, job)
    # Run again it is as one that was never paused.
    await steering.repeat_tasks(ctx, caller, c.RepeatTasks(job_id=job, tasks=tuple(refs(job, flock.ids))))
    assert {ref for found in (await dispatch.asked_for(ctx, flock.ids)).values() for ref, _ in found} == set(
        refs(job, flock.ids)
    )


async def test_a_planned_job_begins_paused_and_is_filled(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 3)
    start = clock() + timedelta(hours=1)
    job = await a_job(ctx, caller, await a_package(ctx, caller, flock.key), flock, scheduled_at=start)
    await pause(ctx, caller, job)
    clock.move(hours=2)
    await endings.start_planned(ctx)
    await filled(ctx, job)
    node = await online(ctx, clock, flock)
    assert await states(ctx, job) == {"QUEUED": 3} and await dispatch.due(ctx, node, 9) == []
    await resume(ctx, caller, job)
    assert len(await dispatch.due(ctx, node, 9)) == 3


async def test_a_dynamic_job_takes_devices_while_it_is_paused_and_when_it_has_ended(
    ctx: Context, caller: Caller, clock: Clock
) -> None:
    flock = await a_fleet(ctx, caller, 2)
    package = await a_package(ctx, caller, flock.key)
    made = await jobs.create_job(ctx, caller, dynamic_job(package_id=package, product_key=flock.key, dynamic_mode=2))
    await pause(ctx, caller, made.job_id)
    await say(ctx, *((device, runs("1.1")) for device in flock.ids))
    await jobs.end_policy(ctx, caller, c.EndPolicy(job_id=made.job_id))
    node = await online(ctx, clock, flock)
    assert await states(ctx, made.job_id) == {"QUEUED": 2} and await dispatch.due(ctx, node, 9) == []
    shown = await job_views.show_job(ctx, caller, c.ShowJob(job_id=made.job_id))
    assert shown.status == "CANCELED" and shown.paused is not None, "its tasks live on, and are paused"
    await resume(ctx, caller, made.job_id)
    assert len(await dispatch.due(ctx, node, 9)) == 2


async def test_waits_for_what_is_kept_back_take_no_time(ctx: Context, caller: Caller, clock: Clock) -> None:
    """huawei 6.1: a device has 25 hours to come online; those in which nobody would ask it are not counted."""
    stage = Stage(ctx, caller, clock, await a_fleet(ctx, caller, 2, version=None))
    job = await stage.create((await a_package(ctx, caller, stage.flock.key),))
    await pause(ctx, caller, job)
    for _ in range(2):
        clock.move(hours=26)
        await endings.time_out(ctx)
        assert set(await states(ctx, job)) == {"QUEUED"}
    await resume(ctx, caller, job)
    clock.move(hours=24)
    await endings.time_out(ctx)
    assert set(await states(ctx, job)) == {"QUEUED"}, "its whole time begins with the resuming"
    clock.move(hours=2)
    await endings.time_out(ctx)
    assert set(await states(ctx, job)) == {"FAILED"}


async def test_who_may_pause(ctx: Context, caller: Caller, stranger: Caller) -> None:
    flock = await a_fleet(ctx, caller, 1)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    viewer = Caller(caller.account_id, "viewer", caller.key_id, caller.dialect)
    for steer in (pause, resume):
        with pytest.raises(Denied):
            await steer(ctx, viewer, job)
        with pytest.raises(NotFound):
            await steer(ctx, stranger, job)


@pytest.mark.parametrize(
    ("cycles", "count"),
    [
        pytest.param(4, 4_000, id="short"),
        pytest.param(60, 60_000, id="long", marks=[pytest.mark.prove, pytest.mark.timeout(1800)]),
    ],
)
async def test_no_offer_leaves_after_a_pause_has_returned(
    ctx: Context, caller: Caller, clock: Clock, dsn: str, cycles: int, count: int
) -> None:
    """L12: two processes push and answer meanwhile, and one of them is killed now and then."""
    flock = await a_fleet(ctx, caller, count, version=None)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock, maximum_per_min=60_000_000)
    node = await online(ctx, clock, flock)
    await ask(ctx, "update task set due_at = now() - interval '1 minute'")
    dice, went_on = random.Random(7), 0
    async with offering(dsn, node, at_once=max(2, count // (40 * cycles))) as processes:
        for cycle in range(cycles):
            before = len(await sent_by(processes))
            await asyncio.sleep(dice.uniform(0, 0.1))
            if cycle % 2:
                await processes[0].kill()
                await processes[0].start()
            await pause(ctx, caller, job)
            sent = len(await sent_by(processes))
            went_on += sent > before
            await asyncio.sleep(0.2)
            assert len(await sent_by(processes)) == sent
            await resume(ctx, caller, job)
        while len(set(await sent_by(processes))) < count:
            await asyncio.sleep(0.1)
    assert went_on >= cycles / 2
    [row] = await ask(ctx, "select count(*) as n from task where state = $1 and offered_on is null", State.QUEUED)
    assert row["n"] == 0


async def test_a_pause_waits_for_no_fill(ctx: Context, caller: Caller, clock: Clock) -> None:
    """It is in effect though the job has not all of its tasks yet."""
    flock = await a_fleet(ctx, caller, 5)
    job = await a_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    await pause(ctx, caller, job)
    await filled(ctx, job)
    assert await dispatch.due(ctx, await online(ctx, clock, flock), 9) == []
