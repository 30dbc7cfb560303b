"""Fleets counted as they change, and `upwell check`, which counts anew."""

import asyncio
import random
from uuid import UUID, uuid4

import pytest
from conftest import Clock
from test_jobs import a_filled_job, a_fleet, a_package, ask, online

from upwell.domain import commands as c
from upwell.domain.commands.lists import Slice
from upwell.domain.errors import NotFound
from upwell.domain.search import Compare
from upwell.service.context import Context
from upwell.service.manage import device_counts, device_search, devices, group_members, groups, products
from upwell.service.manage.access import Caller
from upwell.service.upgrade import census, nodes, presence, recount

pytestmark = pytest.mark.asyncio


async def counted(ctx: Context, caller: Caller, **which: object) -> tuple[int, int, int]:
    seen = await device_search.count_devices(ctx, caller, c.CountDevices(**which))  # type: ignore[arg-type]
    return seen.devices, seen.active, seen.online


async def test_devices_are_counted_through_their_lives(ctx: Context, caller: Caller, clock: Clock) -> None:
    """Made, online, disabled, enabled, offline, deleted, made again; beside another product."""
    flock, other = await a_fleet(ctx, caller, 5, None), await a_fleet(ctx, caller, 2, None, name="other")
    keys = [c.DeviceKey(product_key=flock.key, name=name) for name in flock.names]
    assert await counted(ctx, caller) == (7, 0, 0) and await counted(ctx, caller, product_key=flock.key) == (5, 0, 0)
    node = await online(ctx, clock, flock)
    assert await counted(ctx, caller, product_key=flock.key) == (5, 5, 5)
    for enabled, seen in ((False, 4), (True, 5)):
        change = c.DeviceChange(device=keys[0], enabled=enabled)
        await devices.update_devices(ctx, caller, c.UpdateDevices(changes=(change,)))
        assert await counted(ctx, caller, product_key=flock.key) == (5, 5, seen)
    await devices.reset_secret(ctx, caller, c.ResetSecret(device=keys[1], disconnect=True))
    await devices.delete_device(ctx, caller, c.DeleteDevice(device=keys[2]))
    assert await counted(ctx, caller, product_key=flock.key) == (4, 4, 3)
    made = c.CreateDevice(product_key=flock.key, name=flock.names[2])
    await devices.create_device(ctx, caller, made)
    assert await counted(ctx, caller, product_key=flock.key) == (5, 4, 3)
    await ask(ctx, "update node set lease_until = now() - interval '1 hour'")
    await ask(ctx, "insert into node values ($1, now() - interval '1 hour') on conflict do nothing", node)
    while await nodes.release_dead(ctx):
        pass
    assert await counted(ctx, caller) == (7, 4, 0)
    assert (await products.show_product(ctx, caller, c.ShowProduct(product_key=other.key))).device_count == 2
    listed = await device_search.list_devices(ctx, caller, c.ListDevices(asked=Slice(take=1), product_key=flock.key))
    assert listed.total == 5
    with pytest.raises(NotFound):
        await counted(ctx, caller, product_key="nobody")


async def test_the_sum_is_right_under_a_storm_and_rows_are_folded(
    ctx: Context, caller: Caller, clock: Clock
) -> None:  # fmt: skip
    """Comings and goings on two nodes, switches by the owner and deletions at once; the fixture compares at the end."""
    flock = await a_fleet(ctx, caller, 30, None)
    keys = dict(zip(flock.ids, (c.DeviceKey(product_key=flock.key, name=n) for n in flock.names), strict=True))
    dice, here = random.Random(4), [uuid4(), uuid4()]

    async def come_and_go(node: UUID) -> None:
        for _ in range(12):
            some = [(device, uuid4()) for device in dice.sample(flock.ids, 8)]
            await presence.came_online(ctx, node, [(device, link, "127.0.0.1") for device, link in some])
            await presence.went_offline(ctx, node, some[:4])

    async def switch() -> None:
        for n in range(12):
            change = c.DeviceChange(device=keys[dice.choice(flock.ids[:25])], enabled=bool(n % 2))
            await devices.update_devices(ctx, caller, c.UpdateDevices(changes=(change,)))

    async def delete() -> None:
        for device in flock.ids[25:]:
            await devices.delete_device(ctx, caller, c.DeleteDevice(device=keys[device]))

    await asyncio.gather(*(come_and_go(node) for node in here), switch(), delete())
    # Who came online in the moment in which its owner switched it off is counted until it is sent away.
    await ask(ctx, "select 1 from presence")
    async with ctx.database.connection() as conn:
        await census.settle(conn, flock.ids)
    assert await ask(ctx, "select 1 from fleet_count where lane <> 0") != []
    assert not await census.fold(ctx)
    assert await ask(ctx, "select 1 from fleet_count where lane <> 0") == []
    assert (await counted(ctx, caller))[0] == 25


