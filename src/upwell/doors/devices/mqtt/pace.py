"""How many packets a connection may send: `burst_max` at once, and `packets_per_s` in the long run.

Who sends more is to be read no more until that much time has passed; who would send more all the time for `flood_max_s`
floods. No clock: `now_s` is an argument.
"""

from upwell.doors.devices.mqtt.handler import Limits

WAIT_MIN_S = 0.05  # so that who is slowed is not looked at all the time


class Pace:
    """What one connection has sent lately."""

    __slots__ = ("_limits", "_since_s", "_spent_until_s")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._spent_until_s = 0.0  # when what it sent would have been sent at the rate of the long run
        self._since_s = 0.0  # since when it sent more than it may; 0 for not

    def charge(self, weight: int, now_s: float) -> float:
        """It sent that much now; how many seconds it is to be read no more, 0 for none."""
        limits = self._limits
        if self._spent_until_s <= now_s:
            self._spent_until_s, self._since_s = now_s, 0.0
        self._spent_until_s += weight / limits.packets_per_s
        over_s = self._spent_until_s - now_s - limits.burst_max / limits.packets_per_s
        if over_s <= 0:
            return 0.0
        self._since_s = self._since_s or now_s
        return max(over_s, WAIT_MIN_S)

    def is_owed(self, now_s: float) -> bool:
        """Whether it has sent more lately than the rate of the long run allows."""
        return self._spent_until_s > now_s

    def is_flood(self, now_s: float) -> bool:
        """Whether it has sent more than it may for too long."""
        return self._since_s > 0 and now_s - self._since_s >= self._limits.flood_max_s
