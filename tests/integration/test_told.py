"""What a device runs by the result of its upgrade (issue 9, number 23): shown, believed, and asked for in time."""

from typing import Any
from uuid import UUID

import pytest
from conftest import Clock
from test_asking_jobs import Stage, result, started
from test_jobs import Fleet, a_filled_job, a_fleet, a_job, a_package, ask, filled, runs, say, states, tasks
from tests.job_commands import dynamic_job

from upwell.domain import commands as c
from upwell.domain.search import Compare
from upwell.domain.talk import VersionReport
from upwell.service.context import Context
from upwell.service.manage import devices, groups, jobs
from upwell.service.manage.access import Caller
from upwell.service.upgrade import reports

pytestmark = pytest.mark.asyncio


@pytest.fixture
async def stage(ctx: Context, caller: Caller, clock: Clock) -> Stage:
    return Stage(ctx, caller, clock, await a_fleet(ctx, caller, 3, version=None))


async def installed(stage: Stage, device: UUID, module: str = "default") -> tuple[str, bool] | None:
    rows = await ask(
        stage.ctx, "select version, by_result from module_version where device_id = $1 and module = $2", device, module
    )
    return (rows[0]["version"], rows[0]["by_result"]) if rows else None


async def shown(stage: Stage, place: int) -> str | None:
    cmd = c.ShowDevice(device=c.DeviceKey(product_key=stage.flock.key, name=stage.flock.names[place]))
    return (await devices.show_device(stage.ctx, stage.caller, cmd)).firmware_version


async def come_back(stage: Stage) -> None:
    stage.clock.move(minutes=1)
    stage.line.connections.clear()
    await stage.connect()


async def test_a_success_by_result_is_shown_until_a_version_report_replaces_it(stage: Stage) -> None:
    """Issue 9, number 23: the samples of every SDK tell a result and no version afterwards."""
    await started(stage)
    await stage.offer_all()
    first, second, third = stage.flock.ids
    await stage.say((first, result()), (second, result(10, 0, "2.0", "flash")), (third, result(0, 60, "2.0")))
    assert [await installed(stage, d) for d in stage.flock.ids] == [("2.0", True), ("1.0", False), ("1.0", False)]
    assert [await shown(stage, n) for n in range(3)] == ["2.0", "1.0", "1.0"]
    await stage.say((first, runs("2.0")))
    assert await installed(stage, first) == ("2.0", False)
    await stage.say((first, runs("1.9")), (third, runs("2.0")), (third, result()))
    assert await installed(stage, first) == ("1.9", False)
    assert await installed(stage, third) == ("2.0", False)  # its own word stands


@pytest.mark.parametrize(
    ("said", "stands"),
    [
        ((runs("1.0"), result()), ("2.0", True)),
        ((result(), runs("1.9")), ("1.9", False)),
        ((result(), result()), ("2.0", True)),
        ((result(0, 100, "1.0"), result(3, None, "2.0")), ("2.0", True)),
        ((runs("2.0"), result()), ("2.0", False)),
    ],
)
async def test_of_several_words_in_one_batch_the_last_stands(
    stage: Stage, said: tuple[Any, ...], stands: tuple[str, bool]
) -> None:
    """Issue 9, number 23."""
    await started(stage)
    await stage.offer_all()
    device = stage.flock.ids[0]
    await reports.apply(stage.ctx, [reports.Incoming(device, UUID(int=1), each) for each in said])
    assert await installed(stage, device) == stands


async def test_a_module_of_its_own_has_its_own_version(stage: Stage) -> None:
    """Issue 9, number 23: a result names no part; the task does."""
    package = await a_package(stage.ctx, stage.caller, stage.flock.key)
    await ask(stage.ctx, "update package set module = 'software' where package_id = $1", package)
    await stage.create((package,), part="software")
    await stage.connect()
    await stage.push()
    device = stage.flock.ids[0]
    await stage.say((device, VersionReport(module="software", version="0.1", ref="")), (device, runs("7.0")))
    await stage.push()
    await stage.say((device, result()))
    assert await installed(stage, device, "software") == ("2.0", True)
    assert await installed(stage, device) == ("7.0", False)


