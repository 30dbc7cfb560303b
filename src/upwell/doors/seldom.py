"""What is told in the log once in a while, however often it happens."""

import time
from collections import OrderedDict

KEYS_MAX = 1000
"""Whose last telling is remembered; whoever is forgotten is told of anew."""


class Seldom:
    """Says of each key when it is to be told: at first, then once in `pause_s` seconds."""

    def __init__(self, pause_s: float) -> None:
        self._pause_s = pause_s
        self._told: OrderedDict[str, tuple[float, int]] = OrderedDict()  # by key: until when to be silent, how many

    def due(self, key: str) -> int | None:
        """How many times of this key were not told since the last that was; None when this time is not to be told."""
        now_s = time.monotonic()
        silent_until_s, untold = self._told.get(key, (now_s, 0))
        if now_s < silent_until_s:
            self._told[key] = silent_until_s, untold + 1
            return None
        self._told[key] = now_s + self._pause_s, 0
        self._told.move_to_end(key)
        if len(self._told) > KEYS_MAX:
            self._told.popitem(last=False)
        return untold
