"""`upwell serve --workers N`: several processes on the same addresses and database are one server."""

import asyncio
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from test_command_line import FREE, refusal
from tests.prove.rollout import Process, package, product_with
from tests.prove.test_survival import IMAGE, RATES, begin, lost

from upwell.config.loading import load
from upwell.embedded.files import running_dsn
from upwell.simulator.fleet import Fleet
from upwell.simulator.wire import DeviceIdentity
from upwell.wiring.listeners import reserved

WITHIN_S = 120.0
WORKERS_SEEN = "select node_id, count(*) as n from presence where node_id is not null group by node_id"


class Shared(Process):
    """A server of two workers."""

    def command(self) -> list[str]:
        places = [("--http", self.http), ("--mqtt", self.mqtt), ("--download", self.download)]
        return [
            str(Path(sys.executable).with_name("upwell")), "serve", "--data-dir", str(self.dir / "data"),
            *(word for option, port in places for word in (option, f"127.0.0.1:{port}")), "--no-request-limits",
            "--metrics", "127.0.0.1:0",
        ]  # fmt: skip

    def start(self) -> None:
        env = {**os.environ, "UPWELL_BOOTSTRAP_KEY": ":".join(self.key), "UPWELL_WORKERS": "2"}
        (self.dir / "server.log").touch()
        starts = self.log().count("upwell ready")
        with (self.dir / "server.log").open("a") as log:
            self.process = subprocess.Popen(self.command(), env=env, stdout=log, stderr=log, text=True)
        self.wait_for("upwell ready", starts + 1)

    def log(self) -> str:
        return (self.dir / "server.log").read_text()

    def wait_for(self, text: str, times: int = 1) -> None:
        deadline = time.monotonic() + WITHIN_S
        while self.log().count(text) < times:
            assert self.process is not None and self.process.poll() is None, self.log()[-3000:]
            assert time.monotonic() < deadline, self.log()[-3000:]
            time.sleep(0.1)

    def workers(self) -> list[int]:
        """The pids of its workers that live."""
        assert self.process is not None
        told = subprocess.run(
            ["ps", "-o", "pid=,args=", "--ppid", str(self.process.pid)], capture_output=True, text=True, check=False
        ).stdout
        return [int(line.split()[0]) for line in told.splitlines() if "upwell.cli.worker" in line]

    async def rows(self, text: str) -> list[dict[str, Any]]:
        dsn = running_dsn(self.dir / "data")
        assert dsn is not None
        conn = await asyncpg.connect(dsn)
        try:
            return [dict(row) for row in await conn.fetch(text)]
        finally:
            await conn.close()


@pytest.fixture
def server() -> Iterator[Shared]:
    process = Shared()
    process.start()
    yield process
    process.stop()


@pytest.mark.timeout(500)
async def test_two_workers_are_one_server_though_one_is_killed(server: Shared) -> None:
    """A rollout to devices of both; one of them ends in the middle of it and is started again. Nothing is lost."""
    client = server.client()
    product_key, devices = product_with(client, 40)
    firmware = package(client, product_key, IMAGE)
    identities = [
        DeviceIdentity(product_key=product_key, device_name=n, device_secret=s, version="1.0.0") for n, s in devices
    ]
    fleet, over = Fleet("127.0.0.1", server.mqtt, identities, 11, RATES, "2.0.0"), asyncio.Event()
    running = asyncio.create_task(fleet.run(over))
    await settled(lambda: all_online(server, 30))
    assert len(await server.rows(WORKERS_SEEN)) == 2  # the system deals connections out
    before = counted(server)
    assert before["upwell_devices_connected"] >= 30 and before["upwell_worker_answered"] == 2
    job = begin(client, firmware, product_key, "static")
    await asyncio.sleep(random.Random(11).uniform(0.2, 1))
    killed, stays = server.workers()
    os.kill(killed, signal.SIGKILL)
    await asyncio.to_thread(server.wait_for, "a worker ended")
    away = await asyncio.to_thread(counted_until, server, "worker started", 3)
    assert {each["upwell_worker_answered"] for each in away} >= {1}, "metrics are told while one is away"
    for earlier, later in pairwise([before, *away]):
        assert {name for name, value in earlier.items() if name.endswith("_total") and later[name] < value} == set()
    fresh = server.workers()
    assert stays in fresh and killed not in fresh and len(fresh) == 2
    during = counted(server)
    assert during["upwell_worker_answered"] == 2
    assert {name for name, value in before.items() if name.endswith("_total") and during[name] < value} == set()
    await settled(lambda: asyncio.sleep(0, fleet.settled()))
    over.set()
    await running
    assert fleet.astray() == [] and await lost(server, fleet, product_key, job) == []
    assert server.log().count("key made") <= 1
    assert server.stop() == 0


