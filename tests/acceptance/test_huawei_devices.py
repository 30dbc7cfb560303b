"""Huawei's whole path: packages and batch tasks by the vendor's own SDK, devices imitated (huawei 3, 5, 6)."""

import asyncio
import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from huaweicloudsdkiotda.v5 import model as m
from tests.imitations.huawei_go import HuaweiGo

from acceptance.client import Server, serve
from acceptance.huawei_client import new_device
from acceptance.huawei_fleet import IMAGE, SDKS, Fleet, new_fleet, only
from acceptance.tls import certificate


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One whose links are https, for C devices know nothing else (huawei 5.7)."""
    cert, key = certificate(tmp_path_factory.mktemp("tls"))
    with serve("--downloads", "127.0.0.1:0", "--tls-cert", str(cert), "--tls-key", str(key)) as running:
        yield running


@pytest.fixture(scope="module")
def fleet(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    return new_fleet(server, "huawei-devices", tmp_path_factory.mktemp("fleet"))


# --- to the end -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", tuple(SDKS))
async def test_each_sdk_is_taken_to_its_target(fleet: Fleet, kind: str) -> None:
    device_id = fleet.device()
    package = fleet.package(custom_info="notes")
    async with fleet.online(device_id, kind) as device:
        task = fleet.task(package, device_id)
        shown = await fleet.over(task)
        assert (shown.batchtask.status, only(shown).status) == ("Success", "Success")
        assert (shown.batchtask.task_progress.total, shown.batchtask.task_progress.success) == (1, 1)
        assert device.image == IMAGE
        assert [each for each, _ in device.events] == ["version_query", "firmware_upgrade_v2"]
        query, offer = (paras for _, paras in device.events)
        assert query == {}
        assert (offer["version"], offer["file_size"], offer["custom_info"]) == ("V2.0", len(IMAGE), "notes")
        assert "task_id" not in offer and "access_token" not in offer
        assert offer["url"].startswith("https://127.0.0.1:") and "/upgrade.bin?" in offer["url"]
        # Issue 9, number 23: no SDK's sample reports its version afterwards.
        told = fleet.client.show_device(m.ShowDeviceRequest(device_id=device_id))
        assert (told.fw_version, told.sw_version) == ("V2.0", "V1.0")


@pytest.mark.parametrize("kind", ["firmware", "software"])
async def test_a_c_device_succeeds_where_no_sign_was_given(fleet: Fleet, kind: str) -> None:
    """Issue 9, number 10: the C SDK's sample fails on any sign, so that one must go only when the owner gave it."""
    sign = hashlib.sha256(IMAGE).hexdigest()
    good, bad = fleet.device(), fleet.device()
    async with fleet.online(good, "c") as one, fleet.online(bad, "c") as other:
        plain = fleet.task(fleet.package(kind=f"{kind}Package"), good, kind=f"{kind}Upgrade")
        signed = fleet.task(fleet.package(kind=f"{kind}Package", sign=sign), bad, kind=f"{kind}Upgrade")
        assert only(await fleet.over(plain)).status == "Success"
        assert only(await fleet.over(signed)).status == "Fail"
        assert "sign" not in one.told(f"{kind}_upgrade_v2")[0]
        assert other.told(f"{kind}_upgrade_v2")[0]["sign"] == sign


async def test_a_python_device_may_take_its_time(fleet: Fleet) -> None:
    device_id = fleet.device()
    async with fleet.online(device_id, "python", pause_s=5.0) as device:
        shown = await fleet.over(fleet.task(fleet.package(), device_id))
        assert only(shown).status == "Success"
        assert len(device.told("firmware_upgrade_v2")) == 1


def test_a_timeout_that_was_not_given_is_told_as_never(fleet: Fleet) -> None:
    """Issue 9, number 13: auth_info.timeout is 0, in the answers to making, showing and changing a device."""
    made = new_device(fleet.client, fleet.product)
    given = new_device(fleet.client, fleet.product, auth_info=m.AuthInfo(timeout=7))
    assert (made.auth_info.timeout, given.auth_info.timeout) == (0, 7)
    for device, timeout in ((made, 0), (given, 7)):
        told = fleet.client.show_device(m.ShowDeviceRequest(device_id=device.device_id))
        change = m.UpdateDeviceRequest(device_id=device.device_id, body=m.UpdateDevice(device_name="n"))
        assert told.auth_info.timeout == fleet.client.update_device(change).auth_info.timeout == timeout


