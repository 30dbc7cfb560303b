"""Guards halt a rollout by what failures show in the order of the offers, before any further offer (ADR 0039; L13)."""

import asyncio
import random
import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from conftest import Clock
from offering import offering, sent_by
from test_events import placed
from test_jobs import Fleet, Wire, a_fleet, a_package, ask, link, progress, refs, runs, say, states
from test_waves import a_careful_job, by_wave, decisions, promote, push, settled, shown

from upwell.domain import commands as c
from upwell.domain.guard import Guard, Share, Watch, halts_at
from upwell.domain.rollout import ALL, Seen, Wave
from upwell.domain.talk import ResultReport
from upwell.service.context import Context
from upwell.service.manage import pausing, steering
from upwell.service.manage.access import Caller
from upwell.service.upgrade import dispatch, endings, halting, presence

pytestmark = pytest.mark.asyncio
GUARDED = c.Care(preset="all_at_once", guard=Watch())
VENDORS = ("alibaba", "tuya", "huawei")


async def online(ctx: Context, clock: Clock, flock: Fleet, vendors: Sequence[str] = ("alibaba",)) -> UUID:
    """Connect the fleet to a new node, its devices by these vendors' sides in turn."""
    node = uuid4()
    by = {device: vendors[place % len(vendors)] for place, device in enumerate(flock.ids)}
    await presence.came_online(ctx, node, [(device, uuid4(), "127.0.0.1") for device in flock.ids], by)
    clock.move(seconds=3)
    return node


async def fail(ctx: Context, *devices: UUID) -> None:
    await say(ctx, *((device, progress(-3)) for device in devices))


async def follow_up(ctx: Context) -> None:
    """What the engine does about guards, until there is nothing to do."""
    for step, found in ((halting.silence_one, halting.unheard), (halting.halt_one, halting.tripped)):
        while waiting := await found(ctx):
            for job in waiting:
                assert (await step(ctx, job.job_id)).moved


async def numbers(ctx: Context, job: int) -> dict[UUID, int]:
    rows = await ask(ctx, "select device_id, number from job_offer where job_id = $1 order by number", job)
    return {UUID(int=row["device_id"].int): row["number"] for row in rows}


async def test_first_offers_are_numbered_in_their_order(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 9)
    node, wire = await online(ctx, clock, flock), Wire()
    job = await a_careful_job(ctx, caller, flock, GUARDED)
    due = await dispatch.due(ctx, node, 9)
    assert len(due) == 9

    def refusing(addressed: dispatch.Addressed) -> UUID | None:
        return None if addressed.offer.task == due[1] else wire(addressed)

    await dispatch.offer(ctx, due[:4], link, refusing)
    told = [each.offer.task.device_id for each in wire.sent]
    assert await numbers(ctx, job) == {device: n for n, device in enumerate(told, 1)} and len(told) == 3
    # Told again, with a grant or without, asked for or pushed, a device keeps its number.
    await dispatch.offer(ctx, due[:4], link, wire, wanted=True)
    clock.move(minutes=2)
    await dispatch.offer(ctx, due[:4], link, wire, wanted=True)
    assert list(await numbers(ctx, job)) == [*told, due[1].device_id]

    def broken(addressed: dispatch.Addressed) -> UUID:
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        await dispatch.offer(ctx, due[4:], link, broken)
    await dispatch.offer(ctx, due[4:], link, wire)
    assert sorted((await numbers(ctx, job)).values()) == list(range(1, 10)), "a kill leaves no gap"


