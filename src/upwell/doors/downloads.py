"""The byte server that devices download from: GET and HEAD of `/ota/<token>[/name.bin]`.

What is said before a file is download_heads.py's. Files leave by sendfile in slices; what one reader costs does not
grow with the file. A head is small and arrives soon, or the connection ends; a slow reader is kept while bytes move.
Tokens and URLs are secrets: they are never logged. Works on asyncio and uvloop alike (uvloop has no sendfile).
"""

import asyncio
import fcntl
import logging
import os
import re
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path

from upwell.domain.errors import Denied, NotFound, ServerError
from upwell.doors.download_heads import HEAD_BYTES_MAX, Found, Refusal, Request, file_head, refusal_head

HEAD_TIMEOUT_S = 10.0
"""From connect, or from the end of the last response, until a whole head is there."""

STALL_TIMEOUT_S = 60.0
"""A reader whose kernel accepts no byte for so long is cut."""

SLICE_BYTES = 256 * 1024
"""One sendfile call; between two, other connections have their turn."""

UNSENT_BYTES_MAX = 256 * 1024
"""Bytes the kernel queues unsent per reader (TCP_NOTSENT_LOWAT): bounds kernel memory, keeps writability honest."""

CONNECTIONS_MAX = 10_000
"""Connections held at once when the constructor is not told otherwise."""

LISTEN_BACKLOG = 1024
"""Connections the kernel may queue before they are accepted: a fleet told at once arrives at once."""

ACCEPT_PAUSE_S = 0.2
"""Rest after accept fails, e.g. for want of file descriptors."""

LINGER_S = 2.0
"""How long a peer may take to close after our last response."""

_HEAD_END = re.compile(rb"\r?\n\r?\n")  # huawei 5.7: the C SDK ends lines with a bare line feed
_TIOCOUTQ = 0x5411  # Linux: bytes not yet acknowledged by the peer (also named SIOCOUTQ).

_log = logging.getLogger(__name__)


Find = Callable[[str], Awaitable[Found]]
Read = Callable[[str, int, int], AsyncIterator[bytes]]


class _Gone(Exception):
    """The peer left, stalls, or can't be served whole: close without a word."""


class DownloadDoor:
    """Serves what `find` finds. `find` raises `Denied` with a short reason (403) or `NotFound` (404)."""

    def __init__(
        self,
        find: Find,
        *,
        read: Read | None = None,
        connections_max: int = CONNECTIONS_MAX,
        head_timeout_s: float = HEAD_TIMEOUT_S,
        stall_timeout_s: float = STALL_TIMEOUT_S,
    ) -> None:
        self.bytes_served = 0
        self.head_timeout_s = head_timeout_s
        self.stall_timeout_s = stall_timeout_s
        self._find = find
        self._read = read
        self._connections_max = connections_max
        self._connections: set[asyncio.Task[None]] = set()
        self._listener: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen; port 0 picks one. Returns the bound address. Raises `OSError` when it is taken."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family, backlog=LISTEN_BACKLOG)
        self._listener.setblocking(False)
        self._accepting = asyncio.create_task(self._accept(self._listener))
        bound = self._listener.getsockname()
        return str(bound[0]), int(bound[1])

    async def stop(self) -> None:
        """Stop listening and cut every connection; devices resume by range."""
        tasks = [task for task in (self._accepting, *self._connections) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._listener is not None:
            self._listener.close()
        self._listener = self._accepting = None

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, _ = await loop.sock_accept(listener)
            except OSError as exc:
                _log.warning("accept failed: %s", exc.strerror)
                await asyncio.sleep(ACCEPT_PAUSE_S)
                continue
            if len(self._connections) >= self._connections_max:
                _turn_away(sock)
                continue
            task = asyncio.create_task(_Connection(self, sock).run())
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)

    async def found(self, token: str) -> Found:
        """What to serve for this token. Raises `Refusal` for every reason not to; never tells or logs the token."""
        try:
            return await self._find(token)
        except Denied as exc:
            raise Refusal(HTTPStatus.FORBIDDEN, exc.problem) from exc
        except NotFound as exc:
            raise Refusal(HTTPStatus.NOT_FOUND) from exc
        except ServerError as exc:
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE) from exc
        except Exception as exc:  # A device must get an answer; the traceback could hold the token.
            _log.error("find failed: %s", type(exc).__name__)
            raise Refusal(HTTPStatus.INTERNAL_SERVER_ERROR) from exc

    def chunks(self, key: str, start: int, length: int) -> AsyncIterator[bytes]:
        """The bytes of an object that is no file. Raises `_Gone` when no reader was injected."""
        if self._read is None:
            raise _Gone("no reader for objects that are not files")
        return self._read(key, start, length)


