"""Tuya's management API over plain HTTP, hand-signed, GET and POST (tuya 1, 2): every operation, refusals, switches."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from alibabacloud_iot20180120 import models as m
from alibabacloud_iot20180120.client import Client

from acceptance.client import Key, Server, serve, unique, until
from acceptance.tuya_client import TuyaClient
from acceptance.tuya_sdks import CALLERS

IMAGE = b"tuya-ota-test-firmware\n"
PAST = {"Timestamp": "2024-11-19T09:47:43Z"}


@pytest.fixture(scope="module")
def tuya_key(server: Server) -> Key:
    """An admin of the same account, in Tuya's dialect."""
    return server.new_key("default", "admin", "tuya")


@pytest.fixture
def tuya(server: Server, tuya_key: Key) -> TuyaClient:
    return TuyaClient(address=server.http, key=tuya_key)


@pytest.fixture(params=["GET", "POST"])
def either(request: pytest.FixtureRequest, server: Server, tuya_key: Key) -> TuyaClient:
    return TuyaClient(address=server.http, key=tuya_key, method=request.param)


@pytest.fixture(params=CALLERS)
def caller(request: pytest.FixtureRequest, server: Server, tuya_key: Key) -> TuyaClient:
    """By the test's own signature, and by the SDKs that others wrote for this kind of API."""
    kind, method = CALLERS[request.param]
    return kind(address=server.http, key=tuya_key, method=method)


# --- every operation -------------------------------------------------------------------------------------------------


def test_packages(caller: TuyaClient) -> None:
    key = caller.new_product()
    name = unique("fw")
    given = {"FirmwareName": name, "DestVersion": "1.0.1", "ProductKey": key, "FirmwareDesc": "d", "Udi": "u"}
    sign = hashlib.sha256(IMAGE).hexdigest()
    given |= {"SignMethod": "Sha256", "FirmwareSign": sign, "FirmwareSize": len(IMAGE), "Type": 0}
    made = caller.do("CreateOTAFirmware", given | {"FirmwareUrl": caller.upload(IMAGE)})["data"]
    assert made["firmwareId"].isdigit() and made["utcCreate"].endswith("Z")
    info = caller.do("QueryOTAFirmware", FirmwareId=made["firmwareId"])["firmwareInfo"]
    assert (info["firmwareName"], info["destVersion"], info["status"], info["type"]) == (name, "1.0.1", 0, 0)
    assert (info["signMethod"], info["firmwareSign"], info["firmwareSize"]) == ("SHA256", sign, len(IMAGE))
    assert (info["moduleName"], info["udi"], info["verifyProgress"]) == ("default", "u", 0)
    page = caller.do("ListOTAFirmware", CurrentPage=1, PageSize=10, ProductKey=key)
    assert (page["total"], page["pageCount"], page["currentPage"], page["pageSize"]) == (1, 1, 1, 10)
    assert page["firmwareInfo"][0]["firmwareId"] == made["firmwareId"]
    assert "firmwareUrl" not in page["firmwareInfo"][0]
    again = unique("fw")
    caller.do("ModifyOTAFirmware", FirmwareId=made["firmwareId"], FirmwareName=again, FirmwareDesc="e")
    info = caller.do("QueryOTAFirmware", FirmwareID=made["firmwareId"])["firmwareInfo"]
    assert (info["firmwareName"], info["firmwareDesc"]) == (again, "e")
    caller.do("DeleteOTAFirmware", FirmwareId=made["firmwareId"])
    assert caller.ask("QueryOTAFirmware", FirmwareId=made["firmwareId"]).code == "iot.ota.FirmwareNotFound"


def test_modify_without_a_name_never_deletes(tuya: TuyaClient) -> None:
    firmware = tuya.new_package(tuya.new_product(), IMAGE)
    told = tuya.ask("ModifyOTAFirmware", FirmwareId=firmware)
    assert (told.status, told.code) == (400, "MissingParameter")
    assert told.body["errorMessage"] == "FirmwareName is mandatory for this action."
    tuya.do("QueryOTAFirmware", FirmwareId=firmware)


def test_modules(caller: TuyaClient) -> None:
    key = caller.new_product()
    caller.do("CreateOTAModule", ProductKey=key, ModuleName="MCU", AliasName="主控", Desc="d")
    caller.do("UpdateOTAModule", ProductKey=key, ModuleName="MCU", AliasName="other")
    rows = {row["moduleName"]: row for row in caller.do("ListOTAModuleByProduct", ProductKey=key)["data"]}
    assert set(rows) == {"default", "MCU"}
    assert (rows["MCU"]["aliasName"], rows["MCU"]["desc"], rows["MCU"]["productKey"]) == ("other", "d", key)
    assert rows["MCU"]["gmtCreate"].endswith("Z")
    caller.do("DeleteOTAModule", ProductKey=key, ModuleName="MCU")
    assert caller.ask("DeleteOTAModule", ProductKey=key, ModuleName="default").code == "iot.ota.ModuleIsDefault"


