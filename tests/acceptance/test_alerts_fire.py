"""A real Prometheus reads a real server, and its alerts fire for what happens there. The rules are those of `deploy/`,
with their minutes as seconds."""

import asyncio
import json
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_iot20180120 import models as m
from alibabacloud_iot20180120.client import Client
from demo.prometheus import found as program
from tests.prove.rollout import free_ports

from acceptance.client import Server, new_device, new_package, new_product
from acceptance.device import Device, online
from acceptance.test_metrics import IMAGE, login
from scratch import scratch

WITHIN_S = 120.0
DEVICES = 12
CONFIG = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
scrape_configs:
  - job_name: upwell
    static_configs: [{{targets: ["{metrics}"]}}]
"""


@pytest.fixture
def alerts(server: Server) -> Iterator[Callable[[], set[str]]]:
    """The names of the alerts that fire at this moment."""
    top, [port] = scratch("upwell-prometheus-"), free_ports(1)
    rules = Path("deploy/prometheus/alerts.yml").read_text()
    rules = re.sub(r"(for: |\[)(\d+)h\b", lambda found: f"{found[1]}{int(found[2]) * 60}m", rules)
    (top / "rules.yml").write_text(re.sub(r"(for: |\[)(\d+)m\b", r"\1\2s", rules))
    (top / "prometheus.yml").write_text(CONFIG.format(metrics=server.metrics))
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
