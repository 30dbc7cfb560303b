"""Failures of devices that write the same message id always, and redeliveries, over real connections (issue 9,
number 25)."""

import asyncio
import json
from pathlib import Path
from uuid import uuid4

import pytest
from conftest import Clock
from platform_house import House, house_on, until
from test_jobs import Wire, a_filled_job, a_fleet, a_package, link, online, progress, refs, say, states, tasks
from tests.mqttwire import publish

from upwell.domain.talk import ResultReport, TaskRef
from upwell.service.context import Context
from upwell.service.manage.access import Caller
from upwell.service.upgrade import dispatch, reports

pytestmark = pytest.mark.asyncio
FAILED = {"id": "123", "params": {"step": "-2", "desc": "disk"}}


async def attempts(house: House, job: int) -> int:
    return int((await house.rows("select attempt from task where job_id = $1", job))[0]["attempt"])


async def test_each_offer_of_three_fails_by_itself(dsn: str, tmp_path: Path) -> None:
    """Issue 9, number 25: the id is "123" each time."""
    async with house_on(dsn, tmp_path) as house:
        known = await house.device((await house.product()).product_key)
        job = await house.job(await house.package(known.key, b"12345"), known, retry_interval_min=0, retry_count=2)
        device = await house.connect(known)
        await device.inform("1.0")
        for _ in range(3):
            await device.said(device.ota("upgrade"))
            await device.say(device.ota("progress"), FAILED)
        await house.until_state(job, "FAILED")
        assert await attempts(house, job) == 2


async def test_a_client_that_fails_before_it_acknowledges(dsn: str, tmp_path: Path) -> None:
    """Issue 9, number 25: clients whose handler runs before the PUBACK; and here the PUBACK never comes."""
    async with house_on(dsn, tmp_path) as house:
        known = await house.device((await house.product()).product_key)
        job = await house.job(await house.package(known.key, b"12345"), known, retry_interval_min=0, retry_count=1)
        client = await house.client()
        assert await client.login(*known.login()) == 0
        payload, topic = json.dumps(FAILED).encode(), f"/ota/device/progress/{known.key}/{known.name}"
        for number in (1, 2):
            async with asyncio.timeout(10):
                while (await client.receive(10)).kind != 3:
                    pass
            await client.send(publish(topic, payload, number))
        await house.until_state(job, "FAILED")


async def test_a_redelivery_counts_once(dsn: str, tmp_path: Path) -> None:
    """Issue 9, number 25: its first copy was heard, its PUBACK was not, and the next offer is out already (L7)."""
    async with house_on(dsn, tmp_path) as house:
        known = await house.device((await house.product()).product_key)
        job = await house.job(await house.package(known.key, b"12345"), known, retry_interval_min=0, retry_count=3)
        device = await house.connect(known)
        await device.inform("1.0")
        await device.said(device.ota("upgrade"))
        await device.say(device.ota("progress"), FAILED)
        await device.said(device.ota("upgrade"))
        await house.until_state(job, "NOTIFIED")
        again = await house.connect(known)
        await again.said(again.ota("upgrade"))
        await house.until_state(job, "NOTIFIED")
        payload = json.dumps(FAILED).encode()
        await again.client.send(publish(again.ota("progress"), payload, 900, dup=True))
        await until(lambda: 900 in again.pubacks)
        assert (await attempts(house, job), await house.state(job)) == (1, "NOTIFIED")
        await again.client.send(publish(again.ota("progress"), payload, 901))
        await again.said(again.ota("upgrade"))
        assert await attempts(house, job) == 2


@pytest.mark.parametrize("interval", [0, 10])
async def test_results_without_ids_fail_once_for_each_offer(
    ctx: Context, caller: Caller, clock: Clock, interval: int
) -> None:
    """Issue 9, number 25: Huawei's results have no id at all; between offers they are replays (L7)."""
    flock = await a_fleet(ctx, caller, 1)
    package = await a_package(ctx, caller, flock.key)
    job = await a_filled_job(ctx, caller, package, flock, retry_interval_min=interval, retry_count=2)
    node = await online(ctx, clock, flock)
    failed = ResultReport(outcome="failed", code=1, reason="in_use", progress=0, version="2.0", desc="")
    for offer in range(3):
        clock.move(minutes=interval, seconds=1)
        [ref] = await dispatch.due(ctx, node, 9)
        assert (await dispatch.offer(ctx, [ref], link, Wire())).sent == {ref}
        await say(ctx, (flock.ids[0], reports.Delivered(ref)), (flock.ids[0], failed), (flock.ids[0], failed))
        await say(ctx, (flock.ids[0], failed))
        assert (await tasks(ctx, job))[flock.ids[0]]["attempt"] == min(offer + 1, 2)
    assert await states(ctx, job) == {"FAILED": 1}


async def test_a_redelivered_result_is_of_the_offer_before(ctx: Context, caller: Caller, clock: Clock) -> None:
    """Issue 9, number 25: the offer went by this very connection, and it was sent on an earlier one."""
    flock = await a_fleet(ctx, caller, 1)
    package = await a_package(ctx, caller, flock.key)
    job = await a_filled_job(ctx, caller, package, flock, retry_interval_min=0, retry_count=2)
    await online(ctx, clock, flock)
    failed = ResultReport(outcome="failed", code=1, reason="in_use", progress=0, version="2.0", desc="")
    await dispatch.offer(ctx, refs(job, flock.ids), link, Wire())
    await say(ctx, (flock.ids[0], failed), connection=uuid4())
    wire = Wire()
    await dispatch.offer(ctx, refs(job, flock.ids), link, wire)
    connection = wire(wire.sent[0])
    task = TaskRef(device_id=flock.ids[0], job_id=job)
    await say(ctx, (flock.ids[0], reports.Delivered(task)), connection=connection)
    before = await tasks(ctx, job)
    for said in (failed, progress(-1, "9"), progress(40)):
        await reports.apply(ctx, [reports.Incoming(flock.ids[0], connection, said, redelivered=True)])
    assert await tasks(ctx, job) == before
