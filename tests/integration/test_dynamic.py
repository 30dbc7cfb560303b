"""Dynamic jobs on the real database: standing rules take devices that report, the latest wins, each once."""

import asyncio
from random import Random
from typing import Any
from uuid import UUID

import pytest
from conftest import Clock
from test_jobs import (
    Fleet,
    Wire,
    a_filled_job,
    a_fleet,
    a_package,
    ask,
    filled,
    link,
    online,
    package_status,
    progress,
    refs,
    runs,
    say,
    states,
    status_of,
    tasks,
)  # fmt: skip
from tests.job_commands import dynamic_job, static_job, verify_job

from upwell.domain import commands as c
from upwell.domain.errors import Conflict, NotFound
from upwell.domain.fleet import device_id
from upwell.domain.policy import TASKS_MAX
from upwell.domain.talk import TaskRef, VersionReport
from upwell.service.context import Context
from upwell.service.manage import devices, job_views, jobs, packages, steering
from upwell.service.manage.access import Caller
from upwell.service.upgrade import dispatch, endings, fill, reports

pytestmark = pytest.mark.asyncio


async def a_dynamic_job(ctx: Context, caller: Caller, package: int, flock: Fleet, **more: Any) -> int:
    cmd = dynamic_job(package_id=package, product_key=flock.key, **more)
    job = (await jobs.create_job(ctx, caller, cmd)).job_id
    await filled(ctx, job)
    return job


async def end_policy(ctx: Context, caller: Caller, job: int) -> None:
    await jobs.end_policy(ctx, caller, c.EndPolicy(job_id=job))


# --- whom it takes ---


async def test_mode_1_takes_who_matches_already_and_who_reports_later(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 4)
    await say(ctx, (flock.ids[0], runs("2.0")), (flock.ids[1], runs("0.9")))
    job = await a_dynamic_job(ctx, caller, await a_package(ctx, caller, flock.key), flock, source_versions=("1.0",))
    assert set(await tasks(ctx, job)) == set(flock.ids[2:])
    await say(ctx, (flock.ids[1], runs("1.0")))
    late = await devices.create_device(ctx, caller, c.CreateDevice(product_key=flock.key, name="late"))
    await say(ctx, (late.device_id, runs("1.0")))
    assert set(await tasks(ctx, job)) == {*flock.ids[1:], late.device_id}
    assert await states(ctx, job) == {"QUEUED": 4}


async def test_mode_2_takes_only_later_reporters(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 3)
    job = await a_dynamic_job(ctx, caller, await a_package(ctx, caller, flock.key), flock, dynamic_mode=2)
    assert await tasks(ctx, job) == {} and job not in await fill.unfilled(ctx)
    await say(ctx, (flock.ids[1], runs("1.0")))  # the version it had: it says so from now on
    assert set(await tasks(ctx, job)) == {flock.ids[1]}


async def test_without_versions_it_takes_any_even_one_never_reported(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 2, version=None)
    await say(ctx, (flock.ids[0], runs("2.0")))
    job = await a_dynamic_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    assert set(await tasks(ctx, job)) == {flock.ids[1]}


async def test_a_delta_takes_its_source_version_alone(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 2)
    await say(ctx, (flock.ids[0], runs("1.5")))
    package = await a_package(ctx, caller, flock.key, is_delta=True, source_version="1.0")
    with pytest.raises(Conflict):
        await a_dynamic_job(ctx, caller, package, flock, source_versions=("1.0", "1.5"))
    job = await a_dynamic_job(ctx, caller, package, flock)
    assert set(await tasks(ctx, job)) == {flock.ids[1]}
    await say(ctx, (flock.ids[0], runs("1.0")))
    assert len(await tasks(ctx, job)) == 2


async def test_a_report_of_another_module_takes_nothing(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 1, version=None)
    job = await a_dynamic_job(ctx, caller, await a_package(ctx, caller, flock.key), flock, dynamic_mode=2)
    await say(ctx, (flock.ids[0], VersionReport(module="mcu", version="1.0", ref="")))
    assert await tasks(ctx, job) == {}


async def test_another_product_is_not_taken(ctx: Context, caller: Caller, stranger: Caller) -> None:
    flock, other = await a_fleet(ctx, caller, 1), await a_fleet(ctx, stranger, 1, name="other")
    job = await a_dynamic_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    await say(ctx, (other.ids[0], runs("1.0")))
    assert set(await tasks(ctx, job)) == {flock.ids[0]}


