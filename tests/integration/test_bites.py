"""Changes of the program that would break a law and that no other test would notice, a test for each."""

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta
from uuid import uuid4

import pytest
from conftest import Clock
from test_jobs import Wire, a_filled_job, a_fleet, a_package, ask, link, online, tasks

from upwell.dialects.rpc_signing import CLOCK_SKEW_MAX
from upwell.domain.talk import TaskRef
from upwell.engine.gather import Gatherer
from upwell.service.context import Context
from upwell.service.manage import admission
from upwell.service.manage.access import Caller
from upwell.service.upgrade import dispatch, granting, nodes, presence

pytestmark = pytest.mark.asyncio


async def push(ctx: Context, node: object, wire: Wire, how: dispatch.Link = link) -> None:
    """One round of pushing, as the engine does it."""
    due = await dispatch.due(ctx, node, 100)  # type: ignore[arg-type]
    await dispatch.offer(ctx, due, how, wire, due_by=ctx.now())


async def test_an_offer_that_is_late_after_its_grant_does_not_leave(
    ctx: Context, caller: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """L4 counts grants: what left long after its own would be one too many in some minute. It leaves with another."""
    monkeypatch.setattr(dispatch, "SEND_WITHIN_S", 0.5)
    flock = await a_fleet(ctx, caller, 3)
    await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    node, wire = await online(ctx, clock, flock), Wire()
    asked: list[TaskRef] = []

    def slow(task: TaskRef, place: int) -> str:
        asked.append(task)
        if len(asked) == 1:
            time.sleep(0.6)  # nothing of this process goes on
        return link(task, place)

    await push(ctx, node, wire, slow)
    assert len(wire.sent) <= 1, "two of them were too late"
    clock.move(minutes=5)
    for _ in range(5):
        await push(ctx, node, wire)
        clock.move(minutes=5)
    assert {each.device_name for each in wire.sent} == set(flock.names) and len(wire.sent) == 3


async def test_what_a_window_still_counts_is_not_forgotten(ctx: Context, caller: Caller, clock: Clock) -> None:
    """L4: forgotten grants would be granted again within their minute. Old ones go, or the table grows for ever."""
    flock = await a_fleet(ctx, caller, 30)
    await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock, maximum_per_min=10)
    node, wire = await online(ctx, clock, flock), Wire()
    for age_s in (0, 30, 29):  # together a second less than a minute
        await ask(ctx, "update pace set granted_at = granted_at - make_interval(secs => $1)", age_s)
        await granting.forget_grants(ctx)
        await push(ctx, node, wire)
        assert len(wire.sent) == 10
    await ask(ctx, "update pace set granted_at = granted_at - interval '1 hour'")
    await granting.forget_grants(ctx)
    assert not await ask(ctx, "select from pace")
    await push(ctx, node, wire)
    assert len(wire.sent) == 20


async def test_a_lease_ends_by_itself(
    ctx: Context, caller: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that says nothing more is dead: its devices are offline, and another node that they come to has their
    tasks."""
    monkeypatch.setattr(nodes, "LEASE_S", 1)
    flock = await a_fleet(ctx, caller, 2)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    node = await online(ctx, clock, flock)
    await nodes.Lease(ctx.database, node, ctx.now).keep()
    await nodes.release_dead(ctx)
    assert {task["node_id"] for task in (await tasks(ctx, job)).values()} == {node}
    await asyncio.sleep(1.1)
    while await nodes.release_dead(ctx):
        pass
    assert {row["node_id"] for row in await ask(ctx, "select node_id from presence")} == {None}
    assert {task["node_id"] for task in (await tasks(ctx, job)).values()} == {None}
    assert not await dispatch.due(ctx, node, 100)
    elsewhere = uuid4()
    await presence.came_online(ctx, elsewhere, [(device, uuid4(), "127.0.0.1") for device in flock.ids])
    clock.move(seconds=3)
    assert len(await dispatch.due(ctx, elsewhere, 100)) == 2


async def test_one_that_fails_does_not_fail_its_company() -> None:
    """What came together is applied together, but each is answered for itself."""
    applied: list[int] = []

    async def apply(batch: Sequence[int]) -> list[int]:
        await asyncio.sleep(0)
        if 3 in batch:
            raise ValueError("three can't be applied")
        applied.extend(batch)
        return [10 * each for each in batch]

    gatherer = Gatherer("test", apply)
    running = asyncio.create_task(gatherer.run())
    given = await asyncio.wait_for(asyncio.gather(*map(gatherer.submit, range(6)), return_exceptions=True), 10)
    running.cancel()
    assert [each for each in given if not isinstance(each, Exception)] == [0, 10, 20, 40, 50]
    assert isinstance(given[3], ValueError) and applied == [0, 1, 2, 4, 5]


async def test_nothing_is_offered_after_the_window_of_its_job(ctx: Context, caller: Caller, clock: Clock) -> None:
    """Not even before the job is found to be over: neither pushed nor told to who asks."""
    flock = await a_fleet(ctx, caller, 2)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    await ask(ctx, "update job set finish_at = $2 where job_id = $1", job, clock() + timedelta(hours=1))
    node = await online(ctx, clock, flock)
    assert len(await dispatch.due(ctx, node, 100)) == 2 and len(await dispatch.asked_for(ctx, flock.ids)) == 2
    clock.move(hours=1)
    assert not await dispatch.due(ctx, node, 100)
    assert not await dispatch.asked_for(ctx, flock.ids)
    shown = await tasks(ctx, job)
    assert {task["state"] for task in shown.values()} == {"QUEUED"}


async def test_a_nonce_is_known_as_long_as_its_request_could_be_sent_again(ctx: Context, clock: Clock) -> None:
    """A request is good from so long before its timestamp until so long after it; what is purged in between is replayed
    with success."""
    request = admission.Request(Caller(1, "viewer", "key", "alibaba"), "nonce")
    assert await admission.admit(ctx, [request]) == ["admitted"]
    for _ in range(6):
        clock.move(seconds=CLOCK_SKEW_MAX.total_seconds() / 3)
        await admission.purge_nonces(ctx)
        assert await admission.admit(ctx, [request]) == ["replayed"]
