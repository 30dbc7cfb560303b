"""Connections that have not logged in yet, by the address that they come from.

Holds: one address (of IPv6, one network) has at most so many of them, so that nobody's silence takes the places of
others. Where it has as many, the one that has been silent for longest gives way to the next, once it had its time; else
the next is refused. Where all places of the door are taken, the longest silent of all gives way so.
"""

from typing import Protocol

from upwell.doors.http.places import peer_name

SILENCE_S = 2.0  # a login is on its way for so long at most, where a fleet comes back at once from behind one address


NONE, SILENT, KNOCKING = range(3)  # what a connection is here: none, or one that said nothing or its CONNECT


class Stranger(Protocol):
    """A connection. `standing` is kept here, NONE at first."""

    host: str
    since_s: float  # when it came
    standing: int

    def cut(self, reason: str, *, abort: bool = False) -> None: ...


class Strangers:
    """Those of one door; `each_max` is how many an address may have."""

    def __init__(self, each_max: int) -> None:
        self._each_max = each_max
        self._silent: dict[str, dict[Stranger, None]] = {}  # that said no CONNECT, by address, the oldest first
        self._all_silent: dict[Stranger, None] = {}
        self._knocking: dict[str, int] = {}  # how many wait for the answer to theirs, by address

    def admit(self, one: Stranger) -> bool:
        """Whether there is room for one more of its address."""
        name = _name(one.host)
        silent = self._silent.get(name, {})
        count = len(silent) + self._knocking.get(name, 0)
        if count >= self._each_max and not _gives_way(silent, one.since_s):
            return False
        self._silent.setdefault(name, {})[one] = self._all_silent[one] = None
        one.standing = SILENT
        return True

    def room_made(self, one: Stranger) -> bool:
        """Whether a connection of the door ended for this one."""
        return _gives_way(self._all_silent, one.since_s)

    def knocks(self, one: Stranger) -> None:
        """It said its CONNECT."""
        if one.standing == SILENT:
            self._leave_silent(one)
            name = _name(one.host)
            self._knocking[name] = self._knocking.get(name, 0) + 1
            one.standing = KNOCKING

    def leave(self, one: Stranger) -> None:
        """It is no stranger any more, or gone."""
        if one.standing == SILENT:
            self._leave_silent(one)
        elif one.standing == KNOCKING:
            name = _name(one.host)
            left = self._knocking.pop(name) - 1
            if left:
                self._knocking[name] = left
        one.standing = NONE

    def _leave_silent(self, one: Stranger) -> None:
        name = _name(one.host)
        silent = self._silent[name]
        del silent[one], self._all_silent[one]
        if not silent:
            del self._silent[name]


def _gives_way(silent: dict[Stranger, None], now_s: float) -> bool:
    oldest = next(iter(silent), None)
    if oldest is None or now_s - oldest.since_s < SILENCE_S:
        return False
    oldest.cut("no login, and others wait", abort=True)
    return True


def _name(host: str) -> str:
    return peer_name(host) if ":" in host else host
