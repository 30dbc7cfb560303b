"""TuyaLink devices against `upwell serve` (tuya 4, 5): the C SDK imitated to the byte, the vendor's own Python SDK."""

import asyncio
import hmac
import json
import os
import random
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_iot20180120 import models as m
from alibabacloud_iot20180120.client import Client
from tests.imitations.tuyalink_c import TuyaLinkC

from acceptance.client import Server, serve
from acceptance.test_linkkit import PYTHON, _until_said
from acceptance.tls import certificate, free_port
from acceptance.tuya_client import TuyaClient
from acceptance.tuyalink import FINAL, ended, job_for, new_device, online, runs, settled, where
from mqttwire import WireClient, puback, publish
from upwell.simulator.fleet import simulate

IMAGE = random.Random(5).randbytes(70_001)
SDK_DEVICE = Path(__file__).with_name("tuyalink_sdk_device.py")


@pytest.fixture(scope="module")
def tuya(server: Server) -> TuyaClient:
    return TuyaClient(address=server.http, key=server.new_key("default", "admin", "tuya"))


# --- to the end -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["static", "verify"])
async def test_a_c_device_is_taken_to_2_0_0(server: Server, tuya: TuyaClient, kind: str) -> None:
    key = tuya.new_product()
    firmware = tuya.new_package(key, IMAGE, NeedToVerify="true" if kind == "verify" else "false")
    device = await new_device(server, tuya, key)
    async with online(device):
        await runs(tuya, key, device, "1.0.0")
        if kind == "verify":
            given = {"FirmwareId": firmware, "ProductKey": key, "TargetDeviceName": [device.device_id]}
            made = await asyncio.to_thread(tuya.do, "CreateOTAVerifyJob", given)
            job = made["data"]["jobId"]
        else:
            job = await job_for(tuya, key, firmware, device)
        await device.install()
        task = await ended(tuya, job)
        assert (task["taskStatus"], task["srcVersion"], task["destVersion"]) == ("SUCCEEDED", "1.0.0", "2.0.0")
        assert device.image == IMAGE
        assert len(device.offers) == 1
        offered = device.offers[0]
        assert (offered["size"], offered["channel"], offered["version"]) == (str(len(IMAGE)), 0, "2.0.0")
        assert (offered["upgradeType"], offered["execTime"]) == (0, 0)
        assert offered["url"] == offered["httpsUrl"] == offered["cdnUrl"]
        await runs(tuya, key, device, "2.0.0")
    info = await settled(
        lambda: tuya.do("QueryOTAFirmware", FirmwareId=firmware)["firmwareInfo"], lambda i: i["status"] in (-1, 1)
    )
    assert info["status"] == (1 if kind == "verify" else -1)


async def test_a_device_that_comes_online_later_is_offered_then_and_a_reboot_may_say_init(
    server: Server, tuya: TuyaClient
) -> None:
    key = tuya.new_product()
    firmware = tuya.new_package(key, IMAGE)
    device = await new_device(server, tuya, key, steps=())
    async with online(device):
        await runs(tuya, key, device, "1.0.0")
    job = await job_for(tuya, key, firmware, device)
    assert tuya.tasks(job)[0]["taskStatus"] == "QUEUED"
    device.takes = False
    async with online(device):
        await device.install()
        assert device.offers[0]["version"] == "2.0.0"
        rows = await settled(lambda: tuya.tasks(job), lambda rows: rows[0]["taskStatus"] == "NOTIFIED")
        assert rows[0]["taskStatus"] == "NOTIFIED"
    device.version = "2.0.0"
    async with online(device):
        assert (await ended(tuya, job))["taskStatus"] == "SUCCEEDED"


async def test_a_device_pulls_where_it_must_not_be_pushed(server: Server, tuya: TuyaClient) -> None:
    key = tuya.new_product()
    firmware = tuya.new_package(key, IMAGE)
    device = await new_device(server, tuya, key, asks=True)
    async with online(device):
        await device.run(lambda: bool(device.answers))
        assert device.answers[0]["data"] == {}
        assert device.answers[0]["msgId"] == "1"  # the second message of this boot
        await runs(tuya, key, device, "1.0.0")
    job = await job_for(tuya, key, firmware, device, NeedPush="false")
    async with online(device):
        await device.install()
        assert len(device.answers) == 2 and device.answers[1]["data"]["version"] == "2.0.0"
        assert (await ended(tuya, job))["taskStatus"] == "SUCCEEDED"


