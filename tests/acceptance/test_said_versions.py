"""What devices say they run, as the vendors' own SDKs and clients show it to owners (issue 9, numbers 2, 3 and 5)."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from huaweicloudsdkiotda.v5 import model as m
from tests.mqttwire import publish

from acceptance.callers import OldSdk
from acceptance.client import Server, until
from acceptance.device import online
from acceptance.huawei_fleet import Fleet, new_fleet, only
from acceptance.stories import setting
from acceptance.stories.setting import tasks
from acceptance.test_checklist_devices import job_for
from acceptance.tuya_client import TuyaClient
from acceptance.tuyalink import connected, message, new_device, runs

PAGE = {"CurrentPage": 1, "PageSize": 10}
LONG = "x" * 257  # characters: one more than are kept
SAID = [("1.0.0", "1.0.0"), ("2.0+dev", "2.0+dev"), ("4.0 版本", "4.0 版本"), (LONG, ""), ("1.0", "1.0"), (7, "7")]


@pytest.fixture
def call(server: Server) -> OldSdk:
    return OldSdk(server.http, server.admin)


@pytest.fixture
def key(call: OldSdk) -> str:
    return setting.product(call)


@pytest.fixture
def tuya(server: Server) -> TuyaClient:
    return TuyaClient(address=server.http, key=server.new_key("default", "admin", "tuya"))


def test_alibaba_s_owner_sees_what_the_device_said_last(server: Server, call: OldSdk, key: str) -> None:
    """Issue 9, number 2: never the former version; an empty one is one that can't be known."""
    name, secret = setting.device(call, key)
    with online(server.mqtt, key, name, secret, "0.9") as device:
        topic = f"/ota/device/inform/{key}/{name}"
        for said, shown in SAID:
            payload = json.dumps({"id": "1", "params": {"version": said, "module": "default"}}, ensure_ascii=False)
            device.send(topic, b"\xef\xbb\xbf" + payload.encode() + b"\0")
            assert call("QueryDeviceDetail", ProductKey=key, DeviceName=name)["Data"]["FirmwareVersion"] == shown
            listed = call("ListOTAModuleVersionsByDevice", ProductKey=key, DeviceName=name, **PAGE)
            assert [each["ModuleVersion"] for each in listed["Data"]["SimpleOTAModuleInfo"]] == [shown]


@pytest.mark.parametrize("text", ["4.0+custom build", LONG])
def test_a_device_that_took_something_else_is_offered_no_more(
    server: Server, call: OldSdk, key: str, text: str
) -> None:
    """Issue 9, number 2: the task ends, and the offer does not come at each boot."""
    known = setting.device(call, key)
    job = job_for(call, [known[0]], key)
    with online(server.mqtt, key, *known, "1.0.0") as device:
        assert device.offered()["version"] == "2.0.0"
    with online(server.mqtt, key, *known, text) as device:
        [task] = until(lambda: tasks(call, job), lambda rows: rows[0]["TaskStatus"] == "FAILED")
        assert task["TaskDesc"] == "report version is not conform"
        assert device.ask() == {}


def test_a_device_that_comes_back_with_another_version_is_offered_from_there(
    server: Server, call: OldSdk, key: str
) -> None:
    """Issue 9, number 3: it was never offered anything; a filter that fits no more ends the task in words."""
    known, filtered = setting.device(call, key), setting.device(call, key)
    for name, secret in (known, filtered):
        with online(server.mqtt, key, name, secret, "1.0"):
            pass
    firmware = setting.package(call, key, b"image")
    whole = job_for(call, [known[0]], key, firmware)
    given: dict[str, Any] = {"FirmwareId": firmware, "ProductKey": key, "TargetSelection": "ALL", "SrcVersion": ["1.0"]}
    job = str(call("CreateOTAStaticUpgradeJob", **given)["Data"]["JobId"])
    until(lambda: tasks(call, job), lambda rows: len(rows) == 2)
    with online(server.mqtt, key, *known, "1.1") as device:
        assert device.offered()["version"] == "2.0.0"
        [task] = tasks(call, whole)
        assert task["SrcVersion"] == "1.1" and task["TaskStatus"] in ("QUEUED", "NOTIFIED")
        device.inform("2.0.0")
        assert tasks(call, whole)[0]["TaskStatus"] == "SUCCEEDED"
    with online(server.mqtt, key, *filtered, "1.1"):
        [task] = [row for row in tasks(call, job) if row["DeviceName"] == filtered[0]]
        assert task["TaskStatus"] == "FAILED" and "1.1" in task["TaskDesc"] and "1.0" in task["TaskDesc"]


