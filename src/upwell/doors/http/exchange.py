"""One request and its answer, as ASGI tells them.

Holds: an answer's head leaves with the first bytes of its body, in one write; one that the application leaves
unfinished ends its connection, so that nobody takes a part for the whole. What a peer sends is kept up to `full`, then
not read.
Refuses: to know what is asked, and to parse.
"""

import asyncio
import logging
from http import HTTPStatus
from typing import Protocol

from starlette.types import ASGIApp, Message, Scope

log = logging.getLogger(__name__)
KEPT_BYTES = 64 * 1024  # of a body that the application has not taken yet
PIECE_BYTES = 16 * 1024  # of a body that is not whole yet, before the application is given more of it
PIECE_WITHIN_S = 1.0  # or less, when no more comes
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_BODILESS = (204, 304)
_STATUS_LINES = {each.value: f"HTTP/1.1 {each.value} {each.phrase}\r\n".encode() for each in HTTPStatus}


class Wire(Protocol):
    """The connection that an exchange is on."""

    def write(self, data: bytes, /) -> None: ...
    def drained(self) -> "asyncio.Future[None] | None":
        """What to wait for until the peer takes more; None when it does now."""

    def read_on(self) -> None:
        """The application waits for the body."""

    def answered(self, exchange: "Exchange", /) -> None:
        """The whole answer is written."""

    def broken(self, exchange: "Exchange", /) -> None:
        """The answer ends half-way."""

    def date(self) -> bytes: ...