async def test_a_halt_holds_from_the_failures_commit_and_is_told(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 40)
    node, wire = await online(ctx, clock, flock), Wire()
    job = await a_careful_job(ctx, caller, flock, GUARDED)
    due = await dispatch.due(ctx, node, 99)
    first, rest = due[:20], due[20:]
    assert (await dispatch.offer(ctx, first, link, wire)).sent == set(first)
    at = halts_at(Guard(), 20)
    assert at == 3
    last = [ref.device_id for ref in first[-at:]]
    await fail(ctx, *last[:-1])
    assert await halting.tripped(ctx) == []
    await fail(ctx, last[-1])
    # Nobody has told anybody yet, and yet nothing leaves, pushed or asked for, told before or not.
    assert (await dispatch.offer(ctx, rest, link, wire)).sent == set()
    assert (await dispatch.offer(ctx, refs(job, flock.ids), link, wire, wanted=True)).sent == set()
    assert len(wire.sent) == 20
    view = await shown(ctx, caller, job)
    assert view.paused is not None and view.paused.by == "guard"
    assert re.fullmatch(r"3 of the first 20 devices failed \(5 to 36 %\); \w+ \(3\)", view.paused.reason)
    await follow_up(ctx)
    assert (await shown(ctx, caller, job)).paused == view.paused
    assert await dispatch.due(ctx, node, 99) == [] and await dispatch.asked_for(ctx, flock.ids) == {}
    [halted, _opened] = await decisions(ctx, caller, job)
    assert (halted.what, halted.by, halted.result, halted.wave) == ("halted", "guard", "halt", 1)
    assert (halted.numbers["test"], halted.numbers["failed"], halted.numbers["offered"]) == ("all", 3, 20)
    assert halted.numbers["score"] >= halted.numbers["bound"] and halted.numbers["reasons"][0][1] == 3
    assert halted.numbers["strongest"]["vendor"] == "alibaba"
    # What is under way ends.
    await say(ctx, (first[0].device_id, runs("2.0")))
    assert (await states(ctx, job))["SUCCEEDED"] == 1


async def test_what_is_decided_is_told(ctx: Context, caller: Caller, clock: Clock) -> None:
    """An event for each wave, pause, resuming and halt, in the decisions' words (L16)."""
    flock = await a_fleet(ctx, caller, 30)
    node, wire = await online(ctx, clock, flock, VENDORS), Wire()
    care = c.Care(waves=(Wave(count=1), ALL), guard=Watch(action="cancel"))
    job = await a_careful_job(ctx, caller, flock, care)
    await pausing.pause_job(ctx, caller, c.PauseJob(job_id=job, reason="lunch"))
    await pausing.pause_job(ctx, caller, c.PauseJob(job_id=job, reason="again"))
    await pausing.resume_job(ctx, caller, c.ResumeJob(job_id=job))
    await promote(ctx, caller, job, wave=2, reason="in a hurry")
    await settled(ctx, job)
    offered = await push(ctx, node, wire)
    await fail(ctx, *(device for device in offered if flock.ids.index(device) % 3 == 1))
    await follow_up(ctx)
    told = [(kind, facts) for kind, facts in await placed(ctx, caller) if kind.startswith("rollout.")]
    assert [kind.removeprefix("rollout.") for kind, _ in told] == [
        "started", "wave_opened", "paused", "resumed", "wave_opened", "halted", "canceled"
    ]  # fmt: skip
    (_, first), (_, paused), (_, resumed), (_, promoted), (_, halted), (_, canceled) = told[1:]
    assert (first["wave"], first["by"], first["numbers"]["targets"]) == (1, "upwell", 30)
    assert (paused["reason"], paused["by"], resumed["by"]) == ("lunch", caller.key_id, caller.key_id)
    assert (promoted["wave"], promoted["reason"], promoted["numbers"]["size"]) == (2, "in a hurry", 1)
    decision = (await decisions(ctx, caller, job))[0]
    assert (halted["reason"], halted["numbers"], halted["wave"]) == (decision.reason, decision.numbers, 2)
    numbers = halted["numbers"]
    assert (numbers["test"], numbers["vendor"], numbers["action"]) == ("stratum", "tuya", "cancel")
    assert numbers["failed"] == numbers["offered"] and len(numbers["failed_percent"]) == 2 and numbers["reasons"]
    assert canceled == {"tasks": 20, "reason": "guard", "by": "guard"}


async def test_early_failures_count_by_the_offers_before_them(ctx: Context, caller: Caller, clock: Clock) -> None:
    """rollouts 3.4: the first devices of 100 that fail are not all that is known."""
    flock = await a_fleet(ctx, caller, 100)
    node, wire = await online(ctx, clock, flock), Wire()
    job = await a_careful_job(ctx, caller, flock, GUARDED)
    offered = await push(ctx, node, wire)
    need = halts_at(Guard(), 100)
    assert need == 7
    await fail(ctx, *offered[-need:-1])
    assert await halting.tripped(ctx) == []
    await fail(ctx, offered[-1])
    assert [each.job_id for each in await halting.tripped(ctx)] == [job]


