"""Leases, and what nodes leave behind: nothing is waited for, nothing is lost, nothing is read that no index finds."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from conftest import Clock
from test_jobs import a_filled_job, a_fleet, a_job, a_package, ask, online, runs, say, tasks
from tests.job_commands import dynamic_job

from upwell.domain import commands as c
from upwell.service.clock import SharedClock, utc_now
from upwell.service.context import Context
from upwell.service.manage import devices, jobs
from upwell.service.manage.access import Caller
from upwell.service.upgrade import dispatch, endings, fill, nodes, presence
from upwell.storage.database import Database

pytestmark = pytest.mark.asyncio
END = "update node set lease_until = clock_timestamp() where node_id = $1"
PRESENT = "select device_id, node_id, offline_at from presence"


@pytest_asyncio.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    """Connections of another process."""
    database = Database(dsn)
    await database.open()
    yield database
    await database.close()


def lease_of(ctx: Context, node: UUID) -> nodes.Lease:
    return nodes.Lease(ctx.database, node, ctx.now)


async def holders(ctx: Context, job: int) -> dict[UUID, UUID | None]:
    return {device: row["node_id"] for device, row in (await tasks(ctx, job)).items()}


# --- leases ---


async def test_a_lease_tells_whether_it_lapsed(ctx: Context) -> None:
    lease = lease_of(ctx, uuid4())
    await lease.keep()
    await lease.keep()
    assert lease.lapses == 0
    await ask(ctx, END, lease.node_id)
    await lease.keep()
    assert lease.lapses == 1
    await ask(ctx, "delete from node")
    await lease.keep()
    assert lease.lapses == 2
    [row] = await ask(ctx, "select lease_until - clock_timestamp() as left from node where node_id = $1", lease.node_id)
    assert timedelta(seconds=nodes.LEASE_S - 5) < row["left"] <= timedelta(seconds=nodes.LEASE_S)


async def test_a_lease_measures_the_clock(ctx: Context) -> None:
    clock = SharedClock(lambda: utc_now() - timedelta(minutes=10))
    assert utc_now() - clock() > timedelta(minutes=9)
    await nodes.Lease(ctx.database, uuid4(), clock).keep()
    assert abs(utc_now() - clock()) < timedelta(seconds=5)


# --- the dead ---


async def test_a_dead_node_is_released_some_devices_at_a_time_and_a_living_one_is_not(
    ctx: Context, caller: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodes, "RELEASED_AT_ONCE", 2)
    flock, other = await a_fleet(ctx, caller, 5), await a_fleet(ctx, caller, 1, name="pump")
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    dead, living = await online(ctx, clock, flock), await online(ctx, clock, other)
    await lease_of(ctx, living).keep()
    await lease_of(ctx, dead).keep()
    await ask(ctx, END, dead)
    turns = 0
    while await nodes.release_dead(ctx):
        turns += 1
        left = [row for row in await ask(ctx, PRESENT) if row["node_id"] == dead]
        assert len(left) == max(0, 5 - 2 * turns)
    assert turns == 3 and set((await holders(ctx, job)).values()) == {None}
    assert {row["node_id"] for row in await ask(ctx, PRESENT)} == {None, living}
    assert all(row["offline_at"] for row in await ask(ctx, PRESENT) if row["node_id"] is None)


async def test_a_device_that_others_hold_is_not_waited_for_and_released_later(
    ctx: Context, caller: Caller, clock: Clock
) -> None:
    flock = await a_fleet(ctx, caller, 2)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    dead = await online(ctx, clock, flock)
    await lease_of(ctx, dead).keep()
    await ask(ctx, END, dead)
    held, free = flock.ids
    async with ctx.database.connection() as conn, conn.transaction():
        await conn.execute("select from presence where device_id = $1 for update", held)
        while await nodes.release_dead(ctx):
            pass
        assert await holders(ctx, job) == {held: dead, free: None}
    while await nodes.release_dead(ctx):
        pass
    assert await holders(ctx, job) == {held: None, free: None}


async def test_a_task_that_a_dead_node_holds_of_a_device_elsewhere_follows_it(
    ctx: Context, caller: Caller, clock: Clock
) -> None:
    flock = await a_fleet(ctx, caller, 1)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    living, dead = await online(ctx, clock, flock), uuid4()
    for node in (living, dead):
        await lease_of(ctx, node).keep()
    await ask(ctx, "update task set node_id = $1", dead)
    await ask(ctx, END, dead)
    while await nodes.release_dead(ctx):
        pass
    assert set((await holders(ctx, job)).values()) == {living}


async def test_a_dead_node_is_forgotten_when_it_holds_nothing(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 1)
    dead = await online(ctx, clock, flock)
    long_ago = "update node set lease_until = clock_timestamp() - interval '2 hours'"
    await lease_of(ctx, dead).keep()
    await ask(ctx, long_ago)
    await ask(ctx, "insert into shut_out select node_id, device_id, connection_id from presence")
    assert await nodes.release_dead(ctx) and len(await ask(ctx, "select from node")) == 1
    assert not await nodes.release_dead(ctx) or not await nodes.release_dead(ctx)
    assert await ask(ctx, "select from node") == [] and await ask(ctx, "select from shut_out") == []


async def test_a_node_that_ends_leaves_nothing(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 3)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    lease = lease_of(ctx, await online(ctx, clock, flock))
    await lease.keep()
    await lease.drop(ctx)
    assert set((await holders(ctx, job)).values()) == {None}
    assert {row["node_id"] for row in await ask(ctx, PRESENT)} == {None}


# --- whom a node must send away ---


async def told(ctx: Context, node: UUID) -> set[UUID]:
    return {device for device, _ in await nodes.shut_out(ctx, node)}


async def test_a_node_is_told_of_each_that_may_not_stay_and_of_nobody_else(
    ctx: Context, caller: Caller, clock: Clock
) -> None:
    flock = await a_fleet(ctx, caller, 5)
    node = await online(ctx, clock, flock)
    disabled, deleted, reset, moved, stays = flock.ids
    names = dict(zip(flock.ids, flock.names, strict=True))

    def key(device: UUID) -> c.DeviceKey:
        return c.DeviceKey(product_key=flock.key, name=names[device])

    changes = tuple(c.DeviceChange(device=key(d), enabled=on) for d, on in ((disabled, False), (stays, True)))
    await devices.update_devices(ctx, caller, c.UpdateDevices(changes=changes))
    await devices.delete_device(ctx, caller, c.DeleteDevice(device=key(deleted)))
    await devices.reset_secret(ctx, caller, c.ResetSecret(device=key(reset), disconnect=True))
    await presence.came_online(ctx, uuid4(), [(moved, uuid4(), "127.0.0.1")])
    await presence.came_online(ctx, node, [(stays, uuid4(), "127.0.0.1")])
    assert await told(ctx, node) == {disabled, deleted, reset, moved}
    assert await told(ctx, node) == set()


async def test_what_a_node_is_told_comes_some_at_a_time(
    ctx: Context, caller: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodes, "TOLD_AT_ONCE", 2)
    flock = await a_fleet(ctx, caller, 3)
    node = await online(ctx, clock, flock)
    await presence.came_online(ctx, uuid4(), [(device, uuid4(), "127.0.0.1") for device in flock.ids])
    first, second, third = [await told(ctx, node) for _ in range(3)]
    assert len(first) == 2 and first | second == set(flock.ids) and third == set()


# --- tasks that were made while their device moved ---


async def test_a_task_made_while_its_device_came_follows_it(ctx: Context, caller: Caller, clock: Clock) -> None:
    """Its maker saw no node, and whoever brought the device saw no task: the later of the two looks again."""
    flock = await a_fleet(ctx, caller, 2)
    former = await online(ctx, clock, flock)
    job = await a_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    async with ctx.database.connection() as conn, conn.transaction():
        await fill.fill_chunk(ctx, conn, job)
        node = await online(ctx, clock, flock)
    assert set((await holders(ctx, job)).values()) == {former}
    assert await nodes.follow(ctx, flock.ids) == 2
    assert set((await holders(ctx, job)).values()) == {node}
    assert len(await dispatch.due(ctx, node, 10)) == 2


async def test_who_brings_a_device_looks_for_its_tasks_after_the_commit(
    ctx: Context, caller: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock = await a_fleet(ctx, caller, 1)
    looked: list[UUID] = []
    follow = nodes.follow

    async def noting(ctx: Context, device_ids: list[UUID]) -> int:
        assert {row["device_id"] for row in await ask(ctx, PRESENT)} == set(flock.ids)
        looked.extend(device_ids)
        return await follow(ctx, device_ids)

    monkeypatch.setattr(nodes, "follow", noting)
    node = await online(ctx, clock, flock)
    [row] = await ask(ctx, "select device_id, connection_id from presence")
    await presence.went_offline(ctx, node, [(flock.ids[0], row["connection_id"])])
    assert looked == flock.ids * 2


async def test_whoever_makes_tasks_looks_after_the_commit_where_their_devices_went(
    ctx: Context, caller: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The filling of a large job, the call that makes a small one, and the report that a policy takes."""
    flock = await a_fleet(ctx, caller, 2)
    one, two = flock.ids
    looked: list[tuple[set[UUID], bool]] = []
    follow = nodes.follow

    async def noting(ctx: Context, device_ids: Sequence[UUID], since: datetime | None = None) -> int:
        if device_ids and since is not None:
            made = {row["device_id"] for row in await ask(ctx, "select device_id from task")}
            looked.append((set(device_ids), made >= set(device_ids) and since <= ctx.now()))
        return await follow(ctx, device_ids, since)

    monkeypatch.setattr(nodes, "follow", noting)
    await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    assert looked == [({one, two}, True)]
    await ask(ctx, "delete from task")
    named = {"selection": "SPECIFIC", "device_names": flock.names[:1]}
    await a_job(ctx, caller, await a_package(ctx, caller, flock.key, name="small"), flock, **named)
    assert looked[1:] == [({one}, True)]
    package = await a_package(ctx, caller, flock.key, name="standing")
    await jobs.create_job(ctx, caller, dynamic_job(package_id=package, product_key=flock.key, source_versions=("1.5",)))
    await say(ctx, (two, runs("1.5")))
    assert looked[2:] == [({two}, True)]


