"""Planned jobs on the real database: they begin at their time, choose their devices then, and end with their window."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from conftest import Clock
from test_jobs import (
    Fleet,
    Wire,
    a_fleet,
    a_job,
    a_package,
    ask,
    filled,
    link,
    online,
    package_status,
    progress,
    refs,
    runs,
    say,
    states,
    status_of,
    tasks,
)  # fmt: skip
from tests.job_commands import verify_job

from upwell.domain import commands as c
from upwell.domain.errors import Conflict, Invalid, NotFound
from upwell.service.context import Context
from upwell.service.manage import devices, job_views, jobs, steering
from upwell.service.manage.access import Caller
from upwell.service.upgrade import dispatch, endings, fill

pytestmark = pytest.mark.asyncio


def later(clock: Clock, **span: float) -> datetime:
    return clock.moment + timedelta(**span)


async def planned(ctx: Context, caller: Caller, clock: Clock, flock: Fleet, **more: Any) -> int:
    facts: dict[str, Any] = {"scheduled_at": later(clock, minutes=10), **more}
    return await a_job(ctx, caller, await a_package(ctx, caller, flock.key), flock, **facts)


async def test_a_planned_job_begins_at_its_time_and_chooses_then(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 2)
    job = await planned(ctx, caller, clock, flock)
    await filled(ctx, job)
    assert await endings.start_planned(ctx) == 0
    shown = await job_views.show_job(ctx, caller, c.ShowJob(job_id=job))
    assert (shown.status, shown.started_at, await tasks(ctx, job)) == ("PLANNED", None, {})
    await devices.create_device(ctx, caller, c.CreateDevice(product_key=flock.key, name="late"))
    await say(ctx, (flock.ids[0], runs("2.0")))
    clock.move(minutes=10)
    assert await endings.start_planned(ctx) == 1 and await endings.start_planned(ctx) == 0
    assert job in await fill.unfilled(ctx)
    await filled(ctx, job)
    shown = await job_views.show_job(ctx, caller, c.ShowJob(job_id=job))
    assert shown.status == "IN_PROGRESS" and shown.started_at is not None
    assert shown.manner.scheduled_at is not None and shown.started_at >= shown.manner.scheduled_at
    assert len(await tasks(ctx, job)) == 2 and flock.ids[0] not in await tasks(ctx, job)


async def test_named_devices_of_a_planned_job_wait_too(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 2)
    job = await planned(ctx, caller, clock, flock, selection="SPECIFIC", device_names=flock.names[:1])
    assert await tasks(ctx, job) == {}
    clock.move(minutes=10)
    await endings.start_planned(ctx)
    await filled(ctx, job)
    assert set(await tasks(ctx, job)) == set(flock.ids[:1])


async def test_at_the_end_of_the_window_what_is_open_ends(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 3)
    job = await planned(ctx, caller, clock, flock, finish_at=later(clock, minutes=80))
    clock.move(minutes=10)
    await endings.start_planned(ctx)
    await filled(ctx, job)
    node = await online(ctx, clock, flock)
    await dispatch.offer(ctx, refs(job, flock.ids[:2]), link, Wire())
    await say(ctx, (flock.ids[0], runs("2.0")), (flock.ids[1], progress(10)))
    assert await endings.close_windows(ctx) == 0
    clock.move(minutes=70)
    assert await dispatch.due(ctx, node, 9) == []  # nothing is offered after the window, closed or not yet
    assert await endings.close_windows(ctx) == 1 and await endings.close_windows(ctx) == 0
    assert await states(ctx, job) == {"SUCCEEDED": 1, "CANCELED": 2}
    assert {t["reason"] for t in (await tasks(ctx, job)).values()} == {"", "window_closed"}
    assert await status_of(ctx, caller, job) == "COMPLETED"
    await say(ctx, (flock.ids[1], runs("2.0")))  # a late arrival revives nothing
    assert await states(ctx, job) == {"SUCCEEDED": 1, "CANCELED": 2}


async def test_a_window_that_closes_during_the_fill_ends_the_fill(
    ctx: Context, caller: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fill, "CHUNK", 4)
    flock = await a_fleet(ctx, caller, 10)
    job = await planned(ctx, caller, clock, flock, finish_at=later(clock, minutes=80))
    clock.move(minutes=10)
    await endings.start_planned(ctx)
    assert await fill.fill(ctx, job)
    clock.move(minutes=70)
    assert await endings.close_windows(ctx) == 1
    assert not await fill.fill(ctx, job)
    assert await states(ctx, job) == {"CANCELED": 4}


async def test_cancelling_a_planned_job_keeps_it_from_beginning(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 1)
    job = await planned(ctx, caller, clock, flock)
    cmd = c.CancelTasks(job_id=job, states=c.OPEN_STATES)
    await steering.cancel_tasks(ctx, caller, cmd)  # that is for tasks, and there are none yet
    assert await status_of(ctx, caller, job) == "PLANNED"
    cmd = c.CancelTasks(job_id=job, states=frozenset(), scheduled=True)
    await steering.cancel_tasks(ctx, caller, cmd)
    assert await status_of(ctx, caller, job) == "CANCELED"
    clock.move(minutes=10)
    assert await endings.start_planned(ctx) == 0
    with pytest.raises(NotFound):
        await steering.repeat_tasks(ctx, caller, c.RepeatTasks(job_id=job, tasks=tuple(refs(job, flock.ids))))


@pytest.mark.parametrize("minutes", [4.9, 7 * 24 * 60 + 0.1, -10])
async def test_the_time_lies_in_its_bounds(ctx: Context, caller: Caller, clock: Clock, minutes: float) -> None:
    flock = await a_fleet(ctx, caller, 1)
    with pytest.raises(Invalid) as caught:
        await planned(ctx, caller, clock, flock, scheduled_at=later(clock, minutes=minutes))
    assert caught.value.field == "scheduled_at" and await ask(ctx, "select 1 from job") == []


@pytest.mark.parametrize("minutes", [5.1, 7 * 24 * 60 - 1])
async def test_just_inside_is_taken(ctx: Context, caller: Caller, clock: Clock, minutes: float) -> None:
    flock = await a_fleet(ctx, caller, 1)
    assert await planned(ctx, caller, clock, flock, scheduled_at=later(clock, minutes=minutes))


# --- verify jobs without devices (tuya 2.3) ---


async def test_a_verify_job_without_devices_waits_for_one_that_succeeds(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 1)
    package = await a_package(ctx, caller, flock.key, verify=True)
    facts: dict[str, Any] = {"package_id": package, "product_key": flock.key}
    empty = (await jobs.create_job(ctx, caller, verify_job(device_names=(), **facts))).job_id
    assert await endings.end_finished(ctx) == 0 and await package_status(ctx, caller, package) == "verifying"
    for version, status in (("3.0", "verifying"), ("2.0", "verified")):
        await say(ctx, (flock.ids[0], runs("1.0")))
        cmd = verify_job(device_names=flock.names, **facts)
        real = (await jobs.create_job(ctx, caller, cmd)).job_id
        with pytest.raises(Conflict) as caught:
            await jobs.create_job(ctx, caller, cmd)
        assert caught.value.reason == "package_is_verifying"
        assert (await dispatch.offer(ctx, refs(real, flock.ids), link, Wire())).sent
        await say(ctx, (flock.ids[0], runs(version)))
        assert await endings.end_finished(ctx) == 1
        assert await status_of(ctx, caller, real) == "COMPLETED"
        assert await package_status(ctx, caller, package) == status
    assert await status_of(ctx, caller, empty) == "COMPLETED"


async def test_a_verify_job_without_devices_ends_by_its_cancel(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 1)
    package = await a_package(ctx, caller, flock.key, verify=True)
    cmd = verify_job(package_id=package, product_key=flock.key, device_names=())
    job = (await jobs.create_job(ctx, caller, cmd)).job_id
    await steering.cancel_tasks(ctx, caller, c.CancelTasks(job_id=job, states=c.OPEN_STATES))
    assert (await status_of(ctx, caller, job), await package_status(ctx, caller, package)) == ("CANCELED", "unverified")
