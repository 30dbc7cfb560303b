"""Devices are led to a package by those that come before it, as one task (ADR 0048; issue 13)."""

import random
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from conftest import Clock
from test_guards import GUARDED, fail, follow_up, numbers
from test_jobs import (
    Fleet,
    Wire,
    a_filled_job,
    a_fleet,
    a_package,
    ask,
    filled,
    link,
    online,
    progress,
    runs,
    say,
    states,
    tasks,
)
from test_waves import settled
from tests.job_commands import dynamic_job, static_job

from upwell.domain import commands as c
from upwell.domain.errors import Conflict, Missing
from upwell.domain.rollback import Hindrance
from upwell.domain.talk import ResultReport
from upwell.service.context import Context
from upwell.service.manage import job_views, jobs, packages, rolling_back, steering, task_views, whys
from upwell.service.manage.access import Caller
from upwell.service.upgrade import dispatch, fill

pytestmark = pytest.mark.asyncio


@dataclass
class Stones:
    """Packages 1.5 after 1.0 and 2.0 after 1.5."""

    flock: Fleet
    middle: int
    last: int


async def stones(
    ctx: Context, caller: Caller, count: int = 1, version: str | None = "1.0", **middle: Any
) -> Stones:  # fmt: skip
    flock = await a_fleet(ctx, caller, count, version=version, name=uuid4().hex[:20])
    follows = {"source_versions": ("1.0",), "leads": True} | middle
    first = await a_package(ctx, caller, flock.key, uuid4().hex, version="1.5", **follows)
    last = await a_package(ctx, caller, flock.key, uuid4().hex, source_versions=("1.5",), leads=True)
    return Stones(flock, first, last)


async def pushed(ctx: Context, node: UUID) -> dict[UUID, str]:
    """What is offered to whom now."""
    wire = Wire()
    await dispatch.offer(ctx, await dispatch.due(ctx, node, 999), link, wire, due_by=ctx.now())
    return {each.offer.task.device_id: each.offer.version for each in wire.sent}


async def told(ctx: Context, caller: Caller, flock: Fleet, job: int, place: int = 0) -> c.Why:
    key = c.DeviceKey(product_key=flock.key, name=flock.names[place])
    return await whys.explain_device(ctx, caller, c.ExplainDevice(device=key, job_id=job))


async def fact(ctx: Context, caller: Caller, flock: Fleet, job: int) -> str:
    why = await told(ctx, caller, flock, job)
    return next(check.fact for check in why.checks if check.name == "way")


async def test_a_device_is_led_step_by_step_as_one_task(ctx: Context, caller: Caller, clock: Clock) -> None:
    it = await stones(ctx, caller)
    [device] = it.flock.ids
    node = await online(ctx, clock, it.flock)
    job = await a_filled_job(ctx, caller, it.last, it.flock)
    why = await told(ctx, caller, it.flock, job)
    assert (why.code, why.steps) == ("due_now", ("1.5", "2.0"))
    assert await fact(ctx, caller, it.flock, job) == "it goes by 1.5, then 2.0"
    assert await pushed(ctx, node) == {device: "1.5"}
    await say(ctx, (device, progress(50)), (device, progress(100)))
    await say(ctx, (device, runs("1.5")))
    [task] = (await tasks(ctx, job)).values()
    assert (task["state"], task["progress"], task["package_id"], task["source_version"]) == ("QUEUED", 0, None, "1.5")
    assert (await job_views.show_job(ctx, caller, c.ShowJob(job_id=job))).status == "IN_PROGRESS"
    assert (await told(ctx, caller, it.flock, job)).steps == ("2.0",)
    assert await pushed(ctx, node) == {device: "2.0"}
    await say(ctx, (device, progress(100)), (device, runs("2.0")))
    assert await states(ctx, job) == {"SUCCEEDED": 1}
    rows = await ask(ctx, "select event, detail from task_history where job_id = $1 and event = 'stepped'", job)
    assert [tuple(row.values()) for row in rows] == [("stepped", "runs 1.5, goes on to 2.0")]


