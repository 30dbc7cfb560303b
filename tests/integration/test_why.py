"""Why a device is not updated never contradicts what is offered, on random small fleets (ADR 0042; issue 13).

Each fleet is staged by hand from a seed, with many obstacles at once. What must come out is said here once more, in
plain words of what was staged; so a condition that fails both in the dispatcher and in the explanation is seen too.
"""

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from conftest import Clock
from test_jobs import Fleet, Wire, a_filled_job, a_fleet, a_package, ask, filled, link, runs, say
from tests.job_commands import dynamic_job, static_job

from upwell.domain import commands as c
from upwell.domain.talk import TaskRef
from upwell.domain.why_facts import Code, OfJob
from upwell.service.context import Context
from upwell.service.manage import jobs, reasons, whys
from upwell.service.manage.access import Caller
from upwell.service.upgrade import dispatch

pytestmark = pytest.mark.asyncio
LET_GO = ("QUEUED", "NOTIFIED", "IN_PROGRESS")
DEVICES, PART = 70, 10  # of a fleet, and of those that are read at once
ENOUGH = 20  # of each answer
TOLD = (Code.DUE_NOW, Code.WHEN_IT_ASKS)


@dataclass
class Scene:
    """One job as it was staged."""

    pushes: bool
    is_delta: bool
    package: str
    is_over: bool
    is_paused: bool
    is_halted: bool
    is_dealt: bool
    has_pace: bool
    is_stopped: bool  # its queued tasks are to follow a halt
    is_unapproved: bool = False
    is_closed: bool = False  # outside of its hours
    is_full: bool = False  # as many devices are at work as may be
    is_below_full: bool = False  # as many as may be of all jobs of its product
    is_led: bool = False  # devices of 1.0 get another package first, which is what obstacles are of


@dataclass
class Staged:
    """One task as it was staged."""

    state: str = "QUEUED"
    due: int | None = None  # seconds from now
    online: bool = True
    was_online: bool = True
    enabled: bool = True
    is_refused: bool = False
    version: str | None = "1.0"
    wave: int = 1
    attempt: int = 0
    offered: bool = False
    progress: int = 0
    reason: str = ""
    is_deleted: bool = False
    is_aside: bool = False
    is_shut: bool = False  # outside of its own hours


@dataclass
class Found:
    """What a round found: the answers, and each contradiction."""

    codes: Counter[Code] = field(default_factory=Counter)
    wrong: list[Any] = field(default_factory=list)


OBSTACLES: tuple[tuple[str, Any], ...] = (
    ("package", "deleted"), ("package", "unverified"), ("package", "checking"), ("package", "missing"),
    ("is_over", True), ("is_paused", True), ("is_halted", True), ("is_dealt", False), ("has_pace", False),
    ("is_stopped", True), ("is_unapproved", True), ("is_closed", True), ("is_full", True),
    ("is_below_full", True), *(("package", "ok"),) * 5,
)  # fmt: skip
ROUNDS = 3 * len(OBSTACLES)


def a_scene(dice: random.Random, number: int) -> Scene:
    """Each has another thing that stands in the way of its whole job; of three passes the first pushes, and the last
    has other obstacles beside."""
    turn, place = divmod(number, len(OBSTACLES))
    scene = Scene(
        pushes=(turn == 0) or (turn == 2 and dice.random() < 0.5), is_delta=number % 3 == 1, package="ok",
        is_over=False, is_paused=False, is_halted=False, is_dealt=True, has_pace=True, is_stopped=False,
        is_led=number % 3 == 2,
    )  # fmt: skip
    more = dice.sample(OBSTACLES, dice.choice((0, 1, 2))) if turn == 2 else []
    for name, value in (*more, OBSTACLES[place]):
        setattr(scene, name, value)
    return scene


ENDS = (
    ("SUCCEEDED", ""), ("FAILED", "device_busy"), ("FAILED", "untellable"), ("FAILED", "version_not_eligible"),
    ("FAILED", "object_missing"), ("FAILED", "needs_intermediate"), ("FAILED", "timeout"), ("FAILED", "burning_failed"),
    ("FAILED", "burning_failed"), ("CANCELED", "overwritten"),
    ("CANCELED", "cancelled"),
)  # fmt: skip