def test_jobs_and_tasks(caller: TuyaClient) -> None:
    key = caller.new_product()
    names = [caller.new_device(key)[0] for _ in range(3)]
    firmware = caller.new_package(key, IMAGE)
    given: dict[str, Any] = {"FirmwareId": firmware, "ProductKey": key, "TargetSelection": "SPECIFIC"}
    given |= {"TargetDeviceName": names, "NeedConfirm": "True", "RetryInterval": 60, "RetryCount": 1}
    created = caller.do("CreateOTAStaticUpgradeJob", given | {"TimeoutInMinutes": 1440})["data"]
    job = created["jobId"]
    assert created["firmwareId"] == job and job.isdigit() and 17 <= len(job) <= 19
    shown = caller.do("QueryOTAJob", JobId=job)["data"]
    assert (shown["jobId"], shown["firmwareId"], shown["jobType"]) == (job, firmware, "UPGRADE_FIRMWARE")
    assert (shown["jobStatus"], shown["targetSelection"], shown["destVersion"]) == ("IN_PROGRESS", "SPECIFIC", "2.0.0")
    assert (shown["retryInterval"], shown["retryCount"], shown["timeoutInMinutes"]) == (60, 1, 1440)
    assert (shown["needConfirm"], shown["needPush"], shown["srcVersions"]) == (True, True, {"SrcVersion": []})
    assert "tags" not in shown and "overwriteMode" not in shown
    listed = caller.do("ListOTAJobByFirmware", FirmwareId=firmware, CurrentPage=1, PageSize=200)
    assert [row["jobId"] for row in listed["data"]] == [job] and listed["total"] == 1
    by_device = {"ProductKey": key, "DeviceName": names[0], "FirmwareId": firmware, "CurrentPage": 1, "PageSize": 10}
    assert caller.do("ListOTAJobByDevice", by_device)["data"][0]["jobId"] == job

    tasks = caller.tasks(job)
    assert {task["deviceName"] for task in tasks} == set(names)
    assert {(task["taskStatus"], task["progress"], task["timeout"]) for task in tasks} == {("CONFIRM", "0", "1440")}
    assert all(task["taskId"].isdigit() for task in tasks)
    assert caller.tasks(job, DeviceNames=[names[1]])[0]["deviceName"] == names[1]
    assert caller.tasks(job, TaskStatus="queued") == []
    first = next(task for task in tasks if task["deviceName"] == names[0])
    caller.do("ConfirmOTATask", TaskId=[first["taskId"]])
    open_ = caller.do("ListOTAUnfinishedTaskByDevice", ProductKey=key, DeviceName=names[0])["data"]
    assert (open_[0]["taskStatus"], open_[0]["moduleName"], "progress" in open_[0]) == ("QUEUED", "default", False)
    assert caller.do("ListOTAUnfinishedTaskByDevice", IotId=first["iotId"], TaskStatusList=["CONFIRM"])["data"] == []
    caller.do("CancelOTATaskByDevice", FirmwareId=firmware, ProductKey=key, DeviceName=[names[0]], JobId=job)
    assert {task["taskStatus"] for task in caller.tasks(job)} == {"CANCELED", "CONFIRM"}
    caller.do("CancelOTATaskByJob", JobId=job, CancelQueuedTask="true")
    assert {task["taskStatus"] for task in caller.tasks(job)} == {"CANCELED"}
    ended = until(lambda: caller.do("QueryOTAJob", JobId=job)["data"], lambda j: j["jobStatus"] == "CANCELED")
    assert ended["jobStatus"] == "CANCELED" and ended["utcEndTime"].endswith("Z")


