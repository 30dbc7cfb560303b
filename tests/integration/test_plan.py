"""A plan is what happens then, on random small fleets of several vendors' devices (ADR 0042; issue 13)."""

import random
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from conftest import Clock, caller_of
from test_jobs import Fleet, Wire, a_fleet, a_job, a_package, ask, filled, link, online, refs, runs, say, tasks
from test_waves import a_careful_job, settled
from tests.job_commands import dynamic_job, static_job

from upwell.domain import commands as c
from upwell.domain.errors import Conflict, NotFound, TooMany
from upwell.domain.guard import Guard, Watch, halts_at
from upwell.domain.rollout import ALL, Wave
from upwell.engine.duties import SURVEYS
from upwell.service.context import Context
from upwell.service.manage import jobs, planning, reasons, surveys
from upwell.service.manage.access import Caller
from upwell.service.upgrade import dispatch, presence
from upwell.storage.database import Connection, Row

pytestmark = pytest.mark.asyncio
VENDORS = ("alibaba", "tuya", "huawei")
CARES = (
    None, c.Care(preset="careful"), c.Care(preset="fast", guard=Watch()),
    c.Care(waves=(Wave(count=2), Wave(percent=Decimal(50), soak_min=30), ALL)),
    c.Care(waves=(Wave(count=1), Wave(tag=("ring", "1")), Wave(percent=Decimal(50)), Wave(tag=("ring", "2")), ALL)),
)  # fmt: skip


SET_ASIDE = """
insert into setback (device_id, account_id, product_id, failures, last_at, job_id, reason, since, until_at)
select device_id, 1, 1, 3, $2, 1, 'failed', $2, until_at
from unnest($1::uuid[], $3::timestamptz[]) as n(device_id, until_at)
"""


