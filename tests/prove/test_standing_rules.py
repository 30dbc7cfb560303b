"""A dynamic job over a large fleet, on a server in a process of its own and by the vendor's SDK.

Mode 1 covers every device that is there; mode 2 only those that report later, and offers them at once while others
report; of two jobs the later one wins; a cancel stops what it stops. How fast is printed, not judged: `make bench`.
"""

import asyncio
import json
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from alibabacloud_iot20180120 import models as m
from alibabacloud_iot20180120.client import Client
from tests.mqttwire import PINGREQ, WireClient, publish
from tests.prove.rollout import Process, package, product_with

from upwell.simulator.speech import SPEECHES
from upwell.simulator.wire import DeviceIdentity

IMAGE = b"firmware" * 512
REGISTERED_AT_ONCE = 10_000
NOISE_PER_S = 500
OFFERED_WITHIN_S = 20  # a time-out, not a measurement


@pytest.fixture
def server() -> Iterator[Process]:
    process = Process()
    process.start()
    yield process
    process.stop()


@dataclass
class Unit:
    """A connected device that reports and notes its pushes."""

    product_key: str
    name: str
    wire: WireClient
    pushes: "asyncio.Queue[tuple[float, str]]" = field(default_factory=asyncio.Queue)

    @classmethod
    async def connect(cls, port: int, product_key: str, name: str, secret: str) -> "Unit":
        wire = await WireClient.open("127.0.0.1", port)
        identity = DeviceIdentity(product_key=product_key, device_name=name, device_secret=secret, version="-")
        client_id, username, password = SPEECHES["alibaba"].login(identity)
        assert await wire.login(client_id, username, password.encode(), keep_alive_s=1200) == 0
        unit = cls(product_key, name, wire)
        unit.reading = asyncio.create_task(unit.read())  # type: ignore[attr-defined]  # kept from the collector
        return unit

    async def read(self) -> None:
        while True:
            packet = await self.wire.receive(3600)
            if packet.kind == 3 and packet.topic == f"/ota/device/upgrade/{self.product_key}/{self.name}":
                if packet.qos:
                    await self.wire.send(b"\x40\x02" + packet.packet_id.to_bytes(2))
                self.pushes.put_nowait((time.perf_counter(), json.loads(packet.payload)["data"]["version"]))

    async def report(self, version: str) -> None:
        payload = json.dumps({"id": "1", "params": {"version": version}}).encode()
        await self.wire.send(publish(f"/ota/device/inform/{self.product_key}/{self.name}", payload, 7))

    async def close(self) -> None:
        self.reading.cancel()  # type: ignore[attr-defined]
        await self.wire.close()


async def units(server: Process, client: Client, count: int) -> tuple[str, list[Unit]]:
    key, devices = await asyncio.to_thread(product_with, client, count)
    return key, [await Unit.connect(server.mqtt, key, name, secret) for name, secret in devices]


async def noise(talkers: list[Unit], until: asyncio.Event) -> int:
    """NOISE_PER_S version reports a second, evenly; how many were sent."""
    sent, began = 0, time.perf_counter()
    while not until.is_set():
        await talkers[sent % len(talkers)].report(f"0.{sent % 50}")
        sent += 1
        await asyncio.sleep(max(0.0, began + sent / NOISE_PER_S - time.perf_counter()))
    return sent


def dynamic(client: Client, firmware: str, key: str, **more: object) -> str:
    asked = m.CreateOTADynamicUpgradeJobRequest(firmware_id=firmware, product_key=key, **more)
    body = client.create_otadynamic_upgrade_job(asked).body
    assert body.success, body.to_map()
    return str(body.data.job_id)


def total(client: Client, job: str, **more: object) -> int:
    page = m.ListOTATaskByJobRequest(job_id=job, current_page=1, page_size=1, **more)
    return int(client.list_otatask_by_job(page).body.total)


async def reaches(client: Client, job: str, wanted: int, seconds: float = 180) -> int:
    end = time.monotonic() + seconds
    while (found := await asyncio.to_thread(total, client, job)) < wanted and time.monotonic() < end:
        await asyncio.sleep(0.2)
    return found


