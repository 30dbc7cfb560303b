"""The acceptance checklist of the reference (alibaba 10), items 9 to 11 by number: devices."""

import contextlib
import http.client
import json
import random
import struct
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from acceptance.callers import OldSdk
from acceptance.client import Server, until
from acceptance.device import Device, online
from acceptance.stories import setting
from acceptance.stories.setting import states, tasks
from acceptance.test_linkkit import test_linkkit_device_is_taken_to_2_0_0 as test_10_09_linkkit_goes_to_2_0_0

__all__ = ["test_10_09_linkkit_goes_to_2_0_0"]

IMAGE = random.Random(3).randbytes(50_001)
BLOCK = 5 * 1024  # alibaba 6.8: what C4 asks for


@pytest.fixture
def call(server: Server) -> OldSdk:
    return OldSdk(server.http, server.admin)


@pytest.fixture
def key(call: OldSdk) -> str:
    return setting.product(call)


@pytest.fixture
def device(server: Server, call: OldSdk, key: str) -> Iterator[Device]:
    """Online, at 1.0.0. It logs in as the C SDKs do: UPPER-case digest, the year 2050, a comma before the last bar."""
    with online(server.mqtt, key, *setting.device(call, key), "1.0.0") as one:
        yield one


def job_for(call: OldSdk, names: list[str], key: str, firmware: str = "", **more: Any) -> str:
    """The JobId of a static job for these devices."""
    given = {"FirmwareId": firmware or setting.package(call, key, IMAGE), "ProductKey": key}
    target = {"TargetSelection": "SPECIFIC", "TargetDeviceName": names}
    return str(call("CreateOTAStaticUpgradeJob", **given, **target, **more)["Data"]["JobId"])


# --- 10: as the C SDKs do it ------------------------------------------------------------------------------------------


def test_10_10_the_push_is_compact_and_in_order(call: OldSdk, key: str, device: Device) -> None:
    job_for(call, [device.name], key, Tag=[{"Key": "url", "Value": "sign"}])
    text = device.heard(f"/ota/device/upgrade/{key}/{device.name}").decode()
    assert text == json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)
    data = json.loads(text)["data"]
    assert (data["signMethod"], data["sign"]) == ("Md5", data["md5"])  # alibaba 6.5: as the SDKs read it
    assert list(data)[-1] == "extData"  # alibaba 6.6: they take the first textual `url`, which is the real one


def test_10_10_a_download_in_ranges(call: OldSdk, key: str, device: Device) -> None:
    job_for(call, [device.name], key)
    url = urlsplit(device.offered()["url"])
    got = b""
    for start in range(0, len(IMAGE), 20_000):
        link = http.client.HTTPConnection(url.netloc, timeout=10)
        link.request("GET", f"{url.path}?{url.query}", headers={"Range": f"bytes={start}-{start + 19_999}"})
        answer = link.getresponse()
        assert answer.status == 206
        # alibaba 6.7: exactly this case, lines of at most 128 bytes, nothing chunked.
        names = [name for name, _ in answer.getheaders()]
        assert "Content-Length" in names and "Transfer-Encoding" not in names
        assert all(len(f"{name}: {value}") <= 126 for name, value in answer.getheaders())
        got += answer.read()
        link.close()
    assert got == IMAGE


def _crc16(block: bytes) -> int:
    crc = 0
    for byte in block:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc


def test_10_10_a_download_over_mqtt_by_requests_with_a_trailing_comma(call: OldSdk, key: str, device: Device) -> None:
    job = job_for(call, [device.name], key, DownloadProtocol="MQTT")
    offer = device.offered()
    assert (offer["dProtocol"], offer["streamFileId"]) == ("mqtt", 1) and "url" not in offer
    got = b""
    while len(got) < len(IMAGE):
        ask = (
            f'{{"id":"7", "params":{{"fileToken":"default","fileInfo":{{"streamId":{offer["streamId"]},"fileId":1,}},'
            f'"fileBlock":{{"size":{BLOCK},"offset":{len(got)}}}}}}}'
        )
        device.send(f"/sys/{key}/{device.name}/thing/file/download", ask.encode())
        reply = device.heard(f"/sys/{key}/{device.name}/thing/file/download_reply")
        (size,) = struct.unpack_from(">H", reply)
        about = json.loads(reply[2 : 2 + size])
        block = reply[2 + size : -2]
        assert (about["code"], about["data"]["bOffset"]) == (200, len(got))
        assert (about["data"]["fileLength"], about["data"]["bSize"]) == (len(IMAGE), len(block))
        assert reply[-2:] == struct.pack("<H", _crc16(block))
        got += block
    assert got == IMAGE
    device.inform("2.0.0")
    states(call, job, **{device.name: "SUCCEEDED"})


# --- 11: the life of a task -------------------------------------------------------------------------------------------


def test_10_11_an_offline_device_is_told_when_it_comes_and_again_at_each_coming(
    call: OldSdk, server: Server, key: str
) -> None:
    known = setting.device(call, key)
    job = job_for(call, [known[0]], key)
    states(call, job, **{known[0]: "QUEUED"})
    for _ in range(2):
        with online(server.mqtt, key, *known, "1.0.0") as device:
            assert device.offered()["version"] == "2.0.0"
            states(call, job, **{known[0]: "NOTIFIED"})
    with online(server.mqtt, key, *known, "2.0.0"):
        states(call, job, **{known[0]: "SUCCEEDED"})


def test_10_11_a_device_that_is_not_pushed_to_asks(call: OldSdk, key: str, device: Device) -> None:
    assert device.ask() == {}
    job = job_for(call, [device.name], key, NeedPush=False)
    states(call, job, **{device.name: "QUEUED"})
    assert device.ask()["version"] == "2.0.0"
    states(call, job, **{device.name: "NOTIFIED"})


def test_10_11_retries_at_once_and_no_more_than_asked(call: OldSdk, key: str, device: Device) -> None:
    job = job_for(call, [device.name], key, RetryInterval=0, RetryCount=1)
    for _ in range(2):
        device.offered()
        device.progress(10)
        device.progress(-1)
    states(call, job, **{device.name: "FAILED"})
    with pytest.raises(TimeoutError):
        device.heard(f"/ota/device/upgrade/{key}/{device.name}", 1.5)


@pytest.mark.slow
def test_10_11_a_timeout_runs_from_the_first_progress_and_is_not_retried(
    call: OldSdk, server: Server, key: str
) -> None:
    """A minute is the shortest timeout that there is. A device that never reports progress has none."""
    known = [setting.device(call, key) for _ in range(2)]
    (slow, _), (mute, _) = known
    with contextlib.ExitStack() as stack:
        first, second = (stack.enter_context(online(server.mqtt, key, *each, "1.0.0")) for each in known)
        job = job_for(call, [slow, mute], key, TimeoutInMinutes=1, RetryCount=5, RetryInterval=0)
        first.offered(), second.offered()
        time.sleep(3)
        first.progress(5)
        began = time.monotonic()
        wanted = {slow: "FAILED", mute: "NOTIFIED"}
        got = until(lambda: {row["DeviceName"]: row["TaskStatus"] for row in tasks(call, job)}, wanted.__eq__, 75)
        assert got == wanted
        assert time.monotonic() - began > 55
        [row] = tasks(call, job, DeviceNames=[slow])
        assert "timed out" in row["TaskDesc"]


def test_10_11_a_stray_version_fails(call: OldSdk, key: str, device: Device) -> None:
    job = job_for(call, [device.name], key)
    device.offered()
    device.progress(0)
    device.inform("1.0.0")  # alibaba 7.2: devices report at each boot
    states(call, job, **{device.name: "IN_PROGRESS"})
    device.inform("1.5.0")
    states(call, job, **{device.name: "FAILED"})
    [row] = tasks(call, job)
    assert row["TaskDesc"] == "report version is not conform"