async def test_software_has_its_own_event_and_version(fleet: Fleet) -> None:
    device_id = fleet.device()
    package = fleet.package("S3.0", "softwarePackage")
    async with fleet.online(device_id, "go") as device:
        shown = await fleet.over(fleet.task(package, device_id, kind="softwareUpgrade", task_ext_info={"a": "1"}))
        assert only(shown).status == "Success"
        assert [each for each, _ in device.events] == ["version_query", "software_upgrade_v2"]
        assert all(paras["task_ext_info"] == {"a": "1"} for _, paras in device.events)


async def test_the_same_version_is_a_success_without_an_offer(fleet: Fleet) -> None:
    device_id = fleet.device()
    async with fleet.online(device_id, "java", version="V2.0") as device:
        shown = await fleet.over(fleet.task(fleet.package(), device_id))
        assert (shown.batchtask.status, only(shown).status) == ("Success", "Success")
        assert [each for each, _ in device.events] == ["version_query"]


async def test_the_device_shows_what_it_runs(fleet: Fleet) -> None:
    device_id = fleet.device()
    async with fleet.online(device_id, "c") as device:
        await fleet.over(fleet.task(fleet.package(), device_id))
        await device.say("version_report", device.versions())
        await device.until(lambda: len(device.pubacked) >= 3)
    shown = fleet.client.show_device(m.ShowDeviceRequest(device_id=device_id))
    assert (shown.fw_version, shown.sw_version) == ("V2.0", "V2.0")


# --- failures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "fails", "text"),
    [
        ("java", "download", "Connection lost during downloading process"),
        ("java", "check", "Integrity check failure for new downloaded package"),
        ("c", "install", "The device is in use"),
        ("go", "install", "Firmware update failed"),
        ("go", "inner", "The device reports an internal error"),
    ],
)
async def test_each_failure_has_its_text(fleet: Fleet, kind: str, fails: str, text: str) -> None:
    device_id = fleet.device()
    async with fleet.online(device_id, kind, fails=fails):
        shown = await fleet.over(fleet.task(fleet.package(), device_id))
        assert (shown.batchtask.status, only(shown).status) == ("Fail", "Fail")
        assert only(shown).error.error_msg.startswith(text)


async def test_a_version_that_no_package_follows_fails(fleet: Fleet) -> None:
    device_id = fleet.device()
    package = fleet.package(support_source_versions=["V0.9"])
    async with fleet.online(device_id, "go") as device:
        shown = await fleet.over(fleet.task(package, device_id))
        assert only(shown).status == "Fail" and [each for each, _ in device.events] == ["version_query"]


@pytest.mark.parametrize("fails", ["download", "crash"])
async def test_a_silent_device_stays_processing_until_it_is_stopped(fleet: Fleet, fails: str) -> None:
    device_id = fleet.device()
    async with fleet.online(device_id, "python", fails=fails) as device:
        task = fleet.task(fleet.package(), device_id)
        await device.until(lambda: device.told("firmware_upgrade_v2"))
        await asyncio.sleep(1.0)
        assert only(fleet.shown(task)).status == "Processing"
        fleet.client.stop_batch_task(m.StopBatchTaskRequest(task_id=task, body=m.BatchTargets()))
        shown = await fleet.over(task)
        assert (shown.batchtask.status, only(shown).status) == ("Stopped", "Stopped")


class Cut(HuaweiGo):
    """Its power is cut while it downloads."""

    async def upgrade(self, kind: str, paras: dict[str, Any]) -> None:
        await self._told(0, 30, self.version, "downloading")


@pytest.mark.parametrize("kind", tuple(SDKS))
async def test_a_device_whose_power_was_cut_is_offered_again(fleet: Fleet, kind: str) -> None:
    """Issue 9, number 22: it comes back with its old version, whatever it had said of the download."""
    device_id = fleet.device()
    async with fleet.online(device_id, Cut) as device:
        task = fleet.task(fleet.package(), device_id)
        await device.until(lambda: device.told("firmware_upgrade_v2") and len(device.pubacked) >= 2)
        assert only(fleet.shown(task)).status == "Processing"
    async with fleet.online(device_id, kind) as device:
        assert only(await fleet.over(task)).status == "Success"
        assert [each for each, _ in device.events] == ["version_query", "firmware_upgrade_v2"]
        assert device.image == IMAGE


