"""The lanes of devices: who waits for whom (issue 9, number 16)."""

import asyncio
from uuid import UUID

import pytest

from upwell.doors.devices.lanes import Lanes, Place

ONE, OTHER = UUID(int=1), UUID(int=2)


class Road:
    """Messages that drive when they may, and stop until they are let go."""

    def __init__(self) -> None:
        self.lanes = Lanes()
        self.driving: list[str] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self._go: dict[str, asyncio.Event] = {}

    async def enter(self, name: str, manner: object, device: UUID = ONE) -> None:
        place = self.lanes.place(device, manner)
        self._go[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._drive(name, place))
        await self.rest()

    async def _drive(self, name: str, place: Place) -> None:
        async with place:
            self.driving.append(name)
            await self._go[name].wait()

    async def let_go(self, *names: str) -> None:
        for name in names:
            self._go[name].set()
        await self.rest()
        self.driving = [name for name in self.driving if name not in names]

    async def rest(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)


async def test_one_manner_together_another_behind() -> None:
    road = Road()
    for name, manner in (("r1", "r"), ("r2", "r"), ("a1", "a"), ("a2", "a"), ("r3", "r")):
        await road.enter(name, manner)
    assert road.driving == ["r1", "r2"]
    await road.let_go("r2")
    assert road.driving == ["r1"]
    await road.let_go("r1")
    assert road.driving == ["a1", "a2"]
    await road.enter("a3", "a")
    assert road.driving == ["a1", "a2"]  # it came behind r3
    await road.let_go("a1", "a2")
    assert road.driving == ["r3"]
    await road.let_go("r3")
    assert road.driving == ["a3"]
    await road.let_go("a3")
    assert len(road.lanes) == 0


async def test_devices_do_not_wait_for_each_other() -> None:
    road = Road()
    await road.enter("r", "r")
    await road.enter("a", "a", OTHER)
    assert road.driving == ["r", "a"]
    await road.let_go("r", "a")
    assert len(road.lanes) == 0


@pytest.mark.parametrize("ended", ["first", "second"])
async def test_one_that_is_ended_lets_others_on(ended: str) -> None:
    road = Road()
    for name, manner in (("first", object()), ("second", object()), ("third", object())):
        await road.enter(name, manner)
    road.tasks[ended].cancel()
    await road.rest()
    await road.let_go(*{"first", "second"} - {ended})
    assert road.driving[-1] == "third"
    await road.let_go("third")
    assert len(road.lanes) == 0
