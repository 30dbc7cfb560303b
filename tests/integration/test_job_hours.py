"""Outside of a job's hours nothing of it is offered, whoever asks; what is under way ends (L5)."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

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
)
from tests.job_commands import static_job

from upwell.domain import commands as c
from upwell.domain.hours import Hours, Span
from upwell.service.context import Context
from upwell.service.manage import defaults, job_views, jobs, products
from upwell.service.manage.access import Caller
from upwell.service.upgrade import dispatch, endings, hours
from upwell.service.upgrade.reports import Delivered

pytestmark = pytest.mark.asyncio
NIGHT = Hours(zone="UTC", spans=(Span(opens_min=22 * 60, closes_min=4 * 60),))
CARE = c.Care(hours=NIGHT)
CLOSES_SOON = "update job set open_until = clock_timestamp() + interval '0.4 s' where job_id = $1 returning open_until"


@pytest.fixture(autouse=True)
def at_noon(clock: Clock) -> None:
    clock.moment = datetime(2031, 1, 15, 12, tzinfo=UTC)


async def moved(ctx: Context) -> int:
    """What the engine does when hours open and close."""
    return sum([(await hours.move_one(ctx, job.job_id)).moved for job in await hours.due(ctx)])


async def test_nothing_is_offered_outside(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 4)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock, care=CARE)
    node, wire = await online(ctx, clock, flock), Wire()

    async def offered() -> set[str]:
        pushed = await dispatch.due(ctx, node, 9)
        asked = [ref for found in (await dispatch.asked_for(ctx, flock.ids)).values() for ref, _ in found]
        return {*map(str, pushed), *map(str, asked)}

    assert await moved(ctx) == 0 and await offered() == set()
    assert (await dispatch.offer(ctx, refs(job, flock.ids), link, wire, wanted=True)).sent == set()
    clock.move(hours=11)  # 23:00, and nobody has moved it yet
    assert await offered() == set()
    assert await moved(ctx) == 1 and await moved(ctx) == 0
    chosen = await dispatch.due(ctx, node, 9)
    assert len(chosen) == 4 and len(await offered()) == 4
    assert (await dispatch.offer(ctx, chosen[:2], link, wire)).sent == set(chosen[:2])
    await say(ctx, *((ref.device_id, Delivered(ref)) for ref in chosen[:2]), (chosen[0].device_id, progress(10)))
    clock.move(hours=6)  # 05:00; they closed an hour ago, and nobody has moved it
    assert await offered() == set()
    assert (await dispatch.offer(ctx, chosen[2:], link, wire)).sent == set()
    assert (await dispatch.offer(ctx, refs(job, flock.ids), link, wire, wanted=True)).sent == set()
    await say(ctx, (chosen[0].device_id, progress(50)), (chosen[1].device_id, runs("2.0")))
    assert await states(ctx, job) == {"IN_PROGRESS": 1, "SUCCEEDED": 1, "QUEUED": 2}
    assert await moved(ctx) == 1
    clock.move(hours=18)
    assert await moved(ctx) == 1 and set(await dispatch.due(ctx, node, 9)) == set(chosen[2:])


async def test_a_message_that_is_late_is_not_sent(ctx: Context, caller: Caller, clock: Clock) -> None:
    """They close between the claim and the message."""
    flock = await a_fleet(ctx, caller, 3)
    clock.move(hours=11)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock, care=CARE)
    node, wire = await online(ctx, clock, flock), Wire()
    chosen = await dispatch.due(ctx, node, 9)

    def send(addressed: dispatch.Addressed) -> dispatch.Sent:
        clock.moment = datetime(2031, 1, 16, 4, tzinfo=UTC)
        return wire(addressed)

    assert len((await dispatch.offer(ctx, chosen, link, send)).sent) == 1 == len(wire.sent)
    [row] = await ask(ctx, "select sum(offers) as n from pace where job_id = $1", job)
    assert row["n"] == 1, "what did not leave is given back"


async def test_who_says_so(ctx: Context, caller: Caller, clock: Clock) -> None:
    """The job, or else its product, or else the account; an owner changes and takes them away."""
    flock = await a_fleet(ctx, caller, 1)
    package = await a_package(ctx, caller, flock.key)
    day = replace(NIGHT, spans=(Span(opens_min=8 * 60, closes_min=18 * 60),))
    await defaults.set_rollout_defaults(ctx, caller, c.SetRolloutDefaults(care=CARE))

    async def made(care: c.Care | None = None) -> c.Job:
        return await jobs.create_job(
            ctx,
            caller,
            static_job(package_id=package, product_key=flock.key, selection="ALL", overwrite=True, care=care),
        )

    job = await made()
    assert job.hours is not None and job.hours.hours == NIGHT
    assert job.hours.opens_at == datetime(2031, 1, 15, 22, tzinfo=UTC) and job.hours.closes_at is None
    await products.update_product(
        ctx, caller, c.UpdateProduct(product_key=flock.key, name=None, rollout_defaults=c.Care(hours=day))
    )
    for care, wanted in ((None, day), (CARE, NIGHT)):
        told = (await made(care)).hours
        assert told is not None and told.hours == wanted
    changed = await jobs.update_job(ctx, caller, c.UpdateJob(job_id=job.job_id, hours=day, tags=None))
    assert changed.hours is not None and changed.hours.hours == day
    none = await jobs.update_job(ctx, caller, c.UpdateJob(job_id=job.job_id, hours=Hours(zone="", spans=()), tags=None))
    assert none.hours is None


async def test_waits_take_no_time_outside(ctx: Context, caller: Caller, clock: Clock) -> None:
    """huawei 6.1: 25 hours to come online, of those in which it would be asked."""
    weekend = replace(NIGHT, spans=(Span(opens_min=0, closes_min=1440, days=(5, 6)),))
    await defaults.set_rollout_defaults(ctx, caller, c.SetRolloutDefaults(care=c.Care(hours=weekend)))
    stage = Stage(ctx, caller, clock, await a_fleet(ctx, caller, 1, version=None))
    job = await stage.create((await a_package(ctx, caller, stage.flock.key),))
    clock.move(hours=50)
    await endings.time_out(ctx)
    assert set(await states(ctx, job)) == {"QUEUED"}
    clock.moment = datetime(2031, 1, 18, 0, 1, tzinfo=UTC)
    await moved(ctx)
    clock.move(hours=24)
    await endings.time_out(ctx)
    assert set(await states(ctx, job)) == {"QUEUED"}, "its whole time begins when they open"
    clock.move(hours=2)
    await endings.time_out(ctx)
    assert set(await states(ctx, job)) == {"FAILED"}


async def test_ended_jobs_are_looked_at_no_more(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 1)
    clock.move(hours=11)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock, care=CARE)
    node, wire = await online(ctx, clock, flock), Wire()
    await dispatch.offer(ctx, await dispatch.due(ctx, node, 9), link, wire)
    await say(ctx, (flock.ids[0], progress(-1)))
    await endings.end_finished(ctx)
    clock.move(days=1)
    assert await moved(ctx) == 1
    clock.move(days=3)
    assert await hours.due(ctx) == []
    async with ctx.database.connection() as conn, conn.transaction():
        await endings.reopen(conn, job, ctx.now())
    clock.move(minutes=1)
    assert await moved(ctx) == 1, "it runs again, in its hours"


async def test_no_offer_leaves_after_they_closed(ctx: Context, caller: Caller, clock: Clock, dsn: str) -> None:
    """Two processes push and answer; nothing has to happen at the moment in which they close."""
    count, cycles, went_on = 3000, 3, 0
    flock = await a_fleet(ctx, caller, count, version=None)
    clock.move(hours=11)
    job = await a_job(
        ctx, caller, await a_package(ctx, caller, flock.key), flock, maximum_per_min=60_000_000, care=CARE
    )
    await filled(ctx, job)
    node = await online(ctx, clock, flock)
    await ask(ctx, "update task set due_at = now() - interval '1 minute'")
    await ask(ctx, "update job set open_until = '-infinity' where job_id = $1", job)
    async with offering(dsn, node, at_once=20) as processes:
        assert await sent_by(processes) == []
        for _ in range(cycles):
            before = len(await sent_by(processes))
            [row] = await ask(
                ctx, CLOSES_SOON,
                job,
            )  # fmt: skip
            await asyncio.sleep(max(0.0, (row["open_until"] - datetime.now(UTC)) / timedelta(seconds=1)))
            sent = len(await sent_by(processes))
            went_on += sent > before
            await asyncio.sleep(0.3)
            assert len(await sent_by(processes)) == sent
        await ask(ctx, "update job set open_until = null where job_id = $1", job)
        while len(set(await sent_by(processes))) < count:
            await asyncio.sleep(0.1)
    assert went_on >= 1


async def test_they_are_shown(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 1)
    all_day = replace(NIGHT, spans=(Span(opens_min=0, closes_min=1440),))
    clock.moment = datetime.now(UTC)
    job = await a_job(ctx, caller, await a_package(ctx, caller, flock.key), flock, care=c.Care(hours=all_day))
    shown = (await job_views.show_job(ctx, caller, c.ShowJob(job_id=job))).hours
    assert shown is not None and shown.closes_at is not None and shown.closes_at > clock.moment + timedelta(days=10)
