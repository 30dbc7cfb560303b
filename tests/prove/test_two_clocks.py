"""Two nodes on one database, behind a balancer: nothing acknowledged is lost and no law is broken while they are killed
in turn, nor when their clocks differ by minutes, nor when one of the workers of one program is killed."""

import asyncio
import os
import random
import re
import signal
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bench.machine import family
from tests.prove.laws import broken
from tests.prove.platform import Balancer, another_clock, postgres
from tests.prove.rollout import Process, package, product_with
from tests.prove.test_survival import IMAGE, RATES, begin, lost

from upwell.simulator.fleet import Fleet
from upwell.simulator.wire import DeviceIdentity

END_WITHIN_S = 120
AHEAD_S = 300  # of one node's clock
AT_REST_WITHIN_S = 30
SEED = 11


async def rolled_out(nodes: list[Process], dsn: str, devices: int, kills: int, kind: str) -> Fleet:
    """A rollout over all nodes while they are killed in turn; nothing is lost, and the laws hold at the end."""
    dice, client = random.Random(SEED), nodes[0].client()
    product_key, known = await asyncio.to_thread(product_with, client, devices)
    firmware = await asyncio.to_thread(package, client, product_key, IMAGE)
    balancer = Balancer(nodes, SEED)
    identities = [
        DeviceIdentity(product_key=product_key, device_name=n, device_secret=s, version="1.0.0") for n, s in known
    ]
    async with await balancer.start():
        fleet, until = Fleet("127.0.0.1", balancer.port, identities, SEED, RATES, "2.0.0"), asyncio.Event()
        running = asyncio.create_task(fleet.run(until))
        job = await asyncio.to_thread(begin, client, firmware, product_key, kind)
        for number in range(kills):
            await asyncio.sleep(dice.uniform(0.5, 2.0))
            node = nodes[number % len(nodes)]
            node.kill()
            await asyncio.to_thread(node.start)
        await settled(fleet)
        until.set()
        await running
    missing = await lost(nodes[0], fleet, product_key, job)
    acknowledged = sum(len(device.acknowledged) for device in fleet.devices)
    print(f"job={kind} kills={kills} carried={balancer.carried} acknowledged={acknowledged} lost={len(missing)}")
    assert fleet.astray() == [], [f"{d.identity.device_name} {d.script.expected} {d.outcome}" for d in fleet.astray()]
    assert missing == []
    assert min(balancer.carried.values()) > 0
    await lawful(dsn)
    return fleet


async def settled(fleet: Fleet) -> None:
    deadline = time.monotonic() + END_WITHIN_S
    while not fleet.settled() and time.monotonic() < deadline:
        await asyncio.sleep(0.2)
    await asyncio.sleep(1)


async def lawful(dsn: str) -> None:
    """No law is broken once all is at rest."""
    deadline = time.monotonic() + AT_REST_WITHIN_S
    while found := await asyncio.to_thread(broken, dsn):
        assert time.monotonic() < deadline, found
        await asyncio.sleep(1)


def a_node(dsn: str, objects: Path, variables: Mapping[str, str] | None = None) -> Process:
    return Process("--database-url", dsn, "--objects-url", f"file://{objects}", variables=variables)


async def two_nodes(devices: int, kills: int, kind: str, *, skewed: bool = False) -> None:
    async with postgres() as (dsn, folder):
        clock = another_clock(folder, AHEAD_S) if skewed else None
        nodes = [a_node(dsn, folder / "objects"), a_node(dsn, folder / "objects", clock)]
        try:
            for node in nodes:
                await asyncio.to_thread(node.start)
            if skewed:
                assert said_at(nodes[1]) - said_at(nodes[0]) > timedelta(seconds=AHEAD_S - 60)
            await rolled_out(nodes, dsn, devices, kills, kind)
        finally:
            for node in nodes:
                node.stop()


def said_at(node: Process) -> datetime:
    """By the node's own clock, when it first wrote into its log."""
    found = re.search(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d", (node.dir / "server.log").read_text())
    assert found is not None
    return datetime.fromisoformat(found[0]).replace(tzinfo=UTC)


@pytest.mark.prove
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", ["static", "dynamic"])
async def test_two_nodes_that_are_killed_in_turn_lose_nothing(kind: str) -> None:
    await two_nodes(200, 8, kind)


@pytest.mark.prove
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", ["static", "dynamic"])
async def test_two_nodes_whose_clocks_differ_by_minutes_lose_nothing(kind: str) -> None:
    await two_nodes(100, 2, kind, skewed=True)


def workers(server: Process) -> list[int]:
    """The pids of a server's workers: its children that are no PostgreSQL."""
    assert server.process is not None
    own = server.process.pid
    return [pid for pid, name in family(own).items() if pid != own and not name.startswith("postgres")]


@pytest.mark.prove
@pytest.mark.timeout(900)
async def test_two_workers_of_which_one_is_killed_now_and_then_lose_nothing() -> None:
    server, dice = Process("--workers", "2"), random.Random(SEED)
    server.start()
    try:
        client, over = server.client(), asyncio.Event()
        product_key, known = await asyncio.to_thread(product_with, client, 200)
        firmware = await asyncio.to_thread(package, client, product_key, IMAGE)
        identities = [
            DeviceIdentity(product_key=product_key, device_name=n, device_secret=s, version="1.0.0") for n, s in known
        ]
        fleet = Fleet("127.0.0.1", server.mqtt, identities, SEED, RATES, "2.0.0")
        running = asyncio.create_task(fleet.run(over))
        job = await asyncio.to_thread(begin, client, firmware, product_key, "static")
        for _ in range(6):
            await asyncio.sleep(dice.uniform(0.5, 2.0))
            while not (alive := workers(server)):  # both were killed just now
                assert server.process is not None and server.process.poll() is None, "the parent ended"
                await asyncio.sleep(0.05)
            os.kill(dice.choice(alive), signal.SIGKILL)
        await settled(fleet)
        over.set()
        await running
        missing = await lost(server, fleet, product_key, job)
        print(f"workers=2 kills=6 acknowledged={sum(len(d.acknowledged) for d in fleet.devices)} lost={len(missing)}")
        assert fleet.astray() == [] and missing == []
        await lawful(server.dsn)
    finally:
        server.stop()
