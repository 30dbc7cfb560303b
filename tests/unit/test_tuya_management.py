"""Tuya's management dialect on tables: every limit and enumeration, every spelling, every answer as golden bytes."""

import json
import re
from typing import Any
from uuid import UUID

import pytest
from tests.job_commands import job_view, static_job, verify_job
from tests.unit.tuya_cases import (
    AT,
    DEVICE,
    DEVICE_ID,
    FIRMWARE,
    FW,
    GOLDEN,
    GRAY,
    GROUPED,
    ID,
    JOB,
    JOB_VIEW,
    LIMITS,
    MODULE,
    PACKAGE,
    REF,
    REGISTRATION,
    RUNS,
    SPECIFIC,
    STATIC,
    TASK,
    TASK_VIEW,
    VERIFY,
    P,
    page,
    told,
)

from upwell.dialects.tuya import codes, names, render
from upwell.dialects.tuya.management import OPERATIONS, decode, encode
from upwell.domain import commands as c
from upwell.domain.commands.lists import Slice
from upwell.domain.errors import CallerError, Conflict, Denied, Invalid, Missing, NotFound, TooMany, Unavailable
from upwell.domain.search import Compare
from upwell.domain.talk import TaskRef


def test_every_operation_is_golden_here() -> None:
    assert {action for action, _, _ in GOLDEN} == set(OPERATIONS)


@pytest.mark.parametrize(("action", "result", "expected"), GOLDEN)
def test_golden_answers(action: str, result: Any, expected: str) -> None:
    answer = render.success(ID, encode(action, result))
    assert answer.decode() == expected
    assert json.loads(answer)["code"] == ""


def test_the_seeds_answer_keeps_the_jobs_id_under_both_names() -> None:
    for action in ("CreateOTAStaticUpgradeJob", "CreateOTAVerifyJob"):
        seed = json.loads(
            '{"code":"","data":{"firmwareId":"1836340779212660001","utcCreate":"2024-11-20T08:50:00.239Z"},'
            '"requestId":"d2fce065-8238-4ee2-a793-0226f69b0542","success":true}'
        )
        answer = json.loads(render.success(ID, encode(action, job_view(job_id=JOB, created_at=AT))))
        assert answer["data"].pop("jobId") == seed["data"]["firmwareId"]
        assert answer == seed


def test_lists_are_wrapped_where_the_switch_says_so() -> None:
    def wrapped(action: str, result: Any) -> Any:
        return json.loads(render.success(ID, encode(action, result), wrapped=True))

    assert list(wrapped("ListOTATaskByJob", told(TASK_VIEW))["data"]) == ["simpleOTATaskInfo"]
    assert list(wrapped("ListOTAFirmware", page(PACKAGE))["firmwareInfo"]) == ["simpleFirmwareInfo"]
    assert list(wrapped("ListOTAJobByFirmware", told(JOB_VIEW))["data"]) == ["simpleOTAJobInfo"]
    assert list(wrapped("ListOTAModuleVersionsByDevice", page(RUNS))["data"]) == ["simpleOTAModuleInfo"]
    assert wrapped("QueryBatchRegisterDeviceStatus", REGISTRATION)["data"]["validList"] == {"name": ["a", "b"]}
    assert isinstance(wrapped("ListOTAModuleByProduct", page(MODULE))["data"], list)


def test_a_refusal_is_the_references() -> None:
    told = codes.refusal(RuntimeError("secret"))
    assert render.failure(ID, told.code, told.message).decode() == (
        f'{{"code":"iot.system.SystemException","errorMessage":"System Exception","requestId":"{ID.lower()}",'
        '"success":false}'
    )
    assert told.status == 500


@pytest.mark.parametrize(("action", "base", "name", "good", "bad"), LIMITS)
def test_limits(action: str, base: dict[str, str], name: str, good: list[str], bad: list[str]) -> None:
    for value in good:
        decode(action, list((base | {name: value}).items()))
    for value in bad:
        with pytest.raises(Invalid) as caught:
            decode(action, list((base | {name: value}).items()))
        told = codes.refusal(caught.value)
        assert (told.status, told.envelope) in ((200, "business"), (400, "gateway"))
        assert told.code.startswith("iot.")
        assert caught.value.field in told.message and caught.value.check in told.message


