"""Rollouts in waves: dealt exactly, opened by evidence or a person, offered no earlier (ADR 0039; L9, L13)."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from conftest import Clock
from offering import offering, sent_by
from test_asking_jobs import Stage
from test_jobs import (
    CONNECTION,
    Fleet,
    Wire,
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
    tasks,
)
from tests.job_commands import dynamic_job

from upwell.domain import commands as c
from upwell.domain import rollout
from upwell.domain.commands.lists import Slice
from upwell.domain.errors import Conflict, Denied, Invalid, NotFound
from upwell.domain.guard import Watch
from upwell.domain.rollout import ALL, Wave
from upwell.service.context import Context
from upwell.service.manage import job_views, jobs, pausing, promoting, steering
from upwell.service.manage.access import Caller
from upwell.service.upgrade import dispatch, endings, fill, presence, retention, waves
from upwell.storage.database import Connection

pytestmark = pytest.mark.asyncio
THIRDS = c.Care(waves=(Wave(percent=Decimal(10)), Wave(percent=Decimal(30)), ALL))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of seven devices."""
    monkeypatch.setattr(waves, "MEMBERS", 7)


async def a_careful_job(
    ctx: Context, caller: Caller, flock: Fleet, care: c.Care = THIRDS, *, opened: bool = True, **more: Any
) -> int:
    package = more.pop("package", None) or await a_package(ctx, caller, flock.key)
    job = await a_job(ctx, caller, package, flock, care=care, **more)
    await filled(ctx, job)
    if opened:
        await settled(ctx, job)
    return job


async def settled(ctx: Context, job: int) -> None:
    """Take steps of the job's waves until there is none to take now."""
    for _ in range(10_000):
        if job not in [each.job_id for each in await waves.waiting(ctx)]:
            return
        await waves.step_one(ctx, job)
    raise AssertionError("it has no end")


async def shown(ctx: Context, caller: Caller, job: int) -> c.Job:
    return await job_views.show_job(ctx, caller, c.ShowJob(job_id=job, counted=True))


async def decisions(ctx: Context, caller: Caller, job: int) -> Sequence[c.Decision]:
    return (await promoting.list_decisions(ctx, caller, c.ListDecisions(job_id=job, asked=Slice(take=50)))).items


async def promote(ctx: Context, caller: Caller, job: int, **more: Any) -> c.Job:
    return await promoting.promote_job(ctx, caller, c.PromoteJob(job_id=job, **more))


async def by_wave(ctx: Context, job: int) -> dict[int, list[UUID]]:
    found: dict[int, list[UUID]] = {}
    for device, task in (await tasks(ctx, job)).items():
        found.setdefault(task["wave"], []).append(device)
    return found


async def push(ctx: Context, node: UUID, wire: Wire) -> list[UUID]:
    """The devices that are offered now; all answer that they have it."""
    due = await dispatch.due(ctx, node, 10_000)
    await dispatch.offer(ctx, due, link, wire, due_by=ctx.now())
    return [ref.device_id for ref in due]


async def later(ctx: Context, clock: Clock, job: int, **span: float) -> None:
    clock.move(**(span or {"minutes": 2}))
    await settled(ctx, job)


# --- dealt ---


