"""What came of offers is counted as it changes, whoever changes it, so that a look at a wave reads counters alone (L2,
ADR 0047)."""

import random
from collections import Counter
from uuid import UUID

import pytest
from conftest import Clock
from counting import miscounted, recount
from test_guards import follow_up, online, rejects
from test_jobs import Fleet, Wire, a_fleet, a_package, ask, progress, refs, runs, say
from test_waves import a_careful_job, push, settled, shown

from upwell.domain import commands as c
from upwell.domain.guard import Guard, Watch
from upwell.domain.rollout import ALL, Seen, Wave
from upwell.service.context import Context
from upwell.service.manage import devices, pausing, promoting, steering
from upwell.service.manage.access import Caller
from upwell.service.upgrade import counters, guards, waves
from upwell.service.upgrade.recount import differences

pytestmark = pytest.mark.asyncio
BLIND = Watch(verdict_min=60, test=Guard(p0=0.9, p1=0.99), rejected=Guard(p0=0.9, p1=0.99))
# The test's own words for what is counted how, of the rows themselves.
THERE = """
with t as (
    select t.wave, t.state, t.reason, t.offered_at is null as is_unoffered, coalesce(o.verdict, '') as verdict,
           t.state not in ('SUCCEEDED', 'FAILED', 'CANCELED') as is_open, t.outcome = 'rolled_back' as is_back
    from task t left join job_offer o using (device_id, job_id) where t.job_id = $1
)
select wave, count(*) filter (where state = 'SUCCEEDED' and not is_unoffered) as fine,
       count(*) filter (where state = 'SUCCEEDED' and is_unoffered) as already_there,
       count(*) filter (where state = 'FAILED' and reason in ('no_space', 'package_type_unknown')) as rejected,
       count(*) filter (where state = 'FAILED' and reason in ('in_use', 'low_battery')) as postponed,
       count(*) filter (where is_back and state <> 'CANCELED') as rolled_back,
       count(*) filter (where is_open and verdict = 'silent' and not is_back) as silent,
       count(*) filter (where is_open and (verdict = 'silent' or is_back) or state = 'FAILED'
                        and reason not in ('no_space', 'package_type_unknown', 'in_use', 'low_battery')) as failed,
       count(*) filter (where is_open and verdict <> 'silent' and not is_back) as open
from t group by wave
"""


async def there(ctx: Context, job: int) -> dict[int, Counter[str]]:
    rows = await ask(ctx, THERE, job)
    return {r["wave"]: Counter({k: v for k, v in r.items() if k != "wave" and v}) for r in rows}


async def counted(ctx: Context, job: int) -> dict[int, Counter[str]]:
    async with ctx.database.connection() as conn:
        seen = await waves.seen_by_wave(conn, job)
    names = ("fine", "failed", "open", "silent", "rolled_back", "rejected", "postponed", "already_there")
    return {wave: Counter({n: v for n in names if (v := getattr(each, n))}) for wave, each in seen.items()}


