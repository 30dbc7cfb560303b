"""One download connection's bytes, in and out, in the clear or through TLS.

In the clear files leave by sendfile in slices, and never pass through Python. A peer that takes nothing for the stall
time is gone. Works on asyncio and uvloop alike (uvloop has no sendfile): sockets are waited for by their descriptors.
"""

import asyncio
import fcntl
import os
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from upwell.doors import proxy_head
from upwell.doors.proxied import ENDED, TOO_LATE, Proxied
from upwell.doors.tls import Failures

SLICE_BYTES = 256 * 1024
"""One sendfile call; between two, other connections have their turn."""

TLS_SLICE_BYTES = 64 * 1024
"""Read and encrypted at once; a connection holds no more of a file in memory."""

RECEIVE_BYTES = 8 * 1024
"""Taken from a socket at once."""

UNSENT_BYTES_MAX = 256 * 1024
"""Bytes the kernel queues unsent per reader (TCP_NOTSENT_LOWAT): bounds kernel memory, keeps writability honest."""

LINGER_S = 2.0
"""How long a peer may take to close after our last response."""

_TIOCOUTQ = 0x5411  # Linux: bytes not yet acknowledged by the peer (also named SIOCOUTQ).

_CORK: int | None = getattr(socket, "TCP_CORK", None)  # Linux

_T = TypeVar("_T")


class Gone(Exception):
    """The peer left, stalls, or can't be served whole: close without a word."""


class Wire:
    """A connected socket in the clear."""

    _more = getattr(socket, "MSG_MORE", 0)  # the flag of what is sent with more to come

    def __init__(
        self, sock: socket.socket, stall_timeout_s: float, peer: tuple[Any, ...], proxied: Proxied | None = None
    ) -> None:
        self._sock = sock
        self._stall_timeout_s = stall_timeout_s
        self._loop = asyncio.get_running_loop()
        self._peer = peer  # as sockets give it, or as a proxy told it
        self._proxied = proxied
        self._gathers = False

    @property
    def peer(self) -> str:
        """Its address."""
        return str(self._peer[0])

    async def begin(self, within_s: float) -> None:
        """Make the connection ready for the first request. Raises `Gone` when no proxy says whose it is though one
        should."""
        self._sock.setblocking(False)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES_MAX)
        if self._proxied is not None:
            await self._be_told(self._proxied)

    async def _be_told(self, proxied: Proxied) -> None:
        """Take a proxy's head, and no byte behind it."""
        head = b""
        try:
            async with asyncio.timeout(proxied.within_s):
                while len(head) < (size := proxy_head.size(head)):
                    more = await self._done(partial(self._sock.recv, size - len(head)), self.readable)
                    if not more and not head:
                        raise Gone("it only looked whether somebody is here")
                    if not more:
                        raise proxy_head.Unfit(ENDED)
                    head += more
            self._peer = proxy_head.source(head) or self._peer
        except TimeoutError:
            proxied.refuse(self._peer, TOO_LATE)
            raise Gone("no head") from None
        except proxy_head.Unfit as exc:
            proxied.refuse(self._peer, exc)
            raise Gone("no head") from exc

    async def receive(self) -> bytes:
        """The next bytes, as they come; none at the end."""
        return await self._done(partial(self._sock.recv, RECEIVE_BYTES), self.readable)

    async def send(self, data: bytes | memoryview, *, more: bool = False) -> None:
        """Send all of it; `more` says that something follows at once. Raises `Gone`."""
        rest = memoryview(data)
        while rest:
            rest = rest[await self._done(partial(self._sock.send, rest, self._more if more else 0), self.writable) :]

    def gather(self, on: bool) -> None:
        """Whether what is sent leaves in full segments alone, while more follows at once: each slice's last part woke
        its reader, which was half of what 50 of them cost. A part of one leaves when that ends, and no more than 0.2 s
        late."""
        if on != self._gathers and _CORK is not None:
            self._gathers = on
            self._sock.setsockopt(socket.IPPROTO_TCP, _CORK, int(on))

    async def send_file(self, fd: int, start: int, length: int) -> int:
        """Send a part of the file and say how much: some of `length`, and nothing only where the file ends."""
        step = partial(os.sendfile, self._sock.fileno(), fd, start, min(length, SLICE_BYTES))
        return await self._done(step, self.writable)

    async def linger(self) -> None:
        """Let the last response arrive: closing on unread bytes would reset the connection under it."""
        self._sock.shutdown(socket.SHUT_WR)
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while await self.receive():
                    pass

    def close(self) -> None:
        self._sock.close()

    async def _done(self, step: Callable[[], _T], ready: Callable[[], Awaitable[None]]) -> _T:
        """What the step gives once the socket is `ready` for it; TLS may want the other direction first."""
        while True:
            try:
                return step()
            except BlockingIOError:
                await ready()
            except ssl.SSLWantReadError:
                await self.readable()
            except ssl.SSLWantWriteError:
                await self.writable()

    async def readable(self) -> None:
        """Wait for bytes, for as long as it takes."""
        await self._event(self._loop.add_reader, self._loop.remove_reader)

    async def writable(self) -> None:
        """Wait for room. Raises `Gone` when the peer has taken nothing for the whole stall time."""
        queued = self._queued()
        while True:
            try:
                async with asyncio.timeout(self._stall_timeout_s):
                    await self._event(self._loop.add_writer, self._loop.remove_writer)
                return
            except TimeoutError:
                # A very slow link may take bytes without becoming writable: only a queue that stands still is dead.
                before, queued = queued, self._queued()
                if queued >= before:
                    raise Gone("stalled") from None

    def _queued(self) -> int:
        """Bytes the peer has not acknowledged; 0 where the system can't tell."""
        try:
            raw = fcntl.ioctl(self._sock.fileno(), _TIOCOUTQ, b"\0\0\0\0")
        except OSError:
            return 0
        return int(struct.unpack("i", raw)[0])

    async def _event(self, add: Callable[..., object], remove: Callable[[int], object]) -> None:
        """Until the socket is ready. add_reader and add_writer on the bare descriptor work on asyncio and uvloop."""
        ready: asyncio.Future[None] = self._loop.create_future()
        add(self._sock.fileno(), _resolve, ready)
        try:
            await ready
        finally:
            remove(self._sock.fileno())


