"""What devices say, through a few lanes: their order is kept, and what one of them waits for keeps no other waiting."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any
from uuid import UUID

import pytest

from upwell.domain.errors import Held, Unavailable
from upwell.engine import asking
from upwell.engine.asking import PER_S, STORE, Asking
from upwell.engine.dispatch import Ask
from upwell.engine.lanes import HELD, Aside, Lanes, one_round, staged
from upwell.engine.trouble import Trouble

pytestmark = pytest.mark.asyncio
Item = tuple[int, int]  # whose, and which in its order


class Desk:
    """Takes items, but for those of the keys that are held."""

    def __init__(self) -> None:
        self.taken: list[Item] = []
        self.held: set[int] = set()
        self.bad: set[Item] = set()
        self.batches: list[list[Item]] = []
        self.blocks: set[int] = set()  # keys whose rows make the whole batch wait

    async def apply(self, batch: Sequence[Item]) -> list[Any]:
        await asyncio.sleep(0)
        if any(item in self.bad for item in batch):
            raise ValueError("a bad item")
        if any(key in self.blocks for key, _ in batch):
            raise Held
        self.batches.append(list(batch))
        free = [item for item in batch if item[0] not in self.held]
        self.taken += free
        return [item if item in free else HELD for item in batch]

    def of(self, key: int) -> list[int]:
        return [n for k, n in self.taken if k == key]


def whose(item: Item) -> int:
    return item[0]


@asynccontextmanager
async def running(desk: Desk, count: int = 3, **more: Any) -> AsyncIterator[Lanes[Item]]:
    lanes: Lanes[Item] = Lanes("words", desk.apply, whose, count=count, company_s=0.0, **more)
    work = asyncio.create_task(lanes.run())
    try:
        yield lanes
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def until(there: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not there():
            await asyncio.sleep(0.001)


async def test_one_that_is_held_keeps_no_other_waiting_and_its_order() -> None:
    desk = Desk()
    desk.held = {1}
    async with running(desk, count=1) as lanes:
        waiting = [asyncio.create_task(lanes.submit((1, n))) for n in range(3)]
        for n in range(50):
            assert await asyncio.wait_for(lanes.submit((2, n)), 5) == (2, n)
        waiting += [asyncio.create_task(lanes.submit((1, n))) for n in range(3, 6)]
        await lanes.submit((3, 0))
        assert not any(each.done() for each in waiting)
        desk.held = set()
        assert await asyncio.gather(*waiting) == [(1, n) for n in range(6)]
    assert desk.of(1) == list(range(6)) and desk.of(2) == list(range(50))


@pytest.mark.parametrize("seed", range(20))
async def test_orders_are_kept_whatever_is_held_when(seed: int) -> None:
    dice, desk, said = Random(seed), Desk(), dict.fromkeys(range(8), 0)
    settled: list[Item] = []
    async with running(desk, count=dice.choice((1, 2, 4)), batch_max=dice.choice((1, 3, 100))) as lanes:
        for _ in range(400):
            key = dice.randrange(8)
            lanes.hand((key, said[key]), lambda answer, exc: settled.append(answer))
            said[key] += 1
            if dice.random() < 0.2:
                desk.held = set(dice.sample(range(8), dice.randrange(4)))
            if dice.random() < 0.2:
                desk.blocks = set(dice.sample(range(8), dice.randrange(2)))
            if dice.random() < 0.3:
                await asyncio.sleep(dice.choice((0, 0.001, 0.004)))
        desk.held, desk.blocks = set(), set()
        await until(lambda: len(settled) == 400)
    for key, count in said.items():
        assert desk.of(key) == list(range(count))
        assert [n for k, n in settled if k == key] == list(range(count))


async def test_one_that_makes_a_batch_wait_is_tried_by_itself() -> None:
    desk = Desk()
    desk.blocks = {1}
    async with running(desk, count=1) as lanes:
        held = asyncio.create_task(lanes.submit((1, 0)))
        others = await asyncio.wait_for(asyncio.gather(*(lanes.submit((key, 0)) for key in range(2, 40))), 5)
        assert len(others) == 38 and not held.done()
        desk.blocks = set()
        assert await held == (1, 0)


async def test_a_bad_item_fails_alone() -> None:
    desk = Desk()
    desk.bad = {(1, 1)}
    async with running(desk, count=1) as lanes:
        items = [(1, 0), (1, 1), (1, 2), (2, 0)]
        came = await asyncio.gather(*(lanes.submit(item) for item in items), return_exceptions=True)
    assert [type(each) for each in came] == [tuple, ValueError, tuple, tuple]
    assert desk.taken == [(1, 0), (1, 2), (2, 0)]


async def test_a_database_that_is_away_fails_all_at_once_and_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    tries = []

    async def away(batch: Sequence[Item]) -> list[Any]:
        tries.append(len(batch))
        raise Unavailable("away")

    lanes: Lanes[Item] = Lanes("words", away, whose, count=1)
    work = asyncio.create_task(lanes.run())
    for _ in range(3):
        came = await asyncio.gather(*(lanes.submit((key, 0)) for key in range(20)), return_exceptions=True)
        assert {type(each) for each in came} == {Unavailable}
    work.cancel()
    assert tries == [20, 20, 20]
    assert [record.getMessage() for record in caplog.records] == ["words: away"]


async def test_who_waits_when_it_ends_is_told() -> None:
    desk = Desk()
    stop = asyncio.Event()

    async def hangs(batch: Sequence[Item]) -> list[Any]:
        stop.set()
        await asyncio.Event().wait()
        return []

    lanes: Lanes[Item] = Lanes("words", hangs, whose, count=1)
    work = asyncio.create_task(lanes.run())
    waiting = asyncio.create_task(lanes.submit((1, 0)))
    await stop.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert desk.taken == []


async def test_lanes_say_when_they_are_full_and_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("upwell.engine.lanes.APPLY_MAX_S", 0.1)
    desk = Desk()
    async with running(desk, count=2, queue_max=3) as lanes:
        await lanes.submit((0, 0))
        assert not lanes.is_full() and lanes.late_s() == 0
        desk.held = {1}
        for n in range(3):
            lanes.hand((1, n), lambda answer, exc: None)
        await asyncio.sleep(0.2)
        assert lanes.is_full()  # and what is set aside is not late: others hold it
        assert lanes.late_s() == 0
        desk.held = set()
        await until(lambda: not lanes.is_full())


async def test_stages_of_a_batch_break_no_order() -> None:
    done: list[tuple[str, Item]] = []

    def stage(name: str, held: set[int]) -> Any:
        async def apply(batch: Sequence[Item]) -> list[Any]:
            done.extend((name, item) for item in batch if item[0] not in held)
            return [HELD if item[0] in held else name for item in batch]

        return apply

    batch = [(1, 0), (2, 1), (1, 1), (1, 2), (3, 0), (2, 0), (3, 1)]  # odd numbers are asks
    ways = (stage("report", {3}), stage("ask", set()))
    came = await staged(batch, ways, lambda item: item[1] % 2, whose, Trouble(logging.getLogger(), "x"))
    assert came == ["report", "ask", "ask", "report", HELD, "report", HELD]
    assert [item for _, item in done if item[0] == 1] == [(1, 0), (1, 1), (1, 2)]
    assert [item for _, item in done if item[0] == 2] == [(2, 1), (2, 0)]
    first, later = one_round(list(enumerate(batch)), whose, lambda item: item[1] % 2, 2)
    assert [item for _, item in later] == [(1, 2), (2, 0)] and [len(some) for some in first] == [2, 3]


async def test_a_device_that_asks_without_end_waits_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = 100.0
    monkeypatch.setattr("upwell.engine.asking.time.monotonic", lambda: moment)
    who = Asking()

    def asks(device: int) -> Ask:
        return Ask(UUID(int=device), None, lambda told: None)  # type: ignore[arg-type]  # nobody reads the request

    assert {who.judged(asks(1)) for _ in range(int(STORE))} == {None}
    more = asks(1)
    wait = who.judged(more)
    assert isinstance(wait, Aside) and wait.pause_s == pytest.approx(1 / PER_S)
    assert who.judged(asks(2)) is None
    moment += 1 / PER_S + 0.001
    assert who.judged(more) is None and who.judged(more) is None  # counted once
    assert who.judged(asks(1)) is not None
    moment += 10
    assert [who.judged(asks(1)) for _ in range(int(STORE))] == [None] * int(STORE)
    monkeypatch.setattr(asking, "REMEMBERED_MAX", 10)
    few = Asking()
    for device in range(30):
        few.judged(asks(device))
        moment += 1
    assert len(few) <= 11
