"""How fast a job goes is changed while it runs (ADR 0043)."""

from dataclasses import replace
from decimal import Decimal

import pytest
from conftest import Clock
from test_jobs import Wire, a_fleet, ask, link, online, runs, say
from test_pacing import a_minute_later, paced, shown, taken_off

from upwell.domain import commands as c
from upwell.domain.approval import Approval, Stands
from upwell.domain.editions import edition
from upwell.domain.errors import Conflict
from upwell.domain.pace import Growth, Pace
from upwell.service.context import Context
from upwell.service.manage import approving, defaults, job_views, jobs
from upwell.service.manage.access import Caller, Person
from upwell.service.upgrade import dispatch, pacing
from upwell.service.upgrade.reports import Delivered

pytestmark = pytest.mark.asyncio
GROWING = Pace(growth=Growth(base_per_min=2, factor=Decimal(2), each_succeeded=3))


async def changed(ctx: Context, caller: Caller, job: int, pace: Pace, maximum: int | None = None) -> c.Job:
    cmd = c.UpdateJob(job_id=job, tags=None, pace=pace, maximum_per_min=maximum)
    return await jobs.update_job(ctx, caller, cmd)


async def offered(ctx: Context, node: object) -> list[dispatch.Addressed]:
    wire = Wire()
    await dispatch.offer(ctx, await dispatch.due(ctx, node, 99), link, wire)  # type: ignore[arg-type]
    return wire.sent


async def test_a_job_that_runs_begins_to_grow_and_stops_to(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 40)
    node = await online(ctx, clock, flock)
    job = await paced(ctx, caller, flock, Pace(), maximum_per_min=10)
    told = await offered(ctx, node)
    assert len(told) == 10
    await say(ctx, *((each.offer.task.device_id, runs("2.0")) for each in told[:4]))
    after = await changed(ctx, caller, job, GROWING, 20)
    assert after.pace is not None and after.pace.pace == GROWING
    assert await offered(ctx, node) == [], "ten were offered in this minute, and it begins at two"
    await a_minute_later(ctx)
    assert len(await offered(ctx, node)) == 2
    assert len(await offered(ctx, node)) == 2, "four have succeeded: twice as fast by what the last grant found"
    await a_minute_later(ctx)
    assert (await changed(ctx, caller, job, Pace())).pace is None
    assert len(await offered(ctx, node)) == 20


async def test_a_limit_set_while_devices_are_at_work_counts_them(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 9)
    node = await online(ctx, clock, flock)
    job = await paced(ctx, caller, flock, Pace(), maximum_per_min=3)
    told = [each.offer.task for each in await offered(ctx, node)]
    await say(ctx, *((task.device_id, Delivered(task)) for task in told))
    await changed(ctx, caller, job, Pace(at_once=4), 100)
    assert (await shown(ctx, caller, job)).running == 3
    assert len(await offered(ctx, node)) == 1
    await say(ctx, *((task.device_id, runs("2.0")) for task in told[:2]))
    assert await taken_off(ctx)
    assert len(await offered(ctx, node)) == 2
    await changed(ctx, caller, job, Pace(at_once=5))
    assert len(await offered(ctx, node)) == 1
    await changed(ctx, caller, job, Pace())
    assert len(await offered(ctx, node)) == 2, "nobody counts them any more"


async def test_more_at_work_than_are_counted_is_refused(
    ctx: Context, caller: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pacing, "AT_ONCE_MAX", 2)
    flock = await a_fleet(ctx, caller, 3)
    node = await online(ctx, clock, flock)
    job = await paced(ctx, caller, flock, Pace())
    told = [each.offer.task for each in await offered(ctx, node)]
    await say(ctx, *((task.device_id, Delivered(task)) for task in told))
    with pytest.raises(Conflict, match="3 devices are at work"):
        await changed(ctx, caller, job, Pace(at_once=2))
    assert await ask(ctx, "select * from job_at_work") == []


async def test_it_is_another_edition_and_is_approved_anew(ctx: Context, caller: Caller, clock: Clock) -> None:
    await defaults.set_rollout_defaults(ctx, caller, c.SetRolloutDefaults(care=c.Care(approval=Approval())))
    flock = await a_fleet(ctx, caller, 5)
    node = await online(ctx, clock, flock)
    job = await paced(ctx, caller, flock, Pace(at_once=2))
    ann = replace(caller, role="approver", key_id="user ann", person=Person(user_id=1, name="ann"))
    before = await approving.approve_job(ctx, ann, c.ApproveJob(job_id=job))
    same = await changed(ctx, caller, job, Pace(at_once=2))
    assert edition(before) == edition(same) and same.approval is not None
    assert same.approval.stands is Stands.APPROVED, "nothing was changed"
    after = await changed(ctx, caller, job, Pace(at_once=3))
    assert edition(after) != edition(before) and after.approval is not None
    assert (after.approval.stands, after.approval.revision) == (Stands.AWAITING, 2)
    assert await offered(ctx, node) == []
    assert (await job_views.show_job(ctx, caller, c.ShowJob(job_id=job))).pace is not None
