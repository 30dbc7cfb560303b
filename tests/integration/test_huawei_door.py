"""Huawei's devices at the door: imitations of four SDKs, each through its success and its failures (huawei 5, 6.2)."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.imitations.huawei import HuaweiDevice, Refused, unchecked
from tests.imitations.huawei_c import HuaweiC, request, taken_apart
from tests.imitations.huawei_go import HuaweiGo
from tests.imitations.huawei_java import HuaweiJava
from tests.imitations.huawei_python import HuaweiPython
from tests.integration.certificates import self_signed
from tests.integration.platform_house import House, Known, house_on

from upwell.domain import commands as c
from upwell.service.manage import devices
from upwell.service.upgrade import gateways

IMAGE = random.Random(9).randbytes(150_001)
SDKS: dict[str, Callable[..., HuaweiDevice]] = {
    "python": HuaweiPython,
    "java": HuaweiJava,
    "go": HuaweiGo,
    "c": lambda **given: HuaweiC(plain=True, checks_sign=False, **given),
}


@pytest_asyncio.fixture
async def house(dsn: str, tmp_path: Path) -> AsyncIterator[House]:
    async with house_on(dsn, tmp_path) as house:
        yield house


@asynccontextmanager
async def online(house: House, known: Known, sdk: str, **given: Any) -> AsyncIterator[HuaweiDevice]:
    host, port = house.mqtt
    device = SDKS[sdk](host=host, port=port, device_id=known.name, secret=known.secret, **given)
    await device.start()
    try:
        yield device
    finally:
        await device.stop()


async def one_device(house: House, name: str = "node1") -> Known:
    product = await house.product()
    return await house.device(product.product_key, name)


async def runs(house: House, known: Known) -> dict[str, str]:
    rows = await house.rows(
        "select v.module, v.version from module_version v join device d using (device_id) where d.name = $1", known.name
    )
    return {row["module"]: row["version"] for row in rows}


async def task(house: House, job: int) -> dict[str, Any]:
    return (await house.rows("select state, reason, description, code, progress from task where job_id = $1", job))[0]


# --- to the end -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("subscribes", [False, True])
@pytest.mark.parametrize("sdk", tuple(SDKS))
async def test_each_sdk_is_taken_to_2_0(house: House, sdk: str, subscribes: bool) -> None:
    known = await one_device(house)
    package = await house.package(known.key, IMAGE, note="notes")
    async with online(house, known, sdk, subscribes=subscribes) as device:
        await house.until_online(known)
        job = await house.job(package, known)
        await device.until(lambda: device.told("firmware_upgrade"))
        await house.until_state(job, "SUCCEEDED")
        assert device.image == IMAGE and device.version == "2.0"
        paras = device.told("firmware_upgrade")[0]
        assert (paras["version"], paras["file_size"], paras["expires"]) == ("2.0", len(IMAGE), 86_400)
        assert paras["custom_info"] == "notes" and paras["access_token"] and "task_id" not in paras
        assert paras["access_token"] not in paras["url"]
        await asyncio.sleep(0.3)
        assert len(device.events) == 1  # once, subscribed or not (huawei 5.2)


async def test_the_early_report_of_java_neither_ends_nor_fails_the_task(house: House) -> None:
    known = await one_device(house)
    package = await house.package(known.key, IMAGE)
    async with online(house, known, "java", pause_s=0.5) as device:
        await house.until_online(known)
        job = await house.job(package, known)
        await house.until_state(job, "SUCCEEDED")
        changes = await house.rows("select to_state from task_change where job_id = $1 order by at, rev", job)
        assert [row["to_state"] for row in changes][-2:] == ["IN_PROGRESS", "SUCCEEDED"]
        assert device.version == "2.0"


@pytest.mark.parametrize(
    ("sdk", "fails", "code", "reason"),
    [
        ("java", "download", 6, "download_failed"),
        ("java", "check", 7, "verification_failed"),
        ("c", "install", 1, "in_use"),
        ("go", "install", 10, "upgrade_failed"),
        ("go", "inner", 255, "device_internal"),
    ],
)
async def test_each_failure_is_told_by_its_number(house: House, sdk: str, fails: str, code: int, reason: str) -> None:
    known = await one_device(house)
    package = await house.package(known.key, IMAGE)
    async with online(house, known, sdk, fails=fails):
        await house.until_online(known)
        job = await house.job(package, known)
        await house.until_state(job, "FAILED")
        ended = await task(house, job)
        assert (ended["code"], ended["reason"]) == (code, reason)


@pytest.mark.parametrize("fails", ["download", "check", "crash"])
async def test_a_python_device_that_fails_says_nothing(house: House, fails: str) -> None:
    known = await one_device(house)
    package = await house.package(known.key, IMAGE)
    async with online(house, known, "python", fails=fails) as device:
        await house.until_online(known)
        job = await house.job(package, known)
        await device.until(lambda: device.told("firmware_upgrade"))
        await asyncio.sleep(0.5)
        assert (await task(house, job))["state"] in ("QUEUED", "NOTIFIED")


async def test_a_device_that_acknowledges_late_is_not_offered_again(house: House) -> None:
    known = await one_device(house)
    package = await house.package(known.key, IMAGE)
    async with online(house, known, "python", pause_s=4.0) as device:
        await house.until_online(known)
        job = await house.job(package, known)
        await house.until_state(job, "SUCCEEDED")
        assert len(device.told("firmware_upgrade")) == 1


# --- what it says ---------------------------------------------------------------------------------------------------


async def test_versions_are_kept_and_nulls_change_nothing(house: House) -> None:
    known = await one_device(house)
    async with online(house, known, "java") as device:
        await device.say("version_report", {"fw_version": "V1.0", "sw_version": "V1.5"})
        await device.say("version_report", {"fw_version": None, "sw_version": ""})
        await device.say("sdk_info_report", {"sw_version": "", "fw_version": None}, "$sdk_info")
        await device.publish(f"$oc/devices/{known.name}/sys/properties/report", b'{"services":[]}')
        await device.publish(f"$oc/devices/{known.name}/sys/messages/up", b"x" * 900_000)
        await device.publish(device.up, b"no JSON at all")
        await device.until(lambda: len(device.pubacked) == 7)  # with the greeting
        assert await runs(house, known) == {"default": "V1.0", "software": "V1.5"}
        assert not device.ended


async def test_the_clock_is_answered(house: House) -> None:
    known = await one_device(house)
    async with online(house, known, "go") as device:
        before = datetime.now(UTC).timestamp() * 1000
        await device.say("time_sync_request", {"device_send_time": 1_000}, "$time_sync")
        await device.until(lambda: device.told("time_sync_response"))
        paras = device.told("time_sync_response")[0]
        assert paras["device_send_time"] == 1_000
        assert before - 1 <= paras["server_recv_time"] <= paras["server_send_time"] <= before + 10_000


@pytest.mark.parametrize("topic", ["$oc/devices/other/sys/events/up", "$oc/devices/node1", "/sys/a/b/thing"])
async def test_topics_of_others_end_the_connection(house: House, topic: str) -> None:
    known = await one_device(house)
    async with online(house, known, "go") as device:
        await device.publish(topic, b"{}")
        await device.until(lambda: device.ended)


# --- logins ---------------------------------------------------------------------------------------------------------


async def enters(house: House, known: Known, **given: Any) -> bool:
    try:
        async with online(house, known, "go", **given):
            return True
    except Refused:
        return False


async def test_the_hour_counts_only_for_sign_type_1(dsn: str, tmp_path: Path) -> None:
    async with house_on(dsn, tmp_path) as house:
        known = await one_device(house)
        for zone_h, sign_type, let_in in ((0, 1, True), (1, 1, True), (-1, 1, True), (8, 1, False), (8, 0, True)):
            assert await enters(house, known, zone_h=zone_h, sign_type=sign_type) is let_in, (zone_h, sign_type)
        assert not await enters(house, Known(known.key, known.name, "wrong"))
        assert not await enters(house, Known(known.key, "nobody", known.secret))
        assert not await enters(house, known, sign_type=2)


async def test_the_tolerance_is_a_setting(dsn: str, tmp_path: Path) -> None:
    async with house_on(dsn, tmp_path, huawei_clock_tolerance_h="9") as house:
        known = await one_device(house)
        for zone_h, let_in in ((8, True), (-9, True), (12, False)):
            assert await enters(house, known, zone_h=zone_h) is let_in, zone_h


async def test_a_later_login_replaces_the_earlier(house: House) -> None:
    known = await one_device(house)
    async with online(house, known, "go") as first, online(house, known, "java") as second:
        await first.until(lambda: first.ended)
        await second.until(lambda: second.pubacked)
        assert not second.ended


# --- gateways -------------------------------------------------------------------------------------------------------


class Gateway(HuaweiGo):
    """Speaks for the devices behind it; what it was told of them is kept by their ids."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.of: dict[str, list[tuple[str, dict[str, Any]]]] = {}

    def check_subject(self, message: dict[str, Any]) -> None:
        service = message["services"][0]
        self.of.setdefault(message["object_device_id"], []).append((service["event_type"], service["paras"]))

    async def upgrade(self, kind: str, paras: dict[str, Any]) -> None:
        """Its sub-devices' updates are the test's to make."""

    async def speaks(self, sub: str, kind: str, paras: dict[str, Any]) -> None:
        text = {"object_device_id": sub, "services": [{"service_id": "$ota", "event_type": kind, "paras": paras}]}
        await self.publish(self.up, json.dumps(text).encode())