async def test_replays_and_latecomers_of_a_step_change_nothing(ctx: Context, caller: Caller, clock: Clock) -> None:
    it = await stones(ctx, caller)
    [device] = it.flock.ids
    node = await online(ctx, clock, it.flock)
    job = await a_filled_job(ctx, caller, it.last, it.flock)
    await pushed(ctx, node)
    await say(ctx, (device, runs("1.5")))
    before = await tasks(ctx, job)
    for late in (progress(100), progress(-3), progress(30)):
        await say(ctx, (device, late))
        assert await tasks(ctx, job) == before
    await pushed(ctx, node)
    await say(ctx, (device, runs("1.5")))
    assert (await tasks(ctx, job))[device]["state"] == "QUEUED"
    await say(ctx, (device, runs("2.0")))
    assert await states(ctx, job) == {"SUCCEEDED": 1}


async def test_a_device_that_falls_back_fails_the_step_and_does_not_go_in_rounds(
    ctx: Context, caller: Caller, clock: Clock
) -> None:
    it = await stones(ctx, caller, source_versions=(), leads=False)
    [device] = it.flock.ids
    node = await online(ctx, clock, it.flock)
    job = await a_filled_job(ctx, caller, it.last, it.flock, retry_interval_min=1, retry_count=2)
    seen = []
    for version in ("0.9", "1.0", "0.9", "1.0"):
        seen += list((await pushed(ctx, node)).values())
        await say(ctx, (device, runs(version)))
        clock.move(minutes=2)
    assert seen == ["1.5"] * 3 and await states(ctx, job) == {"FAILED": 1}


async def test_a_step_has_its_own_retries_and_its_own_time(ctx: Context, caller: Caller, clock: Clock) -> None:
    it = await stones(ctx, caller)
    [device] = it.flock.ids
    node = await online(ctx, clock, it.flock)
    manner = {"retry_interval_min": 1, "retry_count": 1, "timeout_min": 10}
    job = await a_filled_job(ctx, caller, it.last, it.flock, **manner)
    await pushed(ctx, node)
    await say(ctx, (device, progress(-3)))
    clock.move(minutes=2)
    assert await pushed(ctx, node) == {device: "1.5"}, "tried again, the same step"
    await say(ctx, (device, progress(10)))
    await say(ctx, (device, runs("1.5")))
    [task] = (await tasks(ctx, job)).values()
    assert (task["attempt"], task["timeout_at"], task["reason"]) == (0, None, "")
    await pushed(ctx, node)
    await say(ctx, (device, progress(-3)))
    clock.move(minutes=2)
    assert await pushed(ctx, node) == {device: "2.0"}
    await say(ctx, (device, progress(-3)))
    assert await states(ctx, job) == {"FAILED": 1}
    # Run again, it goes on from what it runs by then.
    await say(ctx, (device, runs("1.0")))
    await steering.repeat_tasks(ctx, caller, c.RepeatTasks(job_id=job, whole=True))
    assert (await tasks(ctx, job))[device]["package_id"] == it.middle
    clock.move(seconds=3)
    assert await pushed(ctx, node) == {device: "1.5"}


async def test_results_lead_on_too(ctx: Context, caller: Caller, clock: Clock) -> None:
    """Devices that tell results and never a version (huawei 5.8)."""
    it = await stones(ctx, caller)
    [device] = it.flock.ids
    node = await online(ctx, clock, it.flock)
    job = await a_filled_job(ctx, caller, it.last, it.flock)

    def done(version: str) -> ResultReport:
        return ResultReport(outcome="fine", code=0, reason="", progress=100, version=version, desc="")

    assert await pushed(ctx, node) == {device: "1.5"}
    await say(ctx, (device, done("1.5")))
    [row] = await ask(ctx, "select version, by_result from module_version where device_id = $1", device)
    assert tuple(row.values()) == ("1.5", True)
    assert await states(ctx, job) == {"QUEUED": 1} and await pushed(ctx, node) == {device: "2.0"}
    await say(ctx, (device, done("1.5")))
    assert await states(ctx, job) == {"QUEUED": 1} or await states(ctx, job) == {"IN_PROGRESS": 1}
    await say(ctx, (device, done("2.0")))
    assert await states(ctx, job) == {"SUCCEEDED": 1}
    [row] = await ask(ctx, "select version from module_version where device_id = $1", device)
    assert row["version"] == "2.0"


