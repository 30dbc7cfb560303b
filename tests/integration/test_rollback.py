"""What a job did is undone: counted first, by the versions its devices came from, then brought back (ADR 0046)."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from conftest import Clock
from test_jobs import Fleet, Wire, a_fleet, a_job, a_package, ask, filled, link, online, runs, say, states, tasks
from tests.job_commands import dynamic_job

from upwell.domain import commands as c
from upwell.domain.commands.lists import Slice
from upwell.domain.errors import Conflict, Denied, NotFound
from upwell.domain.guard import Watch
from upwell.domain.rollback import Hindrance
from upwell.domain.rollout import ALL, Wave
from upwell.service.context import Context
from upwell.service.manage import job_views, jobs, pausing, promoting, rolling_back, steering
from upwell.service.manage.access import Caller
from upwell.service.upgrade import dispatch, fill, rollbacks

pytestmark = pytest.mark.asyncio


async def plan(ctx: Context, caller: Caller, job: int) -> c.Rollback:
    return await rolling_back.plan_rollback(ctx, caller, c.PlanRollback(job_id=job))


async def show(ctx: Context, caller: Caller, job: int) -> c.Rollback:
    return await rolling_back.show_rollback(ctx, caller, c.ShowRollback(job_id=job))


async def start(ctx: Context, caller: Caller, job: int, devices: int, **more: Any) -> c.Rollback:
    return await rolling_back.start_rollback(ctx, caller, c.StartRollback(job_id=job, devices=devices, **more))


async def refused(ctx: Context, caller: Caller, job: int, devices: int) -> str:
    with pytest.raises(Conflict) as caught:
        await start(ctx, caller, job, devices)
    return caught.value.reason


async def offered(ctx: Context, node: UUID, wire: Wire) -> list[UUID]:
    due = await dispatch.due(ctx, node, 10_000)
    await dispatch.offer(ctx, due, link, wire, due_by=ctx.now())
    return [ref.device_id for ref in due]


def found(told: c.Rollback) -> dict[str, tuple[int, int | Hindrance | None]]:
    return {part.source_version: (part.devices, part.back_id or part.hindrance) for part in told.parts}


async def succeeded(ctx: Context, clock: Clock, job: int, flock: Fleet, ids: Sequence[UUID]) -> UUID:
    """The job has all its tasks, offers them, and these devices come to 2.0."""
    await filled(ctx, job)
    node = await online(ctx, clock, flock)
    await offered(ctx, node, Wire())
    await say(ctx, *((device, runs("2.0")) for device in ids))
    return node


async def test_each_comes_back_to_what_it_ran(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 10)
    await say(ctx, *((device, runs("1.1")) for device in flock.ids[3:5]))
    await say(ctx, (flock.ids[5], runs("0.9")))
    old = await a_package(ctx, caller, flock.key, "old", version="1.0")
    older = await a_package(ctx, caller, flock.key, "older", version="1.1")
    new = await a_package(ctx, caller, flock.key)
    care = c.Care(waves=(Wave(percent=Decimal(50)), ALL), guard=Watch())
    job = await a_job(ctx, caller, new, flock, care=care, maximum_per_min=600)
    await filled(ctx, job)
    await ask(ctx, "update job set open_wave = 2 where job_id = $1", job)
    await ask(ctx, "update task set wave = 1, due_at = now() where job_id = $1", job)
    await succeeded(ctx, clock, job, flock, flock.ids[:8])
    told = await plan(ctx, caller, job)
    assert found(told) == {"1.0": (5, old), "1.1": (2, older), "0.9": (1, Hindrance.NO_PACKAGE)}
    assert (told.is_counted, told.devices, told.asked_by) == (True, 7, caller.key_id)
    assert await refused(ctx, caller, job, 7) == "job_is_running"
    await steering.cancel_tasks(ctx, caller, c.CancelTasks(job_id=job, states=frozenset(c.OPEN_STATES)))
    assert await refused(ctx, caller, job, 8) == "devices_differ"
    assert await ask(ctx, "select from job where undoes is not null") == []
    # One of them has moved on: it stays where it is.
    await say(ctx, (flock.ids[0], runs("3.0")))
    made = await start(ctx, caller, job, 7, reason="it overheats")
    back = {part.source_version: part.back_job for part in made.parts}
    assert back["0.9"] is None and made.started_at is not None
    assert await refused(ctx, caller, job, 7) == "rollback_is_started"
    with pytest.raises(Conflict, match="rolled back already"):
        await plan(ctx, caller, job)
    wanted = {"1.0": {*flock.ids[1:3], *flock.ids[6:8]}, "1.1": set(flock.ids[3:5])}
    for version, ids in wanted.items():
        each = back[version] or 0
        await filled(ctx, each)
        assert set(await tasks(ctx, each)) == ids
        view = await job_views.show_job(ctx, caller, c.ShowJob(job_id=each))
        assert (view.undoes, view.dest_version, view.source_versions) == (job, version, ("2.0",))
        assert view.care == care and view.manner.maximum_per_min == 600
    assert (await show(ctx, caller, job)).parts == made.parts
    told_of = await promoting.list_decisions(ctx, caller, c.ListDecisions(job_id=job, asked=Slice(take=5)))
    last = told_of.items[0]
    assert (last.what, last.by, last.reason) == ("rolled back", caller.key_id, "it overheats")
    assert last.numbers == {"devices": 7, "rollouts": 2}


async def test_they_are_offered_it_and_end(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 3)
    await a_package(ctx, caller, flock.key, "old", version="1.0")
    job = await a_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    node = await succeeded(ctx, clock, job, flock, flock.ids)
    await plan(ctx, caller, job)
    await steering.cancel_tasks(ctx, caller, c.CancelTasks(job_id=job, states=frozenset(c.OPEN_STATES)))
    [part] = (await start(ctx, caller, job, 3)).parts
    back = part.back_job or 0
    await filled(ctx, back)
    clock.move(seconds=3)
    assert set(await offered(ctx, node, Wire())) == set(flock.ids)
    await say(ctx, *((device, runs("1.0")) for device in flock.ids))
    assert await states(ctx, back) == {"SUCCEEDED": 3}


async def test_in_chunks_and_from_where_it_was_killed(
    ctx: Context, caller: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollbacks, "COUNTED_AT_ONCE", 4)
    monkeypatch.setattr(rolling_back, "CHUNKS_OF_SMALL", 1)
    monkeypatch.setattr(fill, "CHUNK", 3)
    flock = await a_fleet(ctx, caller, 30)
    await a_package(ctx, caller, flock.key, "old", version="1.0")
    job = await a_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    await succeeded(ctx, clock, job, flock, flock.ids[:25])
    await pausing.pause_job(ctx, caller, c.PauseJob(job_id=job))
    told = await plan(ctx, caller, job)
    assert not told.is_counted and await refused(ctx, caller, job, told.devices) == "rollback_not_counted"
    for _ in range(3):
        await asyncio.gather(rollbacks.count_one(ctx, job), rollbacks.count_one(ctx, job))
    while await rollbacks.waiting(ctx):
        await rollbacks.count_one(ctx, job)
    assert (await show(ctx, caller, job)).devices == 25
    # What succeeds after the question is not meant, and is not brought back.
    await say(ctx, (flock.ids[25], runs("2.0")))
    [part] = (await start(ctx, caller, job, 25)).parts
    await filled(ctx, part.back_job or 0)
    assert set(await tasks(ctx, part.back_job or 0)) == set(flock.ids[:25])


async def test_a_standing_rule_ends_before_and_no_other_may_undo_it(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 4)
    await a_package(ctx, caller, flock.key, "old", version="1.0")
    new = await a_package(ctx, caller, flock.key)
    rule = (await jobs.create_job(ctx, caller, dynamic_job(package_id=new, product_key=flock.key))).job_id
    await succeeded(ctx, clock, rule, flock, flock.ids)
    await plan(ctx, caller, rule)
    [part] = (await start(ctx, caller, rule, 4)).parts
    assert (await job_views.show_job(ctx, caller, c.ShowJob(job_id=rule))).status == "CANCELED"
    await filled(ctx, part.back_job or 0)
    assert await states(ctx, part.back_job or 0) == {"QUEUED": 4}
    # A rule of the same package beside the undone job would bring them to it again.
    other = await a_fleet(ctx, caller, 2, name="other")
    await a_package(ctx, caller, other.key, "old of other", version="1.0")
    second = await a_package(ctx, caller, other.key, "new of other")
    job = await a_job(ctx, caller, second, other)
    await succeeded(ctx, clock, job, other, other.ids)
    await steering.cancel_tasks(ctx, caller, c.CancelTasks(job_id=job, states=frozenset(c.OPEN_STATES)))
    await jobs.create_job(ctx, caller, dynamic_job(package_id=second, product_key=other.key))
    await plan(ctx, caller, job)
    assert await refused(ctx, caller, job, 2) == "package_has_running_job"


async def test_who_may(ctx: Context, caller: Caller, stranger: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 2, version=None)
    job = await a_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    await succeeded(ctx, clock, job, flock, flock.ids)
    for who in (stranger, caller):
        with pytest.raises(NotFound):
            await show(ctx, who, job)
        with pytest.raises(NotFound):
            await start(ctx, who, job, 1)
    with pytest.raises(NotFound):
        await plan(ctx, stranger, job)
    viewer = Caller(key_id="v", account_id=caller.account_id, role="viewer", dialect="upwell")
    with pytest.raises(Denied):
        await plan(ctx, viewer, job)
    told = await plan(ctx, caller, job)
    assert found(told) == {"": (2, Hindrance.VERSION_UNKNOWN)} and told.devices == 0
    await pausing.pause_job(ctx, caller, c.PauseJob(job_id=job))
    assert await refused(ctx, caller, job, 2) == "nothing_to_roll_back"
