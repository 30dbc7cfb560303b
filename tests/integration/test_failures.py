"""Failures of a job by what they have in common: counted as tasks fail and run again, whoever makes them. That the
counters say what the tasks say is looked at after every test (`counting`)."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from conftest import Clock
from test_jobs import Wire, a_filled_job, a_fleet, a_package, ask, link, progress, runs, say, tasks

from upwell.domain import commands as c
from upwell.domain import failing
from upwell.domain.errors import NotFound
from upwell.domain.talk import ResultReport, TaskRef
from upwell.service.context import Context
from upwell.service.manage import failure_views, steering
from upwell.service.manage.access import Caller
from upwell.service.upgrade import dispatch, failures, presence, recount, retention

pytestmark = pytest.mark.asyncio


async def told(ctx: Context, caller: Caller, job: int) -> list[c.Failures]:
    return list(await failure_views.list_failures(ctx, caller, c.ListFailures(job_id=job)))


def counts(found: list[c.Failures]) -> dict[tuple[Any, ...], int]:
    return {(each.reason, each.code, each.source_version, each.vendor): each.count for each in found}


async def offered(ctx: Context, clock: Clock, ids: list[UUID], vendors: dict[UUID, str]) -> None:
    node = uuid4()
    await presence.came_online(ctx, node, [(d, uuid4(), "127.0.0.1") for d in ids], vendors)
    clock.move(seconds=3)
    await dispatch.offer(ctx, await dispatch.due(ctx, node, 500), link, Wire(), due_by=ctx.now())


def result(code: int) -> ResultReport:
    return ResultReport(outcome="failed", code=code, reason="no_space", progress=None, version="", desc="full")


async def a_broken_job(ctx: Context, caller: Caller, clock: Clock) -> tuple[int, list[UUID]]:
    """Eight devices: three failed to download, two of them from 1.1, two had no space, one strayed, two go on."""
    flock = await a_fleet(ctx, caller, 8)
    ids = sorted(flock.ids)
    await say(ctx, *((d, runs("1.1")) for d in ids[1:3]))
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    await offered(ctx, clock, ids, dict.fromkeys(ids[:5], "alibaba") | dict.fromkeys(ids[5:], "huawei"))
    await say(ctx, *((d, progress(-2, desc=f"no route {n}")) for n, d in enumerate(ids[:3])))
    await say(ctx, *((d, result(255)) for d in ids[3:5]))
    await say(ctx, (ids[5], runs("0.9")))
    return job, ids


async def test_failures_are_told_by_what_they_have_in_common(
    ctx: Context, caller: Caller, stranger: Caller, clock: Clock
) -> None:
    job, ids = await a_broken_job(ctx, caller, clock)
    expected = {
        ("download_failed", None, "1.1", "alibaba"): 2,
        ("no_space", 255, "1.0", "alibaba"): 2,
        ("download_failed", None, "1.0", "alibaba"): 1,
        ("version_not_conform", None, "1.0", "huawei"): 1,  # it came from there
    }
    for _ in range(2):
        found = await told(ctx, caller, job)
        assert counts(found) == expected and [each.count for each in found] == [2, 2, 1, 1]
        [one] = [each for each in found if each.reason == "download_failed" and each.source_version == "1.0"]
        [example] = one.examples
        [row] = await ask(ctx, "select name from device where device_id = $1", ids[0])
        assert (example.description, example.public_id[-len(row["name"]) :]) == ("no route 0", row["name"])
        assert {len(each.examples) for each in found if each.count == 2} == {2}
        await failures.fold_all(ctx)
    assert await ask(ctx, "select lane from failure_count where lane <> 0") == []
    assert [line async for line in recount.differences(ctx) if line] == []
    with pytest.raises(NotFound):
        await told(ctx, stranger, job)
    await say(ctx, (ids[0], progress(-2)), (ids[1], runs("9.9")))  # it is over
    assert counts(await told(ctx, caller, job)) == expected


async def test_tasks_that_run_again_have_failed_no_longer(ctx: Context, caller: Caller, clock: Clock) -> None:
    job, ids = await a_broken_job(ctx, caller, clock)
    again = tuple(TaskRef(device_id=d, job_id=job) for d in ids[1:4])
    await steering.repeat_tasks(ctx, caller, c.RepeatTasks(job_id=job, tasks=again))
    found = await told(ctx, caller, job)
    assert counts(found) == {
        ("no_space", 255, "1.0", "alibaba"): 1,
        ("download_failed", None, "1.0", "alibaba"): 1,
        ("version_not_conform", None, "1.0", "huawei"): 1,
    }
    assert all(len(each.examples) == 1 for each in found), "who runs again is no example"
    assert {each["failure"] for d, each in (await tasks(ctx, job)).items() if d in ids[1:4]} == {None}
    await failures.fold_all(ctx)
    assert len(await ask(ctx, "select kind from failure_count")) == 3, "what nobody fails of has no row"


async def test_rows_that_only_lower_are_folded_too(ctx: Context, caller: Caller, clock: Clock) -> None:
    """They have no example, and the rest of the kind is folded already."""
    job, ids = await a_broken_job(ctx, caller, clock)
    await failures.fold_all(ctx)
    again = tuple(TaskRef(device_id=d, job_id=job) for d in ids[1:4])
    await steering.repeat_tasks(ctx, caller, c.RepeatTasks(job_id=job, tasks=again))
    before = counts(await told(ctx, caller, job))
    await failures.fold_all(ctx)
    assert counts(await told(ctx, caller, job)) == before
    assert await ask(ctx, "select lane from failure_count where lane <> 0") == []


async def test_kinds_are_bounded_and_the_rest_counted_together(
    ctx: Context, caller: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failing, "KINDS_MAX", 2)
    job, ids = await a_broken_job(ctx, caller, clock)
    found = await told(ctx, caller, job)
    assert len(found) == 3 and found[-1].reason == "" and found[-1].count == 6 - sum(f.count for f in found[:-1])
    assert found[-1].examples
    everyone = tuple(TaskRef(device_id=d, job_id=job) for d in ids[:6])
    await steering.repeat_tasks(ctx, caller, c.RepeatTasks(job_id=job, tasks=everyone))
    assert await told(ctx, caller, job) == []


async def test_tasks_that_are_born_failed_are_counted_and_forgotten_ones_are_not(
    ctx: Context, caller: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock = await a_fleet(ctx, caller, 4)
    await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    other = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key, "more", version="3.0"), flock)
    assert counts(await told(ctx, caller, other)) == {("device_busy", None, "1.0", ""): 4}
    monkeypatch.setattr(retention, "RESTS", 0)
    await ask(ctx, "update job set status = 'COMPLETED', ended_at = $1 where job_id = $2", ctx.now(), other)
    clock.move(days=400)
    while await retention.forget(ctx):
        pass
    assert await told(ctx, caller, other) == []


async def test_what_failed_before_kinds_were_counted_is_counted_some_at_a_time(
    ctx: Context, caller: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, _ = await a_broken_job(ctx, caller, clock)
    before = counts(await told(ctx, caller, job))
    await ask(ctx, "update task set failure = null where failure is not null")
    await ask(ctx, "update sweep set is_over = false, block = 0 where what = 'failures'")
    [others] = await told(ctx, caller, job)
    assert (others.reason, others.count) == ("", 6)
    monkeypatch.setattr(failures, "OLD_AT_ONCE", 2)
    turns = 0
    while await failures.count_old(ctx):
        turns += 1
    assert turns >= 3
    found = counts(await told(ctx, caller, job))
    assert sum(found.values()) == 6
    strayed = ("version_not_conform", None, "0.9", "huawei")  # whence it came is not known any more
    assert found.keys() - before.keys() == {strayed} and not await failures.count_old(ctx)
