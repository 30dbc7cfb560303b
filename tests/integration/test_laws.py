"""The laws L1, L2, L8 and L9, attacked from several sides at once."""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from itertools import pairwise
from random import Random

import pytest
from conftest import Clock
from test_jobs import (
    Fleet,
    Wire,
    a_filled_job,
    a_fleet,
    a_job,
    a_package,
    ask,
    filled,
    link,
    online,
    progress,
    refs,
    runs,
    say,
    states,
    tasks,
)  # fmt: skip
from tests.job_commands import dynamic_job, verify_job

from upwell.domain import commands as c
from upwell.domain.commands.lists import Slice
from upwell.domain.errors import Conflict, NotFound
from upwell.service.context import Context
from upwell.service.manage import devices, job_views, jobs, packages, products, steering, task_views
from upwell.service.manage.access import Caller
from upwell.service.upgrade import dispatch, endings, fill

pytestmark = pytest.mark.asyncio
OPEN_OF_DEVICES = (
    "select device_id, count(*) as n from task where state in ('CONFIRM', 'QUEUED', 'NOTIFIED', 'IN_PROGRESS')"
    " group by device_id"
)


# --- L1 ---


# Not strict, for a race may go well: the next test shows the same fault for certain.
@pytest.mark.parametrize("count", [1, 300])
async def test_concurrent_jobs_leave_one_open_task_each(ctx: Context, caller: Caller, count: int) -> None:
    flock = await a_fleet(ctx, caller, count)
    package = await a_package(ctx, caller, flock.key)
    for _ in range(5 if count == 1 else 1):
        await ask(ctx, "delete from task")
        made = [await a_job(ctx, caller, package, flock) for _ in range(3)]
        await asyncio.gather(*(filled(ctx, job) for job in made))
        assert all(r["n"] == 1 for r in await ask(ctx, OPEN_OF_DEVICES))
        found = [t for job in made for t in (await tasks(ctx, job)).values()]
        assert Counter((t["state"], t["reason"]) for t in found) == {
            ("QUEUED", ""): count, ("FAILED", "device_busy"): 2 * count
        }  # fmt: skip


async def test_a_slot_taken_while_the_fill_waits_is_a_busy_device(ctx: Context, caller: Caller) -> None:
    """The first fill has not committed when the second meets the same devices."""
    flock = await a_fleet(ctx, caller, 3)
    package = await a_package(ctx, caller, flock.key)
    one, two = [await a_job(ctx, caller, package, flock) for _ in range(2)]
    async with ctx.database.connection() as conn, conn.transaction():
        await fill.fill_chunk(ctx, conn, one)
        waiting = asyncio.create_task(filled(ctx, two))
        await asyncio.sleep(0.2)
    await waiting
    assert await states(ctx, one) == {"QUEUED": 3}
    assert await states(ctx, two) == {"FAILED": 3}


async def test_overwriting_takes_all_but_tasks_in_progress(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 4)
    package = await a_package(ctx, caller, flock.key)
    old = await a_filled_job(ctx, caller, package, flock)
    await online(ctx, clock, flock)
    await dispatch.offer(ctx, refs(old, flock.ids[:2]), link, Wire())
    await say(ctx, (flock.ids[0], progress(10)))
    new = await a_filled_job(ctx, caller, package, flock, overwrite=True)
    assert await states(ctx, old) == {"IN_PROGRESS": 1, "CANCELED": 3}
    assert await states(ctx, new) == {"QUEUED": 3, "FAILED": 1}
    assert (await tasks(ctx, new))[flock.ids[0]]["reason"] == "device_busy"


async def test_overwriting_jobs_at_once_leave_one_open_task_each(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 100)
    package = await a_package(ctx, caller, flock.key)
    made = [await a_filled_job(ctx, caller, package, flock)]
    made += [await a_job(ctx, caller, package, flock, overwrite=True) for _ in range(3)]
    await asyncio.gather(*(filled(ctx, job) for job in made))
    found = await ask(ctx, OPEN_OF_DEVICES)
    assert len(found) == 100 and all(r["n"] == 1 for r in found)
    for job in made:
        assert len(await tasks(ctx, job)) == 100


# --- L2 ---


