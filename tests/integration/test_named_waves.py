"""Waves that are a group, a tag or devices by name, beside shares (ADR 0053; issue 13)."""

import random
from decimal import Decimal
from uuid import UUID

import pytest
from conftest import Clock
from test_jobs import Fleet, Wire, a_fleet, a_package, ask, online, runs, say
from test_plan import planned
from test_waves import a_careful_job, by_wave, decisions, push, settled, shown
from tests.job_commands import static_job

from upwell.domain import commands as c
from upwell.domain.errors import NotFound
from upwell.domain.rollout import ALL, Wave, problem, sizes
from upwell.domain.search import Compare
from upwell.service.context import Context
from upwell.service.manage import groups, jobs
from upwell.service.manage.access import Caller
from upwell.service.upgrade import named_waves

pytestmark = pytest.mark.asyncio


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of seven devices."""
    monkeypatch.setattr(named_waves, "MEMBERS", 7)


async def tagged(ctx: Context, ids: list[UUID], key: str, value: str) -> None:
    await ask(ctx, "insert into device_tag select unnest($1::uuid[]), $2, $3, 1", ids, key, value)


async def a_group(ctx: Context, caller: Caller, version: str) -> int:
    given = c.CreateGroup(name=f"of {version}", condition=Compare("version", "=", (version,)), condition_text=version)
    return (await groups.create_group(ctx, caller, given)).group_id


async def test_each_device_is_of_the_first_wave_that_names_it_and_the_rest_of_shares(
    ctx: Context, caller: Caller, clock: Clock
) -> None:
    flock = await a_fleet(ctx, caller, 60)
    await say(ctx, *((device, runs("1.1")) for device in flock.ids[:8]))
    await tagged(ctx, flock.ids[5:15], "ring", "1")
    care = c.Care(waves=(
        Wave(devices=(flock.names[20], flock.names[6], "nobody")), Wave(count=5),
        Wave(group_id=await a_group(ctx, caller, "1.1")), Wave(tag=("ring", "1"), soak_min=5),
        Wave(percent=Decimal(50)), ALL,
    ))  # fmt: skip
    job = await a_careful_job(ctx, caller, flock, care)
    found = await by_wave(ctx, job)
    assert set(found[1]) == {flock.ids[20], flock.ids[6]}
    assert set(found[3]) == set(flock.ids[:8]) - {flock.ids[6]}
    assert set(found[4]) == set(flock.ids[8:15])
    assert [len(found[n]) for n in range(1, 7)] == [2, 3, 7, 7, 11, 30]
    assert set().union(*map(set, found.values())) == set(flock.ids)
    rows = await ask(ctx, "select size, soak_min from job_wave where job_id = $1 order by wave", job)
    assert [row["size"] for row in rows] == [2, 3, 7, 7, 11, 30] and rows[3]["soak_min"] == 5
    view = await shown(ctx, caller, job)
    assert view.care is not None and view.care.waves == care.waves


async def test_they_are_offered_in_their_order_and_a_wave_without_any_is_passed_over(
    ctx: Context, caller: Caller, clock: Clock
) -> None:
    flock = await a_fleet(ctx, caller, 9)
    node = await online(ctx, clock, flock)
    await tagged(ctx, flock.ids[:2], "ring", "1")
    care = c.Care(waves=(Wave(tag=("ring", "none")), Wave(tag=("ring", "1")), Wave(tag=("ring", "2")), ALL))
    job = await a_careful_job(ctx, caller, flock, care)
    await settled(ctx, job)
    assert (await shown(ctx, caller, job)).open_wave == 2
    wire = Wire()
    assert set(await push(ctx, node, wire)) == set(flock.ids[:2])
    await say(ctx, *((device, runs("2.0")) for device in flock.ids[:2]))
    for _ in range(6):
        clock.move(minutes=2)
        await settled(ctx, job)
    assert (await shown(ctx, caller, job)).open_wave == 4
    assert set(await push(ctx, node, wire)) >= set(flock.ids[2:])
    told = [(each.wave, each.reason) for each in await decisions(ctx, caller, job)]
    assert (2, "Wave 1 is empty: none of the rollout's devices is of it.") in told
    assert (4, "Wave 3 is empty: none of the rollout's devices is of it.") in told


async def test_a_plan_tells_their_sizes(ctx: Context, caller: Caller, clock: Clock) -> None:
    dice = random.Random(3)
    for number in range(6):
        flock: Fleet = await a_fleet(ctx, caller, dice.randint(5, 30), version=None, name=f"fleet{number}")
        await say(ctx, *((device, runs(dice.choice(("1.0", "1.1", "2.0")))) for device in flock.ids))
        await tagged(ctx, dice.sample(flock.ids, 4), "ring", "1")
        named = [Wave(tag=("ring", "1")), Wave(devices=flock.names[:3]), Wave(count=2), Wave(percent=Decimal(40))]
        named += [Wave(group_id=await a_group(ctx, caller, f"1.{number % 2}"))] if number < 2 else []
        waves = dice.sample(named, 3)
        if problem((*waves, ALL)) is not None:
            waves = waves[:1]
        care = c.Care(waves=(*waves, ALL))
        package = await a_package(ctx, caller, flock.key, f"pack{number}")
        cmd = static_job(package_id=package, product_key=flock.key, selection="ALL", care=care)
        plan = await planned(ctx, caller, cmd)
        job = await a_careful_job(ctx, caller, flock, care, package=package)
        rows = await ask(ctx, "select size from job_wave where job_id = $1 order by wave", job)
        assert [row["size"] for row in rows] == list(plan.waves), number
        assert sum(plan.waves) == plan.taken


async def test_a_group_that_is_nobodys_is_refused(ctx: Context, caller: Caller, stranger: Caller) -> None:
    flock = await a_fleet(ctx, caller, 3)
    theirs = await a_group(ctx, stranger, "1.0")
    care = c.Care(waves=(Wave(group_id=theirs), ALL))
    package = await a_package(ctx, caller, flock.key)
    cmd = static_job(package_id=package, product_key=flock.key, selection="ALL", care=care)
    with pytest.raises(NotFound):
        await jobs.create_job(ctx, caller, cmd)


async def test_sizes_are_exact_and_sum_to_the_targets() -> None:
    dice = random.Random(1)
    for _ in range(500):
        targets = dice.randint(0, 60)
        waves: list[Wave] = []
        for percent in sorted(dice.sample(range(1, 99), 3)):
            waves += [Wave(devices=("x",))] * dice.randint(0, 1) + [Wave(percent=Decimal(percent))]
        named, left = {}, targets
        for number, wave in enumerate(waves, 1):
            if wave.is_named:
                named[number] = dice.randint(0, left)
                left -= named[number]
        found = sizes([*waves, ALL], targets, named)
        assert sum(found) == targets and min(found) >= 0
        assert all(found[number - 1] == n for number, n in named.items())
