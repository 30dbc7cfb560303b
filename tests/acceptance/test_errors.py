"""What is refused, and in which of Alibaba's two forms (alibaba 1.6, 4): by the SDK wherever the SDK can ask it."""

import hashlib
import socket
from collections.abc import Callable
from typing import Any

import pytest
from alibabacloud_iot20180120 import models as m
from alibabacloud_iot20180120.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException

from acceptance.client import (
    BOUNDARY,
    Key,
    Server,
    ask,
    create_package,
    new_device,
    new_package,
    new_product,
    new_sdk,
    send_form,
    signed,
    stamp,
    unique,
    until,
    upload,
    upload_form,
)

IMAGE = b"firmware" * 1000
NO_PRODUCT = "a1nothing00"
NO_ID = "0" * 32


# --- the gateway's: exceptions in the SDK --------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["acs3", "v2"])
def test_an_unknown_action(server: Server, mode: str) -> None:
    sdk = new_sdk(server.http, server.admin, mode)
    with pytest.raises(ClientException) as told:
        # An operation of Alibaba's that this server does not have.
        sdk.query_device_by_sql(m.QueryDeviceBySQLRequest(sql="SELECT * FROM device"))
    assert (told.value.code, told.value.data["statusCode"]) == ("InvalidAction.NotFound", 404)
    assert told.value.data["RequestId"]
    assert told.value.data["HostId"]


@pytest.mark.parametrize("mode", ["acs3", "v2"])
def test_a_wrong_secret(server: Server, mode: str) -> None:
    sdk = new_sdk(server.http, Key(id=server.admin.id, secret="not-the-secret"), mode)
    with pytest.raises(ClientException) as told:
        sdk.query_product(m.QueryProductRequest(product_key=NO_PRODUCT))
    assert (told.value.code, told.value.data["statusCode"]) == ("SignatureDoesNotMatch", 400)


@pytest.mark.parametrize("mode", ["acs3", "v2"])
def test_an_unknown_key(server: Server, mode: str) -> None:
    with pytest.raises(ClientException) as told:
        new_sdk(server.http, Key(id="nobody", secret="nothing"), mode).query_product(
            m.QueryProductRequest(product_key=NO_PRODUCT)
        )
    assert (told.value.code, told.value.data["statusCode"]) == ("InvalidAccessKeyId.NotFound", 404)


def test_a_missing_parameter(sdk: Client) -> None:
    with pytest.raises(ClientException) as told:
        sdk.query_product(m.QueryProductRequest())
    assert (told.value.code, told.value.data["statusCode"]) == ("MissingProductKey", 400)


def test_a_request_is_answered_once(server: Server) -> None:
    given = signed(server.admin, "QueryProductList", {"CurrentPage": "1", "PageSize": "1"})
    assert ask(server.http, given)[0] == 200
    status, told = ask(server.http, given)
    assert (status, told["Code"]) == (400, "SignatureNonceUsed")


def test_a_nonce_is_used_by_one_key_only(server: Server, stranger: Key) -> None:
    given = signed(server.admin, "QueryProductList", {"CurrentPage": "1", "PageSize": "1"})
    page = {"CurrentPage": "1", "PageSize": "1"}
    theirs = signed(stranger, "QueryProductList", page, SignatureNonce=given["SignatureNonce"])
    assert (ask(server.http, given)[0], ask(server.http, theirs)[0]) == (200, 200)


@pytest.mark.parametrize(("seconds", "status"), [(-14 * 60, 200), (14 * 60, 200), (-16 * 60, 400), (16 * 60, 400)])
def test_the_time_of_a_request_is_near_ours(server: Server, seconds: int, status: int) -> None:
    page = {"CurrentPage": "1", "PageSize": "1"}
    got, told = ask(server.http, signed(server.admin, "QueryProductList", page, Timestamp=stamp(seconds)))
    assert got == status
    assert told.get("Code") == (None if status == 200 else "InvalidTimeStamp.Expired")


@pytest.mark.parametrize("time", ["yesterday", "2026-01-01 00:00:00", "2026-13-01T00:00:00Z"])
def test_a_time_in_another_form(server: Server, time: str) -> None:
    status, told = ask(server.http, signed(server.admin, "QueryProductList", Timestamp=time))
    assert (status, told["Code"]) == (400, "InvalidTimeStamp.Format")