def many(name: str, count: int) -> dict[str, str]:
    return {f"{name}.{place}": f"v{place}" for place in range(1, count + 1)}


@pytest.mark.parametrize(
    ("action", "base", "name", "most"),
    [
        ("CreateOTAStaticUpgradeJob", STATIC, "SrcVersion", 10),
        ("CreateOTAStaticUpgradeJob", SPECIFIC, "TargetDeviceName", 200),
        ("CreateOTAVerifyJob", VERIFY, "TargetDeviceName", 10),
        ("CancelOTATaskByDevice", VERIFY, "DeviceName", 200),
        ("BatchQueryDeviceDetail", P, "DeviceName", 100),
    ],
)
def test_list_limits(action: str, base: dict[str, str], name: str, most: int) -> None:
    decode(action, list((base | many(name, 1)).items()))
    decode(action, list((base | many(name, most)).items()))
    with pytest.raises(Invalid, match=f"{most + 1} are given"):
        decode(action, list((base | many(name, most + 1)).items()))


def test_confirm_takes_ten_tasks() -> None:
    given = {f"TaskId.{place}": TASK for place in range(1, 11)}
    assert decode("ConfirmOTATask", list(given.items())) == c.ConfirmTasks(tasks=(REF,) * 10)
    with pytest.raises(Invalid):
        decode("ConfirmOTATask", [*given.items(), ("TaskId.11", TASK)])


@pytest.mark.parametrize(
    ("action", "given", "field"),
    [
        ("CreateOTAStaticUpgradeJob", P | {"TargetSelection": "ALL"}, "FirmwareId"),
        ("CreateOTAStaticUpgradeJob", FIRMWARE | {"TargetSelection": "ALL"}, "ProductKey"),
        ("CreateOTAStaticUpgradeJob", VERIFY, "TargetSelection"),
        ("CreateOTAStaticUpgradeJob", GRAY, "GrayPercent"),
        ("CreateOTAStaticUpgradeJob", SPECIFIC, "TargetDeviceName"),
        ("CreateOTAStaticUpgradeJob", GROUPED, "GroupId"),
        ("CreateOTAStaticUpgradeJob", STATIC | {"RetryInterval": "0"}, "RetryCount"),
        ("CreateOTAVerifyJob", P, "FirmwareId"),
        ("CreateOTAVerifyJob", FIRMWARE, "ProductKey"),
        ("CreateOTAFirmware", {"FirmwareName": "f", "DestVersion": "1"}, "FirmwareUrl"),
        ("ModifyOTAFirmware", FIRMWARE, "FirmwareName"),
        ("ConfirmOTATask", {}, "TaskId"),
        ("QueryDeviceDetail", {}, "IotId"),
        ("BatchAddDeviceGroupRelations", {"GroupId": "1"}, "Device"),
    ],
)
def test_missing(action: str, given: dict[str, str], field: str) -> None:
    with pytest.raises(Missing) as caught:
        decode(action, list(given.items()))
    told = codes.refusal(caught.value)
    assert (told.code, told.status) == ("MissingParameter", 400)
    assert re.fullmatch(rf"{field} is mandatory (for this action|because .+)\.", told.message)


def test_modify_without_a_name_is_never_a_delete() -> None:
    with pytest.raises(Missing):
        decode("ModifyOTAFirmware", [("FirmwareId", "167")])
    asked = decode("ModifyOTAFirmware", [("FirmwareId", "167"), ("FirmwareName", "n")])
    assert asked == c.UpdatePackage(package_id=167, name="n")


# --- commands and spellings ----------------------------------------------------------------------------------------


