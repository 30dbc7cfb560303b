"""Every operation by `alibabacloud_iot20180120`, in both signatures: what the SDK's models hold is what was sent.

A wrong nesting leaves `response.body` None without any error (alibaba 1.7), so each answer is compared with the JSON
that a recording proxy saw.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from alibabacloud_iot20180120 import models as m
from alibabacloud_iot20180120.client import Client

from acceptance.client import Recorder, Server, new_sdk, recording, unique, until, upload

OPERATIONS = 33
IMAGE = bytes(range(256)) * 64
METHODS = {  # the SDK's method -> its request's model
    "create_product": m.CreateProductRequest,
    "query_product": m.QueryProductRequest,
    "query_product_list": m.QueryProductListRequest,
    "update_product": m.UpdateProductRequest,
    "delete_product": m.DeleteProductRequest,
    "register_device": m.RegisterDeviceRequest,
    "batch_register_device": m.BatchRegisterDeviceRequest,
    "query_batch_register_device_status": m.QueryBatchRegisterDeviceStatusRequest,
    "query_page_by_apply_id": m.QueryPageByApplyIdRequest,
    "query_device": m.QueryDeviceRequest,
    "query_device_info": m.QueryDeviceInfoRequest,
    "query_device_detail": m.QueryDeviceDetailRequest,
    "batch_query_device_detail": m.BatchQueryDeviceDetailRequest,
    "get_device_status": m.GetDeviceStatusRequest,
    "batch_get_device_state": m.BatchGetDeviceStateRequest,
    "delete_device": m.DeleteDeviceRequest,
    "disable_thing": m.DisableThingRequest,
    "enable_thing": m.EnableThingRequest,
    "generate_otaupload_url": m.GenerateOTAUploadURLRequest,
    "create_otafirmware": m.CreateOTAFirmwareRequest,
    "query_otafirmware": m.QueryOTAFirmwareRequest,
    "list_otafirmware": m.ListOTAFirmwareRequest,
    "delete_otafirmware": m.DeleteOTAFirmwareRequest,
    "create_otaverify_job": m.CreateOTAVerifyJobRequest,
    "create_otastatic_upgrade_job": m.CreateOTAStaticUpgradeJobRequest,
    "query_otajob": m.QueryOTAJobRequest,
    "list_otajob_by_firmware": m.ListOTAJobByFirmwareRequest,
    "list_otajob_by_device": m.ListOTAJobByDeviceRequest,
    "list_otatask_by_job": m.ListOTATaskByJobRequest,
    "list_otaunfinished_task_by_device": m.ListOTAUnfinishedTaskByDeviceRequest,
    "cancel_otatask_by_job": m.CancelOTATaskByJobRequest,
    "cancel_otatask_by_device": m.CancelOTATaskByDeviceRequest,
    "confirm_otatask": m.ConfirmOTATaskRequest,
}


@dataclass(kw_only=True)
class Checked:
    """Calls an operation and checks its answer against the wire."""

    sdk: Client
    wire: Recorder
    called: set[str] = field(default_factory=set)

    def __call__(self, method: str, /, *, success: bool = True, **given: Any) -> Any:
        self.called.add(method)
        return self._same(getattr(self.sdk, method)(METHODS[method](**given)), success)

    async def later(self, method: str, /, **given: Any) -> Any:
        """The same by the SDK's own coroutine."""
        return self._same(await getattr(self.sdk, f"{method}_async")(METHODS[method](**given)), True)

    def _same(self, response: Any, success: bool) -> Any:
        sent = self.wire.last.json()
        assert self.wire.last.headers["content-type"] == "application/json;charset=utf-8"
        assert response.status_code == 200
        assert response.body is not None, f"nested otherwise than the SDK's model: {sent}"
        assert response.body.to_map() == sent
        assert response.body.success is success, sent
        return response.body


@pytest.fixture(params=["acs3", "v2"])
def call(request: pytest.FixtureRequest, server: Server) -> Iterator[Checked]:
    with recording(server.http) as wire:
        yield Checked(sdk=new_sdk(wire.address, server.admin, request.param), wire=wire)


def test_every_operation_has_a_row() -> None:
    assert len(METHODS) == OPERATIONS