def test_a_namesake_is_another_device(server: Server, call: OldSdk, key: str) -> None:
    """Issue 9, number 5: a running dynamic job takes it, and its lists begin with it."""
    name, secret = setting.device(call, key)
    firmware = setting.package(call, key, b"image")
    made = call("CreateOTADynamicUpgradeJob", FirmwareId=firmware, ProductKey=key, SrcVersion=["1.0"])
    job = str(made["Data"]["JobId"])
    with online(server.mqtt, key, name, secret, "1.0"):
        [former] = until(lambda: tasks(call, job), lambda rows: len(rows) == 1)
    call("DeleteDevice", ProductKey=key, DeviceName=name)
    again = call("RegisterDevice", ProductKey=key, DeviceName=name)["Data"]
    assert call("ListOTAJobByDevice", FirmwareId=firmware, ProductKey=key, DeviceName=name, **PAGE)["Total"] == 0
    with online(server.mqtt, key, name, again["DeviceSecret"], "1.0") as device:
        assert device.offered()["version"] == "2.0.0"
    rows = until(lambda: tasks(call, job), lambda rows: len(rows) == 2)
    assert {(row["IotId"], row["TaskStatus"] == "CANCELED") for row in rows} == {
        (former["IotId"], True), (again["IotId"], False)
    }  # fmt: skip
    assert call("ListOTAJobByDevice", FirmwareId=firmware, ProductKey=key, DeviceName=name, **PAGE)["Total"] == 1


async def test_tuya_s_owner_sees_what_the_device_said_last(server: Server, tuya: TuyaClient) -> None:
    """Issue 9, number 2: in TuyaLink's report, whatever stands beside it."""
    product = await asyncio.to_thread(tuya.new_product)
    device = await new_device(server, tuya, product)
    async with connected(device) as wire:
        for number, (said, shown) in enumerate(SAID, 1):
            listed = [{"channel": 999, "version": "1"}, {"channel": 0, "version": said}]
            payload = message({"bizType": "UPDATE", "otaChannel": listed}) + b"\0\0"
            await wire.send(publish(f"tylink/{device.device_id}/ota/firmware/report", payload, number))
            await runs(tuya, product, device, shown)


@pytest.fixture(scope="module")
def fleet(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    yield new_fleet(server, "huawei-said", tmp_path_factory.mktemp("fleet"))


async def test_huawei_s_owner_sees_what_the_device_said_last(fleet: Fleet) -> None:
    """Issue 9, number 2: by part; one that is null or empty says nothing."""
    device_id = fleet.device()
    async with fleet.online(device_id, "c") as device:
        for said, shown in SAID:
            before = len(device.pubacked)
            await device.say("version_report", {"fw_version": said, "sw_version": ""})
            await device.until(lambda before=before: len(device.pubacked) > before)  # type: ignore[misc]
            found = await asyncio.to_thread(fleet.client.show_device, m.ShowDeviceRequest(device_id=device_id))
            assert (found.fw_version, found.sw_version) == (shown, None)


async def test_a_huawei_device_of_an_unknown_version_takes_what_may_follow_any(fleet: Fleet) -> None:
    """Issue 9, number 2: and what may follow certain versions alone fails it."""
    device_id, other = fleet.device(), fleet.device()
    async with fleet.online(device_id, "go", version=LONG):
        shown = await fleet.over(fleet.task(fleet.package(), device_id))
        assert only(shown).status == "Success"
    async with fleet.online(other, "go", version=LONG) as device:
        package = fleet.package("V3.0", support_source_versions=["V1.0"])
        shown = await fleet.over(fleet.task(package, other))
        assert only(shown).status == "Fail" and not device.told("firmware_upgrade_v2")