def a_task(dice: random.Random, scene: Scene) -> Staged:
    staged = Staged(
        online=dice.random() < 0.8, was_online=dice.random() < 0.5, enabled=dice.random() < 0.94,
        is_refused=dice.random() < 0.3, wave=dice.choice((1, 1, 1, 2)), is_deleted=dice.random() < 0.03,
        version=dice.choice(("1.0", "1.0", "1.0", "1.0", "0.9", None)), is_aside=dice.random() < 0.1,
        is_shut=dice.random() < 0.05,
    )  # fmt: skip
    kind = dice.random()
    if kind < 0.24:
        staged.state, staged.reason = dice.choice(ENDS)
        staged.attempt = dice.choice((0, 2)) if staged.state == "FAILED" else 0
        staged.version = dice.choice(("2.0", "1.0")) if staged.state == "SUCCEEDED" else staged.version
    elif kind < 0.33:
        staged.state = "CONFIRM"
    elif kind < 0.42:
        staged.state, staged.offered = dice.choice(LET_GO), True
        staged.progress = dice.choice((30, 100)) if staged.state == "IN_PROGRESS" else 0
    else:
        # The engine makes nothing due of a job that does not push but a retry's time.
        staged.due = (
            dice.choice((-60, -60, -60, 60, 60, None, None)) if scene.pushes else dice.choice((None, None, -60, 60))
        )
        staged.attempt = 1 if staged.due == 60 and dice.random() < 0.75 else 0
    return staged


def expected(scene: Scene, task: Staged) -> Code:
    """What must be answered, in the order of rollouts 7."""
    is_open = task.state in ("CONFIRM", *LET_GO)
    waits = is_open and not task.offered
    fits = not (scene.is_delta or scene.is_led) or task.version == "1.0"
    misses = Code.NEEDS_INTERMEDIATE if scene.is_led else Code.NO_FITTING_PACKAGE
    ends = {
        "device_busy": Code.QUEUED_BEHIND, "untellable": Code.NOT_LISTENING, "overwritten": Code.SUPERSEDED,
        "version_not_eligible": Code.NOT_TARGETED, "object_missing": Code.PACKAGE_LOST, "cancelled": Code.CANCELED,
        "needs_intermediate": Code.NEEDS_INTERMEDIATE,
        "timeout": Code.TIMED_OUT,
        "burning_failed": Code.ATTEMPTS_EXHAUSTED if task.attempt == 2 else Code.FAILED,
        "": Code.ALREADY_THERE if task.version == "2.0" else Code.ROLLED_BACK,
    }  # fmt: skip
    packages = {
        "deleted": Code.PACKAGE_DELETED, "unverified": Code.PACKAGE_UNVERIFIED, "checking": Code.PACKAGE_UNREAD,
        "missing": Code.PACKAGE_LOST,
    }  # fmt: skip
    if scene.is_led:
        packages |= dict.fromkeys(("deleted", "unverified", "missing"), Code.NEEDS_INTERMEDIATE)
    lines: tuple[tuple[bool, Code], ...] = (
        (task.is_deleted, Code.UNKNOWN_DEVICE),
        (not is_open, ends.get(task.reason, Code.FAILED)),
        (not task.enabled, Code.DISABLED),
        (not task.online and task.is_refused, Code.CREDENTIAL),
        (not task.online and not task.was_online, Code.NEVER_SEEN),
        (not task.online, Code.OFFLINE),
        (waits and not fits, misses if task.version else Code.VERSION_UNKNOWN),
        (waits and scene.package != "ok", packages.get(scene.package, Code.FAILED)),
        (waits and scene.is_unapproved, Code.AWAITING_APPROVAL),
        (waits and (scene.is_closed or task.is_shut), Code.OUTSIDE_WINDOW),
        (scene.is_stopped and task.state == "QUEUED", Code.CANCELED),
        (waits and scene.is_over, Code.ENDED),
        (waits and scene.is_halted, Code.HALTED),
        (waits and scene.is_paused, Code.PAUSED),
        (waits and (not scene.is_dealt or task.wave > 1), Code.WAVE_WAITING),
        (waits and (not scene.has_pace or scene.is_full or scene.is_below_full), Code.RATE_LIMITED),
        (waits and task.is_aside, Code.SET_ASIDE),
        (waits and task.due == 60, Code.BACKOFF if task.attempt else Code.NOT_DUE),
        (task.state == "CONFIRM", Code.AWAITING_CONSENT),
        (waits and scene.pushes and task.due is None, Code.NOT_DUE),
        (not waits and task.state == "QUEUED", Code.OFFERED_NO_ANSWER),
        (task.state == "NOTIFIED", Code.DOWNLOAD_NOT_BEGUN),
        (task.state == "IN_PROGRESS", Code.DOWNLOADING if task.progress < 100 else Code.INSTALLING),
    )
    return next((code for holds, code in lines if holds), Code.DUE_NOW if scene.pushes else Code.WHEN_IT_ASKS)