@pytest.mark.usefixtures("small")
async def test_devices_are_dealt_exactly_and_drawn_by_lot(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 60)
    first, second = await a_package(ctx, caller, flock.key), await a_package(ctx, caller, flock.key, "next")
    one = await a_careful_job(ctx, caller, flock, package=first)
    found = await by_wave(ctx, one)
    assert {wave: len(devices) for wave, devices in found.items()} == {1: 6, 2: 12, 3: 42}
    assert set(found[1]) != set(sorted(flock.ids)[:6]), "not in the order in which they are filled"
    drawn = await ask(ctx, "select device_id from job_lot where job_id = $1 order by lot", one)
    in_order = [UUID(int=row["device_id"].int) for row in drawn]
    assert [set(in_order[:6]), set(in_order[6:18])] == [set(found[1]), set(found[2])]
    view = await shown(ctx, caller, one)
    assert [(wave.size, wave.seen and wave.seen.open) for wave in view.waves] == [(6, 6), (12, 12), (42, 42)]
    await steering.cancel_tasks(ctx, caller, c.CancelTasks(job_id=one, states=frozenset(c.OPEN_STATES)))
    # Another job draws anew, but for jobs that want the same devices first.
    two = await a_careful_job(ctx, caller, flock, package=second)
    assert set((await by_wave(ctx, two))[1]) != set(found[1])
    firsts = []
    for _ in range(2):
        await steering.cancel_tasks(ctx, caller, c.CancelTasks(job_id=two, states=frozenset(c.OPEN_STATES)))
        two = await a_careful_job(ctx, caller, flock, replace(THIRDS, same_first=True), package=second)
        firsts.append(set((await by_wave(ctx, two))[1]))
    assert firsts[0] == firsts[1]


async def test_nothing_is_offered_before_all_are_dealt(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 20)
    node = await online(ctx, clock, flock)
    job = await a_careful_job(ctx, caller, flock, opened=False)
    wire = Wire()
    for _ in range(40):
        opened = (await ask(ctx, "select open_wave from job"))[0]["open_wave"]
        if opened > 0:
            break
        assert await dispatch.due(ctx, node, 99) == [] and await dispatch.asked_for(ctx, flock.ids) == {}
        assert (await dispatch.offer(ctx, refs(job, flock.ids), link, wire, wanted=True)).sent == set()
        await waves.step_one(ctx, job)
    first = (await by_wave(ctx, job))[1]
    asked = await dispatch.asked_for(ctx, flock.ids)
    assert opened == 1 and set(asked) == set(first) and len(first) == 2
    await settled(ctx, job)
    assert set(await push(ctx, node, wire)) == set(first)
    assert (await dispatch.offer(ctx, refs(job, flock.ids), link, wire, wanted=True)).sent == set(refs(job, first))
    [opening] = await decisions(ctx, caller, job)
    assert (opening.what, opening.wave, opening.by, opening.numbers["targets"]) == ("opened", 1, "upwell", 20)


@pytest.mark.usefixtures("small")
async def test_dealing_goes_on_where_it_was_killed(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 40)
    job = await a_careful_job(ctx, caller, flock, opened=False)
    await waves.step_one(ctx, job)

    async def broken(conn: Connection) -> None:
        await waves._step(ctx, conn, job)
        raise RuntimeError("killed")

    async def dealt() -> int:
        return int((await ask(ctx, "select dealt from rollout"))[0]["dealt"])

    met = 0
    while (before := await dealt()) < 40:
        with pytest.raises(RuntimeError, match="killed"):
            await ctx.database.transact(broken)
        assert await dealt() == before == 40 - len((await by_wave(ctx, job))[rollout.UNDEALT])
        await asyncio.gather(*(waves.step_one(ctx, job) for _ in range(2)))
        met += 1
    assert met >= 3
    await settled(ctx, job)
    assert {wave: len(devices) for wave, devices in (await by_wave(ctx, job)).items()} == {1: 4, 2: 8, 3: 28}


async def test_small_fleets_and_devices_that_are_taken(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 3)
    other = await a_package(ctx, caller, flock.key, "other", version="3.0")
    await filled(ctx, await a_job(ctx, caller, other, flock, selection="SPECIFIC", device_names=flock.names[:1]))
    job = await a_careful_job(ctx, caller, flock, c.Care(preset="careful"))
    found = await by_wave(ctx, job)
    assert found[-1] == flock.ids[:1], "its task failed when it was made, and is in no wave"
    assert {wave: len(devices) for wave, devices in found.items()} == {-1: 1, 1: 1, 2: 1}
    assert [wave.size for wave in (await shown(ctx, caller, job)).waves] == [1, 1, 0]


