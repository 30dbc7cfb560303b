"""Issue 9, number 38: devices of Huawei's Java device SDK, unmodified, to their target version and to every failure,
with packages of each kind; gateways; connections that are cut; and all else that the SDK publishes.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_iot20180120 import models as am
from huaweicloudsdkiotda.v5 import model as m

from acceptance.client import Server, new_package, new_sdk, serve, unique, until
from acceptance.cutting import Cutter
from acceptance.huawei_fleet import IMAGE, OVER, Fleet, new_fleet, only
from acceptance.tls import certificate, free_port
from clients.bridge import JAVA
from clients.device import Device, running

pytestmark = JAVA

ACCOUNT = "java-devices"
SAID = (
    "properties", "properties, gzip", "properties, V3", "bytes, V3", "answer, V3", "answer in bytes, V3", "message",
    "message, QoS 0", "message, gzip", "shadow", "event", "info", "subscribed", "own topic", "custom topic",
    "url to upload", "url to download", "uploaded", "downloaded file",
)  # fmt: skip
BEHIND = ("found", "message of another", "properties of another", "properties of another, gzip")
CODES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255)  # huawei 5.5, all that the SDK names but success


@dataclass(kw_only=True)
class Place:
    """A server with every listener that the SDK can use, and an account of Huawei's on it."""

    server: Server
    ca: Path
    urls: dict[str, str]
    fleet: Fleet
    folder: Path
    count: int = field(default=0)

    def device(self, device_id: str, way: str = "tcp", **more: Any) -> Any:
        """That device, running."""
        self.count += 1
        secret = self.fleet.made[device_id].auth_info.secret
        given = {"id": device_id, "secret": secret, "version": "V1.0", "url": self.urls[way], "ca": str(self.ca)}
        return running("java-huawei-device", given | more, self.folder / f"device-{self.count}.log")

    def over(self, task: str) -> Any:
        """The task as shown at its end."""
        return self.until(task, lambda shown: shown.batchtask.status in OVER)

    def until(self, task: str, holds: Callable[[Any], bool]) -> Any:
        return until(lambda: self.fleet.shown(task), holds, 60)

    def versions(self, device_id: str) -> tuple[str, str]:
        """Firmware and software, as the management API shows them."""
        told = self.fleet.client.show_device(m.ShowDeviceRequest(device_id=device_id))
        return told.fw_version, told.sw_version


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    cert, key = certificate(tmp_path_factory.mktemp("tls"))
    at = {name: f"127.0.0.1:{free_port()}" for name in ("mqtts", "downloads")}
    options = [word for name, address in at.items() for word in (f"--{name}", address)]
    folder = tmp_path_factory.mktemp("java")
    with serve(*options, "--tls-cert", str(cert), "--tls-key", str(key)) as server:
        urls = {"tcp": f"tcp://{server.mqtt}", "ssl": f"ssl://{at['mqtts']}"}
        yield Place(server=server, ca=cert, urls=urls, fleet=new_fleet(server, ACCOUNT, folder), folder=folder)


# --- to the end -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["tcp", "ssl"])
@pytest.mark.parametrize("part", ["firmware", "software"])
def test_a_file_in_a_bucket_is_installed(place: Place, part: str, way: str) -> None:
    fleet, device_id = place.fleet, place.fleet.device()
    sign = hashlib.sha256(IMAGE).hexdigest().upper() if part == "software" else None
    package = fleet.package(unique("V"), f"{part}Package", sign, custom_info="notes")
    version = fleet.client.show_ota_package(m.ShowOtaPackageRequest(package_id=package)).version
    with place.device(device_id, way) as device:
        assert device.until("connected")["code"] == 0
        task = fleet.task(package, device_id, kind=f"{part}Upgrade", task_ext_info={"a": "1"})
        shown = place.over(task)
        assert (shown.batchtask.status, only(shown).status) == ("Success", "Success"), device.told
        offer = device.found("offered")
        got = device.found("downloaded")
        device.found("installed")
        device.ended()
    assert offer["paras"].items() >= {
        "version": version, "file_size": len(IMAGE), "file_name": "upgrade.bin", "custom_info": "notes", "sign": sign,
        "expires": 86400, "task_ext_info": {"a": "1"}, "task_id": None, "sub_device_count": None,
    }.items()  # fmt: skip
    assert offer["token"] is None
    assert sound(got, IMAGE) and got["scheme"] == "https"
    assert [each["what"] for each in device.told if each["what"] in ("query", "offered")] == ["query", "offered"]
    changed = ("V1.0", version) if part == "software" else (version, "V1.0")
    assert place.versions(device_id) == changed


