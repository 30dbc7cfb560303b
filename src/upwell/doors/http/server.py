"""The HTTP door: listens, answers by an ASGI application, and ends in order.

Each connection's bounds are connection.py's, who may be connected is places.py's. One timer looks after all of them.
"""

import asyncio
import logging
import socket
import ssl
import time
from email.utils import formatdate

from starlette.types import ASGIApp

from upwell.doors.http.connection import Connection
from upwell.doors.http.exchange import Exchange
from upwell.doors.http.limits import Limits
from upwell.doors.http.places import Places
from upwell.doors.layers import TlsLayer
from upwell.doors.proxied import Proxied, ProxyLayer
from upwell.doors.tls import Failures

log = logging.getLogger(__name__)
BACKLOG = 2048
LOOK_S = 0.5  # between two looks at each connection's bounds of time
DRAIN_S = 3.0  # for what is under way when the door closes


class HttpDoor:
    """The HTTP connections of one application. `start` may be called once per socket; `stop` ends them all. Doors that
    share `places` share its bounds."""

    def __init__(self, app: ASGIApp, limits: Limits | None = None, places: Places | None = None) -> None:
        self.app = app
        self.limits = limits or Limits()
        self.places = places or Places(self.limits.connections_max, self.limits.connections_per_peer)
        self.draining = False
        self._connections: set[Connection] = set()
        self._all_went = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []
        self._failures = Failures("http")
        self._looker: asyncio.Task[None] | None = None
        self._date, self._date_of = b"", 0

    async def start(
        self, listener: socket.socket, tls: ssl.SSLContext | None = None, proxied: Proxied | None = None
    ) -> None:
        """Answer what comes to this bound socket, through TLS where there is a context; `proxied` where proxies hand on
        all of it. Takes the socket over."""
        loop = asyncio.get_running_loop()

        def accepted() -> asyncio.Protocol:
            connection = Connection(self, "http" if tls is None else "https")
            carried = connection if tls is None else TlsLayer(connection, tls, self._failures)
            return carried if proxied is None else ProxyLayer(carried, proxied)

        self._servers.append(await loop.create_server(accepted, sock=listener, backlog=BACKLOG))
        if self._looker is None:
            self._looker = loop.create_task(self._look())

    async def stop(self, within_s: float = DRAIN_S) -> None:
        """Take nothing new, finish what is under way within that time, and close."""
        self.draining = True
        for server in self._servers:
            server.close()
        for connection in tuple(self._connections):
            connection.shut()
        if self._tasks:
            _, late = await asyncio.wait(tuple(self._tasks), timeout=within_s)
            for task in late:
                log.warning("a request is broken off, for the server ends")
                task.cancel()
        await asyncio.sleep(0)
        for connection in tuple(self._connections):
            connection.cut()
        if self._connections:
            self._all_went.clear()
            await self._all_went.wait()  # each is told of its end by the loop
        if self._looker is not None:
            self._looker.cancel()
        for server in self._servers:
            await server.wait_closed()
        self._servers.clear()

    # For the connections.

    def came(self, connection: Connection) -> None:
        self._connections.add(connection)

    def went(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._all_went.set()

    def spawn(self, exchange: Exchange) -> None:
        task = asyncio.get_running_loop().create_task(exchange.run(self.app))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def date(self) -> bytes:
        """The field of an answer's head that says when it was made."""
        now = int(time.time())
        if now != self._date_of:
            self._date, self._date_of = f"date: {formatdate(now, usegmt=True)}\r\n".encode(), now
        return self._date

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            now = asyncio.get_running_loop().time()
            for connection in tuple(self._connections):
                connection.look(now)
