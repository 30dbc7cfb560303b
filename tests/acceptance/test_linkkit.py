"""One device of the vendor's Python SDK goes from 1.0.0 to 2.0.0 (alibaba 6, 10.9), beside the management SDK."""

import json
import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_iot20180120 import models as m
from alibabacloud_iot20180120.client import Client

from acceptance.client import Server, new_device, new_package, new_product, until

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-linkkit" / "bin" / "python"
DEVICE = Path(__file__).with_name("linkkit_device.py")


@contextmanager
def _device(server: Server, product_key: str, name: str, secret: str, path: Path) -> Iterator["subprocess.Popen[str]"]:
    assert PYTHON.exists(), f"{PYTHON} is made by `make setup`"
    with (path.parent / "device.log").open("w") as log:
        process = subprocess.Popen(
            [PYTHON, DEVICE, server.mqtt.rpartition(":")[2], product_key, name, secret, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        with process:
            try:
                yield process
            finally:
                process.kill()


def _until_said(process: "subprocess.Popen[str]", what: str, said: list[dict[str, Any]]) -> dict[str, Any]:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith('{"what"'):
            said.append(json.loads(line))
            if said[-1]["what"] == what:
                return said[-1]
    raise AssertionError(f"the device ended with {process.wait()} before {what!r}, after {said}")


@pytest.mark.parametrize("kind", ["verify", "static"])
def test_linkkit_device_is_taken_to_2_0_0(server: Server, sdk: Client, tmp_path: Path, kind: str) -> None:
    image = random.Random(7).randbytes(300_001)
    key = new_product(sdk)
    name, secret = new_device(sdk, key)
    firmware = new_package(sdk, key, image, need_to_verify=kind == "verify")
    said: list[dict[str, Any]] = []
    with _device(server, key, name, secret, tmp_path / "image") as process:
        assert _until_said(process, "connected", said)["rc"] == 0
        asked = m.QueryDeviceDetailRequest(product_key=key, device_name=name)
        shown = until(lambda: sdk.query_device_detail(asked).body.data, lambda d: d.firmware_version == "1.0.0")
        assert (shown.firmware_version, shown.status) == ("1.0.0", "ONLINE")
        job = _job(sdk, kind, key, name, firmware)

        push = _until_said(process, "pushed", said)
        assert (push["kind"], push["version"], push["size"], push["method"]) == (1, "2.0.0", len(image), "Md5")
        assert _until_said(process, "downloaded", said)["result"] == "SUCCESS"
        assert (tmp_path / "image").read_bytes() == image
        task = until(lambda: _task(sdk, job), lambda t: t.task_status in ("SUCCEEDED", "FAILED"))
        assert (task.task_status, task.device_name) == ("SUCCEEDED", name)
        assert (task.src_version, task.dest_version) == ("1.0.0", "2.0.0")

        assert process.stdin is not None
        process.stdin.close()
        assert _until_said(process, "ended", said)["pushes"] == 1
        assert process.wait(20) == 0
    published = [(line["step"], line["acknowledged"]) for line in said if line["what"] == "published"]
    assert published == [("1", True), ("60", True), ("100", True)]
    package = until(
        lambda: sdk.query_otafirmware(m.QueryOTAFirmwareRequest(firmware_id=firmware)).body.firmware_info,
        lambda p: p.status in (-1, 1),
    )
    assert package.status == (1 if kind == "verify" else -1)
    ended = until(
        lambda: sdk.query_otajob(m.QueryOTAJobRequest(job_id=job)).body.data, lambda j: j.job_status == "COMPLETED"
    )
    assert ended.job_status == "COMPLETED"


def _job(sdk: Client, kind: str, key: str, name: str, firmware: str) -> str:
    given: dict[str, Any] = {"firmware_id": firmware, "product_key": key, "target_device_name": [name]}
    if kind == "verify":
        body = sdk.create_otaverify_job(m.CreateOTAVerifyJobRequest(**given)).body
    else:
        asked = m.CreateOTAStaticUpgradeJobRequest(target_selection="SPECIFIC", **given)
        body = sdk.create_otastatic_upgrade_job(asked).body
    assert body.success, body.to_map()
    return body.data.job_id


def _task(sdk: Client, job: str) -> Any:
    body = sdk.list_otatask_by_job(m.ListOTATaskByJobRequest(job_id=job, current_page=1, page_size=10)).body
    assert body.total == 1
    return body.data.simple_otatask_info[0]
