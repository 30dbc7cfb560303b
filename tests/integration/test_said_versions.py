"""What devices say they run, on the real database: kept as said, or as unknown; and what another version means for a
task before and after its first offer (issue 9, numbers 2 and 3)."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from conftest import Clock
from platform_house import house_on
from test_dynamic import a_dynamic_job
from test_jobs import (
    Fleet,
    Wire,
    a_filled_job,
    a_fleet,
    a_package,
    ask,
    link,
    online,
    progress,
    refs,
    say,
    states,
    tasks,
)

from upwell.domain import commands as c
from upwell.domain.commands.lists import Slice
from upwell.domain.hearing import STRAY_TEXT
from upwell.domain.search import Compare, Condition
from upwell.domain.talk import VersionReport
from upwell.service.context import Context
from upwell.service.manage import devices, groups, modules, steering
from upwell.service.manage.access import Caller
from upwell.service.upgrade import dispatch, endings, members, reports

pytestmark = pytest.mark.asyncio
LATER = UUID(int=2)  # another connection than the one that test_jobs.Wire offers on


def runs(version: str | None, module: str = "default") -> VersionReport:
    return VersionReport(module=module, version=version, ref="")


async def shown(ctx: Context, caller: Caller, flock: Fleet) -> str | None:
    key = c.DeviceKey(product_key=flock.key, name=flock.names[0])
    device = await devices.show_device(ctx, caller, c.ShowDevice(device=key))
    listed = await modules.list_module_versions(
        ctx, caller, c.ListModuleVersions(device=key, asked=Slice.of_page(1, 10))
    )
    public = c.DeviceKey(public_id=f"{flock.key}_{flock.names[0]}")
    space = await devices.show_device(ctx, caller, c.ShowDevice(device=public))
    everywhere = {device.firmware_version, space.versions.get("default"), *(each.version for each in listed.items)}
    assert len(everywhere) == 1
    return device.firmware_version


async def a_group(ctx: Context, caller: Caller, rule: Condition) -> int:
    cmd = c.CreateGroup(name="changing", condition=rule, condition_text="some text")
    return (await groups.create_group(ctx, caller, cmd)).group_id


async def only(ctx: Context, job: int) -> dict[str, Any]:
    [task] = (await tasks(ctx, job)).values()
    return task


# --- number 2 ---


async def test_what_a_device_says_replaces_what_it_said(ctx: Context, caller: Caller) -> None:
    """Issue 9, number 2: also what can't be known; and it is seen as that in every list, unlike one never said."""
    flock = await a_fleet(ctx, caller, 1, version=None)
    assert (await devices.show_device(ctx, caller, c.ShowDevice(device=c.DeviceKey(
        product_key=flock.key, name=flock.names[0])))).firmware_version is None  # fmt: skip
    for version in ("1.0", "2.0+dev", "v" * 256, " "):
        await say(ctx, (flock.ids[0], runs(version)))
        assert await shown(ctx, caller, flock) == version
    await say(ctx, (flock.ids[0], runs(None)))
    assert await shown(ctx, caller, flock) == ""
    await say(ctx, (flock.ids[0], runs("3")))
    assert await shown(ctx, caller, flock) == "3"


async def test_when_the_unknown_was_said_is_kept(ctx: Context, caller: Caller, clock: Clock) -> None:
    """Issue 9, number 2: "unknown, told at T"."""
    flock = await a_fleet(ctx, caller, 1)
    for _ in range(2):
        clock.move(minutes=5)
        before = clock()
        await say(ctx, (flock.ids[0], runs(None)))
        [row] = await ask(ctx, "select version, reported_at from module_version")
        assert row["version"] is None and before < row["reported_at"] < clock()