STAGE_TASKS = """
with n as (
    select * from unnest($2::uuid[], $3::text[], $4::timestamptz[], $5::boolean[], $6::smallint[], $7::smallint[],
                         $8::boolean[], $9::smallint[], $10::text[], $11::text[], $12::boolean[], $13::boolean[],
                         $14::boolean[], $17::boolean[], $18::boolean[])
         as n(device_id, state, due_at, online, wave, attempt, offered, progress, reason, version, enabled, was_online,
              deleted, aside, shut)
), d as (
    update device set enabled = n.enabled, deleted_at = case when n.deleted then $15::timestamptz end
    from n where device.device_id = n.device_id
), p as (
    insert into presence (device_id, node_id, connection_id, online_at)
    select n.device_id, case when n.online then $16::uuid end, case when n.online then $16::uuid end,
           case when n.online or n.was_online then $15::timestamptz - interval '1 hour' end
    from n
), s as (
    insert into setback (device_id, account_id, product_id, failures, last_at, job_id, reason, since, until_at)
    select n.device_id, 1, 1, 3, $15, $1, 'failed', $15,
           $15::timestamptz + interval '1 minute' * case when n.aside then 1 else -1 end from n
), h as (
    insert into device_hours (hours_id, account_id, key, value, hours, open_until, look_at, created_at)
    select $1, account_id, 'shut', $1::text, '{"zone": "UTC", "spans": [[0, 1440, [0]]]}',
           $15::timestamptz - interval '1 second', 'infinity', $15 from job where job_id = $1
), t as (
    insert into device_tag (device_id, key, value, account_id)
    select n.device_id, 'shut', $1::text, 1 from n where n.shut
), v as (
    insert into module_version (device_id, module, version, reported_at)
    select n.device_id, 'default', n.version, $15::timestamptz from n where n.version is not null
)
update task set state = n.state, due_at = n.due_at, node_id = case when n.online then $16::uuid end, wave = n.wave,
                attempt = n.attempt, offered_on = case when n.offered then $16::uuid end, progress = n.progress,
                reason = n.reason
from n where task.device_id = n.device_id and task.job_id = $1
"""
STAGE_JOB = """
with p as (
    update package set object_state = case when $2::text in ('checking', 'missing') then $2::text else 'ok' end,
                       status = case when $2 = 'unverified' then 'unverified' else 'verified' end,
                       deleted_at = case when $2 = 'deleted' then now() end
    where package_id = $13
), b as (
    insert into budget (job_id, is_guarded, halted_at, at_once, running)
    values ($1, $5::boolean, case when $5 then now() end, case when $12::boolean then 1 end, 1)
), l as (
    insert into fleet_limit (account_id, product_id, at_once, running)
    select account_id, product_id, 1, 1 from job where job_id = $1 and $14::boolean
), a as (
    insert into job_act (job_id, nth, what, states, reason, description, at)
    select $1, 1, 'halt', '{QUEUED}', 'cancelled', 'by its owner', now() where $8::boolean
)
update job set finish_at = case when $3::boolean and $9::boolean then now() - interval '1 day' end,
               status = case when $3 and not $9 then 'CANCELED' else status end,
               paused_at = case when $4::boolean then now() end, open_wave = case when $6::boolean then 1 else -1 end,
               maximum_per_min = case when $7::boolean then 1000 else 0 end, acts = case when $8 then 1 else 0 end,
               unapproved = $10::boolean, open_until = case when $11::boolean then now() - interval '1 hour' end
where job_id = $1
"""
REFUSE = """
insert into refused_login (account_id, product_key, name, address, vendor, reason, first_at, at, times)
select $1, $2, name, '::1', 'alibaba', 'wrong sign', $4::timestamptz, $4, 1 from unnest($3::text[]) as n(name)
"""


