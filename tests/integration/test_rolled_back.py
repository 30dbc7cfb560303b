"""A device that had the whole package and comes back with its version of before has rolled back: a verdict as silence
is, which changes no state and no vendor's answer (ADR 0047, rollouts 7.20)."""

from uuid import UUID, uuid4

import pytest
from conftest import Clock
from counting import recount
from test_failures import told as failures_of
from test_guards import follow_up, numbers, online, rejects
from test_jobs import Fleet, Wire, a_filled_job, a_fleet, a_package, ask, progress, runs, say, states
from test_waves import a_careful_job, decisions, push, settled, shown

from upwell.domain import commands as c
from upwell.domain.guard import Guard, Watch
from upwell.domain.rollout import ALL, Seen, Wave
from upwell.domain.talk import TaskRef
from upwell.service.context import Context
from upwell.service.manage import reasons, steering, whys
from upwell.service.manage.access import Caller
from upwell.service.upgrade import endings, halting

pytestmark = pytest.mark.asyncio
CARE = c.Care(waves=(Wave(count=30), ALL), guard=Watch(verdict_min=60))
SCORED = "select coalesce(sum(cardinality(numbers)), 0) as n from job_stretch where stratum = 0"


async def came_back(ctx: Context, *devices: UUID, version: str = "1.0") -> UUID:
    """These devices have the package whole, restart, and say what they run."""
    connection = uuid4()
    await say(ctx, *((device, progress(100)) for device in devices))
    await say(ctx, *((device, runs(version)) for device in devices), connection=connection)
    return connection


async def a_wave(ctx: Context, caller: Caller, clock: Clock, care: c.Care = CARE) -> tuple[Fleet, int, list[UUID]]:
    """A rollout whose first wave of 30 is offered, its devices in the order of their offers."""
    flock = await a_fleet(ctx, caller, 60)
    node = await online(ctx, clock, flock)
    job = await a_careful_job(ctx, caller, flock, care)
    await push(ctx, node, Wire())
    return flock, job, list(await numbers(ctx, job))


async def node_of(ctx: Context) -> UUID:
    [row] = await ask(ctx, "select distinct node_id from presence where node_id is not null")
    return UUID(int=row["node_id"].int)


async def why(ctx: Context, caller: Caller, flock: Fleet, job: int, device: UUID) -> str:
    key = c.DeviceKey(product_key=flock.key, name=flock.names[flock.ids.index(device)])
    return (await whys.explain_device(ctx, caller, c.ExplainDevice(device=key, job_id=job))).code


