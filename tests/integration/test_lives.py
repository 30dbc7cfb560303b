"""A device that is registered again under a deleted one's name is another device (issue 9, number 5)."""

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from conftest import Clock
from test_asking_jobs import Stage
from test_dynamic import a_dynamic_job
from test_jobs import Fleet, Wire, a_filled_job, a_fleet, a_package, ask, filled, link, online, refs, runs, say, states

from upwell.domain import commands as c
from upwell.domain.commands.lists import Slice
from upwell.domain.errors import NotFound
from upwell.domain.policy import TASKS_MAX
from upwell.service.context import Context
from upwell.service.manage import (
    device_search,
    devices,
    group_members,
    groups,
    job_views,
    modules,
    products,
    registration,
    steering,
    tags,
    task_views,
)
from upwell.service.manage.access import Caller
from upwell.service.upgrade import dispatch, enrol

pytestmark = pytest.mark.asyncio
Again = Callable[[Context, Caller, str, str], Awaitable[object]]


def key_of(flock: Fleet, place: int = 0) -> c.DeviceKey:
    return c.DeviceKey(product_key=flock.key, name=flock.names[place])


async def delete(ctx: Context, caller: Caller, flock: Fleet, place: int = 0) -> None:
    await devices.delete_device(ctx, caller, c.DeleteDevice(device=key_of(flock, place)))


async def singly(ctx: Context, caller: Caller, key: str, name: str) -> object:
    return await devices.create_device(ctx, caller, c.CreateDevice(product_key=key, name=name))


async def in_a_batch(ctx: Context, caller: Caller, key: str, name: str) -> object:
    cmd = c.CheckDeviceNames(product_key=key, names=((name, None), (f"{name}-too", None)))
    apply_id = (await registration.check_device_names(ctx, caller, cmd)).apply_id
    return await registration.register_devices(ctx, caller, c.RegisterDevices(product_key=key, apply_id=apply_id))


async def with_an_id(ctx: Context, caller: Caller, key: str, name: str) -> object:
    return await devices.create_device(ctx, caller, c.CreateDevice(product_key=key, name=name, public_id=f"id-{name}"))


async def by_itself(ctx: Context, caller: Caller, key: str, name: str) -> object:
    return await enrol.enrol(ctx, key, name, True, "any")


WAYS: list[Again] = [singly, in_a_batch, with_an_id, by_itself]
every_way = pytest.mark.parametrize("again", WAYS)


@every_way
async def test_a_running_dynamic_job_takes_it(ctx: Context, caller: Caller, again: Again) -> None:
    """Issue 9, number 5: as it takes any new device, though it took its namesake at the same version."""
    flock = await a_fleet(ctx, caller, 1)
    job = await a_dynamic_job(ctx, caller, await a_package(ctx, caller, flock.key), flock, source_versions=("1.0",))
    await delete(ctx, caller, flock)
    assert await again(ctx, caller, flock.key, flock.names[0])
    await say(ctx, (flock.ids[0], runs("1.0")))
    found = await ask(ctx, "select nth, state, reason, life from task where job_id = $1 order by nth", job)
    assert [tuple(r.values()) for r in found] == [(0, "CANCELED", "device_deleted", 0), (1, "QUEUED", "", 1)]
    assert Counter(r["state"] for r in found) == await states_of(ctx, job)


async def states_of(ctx: Context, job: int) -> Counter[str]:
    rows = await ask(ctx, "select state, count(*) as n from task where job_id = $1 group by state", job)
    return Counter({r["state"]: r["n"] for r in rows})