async def test_an_offer_is_due_at_once_for_a_connected_reporter(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 2)
    job = await a_dynamic_job(ctx, caller, await a_package(ctx, caller, flock.key), flock, dynamic_mode=2)
    node = await online(ctx, clock, flock)
    assert (await say(ctx, (flock.ids[0], runs("1.0")))).offers_due
    assert await dispatch.due(ctx, node, 9) == refs(job, flock.ids[:1])
    held = await a_package(ctx, caller, flock.key, "held", version="3.0")
    await a_dynamic_job(ctx, caller, held, flock, dynamic_mode=2, need_push=False)
    assert not (await say(ctx, (flock.ids[1], runs("1.0")))).offers_due


async def test_a_job_that_confirms_holds_what_it_takes(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 1)
    job = await a_dynamic_job(
        ctx, caller, await a_package(ctx, caller, flock.key), flock, dynamic_mode=2, need_confirm=True
    )
    await say(ctx, (flock.ids[0], runs("1.0")))
    assert await states(ctx, job) == {"CONFIRM": 1}


# --- once, and once more ---


async def test_a_device_that_failed_is_not_taken_again_until_something_changes(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 1)
    job = await a_dynamic_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    (device,) = flock.ids
    await dispatch.offer(ctx, refs(job, flock.ids), link, Wire())
    await say(ctx, (device, progress(-1)))
    await say(ctx, (device, runs("1.0")), (device, runs("1.0")))
    await say(ctx, (device, runs("1.0")))
    assert await ask(ctx, "select nth, state from task") == [{"nth": 0, "state": "FAILED"}]
    await say(ctx, (device, runs("1.1")))
    assert await ask(ctx, "select nth, state from task order by nth") == [
        {"nth": 0, "state": "FAILED"}, {"nth": 1, "state": "QUEUED"}
    ]  # fmt: skip


async def test_a_device_that_leaves_the_destination_is_brought_back_ten_times(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 1)
    job = await a_dynamic_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    for _ in range(TASKS_MAX + 3):
        await say(ctx, (flock.ids[0], runs("2.0")))
        await say(ctx, (flock.ids[0], runs("1.0")))
    rows = await ask(ctx, "select nth, state from task where job_id = $1 order by nth", job)
    assert [r["nth"] for r in rows] == list(range(TASKS_MAX))
    assert {r["state"] for r in rows} == {"SUCCEEDED"}


async def test_the_version_that_ends_one_job_begins_the_next(ctx: Context, caller: Caller) -> None:
    """The report that makes a task SUCCEEDED is itself one that a policy covers."""
    flock = await a_fleet(ctx, caller, 1)
    first = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key, version="1.5"), flock)
    package = await a_package(ctx, caller, flock.key, "next")
    second = await a_dynamic_job(ctx, caller, package, flock, source_versions=("1.5",))
    assert await tasks(ctx, second) == {}
    applied = await say(ctx, (flock.ids[0], runs("1.5")))
    assert applied.tasks_ended
    assert (await states(ctx, first), await states(ctx, second)) == ({"SUCCEEDED": 1}, {"QUEUED": 1})


# --- conflicts ---


async def test_a_conflicting_devices_task_fails_and_is_made_again_when_it_is_free(
    ctx: Context, caller: Caller, clock: Clock
) -> None:
    flock = await a_fleet(ctx, caller, 1)
    static = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key, version="1.5"), flock)
    job = await a_dynamic_job(ctx, caller, await a_package(ctx, caller, flock.key, "next"), flock)
    (device,) = flock.ids
    found = (await tasks(ctx, job))[device]
    assert (found["state"], found["reason"]) == ("FAILED", "device_busy")
    await say(ctx, (device, runs("1.0")))
    assert len(await ask(ctx, "select 1 from task where job_id = $1", job)) == 1
    await steering.cancel_tasks(ctx, caller, c.CancelTasks(job_id=static, states=c.OPEN_STATES))
    await say(ctx, (device, runs("1.0")))
    rows = await ask(ctx, "select nth, state from task where job_id = $1 order by nth", job)
    assert rows == [{"nth": 0, "state": "FAILED"}, {"nth": 1, "state": "QUEUED"}]