async def test_a_stratum_that_breaks_is_named(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 300)
    node, wire = await online(ctx, clock, flock, VENDORS), Wire()
    care = c.Care(waves=(Wave(count=30), Wave(count=90), ALL), guard=Watch())
    job = await a_careful_job(ctx, caller, flock, care)
    first = await push(ctx, node, wire)
    assert len(first) == 30
    theirs = [device for device in first if flock.ids.index(device) % 3 == 1]
    broken = [device for place, device in enumerate(theirs) if place % 5]
    await say(ctx, *((device, runs("2.0")) for device in first if device not in broken))
    for device in broken:
        await fail(ctx, device)
    await follow_up(ctx)
    clock.move(minutes=5)
    await settled(ctx, job)
    view = await shown(ctx, caller, job)
    assert view.paused is not None and "devices of tuya that ran 1.0" in view.paused.reason
    assert await push(ctx, node, wire) == [] and len(wire.sent) == 30 and view.open_wave == 1
    [halted, _] = await decisions(ctx, caller, job)
    strongest = halted.numbers["strongest"]
    assert (strongest["vendor"], strongest["source_version"]) == ("tuya", "1.0")
    [row] = await ask(ctx, "select count(*) as n from job_stratum")
    assert row["n"] == 3


async def halts_in_the_first_wave(ctx: Context, caller: Caller, clock: Clock, dice: random.Random) -> bool:
    """300 devices of three vendors in waves of 10, 30 and 100 percent, of which four of five of one vendor's fail:
    whether the rollout halts in its first wave, having offered no more than that, and names the vendor. The dice deal
    them to waves, and have them answer in any order, some at a time."""
    flock = await a_fleet(ctx, caller, 300)
    node, wire = await online(ctx, clock, flock, VENDORS), Wire()
    care = c.Care(waves=(Wave(percent=Decimal(10)), Wave(percent=Decimal(30)), ALL), guard=Watch())
    package = await a_package(ctx, caller, flock.key, flock.key)
    job = await a_careful_job(ctx, caller, flock, care, package=package, opened=False)
    lots = "update job_lot l set lot = d.lot from unnest($2::uuid[], $3::bigint[]) d(id, lot) where id = device_id"
    await ask(ctx, f"{lots} and job_id = $1", job, flock.ids, dice.sample(range(10**6), len(flock.ids)))
    await settled(ctx, job)
    due = sorted(await dispatch.due(ctx, node, 99), key=lambda ref: flock.ids.index(ref.device_id))
    dice.shuffle(due)
    await dispatch.offer(ctx, due, link, wire)
    offered = dice.sample([ref.device_id for ref in due], len(due))
    broken, view = VENDORS[dice.randrange(3)], await shown(ctx, caller, job)
    while offered and view.paused is None:
        said, offered = offered[: (some := dice.randint(1, 8))], offered[some:]
        fails = [VENDORS[flock.ids.index(device) % 3] == broken and dice.random() < 0.8 for device in said]
        await say(ctx, *((d, progress(-4) if bad else runs("2.0")) for d, bad in zip(said, fails, strict=True)))
        await settled(ctx, job)
        view = await shown(ctx, caller, job)
    await follow_up(ctx)
    assert len(wire.sent) == 30 or view.open_wave > 1
    halted = view.paused is not None and view.open_wave == 1
    if halted:
        numbers = (await decisions(ctx, caller, job))[0].numbers
        assert numbers["test"] == "all" or numbers["vendor"] == broken
        halted = dict(numbers["strongest"])["vendor"] == broken  # type: ignore[call-overload]
        assert await push(ctx, node, wire) == [] and len(wire.sent) == 30
    await steering.cancel_tasks(ctx, caller, c.CancelTasks(job_id=job, states=frozenset(c.OPEN_STATES)))
    return halted


@pytest.mark.parametrize(
    ("seeds", "missed"),
    [
        pytest.param(3, 1, id="short"),
        pytest.param(50, 2, id="long", marks=[pytest.mark.prove, pytest.mark.timeout(1800)]),
    ],
)
async def test_it_halts_whatever_the_draw(ctx: Context, caller: Caller, clock: Clock, seeds: int, missed: int) -> None:
    """In 95 of 100 draws at least; two in a hundred have too few of the vendor's devices in their first wave."""
    halts = [await halts_in_the_first_wave(ctx, caller, clock, random.Random(seed)) for seed in range(seeds)]
    assert halts.count(False) <= missed, f"{halts.count(True)} of {seeds} halted"