async def test_it_feeds_the_guard_and_is_told_apart(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock, job, offered = await a_wave(ctx, caller, clock)
    offered = offered[::-1]
    await came_back(ctx, *offered[:2])
    assert await halting.tripped(ctx) == []
    assert await why(ctx, caller, flock, job, offered[0]) == "due_now", "it is offered anew"
    await push(ctx, await node_of(ctx), Wire())
    view = await shown(ctx, caller, job)
    assert view.waves[0].seen == Seen(failed=2, rolled_back=2, open=28)
    [kind] = await failures_of(ctx, caller, job)
    assert (kind.reason, kind.count, kind.source_version, len(kind.examples)) == ("rolled_back", 2, "1.0", 2)
    assert await why(ctx, caller, flock, job, offered[0]) == "rolled_back"
    # Grouped as one by one.
    survey = await reasons.show_reasons(ctx, caller, c.ShowReasons(job_id=job))
    assert {str(each.code): each.count for each in survey.reasons}["rolled_back"] == 2
    await came_back(ctx, *offered[2:5])
    await follow_up(ctx)
    view = await shown(ctx, caller, job)
    assert view.paused is not None and view.paused.by == "guard" and "rolled_back (5)" in view.paused.reason
    # No state, and no answer to a vendor, has changed; said again it is known already.
    assert await states(ctx, job) == {"IN_PROGRESS": 5, "QUEUED": 55}
    await came_back(ctx, *offered[:5])
    assert (await ask(ctx, SCORED))[0]["n"] == 5
    halted = (await decisions(ctx, caller, job))[0]
    assert halted.numbers["failed"] == 5 and halted.numbers["reasons"] == [["rolled_back", 5]]


async def test_a_late_success_corrects_what_is_shown_and_no_act(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock, job, offered = await a_wave(ctx, caller, clock)
    await came_back(ctx, *offered[:5])
    await follow_up(ctx)
    before = await shown(ctx, caller, job)
    await came_back(ctx, *offered[:3], version="2.0")
    view = await shown(ctx, caller, job)
    assert view.paused == before.paused is not None
    assert view.waves[0].seen == Seen(fine=3, failed=2, rolled_back=2, open=25)
    assert (await ask(ctx, SCORED))[0]["n"] == 2
    assert [each.count for each in await failures_of(ctx, caller, job)] == [2]
    assert await why(ctx, caller, flock, job, offered[0]) == "already_there"


async def test_what_fails_afterwards_failed_by_that(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock, job, offered = await a_wave(ctx, caller, clock)
    await came_back(ctx, *offered[:3])
    await say(ctx, (offered[0], progress(-4)), (offered[1], rejects("no_space", 5)))
    assert (await shown(ctx, caller, job)).waves[0].seen == Seen(failed=2, rolled_back=2, rejected=1, open=27)
    assert await why(ctx, caller, flock, job, offered[0]) == "rolled_back"
    [row] = await ask(ctx, "select reason from task where state = 'FAILED' and outcome = 'rolled_back'")
    assert row["reason"] == "burning_failed", "what vendors are told stays"
    # A person has it run again: a new attempt, and what it was before is no longer shown.
    refs = tuple(each for each in await _refs(ctx, job) if each.device_id == offered[0])
    await steering.repeat_tasks(ctx, caller, c.RepeatTasks(job_id=job, tasks=refs))
    assert (await shown(ctx, caller, job)).waves[0].seen == Seen(failed=1, rolled_back=1, rejected=1, open=28)
    await steering.cancel_tasks(ctx, caller, c.CancelTasks(job_id=job, states=frozenset(c.OPEN_STATES)))
    assert (await shown(ctx, caller, job)).waves[0].seen == Seen(rejected=1)


async def _refs(ctx: Context, job: int) -> list[TaskRef]:
    rows = await ask(ctx, "select device_id, job_id, nth from task where job_id = $1", job)
    return [TaskRef(device_id=UUID(int=r["device_id"].int), job_id=r["job_id"], nth=r["nth"]) for r in rows]


async def test_silence_gives_way_to_it(ctx: Context, caller: Caller, clock: Clock) -> None:
    care = c.Care(waves=(Wave(count=30), ALL), guard=Watch(verdict_min=60, test=Guard(p0=0.9, p1=0.99)))
    _, job, offered = await a_wave(ctx, caller, clock, care)
    clock.move(minutes=61)
    await follow_up(ctx)
    assert (await shown(ctx, caller, job)).waves[0].seen == Seen(failed=30, silent=30)
    await came_back(ctx, *offered[:4])
    assert (await shown(ctx, caller, job)).waves[0].seen == Seen(failed=30, silent=26, rolled_back=4)
    assert (await ask(ctx, SCORED))[0]["n"] == 30
    rows = await ask(ctx, "select verdict, count(*) as n from job_offer group by 1 order by 1")
    assert {row["verdict"]: row["n"] for row in rows} == {"rolled_back": 4, "silent": 26}


async def test_what_is_no_rolling_back(ctx: Context, caller: Caller, clock: Clock) -> None:
    """A cut download, a word on the same connection, a device that polls, an attempt that ended."""
    _, _, offered = await a_wave(ctx, caller, clock)
    cut, same, polls, mute, retried = offered[:5]
    await say(ctx, (cut, progress(99)), (same, progress(100)), (polls, progress(100)), (retried, progress(100)))
    await ask(ctx, "update task set offered_on = device_id where device_id = $1", polls)
    await say(ctx, (same, runs("1.0")))
    await say(ctx, (polls, runs("1.0")), connection=polls)
    await say(ctx, (cut, runs("1.0")), (mute, runs("1.0")), connection=uuid4())
    await ask(ctx, "update task set attempt = 1, state = 'QUEUED', progress = 0 where device_id = $1", retried)
    await say(ctx, (retried, runs("1.0")), connection=uuid4())
    assert await ask(ctx, "select 1 from task where outcome <> ''") == []
    await recount(ctx)


async def test_a_job_without_waves_tells_it_too(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 3)
    node = await online(ctx, clock, flock)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock, timeout_min=30)
    await push(ctx, node, Wire())
    await came_back(ctx, *flock.ids[:2])
    assert [(each.reason, each.count) for each in await failures_of(ctx, caller, job)] == [("rolled_back", 2)]
    await push(ctx, node, Wire())
    assert await why(ctx, caller, flock, job, flock.ids[0]) == "rolled_back"
    clock.move(minutes=31)
    await endings.time_out(ctx)
    assert (await states(ctx, job))["FAILED"] == 2
    assert [(each.reason, each.count) for each in await failures_of(ctx, caller, job)] == [("rolled_back", 2)]
    await settled(ctx, job)