async def test_an_unknown_version_is_for_whole_packages_of_jobs_for_any(ctx: Context, caller: Caller) -> None:
    """Issue 9, number 2: L6 is decided on what the device said last."""
    flock = await a_fleet(ctx, caller, 2)
    await say(ctx, (flock.ids[0], runs(None)))
    other = flock.ids[1]
    whole = await a_package(ctx, caller, flock.key)
    delta = await a_package(ctx, caller, flock.key, "delta", is_delta=True, source_version="1.0")

    async def devices(job: int) -> set[UUID]:
        found = set(await tasks(ctx, job))
        await steering.cancel_tasks(
            ctx, caller, c.CancelTasks(job_id=job, states=c.OPEN_STATES)
        )  # fmt: skip
        return found

    assert await devices(await a_filled_job(ctx, caller, delta, flock)) == {other}
    assert await devices(await a_filled_job(ctx, caller, whole, flock, source_versions=("1.0",))) == {other}
    gray = {"selection": "GRAY", "gray_percent": "100", "source_versions": ("1.0",)}
    assert await devices(await a_filled_job(ctx, caller, whole, flock, **gray)) == {other}
    assert await devices(await a_filled_job(ctx, caller, whole, flock)) == set(flock.ids)
    assert await devices(await a_dynamic_job(ctx, caller, delta, flock)) == {other}
    for rule in (Compare("version", "=", ("1.0",)), Compare("version", "!=", ("9",)), Compare("version", "<", ("9",))):
        group = await a_group(ctx, caller, rule)
        async with ctx.database.connection() as conn:
            assert {UUID(int=d.int) for d in await members.members_among(conn, group, flock.ids)} == {other}
        await groups.delete_group(ctx, caller, c.DeleteGroup(group_id=group))
    job = await a_dynamic_job(ctx, caller, whole, flock, source_versions=("1.0",))
    assert await devices(job) == {other}
    await say(ctx, (flock.ids[0], runs(None)))
    assert set(await tasks(ctx, job)) == {other}
    await say(ctx, (flock.ids[0], runs("1.0")))
    assert set(await tasks(ctx, job)) == set(flock.ids)


async def test_an_unknown_report_takes_a_device_by_a_rule_for_any(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 1, version=None)
    job = await a_dynamic_job(ctx, caller, await a_package(ctx, caller, flock.key), flock, dynamic_mode=2)
    await say(ctx, (flock.ids[0], runs(None)))
    assert await states(ctx, job) == {"QUEUED": 1}


async def test_a_groups_condition_is_asked_of_the_version_just_said(ctx: Context, caller: Caller) -> None:
    """Issue 9, number 2: a standing rule of a group that is about versions took devices by their former one."""
    flock = await a_fleet(ctx, caller, 1)
    group = await a_group(ctx, caller, Compare("version", "=", ("1.5",)))
    job = await a_dynamic_job(ctx, caller, await a_package(ctx, caller, flock.key), flock, group_id=group)
    assert not await tasks(ctx, job)
    await say(ctx, (flock.ids[0], runs("1.5")))
    assert await states(ctx, job) == {"QUEUED": 1}


@pytest.mark.parametrize("text", ["4.0 beta+7", None])
async def test_a_device_that_took_something_else_fails(
    ctx: Context, caller: Caller, clock: Clock, text: str | None
) -> None:
    """Issue 9, number 2: it took the offer and boots into what no package is called; the offer comes no more."""
    flock = await a_fleet(ctx, caller, 1)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    node = await online(ctx, clock, flock)
    await dispatch.offer(ctx, refs(job, flock.ids), link, Wire())
    await say(ctx, (flock.ids[0], runs(text)), connection=LATER)
    task = await only(ctx, job)
    assert (task["state"], task["reason"], task["description"]) == ("FAILED", "version_not_conform", STRAY_TEXT)
    assert await dispatch.due(ctx, node, 9) == []


