"""docs/architecture.md is what the code is: its drawings are fresh; a report and an offer pass the rooms it names."""

import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

import pytest
from platform_house import House, house_on

TOP = Path(__file__).parents[2]
ROOMS_MAX = 8  # from socket to row


def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("house", TOP / "tools" / "house.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HOUSE = tool()


def test_the_page_is_fresh() -> None:
    present = HOUSE.FILE.read_text("utf-8")
    assert present == HOUSE.text(present), "run: python tools/house.py"


def code_of(name: str) -> CodeType:
    module, _, path = name.partition(":")
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    code = found.__code__
    assert isinstance(code, CodeType)
    return code


@contextmanager
def followed() -> Iterator[Callable[[tuple[str, ...]], list[str]]]:
    """Notes what is called; what is given tells how much of a way was gone, in its order."""
    called: list[CodeType] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and "upwell" in frame.f_code.co_filename:
            called.append(frame.f_code)

    def gone(way: tuple[str, ...]) -> list[str]:
        rest = list(way)
        for code in called:
            if rest and code is code_of(rest[0]):
                rest.pop(0)
        return rest

    sys.setprofile(note)
    try:
        yield gone
    finally:
        sys.setprofile(None)


@pytest.mark.asyncio
async def test_a_report_and_an_offer_go_the_ways_of_the_page(dsn: str, tmp_path: Path) -> None:
    assert len(HOUSE.REPORT) <= ROOMS_MAX and len(HOUSE.OFFER) <= ROOMS_MAX
    async with house_on(dsn, tmp_path) as house:
        device, job = await an_offered_device(house)
        await device.said(device.ota("upgrade"))
        with followed() as left:
            await device.say(device.ota("progress"), {"id": "1", "params": {"step": "40", "desc": "", "module": ""}})
        assert left(HOUSE.REPORT) == []
        await house.until_state(job, "IN_PROGRESS")
        second = await house.device(device.known.key)
        other = await house.connect(second)
        await other.inform("1.0")
        with followed() as left:
            await house.job(await house.package(second.key, b"image"), second)
            await other.said(other.ota("upgrade"))
        assert left(HOUSE.OFFER) == []


async def an_offered_device(house: House) -> tuple[Any, int]:
    known = await house.device((await house.product()).product_key)
    device = await house.connect(known)
    await device.inform("1.0")
    return device, await house.job(await house.package(known.key, b"image"), known)
