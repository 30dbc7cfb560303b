"""Jobs filled chunk by chunk: bounded, fair, waiting for nobody; what others hold comes later."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from uuid import UUID

import asyncpg
import pytest
from test_jobs import a_filled_job, a_fleet, a_job, a_package, ask, filled, runs, say, states, tasks
from test_targets import a_group, a_rule

from upwell.domain import commands as c
from upwell.engine.turns import Turns
from upwell.service.context import Context
from upwell.service.manage import group_members, groups, job_views
from upwell.service.manage.access import Caller
from upwell.service.upgrade import fill, spans

pytestmark = pytest.mark.asyncio


@asynccontextmanager
async def held(dsn: str, statement: str, *arguments: object) -> AsyncIterator[asyncpg.Connection]:
    """Another connection that keeps what the statement locks."""
    conn = await asyncpg.connect(dsn)
    transaction = conn.transaction()
    await transaction.start()
    await conn.execute(statement, *arguments)
    try:
        yield conn
    finally:
        await transaction.rollback()
        await conn.close()


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of ten devices."""
    monkeypatch.setattr(fill, "CHUNK", 10)
    monkeypatch.setattr(fill, "MARK_EVERY", 10)
    monkeypatch.setattr(spans, "COUNTED_AT_ONCE", 7)


async def marks_are_true(ctx: Context, job: int) -> bool:
    """Whether each mark says how many tasks are before its own in the list."""
    wrong = await ask(
        ctx,
        "select m.place from job_mark m where m.job_id = $1 and m.place <>"
        " (select count(*) from task t where t.job_id = m.job_id and t.device_id < m.device_id)",
        job,
    )
    return wrong == [] and await ask(ctx, "select 1 from job_mark where job_id = $1", job) != []


async def test_devices_that_others_hold_come_later(ctx: Context, caller: Caller, dsn: str) -> None:
    """Nobody is waited for, nobody is forgotten, and the job is not filled before."""
    flock = await a_fleet(ctx, caller, 55)
    ordered = sorted(flock.ids)
    away = [ordered[0], ordered[4], ordered[23], ordered[54]]
    job = await a_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    async with held(dsn, "select from device where device_id = any($1::uuid[]) for update", away):
        for _ in range(8):
            assert await asyncio.wait_for(fill.fill(ctx, job), 5)
        assert set(await tasks(ctx, job)) == set(flock.ids) - set(away)
        assert (await fill.fill_one(ctx, job)) == fill.Chunk(more=True, moved=False)
    await filled(ctx, job)
    assert set(await tasks(ctx, job)) == set(flock.ids)
    assert job not in await fill.unfilled(ctx) and await marks_are_true(ctx, job)
    assert await ask(ctx, "select 1 from job_missed") == []


@pytest.mark.parametrize("what", ["job", "task"])
async def test_a_lock_of_others_holds_up_no_other_job(
    ctx: Context, caller: Caller, dsn: str, what: str
) -> None:  # fmt: skip
    """Another connection holds the row of one job, or of a task that it is to overwrite."""
    one, other = await a_fleet(ctx, caller, 25), await a_fleet(ctx, caller, 25, name="other")
    package = await a_package(ctx, caller, one.key)
    before = await a_filled_job(ctx, caller, package, one)
    first = await a_job(ctx, caller, package, one, overwrite=True)
    second = await a_job(ctx, caller, await a_package(ctx, caller, other.key, "q"), other)
    turns = a_turner(ctx)
    held_job = first if what == "job" else before
    async with held(dsn, f"select from {what} where job_id = $1 for update", held_job):
        for _ in range(6):
            await asyncio.wait_for(turns.round(await fill.waiting(ctx)), 5)
        assert await states(ctx, second) == {"QUEUED": 25}
        assert await tasks(ctx, first) == {}
    await filled(ctx, first)
    assert await states(ctx, first) == {"QUEUED": 25} and await states(ctx, before) == {"CANCELED": 25}


def a_turner(ctx: Context, fails: int = 0) -> Turns:
    """Turns as the engine takes them; the chunks of one job may fail."""

    async def step(job_id: int) -> fill.Chunk:
        if job_id == fails:
            raise RuntimeError("its rows are broken")
        return await fill.fill_one(ctx, job_id)

    async def tell(job_id: int, is_over: bool) -> None:
        await fill.tell_trouble(ctx, job_id, is_over)

    return Turns(logging.getLogger("test"), "fill", step, tell)


async def test_a_small_job_is_done_with_its_first_turn(ctx: Context, caller: Caller) -> None:
    """Whatever is under way."""
    flock, other = await a_fleet(ctx, caller, 80), await a_fleet(ctx, caller, 4, name="other")
    turns, package = a_turner(ctx), await a_package(ctx, caller, flock.key)
    large = [await a_job(ctx, caller, package, flock) for _ in range(3)]
    for _ in range(3):
        await turns.round(await fill.waiting(ctx))
    small = await a_job(ctx, caller, await a_package(ctx, caller, other.key, "q"), other)
    await turns.round(await fill.waiting(ctx))
    assert len(await tasks(ctx, small)) == 4 and small not in await fill.unfilled(ctx)
    assert set(large) <= set(await fill.unfilled(ctx))
    made = [len(await tasks(ctx, job)) for job in large]
    assert max(made) - min(made) <= 10, "one chunk of each in turn"


