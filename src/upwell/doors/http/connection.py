"""One HTTP/1.1 connection: bytes to exchanges, one at a time and in their order, and every bound of a peer.

Holds: whatever a peer sends or does not send, what it costs is bounded: a head in bytes, fields and time, a body in
rate and time, what is read ahead of an answer, and how long an answer waits to be taken. What is beyond is refused, or
the connection ends. Refuses: other protocols (`Upgrade` is ignored), and to know what is asked.
"""

import asyncio
import logging
from collections import deque
from typing import Any, Protocol, cast
from urllib.parse import unquote

import httptools
from starlette.types import ASGIApp

from upwell.doors.http.exchange import Exchange
from upwell.doors.http.limits import Limits
from upwell.doors.http.places import Places

log = logging.getLogger(__name__)
SLICE_BYTES = 4 * 1024  # parsed at once where heads may be: few small requests are in it
BODY_SLICE_BYTES = 64 * 1024
AHEAD_HARD_MAX = 300  # requests in a slice of a body and what follows it; nobody's client sends so many ahead
LINGER_S = 2.0  # for a refusal to arrive before the connection ends
TOO_LATE = (408, "The request did not arrive in time.")
_PHRASES = {400: "Bad Request", 408: "Request Timeout", 431: "Request Header Fields Too Large",
            503: "Service Unavailable"}  # fmt: skip


class _Unfit(Exception):
    """The head is beyond a bound."""


class Door(Protocol):
    """What a connection needs of the door that it came by."""

    @property
    def app(self) -> ASGIApp: ...
    @property
    def limits(self) -> Limits: ...
    @property
    def places(self) -> Places: ...
    @property
    def draining(self) -> bool:
        """Whether the door closes: no request follows that which is under way."""

    def date(self) -> bytes: ...
    def came(self, connection: "Connection", /) -> None: ...
    def went(self, connection: "Connection", /) -> None: ...
    def spawn(self, exchange: Exchange, /) -> None:
        """Have it answered."""