async def staged(
    ctx: Context, caller: Caller, clock: Clock, flock: Fleet, scene: Scene, tasks: list[Staged]
) -> tuple[int, UUID]:  # fmt: skip
    delta = {"is_delta": True, "source_version": "1.0"} if scene.is_delta else {}
    full = await a_package(ctx, caller, flock.key, uuid4().hex)
    job = await a_filled_job(
        ctx, caller, full, flock, need_push=scene.pushes, retry_interval_min=1, retry_count=2,
    )  # fmt: skip
    leads = {"leads": True, "source_versions": ("1.5",)} if scene.is_led else {}
    package = await a_package(ctx, caller, flock.key, uuid4().hex, **delta, **leads)
    await ask(ctx, "update job set package_id = $2 where job_id = $1", job, package)
    offered = await led(ctx, caller, flock, job, package, tasks) if scene.is_led else package
    node, now = uuid4(), clock()
    await ask(
        ctx, STAGE_TASKS, job, flock.ids, [t.state for t in tasks],
        [None if t.due is None else now + timedelta(seconds=t.due) for t in tasks], [t.online for t in tasks],
        [t.wave for t in tasks], [t.attempt for t in tasks], [t.offered for t in tasks], [t.progress for t in tasks],
        [t.reason for t in tasks], [t.version for t in tasks], [t.enabled for t in tasks],
        [t.was_online for t in tasks], [t.is_deleted for t in tasks], now, node,
        [t.is_aside for t in tasks], [t.is_shut for t in tasks],
    )  # fmt: skip
    await ask(
        ctx, STAGE_JOB, job, scene.package, scene.is_over, scene.is_paused, scene.is_halted, scene.is_dealt,
        scene.has_pace, scene.is_stopped, scene.pushes, scene.is_unapproved, scene.is_closed, scene.is_full,
        offered, scene.is_below_full,
    )  # fmt: skip
    refused = [name for name, task in zip(flock.names, tasks, strict=True) if task.is_refused]
    await ask(ctx, REFUSE, caller.account_id, flock.key, refused, clock())
    return job, node


async def led(ctx: Context, caller: Caller, flock: Fleet, job: int, package: int, tasks: list[Staged]) -> int:
    """The job leads devices of 1.0 by a package of 1.5, which is returned."""
    stone = await a_package(ctx, caller, flock.key, uuid4().hex, version="1.5", source_versions=("1.0",))
    await ask(ctx, "insert into job_step values ($1, '1.5', $2), ($1, '1.0', $3)", job, package, stone)
    await ask(ctx, "update job set led_from = '{1.0,1.5}' where job_id = $1", job)
    step = "update task set package_id = $2 where job_id = $1 and device_id = any($3)"
    await ask(ctx, step, job, stone, [d for d, t in zip(flock.ids, tasks, strict=True) if t.version == "1.0"])
    return stone


