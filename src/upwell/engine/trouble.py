"""What goes wrong again and again, told as seldom as somebody can use it.

While PostgreSQL is away every loop fails each second, and every batch of a fleet that comes back: the log says so once
for each of them, again when the reason is another, and then once in AGAIN_S with how many times it was not told.
"""

import logging
import time

AGAIN_S = 60.0


class Trouble:
    """The failures in a row of one part of the engine."""

    def __init__(self, log: logging.Logger, name: str) -> None:
        self._log = log
        self._name = name
        self._last: str | None = None
        self._silent_until = 0.0
        self._untold = 0

    def tell(self, exc: Exception, *, expected: bool) -> None:
        """It failed; what was not expected is an error of ours and told with its traceback."""
        reason, now_s = f"{type(exc).__name__}: {exc}", time.monotonic()
        if reason == self._last and now_s < self._silent_until:
            self._untold += 1
            return
        more = f" ({self._untold} times more since this was told)" if self._untold else ""
        if expected:
            self._log.warning("%s: %s%s", self._name, exc, more)
        else:
            self._log.error("%s failed: %s%s", self._name, exc, more, exc_info=exc)
        self._last, self._silent_until, self._untold = reason, now_s + AGAIN_S, 0

    def over(self) -> None:
        """It goes well again."""
        if self._last is not None:
            self._log.info("%s: goes on", self._name)
        self._last, self._untold = None, 0
