"""Issue 9, number 21: `scanner` and `SCANNER` are one module in every way that a device or a job names it, whichever
came first, and people are told the name as its owner spelt it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio
from conftest import Clock
from test_jobs import (
    CONNECTION,
    Fleet,
    a_filled_job,
    a_fleet,
    a_package,
    ask,
    filled,
    link,
    online,
    refs,
    say,
    states,
    tasks,
)
from tests.job_commands import dynamic_job

from upwell.domain import commands as c
from upwell.domain.commands.lists import Slice
from upwell.domain.search import Compare
from upwell.domain.talk import Offer, OfferRequest, ProgressReport, VersionReport
from upwell.engine.dispatch import Ask, Dispatcher
from upwell.service.context import Context
from upwell.service.manage import jobs, modules, task_views
from upwell.service.manage.access import Caller
from upwell.service.upgrade import reports
from upwell.storage.database import Database
from upwell.storage.migrating import migrate
from upwell.storage.search import condition
from upwell.storage.steps import migrations

pytestmark = pytest.mark.asyncio
NAMES = ("Scanner", "scanner", "SCANNER")
MIGRATION = 12


def runs(version: str, module: str) -> VersionReport:
    return VersionReport(module=module, version=version, ref="")


@pytest_asyncio.fixture
async def flock(ctx: Context, caller: Caller) -> Fleet:
    """Three devices that have reported a module under three spellings before anybody declared it as `Scanner`."""
    made = await a_fleet(ctx, caller, 3)
    await say(ctx, *((d, runs("1.0", name)) for d, name in zip(made.ids, NAMES, strict=True)))
    await modules.create_module(ctx, caller, c.CreateModule(product_key=made.key, name="Scanner"))
    return made


async def a_job(ctx: Context, caller: Caller, flock: Fleet, **more: Any) -> int:
    package = await a_package(ctx, caller, flock.key, module="sCaNNer")
    return await a_filled_job(ctx, caller, package, flock, **more)


async def versions(ctx: Context, caller: Caller, device_key: c.DeviceKey) -> list[tuple[str, str]]:
    page = await modules.list_module_versions(
        ctx, caller, c.ListModuleVersions(device=device_key, asked=Slice.of_page(1, 9))
    )
    return [(item.module, item.version) for item in page.items]


async def test_the_last_report_counts_under_any_spelling(ctx: Context, caller: Caller, flock: Fleet) -> None:
    first = flock.ids[0]
    await say(ctx, (first, runs("1.1", "SCANNER")), (first, runs("1.2", "scanner")), (first, runs("7", "Undeclared")))
    await say(ctx, (first, runs("8", "UNDECLARED")), (first, runs("1.0.1", "Default")))
    told = await versions(ctx, caller, c.DeviceKey(product_key=flock.key, name=flock.names[0]))
    assert told == [("default", "1.0.1"), ("Scanner", "1.2"), ("UNDECLARED", "8")]


async def test_a_jobs_source_versions_fit_and_its_tasks_end_by_any_spelling(
    ctx: Context, caller: Caller, clock: Clock, flock: Fleet
) -> None:
    node = await online(ctx, clock, flock)
    job = await a_job(ctx, caller, flock, selection="GRAY", gray_percent="100", source_versions=("1.0",))
    assert set(await tasks(ctx, job)) == set(flock.ids)
    assert {row["source_version"] for row in (await tasks(ctx, job)).values()} == {"1.0"}
    clock.move(seconds=3)
    await Dispatcher(ctx, node, link, lambda line, at: None).push_due(lambda _: CONNECTION)
    await say(ctx, *((ref.device_id, reports.Delivered(ref)) for ref in refs(job, flock.ids)))
    assert await states(ctx, job) == {"NOTIFIED": 3}
    spoken = list(zip(flock.ids, reversed(NAMES), strict=True))
    await say(ctx, *((d, ProgressReport(module=name, step=50, desc="", ref="")) for d, name in spoken))
    assert await states(ctx, job) == {"IN_PROGRESS": 3}
    await say(ctx, *((d, runs("2.0", name)) for d, name in spoken))
    assert await states(ctx, job) == {"SUCCEEDED": 3}


async def test_a_device_that_runs_the_destination_is_left_out(ctx: Context, caller: Caller, flock: Fleet) -> None:
    await say(ctx, *((d, runs("2.0", name)) for d, name in zip(flock.ids, reversed(NAMES), strict=True)))
    assert await states(ctx, await a_job(ctx, caller, flock)) == {}


@pytest.mark.parametrize("wanted", [*NAMES, None])
async def test_an_ask_by_any_spelling_is_told_the_owners(
    ctx: Context, caller: Caller, clock: Clock, flock: Fleet, wanted: str | None
) -> None:
    await a_job(ctx, caller, flock)
    told: list[Any] = []
    asks = [
        Ask(device, OfferRequest(module=wanted, ref="1", manner="get"), lambda said: told.append(said) or UUID(int=1))
        for device in flock.ids
    ]
    node = await online(ctx, clock, flock)
    await Dispatcher(ctx, node, link, lambda line, at: None).answer(asks)
    assert [said.offer.module for said in told if said and isinstance(said.offer, Offer)] == ["Scanner"] * 3


@pytest.mark.parametrize("wanted", [*NAMES, "default"])
async def test_open_tasks_are_filtered_by_any_spelling(ctx: Context, caller: Caller, flock: Fleet, wanted: str) -> None:
    await a_job(ctx, caller, flock)
    device = c.DeviceKey(product_key=flock.key, name=flock.names[0])
    cmd = c.ListTasks(asked=Slice(take=1000), device=device, module=wanted, states=c.OPEN_STATES)
    found: Sequence[c.Task] = (await task_views.list_tasks(ctx, caller, cmd)).items
    assert [task.module for task in found] == ([] if wanted == "default" else ["Scanner"])


async def test_a_standing_rule_takes_who_reports_by_any_spelling(ctx: Context, caller: Caller, flock: Fleet) -> None:
    package = await a_package(ctx, caller, flock.key, module="SCANNER")
    cmd = dynamic_job(package_id=package, product_key=flock.key, source_versions=("1.5",))
    job = (await jobs.create_job(ctx, caller, cmd)).job_id
    await filled(ctx, job)
    assert await states(ctx, job) == {}
    await say(ctx, *((d, runs("1.5", name)) for d, name in zip(flock.ids, reversed(NAMES), strict=True)))
    assert await states(ctx, job) == {"QUEUED": 3}


async def test_one_open_task_of_a_module_in_any_spelling(ctx: Context, caller: Caller, flock: Fleet) -> None:
    """L1: a job of modules overwrites within one module; the older task under another spelling is that module's."""
    first = await a_job(ctx, caller, flock, multi_module=True)
    package = await a_package(ctx, caller, flock.key, "other", module="scanner", version="3.0")
    second = await a_filled_job(ctx, caller, package, flock, multi_module=True)
    assert (await states(ctx, first), await states(ctx, second)) == ({"CANCELED": 3}, {"QUEUED": 3})