@every_way
async def test_it_has_none_of_the_life_before(ctx: Context, caller: Caller, again: Again) -> None:
    """Issue 9, number 5: no version, tag, group, gateway, presence, job or task; a report that raced with the deletion
    left a version behind."""
    flock = await a_fleet(ctx, caller, 2)
    key, other = key_of(flock), key_of(flock, 1)
    package = await a_package(ctx, caller, flock.key)
    job = await a_filled_job(ctx, caller, package, flock)
    await tags.set_tags(ctx, caller, c.SetTags(device=key, tags={"a": "b"}))
    group = await groups.create_group(ctx, caller, c.CreateGroup(name="some"))
    await group_members.add_to_group(ctx, caller, c.AddToGroup(group_id=group.group_id, devices=(key, other)))
    before = await devices.show_device(ctx, caller, c.ShowDevice(device=key))
    await delete(ctx, caller, flock)
    late = {
        "module_version": "values ($1, 'default', '9', now())", "device_tag": "values ($1, 'a', 'b', 1)",
        "topology": "values ($1, $1, now())", "presence": "values ($1, gen_random_uuid(), gen_random_uuid(), now())",
        "group_member": f"values ($1, {group.group_id}, now())",
    }  # fmt: skip
    for table, row in late.items():
        await ask(ctx, f"insert into {table} {row}", flock.ids[0])
    assert await again(ctx, caller, flock.key, flock.names[0])

    shown = await devices.show_device(ctx, caller, c.ShowDevice(device=key))
    assert (shown.firmware_version, shown.status, shown.address) == (None, "UNACTIVE", None)
    assert shown.secret != before.secret and shown.iot_id != before.iot_id
    for table in late:
        assert await ask(ctx, f"select 1 from {table} where device_id = $1", flock.ids[0]) == []
    listed = await modules.list_module_versions(
        ctx, caller, c.ListModuleVersions(device=key, asked=Slice.of_page(1, 10))
    )
    assert listed.total == 0 and listed.items == ()
    asked = c.ListJobs(package_id=package, device=key, asked=Slice.of_page(1, 10))
    assert (await job_views.list_jobs(ctx, caller, asked)).total == 0
    assert (await job_views.list_jobs(ctx, caller, asked)).items == ()
    open_tasks = c.ListTasks(asked=Slice(take=1000), device=key, states=c.OPEN_STATES)
    assert (await task_views.list_tasks(ctx, caller, open_tasks)).items == ()
    own = c.ListTasks(job_id=job, asked=Slice.of_page(1, 10), device_names=(key.name or "",))
    assert ((await task_views.list_tasks(ctx, caller, own)).total, (await task_views.list_tasks(
        ctx, caller, own)).items) == (0, ())  # fmt: skip
    # In their job the former tasks are counted and listed as before (L2), under the id of then.
    whole = await task_views.list_tasks(ctx, caller, c.ListTasks(job_id=job, asked=Slice.of_page(1, 10)))
    assert whole.total == 2
    assert {t.iot_id for t in whole.items} == {before.iot_id, (await devices.show_device(
        ctx, caller, c.ShowDevice(device=other))).iot_id}  # fmt: skip


async def test_a_list_of_registered_devices_is_not_of_their_namesakes(ctx: Context, caller: Caller) -> None:
    """Issue 9, number 5: the batch that made the former device does not tell the new one's secret."""
    product = await products.create_product(ctx, caller, c.CreateProduct(name="lamp"))
    cmd = c.RegisterDevices(product_key=product.product_key, count=2)
    made = await registration.register_devices(ctx, caller, cmd)
    await delete(ctx, caller, Fleet(product.product_key, made.names))
    await singly(ctx, caller, product.product_key, made.names[0])
    page = await device_search.list_devices(
        ctx, caller, c.ListDevices(asked=Slice.of_page(1, 10), apply_id=made.apply_id)
    )
    assert (page.total, [d.name for d in page.items]) == (1, [made.names[1]])


async def test_its_namesakes_tasks_are_not_run_again(ctx: Context, caller: Caller) -> None:
    """Issue 9, number 5: by their ids neither; nobody would have meant the new device."""
    flock = await a_fleet(ctx, caller, 2)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    await delete(ctx, caller, flock)
    await singly(ctx, caller, flock.key, flock.names[0])
    with pytest.raises(NotFound) as caught:
        await steering.repeat_tasks(ctx, caller, c.RepeatTasks(job_id=job, tasks=tuple(refs(job, flock.ids[:1]))))
    assert "deleted" in str(caught.value)
    assert await states(ctx, job) == {"CANCELED": 1, "QUEUED": 1}