async def test_overwrite_mode_2_takes_the_device_unless_it_is_in_progress(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 2)
    static = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key, version="1.5"), flock)
    await dispatch.offer(ctx, refs(static, flock.ids), link, Wire())
    await say(ctx, (flock.ids[0], progress(10)))
    job = await a_dynamic_job(ctx, caller, await a_package(ctx, caller, flock.key, "next"), flock, overwrite=True)
    old, new = await tasks(ctx, static), await tasks(ctx, job)
    assert [old[d]["state"] for d in flock.ids] == ["IN_PROGRESS", "CANCELED"]
    assert [new[d]["state"] for d in flock.ids] == ["FAILED", "QUEUED"]


async def test_of_two_dynamic_jobs_the_later_one_wins(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 3)
    early = await a_dynamic_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    await dispatch.offer(ctx, refs(early, flock.ids), link, Wire())
    await say(ctx, (flock.ids[0], progress(10)))
    late = await a_dynamic_job(ctx, caller, await a_package(ctx, caller, flock.key, "next", version="3.0"), flock)
    old, new = await tasks(ctx, early), await tasks(ctx, late)
    assert [old[d]["state"] for d in flock.ids] == ["IN_PROGRESS", "CANCELED", "CANCELED"]
    assert [new[d]["state"] for d in flock.ids] == ["FAILED", "QUEUED", "QUEUED"]
    await say(ctx, *((d, runs("1.0")) for d in flock.ids))  # boots: nothing changes hands
    assert await states(ctx, late) == {"FAILED": 1, "QUEUED": 2}
    await say(ctx, (flock.ids[0], runs("2.0")))  # the earlier ends, the later takes its device
    assert await ask(ctx, "select state from task where job_id = $1 and nth = 1", late) == [{"state": "QUEUED"}]
    await say(ctx, *((d, runs("3.0")) for d in flock.ids))
    await say(ctx, *((d, runs("3.0")) for d in flock.ids))  # the earlier never takes them back
    assert await states(ctx, early) == {"SUCCEEDED": 1, "CANCELED": 2}


async def test_the_order_of_filling_does_not_change_who_wins(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 5)
    made = []
    for name, version in (("early", "2.0"), ("late", "3.0")):
        package = await a_package(ctx, caller, flock.key, name, version=version)
        cmd = dynamic_job(package_id=package, product_key=flock.key)
        made.append((await jobs.create_job(ctx, caller, cmd)).job_id)
    for job in reversed(made):
        await filled(ctx, job)
    assert await states(ctx, made[1]) == {"QUEUED": 5}
    assert await states(ctx, made[0]) == {}


async def test_two_modules_do_not_meet_in_jobs_of_modules(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 1)
    await ask(ctx, "insert into module select product_id, 'mcu', null, null, now(), now(), 1 from product")
    (device,) = flock.ids
    await say(ctx, (device, VersionReport(module="mcu", version="1.0", ref="")))
    whole = await a_package(ctx, caller, flock.key)
    part = await a_package(ctx, caller, flock.key, "part", module="mcu")
    first = await a_dynamic_job(ctx, caller, whole, flock, multi_module=True)
    second = await a_dynamic_job(ctx, caller, part, flock, multi_module=True)
    assert (await states(ctx, first), await states(ctx, second)) == ({"QUEUED": 1}, {"QUEUED": 1})
    third = await a_filled_job(ctx, caller, part, flock)  # a job of whole devices finds the device taken
    assert await states(ctx, third) == {"FAILED": 1}


# --- one a package, and the end of a policy ---


async def test_a_package_has_one_running_dynamic_job(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 1)
    package = await a_package(ctx, caller, flock.key)
    raw = await a_package(ctx, caller, flock.key, "raw", verify=True)
    first = await a_dynamic_job(ctx, caller, package, flock)
    with pytest.raises(Conflict) as caught:
        await a_dynamic_job(ctx, caller, package, flock)
    assert caught.value.reason == "dynamic_job_is_running"
    with pytest.raises(Conflict) as caught:
        await a_dynamic_job(ctx, caller, raw, flock)
    assert caught.value.reason == "package_not_verified"
    with pytest.raises(Conflict):
        await packages.delete_package(ctx, caller, c.DeletePackage(package_id=package))
    await end_policy(ctx, caller, first)
    await a_dynamic_job(ctx, caller, package, flock)


