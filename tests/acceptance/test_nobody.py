"""Issue 9, number 27: a job that selects nobody says so in the member that each dialect has for it."""

from pathlib import Path
from typing import Any

from alibabacloud_iot20180120 import models as m
from alibabacloud_iot20180120.client import Client
from huaweicloudsdkiotda.v5 import model as h

from acceptance.client import Server, new_package, new_product, unique, until
from acceptance.huawei_fleet import new_fleet
from acceptance.tuya_client import TuyaClient


def test_alibaba_says_it_in_job_desc(sdk: Client) -> None:
    key = new_product(sdk)
    firmware = new_package(sdk, key, b"x", need_to_verify=False)
    asked = m.CreateOTAStaticUpgradeJobRequest(firmware_id=firmware, product_key=key, target_selection="ALL")
    job = sdk.create_otastatic_upgrade_job(asked).body.data.job_id

    def shown() -> Any:
        return sdk.query_otajob(m.QueryOTAJobRequest(job_id=job)).body.data

    assert until(shown, lambda told: told.job_desc).job_desc == (
        f"no device was selected: there is none of product {key}"
    )
    assert until(shown, lambda told: told.job_status == "COMPLETED").job_status == "COMPLETED"


def test_tuya_says_it_in_job_desc(server: Server) -> None:
    tuya = TuyaClient(address=server.http, key=server.new_key("nobody", "admin", "tuya"))
    product = tuya.do("CreateProduct", ProductName="nobody_here", NodeType=0)["productKey"]
    given = {"FirmwareId": tuya.new_package(product, b"x"), "ProductKey": product, "TargetSelection": "ALL"}
    job = tuya.do("CreateOTAStaticUpgradeJob", given)["data"]["jobId"]
    told = until(lambda: tuya.do("QueryOTAJob", JobId=job)["data"], lambda data: data["jobDesc"])
    assert told["jobDesc"] == f"no device was selected: there is none of product {product}"


def test_huawei_says_it_in_status_desc(server: Server, tmp_path: Path) -> None:
    fleet = new_fleet(server, "nobody", tmp_path)
    body = h.AddDeviceGroupDTO(name=unique("empty"))
    group = fleet.client.add_device_group(h.AddDeviceGroupRequest(body=body)).group_id
    task = fleet.create([fleet.package()], targets_filter={"group_ids": [group]}).task_id
    told = until(lambda: fleet.shown(task).batchtask, lambda batch: batch.status == "Fail")
    assert told.status == "Fail"
    assert told.status_desc == (
        f"no device was selected: there is none of the packages' product {fleet.product} in the groups"
    )
    listed = fleet.client.list_batch_tasks(h.ListBatchTasksRequest(task_type="firmwareUpgrade", limit=50)).batchtasks
    assert [item.status_desc for item in listed if item.task_id == task] == [told.status_desc]
