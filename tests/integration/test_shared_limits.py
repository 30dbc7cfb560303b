"""Limits of an account and a product over all their jobs: exact whoever offers, and shared so that no job starves (ADR
0052)."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from conftest import Clock
from offering import offering, sent_by
from test_jobs import Fleet, Wire, a_filled_job, a_fleet, a_package, ask, link, online, refs, runs, say
from test_pacing import taken_off
from test_plan import planned
from tests.job_commands import static_job

from upwell.domain import commands as c
from upwell.domain.errors import Denied, NotFound
from upwell.domain.pace import Pace
from upwell.service.context import Context
from upwell.service.manage import limiting, whys
from upwell.service.manage.access import Caller
from upwell.service.upgrade import dispatch, granting, limits
from upwell.storage.database import Database

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def other(dsn: str, clock: Clock) -> AsyncIterator[Context]:
    """A second process on the same database."""
    database = Database(dsn)
    await database.open()
    yield Context(database, clock)
    await database.close()


async def limit(ctx: Context, caller: Caller, flock: Fleet | None = None, **given: int) -> c.Limits:
    key = None if flock is None else flock.key
    return await limiting.set_limits(ctx, caller, c.SetLimits(product_key=key, **given))


async def of_some(ctx: Context, caller: Caller, flock: Fleet, part: slice, **more: Any) -> int:
    """A job of some of the devices."""
    package = await a_package(ctx, caller, flock.key, uuid4().hex)
    return await a_filled_job(ctx, caller, package, flock, selection="SPECIFIC", device_names=flock.names[part], **more)


async def push(ctx: Context, node: UUID) -> Counter[int]:
    """How many offers of each job the next turn sends."""
    wire = Wire()
    await dispatch.offer(ctx, await dispatch.due(ctx, node, 200), link, wire, due_by=ctx.now())
    return Counter(each.offer.task.job_id for each in wire.sent)


async def pass_time(ctx: Context, seconds: int) -> None:
    for table in ("pace", "fleet_pace"):
        await ask(ctx, f"update {table} set granted_at = granted_at - make_interval(secs => $1)", seconds)


@pytest.mark.parametrize("of_account", [False, True])
async def test_two_processes_and_two_jobs_share_one_limit(
    ctx: Context, other: Context, caller: Caller, clock: Clock, of_account: bool
) -> None:
    flock = await a_fleet(ctx, caller, 60)
    jobs = [await of_some(ctx, caller, flock, part) for part in (slice(30), slice(30, 60))]
    node, wire = await online(ctx, clock, flock), Wire()
    await limit(ctx, caller, None if of_account else flock, maximum_per_min=6)
    sends: list[tuple[int, int]] = []
    for second in range(0, 180, 6):
        wanted = await dispatch.due(ctx, node, 200)
        before = len(wire.sent)
        await asyncio.gather(*(dispatch.offer(x, wanted, link, wire) for x in (ctx, other, ctx, other)))
        sends.append((second, len(wire.sent) - before))
        await pass_time(ctx, 6)
    for begin, _ in sends:
        assert sum(n for at, n in sends if begin <= at < begin + 60) <= 6
    by_job = Counter(each.offer.task.job_id for each in wire.sent)
    assert by_job.total() >= 12 and abs(by_job[jobs[0]] - by_job[jobs[1]]) <= 2, by_job
    assert (await ask(ctx, "select sum(offers) as n from fleet_pace"))[0]["n"] <= 18
    assert [row["n"] for row in await ask(ctx, "select sum(offers) as n from pace group by job_id")] != []


async def test_a_product_within_its_account(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock, fans = await a_fleet(ctx, caller, 20), await a_fleet(ctx, caller, 20, name="fan")
    first, second = await of_some(ctx, caller, flock, slice(20)), await of_some(ctx, caller, fans, slice(20))
    await limit(ctx, caller, maximum_per_min=10)
    await limit(ctx, caller, flock, maximum_per_min=3)
    nodes = [await online(ctx, clock, each) for each in (flock, fans)]
    sent = await push(ctx, nodes[0])
    assert sent == {first: 3}
    assert await push(ctx, nodes[1]) == {second: 7}, "what the account has left"
    told = await limiting.show_limits(ctx, caller, c.ShowLimits())
    assert (told.maximum_per_min, told.spent) == (10, 10)
    told = await limiting.show_limits(ctx, caller, c.ShowLimits(product_key=flock.key))
    assert (told.maximum_per_min, told.spent, told.at_once) == (3, 3, None)


async def test_a_job_that_was_kept_back_has_its_part_held(ctx: Context, caller: Caller, clock: Clock) -> None:
    """Each is on a node of its own; the greedy one asks first, again and again."""
    flock = await a_fleet(ctx, caller, 60)
    greedy, shy = [await of_some(ctx, caller, flock, part) for part in (slice(30), slice(30, 60))]
    await limit(ctx, caller, flock, maximum_per_min=6)
    node, late = await online(ctx, clock, flock), uuid4()
    await ask(ctx, "update task set node_id = $1 where job_id = $2", late, shy)
    assert await push(ctx, node) == {greedy: 6}, "nobody else wants any"
    offered = await all_of(ctx, shy)
    await dispatch.offer(ctx, offered, link, Wire())
    sent: Counter[int] = Counter()
    for _ in range(12):
        await pass_time(ctx, 11)
        sent += await push(ctx, node)
        sent += Counter(each.offer.task.job_id for each in await told(ctx, offered))
        assert sent.total() <= 6 * 4
    assert sent[shy] >= 6 and sent[greedy] >= 6, sent


async def all_of(ctx: Context, job: int) -> list[Any]:
    rows = await ask(ctx, "select device_id from task where job_id = $1 order by device_id", job)
    return refs(job, [UUID(int=row["device_id"].int) for row in rows])


async def told(ctx: Context, tasks: list[Any]) -> list[dispatch.Addressed]:
    wire = Wire()
    await dispatch.offer(ctx, tasks, link, wire)
    return wire.sent


async def test_what_was_not_sent_is_given_back(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 8)
    await of_some(ctx, caller, flock, slice(8))
    await limit(ctx, caller, flock, maximum_per_min=4)
    node = await online(ctx, clock, flock)
    await dispatch.offer(ctx, await dispatch.due(ctx, node, 9), link, lambda addressed: None)
    assert (await limiting.show_limits(ctx, caller, c.ShowLimits(product_key=flock.key))).spent == 0
    clock.move(seconds=2)
    assert (await push(ctx, node)).total() == 4
    await pass_time(ctx, 200)
    await granting.forget_grants(ctx)
    await limits.forget(ctx)
    assert await ask(ctx, "select * from fleet_pace") == []


async def test_two_processes_keep_devices_at_work_below_a_limit(
    ctx: Context, caller: Caller, clock: Clock, dsn: str
) -> None:
    count, at_once = 60, 7
    flock = await a_fleet(ctx, caller, count, version=None)
    fast = {"maximum_per_min": 60_000_000}
    jobs = [await of_some(ctx, caller, flock, part, **fast) for part in (slice(30), slice(30, 60))]
    await limit(ctx, caller, flock, at_once=at_once)
    node = await online(ctx, clock, flock)
    await ask(ctx, "update task set due_at = now() - interval '1 minute'")
    connection, ended = uuid4(), 0
    async with offering(dsn, node, at_once=20) as processes:
        deadline = clock.moment + timedelta(minutes=10)
        while ended < count and clock() < deadline:
            await sent_by(processes)
            rows = await ask(ctx, "select device_id from task where job_id = any($1) and offered_at is not null "
                                  "and state in ('QUEUED', 'NOTIFIED', 'IN_PROGRESS')", jobs)  # fmt: skip
            assert len(rows) <= at_once
            await say(ctx, *((row["device_id"], runs("2.0")) for row in rows), connection=connection)
            ended += len(rows)
            await taken_off(ctx)
            await limits.recount(ctx)
        assert len(set(await sent_by(processes))) == count
    assert (await limiting.show_limits(ctx, caller, c.ShowLimits(product_key=flock.key))).running == 0


async def test_why_names_it_and_a_plan_respects_it(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 40)
    package = await a_package(ctx, caller, flock.key, "planned", version="3.0")
    await limit(ctx, caller, flock, maximum_per_min=2)
    plan = await planned(ctx, caller, static_job(package_id=package, product_key=flock.key, selection="ALL"))
    assert plan.minutes == 20
    job = await of_some(ctx, caller, flock, slice(40))
    node = await online(ctx, clock, flock)
    await push(ctx, node)
    kept = [
        await whys.explain_device(
            ctx, caller, c.ExplainDevice(device=c.DeviceKey(product_key=flock.key, name=name), job_id=job)
        )
        for name in flock.names
    ]
    limited = [each for each in kept if each.code == "rate_limited"]
    assert len(limited) == 38
    [check] = [each for each in limited[0].checks if each.code == "rate_limited"]
    assert check.fact.startswith("the product's 2 offers a minute are spent by its rollouts together, next in about ")
    assert limited[0].at is not None
    await limit(ctx, caller, flock, at_once=1)
    await ask(ctx, "update fleet_limit set running = 1")
    told = await whys.explain_device(
        ctx, caller, c.ExplainDevice(device=c.DeviceKey(public_id=limited[0].device), job_id=job)
    )
    assert told.code == "rate_limited"
    assert "the product's 1 devices are at work" in next(each.fact for each in told.checks if each.code)


async def test_who_may_set_them(ctx: Context, caller: Caller, stranger: Caller) -> None:
    flock = await a_fleet(ctx, caller, 1)
    with pytest.raises(Denied):
        await limit(ctx, replace(caller, role="operator"), flock, maximum_per_min=1)
    with pytest.raises(NotFound):
        await limit(ctx, stranger, flock, maximum_per_min=1)
    assert (await limit(ctx, caller, flock, maximum_per_min=1)).maximum_per_min == 1
    assert await limit(ctx, caller, flock) == c.Limits(
        product_key=flock.key, maximum_per_min=None, at_once=None, bytes_per_s=None, spent=0, running=0
    )
    assert await ask(ctx, "select * from fleet_limit") == []


async def test_a_plan_takes_as_long_as_its_bytes_where_these_are_slower(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 20)
    package = await a_package(ctx, caller, flock.key, "V2")
    await ask(ctx, "update package set size = 600000 where package_id = $1", package)

    async def minutes(**pace: int) -> int | None:
        care = c.Care(pace=Pace(**pace)) if pace else None
        job = static_job(package_id=package, product_key=flock.key, selection="ALL", care=care)
        return (await planned(ctx, caller, job)).minutes

    usual = await minutes()
    assert usual is not None and usual < 20
    assert await minutes(bytes_per_s=1_000_000_000) == usual
    assert await minutes(bytes_per_s=2000) == 20 * 600_000 / 2000 / 60
    await limit(ctx, caller, bytes_per_s=1000)
    assert await minutes(bytes_per_s=2000) == await minutes() == 20 * 600_000 / 1000 / 60