# --- opened ---


async def test_waves_open_by_evidence_and_end(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 300)
    node, wire = await online(ctx, clock, flock), Wire()
    job = await a_careful_job(ctx, caller, flock)
    first = await push(ctx, node, wire)
    assert len(first) == 30
    await say(ctx, *((device, runs("2.0")) for device in first[:26]))
    await later(ctx, clock, job)
    assert (await shown(ctx, caller, job)).happens_next == "Wave 2 opens when 1 more of wave 1 has a verdict."
    assert await push(ctx, node, wire) == []
    await say(ctx, (first[26], runs("2.0")))
    await later(ctx, clock, job)
    second = await push(ctx, node, wire)
    assert len(second) == 60
    await say(ctx, *((device, runs("2.0")) for device in [*first, *second]))
    await later(ctx, clock, job)
    third = await push(ctx, node, wire)
    assert len(third) == 210 and set(first + second + third) == set(flock.ids)
    assert (await shown(ctx, caller, job)).happens_next == "Its last wave is open."
    await say(ctx, *((device, runs("2.0")) for device in third))
    await endings.end_finished(ctx)
    view = await shown(ctx, caller, job)
    assert (view.status, view.happens_next) == ("COMPLETED", "")
    assert len({each.offer.task for each in wire.sent}) == len(wire.sent) == 300
    found = await decisions(ctx, caller, job)
    assert [(each.what, each.wave, each.result) for each in found] == [
        ("opened", 3, "go"), ("opened", 2, "go"), ("opened", 1, "")
    ]  # fmt: skip
    assert found[1].numbers == {
        "size": 30, "reached": 30, "fine": 27, "failed": 0, "open": 3, "carried": 0, "failed_percent": [0, 12.5]
    }  # fmt: skip
    assert "27 of 30 reached devices have a verdict, 0 failed" in found[1].reason
    assert job not in [each.job_id for each in await waves.waiting(ctx)], "nobody looks at it any more"


async def test_devices_that_are_away_hold_up_nobody_and_are_told_when_they_come(
    ctx: Context, caller: Caller, clock: Clock
) -> None:
    flock = await a_fleet(ctx, caller, 100)
    job = await a_careful_job(ctx, caller, flock, c.Care(waves=(Wave(count=40), ALL)))
    first = (await by_wave(ctx, job))[1]
    here = Fleet(flock.key, tuple(n for n, d in zip(flock.names, flock.ids, strict=True) if d in first[:28]))
    await later(ctx, clock, job)
    assert "none was yet" in (await shown(ctx, caller, job)).happens_next, "no data opens nothing"
    node, wire = await online(ctx, clock, here), Wire()
    assert len(await push(ctx, node, wire)) == 28
    await say(ctx, *((device, runs("2.0")) for device in here.ids))
    await later(ctx, clock, job)
    [opening, _] = await decisions(ctx, caller, job)
    assert (opening.wave, opening.result, opening.numbers["carried"]) == (2, "go", 12)
    # Those that were away are offered as soon as they come.
    away = Fleet(flock.key, tuple(n for n, d in zip(flock.names, flock.ids, strict=True) if d in first[28:]))
    await presence.came_online(ctx, node, [(device, CONNECTION, "127.0.0.1") for device in away.ids])
    clock.move(seconds=3)
    assert set(await push(ctx, node, wire)) == set(away.ids)


