"""A version that devices have left before is brought back to them only where that is meant (ADR 0052; issue 13)."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from conftest import Clock
from test_events import placed
from test_jobs import Fleet, a_fleet, a_package, ask, runs, say
from test_plan import planned
from tests.job_commands import dynamic_job, static_job

from upwell.domain import commands as c
from upwell.domain.errors import Conflict
from upwell.domain.search import Compare
from upwell.service.context import Context
from upwell.service.manage import devices, downgrades, groups, jobs
from upwell.service.manage.access import Caller
from upwell.service.upgrade import policies

pytestmark = pytest.mark.asyncio


async def went(ctx: Context, ids: list[UUID], *versions: str) -> None:
    for version in versions:
        await say(ctx, *((device, runs(version)) for device in ids))


async def refused(ctx: Context, caller: Caller, cmd: c.CreateJob) -> str:
    with pytest.raises(Conflict) as caught:
        await jobs.create_job(ctx, caller, cmd)
    assert caught.value.reason == "downgrade"
    return str(caught.value)


async def past(ctx: Context) -> list[tuple[Any, ...]]:
    rows = await ask(ctx, "select device_id, version from version_past order by left_at, version")
    return [(UUID(int=row["device_id"].int), row["version"]) for row in rows]


@pytest.fixture
async def fleet(ctx: Context, caller: Caller) -> tuple[Fleet, int]:
    """Six devices, of which two have left 2.0, and its package."""
    flock = await a_fleet(ctx, caller, 6)
    await went(ctx, flock.ids[:2], "2.0", "3.0")
    return flock, await a_package(ctx, caller, flock.key)


async def test_it_is_refused_with_the_number_unless_it_is_meant(
    ctx: Context, caller: Caller, fleet: tuple[Fleet, int]
) -> None:
    flock, package = fleet
    cmd = static_job(package_id=package, product_key=flock.key, selection="ALL", downgrade=False)
    assert await refused(ctx, caller, cmd) == "2 of the devices ran 2.0 before, and have left it."
    for other in (
        replace(cmd, selection="GRAY", gray_percent="50"), replace(cmd, source_versions=("3.0",)),
        replace(cmd, selection="SPECIFIC", device_names=flock.names[1:]),
        dynamic_job(package_id=package, product_key=flock.key, downgrade=False),
    ):  # fmt: skip
        assert "ran 2.0 before" in await refused(ctx, caller, other)
    assert await ask(ctx, "select 1 from job") == []
    fine = replace(cmd, selection="SPECIFIC", device_names=flock.names[2:])
    assert (await jobs.create_job(ctx, caller, fine)).job_id
    assert (await jobs.create_job(ctx, caller, replace(cmd, source_versions=("1.0",)))).job_id
    assert (await jobs.create_job(ctx, caller, replace(cmd, downgrade=True))).job_id


async def test_scripts_of_vendors_are_not_asked_and_their_event_tells(
    ctx: Context, caller: Caller, fleet: tuple[Fleet, int]
) -> None:
    flock, package = fleet
    await jobs.create_job(ctx, caller, static_job(package_id=package, product_key=flock.key, selection="ALL"))
    [facts] = [facts for kind, facts in await placed(ctx, caller) if kind == "rollout.started"]
    assert facts == {"ran_before": 2}


async def test_a_plan_tells_and_is_not_refused(ctx: Context, caller: Caller, fleet: tuple[Fleet, int]) -> None:
    flock, package = fleet
    cmd = static_job(package_id=package, product_key=flock.key, selection="ALL", downgrade=False)
    plan = await planned(ctx, caller, cmd)
    assert (plan.taken, plan.ran_before) == (6, 2)
    assert (await planned(ctx, caller, replace(cmd, source_versions=("1.0",)))).ran_before == 0


async def test_members_of_a_group_are_asked_alone(ctx: Context, caller: Caller, fleet: tuple[Fleet, int]) -> None:
    flock, package = fleet
    made = []
    for name, version in (("new", "1.0"), ("old", "3.0")):
        given = c.CreateGroup(name=name, condition=Compare("version", "=", (version,)), condition_text=version)
        group = (await groups.create_group(ctx, caller, given)).group_id
        cmd = static_job(package_id=package, product_key=flock.key, selection="GROUP", group_id=group, any_group=True)
        made.append(replace(cmd, downgrade=False))
    assert (await jobs.create_job(ctx, caller, made[0])).job_id
    assert (await refused(ctx, caller, made[1])).startswith("2 of")


async def test_what_is_kept_is_bounded_and_what_runs_is_not_past(
    ctx: Context, caller: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policies, "PAST_MOST", 3)
    flock = await a_fleet(ctx, caller, 2)
    one, two = flock.ids
    for version in ("1.1", "1.2", "1.3", "1.4"):
        await went(ctx, [one], version)
    assert await past(ctx) == [(one, "1.1"), (one, "1.2"), (one, "1.3")]
    await went(ctx, [one], "1.2")
    assert await past(ctx) == [(one, "1.3"), (one, "1.4")], "the last ones"
    await say(ctx, (one, runs("1.3")), (two, runs("1.3")))
    key = c.DeviceKey(product_key=flock.key, name=flock.names[0])
    await devices.delete_device(ctx, caller, c.DeleteDevice(device=key))
    assert await past(ctx) == [(two, "1.0")]


async def test_so_many_are_looked_at(ctx: Context, caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downgrades, "LOOKED_AT", 4)
    flock = await a_fleet(ctx, caller, 7)
    await went(ctx, flock.ids, "2.0", "3.0")
    package = await a_package(ctx, caller, flock.key)
    cmd = static_job(package_id=package, product_key=flock.key, selection="ALL", downgrade=False)
    assert (await refused(ctx, caller, cmd)).startswith("4 or more of")
