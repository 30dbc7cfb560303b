"""Issue 9, number 27: a job that selects nobody says so, and why, where its owner looks and in the log."""

import logging
from typing import Any

import pytest
from counting import recount
from test_jobs import Fleet, a_filled_job, a_fleet, a_package, filled, runs, say, states
from tests.job_commands import asking_job, dynamic_job, show_asking

from upwell.domain import commands as c
from upwell.domain.commands.lists import Slice
from upwell.service.context import Context
from upwell.service.manage import groups, job_views, jobs
from upwell.service.manage.access import Caller

pytestmark = pytest.mark.asyncio
GRAY = {"selection": "GRAY", "gray_percent": "50"}


async def told(ctx: Context, caller: Caller, job: int) -> str:
    assert await states(ctx, job) == {}
    return (await job_views.show_job(ctx, caller, c.ShowJob(job_id=job))).status_desc


async def a_group(ctx: Context, caller: Caller) -> int:
    return (await groups.create_group(ctx, caller, c.CreateGroup(name="none"))).group_id


@pytest.mark.parametrize(
    ("devices", "version", "more", "says"),
    [
        (0, None, {}, "there is none of product {key}"),
        (3, "2.0", {}, "each of the 3 of product {key} runs version 2.0 already"),
        (3, "1.0", {"source_versions": ("0.9",)}, "runs version 2.0 already or one that the job does not take"),
        (3, "1.0", GRAY | {"source_versions": ("0.9",)}, "that the job's versions fit"),
        (0, None, GRAY, "there is none of product {key}"),
        (2, "2.0", {"selection": "SPECIFIC"}, "each of the 2 of product {key} that was named runs version 2.0 already"),
        (1, "1.0", {"selection": "GROUP"}, "there is none of product {key} in the group"),
    ],
)  # fmt: skip
async def test_a_static_job_says_why(
    ctx: Context, caller: Caller, caplog: pytest.LogCaptureFixture,
    devices: int, version: str | None, more: dict[str, Any], says: str,
) -> None:  # fmt: skip
    flock = await a_fleet(ctx, caller, devices, version) if devices else await an_empty_fleet(ctx, caller)
    match more.get("selection"):
        case "GROUP":
            more = more | {"group_id": await a_group(ctx, caller)}
        case "SPECIFIC":
            more = more | {"device_names": flock.names}
    with caplog.at_level(logging.WARNING, "upwell"):
        job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock, **more)
    why = await told(ctx, caller, job)
    assert why.startswith("no device was selected: ") and says.format(key=flock.key) in why
    [line] = [record.getMessage() for record in caplog.records if "selects nobody" in record.getMessage()]
    selection = more.get("selection", "ALL")
    assert line == f'job selects nobody: job={job} kind=static selection={selection} product={flock.key} why="{why}"'


async def an_empty_fleet(ctx: Context, caller: Caller) -> Fleet:
    one = await a_fleet(ctx, caller, 1, None)
    async with ctx.database.connection() as conn:
        await conn.execute("delete from device")
    await recount(ctx)
    return Fleet(one.key, ())


async def test_a_job_with_devices_and_a_standing_rule_without_say_nothing(
    ctx: Context, caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    flock = await a_fleet(ctx, caller, 2)
    with caplog.at_level(logging.WARNING, "upwell"):
        static = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
        package = await a_package(ctx, caller, flock.key, "later", version="3.0")
        cmd = dynamic_job(package_id=package, product_key=flock.key, source_versions=("2.5",))
        dynamic = (await jobs.create_job(ctx, caller, cmd)).job_id
        await filled(ctx, dynamic)
    for job in (static, dynamic):
        assert (await job_views.show_job(ctx, caller, c.ShowJob(job_id=job))).status_desc == ""
    assert not [record for record in caplog.records if "selects nobody" in record.getMessage()]
    await say(ctx, (flock.ids[0], runs("2.5")))
    assert await states(ctx, dynamic) == {"FAILED": 1}  # the static job's task is in its way


async def test_a_batch_of_empty_groups_says_why(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 1)
    package = await a_package(ctx, caller, flock.key)
    group = await a_group(ctx, caller)
    cmd = asking_job(name="b", part="firmware", package_ids=(package,), group_ids=(group,))
    job = (await jobs.create_job(ctx, caller, cmd)).job_id
    await filled(ctx, job)
    shown = await job_views.show_job(ctx, caller, show_asking(job, Slice(take=1)))
    assert shown.status_desc == (
        f"no device was selected: there is none of the packages' product {flock.key} in the groups"
    )