async def a_story(
    ctx: Context, caller: Caller, clock: Clock, flock: Fleet, node: UUID, job: int, dice: random.Random
) -> None:  # fmt: skip
    """Some things happen to some devices."""
    says = [
        runs("2.0"),
        runs("2.0"),
        progress(10),
        progress(100),
        progress(100),
        progress(-3),
        rejects("no_space", 5),
        rejects("low_battery", 4),
    ]
    await say(ctx, *((device, dice.choice(says)) for device in dice.sample(flock.ids, dice.randrange(5))))
    match dice.choice((0, 0, 0, 2, 2, 4, 5, 6, 6, 7, 7, 8, 8, 8)):
        case 0:
            await push(ctx, node, Wire())
        case 2:
            clock.move(minutes=61)
            await follow_up(ctx)
        case 4:
            name = dice.choice(flock.names)
            if await ask(ctx, "select 1 from device where name = $1 and deleted_at is null", name):
                key = c.DeviceKey(product_key=flock.key, name=name)
                await devices.delete_device(ctx, caller, c.DeleteDevice(device=key))
        case 5:
            of = frozenset(dice.sample(sorted(c.OPEN_STATES), 1))
            await steering.cancel_tasks(ctx, caller, c.CancelTasks(job_id=job, states=of))
        case 6:
            over = (
                "select device_id from task t where job_id = $1 and state in ('FAILED', 'CANCELED') and exists (select"
            )
            over += " from device d where d.device_id = t.device_id and d.deleted_at is null)"
            some = [UUID(int=r["device_id"].int) for r in await ask(ctx, over, job)]
            tasks = tuple(refs(job, dice.sample(some, len(some) // 2)))
            if tasks:
                await steering.repeat_tasks(ctx, caller, c.RepeatTasks(job_id=job, tasks=tasks))
        case 7:
            view = await shown(ctx, caller, job)
            if view.paused is not None:
                await pausing.resume_job(ctx, caller, c.ResumeJob(job_id=job))
            elif view.open_wave == 1 and view.status == "IN_PROGRESS":
                await promoting.promote_job(ctx, caller, c.PromoteJob(job_id=job))
        case 8:  # some restart
            some = dice.sample(flock.ids, 20)
            await say(ctx, *((device, runs("1.0")) for device in some), connection=UUID(int=dice.getrandbits(64)))
    await settled(ctx, job)


@pytest.mark.parametrize(
    "seeds",
    [
        pytest.param(range(8), id="short"),
        pytest.param(range(100), id="long", marks=[pytest.mark.prove, pytest.mark.timeout(1800)]),
    ],
)
async def test_counters_say_what_there_is_whatever_happens(
    ctx: Context, caller: Caller, clock: Clock, seeds: range
) -> None:
    kinds = Counter[str]()
    for seed in seeds:
        dice = random.Random(seed)
        flock = await a_fleet(ctx, caller, 60, name=f"lamp {seed}")
        node = await online(ctx, clock, flock, ("alibaba", "tuya", "huawei"))
        care = c.Care(waves=(Wave(count=25), ALL), guard=BLIND if seed % 3 else None)
        package = await a_package(ctx, caller, flock.key, f"pack {seed}")
        job = await a_careful_job(ctx, caller, flock, care, package=package)
        await push(ctx, node, Wire())
        for _ in range(25):
            await a_story(ctx, caller, clock, flock, node, job, dice)
            told = await there(ctx, job)
            assert await counted(ctx, job) == told
            kinds.update(name for wave in told.values() for name in wave)
        assert await miscounted(ctx) == []
        await counters.fold_all(ctx)
        assert await counted(ctx, job) == await there(ctx, job)
        assert [line async for line in differences(ctx) if line] == []
    assert (
        min(kinds[n] for n in ("fine", "failed", "silent", "rolled_back", "rejected", "postponed", "already_there"))
        >= 5
    ), kinds


async def test_check_tells_what_is_counted_wrong(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 4)
    job = await a_careful_job(ctx, caller, flock, c.Care(waves=(Wave(count=2), ALL), guard=BLIND))
    await say(ctx, *((device, runs("2.0")) for device in flock.ids))
    await ask(ctx, "update job_count set outcome = 'silent' where outcome = 'already_there' and wave = 1")
    lines = [line async for line in differences(ctx) if line]
    assert len(lines) == 2 and all(f"job {job}" in line for line in lines)
    assert any("outcome=already_there" in line and "2 tasks and 0 counted" in line for line in lines)
    await recount(ctx)


async def reads(conn: object) -> dict[str, int]:
    """Rows of each table that the present transaction has read."""
    rows = await conn.fetch(  # type: ignore[attr-defined]
        "select relname, coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) as n from pg_stat_xact_user_tables"
    )
    return {row["relname"]: row["n"] for row in rows}


async def test_a_look_reads_counters_however_many_offers_there_are(ctx: Context, caller: Caller, clock: Clock) -> None:
    """Of 20,000 offers 5,000 each are silent, rejected, postponed and already there: a look at the wave reads none."""
    flock = await a_fleet(ctx, caller, 40)
    job = await a_careful_job(ctx, caller, flock, c.Care(waves=(Wave(count=20), ALL), guard=BLIND))
    await ask(
        ctx,
        "insert into task (device_id, job_id, module, state, reason, outcome, wave, created_at, modified_at)"
        " select gen_random_uuid(), $1, 'default',"
        " (array['QUEUED', 'FAILED', 'FAILED', 'SUCCEEDED'])[n % 4 + 1],"
        " (array['', 'no_space', 'in_use', ''])[n % 4 + 1],"
        " (array['silent', 'rejected', 'postponed', 'already_there'])[n % 4 + 1], 1, now(), now()"
        " from generate_series(1, 20000) n",
        job,
    )
    await ask(
        ctx,
        "insert into job_offer (device_id, job_id, epoch, number, stratum, place, verdict)"
        " select device_id, job_id, 0, row_number() over (), 0, 0, outcome from task where outcome <> ''",
    )
    await recount(ctx)
    async with ctx.upkeep.connection() as conn, conn.transaction():
        row = await conn.fetchrow(*waves.SQL["show_rollout"](job_id=job))
        assert row is not None
        before = await reads(conn)
        _, seen = await waves.judged(conn, row, ctx.now())
        await waves.outlook(conn, row, ctx.now(), is_paused=False)
        await guards.failing(conn, job)
        after = await reads(conn)
    assert seen == Seen(
        open=20, unreached=20, failed=5000, silent=5000, rejected=5000, postponed=5000, already_there=5000
    )
    read = {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)}
    assert not read.keys() & {"task", "job_offer", "device", "presence"}, read
    assert sum(read.values()) < 200, read