async def test_lives_have_their_own_limit_of_tasks(ctx: Context, caller: Caller) -> None:
    """Issue 9, number 5: ten in a dynamic job, of each life."""
    flock = await a_fleet(ctx, caller, 1, version=None)
    job = await a_dynamic_job(ctx, caller, await a_package(ctx, caller, flock.key), flock, source_versions=("1.0",))
    for _ in range(2):
        for _ in range(TASKS_MAX + 2):
            await say(ctx, (flock.ids[0], runs("1.0")), (flock.ids[0], runs("1.0")))
            await say(ctx, (flock.ids[0], runs("2.0")))
        await delete(ctx, caller, flock)
        await singly(ctx, caller, flock.key, flock.names[0])
    rows = await ask(ctx, "select life, count(*) as n from task where job_id = $1 group by life order by life", job)
    assert [tuple(r.values()) for r in rows] == [(0, TASKS_MAX), (1, TASKS_MAX)]


async def test_what_a_former_life_was_offered_says_nothing_of_this(ctx: Context, caller: Caller, clock: Clock) -> None:
    """Issue 9, numbers 3 and 5: the new device was never sent to the old one's destination."""
    flock = await a_fleet(ctx, caller, 1)
    old = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    await online(ctx, clock, flock)
    await dispatch.offer(ctx, refs(old, flock.ids), link, Wire())
    await delete(ctx, caller, flock)
    await singly(ctx, caller, flock.key, flock.names[0])
    await say(ctx, (flock.ids[0], runs("1.0")))
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key, "next", version="3.0"), flock)
    await dispatch.offer(ctx, refs(job, flock.ids), link, Wire())
    await say(ctx, (flock.ids[0], runs("2.0")))
    [row] = await ask(ctx, "select reason from task where job_id = $1", job)
    assert row["reason"] == "version_not_conform"


async def a_failed_batch(stage: Stage) -> int:
    await stage.connect()
    package = await a_package(stage.ctx, stage.caller, stage.flock.key)
    job = await stage.create((package,))
    await ask(stage.ctx, "update task set state = 'FAILED', reason = 'x', due_at = null, timeout_at = null")
    return job


async def test_a_batch_keeps_the_former_device_and_runs_the_new_one_never(
    ctx: Context, caller: Caller, clock: Clock
) -> None:
    """Issue 9, number 5: Huawei's subtasks are counted and listed under the former id; a retry of all, or of the new
    device by its id, does not reach them."""
    stage = Stage(ctx, caller, clock, await a_fleet(ctx, caller, 2))
    flock = stage.flock
    job = await a_failed_batch(stage)
    former = f"{flock.key}_{flock.names[0]}"
    await delete(ctx, caller, flock)
    await with_an_id(ctx, caller, flock.key, flock.names[0])
    new = f"id-{flock.names[0]}"
    assert set(await stage.stands()) == {former, f"{flock.key}_{flock.names[1]}"}
    assert (await stage.shown()).tally.failed == 2
    assert (await stage.shown(target=new)).tasks.items == () and (await stage.shown(target=new)).tasks.total == 0
    refused = await steering.repeat_tasks(ctx, caller, c.RepeatTasks(asking=True, job_id=job, targets=(new,)))
    assert [each.reason for each in refused.targets] == ["device_unknown"]
    await steering.repeat_tasks(ctx, caller, c.RepeatTasks(asking=True, job_id=job))
    assert (await stage.stands())[former] == "failed"
    assert Counter((await stage.stands()).values()) == {"failed": 1, "waiting": 1}


async def test_a_job_by_name_is_for_who_has_the_name_when_it_begins(ctx: Context, caller: Caller) -> None:
    """Issue 9, number 5: an ended life comes back in no job, and the new device is a target like any."""
    flock = await a_fleet(ctx, caller, 1)
    package = await a_package(ctx, caller, flock.key)
    cmd: dict[str, Any] = {"selection": "SPECIFIC", "device_names": flock.names}
    job = await a_filled_job(ctx, caller, package, flock, **cmd)
    await delete(ctx, caller, flock)
    await singly(ctx, caller, flock.key, flock.names[0])
    await filled(ctx, job)
    assert await states(ctx, job) == {"CANCELED": 1}
    later = await a_filled_job(ctx, caller, package, flock, **cmd)
    assert await states(ctx, later) == {"QUEUED": 1}
