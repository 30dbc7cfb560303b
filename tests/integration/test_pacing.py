"""A job whose pace grows, and one of which so many devices are at work at once and no more."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from conftest import Clock
from offering import offering, sent_by
from test_jobs import (
    Fleet,
    Wire,
    a_filled_job,
    a_fleet,
    a_package,
    ask,
    link,
    online,
    progress,
    refs,
    runs,
    say,
    states,
)

from upwell.domain import commands as c
from upwell.domain.pace import Growth, Pace
from upwell.service.context import Context
from upwell.service.manage import defaults, job_views
from upwell.service.manage.access import Caller
from upwell.service.upgrade import dispatch, pacing
from upwell.service.upgrade.reports import Delivered

pytestmark = pytest.mark.asyncio


async def paced(ctx: Context, caller: Caller, flock: Fleet, pace: Pace, **more: Any) -> int:
    package = await a_package(ctx, caller, flock.key)
    return await a_filled_job(ctx, caller, package, flock, care=c.Care(pace=pace), **more)


async def a_minute_later(ctx: Context) -> None:
    await ask(ctx, "update pace set granted_at = granted_at - interval '70 s'")


async def taken_off(ctx: Context) -> bool:
    """What the engine does when devices have ended."""
    return any([(await pacing.take_off_one(ctx, job.job_id)).moved for job in await pacing.limited(ctx)])


async def shown(ctx: Context, caller: Caller, job: int) -> c.JobPace:
    found = (await job_views.show_job(ctx, caller, c.ShowJob(job_id=job))).pace
    assert found is not None
    return found


async def test_it_grows_by_those_that_succeeded(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 60)
    growth = Growth(base_per_min=4, factor=Decimal(2), each_succeeded=4)
    job = await paced(ctx, caller, flock, Pace(growth=growth), maximum_per_min=15)
    node, wire = await online(ctx, clock, flock), Wire()

    async def minute() -> list[Any]:
        """What leaves in it, however often it is tried."""
        await a_minute_later(ctx)
        found = []
        for _ in range(3):
            found += (await dispatch.offer(ctx, await dispatch.due(ctx, node, 60), link, wire)).sent
            asked = [ref for refs_ in (await dispatch.asked_for(ctx, flock.ids)).values() for ref, _ in refs_]
            fresh = [ref for ref in asked if ref not in {each.offer.task for each in wire.sent}]
            found += (await dispatch.offer(ctx, fresh, link, wire, wanted=True)).sent
        return found

    first = await minute()
    assert len(first) == 4 == len(await minute()), "nobody has succeeded"
    await say(ctx, *((ref.device_id, runs("2.0")) for ref in first))
    assert len(await minute()) == 8
    assert (await shown(ctx, caller, job)).per_min == 8
    told = [each.offer.task for each in wire.sent]
    await say(ctx, *((ref.device_id, runs("2.0")) for ref in told))
    assert len(await minute()) == 15, "never over the maximum"
    [row] = await ask(ctx, "select told, per_min from budget where job_id = $1", job)
    assert (row["told"], row["per_min"]) == (31, 15)


async def test_it_grows_by_those_that_were_offered_once_each(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 30)
    growth = Growth(base_per_min=3, factor=Decimal(2), each_offered=3)
    job = await paced(ctx, caller, flock, Pace(growth=growth))
    node, wire = await online(ctx, clock, flock), Wire()
    first = (await dispatch.offer(ctx, await dispatch.due(ctx, node, 30), link, wire)).sent
    assert len(first) == 3
    for _ in range(3):  # they are told again and again, which is no evidence of anything
        await a_minute_later(ctx)
        await ask(ctx, "update task set offered_at = offered_at - interval '70 s' where offered_at is not null")
        assert (await dispatch.offer(ctx, list(first), link, wire, wanted=True)).sent == first
    [row] = await ask(ctx, "select told from budget where job_id = $1", job)
    assert row["told"] == 3
    for expected in (6, 21):  # 9 were told: 24 a minute, and so many are left
        await a_minute_later(ctx)
        sent = [len((await dispatch.offer(ctx, await dispatch.due(ctx, node, 30), link, wire)).sent) for _ in range(3)]
        assert sum(sent) == expected


async def test_so_many_are_at_work_and_no_more(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 6)
    job = await paced(ctx, caller, flock, Pace(at_once=2))
    node, wire = await online(ctx, clock, flock), Wire()
    chosen = await dispatch.due(ctx, node, 9)
    assert len(chosen) == 2
    begun = (await dispatch.offer(ctx, refs(job, flock.ids), link, wire)).sent
    assert len(begun) == 2 == len(wire.sent), "whoever is chosen"
    one, other = sorted(begun, key=str)
    assert await dispatch.due(ctx, node, 9) == []
    rest = [ref for ref in refs(job, flock.ids) if ref not in begun]
    assert (await dispatch.offer(ctx, rest, link, wire, wanted=True)).sent == set(), "not to who asks either"
    [row] = await ask(ctx, "select sum(offers) as n from pace where job_id = $1", job)
    assert row["n"] == 2, "what did not leave is given back"
    # Those at work are told again, whether they ask or come back.
    await a_minute_later(ctx)
    await ask(ctx, "update task set offered_at = offered_at - interval '70 s' where offered_at is not null")
    assert (await dispatch.offer(ctx, [one], link, wire, wanted=True)).sent == {one}
    await ask(ctx, "update task set due_at = $1 where device_id = $2", clock(), other.device_id)
    assert await dispatch.due(ctx, node, 9) == [other]
    assert (await dispatch.offer(ctx, [other], link, wire)).sent == {other}
    # Each that ends makes room for one, however it ends.
    await say(ctx, (one.device_id, Delivered(one)), (one.device_id, progress(50)))
    assert not await taken_off(ctx) and await dispatch.due(ctx, node, 9) == []
    await say(ctx, (one.device_id, progress(-1)))
    assert await taken_off(ctx) and not await taken_off(ctx)
    clock.move(seconds=30)  # those that were put off
    assert len(await dispatch.due(ctx, node, 9)) == 1
    assert len((await dispatch.offer(ctx, await dispatch.due(ctx, node, 9), link, wire)).sent) == 1
    assert (await shown(ctx, caller, job)).running == 2
    assert (await states(ctx, job))["FAILED"] == 1


async def test_a_job_that_is_full_holds_up_no_other(ctx: Context, caller: Caller, clock: Clock) -> None:
    one, more = await a_fleet(ctx, caller, 5), await a_fleet(ctx, caller, 2, name="other")
    full = await paced(ctx, caller, one, Pace(at_once=1))
    other = await a_filled_job(ctx, caller, await a_package(ctx, caller, more.key, "more"), more)
    node, wire = await online(ctx, clock, one), Wire()
    await dispatch.offer(ctx, refs(full, one.ids)[:1], link, wire)
    await ask(ctx, "update task set node_id = $1, due_at = $2 where job_id = $3", node, clock(), other)
    assert set(await dispatch.due(ctx, node, 2)) == set(refs(other, more.ids))


async def test_defaults_may_say_it(ctx: Context, caller: Caller) -> None:
    pace = Pace(growth=Growth(base_per_min=4, factor=Decimal("1.5"), each_succeeded=9), at_once=7)
    await defaults.set_rollout_defaults(ctx, caller, c.SetRolloutDefaults(care=c.Care(pace=pace)))
    flock = await a_fleet(ctx, caller, 1)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    assert await shown(ctx, caller, job) == c.JobPace(pace=pace, per_min=4, running=0)


@pytest.mark.parametrize("guarded", [False, True])
async def test_two_processes_keep_the_limit(
    ctx: Context, caller: Caller, clock: Clock, dsn: str, guarded: bool
) -> None:
    """Both push and answer, and one is killed; at no moment more are at work, and all have their turn."""
    count, at_once = 120, 8
    flock = await a_fleet(ctx, caller, count, version=None)
    job = await paced(ctx, caller, flock, Pace(at_once=at_once), maximum_per_min=60_000_000)
    if guarded:
        await ask(ctx, "update budget set is_guarded = true where job_id = $1", job)
        await ask(ctx, "insert into rollout (job_id, waves, salt, guard) select $1, '[]', '', $2", job, GUARD)
    node = await online(ctx, clock, flock)
    await ask(ctx, "update task set due_at = now() - interval '1 minute'")
    connection, ended = uuid4(), 0
    async with offering(dsn, node, at_once=20) as processes:
        deadline = clock.moment + timedelta(minutes=10)
        while ended < count and clock() < deadline:
            await sent_by(processes)
            rows = await ask(ctx, "select device_id from task where job_id = $1 and offered_at is not null "
                                  "and state in ('QUEUED', 'NOTIFIED', 'IN_PROGRESS')", job)  # fmt: skip
            assert len(rows) <= at_once
            await say(ctx, *((row["device_id"], runs("2.0")) for row in rows), connection=connection)
            ended += len(rows)
            if ended == count // 2:
                await processes[0].kill()
                await processes[0].start()
            await taken_off(ctx)
            await asyncio.sleep(0)
        assert len(set(await sent_by(processes))) == count
    assert await states(ctx, job) == {"SUCCEEDED": count}


GUARD = (
    '{"p0": 0.02, "p1": 0.1, "alpha": 0.05, "beta": 0.1, "at_least": 2, "action": "pause", "verdict_min": 1440}'
)  # fmt: skip
