"""Two nodes on one database come to the next release and back, one at a time, in the midst of a rollout: nothing that
was acknowledged is lost, and no law is broken. And 0.1.0, which can't share a database with what came after it: it is
left alone while it lives."""

import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from tests.later import NOW, later, released, running
from tests.prove import laws
from tests.prove.platform import Balancer, postgres
from tests.prove.rollout import Process, package, product_with
from tests.prove.test_survival import begin, lost

from upwell.simulator.fleet import Fleet
from upwell.simulator.script import Rates
from upwell.simulator.wire import DeviceIdentity

IMAGE = random.Random(5).randbytes(2 * 1024 * 1024)
RATES = Rates(drop_mid_download=0.1, fail_download=0.05, fail_burn=0.05, repeat=0.2, reorder=0.1)
WITHIN_S = 240.0
# What the next release might bring: a column of the largest table, filled while devices report, and an index of it.
ADDS = """-- expand
alter table task add later text;

-- part: chunked
with few as (
    select device_id, job_id, nth from task
    where :after::text is null or device_id > :after::uuid order by device_id limit 5
), written as (
    update task t set later = t.state from few
    where t.device_id = few.device_id and t.job_id = few.job_id and t.nth = few.nth
)
select device_id::text from few order by device_id desc limit 1;

-- part: concurrently
create index concurrently task_later on task (later, device_id);
"""
TAKES_AWAY = f"-- contract {NOW + 1:04}\nalter table task drop column later;\n"  # and the one after that