async def offered(ctx: Context, job: int, node: UUID, flock: Fleet, scene: Scene, tasks: list[Staged]) -> set[UUID]:
    """Whom the dispatcher tells something: by pushing, or, where the job does not push, because they ask."""
    wire = Wire()
    if scene.pushes:
        await dispatch.offer(ctx, await dispatch.due(ctx, node, 999), link, wire, due_by=ctx.now())
    else:
        here = [d for d, task in zip(flock.ids, tasks, strict=True) if task.online and not task.offered]
        asked: list[TaskRef] = [ref for found in (await dispatch.asked_for(ctx, here)).values() for ref, _ in found]
        await dispatch.offer(ctx, asked, link, wire, wanted=True)
    return {each.offer.task.device_id for each in wire.sent}


async def a_round(
    ctx: Context, caller: Caller, clock: Clock, dice: random.Random, number: int, found: Found
) -> None:  # fmt: skip
    """One random job: each device is explained, then the dispatcher has its turn."""
    scene = a_scene(dice, number)
    flock = await a_fleet(ctx, caller, DEVICES, version=None, name=uuid4().hex[:20])
    tasks = [a_task(dice, scene) for _ in flock.ids]
    job, node = await staged(ctx, caller, clock, flock, scene, tasks)
    answers = await answered(ctx, caller, job, scene)
    for device, task in zip(flock.ids, tasks, strict=True):
        wanted = expected(scene, task)
        found.codes[wanted] += 1
        if answers[device] is not wanted:
            found.wrong.append((answers[device], wanted, scene, task))
    for place in dice.sample(range(DEVICES), 3):
        if not tasks[place].is_deleted:
            key = c.DeviceKey(product_key=flock.key, name=flock.names[place])
            alone = (await whys.explain_device(ctx, caller, c.ExplainDevice(device=key, job_id=job))).code
            if alone != answers[flock.ids[place]]:
                found.wrong.append((alone, answers[flock.ids[place]], scene, tasks[place]))
    told = await offered(ctx, job, node, flock, scene, tasks)
    for device, task in zip(flock.ids, tasks, strict=True):
        if (answers[device] in TOLD) is not (device in told):
            found.wrong.append(("offered" if device in told else "not offered", answers[device], scene, task))


async def answered(ctx: Context, caller: Caller, job: int, scene: Scene) -> dict[UUID, Code]:
    """What is told of each device, as they are counted; so few are read at once that all are examples."""
    answers: dict[UUID, Code] = {}
    place: reasons.Place | None = reasons.Place()
    async with ctx.database.connection() as conn:
        row = await conn.fetchrow(*whys.SQL["job"](job_id=job, account_id=caller.account_id))
        assert row is not None
        of_job = OfJob(is_halted=scene.is_halted, has_room=scene.has_pace)
        while place is not None:
            counted = reasons.Counted()
            place = await reasons.count_some(conn, row, of_job, place, ctx.now(), counted)
            assert all(len(counted.examples[code]) == n for code, n in counted.counts.items())
            answers |= {device: code for code, devices in counted.examples.items() for device in devices}
    assert len(answers) == DEVICES
    return answers


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reasons, "CHUNK", PART)


OF_TASKS = frozenset(Code) - {Code.SCHEDULED, Code.FILLING, Code.VERSION_ASKED}


async def test_why_never_contradicts_the_dispatcher(ctx: Context, caller: Caller, clock: Clock) -> None:
    dice, found = random.Random(43), Found()
    for number in range(ROUNDS):
        await a_round(ctx, caller, clock, dice, number, found)
    assert not found.wrong, (len(found.wrong), found.wrong[:3])
    assert {code: n for code in sorted(OF_TASKS) if (n := found.codes[code]) < ENOUGH} == {}