async def test_a_device_may_jump_ahead(ctx: Context, caller: Caller, clock: Clock) -> None:
    it = await stones(ctx, caller, 3)
    one, two, three = it.flock.ids
    await online(ctx, clock, it.flock)
    job = await a_filled_job(ctx, caller, it.last, it.flock)
    await say(ctx, (one, runs("2.0")), (two, runs("1.5")), (three, runs("0.1")))
    found = await tasks(ctx, job)
    assert [found[d]["state"] for d in (one, two, three)] == ["SUCCEEDED", "QUEUED", "FAILED"]
    assert [found[d]["package_id"] for d in (one, two)] == [None, None]
    assert found[three]["reason"] == "needs_intermediate"
    assert (await told(ctx, caller, it.flock, job, 2)).code == "needs_intermediate"


async def test_who_has_no_way_has_no_task_and_is_told(ctx: Context, caller: Caller, clock: Clock) -> None:
    it = await stones(ctx, caller, 4, version=None)
    await say(ctx, *zip(it.flock.ids, map(runs, ("1.0", "0.3", "2.0")), strict=False))
    job = await a_filled_job(ctx, caller, it.last, it.flock)
    assert list(await tasks(ctx, job)) == [it.flock.ids[0]]
    codes = [(await told(ctx, caller, it.flock, job, place)).code for place in range(1, 4)]
    assert codes == ["needs_intermediate", "already_there", "version_unknown"]
    assert (
        await fact(ctx, caller, replace(it.flock, names=it.flock.names[1:]), job) == "no package leads from 0.3 to 2.0"
    )


async def test_versions_of_a_rollout_are_those_that_it_begins_from(ctx: Context, caller: Caller, clock: Clock) -> None:
    it = await stones(ctx, caller, 3, version=None)
    await say(ctx, *zip(it.flock.ids, map(runs, ("1.0", "1.5", "1.0")), strict=True))
    node = await online(ctx, clock, it.flock)
    job = await a_filled_job(ctx, caller, it.last, it.flock, source_versions=("1.0",))
    assert set(await tasks(ctx, job)) == {it.flock.ids[0], it.flock.ids[2]}
    await pushed(ctx, node)
    await say(ctx, (it.flock.ids[0], runs("1.5")))
    assert await pushed(ctx, node) == {it.flock.ids[0]: "2.0"}


async def test_a_step_stays_while_a_rollout_leads_by_it_and_a_lost_one_is_told(
    ctx: Context, caller: Caller, clock: Clock
) -> None:
    it = await stones(ctx, caller)
    await online(ctx, clock, it.flock)
    job = await a_filled_job(ctx, caller, it.last, it.flock)
    with pytest.raises(Conflict) as refused:
        await packages.delete_package(ctx, caller, c.DeletePackage(package_id=it.middle))
    assert refused.value.reason == "package_has_running_job"
    await ask(ctx, "update package set deleted_at = now() where package_id = $1", it.middle)
    why = await told(ctx, caller, it.flock, job)
    assert why.code == "needs_intermediate"
    assert "the package of 1.5" in await fact(ctx, caller, it.flock, job)


async def test_packages_that_lead_in_a_circle_are_refused(ctx: Context, caller: Caller) -> None:
    it = await stones(ctx, caller)
    for version, follows in (("1.0", ("2.0",)), ("1.5", ("1.5",)), ("1.0", ("0.5", "1.5"))):
        with pytest.raises(Conflict) as refused:
            more = {"version": version, "source_versions": follows, "leads": True}
            await a_package(ctx, caller, it.flock.key, uuid4().hex, **more)
        assert refused.value.reason == "stepping_circle"
    with pytest.raises(Missing):
        await a_package(ctx, caller, it.flock.key, uuid4().hex, version="1.0", leads=True)


