"""The C Link SDK 4, imitated to the byte, against `upwell serve` (alibaba 6, 10.10): nothing of it is the server's."""

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from alibabacloud_iot20180120 import models as m
from alibabacloud_iot20180120.client import Client
from tests.imitations.c4 import C4, Unreadable, find
from tests.imitations.http import DownloadFailed
from tests.imitations.mqtt import Refused

from acceptance.client import Server, new_device, new_package, new_product, new_sdk, serve, until

IMAGE = random.Random(11).randbytes(100_003)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server whose links have no port, for C4 does not take one out of a URL (alibaba 6.7)."""
    with serve("--public-url", "http://127.0.0.1", "--dynamic-registration", "any") as running:
        yield running


@pytest.fixture
def sdk(server: Server) -> Client:
    return new_sdk(server.http, server.admin)


@pytest.fixture
def device(server: Server, sdk: Client) -> Iterator[C4]:
    """A connected device of a new product, at version 1.0.0."""
    key = new_product(sdk)
    c4 = C4(server.mqtt, key, *new_device(sdk, key))
    c4.connect()
    c4.report_version("1.0.0")
    yield c4
    c4.mqtt.close()


def download_port(server: Server) -> int:
    return int(server.download.rpartition(":")[2])


def new_job(sdk: Client, device: C4, **more: Any) -> str:
    firmware = new_package(sdk, device.key, IMAGE, need_to_verify=False)
    asked = m.CreateOTAStaticUpgradeJobRequest(
        firmware_id=firmware, product_key=device.key, target_selection="SPECIFIC", target_device_name=[device.name],
        **more,
    )  # fmt: skip
    body = sdk.create_otastatic_upgrade_job(asked).body
    assert body.success, body.to_map()
    return str(body.data.job_id)


def task_of(sdk: Client, job: str) -> Any:
    asked = m.ListOTATaskByJobRequest(job_id=job, current_page=1, page_size=10)
    [one] = sdk.list_otatask_by_job(asked).body.data.simple_otatask_info
    return one


def settled(sdk: Client, job: str, *states: str) -> Any:
    task = until(lambda: task_of(sdk, job), lambda t: t.task_status in states)
    assert task.task_status in states, task.to_map()
    return task


@pytest.mark.parametrize("slices", [1, 7])
def test_pushed_downloaded_and_succeeded(server: Server, sdk: Client, device: C4, slices: int) -> None:
    job = new_job(sdk, device)
    task = device.pushed_task()
    assert (task.version, task.size, task.method, task.module) == ("2.0.0", len(IMAGE), "Md5", None)
    assert device.download(task, download_port(server), slices=slices) == IMAGE
    assert settled(sdk, job, "IN_PROGRESS").task_status == "IN_PROGRESS"  # alibaba 6.4: 100 is not success
    device.report_version("2.0.0")
    assert settled(sdk, job, "SUCCEEDED").src_version == "1.0.0"
    assert device.query() is None


def test_pulled(server: Server, sdk: Client, device: C4) -> None:
    assert device.query() is None
    job = new_job(sdk, device, need_push="false")
    settled(sdk, job, "QUEUED")
    task = until(device.query, lambda t: t is not None)
    assert task is not None and device.download(task, download_port(server)) == IMAGE
    device.report_version("2.0.0")
    settled(sdk, job, "SUCCEEDED")


@pytest.mark.parametrize("step", [-1, -2, -3, -4])
def test_failures(sdk: Client, device: C4, step: int) -> None:
    job = new_job(sdk, device)
    task = device.pushed_task()
    device.progress(0, task)
    device.progress(step, task, "why")
    assert settled(sdk, job, "FAILED").task_desc
    device.progress(50, task)
    assert settled(sdk, job, "FAILED")


def test_a_digest_that_differs_is_found_by_the_device(server: Server, sdk: Client, device: C4) -> None:
    job = new_job(sdk, device)
    task = device.pushed_task()
    with pytest.raises(DownloadFailed, match="digest"):
        device.download(replace(task, digest="0" * 32), download_port(server))
    device.progress(-3, task)
    settled(sdk, job, "FAILED")


def test_the_links_of_a_cancelled_job_die(server: Server, sdk: Client, device: C4) -> None:
    job = new_job(sdk, device)
    task = device.pushed_task()
    assert device.download(task, download_port(server)) == IMAGE
    sdk.cancel_otatask_by_job(
        m.CancelOTATaskByJobRequest(job_id=job, cancel_queued_task=True, cancel_notified_task=True,
                                    cancel_in_progress_task=True)
    )  # fmt: skip
    settled(sdk, job, "CANCELED")

    def refused() -> bool:
        try:
            device.download(task, download_port(server))
        except DownloadFailed as exc:
            return "404" in str(exc)
        return False

    assert until(refused, bool)


def test_a_url_with_a_port_is_a_host_that_nobody_has(device: C4, server: Server, sdk: Client) -> None:
    """Why the server of this file runs with a public URL without one."""
    new_job(sdk, device)
    task = device.pushed_task()
    assert ":" not in task.host
    with pytest.raises(OSError):
        device.download(replace(task, host="127.0.0.1:1"), download_port(server))


@pytest.mark.parametrize(
    ("extend", "assigned"),
    [("", None), ("user=1,timestamp=7,", None), ("", ""), ("", "assigned"), ("instanceId=iot-1", None)],
)
def test_every_form_of_its_login(server: Server, sdk: Client, extend: str, assigned: str | None) -> None:
    key = new_product(sdk)
    name, secret = new_device(sdk, key)
    for given, right in ((secret, True), ("wrong", False)):
        c4 = C4(server.mqtt, key, name, given)
        try:
            c4.connect(extend=extend, assigned=assigned)
            assert right
        except Refused as refused:
            assert (right, refused.code) == (False, 4)
        c4.mqtt.close()


def test_registered_device_asks_for_its_secret(server: Server, sdk: Client) -> None:
    key = new_product(sdk)
    product_secret = sdk.query_product(m.QueryProductRequest(product_key=key)).body.data.product_secret
    name, secret = new_device(sdk, key)
    c4 = C4(server.mqtt, key, name, "")
    assert c4.enrol(product_secret) == {"deviceSecret": secret}
    c4.mqtt.close()
    online = C4(server.mqtt, key, name, secret)
    online.connect()
    until(lambda: _status(sdk, key, name), lambda s: s == "ONLINE")
    again = C4(server.mqtt, key, name, "")
    with pytest.raises(Refused):
        again.enrol(product_secret)
    again.mqtt.close()
    online.mqtt.close()


def test_unknown_device_gets_a_token_and_an_update(server: Server, sdk: Client) -> None:
    key = new_product(sdk)
    product_secret = sdk.query_product(m.QueryProductRequest(product_key=key)).body.data.product_secret
    c4 = C4(server.mqtt, key, "nobody-knows-me", "")
    grant = c4.enrol(product_secret, "regnwl")
    c4.mqtt.close()
    device = C4(server.mqtt, key, "nobody-knows-me", "")
    device.connect_by_token(grant["clientId"], grant["deviceToken"])
    device.report_version("1.0.0")
    job = new_job(sdk, device)
    assert device.download(device.pushed_task(), download_port(server)) == IMAGE
    device.report_version("2.0.0")
    settled(sdk, job, "SUCCEEDED")
    device.mqtt.close()


def test_download_over_mqtt(sdk: Client, device: C4) -> None:
    job = new_job(sdk, device, download_protocol="MQTT")
    task = device.pushed_task()
    assert task.stream and not task.host
    assert device.download_by_mqtt(task) == IMAGE
    device.report_version("2.0.0")
    settled(sdk, job, "SUCCEEDED")


def test_its_reader_has_the_traps_of_the_reference() -> None:
    """The imitation itself: were it a real JSON reader, the tests above would prove nothing."""
    assert find('{"a":{"url":"x","b":"}"}}', "url") == "x"
    assert find('{"a":{"b":"}"}}', "a") == '{"b":"}'
    for text in ('{"v":"url","url":"x"}', '{"url" :"x"}', "{}"):
        with pytest.raises(Unreadable):
            find(text, "url")


def _status(sdk: Client, key: str, name: str) -> str:
    asked = m.QueryDeviceDetailRequest(product_key=key, device_name=name)
    return str(sdk.query_device_detail(asked).body.data.status)