async def test_counts_sum_to_the_targets_at_any_instant(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 80)
    package = await a_package(ctx, caller, flock.key)
    job = await a_filled_job(ctx, caller, package, flock, retry_interval_min=0, retry_count=1, timeout_min=1)
    await online(ctx, clock, flock)
    done = asyncio.Event()

    async def devices(seed: int) -> None:
        dice = Random(seed)
        for _ in range(12):
            some = dice.sample(flock.ids, 20)
            await dispatch.offer(ctx, refs(job, some), link, Wire())
            said = [progress(dice.randint(-4, 100), str(dice.random())), runs("1.0"), runs("2.0"), runs("3.0")]
            await say(ctx, *((d, dice.choices(said, [9, 3, 1, 1])[0]) for d in some))

    async def owner() -> None:
        for place in range(8):
            names = flock.names[place * 3 : place * 3 + 3]
            cmd = c.CancelTasks(package_id=package, product_key=flock.key, device_names=names)
            await steering.cancel_tasks(ctx, caller, cmd)
            clock.move(seconds=20)
            await endings.time_out(ctx)

    async def watch() -> int:
        looks = 0
        while not done.is_set():
            rows = await ask(ctx, "select state, count(*) as n from task where job_id = $1 group by state", job)
            assert sum(r["n"] for r in rows) == 80
            looks += 1
        return looks

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(devices(n) for n in range(4)), owner())
    done.set()
    assert await watching > 5
    # The history tells the same story as the states.
    stray = await ask(
        ctx,
        "select 1 from task t where job_id = $1 and state <> (select h.to_state from task_history h"
        " where h.device_id = t.device_id and h.job_id = t.job_id order by h.rev desc limit 1)",
        job,
    )
    assert stray == []


# --- L8 ---


async def test_another_account_finds_nothing(ctx: Context, caller: Caller, stranger: Caller) -> None:
    flock = await a_fleet(ctx, caller, 1)
    package = await a_package(ctx, caller, flock.key)
    raw = await a_package(ctx, caller, flock.key, "raw", verify=True)
    job = await a_filled_job(ctx, caller, package, flock, need_confirm=True)
    theirs = await a_fleet(ctx, stranger, 1, name="theirs")
    key = c.DeviceKey(product_key=flock.key, name=flock.names[0])
    own = c.DeviceKey(product_key=theirs.key, name=theirs.names[0])
    their_package = await a_package(ctx, stranger, theirs.key)
    names = flock.names
    attempts: list[Awaitable[object]] = [
        products.show_product(ctx, stranger, c.ShowProduct(product_key=flock.key)),
        devices.show_device(ctx, stranger, c.ShowDevice(device=key)),
        devices.update_devices(ctx, stranger, c.UpdateDevices(changes=(c.DeviceChange(device=key, enabled=False),))),
        devices.create_device(ctx, stranger, c.CreateDevice(product_key=flock.key)),
        products.delete_product(ctx, stranger, c.DeleteProduct(product_key=flock.key)),
        packages.show_package(ctx, stranger, c.ShowPackage(package_id=package)),
        packages.delete_package(ctx, stranger, c.DeletePackage(package_id=package)),
        job_views.show_job(ctx, stranger, c.ShowJob(job_id=job)),
        job_views.list_jobs(ctx, stranger, c.ListJobs(package_id=package, asked=Slice.of_page(1, 9))),
        job_views.list_jobs(ctx, stranger, c.ListJobs(package_id=package, device=own, asked=Slice.of_page(1, 9))),
        job_views.list_jobs(ctx, stranger, c.ListJobs(package_id=their_package, device=key, asked=Slice.of_page(1, 9))),
        task_views.list_tasks(ctx, stranger, c.ListTasks(job_id=job, asked=Slice.of_page(1, 9))),
        task_views.list_tasks(ctx, stranger, c.ListTasks(asked=Slice(take=1000), device=key)),
        steering.cancel_tasks(ctx, stranger, c.CancelTasks(job_id=job, states=c.OPEN_STATES)),
        steering.cancel_tasks(
            ctx, stranger, c.CancelTasks(package_id=package, product_key=flock.key, device_names=names)
        ),
        steering.cancel_tasks(
            ctx, stranger, c.CancelTasks(package_id=their_package, product_key=flock.key, device_names=names)
        ),
        steering.cancel_tasks(
            ctx,
            stranger,
            c.CancelTasks(package_id=their_package, product_key=theirs.key, device_names=theirs.names, job_id=job),
        ),
        steering.confirm_tasks(ctx, stranger, c.ConfirmTasks(tasks=tuple(refs(job, flock.ids)))),
        devices.delete_device(ctx, stranger, c.DeleteDevice(device=key)),
        jobs.create_job(ctx, stranger, verify_job(package_id=raw, product_key=flock.key, device_names=names)),
        a_job(ctx, stranger, package, flock),
        a_job(ctx, stranger, package, theirs),
        a_job(ctx, stranger, their_package, flock),
        a_job(ctx, stranger, their_package, theirs, selection="SPECIFIC", device_names=names),
    ]
    for attempt in attempts:
        with pytest.raises(NotFound):
            await attempt
    assert await states(ctx, job) == {"CONFIRM": 1}
    assert len(await ask(ctx, "select 1 from job")) == 1


# --- L9 ---


async def chosen(ctx: Context, caller: Caller, package: int, flock: Fleet, percent: str, **more: object) -> set[object]:
    job = await a_filled_job(ctx, caller, package, flock, selection="GRAY", gray_percent=percent, **more)
    found = set(await tasks(ctx, job))
    await steering.cancel_tasks(ctx, caller, c.CancelTasks(job_id=job, states=c.OPEN_STATES))
    return set(found)