async def story(server: Process, present: int, reporters: int) -> dict[str, float]:
    """The whole of it; seconds that its steps took."""
    client = server.client()
    key, here = await units(server, client, reporters)
    other, talkers = await units(server, client, 50)
    for _ in range(0, present, REGISTERED_AT_ONCE):
        asked = m.BatchRegisterDeviceRequest(product_key=key, count=min(present, REGISTERED_AT_ONCE))
        assert (await asyncio.to_thread(client.batch_register_device, asked)).body.success
    first, second = [await asyncio.to_thread(package, client, key, IMAGE, v) for v in ("2.0.0", "3.0.0")]
    took: dict[str, float] = {}

    # Mode 1 covers all that are there, and the connected ones are offered.
    began = time.perf_counter()
    early = await asyncio.to_thread(dynamic, client, first, key, maximum_per_minute=1000)
    took["mode 1, all tasks exist"] = -began
    assert await reaches(client, early, present + reporters) == present + reporters
    took["mode 1, all tasks exist"] += time.perf_counter()
    for unit in here:
        assert (await asyncio.wait_for(unit.pushes.get(), OFFERED_WITHIN_S))[1] == "2.0.0"

    # A second dynamic job of the package is refused in the vendor's form.
    again = client.create_otadynamic_upgrade_job(
        m.CreateOTADynamicUpgradeJobRequest(firmware_id=first, product_key=key)
    ).body
    assert (again.success, again.code) == (False, "iot.ota.DynamicJobIsRunning")

    # Mode 2 takes nobody by itself, and whoever reports its version at once, over the earlier job's tasks.
    late = await asyncio.to_thread(dynamic, client, second, key, dynamic_mode=2, src_version=["1.0.1"])
    quiet = asyncio.Event()
    talking = asyncio.create_task(noise(talkers, quiet))
    await asyncio.sleep(1)
    assert await asyncio.to_thread(total, client, late) == 0
    waits = []
    for unit in here[: reporters // 2]:
        began = time.perf_counter()
        await unit.report("1.0.1")
        at, version = await asyncio.wait_for(unit.pushes.get(), OFFERED_WITHIN_S)
        assert version == "3.0.0"
        waits.append(at - began)
    quiet.set()
    took[f"offer after a report, median of {len(waits)}"] = statistics.median(waits)
    took["offer after a report, slowest"] = max(waits)
    took["noise, reports a second"] = await talking / (sum(waits) + 1)
    assert await asyncio.to_thread(total, client, late) == reporters // 2
    assert await asyncio.to_thread(total, client, early, task_status="CANCELED") == reporters // 2

    # The policies end: who reports now is taken by nobody; then the tasks are cancelled, and offered no more.
    for job in (late, early):
        answer = await asyncio.to_thread(client.cancel_otastrategy_by_job, m.CancelOTAStrategyByJobRequest(job_id=job))
        assert answer.body.success, answer.body.to_map()
    for unit in here[reporters // 2 :]:
        await unit.report("1.0.1")
    cancel = m.CancelOTATaskByJobRequest(job_id=early, cancel_queued_task=True, cancel_notified_task=True)
    assert (await asyncio.to_thread(client.cancel_otatask_by_job, cancel)).body.success
    assert await asyncio.to_thread(total, client, late) == reporters // 2
    for unit in here:  # nothing is offered after the cancel has returned, not even to who connects anew
        while not unit.pushes.empty():
            unit.pushes.get_nowait()
        await unit.report("1.0.0")
        await unit.wire.send(PINGREQ)
    await asyncio.sleep(1.5)
    assert [unit.name for unit in here[reporters // 2 :] if not unit.pushes.empty()] == []
    assert await asyncio.to_thread(total, client, early, task_status="CANCELED") == present + reporters
    for unit in (*here, *talkers):
        await unit.close()
    assert other != key
    return took


async def test_a_dynamic_job_over_a_small_fleet(server: Process) -> None:
    await story(server, present=500, reporters=10)


@pytest.mark.prove
@pytest.mark.timeout(900)
async def test_a_dynamic_job_over_100_000_devices(server: Process) -> None:
    for step, seconds in (await story(server, present=100_000, reporters=100)).items():
        print(f"{step}: {seconds:.3f}")