@pytest.mark.parametrize("way", ["tcp", "ssl"])
@pytest.mark.parametrize("module", ["default", "software"])
def test_an_uploaded_file_is_installed_by_its_token(place: Place, module: str, way: str) -> None:
    """huawei 5.4: a file that the platform holds, made here by another tongue's key, as Huawei's API makes none."""
    fleet, device_id, version = place.fleet, place.fleet.device(), unique("A")
    alibaba = new_sdk(place.server.http, place.server.new_key(ACCOUNT, "admin"))
    if module == "software":
        alibaba.create_otamodule(am.CreateOTAModuleRequest(product_key=fleet.product, module_name=module))
    more = {"dest_version": version, "need_to_verify": False, "sign_method": "MD5"}
    firmware = new_package(alibaba, fleet.product, IMAGE, module_name=module, **more)
    with place.device(device_id, way) as device:
        device.until("connected")
        device.ask("version", version="V1.0")
        until(lambda: place.versions(device_id), lambda got: got == ("V1.0", "V1.0"))
        kind = {"default": "firmwarePackage", "software": "softwarePackage"}[module]
        asked = m.ListOtaPackageInfoRequest(package_type=kind, product_id=fleet.product, version=version)
        (package,) = fleet.client.list_ota_package_info(asked).packages
        assert firmware
        task = fleet.task(package.package_id, device_id, kind=kind.replace("Package", "Upgrade"))
        shown = place.over(task)
        assert (shown.batchtask.status, only(shown).status) == ("Success", "Success"), device.told
        offer, got = device.found("offered"), device.found("downloaded")
        device.found("installed")
        device.ended()
    assert offer["token"] and offer["token"] not in offer["paras"]["url"]
    assert offer["paras"]["sign"] == hashlib.sha256(IMAGE).hexdigest()
    assert sound(got, IMAGE) and got["scheme"] == "https"
    assert place.versions(device_id) == ((version, "V1.0") if module == "default" else ("V1.0", version))


def sound(got: dict[str, Any], image: bytes) -> bool:
    """Whether what was downloaded is the image."""
    size, digest = len(image), hashlib.sha256(image).hexdigest()
    return (got["status"], got["size"], got["digest"], got["length"]) == (200, size, digest, str(size))


# --- failures -------------------------------------------------------------------------------------------------------


@pytest.mark.timeout(300)
def test_each_code_that_the_sdk_names(place: Place) -> None:
    """After each failure the device is asked and offered again, on the connection that it has."""
    fleet, device_id = place.fleet, place.fleet.device()
    with place.device(device_id) as device:
        device.until("connected")
        for code in CODES:
            device.ask("fail", code=code)
            shown = place.over(fleet.task(fleet.package(unique("V")), device_id))
            assert (shown.batchtask.status, only(shown).status) == ("Fail", "Fail"), (code, device.told)
            assert only(shown).error.error_msg.endswith("it was told to fail"), code
        device.ended()
    assert told_of(device) == ["query", "offered"] * len(CODES)
    assert place.versions(device_id) == ("V1.0", "V1.0")