async def test_following_waits_for_nobody_and_looks_at_no_device_that_did_not_move(
    ctx: Context, caller: Caller, clock: Clock
) -> None:
    flock = await a_fleet(ctx, caller, 2)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    node = await online(ctx, clock, flock)
    await ask(ctx, "update task set node_id = null")
    held, free = flock.ids
    assert await nodes.follow(ctx, flock.ids, since=ctx.now() + nodes.SLOWEST + timedelta(seconds=1)) == 0
    async with ctx.database.connection() as conn, conn.transaction():
        await conn.execute("select from task where device_id = $1 for update", held)
        assert await nodes.follow(ctx, flock.ids, since=ctx.now()) == 1
        assert await holders(ctx, job) == {held: None, free: node}
    assert await nodes.follow(ctx, flock.ids) == 1


# --- two machines whose clocks differ ---


@pytest.mark.parametrize("ahead", [True, False])
@pytest.mark.parametrize("planned", [False, True])
async def test_machines_whose_clocks_differ_by_minutes_lose_no_device_from_a_job(
    ctx: Context, caller: Caller, database: Database, ahead: bool, planned: bool
) -> None:
    """One makes the device, the other the job right after it, whichever of their clocks is ahead; and a device that is
    made after the job has begun is none of its devices."""
    off = timedelta(minutes=5)
    here, there = [Context(each, SharedClock(lambda by=by: utc_now() + by)) for each, by in
                   ((ctx.database, off if ahead else -off), (database, -off if ahead else off))]  # fmt: skip
    for each in (here, there):
        await nodes.Lease(each.database, uuid4(), each.now).keep()
    flock = await a_fleet(here, caller, 3)
    package = await a_package(here, caller, flock.key)
    when = {"scheduled_at": there.now() + timedelta(minutes=10)} if planned else {}
    job = await a_job(there, caller, package, flock, **when)
    last = await devices.create_device(here, caller, c.CreateDevice(product_key=flock.key, name="last"))
    if planned:
        await ask(ctx, "update job set scheduled_at = clock_timestamp()")
        assert await endings.start_planned(there) == 1
    while await fill.fill(here, job):
        pass
    found = {row["name"] for row in await ask(ctx, "select d.name from task join device d using (device_id)")}
    assert set(flock.names) <= found and (last.name in found) is planned