class Exchange:
    """`keeps` says whether the connection may stay after the answer, as far as the request goes."""

    def __init__(self, wire: Wire, scope: Scope, *, keeps: bool, expects: bool) -> None:
        self.scope = scope
        self.keeps = keeps
        self.is_whole = False  # all of the request is here
        self.is_begun = self.is_answered = self.gone = False
        self._wire = wire
        self._expects = expects  # to be told to go on before it sends the body
        self._body = bytearray()
        self._given_at = float("-inf")  # when the application was given the last part of it
        self._told_all = False
        self._waiter: asyncio.Future[None] | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._head: Message | None = None  # of the answer, not written yet
        self._has_body = True  # the answer
        self._chunked = False
        self._left: int | None = None  # bytes of the answer's body that are to come, where its head says how many

    # What the connection tells.

    def took(self, data: bytes) -> None:
        """A part of the body."""
        if not self.is_answered:
            self._body += data
            if self._waiter is not None and not self._waiter.done():
                self._wake_in_time()

    def ended(self) -> None:
        """The body is whole."""
        self.is_whole = True
        self._wake()

    def lost(self) -> None:
        """The peer is gone, or was cut."""
        self.gone = True
        self._wake()

    @property
    def full(self) -> bool:
        return len(self._body) >= KEPT_BYTES

    def _wake_in_time(self) -> None:
        loop = asyncio.get_running_loop()
        early_s = self._given_at + PIECE_WITHIN_S - loop.time()
        if len(self._body) >= PIECE_BYTES or early_s <= 0:
            self._wake()
        elif self._alarm is None:
            self._alarm = loop.call_later(early_s, self._wake)

    def _has_piece(self) -> bool:
        """Whether there is enough of the body, or no more came in time."""
        if not self._body:
            return False
        is_late = asyncio.get_running_loop().time() >= self._given_at + PIECE_WITHIN_S
        return self.is_whole or is_late or len(self._body) >= PIECE_BYTES

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # What the application is given.

    async def run(self, app: ASGIApp) -> None:
        """Have it answered; never raises but for a cancellation."""
        try:
            await app(self.scope, self.receive, self.send)
        except Exception:
            log.exception("a request could not be answered")
        else:
            if not self.is_answered and not self.gone:
                log.error("a request was left unanswered")
        if self.is_answered or self.gone:
            return
        if self.is_begun:
            self._wire.broken(self)
        else:
            self._head, self.keeps = None, False
            await self._fail()

    async def _fail(self) -> None:
        text = b"Internal Server Error"
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(text)).encode())]
        await self.send({"type": "http.response.start", "status": 500, "headers": headers})
        await self.send({"type": "http.response.body", "body": text})

    async def receive(self) -> Message:
        """The next part of the body: the first at once, another when it is no small one, the last, or has waited for
        long, so that who sends a body byte by byte has nothing done for each. A disconnect after the answer, or when
        the peer is gone."""
        if self._expects and not self.gone and not self.is_begun:
            self._wire.write(CONTINUE)
        self._expects = False
        while not (self._has_piece() or (self.is_whole and not self._told_all) or self.gone or self.is_answered):
            self._wire.read_on()
            self._waiter = asyncio.get_running_loop().create_future()
            if self._body:
                self._wake_in_time()
            try:
                await self._waiter
            finally:
                if self._alarm is not None:
                    self._alarm.cancel()
                    self._alarm = None
        if self.gone or self.is_answered:
            return {"type": "http.disconnect"}
        body, self._body, self._given_at = bytes(self._body), bytearray(), asyncio.get_running_loop().time()
        self._told_all = self.is_whole
        return {"type": "http.request", "body": body, "more_body": not self.is_whole}

    async def send(self, message: Message) -> None:
        """Write the next part of the answer; waits first while the peer takes nothing. To one that is gone nothing is
        written. Raises RuntimeError for what is no answer."""
        while not self.gone and (drained := self._wire.drained()) is not None:
            await drained
        if self.gone:
            return
        if message["type"] == "http.response.start" and not self.is_begun and self._head is None:
            self._head = message
        elif message["type"] == "http.response.body" and not self.is_answered and (self._head or self.is_begun):
            self._write(bytes(message.get("body", b"")), more=message.get("more_body", False))
        else:
            raise RuntimeError(f"{message['type']} is out of its place")

    def _write(self, body: bytes, *, more: bool) -> None:
        parts: list[bytes] = []
        if self._head is not None:
            parts, self._head = self._begin(self._head, body, more=more), None
            self.is_begun = True
        if not self._has_body:
            body = b""
        elif self._left is not None:
            self._left -= len(body)
            if self._left < 0 or (self._left and not more):
                self._wire.broken(self)
                raise RuntimeError("the body has not the length that its head says")
        if self._chunked:
            body = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + (b"" if more else b"0\r\n\r\n")
        self._wire.write(b"".join((*parts, body)))
        if not more:
            self.is_answered = True
            self._body.clear()
            self._wake()
            self._wire.answered(self)

    def _begin(self, head: Message, body: bytes, *, more: bool) -> list[bytes]:
        """The answer's head; it says how long the body is, or that it comes in chunks."""
        status, said = head["status"], {}
        parts = [_STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status, self._wire.date()]
        for name, value in head.get("headers", ()):
            if b"\n" in value or b"\r" in value or b"\n" in name:
                raise RuntimeError("a header field has a line's end in it")
            said[name.lower()] = value
            parts += (name, b": ", value, b"\r\n")
        has_body = self._has_body = status not in _BODILESS and self.scope["method"] != "HEAD"
        if b"content-length" in said:
            self._left = int(said[b"content-length"]) if has_body else None
        elif b"transfer-encoding" in said:
            self._chunked = has_body
        elif has_body and not more:
            parts.append(b"content-length: %d\r\n" % len(body))
        elif has_body and self.scope["http_version"] == "1.0":
            self.keeps = False  # the body ends with the connection
        elif has_body:
            self._chunked = True
            parts.append(b"transfer-encoding: chunked\r\n")
        if b"close" in said.get(b"connection", b"").lower():
            self.keeps = False
        elif not self.keeps:
            parts.append(b"connection: close\r\n")
        parts.append(b"\r\n")
        return parts
