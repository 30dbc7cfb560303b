"""Reports applied to tasks on the real database (L7, L11)."""

import itertools
from uuid import UUID

import pytest
from conftest import Clock
from test_jobs import Wire, a_filled_job, a_fleet, a_package, link, online, progress, refs, runs, say, states, tasks

from upwell.service.context import Context
from upwell.service.manage.access import Caller
from upwell.service.upgrade import dispatch, endings, reports

pytestmark = pytest.mark.asyncio


async def test_a_whole_update(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 1)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    await online(ctx, clock, flock)
    (device,), (ref,) = flock.ids, refs(job, flock.ids)
    assert (await dispatch.offer(ctx, [ref], link, Wire())).sent == {ref}
    await say(ctx, (device, reports.Delivered(ref)))
    assert (await tasks(ctx, job))[device]["state"] == "NOTIFIED"
    await say(ctx, (device, progress(30)), (device, progress(60)), (device, progress(100)))
    found = (await tasks(ctx, job))[device]
    assert (found["state"], found["progress"]) == ("IN_PROGRESS", 100)
    assert (await say(ctx, (device, runs("2.0")))).tasks_ended
    assert (await tasks(ctx, job))[device]["state"] == "SUCCEEDED"


async def test_replayed_reports_change_nothing(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 1)
    job = await a_filled_job(
        ctx, caller, await a_package(ctx, caller, flock.key), flock, retry_interval_min=10, retry_count=3
    )
    await online(ctx, clock, flock)
    device, ref = flock.ids[0], refs(job, flock.ids)[0]
    await dispatch.offer(ctx, [ref], link, Wire())
    story = [reports.Delivered(ref), progress(20, "1"), progress(70, "2"), progress(-2, "3")]
    for said in story:
        await say(ctx, (device, said))
        before = await tasks(ctx, job)
        await say(ctx, (device, said), (device, said))
        assert await tasks(ctx, job) == before
    assert (before[device]["state"], before[device]["attempt"]) == ("QUEUED", 1)
    for order in itertools.permutations(story[1:]):  # the whole story once more, in any order
        await say(ctx, *((device, said) for said in order))
        assert await tasks(ctx, job) == before
    await say(ctx, (device, runs("2.0")))
    ended = await tasks(ctx, job)
    await say(ctx, *((device, said) for said in story), (device, runs("1.0")), (device, runs("3.0")))
    assert await tasks(ctx, job) == ended and await states(ctx, job) == {"SUCCEEDED": 1}


async def test_a_report_of_no_task_keeps_the_version(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 1, version="1.2")
    applied = await say(ctx, (flock.ids[0], progress(50)), (flock.ids[0], runs("1.3")), (UUID(int=9), progress(3)))
    assert applied == reports.Applied(offers_due=False, tasks_ended=False)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    assert (await tasks(ctx, job))[flock.ids[0]]["source_version"] == "1.3"


async def test_timeout_runs_from_the_first_progress_and_is_never_retried(
    ctx: Context, caller: Caller, clock: Clock
) -> None:
    flock = await a_fleet(ctx, caller, 2)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock,
                             timeout_min=5, retry_interval_min=10, retry_count=3)  # fmt: skip
    await online(ctx, clock, flock)
    await dispatch.offer(ctx, refs(job, flock.ids), link, Wire())
    clock.move(hours=1)
    assert await endings.time_out(ctx) == 0  # an offer without progress waits for ever
    await say(ctx, (flock.ids[0], progress(1)))
    clock.move(minutes=4)
    await say(ctx, (flock.ids[0], progress(2)))
    assert await endings.time_out(ctx) == 0
    clock.move(minutes=1)
    assert await endings.time_out(ctx) == 1 and await endings.time_out(ctx) == 0
    found = (await tasks(ctx, job))[flock.ids[0]]
    assert (found["state"], found["reason"], found["attempt"], found["due_at"]) == ("FAILED", "timeout", 0, None)
    await say(ctx, (flock.ids[0], progress(90)), (flock.ids[0], runs("2.0")))
    assert await states(ctx, job) == {"FAILED": 1, "QUEUED": 1}


async def test_other_failures_are_retried_as_the_job_says(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 1)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock,
                             retry_interval_min=10, retry_count=1, timeout_min=5)  # fmt: skip
    node = await online(ctx, clock, flock)
    (device,), wire = flock.ids, Wire()
    assert (await dispatch.offer(ctx, await dispatch.due(ctx, node, 9), link, wire)).sent
    await say(ctx, (device, progress(5, "1")), (device, progress(-1, "2")))
    clock.move(minutes=9)
    assert await dispatch.due(ctx, node, 9) == [] and await endings.time_out(ctx) == 0
    clock.move(minutes=1, seconds=1)
    assert (await dispatch.offer(ctx, await dispatch.due(ctx, node, 9), link, wire)).sent == set(refs(job, flock.ids))
    await say(ctx, (device, progress(-3, "3")))
    assert await states(ctx, job) == {"FAILED": 1} and len(wire.sent) == 2
