"""How tasks are taken by who must not wait, and counted by who changes them (ADR 0024)."""

import pytest
from test_jobs import a_filled_job, a_fleet, a_package, ask

from upwell.domain.task import Event, State, step
from upwell.service.context import Context
from upwell.service.manage.access import Caller
from upwell.service.upgrade import acts, counters
from upwell.service.upgrade.tasks import lock_open, take_open

pytestmark = pytest.mark.asyncio
ALONE = "select pg_try_advisory_xact_lock(~$1::bigint)"


async def test_a_device_whose_task_somebody_has_is_held_and_the_others_are_taken(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 3)
    await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    async with ctx.database.connection() as other, other.transaction():
        await other.execute("select from task where device_id = $1 for update", flock.ids[1])
        async with ctx.database.connection() as conn, conn.transaction():
            taken = await take_open(conn, flock.ids, ctx.now())
            assert (taken.tasks.keys(), taken.held) == ({flock.ids[0], flock.ids[2]}, {flock.ids[1]})
    async with ctx.database.connection() as conn, conn.transaction():
        assert (await take_open(conn, flock.ids, ctx.now())).tasks.keys() == set(flock.ids)


async def test_nobody_acts_on_a_job_whose_tasks_are_taken_and_none_is_taken_meanwhile(
    ctx: Context, caller: Caller
) -> None:
    flock = await a_fleet(ctx, caller, 2)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    async with ctx.database.connection() as one, ctx.database.connection() as two:
        for take in (take_open, lock_open):
            async with one.transaction(), two.transaction():
                assert (await take(one, flock.ids, ctx.now())).tasks.keys() == set(flock.ids)
                assert await acts.share(two, [job]) == set()  # others may take theirs
            async with one.transaction(), two.transaction():
                await take(one, flock.ids[:1], ctx.now())
                assert await two.fetchval(ALONE, job) is False
        async with one.transaction(), two.transaction():
            assert await one.fetchval(ALONE, job) is True
            taken = await take_open(two, flock.ids, ctx.now())
            assert (taken.tasks, taken.held) == ({}, set(flock.ids)) and await acts.share(two, [job, 1]) == {job}


async def test_what_is_written_down_is_counted_once_however_often_it_changed(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 2)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)

    async def deliver_and_progress(save: bool) -> None:
        async with ctx.database.connection() as conn, conn.transaction():
            taken = await take_open(conn, flock.ids[:1], ctx.now())
            [task] = taken.tasks[flock.ids[0]]
            for event in (Event.DELIVERED, Event.PROGRESSED):
                after, change = step(task, event)
                taken.ledger.note(task, after, change)
                task = after
            if save:
                await taken.ledger.save(conn, ctx.now())

    async with ctx.database.connection() as conn:
        await deliver_and_progress(save=False)
        assert await counters.totals(conn, [job, 7]) == {job: {State.QUEUED: 2}, 7: {}}
        await deliver_and_progress(save=True)
        assert await counters.totals(conn, [job]) == {job: {State.QUEUED: 1, State.IN_PROGRESS: 1}}
        assert (await counters.tallies(conn, [job]))[job].total == 2


async def test_the_rows_of_all_connections_are_folded_into_one_a_place(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 4)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    async with ctx.database.connection() as one, ctx.database.connection() as two:
        for conn, device in zip((one, two, one), flock.ids, strict=False):
            async with conn.transaction():
                taken = await take_open(conn, [device], ctx.now())
                [task] = taken.tasks[device]
                taken.ledger.note(task, *step(task, Event.DELIVERED))
                await taken.ledger.save(conn, ctx.now())
        async with one.transaction():  # who writes at this moment is not waited for
            await counters.move(one, {counters.Place(job, 0, 0, "QUEUED", False, False, False, ""): 0})
            await one.execute("select from job_count where lane = pg_backend_pid() for update")
            assert await counters.fold(two, 0, 1) == job
            assert await counters.totals(two, [job]) == {job: {State.QUEUED: 1, State.NOTIFIED: 3}}
        assert await counters.fold(two, 0, 1) == job
        assert await counters.fold(two, 0, 1) is None and await counters.fold(two, job, 9) is None
    rows = await ask(ctx, "select lane, state, n from job_count order by state")
    assert [tuple(row.values()) for row in rows] == [(0, "NOTIFIED", 3), (0, "QUEUED", 1)]
