"""How long statements take, and connections are waited for: counted beside the driver's own methods, and told to what
is under way."""

import time
from collections.abc import Awaitable
from typing import TypeVar

from upwell.meters.counting import OTHER, Spans, Tally
from upwell.meters.table import SECONDS
from upwell.meters.tracing import Kind, is_traced, note
from upwell.storage.queries import NAMES

T = TypeVar("T")
WAIT_TOLD_S = 0.001  # a shorter wait for a connection is none


class PoolMeter:
    """What the connections of one kind have done: how long they were waited for, and how long each statement took."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.waits, self.statements = Spans(SECONDS), Spans(SECONDS)
        self.times, self.seconds = Tally(), Tally()

    async def timed(self, query: str, answer: Awaitable[T]) -> T:
        """The answer; how long it took counts, however it ends."""
        began_s, failed = time.perf_counter(), ""
        try:
            return await answer
        except BaseException as exc:
            failed = type(exc).__name__
            raise
        finally:
            took_s = time.perf_counter() - began_s
            name = NAMES.get(query, OTHER)
            self.statements.add(took_s)
            self.times.add(name)
            self.seconds.add(name, by=took_s)
            if is_traced():
                told = name if name != OTHER else _word(query)
                note(Kind.STATEMENT, told, began_s, began_s + took_s, failed, pool=self.name)

    def waited(self, since_s: float) -> None:
        """A connection was had, which was asked for at that moment."""
        now_s = time.perf_counter()
        self.waits.add(now_s - since_s)
        if now_s - since_s >= WAIT_TOLD_S:
            note(Kind.WAIT, "connection", since_s, now_s, pool=self.name)


def _word(query: str) -> str:
    """What a statement without a name is called, such as COMMIT: its first word."""
    return (query.split(None, 1) or ("",))[0].strip(";").upper() or OTHER
