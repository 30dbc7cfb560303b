"""How fast the bytes of downloads leave (ADR 0055): a bucket that fills at its limit's rate, and that sells slices.

Holds: whoever buys first has its slice first, and a slice leaves once it is paid whole. So those that buy a slice each
and come back for the next share alike, and in any T seconds no more than `rate` x T bytes and a burst are let through.
"""

import re

BYTES_PER_S_MIN, BYTES_PER_S_MAX = 1_000, 1_000_000_000_000
BURST_S = 0.25  # what is not used of so long may be caught up
SLICE_S = 0.1  # a slice is what the rate gives in so long, within these bounds
SLICE_BYTES_MIN, SLICE_BYTES_MAX = 1_024, 256 * 1_024

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}


def read_rate(text: str) -> int | None:
    """Bytes a second as people write them, `500k`, `2M` or `1G` of a thousand each; None where it says no such number,
    or one outside of the bounds."""
    found = re.fullmatch(r"([0-9]{1,13})([kmg]?)", text.strip().lower(), re.ASCII)
    rate = int(found[1]) * _UNITS[found[2]] if found else 0
    return rate if BYTES_PER_S_MIN <= rate <= BYTES_PER_S_MAX else None


def share(bytes_per_s: int | None, nodes: int) -> int | None:
    """What one of so many processes may send of a limit; they all have the same."""
    return None if bytes_per_s is None else max(1, bytes_per_s // max(1, nodes))


class Bucket:
    """One limit. Times are seconds of any clock that goes on."""

    def __init__(self, rate: int, now: float) -> None:
        self.rate = rate
        self._at = now
        self._filled = 0.0
        self._sold = 0

    def turn(self, rate: int, now: float) -> None:
        """From now on it fills at this rate; what is sold already waits accordingly."""
        self._fill(now)
        self.rate = rate

    @property
    def slice_bytes(self) -> int:
        """How much is to be bought at once."""
        return max(SLICE_BYTES_MIN, min(SLICE_BYTES_MAX, int(self.rate * SLICE_S)))

    def buy(self, n: int, now: float) -> int:
        """A ticket for so many bytes."""
        self._fill(now)
        self._sold += n
        return self._sold

    def wait_s(self, ticket: int, now: float) -> float:
        """How long its bytes still wait, at this rate."""
        self._fill(now)
        return max(0.0, (ticket - self._filled) / self.rate)

    def _fill(self, now: float) -> None:
        gained = self._filled + self.rate * max(0.0, now - self._at)
        self._filled, self._at = min(gained, self._sold + self.rate * BURST_S), max(now, self._at)
