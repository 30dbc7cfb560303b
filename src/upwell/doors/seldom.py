"""What is told in the log once in a while, however often it happens."""

import time
from collections import OrderedDict

KEYS_MAX = 1000
"""Whose last telling is remembered; whoever is forgotten is told of anew."""


class Seldom:
    """Says of each key when it is to be told: the first `at_once` times, then so many again once `pause_s` seconds are
    over since the first of them."""

    def __init__(self, pause_s: float, at_once: int = 1) -> None:
        self._pause_s = pause_s
        self._at_once = at_once
        self._told: OrderedDict[str, tuple[float, int]] = OrderedDict()  # by key: since when, and how often since

    def due(self, key: str) -> int | None:
        """How many times of this key were not told since the last that was; None when this time is not to be told."""
        now_s = time.monotonic()
        since_s, times = self._told.get(key, (now_s, 0))
        if times and now_s < since_s + self._pause_s:
            self._told[key] = since_s, times + 1
            return 0 if times < self._at_once else None
        self._told[key] = now_s, 1
        self._told.move_to_end(key)
        if len(self._told) > KEYS_MAX:
            self._told.popitem(last=False)
        return max(0, times - self._at_once)
