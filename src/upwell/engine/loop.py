"""A duty done again and again: when woken, and at the latest after a pause. The poll is the truth."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from upwell.domain.errors import Unavailable

log = logging.getLogger(__name__)
REST_AFTER_FAILURE_S = 1.0


class Loop:
    """Runs `duty` until cancelled; while it returns True there is more to do at once."""

    def __init__(self, name: str, duty: Callable[[], Awaitable[bool]], pause_s: float) -> None:
        self._name = name
        self._duty = duty
        self._pause_s = pause_s
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Do it soon."""
        self._woken.set()

    async def run(self) -> None:
        """Run until cancelled. A failure is logged and the duty tried again after a rest."""
        while True:
            self._woken.clear()
            try:
                more = await self._duty()
            except Unavailable as exc:
                log.warning("%s: %s", self._name, exc)
                await asyncio.sleep(REST_AFTER_FAILURE_S)
                continue
            except Exception:
                log.exception("%s failed", self._name)
                await asyncio.sleep(REST_AFTER_FAILURE_S)
                continue
            if not more:
                await self._rest()

    async def _rest(self) -> None:
        try:
            await asyncio.wait_for(self._woken.wait(), self._pause_s)
        except TimeoutError:
            return