def test_all_of_it_with_the_old_version_is_no_success(place: Place) -> None:
    """The vendor's sample has its first 100 % before it checks the file."""
    fleet, device_id = place.fleet, place.fleet.device()
    with place.device(device_id, waits=True) as device:
        device.until("connected")
        task = fleet.task(fleet.package(unique("V")), device_id)
        device.found("offered")
        device.ask("report", code=0, progress=100, version="V1.0")
        status = until(lambda: only(fleet.shown(task)).status, lambda got: got != "Processing", 2)
        assert status == "Processing"
        device.ask("fail", code=7)
        device.ask("install")
        assert only(place.over(task)).error.error_msg.startswith("Integrity check failure")
        device.ended()


def told_of(device: Device) -> list[str]:
    """What it was told of upgrades."""
    return [each["what"] for each in device.told if each["what"] in ("query", "offered")]


# --- connections ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("stamp", "code"), [(0, 0), (1, 0), (2, 4)], ids=["hour unchecked", "hour checked", "SM3"])
def test_each_form_of_its_login(place: Place, stamp: int, code: int) -> None:
    """By its configuration; SM3 is not offered, and refused so that the SDK does not try again for ever."""
    device_id = place.fleet.device()
    with place.device(device_id, stamp=stamp) as device:
        assert device.until("connected")["code"] == code
        device.ended()


def test_a_wrong_secret_ends_its_attempts(place: Place) -> None:
    """The SDK asks again for ever unless it is told 4."""
    device_id = place.fleet.device()
    with place.device(device_id, secret="another-Secret") as device:
        assert device.until("connected")["code"] == 4
        device.ended()


@pytest.mark.parametrize("reports", ["while it is away", "when it is back"])
def test_a_connection_that_is_cut_while_it_installs(place: Place, reports: str) -> None:
    """The SDK comes back by itself, a second later at the earliest; what it reported meanwhile, which it keeps until
    then, or reports afterwards counts."""
    fleet, device_id = place.fleet, place.fleet.device()
    host, _, port = place.server.mqtt.rpartition(":")
    wire = Cutter((host, int(port)), {})
    try:
        with place.device(device_id, url=f"tcp://{wire.address}", waits=True) as device:
            device.until("connected")
            task = fleet.task(fleet.package(unique("V")), device_id)
            device.found("offered")
            assert wire.cut_now() == 1
            device.found("lost")
            if reports == "when it is back":
                device.found("online", 1)
            device.ask("install")
            device.found("installed")
            device.found("online", 1)
            shown = place.over(task)
            assert (shown.batchtask.status, only(shown).status) == ("Success", "Success"), device.told
            device.ended()
    finally:
        wire.close()
    assert told_of(device) == ["query", "offered"]
    order = [each["what"] for each in device.told if each["what"] in ("online", "installed")]
    away = reports == "while it is away"
    assert order == (["online", "installed", "online"] if away else ["online", "online", "installed"])


def test_one_that_installs_aside_is_asked_and_offered_again_after_a_cut(place: Place) -> None:
    """ADR 0011: it answers that it runs what it ran. It installs twice, and its first success is the task's."""
    fleet, device_id = place.fleet, place.fleet.device()
    host, _, port = place.server.mqtt.rpartition(":")
    wire = Cutter((host, int(port)), {})
    try:
        with place.device(device_id, url=f"tcp://{wire.address}", waits=True, aside=True) as device:
            device.until("connected")
            task = fleet.task(fleet.package(unique("V")), device_id)
            device.found("offered")
            assert wire.cut_now() == 1
            device.found("offered", 1)
            device.ask("install")
            device.found("installed")
            shown = place.over(task)
            assert (shown.batchtask.status, only(shown).status) == ("Success", "Success"), device.told
            device.ask("install")
            device.found("installed", 1)
            assert fleet.shown(task).batchtask.status == "Success"
            device.ended()
    finally:
        wire.close()
    assert told_of(device) == ["query", "offered", "query", "offered"]


