"""What is refused, and in which of Alibaba's two forms (alibaba 1.6, 4): by the SDK wherever the SDK can ask it."""

import hashlib
import socket
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
    upload,
    upload_form,
)

IMAGE = b"firmware" * 1000
NO_PRODUCT = "a1nothing00"


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


def test_a_nonce_of_any_length_is_used_once(server: Server) -> None:
    nonce = "".join(hashlib.sha256(str(n).encode()).hexdigest() for n in range(300))
    page = {"CurrentPage": "1", "PageSize": "1"}
    given = signed(server.admin, "QueryProductList", page, SignatureNonce=nonce)
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


def _refused(body: Any, code: str) -> None:
    assert body is not None
    assert (body.success, body.code) == (False, code), body.to_map()
    assert body.error_message
    assert body.request_id


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
