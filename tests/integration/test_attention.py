"""What waits for a person, in one answer (ADR 0051)."""

from dataclasses import replace
from datetime import timedelta

import pytest
from conftest import Clock
from test_guards import GUARDED, fail, follow_up, online
from test_jobs import Wire, a_filled_job, a_fleet, a_job, a_package, ask, link, progress, say
from test_waves import a_careful_job, settled

from upwell.domain import commands as c
from upwell.domain.approval import Approval
from upwell.domain.errors import NotFound
from upwell.domain.rollout import ALL, STALLS_AFTER, Wave
from upwell.domain.setbacks import Setback
from upwell.service.context import Context
from upwell.service.manage import attention, defaults, pausing
from upwell.service.manage.access import Caller, Person, Scope
from upwell.service.manage.scopes import narrowed
from upwell.service.upgrade import dispatch

pytestmark = pytest.mark.asyncio
ALL_OF_IT = c.ShowAttention()
LOST = """
update package set object_state = 'missing', object_fault = 'object_missing', object_problem = 'gone'
where package_id = $1
"""
REFUSED = """
insert into refused_login (account_id, product_key, name, address, vendor, reason, first_at, at, times)
select $1, $2, 'd' || n % 3, n::text, 'alibaba', 'wrong sign', $3, $3, 1 from generate_series(1, 9) n
"""


async def waits(ctx: Context, caller: Caller) -> c.Attention:
    return await attention.show_attention(ctx, caller, ALL_OF_IT)


async def offer_all(ctx: Context, node: object) -> list[object]:
    wire = Wire()
    await dispatch.offer(ctx, await dispatch.due(ctx, node, 99), link, wire)  # type: ignore[arg-type]
    return [each.offer.task.device_id for each in wire.sent]


async def test_nothing_waits(ctx: Context, caller: Caller, stranger: Caller) -> None:
    await a_fleet(ctx, caller, 3)
    for who in (caller, stranger):
        told = await waits(ctx, who)
        assert (told.total, told.halted.items, told.aside, told.refused) == (0, (), 0, 0)


async def test_a_halted_rollout_waits_until_somebody_has_it_go_on(
    ctx: Context, caller: Caller, stranger: Caller, clock: Clock
) -> None:
    flock = await a_fleet(ctx, caller, 9)
    node = await online(ctx, clock, flock)
    job = await a_careful_job(ctx, caller, flock, GUARDED)
    other = await a_fleet(ctx, caller, 2, name="fan")
    paused = await a_filled_job(ctx, caller, await a_package(ctx, caller, other.key, "other"), other)
    await pausing.pause_job(ctx, caller, c.PauseJob(job_id=paused, reason="lunch"))
    await offer_all(ctx, node)
    await fail(ctx, *flock.ids[:4])
    await follow_up(ctx)
    told = await waits(ctx, caller)
    assert [each.job_id for each in told.halted.items] == [job] and told.total == 1, "a person's own pause is none"
    assert "failed" in told.halted.items[0].why
    assert (await waits(ctx, stranger)).total == 0
    await pausing.resume_job(ctx, caller, c.ResumeJob(job_id=job))
    assert (await waits(ctx, caller)).total == 0


async def test_an_approval_waits_for_who_may_give_it(ctx: Context, caller: Caller) -> None:
    await defaults.set_rollout_defaults(ctx, caller, c.SetRolloutDefaults(care=c.Care(approval=Approval())))
    flock = await a_fleet(ctx, caller, 2)
    job = await a_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    person = Person(user_id=1, name="ann")
    ann = replace(caller, role="approver", key_id="user ann", person=person)
    maker = replace(ann, key_id=caller.key_id)
    for who, may in ((ann, True), (maker, False), (caller, False), (replace(ann, role="operator"), False)):
        told = await waits(ctx, who)
        [each] = told.awaiting.items
        assert (each.job_id, each.revision, each.may_decide) == (job, 1, may)
        assert (told.awaiting.total, told.mine, told.total) == (1, int(may), int(may))


async def test_a_wave_waits_for_a_person_or_stalls(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 30)
    node = await online(ctx, clock, flock)
    job = await a_careful_job(ctx, caller, flock, c.Care(waves=(Wave(count=3), ALL)))
    told = await offer_all(ctx, node)
    await settled(ctx, job)
    assert (await waits(ctx, caller)).total == 0, "devices are at it"
    clock.move(seconds=STALLS_AFTER.total_seconds() + 60)
    await settled(ctx, job)
    [still] = (await waits(ctx, caller)).still.items
    assert (still.job_id, still.wave, still.lacks) == (job, 1, "verdicts")
    await say(ctx, *((device, progress(-3)) for device in told))  # type: ignore[misc]
    clock.move(seconds=30)
    await settled(ctx, job)
    [still] = (await waits(ctx, caller)).still.items
    assert (still.lacks, clock() - still.at < timedelta(minutes=1)) == ("person", True)


async def test_devices_and_packages_are_counted(
    ctx: Context, caller: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = c.Care(set_aside=Setback(failures=1))
    await defaults.set_rollout_defaults(ctx, caller, c.SetRolloutDefaults(care=rule))
    flock = await a_fleet(ctx, caller, 4)
    node = await online(ctx, clock, flock)
    package = await a_package(ctx, caller, flock.key)
    await a_filled_job(ctx, caller, package, flock)
    await offer_all(ctx, node)
    await fail(ctx, *flock.ids[:3])
    await ask(ctx, REFUSED, caller.account_id, flock.key, clock())
    await ask(ctx, LOST, package)
    told = await waits(ctx, caller)
    assert (told.aside, told.refused, told.total) == (3, 3, 7)
    assert [(each.package_id, each.fault, each.why) for each in told.lost.items] == [
        (package, "object_missing", "gone")
    ]
    monkeypatch.setattr(attention, "COUNTED_MAX", 2)
    assert (await waits(ctx, caller)).aside == 2
    clock.move(days=2)
    assert ((await waits(ctx, caller)).refused, (await waits(ctx, caller)).aside) == (0, 0)


async def test_who_reaches_a_part_sees_that(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock, other = await a_fleet(ctx, caller, 2), await a_fleet(ctx, caller, 2, name="fan")
    for each in (flock, other):
        await ask(ctx, REFUSED, caller.account_id, each.key, clock())
    rows = await ask(ctx, "select product_id from product where product_key = $1", flock.key)
    of_one = replace(caller, scope=Scope(product_id=rows[0]["product_id"]))
    cmd = await narrowed(ctx, of_one, ALL_OF_IT)
    assert isinstance(cmd, c.ShowAttention) and cmd.product_key == flock.key
    assert (await attention.show_attention(ctx, of_one, cmd)).refused == 3
    assert (await waits(ctx, caller)).refused == 6
    with pytest.raises(NotFound):
        await narrowed(ctx, of_one, c.ShowAttention(product_key=other.key))