class TlsWire(Wire):
    """A connected socket whose bytes are encrypted; what `send` is given leaves in records of its own."""

    _more = 0

    def __init__(
        self,
        sock: socket.socket,
        stall_timeout_s: float,
        peer: tuple[Any, ...],
        proxied: Proxied | None,
        context: ssl.SSLContext,
        failures: Failures,
    ) -> None:
        super().__init__(sock, stall_timeout_s, peer, proxied)
        self._context = context
        self._failures = failures

    async def begin(self, within_s: float) -> None:
        """As in the clear, and the handshake, which must be done within that time. OpenSSL sends the alert of one that
        fails. Raises `Gone`, OSError."""
        await super().begin(within_s)
        peer, spoken = self._peer, False
        try:
            async with asyncio.timeout(within_s):
                await self.readable()
                spoken = bool(self._sock.recv(1, socket.MSG_PEEK))
                if not spoken:
                    raise Gone("said nothing")
                wrapped = self._context.wrap_socket(self._sock, server_side=True, do_handshake_on_connect=False)
                self._sock = wrapped
                await self._done(wrapped.do_handshake, self.readable)
        except TimeoutError:
            if spoken:
                self._failures.tell(peer, f"not done in {within_s:g} s")
            raise Gone("no handshake") from None
        except OSError as exc:  # ssl.SSLError is one
            if spoken:
                self._failures.tell(peer, exc)
            raise

    def gather(self, on: bool) -> None:
        """Records are sent as they are."""

    async def send_file(self, fd: int, start: int, length: int) -> int:
        data = os.pread(fd, min(length, TLS_SLICE_BYTES), start)
        await self.send(data)
        return len(data)

    async def linger(self) -> None:
        with suppress(OSError, ValueError):  # the goodbye leaves before it is found that the peer's is not there yet
            assert isinstance(self._sock, ssl.SSLSocket)  # noqa: S101  # since `begin`
            self._sock.unwrap()
        await super().linger()


def _resolve(ready: "asyncio.Future[None]") -> None:
    if not ready.done():
        ready.set_result(None)
