"""What batches of one kind were: how large, and how long each took."""

from upwell.meters.counting import Spans
from upwell.meters.table import ITEMS, SECONDS


class Gathered:
    """Of one lane or of several alike."""

    __slots__ = ("items", "seconds")

    def __init__(self) -> None:
        self.items, self.seconds = Spans(ITEMS), Spans(SECONDS)

    def add(self, items: int, took_s: float) -> None:
        """One more batch was settled."""
        self.items.add(items)
        self.seconds.add(took_s)