def test_the_seeds_requests_become_commands() -> None:
    static = {"FirmwareId": "167", "ProductKey": "k1nhvyl0000", "TargetSelection": "ALL", "RetryCount": "1"}
    static |= {"RetryInterval": "60", "TimeoutInMinutes": "1440", "SrcVersion.1": "1.0", "Action": "ignored"}
    assert decode("CreateOTAStaticUpgradeJob", list(static.items())) == static_job(
        package_id=167, product_key="k1nhvyl0000", selection="ALL", source_versions=("1.0",),
        retry_interval_min=60, retry_count=1, timeout_min=1440,
    )  # fmt: skip
    verify = [("FirmwareId", "167"), ("ProductKey", "k1nhvyl0000"), ("TimeoutInMinutes", "1440")]
    assert decode("CreateOTAVerifyJob", verify) == verify_job(
        package_id=167, product_key="k1nhvyl0000", device_names=(), timeout_min=1440
    )


def test_damaged_spellings_mean_the_same() -> None:
    damaged = {"FirmwareID": "167", "productkey": "K1Nhvyl", "targetSelection": "Group", "GroupID": "9"}
    damaged |= {"srcversion.1": "V1", "NEEDPUSH": "False", "DownloadProtocol": "Https"}
    assert decode("CreateOTAStaticUpgradeJob", list(damaged.items())) == static_job(
        package_id=167, product_key="K1Nhvyl", selection="GROUP", group_id=9, source_versions=("V1",), need_push=False
    )
    assert decode("ConfirmOTATask", [("TaskID.1", TASK)]) == c.ConfirmTasks(tasks=(REF,))
    assert decode("QueryOTAJob", [("JobID", "12")]) == c.ShowJob(job_id=12)
    assert decode("QueryDeviceDetai", [("IoTID", "i")]) == c.ShowDevice(device=c.DeviceKey(iot_id="i"))
    members = [("GroupId", "1"), ("device.1.productkey", "p"), ("DEVICE.1.DeviceName", "d")]
    assert decode("BatchAddDeviceGroupRelations", members) == c.AddToGroup(
        group_id=1, devices=(c.DeviceKey(product_key="p", name="d"),)
    )


@pytest.mark.parametrize(
    "pairs",
    [
        [("FirmwareId", "167"), ("FirmwareID", "168")],
        [("FirmwareId", "167"), ("FirmwareId", "168")],
        [("FirmwareId", "167"), ("TargetDeviceName.1", "a"), ("targetdevicename.1", "b")],
    ],
)
def test_two_spellings_with_different_values_are_refused(pairs: list[tuple[str, str]]) -> None:
    with pytest.raises(Invalid) as caught:
        decode("CreateOTAVerifyJob", [*pairs, ("ProductKey", "p")])
    assert "one spelling" in codes.refusal(caught.value).message


def test_two_spellings_with_one_value_pass() -> None:
    pairs = [("JobId", "12"), ("JobID", "12")]
    assert decode("QueryOTAJob", pairs) == c.ShowJob(job_id=12)


def test_cancels() -> None:
    def states(**flags: str) -> frozenset[str]:
        asked = decode("CancelOTATaskByJob", [("JobId", "1"), *flags.items()])
        assert isinstance(asked, c.CancelTasks)
        return asked.states

    assert states(CancelQueuedTask="True") == {"QUEUED", "CONFIRM"}
    assert states(CancelQueuedTask="true", CancelUnconfirmedTask="false") == {"QUEUED"}
    assert states(CancelNotifiedTask="true") == {"NOTIFIED"}
    assert states(CancelUnconfirmedTask="true") == {"CONFIRM"}
    with pytest.raises(Invalid):
        states()
    with pytest.raises(Invalid):
        states(CancelInProgressTask="true")  # tuya 2.7: not Tuya's
    by_device = decode("CancelOTATaskByDevice", list((VERIFY | {"DeviceName.1": "d", "JobId": "5"}).items()))
    assert by_device == c.CancelTasks(
        package_id=167, product_key="p", device_names=("d",), job_id=5,
        states=frozenset({"CONFIRM", "QUEUED", "NOTIFIED"}),
    )  # fmt: skip