async def test_a_device_whose_version_was_never_known_ends_too(ctx: Context, caller: Caller, clock: Clock) -> None:
    """Issue 9, number 2: unknown before the offer and unknown at the next boot; only until then it says nothing."""
    flock = await a_fleet(ctx, caller, 1, version=None)
    await say(ctx, (flock.ids[0], runs(None)))
    job = await a_filled_job(
        ctx, caller, await a_package(ctx, caller, flock.key), flock, retry_interval_min=0, retry_count=1
    )
    await online(ctx, clock, flock)
    await say(ctx, (flock.ids[0], runs(None)))
    for _ in range(2):
        assert (await only(ctx, job))["state"] == "QUEUED"
        assert (await dispatch.offer(ctx, refs(job, flock.ids), link, Wire())).sent
        await say(ctx, (flock.ids[0], runs(None)))
        assert (await only(ctx, job))["offered_on"] is not None
        await say(ctx, (flock.ids[0], runs(None)), connection=LATER)
    assert (await only(ctx, job))["reason"] == "version_not_conform"


async def test_what_devices_write_reaches_their_owner(dsn: str, tmp_path: Path) -> None:
    """Issue 9, number 2: over a real connection, NUL and byte order mark around it."""
    async with house_on(dsn, tmp_path) as house:
        product = await house.product()
        known = await house.device(product.product_key)
        device = await house.connect(known)
        flock = Fleet(known.key, (known.name,))
        long = b'"' + b"x" * 300 + b'"'
        for raw, version in [
            (b'"1.0"', "1.0"),
            (b'"2.0+dev"', "2.0+dev"),
            (b"2.10", "2.10"),
            (long, ""),
            (b'"3"', "3"),
        ]:
            payload = b'\xef\xbb\xbf{"id":1,"params":{"version":' + raw + b"}}\0"
            await device.say(device.ota("inform"), payload)
            assert await shown(house.ctx, house.caller, flock) == version


# --- number 3 ---


async def test_before_an_offer_another_version_is_a_new_source(ctx: Context, caller: Caller, clock: Clock) -> None:
    """Issue 9, number 3: nothing was offered, so nothing can be not conform."""
    flock = await a_fleet(ctx, caller, 1)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    await online(ctx, clock, flock)
    await say(ctx, (flock.ids[0], runs("1.1")))
    task = await only(ctx, job)
    assert (task["state"], task["source_version"], task["attempt"]) == ("QUEUED", "1.1", 0)
    assert task["due_at"] < clock()
    wire = Wire()
    assert (await dispatch.offer(ctx, refs(job, flock.ids), link, wire)).sent
    await say(ctx, (flock.ids[0], runs("1.1")), connection=LATER)
    assert (await only(ctx, job))["state"] == "QUEUED"
    await say(ctx, (flock.ids[0], runs("2.0")), connection=LATER)
    assert (await only(ctx, job))["state"] == "SUCCEEDED"


async def test_a_task_that_waits_for_its_owner_follows_its_device(ctx: Context, caller: Caller) -> None:
    """Issue 9, number 3: CONFIRM as QUEUED."""
    flock = await a_fleet(ctx, caller, 1)
    package = await a_package(ctx, caller, flock.key)
    job = await a_filled_job(ctx, caller, package, flock, need_confirm=True, source_versions=("1.0", "1.1"))
    await say(ctx, (flock.ids[0], runs("1.1")))
    task = await only(ctx, job)
    assert (task["state"], task["source_version"], task["due_at"]) == ("CONFIRM", "1.1", None)
    await say(ctx, (flock.ids[0], runs("1.2")))
    task = await only(ctx, job)
    assert (task["state"], task["reason"]) == ("FAILED", "version_not_eligible")
    assert "1.2" in task["description"] and "1.0, 1.1" in task["description"]


