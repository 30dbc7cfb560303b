"""An object on its way into the cache, to those who read it meanwhile, without a file system.

Holds: what has come may be read at once, but for its end, which nobody gets before the whole is verified; once it is
known not to be what it should be, nobody gets any more of it.
"""

import asyncio
import os
import time
from enum import Enum

from upwell.domain.errors import Unavailable

NEXT_WITHIN_S = 15.0
"""The same for every further byte: a store that stands still is not helped by being asked by everybody."""

AHEAD_BYTES = 8 * 1024 * 1024
"""Whoever begins so far ahead of what is there is sent to the store at once."""

KEPT_BACK_BYTES = 64 * 1024
"""The end of an object that nobody gets before all of it is verified."""


class State(Enum):
    """How the bringing of an object stands or ended."""

    COMES = "comes"
    WHOLE = "whole"
    FAILED = "failed"
    DIFFERS = "differs"


class Filling:
    """An object that is being brought: how much of it is there, and its end."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.fd: int | None = None
        self.state = State.COMES
        self._there = 0
        self._moved_at = time.monotonic()
        self._moved: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def advance(self, there: int) -> None:
        """So many bytes can be read now."""
        self._there, self._moved_at = there, time.monotonic()
        self._wake()

    def end(self, state: State) -> None:
        """It ends; whoever waits learns it."""
        self.state = state
        self._wake()

    def _wake(self) -> None:
        moved, self._moved = self._moved, asyncio.get_running_loop().create_future()
        moved.set_result(None)

    def free(self, start: int) -> int:
        """How many bytes may leave from there on, now."""
        if self.state is State.DIFFERS:
            return 0
        upto = self.size if self.state is State.WHOLE else min(self._there, self.size - KEPT_BACK_BYTES)
        return max(0, upto - start)

    def is_far(self, start: int) -> bool:
        """Whether it will be long until that byte is there."""
        return self.state is State.COMES and start > self._there + AHEAD_BYTES

    async def ready(self, start: int, within_s: float) -> int:
        """How many bytes may leave from there on, once there are some; 0 when none will be, and when nothing has come
        for so long. Raises Unavailable when the object is not what it should be."""
        deadline = self._moved_at + within_s
        while not (free := self.free(start)) and self.state is State.COMES:
            left = deadline - time.monotonic()
            if left <= 0:
                return 0
            await asyncio.wait({self._moved}, timeout=left)
        if self.state is State.DIFFERS:
            raise Unavailable("the stored object is not what it should be")
        return free if self.state in (State.COMES, State.WHOLE) else 0


class Held:
    """An object to read from an open file, which is whole or becomes so. Close it."""

    def __init__(self, fd: int, size: int, filling: Filling | None = None) -> None:
        self.fd = fd
        self._size = size
        self._filling = filling

    async def ready(self, start: int) -> int:
        """How many bytes may leave from there on; 0 when the rest is to be had from the store. Raises Unavailable when
        the object is not what it should be."""
        if self._filling is None:
            return self._size - start
        return self._filling.free(start) or await self._filling.ready(start, NEXT_WITHIN_S)

    def close(self) -> None:
        """The file is not read any more."""
        os.close(self.fd)
