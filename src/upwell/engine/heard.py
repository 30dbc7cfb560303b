"""When each device was last heard: anything that it sent, whatever it said.

A report costs nothing for it: a connection knows anyway when it heard its device, and in ROUND_S all connections are
come to once, a part each second. Devices that speak on another's connection, and those that left, are noted by
themselves. Holds: a device is written about once in ROUND_S at most, and no more than WRITTEN_MAX in a second; who has
to wait is written later. A process that is killed loses what it has not written, and what has been said since.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from uuid import UUID

from upwell.domain.errors import UpwellError
from upwell.engine.trouble import Trouble
from upwell.service.context import Context
from upwell.service.upgrade import heard

log = logging.getLogger(__name__)
ROUND_S = 60
WRITTEN_MAX = 2000  # devices in a second: some twentieth of what PostgreSQL takes
WRITTEN_AT_ONCE = 500
NOTED_MAX = 200_000  # devices that are noted and not written yet

Spoke = Callable[[int, int], Mapping[UUID, float]]
"""Of the connected devices the next share, one in so many and no more than that number: those that spoke since they
were last come to, and how many seconds ago."""


class Heard:
    """What one process hears of its devices."""

    name = "last heard"

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._trouble = Trouble(log, self.name)
        self._noted: list[dict[UUID, float]] = [{} for _ in range(ROUND_S)]
        self._count = 0

    def note(self, device_id: UUID, ago_s: float = 0.0) -> None:
        """It was heard so many seconds ago. Never waits."""
        noted = self._noted[hash(device_id) % ROUND_S]
        if device_id not in noted:
            if self._count >= NOTED_MAX:
                return
            self._count += 1
        noted[device_id] = time.monotonic() - ago_s

    def late_s(self) -> float:
        """It is never late: what it can't write it leaves out."""
        return 0.0

    async def run(self, spoke: Spoke) -> None:
        """Write until cancelled, and then all that is noted."""
        turn = 0
        try:
            while True:
                began_s = time.monotonic()
                await self.write(turn % ROUND_S, spoke)
                turn += 1
                await asyncio.sleep(max(0.1, 1.0 - (time.monotonic() - began_s)))
        finally:
            for place in range(ROUND_S):
                await self.write(place, lambda share, most: {})

    async def write(self, place: int, spoke: Spoke) -> None:
        """What is noted at that place, as far as there is room, and the next share of the connected devices."""
        noted, now_s = self._noted[place], time.monotonic()
        some = {device: now_s - noted.pop(device) for device in list(noted)[:WRITTEN_MAX]}
        self._count -= len(some)
        for device, ago_s in spoke(ROUND_S, WRITTEN_MAX - len(some)).items():
            some[device] = min(ago_s, some.get(device, ago_s))
        for part in _parts(some):
            try:
                await heard.write(self._ctx, part)
            except Exception as exc:  # what is said later is written later
                self._trouble.tell(exc, expected=isinstance(exc, UpwellError))
                return
        self._trouble.over()


def _parts(found: Mapping[UUID, float]) -> Iterator[Mapping[UUID, float]]:
    devices = list(found)
    for start in range(0, len(devices), WRITTEN_AT_ONCE):
        yield {device: found[device] for device in devices[start : start + WRITTEN_AT_ONCE]}