async def test_a_job_of_another_making_that_ends_by_a_result_tells_as_well(stage: Stage) -> None:
    """Issue 9, number 23: a Huawei device in a job of Alibaba's or Tuya's."""
    await say(stage.ctx, *((d, runs("1.0")) for d in stage.flock.ids))
    package = await a_package(stage.ctx, stage.caller, stage.flock.key)
    stage.job = await a_filled_job(stage.ctx, stage.caller, package, stage.flock)
    await stage.connect()
    await stage.push()
    await stage.say((stage.flock.ids[0], result()))
    assert await installed(stage, stage.flock.ids[0]) == ("2.0", True)


async def test_jobs_and_groups_go_by_what_a_result_told(stage: Stage) -> None:
    """Issue 9, number 23: whoever asks for devices at 2.0 finds it, and a rule for 2.0 takes it at once."""
    ctx, caller, key = stage.ctx, stage.caller, stage.flock.key
    third = await a_package(ctx, caller, key, "third", version="3.0")
    cmd = dynamic_job(package_id=third, product_key=key, source_versions=("2.0",))
    dynamic = (await jobs.create_job(ctx, caller, cmd)).job_id
    rule = Compare("version", "=", ("2.0",))
    group = (
        await groups.create_group(ctx, caller, c.CreateGroup(name="at_two", condition=rule, condition_text="…"))
    ).group_id
    await started(stage)
    await stage.offer_all()
    device = stage.flock.ids[0]
    await stage.say((device, result()))
    assert set(await tasks(ctx, dynamic)) == {device}
    seen = (await groups.show_group(ctx, caller, c.ShowGroup(group_id=group))).counts
    assert seen and seen.devices == 1
    static = await a_job(ctx, caller, third, stage.flock, source_versions=("2.0",))
    await filled(ctx, static)
    assert await states(ctx, static) == {"FAILED": 1}  # the dynamic job has it


async def at_two(stage: Stage) -> UUID:
    """A device at 2.0 by its result alone, and a delta from there."""
    await started(stage)
    await stage.offer_all()
    device = stage.flock.ids[0]
    await stage.say((device, result()))
    more = {"version": "3.0", "is_delta": True, "source_version": "2.0"}
    package = await a_package(stage.ctx, stage.caller, stage.flock.key, "delta", **more)
    one = Fleet(stage.flock.key, stage.flock.names[:1])
    names = {"selection": "SPECIFIC", "device_names": one.names}
    stage.job = await a_filled_job(stage.ctx, stage.caller, package, one, **names)
    assert (await tasks(stage.ctx, stage.job))[device]["source_version"] == "2.0"
    stage.line.asked.clear()
    stage.line.offered.clear()
    return device


async def test_a_delta_follows_a_result_on_its_connection(stage: Stage) -> None:
    """Issue 9, number 23: L6 takes what the result told."""
    await at_two(stage)
    await stage.push()
    assert [o.version for o in stage.line.offered] == ["3.0"] and stage.line.asked == []


@pytest.mark.parametrize(("answer", "offered"), [("2.0", ["3.0"]), ("1.0", [])])
async def test_a_device_that_comes_back_is_asked_before_a_delta(stage: Stage, answer: str, offered: list[str]) -> None:
    """Issue 9, number 23: it may have rolled back since; its own word decides. The question is no offer."""
    device = await at_two(stage)
    await come_back(stage)
    await stage.push()
    await stage.push()
    assert [i.task.device_id for i in stage.line.asked if i.task.job_id == stage.job] == [device]
    assert stage.line.offered == [] and (await stage.state(device))["offered_on"] is None
    await stage.say((device, runs(answer)))
    await stage.push()
    assert [o.version for o in stage.line.offered] == offered


async def test_a_full_package_needs_no_question(stage: Stage) -> None:
    """Issue 9, number 23."""
    device = await at_two(stage)
    await ask(stage.ctx, "update package set is_delta = false, source_version = null where name = 'delta'")
    await come_back(stage)
    await stage.push()
    assert [o.task.device_id for o in stage.line.offered if o.task.job_id == stage.job] == [device]
