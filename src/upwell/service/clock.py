"""PostgreSQL's clock, read without asking it: the one time of all processes, whatever their machines' clocks say.

A process keeps where PostgreSQL's clock stands by its own monotonic one, and measures it anew with its lease. An
answer tells an interval, as wide as it took: a clock that is within it stays, one outside is moved to its nearer end.
What must not be off even by that is asked of PostgreSQL in its transaction (`moment`).
"""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from upwell.service.journal import tell
from upwell.storage.database import Connection
from upwell.storage.queries import sheet

log = logging.getLogger(__name__)
_Q = sheet("nodes")
STEP = timedelta(seconds=1)  # a clock that PostgreSQL puts back by less stands still so long, by more goes back


def utc_now() -> datetime:
    """What this machine's clock says, aware, in UTC."""
    return datetime.now(UTC)


class SharedClock:
    """Calling it gives the present moment; until the first measurement that of this machine."""

    def __init__(self, system: Callable[[], datetime] = utc_now, tick: Callable[[], float] = time.monotonic) -> None:
        self._system = system
        self.tick = tick  # seconds since some moment; never goes back
        self._zero: datetime | None = None  # what PostgreSQL's clock said at tick 0
        self._floor: datetime | None = None  # a moment that was given already

    def __call__(self) -> datetime:
        if self._zero is None:
            return self._system()
        now = self._zero + timedelta(seconds=self.tick())
        if self._floor is not None:
            if now < self._floor:
                return self._floor
            self._floor = None
        return now

    def measured(self, said: datetime, asked_s: float, answered_s: float) -> None:
        """PostgreSQL said that moment to a question that was asked and answered at these ticks."""
        least, most = said - timedelta(seconds=answered_s), said - timedelta(seconds=asked_s)
        if self._zero is None:
            self._zero = least + (most - least) / 2
            off = self._system() - self()
            if abs(off) > STEP:
                tell(log, "this machine's clock is off", logging.WARNING, seconds=round(off.total_seconds(), 1))
            return
        before, zero = self(), min(max(self._zero, least), most)
        step, self._zero = zero - self._zero, zero
        if abs(step) > STEP:
            tell(log, "PostgreSQL's clock was set", logging.WARNING, seconds=round(step.total_seconds(), 1))
            self._floor = None
        elif step < timedelta():
            self._floor = before

    async def moment(self, conn: Connection) -> datetime:
        """What PostgreSQL's clock says in this transaction, by which the process's is measured too."""
        asked_s = self.tick()
        said: datetime = await conn.fetchval(*_Q["moment"]())
        self.measured(said, asked_s, self.tick())
        return said
