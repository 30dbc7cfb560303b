"""Topics of devices that are not online on a connection (issue 9, number 17): early words are ignored or bring a device
online, as its vendor does; only strangers' topics end a connection."""

import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from conftest import caller_of
from face_speech import SPEECHES, connected, report, runs
from platform_house import House, Known, house_on, until
from test_gateways import add, family, named, proof
from tests.mqttwire import publish

from upwell.domain.fleet import device_id
from upwell.service.upgrade import gateways


@pytest_asyncio.fixture
async def house(dsn: str, tmp_path: Path) -> AsyncIterator[House]:
    async with house_on(dsn, tmp_path) as one:
        yield one


async def bound(house: House, gateway: Known, *subs: Known) -> None:
    """The topology says so, by whatever way."""
    ids = [device_id(sub.key, sub.name) for sub in subs]
    await gateways.bind(house.ctx, device_id(gateway.key, gateway.name), ids)


TOPICS = ["/ota/device/inform/{}/{}", "/ota/device/progress/{}/{}", "/sys/{}/{}/thing/ota/firmware/get",
          "/sys/{}/{}/thing/file/download", "/sys/{}/{}/thing/event/property/post", "/ext/ntp/{}/{}/request",
          "/{}/{}/user/update", "/shadow/update/{}/{}"]  # fmt: skip