@pytest.fixture
def top() -> Iterator[Path]:
    """Where copies of programs are; a short path, which whoever runs PostgreSQL may read."""
    with tempfile.TemporaryDirectory(prefix="upwell-later-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


class Rollout:
    """A fleet behind a balancer of two nodes, and the job that updates it."""

    def __init__(self, nodes: list[Process], devices: int) -> None:
        self.nodes = nodes
        self.client = nodes[0].client()
        self.product, found = product_with(self.client, devices)
        self.firmware = package(self.client, self.product, IMAGE)
        self.identities = [
            DeviceIdentity(product_key=self.product, device_name=name, device_secret=secret, version="1.0.0")
            for name, secret in found
        ]

    def begin(self, port: int) -> None:
        self.fleet = Fleet("127.0.0.1", port, self.identities, 3, RATES, "2.0.0")
        self.over = asyncio.Event()
        self.running = asyncio.create_task(self.fleet.run(self.over))
        self.job = begin(self.client, self.firmware, self.product, "static")

    def ended(self) -> int:
        return sum(device.outcome is not None for device in self.fleet.devices)

    async def end(self) -> None:
        """All devices have ended, and what they said last is written."""
        deadline = time.monotonic() + WITHIN_S
        while not self.fleet.settled() or await lost(self.nodes[-1], self.fleet, self.product, self.job):
            assert time.monotonic() < deadline, f"{self.ended()} of {len(self.identities)} have ended"
            await asyncio.sleep(0.5)
        self.over.set()
        await self.running

    async def judge(self, dsn: str) -> str:
        missing = await lost(self.nodes[-1], self.fleet, self.product, self.job)
        assert (missing, self.fleet.astray()) == ([], [])
        assert await asyncio.to_thread(laws.broken, dsn) == []
        return f"acknowledged={sum(len(d.acknowledged) for d in self.fleet.devices)} lost={len(missing)}"


@asynccontextmanager
async def platform(*, slow: str, first: dict[str, str]) -> AsyncIterator[tuple[str, list[Process], Balancer]]:
    """A DSN, two nodes on it that begin as the program `first` and are not started, and a balancer before them."""
    async with postgres() as (dsn, folder):
        shared = ("--database-url", dsn, "--objects-url", f"file://{folder}/objects")
        nodes = [Process(*shared, variables=first) for _ in range(2)]
        nodes[1].key = nodes[0].key
        balancer = Balancer(nodes, 1)
        door = await balancer.start()
        try:
            for node in nodes if slow else ():
                node.options = (*node.options, "--download-bytes-per-s", slow)
            yield dsn, nodes, balancer
        finally:
            for node in nodes:
                if node.process is not None:
                    node.stop()
            door.close()


def leave(node: Process) -> None:
    """It ends as an operator ends it."""
    assert node.process is not None
    node.process.terminate()
    assert node.process.wait(60) == 0


async def turn_to(node: Process, program: dict[str, str]) -> None:
    """The node is stopped, and started as that program."""
    await asyncio.to_thread(leave, node)
    node.variables = program
    await asyncio.to_thread(node.start)


async def version(dsn: str) -> int:
    conn = await asyncpg.connect(dsn)
    try:
        return int(await conn.fetchval("select max(version) from schema_version"))
    finally:
        await conn.close()


def check(dsn: str, program: dict[str, str]) -> str:
    """What that program's `upwell check` finds."""
    command = [str(Path(sys.executable).with_name("upwell")), "check", "--database-url", dsn]
    return subprocess.run(command, env=program, capture_output=True, text=True, check=False).stdout


async def test_a_node_comes_to_the_next_release_and_back(top: Path) -> None:
    await roll(top, 16, [(0, "next"), (0, "now")], slow="2M")


@pytest.mark.prove
@pytest.mark.timeout(1500)
async def test_two_nodes_come_to_the_next_releases_and_back(top: Path) -> None:
    """Forward, back, forward, and one further that takes away what the next one had stopped using."""
    turns = [(0, "next"), (1, "next"), (0, "now"), (1, "now"), (0, "next"), (1, "next"), (0, "after"), (1, "after")]
    dsn_told: list[str] = []
    await roll(top, 300, turns, slow="4M", too_old=dsn_told)
    assert f"step {NOW + 2} took away what this program uses" in dsn_told[0]


async def roll(
    top: Path, devices: int, turns: list[tuple[int, str]], *, slow: str, too_old: list[str] | None = None
) -> None:  # fmt: skip
    now = running(Path(laws.__file__).parents[2] / "src")
    programs = {"now": now, "next": later(top / "next", ADDS)}
    if too_old is not None:
        programs["after"] = later(top / "after", ADDS, TAKES_AWAY)
    async with platform(slow=slow, first=now) as (dsn, nodes, balancer):
        await asyncio.to_thread(nodes[0].start)
        await asyncio.to_thread(nodes[1].start)
        rollout = Rollout(nodes, devices)
        rollout.begin(balancer.port)
        for number, program in turns:
            before = rollout.ended()
            assert (number, program) != turns[0] or before < devices, "the rollout was over too soon"
            await turn_to(nodes[number], programs[program])
            assert all(node.answers() for node in nodes), "a node beside another release is not ready"
            print(
                f"node {number} is of `{program}`, schema {await version(dsn)}; {before} devices had ended before, "
                f"{rollout.ended()} after"
            )
        await rollout.end()
        print(f"turns={len(turns)} carried={list(balancer.carried.values())} {await rollout.judge(dsn)}")
        assert await version(dsn) == NOW + (1 if too_old is None else 2)
        if too_old is not None:
            await asyncio.to_thread(leave, nodes[0])
            nodes[0].variables = now
            with pytest.raises(AssertionError, match="did not start") as refused:
                await asyncio.to_thread(nodes[0].start)
            too_old.append(str(refused.value))
        assert "differences: 0" in await asyncio.to_thread(check, dsn, programs[turns[-1][1]])


@pytest.mark.timeout(500)
async def test_a_release_that_can_not_share_is_left_alone_while_it_lives(top: Path) -> None:
    """0.1.0 updates its devices undisturbed by a node that comes too early; once it is stopped that one takes over."""
    try:
        old = released(top)
    except LookupError as exc:
        pytest.skip(str(exc))
    async with platform(slow="", first=old) as (dsn, (before, after), balancer):
        after.variables = {}
        await asyncio.to_thread(before.start)
        was, rollout = await version(dsn), Rollout([before, after], 60)
        rollout.begin(balancer.port)
        with pytest.raises(AssertionError, match=r"Stop them.*upwell migrate --nodes-are-dead") as refused:
            await asyncio.to_thread(after.start)
        assert "upwell of before 0.2.0" in str(refused.value)
        assert (before.answers(), await version(dsn)) == (True, was)
        await asyncio.to_thread(leave, before)
        await asyncio.to_thread(after.start)
        await rollout.end()
        print(f"refused while 0.1.0 lived, then schema {await version(dsn)}: {await rollout.judge(dsn)}")
        assert await version(dsn) == NOW
        assert "differences: 0" in await asyncio.to_thread(check, dsn, dict(os.environ))
