"""Offers on the real database (L4, L6)."""

import asyncio
import json
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from conftest import Clock
from test_jobs import Fleet, Wire, a_filled_job, a_fleet, a_package, ask, link, online, refs, runs, say, tasks

from upwell.domain import commands as c
from upwell.domain.errors import NotFound
from upwell.domain.talk import TaskRef
from upwell.engine.dispatch import Dispatcher
from upwell.service.context import Context
from upwell.service.manage import steering
from upwell.service.manage.access import Caller
from upwell.service.upgrade import dispatch, presence, reports
from upwell.service.upgrade.downloads import find_download
from upwell.storage.database import Database

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def other(dsn: str, clock: Clock) -> AsyncIterator[Context]:
    """A second process on the same database."""
    database = Database(dsn)
    await database.open()
    yield Context(database, clock)
    await database.close()


async def asked_for(ctx: Context, flock: Fleet) -> dict[UUID, list[tuple[TaskRef, str]]]:
    """What devices that ask are told of."""
    return await dispatch.asked_for(ctx, flock.ids)


async def pass_time(ctx: Context, seconds: int) -> None:
    """The pace is kept on PostgreSQL's clock: time passes by making grants older."""
    await ask(ctx, "update pace set granted_at = granted_at - make_interval(secs => $1)", seconds)


async def test_two_processes_share_one_budget(ctx: Context, other: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 40)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock, maximum_per_min=5)
    node = await online(ctx, clock, flock)
    wire = Wire()
    sends: list[tuple[int, int]] = []
    for second in range(0, 180, 6):
        wanted = await dispatch.due(ctx, node, 100)
        before = len(wire.sent)
        await asyncio.gather(*(dispatch.offer(x, wanted, link, wire) for x in (ctx, other, ctx, other)))
        sends.append((second, len(wire.sent) - before))
        await pass_time(ctx, 6)
    for begin, _ in sends:
        assert sum(n for at, n in sends if begin <= at < begin + 60) <= 5
    assert len(wire.sent) >= 10  # at least two windows were used
    assert (await ask(ctx, "select sum(offers) as n from pace where job_id = $1", job))[0]["n"] <= 15


async def test_the_budget_is_not_wasted(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 12)
    await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock, maximum_per_min=5)
    node, wire = await online(ctx, clock, flock), Wire()
    for minute in range(3):
        await dispatch.offer(ctx, await dispatch.due(ctx, node, 100), link, wire)
        assert len(wire.sent) == min(12, 5 * (minute + 1))
        await pass_time(ctx, 63)
    assert len({a.offer.task for a in wire.sent}) == 12


async def test_zero_offers_nothing(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 2)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock, maximum_per_min=0)
    node, wire = await online(ctx, clock, flock), Wire()
    assert await dispatch.due(ctx, node, 9) == []
    assert (await dispatch.offer(ctx, refs(job, flock.ids), link, wire)).sent == set() and wire.sent == []


async def test_one_due_task_is_pushed_once(ctx: Context, other: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 8)
    await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    node, wire = await online(ctx, clock, flock), Wire()
    wanted = await dispatch.due(ctx, node, 100)
    await dispatch.offer(ctx, wanted, link, wire)
    assert await dispatch.due(ctx, node, 100) == []
    assert len(wire.sent) == 8


async def test_an_untaken_offer_is_put_off(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 1)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    node = await online(ctx, clock, flock)
    assert (await dispatch.offer(ctx, await dispatch.due(ctx, node, 9), link, lambda _: None)).sent == set()
    assert (await tasks(ctx, job))[flock.ids[0]]["offered_on"] is None
    assert await dispatch.due(ctx, node, 9) == []
    clock.move(seconds=2)
    assert await dispatch.due(ctx, node, 9) == refs(job, flock.ids)


@pytest.mark.parametrize(
    "change",
    [
        "update package set status = 'unverified'",
        "update package set status = 'failed'",
        "update package set status = 'verifying'",
        "update package set deleted_at = now()",
        "update package set is_delta = true, source_version = '0.9'",
        "update device set enabled = false",
        "update device set deleted_at = now()",
        "update job set status = 'CANCELED'",
        "update task set state = 'CANCELED'",
        "update task set state = 'CONFIRM'",
    ],
)
async def test_what_must_not_be_offered(ctx: Context, caller: Caller, clock: Clock, change: str) -> None:
    """Whatever the way there: even one already chosen is not sent (L5, L6)."""
    flock = await a_fleet(ctx, caller, 2)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    node, wire = await online(ctx, clock, flock), Wire()
    chosen = await dispatch.due(ctx, node, 9)
    assert set(chosen) == set(refs(job, flock.ids))
    await ask(ctx, change)
    assert (await dispatch.offer(ctx, chosen, link, wire)).sent == set() and wire.sent == []
    if "device" not in change:
        assert await dispatch.due(ctx, node, 9) == []
        assert await asked_for(ctx, flock) in ({}, None)