def _turn_away(sock: socket.socket) -> None:
    """One try to say 503; a peer that can't take it learns from the close."""
    with sock, suppress(OSError):
        sock.setblocking(False)
        sock.send(refusal_head(Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections"), False, True))


class _Connection:
    """One device: heads in, files out, in order."""

    def __init__(self, door: DownloadDoor, sock: socket.socket) -> None:
        self._door = door
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()

    async def run(self) -> None:
        try:
            self._sock.setblocking(False)
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if hasattr(socket, "TCP_NOTSENT_LOWAT"):
                self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES_MAX)
            while await self._serve_one():
                pass
            await self._linger()
        except (_Gone, OSError) as exc:
            _log.debug("download connection ended: %s", type(exc).__name__)
        except Exception as exc:  # One connection's defect must not be silent, nor tell a URL.
            _log.error("download failed: %s", type(exc).__name__)
        finally:
            self._sock.close()

    async def _linger(self) -> None:
        """Let the last response arrive: closing on unread bytes would reset the connection under it."""
        self._sock.shutdown(socket.SHUT_WR)
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while await self._receive():
                    pass

    async def _serve_one(self) -> bool:
        """Answer one request; whether another may follow."""
        request: Request | None = None
        try:
            head = await self._head()
            if head is None:
                return False
            request = Request(head)
            await self._serve_file(request, await self._door.found(request.token()))
            return request.keep_alive
        except Refusal as refusal:
            keep_alive = request is not None and request.keep_alive and not refusal.last
            with_body = request is None or request.method != b"HEAD"
            await self._send(refusal_head(refusal, keep_alive, with_body))
            return keep_alive

    async def _head(self) -> bytes | None:
        """The next head with its empty line; None when the peer is done or too slow to say anything."""
        try:
            async with asyncio.timeout(self._door.head_timeout_s):
                while (end := _HEAD_END.search(self._buffer)) is None:
                    if len(self._buffer) >= HEAD_BYTES_MAX:
                        raise Refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, last=True)
                    data = await self._receive()
                    if not data:
                        return None
                    self._buffer += data
                    while self._buffer.startswith((b"\r\n", b"\n")):  # RFC 9112 2.2: empty lines before are skipped.
                        del self._buffer[: self._buffer.index(b"\n") + 1]
        except TimeoutError:
            return None
        if end.end() > HEAD_BYTES_MAX:
            raise Refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, last=True)
        head = bytes(self._buffer[: end.end()])
        del self._buffer[: end.end()]
        return head

    async def _serve_file(self, request: Request, found: Found) -> None:
        part = request.part(found)
        start, length = part or (0, found.size)
        head = file_head(found, part, request.keep_alive)
        if request.method == b"HEAD" or length == 0:
            await self._send(head)
        elif found.path is None:
            await self._send_chunks(head, found.key, start, length)
        else:
            fd = _opened(found.path, found.size)
            try:
                await self._send(head, more=True)
                await self._send_file(fd, start, length)
            finally:
                os.close(fd)

    async def _send_file(self, fd: int, start: int, length: int) -> None:
        while length > 0:
            try:
                sent = os.sendfile(self._sock.fileno(), fd, start, min(length, SLICE_BYTES))
            except BlockingIOError:
                await self._writable()
                continue
            if sent == 0:
                raise _Gone("the file became shorter")
            self._door.bytes_served += sent
            start += sent
            length -= sent
            await asyncio.sleep(0)

    async def _send_chunks(self, head: bytes, key: str, start: int, length: int) -> None:
        chunks = self._door.chunks(key, start, length)
        await self._send(head, more=True)
        async for chunk in chunks:
            data = chunk[:length]
            await self._send(data)
            self._door.bytes_served += len(data)
            length -= len(data)
        if length:
            raise _Gone("the object is shorter than it was found to be")

    async def _send(self, data: bytes, *, more: bool = False) -> None:
        flags = getattr(socket, "MSG_MORE", 0) if more else 0
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._sock.send(rest, flags) :]
            except BlockingIOError:
                await self._writable()

    async def _receive(self) -> bytes:
        while True:
            try:
                return self._sock.recv(HEAD_BYTES_MAX)
            except BlockingIOError:
                await self._event(self._loop.add_reader, self._loop.remove_reader)

    async def _writable(self) -> None:
        """Wait for room. Raises `_Gone` when the peer has taken nothing for the whole stall time."""
        queued = self._queued()
        while True:
            try:
                async with asyncio.timeout(self._door.stall_timeout_s):
                    await self._event(self._loop.add_writer, self._loop.remove_writer)
                return
            except TimeoutError:
                # A very slow link may take bytes without becoming writable: only a queue that stands still is dead.
                before, queued = queued, self._queued()
                if queued >= before:
                    raise _Gone("stalled") from None

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


def _resolve(ready: "asyncio.Future[None]") -> None:
    if not ready.done():
        ready.set_result(None)


def _opened(path: Path, size: int) -> int:
    """The file's descriptor. Raises `Refusal` when it is gone or not of the size that was found."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError as exc:
        _log.error("a stored file can't be opened: %s", exc.strerror)
        raise Refusal(HTTPStatus.NOT_FOUND) from exc
    if os.fstat(fd).st_size != size:
        os.close(fd)
        _log.error("a stored file is not of its recorded size")
        raise Refusal(HTTPStatus.INTERNAL_SERVER_ERROR)
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)
    return fd