async def test_a_wave_too_small_for_evidence_opens_the_next_by_rule_if_it_is_clean(
    ctx: Context, caller: Caller, clock: Clock
) -> None:
    flock = await a_fleet(ctx, caller, 10)
    node, wire = await online(ctx, clock, flock), Wire()
    job = await a_careful_job(ctx, caller, flock, c.Care(waves=(Wave(count=1), Wave(count=7), ALL)))
    [one] = await push(ctx, node, wire)
    await say(ctx, (one, runs("2.0")))
    await later(ctx, clock, job)
    assert (await decisions(ctx, caller, job))[0].result == "inconclusive"
    six = await push(ctx, node, wire)
    await say(ctx, *((device, runs("2.0")) for device in six[1:]), (six[0], progress(-1)))
    await later(ctx, clock, job, hours=100)
    assert await push(ctx, node, wire) == [] and "a person promotes" in (await shown(ctx, caller, job)).happens_next
    assert (await promote(ctx, caller, job, wave=3, reason="a broken cable")).open_wave == 3
    assert (await promote(ctx, caller, job, wave=3)).open_wave == 3, "asked twice it is done once"
    [promoted, *_] = await decisions(ctx, caller, job)
    assert (promoted.what, promoted.by, promoted.reason) == ("promoted", caller.key_id, "a broken cable")
    assert (promoted.numbers["failed"], promoted.numbers["fine"]) == (1, 5)
    await settled(ctx, job)
    assert len(await push(ctx, node, wire)) == 3


async def test_a_small_wave_with_a_failure_waits_for_a_person(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 50)
    node, wire = await online(ctx, clock, flock), Wire()
    job = await a_careful_job(ctx, caller, flock, c.Care(waves=(Wave(count=5), ALL)))
    five = await push(ctx, node, wire)
    await say(ctx, *((device, runs("2.0")) for device in five[:4]), (five[4], progress(-1)))
    await later(ctx, clock, job, hours=100)
    assert await push(ctx, node, wire) == []
    # Cancelled it waits for nobody.
    await steering.cancel_tasks(ctx, caller, c.CancelTasks(job_id=job, states=frozenset(c.OPEN_STATES)))
    await endings.end_finished(ctx)
    with pytest.raises(Conflict, match="COMPLETED"):
        await promote(ctx, caller, job)
    assert waves.Waiting(job, False) not in await waves.waiting(ctx)


async def test_time_is_evidence_too(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 20)
    node, wire = await online(ctx, clock, flock), Wire()
    soaking = c.Care(waves=(Wave(count=2, soak_min=60), Wave(count=4, soak_min=600), ALL))
    job = await a_careful_job(ctx, caller, flock, soaking)
    await say(ctx, *((device, runs("2.0")) for device in await push(ctx, node, wire)))
    await later(ctx, clock, job, minutes=1)
    await later(ctx, clock, job, minutes=58)
    assert await push(ctx, node, wire) == [] and "soak of wave 1" in (await shown(ctx, caller, job)).happens_next
    await later(ctx, clock, job, minutes=3)
    second = await push(ctx, node, wire)
    assert len(second) == 2
    # A person skips the soak, and no more than that: the verdicts are still waited for.
    await promote(ctx, caller, job, wave=3, skip_soak=True)
    await later(ctx, clock, job)
    assert await push(ctx, node, wire) == []
    await say(ctx, *((device, runs("2.0")) for device in second))
    await later(ctx, clock, job)
    assert len(await push(ctx, node, wire)) == 16
    assert [each.what for each in await decisions(ctx, caller, job)] == ["opened", "soak skipped", "opened", "opened"]


async def test_a_paused_rollout_opens_no_wave(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 4)
    node, wire = await online(ctx, clock, flock), Wire()
    job = await a_careful_job(ctx, caller, flock, c.Care(waves=(Wave(count=1), ALL)))
    [one] = await push(ctx, node, wire)
    await pausing.pause_job(ctx, caller, c.PauseJob(job_id=job))
    await say(ctx, (one, runs("2.0")))
    await later(ctx, clock, job)
    assert (await shown(ctx, caller, job)).open_wave == 1
    with pytest.raises(Conflict, match="paused"):
        await promote(ctx, caller, job)
    await pausing.resume_job(ctx, caller, c.ResumeJob(job_id=job))
    assert await push(ctx, node, wire) == []
    await later(ctx, clock, job)
    assert len(await push(ctx, node, wire)) == 3


# --- who comes, goes and waits ---