def test_a_verify_job_without_devices_waits_until_it_is_cancelled(caller: TuyaClient) -> None:
    key = caller.new_product()
    firmware = caller.new_package(key, IMAGE, NeedToVerify="true")
    created = caller.do("CreateOTAVerifyJob", FirmwareId=firmware, ProductKey=key, TimeoutInMinutes=1440)["data"]
    assert created["firmwareId"] == created["jobId"]
    assert caller.do("QueryOTAFirmware", FirmwareId=firmware)["firmwareInfo"]["status"] == 2
    shown = caller.do("QueryOTAJob", JobId=created["jobId"])["data"]
    assert (shown["jobType"], shown["jobStatus"]) == ("VERIFY_FIRMWARE", "IN_PROGRESS")
    assert caller.tasks(created["jobId"]) == []
    caller.do("CancelOTATaskByJob", JobId=created["jobId"], CancelQueuedTask="true")
    assert caller.do("QueryOTAFirmware", FirmwareId=firmware)["firmwareInfo"]["status"] == 0
    assert caller.do("QueryOTAJob", JobId=created["jobId"])["data"]["jobStatus"] == "CANCELED"


def test_gray_and_group(caller: TuyaClient) -> None:
    key = caller.new_product()
    names = [caller.new_device(key)[0] for _ in range(10)]
    firmware = caller.new_package(key, IMAGE)
    given = {"FirmwareId": firmware, "ProductKey": key}
    gray = caller.do("CreateOTAStaticUpgradeJob", given, TargetSelection="Gray", GrayPercent="33")["data"]["jobId"]
    until(lambda: caller.tasks(gray), lambda rows: len(rows) == 3)
    assert len(caller.tasks(gray)) == 3
    assert caller.do("QueryOTAJob", JobId=gray)["data"]["grayPercent"] == "33"
    caller.do("CancelOTATaskByJob", JobId=gray, CancelQueuedTask="true", CancelNotifiedTask="true")

    group = caller.do("CreateDeviceGroup", GroupName=unique("g"), GroupDesc="north")["data"]["groupId"]
    members = {f"Device.{n}.{k}": v for n, name in enumerate(names[:2], 1)
               for k, v in (("ProductKey", key), ("DeviceName", name))}  # fmt: skip
    assert caller.do("BatchAddDeviceGroupRelations", members, GroupId=group)["successAddedDeviceCount"] == 2
    assert caller.do("QueryDeviceGroupInfo", GroupId=group)["data"]["deviceCount"] == 2
    listed = caller.do("QueryDeviceListByDeviceGroup", GroupId=group)["data"]
    assert {row["deviceName"] for row in listed} == set(names[:2])
    assert group in {row["groupId"] for row in caller.do("QueryDeviceGroupList", CurrentPage=1)["data"]}
    job = caller.do("CreateOTAStaticUpgradeJob", given, TargetSelection="GROUP", GroupID=group)["data"]["jobId"]
    until(lambda: caller.tasks(job), lambda rows: len(rows) == 2)
    assert {task["deviceName"] for task in caller.tasks(job)} == set(names[:2])
    shown = caller.do("QueryOTAJob", JobId=job)["data"]
    assert (shown["targetSelection"], shown["groupId"]) == ("GROUP", group) and shown["groupName"]
    assert caller.do("BatchDeleteDeviceGroupRelations", members, GroupId=group)["successDeviceCount"] == 2
    caller.do("DeleteDeviceGroup", GroupId=group)
    assert caller.ask("QueryDeviceGroupInfo", GroupId=group).code == "iot.group.NotExistedGroup"


def test_fleet(caller: TuyaClient) -> None:
    key = caller.new_product(Description="d", TuyaChannels="9:MCU,3:zigbee")
    shown = caller.do("QueryProduct", ProductKey=key)["data"]
    assert (shown["productKey"], shown["description"], shown["nodeType"], shown["deviceCount"]) == (key, "d", 0, 0)
    caller.do("UpdateProduct", ProductKey=key, ProductName=unique("p"), TuyaChannels="9:other")
    assert caller.do("QueryProduct", ProductKey=key)["data"]["tuyaChannels"] == "9:other"
    name, secret = caller.new_device(key)
    info = caller.do("QueryDeviceInfo", ProductKey=key, DeviceName=name)["data"]
    assert (info["deviceSecret"], info["productKey"]) == (secret, key)
    for action in ("QueryDeviceDetail", "QueryDeviceDetai"):
        detail = caller.do(action, IotId=info["iotId"])["data"]
        assert (detail["deviceName"], detail["status"], detail["nodeType"]) == (name, "UNACTIVE", 0)
    batch = caller.do("BatchQueryDeviceDetail", ProductKey=key, DeviceName=[name, "nobody"])["data"]
    assert [row["deviceName"] for row in batch] == [name]
    apply_id = caller.do("BatchRegisterDevice", ProductKey=key, Count=12)["data"]["applyId"]
    status = until(
        lambda: caller.do("QueryBatchRegisterDeviceStatus", ApplyId=apply_id, ProductKey=key)["data"],
        lambda s: s["status"] == "CREATE_SUCCESS",
    )
    assert status["status"] == "CREATE_SUCCESS" and len(status["validList"]) == 12
    made = caller.do("QueryPageByApplyId", ApplyId=apply_id, CurrentPage=1, PageSize=50)["applyDeviceList"]
    assert len(made) == 12 and all(row["deviceSecret"] for row in made)
    seen: list[str] = []
    page = caller.do("QueryDevice", ProductKey=key, PageSize=5)
    while True:
        seen += [row["deviceName"] for row in page["data"]]
        if "nextToken" not in page:
            break
        page = caller.do("QueryDevice", ProductKey=key, PageSize=5, NextToken=page["nextToken"])
    assert len(seen) == 13 == len(set(seen))
    idle = caller.do("QueryDevice", ProductKey=key, DeviceStatus="UNACTIVE", PageSize=50)
    assert idle["total"] == 13
    versions = caller.do("ListOTAModuleVersionsByDevice", IotId=info["iotId"], CurrentPage=1, PageSize=10)
    assert (versions["data"], versions["total"]) == ([], 0)


