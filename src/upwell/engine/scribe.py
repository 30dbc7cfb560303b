"""What befalls devices, noted by whoever sees it and written a little later, off everybody's way.

Noting never waits: lines that are alike are counted in memory, and go to PostgreSQL some at a time by one writer, which
rests as long as it works. Holds: at most WAITING_MAX lines wait, at most EACH_MAX of a device and minute are told
apart, all further ones are counted in one line. What there is no room for is dropped, and told in the log; what waits
when a process is killed is lost.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from upwell.domain.errors import UpwellError
from upwell.domain.timeline import Line, minute_of
from upwell.engine.trouble import Trouble
from upwell.service.context import Context
from upwell.service.journal import tell
from upwell.service.upgrade import timeline
from upwell.service.upgrade.timeline import Counted

log = logging.getLogger(__name__)
WAITING_MAX = 20_000  # lines: about 20 MB
EACH_MAX = 20  # lines of one device that are told apart in one minute
WRITTEN_AT_ONCE = 500  # lines: some 20 ms
PAUSE_S = 1.0  # in which lines that are alike come together
LOST_PAUSE_S = 60.0  # between two tellings that lines were dropped


class Scribe:
    """The writer of timelines of one process."""

    name = "timelines"

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._now: Callable[[], datetime] = ctx.now
        self._trouble = Trouble(log, self.name)
        self._waiting: dict[tuple[object, ...], Counted] = {}
        self._minute = minute_of(ctx.now())
        self._each: Counter[UUID] = Counter()  # by device: the lines of this minute that are told apart
        self._taken: list[Counted] = []  # they are being written
        self._lost, self._lost_told_s = 0, 0.0

    def note(self, line: Line, at: datetime | None = None) -> None:
        """It befell its device now, or at that moment."""
        now = at or self._now()
        minute = minute_of(now)
        if minute > self._minute:
            self._minute, self._each = minute, Counter()
        key = minute, *line.alike
        found = self._waiting.get(key)
        if found is None and self._each[line.device_id] >= EACH_MAX:
            line = line.more
            key = minute, *line.alike
            found = self._waiting.get(key)
        if found is not None:
            found.add(line, now)
        elif len(self._waiting) < WAITING_MAX:
            self._each[line.device_id] += 1
            self._waiting[key] = Counted.of(line, now)
        else:
            self._lost += 1

    def depth(self) -> int:
        """How many lines wait."""
        return len(self._waiting) + len(self._taken)

    def late_s(self) -> float:
        """It is never late: what it can't write in time it drops."""
        return 0.0

    async def run(self) -> None:
        """Write until cancelled, and then what is left."""
        try:
            while True:
                await asyncio.sleep(PAUSE_S)
                await self.write_all()
        finally:
            await self.write_all()

    async def write_all(self) -> None:
        """Write what waits now. What can't be written is dropped: it would only be in the way of what is new."""
        self._taken += self._waiting.values()
        self._waiting = {}
        while self._taken:
            began_s = time.monotonic()
            try:
                await timeline.write(self._ctx, self._taken[:WRITTEN_AT_ONCE])
            except Exception as exc:
                self._trouble.tell(exc, expected=isinstance(exc, UpwellError))
                self._lost += len(self._taken)
                self._taken.clear()
                break
            self._trouble.over()
            del self._taken[:WRITTEN_AT_ONCE]
            if self._taken:
                await asyncio.sleep(time.monotonic() - began_s)
        self._tell_lost()

    def _tell_lost(self) -> None:
        now_s = time.monotonic()
        if self._lost and now_s >= self._lost_told_s + LOST_PAUSE_S:
            tell(log, "timelines lack lines that there was no room for", logging.WARNING, lines=self._lost)
            self._lost, self._lost_told_s = 0, now_s