async def test_one_of_many_at_once_is_made(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 1)
    package = await a_package(ctx, caller, flock.key)
    cmd = dynamic_job(package_id=package, product_key=flock.key)
    made = await asyncio.gather(*(jobs.create_job(ctx, caller, cmd) for _ in range(6)), return_exceptions=True)
    assert sum(isinstance(m, c.Job) for m in made) == 1
    assert all(isinstance(m, c.Job | Conflict) for m in made)
    assert len(await ask(ctx, "select 1 from policy")) == 1


async def test_after_the_policy_ends_nobody_is_taken_and_those_taken_live_on(
    ctx: Context, caller: Caller, clock: Clock
) -> None:
    flock = await a_fleet(ctx, caller, 2)
    await say(ctx, (flock.ids[1], runs("0.1")))
    package = await a_package(ctx, caller, flock.key)
    job = await a_dynamic_job(ctx, caller, package, flock, source_versions=("1.0",))
    node = await online(ctx, clock, flock)
    await end_policy(ctx, caller, job)
    assert await status_of(ctx, caller, job) == "CANCELED"
    await say(ctx, (flock.ids[1], runs("1.0")))
    assert set(await tasks(ctx, job)) == {flock.ids[0]}
    wire = Wire()
    assert (await dispatch.offer(ctx, await dispatch.due(ctx, node, 9), link, wire)).sent == set(
        refs(job, flock.ids[:1])
    )
    await say(ctx, (flock.ids[0], runs("2.0")))
    assert await states(ctx, job) == {"SUCCEEDED": 1}
    for wrong, reason in ((job, "job_ended"), (await a_filled_job(ctx, caller, package, flock), "job_not_dynamic")):
        with pytest.raises(Conflict) as caught:
            await end_policy(ctx, caller, wrong)
        assert caught.value.reason == reason


async def test_cancelling_its_tasks_stops_their_offers_and_keeps_the_policy(
    ctx: Context, caller: Caller, clock: Clock
) -> None:
    flock = await a_fleet(ctx, caller, 2)
    await say(ctx, (flock.ids[1], runs("0.1")))
    package = await a_package(ctx, caller, flock.key)
    job = await a_dynamic_job(ctx, caller, package, flock, source_versions=("1.0",))
    node = await online(ctx, clock, flock)
    due = await dispatch.due(ctx, node, 9)
    await steering.cancel_tasks(ctx, caller, c.CancelTasks(job_id=job, states=c.OPEN_STATES))
    assert (await dispatch.offer(ctx, due, link, Wire())).sent == set() and await dispatch.due(ctx, node, 9) == []
    await say(ctx, (flock.ids[0], runs("1.0")))  # cancelled, and nothing changed since
    await say(ctx, (flock.ids[1], runs("1.0")))
    assert await states(ctx, job) == {"CANCELED": 1, "QUEUED": 1}
    assert await endings.end_finished(ctx) == 0 and await status_of(ctx, caller, job) == "IN_PROGRESS"


async def test_a_policy_that_ends_during_the_fill_stops_it(
    ctx: Context, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fill, "CHUNK", 10)
    flock = await a_fleet(ctx, caller, 35)
    cmd = dynamic_job(package_id=await a_package(ctx, caller, flock.key), product_key=flock.key)
    job = (await jobs.create_job(ctx, caller, cmd)).job_id
    assert await fill.fill(ctx, job)
    await end_policy(ctx, caller, job)
    assert not await fill.fill(ctx, job)
    assert len(await tasks(ctx, job)) == 10


# --- changed while it runs ---


