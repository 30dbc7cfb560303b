"""One account, keys of all four tongues: what is made in one is seen and steered in the others, `/v1` between them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_iot20180120 import models as am
from huaweicloudsdkiotda.v5 import model as hm

from acceptance.client import Server, new_device, new_package, new_sdk, unique, until
from acceptance.device import Device
from acceptance.huawei_fleet import Fleet, new_fleet
from acceptance.tuya_client import TuyaClient
from acceptance.upwell_audited import audited
from acceptance.upwell_client import Api, api

ACCOUNT = "v1-round"
IMAGE = b"seen by all of them" * 400


@pytest.fixture(scope="module")
def v1(server: Server) -> Iterator[Api]:
    asked = api(server, ACCOUNT)
    yield asked
    audited(server, asked)


@pytest.fixture(scope="module")
def alibaba(server: Server) -> Any:
    return new_sdk(server.http, server.new_key(ACCOUNT, "admin"))


@pytest.fixture(scope="module")
def tuya(server: Server) -> TuyaClient:
    return TuyaClient(address=server.http, key=server.new_key(ACCOUNT, "admin", "tuya"))


@pytest.fixture(scope="module")
def huawei(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    return new_fleet(server, ACCOUNT, tmp_path_factory.mktemp("fleet"))


def body(answer: Any) -> Any:
    assert answer.body.success, answer.body.to_map()
    return answer.body


def number(rollout: str) -> str:
    """A rollout's number, as Tuya names jobs."""
    return str(int(rollout.removeprefix("ro_"), 16))


def test_what_v1_makes_is_seen_by_all(server: Server, v1: Api, alibaba: Any, tuya: TuyaClient, huawei: Fleet) -> None:
    name = unique("lamp")
    product = v1.do("create_product", name=name)["id"]
    made = v1.do("create_device", product_id=product, name=unique("d"), nickname="in the hall")
    v1.do("set_device_tags", device_id=made["id"], tags={"room": "hall"})
    package = v1.do("create_package", name=unique("fw"), version="2.0", product_id=product, verify=False,
                    upload_url=v1.upload(IMAGE), note="to the device")  # fmt: skip
    # The same product and device, by the names of each.
    assert body(alibaba.query_product(am.QueryProductRequest(product_key=product))).data.product_name == name
    asked = am.QueryDeviceDetailRequest(product_key=product, device_name=made["name"])
    seen = body(alibaba.query_device_detail(asked)).data
    assert (seen.iot_id, seen.device_secret, seen.nickname) == (made["iot_id"], made["secret"], "in the hall")
    told = tuya.do("QueryDeviceDetail", ProductKey=product, DeviceName=made["name"])["data"]
    assert told["deviceSecret"] == made["secret"]
    shown = huawei.client.show_device(hm.ShowDeviceRequest(device_id=made["id"]))
    assert (shown.product_id, shown.node_id, shown.auth_info.secret) == (product, made["name"], made["secret"])
    assert [(tag.tag_key, tag.tag_value) for tag in shown.tags] == [("room", "hall")]
    # A rollout is a job of each, with the same task.
    rollout = v1.do("create_rollout", kind="static", package_id=package["id"], product_id=product,
                    targets={"device_names": [made["name"]]})["id"]  # fmt: skip
    asked = am.ListOTAFirmwareRequest(product_key=product, current_page=1, page_size=10)
    [firmware] = alibaba.list_otafirmware(asked).body.firmware_info.simple_firmware_info
    assert (firmware.firmware_name, firmware.dest_version) == (package["name"], "2.0")
    asked = am.ListOTAJobByFirmwareRequest(firmware_id=firmware.firmware_id, current_page=1, page_size=10)
    [job] = body(alibaba.list_otajob_by_firmware(asked)).data.simple_otajob_info
    asked = am.ListOTATaskByJobRequest(job_id=job.job_id, current_page=1, page_size=10)
    [task] = body(alibaba.list_otatask_by_job(asked)).data.simple_otatask_info
    assert (task.device_name, task.task_status) == (made["name"], "QUEUED")
    [same] = tuya.tasks(number(rollout))
    assert (same["deviceName"], same["taskStatus"]) == (made["name"], "QUEUED")
    app = next(each["id"] for each in v1.do("list_spaces")["items"] if each["is_default"])
    listed = huawei.client.list_ota_package_info(
        hm.ListOtaPackageInfoRequest(package_type="firmwarePackage", app_id=app, product_id=product)
    )
    assert [(each.version, each.custom_info) for each in listed.packages] == [("2.0", "to the device")]
    # It is done by an Alibaba device, and each sees that.
    device = Device(server.mqtt, product, made["name"], made["secret"])
    device.inform("1.0")
    assert device.offered()["version"] == "2.0"
    device.inform("2.0")
    device.close()
    assert v1.do("show_rollout", rollout_id=rollout)["tasks"]["succeeded"] == 1
    assert tuya.tasks(number(rollout))[0]["taskStatus"] == "SUCCEEDED"
    [task] = body(alibaba.list_otatask_by_job(asked)).data.simple_otatask_info
    assert task.task_status == "SUCCEEDED"
    assert huawei.client.show_device(hm.ShowDeviceRequest(device_id=made["id"])).fw_version == "2.0"


