"""What is done to a whole job is one row, in effect at once; its tasks follow in chunks (ADR 0024, 0025; L2, L5)."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from conftest import Clock
from test_asking_jobs import Stage, started
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
    status_of,
    tasks,
)
from tests.job_commands import dynamic_job

from upwell.domain import commands as c
from upwell.domain.errors import Conflict, NotFound
from upwell.domain.fleet import device_id
from upwell.domain.task import OPEN, State
from upwell.engine.turns import Turns
from upwell.service.context import Context
from upwell.service.manage import devices, held, jobs, packages, products, spaces, steering
from upwell.service.manage.access import Caller
from upwell.service.upgrade import (
    acts,
    burying,
    counters,
    dispatch,
    downloads,
    endings,
    fill,
    following,
    reports,
)
from upwell.storage import queries
from upwell.storage.database import Connection, Database

pytestmark = pytest.mark.asyncio
EVERY = frozenset(state.value for state in OPEN)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of two tasks, and none that the call itself does: every job is a large one."""
    monkeypatch.setattr(following, "CHUNK", 2)
    monkeypatch.setattr(following, "AT_ONCE", 0)
    monkeypatch.setattr(steering, "CHANGED_AT_ONCE", 0)


@pytest.fixture
async def stage(ctx: Context, caller: Caller, clock: Clock) -> Stage:
    return Stage(ctx, caller, clock, await a_fleet(ctx, caller, 3, version=None))


async def cancel(ctx: Context, caller: Caller, job: int, states: frozenset[str] = EVERY) -> int | None:
    return (await steering.cancel_tasks(ctx, caller, c.CancelTasks(job_id=job, states=states))).changed


async def follow(ctx: Context, job: int) -> int:
    """The job's tasks follow to the end; returns in how many chunks."""
    for n in range(1000):
        if not (await following.follow_one(ctx, job)).more:
            return n
    raise AssertionError("it has no end")


async def counted(ctx: Context, job: int) -> dict[State, int]:
    async with ctx.database.connection() as conn:
        return (await counters.totals(conn, [job]))[job]


async def delivered(ctx: Context, job: int, flock: Fleet) -> None:
    await say(ctx, *((ref.device_id, reports.Delivered(ref)) for ref in refs(job, flock.ids)))


# --- a halt ---


@pytest.mark.usefixtures("slow")
async def test_a_halt_is_in_effect_before_any_task_has_followed(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 7)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    node, wire = await online(ctx, clock, flock), Wire()
    chosen = await dispatch.due(ctx, node, 9)
    assert len(chosen) == 7 and await cancel(ctx, caller, job) == 7
    assert await states(ctx, job) == {"QUEUED": 7} and await counted(ctx, job) == {State.CANCELED: 7}
    assert await dispatch.due(ctx, node, 9) == [] and await dispatch.asked_for(ctx, flock.ids) == {}
    assert (await dispatch.offer(ctx, chosen, link, wire)).sent == set() and wire.sent == []
    with pytest.raises(NotFound):
        await downloads.find_download(ctx, chosen[0])
    # What devices say meets ended tasks, whatever they say.
    one, two, *_ = flock.ids
    await say(ctx, (one, reports.Delivered(refs(job, [one])[0])), (two, progress(40)))
    found = await tasks(ctx, job)
    assert {(found[d]["state"], found[d]["reason"], found[d]["acts"]) for d in (one, two)} <= {
        ("QUEUED", "", 0), ("CANCELED", "cancelled", 1)
    }  # fmt: skip
    [row] = await ask(ctx, "select package_id, status from job where job_id = $1", job)
    assert row["status"] == "IN_PROGRESS"  # and yet it brings its package out no more
    await packages.delete_package(ctx, caller, c.DeletePackage(package_id=row["package_id"]))
    await endings.end_finished(ctx)
    assert await status_of(ctx, caller, job) == "CANCELED"
    assert await follow(ctx, job) >= 3
    assert await states(ctx, job) == {"CANCELED": 7} == {"CANCELED": (await counted(ctx, job))[State.CANCELED]}
    history = await ask(ctx, "select event, from_state, to_state, detail from task_change")
    assert [tuple(row.values()) for row in history] == [
        ("cancelled", "QUEUED", "CANCELED", steering.CANCEL_TEXT)
    ] * 7  # fmt: skip
    assert await ask(ctx, "select nth, done_at is null as open, asked_by from job_act") == [
        {"nth": 1, "open": False, "asked_by": caller.key_id}
    ]


