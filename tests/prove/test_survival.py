"""L3: an acknowledged report survives kill -9 of the server and of PostgreSQL at any instant of a rollout."""

import asyncio
import random
import time
from collections.abc import Iterator

import pytest
from alibabacloud_iot20180120 import models as m
from alibabacloud_iot20180120.client import Client
from tests.prove.rollout import Process, package, patiently, product_with

from upwell.simulator.fleet import Fleet
from upwell.simulator.script import Rates
from upwell.simulator.wire import DeviceIdentity

IMAGE = random.Random(5).randbytes(2 * 1024 * 1024)
RATES = Rates(drop_mid_download=0.1, fail_download=0.05, fail_burn=0.05, repeat=0.2, reorder=0.1)
END_WITHIN_S = 90


@pytest.fixture
def server() -> Iterator[Process]:
    process = Process()
    process.start()
    yield process
    process.stop()


def begin(client: Client, firmware: str, product_key: str, kind: str) -> str:
    """A job over all devices; its id. A dynamic one makes tasks as devices report."""
    facts = {"firmware_id": firmware, "product_key": product_key}
    if kind == "dynamic":
        asked = m.CreateOTADynamicUpgradeJobRequest(**facts, dynamic_mode=1)
        return str(client.create_otadynamic_upgrade_job(asked).body.data.job_id)
    static = m.CreateOTAStaticUpgradeJobRequest(**facts, target_selection="ALL")
    return str(client.create_otastatic_upgrade_job(static).body.data.job_id)


async def rollout(server: Process, devices_count: int, cycles: int, seed: int, kind: str) -> tuple[Fleet, str, str]:
    """Roll out while killing the server and PostgreSQL in turn, `cycles` times each."""
    client = server.client()
    product_key, devices = product_with(client, devices_count)
    firmware = package(client, product_key, IMAGE)
    identities = [
        DeviceIdentity(product_key=product_key, device_name=n, device_secret=s, version="1.0.0") for n, s in devices
    ]
    fleet, until = Fleet("127.0.0.1", server.mqtt, identities, seed, RATES, "2.0.0"), asyncio.Event()
    running = asyncio.create_task(fleet.run(until))
    job = begin(client, firmware, product_key, kind)
    dice = random.Random(seed)
    for _ in range(cycles):
        await asyncio.sleep(dice.uniform(0.3, 1.5))
        server.kill()
        await asyncio.to_thread(server.start)
        await asyncio.sleep(dice.uniform(0.3, 1.5))
        server.kill_postgres()
    deadline = time.monotonic() + END_WITHIN_S
    while not fleet.settled() and time.monotonic() < deadline:
        await asyncio.sleep(0.2)
    await asyncio.sleep(1)
    until.set()
    await running
    return fleet, product_key, job


async def lost(server: Process, fleet: Fleet, product_key: str, job: str) -> list[str]:
    """Every acknowledged report that the server does not know of, and every task that ended otherwise."""
    client, problems = server.client(), []
    for device in fleet.devices:
        name = device.identity.device_name
        detail = await patiently(
            client.query_device_detail,
            m.QueryDeviceDetailRequest(product_key=product_key, device_name=name),
        )
        told = [r.value for r in device.acknowledged if r.kind == "inform"][-1]
        if detail.body.data.firmware_version != told:
            problems.append(f"{name}: acknowledged {told}, server has {detail.body.data.firmware_version}")
        tasks = await patiently(
            client.list_otatask_by_job,
            m.ListOTATaskByJobRequest(job_id=job, current_page=1, page_size=10, device_names=[name]),
        )
        state = [t.task_status for t in tasks.body.data.simple_otatask_info]
        if state != [device.script.expected]:
            problems.append(f"{name}: script says {device.script.expected}, tasks are {state}")
    return problems


async def prove(server: Process, devices: int, cycles: int, seed: int, kind: str) -> None:
    fleet, product_key, job = await rollout(server, devices, cycles, seed, kind)
    missing = await lost(server, fleet, product_key, job)
    acknowledged = sum(len(d.acknowledged) for d in fleet.devices)
    print(f"job={kind} cycles={cycles} acknowledged={acknowledged} lost={len(missing)}")
    assert fleet.astray() == [], [f"{d.identity.device_name} {d.script.expected} {d.outcome}" for d in fleet.astray()]
    assert missing == []


@pytest.mark.parametrize("kind", ["static", "dynamic"])
async def test_nothing_acknowledged_is_lost(server: Process, kind: str) -> None:
    await prove(server, devices=40, cycles=1, seed=1, kind=kind)


@pytest.mark.prove
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", ["static", "dynamic"])
async def test_nothing_acknowledged_is_lost_in_many_kills(server: Process, kind: str) -> None:
    await prove(server, devices=300, cycles=6, seed=2, kind=kind)


def test_sigterm_ends_it_with_its_children(server: Process) -> None:
    postgres = int((server.dir / "data/postgres/postmaster.pid").read_text().split()[0])
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 10
    with pytest.raises(ProcessLookupError):
        __import__("os").kill(postgres, 0)