SDKS["gateway"] = Gateway


async def a_gateway(house: House, *names: str) -> tuple[Known, list[Known]]:
    product = await house.product(gateway=True)
    gate = await house.device(product.product_key, "gate")
    subs = [await house.device(product.product_key, name) for name in names]
    await bind(house, gate, *subs)
    return gate, subs


async def bind(house: House, gate: Known, *subs: Known) -> None:
    ids = {row["name"]: row["device_id"] for row in await house.rows("select name, device_id from device")}
    await gateways.bind(house.ctx, ids[gate.name], [ids[sub.name] for sub in subs])


def called(known: Known) -> str:
    return f"{known.key}_{known.name}"


async def test_a_gateway_updates_the_devices_behind_it(house: House) -> None:
    gate, (one, two) = await a_gateway(house, "sub1", "sub2")
    package = await house.package(gate.key, IMAGE)
    async with online(house, gate, "gateway") as device:
        assert isinstance(device, Gateway)
        for sub in (one, two):
            await house.until_online(sub)
        jobs = [await house.job(package, sub) for sub in (one, two)]
        await device.until(lambda: {called(one), called(two)} <= device.of.keys())
        done = {"result_code": 0, "progress": 100, "version": "2.0"}
        await device.speaks(called(one), "upgrade_progress_report", done)
        await device.speaks(called(two), "upgrade_progress_report", done | {"result_code": 5})
        await house.until_state(jobs[0], "SUCCEEDED")
        await house.until_state(jobs[1], "FAILED")
        assert (await task(house, jobs[1]))["reason"] == "no_space"
        assert [kind for kind, _ in device.of[called(one)]] == ["firmware_upgrade"]
    for sub in (one, two):
        await house.until_online(sub, False)