async def test_deltas_may_be_steps_and_goal(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 2)
    delta: dict[str, Any] = {"is_delta": True, "leads": True}
    await a_package(ctx, caller, flock.key, "one", version="1.5", source_version="1.0", **delta)
    last = await a_package(ctx, caller, flock.key, "two", source_version="1.5", **delta)
    node = await online(ctx, clock, flock)
    job = await a_filled_job(ctx, caller, last, flock)
    assert set((await pushed(ctx, node)).values()) == {"1.5"}
    await say(ctx, *((device, runs("1.5")) for device in flock.ids))
    assert set((await pushed(ctx, node)).values()) == {"2.0"}
    await say(ctx, *((device, runs("2.0")) for device in flock.ids))
    assert await states(ctx, job) == {"SUCCEEDED": 2}


async def test_a_standing_rule_leads_who_comes_later(ctx: Context, caller: Caller, clock: Clock) -> None:
    it = await stones(ctx, caller, 2, version=None)
    one, two = it.flock.ids
    made = await jobs.create_job(ctx, caller, dynamic_job(package_id=it.last, product_key=it.flock.key))
    await filled(ctx, made.job_id)
    node = await online(ctx, clock, it.flock)
    await say(ctx, (one, runs("1.0")), (two, runs("0.7")))
    assert list(await tasks(ctx, made.job_id)) == [one]
    for version in ("1.5", "2.0"):
        assert await pushed(ctx, node) == {one: version}
        await say(ctx, (one, runs(version)))
    await say(ctx, (two, runs("1.5")))
    assert await pushed(ctx, node) == {two: "2.0"}
    await say(ctx, (two, runs("2.0")))
    assert await states(ctx, made.job_id) == {"SUCCEEDED": 2}


async def test_a_led_rollout_is_rolled_back_to_the_step_before(ctx: Context, caller: Caller, clock: Clock) -> None:
    it = await stones(ctx, caller, 2)
    node = await online(ctx, clock, it.flock)
    job = await a_filled_job(ctx, caller, it.last, it.flock)
    for version in ("1.5", "2.0"):
        await pushed(ctx, node)
        await say(ctx, *((device, runs(version)) for device in it.flock.ids))
    await ask(ctx, "update job set status = 'COMPLETED' where job_id = $1", job)
    [part] = (await rolling_back.plan_rollback(ctx, caller, c.PlanRollback(job_id=job))).parts
    assert (part.source_version, part.devices, part.hindrance) == ("1.5", 2, Hindrance.NOT_FOR_VERSION)
    back = await a_package(ctx, caller, it.flock.key, "way back", version="1.5")
    [part] = (await rolling_back.plan_rollback(ctx, caller, c.PlanRollback(job_id=job))).parts
    assert (part.back_id, part.hindrance) == (back, None)
    made = await rolling_back.start_rollback(ctx, caller, c.StartRollback(job_id=job, devices=2))
    await filled(ctx, made.parts[0].back_job or 0)
    assert await pushed(ctx, node) == dict.fromkeys(it.flock.ids, "1.5")
    await say(ctx, *((device, runs("1.5")) for device in it.flock.ids))
    assert await states(ctx, made.parts[0].back_job or 0) == {"SUCCEEDED": 2}


async def test_a_guard_counts_a_device_once_and_each_step_has_its_verdicts_time(
    ctx: Context, caller: Caller, clock: Clock
) -> None:
    it = await stones(ctx, caller, 30)
    node = await online(ctx, clock, it.flock)
    cmd = static_job(package_id=it.last, product_key=it.flock.key, selection="ALL", care=GUARDED)
    job = (await jobs.create_job(ctx, caller, cmd)).job_id
    await filled(ctx, job)
    await settled(ctx, job)
    assert len(await pushed(ctx, node)) == 30
    first = await numbers(ctx, job)
    assert sorted(first.values()) == list(range(1, 31))
    clock.move(hours=23)
    await say(ctx, *((device, runs("1.5")) for device in it.flock.ids))
    assert await ask(ctx, "select 1 from job_offer where verdict_by is not null") == [], (
        "none is due before the next offer"
    )
    clock.move(hours=5)
    await follow_up(ctx)
    assert len(await pushed(ctx, node)) == 30 and await numbers(ctx, job) == first
    assert len(await ask(ctx, "select 1 from job_offer where verdict_by > $1", clock() + timedelta(hours=23))) == 30
    await fail(ctx, *it.flock.ids[:4])
    assert (await job_views.show_job(ctx, caller, c.ShowJob(job_id=job))).paused is not None


