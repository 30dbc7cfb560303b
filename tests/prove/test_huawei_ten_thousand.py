"""10,000 Huawei devices in one batch task, by the vendor's SDK: 5 % fail, 5 % say nothing after their offer.

The devices are played in a process of their own. At every look the subtasks add up to the targets (L2), and at the end
each device stands as its script says. How fast is printed, not judged.
"""

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkiotda.v5 import IoTDAClient
from huaweicloudsdkiotda.v5 import model as m
from tests.prove.rollout import Process, product_with

from upwell.simulator.script import Rates, plan

pytestmark = [pytest.mark.prove, pytest.mark.timeout(900)]
DEVICES = 10_000
IMAGE = random.Random(3).randbytes(64 * 1024)
RATES = {"fail_download": 0.02, "fail_verify": 0.02, "fail_burn": 0.01, "silent": 0.05}
SEED = 4
WITHIN_S = 600  # a time-out, not a measurement
UPWELL = str(Path(sys.executable).with_name("upwell"))


@pytest.fixture
def server() -> Iterator[Process]:
    process = Process()
    process.start()
    yield process
    process.stop()


def run(server: Process, *command: str) -> str:
    """What a command beside the server prints."""
    done = subprocess.run(
        [UPWELL, *command, "--data-dir", str(server.dir / "data")], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def sdk(server: Process) -> Any:
    """Huawei's client with a key of the account that has the devices."""
    made = json.loads(run(server, "key", "create", "--dialect", "huawei", "--role", "admin", "--json"))
    credentials = BasicCredentials(made["id"], made["secret"], made["project_id"])
    builder = IoTDAClient.new_builder().with_credentials(credentials)
    return builder.with_endpoint(f"http://127.0.0.1:{server.http}").build()


def package(server: Process, client: Any, product: str) -> str:
    image = server.dir / "upgrade.bin"
    image.write_bytes(IMAGE)
    run(server, "object", "put", "--bucket", "firmware", "--key", "a/upgrade.bin", str(image))
    app = client.show_applications(m.ShowApplicationsRequest()).applications[0].app_id
    place = m.ObsLocation(region_name="cn-north-4", bucket_name="firmware", object_key="a/upgrade.bin")
    body = m.CreateOtaPackage(
        app_id=app, package_type="firmwarePackage", product_id=product, version="2.0.0",
        file_location=m.FileLocation(obs_location=place),
    )  # fmt: skip
    return str(client.create_ota_package(m.CreateOtaPackageRequest(body=body)).package_id)


def played(server: Process, product: str, devices: list[tuple[str, str]]) -> "subprocess.Popen[str]":
    """The fleet, in a process that ends when it is told by the end of its time."""
    config = {
        "host": "127.0.0.1",
        "port": server.mqtt,
        "seed": SEED,
        "rates": RATES,
        "target_version": "2.0.0",
        "connects_per_s": 500,
        "duration_s": WITHIN_S,
        "devices": [
            {"product_key": product, "device_name": n, "device_secret": s, "version": "1.0.0", "kind": "huawei"}
            for n, s in devices
        ],
    }
    path = server.dir / "fleet.json"
    path.write_text(json.dumps(config))
    return subprocess.Popen([UPWELL, "simulate", str(path)], stdout=subprocess.PIPE, text=True)


def expected(count: int) -> dict[str, int]:
    """What the scripts of the fleet add up to."""
    scripts = [plan(SEED, index, Rates(**RATES)) for index in range(count)]
    silent = sum(script.silent for script in scripts)
    good = sum(script.expected == "SUCCEEDED" and not script.silent for script in scripts)
    return {"success": good, "fail": count - good - silent, "processing": silent}


def test_a_batch_task_of_ten_thousand(server: Process) -> None:
    product, devices = product_with(server.client(), DEVICES)
    client = sdk(server)
    package_id = package(server, client, product)
    fleet = played(server, product, devices)
    try:
        task, began = created(client, package_id, [f"{product}_{name}" for name, _ in devices]), time.monotonic()
        shown = settled(client, task, expected(DEVICES))
        print(f"\n{DEVICES} devices asked, offered and told of in {time.monotonic() - began:.0f} s: {shown}")
        client.stop_batch_task(m.StopBatchTaskRequest(task_id=task, body=m.BatchTargets()))
        after = settled(client, task, expected(DEVICES) | {"processing": 0})
        assert after["stopped"] == expected(DEVICES)["processing"]
        assert client.show_batch_task(m.ShowBatchTaskRequest(task_id=task)).batchtask.status == "Stopped"
    finally:
        fleet.terminate()
        fleet.communicate(timeout=30)


def created(client: Any, package_id: str, targets: list[str]) -> str:
    body = m.CreateBatchTask(
        task_name="ten_thousand", task_type="firmwareUpgrade", targets=targets, document={"package_ids": [package_id]}
    )
    return str(client.create_batch_task(m.CreateBatchTaskRequest(body=body)).task_id)


def settled(client: Any, task: str, wanted: dict[str, int]) -> dict[str, int]:
    """The counters once they are so; they always add up."""
    until, seen = time.monotonic() + WITHIN_S, {}
    while time.monotonic() < until:
        told = client.show_batch_task(m.ShowBatchTaskRequest(task_id=task, limit=1)).batchtask.task_progress
        seen = dict(told.to_dict())
        parts = sum(count for name, count in seen.items() if name != "total")
        assert parts == seen["total"] <= DEVICES
        assert seen["success"] <= wanted["success"] and seen["fail"] <= wanted["fail"]
        if wanted.items() <= seen.items() and seen["total"] == DEVICES:
            return seen
        time.sleep(1.0)
    raise AssertionError(f"{seen} never became {wanted}")
