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


async def test_devices_that_come_are_locked_in_their_order(ctx: Context, caller: Caller) -> None:
    _, ids = await a_flock(ctx, caller)
    arrived = [(device, uuid4(), "127.0.0.1") for device in ids]
    await while_held(ctx, TASK, ids[0], presence.came_online(ctx, uuid4(), arrived), free=ids[1])


async def test_devices_that_go_are_locked_in_their_order(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock, ids = await a_flock(ctx, caller)
    node = await online(ctx, clock, flock)
    await ask(ctx, "update task set description = 'moved again' where device_id = $1", ids[0])
    await ask(ctx, "analyze")
    rows = await ask(ctx, "select device_id, connection_id from presence")
    gone = [(row["device_id"], row["connection_id"]) for row in rows]
    await while_held(ctx, TASK, ids[0], presence.went_offline(ctx, node, gone), free=ids[1])


async def test_a_reset_forgets_versions_before_it_locks_tasks(ctx: Context, caller: Caller) -> None:
    flock, _ = await a_flock(ctx, caller)
    device = flock.ids[0]
    reset = devices.reset_device(
        ctx, caller, c.ResetDevice(device=c.DeviceKey(product_key=flock.key, name=flock.names[0]))
    )
    held = "select from module_version where device_id = $1 for update"
    await while_held(ctx, held, device, reset, free=device)
