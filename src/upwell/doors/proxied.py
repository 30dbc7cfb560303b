"""Connections that a proxy hands on by the PROXY protocol: whose they are is known before anything else is read.

Holds: the head is believed of trusted proxies alone, and nothing is read of anybody else; whatever is above, TLS too,
begins when it is whole, and sees the device's own address. Bounded: the head in bytes and time, and how many wait for
theirs. Whoever is refused is told of in the log, of each address REFUSALS_TOLD in REFUSAL_PAUSE_S.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, cast

from upwell.doors import proxy_head
from upwell.doors.layers import Layer
from upwell.doors.proxy_head import Source, Unfit
from upwell.doors.seldom import Seldom
from upwell.doors.trusted import Network, Trusted
from upwell.meters.counting import Tally
from upwell.service.journal import tell

log = logging.getLogger(__name__)
HEAD_WITHIN_S = 5.0  # from connect; a proxy writes it at once
WAITING_MAX = 4096  # connections whose head is not there yet: a fleet that comes back at once is accepted before it
REFUSAL_PAUSE_S, REFUSALS_TOLD = 60.0, 10
STRANGER = "it is none of --trusted-proxies"
CROWDED = "too many connections wait for their head"
ENDED = "it ended within its head"
TOO_LATE = "its head did not come in time"
_COUNTED = {STRANGER: "not trusted", CROWDED: "too many", TOO_LATE: "late", ENDED: "cut"}  # else it is not understood


class Proxied:
    """What the listeners of one door know of the proxies before them."""

    def __init__(
        self, networks: Sequence[Network], door: str, within_s: float = HEAD_WITHIN_S, refused: Tally | None = None
    ) -> None:
        """`refused` counts connections by door and why."""
        self.within_s = within_s
        self.refused = Tally() if refused is None else refused
        self.waiting = 0
        self._trusted = Trusted(networks)
        self._door = door
        self._refusals = Seldom(REFUSAL_PAUSE_S, REFUSALS_TOLD)

    def admits(self, peer: object) -> bool:
        """Whether what this peer, an address as sockets give it, says of others may be read; else the log says why."""
        if not isinstance(peer, tuple):  # it went before it was asked for, as a proxy's health check does
            return False
        if str(peer[0]) not in self._trusted:
            self.refuse(peer, STRANGER)
            return False
        if self.waiting >= WAITING_MAX:
            self.refuse(peer, CROWDED)
            return False
        return True

    def refuse(self, peer: object, reason: object) -> None:
        """Tell and count it."""
        self.refused.add(self._door, _COUNTED.get(str(reason), "not understood"))
        host = str(peer[0]) if isinstance(peer, tuple) else "local"
        untold = self._refusals.due(host)
        if untold is None:
            return
        shown = f"{host}:{peer[1]}" if isinstance(peer, tuple) else host
        fields = {"peer": shown, "reason": reason, "door": self._door, "untold": untold or None}
        tell(log, "proxied connection refused", logging.WARNING, **fields)


class ProxyLayer(Layer):
    """Takes the head, then hands everything through. What is above has the connection from then on."""

    def __init__(self, above: asyncio.Protocol, proxied: Proxied) -> None:
        super().__init__(above)
        self._proxied = proxied
        self._head = b""
        self._source: Source | None = None
        self._is_open = self._is_refused = False
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.below = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        if not self._proxied.admits(transport.get_extra_info("peername")):
            self._is_refused = True
            self.below.abort()
            return
        self._proxied.waiting += 1
        self._late = asyncio.get_running_loop().call_later(self._proxied.within_s, self._refuse, TOO_LATE)

    def connection_lost(self, exc: Exception | None) -> None:
        self._waits_no_more()
        if self._is_open:
            super().connection_lost(exc)

    def eof_received(self) -> bool:
        if self._is_open:
            return super().eof_received()
        if self._head:  # who said nothing only looked whether somebody is here
            self._refuse(ENDED)
        return False

    def data_received(self, data: bytes) -> None:
        if self._is_open:
            self._rest_after(data)
            self._up(data)
        elif not self._is_refused:
            self._head += data
            self._take_head()

    def _take_head(self) -> None:
        try:
            end = proxy_head.size(self._head)
            if len(self._head) < end:
                return
            self._source = proxy_head.source(self._head[:end])
        except Unfit as exc:
            self._refuse(exc)
            return
        rest, self._head, self._is_open = self._head[end:], b"", True
        self._waits_no_more()
        self._above.connection_made(self)
        if rest and not self.is_closing():
            self._rest_after(rest)
            self._up(rest)

    def _refuse(self, reason: object) -> None:
        self._is_refused, self._head = True, b""
        self._proxied.refuse(self.below.get_extra_info("peername"), reason)
        self.below.abort()

    def _waits_no_more(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
            self._proxied.waiting -= 1

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.below.write(data)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "peername" and self._source is not None:
            return self._source
        return super().get_extra_info(name, default)
