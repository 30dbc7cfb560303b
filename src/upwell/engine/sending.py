"""Deliveries sent, some at once, each by itself: one that takes long keeps none of the others waiting.

Holds: a bounded number is under way, those of slow receivers in room of their own; what was claimed is settled whatever
happens to the sending, and what a process had claimed when it died is another's once its lease is over.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from upwell.engine.loop import Loop
from upwell.engine.trouble import Trouble
from upwell.service.context import Context
from upwell.service.upgrade import deliveries
from upwell.service.upgrade.deliveries import Claimed, Outcome, Render

log = logging.getLogger(__name__)
SENDING = "hooks"  # by which it is woken
AT_ONCE = 48  # deliveries to receivers that take what they are sent
SLOW_AT_ONCE = 16
PAUSE_S = 0.25

Send = Callable[[Claimed], Awaitable[Outcome]]  # never raises but for a cancellation, and ends within its time


class Sending:
    """What one process sends, once it is told how."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._loop = Loop(SENDING, self._turn, PAUSE_S)
        self._trouble = Trouble(log, "deliveries")
        self._under_way: dict[asyncio.Task[None], bool] = {}  # and whether its receiver is slow
        self._render: Render | None = None
        self._send: Send | None = None
        self.name = self._loop.name
        self.wake = self._loop.wake
        self.late_s = self._loop.late_s

    def begin(self, render: Render, send: Send) -> None:
        """What is sent of an event, and how."""
        self._render, self._send = render, send

    async def run(self) -> None:
        """Until cancelled; what is under way then is left to its lease."""
        try:
            await self._loop.run()
        finally:
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _turn(self) -> bool:
        if self._render is None or self._send is None:
            return False
        more = await deliveries.feed(self._ctx, self._render)
        slow = sum(self._under_way.values())
        most, slow_most = AT_ONCE - (len(self._under_way) - slow), SLOW_AT_ONCE - slow
        claimed = await deliveries.claim(self._ctx, most, slow_most) if most > 0 or slow_most > 0 else []
        for each in claimed:
            task = asyncio.get_running_loop().create_task(self._one(each, self._send))
            self._under_way[task] = each.is_slow
            task.add_done_callback(self._over)
        return more

    def _over(self, task: "asyncio.Task[None]") -> None:
        self._under_way.pop(task, None)
        self._loop.wake()

    async def _one(self, claimed: Claimed, send: Send) -> None:
        try:
            await deliveries.settle(self._ctx, claimed, await send(claimed))
        except Exception as exc:  # it is tried again when its lease is over
            self._trouble.tell(exc, expected=False)
