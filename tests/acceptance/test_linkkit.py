"""Devices of the vendor's Python SDK (alibaba 6, 10.9) beside the management SDK: push, pull, TLS, a gateway with its
sub-device, and registration."""

import datetime
import ipaddress
import json
import random
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_iot20180120 import models as m
from alibabacloud_iot20180120.client import Client
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.imitations.c4 import C4

from acceptance.client import Server, new_device, new_package, new_product, new_sdk, serve, unique, until

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-linkkit" / "bin" / "python"
DEVICE = Path(__file__).with_name("linkkit_device.py")
GATEWAY = Path(__file__).with_name("linkkit_gateway.py")
ENROL = Path(__file__).with_name("linkkit_enrol.py")
THING = Path(__file__).with_name("linkkit_thing.py")


@contextmanager
def _device(
    port: str, product_key: str, name: str, secret: str, path: Path, manner: str = "push", ca: Path | None = None
) -> Iterator["subprocess.Popen[str]"]:
    more = [manner] if ca is None else [manner, ca]
    with _run(path.parent, DEVICE, port, product_key, name, secret, path, *more) as process:
        yield process


@contextmanager
def _run(folder: Path, *command: str | Path) -> Iterator["subprocess.Popen[str]"]:
    assert PYTHON.exists(), f"{PYTHON} is made by `make setup`"
    with (folder / "device.log").open("w") as log:
        process = subprocess.Popen(
            [PYTHON, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        with process:
            try:
                yield process
            finally:
                process.kill()


def _until_said(process: "subprocess.Popen[str]", what: str, said: list[dict[str, Any]]) -> dict[str, Any]:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith('{"what"'):
            said.append(json.loads(line))
            if said[-1]["what"] == what:
                return said[-1]
    raise AssertionError(f"the device ended with {process.wait()} before {what!r}, after {said}")


@pytest.mark.parametrize("kind", ["verify", "static"])
def test_linkkit_device_is_taken_to_2_0_0(server: Server, sdk: Client, tmp_path: Path, kind: str) -> None:
    image = random.Random(7).randbytes(300_001)
    key = new_product(sdk)
    name, secret = new_device(sdk, key)
    firmware = new_package(sdk, key, image, need_to_verify=kind == "verify")
    said: list[dict[str, Any]] = []
    with _device(_port(server), key, name, secret, tmp_path / "image") as process:
        assert _until_said(process, "connected", said)["rc"] == 0
        asked = m.QueryDeviceDetailRequest(product_key=key, device_name=name)
        shown = until(lambda: sdk.query_device_detail(asked).body.data, lambda d: d.firmware_version == "1.0.0")
        assert (shown.firmware_version, shown.status) == ("1.0.0", "ONLINE")
        job = _job(sdk, kind, key, name, firmware)

        push = _until_said(process, "pushed", said)
        assert (push["kind"], push["version"], push["size"], push["method"]) == (1, "2.0.0", len(image), "Md5")
        assert _until_said(process, "downloaded", said)["result"] == "SUCCESS"
        assert (tmp_path / "image").read_bytes() == image
        task = until(lambda: _task(sdk, job), lambda t: t.task_status in ("SUCCEEDED", "FAILED"))
        assert (task.task_status, task.device_name) == ("SUCCEEDED", name)
        assert (task.src_version, task.dest_version) == ("1.0.0", "2.0.0")

        assert process.stdin is not None
        process.stdin.close()
        assert _until_said(process, "ended", said)["pushes"] == 1
        assert process.wait(20) == 0
    published = [(line["step"], line["acknowledged"]) for line in said if line["what"] == "published"]
    assert published == [("1", True), ("60", True), ("100", True)]
    package = until(
        lambda: sdk.query_otafirmware(m.QueryOTAFirmwareRequest(firmware_id=firmware)).body.firmware_info,
        lambda p: p.status in (-1, 1),
    )
    assert package.status == (1 if kind == "verify" else -1)
    ended = until(
        lambda: sdk.query_otajob(m.QueryOTAJobRequest(job_id=job)).body.data, lambda j: j.job_status == "COMPLETED"
    )
    assert ended.job_status == "COMPLETED"


def _port(server: Server) -> str:
    return server.mqtt.rpartition(":")[2]


def test_linkkit_device_asks_for_its_firmware(server: Server, sdk: Client, tmp_path: Path) -> None:
    image = random.Random(8).randbytes(20_001)
    key = new_product(sdk)
    name, secret = new_device(sdk, key)
    firmware = new_package(sdk, key, image, need_to_verify=False)
    said: list[dict[str, Any]] = []
    with _device(_port(server), key, name, secret, tmp_path / "image", "pull") as process:
        _until_said(process, "asked", said)
        _until_said(process, "asked", said)
        assert [line["what"] for line in said].count("pushed") == 0  # an empty answer is no offer
        job = _job(sdk, "static", key, name, firmware, need_push="false")
        told = _until_said(process, "pushed", said)
        assert (told["kind"], told["version"], told["size"]) == (2, "2.0.0", len(image))
        assert _until_said(process, "downloaded", said)["result"] == "SUCCESS"
        task = until(lambda: _task(sdk, job), lambda t: t.task_status == "SUCCEEDED")
        assert task.task_status == "SUCCEEDED"


def test_linkkit_device_is_answered_what_it_tells(server: Server, sdk: Client, tmp_path: Path) -> None:
    """Its callbacks come, as at the vendor's, though nothing of it is kept."""
    key = new_product(sdk)
    name, secret = new_device(sdk, key)
    with _run(tmp_path, THING, _port(server), key, name, secret, tmp_path / "thing.json") as process:
        assert process.stdout is not None
        said = [json.loads(line) for line in process.stdout if line.startswith('{"what"')]
        assert process.wait(20) == 0
    assert said == [
        {"what": "properties", "code": 200, "more": "success"},
        {"what": "event", "code": 200, "more": "smoke"},
        {"what": "labels", "code": 200, "more": "success"},
        {"what": "no labels", "code": 200, "more": "success"},
    ]


def test_linkkit_device_by_tls(tmp_path: Path) -> None:
    image = random.Random(9).randbytes(20_001)
    certificate, private_key = _self_signed(tmp_path)
    port = str(_free_port())
    with serve("--mqtts", f"127.0.0.1:{port}", "--tls-cert", str(certificate), "--tls-key", str(private_key)) as server:
        sdk = new_sdk(server.http, server.admin)
        key = new_product(sdk)
        name, secret = new_device(sdk, key)
        firmware = new_package(sdk, key, image, need_to_verify=False)
        said: list[dict[str, Any]] = []
        with _device(port, key, name, secret, tmp_path / "image", "push", certificate) as process:
            assert _until_said(process, "connected", said)["rc"] == 0
            job = _job(sdk, "static", key, name, firmware)
            assert _until_said(process, "downloaded", said)["result"] == "SUCCESS"
            task = until(lambda: _task(sdk, job), lambda t: t.task_status == "SUCCEEDED")
            assert task.task_status == "SUCCEEDED"
        trusting = ssl.create_default_context(cafile=str(certificate))
        c4 = C4(f"127.0.0.1:{port}", key, name, secret, trusting)
        c4.connect()
        c4.report_version("2.0.1")
        shown = until(
            lambda: sdk.query_device_detail(m.QueryDeviceDetailRequest(product_key=key, device_name=name)).body.data,
            lambda d: d.firmware_version == "2.0.1",
        )
        assert shown.firmware_version == "2.0.1"
        c4.mqtt.close()


def test_linkkit_gateway_takes_its_sub_device_to_2_0_0(server: Server, sdk: Client, tmp_path: Path) -> None:
    image = random.Random(10).randbytes(20_001)
    made = sdk.create_product(m.CreateProductRequest(product_name=unique("gw"), node_type=1)).body
    gateway_key, key = made.product_key, new_product(sdk)
    gateway, sub = new_device(sdk, gateway_key), new_device(sdk, key)
    firmware = new_package(sdk, key, image, need_to_verify=False)
    said: list[dict[str, Any]] = []
    with _run(tmp_path, GATEWAY, _port(server), gateway_key, *gateway, key, *sub) as process:
        for what in ("added", "logged-in"):
            told = _until_said(process, what, said)
            assert told["code"] == 200, told
        job = _job(sdk, "static", key, sub[0], firmware)
        pushed = _until_said(process, "pushed", said)
        assert pushed["topic"] == f"/ota/device/upgrade/{key}/{sub[0]}"
        task = until(lambda: _task(sdk, job), lambda t: t.task_status == "SUCCEEDED")
        assert (task.task_status, task.device_name) == ("SUCCEEDED", sub[0])
        assert _until_said(process, "logged-out", said)["code"] == 200
        shown = until(
            lambda: sdk.query_device_detail(m.QueryDeviceDetailRequest(product_key=key, device_name=sub[0])).body.data,
            lambda d: d.status == "OFFLINE",
        )
        assert shown.status == "OFFLINE"
        assert _until_said(process, "deleted", said)["code"] == 200


@pytest.mark.parametrize("kind", ["register", "regnwl"])
def test_linkkit_device_asks_for_its_secret(tmp_path: Path, kind: str) -> None:
    with serve("--dynamic-registration", "any") as server:
        sdk = new_sdk(server.http, server.admin)
        key = new_product(sdk)
        product_secret = sdk.query_product(m.QueryProductRequest(product_key=key)).body.data.product_secret
        name = new_device(sdk, key)[0] if kind == "register" else unique("new")
        said: list[dict[str, Any]] = []
        with _run(tmp_path, ENROL, _port(server), key, name, product_secret, kind) as process:
            assert _until_said(process, "granted", said)["rc"] == 0
            assert _until_said(process, "connected", said)["rc"] == 0
            shown = until(
                lambda: (
                    sdk.query_device_detail(m.QueryDeviceDetailRequest(product_key=key, device_name=name)).body.data
                ),
                lambda d: d.firmware_version == "1.0.0",
            )
            assert (shown.firmware_version, shown.status) == ("1.0.0", "ONLINE")


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that is its own CA, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    at, key_at = folder / "server.pem", folder / "server.key"
    at.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    key_at.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return at, key_at


def _job(sdk: Client, kind: str, key: str, name: str, firmware: str, **more: Any) -> str:
    given: dict[str, Any] = {"firmware_id": firmware, "product_key": key, "target_device_name": [name], **more}
    if kind == "verify":
        body = sdk.create_otaverify_job(m.CreateOTAVerifyJobRequest(**given)).body
    else:
        asked = m.CreateOTAStaticUpgradeJobRequest(target_selection="SPECIFIC", **given)
        body = sdk.create_otastatic_upgrade_job(asked).body
    assert body.success, body.to_map()
    return body.data.job_id


def _task(sdk: Client, job: str) -> Any:
    body = sdk.list_otatask_by_job(m.ListOTATaskByJobRequest(job_id=job, current_page=1, page_size=10)).body
    assert body.total == 1
    return body.data.simple_otatask_info[0]
