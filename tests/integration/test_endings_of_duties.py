"""What a server runs ends when it is told to, whatever it is at."""

import asyncio

import pytest

from upwell.engine.loop import Loop
from upwell.wiring.server import ended


async def test_a_duty_that_is_woken_as_it_is_ended_ends() -> None:
    async def nothing() -> bool:
        return False

    loop = Loop("a duty", nothing, 60.0)
    task = asyncio.create_task(loop.run())
    await asyncio.sleep(0.01)
    loop.wake()
    await asyncio.sleep(0)  # what waits is told in this moment
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=5)
    assert task in done and task.cancelled()


async def test_a_task_that_swallows_a_cancellation_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("upwell.wiring.server.CANCEL_AGAIN_S", 0.01)
    swallowed = 0

    async def deaf() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed == 3:
                    raise

    task = asyncio.create_task(deaf())
    await asyncio.sleep(0)
    await ended(task)
    assert swallowed == 3 and task.cancelled()


async def test_what_a_task_raised_is_told() -> None:
    async def broken() -> None:
        raise ValueError("broken")

    task = asyncio.create_task(broken())
    await asyncio.sleep(0)
    with pytest.raises(ValueError, match="broken"):
        await ended(task)