# --- whose is it --------------------------------------------------------------------------------


def test_both_dialects_see_one_fleet_and_other_accounts_none(
    server: Server, sdk: Client, tuya: TuyaClient, tuya_key: Key
) -> None:
    key = tuya.new_product()
    name, secret = tuya.new_device(key)
    firmware = tuya.new_package(key, IMAGE)
    given = {"FirmwareId": firmware, "ProductKey": key, "TargetSelection": "SPECIFIC", "TargetDeviceName": [name]}
    job = tuya.do("CreateOTAStaticUpgradeJob", given)["data"]["jobId"]
    asked = m.QueryDeviceDetailRequest(product_key=key, device_name=name)
    assert sdk.query_device_detail(asked).body.data.device_secret == secret
    packages = sdk.list_otafirmware(m.ListOTAFirmwareRequest(current_page=1, page_size=10, product_key=key)).body
    assert packages.total == 1
    theirs = packages.firmware_info.simple_firmware_info[0].firmware_id
    assert theirs != firmware and not theirs.isdigit()
    jobs = sdk.list_otajob_by_firmware(
        m.ListOTAJobByFirmwareRequest(firmware_id=theirs, current_page=1, page_size=10)
    ).body.data.simple_otajob_info
    tasks = sdk.list_otatask_by_job(m.ListOTATaskByJobRequest(job_id=jobs[0].job_id)).body
    assert [row.device_name for row in tasks.data.simple_otatask_info] == [name]

    other = TuyaClient(address=server.http, key=server.new_key("other", "admin", "tuya"))
    task = tuya.tasks(job)[0]["taskId"]
    for action, more, code in [
        ("QueryOTAFirmware", {"FirmwareId": firmware}, "iot.ota.FirmwareNotFound"),
        ("QueryOTAJob", {"JobId": job}, "iot.ota.JobNotFound"),
        ("ListOTATaskByJob", {"JobId": job}, "iot.ota.JobNotFound"),
        ("ConfirmOTATask", {"TaskId.1": task}, "iot.ota.TaskNotFound"),
        ("QueryProduct", {"ProductKey": key}, "iot.prod.NotExistedProduct"),
        ("QueryDeviceInfo", {"ProductKey": key, "DeviceName": name}, "iot.device.NotExistedDevice"),
    ]:
        told = other.ask(action, more)
        assert (told.status, told.code, told.body["success"]) == (200, code, False), told
        assert "data" not in told.body and set(told.body) == {"code", "errorMessage", "requestId", "success"}


def test_a_key_is_answered_in_its_own_tongue_with_or_without_a_version(server: Server, tuya: TuyaClient) -> None:
    key = tuya.new_product()
    assert tuya.do("QueryProduct", ProductKey=key, Version="2018-01-20", SignatureVersion="1.0", Format="JSON")["data"]
    told = tuya.ask("QueryProduct", ProductKey="nobody", Version="2018-01-20")
    assert told.code == "iot.prod.NotExistedProduct" and "requestId" in told.body
    viewer = TuyaClient(address=server.http, key=server.new_key("default", "viewer", "tuya"))
    viewer.do("QueryProduct", ProductKey=key)
    told = viewer.ask("RegisterDevice", ProductKey=key)
    assert (told.status, told.code) == (403, "iot.common.AuthActionPermissionDeny")


# --- refusals --------------------------------------------------------------------------------


