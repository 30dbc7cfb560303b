"""Issue 9, number 20: names with Chinese and Japanese letters, SignMethod SHA256, and a retry as late as the timeout,
as the vendors' pages allow them."""

import hashlib
from typing import Any

import pytest
from alibabacloud_iot20180120 import models as m
from alibabacloud_iot20180120.client import Client

from acceptance.client import Server, create_package, new_device, new_product, unique, upload
from acceptance.device import online
from acceptance.tuya_client import TuyaClient

IMAGE = b"signed firmware"
MD5, SHA256 = hashlib.md5(IMAGE).hexdigest(), hashlib.sha256(IMAGE).hexdigest()
TAG = unique("")[1:5]


def _uploaded(sdk: Client, image: bytes = IMAGE) -> str:
    ticket = sdk.generate_otaupload_url(m.GenerateOTAUploadURLRequest(file_suffix="bin")).body.data
    status, text = upload(ticket, image)
    assert status == 200, text
    return str(ticket.firmware_url)


@pytest.mark.parametrize(
    ("name", "taken"),
    [("水泵{}", True), ("水" * 13 + "{}", True), ("水" * 14 + "{}", False), ("センサー{}", True), ("水", False)],
)
def test_a_chinese_character_counts_as_two_of_a_product_name(sdk: Client, name: str, taken: bool) -> None:
    name = name.format(TAG)
    made = sdk.create_product(m.CreateProductRequest(product_name=name, node_type=0)).body
    assert made.success is taken, made.to_map()
    if not taken:
        assert made.code == "iot.prod.InvalidFormattedProductName"
        return
    shown = sdk.query_product(m.QueryProductRequest(product_key=made.product_key)).body.data
    assert shown.product_name == name
    renamed = m.UpdateProductRequest(product_key=made.product_key, product_name="泵" + unique("")[:9])
    assert sdk.update_product(renamed).body.success


def test_packages_and_modules_have_chinese_and_japanese_names(sdk: Client) -> None:
    key = new_product(sdk)
    name = f"固件{TAG}(ひらカタ)-々"
    made = create_package(sdk, key, _uploaded(sdk), IMAGE, firmware_name=name)
    assert made.success, made.to_map()
    shown = sdk.query_otafirmware(m.QueryOTAFirmwareRequest(firmware_id=made.data.firmware_id)).body.firmware_info
    assert shown.firmware_name == name
    alias = m.CreateOTAModuleRequest(product_key=key, module_name="scanner", alias_name="条码スキャナー_2")
    assert sdk.create_otamodule(alias).body.success
    listed = sdk.list_otamodule_by_product(m.ListOTAModuleByProductRequest(product_key=key)).body.data
    assert {module.alias_name for module in listed} == {None, "条码スキャナー_2"}


@pytest.mark.parametrize("sign", [SHA256, SHA256.upper(), None])
def test_sha256_reaches_the_device_as_such(server: Server, sdk: Client, sign: str | None) -> None:
    key = new_product(sdk)
    name, secret = new_device(sdk, key)
    made = create_package(
        sdk, key, _uploaded(sdk), IMAGE, sign_method="SHA256", firmware_sign=sign, need_to_verify=False
    )
    assert made.success, made.to_map()
    firmware = made.data.firmware_id
    shown = sdk.query_otafirmware(m.QueryOTAFirmwareRequest(firmware_id=firmware)).body.firmware_info
    assert (shown.sign_method, shown.firmware_sign) == ("SHA256", SHA256)
    with online(server.mqtt, key, name, secret, "1.0.0") as device:
        asked = m.CreateOTAStaticUpgradeJobRequest(
            firmware_id=firmware, product_key=key, target_selection="ALL",
            retry_interval=60, retry_count=1, timeout_in_minutes=60,
        )  # fmt: skip
        job = sdk.create_otastatic_upgrade_job(asked).body
        assert job.success, job.to_map()
        offer = device.offered()
        # alibaba 6.5: C3 knows md5 alone, so it stays the MD5
        assert (offer["signMethod"], offer["sign"], offer["md5"]) == ("SHA256", SHA256, MD5)
    data = sdk.query_otajob(m.QueryOTAJobRequest(job_id=job.data.job_id)).body.data
    assert (data.retry_interval, data.timeout_in_minutes) == (60, 60)


def test_a_sign_that_is_not_the_files_or_not_of_its_method_is_refused(sdk: Client) -> None:
    key, url = new_product(sdk), _uploaded(sdk)

    def refused(**more: Any) -> tuple[str, str]:
        body = create_package(sdk, key, url, IMAGE, **more)
        assert not body.success
        return body.code, body.error_message

    code, text = refused(sign_method="SHA256", firmware_sign="0" * 64)
    assert code == "iot.ota.FirmwareSignMismatch" and f"its SHA-256 is {SHA256}" in text
    code, text = refused(sign_method="SHA256", firmware_sign=MD5)
    assert code == "iot.ota.InvalidFirmwareSign" and "64 hexadecimal digits because SignMethod is SHA256" in text
    code, text = refused(sign_method="MD5", firmware_sign=SHA256)
    assert code == "iot.ota.InvalidFirmwareSign" and "32 hexadecimal digits because SignMethod is MD5" in text
    assert refused(sign_method="SHA1", firmware_sign="0" * 40)[0] == "iot.ota.InvalidSignMethod"


def test_the_files_of_several_are_signed_by_the_packages_method(server: Server, sdk: Client) -> None:
    key = new_product(sdk)
    name, secret = new_device(sdk, key)
    files = [m.CreateOTAFirmwareRequestMultiFiles(name="a", url=_uploaded(sdk), sign_value=SHA256, file_md_5=MD5)]
    asked = m.CreateOTAFirmwareRequest(
        firmware_name=unique("fw"), dest_version="2", product_key=key, sign_method="SHA256", multi_files=files,
        need_to_verify=False,
    )  # fmt: skip
    made = sdk.create_otafirmware(asked).body
    assert made.success, made.to_map()
    shown = sdk.query_otafirmware(m.QueryOTAFirmwareRequest(firmware_id=made.data.firmware_id)).body.firmware_info
    [file] = shown.multi_files
    assert (shown.sign_method, file.sign_value, file.file_md_5) == ("SHA256", SHA256, MD5)
    with online(server.mqtt, key, name, secret, "1.0.0") as device:
        job = m.CreateOTAStaticUpgradeJobRequest(
            firmware_id=made.data.firmware_id, product_key=key, target_selection="ALL"
        )
        assert sdk.create_otastatic_upgrade_job(job).body.success
        offer = device.offered()
        [told] = offer["files"]
        assert (offer["signMethod"], told["fileSign"], told["fileMd5"]) == ("SHA256", SHA256, MD5)


def test_tuya_counts_and_names_alike(server: Server) -> None:
    tuya = TuyaClient(address=server.http, key=server.new_key("names", "admin", "tuya"))
    product = tuya.do("CreateProduct", ProductName="水泵", NodeType=0)["productKey"]
    assert tuya.do("QueryProduct", ProductKey=product)["data"]["productName"] == "水泵"
    told = tuya.ask("UpdateProduct", ProductKey=product, ProductName="水" * 16)
    assert not told.body["success"] and "ProductName" in told.body["errorMessage"]
    tuya.do("UpdateProduct", ProductKey=product, ProductName="水" * 15)
