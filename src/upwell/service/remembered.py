"""What a process remembers for a while to save itself work: where pages ended, how many a long count found.

It is a short cut and no truth: whoever finds nothing here does the work. It holds not many things, and none for long.
"""

import time
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

KEPT_MAX = 5000


class Remembered:
    """Values by key, each until its time is over or KEPT_MAX newer ones came."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, tuple[Any, float]] = OrderedDict()

    def find(self, key: Hashable) -> Any | None:
        """The value, if it is remembered still."""
        value, until_s = self._kept.get(key, (None, 0.0))
        return value if time.monotonic() < until_s else None

    def keep(self, key: Hashable, value: Any, kept_s: float) -> None:
        """Remember the value so long."""
        self._kept[key] = value, time.monotonic() + kept_s
        self._kept.move_to_end(key)
        if len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)