async def test_a_module_is_a_channel(server: Server, tuya: TuyaClient) -> None:
    key = tuya.new_product(TuyaChannels="3:radio")
    await asyncio.to_thread(tuya.do, "CreateOTAModule", ProductKey=key, ModuleName="radio")
    firmware = tuya.new_package(key, IMAGE, ModuleName="radio")
    device = await new_device(server, tuya, key, channel=3, version="0.9")
    async with online(device):
        await runs(tuya, key, device, "1.0.0")
        job = await job_for(tuya, key, firmware, device)
        await device.install()
        assert device.offers[0]["channel"] == 3
        assert (await ended(tuya, job))["taskStatus"] == "SUCCEEDED"
        versions = tuya.do("ListOTAModuleVersionsByDevice", ProductKey=key, DeviceName=device.device_id,
                           CurrentPage=1, PageSize=10)["data"]  # fmt: skip
        assert {row["moduleName"]: row["moduleVersion"] for row in versions} == {"default": "1.0.0", "radio": "2.0.0"}


async def test_a_long_version_is_only_cautioned(server: Server, tuya: TuyaClient) -> None:
    key = tuya.new_product()
    firmware = tuya.new_package(key, IMAGE, DestVersion="2.0.0-release.1")
    device = await new_device(server, tuya, key)
    async with online(device):
        await runs(tuya, key, device, "1.0.0")
        job = await job_for(tuya, key, firmware, device)
        await device.install()
        assert device.cautions == ["2.0.0-release.1"]
        assert (await ended(tuya, job))["taskStatus"] == "SUCCEEDED"


# --- to another end -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [40, 45, 49, 50, 77])
async def test_an_error_code_fails_the_task(server: Server, tuya: TuyaClient, code: int) -> None:
    key = tuya.new_product()
    firmware = tuya.new_package(key, IMAGE)
    device = await new_device(server, tuya, key, fails=code)
    async with online(device):
        await runs(tuya, key, device, "1.0.0")
        job = await job_for(tuya, key, firmware, device)
        await device.install()
        task = await ended(tuya, job)
        assert (task["taskStatus"], task["taskDesc"]) == ("FAILED", f"{code}:no room")


async def test_a_wrong_version_fails_the_task(server: Server, tuya: TuyaClient) -> None:
    key = tuya.new_product()
    firmware = tuya.new_package(key, IMAGE)
    device = await new_device(server, tuya, key, reports="1.5.0")
    async with online(device):
        await runs(tuya, key, device, "1.0.0")
        job = await job_for(tuya, key, firmware, device)
        await device.install()
        assert (await ended(tuya, job))["taskStatus"] == "FAILED"


async def test_repeating_the_source_version_changes_nothing(server: Server, tuya: TuyaClient) -> None:
    key = tuya.new_product()
    firmware = tuya.new_package(key, IMAGE)
    device = await new_device(server, tuya, key, reports="1.0.0")
    async with online(device):
        await runs(tuya, key, device, "1.0.0")
        job = await job_for(tuya, key, firmware, device)
        await device.install()
        rows = await settled(lambda: tuya.tasks(job), lambda rows: rows[0]["progress"] == "100")
        assert (rows[0]["taskStatus"], rows[0]["progress"]) == ("IN_PROGRESS", "100")
        await device.stop()
        device.reports, device.version = None, "2.0.0"
        await device.start()
        assert (await ended(tuya, job))["taskStatus"] == "SUCCEEDED"


# --- two kinds of devices in one product ----------------------------------------------------------------------------


async def native(server: Server, key: str, name: str, secret: str) -> str:
    """A device of Alibaba's kind from 1.0.0 to whatever it is offered; that version."""
    host, _, port = server.mqtt.rpartition(":")
    wire = await WireClient.open(host, int(port))
    content = f"clientId{key}.{name}deviceName{name}productKey{key}"
    password = hmac.new(secret.encode(), content.encode(), "sha256").hexdigest().encode()
    assert await wire.login(f"{key}.{name}|securemode=3,signmethod=hmacsha256|", f"{name}&{key}", password) == 0

    async def say(verb: str, params: dict[str, Any]) -> None:
        body = json.dumps({"id": "1", "params": params}).encode()
        await wire.send(publish(f"/ota/device/{verb}/{key}/{name}", body))

    await say("inform", {"version": "1.0.0"})
    offered = await wire.receive(60)
    assert offered.topic == f"/ota/device/upgrade/{key}/{name}"
    await wire.send(puback(offered.packet_id))
    version: str = json.loads(offered.payload)["data"]["version"]
    await say("progress", {"step": "50", "desc": ""})
    await say("inform", {"version": version})
    assert await wire.alive()
    await wire.close()
    return version


