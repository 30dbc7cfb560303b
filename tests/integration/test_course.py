"""How a job stood from time to time, looked at by its counters; and its failures run again a kind at a time."""

from datetime import timedelta
from typing import Any

import pytest
from conftest import Clock
from test_failures import a_broken_job, told
from test_jobs import ask, runs, say

from upwell.domain import commands as c
from upwell.domain.errors import NotFound
from upwell.service.context import Context
from upwell.service.manage import job_course, steering
from upwell.service.manage.access import Caller
from upwell.service.upgrade import course

pytestmark = pytest.mark.asyncio


async def seen(ctx: Context, caller: Caller, job: int) -> list[tuple[int, ...]]:
    looks = await job_course.list_course(ctx, caller, c.ListCourse(job_id=job))
    return [(each.waiting, each.at_work, each.succeeded, each.failed, each.canceled) for each in looks]


async def test_a_look_is_written_where_something_is_another_and_the_last_is_not_just_now(
    ctx: Context, caller: Caller, stranger: Caller, clock: Clock
) -> None:
    job, ids = await a_broken_job(ctx, caller, clock)
    looking, other = course.Looking(), course.Looking()
    await looking.look(ctx)
    await other.look(ctx)  # another process
    assert await seen(ctx, caller, job) == [(2, 0, 0, 6, 0)]
    await say(ctx, (ids[6], runs("2.0")))
    await looking.look(ctx)
    assert len(await seen(ctx, caller, job)) == 1, "it was just now"
    clock.move(seconds=6)
    await other.look(ctx)
    clock.move(seconds=6)
    await looking.look(ctx)
    assert await seen(ctx, caller, job) == [(2, 0, 0, 6, 0), (1, 0, 1, 6, 0)], "as it stood it stands"
    with pytest.raises(NotFound):
        await seen(ctx, stranger, job)


async def test_a_job_of_a_month_has_less_than_a_thousand_looks(ctx: Context, caller: Caller, clock: Clock) -> None:
    job, _ = await a_broken_job(ctx, caller, clock)
    began, at = clock(), 0.0
    async with ctx.upkeep.connection() as conn:
        while at < 30 * 86_400:
            n = {place: [round(at)] for place in course.PLACES}
            now = began + timedelta(seconds=at)
            await conn.execute(*course.SQL["note"](job_ids=[job], now=now, step=course.STEP, parts=course.PARTS, **n))
            at += 1 + at / 150
    [row] = await ask(ctx, "select count(*) as n, min(at) as first, max(at) as last from job_course")
    assert 300 < row["n"] < course.LOOKS_MAX and row["last"] - row["first"] > timedelta(days=29)
    looks = await seen(ctx, caller, job)
    assert len(looks) <= job_course.TOLD_MAX


async def test_of_a_kind_those_run_again_that_failed_so(ctx: Context, caller: Caller, clock: Clock) -> None:
    job, _ = await a_broken_job(ctx, caller, clock)
    before = await told(ctx, caller, job)
    kind = next(each for each in before if each.reason == "no_space")

    async def again(**which: Any) -> int:
        return (await steering.repeat_tasks(ctx, caller, c.RepeatTasks(job_id=job, whole=True, **which))).changed

    assert await again(failure=kind.kind) == 2
    states = await ask(ctx, "select state, count(*) as n from task where job_id = $1 group by 1 order by 1", job)
    assert {row["state"]: row["n"] for row in states}["FAILED"] == 4
    assert [each for each in before if each is not kind] == await told(ctx, caller, job)
    assert await again(failure=kind.kind) == 0 and await again(failure=12345) == 0
    assert await again() == 4 and await told(ctx, caller, job) == []