async def test_a_resuming_takes_the_risk_and_begins_a_new_score(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 60)
    node, wire = await online(ctx, clock, flock), Wire()
    job = await a_careful_job(ctx, caller, flock, GUARDED)
    due = await dispatch.due(ctx, node, 99)
    await dispatch.offer(ctx, due[:10], link, wire)
    await fail(ctx, *(ref.device_id for ref in due[:3]))
    # Resumed before anybody told of the halt: it is written down all the same.
    await pausing.resume_job(ctx, caller, c.ResumeJob(job_id=job))
    assert [each.what for each in await decisions(ctx, caller, job)] == ["resumed", "halted", "opened"]
    await fail(ctx, *(ref.device_id for ref in due[3:10]))
    assert await halting.tripped(ctx) == [], "offers of before the resuming are of the old score"
    await dispatch.offer(ctx, due[10:15], link, wire)
    assert sorted((await numbers(ctx, job)).values())[-1] == 10
    of_new = "select device_id from job_offer where epoch = 1 order by number"
    await fail(ctx, *(UUID(int=row["device_id"].int) for row in (await ask(ctx, of_new))[:2]))
    await follow_up(ctx)
    assert (await shown(ctx, caller, job)).paused is not None
    assert (await decisions(ctx, caller, job))[0].numbers["failed"] == 2


async def test_a_guard_may_cancel(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 10)
    node, wire = await online(ctx, clock, flock), Wire()
    job = await a_careful_job(ctx, caller, flock, replace(GUARDED, guard=Watch(action="cancel")))
    due = await dispatch.due(ctx, node, 99)
    await dispatch.offer(ctx, due[:5], link, wire)
    told = list(await numbers(ctx, job))  # in the order in which they left
    await say(ctx, (told[4], progress(10)))
    await fail(ctx, *told[:2])
    await follow_up(ctx)
    assert await states(ctx, job) == {"FAILED": 2, "IN_PROGRESS": 1, "CANCELED": 7}
    await say(ctx, (told[4], runs("2.0")))
    await endings.end_finished(ctx)
    view = await shown(ctx, caller, job)
    assert (view.status, view.paused) == ("COMPLETED", None)
    # Run again by a person it begins anew.
    await steering.repeat_tasks(ctx, caller, c.RepeatTasks(job_id=job, tasks=tuple(due[5:])))
    clock.move(seconds=3)
    assert len((await dispatch.offer(ctx, due[5:], link, wire)).sent) == 5


async def test_silence_is_a_verdict_for_the_guard_and_the_waves_alone(
    ctx: Context, caller: Caller, clock: Clock
) -> None:
    flock = await a_fleet(ctx, caller, 60)
    node, wire = await online(ctx, clock, flock), Wire()
    care = c.Care(waves=(Wave(count=30), ALL), guard=Watch(verdict_min=60))
    job = await a_careful_job(ctx, caller, flock, care)
    first = await push(ctx, node, wire)
    await say(ctx, *((device, runs("2.0")) for device in first[:25]))
    await settled(ctx, job)
    clock.move(minutes=59)
    assert await halting.unheard(ctx) == []
    clock.move(minutes=2)
    await follow_up(ctx)
    assert (await states(ctx, job))["SUCCEEDED"] == 25 and (await states(ctx, job)).get("FAILED") is None
    rows = await ask(ctx, "select verdict, count(*) as n from job_offer group by 1 order by 1")
    assert [(row["verdict"], row["n"]) for row in rows] == [("silent", 5), ("succeeded", 25)]
    view = await shown(ctx, caller, job)
    assert view.paused is not None and "5 of the first" in view.paused.reason
    assert view.waves[0].seen == Seen(fine=25, failed=5, silent=5)
    # A late success leaves the score and is shown, and changes no act; a late failure changes its name alone.
    counted = "select sum(cardinality(numbers)) as n from job_stretch where stratum = 0"
    assert (await ask(ctx, counted))[0]["n"] == 5
    await say(ctx, (first[25], runs("2.0")))
    assert (await states(ctx, job))["SUCCEEDED"] == 26 and (await shown(ctx, caller, job)).paused == view.paused
    assert (await ask(ctx, counted))[0]["n"] == 4
    await fail(ctx, first[26])
    assert (await ask(ctx, counted))[0]["n"] == 4
    assert (await shown(ctx, caller, job)).waves[0].seen == Seen(fine=26, failed=4, silent=3)
    rows = await ask(ctx, "select verdict, count(*) as n from job_offer group by 1 order by 1")
    assert [(row["verdict"], row["n"]) for row in rows] == [("failed", 1), ("silent", 3), ("succeeded", 26)]
    # What left the score is nothing that a new failure is judged by, after a resuming of the old score's too.
    await pausing.resume_job(ctx, caller, c.ResumeJob(job_id=job))
    await say(ctx, *((device, runs("2.0")) for device in first[27:]))
    assert (await shown(ctx, caller, job)).waves[0].seen == Seen(fine=29, failed=1)