def test_each_answer_reaches_the_caller_unchanged(call: Checked) -> None:
    # The rooms of one fleet in the order a user walks through them; each step needs the one before it.
    key = call("create_product", product_name=unique("prod"), node_type=0, description="阀门 *~/ a b").product_key
    names = _devices(call, key)
    firmware = _packages(call, key)
    _jobs(call, key, firmware, names)
    _ends(call, key, firmware, names)
    assert call.called == set(METHODS)


def _devices(call: Checked, key: str) -> list[str]:
    assert call("query_product", product_key=key).data.description == "阀门 *~/ a b"
    call("query_product_list", current_page=1, page_size=10)
    call("query_product_list", current_page=1000, page_size=10)
    call("update_product", product_key=key, product_name=unique("new"), description="b*~/ +&=%水泵")
    assert call("query_product", product_key=key).data.description == "b*~/ +&=%水泵"
    assert call("query_device", product_key=key, current_page=1, page_size=10).total == 0

    one = call("register_device", product_key=key, device_name=unique("dev"), nickname="北京_pump").data
    apply_id = call("batch_register_device", product_key=key, count=3).data.apply_id
    state = until(
        lambda: call("query_batch_register_device_status", product_key=key, apply_id=apply_id).data.status,
        lambda status: status == "CREATE_SUCCESS",
    )
    assert state == "CREATE_SUCCESS"
    page = call("query_page_by_apply_id", apply_id=str(apply_id), current_page=1, page_size=10)
    names = [one.device_name] + [item.device_name for item in page.apply_device_list.apply_device_info]
    assert len(names) == 4

    listed = call("query_device", product_key=key, current_page=1, page_size=10)
    assert {item.device_name for item in listed.data.device_info} == set(names)
    info = call("query_device_info", product_key=key, device_name=one.device_name).data
    assert (info.iot_id, info.nickname) == (one.iot_id, "北京_pump")
    assert call("query_device_detail", iot_id=one.iot_id).data.status == "UNACTIVE"
    details = call("batch_query_device_detail", product_key=key, device_name=names)
    assert len(details.data.data) == 4
    assert call("get_device_status", product_key=key, device_name=one.device_name).data.status == "UNACTIVE"
    assert len(call("batch_get_device_state", product_key=key, device_name=names[:2]).device_status_list.device_status)
    call("disable_thing", product_key=key, device_name=names[1])
    assert call("get_device_status", product_key=key, device_name=names[1]).data.status == "DISABLE"
    call("enable_thing", product_key=key, device_name=names[1])
    assert call("get_device_status", product_key=key, device_name=names[1]).data.status == "UNACTIVE"
    return names


def _packages(call: Checked, key: str) -> str:
    assert call("list_otafirmware", product_key=key, current_page=1, page_size=10).total == 0
    ids = []
    for kind in ({"type": 0}, {"type": 1, "src_version": "1.9.0", "udi": '{"键":"a b*~/"}'}):
        ticket = call("generate_otaupload_url", file_suffix="bin").data
        status, text = upload(ticket, IMAGE)
        assert status == 200, text
        made = call(
            "create_otafirmware",
            firmware_name=unique("fw(1)"),
            dest_version="2.0.0",
            firmware_url=ticket.firmware_url,
            product_key=key,
            firmware_sign=hashlib.md5(IMAGE).hexdigest(),
            sign_method="MD5",
            firmware_size=len(IMAGE),
            firmware_desc="第一版 * ~ / 100%",
            need_to_verify=False,
            **kind,
        )
        ids.append(made.data.firmware_id)
    shown = call("query_otafirmware", firmware_id=ids[0]).firmware_info
    assert (shown.firmware_desc, shown.firmware_size, shown.status) == ("第一版 * ~ / 100%", len(IMAGE), -1)
    assert call("query_otafirmware", firmware_id=ids[1]).firmware_info.udi == '{"键":"a b*~/"}'
    assert call("list_otafirmware", product_key=key, current_page=1, page_size=10).total == 2
    call("delete_otafirmware", firmware_id=ids[1])
    assert call("list_otafirmware", product_key=key, current_page=1, page_size=10).total == 1
    return ids[0]