async def test_large_jobs_go_on_in_turn_without_a_look_who_else_waits(
    ctx: Context, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a tenth of a second: the look costs as much as a part of a chunk."""
    flock = await a_fleet(ctx, caller, 45)
    package = await a_package(ctx, caller, flock.key)
    large, steps = [await a_job(ctx, caller, package, flock) for _ in range(2)], list[int]()

    async def step(job_id: int) -> fill.Chunk:
        steps.append(job_id)
        return await fill.fill_one(ctx, job_id)

    turns = Turns(logging.getLogger("test"), "fill", step, partial(fill.tell_trouble, ctx))
    waiting = await fill.waiting(ctx)
    monkeypatch.setattr("upwell.engine.turns.ROUNDS_S", 0.0)
    assert await turns.rounds(waiting) and steps == large
    monkeypatch.setattr("upwell.engine.turns.ROUNDS_S", 60.0)
    assert await turns.rounds(await fill.waiting(ctx))
    assert await fill.unfilled(ctx) == [] and not await turns.rounds([])
    assert [len(await tasks(ctx, job)) for job in large] == [45, 45]
    assert all({*pair} == {*large} for pair in zip(steps[::2], steps[1::2], strict=True)), "one chunk of each in turn"


async def test_a_job_that_fails_is_told_and_holds_up_nobody(
    ctx: Context, caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    flock, other = await a_fleet(ctx, caller, 15), await a_fleet(ctx, caller, 15, name="other")
    broken = await a_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    sound = await a_job(ctx, caller, await a_package(ctx, caller, other.key, "q"), other)
    turns = a_turner(ctx, fails=broken)
    for _ in range(3):
        await turns.round(await fill.waiting(ctx))
    assert await states(ctx, sound) == {"QUEUED": 15} and await tasks(ctx, broken) == {}
    told = [r for r in caplog.records if "its rows are broken" in r.getMessage()]
    assert len(told) == 1 and f"job {broken}" in told[0].getMessage(), "it rests, and is told once"
    assert (await job_views.show_job(ctx, caller, c.ShowJob(job_id=broken))).status_desc == fill.TROUBLE_TEXT
    turns._resting[broken].until_s = 0.0
    turns.step = a_turner(ctx).step
    while await turns.round(await fill.waiting(ctx)):
        pass
    assert await states(ctx, broken) == {"QUEUED": 15}
    assert (await job_views.show_job(ctx, caller, c.ShowJob(job_id=broken))).status_desc == ""


@pytest.mark.parametrize("kind", ["static", "dynamic"])
async def test_a_group_of_few_is_looked_for_in_bounded_chunks(ctx: Context, caller: Caller, kind: str) -> None:
    """However few of a span fit, a chunk ends with it."""
    flock, other = await a_fleet(ctx, caller, 35), await a_fleet(ctx, caller, 25, name="other")
    if kind == "static":
        group = await a_group(ctx, caller, other, other.names)
        keys = (c.DeviceKey(product_key=flock.key, name=flock.names[3]),)
        await group_members.add_to_group(ctx, caller, c.AddToGroup(group_id=group, devices=keys))
    else:
        group = await a_rule(ctx, caller, flock.names[3])
    product = (await ask(ctx, "select product_id from product where product_key = $1", flock.key))[0]["product_id"]
    after: UUID | None = None
    found, looks = [], 0
    async with ctx.database.connection() as conn:
        while True:
            span = await spans.span_of_group(conn, group, product, ctx.now(), after, 10)
            found, after, looks = found + span.ids, span.last, looks + 1
            if span.ends:
                break
    assert found == [flock.ids[3]] and looks == (3 if kind == "static" else 4)
    await groups.delete_group(ctx, caller, c.DeleteGroup(group_id=group))
    async with ctx.database.connection() as conn:
        gone = await spans.span_of_group(conn, group, product, ctx.now(), None, 10)
    assert gone.ends and gone.ids == []


async def test_a_share_is_counted_and_taken_in_chunks(ctx: Context, caller: Caller) -> None:
    """L9, however many chunks both take, and with devices that others hold."""
    flock = await a_fleet(ctx, caller, 60)
    await say(ctx, *((d, runs("1.5")) for d in sorted(flock.ids)[:20]))
    package = await a_package(ctx, caller, flock.key)
    job = await a_job(
        ctx, caller, package, flock, selection="GRAY", gray_percent="30", source_versions=("1.0",)
    )  # fmt: skip
    chunks = 1
    while await fill.fill(ctx, job):
        chunks += 1
    assert sorted(await tasks(ctx, job)) == sorted(flock.ids)[20:32] and chunks > 10
    assert await marks_are_true(ctx, job)


async def test_the_marks_of_a_list_are_true(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 64)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    assert await marks_are_true(ctx, job)
    assert len(await ask(ctx, "select 1 from job_mark where job_id = $1", job)) == 6


async def test_a_task_tells_its_birth_though_no_line_of_history_does(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 2)
    package = await a_package(ctx, caller, flock.key)
    first = await a_filled_job(ctx, caller, package, flock, need_confirm=True)
    second = await a_filled_job(ctx, caller, package, flock)  # both are busy
    await say(ctx, (flock.ids[0], runs("2.0")))
    story = "select event, from_state, to_state from task_history where job_id = $1 and device_id = $2 order by rev"
    begun = {"event": "created", "from_state": None, "to_state": "CONFIRM"}
    arrived = {"event": "arrived", "from_state": "CONFIRM", "to_state": "SUCCEEDED"}
    assert await ask(ctx, story, first, flock.ids[0]) == [begun, arrived]
    assert await ask(ctx, story, first, flock.ids[1]) == [begun]
    assert await ask(ctx, story, second, flock.ids[1]) == [{**begun, "to_state": "FAILED"}]