async def test_a_late_success_takes_its_failure_from_the_score(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 25)
    node, wire = await online(ctx, clock, flock), Wire()
    care = c.Care(preset="all_at_once", guard=Watch(verdict_min=60, test=Guard(at_least=7)))
    await a_careful_job(ctx, caller, flock, care)
    due = await dispatch.due(ctx, node, 25)
    await dispatch.offer(ctx, due[:20], link, wire)
    ids = [ref.device_id for ref in due]
    await say(ctx, *((device, runs("2.0")) for device in ids[3:17]))
    clock.move(minutes=61)
    await follow_up(ctx)
    await say(ctx, *((device, runs("2.0")) for device in ids[:3]))
    await dispatch.offer(ctx, due[20:], link, wire)
    await fail(ctx, ids[20])
    [row] = await ask(ctx, "select numbers from job_stretch where stratum = 0")
    assert row["numbers"][:3] == [18, 19, 20] and len(row["numbers"]) == 4
    assert await halting.tripped(ctx) == [], "it would be the seventh"


def rejects(reason: str, code: int) -> ResultReport:
    return ResultReport(outcome="failed", code=code, reason=reason, progress=None, version="", desc="")


async def test_a_wrong_choice_of_devices_has_its_own_test(ctx: Context, caller: Caller, clock: Clock) -> None:
    """rollouts 3.6.5: what does not fit speaks not against the package, nor for it."""
    flock = await a_fleet(ctx, caller, 60)
    node, wire = await online(ctx, clock, flock), Wire()
    job = await a_careful_job(ctx, caller, flock, c.Care(waves=(Wave(count=40), ALL), guard=Watch()))
    await push(ctx, node, wire)
    offered = list(await numbers(ctx, job))  # in the order in which they left
    await say(ctx, *((device, rejects("no_space", 5)) for device in offered[18:21]))
    await say(ctx, *((device, rejects("low_battery", 4)) for device in offered[:10]))
    await say(ctx, *((device, runs("2.0")) for device in offered[21:38]))
    await follow_up(ctx)
    view = await shown(ctx, caller, job)
    assert view.paused is None and (await states(ctx, job))["FAILED"] == 13
    assert view.waves[0].seen == Seen(fine=17, open=10, rejected=3, postponed=10)
    assert halts_at(Watch().rejected, 22) == 5
    await say(ctx, *((device, rejects("package_type_unknown", 8)) for device in offered[10:12]))
    await follow_up(ctx)
    view = await shown(ctx, caller, job)
    assert view.paused is not None
    assert view.paused.reason.startswith("5 of the first 21 devices rejected it (11 to 45 %)")
    [halted, *_] = await decisions(ctx, caller, job)
    assert (halted.numbers["test"], halted.numbers["failed"], halted.numbers["offered"]) == ("rejected", 5, 21)


async def test_a_device_that_needed_no_offer_is_no_evidence(ctx: Context, caller: Caller, clock: Clock) -> None:
    """rollouts 2.5, 3.6.5: already there is outside of what is counted, with a guard or without."""
    for care in (c.Care(waves=(Wave(count=30), ALL)), c.Care(waves=(Wave(count=30), ALL), guard=Watch())):
        flock = await a_fleet(ctx, caller, 60)
        package = await a_package(ctx, caller, flock.key, flock.key)
        job = await a_careful_job(ctx, caller, flock, care, package=package)
        first = (await by_wave(ctx, job))[1]
        await say(ctx, *((device, runs("2.0")) for device in first[:28]))
        clock.move(minutes=2)
        await settled(ctx, job)
        view = await shown(ctx, caller, job)
        assert view.open_wave == 1 and (await states(ctx, job))["SUCCEEDED"] == 28
        assert view.waves[0].seen == Seen(open=2, already_there=28)
        assert "none was yet" in view.happens_next
        node, wire = await online(ctx, clock, flock), Wire()
        await push(ctx, node, wire)
        await say(ctx, *((device, runs("2.0")) for device in first[28:]))
        clock.move(minutes=2)
        await settled(ctx, job)
        opening = (await decisions(ctx, caller, job))[0]
        assert (opening.wave, opening.result) == (2, "inconclusive"), "two are too few to be evidence"
        assert (opening.numbers["fine"], opening.numbers["already_there"]) == (2, 28)


