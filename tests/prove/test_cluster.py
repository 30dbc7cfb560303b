"""Several nodes behind haproxy, a PostgreSQL with a standby, one S3 server: in a rollout a node is killed, then the
primary, and the standby promoted. Every device ends as scripted, no law is broken, and with synchronous replication
nothing that was acknowledged is lost."""

import asyncio
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest
from demo.haproxy import found
from tests.haproxy import needs_haproxy
from tests.integration.certificates import self_signed, trusting
from tests.mqttwire import connect
from tests.prove import laws
from tests.prove.cluster import BACKUP, CONFIGURATION, Cluster, cluster
from tests.prove.rollout import package, product_with
from tests.prove.test_backup import RATES as ENDING_WELL
from tests.prove.test_backup import STANDS, forgotten
from tests.prove.test_survival import IMAGE, begin, lost

from upwell.simulator.fleet import Fleet
from upwell.simulator.script import Rates
from upwell.simulator.wire import DeviceIdentity

pytestmark = needs_haproxy
RATES = Rates(drop_mid_download=0.1, fail_download=0.05, fail_burn=0.05, repeat=0.2, reorder=0.1)
SYNCHRONOUS = {"synchronous_standby_names": "FIRST 1 (standby1)"}
TOP = Path(__file__).parents[2]
WITHIN_S = 240.0


async def until(holds: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.1)


class Rollout:
    """One to a simulated fleet by haproxy."""

    def __init__(self, of: Cluster, devices_count: int, seed: int, rates: Rates = RATES) -> None:
        self.of, client = of, of.client()
        self.product_key, devices = product_with(client, devices_count)
        firmware = package(client, self.product_key, IMAGE)
        identities = [
            DeviceIdentity(product_key=self.product_key, device_name=n, device_secret=s, version="1.0.0")
            for n, s in devices
        ]
        self.fleet = Fleet("127.0.0.1", of.ports["mqtt"], identities, seed, rates, "2.0.0")
        self.over = asyncio.Event()
        self.running = asyncio.create_task(self.fleet.run(self.over))
        self.job = begin(client, firmware, self.product_key, "static")

    def ended(self) -> int:
        return sum(device.outcome is not None for device in self.fleet.devices)

    async def reaches(self, share: float) -> None:
        await until(lambda: self.ended() >= share * len(self.fleet.devices), f"a share of {share} did not end")

    async def judged(self) -> int:
        """How many reports were acknowledged; nothing of them is lost, and no law is broken."""
        await self.reaches(1.0)
        deadline = time.monotonic() + WITHIN_S
        while missing := await lost(self.of, self.fleet, self.product_key, self.job):  # type: ignore[arg-type]
            assert time.monotonic() < deadline, missing
            await asyncio.sleep(1)
        self.over.set()
        await self.running
        astray = [f"{each.identity.device_name}: {each.problems}" for each in self.fleet.astray()]
        assert astray == []
        return sum(len(device.acknowledged) for device in self.fleet.devices)


async def proven(one: Cluster, devices_count: int, seed: int) -> None:
    """A node dies in the middle of a rollout, then the primary; the node comes back when both have happened."""
    rollout = Rollout(one, devices_count, seed)
    await rollout.reaches(0.2)
    await one.killed_node(0)
    await rollout.reaches(0.4)
    ended, began = rollout.ended(), time.monotonic()
    await one.failed_over()
    await until(lambda: all(node.answers() for node in one.nodes[1:]), "a node is not ready after the failover")
    ready_s = time.monotonic() - began
    await asyncio.to_thread(one.nodes[0].start)
    acknowledged = await rollout.judged()
    broken = await asyncio.to_thread(laws.broken, one.standby.dsn)
    figures = {
        "nodes": len(one.nodes), "devices": devices_count, "ended_before_failover": ended,
        "ready_again_s": f"{ready_s:.1f}", "acknowledged": acknowledged, "lost": 0, "broken": len(broken),
    }  # fmt: skip
    print(*(f"{name}={value}" for name, value in figures.items()))
    assert ended < devices_count, "the primary did not die in the middle of the rollout"
    assert broken == []
    before, found, after = one.log().partition("Traceback")
    assert not found, before[-300:] + found + after[:4000]


