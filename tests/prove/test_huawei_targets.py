"""One firmwareUpgrade of Huawei's over a large fleet, of which some fail and some never answer: at every poll by the
vendor's SDK the counters are the truth (L2), and it ends PartialSuccess.

The server and the fleet race, so what the devices know is taken before and after each poll, and the counters are held
between the two. Both ends are exact. Below: a report that a device got the PUBACK of is committed (L3), so it counts.
Above: no device can be counted as ended that has not said so, or was asked three minutes ago and is one of the silent;
and each that is counted as asked must come to hear the question. Where nothing is under way, which is so at the end of
the rush and at the end of all, they must be equal.
"""

import asyncio
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from huaweicloudsdkiotda.v5 import model as m
from tests.prove.rollout import Process, product_with

from acceptance.client import Key
from acceptance.huawei_client import sdk
from upwell.simulator.fleet import Fleet
from upwell.simulator.script import Rates
from upwell.simulator.wire import DeviceIdentity

IMAGE = secrets.token_bytes(4096)
RATES = Rates(fail_download=0.025, fail_burn=0.025, mute=0.05)
ANSWER_WITHIN_S = 180  # huawei 6.1
HEARD_WITHIN_S = 30.0


@pytest.fixture
def server() -> Iterator[Process]:
    process = Process()
    process.start()
    yield process
    process.stop()


@dataclass(frozen=True, kw_only=True)
class Known:
    """What the devices know: how many ended so, and how many were asked."""

    succeeded: int
    failed: int
    asked: int
    overdue: int = 0  # silent ones whose three minutes may be over


def acknowledged(fleet: Fleet) -> Known:
    """What the server told them that it has."""
    outcomes = fleet.outcomes()
    answered = sum(device.outcome is not None or bool(device.offers) for device in fleet.devices)
    return Known(succeeded=outcomes["SUCCEEDED"], failed=outcomes["FAILED"], asked=answered)


def said(fleet: Fleet) -> Known:
    """What they have begun to say and were asked at least once."""
    ended = [device.said for device in fleet.devices]
    asked = [device for device in fleet.devices if device.asked]
    since = time.monotonic() - ANSWER_WITHIN_S + 1.0  # the question is written down a little before it is heard
    overdue = sum(device.script.mute and device.asked[0] < since for device in asked)
    return Known(succeeded=ended.count("SUCCEEDED"), failed=ended.count("FAILED"), asked=len(asked), overdue=overdue)


class Rollout:
    """A fleet, a batch task over all of it, and what its polls found."""

    def __init__(self, server: Process, client: Any, fleet: Fleet, ids: list[str]) -> None:
        self.server, self.client, self.fleet, self.ids = server, client, fleet, ids
        self.task = ""
        self.polls = 0
        self.slowest_s = 0.0
        self.silent = sum(device.script.mute for device in fleet.devices)

    async def ask(self, method: str, request: Any) -> Any:
        return await asyncio.to_thread(getattr(self.client, method), request)

    async def connected(self) -> None:
        """Every device is there and its first version is known."""
        while not all(device.acknowledged for device in self.fleet.devices):
            await asyncio.sleep(0.1)

    async def begin(self, package: str) -> None:
        body = m.CreateBatchTask(
            task_name="large", task_type="firmwareUpgrade", targets=self.ids, document={"package_ids": [package]}
        )
        made = await self.ask("create_batch_task", m.CreateBatchTaskRequest(body=body))
        self.task = made.task_id

    async def poll(self) -> Any:
        """The task as shown, its counters held against the devices."""
        before, began = acknowledged(self.fleet), time.perf_counter()
        shown = (await self.ask("show_batch_task", m.ShowBatchTaskRequest(task_id=self.task, limit=1))).batchtask
        self.slowest_s = max(self.slowest_s, time.perf_counter() - began)
        after, counted = said(self.fleet), shown.task_progress
        self.polls += 1
        if shown.status == "Initializing":
            return shown
        parts = (counted.processing, counted.success, counted.fail, counted.waitting)
        assert sum(parts) == counted.total == len(self.ids), counted
        assert (counted.stopped, counted.removed, counted.fail_wait_retry) == (0, 0, 0)
        assert before.succeeded <= counted.success <= after.succeeded, (before, counted, after)
        assert before.failed <= counted.fail <= after.failed + after.overdue, (before, counted, after)
        left = counted.total - counted.waitting
        assert before.asked <= left, (before, counted)
        async with asyncio.timeout(HEARD_WITHIN_S):
            while said(self.fleet).asked < left:
                await asyncio.sleep(0.05)
        return shown

    async def rush(self, seconds: float) -> Any:
        """Poll until all that speak have ended; then nothing is under way and all is equal."""
        async with asyncio.timeout(seconds):
            while not self.fleet.settled() or said(self.fleet).asked < len(self.ids):
                await self.poll()
                await asyncio.sleep(len(self.ids) / 10_000)
            shown = await self.poll()
        counted, ended = shown.task_progress, self.fleet.outcomes()
        assert self.fleet.astray() == []
        assert (counted.success, counted.waitting) == (ended["SUCCEEDED"], 0)
        assert counted.fail + counted.processing == ended["FAILED"] + self.silent
        assert (counted.fail == ended["FAILED"] and shown.status == "Processing") or said(self.fleet).overdue
        return shown

    async def end(self) -> Any:
        """Poll until the silent ones have had their three minutes and the task is over."""
        async with asyncio.timeout(ANSWER_WITHIN_S + 120):
            while (shown := await self.poll()).status == "Processing":
                await asyncio.sleep(1.0)
        return shown


