"""A flood: thousands of devices report as fast as they can. The server's memory stays within its bounds, every report
is acknowledged, and who asks or reports beside it is served."""

import asyncio
import contextlib
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from alibabacloud_iot20180120 import models as m
from tests.mqttwire import WireClient, publish
from tests.prove.rollout import Process, product_with

from upwell.simulator.speech import SPEECHES
from upwell.simulator.wire import DeviceIdentity

MEMORY_MAX = 600 * 1024 * 1024  # bytes of the server itself: 10 KB a connection, 20,000 reports that wait, and Python
SERVED_WITHIN_S = 60  # a time-out, not a measurement
AT_ONCE = 100  # logins under way


@pytest.fixture
def server() -> Iterator[Process]:
    process = Process()
    process.start()
    yield process
    process.stop()


def resident(pid: int) -> int:
    """Bytes of memory that the process holds."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


async def connected(server: Process, key: str, device: tuple[str, str], turns: asyncio.Semaphore) -> WireClient:
    name, secret = device
    identity = DeviceIdentity(product_key=key, device_name=name, device_secret=secret, version="-")
    client_id, username, password = SPEECHES["alibaba"].login(identity)
    async with turns:
        wire = await WireClient.open("127.0.0.1", server.mqtt)
        assert await wire.login(client_id, username, password.encode(), keep_alive_s=1200) == 0
    return wire


async def pour(wire: WireClient, key: str, name: str, count: int) -> int:
    """Send all reports at once and read the acknowledgements; returns how many came."""
    topic, flood = f"/ota/device/inform/{key}/{name}", b""
    for number in range(1, count + 1):
        body = json.dumps({"id": str(number), "params": {"version": f"1.{number}"}}).encode()
        flood += publish(topic, body, number)
    await wire.send(flood)
    seen: set[int] = set()
    while len(seen) < count:
        packet = await wire.receive(300)
        if packet.kind == 4:
            seen.add(packet.packet_id)
    return len(seen)


async def watch(pid: int, sizes: list[int]) -> None:
    while True:
        sizes.append(resident(pid))
        await asyncio.sleep(0.1)


async def bystander(server: Process, key: str, wire: WireClient, name: str, waits: list[float]) -> None:
    """Asks and reports, one after the other, while the flood goes on."""
    client, number = server.client(), 0
    asked = m.QueryDeviceDetailRequest(product_key=key, device_name=name)
    while True:
        number = number % 60_000 + 1
        began = time.monotonic()
        body = json.dumps({"id": "1", "params": {"version": f"2.{number}"}}).encode()
        await wire.send(publish(f"/ota/device/inform/{key}/{name}", body, number))
        while (await wire.receive(120)).kind != 4:
            pass
        told = (await asyncio.to_thread(client.query_device_detail, asked)).body.data
        assert told.firmware_version == f"2.{number}"
        waits.append(time.monotonic() - began)


async def flood(server: Process, devices: int, reports: int) -> tuple[int, list[float], float]:
    """Most memory in bytes, how long the bystander waited each time, and reports acknowledged a second."""
    assert server.process is not None
    client, turns = server.client(), asyncio.Semaphore(AT_ONCE)
    key, known = await asyncio.to_thread(product_with, client, devices + 1)
    wires = await asyncio.gather(*(connected(server, key, device, turns) for device in known))
    sizes: list[int] = []
    waits: list[float] = []
    beside = [
        asyncio.create_task(watch(server.process.pid, sizes)),
        asyncio.create_task(bystander(server, key, wires[-1], known[-1][0], waits)),
    ]
    began = time.monotonic()
    pours = (pour(wire, key, name, reports) for wire, (name, _) in zip(wires[:-1], known[:-1], strict=True))
    came = await asyncio.gather(*pours)
    speed = sum(came) / (time.monotonic() - began)
    while not waits and not beside[1].done():  # a small flood may be over before the bystander is served once
        await asyncio.sleep(0.05)
    for task in beside:
        assert not task.done() or task.result() is None
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    detail = m.QueryDeviceDetailRequest(product_key=key, device_name=known[0][0])
    assert (await asyncio.to_thread(client.query_device_detail, detail)).body.data.firmware_version == f"1.{reports}"
    for wire in wires:
        await wire.close()
    return max(sizes), waits, speed


async def prove(server: Process, devices: int, reports: int) -> None:
    most, waits, speed = await flood(server, devices, reports)
    print(
        f"devices={devices} reports={reports} memory_mib={most >> 20} acknowledged_per_s={speed:.0f} "
        f"bystander_s={statistics.median(waits):.2f} worst={max(waits):.2f} times={len(waits)}"
    )
    assert most < MEMORY_MAX and max(waits) < SERVED_WITHIN_S


async def test_a_small_flood_keeps_nobody_from_being_served(server: Process) -> None:
    await prove(server, 40, 50)


@pytest.mark.prove
@pytest.mark.timeout(900)
async def test_a_flood_keeps_nobody_from_being_served(server: Process) -> None:
    await prove(server, 2000, 100)