def test_the_page_and_the_configuration_are_what_is_proved() -> None:
    page = (TOP / "docs/cluster.md").read_text()
    assert BACKUP in page and f"synchronous_standby_names = '{SYNCHRONOUS['synchronous_standby_names']}'" in page
    looked = subprocess.run(
        [str(found()), "-c", "-f", TOP / CONFIGURATION], capture_output=True, text=True, check=False
    )
    assert looked.returncode == 0, looked.stderr


@pytest.fixture
def by_tls(tmp_path: Path) -> list[str]:
    cert, key = self_signed(tmp_path, kind="rsa")
    return ["--tls-cert", str(cert), "--tls-key", str(key)]


@pytest.mark.timeout(300)
async def test_a_short_rollout_loses_a_node_and_the_primary(by_tls: list[str], tmp_path: Path) -> None:
    async with cluster(2, *by_tls, "--download-bytes-per-s", "4M", **SYNCHRONOUS) as one:
        await known_by_its_own_address(one, tmp_path / "cert.pem")
        await proven(one, 40, seed=1)


async def known_by_its_own_address(one: Cluster, cert: Path) -> None:
    """A device that is refused is in the log with its own address, by TLS and without, and not with haproxy's."""
    for source, name, tls in (("127.0.0.70", "mqtt", None), ("127.0.0.71", "mqtts", trusting(cert))):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", one.ports[name], ssl=tls, server_hostname="localhost" if tls else None, local_addr=(source, 0)
        )
        writer.write(connect("nobody", "nobody", b"wrong"))
        assert await reader.readexactly(2) == b"\x20\x02"
        writer.close()
        line = re.compile(rf"device login refused.*peer={re.escape(source)}:")
        await until(lambda line=line: line.search(one.log()), one.log())
    assert not re.search(r"device login refused.*peer=127\.0\.0\.1:", one.log())


@pytest.mark.prove
@pytest.mark.timeout(900)
@pytest.mark.parametrize("nodes", [2, 3])
@pytest.mark.parametrize("commit", ["on", "remote_apply"])
async def test_a_rollout_loses_a_node_and_the_primary(by_tls: list[str], nodes: int, commit: str) -> None:
    options = (*by_tls, "--download-bytes-per-s", "20M")
    async with cluster(nodes, *options, **SYNCHRONOUS, synchronous_commit=commit) as one:
        await proven(one, 300, seed=nodes)


@pytest.mark.prove
@pytest.mark.timeout(900)
@pytest.mark.parametrize("how", ["asynchronous", "synchronous"])
async def test_what_is_lost_when_the_standby_was_behind(by_tls: list[str], how: str) -> None:
    """The standby is cut off some time before the primary dies. Who waits for it acknowledges nothing meanwhile; who
    does not loses what was acknowledged since, and devices make it good when they connect again."""
    settings = SYNCHRONOUS if how == "synchronous" else {}
    async with cluster(2, *by_tls, "--download-bytes-per-s", "10M", **settings) as one:
        rollout = Rollout(one, 200, 5, ENDING_WELL)
        await rollout.reaches(0.3)
        await one.parted()
        parted = time.monotonic()
        if how == "asynchronous":
            await rollout.reaches(0.6)
        else:
            await asyncio.sleep(5)
        await asyncio.to_thread(one.primary.kill)
        killed, at_kill = time.monotonic(), rollout.ended()
        conn = await asyncpg.connect(one.standby.dsn)
        stands = {row["name"]: (row["state"], row["version"]) for row in await conn.fetch(STANDS)}
        await conn.close()
        gone = forgotten(stands, rollout.fleet, killed)
        since = sum(parted < r.acknowledged_at < killed for d in rollout.fleet.devices for r in d.acknowledged)
        print(f"{how}: ended={at_kill} acknowledged_since_parted={since} of which the standby lacks={len(gone)}")
        await asyncio.to_thread(one.standby.promote)
        if how == "synchronous":
            assert gone == []
        else:
            assert gone, "the standby was not behind, and this proves nothing"
            await rollout.reaches(1.0)
            for node in one.nodes:  # an operator's way to have every device come again
                await asyncio.to_thread(node.kill)
                await asyncio.to_thread(node.start)
        await rollout.judged()
        assert await asyncio.to_thread(laws.broken, one.standby.dsn) == []