def counted(server: Shared) -> Counter[str]:
    """The sum of each metric over its labels, as an independent reader of the format finds them."""
    [place] = set(re.findall(r"metrics=(\S+)", server.log()))
    with urllib.request.urlopen(f"http://{place}/metrics", timeout=30) as answer:
        families = text_string_to_metric_families(answer.read().decode())
    found = Counter[str]()
    for family in families:
        for sample in family.samples:
            found[sample.name] += sample.value
    return found


def counted_until(server: Shared, text: str, times: int) -> list[Counter[str]]:
    """What is told again and again until the log has this."""
    found, deadline = [counted(server)], time.monotonic() + WITHIN_S
    while server.log().count(text) < times:
        assert time.monotonic() < deadline, server.log()[-3000:]
        found.append(counted(server))
    return found


async def all_online(server: Shared, count: int) -> bool:
    return sum(row["n"] for row in await server.rows(WORKERS_SEEN)) >= count


async def settled(holds: Any) -> None:
    deadline = time.monotonic() + 2 * WITHIN_S
    while not await holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.3)


@pytest.mark.timeout(400)
def test_its_workers_end_with_it_however_it_ends(server: Shared) -> None:
    again = refusal(*server.command()[1:3], str(server.dir / "other"), *server.command()[4:], UPWELL_WORKERS="2")
    assert "--http can't listen on" in again and "Address already in use" in again
    workers = server.workers()
    assert len(workers) == 2 and server.process is not None
    for pid in workers:
        os.kill(pid, signal.SIGHUP)  # as the parent does when it is told
    server.kill()
    deadline = time.monotonic() + WITHIN_S
    while any(Path(f"/proc/{pid}").exists() for pid in workers):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    server.start()
    assert len(server.workers()) == 2
    assert server.stop() == 0


@pytest.mark.timeout(400)
def test_what_can_not_be_started_is_one_line(tmp_path: Path) -> None:
    line = refusal("serve", *FREE, "--data-dir", str(tmp_path / "d"), "--workers", "0")
    assert "workers" in line and "from 1 to" in line
    (tmp_path / "file").touch()
    given = ("--objects-url", f"file://{tmp_path}/file", "--workers", "2")
    line = refusal("serve", *FREE, "--data-dir", str(tmp_path / "d"), *given)
    assert "objects_url" in line


def test_ports_are_reserved_for_processes_that_share_and_for_nobody_else(tmp_path: Path) -> None:
    places = {"http": "127.0.0.1:0", "mqtt": "127.0.0.1:0", "download": "127.0.0.1:0", "data_dir": str(tmp_path)}
    settings, held = reserved(load(places | {"mqtt_ws": "localhost:0"}, {}, None))
    ports = [settings.http.port, settings.download.port, settings.mqtt and settings.mqtt.port]
    assert all(ports) and len(set(ports)) == 3 and len(held) == 4 and settings.mqtts is None

    for port in ports:
        with pytest.raises(OSError, match="in use"):
            socket.create_server(("127.0.0.1", port or 0))
        socket.create_server(("127.0.0.1", port or 0), reuse_port=True).close()
    for each in held:
        each.close()
