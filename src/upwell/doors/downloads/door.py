"""The byte server that devices download from: GET and HEAD of `/ota/<token>[/name.bin]`, with TLS or without.

What is said before a file is heads.py's, how bytes move wire.py's. What one reader costs does not
grow with the file. A head is small and arrives soon, or the connection ends; a slow reader is kept while bytes move.
Tokens and URLs are secrets: they are never logged.
"""

import asyncio
import logging
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http import HTTPStatus

from upwell.domain.errors import Denied, NotFound, ServerError
from upwell.doors.downloads.bodies import Body
from upwell.doors.downloads.files import Held, Hold
from upwell.doors.downloads.flows import Flows
from upwell.doors.downloads.heads import HEAD_BYTES_MAX, Found, Refusal, Request, Served, file_head, refusal_head
from upwell.doors.downloads.wire import Gone, TlsWire, Wire
from upwell.doors.proxied import Proxied
from upwell.doors.tls import Failures
from upwell.meters.counting import Tally

HEAD_TIMEOUT_S = 10.0
"""From connect, or from the end of the last response, until a whole head is there."""

STALL_TIMEOUT_S = 60.0
"""A reader whose kernel accepts no byte for so long is cut."""

CONNECTIONS_MAX = 10_000
"""Connections held at once when the constructor is not told otherwise."""

LISTEN_BACKLOG = 1024
"""Connections the kernel may queue before they are accepted: a fleet told at once arrives at once."""

ACCEPT_PAUSE_S = 0.2
"""Rest after accept fails, e.g. for want of file descriptors."""

_HEAD_END = re.compile(rb"\r?\n\r?\n")  # huawei 5.7: the C SDK ends lines with a bare line feed
_log = logging.getLogger(__name__)

Find = Callable[[str], Awaitable[Found]]
Read = Callable[[str, int, int], AsyncIterator[bytes]]


class DownloadDoor:
    """Serves what `find` finds, by `read` where that is no file and `hold` has none for it, with the paths `under`
    before it or without. `find` raises `Denied` with a short reason (403) or `NotFound` (404). `note` is told of each
    file, or part of one, that was served or begun."""

    def __init__(
        self,
        find: Find,
        read: Read,
        *,
        hold: Hold | None = None,
        note: Callable[[Served], None] = lambda served: None,
        under: Sequence[str] = (),
        connections_max: int = CONNECTIONS_MAX,
        head_timeout_s: float = HEAD_TIMEOUT_S,
        stall_timeout_s: float = STALL_TIMEOUT_S,
        flows: Flows | None = None,
    ) -> None:
        self.flows = flows or Flows()
        self.bytes_served = 0
        self.refused = Tally()  # by HTTP status
        self.under = under
        self.failures = Failures("downloads")
        self.head_timeout_s = head_timeout_s
        self.stall_timeout_s = stall_timeout_s
        self._find = find
        self._read = read
        self._hold = hold
        self.note = note
        self._connections_max = connections_max
        self._connections: set[asyncio.Task[None]] = set()
        self._listeners: dict[socket.socket, asyncio.Task[None]] = {}

    async def start(
        self,
        host: str,
        port: int,
        tls: ssl.SSLContext | None = None,
        *,
        shared: bool = False,
        proxied: Proxied | None = None,
    ) -> tuple[str, int]:
        """Listen, with `tls` for TLS alone; port 0 picks one. May be called for several addresses, which may be
        `shared` with other processes of ours; `proxied` where proxies hand on all that comes. Returns the bound
        address. Raises `OSError` when it is taken."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=LISTEN_BACKLOG, reuse_port=shared)
        listener.setblocking(False)
        self._listeners[listener] = asyncio.create_task(self._accept(listener, tls, proxied))
        bound = listener.getsockname()
        return str(bound[0]), int(bound[1])

    def connected(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    async def stop(self) -> None:
        """Stop listening and cut every connection; devices resume by range."""
        tasks = [*self._listeners.values(), *self._connections]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()

    async def _accept(
        self, listener: socket.socket, tls: ssl.SSLContext | None, proxied: Proxied | None
    ) -> None:  # fmt: skip
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, peer = await loop.sock_accept(listener)
            except OSError as exc:
                _log.warning("accept failed: %s", exc.strerror)
                await asyncio.sleep(ACCEPT_PAUSE_S)
                continue
            if proxied is not None and not proxied.admits(peer):
                sock.close()
                continue
            if len(self._connections) >= self._connections_max:
                _turn_away(sock, tls)
                continue
            wire = Wire(sock, self.stall_timeout_s, peer, proxied)
            if tls is not None:
                wire = TlsWire(sock, self.stall_timeout_s, peer, proxied, tls, self.failures)
            task = asyncio.create_task(_Connection(self, wire).run())
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)

    async def found(self, token: str) -> Found:
        """What to serve for this token. Raises `Refusal` for every reason not to; never tells or logs the token."""
        with _refusing("find"):
            return await self._find(token)

    async def held(self, found: Found, start: int, *, fetch: bool) -> Held | None:
        """The file of an object that has none of its own, if there is one or it comes. Raises `Refusal`."""
        with _refusing("hold"):
            return None if self._hold is None else await self._hold(found, start, fetch)

    async def chunks(self, key: str, start: int, length: int) -> AsyncIterator[bytes]:
        """What `read` yields, its first chunk already there: the store has the object and answers. Raises `Refusal`."""
        rest = self._read(key, start, length)
        with _refusing("read"):
            first = await anext(rest, b"")
        return _after(first, rest)


@contextmanager
def _refusing(what: str) -> Iterator[None]:
    """The core's refusals as answers; a device must get one, and a traceback could hold its token."""
    try:
        yield
    except Denied as exc:
        raise Refusal(HTTPStatus.FORBIDDEN, exc.problem) from exc
    except NotFound as exc:
        raise Refusal(HTTPStatus.NOT_FOUND) from exc
    except ServerError as exc:
        raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE) from exc
    except Exception as exc:
        _log.error("%s failed: %s", what, type(exc).__name__)
        raise Refusal(HTTPStatus.INTERNAL_SERVER_ERROR) from exc