@pytest.mark.parametrize("busy", [False, True])
@pytest.mark.parametrize("mode", [1, 2])
def test_10_11_overwriting(call: OldSdk, key: str, device: Device, mode: int, busy: bool) -> None:
    earlier = job_for(call, [device.name], key)
    device.offered()
    if busy:
        device.progress(1)
        states(call, earlier, **{device.name: "IN_PROGRESS"})
    later = job_for(call, [device.name], key, setting.package(call, key, DestVersion="3.0.0"), OverwriteMode=mode)
    if mode == 2 and not busy:
        states(call, earlier, **{device.name: "CANCELED"})
        assert device.offered()["version"] == "3.0.0"
    else:  # alibaba 7.3: the new task fails at once, and never is one in progress overwritten
        states(call, later, **{device.name: "FAILED"})
        device.inform("2.0.0")
        states(call, earlier, **{device.name: "SUCCEEDED"})


def test_10_11_modules_are_independent(call: OldSdk, key: str, device: Device) -> None:
    call("CreateOTAModule", ProductKey=key, ModuleName="MCU")
    device.inform("0.9", "MCU")
    whole = job_for(call, [device.name], key, MultiModuleMode=True)
    part = setting.package(call, key, ModuleName="MCU", DestVersion="1.0")
    job = job_for(call, [device.name], key, part, MultiModuleMode=True)
    offers = [device.offered() for _ in range(2)]
    assert {offer.get("module"): offer["version"] for offer in offers} == {None: "2.0.0", "MCU": "1.0"}
    device.inform("1.0", "MCU")
    states(call, job, **{device.name: "SUCCEEDED"})
    states(call, whole, **{device.name: "NOTIFIED"})


def test_10_11_cancelled_is_cancelled(call: OldSdk, key: str, device: Device) -> None:
    job = job_for(call, [device.name], key)
    device.offered()
    device.progress(70)
    call("CancelOTATaskByJob", JobId=job, CancelInProgressTask=True)
    device.progress(80)
    device.inform("2.0.0")  # alibaba 7.5: late, it changes only the device's version
    states(call, job, **{device.name: "CANCELED"})
    detail = call("QueryDeviceDetail", ProductKey=key, DeviceName=device.name)["Data"]
    assert detail["FirmwareVersion"] == "2.0.0"
    ended = until(lambda: call("QueryOTAJob", JobId=job)["Data"]["JobStatus"], lambda now: now != "IN_PROGRESS")
    assert ended in ("COMPLETED", "CANCELED")


def test_10_11_confirm_and_reupgrade(call: OldSdk, key: str, device: Device) -> None:
    job = job_for(call, [device.name], key, NeedConfirm=True)
    assert device.ask() == {}  # alibaba 7.2: neither push nor answer
    [row] = tasks(call, job)
    for state in ("FAILED", "SUCCEEDED"):
        states(call, job, **{device.name: "CONFIRM"})
        call("ConfirmOTATask", TaskId=[row["TaskId"]])
        device.offered()
        if state == "FAILED":
            device.progress(-4)
            states(call, job, **{device.name: "FAILED"})
            call("ReupgradeOTATask", JobId=job, TaskId=[row["TaskId"]])
    device.inform("2.0.0")
    states(call, job, **{device.name: "SUCCEEDED"})


def test_10_11_a_differential_package_is_for_its_source_alone(call: OldSdk, server: Server, key: str) -> None:
    known = {version: setting.device(call, key) for version in ("1.0.0", "1.1.0", "2.0.0")}
    for version, each in known.items():
        with online(server.mqtt, key, *each, version):
            pass
    delta = setting.package(call, key, Type=1, SrcVersion="1.0.0")
    given = {"FirmwareId": delta, "ProductKey": key, "TargetSelection": "ALL"}
    job = call("CreateOTAStaticUpgradeJob", **given)["Data"]["JobId"]
    states(call, job, **{known["1.0.0"][0]: "QUEUED"})
    with online(server.mqtt, key, *known["1.0.0"], "1.0.0") as device:
        assert device.offered()["isDiff"] == 1
