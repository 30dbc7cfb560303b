"""Whose turn it is: connections with more to do than they may do at once go on one after the other, a part each.

Holds: whatever its connections send, a turn of the loop goes on for about TURN_S here, and then everything else that
happens in the process has its turn. Who only waits to be acknowledged is before those that have sent much, so that no
number of those makes it wait; among its like, whoever has waited longest is next, and each turn has some of both.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

TURN_S = 0.005


class Busy(Protocol):
    """A connection with something to do. `is_queued` and `is_called` are kept here: that it has more to do, and that
    something of it is to be told."""

    is_queued: bool
    is_called: bool

    def go_on(self) -> None:
        """Do a bounded part of it."""


class Turns:
    """The queues of one process; `rest` is called when they are empty again."""

    def __init__(self, rest: Callable[[], None]) -> None:
        self._called: deque[Busy] = deque()
        self._queue: deque[Busy] = deque()
        self._rest = rest
        self._is_due = False

    def __len__(self) -> int:
        return len(self._called) + len(self._queue)

    def soon(self, one: Busy) -> None:
        """Something of it is to be told; once, however often it is said."""
        if not one.is_called:
            one.is_called = True
            self._called.append(one)
            self._wake()

    def later(self, one: Busy) -> None:
        """It has more to do; once, however often it is said."""
        if not one.is_queued:
            one.is_queued = True
            self._queue.append(one)
            self._wake()

    def _wake(self) -> None:
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        try:
            until_s = time.monotonic() + TURN_S
            for _ in range(len(self._called)):
                one = self._called.popleft()
                one.is_called = False
                one.go_on()
                if time.monotonic() > until_s:
                    break
            for _ in range(len(self._queue)):
                one = self._queue.popleft()
                one.is_queued = False
                one.go_on()
                if time.monotonic() > until_s:
                    break
        finally:  # whatever one of them does, the others have their turn
            self._is_due = False
            if self:
                self._wake()
            else:
                self._rest()
