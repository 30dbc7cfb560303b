"""Questions that come at the same time are asked together, so that many cost one transaction and not one each."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from upwell.domain.errors import Unavailable

TOGETHER_MAX = 500  # questions of one batch
T = TypeVar("T")
R = TypeVar("R")


class Together(Generic[T, R]):
    """Asks for many at once: while one question is under way, what comes meanwhile waits for the next. `ask` answers
    as many as it is given, in their order."""

    def __init__(self, ask: Callable[[Sequence[T]], Awaitable[Sequence[R]]]) -> None:
        self._ask = ask
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._asking: asyncio.Task[None] | None = None

    async def one(self, item: T) -> R:
        """The answer to `item`; raises what `ask` raised for it."""
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if self._asking is None:
            self._asking = asyncio.get_running_loop().create_task(self._all())
        return await answer

    async def _all(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:TOGETHER_MAX], self._waiting[TOGETHER_MAX:]
                await self._settle(batch)
        finally:
            self._asking = None

    async def _settle(self, batch: list[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            answers = await self._ask([item for item, _ in batch])
        except asyncio.CancelledError:
            for _, asker in (*batch, *self._waiting):
                asker.cancel()
            raise
        except Exception as exc:
            if len(batch) > 1 and not isinstance(exc, Unavailable):  # one bad item must not fail its company
                for each in batch:
                    await self._settle([each])
                return
            for _, asker in batch:
                if not asker.done():
                    asker.set_exception(exc)
            return
        for (_, asker), answer in zip(batch, answers, strict=True):
            if not asker.done():
                asker.set_result(answer)