async def test_who_comes_later_joins_the_last_wave_that_is_open(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 12, version=None)
    package = await a_package(ctx, caller, flock.key)
    await say(ctx, *((device, runs("1.0" if place < 10 else "2.0")) for place, device in enumerate(flock.ids)))
    care = c.Care(waves=(Wave(count=2), Wave(count=4), ALL))
    made = await jobs.create_job(ctx, caller, dynamic_job(package_id=package, product_key=flock.key, care=care))
    job = made.job_id
    while await fill.fill(ctx, job):
        pass
    await settled(ctx, job)
    node, wire = await online(ctx, clock, flock), Wire()
    await say(ctx, *((device, runs("1.0")) for device in flock.ids[:10]))
    assert len(await push(ctx, node, wire)) == 2, "devices that come online are of waves that have not opened"
    await promote(ctx, caller, job)
    await settled(ctx, job)
    await say(ctx, *((device, runs("1.0")) for device in flock.ids[10:]))
    assert Counter({wave: len(d) for wave, d in (await by_wave(ctx, job)).items()}) == {
        1: 2,
        2: 4,
        3: 6,
    }  # 2 of 2 came later
    clock.move(seconds=3)
    assert set(flock.ids[10:]) < set(await push(ctx, node, wire))
    # Its policy ends, its tasks live on, and so do its waves.
    await jobs.end_policy(ctx, caller, c.EndPolicy(job_id=job))
    await promote(ctx, caller, job)
    await settled(ctx, job)
    assert len(await push(ctx, node, wire)) == 6


async def test_waits_of_devices_whose_wave_is_not_open_take_no_time(ctx: Context, caller: Caller, clock: Clock) -> None:
    """huawei 6.1: the time in which a device may come online begins when it would be asked."""
    stage = Stage(ctx, caller, clock, await a_fleet(ctx, caller, 4, version=None))
    package = await a_package(ctx, caller, stage.flock.key)
    job = await stage.create((package,), care=c.Care(waves=(Wave(count=1), ALL)))
    await settled(ctx, job)
    clock.move(hours=26)
    await endings.time_out(ctx)
    states = {task["wave"]: task["state"] for task in (await tasks(ctx, job)).values()}
    assert states == {1: "FAILED", 2: "QUEUED"}
    await promote(ctx, caller, job)
    clock.move(hours=24)
    await endings.time_out(ctx)
    assert {task["state"] for task in (await tasks(ctx, job)).values() if task["wave"] == 2} == {"QUEUED"}
    clock.move(hours=2)
    await endings.time_out(ctx)
    assert {task["state"] for task in (await tasks(ctx, job)).values()} == {"FAILED"}


async def test_what_is_refused(ctx: Context, caller: Caller, stranger: Caller) -> None:
    flock = await a_fleet(ctx, caller, 2)
    package = await a_package(ctx, caller, flock.key)
    for care in (c.Care(), c.Care(waves=(Wave(count=1),)), c.Care(waves=(ALL, ALL))):
        with pytest.raises(Invalid, match="waves"):
            await a_job(ctx, caller, package, flock, care=care)
    with pytest.raises(Invalid, match="waves"):
        await jobs.create_job(
            ctx, caller, dynamic_job(package_id=package, product_key=flock.key, dynamic_mode=2, care=THIRDS)
        )
    assert await ask(ctx, "select 1 from job") == [] == await ask(ctx, "select 1 from rollout")
    plain = await a_job(ctx, caller, package, flock)
    with pytest.raises(Conflict, match="all its devices"):
        await promote(ctx, caller, plain)
    assert await decisions(ctx, caller, plain) == ()
    await steering.cancel_tasks(ctx, caller, c.CancelTasks(job_id=plain, states=frozenset(c.OPEN_STATES)))
    job = await a_careful_job(ctx, caller, flock, c.Care(waves=(Wave(count=1), ALL)), opened=False, package=package)
    with pytest.raises(Conflict, match="not dealt"):
        await promote(ctx, caller, job)
    await settled(ctx, job)
    with pytest.raises(Conflict, match="next wave is 2"):
        await promote(ctx, caller, job, wave=3)
    viewer = Caller(caller.account_id, "viewer", caller.key_id, caller.dialect)
    with pytest.raises(Denied):
        await promote(ctx, viewer, job)
    for foreign in (promote, decisions):
        with pytest.raises(NotFound):
            await foreign(ctx, stranger, job)
    await promote(ctx, caller, job)
    with pytest.raises(Conflict, match="last wave"):
        await promote(ctx, caller, job)


