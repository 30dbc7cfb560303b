"""Outside of the hours of its group or tag a device is offered nothing, whatever job asks; what is under way ends."""

from datetime import UTC, datetime, timedelta

import pytest
from conftest import Clock
from test_groups import a_group, add
from test_jobs import Fleet, Wire, a_filled_job, a_fleet, a_package, ask, link, online, refs, runs, say, states

from upwell.domain import commands as c
from upwell.domain.errors import TooMany
from upwell.domain.hours import Hours, Span
from upwell.service.context import Context
from upwell.service.manage import device_hours, group_members, tags, whys
from upwell.service.manage.access import Caller
from upwell.service.upgrade import dispatch, hours

pytestmark = pytest.mark.asyncio
NIGHT = Hours(zone="UTC", spans=(Span(opens_min=22 * 60, closes_min=4 * 60),))
NOON = Hours(zone="UTC", spans=(Span(opens_min=11 * 60, closes_min=14 * 60),))


@pytest.fixture(autouse=True)
def at_noon(clock: Clock) -> None:
    clock.moment = datetime(2031, 1, 15, 12, tzinfo=UTC)


def keys(flock: Fleet, count: int) -> tuple[c.DeviceKey, ...]:
    """Of the first of them."""
    return tuple(c.DeviceKey(product_key=flock.key, name=name) for name in flock.names[:count])


async def moved(ctx: Context) -> int:
    """What the engine does when hours of devices open and close."""
    return sum([(await hours.move_of_devices(ctx, each.job_id)).moved for each in await hours.due_of_devices(ctx)])


async def test_devices_of_a_group_are_offered_in_its_hours(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 4)
    group = await a_group(ctx, caller)
    await add(ctx, caller, group, *keys(flock, 2))
    kept, free = set(flock.ids[:2]), set(flock.ids[2:])
    made = await device_hours.create_device_hours(ctx, caller, c.CreateDeviceHours(group_id=group, hours=NIGHT))
    opens_at = datetime(2031, 1, 15, 22, tzinfo=UTC)
    assert (made.opens_at, made.closes_at) == (opens_at, None)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    node, wire = await online(ctx, clock, flock), Wire()

    async def offered() -> set[object]:
        pushed = await dispatch.due(ctx, node, 9)
        asked = [ref for found in (await dispatch.asked_for(ctx, flock.ids)).values() for ref, _ in found]
        assert {ref.device_id for ref in asked} == {ref.device_id for ref in pushed}
        return {ref.device_id for ref in pushed}

    assert await moved(ctx) == 0 and await offered() == free
    assert (await dispatch.offer(ctx, refs(job, list(kept)), link, wire, wanted=True)).sent == set()
    rows = await ask(ctx, "select due_at from task where device_id = any($1::uuid[])", list(kept))
    ahead = {row["due_at"] - clock.moment for row in rows}
    assert {timedelta(minutes=9) < each <= timedelta(minutes=10) for each in ahead} == {True}, "for hours change"
    clock.move(hours=9, minutes=55)
    assert await offered() == free
    rows = await ask(ctx, "select due_at from task where device_id = any($1::uuid[])", list(kept))
    assert {row["due_at"] for row in rows} == {opens_at}, "and when they open"
    clock.move(minutes=6)  # 22:01, and nobody has moved them yet
    assert await offered() == free
    assert await moved(ctx) == 1 and await moved(ctx) == 0
    clock.move(seconds=10)
    assert await offered() == kept | free
    chosen = [ref for ref in await dispatch.due(ctx, node, 9) if ref.device_id in kept]
    assert (await dispatch.offer(ctx, chosen[:1], link, wire)).sent == set(chosen[:1])
    clock.move(hours=6)  # 04:01; they are over, and nobody has moved them
    assert (await dispatch.offer(ctx, chosen[1:], link, wire)).sent == set()
    await say(ctx, (chosen[0].device_id, runs("2.0")))
    assert await states(ctx, job) == {"SUCCEEDED": 1, "QUEUED": 3}, "what is under way ends"


