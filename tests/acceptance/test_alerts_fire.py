"""A real Prometheus reads a real server, and its alerts fire for what happens there. The rules are those of `deploy/`,
with their minutes as seconds. Each of them has its failure here."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_iot20180120 import models as m
from alibabacloud_iot20180120.client import Client
from demo.prometheus import found as program
from tests.prove.cluster import replicated
from tests.prove.rollout import Process, steady_ports

from acceptance.client import Server, new_device, new_package, new_product
from acceptance.device import Device, online
from acceptance.test_metrics import IMAGE, login
from scratch import scratch

sys.path.append(str(Path(__file__).parents[1] / "integration"))
from certificates import self_signed

WITHIN_S = 150.0
DEVICES = 12
RULES = Path("deploy/prometheus/alerts.yml")
PATIENT_S = 8  # longer than a worker that does not answer is waited for
CONFIG = """
global: {{scrape_interval: {every_s}s, scrape_timeout: {every_s}s, evaluation_interval: 1s}}
rule_files: [rules.yml]
scrape_configs:
  - job_name: upwell
    static_configs: [{{targets: ["{metrics}"]}}]
"""


@pytest.fixture
def alerts(server: Server) -> Iterator[Callable[[], set[str]]]:
    """The names of the alerts that fire at this moment."""
    with prometheus(server.metrics) as found:
        yield found


@contextmanager
def prometheus(metrics: str, every_s: int = 1, hour_s: int = 60) -> Iterator[Callable[[], set[str]]]:
    """One that reads that address so often, and for which an hour takes so long; what asks it which alerts fire."""
    top, [port] = scratch("upwell-prometheus-"), steady_ports(1)
    (top / "rules.yml").write_text(hurried(RULES.read_text(), hour_s))
    (top / "prometheus.yml").write_text(CONFIG.format(metrics=metrics, every_s=every_s))
    with (top / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                str(program("prometheus")), f"--config.file={top}/prometheus.yml",
                f"--storage.tsdb.path={top}/data", f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        yield lambda: firing(port)
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(top, ignore_errors=True)


def hurried(rules: str, hour_s: int) -> str:
    """These rules for a clock on which a minute is a second, and an hour so many."""
    rules = re.sub(r"(for: |\[|offset )(\d+)h\b", lambda found: f"{found[1]}{int(found[2]) * hour_s}s", rules)
    rules = re.sub(r"(for: |\[|offset )(\d+)m\b", r"\1\2s", rules)
    return re.sub(r"(upwell_archive_behind_seconds > )(\d+)", lambda found: f"{found[1]}{int(found[2]) // 60}", rules)


def test_each_rule_has_a_failure_here() -> None:
    provoked = set(re.findall(r'fires\(alerts, "(\w+)"', Path(__file__).read_text()))
    assert provoked == set(re.findall(r"alert: (\w+)", RULES.read_text()))


def firing(port: int) -> set[str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/alerts", timeout=5) as answer:
            told: dict[str, Any] = json.loads(answer.read())
    except OSError:  # it begins
        return set()
    return {each["labels"]["alertname"] for each in told["data"]["alerts"] if each["state"] == "firing"}


def fires(alerts: Callable[[], set[str]], name: str, meanwhile: Callable[[], object] = lambda: None) -> bool:
    deadline = time.monotonic() + WITHIN_S
    while name not in alerts():
        if time.monotonic() > deadline:
            return False
        meanwhile()
        time.sleep(0.3)
    return True


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.skipif(program("prometheus") is None, reason="no Prometheus: run python -m demo.prometheus")
def test_what_goes_wrong_fires_its_alert(server: Server, sdk: Client, alerts: Callable[[], set[str]]) -> None:
    product = new_product(sdk)
    name, _ = new_device(sdk, product)
    assert alerts() & {"UpwellLoginFailures", "UpwellRolloutFailing", "UpwellRolloutHeldByRate"} == set()
    assert fires(alerts, "UpwellLoginFailures", lambda: asyncio.run(login(server, product, name, "not its secret")))
    failing(server, sdk)
    assert fires(alerts, "UpwellRolloutFailing")
    with begun(server, sdk, 34, 10):  # more than its rate lets be offered in a minute
        assert fires(alerts, "UpwellRolloutHeldByRate")
    assert alerts() & {"UpwellDown", "UpwellNotReady", "UpwellEngineLate", "UpwellCertificateExpires"} == set()


def failing(server: Server, sdk: Client) -> None:
    """A rollout whose devices can't install what they are offered, beside one that never comes."""
    with begun(server, sdk, DEVICES, 1000) as devices:
        for device in devices:
            device.offered()
            device.progress(-4)


@contextmanager
def begun(server: Server, sdk: Client, count: int, per_min: int) -> Iterator[list[Device]]:
    """Devices that are online, all in a rollout with one that never comes."""
    product = new_product(sdk)
    firmware = new_package(sdk, product, IMAGE, need_to_verify=False)
    new_device(sdk, product)
    given = {"firmware_id": firmware, "product_key": product, "maximum_per_minute": per_min, "target_selection": "ALL"}
    with ExitStack() as stack:
        names = [new_device(sdk, product) for _ in range(count)]
        devices = [stack.enter_context(online(server.mqtt, product, *each, "1.0.0")) for each in names]
        made = sdk.create_otastatic_upgrade_job(m.CreateOTAStaticUpgradeJobRequest(**given)).body
        assert made.success, made.to_map()
        yield devices