async def test_a_delta_goes_only_to_its_source(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 3)
    await say(ctx, (flock.ids[0], runs("0.9")))
    package = await a_package(ctx, caller, flock.key, is_delta=True, source_version="1.0")
    job = await a_filled_job(ctx, caller, package, flock)
    assert set(await tasks(ctx, job)) == set(flock.ids[1:])
    node, wire = await online(ctx, clock, flock), Wire()
    await say(ctx, (flock.ids[1], runs("1.1")))
    assert (await dispatch.offer(ctx, await dispatch.due(ctx, node, 9), link, wire)).sent == set(
        refs(job, flock.ids[2:])
    )
    assert (await tasks(ctx, job))[flock.ids[1]]["state"] == "FAILED"
    assert wire.sent[0].offer.is_delta and wire.sent[0].device_name == flock.names[2]


async def test_asking_is_answered_without_push(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 1)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock, need_push=False)
    node = await online(ctx, clock, flock)
    assert await dispatch.due(ctx, node, 9) == []
    assert await dispatch.asked_for(ctx, flock.ids) == {flock.ids[0]: [(refs(job, flock.ids)[0], "default")]}


async def test_a_device_on_another_node_is_not_due_here(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 1)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    old, new = await online(ctx, clock, flock), await online(ctx, clock, flock)
    assert await dispatch.due(ctx, old, 9) == [] and await dispatch.due(ctx, new, 9) == refs(job, flock.ids)
    rows = await ask(ctx, "select connection_id from presence")
    await presence.went_offline(ctx, new, [(flock.ids[0], uuid4())])  # an older connection's end
    assert await dispatch.due(ctx, new, 9) == refs(job, flock.ids)
    await presence.went_offline(ctx, new, [(flock.ids[0], rows[0]["connection_id"])])
    assert await dispatch.due(ctx, new, 9) == []


async def test_nothing_leaves_after_a_cancel_has_returned(
    ctx: Context, other: Context, caller: Caller, clock: Clock
) -> None:
    flock = await a_fleet(ctx, caller, 60)
    package = await a_package(ctx, caller, flock.key)
    job = await a_filled_job(ctx, caller, package, flock, maximum_per_min=1000)
    node, wire = await online(ctx, clock, flock), Wire()
    chosen = await dispatch.due(ctx, node, 100)
    at_return = list[int]()

    async def offers(place: int) -> None:
        await asyncio.sleep(place * 0.002)
        await dispatch.offer(other, chosen[place * 4 : place * 4 + 4], link, wire)

    async def cancel() -> None:
        await asyncio.sleep(0.012)
        await steering.cancel_tasks(ctx, caller, c.CancelTasks(job_id=job, states=c.OPEN_STATES))
        at_return.append(len(wire.sent))

    await asyncio.gather(cancel(), *(offers(n) for n in range(15)))
    await dispatch.offer(ctx, chosen, link, wire)
    assert len(wire.sent) == at_return[0]
    assert {t["state"] for t in (await tasks(ctx, job)).values()} == {"CANCELED"}
    await say(ctx, *((d, runs("1.0")) for d in flock.ids))
    assert await dispatch.due(ctx, node, 100) == []
    assert await asked_for(ctx, flock) in ({}, None)


async def test_an_offer_of_several_files_has_a_link_for_each(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 1)
    await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    files = [
        {"name": n, "url": "u", "object_key": f"ota/x/{n}", "size": s, "md5": n * 32, "sha256": n * 64}
        for n, s in (("a", 1), ("b", 2))
    ]
    await ask(ctx, "update package set files = $1, sign_method = 'SHA256'", json.dumps(files))
    node, wire = await online(ctx, clock, flock), Wire()
    await dispatch.offer(ctx, await dispatch.due(ctx, node, 9), link, wire)
    [sent] = wire.sent
    assert (sent.offer.url, sent.offer.md5, sent.offer.sign_method) == ("", "", "SHA256")
    assert [(f.name, f.size, f.md5) for f in sent.offer.files] == [("a", 1, "a" * 32), ("b", 2, "b" * 32)]
    assert [f.url.rpartition("/")[2] for f in sent.offer.files] == ["0", "1"]
    assert [(await find_download(ctx, sent.offer.task, place)).key for place in (0, 1)] == ["ota/x/a", "ota/x/b"]
    with pytest.raises(NotFound):
        await find_download(ctx, sent.offer.task, 2)
    assert sent.secret and sent.secret not in repr(sent)


async def budget(ctx: Context, job: int) -> int:
    """What of the job's budget is spent."""
    return int((await ask(ctx, "select coalesce(sum(offers), 0) as n from pace where job_id = $1", job))[0]["n"])