@pytest.mark.parametrize("version", ["1.1", None])
@pytest.mark.parametrize("selection", ["delta", "filter", "gray"])
async def test_a_task_ends_with_its_reason_when_the_job_is_not_for_its_device_any_more(
    ctx: Context, caller: Caller, version: str | None, selection: str
) -> None:
    """Issue 9, number 3: a delta, a filter on versions; and it does not offer again, whatever retries are left."""
    flock = await a_fleet(ctx, caller, 1)
    of_package = {"is_delta": True, "source_version": "1.0"} if selection == "delta" else {}
    of_job: dict[str, Any] = {"retry_interval_min": 0, "retry_count": 3}
    if selection != "delta":
        of_job["source_versions"] = ("1.0",)
    if selection == "gray":
        of_job |= {"selection": "GRAY", "gray_percent": "100"}
    package = await a_package(ctx, caller, flock.key, **of_package)
    job = await a_filled_job(ctx, caller, package, flock, **of_job)
    await say(ctx, (flock.ids[0], runs(version)))
    task = await only(ctx, job)
    assert (task["state"], task["reason"], task["attempt"]) == ("FAILED", "version_not_eligible", 0)
    assert "not conform" not in task["description"] and "1.0" in task["description"]
    assert (version or "can't be known") in task["description"]
    assert await endings.end_finished(ctx) == 1


async def test_a_dynamic_job_takes_it_again_when_it_fits_again(ctx: Context, caller: Caller) -> None:
    """Issue 9, number 3: also at the version that it had when it was taken first."""
    flock = await a_fleet(ctx, caller, 1)
    package = await a_package(ctx, caller, flock.key)
    await a_dynamic_job(ctx, caller, package, flock, source_versions=("1.0",))
    for round_ in (1, 2):
        await say(ctx, (flock.ids[0], runs("1.1")))
        await say(ctx, (flock.ids[0], runs("1.0")))
        found = [r["state"] for r in await ask(ctx, "select state from task order by nth")]
        assert found == ["FAILED"] * round_ + ["QUEUED"]


async def test_a_device_that_leaves_the_group_by_its_version_ends(ctx: Context, caller: Caller) -> None:
    """Issue 9, number 3: the rule of a dynamic job with a group is the group."""
    flock = await a_fleet(ctx, caller, 2)
    group = await a_group(ctx, caller, Compare("version", "in", ("1.0", "1.1")))
    job = await a_dynamic_job(ctx, caller, await a_package(ctx, caller, flock.key), flock, group_id=group)
    await say(ctx, (flock.ids[0], runs("1.1")), (flock.ids[1], runs("1.2")))
    found = await tasks(ctx, job)
    assert (found[flock.ids[0]]["state"], found[flock.ids[0]]["source_version"]) == ("QUEUED", "1.1")
    assert (found[flock.ids[1]]["state"], found[flock.ids[1]]["reason"]) == ("FAILED", "version_not_eligible")
    assert "group" in found[flock.ids[1]]["description"]


async def test_a_device_whose_retry_waits_was_offered(ctx: Context, caller: Caller, clock: Clock) -> None:
    """Issue 9, number 3: an offer of an earlier attempt is an offer of this package."""
    flock = await a_fleet(ctx, caller, 1)
    package = await a_package(ctx, caller, flock.key)
    job = await a_filled_job(ctx, caller, package, flock, retry_interval_min=10, retry_count=1)
    await online(ctx, clock, flock)
    await dispatch.offer(ctx, refs(job, flock.ids), link, Wire())
    await say(ctx, (flock.ids[0], progress(-1, "1")))
    assert (await only(ctx, job))["offered_on"] is None
    await say(ctx, (flock.ids[0], runs("1.1")))
    assert (await only(ctx, job))["reason"] == "version_not_conform"


