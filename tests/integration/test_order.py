"""Reports and asks of one device are answered in the order sent, each with the truth (issue 9, number 16)."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from face_speech import SPEECHES, connected, report, runs
from platform_house import Device, House, house_on, until
from test_gateways import add, family, login
from tests.job_commands import asking_job, dynamic_job
from tests.mqttwire import publish

from upwell.service.manage import jobs

ASKERS = ("alibaba", "tuya")
TIMES = 15  # what goes wrong now and then goes wrong once in so many


@pytest_asyncio.fixture
async def house(dsn: str, tmp_path: Path) -> AsyncIterator[House]:
    async with house_on(dsn, tmp_path) as one:
        yield one


async def standing(house: House, key: str, package: int) -> None:
    """A job that takes every device as soon as it says that it runs 1.0, and pushes nothing."""
    cmd = dynamic_job(package_id=package, product_key=key, source_versions=("1.0",), need_push=False)
    await jobs.create_job(house.ctx, house.caller, cmd)


def version_in(answer: bytes) -> str | None:
    """What an answer to an ask offers."""
    return json.loads(answer)["data"].get("version")


async def answers(device: Device, topic: str, count: int) -> list[str | None]:
    await until(lambda: len([t for t, _ in device.heard if t == topic]) >= count)
    found = [version_in(payload) for t, payload in device.heard if t == topic]
    device.heard.clear()
    return found


@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize("face", ASKERS)
async def test_an_ask_right_behind_a_report_is_told_what_the_report_brought(house: House, face: str, qos: int) -> None:
    """Issue 9, number 16: in one segment, the version that a standing job waits for, and the ask for its package."""
    speech = SPEECHES[face]
    key = (await house.product()).product_key
    await standing(house, key, await house.package(key, b"image"))
    for n in range(TIMES):
        known = await house.device(key, f"{face}{qos}x{n}")
        device = await connected(house, speech, known)
        assert speech.ask_topic is not None
        say = publish(speech.report_topic(known), report(speech, "1.0"), qos)
        ask = publish(speech.ask_topic(known), b'{"id":"2","msgId":"2","params":{}}', 2 * qos)
        await device.client.send(ask + say + ask + ask)
        assert await answers(device, speech.answer_topic(known), 3) == [None, "2.0", "2.0"]
        await device.close()


@pytest.mark.parametrize("face", ASKERS)
async def test_several_asks_at_once_are_each_told_the_offer_and_it_is_one(house: House, face: str) -> None:
    """Issue 9, number 16: of several asks in one batch each gets the same offer; the budget is spent once."""
    speech = SPEECHES[face]
    known = await house.device((await house.product()).product_key, f"{face}many")
    device = await connected(house, speech, known)
    assert speech.ask_topic is not None
    job = await house.job(await house.package(known.key, b"image"), known, need_push=False, maximum_per_min=1)
    await until_made(house, job)
    await device.client.send(publish(speech.ask_topic(known), b'{"id":"2","msgId":"2","params":{}}') * 5)
    assert await answers(device, speech.answer_topic(known), 5) == ["2.0"] * 5
    assert await house.rows("select sum(offers)::int as n from pace where job_id = $1", job) == [{"n": 1}]


async def until_made(house: House, job: int) -> None:
    while not await house.rows("select 1 from task where job_id = $1", job):
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("face", ASKERS)
async def test_an_ask_waits_for_whoever_holds_its_task(house: House, face: str) -> None:
    """Issue 9, number 16: a transaction of another process holds the task; the answer is what it leaves."""
    speech = SPEECHES[face]
    key = (await house.product()).product_key
    package = await house.package(key, b"image")
    for ends, expected in ((False, "2.0"), (True, None)):
        known = await house.device(key, f"{face}held{ends}")
        device = await connected(house, speech, known)
        assert speech.ask_topic is not None
        job = await house.job(package, known, need_push=False, maximum_per_min=1)
        await until_made(house, job)
        async with house.ctx.database.connection() as conn, conn.transaction():
            await conn.fetch("select from task where job_id = $1 for update", job)
            await device.client.send(publish(speech.ask_topic(known), b'{"id":"2","msgId":"2","params":{}}'))
            await asyncio.sleep(0.3)
            assert device.heard == []
            if ends:
                await conn.execute("update task set state = 'CANCELED' where job_id = $1", job)
        assert await answers(device, speech.answer_topic(known), 1) == [expected]
        await device.close()


async def test_the_end_of_an_update_and_the_ask_for_the_next(house: House) -> None:
    """Issue 9, number 16: progress, arrival and asks in one segment, by topic T4 and by T6."""
    key = (await house.product()).product_key
    package = await house.package(key, b"image")
    for n in range(TIMES):
        known = await house.device(key, f"end{n}")
        device = await house.connect(known)
        await device.inform("1.0")
        job = await house.job(package, known, need_push=False)
        await until_made(house, job)
        get = device.sys("thing/ota/firmware/get"), b'{"id":"2","params":{}}'
        step = device.ota("progress"), b'{"id":"3","params":{"step":"40","desc":""}}'
        done = device.ota("inform"), b'{"id":"4","params":{"version":"2.0"}}'
        await device.client.send(b"".join(publish(*said) for said in (get, step, get, done, get)))
        assert await answers(device, device.sys("thing/ota/firmware/get_reply"), 3) == ["2.0", "2.0", None]
        assert await house.state(job) == "SUCCEEDED"
        await device.close()


async def test_sub_devices_of_a_gateway_are_answered_in_order_too(house: House) -> None:
    """Issue 9, number 16: a gateway logs a sub-device in, reports for it and asks for it in one segment."""
    gateway, subs = await family(house, 4)
    key = subs[0].key
    await standing(house, key, await house.package(key, b"image"))
    await add(gateway, *subs)
    assert await login(gateway, subs[0]) == 200
    said = b""
    for sub in subs[:1]:
        said += publish(gateway.ota("inform", sub), b'{"id":1,"params":{"version":"1.0"}}')
        said += publish(gateway.sys("thing/ota/firmware/get", sub), b'{"id":"2","params":{}}') * 3
    await gateway.client.send(said)
    assert await answers(gateway, gateway.sys("thing/ota/firmware/get_reply", subs[0]), 3) == ["2.0"] * 3


async def test_reports_of_several_channels_keep_their_order(house: House) -> None:
    """Issue 9, number 16: a message that says two things is not overtaken in its middle."""
    speech = SPEECHES["tuya"]
    known = await house.device((await house.product()).product_key, "channels")
    device = await connected(house, speech, known)

    def says(*versions: tuple[int, str]) -> bytes:
        listed: list[dict[str, Any]] = [{"channel": channel, "version": version} for channel, version in versions]
        return publish(speech.report_topic(known), json.dumps({"data": {"otaChannel": listed}}).encode())

    for n in range(TIMES):
        await device.client.send(says((0, f"a{n}"), (9, f"b{n}")) + says((9, f"c{n}")))
        await device.say(f"tylink/{known.name}/thing/x", b"{}")
        while (await runs(house, known)).get("default") != f"a{n}":
            await asyncio.sleep(0.01)
        await device.say(speech.report_topic(known), report(speech, f"d{n}"))
        assert (await runs(house, known)) == {"default": f"d{n}", "mcu": f"c{n}"}


async def test_what_was_said_before_a_new_login_comes_first(house: House) -> None:
    """Issue 9, number 16: a report on the connection that a login replaces, and the ask on the new one."""
    key = (await house.product()).product_key
    await standing(house, key, await house.package(key, b"image"))
    for n in range(TIMES):
        known = await house.device(key, f"again{n}")
        old = await house.connect(known)
        await old.client.send(publish(old.ota("inform"), b'{"id":1,"params":{"version":"1.0"}}'))
        await asyncio.sleep(0.01)
        new = await house.connect(known)
        await new.client.send(publish(new.sys("thing/ota/firmware/get"), b'{"id":"2","params":{}}'))
        assert await answers(new, new.sys("thing/ota/firmware/get_reply"), 1) == ["2.0"]
        await new.close()


@pytest.mark.parametrize("face", ASKERS)
async def test_a_device_that_can_not_be_asked_is_told_its_offer_in_the_answer(house: House, face: str) -> None:
    """Issue 9, number 16: a task of Huawei's making begins with a question; what the device said last answers it."""
    speech = SPEECHES[face]
    known = await house.device((await house.product()).product_key, f"{face}asked")
    first = await connected(house, speech, known)
    await first.say(speech.report_topic(known), report(speech, "1.0"))
    await first.close()
    package = await house.package(known.key, b"image")
    cmd = asking_job(name="b", part="firmware", package_ids=(package,), targets=(f"{known.key}_{known.name}",))
    job = (await jobs.create_job(house.ctx, house.caller, cmd)).job_id
    house.server.engine.wake("fill")
    await until_made(house, job)
    device = await connected(house, speech, known)
    assert speech.ask_topic is not None
    await device.client.send(publish(speech.ask_topic(known), b'{"id":"2","msgId":"2","params":{}}') * 2)
    assert await answers(device, speech.answer_topic(known), 2) == ["2.0", "2.0"]
    for _ in range(2):  # it has its offer, and asks all the same
        await device.client.send(publish(speech.ask_topic(known), b'{"id":"3","msgId":"3","params":{}}'))
        assert await answers(device, speech.answer_topic(known), 1) == ["2.0"]
    async with house.ctx.database.connection() as conn:
        assert await conn.fetchval("select awaiting from task where job_id = $1", job) == "result"