async def test_owners_see_one_task_that_goes_to_the_last_version(ctx: Context, caller: Caller, clock: Clock) -> None:
    it = await stones(ctx, caller)
    node = await online(ctx, clock, it.flock)
    job = await a_filled_job(ctx, caller, it.last, it.flock)
    await pushed(ctx, node)
    for _ in range(2):
        rows = await ask(ctx, "select device_id, job_id, nth from task where job_id = $1", job)
        columns = {f"{name}s": [row[name] for row in rows] for name in ("device_id", "job_id", "nth")}
        async with ctx.database.connection() as conn:
            [shown] = await conn.fetch(*task_views.SQL["show_tasks"](asking=False, **columns))
        assert (shown["dest_version"], shown["package_id"]) == ("2.0", it.last)
        await say(ctx, (it.flock.ids[0], runs("1.5")))


async def test_whatever_devices_do_no_step_is_offered_that_may_not_follow(
    ctx: Context, caller: Caller, clock: Clock
) -> None:
    """Random words of many devices, with processes that begin anew in between: nothing is kept but rows (L6, L7)."""
    dice = random.Random(11)
    it = await stones(ctx, caller, 24, version=None, source_versions=("1.0", "1.1"))
    says = {device: dice.choice(("0.9", "1.0", "1.1", "1.5")) for device in it.flock.ids}
    await say(ctx, *((device, runs(version)) for device, version in says.items()))
    node = await online(ctx, clock, it.flock)
    job = await a_filled_job(ctx, caller, it.last, it.flock, retry_interval_min=1, retry_count=3)
    follows = {"1.5": ("1.0", "1.1"), "2.0": ("1.5",)}
    for _ in range(12):
        for device, version in (await pushed(ctx, node)).items():
            assert says[device] in follows[version]
            match dice.choice(("goes", "goes", "fails", "works", "strays", "silent")):
                case "goes":
                    says[device] = version
                case "strays":
                    says[device] = dice.choice(("1.0", "1.1", "0.9"))
                case "fails":
                    await say(ctx, (device, progress(-3)))
                case "works":
                    await say(ctx, (device, progress(40)))
        connection = uuid4()
        await say(ctx, *((device, runs(version)) for device, version in says.items()), connection=connection)
        clock.move(minutes=2)
        assert await fill.fill(ctx, job) is False
    ends = await tasks(ctx, job)
    assert {says[device] for device, task in ends.items() if task["state"] == "SUCCEEDED"} <= {"2.0"} | set(
        says.values()
    )
    assert any(task["state"] == "SUCCEEDED" for task in ends.values())
    assert all(task["state"] != "SUCCEEDED" or task["package_id"] is None for task in ends.values())


async def test_who_never_said_its_version_waits_until_it_does(ctx: Context, caller: Caller, clock: Clock) -> None:
    it = await stones(ctx, caller, version=None, source_versions=(), leads=False)
    [device] = it.flock.ids
    node = await online(ctx, clock, it.flock)
    job = await a_filled_job(ctx, caller, it.last, it.flock)
    assert await pushed(ctx, node) == {}
    assert (await told(ctx, caller, it.flock, job)).code == "version_unknown"
    await say(ctx, (device, runs("0.7")))
    assert await pushed(ctx, node) == {device: "1.5"}
    assert await ask(ctx, "select 1 from task_history where job_id = $1 and event = 'stepped'", job) == []