STAND = """
select d.device_id, d.enabled, pr.online_at, pr.node_id, pr.vendor, coalesce(s.until_at > $2, false) as aside,
       coalesce(pr.node_id is null and pr.offline_at < $2 - interval '30 days', false) as is_away
from device d left join presence pr using (device_id) left join setback s using (device_id) where d.device_id = any($1)
"""


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of seven devices."""
    monkeypatch.setattr(planning, "CHUNK", 7)
    monkeypatch.setattr(reasons, "CHUNK", 7)


async def planned(ctx: Context, caller: Caller, cmd: c.CreateJob) -> c.Plan:
    """The plan once it is whole."""
    plan = await planning.create_plan(ctx, caller, c.CreatePlan(job=cmd))
    assert plan.status == "running"
    while any(each.job_id == plan.plan_id for each in await surveys.waiting(ctx)):
        assert (await surveys.step(ctx, plan.plan_id, SURVEYS)).moved
    return await planning.show_plan(ctx, caller, c.ShowPlan(plan_id=plan.plan_id))


EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Stage:
    """A random fleet, and a job for it."""

    flock: Fleet
    node: UUID
    cmd: c.CreateJob


async def staged(ctx: Context, caller: Caller, clock: Clock, dice: random.Random) -> Stage:
    """Some devices never came, some went, some are disabled, some are busy with another job."""
    flock = await a_fleet(ctx, caller, dice.randint(8, 40), version=None, name=uuid4().hex[:20])
    said = [(device, dice.choice(("1.0", "1.0", "1.1", "2.0", None))) for device in flock.ids]
    node = uuid4()
    came = [device for device in flock.ids if dice.random() < 0.8]
    vendors = {device: dice.choice(VENDORS) for device in came}
    seats = [(device, uuid4(), "127.0.0.1") for device in came]
    await presence.came_online(ctx, node, seats, vendors)
    await say(ctx, *((device, runs(version)) for device, version in said if version))
    gone = [seat for seat in seats if dice.random() < 0.25]
    await presence.went_offline(ctx, node, [(device, connection) for device, connection, _ in gone])
    disabled = [device for device in flock.ids if dice.random() < 0.1]
    await ask(ctx, "update device set enabled = false where device_id = any($1)", disabled)
    tags = [(device, dice.choice("123")) for device in flock.ids if dice.random() < 0.5]
    await ask(
        ctx, "insert into device_tag select n.id, 'ring', n.ring, 1 from unnest($1::uuid[], $2::text[]) as n(id, ring)",
        [device for device, _ in tags], [ring for _, ring in tags],
    )  # fmt: skip
    busy = dice.sample(flock.names, dice.randint(0, len(flock.names) // 3))
    if busy:
        other = await a_package(ctx, caller, flock.key, uuid4().hex, version="9.0")
        job = await a_job(ctx, caller, other, flock, selection="SPECIFIC", device_names=tuple(busy))
        await filled(ctx, job)
        under_way = dice.sample(busy, len(busy) // 2)
        ids = [device for device, name in zip(flock.ids, flock.names, strict=True) if name in under_way]
        await ask(ctx, "update task set state = 'IN_PROGRESS', due_at = null where device_id = any($1)", ids)
        over = dice.sample(flock.ids, len(flock.ids) // 4)
        await ask(ctx, "update task set state = 'CANCELED', due_at = null where device_id = any($1)", over)
    clock.move(days=dice.choice((0, 1, 40)))
    aside = [device for device in flock.ids if dice.random() < 0.2]
    await ask(ctx, SET_ASIDE, aside, clock(), [clock.moment + timedelta(hours=dice.choice((-1, 1))) for _ in aside])
    return Stage(flock, node, await a_command(ctx, caller, dice, flock))


async def a_command(ctx: Context, caller: Caller, dice: random.Random, flock: Fleet) -> c.CreateJob:
    of_package: dict[str, Any] = {"is_delta": True, "source_version": "1.0"} if dice.random() < 0.3 else {}
    if dice.random() < 0.4:
        of_package = {"leads": True, "source_versions": dice.choice((("1.1",), ("1.5",)))}
        for version, follows in dice.sample((("1.5", ("1.1",)), ("1.5", ()), ("1.1", ("1.0",)), ("1.1", ("0.9",))), 2):
            await a_package(ctx, caller, flock.key, uuid4().hex, version=version, source_versions=follows)
    package = await a_package(ctx, caller, flock.key, uuid4().hex, **of_package)
    care = dice.choice(CARES)
    facts: dict[str, Any] = {"package_id": package, "product_key": flock.key, "care": care}
    facts["source_versions"] = ("1.0",) if dice.random() < 0.4 else ()
    match dice.choice(("all", "all", "gray", "named", "dynamic")):
        case "dynamic":
            return dynamic_job(**facts)
        case "gray":
            facts |= {"selection": "GRAY", "gray_percent": dice.choice(("10", "33", "75"))}
        case "named":
            names = tuple(dice.sample(flock.names, dice.randint(1, len(flock.names))))
            facts |= {"selection": "SPECIFIC", "device_names": names, "source_versions": ()}
        case _:
            facts |= {"selection": "ALL"}
    mode = dice.choice(("", "", "overwrite", "multi_module"))
    return static_job(**facts | ({mode: True} if mode else {}))


async def happened(ctx: Context, caller: Caller, stage: Stage, plan: c.Plan) -> None:
    """The job is made, and it is what was told."""
    job = (await jobs.create_job(ctx, caller, stage.cmd)).job_id
    await filled(ctx, job)
    await settled(ctx, job)
    found = await tasks(ctx, job)
    live = {device: task for device, task in found.items() if task["state"] == "QUEUED"}
    kept = {each.code: each for each in plan.answers}
    count = {code: each.count for code, each in kept.items()}
    assert plan.taken == len(live), (stage.cmd, plan, [t["source_version"] for t in live.values()])
    assert {version: n for version, n, _ in plan.versions} == Counter(task["source_version"] for task in live.values())
    rows = await ask(
        ctx, "select t.source_version as runs, k.version from task t join job j using (job_id) join package k "
        "on k.package_id = coalesce(t.package_id, j.package_id) where t.job_id = $1 and j.led_from is not null", job
    )  # fmt: skip
    first = {version: steps[0] for version, _, steps in plan.versions if steps}
    assert all(first.get(row["runs"]) == row["version"] for row in rows if row["runs"] in first)
    assert bool(first) is bool(live and rows) and count.get("needs_intermediate", 0) >= 0
    assert count.get("queued_behind", 0) == Counter(t["reason"] for t in found.values())["device_busy"]
    assert len(found) == len(live) + count.get("queued_behind", 0), "all others have no task"
    outside = sum(each.count for each in plan.answers if not each.takes_part)
    assert plan.looked == plan.taken + outside
    rows = await ask(ctx, "select size from job_wave where job_id = $1 order by wave", job)
    assert [size for size in plan.waves if size] == [r["size"] for r in rows if r["size"]] or (not rows and live)
    await not_offered(ctx, stage, job, live, count)


async def not_offered(ctx: Context, stage: Stage, job: int, live: dict[UUID, Any], count: dict[str, int]) -> None:
    """Whom the plan keeps apart of those that take part, nobody offers anything as things stand."""
    rows = await ask(ctx, STAND, list(live), ctx.now())
    here = {UUID(int=row["device_id"].int): row for row in rows}
    assert count.get("disabled", 0) == sum(not row["enabled"] for row in here.values())
    assert count.get("never_seen", 0) == sum(row["enabled"] and row["online_at"] is None for row in here.values())
    known = [row for row in here.values() if row["enabled"] and row["online_at"] is not None]
    assert count.get("set_aside", 0) == sum(row["aside"] and not row["is_away"] for row in known)
    tuya = sum(row["vendor"] == "tuya" and row["node_id"] is not None and not row["aside"] for row in known)
    delta = (await ask(ctx, "select is_delta from package join job using (package_id) where job_id = $1", job))[0]
    told = count.get("not_listening", 0)
    assert told >= tuya if delta["is_delta"] else told == 0
    wire = Wire()
    await dispatch.offer(ctx, await dispatch.due(ctx, stage.node, 999), link, wire, due_by=ctx.now())
    offered = {each.offer.task.device_id for each in wire.sent if each.offer.task.job_id == job}
    assert not any(here[device]["aside"] for device in offered)
    assert all(here[device]["enabled"] and here[device]["node_id"] is not None for device in offered)


@pytest.mark.parametrize("seeds", [range(6), pytest.param(range(6, 206), marks=pytest.mark.slow)])
@pytest.mark.timeout(900)
async def test_a_plan_is_what_happens(
    ctx: Context, caller: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch, seeds: range
) -> None:
    """Whether its devices are looked up or their spans read as a whole, in one part or in many."""
    told: list[c.Plan] = []
    for seed in seeds:
        if seed % 40 == 39:  # an account has so many packages
            caller = await caller_of(ctx, f"acme {seed}", "admin")
        for size in ("CHUNK", "SPAN"):
            monkeypatch.setattr(planning, size, (10_000, 5, 7)[seed % 3])
        stage = await staged(ctx, caller, clock, random.Random(seed))
        for dense in (0, 10**6):
            monkeypatch.setattr(planning, "DENSE", dense)
            plan = await planned(ctx, caller, stage.cmd)
            assert plan.status == "done", seed
            told.append(alike(plan))
        assert told[-1] == told[-2], seed
        await happened(ctx, caller, stage, plan)


def alike(plan: c.Plan) -> c.Plan:
    """What is the same of two plans of one rollout: not which devices are named."""
    answers = tuple(replace(each, examples=()) for each in plan.answers)
    return replace(plan, plan_id=0, created_at=EPOCH, ended_at=None, answers=answers)


async def test_a_plan_makes_nothing_and_is_refused_as_a_job_is(ctx: Context, caller: Caller, stranger: Caller) -> None:
    flock = await a_fleet(ctx, caller, 5)
    package = await a_package(ctx, caller, flock.key)
    raw = await a_package(ctx, caller, flock.key, "raw", verify=True)
    cmd = static_job(package_id=package, product_key=flock.key, selection="ALL")
    plan = await planned(ctx, caller, cmd)
    assert (plan.looked, plan.taken, plan.waves, plan.minutes, plan.payload) == (5, 5, (5,), 1, 25)
    assert [(each.code, each.count, len(each.examples)) for each in plan.answers] == [("never_seen", 5, 5)]
    for table in ("job", "task", "job_target", "policy", "rollout"):
        assert await ask(ctx, f"select 1 from {table}") == []
    for wrong in (replace(cmd, package_ids=(raw,)), replace(cmd, package_ids=(1,)), replace(cmd, product_key="none")):
        with pytest.raises((Conflict, NotFound)) as told:
            await jobs.create_job(ctx, caller, wrong)
        with pytest.raises(type(told.value), match=str(told.value)[:20]):
            await planning.create_plan(ctx, caller, c.CreatePlan(job=wrong))
    with pytest.raises(NotFound):
        await planning.show_plan(ctx, stranger, c.ShowPlan(plan_id=plan.plan_id))
    for _ in range(surveys.RUNNING_MAX):
        await planning.create_plan(ctx, caller, c.CreatePlan(job=cmd))
    with pytest.raises(TooMany):
        await planning.create_plan(ctx, caller, c.CreatePlan(job=cmd))


async def test_what_a_guard_would_need_and_would_have_made_of_before(
    ctx: Context, caller: Caller, clock: Clock
) -> None:
    flock = await a_fleet(ctx, caller, 40)
    node, wire = await online(ctx, clock, flock), Wire()
    guarded = c.Care(preset="all_at_once", guard=Watch())
    job = await a_careful_job(ctx, caller, flock, guarded)
    await dispatch.offer(ctx, (await dispatch.due(ctx, node, 99))[:20], link, wire)
    told = [each.offer.task.device_id for each in wire.sent]
    await say(ctx, *((device, runs("1.5")) for device in told[-2:]))
    package = await a_package(ctx, caller, flock.key, "next", version="3.0")
    cmd = static_job(package_id=package, product_key=flock.key, selection="ALL", overwrite=True)
    strict = Guard(p0=0.001, p1=0.01)
    plan = await planned(ctx, caller, replace(cmd, care=replace(guarded, guard=Watch(test=strict))))
    assert plan.needs[-1] == (plan.taken, halts_at(strict, plan.taken, strict.alpha / 2))
    assert [(b.job_id, b.offers, b.failed, b.halts_at, b.halts_by) for b in plan.before] == [(job, 20, 2, 20, 2)]
    plan = await planned(ctx, caller, replace(cmd, care=guarded))
    assert [(b.halts_at, b.halts_by) for b in plan.before] == [(None, None)]


async def test_a_part_is_counted_once_whoever_is_killed(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 30)
    cmd = static_job(package_id=await a_package(ctx, caller, flock.key), product_key=flock.key, selection="ALL")
    plan = await planning.create_plan(ctx, caller, c.CreatePlan(job=cmd))

    async def killed(ctx: Context, conn: Connection, row: Row) -> surveys.Part:
        await planning.count_some(ctx, conn, row)
        raise RuntimeError("killed")

    async def overtaken(ctx: Context, conn: Connection, row: Row) -> surveys.Part:
        part = await planning.count_some(ctx, conn, row)
        assert (await surveys.step(ctx, plan.plan_id, SURVEYS)).moved
        return part

    moved = True
    while moved:
        with pytest.raises(RuntimeError, match="killed"):
            await surveys.step(ctx, plan.plan_id, {"plan": killed})
        moved = any(each.job_id == plan.plan_id for each in await surveys.waiting(ctx))
        assert not (await surveys.step(ctx, plan.plan_id, {"plan": overtaken})).moved
        moved = bool(await surveys.waiting(ctx))
    found = await planning.show_plan(ctx, caller, c.ShowPlan(plan_id=plan.plan_id))
    assert (found.status, found.looked, found.taken) == ("done", 30, 30)


async def test_surveys_are_forgotten_with_their_targets(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 9)
    cmd = static_job(
        package_id=await a_package(ctx, caller, flock.key), product_key=flock.key, device_names=flock.names
    )  # fmt: skip
    await planned(ctx, caller, cmd)
    await surveys.forget(ctx)
    assert len(await ask(ctx, "select 1 from survey")) == 1 and len(await ask(ctx, "select 1 from job_target")) == 9
    clock.move(days=2)
    await surveys.forget(ctx)
    assert await ask(ctx, "select 1 from survey") == [] == await ask(ctx, "select 1 from job_target")


async def test_reasons_of_a_job_are_counted_in_parts_and_told_again(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 20)
    job = await a_careful_job(ctx, caller, flock, c.Care(waves=(Wave(count=5), ALL)))
    node, wire = await online(ctx, clock, flock), Wire()
    await dispatch.offer(ctx, await dispatch.due(ctx, node, 99), link, wire)
    await say(ctx, *((each.offer.task.device_id, runs("2.0")) for each in wire.sent[:3]))
    told = await reasons.show_reasons(ctx, caller, c.ShowReasons(job_id=job))
    assert (told.status, told.looked) == ("running", 7)
    while await surveys.waiting(ctx):
        [waits] = await surveys.waiting(ctx)
        await surveys.step(ctx, waits.job_id, SURVEYS)
    told = await reasons.show_reasons(ctx, caller, c.ShowReasons(job_id=job))
    assert (told.status, told.looked, told.updated, told.not_updated) == ("done", 20, 3, 17)
    assert {each.code: (each.count, len(each.examples)) for each in told.reasons} == {
        "wave_waiting": (15, 10), "offered_no_answer": (2, 2)
    }  # fmt: skip
    clock.move(minutes=1)
    await say(ctx, *((each.offer.task.device_id, runs("2.0")) for each in wire.sent[3:]))
    assert (await reasons.show_reasons(ctx, caller, c.ShowReasons(job_id=job))).status == "running"
    assert refs(job, flock.ids)