async def test_a_plain_percentage_halts_in_the_tests_stead(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 60)
    node, wire = await online(ctx, clock, flock, VENDORS), Wire()
    job = await a_careful_job(ctx, caller, flock, replace(GUARDED, guard=Watch(share=Share(0.1, from_offer=20))))
    offered = await push(ctx, node, wire)
    await fail(ctx, *offered[:4])
    await fail(ctx, offered[58])
    assert await halting.tripped(ctx) == [], "no failure below the 20th offer halts, and 5 of 59 are few enough"
    await fail(ctx, offered[57])
    await follow_up(ctx)
    view = await shown(ctx, caller, job)
    assert view.paused is not None and view.paused.reason.startswith("6 of the first 59 devices failed (5 to 20 %)")
    [halted, *_] = await decisions(ctx, caller, job)
    assert halted.numbers["test"] == "percent" and view.care is not None and view.care.guard is not None
    assert view.care.guard.share == Share(0.1, from_offer=20)


async def test_a_halt_is_the_guards_word_over_a_persons_pause(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 10)
    node, wire = await online(ctx, clock, flock), Wire()
    job = await a_careful_job(ctx, caller, flock, GUARDED)
    offered = await push(ctx, node, wire)
    await pausing.pause_job(ctx, caller, c.PauseJob(job_id=job, reason="lunch"))
    await fail(ctx, *offered[:3])
    await follow_up(ctx)
    paused = (await shown(ctx, caller, job)).paused
    assert paused is not None and paused.by == "guard"
    with pytest.raises(Exception, match="paused"):
        await promote(ctx, caller, await _waved(ctx, caller, flock, job))


async def _waved(ctx: Context, caller: Caller, flock: Fleet, job: int) -> int:
    """A paused job with waves, in place of this one."""
    await steering.cancel_tasks(ctx, caller, c.CancelTasks(job_id=job, states=frozenset(c.OPEN_STATES)))
    package = await a_package(ctx, caller, flock.key, "waved")
    waved = await a_careful_job(ctx, caller, flock, c.Care(waves=(Wave(count=1), ALL), guard=Watch()), package=package)
    await pausing.pause_job(ctx, caller, c.PauseJob(job_id=waved))
    return waved


@pytest.mark.parametrize(
    ("rounds", "count"),
    [
        pytest.param(3, 3_000, id="short"),
        pytest.param(40, 40_000, id="long", marks=[pytest.mark.prove, pytest.mark.timeout(1800)]),
    ],
)
async def test_no_claim_commits_after_the_failure_that_halts(
    ctx: Context, caller: Caller, clock: Clock, dsn: str, rounds: int, count: int
) -> None:
    """L13: two processes push and answer, one is killed now and then, and failures are reported here meanwhile."""
    flock = await a_fleet(ctx, caller, count, version=None)
    node = await online(ctx, clock, flock)
    job = await a_careful_job(ctx, caller, flock, GUARDED, maximum_per_min=60_000_000)
    await ask(ctx, "update task set due_at = now() - interval '1 minute'")
    dice, used, halts, went_on = random.Random(11), set[UUID](), 0, 0
    async with offering(dsn, node, at_once=2) as processes:
        for round_ in range(rounds):
            await asyncio.sleep(dice.uniform(0.05, 0.2))
            if round_ % 2:
                await processes[0].kill()
                await processes[0].start()
            before = await sent_by(processes)
            while not await ask(ctx, "select 1 from budget where halted_at is not null"):
                known = [device for device in await numbers(ctx, job) if device not in used]
                used |= set(known)
                await fail(ctx, *known)
                if len(used) == count:
                    break
            else:
                sent = len(await sent_by(processes))
                halts, went_on = halts + 1, went_on + (sent > len(before))
                await asyncio.sleep(0.2)
                assert len(await sent_by(processes)) == sent
                await pausing.resume_job(ctx, caller, c.ResumeJob(job_id=job))
    assert halts and went_on
    assert [each.what for each in await decisions(ctx, caller, job)].count("halted") >= min(halts, 16)