async def test_alibaba_hears_nothing_of_a_sub_device_before_its_login(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """Issue 9, number 17: the vendor takes a sub-device's messages after its login alone; the gateway stays."""
    caplog.set_level(logging.INFO)
    gateway, [sub, _] = await family(house)
    await add(gateway, sub)
    for topic in TOPICS:
        await gateway.say(topic.format(sub.key, sub.name), {"id": 1, "params": {"version": "9.9", "step": "5"}})
    assert len(gateway.pubacks) == 1 + len(TOPICS) and not gateway.ended.is_set()
    assert await runs(house, sub) == {} and not await house.online(sub)
    assert f"other={sub.name}" in caplog.text
    gateway.heard.clear()


async def test_alibaba_hears_what_stands_right_behind_a_login(house: House) -> None:
    """Issue 9, number 17: a gateway need not wait for the answer to its sub-device's login."""
    gateway, subs = await family(house, 3)
    await add(gateway, *subs)
    session = f"/ext/session/{gateway.known.key}/{gateway.known.name}/combine/batch_login"
    asked = {"id": "1", "params": {"signMethod": "hmacSha256", "deviceList": [proof(sub) for sub in subs]}}
    said = publish(session, json.dumps(asked).encode())
    for sub in subs:
        said += publish(gateway.ota("inform", sub), b'{"id":1,"params":{"version":"1.0"}}')
    await gateway.client.send(said)
    await gateway.inform("5.0")
    assert [await runs(house, sub) for sub in subs] == [{"default": "1.0"}] * 3


async def test_alibaba_logs_a_sub_device_out_and_its_gateway_speaks_on(house: House) -> None:
    gateway, [sub, _] = await family(house)
    await add(gateway, sub)
    await gateway.close()
    again = await house.connect(gateway.known)
    await again.inform("1.0", sub)  # as a gateway that restarted may
    topic = f"/ext/session/{again.known.key}/{again.known.name}/combine/logout"
    await again.say(topic, {"id": "1", "params": named(sub)})
    await again.inform("2.0", sub)
    assert not again.ended.is_set() and await runs(house, sub) == {}


async def strangers(house: House) -> list[Known]:
    """A device of the account that is behind nobody, one of another account, and one that there is not."""
    own = await house.device((await house.product()).product_key, "own-stranger")
    caller, house.caller = house.caller, await caller_of(house.ctx, "other", "admin")
    foreign = await house.device((await house.product()).product_key, "foreign-stranger")
    house.caller = caller
    return [own, foreign, Known(own.key, "nobody", "x")]


@pytest.mark.parametrize("face", ["alibaba", "huawei"])
async def test_a_strangers_topic_ends_the_connection(house: House, face: str) -> None:
    """Issue 9, number 17: what is in no topology of the gateway's is an attack, and changes nothing."""
    speech = SPEECHES[face]
    gateway = await house.device((await house.product(gateway=True)).product_key, "gate")
    for stranger in await strangers(house):
        device = await connected(house, speech, gateway)
        await device.say(speech.report_topic(stranger), report(speech, "9.9"))
        await until(device.ended.is_set)
        assert device.pubacks == []
        assert await runs(house, stranger) == {}
        await device.close()


async def test_tuya_hears_nothing_of_a_sub_device_before_its_login(house: House) -> None:
    """Issue 9, number 17: TuyaLink's login has no answer, so a gateway can't know; whatever it says too early, or of
    devices that it lost, is ignored."""
    speech = SPEECHES["tuya"]
    gateway = await house.device((await house.product(gateway=True)).product_key, "gate")
    sub = await house.device((await house.product()).product_key, "early-sub")
    await bound(house, gateway, sub)
    device = await connected(house, speech, gateway)
    for each in (sub, *await strangers(house)):
        await device.say(speech.report_topic(each), report(speech, "9.9"))
        assert await runs(house, each) == {}
    assert not device.ended.is_set()
    await device.say("tylink/gate/device/sub/login", {"msgId": "1", "data": ["early-sub"]})
    await device.say(speech.report_topic(sub), report(speech, "1.0"))
    assert await runs(house, sub) == {"default": "1.0"}
    await device.close()


def of_sub(sub: Known, version: str) -> dict[str, Any]:
    return SPEECHES["huawei"].report(version, {"object_device_id": f"{sub.key}_{sub.name}"})


async def test_huawei_brings_a_sub_device_online_by_its_first_word(house: House) -> None:
    """Issue 9, number 17: sub-devices have no login there; one added a moment ago is online as soon as it speaks."""
    speech = SPEECHES["huawei"]
    key = (await house.product()).product_key
    gateway, sub = await house.device(key, "gate"), await house.device(key, "early-sub")
    device = await connected(house, speech, gateway)
    await bound(house, gateway, sub)
    await device.say(speech.report_topic(gateway), of_sub(sub, "1.0"))
    assert await runs(house, sub) == {"default": "1.0"} and await house.online(sub)
    for stranger in await strangers(house):
        await device.say(speech.report_topic(gateway), of_sub(stranger, "9.9"))  # in the payload: ignored
        assert await runs(house, stranger) == {}
    await device.say(speech.report_topic(sub), report(speech, "9.9"))  # not where a device behind a gateway speaks
    assert await runs(house, sub) == {"default": "1.0"} and not device.ended.is_set()
    await device.close()


OWN = {
    "alibaba": ["/sys/{key}/{name}", "/sys/{key}/{name}/", "/sys/{key}/{name}/what/ever", "/{key}/{name}/update",
                "/{key}/{name}", "/ota/device/inform/{key}/{name}/more", "/ota/device/what/{key}/{name}",
                "/ext/what/{key}/{name}/ever", "/shadow/what/{key}/{name}/ever"],
    "tuya": ["tylink/{name}", "tylink/{name}/", "tylink/{name}/what/ever", "smart/device/what/{name}",
             "smart/device/in/{name}/more", "rpc/req/{name}"],
    "huawei": ["$oc/devices/{name}/", "$oc/devices/{name}/what/ever", "$oc/devices/{name}/user/x",
               "my/own/topic", "/{name}/x"],
}  # fmt: skip


@pytest.mark.parametrize("is_gateway", [False, True])
@pytest.mark.parametrize("face", SPEECHES)
async def test_topics_of_its_own_that_nobody_knows_harm_nothing(house: House, face: str, is_gateway: bool) -> None:
    """Issue 9, number 17: a device's own topic in whatever form is no attack."""
    speech = SPEECHES[face]
    known = await house.device((await house.product(gateway=is_gateway)).product_key, "self")
    device = await connected(house, speech, known)
    for topic in OWN[face]:
        await device.say(topic.format(key=known.key, name=known.name), b"\x00whatever")
        assert not device.ended.is_set(), topic
    await device.say(speech.report_topic(known), report(speech, "1.0"))
    assert await runs(house, known) == {"default": "1.0"}
    await device.close()
