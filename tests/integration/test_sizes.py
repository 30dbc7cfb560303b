"""How much a device of each vendor may say at once (issue 9, number 18)."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from face_speech import SPEECHES, connected, padded, report, runs
from platform_house import House, house_on, until
from tests.mqttwire import publish


@pytest_asyncio.fixture
async def house(dsn: str, tmp_path: Path) -> AsyncIterator[House]:
    async with house_on(dsn, tmp_path) as one:
        yield one


@pytest.mark.parametrize("face", SPEECHES)
async def test_a_report_up_to_the_bound_is_read_and_a_larger_one_is_skipped(
    house: House, face: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Issue 9, number 18: one bound a face; what is above it is skipped, acknowledged and told in the log."""
    caplog.set_level(logging.INFO)
    speech = SPEECHES[face]
    known = await house.device((await house.product()).product_key, f"sized-{face}")
    device = await connected(house, speech, known)
    topic = speech.report_topic(known)
    for version, size in (("1.1", 16_385), ("1.2", 65_536), ("1.3", speech.payload_max)):
        await device.say(topic, padded(speech, version, size))
        assert await runs(house, known) == {"default": version}
    for size in (speech.payload_max + 1, 3_000_000):
        await device.say(topic, padded(speech, "6.6", size))
        assert not device.ended.is_set()
        assert f"payload of {size} bytes" in caplog.text
    assert await runs(house, known) == {"default": "1.3"}
    assert device.pubacks == [1, 2, 3, 4, 5]
    await device.client.send(publish(topic, padded(speech, "6.6", speech.payload_max + 1)))  # QoS 0
    await device.say(topic, report(speech, "2.0"))
    assert await runs(house, known) == {"default": "2.0"}
    await device.close()


async def test_a_large_publish_of_a_strangers_topic_is_an_offence_all_the_same(house: House) -> None:
    known = await house.device((await house.product()).product_key)
    device = await house.connect(known)
    await device.say("/sys/others/device/thing/x", bytes(300_000))
    await until(device.ended.is_set)
