"""The C SDK 3, imitated to the byte, against `upwell serve` (alibaba 6): its own topics, its own way to download."""

import random
from collections.abc import Iterator
from typing import Any

import pytest
from alibabacloud_iot20180120 import models as m
from alibabacloud_iot20180120.client import Client
from tests.imitations.c3 import C3

from acceptance.client import Server, new_device, new_package, new_product, until

IMAGE = random.Random(12).randbytes(70_001)


@pytest.fixture
def device(server: Server, sdk: Client) -> Iterator[C3]:
    """A connected device of a new product, at version 1.0.0."""
    key = new_product(sdk)
    c3 = C3(server.mqtt, key, *new_device(sdk, key))
    c3.connect()
    c3.report_version("1.0.0")
    yield c3
    c3.mqtt.close()


def new_job(sdk: Client, device: C3, **more: Any) -> str:
    firmware = new_package(sdk, device.key, IMAGE, need_to_verify=False)
    asked = m.CreateOTAStaticUpgradeJobRequest(
        firmware_id=firmware, product_key=device.key, target_selection="SPECIFIC", target_device_name=[device.name],
        **more,
    )  # fmt: skip
    body = sdk.create_otastatic_upgrade_job(asked).body
    assert body.success, body.to_map()
    return str(body.data.job_id)


def settled(sdk: Client, job: str, state: str) -> Any:
    asked = m.ListOTATaskByJobRequest(job_id=job, current_page=1, page_size=10)
    task = until(
        lambda: sdk.list_otatask_by_job(asked).body.data.simple_otatask_info[0], lambda t: t.task_status == state
    )
    assert task.task_status == state, task.to_map()
    return task


def test_pushed_once_downloaded_and_succeeded(sdk: Client, device: C3) -> None:
    job = new_job(sdk, device)
    task = device.answer("upgrade")
    assert task is not None and (task.version, task.size, task.module) == ("2.0.0", len(IMAGE), None)
    assert device.answer("upgrade", 1.0) is None  # it subscribed to what is pushed anyway: one copy
    assert device.download(task) == IMAGE
    settled(sdk, job, "IN_PROGRESS")
    device.report_version("2.0.0")
    settled(sdk, job, "SUCCEEDED")


def test_a_download_resumes(sdk: Client, device: C3) -> None:
    new_job(sdk, device)
    task = device.answer("upgrade")
    assert task is not None
    assert device.download(task, 40_000, IMAGE[:40_000]) == IMAGE


def test_the_legacy_question(sdk: Client, device: C3) -> None:
    device.request("1.0.0")
    assert device.answer("request", 1.0) is None  # nothing to do is silence
    job = new_job(sdk, device, need_push="false")
    settled(sdk, job, "QUEUED")
    device.request("1.0.0")
    task = device.answer("request")
    assert task is not None and device.download(task) == IMAGE
    device.report_version("2.0.0")
    settled(sdk, job, "SUCCEEDED")


@pytest.mark.parametrize("step", [-1, -2, -3, -4])
def test_failures(sdk: Client, device: C3, step: int) -> None:
    job = new_job(sdk, device)
    assert device.answer("upgrade") is not None
    device.progress(0, "Enter in downloading state")
    device.progress(step, "failed")
    assert settled(sdk, job, "FAILED")