async def test_all_that_hold_for_a_device_must_be_open(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 1)
    [device] = keys(flock, 1)
    await tags.set_tags(ctx, caller, c.SetTags(device=device, tags={"line": "3", "hall": "b"}))
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    node = await online(ctx, clock, flock)
    made = [
        await device_hours.create_device_hours(ctx, caller, c.CreateDeviceHours(tag=tag, hours=each))
        for tag, each in ((("line", "3"), NOON), (("hall", "b"), NIGHT), (("line", "4"), NIGHT))
    ]
    assert await dispatch.due(ctx, node, 9) == []
    why = await whys.explain_device(ctx, caller, c.ExplainDevice(device=device, job_id=job))
    no = next(each for each in why.checks if each.code)
    assert (no.name, no.fact) == ("hours", "those of its tag hall = b are over")
    assert no.at == datetime(2031, 1, 15, 22, tzinfo=UTC)
    await device_hours.update_device_hours(ctx, caller, c.UpdateDeviceHours(hours_id=made[1].hours_id, hours=NOON))
    assert len(await dispatch.due(ctx, node, 9)) == 1
    await device_hours.update_device_hours(ctx, caller, c.UpdateDeviceHours(hours_id=made[1].hours_id, hours=NIGHT))
    assert await dispatch.due(ctx, node, 9) == []
    await tags.delete_tags(ctx, caller, c.DeleteTags(device=device, keys=("hall",)))
    clock.move(minutes=10)
    assert len(await dispatch.due(ctx, node, 9)) == 1, "it has the tag no more"


async def test_hours_of_another_account_hold_for_nobody_here(
    ctx: Context, caller: Caller, stranger: Caller, clock: Clock
) -> None:
    flock = await a_fleet(ctx, caller, 1)
    [device] = keys(flock, 1)
    await tags.set_tags(ctx, caller, c.SetTags(device=device, tags={"line": "3"}))
    await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    node = await online(ctx, clock, flock)
    await device_hours.create_device_hours(ctx, stranger, c.CreateDeviceHours(tag=("line", "3"), hours=NIGHT))
    assert len(await dispatch.due(ctx, node, 9)) == 1


async def test_what_else_keeps_an_offer_back_is_looked_at_soon(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 1)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    node = await online(ctx, clock, flock)
    await ask(ctx, "update task set state = 'CONFIRM' where job_id = $1", job)
    assert await dispatch.due(ctx, node, 9) == []
    [row] = await ask(ctx, "select due_at from task where job_id = $1", job)
    assert row["due_at"] - clock.moment <= timedelta(seconds=10)


async def test_a_device_taken_out_of_its_group_is_free(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 1)
    group = await a_group(ctx, caller)
    await add(ctx, caller, group, *keys(flock, 1))
    await device_hours.create_device_hours(ctx, caller, c.CreateDeviceHours(group_id=group, hours=NIGHT))
    await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    node = await online(ctx, clock, flock)
    assert await dispatch.due(ctx, node, 9) == []
    await group_members.remove_from_group(ctx, caller, c.RemoveFromGroup(group_id=group, devices=keys(flock, 1)))
    clock.move(minutes=10)
    assert len(await dispatch.due(ctx, node, 9)) == 1


async def test_hours_that_are_deleted_hold_nobody_back(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 3)
    group = await a_group(ctx, caller)
    await add(ctx, caller, group, *keys(flock, 3))
    made = await device_hours.create_device_hours(ctx, caller, c.CreateDeviceHours(group_id=group, hours=NIGHT))
    await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    node = await online(ctx, clock, flock)
    assert await dispatch.due(ctx, node, 9) == []
    waits = "update task set attempt = 1, due_at = $2 where device_id = $1"
    await ask(ctx, waits, flock.ids[0], clock.moment + timedelta(hours=1))
    await device_hours.delete_device_hours(ctx, caller, c.DeleteDeviceHours(hours_id=made.hours_id))
    assert {ref.device_id for ref in await dispatch.due(ctx, node, 9)} == set(flock.ids[1:]), "its retry still waits"


async def test_an_account_has_so_many(ctx: Context, caller: Caller) -> None:
    for n in range(device_hours.HOURS_MAX):
        await device_hours.create_device_hours(ctx, caller, c.CreateDeviceHours(tag=("line", str(n)), hours=NIGHT))
    with pytest.raises(TooMany, match="device hours"):
        await device_hours.create_device_hours(ctx, caller, c.CreateDeviceHours(tag=("line", "x"), hours=NIGHT))
