"""Issue 9, number 4: an empty file becomes firmware in no dialect, and the refusal says so in the dialect's words."""

import hashlib
import subprocess
from pathlib import Path
from typing import Any

from alibabacloud_iot20180120 import models as m
from alibabacloud_iot20180120.client import Client
from huaweicloudsdkiotda.v5 import model as h

from acceptance.client import UPWELL, Server, create_package, new_product, send_form, unique, upload, upload_form
from acceptance.huawei_client import new_product as new_huawei_product
from acceptance.huawei_client import refusal
from acceptance.huawei_client import sdk as huawei_sdk
from acceptance.tuya_client import TuyaClient


def _uploaded(sdk: Client, image: bytes) -> str:
    ticket = sdk.generate_otaupload_url(m.GenerateOTAUploadURLRequest(file_suffix="bin")).body.data
    status, text = upload(ticket, image)
    assert status == 200, text
    return str(ticket.firmware_url)


def test_alibaba_refuses_an_empty_file(sdk: Client) -> None:
    url, key = _uploaded(sdk, b""), new_product(sdk)
    unsaid: dict[str, Any] = {"firmware_sign": None, "sign_method": None, "firmware_size": None}
    for more in (unsaid, {"firmware_size": None}):
        body = create_package(sdk, key, url, b"", **more)
        assert (body.success, body.code) == (False, "iot.ota.InvalidFirmwareUrl")
        assert "FirmwareUrl" in body.error_message and "the uploaded file is empty" in body.error_message


def test_alibaba_refuses_an_empty_file_among_several(sdk: Client) -> None:
    empty, full, key = _uploaded(sdk, b""), _uploaded(sdk, b"x"), new_product(sdk)

    def make(*urls: str) -> Any:
        files = [m.CreateOTAFirmwareRequestMultiFiles(name=f"f{n}", url=url) for n, url in enumerate(urls)]
        given = m.CreateOTAFirmwareRequest(
            firmware_name=unique("fw"), dest_version="2", product_key=key, multi_files=files
        )
        return sdk.create_otafirmware(given).body

    refused = make(full, empty)
    assert (refused.success, refused.code) == (False, "iot.ota.InvalidMultiFiles")
    assert "file 2 (f1) is empty" in refused.error_message
    assert make(full).success  # the other file was not used up


def test_alibaba_refuses_an_empty_list_of_devices(sdk: Client) -> None:
    key, url = new_product(sdk), _uploaded(sdk, b"x")
    firmware = create_package(sdk, key, url, b"x", need_to_verify=False).data.firmware_id
    for content in (b"", b"\r\n\n", b"DeviceName\n"):
        ticket = sdk.generate_device_name_list_url(m.GenerateDeviceNameListURLRequest()).body.data
        ticket.ossaccess_key_id = ticket.access_key_id
        status, text = send_form(ticket.host, upload_form(ticket, content))
        assert status == 200, text
        asked = m.CreateOTAStaticUpgradeJobRequest(
            firmware_id=firmware, product_key=key, target_selection="SPECIFIC", dn_list_file_url=ticket.file_url
        )
        body = sdk.create_otastatic_upgrade_job(asked).body
        assert (body.success, body.code) == (False, "iot.ota.InvalidDnListFileUrl"), content
        assert "the list is empty" in body.error_message


def test_tuya_refuses_an_empty_file(server: Server) -> None:
    tuya = TuyaClient(address=server.http, key=server.new_key("empty", "admin", "tuya"))
    told = tuya.ask(
        "CreateOTAFirmware", {"FirmwareName": unique("fw"), "DestVersion": "2", "FirmwareUrl": tuya.upload(b"")}
    )
    assert (told.body["success"], told.code) == (False, "iot.common.InvalidFormattedParameter")
    assert "FirmwareUrl" in told.body["errorMessage"] and "the uploaded file is empty" in told.body["errorMessage"]


def test_huawei_refuses_an_empty_object_and_the_command_an_empty_file(server: Server, tmp_path: Path) -> None:
    client = huawei_sdk(server.http, server.new_key("empty", "admin", "huawei"))
    app = client.show_applications(h.ShowApplicationsRequest()).applications[0].app_id
    product = new_huawei_product(client)
    file, key = tmp_path / "file", f"{unique('e')}/upgrade.bin"
    file.write_bytes(b"firmware")
    where = ("--bucket", "abc", "--key", key, "--account", "empty")
    assert hashlib.sha256(b"firmware").hexdigest() in server.run("object", "put", *where, str(file))
    empty = tmp_path / "nothing"
    empty.touch()
    command = [UPWELL, "object", "put", *where, str(empty), "--data-dir", server.data_dir]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and "Traceback" not in done.stderr
    assert f"{empty} is empty" in done.stderr

    def make() -> Any:
        place = h.ObsLocation(region_name="cn-north-4", bucket_name="abc", object_key=key)
        body = h.CreateOtaPackage(
            app_id=app, package_type="firmwarePackage", product_id=product, version=unique("V"),
            file_location=h.FileLocation(obs_location=place),
        )  # fmt: skip
        return client.create_ota_package(h.CreateOtaPackageRequest(body=body))

    assert make().package_id  # what the bucket had before stayed
    [stored] = server.data_dir.glob(f"objects/buckets/*/abc/{key}")
    stored.write_bytes(b"")
    status, code, message = refusal(make)
    assert status == 400 and code.startswith("IOTDA.")
    assert "object_key" in message and "it is empty" in message