async def test_a_rule_of_a_group_means_any_spelling(ctx: Context, caller: Caller, flock: Fleet) -> None:
    for operator, value in (("=", "sCANNER"), ("in", "SCANNER"), ("like", "SCAN%"), ("prefix", "ScaN")):
        text, arguments = condition(Compare("module", operator, (value,)), 1)  # type: ignore[arg-type]
        found = await ask(ctx, f"select d.device_id from device d where {text}", *arguments)
        assert {row["device_id"] for row in found} == set(flock.ids), operator


async def test_what_earlier_versions_kept_under_several_spellings_is_one_module(postgres: str) -> None:
    """The migration keeps the version that was reported last, and the spelling beside it; tasks and rules follow."""
    admin = await asyncpg.connect(postgres)
    await admin.execute("create database before_modules")
    dsn = postgres.replace("/upwell?", "/before_modules?", 1)
    conn = await asyncpg.connect(dsn)
    await conn.execute("create table schema_version (version int primary key)")
    for version, text in migrations():
        if version < MIGRATION:
            await conn.execute(text)
            await conn.execute("insert into schema_version values ($1)", version)
    one, two = UUID(int=1), UUID(int=2)
    rows = "insert into module_version (device_id, module, version, reported_at) values ($1, $2, $3, $4)"
    for device, module, version, minute in (
        (one, "SCANNER", "1", 1), (one, "scanner", "3", 3), (one, "Scanner", "2", 2), (one, "default", "9", 1),
        (two, "MCU", "5", 1),
    ):  # fmt: skip
        await conn.execute(rows, device, module, version, datetime(2026, 1, 1, 0, minute, tzinfo=UTC))
    await conn.execute(
        "insert into task (device_id, job_id, module, slot, state, created_at, modified_at)"
        " values ($1, 1, 'MCU', 'MCU', 'QUEUED', now(), now())", two,
    )  # fmt: skip
    await conn.execute("insert into policy values (1, 'MCU', '', 1, null, '2')")
    database = Database(dsn)
    await database.open()
    await migrate(database)
    kept = await conn.fetch("select device_id, module, said, version from module_version order by device_id, module")
    assert [(UUID(int=row[0].int), *row[1:]) for row in map(tuple, kept)] == [
        (one, "default", None, "9"), (one, "scanner", None, "3"), (two, "mcu", "MCU", "5"),
    ]  # fmt: skip
    assert tuple(await conn.fetchrow("select module, slot from task")) == ("mcu", "mcu")
    assert await conn.fetchval("select module from policy") == "mcu"
    await database.close()
    await conn.close()
    await admin.execute("drop database before_modules with (force)")
    await admin.close()