def _jobs(call: Checked, key: str, firmware: str, names: list[str]) -> None:
    assert call("list_otajob_by_firmware", firmware_id=firmware, current_page=1, page_size=10).total == 0
    target = {"product_key": key, "device_name": names[0]}
    assert call("list_otaunfinished_task_by_device", **target).data.simple_otatask_info == []
    tags = [m.CreateOTAStaticUpgradeJobRequestTag(key="site.1", value="上海 * ~ / a b")]
    job = call(
        "create_otastatic_upgrade_job",
        firmware_id=firmware,
        product_key=key,
        target_selection="SPECIFIC",
        target_device_name=names[:2],
        need_confirm=True,
        timeout_in_minutes=120,
        retry_interval=60,
        retry_count=2,
        maximum_per_minute=100,
        tag=tags,
    ).data.job_id
    shown = call("query_otajob", job_id=job).data
    assert [(tag.key, tag.value) for tag in shown.tags.ota_tag_dto] == [("site.1", "上海 * ~ / a b")]
    assert shown.retry_count == 2
    assert call("list_otajob_by_firmware", firmware_id=firmware, current_page=1, page_size=10).total == 1
    assert call("list_otajob_by_device", firmware_id=firmware, current_page=1, page_size=10, **target).total == 1

    tasks = until(lambda: _tasks(call, job), lambda rows: {row.task_status for row in rows} == {"CONFIRM"})
    assert {row.device_name: row.task_status for row in tasks} == dict.fromkeys(names[:2], "CONFIRM")
    assert _tasks(call, job, task_status="SUCCEEDED") == []
    assert [row.device_name for row in _tasks(call, job, device_names=[names[1]])] == [names[1]]
    opened = call("list_otaunfinished_task_by_device", **target, task_status_list=["CONFIRM"]).data.simple_otatask_info
    call("confirm_otatask", task_id=[opened[0].task_id])
    assert [row.task_status for row in _tasks(call, job, device_names=[names[0]])] == ["QUEUED"]
    call("cancel_otatask_by_device", firmware_id=firmware, product_key=key, device_name=[names[0]])
    assert [row.task_status for row in _tasks(call, job, device_names=[names[0]])] == ["CANCELED"]
    call("cancel_otatask_by_job", job_id=job, cancel_queued_task=True, cancel_unconfirmed_task=True)
    assert {row.task_status for row in _tasks(call, job)} == {"CANCELED"}


def _tasks(call: Checked, job: str, **more: Any) -> list[Any]:
    return call("list_otatask_by_job", job_id=job, current_page=1, page_size=10, **more).data.simple_otatask_info


def _ends(call: Checked, key: str, firmware: str, names: list[str]) -> None:
    ticket = call("generate_otaupload_url", file_suffix="tar.gz").data
    assert upload(ticket, IMAGE, status=None)[0] == 204
    other = call(
        "create_otafirmware",
        firmware_name=unique("fw"),
        dest_version="3.0.0",
        firmware_url=ticket.firmware_url,
        product_key=key,
    ).data.firmware_id
    target = {"product_key": key, "target_device_name": [names[2]]}
    verify = call("create_otaverify_job", firmware_id=other, **target, timeout_in_minutes=5).data.job_id
    assert call("query_otajob", job_id=verify).data.job_type == "VERIFY_FIRMWARE"
    call("cancel_otatask_by_job", job_id=verify, cancel_queued_task=True, cancel_notified_task=True)
    call("delete_product", product_key=key, success=False)  # it has devices
    until(lambda: call("query_otajob", job_id=verify).data.job_status, lambda status: status != "IN_PROGRESS", 10)
    for name in names:
        call("delete_device", product_key=key, device_name=name)
    call("delete_otafirmware", firmware_id=firmware)
    call("delete_otafirmware", firmware_id=other)
    call("delete_product", product_key=key)


async def test_the_sdks_coroutines_get_the_same_answers(call: Checked) -> None:
    made = await call.later("create_product", product_name=unique("prod"), node_type=0, description="异步 *~/ a b")
    assert (await call.later("query_product", product_key=made.product_key)).data.description == "异步 *~/ a b"


def test_a_5_mb_upload_becomes_a_package(call: Checked) -> None:
    image = hashlib.shake_128(b"upwell").digest(5_000_000)
    key = call("create_product", product_name=unique("prod"), node_type=0).product_key
    ticket = call("generate_otaupload_url", file_suffix="bin").data
    assert upload(ticket, image)[0] == 200
    made = call(
        "create_otafirmware",
        firmware_name=unique("fw"),
        dest_version="2.0.0",
        firmware_url=ticket.firmware_url,
        product_key=key,
        firmware_sign=hashlib.md5(image).hexdigest().upper(),
        firmware_size=len(image),
    )
    assert call("query_otafirmware", firmware_id=made.data.firmware_id).firmware_info.firmware_size == len(image)
