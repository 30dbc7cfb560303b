"""To which of the hosts of a database URL is connected, and how soon it is noticed that one is gone.

Holds: of several hosts the one that takes writes, whatever else answers; one that swallows what is sent to it costs
HOST_WITHIN_S, and not the time of the others; the host that was found last is asked first.
"""

import asyncio
import socket
from typing import Any

import asyncpg

from upwell.domain.database_urls import parted, places

HOST_WITHIN_S = 5.0  # one that swallows what is sent to it is given up
_GONE = {  # of a machine that ended without a word: asked after 5 s, and given up 10 s later
    getattr(socket, name): value
    for name, value in (("TCP_KEEPIDLE", 5), ("TCP_KEEPINTVL", 3), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 15_000))
    if hasattr(socket, name)  # not every system names all of them
}


class Hosts:
    """Those of one database URL."""

    def __init__(self, dsn: str) -> None:
        self._places = places(dsn)
        self._without_hosts = str(parted(dsn)._replace(hosts=""))  # the driver, as Python, does not read all of them

    async def connect(self, *args: Any, **how: Any) -> Any:
        """As the driver's `connect`, whose first argument is that URL, to the host that takes writes. Raises where
        none does: as one of them that is only read from, or as the last of them."""
        if len(self._places) < 2:
            return await asyncpg.connect(*args, **how)
        how |= {"target_session_attrs": "read-write", "timeout": HOST_WITHIN_S}
        failed: Exception | None = None
        for host, port in tuple(self._places):
            try:
                found = await asyncpg.connect(self._without_hosts, *args[1:], host=host, port=port, **how)
            except (OSError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError) as exc:
                if not isinstance(failed, asyncpg.TargetServerAttributeNotMatched):
                    failed = exc
            except asyncpg.TargetServerAttributeNotMatched as exc:
                failed = exc
            else:
                self._places.sort(key=(host, port).__ne__)
                return found
        assert failed is not None  # noqa: S101  # there are places
        raise failed


def notices_that_it_is_gone(transport: asyncio.Transport) -> None:
    """Have the kernel end the connection when the machine at its other end is gone, or each statement under way would
    wait for the driver's own time."""
    raw = transport.get_extra_info("socket")
    if raw is None or raw.family not in (socket.AF_INET, socket.AF_INET6):
        return
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _GONE.items():
        raw.setsockopt(socket.IPPROTO_TCP, option, value)
