"""A device that fails again and again is set aside for a growing time, whatever job asks (ADR 0050; rollouts 2.11)."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from conftest import Clock
from test_events import placed
from test_guards import follow_up
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
    runs,
    say,
    tasks,
)
from test_waves import a_careful_job

from upwell.domain import commands as c
from upwell.domain.commands.lists import Slice
from upwell.domain.errors import Conflict, NotFound
from upwell.domain.guard import Watch
from upwell.domain.setbacks import HELD, Setback
from upwell.domain.talk import ResultReport
from upwell.service.context import Context
from upwell.service.manage import (
    defaults,
    device_search,
    devices,
    event_lists,
    products,
    releasing,
    steering,
    timeline_views,
    whys,
)
from upwell.service.manage.access import Caller
from upwell.service.upgrade import dispatch, presence, setbacks

pytestmark = pytest.mark.asyncio
PUT_BY = "update task t set due_at = s.until_at from setback s where t.job_id = $1 and s.device_id = t.device_id"
RULE = Setback(failures=2, first_min=10, most_min=60, hold_failures=6)


async def of_account(ctx: Context, caller: Caller, rule: Setback | None = RULE) -> None:
    await defaults.set_rollout_defaults(ctx, caller, c.SetRolloutDefaults(care=c.Care(set_aside=rule)))


async def of_product(ctx: Context, caller: Caller, flock: Fleet, rule: Setback) -> None:
    cmd = c.UpdateProduct(product_key=flock.key, rollout_defaults=c.Care(set_aside=rule))
    await products.update_product(ctx, caller, cmd)


def key(flock: Fleet, place: int = 0) -> c.DeviceKey:
    return c.DeviceKey(product_key=flock.key, name=flock.names[place])


async def pushed(ctx: Context, node: UUID) -> list[UUID]:
    """Whom the next turn offers something."""
    wire = Wire()
    await dispatch.offer(ctx, await dispatch.due(ctx, node, 99), link, wire, due_by=ctx.now())
    return [each.offer.task.device_id for each in wire.sent]


async def aside(ctx: Context, caller: Caller, flock: Fleet, place: int = 0) -> c.SetAside | None:
    return (await devices.show_device(ctx, caller, c.ShowDevice(device=key(flock, place)))).set_aside


async def fail_again(ctx: Context, caller: Caller, clock: Clock, flock: Fleet, node: UUID, step: int = -4) -> int:
    """A new job, in which the first device fails as soon as it is offered."""
    package = await a_package(ctx, caller, flock.key, uuid4().hex, version=uuid4().hex[:8])
    job = await a_filled_job(ctx, caller, package, flock)
    clock.move(seconds=3)
    assert flock.ids[0] in await pushed(ctx, node)
    await say(ctx, (flock.ids[0], progress(step)))
    return job


async def test_it_is_offered_nothing_for_a_growing_time_across_jobs(ctx: Context, caller: Caller, clock: Clock) -> None:
    await of_account(ctx, caller)
    flock = await a_fleet(ctx, caller, 1)
    node, spans = await online(ctx, clock, flock), []
    for n in range(1, 6):
        await fail_again(ctx, caller, clock, flock, node)
        found = await aside(ctx, caller, flock)
        if found is None:
            assert n == 1, "the first failure sets nobody aside"
            continue
        assert found.until is not None
        spans.append(round((found.until - clock()) / timedelta(minutes=1)))
        assert (found.failures, found.reason) == (n, "burning_failed")
        package = await a_package(ctx, caller, flock.key, uuid4().hex, version=uuid4().hex[:8])
        job = await a_filled_job(ctx, caller, package, flock)
        assert await pushed(ctx, node) == [] == list(await dispatch.asked_for(ctx, flock.ids))
        assert await pushed(ctx, node) == [], "and it is not read again meanwhile"
        [task] = (await tasks(ctx, job)).values()
        assert task["due_at"] == found.until
        clock.move(seconds=(found.until - clock()).total_seconds() - 1)
        assert await pushed(ctx, node) == []
        clock.move(seconds=1)
        assert await pushed(ctx, node) == flock.ids, "the next claim after its end has it"
        await steering.cancel_tasks(ctx, caller, c.CancelTasks(job_id=job, states=frozenset(c.OPEN_STATES)))
    assert spans == [10, 20, 40, 60]
    await fail_again(ctx, caller, clock, flock, node)
    found = await aside(ctx, caller, flock)
    assert found is not None and found.until is None and found.failures == 6


async def test_retries_of_one_job_count_and_a_success_clears(ctx: Context, caller: Caller, clock: Clock) -> None:
    await of_account(ctx, caller)
    flock = await a_fleet(ctx, caller, 2)
    node = await online(ctx, clock, flock)
    package = await a_package(ctx, caller, flock.key)
    await a_filled_job(ctx, caller, package, flock, retry_interval_min=1, retry_count=5)
    for _ in range(2):
        clock.move(minutes=1, seconds=1)
        assert set(await pushed(ctx, node)) >= {flock.ids[0]}
        await say(ctx, (flock.ids[0], progress(-2)))
    clock.move(minutes=2)
    assert await pushed(ctx, node) == []
    clock.move(minutes=9)
    assert await pushed(ctx, node) == [flock.ids[0]]
    await say(ctx, (flock.ids[0], runs("2.0")))
    assert await ask(ctx, "select * from setback") == []
    await say(ctx, (flock.ids[1], progress(-2)))
    assert [row["failures"] for row in await ask(ctx, "select failures from setback")] == [1]


async def test_what_is_no_failure_of_the_device_does_not_count(ctx: Context, caller: Caller, clock: Clock) -> None:
    await of_account(ctx, caller, Setback(failures=1))
    flock = await a_fleet(ctx, caller, 4)
    node = await online(ctx, clock, flock)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    assert len(await pushed(ctx, node)) == 4
    for place, reason in enumerate(("in_use", "no_space")):
        report = ResultReport(outcome="failed", reason=reason, version="", desc="", code=1, progress=None)
        await say(ctx, (flock.ids[place], report))
    await steering.cancel_tasks(ctx, caller, c.CancelTasks(job_id=job, states=frozenset(c.OPEN_STATES)))
    assert await ask(ctx, "select * from setback") == []


async def test_an_account_that_says_nothing_pays_nothing(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 1)
    node = await online(ctx, clock, flock)
    for _ in range(6):
        await fail_again(ctx, caller, clock, flock, node)
    assert await ask(ctx, "select * from setback") == []


async def test_a_product_says_otherwise_than_its_account(ctx: Context, caller: Caller, clock: Clock) -> None:
    await of_account(ctx, caller, Setback(failures=1))
    flock, other = await a_fleet(ctx, caller, 1), await a_fleet(ctx, caller, 1, name="fan")
    await of_product(ctx, caller, flock, Setback(failures=0))
    for each in (flock, other):
        await fail_again(ctx, caller, clock, each, await online(ctx, clock, each))
    assert await aside(ctx, caller, flock) is None
    assert (await aside(ctx, caller, other)) is not None


async def test_silence_counts_and_so_does_coming_back_with_the_old_version(
    ctx: Context, caller: Caller, clock: Clock
) -> None:
    await of_account(ctx, caller, Setback(failures=1))
    flock = await a_fleet(ctx, caller, 2)
    node = await online(ctx, clock, flock)
    await a_careful_job(ctx, caller, flock, c.Care(preset="all_at_once", guard=Watch(verdict_min=5)))
    assert len(await pushed(ctx, node)) == 2
    await say(ctx, (flock.ids[0], progress(100)))
    await say(ctx, (flock.ids[0], runs("1.0")))
    assert await aside(ctx, caller, flock) is None, "it has not restarted"
    anew = uuid4()
    await presence.came_online(ctx, node, [(flock.ids[0], anew, "127.0.0.1")])
    for _ in range(3):
        await say(ctx, (flock.ids[0], runs("1.0")), connection=anew)
    found = await aside(ctx, caller, flock)
    assert found is not None and (found.failures, found.reason) == (1, "rolled_back"), "once for each offer"
    clock.move(seconds=5)
    assert await pushed(ctx, node) == []
    clock.move(minutes=6)
    await follow_up(ctx)
    silent = await aside(ctx, caller, flock, 1)
    assert silent is not None and silent.reason == "silent"


async def test_a_release_has_it_offered_at_once(ctx: Context, caller: Caller, clock: Clock) -> None:
    await of_account(ctx, caller, Setback(failures=1))
    flock = await a_fleet(ctx, caller, 1)
    node = await online(ctx, clock, flock)
    await fail_again(ctx, caller, clock, flock, node)
    await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key, "next", version="9.0"), flock)
    assert await pushed(ctx, node) == []
    shown = await releasing.release_device(ctx, caller, c.ReleaseDevice(device=key(flock)))
    assert shown.set_aside is None
    assert await pushed(ctx, node) == flock.ids
    lines = await timeline_views.list_timeline(ctx, caller, c.ListTimeline(device=key(flock), asked=Slice(take=9)))
    told = [(line.kind, line.what) for line in lines.items]
    assert ("aside", "set aside") in told and ("act", "released") in told


async def test_it_is_told_as_events_where_they_are_wanted(ctx: Context, caller: Caller, clock: Clock) -> None:
    await of_account(ctx, caller, Setback(failures=1, first_min=5))
    await event_lists.update_event_settings(ctx, caller, c.UpdateEventSettings(of_devices=True))
    flock = await a_fleet(ctx, caller, 1)
    await fail_again(ctx, caller, clock, flock, await online(ctx, clock, flock))
    await releasing.release_device(ctx, caller, c.ReleaseDevice(device=key(flock)))
    found = {event[0]: event[-1] for event in await placed(ctx, caller)}
    assert found["device.set_aside"]["failures"] == 1 and found["device.set_aside"]["reason"] == "burning_failed"
    assert found["device.released"]["failures"] == 1


async def staged(ctx: Context, caller: Caller, clock: Clock, count: int) -> Fleet:
    """A fleet of which all are set aside."""
    await of_account(ctx, caller, Setback(failures=1))
    flock = await a_fleet(ctx, caller, count)
    node = await online(ctx, clock, flock)
    await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    await pushed(ctx, node)
    await say(ctx, *((device, progress(-4)) for device in flock.ids))
    return flock


async def test_many_are_released_by_the_number_that_is_meant(
    ctx: Context, caller: Caller, stranger: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(releasing, "RELEASED_AT_ONCE", 3)
    flock = await staged(ctx, caller, clock, 7)
    counted = await releasing.count_aside(ctx, caller, c.CountAside(product_key=flock.key))
    assert (counted.devices, counted.reasons) == (7, (("burning_failed", 7),))
    which = c.ReleaseDevices(devices=6, product_key=flock.key)
    with pytest.raises(Conflict, match="7 devices are set aside, 6 are meant"):
        await releasing.release_devices(ctx, caller, which)
    assert (await releasing.count_aside(ctx, stranger, c.CountAside())).devices == 0
    with pytest.raises(NotFound):
        await releasing.release_devices(ctx, stranger, which)
    assert (await releasing.release_devices(ctx, stranger, c.ReleaseDevices(devices=9))).released == 0
    none = await releasing.release_devices(ctx, caller, replace(which, reason="download_failed"))
    assert (none.released, none.left) == (0, 0)
    left, gone = 7, []
    while left:
        told = await releasing.release_devices(ctx, caller, replace(which, devices=left))
        gone.append(told.released)
        left = told.left
    assert gone == [3, 3, 1]
    assert await ask(ctx, "select * from setback") == []


async def test_they_are_listed_and_go_with_their_device(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await staged(ctx, caller, clock, 3)
    await releasing.release_device(ctx, caller, c.ReleaseDevice(device=key(flock, 1)))

    async def listed(**more: Any) -> set[str]:
        cmd = c.ListDevices(asked=Slice(take=9), order="record", counted=False, **more)
        return {each.name for each in (await device_search.list_devices(ctx, caller, cmd)).items}

    assert await listed(set_aside=True) == {flock.names[0], flock.names[2]}
    assert await listed(set_aside=False) == {flock.names[1]}
    await devices.delete_device(ctx, caller, c.DeleteDevice(device=key(flock)))
    await devices.reset_device(ctx, caller, c.ResetDevice(device=key(flock, 2)))
    assert await listed(set_aside=True) == set() and await ask(ctx, "select * from setback") == []


async def test_why_says_since_when_until_when_and_how_often(ctx: Context, caller: Caller, clock: Clock) -> None:
    await of_account(ctx, caller, Setback(failures=1))
    flock = await a_fleet(ctx, caller, 1)
    node = await online(ctx, clock, flock)
    await fail_again(ctx, caller, clock, flock, node)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key, "next", version="9.0"), flock)
    told = await whys.explain_device(ctx, caller, c.ExplainDevice(device=key(flock), job_id=job))
    found = await aside(ctx, caller, flock)
    assert found is not None and (told.code, told.at) == ("set_aside", found.until)
    [check] = [each for each in told.checks if each.code == "set_aside"]
    assert "failed 1 times, the last time: burning_failed" in check.fact and f"{clock():%Y-%m-%d}" in check.fact
    assert "release" in told.does
    await ask(ctx, "update setback set until_at = $1", HELD)
    told = await whys.explain_device(ctx, caller, c.ExplainDevice(device=key(flock), job_id=job))
    assert (told.code, told.at) == ("set_aside", None)


async def test_a_release_is_not_undone_by_who_puts_tasks_by_meanwhile(
    ctx: Context, caller: Caller, clock: Clock
) -> None:
    """A turn that found the device set aside puts its task by just before, and just after, the release commits."""
    await of_account(ctx, caller, Setback(failures=1))
    for order in ("before", "after"):
        flock = await a_fleet(ctx, caller, 1, name=order)
        node = await online(ctx, clock, flock)
        await fail_again(ctx, caller, clock, flock, node)
        job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key, order, version="9.0"), flock)
        async with ctx.database.connection() as conn, conn.transaction():
            if order == "before":  # it holds the task when the release begins
                await conn.execute(PUT_BY, job)
            cmd = c.ReleaseDevice(device=key(flock))
            releases = asyncio.ensure_future(releasing.release_device(ctx, caller, cmd))
            await asyncio.sleep(0.3)
        await releases
        clock.move(milliseconds=1)
        assert await pushed(ctx, node) == flock.ids, order


async def test_failures_of_two_processes_are_all_counted(ctx: Context, caller: Caller) -> None:
    await of_account(ctx, caller, Setback(failures=100))
    flock = await a_fleet(ctx, caller, 40)
    said = {device: [(1, "failed")] for device in flock.ids}

    async def one(turn: int) -> None:
        ids = flock.ids if turn % 2 else flock.ids[::-1]
        await ctx.database.transact(
            lambda conn: setbacks.save(conn, {device: said[device] for device in ids}, ctx.now())
        )  # fmt: skip

    await asyncio.gather(*map(one, range(20)))
    assert {row["failures"] for row in await ask(ctx, "select failures from setback")} == {20}