async def test_a_failed_device_is_tried_again_by_hand(fleet: Fleet) -> None:
    good, bad = fleet.device(), fleet.device()
    async with fleet.online(good, "go"), fleet.online(bad, "go", fails="install") as device:
        task = fleet.task(fleet.package(), good, bad)
        shown = await fleet.over(task)
        assert shown.batchtask.status == "PartialSuccess"
        assert {each.target: each.status for each in shown.task_details} == {good: "Success", bad: "Fail"}
        device.fails = None
        fleet.client.retry_batch_task(m.RetryBatchTaskRequest(task_id=task, body=m.BatchTargets(targets=[bad])))
        shown = await fleet.until(task, lambda shown: shown.batchtask.status == "Success")
        assert len(device.told("firmware_upgrade_v2")) == 2


# --- waits ----------------------------------------------------------------------------------------------------------


async def test_a_device_that_is_away_is_waited_for(fleet: Fleet) -> None:
    device_id = fleet.device()
    task = fleet.task(fleet.package(), device_id)
    shown = await fleet.until(task, lambda shown: shown.task_details)
    assert only(shown).status == "Waitting"
    async with fleet.online(device_id, "java"):
        assert only(await fleet.over(task)).status == "Success"


async def test_a_task_waits_for_its_confirmation(fleet: Fleet) -> None:
    device_id = fleet.device()
    async with fleet.online(device_id, "c") as device:
        task = fleet.task(fleet.package(), device_id, need_confirm=True)
        await fleet.until(task, lambda shown: shown.task_details)
        await asyncio.sleep(1.5)
        assert only(fleet.shown(task)).status == "Waitting" and device.events == []
        fleet.client.confirm_batch_task(m.ConfirmBatchTaskRequest(task_id=task, body=m.BatchTargets()))
        assert only(await fleet.over(task)).status == "Success"


async def test_a_second_task_of_one_device_is_a_conflict(fleet: Fleet) -> None:
    device_id = fleet.device()
    package = fleet.package()
    first = fleet.task(package, device_id)
    await fleet.until(first, lambda shown: shown.task_details)
    shown = await fleet.over(fleet.task(package, device_id))
    assert only(shown).status == "Fail" and only(shown).error.error_msg.startswith("Task Conflict")
    async with fleet.online(device_id, "go"):
        assert only(await fleet.over(first)).status == "Success"


# --- gateways -------------------------------------------------------------------------------------------------------


class Gateway(HuaweiGo):
    """Answers for the devices behind it, each with the version it runs, and updates each at once."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.of: dict[str, list[tuple[str, dict[str, Any]]]] = {}

    def check_subject(self, message: dict[str, Any]) -> None:
        self.subject = message["object_device_id"]
        service = message["services"][0]
        self.of.setdefault(self.subject, []).append((service["event_type"], service["paras"]))

    def written(self, service: str, kind: str, paras: dict[str, Any]) -> bytes:
        return super().written(service, kind, paras).replace(self.device_id.encode(), self.subject.encode())

    async def upgrade(self, kind: str, paras: dict[str, Any]) -> None:
        await super().upgrade(kind, paras)
        self.version = "V1.0"  # the next device's


async def test_a_gateway_updates_what_is_behind_it_in_its_own_mode(fleet: Fleet) -> None:
    gateway = fleet.device()
    subs = [fleet.device(gateway_id=gateway) for _ in range(3)]
    package = fleet.package()
    async with fleet.online(gateway, Gateway) as device:
        assert isinstance(device, Gateway)
        task = fleet.task(package, *subs, task_mode="GATEWAY")
        shown = await fleet.over(task)
        assert shown.batchtask.status == "Success"
        assert device.of.keys() == set(subs)
        for events in device.of.values():
            assert [each for each, _ in events] == ["version_query", "firmware_upgrade_v2"]
            assert all((p["task_id"], p["sub_device_count"]) == (task, 3) for _, p in events)
