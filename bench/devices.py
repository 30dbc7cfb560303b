"""The device doors: messages acknowledged after commit, logins, memory, CPU; a bare edge with group commit beside them.

One in flight a connection. The bare edge (bare.py) writes to the same PostgreSQL, for the same crowd, in turn with the
server, so that both meet the same machine.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
from alibabacloud_iot20180120 import models as m
from tests.prove.rollout import Process, package, product_with

from bench.crowds import CrowdProcess, Device, addresses, crowd
from bench.figures import Figures
from bench.machine import cpu_s, resident

CONNECTIONS = 1000
IDLE = 4000
SPAN_S = 6.0
WARM_S = 1.0
ROUNDS = 2
AT_ONCE = 200  # logins under way
PER_PROCESS = 10_000.0
SHARE = 0.6
LOGINS = 4_000.0
IDLE_KB = 5.0
OFFERED_WITHIN_S = 300.0
Served = tuple[CrowdProcess, int]  # a crowd, and the process that serves it
WORKERS = 1.15  # CPU per report of two workers against one's


def measure(figures: Figures) -> None:
    """A server of one process, the yardstick beside it, and two workers."""
    server = Process()
    server.start()
    try:
        key, known = product_with(server.client(), CONNECTIONS + IDLE)
        devices: list[Device] = [(key, name, secret) for name, secret in known]
        with _bare(server, devices[:CONNECTIONS]) as beside:
            _speeds(figures, server, key, devices, beside)
        one = _cost(server, devices[:CONNECTIONS])
    finally:
        server.stop()
    figures.note("CPU per version report, one process", one, "us")
    if (two := _two_workers()) is not None:
        bound = (f"at most {WORKERS} x", lambda value, beside: value <= WORKERS * beside)
        figures.note("CPU per version report, two workers", two, "us", beside=("one process", one), goal=bound)


def _speeds(figures: Figures, server: Process, key: str, devices: list[Device], bare: Served) -> None:
    assert server.process is not None
    with crowd(server.mqtt, devices[:CONNECTIONS], addresses(4)) as people:
        for what, name in (("report", "version reports"), ("ask", "asks with nothing to offer")):
            _in_turn(figures, what, name, (people, server.process.pid), bare)
        logins = max(people.log_in_again(AT_ONCE)["per_s"] for _ in range(ROUNDS))
        yardstick = max(bare[0].log_in_again(AT_ONCE)["per_s"] for _ in range(ROUNDS))
        goal = (f"{LOGINS:,.0f}/s", lambda value, beside: value >= LOGINS)
        figures.note("logins", logins, "/s", beside=("bare edge", yardstick), goal=goal)
        before = resident(server.process.pid)
        with crowd(server.mqtt, devices[CONNECTIONS:], addresses(6)):
            time.sleep(1)
            kb = (resident(server.process.pid) - before) / IDLE / 1024
        small = (f"at most {IDLE_KB:.0f} KB", lambda value, beside: value <= IDLE_KB)
        figures.note("memory of an idle connection", kb, "KB", goal=small)
        _offered(server, key, people)
        _in_turn(figures, "progress", "progress reports that rise", (people, server.process.pid), bare)
        _in_turn(figures, "ask", "asks for an offer that is there", (people, server.process.pid), bare)


def _span(people: CrowdProcess, what: str, *costs: int) -> dict[str, float]:
    """The figures of a span, and `cpu_us`: what a message cost these processes and what came of them."""
    people.begin(what)
    time.sleep(WARM_S)
    people.end()
    before = sum(sum(cpu_s(pid)) for pid in costs)
    people.begin(what)
    time.sleep(SPAN_S)
    told = people.end()
    spent = sum(sum(cpu_s(pid)) for pid in costs) - before
    return {**told, "cpu_us": spent / max(told["count"], 1) * 1e6}


def _in_turn(figures: Figures, what: str, name: str, people: Served, bare: Served) -> None:
    """The server and the bare edge, one after the other and again. The edge's rows are in the server's PostgreSQL."""
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(_span(people[0], what, people[1]))
        theirs.append(_span(bare[0], "report", people[1], bare[1]))
    rate, yardstick = (statistics.mean(each["per_s"] for each in found) for found in (ours, theirs))
    goal = (
        f"{PER_PROCESS:,.0f}/s or {SHARE:.0%} of the bare edge",
        lambda value, beside: value >= PER_PROCESS or value >= SHARE * beside,
    )
    figures.note(name, rate, "/s", beside=("bare edge", yardstick), goal=goal)
    cost, least = (statistics.mean(each["cpu_us"] for each in found) for found in (ours, theirs))
    figures.note(f"{name}, CPU of one", cost, "us", beside=("bare edge", least))
    figures.note(f"{name}, slowest of a span", max(each["slowest_ms"] for each in ours), "ms")


def _offered(server: Process, key: str, people: CrowdProcess) -> None:
    """Every device of the crowd has taken an offer of a job."""
    client = server.client()
    asked = m.CreateOTAStaticUpgradeJobRequest(
        firmware_id=package(client, key, b"x" * 1024, "9.0.0"), product_key=key, target_selection="ALL",
        maximum_per_minute=1000,
    )  # fmt: skip
    people.begin("idle")
    body = client.create_otastatic_upgrade_job(asked).body
    assert body.success, body.to_map()
    page = m.ListOTATaskByJobRequest(job_id=body.data.job_id, current_page=1, page_size=1, task_status="NOTIFIED")
    deadline = time.monotonic() + OFFERED_WITHIN_S
    while client.list_otatask_by_job(page).body.total < CONNECTIONS:
        assert time.monotonic() < deadline, "not all were offered"
        time.sleep(0.5)
    people.end()


@contextmanager
def _bare(server: Process, devices: list[Device]) -> Iterator[Served]:
    """A crowd at the bare edge, which has a database of its own beside the server's."""
    dsn = asyncio.run(_database(server.dsn))
    given = {"dsn": dsn, "key": devices[0][0], "secrets": {name: secret for _, name, secret in devices}}
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.bare"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(json.dumps(given) + "\n")
    process.stdin.flush()
    try:
        port = int(json.loads(process.stdout.readline())["port"])
        with crowd(port, devices, addresses(5)) as people:
            yield people, process.pid
    finally:
        process.communicate("\n", timeout=30)


async def _database(dsn: str) -> str:
    conn = await asyncpg.connect(dsn)
    await conn.execute("create database bare")
    await conn.close()
    return dsn.replace("/upwell?", "/bare?", 1)


def _cost(server: Process, devices: list[Device]) -> float:
    """Microseconds of CPU, the server's and its PostgreSQL's, for a version report of a crowd that goes all out."""
    assert server.process is not None
    with crowd(server.mqtt, devices, addresses(7)) as people:
        return _span(people, "report", server.process.pid)["cpu_us"]


def _two_workers() -> float | None:
    """The same of two workers; None for a program that has none."""
    upwell = Path(sys.executable).with_name("upwell")
    told = subprocess.run([upwell, "serve", "--help"], capture_output=True, text=True, check=True).stdout
    if "--workers" not in told:
        return None
    server = Process("--workers", "2")
    server.start()
    try:
        key, known = product_with(server.client(), CONNECTIONS)
        return _cost(server, [(key, name, secret) for name, secret in known])
    finally:
        server.stop()
