"""The limits of bytes per second of one process (ADR 0055): which are known, and the wait of a slice at each of them.

Holds: a body without a limit looks three names up and goes on. One with limits waits at the narrowest kind first (job,
product, account, server), so that a slow job's slices take no place in the queue of a wider limit. What is known is
what the last look-up of any download of the job, product or account told; somebody looks again in time.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable

from upwell.domain.flow import SLICE_BYTES_MAX, Bucket

STALE_S = 4.0
"""So old a limit is asked for again, by one of those that it slows; with the time for which links know their files
that is less than 10 s."""

LIMITS_MAX = 20_000
"""Limits that are known; beyond them those are forgotten that were told longest ago, until somebody looks again."""

Limits = tuple[tuple[str, int | None], ...]


class Flows:
    """`server` is the limit of the whole process."""

    def __init__(self, server: int | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._server = None if server is None else Bucket(server, clock())
        self._known: dict[str, Bucket] = {}
        self._asked_at: dict[str, float] = {}

    def learn(self, limits: Limits) -> None:
        """These are the rates now; None has none."""
        now = self._clock()
        for name, rate in limits:
            bucket = self._known.pop(name, None)
            self._asked_at.pop(name, None)
            if rate is None:
                continue
            if bucket is None:
                bucket = Bucket(rate, now)
            else:
                bucket.turn(rate, now)
            self._known[name], self._asked_at[name] = bucket, now
            if len(self._known) > LIMITS_MAX:
                first = next(iter(self._known))
                del self._known[first], self._asked_at[first]

    def over(self, limits: Limits) -> list[Bucket]:
        """The buckets that a body below these limits passes, the narrowest first; none: it goes as fast as it can."""
        found = [self._known[name] for name, _ in limits if name in self._known]
        return found if self._server is None else [*found, self._server]

    async def pass_slice(self, limits: Limits, wanted: int, look: Callable[[], Awaitable[object]]) -> int:
        """How many of the wanted bytes may leave now, once they may. `look` learns the limits anew."""
        passed = self.over(limits)
        if not passed:
            return min(wanted, SLICE_BYTES_MAX)  # one that comes to be known meanwhile has the next
        n = min(wanted, *(bucket.slice_bytes for bucket in passed))
        for bucket in passed:
            ticket = bucket.buy(n, self._clock())
            while (wait_s := bucket.wait_s(ticket, self._clock())) > 0 and bucket in self.over(limits):
                await asyncio.sleep(min(wait_s, STALE_S))
                await self._look(limits, look)
        await self._look(limits, look)
        return n

    async def _look(self, limits: Limits, look: Callable[[], Awaitable[object]]) -> None:
        stale = list(self._stale(name for name, _ in limits))
        if stale:
            self._asked_at.update(dict.fromkeys(stale, self._clock()))  # nobody else asks for the same meanwhile
            await look()

    def _stale(self, names: Iterable[str]) -> Iterable[str]:
        before = self._clock() - STALE_S
        return (name for name in names if self._asked_at.get(name, before + 1) <= before)