async def test_gray_is_exact_stable_and_monotone(ctx: Context, caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fill, "CHUNK", 16)
    flock = await a_fleet(ctx, caller, 101)
    package = await a_package(ctx, caller, flock.key)
    sets = {p: await chosen(ctx, caller, package, flock, p) for p in ("0.001", "1", "33", "33.333", "50", "100")}
    assert [len(s) for s in sets.values()] == [1, 1, 33, 33, 50, 101]
    ordered = list(sets.values())
    assert all(a <= b for a, b in pairwise(ordered))
    other = await a_package(ctx, caller, flock.key, "other", version="3.0")
    assert await chosen(ctx, caller, other, flock, "33") == sets["33"]


async def test_gray_is_a_share_of_those_the_filter_lets_in(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 40)
    await say(ctx, *((d, runs("1.5")) for d in flock.ids[:20]))
    package = await a_package(ctx, caller, flock.key)
    found = await chosen(ctx, caller, package, flock, "50", source_versions=("1.0",))
    assert len(found) == 10 and found <= set(flock.ids[20:])
    empty = await chosen(ctx, caller, package, flock, "50", source_versions=("9.9",))
    assert empty == set()


async def test_gray_of_a_delta_is_a_share_of_those_it_fits(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 40)
    await say(ctx, *((d, runs("1.5")) for d in sorted(flock.ids)[:20]))
    package = await a_package(ctx, caller, flock.key, is_delta=True, source_version="1.0")
    assert len(await chosen(ctx, caller, package, flock, "50")) == 10


async def test_gray_is_the_first_share_of_the_fleet_less_those_already_there(ctx: Context, caller: Caller) -> None:
    """The lot is drawn over the whole fleet, so a later, larger share holds an earlier, smaller one (ADR 0003)."""
    flock = await a_fleet(ctx, caller, 40)
    there = sorted(flock.ids)[5:20]
    await say(ctx, *((d, runs("2.0")) for d in there))
    package = await a_package(ctx, caller, flock.key)
    assert len(await chosen(ctx, caller, package, flock, "50")) == 5


# --- tasks that would stay open for ever ---


async def test_a_deleted_device_has_no_task_again(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 2)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    gone = c.DeviceKey(product_key=flock.key, name=flock.names[0])
    await devices.delete_device(ctx, caller, c.DeleteDevice(device=gone))
    with pytest.raises(NotFound):
        again = c.RepeatTasks(job_id=job, tasks=tuple(refs(job, flock.ids[:1])))
        await steering.repeat_tasks(ctx, caller, again)
    assert await states(ctx, job) == {"CANCELED": 1, "QUEUED": 1}


async def test_a_package_that_is_deleted_meanwhile_is_not_brought_out_again(ctx: Context, caller: Caller) -> None:
    """Its deletion has looked for running jobs and is not committed when the owner runs an ended job again."""
    flock = await a_fleet(ctx, caller, 1)
    package = await a_package(ctx, caller, flock.key)
    job = await a_filled_job(ctx, caller, package, flock)
    cancel = c.CancelTasks(job_id=job, states=frozenset({"QUEUED"}))
    await steering.cancel_tasks(ctx, caller, cancel)
    await endings.end_finished(ctx)
    async with ctx.database.connection() as conn, conn.transaction():
        await conn.execute("select from package where package_id = $1 for update", package)
        await conn.execute("update package set deleted_at = now() where package_id = $1", package)
        again = c.RepeatTasks(job_id=job, tasks=tuple(refs(job, flock.ids)))
        waiting = asyncio.create_task(steering.repeat_tasks(ctx, caller, again))
        await asyncio.sleep(0.3)
    with pytest.raises(Conflict):
        await waiting
    assert await states(ctx, job) == {"CANCELED": 1}


@pytest.mark.parametrize(("versions", "takes"), [((), 1), (("1.0", "1.5"), 1), (("1.5",), 0)])
async def test_a_job_leaves_out_whom_its_package_may_not_follow(
    ctx: Context, caller: Caller, versions: tuple[str, ...], takes: int
) -> None:
    """The package says what it may follow, and the job is of a dialect that does not know of that."""
    flock = await a_fleet(ctx, caller, 3)
    await say(ctx, (flock.ids[1], runs("1.5")), (flock.ids[2], runs("0.9")))
    package = await a_package(ctx, caller, flock.key)
    await ask(ctx, "update package set source_versions = '{1.0,0.1}' where package_id = $1", package)
    static = await a_filled_job(ctx, caller, package, flock, source_versions=versions)
    assert set(await tasks(ctx, static)) == set(flock.ids[:takes])
    facts = {"package_id": package, "product_key": flock.key, "dynamic_mode": 1, "source_versions": versions}
    dynamic = (await jobs.create_job(ctx, caller, dynamic_job(**facts))).job_id
    await filled(ctx, dynamic)
    assert set(await tasks(ctx, dynamic)) == set(flock.ids[:takes])
    await say(ctx, (flock.ids[2], runs("0.8")))
    assert set(await tasks(ctx, dynamic)) == set(flock.ids[:takes])