async def test_one_job_takes_both_kinds_of_devices(server: Server, tuya: TuyaClient, sdk: Client) -> None:
    key = tuya.new_product()
    firmware = tuya.new_package(key, IMAGE)
    apply_id = tuya.do("BatchRegisterDevice", ProductKey=key, Count=200)["data"]["applyId"]
    asked = {"ApplyId": apply_id, "PageSize": 50}
    await settled(lambda: tuya.do("QueryPageByApplyId", asked)["total"], lambda total: total == 200)
    rows = [row for n in range(1, 5) for row in tuya.do("QueryPageByApplyId", asked, CurrentPage=n)["applyDeviceList"]]
    made = [(row["deviceName"], row["deviceSecret"]) for row in rows]
    linked = [TuyaLinkC(**where(server), device_id=name, secret=secret) for name, secret in made[:100]]
    async with online(*linked):
        natives = [asyncio.create_task(native(server, key, *each)) for each in made[100:]]
        installs = [asyncio.create_task(device.install()) for device in linked]
        given = {"FirmwareId": firmware, "ProductKey": key, "TargetSelection": "ALL"}
        job = (await asyncio.to_thread(tuya.do, "CreateOTAStaticUpgradeJob", given))["data"]["jobId"]
        assert set(await asyncio.gather(*natives)) == {"2.0.0"}
        await asyncio.gather(*installs)
        done = {"JobId": job, "TaskStatus": "SUCCEEDED", "CurrentPage": 1, "PageSize": 100}
        page = await settled(lambda: tuya.do("ListOTATaskByJob", done), lambda page: page["total"] == 200, 40)
        assert page["total"] == 200
    assert all(device.image == IMAGE and len(device.offers) == 1 for device in linked)
    packages = sdk.list_otafirmware(m.ListOTAFirmwareRequest(current_page=1, page_size=10, product_key=key)).body
    theirs = packages.firmware_info.simple_firmware_info[0].firmware_id
    jobs = sdk.list_otajob_by_firmware(
        m.ListOTAJobByFirmwareRequest(firmware_id=theirs, current_page=1, page_size=10)
    ).body.data.simple_otajob_info
    names: set[str] = set()
    for number in (1, 2):
        listed = m.ListOTATaskByJobRequest(job_id=jobs[0].job_id, current_page=number, page_size=100)
        body = sdk.list_otatask_by_job(listed).body
        assert body.total == 200
        names |= {row.device_name for row in body.data.simple_otatask_info if row.task_status == "SUCCEEDED"}
    assert names == {name for name, _ in made}


async def test_simulated_devices_go_where_their_scripts_say(server: Server, tuya: TuyaClient) -> None:
    key = tuya.new_product()
    firmware = tuya.new_package(key, IMAGE)
    devices = [await new_device(server, tuya, key) for _ in range(12)]
    job = asyncio.create_task(
        asyncio.to_thread(
            tuya.do,
            "CreateOTAStaticUpgradeJob",
            {"FirmwareId": firmware, "ProductKey": key, "TargetSelection": "ALL"},
        )
    )
    identities = [
        {"product_key": key, "device_name": d.device_id, "device_secret": d.secret, "version": "1.0.0", "kind": "tuya"}
        for d in devices
    ]
    rates = {"drop_mid_download": 0.3, "fail_download": 0.2, "fail_verify": 0.2, "repeat": 0.3, "reorder": 0.3}
    config = {"devices": identities, "target_version": "2.0.0", "seed": 3, "duration_s": 40}
    told = await simulate(config | where(server) | {"rates": rates | {"delay_s": 0.2}})
    assert (told["as_scripted"], told["problems"], told["unacknowledged"]) == (12, [], 0)
    rows = await settled(
        lambda: tuya.tasks(job.result()["data"]["jobId"]), lambda rows: {r["taskStatus"] for r in rows} <= set(FINAL)
    )
    assert Counter(row["taskStatus"] for row in rows) == told["expected"]
    assert len(told["expected"]) == 2


# --- the vendor's Python SDK ----------------------------------------------------------------------------------------


def test_the_vendors_sdk_connects_and_stays(tmp_path: Path) -> None:
    cert, private, port = *certificate(tmp_path), free_port()
    options = ["--mqtts", f"127.0.0.1:{port}", "--tls-cert", str(cert), "--tls-key", str(private)]
    with serve(*options) as server:
        tuya = TuyaClient(address=server.http, key=server.new_key("default", "admin", "tuya"))
        key = tuya.new_product()
        name, secret = tuya.new_device(key)
        assert PYTHON.exists(), f"{PYTHON} is made by `make setup`"
        with (tmp_path / "device.log").open("w") as log:
            process = subprocess.Popen(
                [PYTHON, SDK_DEVICE, str(port), name, secret, tmp_path],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, cwd=tmp_path,
                env=os.environ | {"SSL_CERT_FILE": str(cert)},
            )  # fmt: skip
            with process:
                try:
                    said: list[dict[str, Any]] = []
                    _until_said(process, "connected", said)
                    shown = tuya.do("QueryDeviceDetail", ProductKey=key, DeviceName=name)["data"]
                    assert shown["status"] == "ONLINE"
                    assert process.stdin is not None
                    for _ in range(3):
                        process.stdin.write("push\n")
                        process.stdin.flush()
                        assert _until_said(process, "pushed", said)["acknowledged"]
                    process.stdin.close()
                    assert _until_said(process, "ended", said)["drops"] == 0
                finally:
                    process.kill()