async def test_a_device_that_is_not_behind_the_gateway_is_not_heard(house: House) -> None:
    gate, _ = await a_gateway(house, "sub1")
    stranger = await one_device(house, "stranger")
    async with online(house, gate, "gateway") as device:
        assert isinstance(device, Gateway)
        for sub in (called(stranger), stranger.name, "nobody"):
            await device.speaks(sub, "version_report", {"fw_version": "9"})
        await device.until(lambda: len(device.pubacked) == 3)
        assert await runs(house, stranger) == {} and not device.ended
        assert not await house.online(stranger)


async def test_a_device_added_behind_a_gateway_that_is_there_comes_online(house: House) -> None:
    gate, _ = await a_gateway(house)
    async with online(house, gate, "gateway") as device:
        assert isinstance(device, Gateway)
        await house.until_online(gate)
        first, second = [await house.device(gate.key, name) for name in ("late1", "late2")]
        await bind(house, gate, first, second)
        await device.speaks(called(first), "version_report", {"fw_version": "1.0"})  # at once, it need not wait
        await device.until(lambda: device.pubacked)
        assert await runs(house, first) == {"default": "1.0"}
        await house.until_online(second)


async def test_a_gateway_says_who_is_away(house: House) -> None:
    gate, (one, two) = await a_gateway(house, "sub1", "sub2")
    async with online(house, gate, "gateway") as device:
        assert isinstance(device, Gateway)

        async def says(*wanted: tuple[str, str]) -> dict[str, Any]:
            before = len(device.told("sub_device_update_status_response"))
            paras = {"device_statuses": [{"device_id": each, "status": status} for each, status in wanted]}
            await device.say("sub_device_update_status", paras, "$sub_device_manager")
            await device.until(lambda: len(device.told("sub_device_update_status_response")) > before)
            return device.told("sub_device_update_status_response")[-1]

        await house.until_online(one)
        told = await says((called(one), "OFFLINE"), (called(two), "ONLINE"), ("nobody", "ONLINE"))
        assert told["successful_devices"] == [
            {"device_id": called(one), "status": "OFFLINE"}, {"device_id": called(two), "status": "ONLINE"},
        ]  # fmt: skip
        assert [each["device_id"] for each in told["failed_devices"]] == ["nobody"]
        await house.until_online(one, False)
        await asyncio.sleep(2.5)  # a round of looking for devices that came meanwhile
        assert not await house.online(one) and await house.online(two)
        await says((called(one), "ONLINE"))
        await house.until_online(one)