@pytest.mark.usefixtures("slow")
async def test_a_task_is_covered_if_it_stood_so_when_the_halt_was_written(
    ctx: Context, caller: Caller, clock: Clock
) -> None:
    """A cancel of queued tasks alone: what comes to be queued later, or was notified before, is none of them."""
    flock = await a_fleet(ctx, caller, 6)
    package = await a_package(ctx, caller, flock.key)
    job = await a_filled_job(ctx, caller, package, flock, retry_interval_min=0, retry_count=1)
    node = await online(ctx, clock, flock)
    await dispatch.offer(ctx, await dispatch.due(ctx, node, 9), link, Wire())
    before, after = flock.ids[:3], flock.ids[3:]
    await say(ctx, *((ref.device_id, reports.Delivered(ref)) for ref in refs(job, before)))
    assert await cancel(ctx, caller, job, frozenset({"QUEUED"})) == 3
    await say(ctx, *((ref.device_id, reports.Delivered(ref)) for ref in refs(job, after)))
    await say(ctx, (before[0], progress(-1)))  # it is queued once more
    await follow(ctx, job)
    found = await tasks(ctx, job)
    assert [found[device]["state"] for device in before] == ["QUEUED", "NOTIFIED", "NOTIFIED"]
    assert {(found[d]["state"], found[d]["reason"]) for d in after} == {("CANCELED", "cancelled")}


