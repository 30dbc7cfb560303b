"""How long statements take, and connections are waited for: counted beside the driver's own methods."""

import time
from collections.abc import Awaitable
from typing import TypeVar

from upwell.meters.counting import OTHER, Spans, Tally
from upwell.meters.table import SECONDS
from upwell.storage.queries import NAMES

T = TypeVar("T")


class PoolMeter:
    """What the connections of one kind have done: how long they were waited for, and how long each statement took."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.waits, self.statements = Spans(SECONDS), Spans(SECONDS)
        self.times, self.seconds = Tally(), Tally()

    async def timed(self, query: str, answer: Awaitable[T]) -> T:
        """The answer; how long it took counts, however it ends."""
        began_s = time.perf_counter()
        try:
            return await answer
        finally:
            took_s = time.perf_counter() - began_s
            name = NAMES.get(query, OTHER)
            self.statements.add(took_s)
            self.times.add(name)
            self.seconds.add(name, by=took_s)
