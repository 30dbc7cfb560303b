"""Many small askings become few large transactions.

Items wait a few milliseconds for company and are applied together; each asker gets its own answer, after the
commit. Order of arrival is kept. The queue is bounded: when it is full, askers wait, and with them their sockets.
It knows how late it is, as a loop does.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

from upwell.domain.errors import Unavailable
from upwell.engine.trouble import Trouble
from upwell.meters.gathered import Gathered
from upwell.meters.tracing import Kind, Tracer

log = logging.getLogger(__name__)
APPLY_MAX_S = 60.0  # a batch is bounded work; askers that wait longer are told by `late_s`
T = TypeVar("T")
R = TypeVar("R")


class Gatherer(Generic[T, R]):
    """Applies items in batches; `apply` answers as many as it is given, in their order, or None where there is nothing
    to answer."""

    def __init__(
        self, name: str, apply: Callable[[Sequence[T]], Awaitable[Sequence[R] | None]], *,
        batch_max: int = 1000, company_s: float = 0.003, queue_max: int = 20_000, tracer: Tracer | None = None,
    ) -> None:  # fmt: skip
        self.name = name
        self._apply = apply
        self._trouble = Trouble(log, name)
        self._batch_max = batch_max
        self._company_s = company_s
        self.gathered = Gathered()
        self._tracer = tracer or Tracer()
        self._waiting_since: float | None = None  # when somebody first waited since the last batch was settled
        self._queue: asyncio.Queue[tuple[T, asyncio.Future[R]]] = asyncio.Queue(queue_max)

    async def submit(self, item: T) -> R:
        """The answer to `item`; raises what `apply` raised for it."""
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        if self._waiting_since is None:
            self._waiting_since = time.monotonic()
        await self._queue.put((item, answer))
        return await answer

    def late_s(self) -> float:
        """For how many seconds askers have waited beyond APPLY_MAX_S without any batch being settled; 0 for none."""
        return max(0.0, self.waited_s() - APPLY_MAX_S)

    def waited_s(self) -> float:
        """For how many seconds askers have waited without any batch being settled."""
        since = self._waiting_since
        return 0.0 if since is None else time.monotonic() - since

    def depth(self) -> int:
        """How many wait for a batch to begin."""
        return self._queue.qsize()

    async def run(self) -> None:
        """Apply until cancelled."""
        while True:
            batch = [await self._queue.get()]
            await asyncio.sleep(self._company_s)
            while len(batch) < self._batch_max and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            began_s = time.monotonic()
            with self._tracer.trace(Kind.BATCH, self.name) as span:
                span.tell(lane=self.name, items=len(batch))
                await self._settle(batch)
            self.gathered.add(len(batch), time.monotonic() - began_s)
            self._waiting_since = None if self._queue.empty() else time.monotonic()

    async def _settle(self, batch: list[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            answers = await self._apply([item for item, _ in batch])
        except asyncio.CancelledError:
            for _, asker in batch:
                asker.cancel()
            raise
        except Exception as exc:
            await self._settle_failed(batch, exc)
            return
        self._trouble.over()
        told: Sequence[Any] = [None] * len(batch) if answers is None else answers
        for (_, asker), answer in zip(batch, told, strict=True):
            if not asker.done():
                asker.set_result(answer)

    async def _settle_failed(self, batch: list[tuple[T, asyncio.Future[R]]], exc: Exception) -> None:
        # One bad item must not fail its company: each is tried alone, unless the database itself is away.
        if len(batch) > 1 and not isinstance(exc, Unavailable):
            for pair in batch:
                await self._settle([pair])
            return
        self._trouble.tell(exc, expected=isinstance(exc, Unavailable))
        for _, asker in batch:
            if not asker.done():
                asker.set_exception(exc)
