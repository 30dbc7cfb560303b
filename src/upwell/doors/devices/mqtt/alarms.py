"""When each connection is to be looked at: one alarm a connection, and one timer of the loop for all of them.

An alarm rings at its time or a little later: SOON_S, and one that was far away, as much as FAR_S. Bounded: a turn of
the loop rings RINGS_MAX of them.
"""

import asyncio
import heapq
import math
from typing import Protocol

SOON_S = 0.025
FAR_S = 1.0  # a multiple of SOON_S
_FAR_TICKS = round(FAR_S / SOON_S)
AWAY_S = 10.0  # what is so far away is far away
RINGS_MAX = 500
NEVER = -1  # the tick of a connection without an alarm


class Sleeper(Protocol):
    """A connection. `alarm_tick` is kept here, NEVER at first."""

    alarm_tick: int

    def ring(self) -> None:
        """Its time has come."""


class Alarms:
    """The alarms of one process."""

    def __init__(self) -> None:
        self._due: dict[int, set[Sleeper]] = {}  # by tick
        self._ticks: list[int] = []  # a heap of those
        self._timer: asyncio.TimerHandle | None = None
        self._timer_tick = NEVER

    def set(self, one: Sleeper, at_s: float) -> None:
        """It rings then, by the loop's clock, and at no time that was said before."""
        self.clear(one)
        loop = asyncio.get_running_loop()
        tick = math.ceil(at_s / SOON_S)
        if at_s - loop.time() > AWAY_S:
            tick += -tick % _FAR_TICKS
        one.alarm_tick = tick
        others = self._due.get(tick)
        if others is None:
            others = self._due[tick] = set()
            heapq.heappush(self._ticks, tick)
        others.add(one)
        if self._timer is None or tick < self._timer_tick:
            self._wait(loop)

    def clear(self, one: Sleeper) -> None:
        """It does not ring."""
        if one.alarm_tick != NEVER:
            self._due[one.alarm_tick].discard(one)
            one.alarm_tick = NEVER

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if self._ticks:
            self._timer_tick = self._ticks[0]
            self._timer = loop.call_at(self._timer_tick * SOON_S, self._ring)

    def _ring(self) -> None:
        loop = asyncio.get_running_loop()
        left, self._timer = RINGS_MAX, None
        try:
            while left and self._ticks and self._ticks[0] * SOON_S <= loop.time():
                due = self._due[self._ticks[0]]
                if not due:
                    del self._due[heapq.heappop(self._ticks)]
                    continue
                one = due.pop()
                one.alarm_tick = NEVER
                left -= 1
                one.ring()
        finally:  # whatever one of them does, the others are rung
            self._wait(loop)