CHECKED = (
    "is_running", "is_unpaused", "is_approved", "is_wave_open", "is_released", "has_object", "is_fitting", "is_unhalted"
)  # fmt: skip
UNSEEN = "create or replace function {} returns boolean language sql immutable parallel safe return true"
FORGOTTEN = """
create or replace view offerable as
select device_id, job_id, nth, module, state, due_at, node_id, awaiting, maximum_per_min, finish_at, asks_first, fits,
       open_until, {}
from offer_check where is_let_go and {}
"""
UNLIMITED = """
create or replace function limits_over(of_account bigint, of_product bigint) returns setof fleet_limit
language sql stable
begin atomic
    select l.* from fleet_limit l where false;
end
"""
AT_ANY_TIME = """
create or replace function hours_over(of_account bigint, of_device uuid) returns setof device_hours
language sql stable
begin atomic
    select h.* from device_hours h where false;
end
"""
MUTATED = (
    UNLIMITED,
    AT_ANY_TIME,
    *(UNSEEN.format(name) for name in (
        "is_running(status text, kind text)", "is_in_time(finish_at timestamptz, now timestamptz)",
        "is_released(status text, deleted_at timestamptz, kind text)",
        "may_follow(version text, is_delta boolean, source_version text, source_versions text[])",
        "is_welcome(enabled boolean, deleted_at timestamptz)",
        "is_let_in(aside_until timestamptz, now timestamptz)",
    )),
    *(FORGOTTEN.format("aside_until", " and ".join(each for each in CHECKED if each != name)) for name in CHECKED),
    FORGOTTEN.format("null::timestamptz as aside_until", " and ".join(CHECKED)),
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("mutation", MUTATED)
async def test_a_condition_that_fails_is_seen(ctx: Context, caller: Caller, clock: Clock, mutation: str) -> None:
    """Both where the dispatcher and the explanation share it, and where the dispatcher forgets it."""
    await ask(ctx, mutation)
    dice, found = random.Random(43), Found()
    for number in range(ROUNDS):
        await a_round(ctx, caller, clock, dice, number, found)
        if found.wrong:
            return
    raise AssertionError("nobody saw it")


# --- without a task ---


OUTSIDE = (
    Code.ALREADY_THERE, Code.VERSION_UNKNOWN, Code.NOT_TARGETED, Code.NO_FITTING_PACKAGE, Code.SUPERSEDED,
    Code.NEEDS_INTERMEDIATE, Code.SCHEDULED, Code.FILLING, Code.ENDED,
)  # fmt: skip
ASKED = 16  # devices of a fleet
KINDS = (
    "led",
    "led",
    "led far",
    "led by any",
    "plain",
    "sources",
    "named",
    *("delta",) * 3,
    *("dynamic",) * 3,
    "planned",
    "ended",
)


@dataclass
class Before:
    """A job that has no task yet, and each device's version."""

    job: c.Job
    flock: Fleet
    versions: list[str | None]
    kind: str
    named: frozenset[str] = frozenset()


async def a_job_before(ctx: Context, caller: Caller, clock: Clock, dice: random.Random, kind: str) -> Before:
    flock = await a_fleet(ctx, caller, ASKED, version=None, name=uuid4().hex[:20])
    versions = [dice.choice(("1.0", "1.1", "2.0", None)) for _ in flock.ids]
    said = [(device, runs(v)) for device, v in zip(flock.ids, versions, strict=True) if v]
    await say(ctx, *said)
    delta = {"is_delta": True, "source_version": "1.0"} if kind == "delta" else {}
    if kind.startswith("led"):
        delta = {"leads": True, "source_versions": ("1.1",)}
    if kind in ("led far", "led by any"):
        follows = ("1.0",) if kind == "led far" else ()
        await a_package(ctx, caller, flock.key, uuid4().hex, version="1.1", source_versions=follows)
    package = await a_package(ctx, caller, flock.key, uuid4().hex, **delta)
    facts: dict[str, Any] = {"package_id": package, "product_key": flock.key, "selection": "ALL"}
    named = frozenset(dice.sample(flock.names, 5)) if kind == "named" else frozenset()
    match kind:
        case "sources":
            facts["source_versions"] = ("1.0",)
        case "named":
            facts |= {"selection": "SPECIFIC", "device_names": tuple(sorted(named))}
        case "planned":
            facts["scheduled_at"] = clock() + timedelta(hours=1)
    make = dynamic_job if kind == "dynamic" else static_job
    job = await jobs.create_job(ctx, caller, make(**facts))
    if kind == "dynamic":
        later = await a_package(ctx, caller, flock.key, uuid4().hex, version="3.0")
        cmd = dynamic_job(package_id=later, product_key=flock.key, source_versions=("1.0",), dynamic_mode=2)
        await jobs.create_job(ctx, caller, cmd)
    if kind == "ended":
        await ask(ctx, "update job set status = 'CANCELED', materialised = true where job_id = $1", job.job_id)
    return Before(job, flock, versions, kind, named)


def awaited(before: Before, place: int) -> Code:
    """What must be answered of a device without a task."""
    version, kind = before.versions[place], before.kind
    lines = (
        (version is None and kind in ("delta", "sources", "led", "led far"), Code.VERSION_UNKNOWN),
        (version == "2.0", Code.ALREADY_THERE),
        (kind == "named" and before.flock.names[place] not in before.named, Code.NOT_TARGETED),
        (kind == "sources" and version != "1.0", Code.NOT_TARGETED),
        (kind == "dynamic" and version == "1.0", Code.SUPERSEDED),
        (kind == "delta" and version != "1.0", Code.NO_FITTING_PACKAGE),
        (kind == "led" and version == "1.0", Code.NEEDS_INTERMEDIATE),
        (kind == "planned", Code.SCHEDULED),
        (kind == "ended", Code.ENDED),
    )
    return next((code for holds, code in lines if holds), Code.FILLING)


async def test_who_has_no_task_is_explained_by_how_tasks_are_made(ctx: Context, caller: Caller, clock: Clock) -> None:
    """A device is told that its task comes exactly when the filling then makes it one."""
    dice, codes = random.Random(7), Counter[Code]()
    for kind in KINDS * 2:
        before = await a_job_before(ctx, caller, clock, dice, kind)
        job, answers = before.job.job_id, dict[UUID, Code]()
        if kind == "named":
            await ask(ctx, "delete from task where job_id = $1", job)
            await ask(ctx, "update job set materialised = false, cursor_device = null where job_id = $1", job)
        for place, name in enumerate(before.flock.names):
            key = c.DeviceKey(product_key=before.flock.key, name=name)
            told = await whys.explain_device(ctx, caller, c.ExplainDevice(device=key, job_id=job))
            answers[before.flock.ids[place]] = Code(told.code)
            assert told.code == awaited(before, place), (kind, before.versions[place], told)
        codes.update(answers.values())
        await filled(ctx, job)
        made = {
            UUID(int=row["device_id"].int)
            for row in await ask(ctx, "select device_id from task where job_id = $1", job)
        }
        assert made == {device for device, code in answers.items() if code is Code.FILLING}, kind
    assert {code: n for code in OUTSIDE if (n := codes[code]) < ENOUGH} == {}


async def test_of_a_package_the_rollout_is_meant_that_has_the_device(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 2)
    package = await a_package(ctx, caller, flock.key)
    keys = [c.DeviceKey(product_key=flock.key, name=name) for name in flock.names]

    async def asked(place: int) -> c.Why:
        return await whys.explain_device(ctx, caller, c.ExplainDevice(device=keys[place], package_id=package))

    assert ((await asked(0)).code, (await asked(0)).job_id) == (Code.NOT_TARGETED, None)
    first = await a_filled_job(ctx, caller, package, flock, selection="SPECIFIC", device_names=flock.names[:1])
    second = await a_filled_job(ctx, caller, package, flock, selection="SPECIFIC", device_names=flock.names[1:])
    assert [(await asked(place)).job_id for place in (0, 1)] == [first, second]
    assert (await asked(0)).code == Code.NEVER_SEEN
    beside = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key, "next", version="3.0"), flock)
    told = await whys.explain_device(ctx, caller, c.ExplainDevice(device=keys[0], job_id=beside))
    assert told.code == Code.QUEUED_BEHIND
    assert f"rollout {first:016x}" in next(each.fact for each in told.checks if each.code)