async def prepared(server: Process, count: int) -> tuple[Rollout, str]:
    """A fleet that is made by Alibaba's API, for it makes many at once, and a package of Huawei's."""
    product, devices = await asyncio.to_thread(product_with, server.client(), count)
    key = huawei_key(server)
    client = sdk(f"127.0.0.1:{server.http}", key)
    units = [
        DeviceIdentity(product_key=product, device_name=n, device_secret=s, version="V1.0", kind="huawei")
        for n, s in devices
    ]
    fleet = Fleet("127.0.0.1", server.mqtt, units, 7, RATES, "V2.0", connects_per_s=400.0)
    file = server.dir / "image.bin"
    file.write_bytes(IMAGE)
    run(server, "object", "put", "--bucket", "large", "--key", "image.bin", "--account", "default", str(file))
    space = client.show_applications(m.ShowApplicationsRequest(default_app=True)).applications[0].app_id
    place = m.ObsLocation(region_name="here-1", bucket_name="large", object_key="image.bin")
    body = m.CreateOtaPackage(
        app_id=space, package_type="firmwarePackage", product_id=product, version="V2.0",
        file_location=m.FileLocation(obs_location=place),
    )  # fmt: skip
    package = client.create_ota_package(m.CreateOtaPackageRequest(body=body)).package_id
    return Rollout(server, client, fleet, [f"{product}_{name}" for name, _ in devices]), package


def run(server: Process, *command: str) -> str:
    """What a command beside the running server prints."""
    upwell = Path(sys.executable).with_name("upwell")
    done = subprocess.run(
        [upwell, *command, "--data-dir", server.dir / "data"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def huawei_key(server: Process) -> Key:
    made = json.loads(run(server, "key", "create", "--json", "--dialect", "huawei", "--role", "admin"))
    return Key(id=made["id"], secret=made["secret"], project_id=made["project_id"])


async def story(server: Process, count: int, *, to_the_end: bool) -> None:
    rollout, package = await prepared(server, count)
    fleet, until = rollout.fleet, asyncio.Event()
    running = asyncio.create_task(fleet.run(until))
    began = time.perf_counter()
    async with asyncio.timeout(60 + count / 50):
        await rollout.connected()
    connected = time.perf_counter()
    await rollout.begin(package)
    await rollout.rush(60 + count / 10)
    rushed = time.perf_counter()
    ended = fleet.outcomes()
    if to_the_end:
        shown = await rollout.end()
        counted = shown.task_progress
        assert (counted.success, counted.fail) == (ended["SUCCEEDED"], ended["FAILED"] + rollout.silent)
        assert (shown.status, counted.processing, counted.waitting) == ("PartialSuccess", 0, 0)
    else:
        await rollout.ask("stop_batch_task", m.StopBatchTaskRequest(task_id=rollout.task))
        shown = (await rollout.ask("show_batch_task", m.ShowBatchTaskRequest(task_id=rollout.task))).batchtask
        counted = shown.task_progress
        assert (counted.success, counted.fail) == (ended["SUCCEEDED"], ended["FAILED"])
        assert (counted.stopped, counted.processing, counted.waitting) == (rollout.silent, 0, 0)
    assert min(ended["SUCCEEDED"], ended["FAILED"], rollout.silent) > 0
    until.set()
    await running
    print(
        f"\ntargets={count} success={counted.success} fail={counted.fail} silent={rollout.silent} polls={rollout.polls}"
        f" slowest_poll_s={rollout.slowest_s:.2f} connected_s={connected - began:.1f} rush_s={rushed - connected:.1f}"
        f" status={shown.status} offers={fleet.counters.offered} problems={fleet.counters.problems}"
    )


async def test_the_counters_are_true_at_every_poll(server: Process) -> None:
    await story(server, 60, to_the_end=False)


@pytest.mark.prove
@pytest.mark.timeout(1800)
async def test_the_counters_are_true_at_every_poll_over_10_000_targets(server: Process) -> None:
    await story(server, 10_000, to_the_end=True)
