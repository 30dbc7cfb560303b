"""Downloads over MQTT on a whole server: bytes that arrive, and everything a device must not reach (alibaba 6.8)."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from platform_house import Device, House, Known, block_of, house_on, until
from tests.imitations.c4 import C4
from tests.mqttwire import publish

from upwell.domain import commands as c
from upwell.domain.talk import TaskRef, stream_of
from upwell.doors.devices.faces import alibaba_blocks
from upwell.service.manage import steering

IMAGE = Random(4).randbytes(300_001)


@pytest_asyncio.fixture
async def house(dsn: str, tmp_path: Path) -> AsyncIterator[House]:
    async with house_on(dsn, tmp_path) as one:
        yield one


async def offered(house: House, image: bytes = IMAGE, **more: Any) -> tuple[Device, int, int]:
    """A device that was offered a download over MQTT: the device, its job, its stream."""
    product = await house.product()
    known = await house.device(product.product_key)
    package = await house.package(known.key, image)
    device = await house.connect(known)
    await device.inform("1.0")
    job = await house.job(package, known, protocol="MQTT", **more)
    told = json.loads(await device.said(device.ota("upgrade")))["data"]
    assert told["dProtocol"] == "mqtt" and "url" not in told and told["size"] == len(image)
    return device, job, told["streamId"]


def request(stream: Any, offset: Any, size: Any, ref: str = "1", file: int = 1) -> bytes:
    """As C4 writes it, trailing comma and all."""
    return (
        f'{{"id":"{ref}", "params":{{"fileToken":"default","fileInfo":{{"streamId":{stream},"fileId":{file},}},'
        f'"fileBlock":{{"size":{size},"offset":{offset}}}}}}}'
    ).encode()


async def fetch(device: Device, payload: bytes, who: Known | None = None) -> tuple[dict[str, Any], bytes, int]:
    await device.say(device.sys("thing/file/download", who), payload)
    return block_of(await device.said(device.sys("thing/file/download_reply", who)))


async def test_sixteen_megabytes_arrive(house: House) -> None:
    image = Random(5).randbytes(16 * 1024 * 1024)
    device, job, stream = await offered(house, image)
    await device.subscribe(device.sys("thing/file/download_reply"))
    got = bytearray()
    while len(got) < len(image):
        about, block, _ = await fetch(device, request(stream, len(got), alibaba_blocks.BLOCK_MAX))
        assert (about["code"], about["data"]["bOffset"], about["data"]["bSize"]) == (200, len(got), len(block))
        assert about["data"]["fileLength"] == len(image) and about["data"]["fileToken"] == "default"
        got += block
    assert bytes(got) == image
    await device.inform("2.0")
    await house.until_state(job, "SUCCEEDED")


async def test_the_edges_of_a_file(house: House) -> None:
    device, _, stream = await offered(house)
    size = len(IMAGE)
    for offset, length in ((0, 1), (size - 1, 1), (size - 1, 5000), (size - 10, 131_072), (7, 5120)):
        about, block, _ = await fetch(device, request(stream, offset, length))
        assert (about["code"], block) == (200, IMAGE[offset : offset + length])
    for offset, length in ((size, 1), (2**31 - 1, 1), (0, 0), (0, 131_073), (0, 2**31 - 1)):
        about, block, crc = await fetch(device, request(stream, offset, length, "r9"))
        assert (about["id"], about["code"], block, crc) == ("r9", 416, b"", 0) and about["msg"]


async def test_nothing_but_what_was_offered(house: House) -> None:
    device, job, stream = await offered(house)
    other, _, others = await offered(house)
    neighbour = await house.connect(await house.device(device.known.key))
    for who, number, file in (
        (device, others, 1),
        (neighbour, stream, 1),
        (device, stream, 2),
        (device, stream + 1, 1),
    ):
        about, block, _ = await fetch(who, request(number, 0, 100, file=file))
        assert (about["code"], block) == (404, b"")
    about, block, _ = await fetch(other, request(others, 0, 100))
    assert (about["code"], block) == (200, IMAGE[:100])
    await house.until_state(job, "NOTIFIED")


async def test_not_before_the_offer_nor_over_https(house: House) -> None:
    product = await house.product()
    known = await house.device(product.product_key)
    package = await house.package(known.key, IMAGE)
    device = await house.connect(known)
    for protocol, pushed in (("MQTT", False), ("HTTPS", True)):
        job = await house.job(package, known, protocol=protocol, need_push=pushed)
        if pushed:
            await house.until_state(job, "NOTIFIED")
        rows = await house.rows("select device_id, job_id, nth from task where job_id = $1", job)
        assert rows
        for number in range(3):
            about, _, _ = await fetch(device, request(number, 0, 10))
            assert about["code"] == 404
        stream = _stream(job)
        about, _, _ = await fetch(device, request(stream, 0, 10))
        assert about["code"] == 404, protocol
        await steering.cancel_tasks(house.ctx, house.caller, c.CancelTasks(job_id=job, states=c.OPEN_STATES))


def _stream(job: int) -> int:
    return stream_of(TaskRef(device_id=UUID(int=0), job_id=job))


async def test_a_cancelled_stream_is_soon_dead(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alibaba_blocks, "STREAM_KNOWN_S", 0.2)
    device, job, stream = await offered(house)
    assert (await fetch(device, request(stream, 0, 10)))[0]["code"] == 200
    await steering.cancel_tasks(house.ctx, house.caller, c.CancelTasks(job_id=job, states=c.OPEN_STATES))
    await asyncio.sleep(0.25)
    assert (await fetch(device, request(stream, 0, 10)))[0]["code"] == 404


async def test_a_failure_closes_the_stream_until_the_next_offer(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alibaba_blocks, "STREAM_KNOWN_S", 0.0)
    device, job, stream = await offered(house)
    await device.say(device.ota("progress"), {"id": 2, "params": {"step": "-2", "desc": ""}})
    await house.until_state(job, "FAILED")
    assert (await fetch(device, request(stream, 0, 10)))[0]["code"] == 404


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff" * 100,
        b"{" * 5000,
        request("true", 0, 10),
        request('"1"', 0, 10),
        request(1, -1, 10),
        request(1, 0, 0),
        request(1, 0, -5),
        request(1, 0, '"256"'),
        request(1, '"0"', 256),
        request(1, 0, "256.0"),
        request(1, 0, "null"),
        request(1, 0, "1e400"),
        b'{"id":[],"params":{}}',
        b'{"params":{"fileInfo":{"streamId":1,"fileId":1},"fileBlock":{"size":"1","offset":0}}}',
        request(10**30, 0, 10),
        b'{"id":1,"params":{"fileInfo":[],"fileBlock":{}}}',
        b"x" * 20_000,
    ],
)
async def test_malformed_requests_are_answered_and_change_nothing(house: House, payload: bytes) -> None:
    """Issue 9, number 31: the device is told that there is no block, never left waiting."""
    device, job, stream = await offered(house)
    about, block, crc = await fetch(device, payload)
    assert about["code"] in (404, 416, 460) and about["msg"] and (block, crc) == (b"", 0)
    assert about["id"] in ("", "1") and not device.ended.is_set()
    assert (await fetch(device, request(stream, 0, 10)))[1] == IMAGE[:10]
    await house.until_state(job, "NOTIFIED")


async def test_a_flood_is_bounded_and_harms_nobody_else(house: House) -> None:
    device, job, stream = await offered(house)
    calm, _, calm_stream = await offered(house)
    flood = b"".join(
        publish(device.sys("thing/file/download"), request(stream, 0, alibaba_blocks.BLOCK_MAX, str(n)))
        for n in range(400)
    )
    await device.client.send(flood)
    assert (await fetch(calm, request(calm_stream, 0, 10)))[1] == IMAGE[:10]
    topic = device.sys("thing/file/download_reply")
    await until(lambda: sum(t == topic for t, _ in device.heard) > 100)
    codes = {block_of(p)[0]["code"] for t, p in device.heard if t == topic}
    assert codes == {200, 429}
    assert not device.ended.is_set()
    await device.inform("2.0")
    await house.until_state(job, "SUCCEEDED")


@pytest.mark.parametrize("sign_method", ["MD5", "SHA256"])
async def test_the_c_sdk_downloads_over_mqtt(house: House, sign_method: str) -> None:
    known = await house.device((await house.product()).product_key)
    package = await house.package(known.key, IMAGE, sign_method=sign_method)
    await house.rows("update package set sign_method = $1", sign_method)
    job = await house.job(package, known, protocol="MQTT")

    def run() -> bytes:
        c4 = C4(f"{house.mqtt[0]}:{house.mqtt[1]}", known.key, known.name, known.secret)
        c4.connect()
        c4.report_version("1.0")
        image = c4.download_by_mqtt(c4.pushed_task())
        c4.report_version("2.0")
        c4.mqtt.disconnect()
        return image

    assert await asyncio.to_thread(run) == IMAGE
    await house.until_state(job, "SUCCEEDED")