async def test_decisions_are_only_added_to(ctx: Context, caller: Caller) -> None:
    await a_careful_job(ctx, caller, await a_fleet(ctx, caller, 1))
    for text in ("update decision set reason = 'other'", "delete from decision", "truncate decision"):
        with pytest.raises(asyncpg.RaiseError, match="only added to"):
            await ask(ctx, text)


async def test_lots_are_forgotten_with_the_tasks(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 5)
    node = await online(ctx, clock, flock)
    job = await a_careful_job(ctx, caller, flock, replace(THIRDS, guard=Watch()))
    [one] = await push(ctx, node, Wire())
    await say(ctx, (one, progress(-1)))
    assert await ask(ctx, "select 1 from job_offer") and await ask(ctx, "select 1 from job_stretch")
    await steering.cancel_tasks(ctx, caller, c.CancelTasks(job_id=job, states=frozenset(c.OPEN_STATES)))
    await endings.end_finished(ctx)
    clock.move(days=400)
    keeping = replace(ctx, kept=ctx.now() - clock.moment.replace(year=clock.moment.year - 1))
    while await retention.forget(keeping):
        pass
    assert await tasks(ctx, job) == {} and await ask(ctx, "select 1 from job_lot") == []
    assert await ask(ctx, "select 1 from job_offer union all select 1 from job_stretch") == []
    assert (await shown(ctx, caller, job)).waves[0].size == 1


# --- raced ---


@pytest.mark.parametrize(
    ("count", "shares"),
    [
        pytest.param(600, 6, id="short"),
        pytest.param(40_000, 15, id="long", marks=[pytest.mark.prove, pytest.mark.timeout(1800)]),
    ],
)
async def test_no_device_is_offered_before_its_wave_opened(
    ctx: Context, caller: Caller, clock: Clock, dsn: str, count: int, shares: int
) -> None:
    """L13: two processes push and answer while waves are dealt and opened here, and one is killed now and then."""
    flock = await a_fleet(ctx, caller, count, version=None)
    node = await online(ctx, clock, flock)
    care = c.Care(waves=(*(Wave(count=count * n // shares) for n in range(1, shares)), ALL))
    job = await a_careful_job(ctx, caller, flock, care, opened=False, maximum_per_min=60_000)
    dice = random.Random(3)
    async with offering(dsn, node, at_once=40) as processes:
        await settled(ctx, job)
        found = await by_wave(ctx, job)
        wave_of = {device: wave for wave, devices in found.items() for device in devices}
        ends = [count * n // shares for n in range(shares + 1)]
        sizes = {wave: ends[wave] - ends[wave - 1] for wave in range(1, shares + 1)}
        assert {wave: len(devices) for wave, devices in found.items()} == sizes
        for opened in range(1, shares + 1):
            if opened > 1:
                before = await sent_by(processes)
                assert {wave_of[device] for device in before} <= set(range(1, opened))
                await promote(ctx, caller, job, wave=opened)
                await settled(ctx, job)
            if dice.random() < 0.5:
                await processes[0].kill()
                await processes[0].start()
            await asyncio.sleep(dice.uniform(0, 0.2))
        while len(set(await sent_by(processes))) < count:
            clock.move(seconds=5)
            await settled(ctx, job)
            await ask(ctx, "update task set due_at = now() where due_at > now()")