def test_another_version_of_the_api(server: Server) -> None:
    status, told = ask(server.http, signed(server.admin, "QueryProductList", Version="2019-01-01"))
    assert (status, told["Code"]) == (400, "InvalidVersion")


# --- unknown things ---------------------------------------------------------------------------------------------------


def _refused(body: Any, code: str) -> None:
    assert body is not None
    assert (body.success, body.code) == (False, code), body.to_map()
    assert body.error_message
    assert body.request_id


Ask = Callable[[Client, "Things"], Any]


class Things:
    """The ids that a request names."""

    def __init__(self, product: str, device: str, firmware: str, job: str, task: str) -> None:
        self.product, self.device, self.firmware, self.job, self.task = product, device, firmware, job, task


PRODUCT, DEVICE = "iot.prod.NotExistedProduct", "iot.device.NotExistedDevice"
FIRMWARE, JOB = "iot.ota.FirmwareNotFound", "iot.ota.JobNotFound"
ASKED: dict[str, tuple[Ask, str]] = {
    "QueryProduct": (lambda s, t: s.query_product(m.QueryProductRequest(product_key=t.product)), PRODUCT),
    "UpdateProduct": (
        lambda s, t: s.update_product(m.UpdateProductRequest(product_key=t.product, product_name="stolen")),
        PRODUCT,
    ),
    "DeleteProduct": (lambda s, t: s.delete_product(m.DeleteProductRequest(product_key=t.product)), PRODUCT),
    "RegisterDevice": (lambda s, t: s.register_device(m.RegisterDeviceRequest(product_key=t.product)), PRODUCT),
    "BatchRegisterDevice": (
        lambda s, t: s.batch_register_device(m.BatchRegisterDeviceRequest(product_key=t.product, count=1)),
        PRODUCT,
    ),
    "QueryDevice": (lambda s, t: s.query_device(m.QueryDeviceRequest(product_key=t.product)), PRODUCT),
    "QueryDeviceInfo": (
        lambda s, t: s.query_device_info(m.QueryDeviceInfoRequest(product_key=t.product, device_name=t.device)),
        DEVICE,
    ),
    "QueryDeviceDetail": (
        lambda s, t: s.query_device_detail(m.QueryDeviceDetailRequest(product_key=t.product, device_name=t.device)),
        DEVICE,
    ),
    "GetDeviceStatus": (
        lambda s, t: s.get_device_status(m.GetDeviceStatusRequest(product_key=t.product, device_name=t.device)),
        DEVICE,
    ),
    "DisableThing": (
        lambda s, t: s.disable_thing(m.DisableThingRequest(product_key=t.product, device_name=t.device)),
        DEVICE,
    ),
    "EnableThing": (
        lambda s, t: s.enable_thing(m.EnableThingRequest(product_key=t.product, device_name=t.device)),
        DEVICE,
    ),
    "DeleteDevice": (
        lambda s, t: s.delete_device(m.DeleteDeviceRequest(product_key=t.product, device_name=t.device)),
        DEVICE,
    ),
    "QueryOTAFirmware": (lambda s, t: s.query_otafirmware(m.QueryOTAFirmwareRequest(firmware_id=t.firmware)), FIRMWARE),
    "DeleteOTAFirmware": (
        lambda s, t: s.delete_otafirmware(m.DeleteOTAFirmwareRequest(firmware_id=t.firmware)),
        FIRMWARE,
    ),
    "ListOTAJobByFirmware": (
        lambda s, t: s.list_otajob_by_firmware(
            m.ListOTAJobByFirmwareRequest(firmware_id=t.firmware, current_page=1, page_size=10)
        ),
        FIRMWARE,
    ),
    "CreateOTAVerifyJob": (
        lambda s, t: s.create_otaverify_job(
            m.CreateOTAVerifyJobRequest(firmware_id=t.firmware, product_key=t.product, target_device_name=[t.device])
        ),
        FIRMWARE,
    ),
    "CreateOTAStaticUpgradeJob": (
        lambda s, t: s.create_otastatic_upgrade_job(
            m.CreateOTAStaticUpgradeJobRequest(firmware_id=t.firmware, product_key=t.product, target_selection="ALL")
        ),
        FIRMWARE,
    ),
    "QueryOTAJob": (lambda s, t: s.query_otajob(m.QueryOTAJobRequest(job_id=t.job)), JOB),
    "ListOTATaskByJob": (
        lambda s, t: s.list_otatask_by_job(m.ListOTATaskByJobRequest(job_id=t.job, current_page=1, page_size=10)),
        JOB,
    ),
    "CancelOTATaskByJob": (
        lambda s, t: s.cancel_otatask_by_job(m.CancelOTATaskByJobRequest(job_id=t.job, cancel_queued_task=True)),
        JOB,
    ),
    "ConfirmOTATask": (
        lambda s, t: s.confirm_otatask(m.ConfirmOTATaskRequest(task_id=[t.task])),
        "iot.ota.TaskNotFound",
    ),
}


