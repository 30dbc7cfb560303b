"""Rollouts that wait for a person's approval, whoever made them: each vendor's script is told what its own cloud says
of a job that has not begun, and no device is offered anything.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from alibabacloud_iot20180120 import models as am

from acceptance.client import Server, new_sdk, unique, until
from acceptance.device import Device
from acceptance.huawei_fleet import Fleet, new_fleet
from acceptance.tuya_client import TuyaClient
from acceptance.upwell_audited import audited
from acceptance.upwell_client import Api, api

ACCOUNT, PASSWORD = "approval", "a-Right-Password"


@pytest.fixture(scope="module")
def v1(server: Server) -> Iterator[Api]:
    asked = api(server, ACCOUNT)
    yield asked
    audited(server, asked)


@pytest.fixture(scope="module")
def people(server: Server, v1: Api) -> dict[str, Api]:
    """Who signed in, by name: an approver, another one, an operator."""
    found = {}
    for name, role in (("ann", "approver"), ("bob", "approver"), ("olga", "operator")):
        v1.do("create_user", name=name, password=PASSWORD, role=role)
        given = {"account": ACCOUNT, "name": name, "password": PASSWORD}
        token = httpx.post(f"http://{server.http}/v1/sessions", json=given, timeout=30).json()["token"]
        found[name] = Api(address=server.http, token=token)
    return found


@pytest.fixture(scope="module")
def given(v1: Api) -> dict[str, Any]:
    """All of a product whose jobs want approval, as the account says."""
    told = v1.do("update_rollout_defaults", rollout_defaults={"approval": {}})
    assert told == v1.do("show_rollout_defaults") == {"rollout_defaults": {"approval": {"required": True, "over": 0}}}
    product = v1.do("create_product", name=unique("lamp"))["id"]
    package = v1.do("create_package", name=unique("fw"), version="2.0", product_id=product, verify=False,
                    upload_url=v1.upload(b"image"))["id"]  # fmt: skip
    return {"kind": "static", "product_id": product, "package_id": package, "targets": {"all": True}}


@pytest.fixture
def lamp(server: Server, v1: Api, given: dict[str, Any]) -> Iterator[Device]:
    made = v1.do("create_device", product_id=given["product_id"], name=unique("d"))
    found = Device(server.mqtt, made["product_id"], made["name"], made["secret"])
    found.inform("1.0")
    yield found
    found.close()


def status(v1: Api, rollout: str) -> str:
    return str(v1.do("show_rollout", rollout_id=rollout)["status"])


def newest(v1: Api, package: str) -> str:
    return str(v1.every("list_package_rollouts", package_id=package)[0]["id"])


def test_a_rollout_waits_and_begins(v1: Api, people: dict[str, Api], given: dict[str, Any], lamp: Device) -> None:
    olga, ann, bob = people["olga"], people["ann"], people["bob"]
    made = olga.do("create_rollout", **given)
    rollout, approval = made["id"], made["approval"]
    assert made["status"] == "awaiting_approval" == status(v1, rollout)
    assert (approval["status"], approval["revision"], approval["makers"]) == ("awaiting", 1, ["user olga"])
    assert lamp.ask() == {}
    assert olga.refused("approve_rollout", rollout_id=rollout).code == "not-allowed"
    assert v1.refused("approve_rollout", rollout_id=rollout).status == 403, "a key is nobody in particular"
    assert ann.refused("refuse_rollout", rollout_id=rollout).error["parameter"] == "remark"
    olga.do("update_rollout", rollout_id=rollout, maximum_per_min=50)
    assert ann.refused("approve_rollout", rollout_id=rollout, revision=1).code == "job-was-changed"
    assert lamp.ask() == {}
    told = ann.do("approve_rollout", rollout_id=rollout, revision=2, remark="seen on the bench")
    assert told["status"] == "in_progress" and told["approval"]["decided_by"] == "user ann"
    assert lamp.offered()["version"] == "2.0"
    assert bob.refused("approve_rollout", rollout_id=rollout).code == "job-awaits-no-approval"
    found = v1.every("list_rollout_decisions", rollout_id=rollout)
    assert [(each["what"], each["by"], each["numbers"]) for each in found] == [
        ("approved", "user ann", {"revision": 2}), ("approval_asked", "user olga", {"revision": 2}),
        ("approval_asked", "user olga", {"revision": 1}),
    ]  # fmt: skip
    assert found[0]["reason"] == "seen on the bench"
    types = until(
        lambda: [each["type"] for each in v1.do("list_events", rollout_id=rollout)["items"]],
        lambda told: "upwell.rollout.started" in told,
    )
    assert types == [
        "upwell.rollout.awaits_approval", "upwell.rollout.awaits_approval", "upwell.rollout.approved",
        "upwell.rollout.started",
    ]  # fmt: skip
    assert [
        each["operation"] for each in v1.every("list_audit", operation="approve_rollout") if each["result"] == "done"
    ]
    lamp.inform("2.0")
    until(lambda: status(v1, rollout), "completed".__eq__)


def test_who_made_it_does_not_decide(v1: Api, people: dict[str, Api], given: dict[str, Any], lamp: Device) -> None:
    ann, bob = people["ann"], people["bob"]
    rollout = ann.do("create_rollout", **given)["id"]
    for steer in ("approve_rollout", "refuse_rollout"):
        assert ann.refused(steer, rollout_id=rollout, remark="mine").code == "own-approval"
    bob.do("update_rollout", rollout_id=rollout, maximum_per_min=50)
    assert bob.refused("approve_rollout", rollout_id=rollout).code == "own-approval", "he changed it"
    v1.do("cancel_rollout", rollout_id=rollout)
    assert status(v1, rollout) == "canceled" and lamp.ask() == {}
    assert bob.refused("approve_rollout", rollout_id=rollout).code == "job-ended"


def test_so_do_the_jobs_of_vendors_scripts(
    server: Server, v1: Api, people: dict[str, Api], given: dict[str, Any], lamp: Device, tmp_path: Path
) -> None:
    ann, product, package = people["ann"], given["product_id"], given["package_id"]
    sdk = new_sdk(server.http, server.new_key(ACCOUNT, "admin"))
    asked = am.ListOTAFirmwareRequest(product_key=product, current_page=1, page_size=10)
    [firmware] = sdk.list_otafirmware(asked).body.firmware_info.simple_firmware_info
    request = am.CreateOTAStaticUpgradeJobRequest(
        firmware_id=firmware.firmware_id, product_key=product, target_selection="ALL"
    )  # fmt: skip
    job = sdk.create_otastatic_upgrade_job(request).body.data.job_id

    def of_alibaba() -> str:
        return str(sdk.query_otajob(am.QueryOTAJobRequest(job_id=job)).body.data.job_status)

    assert of_alibaba() == "PLANNED" and lamp.ask() == {}
    rollout = newest(v1, package)
    assert status(v1, rollout) == "awaiting_approval"
    ann.do("approve_rollout", rollout_id=rollout)
    assert of_alibaba() == "IN_PROGRESS" and lamp.offered()["version"] == "2.0"
    v1.do("cancel_rollout", rollout_id=rollout)

    tuya = TuyaClient(address=server.http, key=server.new_key(ACCOUNT, "admin", "tuya"))
    made = tuya.do(
        "CreateOTAStaticUpgradeJob", FirmwareId=str(int(package[4:], 16)), ProductKey=product, TargetSelection="ALL"
    )  # fmt: skip
    number = made["data"]["jobId"]
    assert tuya.do("QueryOTAJob", JobId=number)["data"]["jobStatus"] == "PLANNED" and tuya.tasks(number) == []
    assert lamp.ask() == {}
    told = ann.do("refuse_rollout", rollout_id=newest(v1, package), remark="two at once")
    assert (told["status"], told["approval"]["status"]) == ("canceled", "refused")
    assert tuya.do("QueryOTAJob", JobId=number)["data"]["jobStatus"] == "CANCELED"

    huawei: Fleet = new_fleet(server, ACCOUNT, tmp_path)
    device = huawei.device()
    task = huawei.task(huawei.package(), device)
    assert huawei.shown(task).batchtask.status == "Waitting"
    rollout = v1.every("list_device_rollouts", device_id=device) or v1.every("list_rollouts")
    ann.do("approve_rollout", rollout_id=rollout[0]["id"])
    until(lambda: huawei.shown(task).batchtask.status, "Processing".__eq__)


def test_what_makes_no_rule_is_refused(v1: Api, people: dict[str, Api], given: dict[str, Any]) -> None:
    product, olga = given["product_id"], people["olga"]
    for rule, parameter in (
        ({"over": -1}, "approval.over"), ({"needed": True}, "approval.needed"),
        ({"required": "yes"}, "approval.required"),
    ):  # fmt: skip
        said = {"approval": rule}
        refused = v1.refused("update_rollout_defaults", rollout_defaults=said)
        assert refused.error["parameter"] == f"rollout_defaults.{parameter}"
        refused = v1.refused("update_product", product_id=product, rollout_defaults=said)
        assert refused.error["parameter"] == f"rollout_defaults.{parameter}"
    refused = v1.refused("create_rollout", **given, approval={"required": False})
    assert refused.error["parameter"] == "approval.required", "a rollout may ask for more, and not for less"
    assert olga.refused("update_product", product_id=product, rollout_defaults={"approval": {}}).status == 403
    assert olga.refused("update_rollout_defaults", rollout_defaults={}).status == 403
    assert olga.do("update_product", product_id=product, rollout_defaults={"preset": "fast"})["rollout_defaults"] == {
        "preset": "fast", "same_devices_first": False
    }  # fmt: skip
    olga.do("update_product", product_id=product, rollout_defaults={})
