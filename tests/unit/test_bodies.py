"""Bodies of requests that are large, many and slow."""

import asyncio
from typing import Any

from upwell.doors.management.bodies import SMALL_BYTES, Bodies

PIECE = SMALL_BYTES // 2


class Sender:
    """A client that sends so many pieces of a body, and how many were taken."""

    def __init__(self, pieces: int, then: asyncio.Event | None = None) -> None:
        self.taken, self._pieces, self._then = 0, pieces, then

    async def __call__(self) -> dict[str, Any]:
        if self._then is not None and self.taken == self._pieces - 1:
            await self._then.wait()
        self.taken += 1
        return {"type": "http.request", "body": b"x" * PIECE, "more_body": self.taken < self._pieces}


async def reader(scope: Any, receive: Any, send: Any) -> None:
    """Reads to the end, and then works as long as its scope says."""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            await send("gone")
            return
        more = message["more_body"]
    await scope["work"].wait()
    await send("done")


def scope(work: asyncio.Event, streams: bool = False) -> dict[str, Any]:
    return {"type": "http", "work": work, "streams": streams}


def door(**more: Any) -> Bodies:
    return Bodies(reader, streams=lambda scope: scope["streams"], **more)


async def started(bodies: Bodies, of: dict[str, Any], sender: Sender, told: list[str]) -> asyncio.Task[None]:
    async def send(message: Any) -> None:
        told.append(message)

    task = asyncio.create_task(bodies(of, sender, send))
    await asyncio.sleep(0.02)
    return task


async def test_only_few_large_bodies_are_in_memory_until_they_are_answered() -> None:
    bodies, work, told = door(at_once=2), asyncio.Event(), list[str]()
    senders = [Sender(10) for _ in range(5)]
    tasks = [await started(bodies, scope(work), sender, told) for sender in senders]
    assert sorted(sender.taken for sender in senders) == [3, 3, 3, 10, 10]
    work.set()
    await asyncio.gather(*tasks)
    assert told == ["done"] * 5


async def test_small_bodies_and_streams_pass_whoever_waits() -> None:
    bodies, work, done, told = door(at_once=1), asyncio.Event(), asyncio.Event(), list[str]()
    done.set()
    held = [await started(bodies, scope(work), Sender(10), told) for _ in range(2)]
    for one in (
        await started(bodies, scope(done), Sender(2), told),
        await started(bodies, scope(done, True), Sender(99), told),
    ):
        await one
    assert told == ["done"] * 2
    work.set()
    await asyncio.gather(*held)


async def test_who_waits_or_sends_too_long_is_gone_and_leaves_the_turn() -> None:
    bodies, never, work, told = door(at_once=1, patience_s=0.1), asyncio.Event(), asyncio.Event(), list[str]()
    work.set()
    slow = await started(bodies, scope(work), Sender(10, then=never), told)
    waits = await started(bodies, scope(work), Sender(10), told)
    await asyncio.gather(slow, waits)
    assert told[0] == "gone"
    await (await started(bodies, scope(work), Sender(10), told))
    assert told[-1] == "done"