async def test_an_update_changes_pace_timeout_tags_and_versions(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 2)
    await say(ctx, (flock.ids[1], runs("1.1")))
    package = await a_package(ctx, caller, flock.key)
    job = await a_dynamic_job(ctx, caller, package, flock, source_versions=("1.0",), tags=(("a", "b"),))
    assert set(await tasks(ctx, job)) == {flock.ids[0]}
    facts: dict[str, Any] = {"job_id": job, "kind": "dynamic", "selection": "ALL"}
    cmd = c.UpdateJob(maximum_per_min=7, timeout_min=30, source_versions=("1.0", "1.1"), tags=(("c", "d"),), **facts)
    await jobs.update_job(ctx, caller, cmd)
    await filled(ctx, job)
    shown = await job_views.show_job(ctx, caller, c.ShowJob(job_id=job))
    assert (shown.manner.maximum_per_min, shown.manner.timeout_min, shown.tags) == (7, 30, (("c", "d"),))
    assert set(shown.source_versions) == {"1.0", "1.1"}
    assert set(await tasks(ctx, job)) == set(flock.ids) and await states(ctx, job) == {"QUEUED": 2}
    await jobs.update_job(ctx, caller, c.UpdateJob(maximum_per_min=8, **facts))
    shown = await job_views.show_job(ctx, caller, c.ShowJob(job_id=job))
    assert (shown.manner.maximum_per_min, shown.manner.timeout_min, shown.tags, len(shown.source_versions)) == (
        8,
        30,
        (),
        2,
    )
    await jobs.update_job(ctx, caller, c.UpdateJob(job_id=job, tags=(("e", "f"),)))
    changed = await jobs.update_job(ctx, caller, c.UpdateJob(job_id=job, timeout_min=31, tags=None))
    assert (changed.manner.maximum_per_min, changed.manner.timeout_min, changed.tags) == (8, 31, (("e", "f"),))
    assert changed.source_versions == shown.source_versions


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [({"kind": "static"}, "job_kind_mismatch"), ({"selection": "GRAY"}, "job_selection_mismatch")],
)
async def test_an_update_names_the_job_rightly(
    ctx: Context, caller: Caller, stranger: Caller, wrong: dict[str, str], reason: str
) -> None:
    flock = await a_fleet(ctx, caller, 1)
    job = await a_dynamic_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    facts: dict[str, Any] = {"job_id": job, "kind": "dynamic", "selection": "ALL", "maximum_per_min": 5}
    with pytest.raises(Conflict) as caught:
        await jobs.update_job(ctx, caller, c.UpdateJob(**facts | wrong))
    assert caught.value.reason == reason
    with pytest.raises(NotFound):
        await jobs.update_job(ctx, stranger, c.UpdateJob(**facts))
    await end_policy(ctx, caller, job)
    with pytest.raises(Conflict) as caught:
        await jobs.update_job(ctx, caller, c.UpdateJob(**facts))
    assert caught.value.reason == "job_ended"


# --- races ---


async def test_nobody_is_missed_who_reports_while_the_job_is_made(ctx: Context, caller: Caller) -> None:
    """Whatever the order of report, creation and fill, a device that runs a source version has its task."""
    dice = Random(7)
    for round_ in range(4):
        flock = await a_fleet(ctx, caller, 60, version="0.1", name=f"lamp{round_}")
        package = await a_package(ctx, caller, flock.key, f"pack{round_}")
        cmd = dynamic_job(package_id=package, product_key=flock.key, source_versions=("1.0",))

        async def reports(ids: list[UUID]) -> None:
            for device in ids:
                await asyncio.sleep(dice.random() / 500)
                await say(ctx, (device, runs("1.0")))

        async def makes(cmd: c.CreateJob = cmd) -> int:
            await asyncio.sleep(0.01)
            job = (await jobs.create_job(ctx, caller, cmd)).job_id
            await filled(ctx, job)
            return job

        job, *_ = await asyncio.gather(makes(), *(reports(flock.ids[n::4]) for n in range(4)))
        assert set(await tasks(ctx, job)) == set(flock.ids)
        assert await states(ctx, job) == {"QUEUED": 60}


async def test_a_device_deleted_while_the_chunk_is_made_keeps_no_open_task(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 20)
    package = await a_package(ctx, caller, flock.key)
    cmd = static_job(package_id=package, product_key=flock.key, selection="ALL")
    job = (await jobs.create_job(ctx, caller, cmd)).job_id
    keys = [c.DeviceKey(product_key=flock.key, name=n) for n in flock.names[:10]]
    gone = (devices.delete_device(ctx, caller, c.DeleteDevice(device=key)) for key in keys)
    await asyncio.gather(filled(ctx, job), *gone)
    left = await ask(ctx, "select t.state from task t join device d using (device_id) where d.deleted_at is not null")
    assert {r["state"] for r in left} <= {"CANCELED"}
    assert (await states(ctx, job))["QUEUED"] == 10


# --- repeated ---


async def failed(ctx: Context, caller: Caller, flock: Fleet, package: int, **more: Any) -> int:
    job = await a_filled_job(ctx, caller, package, flock, **more)
    await dispatch.offer(ctx, refs(job, flock.ids), link, Wire())
    await say(ctx, *((d, progress(-1, "9")) for d in flock.ids))
    await endings.end_finished(ctx)
    return job