@pytest.fixture(scope="module")
def things(server: Server) -> Things:
    """The admin's own: a product with a device, a package and a job waiting for a confirmation."""
    sdk = new_sdk(server.http, server.admin)
    product = new_product(sdk)
    device, _ = new_device(sdk, product)
    firmware = new_package(sdk, product, IMAGE, need_to_verify=False)
    body = sdk.create_otastatic_upgrade_job(
        m.CreateOTAStaticUpgradeJobRequest(
            firmware_id=firmware,
            product_key=product,
            target_selection="SPECIFIC",
            target_device_name=[device],
            need_confirm=True,
        )
    ).body
    assert body.success, body.to_map()
    listed = m.ListOTAUnfinishedTaskByDeviceRequest(product_key=product, device_name=device)
    tasks = until(lambda: sdk.list_otaunfinished_task_by_device(listed).body.data.simple_otatask_info, bool)
    return Things(product, device, firmware, body.data.job_id, tasks[0].task_id)


@pytest.mark.parametrize("operation", ASKED)
def test_nothing_of_that_name(sdk: Client, operation: str) -> None:
    how, code = ASKED[operation]
    _refused(how(sdk, Things(NO_PRODUCT, "nobody", NO_ID, NO_ID, NO_ID)).body, code)


@pytest.mark.parametrize("operation", ASKED)
def test_another_accounts_thing_is_as_unknown(server: Server, stranger: Key, things: Things, operation: str) -> None:
    how, code = ASKED[operation]
    _refused(how(new_sdk(server.http, stranger), things).body, code)


def test_another_account_sees_none_of_it_in_lists(server: Server, stranger: Key, things: Things) -> None:
    theirs = new_sdk(server.http, stranger)
    products = theirs.query_product_list(m.QueryProductListRequest(current_page=1, page_size=200)).body.data
    assert things.product not in {item.product_key for item in products.list.product_info}
    packages = theirs.list_otafirmware(m.ListOTAFirmwareRequest(current_page=1, page_size=100)).body
    assert things.firmware not in {item.firmware_id for item in packages.firmware_info.simple_firmware_info or []}


def test_another_accounts_upload_makes_no_package(server: Server, sdk: Client, stranger: Key) -> None:
    ticket = sdk.generate_otaupload_url(m.GenerateOTAUploadURLRequest(file_suffix="bin")).body.data
    assert upload(ticket, IMAGE)[0] == 200
    theirs = new_sdk(server.http, stranger)
    body = create_package(theirs, new_product(theirs), ticket.firmware_url, IMAGE)
    _refused(body, "iot.ota.FirmwareFileNotFound")


# --- a viewer ---------------------------------------------------------------------------------------------------------

READS = {"QueryProduct", "QueryDevice", "QueryDeviceInfo", "QueryDeviceDetail", "GetDeviceStatus", "QueryOTAFirmware"}
READS |= {"ListOTAJobByFirmware", "QueryOTAJob", "ListOTATaskByJob"}


@pytest.mark.parametrize("operation", ASKED)
def test_a_viewer_looks_and_changes_nothing(server: Server, viewer: Key, things: Things, operation: str) -> None:
    how, _ = ASKED[operation]
    sdk = new_sdk(server.http, viewer)
    if operation in READS:
        assert how(sdk, things).body.success is True
        return
    with pytest.raises(ClientException) as told:
        how(sdk, things)
    assert (told.value.code, told.value.data["statusCode"]) == ("NoPermission", 403)