def test_refusals_of_the_gateway(server: Server, either: TuyaClient) -> None:
    def told(flat: dict[str, str]) -> tuple[int, str]:
        answer = either.send(flat)
        assert answer.body["success"] is False and answer.body["errorMessage"]
        return answer.status, answer.code

    good = {"Action": "QueryProduct", "ProductKey": "nobody"}
    once = either.signed(good)
    assert told(once) == (200, "iot.prod.NotExistedProduct")
    assert told(once) == (400, "SignatureNonceUsed")
    assert told(either.signed(good) | {"ProductKey": "other"}) == (400, "SignatureDoesNotMatch")
    assert told(either.signed(good | PAST)) == (400, "InvalidTimeStamp.Expired")
    assert told(either.signed(good | {"Timestamp": "yesterday"})) == (400, "InvalidTimeStamp.Format")
    assert told(either.signed(good | {"Action": "Nope"})) == (400, "InvalidAction.NotFound")
    assert told(either.signed(good | {"Action": "CreateOTADynamicUpgradeJob"})) == (400, "InvalidAction.NotFound")
    assert told(either.signed(good | {"SignatureMethod": "HMAC-SHA256"})) == (400, "InvalidSignatureMethod")
    assert told(either.signed(good | {"AccessKeyId": "nobody"})) == (403, "InvalidAccessKeyId.NotFound")
    assert told(either.signed(good | {"Format": "XML"})) == (400, "InvalidParameter.Format")
    unsigned = either.signed(good)
    del unsigned["Signature"]
    assert told(unsigned) == (400, "MissingParameter")
    stranger = TuyaClient(address=server.http, key=Key(id=either.key.id, secret="wrong"), method=either.method)
    assert stranger.ask("QueryProduct", ProductKey="x").code == "SignatureDoesNotMatch"


def test_damaged_spellings_pass_after_the_signature(tuya: TuyaClient) -> None:
    key = tuya.new_product()
    name, _ = tuya.new_device(key)
    firmware = tuya.new_package(key, IMAGE)
    damaged = {"FirmwareID": firmware, "productKey": key, "TargetSelection": "Specific"}
    damaged |= {"targetdevicename.1": name, "DownloadProtocol": "Https", "NeedPush": "False"}
    job = tuya.do("CreateOTAStaticUpgradeJob", damaged)["data"]["jobId"]
    assert tuya.do("QueryOTAJob", JobID=job)["data"]["downloadProtocol"] == "HTTPS"
    told = tuya.ask("QueryOTAJob", JobId=job, JobID="1")
    assert told.body["success"] is False and "JobId" in told.body["errorMessage"]
    assert tuya.ask("QueryProduct", ProductKey=key.swapcase()).code == "iot.prod.NotExistedProduct"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"TargetSelection": "SOME"}, "TargetSelection"),
        ({"TimeoutInMinutes": "1441"}, "TimeoutInMinutes"),
        ({"RetryInterval": "5", "RetryCount": "1"}, "RetryInterval"),
        ({"GrayPercent": "101", "TargetSelection": "GRAY"}, "GrayPercent"),
        ({"DownloadProtocol": "MQTT"}, "DownloadProtocol"),
        ({"SrcVersion": [f"1.{n}" for n in range(11)]}, "SrcVersion"),
    ],
)
def test_a_bad_value_is_named(tuya: TuyaClient, given: dict[str, Any], named: str) -> None:
    told = tuya.ask(
        "CreateOTAStaticUpgradeJob", {"FirmwareId": "1", "ProductKey": "p", "TargetSelection": "ALL"} | given
    )
    assert told.body["success"] is False and told.code.startswith("iot.")
    assert named in told.body["errorMessage"]


# --- switches --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def switched() -> Iterator[tuple[Server, Key]]:
    """A server with both of Tuya's switches on."""
    with serve("--tuya-bare-secret", "--tuya-wrapped-lists") as running:
        yield running, running.new_key("default", "admin", "tuya")


def test_the_switches(switched: tuple[Server, Key], tuya: TuyaClient, server: Server, tuya_key: Key) -> None:
    there, key = switched
    bare = TuyaClient(address=there.http, key=key, tail="")
    product = bare.new_product()
    assert TuyaClient(address=there.http, key=key).do("QueryProduct", ProductKey=product)["data"]
    firmware = bare.new_package(product, IMAGE)
    page = bare.do("ListOTAFirmware", CurrentPage=1, PageSize=10)
    assert [row["firmwareId"] for row in page["firmwareInfo"]["simpleFirmwareInfo"]] == [firmware]
    refused = TuyaClient(address=server.http, key=tuya_key, tail="").ask("QueryProduct", ProductKey="x")
    assert refused.code == "SignatureDoesNotMatch"
    assert json.dumps(refused.body).isascii()