async def test_a_filter_on_versions_holds_for_retries(ctx: Context, caller: Caller, clock: Clock) -> None:
    """Issue 9, number 3: a retry would offer to a version that the job is not for."""
    flock = await a_fleet(ctx, caller, 1)
    package = await a_package(ctx, caller, flock.key)
    more = {"retry_interval_min": 0, "retry_count": 3, "source_versions": ("1.0",)}
    job = await a_filled_job(ctx, caller, package, flock, **more)
    await online(ctx, clock, flock)
    await dispatch.offer(ctx, refs(job, flock.ids), link, Wire())
    await say(ctx, (flock.ids[0], runs("1.1")), connection=LATER)
    task = await only(ctx, job)
    assert (task["state"], task["reason"], task["attempt"]) == ("FAILED", "version_not_conform", 0)


@pytest.mark.parametrize("was_sent", [False, True])
@pytest.mark.parametrize("offered", [False, True])
@pytest.mark.parametrize("sources", [(), ("1.0", "2.0"), ("1.0",)])
async def test_arriving_at_an_overwritten_tasks_destination_asks_anew(
    ctx: Context, caller: Caller, clock: Clock, offered: bool, sources: tuple[str, ...], was_sent: bool
) -> None:
    """Issue 9, number 3: its owner wanted it there, by the task that was overwritten, sent or not."""
    flock = await a_fleet(ctx, caller, 1)
    old = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    await online(ctx, clock, flock)
    if was_sent:
        assert (await dispatch.offer(ctx, refs(old, flock.ids), link, Wire())).sent
    package = await a_package(ctx, caller, flock.key, "next", version="3.0")
    job = await a_filled_job(ctx, caller, package, flock, overwrite=True, source_versions=sources)
    assert await states(ctx, old) == {"CANCELED": 1}
    if offered:
        assert (await dispatch.offer(ctx, refs(job, flock.ids), link, Wire())).sent
    await say(ctx, (flock.ids[0], runs("2.0")), connection=LATER)
    task = await only(ctx, job)
    if sources == ("1.0",):
        assert (task["state"], task["reason"]) == ("FAILED", "version_not_eligible")
        return
    assert (task["state"], task["source_version"], task["attempt"]) == ("QUEUED", "2.0", 0)
    assert task["due_at"] < clock()
    assert (await dispatch.offer(ctx, refs(job, flock.ids), link, Wire())).sent
    await say(ctx, (flock.ids[0], runs("2.5")), connection=LATER)
    assert (await only(ctx, job))["reason"] == "version_not_conform"


async def test_a_task_run_again_is_one_that_was_never_offered(ctx: Context, caller: Caller, clock: Clock) -> None:
    """Issue 9, number 3: it begins as if new (alibaba 2.5)."""
    flock = await a_fleet(ctx, caller, 1)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    await online(ctx, clock, flock)
    await dispatch.offer(ctx, refs(job, flock.ids), link, Wire())
    await say(ctx, (flock.ids[0], progress(-1, "1")))
    await steering.repeat_tasks(ctx, caller, c.RepeatTasks(job_id=job, tasks=tuple(refs(job, flock.ids))))
    await say(ctx, (flock.ids[0], runs("1.1")))
    task = await only(ctx, job)
    assert (task["state"], task["source_version"]) == ("QUEUED", "1.1")


async def test_a_module_s_task_is_judged_by_its_module(ctx: Context, caller: Caller) -> None:
    """Issue 9, number 3: in a job of modules, and another module's report means nothing."""
    flock = await a_fleet(ctx, caller, 1, version=None)
    await modules.create_module(ctx, caller, c.CreateModule(product_key=flock.key, name="mcu"))
    await say(ctx, (flock.ids[0], runs("1.0", "mcu")))
    package = await a_package(ctx, caller, flock.key, module="mcu")
    job = await a_filled_job(ctx, caller, package, flock, multi_module=True, source_versions=("1.0",))
    await say(ctx, (flock.ids[0], runs("7")))
    assert (await only(ctx, job))["state"] == "QUEUED"
    await reports.apply(ctx, [reports.Incoming(flock.ids[0], LATER, runs("1.1", "mcu"))])
    assert (await only(ctx, job))["reason"] == "version_not_eligible"
