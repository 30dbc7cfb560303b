"""Owners' requests as they are counted: how many of each operation, how they ended, how long they took."""

from upwell.meters.counting import Histograms, Tally
from upwell.meters.table import SECONDS

DONE, REFUSED, FAILED = "done", "refused", "failed"
UNKNOWN = "unknown"  # what is called so where none of the tongue's operations was asked for


class Requests:
    """Of one process."""

    def __init__(self) -> None:
        self.ended, self.refusals, self.seconds = Tally(), Tally(), Histograms(SECONDS)

    def add(self, tongue: str, operation: str, status: int, code: str, took_s: float) -> None:
        """One was answered; `operation` is empty where none of the tongue's was asked for."""
        name = operation or UNKNOWN
        self.ended.add(tongue, name, FAILED if status >= 500 else REFUSED if code or status >= 400 else DONE)
        self.seconds.add(took_s, tongue, name)
        if code:
            self.refusals.add(tongue, code)