@pytest.mark.slow
@pytest.mark.timeout(500)
@pytest.mark.skipif(program("prometheus") is None, reason="no Prometheus: run python -m demo.prometheus")
def test_what_goes_wrong_with_the_server_fires_its_alert(tmp_path: Path) -> None:
    """Its processes, its PostgreSQL and its certificate, one after another; the last of all is its end."""
    cert, key = self_signed(tmp_path)  # for nine days
    metrics, mqtts = steady_ports(2)
    own = Process(
        "--workers", "2", "--metrics", f"127.0.0.1:{metrics}", "--mqtts", f"127.0.0.1:{mqtts}",
        "--tls-cert", str(cert), "--tls-key", str(key),
    )  # fmt: skip
    own.start()
    try:
        with prometheus(f"127.0.0.1:{metrics}") as alerts:
            assert fires(alerts, "UpwellCertificateExpires")
            assert alerts() == {"UpwellCertificateExpires"}
            assert own.process is not None
            worker = next(each for each in children(own.process.pid) if "worker" in command(each))
            assert fires(alerts, "UpwellEventLoopLate", lambda: stopped(worker, 0.5))
        with prometheus(f"127.0.0.1:{metrics}", PATIENT_S) as alerts:
            with frozen([worker]):
                assert fires(alerts, "UpwellWorkerSilent")
            postmaster = int((own.dir / "data/postgres/postmaster.pid").read_text().split()[0])
            with frozen([postmaster, *children(postmaster)]):
                assert fires(alerts, "UpwellNotReady")
                assert fires(alerts, "UpwellEngineLate")
            assert "UpwellDown" not in alerts()
            own.kill()
            assert fires(alerts, "UpwellDown")
    finally:
        own.stop()


@pytest.mark.slow
@pytest.mark.timeout(500)
@pytest.mark.skipif(program("prometheus") is None, reason="no Prometheus: run python -m demo.prometheus")
def test_what_stands_still_and_what_is_full_fires_its_alert(tmp_path: Path) -> None:
    """A rollout whose devices never come, a small disk that is filled, an archive whose place is away."""
    [metrics] = steady_ports(1)
    objects, archive = tmp_path / "objects", tmp_path / "archive"
    objects.mkdir()
    own = Process(
        "--metrics", f"127.0.0.1:{metrics}", "--objects-url", f"file://{objects}", "--disk-floor-mb", "1",
        "--archive", str(archive), "--archive-timeout-s", "1", within=on_a_disk(objects, "64m"),
    )  # fmt: skip
    own.start()
    try:
        assert own.process is not None
        with prometheus(f"127.0.0.1:{metrics}", hour_s=10) as alerts:
            client = own.client()
            product = new_product(client)
            new_device(client, product)
            firmware = new_package(client, product, IMAGE, need_to_verify=False)
            given = {"firmware_id": firmware, "product_key": product, "target_selection": "ALL"}
            made = client.create_otastatic_upgrade_job(m.CreateOTAStaticUpgradeJobRequest(**given)).body
            assert made.success, made.to_map()
            wait_for(lambda: list(archive.glob("base/*/head.json")))
            assert alerts() == set()
            Path(f"/proc/{own.process.pid}/root/{objects}/filler").write_bytes(bytes(60 << 20))
            archive.rename(tmp_path / "away")
            archive.write_text("no folder any more")
            assert fires(alerts, "UpwellDiskFull")
            assert fires(alerts, "UpwellArchiveBehind")
            assert fires(alerts, "UpwellRolloutStalled")
            assert alerts() == {"UpwellDiskFull", "UpwellArchiveBehind", "UpwellRolloutStalled"}
    finally:
        own.stop()


def on_a_disk(folder: Path, size: str) -> list[str]:
    """What a command is begun by so that this folder is a disk of its own, which nobody else sees."""
    return ["unshare", "--mount", "sh", "-c", f'mount -t tmpfs -o size={size} tmpfs {folder} && exec "$@"', "sh"]


def wait_for(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.3)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(program("prometheus") is None, reason="no Prometheus: run python -m demo.prometheus")
async def test_a_standby_that_stands_still_or_is_gone_fires_its_alert() -> None:
    top, [metrics] = scratch("upwell-standby-"), steady_ports(1)
    try:
        async with replicated(top) as (primary, standby):
            own = Process("--metrics", f"127.0.0.1:{metrics}", "--database-url", primary.dsn)
            try:
                await asyncio.to_thread(own.start)
                with prometheus(f"127.0.0.1:{metrics}") as alerts:
                    with frozen([standby.pid, *children(standby.pid)]):
                        assert await lags(alerts)
                    await asyncio.to_thread(wait_for, lambda: "UpwellReplicationLag" not in alerts())
                    await asyncio.to_thread(standby.kill)
                    assert await lags(alerts)
            finally:
                await asyncio.to_thread(own.stop)
    finally:
        shutil.rmtree(top, ignore_errors=True)


async def lags(alerts: Callable[[], set[str]]) -> bool:
    return await asyncio.to_thread(lambda: fires(alerts, "UpwellReplicationLag"))


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


@contextmanager
def frozen(pids: list[int]) -> Iterator[None]:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def stopped(pid: int, seconds: float) -> None:
    with frozen([pid]):
        time.sleep(seconds)