async def test_a_grant_that_sends_nothing_is_given_back(ctx: Context, caller: Caller, clock: Clock) -> None:
    """Whether its connection takes nothing, its task is held, or it is no more to offer."""
    flock = await a_fleet(ctx, caller, 4)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock, maximum_per_min=3)
    await online(ctx, clock, flock)
    for _ in range(3):
        assert (await dispatch.offer(ctx, refs(job, flock.ids), link, lambda _: None)).sent == set()
        assert await budget(ctx, job) == 0
    async with ctx.database.connection() as conn, conn.transaction():
        await conn.execute("select from task where device_id = $1 for update", flock.ids[0])
        tried = await dispatch.offer(ctx, refs(job, flock.ids[:1]), link, Wire())
        assert tried.missed == set(refs(job, flock.ids[:1])) and await budget(ctx, job) == 0
    await ask(ctx, "update device set enabled = false where device_id = $1", flock.ids[1])
    assert (await dispatch.offer(ctx, refs(job, flock.ids[1:2]), link, Wire())).sent == set()
    assert await budget(ctx, job) == 0
    told = (await dispatch.offer(ctx, refs(job, flock.ids), link, Wire())).sent
    assert len(told) == await budget(ctx, job) == 2  # of the three granted one was the disabled device's
    await pass_time(ctx, 63)  # what was given back is counted no longer than what it takes back
    spent = "select coalesce(sum(offers), 0) as n from pace where granted_at > clock_timestamp() - interval '62 s'"
    assert (await ask(ctx, spent))[0]["n"] == 0


async def test_a_message_that_can_not_be_told_costs_nothing(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 1)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock, maximum_per_min=3)
    await online(ctx, clock, flock)
    await dispatch.offer(ctx, refs(job, flock.ids), link, lambda _: dispatch.Untellable("too long"))
    assert await budget(ctx, job) == 0


async def test_asking_again_spends_nothing(ctx: Context, caller: Caller, clock: Clock) -> None:
    """One task counts once in a window, however often its device asks; in the next window it counts again (L4)."""
    flock = await a_fleet(ctx, caller, 2)
    job = await a_filled_job(
        ctx, caller, await a_package(ctx, caller, flock.key), flock, maximum_per_min=1, need_push=False
    )
    await online(ctx, clock, flock)
    mine, other = refs(job, flock.ids[:1]), refs(job, flock.ids[1:])
    wire = Wire()
    for _ in range(20):
        assert (await dispatch.offer(ctx, mine, link, wire, wanted=True)).sent == set(mine)
    assert len(wire.sent) == 20 and await budget(ctx, job) == 1
    assert (await dispatch.offer(ctx, other, link, wire, wanted=True)).sent == set()
    assert (await dispatch.offer(ctx, mine, link, wire)).sent == set()  # a push is no answer to a question
    clock.move(seconds=70)
    await pass_time(ctx, 70)
    assert (await dispatch.offer(ctx, other, link, wire, wanted=True)).sent == set(other)
    assert (await dispatch.offer(ctx, mine, link, wire, wanted=True)).sent == set()
    assert (await dispatch.offer(ctx, other, link, wire, wanted=True)).sent == set(other)


async def test_what_a_device_acknowledged_is_told_again_without_waiting_for_a_word(
    ctx: Context, caller: Caller, clock: Clock
) -> None:
    """Each repetition of an offer was acknowledged and looked up in PostgreSQL like the first one."""
    flock = await a_fleet(ctx, caller, 1)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock, need_push=False)
    await online(ctx, clock, flock)
    wanted, wire = refs(job, flock.ids), Wire()
    for _ in range(2):  # the first may have been lost on its way
        await dispatch.offer(ctx, wanted, link, wire, wanted=True)
    await say(ctx, (flock.ids[0], reports.Delivered(wanted[0])))
    await dispatch.offer(ctx, wanted, link, wire, wanted=True)
    assert [addressed.acknowledged for addressed in wire.sent] == [wanted[0], wanted[0], None]


async def test_granting_waits_for_nobody_who_holds_the_job(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 1)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    node = await online(ctx, clock, flock)
    async with ctx.database.connection() as conn, conn.transaction():
        await conn.execute("select from job where job_id = $1 for update", job)
        async with asyncio.timeout(10):
            assert (await dispatch.offer(ctx, await dispatch.due(ctx, node, 9), link, Wire())).sent


async def test_what_is_due_and_unfit_is_read_once(ctx: Context, caller: Caller, clock: Clock) -> None:
    """Until its device says something new; then it is due as it was."""
    flock = await a_fleet(ctx, caller, 3)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    node = await online(ctx, clock, flock)
    await ask(ctx, "update package set source_versions = '{1.0}'")
    await ask(ctx, "update module_version set version = '0.7' where device_id = $1", flock.ids[0])
    assert set(await dispatch.due(ctx, node, 9)) == set(refs(job, flock.ids[1:]))
    due_at = {device: task["due_at"] for device, task in (await tasks(ctx, job)).items()}
    assert due_at[flock.ids[0]] is None
    await say(ctx, (flock.ids[0], runs("1.0")))
    assert set(await dispatch.due(ctx, node, 9)) == set(refs(job, flock.ids))


async def test_a_held_task_that_is_due_hides_no_other(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 3)
    await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    node, wire = await online(ctx, clock, flock), Wire()
    pusher = Dispatcher(ctx, node, link, lambda line, at: None)
    async with ctx.database.connection() as conn, conn.transaction():
        await conn.execute("select from task where device_id = any($1::uuid[]) for update", flock.ids[:2])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("upwell.engine.dispatch.BATCH_MAX", 1)
            for _ in range(4):
                await pusher.push_due(wire)
    assert [each.offer.task.device_id for each in wire.sent] == flock.ids[2:]
