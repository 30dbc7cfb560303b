"""How much is worked on at once for owners."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from upwell.dialects.alibaba import codes as alibaba
from upwell.dialects.huawei import codes as huawei
from upwell.dialects.tuya import codes as tuya
from upwell.domain.errors import Busy
from upwell.doors.management.working import Working


async def test_more_than_can_be_done_is_refused_at_once() -> None:
    working = Working(asked_max=2)
    async with working.asked(), working.asked():
        with pytest.raises(Busy):
            async with working.asked():
                raise AssertionError("it was let in")
    async with working.asked():
        pass


async def test_an_account_that_asks_for_much_waits_for_itself() -> None:
    working, done, order = Working(at_once=3, of_account=2), asyncio.Event(), list[str]()

    async def one(account: int, name: str) -> None:
        async with working.turn(account):
            order.append(name)
            await done.wait()

    greedy = [asyncio.create_task(one(1, "greedy")) for _ in range(20)]
    await asyncio.sleep(0)
    other = asyncio.create_task(one(2, "other"))
    for _ in range(5):
        await asyncio.sleep(0)
    assert order == ["greedy", "greedy", "other"]
    done.set()
    await asyncio.gather(*greedy, other)
    assert order.count("greedy") == 20


async def test_who_waits_too_long_is_told_and_leaves_its_turn() -> None:
    working = Working(at_once=1, of_account=1, patience_s=0.05)
    async with AsyncExitStack() as held:
        await held.enter_async_context(working.turn(1))
        for account in (1, 2):
            with pytest.raises(Busy):
                async with working.turn(account):
                    raise AssertionError("it had its turn")
    for account in (1, 2):
        async with working.turn(account):
            pass


def test_every_tongue_says_it_as_503() -> None:
    assert [of.refusal(Busy()).status for of in (alibaba, tuya, huawei)] == [503] * 3
    assert huawei.refusal(Busy(), frozenset({400, 500})).status == 503