async def repeat(ctx: Context, caller: Caller, job: int, *devices: UUID) -> None:
    cmd = c.RepeatTasks(job_id=job, tasks=tuple(TaskRef(device_id=d, job_id=job) for d in devices))
    await steering.repeat_tasks(ctx, caller, cmd)


async def test_a_failed_task_runs_again_and_its_job_with_it(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 2)
    job = await failed(ctx, caller, flock, await a_package(ctx, caller, flock.key))
    assert await status_of(ctx, caller, job) == "COMPLETED"
    node = await online(ctx, clock, flock)
    await repeat(ctx, caller, job, flock.ids[0])
    assert await status_of(ctx, caller, job) == "IN_PROGRESS" and await states(ctx, job) == {"QUEUED": 1, "FAILED": 1}
    assert await dispatch.due(ctx, node, 9) == refs(job, flock.ids[:1])
    await say(ctx, (flock.ids[0], progress(-1, "9")))  # the echo of the failure that is settled
    await dispatch.offer(ctx, refs(job, flock.ids[:1]), link, Wire())
    echo = reports.Incoming(flock.ids[0], UUID(int=1), progress(-1, "9"), redelivered=True)
    await reports.apply(ctx, [echo])  # and after the offer
    assert await states(ctx, job) == {"QUEUED": 1, "FAILED": 1}
    await say(ctx, (flock.ids[0], runs("2.0")))
    assert await endings.end_finished(ctx) == 1 and await status_of(ctx, caller, job) == "COMPLETED"


async def test_a_repeated_task_waits_for_confirmation_again(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 1)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock, need_confirm=True)
    await steering.cancel_tasks(ctx, caller, c.CancelTasks(job_id=job, states=c.OPEN_STATES))
    await repeat(ctx, caller, job, flock.ids[0])
    assert await states(ctx, job) == {"CONFIRM": 1}


async def test_repetition_is_refused_as_a_whole(ctx: Context, caller: Caller, stranger: Caller) -> None:
    flock = await a_fleet(ctx, caller, 2)
    package = await a_package(ctx, caller, flock.key)
    job = await failed(ctx, caller, flock, package)
    await repeat(ctx, caller, job, flock.ids[0])
    with pytest.raises(Conflict) as caught:  # one of them is open
        await repeat(ctx, caller, job, *flock.ids)
    assert caught.value.reason == "task_not_repeatable"
    assert await states(ctx, job) == {"QUEUED": 1, "FAILED": 1}
    other = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key, "next", version="3.0"), flock)
    with pytest.raises(Conflict) as caught:
        await repeat(ctx, caller, job, flock.ids[1])
    assert caught.value.reason == "device_busy"
    for who, wrong in ((stranger, job), (caller, other), (caller, 1)):
        with pytest.raises((NotFound, Conflict)):
            await repeat(ctx, who, wrong, device_id(flock.key, "nobody"))
    await say(ctx, *((d, runs("3.0")) for d in flock.ids))
    await steering.cancel_tasks(ctx, caller, c.CancelTasks(job_id=job, states=c.OPEN_STATES))
    await endings.end_finished(ctx)
    await packages.delete_package(ctx, caller, c.DeletePackage(package_id=package))
    with pytest.raises(Conflict) as caught:
        await repeat(ctx, caller, job, flock.ids[1])
    assert caught.value.reason == "package_is_deleted"


async def test_a_repeated_verification_judges_again(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 1)
    package = await a_package(ctx, caller, flock.key, verify=True)
    cmd = verify_job(package_id=package, product_key=flock.key, device_names=flock.names)
    job = (await jobs.create_job(ctx, caller, cmd)).job_id
    await dispatch.offer(ctx, refs(job, flock.ids), link, Wire())
    await say(ctx, (flock.ids[0], progress(-1)))
    await endings.end_finished(ctx)
    assert await package_status(ctx, caller, package) == "failed"
    await repeat(ctx, caller, job, flock.ids[0])
    assert await package_status(ctx, caller, package) == "verifying"
    await say(ctx, (flock.ids[0], runs("2.0")))
    await endings.end_finished(ctx)
    assert await package_status(ctx, caller, package) == "verified"
    with pytest.raises(Conflict):
        await repeat(ctx, caller, job, flock.ids[0])
