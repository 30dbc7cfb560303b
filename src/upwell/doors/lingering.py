"""Answers that go out before their request's body has come: refusals from its header, or half-way through it.

A client that sends on without reading would lose such an answer to a reset of its connection. So what it still sends is
read and thrown away for a while, and then the connection ends, as the answer says. Who reads meanwhile, or asked first
by `Expect: 100-continue`, stops at once.
"""

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LINGER_S = 20.0  # as long as a client may send on
IDLE_S = 3.0  # and as long as it may say nothing meanwhile
REST_BYTES = 64 * 1024  # of a body that is read in any case, so that its connection may stay


def announced(headers: Headers) -> int:
    """The bytes that a request's header says its body has; 0 when it says nothing."""
    length = headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else 0


class Lingering:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(Headers(scope=scope), receive, send)
        await self._app(scope, exchange.receive, exchange.send)


class _Exchange:
    """A request as it is read and its answer as it is sent."""

    def __init__(self, headers: Headers, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._rest = announced(headers)
        self._is_open = "transfer-encoding" in headers  # there is a body, and nobody knows how long
        self._lingers = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._rest -= len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body", False):
            self._rest, self._is_open = 0, False
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and (self._is_open or self._rest > REST_BYTES):
            self._lingers = True
            message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
        if self._lingers and message["type"] == "http.response.body" and not message.get("more_body", False):
            await self._send({**message, "more_body": True})
            await self._drain()
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self._send(message)

    async def _drain(self) -> None:
        try:
            async with asyncio.timeout(LINGER_S):
                while self._is_open or self._rest > 0:
                    async with asyncio.timeout(IDLE_S):
                        await self.receive()
        except TimeoutError:
            pass  # it was told, and has had its time
