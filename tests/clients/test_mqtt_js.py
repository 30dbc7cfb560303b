"""Issue 9, number 38: a device of mqtt.js, a client that is no vendor's, from 1.0.0 to 2.0.0 by every way to the broker
that it knows. Its login is made by each vendor's rule, and its downloads are by TLS where its connection is.
"""

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_iot20180120 import models as m

from acceptance.client import Server, new_device, new_package, new_product, new_sdk, serve, until
from acceptance.huawei_client import new_device as new_huawei_device
from acceptance.huawei_fleet import IMAGE as HUAWEI_IMAGE
from acceptance.huawei_fleet import Fleet, new_fleet, only
from acceptance.test_linkkit import _job, _task
from acceptance.tls import certificate, free_port
from acceptance.tuya_client import TuyaClient
from clients.device import Device, running

IMAGE = random.Random(38).randbytes(70_001)
LISTENERS = ("mqtts", "mqtt-ws", "mqtt-wss", "downloads")
SECURE = ("tls", "wss")


@dataclass(frozen=True, kw_only=True)
class Place:
    """A server with every listener, the certificate that it shows, and its brokers by the way to them."""

    server: Server
    ca: Path
    brokers: dict[str, str]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    cert, key = certificate(tmp_path_factory.mktemp("tls"))
    at = {name: f"127.0.0.1:{free_port()}" for name in LISTENERS}
    options = [word for name, address in at.items() for word in (f"--{name}", address)]
    with serve(*options, "--tls-cert", str(cert), "--tls-key", str(key)) as server:
        brokers = {
            "tcp": f"mqtt://{server.mqtt}",
            "tls": f"mqtts://{at['mqtts']}",
            "ws": f"ws://{at['mqtt-ws']}/mqtt",
            "wss": f"wss://{at['mqtt-wss']}/",
        }
        yield Place(server=server, ca=cert, brokers=brokers)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One device and the job that takes it to its version: what the device is given, what makes the job once it is
    online, and whether the job has taken it."""

    given: dict[str, Any]
    image: bytes
    begin: Callable[[], str]
    taken: Callable[[str], bool]


# --- the three ---


def alibaba(place: Place, way: str, folder: Path) -> Plan:
    sdk = new_sdk(place.server.http, place.server.admin)
    key = new_product(sdk)
    name, secret = new_device(sdk, key)
    firmware = new_package(sdk, key, IMAGE, need_to_verify=False)
    more = {"download_protocol": "HTTPS"} if way in SECURE else {}
    asked = m.QueryDeviceDetailRequest(product_key=key, device_name=name)

    def taken(job: str) -> bool:
        task, shown = _task(sdk, job), sdk.query_device_detail(asked).body.data
        return (task.task_status, shown.firmware_version) == ("SUCCEEDED", "2.0.0")

    given = {"face": "alibaba", "product": key, "id": name, "secret": secret, "version": "1.0.0"}
    return Plan(given=given, image=IMAGE, begin=lambda: _job(sdk, "static", key, name, firmware, **more), taken=taken)


def huawei(place: Place, way: str, folder: Path) -> Plan:
    fleet: Fleet = new_fleet(place.server, f"mqtt-js-{way}", folder)
    made = new_huawei_device(fleet.client, fleet.product)
    package = fleet.package("2.0.0")

    def taken(task: str) -> bool:
        shown = fleet.shown(task)
        return shown.batchtask.status == "Success" and only(shown).status == "Success"

    given = {"face": "huawei", "id": made.device_id, "secret": made.auth_info.secret, "version": "1.0.0"}
    begin = lambda: fleet.task(package, made.device_id)  # noqa: E731
    return Plan(given=given, image=HUAWEI_IMAGE, begin=begin, taken=taken)


def tuyalink(place: Place, way: str, folder: Path) -> Plan:
    tuya = TuyaClient(address=place.server.http, key=place.server.new_key("default", "admin", "tuya"))
    key = tuya.new_product()
    firmware = tuya.new_package(key, IMAGE)
    name, secret = tuya.new_device(key)
    target = {"TargetSelection": "SPECIFIC", "TargetDeviceName": [name]}

    def begin() -> str:
        return str(tuya.do("CreateOTAStaticUpgradeJob", FirmwareId=firmware, ProductKey=key, **target)["data"]["jobId"])

    def taken(job: str) -> bool:
        shown = tuya.do("QueryDeviceDetail", ProductKey=key, DeviceName=name)["data"]
        tasks = [row["taskStatus"] for row in tuya.tasks(job)]
        return (tasks, shown.get("firmwareVersion")) == (["SUCCEEDED"], "2.0.0")

    given = {"face": "tuyalink", "id": name, "secret": secret, "version": "1.0.0"}
    return Plan(given=given, image=IMAGE, begin=begin, taken=taken)


# --- the way ---


@pytest.mark.timeout(240)
@pytest.mark.parametrize("way", ["tcp", "tls", "ws", "wss"])
@pytest.mark.parametrize("face", [alibaba, huawei, tuyalink], ids=lambda face: face.__name__)
def test_a_device_is_taken_to_2_0_0(
    place: Place, tmp_path: Path, face: Callable[[Place, str, Path], Plan], way: str
) -> None:
    plan = face(place, way, tmp_path)
    given = plan.given | {"url": place.brokers[way], "ca": str(place.ca)}
    with running("node-mqtt", given, tmp_path / "device.log") as device:
        device.until("online")
        job = plan.begin()
        _installs(device, plan.image)
        assert until(lambda: plan.taken(job), bool), device.told
        device.end()
    assert device.said() == ["connected", "online", "offered", "downloaded", "reported"]
    assert device.told[3]["scheme"] == ("https:" if face is huawei or (way in SECURE and face is tuyalink) else "http:")


def _installs(device: Device, image: bytes) -> None:
    """Offered once, and what it downloaded is the image."""
    offer = device.until("offered")
    assert (offer["version"], offer["size"]) == ("2.0.0", len(image))
    got = device.until("downloaded")
    assert (got["status"], got["size"], got["digest"]) == (200, len(image), hashlib.sha256(image).hexdigest())
    assert got["sound"] is True
    assert device.until("reported")["version"] == "2.0.0"