async def test_of_a_cancel_of_queued_tasks_none_escapes_while_acknowledgements_arrive(
    ctx: Context, caller: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many are cancelled as the call says stood queued when it was written down, whoever is quicker."""
    monkeypatch.setattr(following, "CHUNK", 7)
    flock = await a_fleet(ctx, caller, 60)
    package = await a_package(ctx, caller, flock.key)
    for _ in range(6):
        job = await a_filled_job(ctx, caller, package, flock)
        node = await online(ctx, clock, flock)
        await dispatch.offer(ctx, await dispatch.due(ctx, node, 99), link, Wire())

        async def acknowledge(job: int = job) -> None:
            for ref in refs(job, flock.ids):
                await say(ctx, (ref.device_id, reports.Delivered(ref)))

        said = asyncio.create_task(acknowledge())
        await asyncio.sleep(0.02)
        covered = await cancel(ctx, caller, job, frozenset({"QUEUED"}))
        await said
        await follow(ctx, job)
        counts = await states(ctx, job)
        assert counts == Counter({"CANCELED": covered, "NOTIFIED": 60 - (covered or 0)})
        await cancel(ctx, caller, job)
        await follow(ctx, job)


async def test_a_small_job_has_followed_when_the_call_returns(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 5)
    job = await a_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)  # it has no task yet
    assert await cancel(ctx, caller, job) == 5
    assert await states(ctx, job) == {"CANCELED": 5} and await following.waiting(ctx) == []


@pytest.mark.usefixtures("slow")
async def test_tasks_that_others_have_are_come_back_to_and_all_follow_once(
    ctx: Context, caller: Caller, dsn: str
) -> None:
    """Two processes at it, and a stranger who holds some of the tasks."""
    flock = await a_fleet(ctx, caller, 9)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    await cancel(ctx, caller, job)
    async with another(ctx, dsn) as other:
        async with ctx.database.connection() as conn, conn.transaction():
            held = flock.ids[2:4]
            await conn.execute("select from task where device_id = any($1) for update", held)
            for _ in range(8):
                await asyncio.gather(following.follow_one(ctx, job), following.follow_one(other, job))
            assert await states(ctx, job) == {"CANCELED": 7, "QUEUED": 2}
            moves = [(await following.follow_one(ctx, job)).moved for _ in range(3)]
            assert False in moves, "a pass that finds only what others have says so, and is not begun again at once"
        await asyncio.gather(follow(ctx, job), follow(other, job))
    assert await states(ctx, job) == {"CANCELED": 9}
    [row] = await ask(ctx, "select count(*) as n, count(distinct device_id) as devices from task_change")
    assert row == {"n": 9, "devices": 9}


async def test_a_chunk_reads_no_more_than_itself_whatever_is_known_of_the_job(ctx: Context, caller: Caller) -> None:
    """Of a job that was filled just now PostgreSQL has no statistics: it read a million tasks for each 500."""
    flock = await a_fleet(ctx, caller, 20)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    named, act = {"device_ids": sorted(flock.ids), "nths": [0] * 20, "job_id": job}, {"act": 1}
    state, halt = {"state": "QUEUED"}, {"now": ctx.now(), "reason": "", "description": ""}
    asked = {"end_followers": act | state | halt, "lock_followers": act | state, "pass_by": act, "of_present_lives": {}}
    async with ctx.upkeep.connection() as conn:
        transaction = conn.transaction()
        await transaction.start()
        await conn.execute(MANY_MORE, job)
        for name, more in asked.items():
            text, *values = queries.sheet("acts")[name](**named, **more)
            once = conn.transaction()
            await once.start()
            plan = json.loads(await conn.fetchval(f"explain (analyze, format json) {text}", *values))[0]["Plan"]
            await once.rollback()
            assert 20 <= sum(tasks_read(plan)) <= 80, name
        await transaction.rollback()


MANY_MORE = """
insert into task select more.* from task t cross join generate_series(1, 2000) n
cross join lateral jsonb_populate_record(t, jsonb_build_object('device_id', md5(t.device_id::text || n)::uuid)) more
where t.job_id = $1
"""


def tasks_read(plan: dict[str, Any]) -> Iterator[float]:
    """Rows of `task` that each node of a plan read, those that it passed over too."""
    if plan.get("Relation Name") == "task" and plan["Node Type"] != "ModifyTable":
        rows = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
        yield rows * plan["Actual Loops"]
    for below in plan.get("Plans", ()):
        yield from tasks_read(below)


class another:  # it is used as a function
    """A context of another process on the same database."""

    def __init__(self, ctx: Context, dsn: str) -> None:
        self._database, self._now = Database(dsn), ctx.now

    async def __aenter__(self) -> Context:
        await self._database.open()
        return Context(self._database, self._now)

    async def __aexit__(self, *_: object) -> None:
        await self._database.close()


@pytest.mark.usefixtures("slow")
async def test_a_chunk_that_dies_leaves_nothing_and_the_next_goes_on(
    ctx: Context, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock = await a_fleet(ctx, caller, 5)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    await cancel(ctx, caller, job)
    await following.follow_one(ctx, job)
    real = counters.move

    async def killed(conn: Connection, moves: counters.Moves) -> None:
        await real(conn, moves)
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(counters, "move", killed)
        for _ in range(3):
            with pytest.raises(RuntimeError, match="killed"):
                await following.follow_one(ctx, job)
    assert await states(ctx, job) == {"CANCELED": 2, "QUEUED": 3}
    await follow(ctx, job)
    assert await states(ctx, job) == {"CANCELED": 5}


@pytest.mark.usefixtures("slow")
async def test_a_job_whose_tasks_can_not_follow_holds_up_no_other_and_tells_its_owner(
    ctx: Context, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock = await a_fleet(ctx, caller, 4)
    package = await a_package(ctx, caller, flock.key)
    found = [
        await a_filled_job(ctx, caller, package, flock, selection="SPECIFIC", device_names=(n,)) for n in flock.names
    ]
    bad, *good = found
    for job in found:
        assert await cancel(ctx, caller, job) == 1
    real = following.follow_one

    async def step(job: int) -> fill.Chunk:
        if job == bad:
            raise RuntimeError("out of order")
        return await real(ctx, job)

    turns = Turns(following.log, "what was asked", step, lambda job, over: following.tell_trouble(ctx, job, over))
    for _ in range(3):
        await turns.round(await following.waiting(ctx))
    assert [await states(ctx, job) for job in good] == [{"CANCELED": 1}] * 3
    assert await states(ctx, bad) == {"QUEUED": 1}
    told = await ask(ctx, "select job_id from job where status_desc = $1", following.TROUBLE_TEXT)
    assert told == [{"job_id": bad}]


@pytest.mark.usefixtures("slow")
async def test_a_device_is_free_for_another_job_though_its_task_has_not_followed(
    ctx: Context, caller: Caller, clock: Clock
) -> None:
    flock = await a_fleet(ctx, caller, 3)
    package = await a_package(ctx, caller, flock.key)
    first = await a_filled_job(ctx, caller, package, flock)
    node = await online(ctx, clock, flock)
    await dispatch.offer(ctx, await dispatch.due(ctx, node, 9), link, Wire())
    await say(ctx, (flock.ids[0], progress(40)))
    assert await states(ctx, first) == {"IN_PROGRESS": 1, "QUEUED": 2}
    assert await cancel(ctx, caller, first) == 3
    second = await a_filled_job(ctx, caller, package, flock)
    assert await states(ctx, second) == {"QUEUED": 3} and await states(ctx, first) == {"CANCELED": 3}
    await cancel(ctx, caller, second)  # and one that was cancelled runs again at once
    done = await steering.repeat_tasks(
        ctx, caller, c.RepeatTasks(job_id=first, tasks=tuple(refs(first, flock.ids[:1])))
    )  # fmt: skip
    assert done.changed == 1 and (await tasks(ctx, first))[flock.ids[0]]["state"] == "QUEUED"


# --- births ---


async def test_of_a_halted_job_no_more_tasks_are_made(
    ctx: Context, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fill, "CHUNK", 2)
    flock = await a_fleet(ctx, caller, 30)
    job = await a_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    covered = await cancel(ctx, caller, job)
    assert covered and covered < 30
    await filled(ctx, job)
    assert await states(ctx, job) == {"CANCELED": covered}
    await endings.end_finished(ctx)
    assert await status_of(ctx, caller, job) == "CANCELED"


async def test_what_a_cancelled_dynamic_job_finds_is_cancelled_and_who_reports_later_is_taken(
    ctx: Context, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fill, "CHUNK", 2)
    flock = await a_fleet(ctx, caller, 20)
    package = await a_package(ctx, caller, flock.key)
    job = (await jobs.create_job(ctx, caller, dynamic_job(package_id=package, product_key=flock.key))).job_id
    covered = await cancel(ctx, caller, job)
    assert covered and covered < 20
    late = await a_late_device(ctx, caller, flock)
    await say(ctx, (late, runs("1.0")))
    await filled(ctx, job)
    assert (await counted(ctx, job))[State.CANCELED] == 20  # those that have not followed among them
    await follow(ctx, job)
    assert await states(ctx, job) == {"CANCELED": 20, "QUEUED": 1}
    await say(ctx, (flock.ids[0], runs("1.0")))  # who was there when it was cancelled is not taken by its next report
    assert await states(ctx, job) == {"CANCELED": 20, "QUEUED": 1}


async def a_late_device(ctx: Context, caller: Caller, flock: Fleet) -> UUID:
    made = await devices.create_device(ctx, caller, c.CreateDevice(product_key=flock.key, name="late"))
    return device_id(flock.key, made.name)


# --- the end of a window, and of time ---


@pytest.mark.usefixtures("slow")
async def test_a_window_ends_by_a_row_and_the_log_counts_what_it_ended(
    ctx: Context, caller: Caller, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    flock = await a_fleet(ctx, caller, 3)
    start = clock() + timedelta(minutes=10)
    package = await a_package(ctx, caller, flock.key)
    hours = {"scheduled_at": start, "finish_at": start + timedelta(hours=1)}
    job = await a_job(ctx, caller, package, flock, **hours)
    clock.move(minutes=11)
    await endings.start_planned(ctx)
    await filled(ctx, job)
    clock.move(hours=2)
    with caplog.at_level("INFO"):
        assert await endings.close_windows(ctx) == 1
    assert "status=COMPLETED" in caplog.text and "canceled=3" in caplog.text
    assert await states(ctx, job) == {"QUEUED": 3} and await status_of(ctx, caller, job) == "COMPLETED"
    await follow(ctx, job)
    assert {t["reason"] for t in (await tasks(ctx, job)).values()} == {"window_closed"}


async def test_time_outs_come_in_chunks_job_by_job(
    ctx: Context, caller: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endings, "TIMED_AT_ONCE", 2)
    flock = await a_fleet(ctx, caller, 6)
    package = await a_package(ctx, caller, flock.key)
    names = flock.names
    large = await a_filled_job(
        ctx, caller, package, flock, selection="SPECIFIC", device_names=names[:5], timeout_min=1
    )  # fmt: skip
    small = await a_filled_job(
        ctx, caller, package, flock, selection="SPECIFIC", device_names=names[5:], timeout_min=1
    )  # fmt: skip
    node = await online(ctx, clock, flock)
    await dispatch.offer(ctx, await dispatch.due(ctx, node, 9), link, Wire())
    await say(ctx, *((device, progress(10)) for device in flock.ids))
    assert await endings.timed(ctx) == []
    clock.move(minutes=2)
    assert await endings.time_out(ctx) == 3
    assert await states(ctx, small) == {"FAILED": 1}
    assert await states(ctx, large) == {"FAILED": 2, "IN_PROGRESS": 3}
    while await endings.time_out(ctx):
        pass
    assert await states(ctx, large) == {"FAILED": 5}


# --- confirm and retry of all ---


@pytest.mark.usefixtures("slow")
async def test_all_of_a_large_job_are_confirmed_stopped_and_retried_by_a_row_each(stage: Stage) -> None:
    ctx, caller = stage.ctx, stage.caller
    await started(stage, need_confirm=True)
    assert await states(ctx, stage.job) == {"CONFIRM": 3}
    asked = {"job_id": stage.job, "asking": True}
    done = await steering.confirm_tasks(ctx, caller, c.ConfirmTasks(**asked))
    assert done.changed == 3 and await states(ctx, stage.job) == {"CONFIRM": 3}
    one = stage.flock.ids[0]
    await stage.say((one, runs("2.0")))  # its own word comes after what was done to it
    await follow(ctx, stage.job)
    assert await states(ctx, stage.job) == {"SUCCEEDED": 1, "QUEUED": 2}
    stopped = await steering.cancel_tasks(ctx, caller, c.CancelTasks(**asked))
    assert stopped.changed == 2
    tally = (await stage.shown()).tally
    assert tally is not None and (tally.stopped, tally.succeeded) == (2, 1)
    await endings.end_finished(ctx)
    assert str(await stage.progress()) == "stopped"
    await follow(ctx, stage.job)
    assert await states(ctx, stage.job) == {"SUCCEEDED": 1, "CANCELED": 2}


@pytest.mark.usefixtures("slow")
async def test_those_that_failed_run_again_if_their_device_lives_and_is_free(stage: Stage) -> None:
    ctx, caller = stage.ctx, stage.caller
    package = await started(stage)
    await ask(ctx, "update task set state = 'FAILED', reason = 'x', due_at = null, timeout_at = null")
    await endings.end_finished(ctx)
    gone, busy, free = stage.flock.ids
    key = c.DeviceKey(product_key=stage.flock.key, name=stage.flock.names[0])
    await devices.delete_device(ctx, caller, c.DeleteDevice(device=key))
    await a_filled_job(
        ctx, caller, package, stage.flock, selection="SPECIFIC", device_names=(stage.flock.names[1],)
    )  # fmt: skip
    done = await steering.repeat_tasks(ctx, caller, c.RepeatTasks(job_id=stage.job, asking=True))
    assert done.changed == 3
    await endings.end_finished(ctx)
    assert str(await stage.progress()) == "running"
    await follow(ctx, stage.job)
    assert [(await stage.state(device))["state"] for device in (gone, busy, free)] == ["FAILED", "FAILED", "QUEUED"]
    assert (await stage.state(free))["node_id"] is not None and (await stage.state(free))["due_at"] is not None


async def test_an_act_waits_for_who_has_the_job_and_who_comes_meanwhile_is_refused(
    ctx: Context, caller: Caller
) -> None:
    flock = await a_fleet(ctx, caller, 2)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    async with ctx.database.connection() as conn:
        async with conn.transaction():
            assert await acts.share(conn, [job]) == set()
            waiting = asyncio.create_task(cancel(ctx, caller, job))
            await asyncio.sleep(0.3)
            assert not waiting.done()
            async with ctx.database.connection() as late, late.transaction():
                assert await acts.share(late, [job]) == {job}
        assert await waiting == 2


# --- a space of very many devices ---


async def test_of_a_large_space_nobody_sees_a_device_and_the_engine_buries_them(
    ctx: Context, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (spaces, burying):
        monkeypatch.setattr(module, "BURIED_AT_ONCE", 2)
    made = await spaces.create_space(ctx, caller, c.CreateSpace(name="beside", most=10))
    product = await products.create_product(ctx, caller, c.CreateProduct(name="lamp", space=made.key))
    keys = [c.DeviceKey(product_key=product.product_key, name=f"lamp{n}") for n in range(5)]
    for key in keys:
        await devices.create_device(ctx, caller, c.CreateDevice(product_key=product.product_key, name=key.name))
    await spaces.delete_space(ctx, caller, c.DeleteSpace(space=made.key))
    live = "select count(*) as n from device where deleted_at is null"
    assert await ask(ctx, live) == [{"n": 3}]
    assert await devices.show_devices(ctx, caller, c.ShowDevices(devices=tuple(keys))) == ()
    assert [await burying.bury_some(ctx) for _ in range(2)] == [True, False]
    assert await ask(ctx, live) == [{"n": 0}]


# --- a whole job that asks nothing first ---


@pytest.mark.usefixtures("slow")
async def test_all_that_wait_are_confirmed_by_one_row(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 5)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock, need_confirm=True)
    await steering.cancel_tasks(ctx, caller, c.CancelTasks(job_id=job, states=frozenset({"QUEUED"})))
    node = await online(ctx, clock, flock)
    assert (
        await steering.confirm_tasks(ctx, caller, c.ConfirmTasks(tasks=tuple(refs(job, flock.ids[:1]))))
    ).changed == 1
    assert (await steering.confirm_tasks(ctx, caller, c.ConfirmTasks(job_id=job, whole=True))).changed == 4
    assert len(await ask(ctx, "select 1 from job_act where job_id = $1 and what = 'confirm'", job)) == 1
    assert await follow(ctx, job) >= 2
    assert await states(ctx, job) == {"QUEUED": 5} == {s.value: n for s, n in (await counted(ctx, job)).items()}
    assert len(await dispatch.due(ctx, node, 9)) == 5
    assert (await steering.confirm_tasks(ctx, caller, c.ConfirmTasks(job_id=job, whole=True))).changed == 0


@pytest.mark.usefixtures("slow")
async def test_all_that_failed_run_again_and_nothing_else(ctx: Context, caller: Caller, clock: Clock) -> None:
    """Neither what was cancelled or succeeded, nor whose device is gone or has another task."""
    flock = await a_fleet(ctx, caller, 8)
    package = await a_package(ctx, caller, flock.key)
    job = await a_filled_job(ctx, caller, package, flock)
    done, cancelled, gone, busy, *failed = flock.ids
    await say(ctx, (done, runs("2.0")))
    await ask(ctx, "update task set state = 'CANCELED', due_at = null where device_id = $1", cancelled)
    await ask(ctx, "update task set state = 'FAILED', reason = 'x', due_at = null where state = 'QUEUED'")
    await endings.end_finished(ctx)
    assert await status_of(ctx, caller, job) == "COMPLETED"
    await ask(ctx, "update device set deleted_at = now() where device_id = $1", gone)
    [row] = await ask(ctx, "select name from device where device_id = $1", busy)
    other = await a_package(ctx, caller, flock.key, "other", version="3.0")
    static = c.CreateJob(kind="static", package_ids=(other,), product_key=flock.key, device_names=(row["name"],))
    await jobs.create_job(ctx, caller, static)
    whole = c.RepeatTasks(job_id=job, whole=True)
    assert (await steering.repeat_tasks(ctx, caller, whole)).changed == 6
    await follow(ctx, job)
    found = await tasks(ctx, job)
    assert {found[device]["state"] for device in failed} == {"QUEUED"}
    assert [found[device]["state"] for device in (done, cancelled, gone, busy)] == [
        "SUCCEEDED", "CANCELED", "FAILED", "FAILED"
    ]  # fmt: skip
    assert await status_of(ctx, caller, job) == "IN_PROGRESS"


async def test_a_whole_job_without_such_tasks_stays_as_it_is(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 1)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    await cancel(ctx, caller, job)
    await endings.end_finished(ctx)
    before = await ask(ctx, "select * from job where job_id = $1", job)
    assert (await steering.repeat_tasks(ctx, caller, c.RepeatTasks(job_id=job, whole=True))).changed == 0
    assert (await steering.confirm_tasks(ctx, caller, c.ConfirmTasks(job_id=job, whole=True))).changed == 0
    assert await ask(ctx, "select * from job where job_id = $1", job) == before
    with pytest.raises(NotFound):
        await steering.repeat_tasks(ctx, caller, c.RepeatTasks(job_id=job + 1, whole=True))


# --- those that wait and come from one version (ADR 0061) ---


async def leave_out(ctx: Context, caller: Caller, job: int, version: str, devices: int | None = None) -> int:
    cmd = c.CancelTasks(job_id=job, source_version=version, devices=devices)
    return (await steering.cancel_tasks(ctx, caller, cmd)).changed


async def waiting(ctx: Context, caller: Caller, job: int, version: str) -> c.Waiting:
    return await steering.count_waiting(ctx, caller, c.CountWaiting(job_id=job, source_version=version))


@pytest.mark.usefixtures("slow")
async def test_those_of_a_version_are_offered_nothing_before_they_have_followed(
    ctx: Context, caller: Caller, clock: Clock
) -> None:
    flock = await a_fleet(ctx, caller, 7)
    await ask(ctx, "update module_version set version = '1.1' where device_id = any($1)", flock.ids[5:])
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    node, wire = await online(ctx, clock, flock), Wire()
    chosen = await dispatch.due(ctx, node, 9)
    told = [task for task in chosen if task.device_id == flock.ids[0]]
    await dispatch.offer(ctx, told, link, wire)
    await say(ctx, (flock.ids[0], reports.Delivered(refs(job, flock.ids[:1])[0])))
    assert await waiting(ctx, caller, job, "1.0") == c.Waiting(devices=4, whole=True)
    with pytest.raises(Conflict, match="4 devices wait, 3 are meant"):
        await leave_out(ctx, caller, job, "1.0", 3)
    assert await ask(ctx, "select 1 from job_act") == []
    assert await leave_out(ctx, caller, job, "1.0", 4) == 4
    assert await states(ctx, job) == {"QUEUED": 6, "NOTIFIED": 1}, "none has followed"
    assert {task.device_id for task in await dispatch.due(ctx, node, 9)} == set(flock.ids[5:])
    assert (await dispatch.offer(ctx, [t for t in chosen if t.device_id in flock.ids[1:5]], link, Wire())).sent == set()
    assert await waiting(ctx, caller, job, "1.0") == c.Waiting(devices=0, whole=True)
    # A halt of others ends what was to run again, and not this.
    await cancel(ctx, caller, job, frozenset({"NOTIFIED"}))
    await say(ctx, (flock.ids[1], progress(40)))  # what it says meets an ended task
    assert await follow(ctx, job) >= 3
    found = await tasks(ctx, job)
    assert [found[device]["state"] for device in flock.ids] == ["CANCELED"] * 5 + ["QUEUED"] * 2
    assert await states(ctx, job) == {s.value: n for s, n in (await counted(ctx, job)).items()}


@pytest.mark.usefixtures("slow")
async def test_of_more_than_are_looked_at_the_number_is_not_known(
    ctx: Context, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steering, "LOOKED_MAX", 3)
    flock = await a_fleet(ctx, caller, 5)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    assert await waiting(ctx, caller, job, "1.0") == c.Waiting(devices=3, whole=False)
    with pytest.raises(Conflict, match="3 or more devices wait"):
        await leave_out(ctx, caller, job, "1.0", 1000)
    assert await leave_out(ctx, caller, job, "1.0") == 3, "however many"
    await follow(ctx, job)
    assert await states(ctx, job) == {"CANCELED": 5}


@pytest.mark.usefixtures("slow")
async def test_what_is_found_later_is_left_out_too(
    ctx: Context, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock = await a_fleet(ctx, caller, 4)
    job = await a_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    monkeypatch.setattr(held, "CHUNKS_OF_SMALL", 0)
    assert (await waiting(ctx, caller, job, "1.0")).whole is False
    assert await leave_out(ctx, caller, job, "1.0") == 0
    await filled(ctx, job)
    await follow(ctx, job)
    assert await states(ctx, job) == {"CANCELED": 4}