def test_one_whose_power_is_cut_is_asked_and_offered_again(place: Place) -> None:
    fleet, device_id = place.fleet, place.fleet.device()
    with place.device(device_id, "ssl", waits=True) as device:
        device.until("connected")
        task = fleet.task(fleet.package(unique("V")), device_id)
        device.found("offered")  # and its process is killed
    with place.device(device_id, "ssl") as device:
        shown = place.over(task)
        assert (shown.batchtask.status, only(shown).status) == ("Success", "Success"), device.told
        device.ended()
    assert told_of(device) == ["query", "offered"]


# --- all else that it says ------------------------------------------------------------------------------------------


def test_all_that_the_sdk_publishes_is_acknowledged(place: Place) -> None:
    """Messages, properties, commands' answers, shadows, files, logs, topics of one's own, the older V3 ones: they are
    acknowledged and not read, on the one connection, whose upgrade then goes on as ever."""
    fleet, device_id = place.fleet, place.fleet.device()
    with place.device(device_id, "ssl") as device:
        device.until("connected")
        device.ask("everything")
        device.found("published", name="all")
        for name in SAID:
            device.found("published", name=name)
        device.ask("clock")
        clock = device.found("clock")
        assert clock["sent"] <= clock["received"] + 1000 and clock["received"] <= clock["answered"]
        assert abs(clock["answered"] / 1000 - time.time()) < 60
        shown = place.over(fleet.task(fleet.package(unique("V")), device_id))
        assert only(shown).status == "Success"
        device.ended()
    assert [each["what"] for each in device.told if each["what"] in ("lost", "not published")] == []
    sdk = fleet.client.show_device(m.ShowDeviceRequest(device_id=device_id)).device_sdk_version
    assert sdk == "JAVA_v1.2.1"


# --- a gateway ------------------------------------------------------------------------------------------------------


def test_a_gateway_and_what_is_behind_it(place: Place) -> None:
    """It synchronises by a service without the `$`, which Huawei's page has; both sub-devices and the gateway itself
    are updated, in either mode."""
    fleet, client = place.fleet, place.fleet.client
    gateway = fleet.device()
    subs = [fleet.device(gateway_id=gateway) for _ in range(2)]
    with place.device(gateway, gateway=True) as device:
        device.until("connected")
        known = device.found("subs")
        assert {(each["device_id"], each["parent_device_id"]) for each in known["devices"]} == {
            (s, gateway) for s in subs
        }
        status = lambda sub: client.show_device(m.ShowDeviceRequest(device_id=sub)).status  # noqa: E731
        for each in ("OFFLINE", "ONLINE"):
            device.ask("status", id=subs[0], status=each)
            assert until(lambda: status(subs[0]), lambda got, each=each: got == each) == each
        device.ask("add", node="n1", product=fleet.product)
        device.ask("delete", id=subs[0])
        added, deleted = device.found("added"), device.found("deleted")
        assert added["event"] == "event-1" and not added["told"]["successful_devices"]
        assert deleted["event"] == "event-2" and not deleted["told"]["successful_devices"]
        assert [each["node_id"] for each in added["told"]["failed_devices"]] == ["n1"]
        assert [each["device_id"] for each in deleted["told"]["failed_devices"]] == [subs[0]]
        device.ask("everything", sub=subs[0])
        for name in (*SAID, *BEHIND, "all"):
            device.found("published", name=name)
        task = fleet.task(fleet.package(unique("V")), *subs, task_mode="GATEWAY")
        shown = place.over(task)
        assert shown.batchtask.status == "Success", device.told
        for sub in subs:
            offer = device.found("offered", id=sub)["paras"]
            assert (offer["task_id"], offer["sub_device_count"]) == (task, 2)
        shown = place.over(fleet.task(fleet.package(unique("V")), *subs, gateway))
        assert shown.batchtask.status == "Success", device.told
        device.ended()
    assert not [each for each in device.told if each["what"] == "not published"]
