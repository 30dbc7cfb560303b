"""A job that wants a person's approval offers nothing before it, whoever asks, and nothing that was changed since."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from conftest import Clock
from offering import offering, sent_by
from test_asking_jobs import Stage
from test_jobs import (
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
    states,
    status_of,
)
from tests.job_commands import dynamic_job, show_asking, static_job

from upwell.domain import commands as c
from upwell.domain.approval import Approval, Stands
from upwell.domain.commands.lists import Slice
from upwell.domain.errors import Conflict, Denied, NotFound
from upwell.domain.standings import Progress
from upwell.service.context import Context
from upwell.service.manage import approving, defaults, job_views, jobs, products, promoting, steering
from upwell.service.manage.access import Caller, Person
from upwell.service.upgrade import dispatch, endings
from upwell.service.upgrade.reports import Delivered

pytestmark = pytest.mark.asyncio
ALWAYS = c.Care(approval=Approval())


def person(caller: Caller, name: str = "ann", role: str = "approver") -> Caller:
    """A user of the account who signed in."""
    who = Person(user_id=1, name=name, session_id="s")
    return replace(caller, role=role, key_id=f"user {name}", person=who)


async def wants(ctx: Context, caller: Caller, care: c.Care | None = ALWAYS) -> None:
    """All jobs of the account, whichever tongue makes them."""
    await defaults.set_rollout_defaults(ctx, caller, c.SetRolloutDefaults(care=care))


async def approve(ctx: Context, who: Caller, job: int, **more: Any) -> c.Job:
    return await approving.approve_job(ctx, who, c.ApproveJob(job_id=job, **more))


async def refuse(ctx: Context, who: Caller, job: int, **more: Any) -> c.Job:
    return await approving.refuse_job(ctx, who, c.RefuseJob(job_id=job, remark="not now", **more))


async def stands(ctx: Context, caller: Caller, job: int) -> Stands | None:
    approval = (await job_views.show_job(ctx, caller, c.ShowJob(job_id=job))).approval
    return None if approval is None else approval.stands


async def test_it_begins_when_it_is_approved(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 3)
    await wants(ctx, caller)
    job = await a_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    await endings.start_planned(ctx)
    await filled(ctx, job)
    node = await online(ctx, clock, flock)
    assert await states(ctx, job) == {} and await status_of(ctx, caller, job) == "PLANNED"
    assert await dispatch.due(ctx, node, 9) == [] and await dispatch.asked_for(ctx, flock.ids) == {}
    late = await a_fleet(ctx, caller, 1, name="late")
    told = await approve(ctx, person(caller), job, remark="seen on the bench", revision=1)
    assert told.approval is not None and told.status == "IN_PROGRESS"
    assert (told.approval.stands, told.approval.decided_by, told.approval.remark) == (
        Stands.APPROVED, "user ann", "seen on the bench"
    )  # fmt: skip
    assert told.approval.makers == (caller.key_id,)
    await filled(ctx, job)
    assert len(await dispatch.due(ctx, await online(ctx, clock, flock), 9)) == 3 and late.ids
    made = c.ListDecisions(job_id=job, asked=Slice(take=9))
    found = (await promoting.list_decisions(ctx, caller, made)).items
    assert [(each.what, each.by, each.reason) for each in found] == [
        ("approved", "user ann", "seen on the bench"), ("approval asked", caller.key_id, "")
    ]  # fmt: skip
    events = await ask(ctx, "select kind, facts from event_made where job_id = $1 order by made_id", job)
    assert [row["kind"] for row in events] == ["rollout.awaits_approval", "rollout.approved", "rollout.started"]


async def test_whom_it_is_not_for(ctx: Context, caller: Caller, stranger: Caller) -> None:
    """A key is nobody in particular; a maker does not decide, nor does an operator; another account has no such job."""
    flock = await a_fleet(ctx, caller, 1)
    await wants(ctx, caller)
    maker, ann = person(caller, "max", "admin"), person(caller)
    job = await a_job(ctx, maker, await a_package(ctx, caller, flock.key), flock)
    for decide in (approve, refuse):
        for who in (caller, person(caller, "olga", "operator")):
            with pytest.raises(Denied):
                await decide(ctx, who, job)
        with pytest.raises(Conflict) as own:
            await decide(ctx, maker, job)
        assert own.value.reason == "own_approval"
        with pytest.raises(NotFound):
            await decide(ctx, person(stranger), job)
        with pytest.raises(Conflict) as other:
            await decide(ctx, ann, job, revision=2)
        assert other.value.reason == "job_was_changed"
    assert await stands(ctx, caller, job) is Stands.AWAITING
    await approve(ctx, ann, job)
    for decide in (approve, refuse):
        with pytest.raises(Conflict) as twice:
            await decide(ctx, ann, job)
        assert twice.value.reason == "job_awaits_no_approval"
    await wants(ctx, caller, None)
    plain = await a_job(ctx, maker, await a_package(ctx, caller, flock.key, "more"), flock)
    with pytest.raises(Conflict, match="wants no approval"):
        await approve(ctx, ann, plain)


async def test_what_is_changed_is_approved_anew(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 4)
    await wants(ctx, caller)
    job = await a_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    ann, bob = person(caller), person(caller, "bob")
    await jobs.update_job(ctx, bob, c.UpdateJob(job_id=job, maximum_per_min=7, tags=None))
    with pytest.raises(Conflict, match="changed"):
        await approve(ctx, bob, job)
    with pytest.raises(Conflict, match="revision 2"):
        await approve(ctx, ann, job, revision=1)
    await approve(ctx, ann, job, revision=2)
    await filled(ctx, job)
    node, wire = await online(ctx, clock, flock), Wire()
    chosen = await dispatch.due(ctx, node, 9)
    assert (await dispatch.offer(ctx, chosen[:1], link, wire)).sent == set(chosen[:1])
    await say(ctx, (chosen[0].device_id, Delivered(chosen[0])))
    # The same again is no change; another pace is, and to vendors the job runs on.
    await jobs.update_job(ctx, bob, c.UpdateJob(job_id=job, maximum_per_min=7, tags=None))
    assert await stands(ctx, caller, job) is Stands.APPROVED
    await jobs.update_job(ctx, caller, c.UpdateJob(job_id=job, maximum_per_min=9, tags=None))
    assert await stands(ctx, caller, job) is Stands.AWAITING and await status_of(ctx, caller, job) == "IN_PROGRESS"
    assert await dispatch.due(ctx, node, 9) == [] and await dispatch.asked_for(ctx, flock.ids) == {}
    assert (await dispatch.offer(ctx, chosen[1:], link, wire)).sent == set()
    assert (await dispatch.offer(ctx, refs(job, flock.ids), link, wire, wanted=True)).sent == set()
    await say(ctx, (chosen[0].device_id, progress(50)))  # what is under way goes on
    assert await states(ctx, job) == {"IN_PROGRESS": 1, "QUEUED": 3}
    await approve(ctx, bob, job)  # he changed it before it was approved, not since
    assert set(await dispatch.due(ctx, node, 9)) == set(chosen[1:])


async def test_what_is_refused_is_over(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 2)
    await wants(ctx, caller)
    ann = person(caller)
    job = await a_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    told = await refuse(ctx, ann, job)
    assert told.approval is not None and (told.status, told.approval.remark) == ("CANCELED", "not now")
    for decide in (approve, refuse):
        with pytest.raises(Conflict, match="CANCELED"):
            await decide(ctx, ann, job)
    # One that had begun and was changed: its devices are free again.
    begun = await a_job(ctx, caller, await a_package(ctx, caller, flock.key, "more"), flock)
    await approve(ctx, ann, begun)
    await filled(ctx, begun)
    await jobs.update_job(ctx, caller, c.UpdateJob(job_id=begun, maximum_per_min=1, tags=None))
    await refuse(ctx, ann, begun)
    await endings.end_finished(ctx)
    assert await states(ctx, begun) == {"CANCELED": 2} and await status_of(ctx, caller, begun) == "CANCELED"
    # Run again it is what was refused still.
    await steering.repeat_tasks(ctx, caller, c.RepeatTasks(job_id=begun, tasks=tuple(refs(begun, flock.ids))))
    assert await dispatch.asked_for(ctx, flock.ids) == {}


async def test_an_hour_and_an_approval_are_both_waited_for(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 1)
    await wants(ctx, caller)
    start = clock() + timedelta(hours=1)
    early, late = [
        await a_job(ctx, caller, await a_package(ctx, caller, flock.key, name), flock, scheduled_at=start)
        for name in ("early", "late")
    ]
    assert (await approve(ctx, person(caller), early)).status == "PLANNED"
    clock.move(hours=2)
    await endings.start_planned(ctx)
    assert [await status_of(ctx, caller, job) for job in (early, late)] == ["IN_PROGRESS", "PLANNED"]
    assert (await approve(ctx, person(caller), late)).status == "IN_PROGRESS"


async def test_a_standing_rule_takes_nobody_before_it_is_approved(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 2)
    await wants(ctx, caller)
    package = await a_package(ctx, caller, flock.key)
    first, second = [
        (await jobs.create_job(ctx, caller, dynamic_job(package_id=package, product_key=flock.key))).job_id
        for _ in range(2)
    ]
    await jobs.update_job(ctx, caller, c.UpdateJob(job_id=first, source_versions=("1.0", "1.1"), tags=None))
    await say(ctx, *((device, runs("1.1")) for device in flock.ids))
    await filled(ctx, first)
    assert await states(ctx, first) == {} and await dispatch.asked_for(ctx, flock.ids) == {}
    await approve(ctx, person(caller), first)
    await filled(ctx, first)
    assert await states(ctx, first) == {"QUEUED": 2}
    with pytest.raises(Conflict) as twice:
        await approve(ctx, person(caller), second)
    assert twice.value.reason == "dynamic_job_is_running"
    await jobs.end_policy(ctx, caller, c.EndPolicy(job_id=second))
    assert await status_of(ctx, caller, second) == "CANCELED"
    await jobs.update_job(ctx, caller, c.UpdateJob(job_id=first, source_versions=("1.1",), tags=None))
    await refuse(ctx, person(caller), first)
    assert await status_of(ctx, caller, first) == "CANCELED"
    assert await ask(ctx, "select from policy where job_id = $1", first) == []


async def test_a_batch_task_waits_as_one_whose_hour_has_not_come(ctx: Context, caller: Caller, clock: Clock) -> None:
    """huawei 3.6: Waitting; it is stopped when it is refused."""
    await wants(ctx, caller)
    stage = Stage(ctx, caller, clock, await a_fleet(ctx, caller, 2, version=None))
    packages = (await a_package(ctx, caller, stage.flock.key),)
    job, other = [await stage.create(packages) for _ in range(2)]
    for each in (job, other):
        shown = await job_views.show_job(ctx, caller, show_asking(each, Slice(take=9)))
        assert shown.progress is Progress.WAITING
    await approve(ctx, person(caller), job)
    await filled(ctx, job)
    assert await states(ctx, job) == {"QUEUED": 2}
    await refuse(ctx, person(caller), other)
    shown = await job_views.show_job(ctx, caller, show_asking(other, Slice(take=9)))
    assert shown.progress is Progress.STOPPED


async def test_how_many_devices_decide(ctx: Context, caller: Caller) -> None:
    """A product's defaults come before the account's; a job may ask for more, and not for less."""
    flock = await a_fleet(ctx, caller, 4)
    package = await a_package(ctx, caller, flock.key)
    await wants(ctx, caller)
    admin, operator = caller, replace(caller, role="operator")

    async def set_product(who: Caller, rule: Approval | None) -> None:
        await products.update_product(
            ctx, who, c.UpdateProduct(product_key=flock.key, name=None, rollout_defaults=c.Care(approval=rule))
        )

    for rule in (Approval(required=False), Approval(over=99)):
        with pytest.raises(Denied):
            await set_product(operator, rule)
    await set_product(admin, Approval(over=3))
    with pytest.raises(Denied):
        await set_product(operator, None)

    async def made(**more: Any) -> Stands | None:
        facts = {"package_id": package, "product_key": flock.key} | more
        job = (await jobs.create_job(ctx, caller, static_job(**facts))).job_id
        found = await stands(ctx, caller, job)
        await steering.cancel_tasks(
            ctx, caller, c.CancelTasks(job_id=job, states=frozenset(c.OPEN_STATES), scheduled=True)
        )
        return found

    names = tuple(sorted(flock.names))
    assert await made(device_names=names[:3]) is None
    assert await made(device_names=names) is Stands.AWAITING
    assert await made(selection="ALL") is Stands.AWAITING
    assert await made(selection="GRAY", gray_percent="50") is None
    assert await made(selection="GRAY", gray_percent="100") is Stands.AWAITING
    assert await made(device_names=names[:2], care=c.Care(approval=Approval(over=1))) is Stands.AWAITING
    assert await made(selection="ALL", care=c.Care(approval=Approval(over=1000))) is Stands.AWAITING
    await set_product(admin, Approval(required=False))
    assert await made(selection="ALL") is None


async def test_a_script_cancels_what_waits_for_approval(ctx: Context, caller: Caller) -> None:
    """Of a job without an hour the devices would be queued: who cancels those means it (tuya has no other word)."""
    flock = await a_fleet(ctx, caller, 1)
    await wants(ctx, caller)
    job = await a_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    await steering.cancel_tasks(ctx, caller, c.CancelTasks(job_id=job, states=frozenset({"NOTIFIED"})))
    assert await status_of(ctx, caller, job) == "PLANNED"
    await steering.cancel_tasks(ctx, caller, c.CancelTasks(job_id=job, states=frozenset({"QUEUED"})))
    assert await status_of(ctx, caller, job) == "CANCELED"


async def test_waits_take_no_time_meanwhile(ctx: Context, caller: Caller, clock: Clock) -> None:
    stage = Stage(ctx, caller, clock, await a_fleet(ctx, caller, 1, version=None))
    await wants(ctx, caller)
    job = await stage.create((await a_package(ctx, caller, stage.flock.key),))
    await approve(ctx, person(caller), job)
    await filled(ctx, job)
    await jobs.update_job(ctx, caller, c.UpdateJob(job_id=job, maximum_per_min=5, tags=None))
    clock.move(hours=26)
    await endings.time_out(ctx)
    assert await states(ctx, job) == {"QUEUED": 1}, "huawei 6.1: 25 hours, of those in which it would be asked"


async def test_no_offer_leaves_while_it_is_not_approved(ctx: Context, caller: Caller, clock: Clock, dsn: str) -> None:
    """Two processes push and answer meanwhile; edits and approvals take turns."""
    cycles, count = 6, 3000
    flock = await a_fleet(ctx, caller, count, version=None)
    await wants(ctx, caller)
    job = await a_job(ctx, caller, await a_package(ctx, caller, flock.key), flock, maximum_per_min=60_000_000)
    node, went_on = await online(ctx, clock, flock), 0
    async with offering(dsn, node, at_once=20) as processes:
        assert await sent_by(processes) == []
        await approve(ctx, person(caller), job)
        await filled(ctx, job)
        await ask(
            ctx, "update task set node_id = $1, due_at = now() - interval '1 minute' where job_id = $2", node, job
        )
        for cycle in range(cycles):
            before = len(await sent_by(processes))
            await jobs.update_job(ctx, caller, c.UpdateJob(job_id=job, maximum_per_min=60_000_001 + cycle, tags=None))
            sent = len(await sent_by(processes))
            went_on += sent > before
            await asyncio.sleep(0.2)
            assert len(await sent_by(processes)) == sent
            await approve(ctx, person(caller), job)
        while len(set(await sent_by(processes))) < count:
            await asyncio.sleep(0.1)
    assert went_on >= 1