async def _after(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk


def _turn_away(sock: socket.socket, tls: ssl.SSLContext | None) -> None:
    """One try to say 503; a peer that can't take it, or wants a handshake first, learns from the close."""
    with sock, suppress(OSError):
        if tls is not None:
            return
        sock.setblocking(False)
        sock.send(refusal_head(Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections"), False, True))


class _Connection:
    """One device: heads in, files out, in order."""

    def __init__(self, door: DownloadDoor, wire: Wire) -> None:
        self._door = door
        self._wire = wire
        self._buffer = bytearray()
        self._token = ""  # of the present file

    async def run(self) -> None:
        try:
            await self._wire.begin(self._door.head_timeout_s)
            while await self._serve_one():
                pass
            await self._wire.linger()
        except (Gone, OSError) as exc:
            _log.debug("download connection ended: %s", type(exc).__name__)
        except Exception as exc:  # One connection's defect must not be silent, nor tell a URL.
            _log.error("download failed: %s", type(exc).__name__)
        finally:
            self._wire.close()

    async def _serve_one(self) -> bool:
        """Answer one request; whether another may follow."""
        request: Request | None = None
        try:
            head = await self._head()
            if head is None:
                return False
            request = Request(head, self._door.under)
            self._token = request.token()
            await self._serve_file(request, await self._door.found(self._token))
            return request.keep_alive
        except Refusal as refusal:
            self._door.refused.add(str(refusal.status.value))
            keep_alive = request is not None and request.keep_alive and not refusal.last
            with_body = request is None or request.method != b"HEAD"
            await self._wire.send(refusal_head(refusal, keep_alive, with_body))
            return keep_alive

    async def _head(self) -> bytes | None:
        """The next head with its empty line; None when the peer is done or too slow to say anything."""
        try:
            async with asyncio.timeout(self._door.head_timeout_s):
                while (end := _HEAD_END.search(self._buffer)) is None:
                    if len(self._buffer) >= HEAD_BYTES_MAX:
                        raise Refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, last=True)
                    data = await self._wire.receive()
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
        """The file, or the part of it that is asked for."""
        part = request.part(found)
        start, length = part or (0, found.size)
        head = file_head(found, part, request.keep_alive, request.name)
        wanted = 0 if request.method == b"HEAD" else length
        body = Body(self._door, self._wire, found, self._look)
        try:
            await body.send(head, start, length, wanted)
        finally:
            if body.sent:
                self._door.note(Served(found, start, wanted, body.sent, self._wire.peer))

    async def _look(self) -> None:
        """Have the limits be learnt anew; what is under way goes on, whatever has become of its task."""
        with suppress(Refusal):
            await self._door.found(self._token)
