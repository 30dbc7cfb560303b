"""A duty done again and again: when woken, and at the latest after a pause. The poll is the truth.

A loop knows how late it is, so that a server whose engine stands still can say so.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable

from upwell.domain.errors import Unavailable
from upwell.engine.trouble import Trouble

log = logging.getLogger(__name__)
REST_AFTER_FAILURE_S = 1.0
TURN_MAX_S = 60.0  # a turn is bounded work; one that takes longer, or fails as long, is told by `late_s`


class Loop:
    """Runs `duty` until cancelled; while it returns True there is more to do at once."""

    def __init__(
        self, name: str, duty: Callable[[], Awaitable[bool]], pause_s: float, turn_max_s: float = TURN_MAX_S
    ) -> None:
        self.name = name
        self._due_within_s = pause_s + turn_max_s
        self._turned_at = time.monotonic()
        self._duty = duty
        self._pause_s = pause_s
        self._woken = asyncio.Event()
        self._trouble = Trouble(log, name)
        self.turns = self.failures = 0
        self.worked_s = 0.0

    def wake(self) -> None:
        """Do it soon."""
        self._woken.set()

    def progressed(self) -> None:
        """A part of a long turn is done."""
        self._turned_at = time.monotonic()

    def age_s(self) -> float:
        """Seconds since a turn, or a part of one, was done."""
        return time.monotonic() - self._turned_at

    def late_s(self) -> float:
        """For how many seconds a turn has been overdue; 0 when none is."""
        return max(0.0, time.monotonic() - self._turned_at - self._due_within_s)

    async def run(self) -> None:
        """Run until cancelled. A failure is told and the duty tried again after a rest."""
        while True:
            self._woken.clear()
            began_s = time.monotonic()
            try:
                more = await self._duty()
            except Exception as exc:
                self.failures += 1
                self._trouble.tell(exc, expected=isinstance(exc, Unavailable))
                await asyncio.sleep(REST_AFTER_FAILURE_S)
                continue
            self._trouble.over()
            self.progressed()
            self.turns += 1
            self.worked_s += self._turned_at - began_s
            if not more:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._pause_s):  # unlike `wait_for` it swallows no cancellation
                        await self._woken.wait()
