"""One account, keys of two vendors: each sees the other's jobs over the same Huawei devices."""

import asyncio
import hashlib
from typing import Any

import pytest
from alibabacloud_iot20180120 import models as am

from acceptance.client import Server, new_package, new_sdk, unique
from acceptance.huawei_client import refusal
from acceptance.huawei_fleet import BUCKET, IMAGE, Fleet, new_fleet, only
from acceptance.tuya_client import TuyaClient

STATUS = {"Success": "SUCCEEDED", "Fail": "FAILED", "Waitting": "QUEUED", "Stopped": "CANCELED"}


@pytest.fixture(scope="module")
def fleet(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    return new_fleet(server, "tongues", tmp_path_factory.mktemp("fleet"))


@pytest.fixture(scope="module")
def alibaba(server: Server, fleet: Fleet) -> Any:
    return new_sdk(server.http, server.new_key("tongues", "admin"))


def tasks_of(alibaba: Any, job: str) -> list[Any]:
    asked = am.ListOTATaskByJobRequest(job_id=job, current_page=1, page_size=100)
    body = alibaba.list_otatask_by_job(asked).body
    assert body.success, body.to_map()
    return list(body.data.simple_otatask_info)


def job_of(alibaba: Any, firmware: str) -> Any:
    asked = am.ListOTAJobByFirmwareRequest(firmware_id=firmware, current_page=1, page_size=10)
    body = alibaba.list_otajob_by_firmware(asked).body
    assert body.success, body.to_map()
    [job] = body.data.simple_otajob_info
    return job


def firmware_of(alibaba: Any, product: str, version: str) -> str:
    asked = am.ListOTAFirmwareRequest(product_key=product, current_page=1, page_size=100, dest_version=version)
    [one] = alibaba.list_otafirmware(asked).body.firmware_info.simple_firmware_info
    return str(one.firmware_id)


async def test_a_batch_task_is_a_static_job_with_the_same_tasks(fleet: Fleet, alibaba: Any) -> None:
    version = unique("V")
    package = fleet.package(version)
    good, bad, away = (fleet.device() for _ in range(3))
    async with fleet.online(good, "go"), fleet.online(bad, "go", fails="install"):
        task = fleet.task(package, good, bad, away)
        shown = await fleet.until(task, lambda shown: shown.batchtask.task_progress.waitting == 1 and both(shown))
    job = job_of(alibaba, firmware_of(alibaba, fleet.product, version))
    assert (job.job_type, job.job_status) == ("UPGRADE_FIRMWARE", "IN_PROGRESS")
    seen = tasks_of(alibaba, job.job_id)
    nodes = {fleet.made[device_id].node_id: device_id for device_id in (good, bad, away)}
    assert {nodes[each.device_name]: each.task_status for each in seen} == {
        each.target: STATUS[each.status] for each in shown.task_details
    }
    assert {(each.product_key, each.job_id, each.dest_version) for each in seen} == {
        (fleet.product, job.job_id, version)
    }
    told = alibaba.query_otajob(am.QueryOTAJobRequest(job_id=job.job_id)).body.data
    assert (told.target_selection, told.dynamic_mode, told.job_id) == ("SPECIFIC", None, job.job_id)
    stopped = am.CancelOTATaskByJobRequest(job_id=job.job_id, cancel_queued_task=True, cancel_notified_task=True)
    assert alibaba.cancel_otatask_by_job(stopped).body.success
    over = await fleet.over(task)
    assert over.batchtask.status == "PartialSuccess" and over.batchtask.task_progress.stopped == 1


def both(shown: Any) -> bool:
    return bool(shown.batchtask.task_progress.success and shown.batchtask.task_progress.fail)


@pytest.mark.parametrize("kind", ["go", "python"])
async def test_a_job_of_alibabas_ends_by_the_results_of_huaweis_devices(fleet: Fleet, alibaba: Any, kind: str) -> None:
    version, image = unique("A"), b"image" * 1000
    firmware = new_package(alibaba, fleet.product, image, dest_version=version, need_to_verify=False, sign_method="MD5")
    good, bad = fleet.device(), fleet.device()
    names = [fleet.made[device_id].node_id for device_id in (good, bad)]
    async with fleet.online(good, kind) as one, fleet.online(bad, "go", fails="install") as other:
        asked = am.CreateOTAStaticUpgradeJobRequest(
            firmware_id=firmware, product_key=fleet.product, target_selection="SPECIFIC", target_device_name=names,
            need_push=True, need_confirm=False,
        )  # fmt: skip
        body = alibaba.create_otastatic_upgrade_job(asked).body
        assert body.success, body.to_map()
        await other.until(lambda: other.told("firmware_upgrade"))
        ended = await over(alibaba, body.data.job_id)
        assert ended == dict(zip(names, ("SUCCEEDED", "FAILED"), strict=True))
        assert one.image == image
        assert [each for each, _ in one.events] == ["firmware_upgrade"]  # Alibaba's jobs offer at once


async def test_a_sign_that_is_wrong_fails_the_tasks_in_every_tongue(server: Server, fleet: Fleet, alibaba: Any) -> None:
    """Issue 9, number 24: the tasks that wait for the object say why they failed, with `sign` in it."""
    version, device_id = unique("S"), fleet.device()
    fleet.stored = ""  # an object of its own
    package = fleet.package(version, sign=hashlib.sha256(IMAGE).hexdigest())
    key, fleet.stored = fleet.stored, ""
    task = fleet.task(package, device_id)
    other = fleet.folder / "other"
    other.write_bytes(b"other bytes")
    server.run("object", "put", "--bucket", BUCKET, "--key", key, "--account", fleet.account, str(other))
    shown = await fleet.over(task)
    assert (shown.batchtask.status, only(shown).status) == ("Fail", "Fail")
    for text in (shown.batchtask.status_desc, only(shown).output, only(shown).error.error_msg):
        assert "`sign`" in text and hashlib.sha256(b"other bytes").hexdigest() in text
    assert only(shown).error.error_code == "IOTDA.014868"
    firmware = firmware_of(alibaba, fleet.product, version)
    job = job_of(alibaba, firmware)
    [seen] = tasks_of(alibaba, job.job_id)
    assert (seen.task_status, "`sign`" in seen.task_desc) == ("FAILED", True)
    tuya = TuyaClient(address=server.http, key=server.new_key("tongues", "admin", "tuya"))
    [same] = tuya.tasks(str(int(task, 16)))  # the same number
    assert (same["taskStatus"], "`sign`" in same["taskDesc"]) == ("FAILED", True)
    assert "`sign`" in refusal(lambda: fleet.task(package, device_id))[2]
    asked = am.CreateOTAStaticUpgradeJobRequest(
        firmware_id=firmware, product_key=fleet.product, target_selection="ALL", need_push=True, need_confirm=False
    )
    body = alibaba.create_otastatic_upgrade_job(asked).body
    assert not body.success and "`sign`" in body.error_message


async def over(alibaba: Any, job: str) -> dict[str, str]:
    """The tasks of a job at its end, by the device's name."""
    async with asyncio.timeout(40):
        while True:
            found = {each.device_name: each.task_status for each in await asyncio.to_thread(tasks_of, alibaba, job)}
            if found and set(found.values()) <= {"SUCCEEDED", "FAILED", "CANCELED"}:
                return found
            await asyncio.sleep(0.2)