async def test_what_a_gateway_asks_of_its_devices_is_answered(house: House) -> None:
    gate, (one,) = await a_gateway(house, "sub1")
    async with online(house, gate, "gateway") as device:
        new = {"devices": [{"node_id": "n9", "product_id": gate.key, "name": "x"}]}
        await device.say("add_sub_device_request", new, "$sub_device_manager")
        await device.say("delete_sub_device_request", {"devices": [called(one)]}, "$sub_device_manager")
        await device.say("sub_device_sync_request", {"version": 0}, "$sub_device_manager")
        await device.until(lambda: device.told("add_sub_device_notify"))
        refused = device.told("add_sub_device_response")[0]
        assert refused["successful_devices"] == [] and refused["failed_devices"][0]["node_id"] == "n9"
        kept = device.told("delete_sub_device_response")[0]
        assert kept["successful_devices"] == [] and kept["failed_devices"][0]["device_id"] == called(one)
        [listed] = device.told("add_sub_device_notify")[0]["devices"]
        assert (listed["device_id"], listed["node_id"], listed["product_id"]) == (called(one), "sub1", gate.key)


async def test_a_sub_device_with_a_connection_of_its_own_keeps_it(house: House) -> None:
    gate, (one,) = await a_gateway(house, "sub1")
    async with online(house, one, "go") as own, online(house, gate, "gateway"):
        await house.until_online(gate)
        await asyncio.sleep(2.5)
        assert not own.ended and await house.online(one)


async def test_what_is_behind_a_device_behind_a_gateway_speaks_on_the_gateways_connection(house: House) -> None:
    gate, (near,) = await a_gateway(house, "near")
    far, farther = [await house.device(gate.key, name) for name in ("far", "farther")]
    await bind(house, near, far)
    await bind(house, far, farther)
    async with online(house, gate, "gateway") as device:
        assert isinstance(device, Gateway)
        await house.until_online(far)
        await device.speaks(called(far), "version_report", {"fw_version": "1.0"})
        await device.speaks(called(farther), "version_report", {"fw_version": "1.0"})
        await device.until(lambda: len(device.pubacked) == 2)
        assert await runs(house, far) == {"default": "1.0"}
        assert await runs(house, farther) == {} and not await house.online(farther)


async def test_a_frozen_device_behind_a_gateway_is_let_go_and_its_gateway_stays(house: House) -> None:
    gate, (one, two) = await a_gateway(house, "sub1", "sub2")
    async with online(house, gate, "gateway") as device:
        assert isinstance(device, Gateway)
        await house.until_online(one)
        frozen = c.UpdateDevices(
            changes=(c.DeviceChange(device=c.DeviceKey(product_key=one.key, name=one.name), enabled=False),)
        )
        await devices.update_devices(house.ctx, house.caller, frozen)
        for attempt in range(1, 40):  # within seconds it is found that its connection may not stay
            await device.speaks(called(one), "version_report", {"fw_version": str(attempt)})
            await device.until(lambda: len(device.pubacked) == attempt)  # noqa: B023  waited for before the next
            if (await runs(house, one)).get("default") != str(attempt):
                break
            await asyncio.sleep(0.3)
        else:
            raise AssertionError("a frozen device is still heard")
        await device.speaks(called(two), "version_report", {"fw_version": "1.0"})
        await device.until(lambda: len(device.pubacked) == attempt + 1)
        assert await runs(house, two) == {"default": "1.0"}
        assert not device.ended


# --- downloads ------------------------------------------------------------------------------------------------------


async def test_a_c_device_downloads_through_tls_as_it_always_does(dsn: str, tmp_path: Path) -> None:
    cert, key = self_signed(tmp_path)
    async with house_on(dsn, tmp_path, downloads="127.0.0.1:0", tls_cert=str(cert), tls_key=str(key)) as house:
        known = await one_device(house)
        package = await house.package(known.key, IMAGE)
        host, port = house.mqtt
        device = HuaweiC(host=host, port=port, device_id=known.name, secret=known.secret, checks_sign=False)
        await device.start()
        await house.until_online(known)
        job = await house.job(package, known)
        await house.until_state(job, "SUCCEEDED")
        await device.stop()
        paras = device.told("firmware_upgrade")[0]
        assert paras["url"].startswith("https://127.0.0.1:") and device.image == IMAGE
        assert device.file_name == paras["file_name"]
        assert await stranger_gets(paras["url"], None) == b"403"
        assert await stranger_gets(paras["url"], "guessed") == b"403"
        assert await stranger_gets(paras["url"], paras["access_token"]) == b"200"


async def stranger_gets(url: str, token: str | None) -> bytes:
    """The status of the C SDK's own request with another's token."""
    host, port, path = taken_apart(url)
    reader, writer = await asyncio.open_connection(host, port, ssl=unchecked())
    writer.write(request(path, host, token))
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    writer.close()
    return head[9:12]