def test_packages() -> None:
    given = FW | {"SignMethod": "Sha256", "FirmwareSign": "AB" * 32, "NeedToVerify": "False", "ModuleName": "MCU"}
    assert decode("CreateOTAFirmware", list(given.items())) == c.CreatePackage(
        name="f", version="2", url="http://h/k", sign_method="SHA256", sha256="ab" * 32, verify=False, module="MCU"
    )


def test_devices() -> None:
    assert decode("QueryDevice", [("ProductKey", "p")]) == c.ListDevices(asked=Slice.of_page(1, 10), product_key="p")
    token = encode("QueryDevice", c.Page(items=(DEVICE,), total=2, number=1, size=1))["nextToken"]
    assert decode("QueryDevice", [("ProductKey", "p"), ("NextToken", token)]) == c.ListDevices(
        asked=Slice.of_page(1, 10), product_key="p", after=DEVICE_ID
    )
    assert encode("QueryDevice", page(DEVICE, total=1))["nextToken"] is None
    disabled = decode("QueryDevice", [("ProductKey", "p"), ("DeviceStatus", "DISABLE")])
    assert disabled == c.ListDevices(asked=Slice(take=10), which=Compare("status", "=", ("DISABLED",)), product_key="p")
    product = {"ProductName": "abcd", "NodeType": "0", "TuyaChannels": "3:zigbee"}
    assert decode("CreateProduct", list(product.items())) == c.CreateProduct(
        name="abcd",
        unique_name=True,
        key_head="a1",
        key_size=11,
        facts={"NodeType": 0, "TuyaChannels": "3:zigbee"},
    )


# --- ids and refusals ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, 7, 2**40, 2**63 - 1])
def test_ids_are_decimal_text_and_read_back(number: int) -> None:
    assert names.public(number).isdigit()
    assert names.read_firmware_id(names.public(number)) == number
    ref = TaskRef(device_id=UUID(int=2**128 - 1), job_id=number, nth=32767)
    assert names.task_id(ref).isdigit()
    assert names.read_task_id(names.task_id(ref)) == ref


@pytest.mark.parametrize("text", ["", "x", "-1", "01", "1.0", "9" * 19, "١", "1" * 5000, "1\n"])
def test_what_can_be_no_id(text: str) -> None:
    for read in (names.read_firmware_id, names.read_job_id, names.read_group_id):
        with pytest.raises(NotFound):
            read(text)


def test_a_mistyped_task_id_is_none() -> None:
    for place in range(len(TASK)):
        wrong = TASK[:place] + str((int(TASK[place]) + 1) % 10) + TASK[place + 1 :]
        with pytest.raises(NotFound):
            names.read_task_id(wrong)
    for text in ("", TASK[:-1], TASK + "0", "1" * 5000):
        with pytest.raises(NotFound):
            names.read_task_id(text)


def test_an_unknown_action_is_the_gateways() -> None:
    for action in ("Nope", "CreateOTADynamicUpgradeJob", "UpdateOTAJob", "ReupgradeOTATask", "x" * 100):
        with pytest.raises(NotFound) as caught:
            decode(action, [])
        told = codes.refusal(caught.value)
        assert (told.code, told.status) == ("InvalidAction.NotFound", 400)


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (NotFound("package", "12"), "iot.ota.FirmwareNotFound", 200),
        (NotFound("job", "12"), "iot.ota.JobNotFound", 200),
        (NotFound("product", "p"), "iot.prod.NotExistedProduct", 200),
        (Conflict("package_not_verified", "x"), "iot.ota.FirmwareNotVerified", 200),
        (TooMany("packages", 500), "iot.ota.FirmwareCountExceedMax", 200),
        (Invalid("CurrentPage", "an integer from 1 to 2"), "iot.common.InvalidPageParams", 200),
        (Denied(), "iot.common.AuthActionPermissionDeny", 403),
        (CallerError(), "iot.system.IllegalRequest", 200),
        (Unavailable(), "iot.system.SystemException", 503),
    ],
)
def test_codes(error: Exception, code: str, status: int) -> None:
    told = codes.refusal(error)
    assert (told.code, told.status) == (code, status)
