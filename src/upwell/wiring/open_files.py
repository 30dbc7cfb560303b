"""How many files the process may have open at once, and how many connections of each door fit into that.

Holds: the doors together never take what the process needs for itself, so that none of them fails at accept: whoever
finds no room is refused and told of in the log.
"""

import logging
import os
import resource
from typing import NamedTuple

from upwell.domain.errors import Unavailable
from upwell.doors.devices.mqtt import server as devices
from upwell.doors.downloads import door as downloads
from upwell.doors.http.limits import Limits

log = logging.getLogger(__name__)

OWN = 512  # the process's own: database connections, listeners, the log, and what is read and sent
FILES_OF_A_DOWNLOAD = 2  # its socket and its object
SHARE = 0.2  # of what there is, where not all fit, for downloads and for HTTP each; MQTT has the rest


class Room(NamedTuple):
    """Connections at once, door by door."""

    mqtt: int
    downloads: int
    http: int

    @property
    def files(self) -> int:
        """What they all need, and the process itself."""
        return OWN + self.mqtt + self.downloads * FILES_OF_A_DOWNLOAD + self.http


def raised(wanted: int) -> int:
    """The limit on open files, raised as far as the system lets us and is wanted."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    except (ValueError, OSError):  # some systems have a lower one still, and name it nowhere
        return soft
    return most


def fitting(limit: int, wanted: Room) -> Room:
    """Of what is wanted, what fits into so many open files."""
    if wanted.files <= limit:
        return wanted
    rest = max(limit - OWN, limit // 2)
    downloads = min(wanted.downloads, int(rest * SHARE) // FILES_OF_A_DOWNLOAD)
    http = min(wanted.http, int(rest * SHARE))
    return Room(min(wanted.mqtt, rest - downloads * FILES_OF_A_DOWNLOAD - http), downloads, http)


def room_of_this_process() -> Room:
    """How many connections it may have; the log says so where they are fewer than the doors allow."""
    wanted = Room(devices.CONNECTIONS_MAX, downloads.CONNECTIONS_MAX, Limits().connections_max)
    limit = raised(wanted.files)
    room = fitting(limit, wanted)
    if room != wanted:
        log.info(
            "the limit on open files is %d: %d devices, %d downloads and %d HTTP connections at once fit; for all that "
            "are allowed raise it to %d (ulimit -n, LimitNOFILE)", limit, *room, wanted.files,
        )  # fmt: skip
    return room


def look() -> None:
    """Pass while another file can be opened. Raises Unavailable."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as exc:
        raise Unavailable(f"No more files can be opened, so connections are refused: {exc.strerror}.") from exc
