"""What the devices of one process share: the address they try, how fast, and what they count together."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Counters:
    """What a fleet is doing now (connected, downloading) and has done so far (the rest)."""

    connected: int = 0
    connections: int = 0
    offered: int = 0
    downloading: int = 0
    rebooted: int = 0
    acknowledged: int = 0
    bytes: int = 0
    problems: int = 0


class Gate:
    """Lets at most `rate_per_s` callers through in any second, evenly spaced."""

    def __init__(self, rate_per_s: float) -> None:
        self._interval_s = 1.0 / rate_per_s
        self._next = 0.0

    async def turn(self) -> None:
        now = time.monotonic()
        mine = max(now, self._next)
        self._next = mine + self._interval_s
        await asyncio.sleep(mine - now)


@dataclass(slots=True)
class Site:
    """What the devices of one process share."""

    host: str
    port: int
    gate: Gate
    downloads: asyncio.Semaphore
    counters: Counters = field(default_factory=Counters)