class Connection(asyncio.Protocol):
    """Its timers are the door's: `look` is asked about once a second."""

    def __init__(self, door: Door, scheme: str) -> None:
        self._door = door
        self._scheme = scheme
        self._loop = asyncio.get_running_loop()
        self._parser = _parser(self)
        self._exchange: Exchange | None = None  # that is read
        self._writing_to: Exchange | None = None  # that is answered
        self._ahead: deque[Exchange] = deque()
        self._rest = b""  # read, and not parsed yet
        self._reading = True
        self._in_head = self._expects = False
        self._head_bytes = self._fields = 0
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._until: float | None = None  # when a head must be there, or the next request begun, or the peer be gone
        self._since = self._unpaced_at = 0.0  # when the body began; since when it is not read
        self._taken = 0  # bytes of the body
        self._drained: asyncio.Future[None] | None = None
        self._stalled = False  # it takes nothing more for now
        self._unsent, self._unsent_at = 0, 0.0
        self.ended = False  # nothing is read any more

    # The socket.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._peer = _address(transport.get_extra_info("peername"))
        self._server = _address(transport.get_extra_info("sockname"))
        self._until = self._loop.time() + self._door.limits.head_within_s
        self._door.came(self)
        if not self._door.places.take(self, self._peer[0] if self._peer else ""):
            self._turn_away()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        self._door.places.leave(self)
        self._door.went(self)
        for exchange in (self._exchange, self._writing_to, *self._ahead):
            if exchange is not None:
                exchange.lost()
        self._ahead.clear()
        self._rest = b""
        self.resume_writing()

    def eof_received(self) -> bool:
        """A peer that sends no more may still be answered."""
        if self._writing_to is None or self._exchange is not None:
            return False
        self._last()
        return True

    def pause_writing(self) -> None:
        self._stalled = True

    def resume_writing(self) -> None:
        self._stalled = False
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None

    def data_received(self, data: bytes) -> None:
        if self.ended:
            return
        self._rest = self._rest + data if self._rest else data
        self._parse()

    # Requests in.

    def _parse(self) -> None:
        """Take what was read, as far as it may be taken now."""
        while self._rest and not self.ended and len(self._ahead) < self._door.limits.ahead_max:
            size = SLICE_BYTES if self._exchange is None else BODY_SLICE_BYTES
            data, self._rest = self._rest[:size], self._rest[size:]
            try:
                self._feed(data)
            except _Unfit as exc:
                self._refuse(431, str(exc))
            except httptools.HttpParserError as exc:
                self._misread(exc.__context__)
        self._mind()

    def _misread(self, cause: BaseException | None) -> None:
        """What the parser could not take, or one of its callbacks below."""
        if isinstance(cause, _Unfit):
            self._refuse(431, str(cause))
            return
        if not isinstance(cause, httptools.HttpParserError | UnicodeError | None):
            log.error("a request could not be read", exc_info=cause)
        self._refuse(400, "Invalid HTTP request received.")

    def _feed(self, data: bytes) -> None:
        if self._exchange is None:
            self._head_bytes = self._head_bytes + len(data) if self._in_head else len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as exc:
            self._rest = self._plain_head() + data[exc.args[0] :] + self._rest
            self._parser = _parser(self)
        if self._in_head and self._head_bytes > self._door.limits.head_bytes_max:
            raise _Unfit(f"The head of a request has at most {self._door.limits.head_bytes_max} bytes.")

    def _plain_head(self) -> bytes:
        """The head that was read, without its wish for another protocol: the parser takes what follows such a wish for
        that protocol, bodies too."""
        lines = [b"%b %b HTTP/%b" % (self._parser.get_method(), self._url, self._parser.get_http_version().encode())]
        for name, value in self._headers:
            if name == b"connection":
                value = b", ".join(word for each in value.split(b",") if (word := each.strip()).lower() != b"upgrade")
            if name != b"upgrade":
                lines.append(b"%b: %b" % (name, value))
        return b"\r\n".join((*lines, b"\r\n"))

    def on_message_begin(self) -> None:
        if len(self._ahead) >= AHEAD_HARD_MAX:
            raise _Unfit("Too many requests are sent ahead.")
        self._in_head, self._expects = True, False
        self._url, self._headers, self._fields = b"", [], 0
        if self._writing_to is None:
            self._until = self._loop.time() + self._door.limits.head_within_s

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields += 1
        if self._fields > self._door.limits.fields_max:
            raise _Unfit(f"A request has at most {self._door.limits.fields_max} header fields.")
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self._expects = True
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        version = self._parser.get_http_version()
        parsed = httptools.parse_url(self._url)
        if self._parser.should_upgrade() and self._parser.get_method() != b"CONNECT":
            return  # it is read again without that wish
        raw_path = parsed.path or b"/"
        path = raw_path.decode("ascii")
        scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": version,
            "server": self._server, "client": self._peer, "scheme": self._scheme, "root_path": "",
            "method": self._parser.get_method().decode("ascii"), "headers": self._headers,
            "path": unquote(path) if "%" in path else path, "raw_path": raw_path, "query_string": parsed.query or b"",
        }  # fmt: skip
        keeps = version != "1.0" and self._parser.should_keep_alive() and not self._door.draining
        self._exchange = Exchange(self, scope, keeps=keeps, expects=self._expects)
        self._in_head, self._until = False, None
        self._since, self._taken = self._loop.time(), 0
        self._unpaced_at = 0.0 if self._reading else self._since
        self._door.places.busy(self)
        if self._writing_to is None:
            self._answer(self._exchange)
        else:
            self._ahead.append(self._exchange)

    def on_body(self, body: bytes) -> None:
        if self._exchange is not None:
            self._taken += len(body)
            self._exchange.took(body)

    def on_message_complete(self) -> None:
        exchange, self._exchange = self._exchange, None
        if exchange is None:
            return
        exchange.ended()
        if not exchange.keeps:
            self._last()
        elif self._writing_to is None:
            self._rest_now()  # it was answered before it was whole

    def _last(self) -> None:
        """What comes after the request that is being answered is not read."""
        self.ended, self._rest = True, b""

    def _mind(self) -> None:
        """Read on, or don't: not while there is enough."""
        wanted = not (self._rest or len(self._ahead) or (self._exchange is not None and self._exchange.full))
        if wanted != self._reading and not self._transport.is_closing():
            self._reading = wanted
            if wanted:
                self._transport.resume_reading()
                self._paced()
            else:
                self._transport.pause_reading()
                self._unpaced_at = self._loop.time()

    def _paced(self) -> None:
        """The time that a body was not read for is not the peer's."""
        if self._unpaced_at:
            self._since += self._loop.time() - self._unpaced_at
            self._unpaced_at = 0.0

    # Answers out.

    def _answer(self, exchange: Exchange) -> None:
        self._writing_to = exchange
        self._door.spawn(exchange)

    def answered(self, exchange: Exchange) -> None:
        self._writing_to = None
        if not exchange.keeps or self._door.draining:
            self.ended = True
            self._transport.close()
        elif self._ahead:
            self._answer(self._ahead.popleft())
            self._loop.call_soon(self._parse)
        elif self._exchange is None:
            self._rest_now()
            self._loop.call_soon(self._parse)
        else:
            self._mind()  # the rest of its body is read and dropped

    def broken(self, exchange: Exchange) -> None:
        exchange.lost()
        self._end()

    def write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)

    def drained(self) -> "asyncio.Future[None] | None":
        if not self._stalled:
            return None
        if self._drained is None:
            self._drained = self._loop.create_future()
        return self._drained

    def read_on(self) -> None:
        self._mind()

    def date(self) -> bytes:
        return self._door.date()

    def _rest_now(self) -> None:
        """Nothing is asked now."""
        limits = self._door.limits
        self._until = self._loop.time() + (limits.head_within_s if self._in_head else limits.idle_s)
        self._door.places.silent(self)

    # Bounds.

    def look(self, now: float) -> None:
        """End what lasts too long."""
        limits = self._door.limits
        if self._until is not None and now > self._until:
            if self.ended or not self._in_head:
                self._end()
            else:
                self._refuse(*TOO_LATE)
        elif self._exchange is not None and self._reading and not self.ended:
            spent = now - self._since
            if spent > limits.body_within_s or spent > limits.body_grace_s + self._taken / limits.body_bytes_per_s:
                self._refuse(*TOO_LATE)
        self._look_at_answer(now)

    def _look_at_answer(self, now: float) -> None:
        unsent = self._transport.get_write_buffer_size()
        if unsent != self._unsent or not unsent:
            self._unsent, self._unsent_at = unsent, now
        elif now - self._unsent_at > self._door.limits.answer_stall_s:
            self._end()

    def make_room(self) -> None:
        self._last()
        self._transport.close()

    def cut(self) -> None:
        """End at once, whatever is under way."""
        self._end()

    def shut(self) -> None:
        """The door closes: end as soon as nothing is under way."""
        under_way = self._writing_to or self._exchange
        if under_way is None:
            self._transport.close()
        else:
            under_way.keeps = False

    def _end(self) -> None:
        self.ended = True
        self._transport.abort()

    def _turn_away(self) -> None:
        """There is no place: say so in one try, where no handshake comes first."""
        self._last()
        if self._scheme == "http":
            self._transport.write(_refusal(503, "All connections are taken; try again."))
        self._transport.close()

    def _refuse(self, status: int, why: str) -> None:
        """Say why, unless something is being answered, and end: soon, so that it arrives first."""
        begun = (self._writing_to, self._exchange)
        silent = any(exchange is not None and exchange.is_begun for exchange in begun)
        for exchange in (self._exchange, self._writing_to, *self._ahead):
            if exchange is not None:
                exchange.lost()
        self._exchange, self._in_head = None, False
        self._last()
        if silent or self._transport.is_closing():
            self._end()
            return
        self._transport.write(_refusal(status, why))
        self._until = self._loop.time() + LINGER_S
        if not self._reading:
            self._reading = True
            self._transport.resume_reading()
        if self._transport.can_write_eof():
            self._transport.write_eof()


def _refusal(status: int, why: str) -> bytes:
    """An answer of the door's own, in no tongue: nothing is known of who asks."""
    text = f"{why}\n".encode()
    head = f"HTTP/1.1 {status} {_PHRASES[status]}\r\ncontent-type: text/plain; charset=utf-8\r\n"
    return f"{head}content-length: {len(text)}\r\nconnection: close\r\n\r\n".encode() + text


def _parser(connection: Connection) -> "httptools.HttpRequestParser":
    parser = httptools.HttpRequestParser(connection)
    parser.set_dangerous_leniencies(lenient_data_after_close=True)  # what follows a last request is not read
    return parser


def _address(name: Any) -> tuple[str, int] | None:
    return (str(name[0]), int(name[1])) if isinstance(name, tuple | list) else None