def test_a_viewer_gets_no_upload_ticket_and_makes_no_product(server: Server, viewer: Key) -> None:
    sdk = new_sdk(server.http, viewer)
    for action in (
        lambda: sdk.generate_otaupload_url(m.GenerateOTAUploadURLRequest(file_suffix="bin")),
        lambda: sdk.create_product(m.CreateProductRequest(product_name=unique("prod"), node_type=0)),
    ):
        with pytest.raises(ClientException) as told:
            action()
        assert told.value.code == "NoPermission"


# --- uploads and packages ---------------------------------------------------------------------------------------------


@pytest.fixture
def ticket(sdk: Client) -> Any:
    return sdk.generate_otaupload_url(m.GenerateOTAUploadURLRequest(file_suffix="bin")).body.data


def test_an_upload_cut_off_leaves_no_file(server: Server, sdk: Client, ticket: Any) -> None:
    form = upload_form(ticket, IMAGE)
    head = (
        f"POST / HTTP/1.1\r\nHost: {server.http}\r\nContent-Length: {len(form)}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
    )
    host, _, port = server.http.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as link:
        link.sendall(head.encode() + form[: len(form) // 2])
    _refused(create_package(sdk, new_product(sdk), ticket.firmware_url, IMAGE), "iot.ota.FirmwareFileNotFound")
    new_package(sdk, new_product(sdk), IMAGE)  # a new ticket takes the same file


def test_an_upload_without_its_end_leaves_no_file(sdk: Client, ticket: Any) -> None:
    form = upload_form(ticket, IMAGE)
    status, text = send_form(ticket.host, form[: len(form) - len(BOUNDARY) - 8])
    assert status == 400
    assert "<Code>MalformedPOSTRequest</Code>" in text
    _refused(create_package(sdk, new_product(sdk), ticket.firmware_url, IMAGE), "iot.ota.FirmwareFileNotFound")


@pytest.mark.parametrize(("name", "value"), [("signature", "AAAA"), ("policy", "e30="), ("key", "ota/elsewhere.bin")])
def test_an_upload_with_a_forged_form(ticket: Any, name: str, value: str) -> None:
    status, text = upload(ticket, IMAGE, **{name: value})
    assert status == 403
    assert "<Error>" in text


def test_a_file_never_uploaded(sdk: Client, ticket: Any) -> None:
    _refused(create_package(sdk, new_product(sdk), ticket.firmware_url, IMAGE), "iot.ota.FirmwareFileNotFound")


def test_a_digest_that_does_not_match(sdk: Client, ticket: Any) -> None:
    assert upload(ticket, IMAGE)[0] == 200
    wrong = hashlib.md5(b"another").hexdigest()
    body = create_package(sdk, new_product(sdk), ticket.firmware_url, IMAGE, firmware_sign=wrong)
    _refused(body, "iot.ota.FirmwareSignMismatch")


@pytest.mark.parametrize("off", [-1, 1])
def test_a_size_that_does_not_match(sdk: Client, ticket: Any, off: int) -> None:
    assert upload(ticket, IMAGE)[0] == 200
    product = new_product(sdk)
    body = create_package(sdk, product, ticket.firmware_url, IMAGE, firmware_size=len(IMAGE) + off)
    _refused(body, "iot.ota.FirmwareSizeMismatch")
    assert create_package(sdk, product, ticket.firmware_url, IMAGE).success  # a refusal uses nothing up


def test_a_package_not_verified_is_not_rolled_out(sdk: Client) -> None:
    product = new_product(sdk)
    new_device(sdk, product)
    given = {"firmware_id": new_package(sdk, product, IMAGE), "product_key": product, "target_selection": "ALL"}
    body = sdk.create_otastatic_upgrade_job(m.CreateOTAStaticUpgradeJobRequest(**given)).body
    _refused(body, "iot.ota.FirmwareNotVerified")


def test_a_device_that_is_not_there_is_not_targeted(sdk: Client) -> None:
    product = new_product(sdk)
    given = {"firmware_id": new_package(sdk, product, IMAGE), "product_key": product}
    body = sdk.create_otaverify_job(m.CreateOTAVerifyJobRequest(**given, target_device_name=["nobody"])).body
    assert (body.success, bool(body.code)) == (False, True)
