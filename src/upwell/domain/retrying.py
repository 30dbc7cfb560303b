"""When what a receiver did not take is tried again: pauses that grow, for three days (rollouts 4.2.7)."""

from datetime import timedelta

PAUSES_S = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""After the first try that failed, the second, and so on; the last again and again."""
RETRIED_FOR = timedelta(days=3)
JITTER = 0.2  # of a pause, more or less, so that those that failed together do not come back together


def pause(tries: int, chance: float) -> timedelta:
    """How long to wait after the so-manieth try failed; `chance` is from 0 to 1."""
    return timedelta(seconds=PAUSES_S[min(tries, len(PAUSES_S)) - 1] * (1 + JITTER * (2 * chance - 1)))
