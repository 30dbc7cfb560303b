"""Locks are taken in one order, so that reports, comings, goings and resets of the same devices never wait for each
other in a ring: versions before tasks, tasks by device (issue 9, numbers 2 and 5)."""

import asyncio
from collections.abc import Awaitable
from uuid import UUID, uuid4

import pytest
from conftest import Clock
from test_jobs import Fleet, a_filled_job, a_fleet, a_package, ask, online

from upwell.domain import commands as c
from upwell.service.context import Context
from upwell.service.manage import devices
from upwell.service.manage.access import Caller
from upwell.service.upgrade import presence

pytestmark = pytest.mark.asyncio
WAITING = "select count(*) as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
TASK = "select from task where device_id = $1 for update nowait"


async def a_flock(ctx: Context, caller: Caller) -> tuple[Fleet, list[UUID]]:
    """Two devices with a task, of which the later one's lies first in the table, which is read as it lies."""
    flock = await a_fleet(ctx, caller, 2)
    await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    first, second = sorted(flock.ids)
    await ask(ctx, "update task set description = 'moved' where device_id = $1", first)
    await ask(ctx, "analyze")
    return flock, [first, second]


async def while_held(ctx: Context, held: str, device: UUID, work: Awaitable[object], free: UUID) -> None:
    """While a transaction holds a row of a device the work waits for it, and has not locked the task of another yet."""
    async with ctx.database.connection() as conn, conn.transaction():
        assert await conn.fetch(held, device)
        waiting = asyncio.ensure_future(work)
        async with asyncio.timeout(20):
            while (await ask(ctx, WAITING))[0]["n"] == 0:
                await asyncio.sleep(0.02)
        assert len(await conn.fetch(TASK, free)) == 1
    await waiting


async def test_devices_that_come_wait_for_nobody_and_their_tasks_follow(ctx: Context, caller: Caller) -> None:
    _, ids = await a_flock(ctx, caller)
    node, arrived = uuid4(), [(device, uuid4(), "127.0.0.1") for device in ids]
    async with ctx.database.connection() as conn, conn.transaction():
        assert await conn.fetch(TASK, ids[0])
        settled = await presence.came_online(ctx, node, arrived)
        assert (settled.held, settled.behind) == (frozenset(), {ids[0]})
    assert await nodes_of(ctx, ids) == [None, node]
    assert (await presence.follow(ctx, [(arrived[0][0], uuid4())])).behind == frozenset()
    assert await nodes_of(ctx, ids) == [None, node]  # it has come again since, and follows that
    assert (await presence.follow(ctx, [arrived[0][:2]])).behind == frozenset()
    assert await nodes_of(ctx, ids) == [node, node]


async def test_devices_that_go_wait_for_nobody_and_their_tasks_follow(
    ctx: Context, caller: Caller, clock: Clock
) -> None:
    flock, ids = await a_flock(ctx, caller)
    node = await online(ctx, clock, flock)
    rows = await ask(ctx, "select device_id, connection_id from presence")
    gone = [(row["device_id"], row["connection_id"]) for row in rows]
    async with ctx.database.connection() as conn, conn.transaction():
        assert await conn.fetch(TASK, ids[0])
        assert (await presence.went_offline(ctx, node, gone)).behind == {ids[0]}
    assert await nodes_of(ctx, ids) == [node, None]
    await presence.follow(ctx, [(ids[0], None)])
    assert await nodes_of(ctx, ids) == [None, None]


@pytest.mark.parametrize(
    "row",
    ["select from presence where device_id = $1 for update", "select from device where device_id = $1 for update"],
)
async def test_a_device_whose_row_is_held_comes_and_goes_later(ctx: Context, caller: Caller, row: str) -> None:
    _, ids = await a_flock(ctx, caller)
    node, arrived = uuid4(), [(device, uuid4(), "127.0.0.1") for device in ids]
    if "presence" in row:
        await presence.came_online(ctx, uuid4(), [(ids[0], uuid4(), "before")])
    async with ctx.database.connection() as conn, conn.transaction():
        assert await conn.fetch(row, ids[0])
        assert (await presence.came_online(ctx, node, arrived)).held == {ids[0]}
        if "presence" in row:
            assert (await presence.went_offline(ctx, node, [each[:2] for each in arrived])).held == {ids[0]}
            assert await presence.asked(ctx, [(ids[0], "x"), (ids[1], "y")]) == {ids[0]}
    assert (await presence.came_online(ctx, node, arrived)).held == frozenset()
    assert await nodes_of(ctx, ids) == [node, node]


async def nodes_of(ctx: Context, ids: list[UUID]) -> list[UUID | None]:
    rows = await ask(ctx, "select device_id, node_id from task")
    found = {row["device_id"]: row["node_id"] for row in rows}
    return [found[device] for device in ids]


async def test_a_reset_forgets_versions_before_it_locks_tasks(ctx: Context, caller: Caller) -> None:
    flock, _ = await a_flock(ctx, caller)
    device = flock.ids[0]
    reset = devices.reset_device(
        ctx, caller, c.ResetDevice(device=c.DeviceKey(product_key=flock.key, name=flock.names[0]))
    )
    held = "select from module_version where device_id = $1 for update"
    await while_held(ctx, held, device, reset, free=device)
