"""What is over is forgotten in time, in chunks: nothing else is, and what is told adds up at any moment."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from conftest import Clock
from counting import miscounted
from test_jobs import Fleet, Wire, a_filled_job, a_fleet, a_package, ask, link, online, progress, runs, say
from tests.job_commands import dynamic_job

from upwell.domain import commands as c
from upwell.domain.commands.lists import Slice
from upwell.domain.errors import NotFound
from upwell.service.context import Context
from upwell.service.manage import devices, job_views, jobs, registration, task_views
from upwell.service.manage.access import Caller
from upwell.service.upgrade import counters, dispatch, endings, retention


async def forgotten(ctx: Context, rounds: int = 200) -> int:
    """Forget whatever may be, as the server does; how many chunks that took."""
    for chunk in range(rounds):
        if not await retention.forget(ctx):
            return chunk
    raise AssertionError("it does not come to an end")


async def count(ctx: Context, table: str, which: str = "true", *arguments: object) -> int:
    [row] = await ask(ctx, f"select count(*) as n from {table} where {which}", *arguments)
    return int(row["n"])


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "RESTS", 0)


async def an_ended_job(ctx: Context, caller: Caller, clock: Clock, flock: Fleet, name: str = "pack") -> int:
    """Its devices have upgraded."""
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key, name), flock)
    node = await online(ctx, clock, flock)
    due = await dispatch.due(ctx, node, 500)
    await dispatch.offer(ctx, due, link, Wire(), due_by=ctx.now())
    await say(ctx, *((d, progress(50)) for d in flock.ids))
    await say(ctx, *((d, runs("2.0")) for d in flock.ids))
    await endings.end_finished(ctx)
    return job


async def test_tasks_of_ended_jobs_go_a_year_after_with_their_history_and_counts(
    ctx: Context, caller: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "CHUNK", 3)
    flock = await a_fleet(ctx, caller, 10)
    job = await an_ended_job(ctx, caller, clock, flock)
    lines = await count(ctx, "task_change")
    assert lines >= 20
    clock.move(days=364)
    await forgotten(ctx)
    assert (await count(ctx, "task"), await count(ctx, "task_change")) == (10, lines)
    clock.move(days=2)
    left = []
    for _ in range(20):
        more = await retention.forget(ctx)
        left.append(await count(ctx, "task"))
        async with ctx.database.connection() as conn:
            told = (await counters.totals(conn, [job]))[job]
        assert sum(told.values()) == left[-1] and not await miscounted(ctx)
        if not more:
            break
    assert left[:4] == [7, 4, 1, 0] and not more
    assert await count(ctx, "task_change") == 0
    shown = await job_views.show_job(ctx, caller, c.ShowJob(job_id=job))
    assert shown.status == "COMPLETED"
    page = await task_views.list_tasks(ctx, caller, c.ListTasks(job_id=job, asked=Slice.of_page(1, 10)))
    assert page.items == () and page.total == 0


async def test_what_is_not_over_stays(ctx: Context, caller: Caller, clock: Clock) -> None:
    """Tasks of a job that runs, of a standing rule, and of a job that ended long ago but had a task run again since."""
    flock = await a_fleet(ctx, caller, 4)
    old = await an_ended_job(ctx, caller, clock, flock)
    clock.move(days=400)
    package = await a_package(ctx, caller, flock.key, "next", version="3.0")
    running = await a_filled_job(ctx, caller, package, flock)
    rule = (
        await jobs.create_job(
            ctx, caller,
            dynamic_job(package_id=await a_package(ctx, caller, flock.key, "rule", version="9"), product_key=flock.key),
        )
    ).job_id  # fmt: skip
    before = {job: await count(ctx, "task", "job_id = $1", job) for job in (running, rule)}
    await forgotten(ctx)
    assert await count(ctx, "task", "job_id = $1", old) == 0
    clock.move(days=800)
    await forgotten(ctx)
    assert before == {job: await count(ctx, "task", "job_id = $1", job) for job in (running, rule)}


async def test_a_job_that_is_opened_again_keeps_its_tasks(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 3)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    await say(ctx, *((d, progress(-1)) for d in flock.ids))
    await endings.end_finished(ctx)
    states = {row["state"] for row in await ask(ctx, "select state from task where job_id = $1", job)}
    await ask(ctx, "update job set status = 'IN_PROGRESS', ended_at = null where job_id = $1", job)
    clock.move(days=400)
    await forgotten(ctx)
    assert await count(ctx, "task", "job_id = $1", job) == 3, states


async def test_younger_tasks_of_an_old_job_are_looked_at_again(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 3)
    job = await an_ended_job(ctx, caller, clock, flock)
    clock.move(days=300)
    await ask(ctx, "update task set modified_at = $2 where device_id = $1", flock.ids[0], clock())
    clock.move(days=70)
    await forgotten(ctx)
    assert await count(ctx, "task", "job_id = $1", job) == 1
    clock.move(days=310)
    await forgotten(ctx)
    assert await count(ctx, "task", "job_id = $1", job) == 0 and not await count(ctx, "task_change")


async def test_rows_that_others_hold_are_neither_waited_for_nor_lost(
    ctx: Context, caller: Caller, clock: Clock
) -> None:
    flock = await a_fleet(ctx, caller, 3)
    job = await an_ended_job(ctx, caller, clock, flock)
    clock.move(days=366)
    async with ctx.database.connection() as conn, conn.transaction():
        await conn.execute("select from task where device_id = $1 for update", flock.ids[1])
        await asyncio.wait_for(forgotten(ctx), 20)
    assert await count(ctx, "task", "job_id = $1", job) == 1
    clock.move(days=31)
    await forgotten(ctx)
    assert await count(ctx, "task", "job_id = $1", job) == 0


async def test_two_processes_forget_at_once(
    ctx: Context, caller: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "CHUNK", 2)
    flock = await a_fleet(ctx, caller, 15)
    first = await an_ended_job(ctx, caller, clock, flock)
    clock.move(days=366)
    await asyncio.gather(*(forgotten(ctx) for _ in range(4)))
    assert not await count(ctx, "task", "job_id = $1", first) and not await miscounted(ctx)


async def test_old_lines_of_a_task_that_stays(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 5)
    await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    node = await online(ctx, clock, flock)
    await dispatch.offer(ctx, await dispatch.due(ctx, node, 500), link, Wire(), due_by=ctx.now())
    await say(ctx, *((d, progress(50)) for d in flock.ids))
    first = await count(ctx, "task_change")
    assert first >= 5
    clock.move(days=300)
    await forgotten(ctx)
    await say(ctx, *((d, runs("2.0")) for d in flock.ids))
    assert await count(ctx, "task_change") == first + 5
    clock.move(days=70)
    await forgotten(ctx)
    assert [row["to_state"] for row in await ask(ctx, "select to_state from task_change")] == ["SUCCEEDED"] * 5
    clock.move(days=300)
    await forgotten(ctx)
    assert not await count(ctx, "task_change") and await count(ctx, "task") == 5


async def test_the_history_is_read_in_parts_and_only_when_something_may_be_old(
    ctx: Context, caller: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BLOCKS", 2)
    monkeypatch.setattr(retention, "CHUNK", 50)
    lines = """insert into task_change (device_id, job_id, nth, rev, at, event, to_state, detail)
               select md5(n::text)::uuid, 1, 0, 1, $1, 'reported', 'QUEUED', repeat('x', 200)
               from generate_series($2::int, $3::int) n"""
    await ask(ctx, lines, clock() - timedelta(days=500), 1, 300)
    await ask(ctx, lines, clock() - timedelta(days=100), 301, 600)
    assert await forgotten(ctx) > 300 // 50
    assert await count(ctx, "task_change") == 300
    assert await forgotten(ctx) == 0, "nothing can be old before the oldest that was left is"
    clock.move(days=200)
    assert await forgotten(ctx) == 0
    clock.move(days=66)
    assert await forgotten(ctx) > 300 // 50 and not await count(ctx, "task_change")


async def test_batches_and_tombstones(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 4)
    [apply_id] = [row["apply_id"] for row in await ask(ctx, "select apply_id from registration")]
    job = await an_ended_job(ctx, caller, clock, flock)
    gone = [await devices.show_device(ctx, caller, c.ShowDevice(device=key)) for key in keys(flock)[:2]]
    for key in keys(flock)[:2]:
        await devices.delete_device(ctx, caller, c.DeleteDevice(device=key))
    clock.move(days=364)
    await forgotten(ctx)
    await registration.show_registration(ctx, caller, c.ShowRegistration(product_key=flock.key, apply_id=apply_id))
    assert await count(ctx, "device", "deleted_at is not null") == 2
    clock.move(days=2)
    await forgotten(ctx)
    with pytest.raises(NotFound):
        await registration.show_registration(ctx, caller, c.ShowRegistration(product_key=flock.key, apply_id=apply_id))
    assert not await count(ctx, "registered") and not await count(ctx, "task", "job_id = $1", job)
    clock.move(days=1, minutes=1)
    await forgotten(ctx)
    assert (await count(ctx, "device", "deleted_at is not null"), await count(ctx, "device")) == (0, 2)
    again = await devices.create_device(ctx, caller, c.CreateDevice(product_key=flock.key, name=gone[0].name))
    assert again.iot_id not in [device.iot_id for device in gone]


def keys(flock: Fleet) -> list[c.DeviceKey]:
    return [c.DeviceKey(product_key=flock.key, name=name) for name in flock.names]


async def test_a_tombstone_stays_as_long_as_a_task_of_it(
    ctx: Context, caller: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "CHUNK", 1)
    flock = await a_fleet(ctx, caller, 3)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    for key in keys(flock)[:2]:
        await devices.delete_device(ctx, caller, c.DeleteDevice(device=key))
    clock.move(days=800)
    await forgotten(ctx)
    assert await count(ctx, "device") == 3
    await ask(ctx, "delete from task where job_id = $1 and device_id = $2", job, flock.ids[0])
    clock.move(days=2)
    await forgotten(ctx)
    assert await count(ctx, "device") == 2


async def test_for_ever(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 2)
    await an_ended_job(ctx, caller, clock, flock)
    clock.move(days=20_000)
    assert await forgotten(replace(ctx, kept=None)) == 0
    assert await count(ctx, "task") == 2 and await count(ctx, "registration") == 1
    assert await forgotten(replace(ctx, kept=timedelta(days=1))) > 0
    assert not await count(ctx, "task")


async def test_a_kill_amid_forgetting_loses_and_repeats_nothing(
    ctx: Context, caller: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever statement of a chunk fails, the chunk was not, and the next one goes on."""
    monkeypatch.setattr(retention, "CHUNK", 2)
    flock = await a_fleet(ctx, caller, 7)
    await an_ended_job(ctx, caller, clock, flock)
    clock.move(days=366)
    move, failed = counters.move, 0

    async def fails(*given: object) -> None:
        nonlocal failed
        failed += 1
        if failed % 2:
            raise ArithmeticError
        await move(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(counters, "move", fails)
    for _ in range(40):
        try:
            if not await retention.forget(ctx):
                break
        except ArithmeticError:
            assert not await miscounted(ctx)
    assert not await count(ctx, "task") and not await miscounted(ctx) and failed > 6