def test_what_alibaba_makes_is_seen_and_steered_by_v1(v1: Api, alibaba: Any) -> None:
    asked = am.CreateProductRequest(product_name=unique("prod"), node_type=0)
    product = body(alibaba.create_product(asked)).product_key
    name, secret = new_device(alibaba, product)
    firmware = new_package(alibaba, product, IMAGE, dest_version="3.0", need_to_verify=False)
    created = body(alibaba.create_otastatic_upgrade_job(am.CreateOTAStaticUpgradeJobRequest(
        firmware_id=firmware, product_key=product, target_selection="ALL", need_push=True, need_confirm=True,
        maximum_per_minute=9,
    ))).data  # fmt: skip
    [seen] = v1.every("list_devices", product_id=product)
    assert (seen["name"], v1.do("show_device_secret", device_id=seen["id"])["secret"]) == (name, secret)
    [package] = v1.every("list_packages", product_id=product)
    [rollout] = v1.every("list_package_rollouts", package_id=package["id"])
    assert (rollout["maximum_per_min"], rollout["needs_confirmation"], rollout["selected_by"]) == (9, True, "all")
    which = {"rollout_id": rollout["id"]}
    [task] = until(lambda: v1.every("list_rollout_tasks", **which), bool)
    assert task["state"] == "confirm"
    v1.do("confirm_tasks", **which, task_ids=[task["id"]])
    v1.do("update_rollout", **which, maximum_per_min=3)
    assert v1.do("cancel_rollout", **which)["changed"] == 1
    asked = am.QueryOTAJobRequest(job_id=created.job_id)
    told = until(lambda: body(alibaba.query_otajob(asked)).data, lambda job: job.job_status != "IN_PROGRESS")
    assert (told.job_status, told.maximum_per_minute) == ("CANCELED", 3)


def test_what_tuya_makes_is_seen_by_v1(v1: Api, tuya: TuyaClient) -> None:
    product = tuya.new_product()
    name, secret = tuya.new_device(product)
    tuya.new_package(product, IMAGE, DestVersion="4.0")
    [seen] = v1.every("list_devices", product_id=product)
    assert (seen["name"], v1.do("show_device_secret", device_id=seen["id"])["secret"]) == (name, secret)
    [package] = v1.every("list_packages", product_id=product)
    assert (package["version"], package["status"], package["size"]) == ("4.0", "exempt", len(IMAGE))
    given = {"kind": "dynamic", "package_id": package["id"], "product_id": product, "targets": {"all": True}}
    rollout = v1.do("create_rollout", **given)["id"]
    [task] = until(lambda: tuya.tasks(number(rollout)), bool)
    assert (task["deviceName"], task["taskStatus"]) == (name, "QUEUED")
    v1.do("end_rollout", rollout_id=rollout)


def test_what_huawei_makes_is_seen_by_v1_its_strays_too(v1: Api, huawei: Fleet, tmp_path: Path) -> None:
    """A target that is no device fails by itself, and the states add up to what is listed."""
    device, package = huawei.device(), huawei.package(unique("V"))
    task = huawei.task(package, device, "nobody-at-all")
    rollout = next(each for each in v1.every("list_rollouts") if each["id"] == f"ro_{int(task, 16):016x}")
    assert rollout["asks_version"] and rollout["product_id"] == huawei.product

    def listed() -> dict[str, str]:
        return {each["device_id"]: each["state"] for each in v1.every("list_rollout_tasks", rollout_id=rollout["id"])}

    assert until(listed, lambda found: len(found) == 2) == {device: "queued", "nobody-at-all": "failed"}
    counts = v1.do("show_rollout", rollout_id=rollout["id"])["tasks"]
    assert {state: count for state, count in counts.items() if count} == {"queued": 1, "failed": 1, "total": 2}
    assert v1.do("show_device", device_id=device)["name"] == huawei.made[device].node_id
    assert v1.do("cancel_rollout", rollout_id=rollout["id"])["changed"] == 1
    shown = huawei.shown(task)
    assert {each.target: each.status for each in shown.task_details} == {device: "Stopped", "nobody-at-all": "Fail"}
