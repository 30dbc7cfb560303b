"""Jobs on the real database: made, filled, verified, confirmed, cancelled, ended."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from conftest import Clock
from counting import WRITES_TASKS, recount
from tests.job_commands import static_job, verify_job

from upwell.domain import commands as c
from upwell.domain.errors import Conflict, NotFound
from upwell.domain.fleet import device_id
from upwell.domain.talk import ProgressReport, TaskRef, VersionReport
from upwell.service.context import Context
from upwell.service.manage import devices, job_views, jobs, packages, products, registration, steering, uploads
from upwell.service.manage.access import Caller
from upwell.service.upgrade import dispatch, endings, fill, presence, reports
from upwell.service.upgrade.dispatch import Addressed
from upwell.storage.database import Connection

pytestmark = pytest.mark.asyncio
HOST = "http://127.0.0.1:8080"
CONNECTION = UUID(int=1)


# --- what the tests of jobs, reports, dispatch and laws share ---


@dataclass(frozen=True, slots=True)
class Fleet:
    """Devices of one product."""

    key: str
    names: tuple[str, ...]

    @property
    def ids(self) -> list[UUID]:
        return [device_id(self.key, n) for n in self.names]


async def a_fleet(ctx: Context, caller: Caller, count: int, version: str | None = "1.0", name: str = "lamp") -> Fleet:
    product = await products.create_product(ctx, caller, c.CreateProduct(name=name))
    names: list[str] = []
    for begin in range(0, count, 10_000):
        cmd = c.RegisterDevices(product_key=product.product_key, count=min(10_000, count - begin))
        names += (await registration.register_devices(ctx, caller, cmd)).names
    made = Fleet(product.product_key, tuple(names))
    if version:
        await say(ctx, *((d, VersionReport(module="default", version=version, ref="")) for d in made.ids))
    return made


async def a_package(ctx: Context, caller: Caller, key: str, name: str = "pack", **more: Any) -> int:
    ticket = await uploads.create_upload_ticket(ctx, caller, c.CreateUploadTicket(), HOST)
    await uploads.begin_upload(ctx, ticket.object_key)
    await uploads.finish_upload(ctx, ticket.object_key, 5, "0" * 32, "1" * 64)
    facts = {"version": "2.0", "verify": False, **more}
    cmd = c.CreatePackage(name=name, url=ticket.url, product_key=key, **facts)
    return (await packages.create_package(ctx, caller, cmd)).package_id


async def a_job(ctx: Context, caller: Caller, package: int, flock: Fleet, **more: Any) -> int:
    facts: dict[str, Any] = {"selection": "ALL", **more}
    cmd = static_job(package_id=package, product_key=flock.key, **facts)
    return (await jobs.create_job(ctx, caller, cmd)).job_id


async def filled(ctx: Context, job: int) -> None:
    while await fill.fill(ctx, job):
        pass


async def a_filled_job(ctx: Context, caller: Caller, package: int, flock: Fleet, **more: Any) -> int:
    job = await a_job(ctx, caller, package, flock, **more)
    await filled(ctx, job)
    return job


async def say(ctx: Context, *said: tuple[UUID, Any], connection: UUID = CONNECTION) -> reports.Applied:
    return await reports.apply(ctx, [reports.Incoming(d, connection, what) for d, what in said])


def runs(version: str) -> VersionReport:
    return VersionReport(module="default", version=version, ref="")


def progress(step: int, ref: str = "", desc: str = "") -> ProgressReport:
    return ProgressReport(module="default", step=step, desc=desc, ref=ref)


async def ask(ctx: Context, text: str, *arguments: Any) -> list[dict[str, Any]]:
    """What PostgreSQL says to a statement; tasks that it writes by hand are counted anew."""
    async with ctx.database.connection() as conn:
        rows = [dict(r.items()) for r in await conn.fetch(text, *arguments)]
    if WRITES_TASKS.search(text):
        await recount(ctx)
    return rows


async def tasks(ctx: Context, job: int) -> dict[UUID, dict[str, Any]]:
    rows = await ask(ctx, "select * from task where job_id = $1", job)
    return {UUID(int=r["device_id"].int): r for r in rows}


async def states(ctx: Context, job: int) -> Counter[str]:
    return Counter(t["state"] for t in (await tasks(ctx, job)).values())


def refs(job: int, ids: Sequence[UUID]) -> list[TaskRef]:
    return [TaskRef(device_id=d, job_id=job) for d in ids]


def link(task: TaskRef, place: int) -> str:
    return f"{HOST}/{task.job_id}/{place}"


class Wire:
    """Takes every offer, on one connection of each device, and remembers them."""

    def __init__(self) -> None:
        self.sent: list[Addressed] = []

    def __call__(self, addressed: Addressed) -> UUID:
        self.sent.append(addressed)
        return CONNECTION


async def online(ctx: Context, clock: Clock, flock: Fleet) -> UUID:
    """Connect the whole fleet to a new node; what may be pushed is due afterwards."""
    node = uuid4()
    await presence.came_online(ctx, node, [(d, uuid4(), "127.0.0.1") for d in flock.ids])
    clock.move(seconds=3)
    return node


async def status_of(ctx: Context, caller: Caller, job: int) -> str:
    return (await job_views.show_job(ctx, caller, c.ShowJob(job_id=job))).status


async def package_status(ctx: Context, caller: Caller, package: int) -> str:
    return (await packages.show_package(ctx, caller, c.ShowPackage(package_id=package))).status


# --- filling ---


async def test_a_job_covers_who_is_not_there_yet(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 6)
    await say(ctx, (flock.ids[0], runs("2.0")), (flock.ids[1], runs("1.5")))
    package = await a_package(ctx, caller, flock.key)
    job = await a_filled_job(ctx, caller, package, flock, source_versions=("1.0",))
    assert set(await tasks(ctx, job)) == set(flock.ids[2:])
    assert not await fill.fill(ctx, job) and job not in await fill.unfilled(ctx)


async def test_a_small_job_has_its_tasks_at_once(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 3)
    package = await a_package(ctx, caller, flock.key)
    job = await a_job(ctx, caller, package, flock, selection="SPECIFIC", device_names=flock.names[:2])
    assert set(await tasks(ctx, job)) == set(flock.ids[:2])


async def test_an_aborted_fill_repeats_nothing_and_skips_nothing(
    ctx: Context, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fill, "CHUNK", 10)
    flock = await a_fleet(ctx, caller, 35)
    job = await a_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    assert await fill.fill(ctx, job)

    async def broken(conn: Connection) -> None:
        assert (await fill.fill_chunk(ctx, conn, job)).more
        raise RuntimeError("killed")

    for _ in range(2):
        with pytest.raises(RuntimeError, match="killed"):
            await ctx.database.transact(broken)
        assert len(await tasks(ctx, job)) == 10
    await asyncio.gather(*(filled(ctx, job) for _ in range(3)))
    await filled(ctx, job)
    assert set(await tasks(ctx, job)) == set(flock.ids)
    made = await ask(ctx, "select count(*) as n from task_history where job_id = $1 and event = 'created'", job)
    assert made[0]["n"] == 35


async def test_many_devices_in_chunks(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 25_000, version=None)
    job = await a_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    chunks = 1
    while await fill.fill(ctx, job):
        chunks += 1
    assert chunks == 26
    assert await ask(ctx, "select state, count(*) as n from task where job_id = $1 group by state", job) == [
        {"state": "QUEUED", "n": 25_000}
    ]


async def test_a_device_that_comes_later_is_no_target(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 2)
    job = await a_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    await devices.create_device(ctx, caller, c.CreateDevice(product_key=flock.key, name="late"))
    await filled(ctx, job)
    assert set(await tasks(ctx, job)) == set(flock.ids)


async def test_a_name_given_twice_is_one_target(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 1)
    package = await a_package(ctx, caller, flock.key)
    job = await a_job(ctx, caller, package, flock, selection="SPECIFIC", device_names=flock.names * 2)
    assert set(await tasks(ctx, job)) == set(flock.ids)


async def test_overwriting_leaves_devices_alone_that_the_job_does_not_target(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 2)
    await say(ctx, (flock.ids[0], runs("1.5")))
    old = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key, version="3.0"), flock)
    package = await a_package(ctx, caller, flock.key, "next")
    new = await a_filled_job(ctx, caller, package, flock, overwrite=True, source_versions=("1.0",))
    assert set(await tasks(ctx, new)) == {flock.ids[1]}
    found = await tasks(ctx, old)
    assert (found[flock.ids[1]]["state"], found[flock.ids[0]]["state"]) == ("CANCELED", "QUEUED")


# --- refusals ---


async def test_refused_jobs_leave_nothing(ctx: Context, caller: Caller) -> None:
    flock, other = await a_fleet(ctx, caller, 2), await a_fleet(ctx, caller, 1, name="other")
    package = await a_package(ctx, caller, flock.key)
    raw = await a_package(ctx, caller, flock.key, "raw", verify=True)
    with pytest.raises(Conflict, match="belong"):
        await a_job(ctx, caller, package, other)
    with pytest.raises(Conflict, match="verify"):
        await a_job(ctx, caller, raw, flock)
    with pytest.raises(NotFound):
        await a_job(ctx, caller, package, flock, selection="SPECIFIC", device_names=(flock.names[0], other.names[0]))
    with pytest.raises(NotFound):
        await a_job(ctx, caller, 1, flock)
    delta = await a_package(ctx, caller, flock.key, "delta", is_delta=True, source_version="1.0")
    with pytest.raises(Conflict):
        await a_job(ctx, caller, delta, flock, source_versions=("0.9",))
    assert await ask(ctx, "select 1 from job") == [] == await ask(ctx, "select 1 from job_target")


# --- verify ---


async def a_verify_job(ctx: Context, caller: Caller, flock: Fleet) -> tuple[int, int]:
    package = await a_package(ctx, caller, flock.key, verify=True)
    cmd = verify_job(package_id=package, product_key=flock.key, device_names=flock.names)
    return package, (await jobs.create_job(ctx, caller, cmd)).job_id


@pytest.mark.parametrize(("last", "verdict"), [(runs("2.0"), "verified"), (runs("3.0"), "failed")])
async def test_a_verify_job_judges_its_package(ctx: Context, caller: Caller, last: VersionReport, verdict: str) -> None:
    flock = await a_fleet(ctx, caller, 2)
    package, job = await a_verify_job(ctx, caller, flock)
    assert await package_status(ctx, caller, package) == "verifying"
    cmd = verify_job(package_id=package, product_key=flock.key, device_names=flock.names)
    with pytest.raises(Conflict):
        await jobs.create_job(ctx, caller, cmd)
    assert (await dispatch.offer(ctx, refs(job, flock.ids), link, Wire())).sent == set(refs(job, flock.ids))
    assert not (await say(ctx, (flock.ids[0], progress(10)))).tasks_ended
    assert (await say(ctx, (flock.ids[0], runs("2.0")))).tasks_ended
    assert await endings.end_finished(ctx) == 0
    await say(ctx, (flock.ids[1], last))
    assert await endings.end_finished(ctx) == 1
    assert await package_status(ctx, caller, package) == verdict
    assert await status_of(ctx, caller, job) == "COMPLETED"


async def test_a_cancelled_verify_job_leaves_the_package_unverified(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 2)
    package, job = await a_verify_job(ctx, caller, flock)
    await steering.cancel_tasks(ctx, caller, c.CancelTasks(job_id=job, states=c.OPEN_STATES))
    assert await endings.end_finished(ctx) == 1
    assert await package_status(ctx, caller, package) == "unverified"
    assert await status_of(ctx, caller, job) == "CANCELED"


# --- confirm, cancel ---


async def test_confirmation_lets_tasks_go_on_all_or_none(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 3)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock, need_confirm=True)
    await online(ctx, clock, flock)
    assert await states(ctx, job) == {"CONFIRM": 3}
    assert {t["due_at"] for t in (await tasks(ctx, job)).values()} == {None}
    wanted = refs(job, flock.ids)
    await steering.confirm_tasks(ctx, caller, c.ConfirmTasks(tasks=tuple(wanted[:1])))
    with pytest.raises(Conflict):
        await steering.confirm_tasks(ctx, caller, c.ConfirmTasks(tasks=tuple(wanted)))
    with pytest.raises(NotFound):
        await steering.confirm_tasks(ctx, caller, c.ConfirmTasks(tasks=(*wanted[1:], *refs(1, flock.ids[:1]))))
    assert await states(ctx, job) == {"CONFIRM": 2, "QUEUED": 1}
    assert (await tasks(ctx, job))[flock.ids[0]]["due_at"] is not None
    await steering.confirm_tasks(ctx, caller, c.ConfirmTasks(tasks=(wanted[1], wanted[1])))  # named twice: one task
    assert await states(ctx, job) == {"CONFIRM": 1, "QUEUED": 2}


async def test_cancelling_chooses_states_devices_and_jobs(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 4)
    package = await a_package(ctx, caller, flock.key)
    job = await a_filled_job(ctx, caller, package, flock)
    first = refs(job, flock.ids)[0]
    assert (await dispatch.offer(ctx, [first], link, lambda addressed: uuid4())).sent == {first}
    await say(ctx, (flock.ids[0], reports.Delivered(first)))
    await steering.cancel_tasks(ctx, caller, c.CancelTasks(job_id=job, states=frozenset({"NOTIFIED"})))
    assert await states(ctx, job) == {"CANCELED": 1, "QUEUED": 3}
    cmd = c.CancelTasks(package_id=package, product_key=flock.key, device_names=flock.names[:2], job_id=job)
    await steering.cancel_tasks(ctx, caller, cmd)
    assert await states(ctx, job) == {"CANCELED": 2, "QUEUED": 2}
    gone = c.DeviceKey(product_key=flock.key, name=flock.names[2])
    await devices.delete_device(ctx, caller, c.DeleteDevice(device=gone))
    assert await states(ctx, job) == {"CANCELED": 3, "QUEUED": 1}


async def test_a_cancel_of_a_job_reaches_the_tasks_not_yet_made(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 3)
    job = await a_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    await steering.cancel_tasks(ctx, caller, c.CancelTasks(job_id=job, states=c.OPEN_STATES))
    await filled(ctx, job)
    assert not set(await states(ctx, job)) & c.OPEN_STATES


@pytest.mark.parametrize("named", [True, False])
async def test_a_cancel_by_device_reaches_the_tasks_not_yet_made(ctx: Context, caller: Caller, named: bool) -> None:
    flock = await a_fleet(ctx, caller, 3)
    package = await a_package(ctx, caller, flock.key)
    job = await a_job(ctx, caller, package, flock)
    cmd = c.CancelTasks(
        package_id=package, product_key=flock.key, device_names=flock.names[:2], job_id=job if named else None
    )
    await steering.cancel_tasks(ctx, caller, cmd)
    await filled(ctx, job)
    assert await states(ctx, job) == {"CANCELED": 2, "QUEUED": 1}


async def test_an_empty_job_ends(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 2, version="2.0")
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    assert await endings.end_finished(ctx) == 1
    assert await status_of(ctx, caller, job) == "COMPLETED"
