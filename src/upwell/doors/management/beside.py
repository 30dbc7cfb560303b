"""Work on what is large, beside the loop and one piece at a time, so that no request makes others wait for it."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
SMALL_BYTES = 64 * 1024  # of a body that is read, proven and decoded in a few milliseconds, where it is


class Beside:
    """The one thread of a process's doors for what is large."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)

    async def done(self, size: int, work: Callable[[], T]) -> T:
        """What `work` on so many bytes gives; raises what it raises. It touches nothing that the loop
        uses meanwhile."""
        if size <= SMALL_BYTES:
            return work()
        async with self._turn:
            return await asyncio.to_thread(work)