@pytest.mark.parametrize("kind", ["static", "dynamic"])
async def test_a_group_is_counted_in_windows(
    ctx: Context, caller: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Whatever the size of the fleet the answer is the same; one that took long is told again for a while."""
    flock, other = await a_fleet(ctx, caller, 23, None), await a_fleet(ctx, caller, 9, None, name="other")
    await online(ctx, clock, flock)
    rule = Compare("product_key", "=", (flock.key,)) if kind == "dynamic" else None
    made = c.CreateGroup(name="some", condition=rule, condition_text="" if rule else None)
    group = (await groups.create_group(ctx, caller, made)).group_id
    if rule is None:
        for start in range(0, 23, 10):
            keys = tuple(c.DeviceKey(product_key=flock.key, name=n) for n in flock.names[start : start + 10])
            await group_members.add_to_group(ctx, caller, c.AddToGroup(group_id=group, devices=keys))
    at_once = await counted(ctx, caller, group_id=group)
    monkeypatch.setattr(device_counts, "WINDOW", 5)
    assert await counted(ctx, caller, group_id=group) == at_once == (23, 23, 23)
    assert await counted(ctx, caller, group_id=group, product_key=other.key) == (0, 0, 0)
    monkeypatch.setattr(device_counts, "LONG_S", 0.0)
    monkeypatch.setattr(device_counts, "KEPT_TIMES", 1e9)
    assert await counted(ctx, caller, group_id=group) == (23, 23, 23)
    await devices.delete_device(
        ctx, caller, c.DeleteDevice(device=c.DeviceKey(product_key=flock.key, name=flock.names[0]))
    )
    assert await counted(ctx, caller, group_id=group) == (23, 23, 23)
    assert (await counted(ctx, caller))[0] == 31, "what the fleet's counters say is never remembered"


@pytest.mark.parametrize("order", ["newest", "record"])
async def test_pages_of_devices_go_on_where_the_last_one_ended(
    ctx: Context, caller: Caller, monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    """Whoever counts pages sees each device once, also when one is made meanwhile."""
    monkeypatch.setattr(device_search, "REMEMBERED_FROM", 1)
    flock = await a_fleet(ctx, caller, 23, None)

    async def page(number: int) -> list[UUID]:
        asked = c.ListDevices(asked=Slice.of_page(number, 5), product_key=flock.key, order=order)  # type: ignore[arg-type]
        return [device.device_id for device in (await device_search.list_devices(ctx, caller, asked)).items]

    third = await page(3)
    found = await page(1)
    late = await devices.create_device(ctx, caller, c.CreateDevice(product_key=flock.key, name="late"))
    for number in range(2, 6):
        found += await page(number)
    assert len(found) == 23 and set(found) == set(flock.ids) and found[10:15] == third
    assert (await page(1))[0] == late.device_id


async def lines_of(ctx: Context) -> list[str]:
    return [line async for line in recount.differences(ctx) if line is not None]


async def test_check_tells_each_difference(ctx: Context, caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many windows a job takes; and says nothing where there is none."""
    monkeypatch.setattr(recount, "WINDOW", 7)
    monkeypatch.setattr(recount, "MARKS_AT_ONCE", 2)
    flock = await a_fleet(ctx, caller, 30, None)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    assert await lines_of(ctx) == []
    assert [line async for line in recount.differences(ctx)] == [None, None], "a job and a product"
    async with ctx.database.connection() as conn:
        await conn.execute("update task set state = 'FAILED' where device_id = $1", flock.ids[3])
        await conn.execute("update fleet_count set online = online + 2")
        await conn.execute("insert into job_mark values ($1, $2, 7)", job, max(flock.ids))
    place = "(wave=0 acts=0 state={} asked=False again=False gone=False outcome=)"
    assert await lines_of(ctx) == [
        f"job {job}: 1 tasks and 0 counted {place.format('FAILED')}",
        f"job {job}: 29 tasks and 30 counted {place.format('QUEUED')}",
        f"job {job}: 29 tasks before a mark that says 7",
        f"product {flock.key}: 0 online and 2 counted",
    ]
    async with ctx.database.connection() as conn:
        await conn.execute("update task set state = 'QUEUED'")
        await conn.execute("update fleet_count set online = online - 2")
