"""A bound on the memory that request bodies take, all together and before anybody has proven who they are.

Small bodies pass as they come. Of large ones few are in memory at once, from their first byte beyond `small` until
their request is answered; the others are not read meanwhile, so that their senders wait. One that waits or sends too
long is taken for gone. Forms with a file for the store are let through: their door keeps one piece at a time.
"""

import asyncio
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

SMALL_BYTES = 64 * 1024  # of a body that needs no turn: nearly all requests
LARGE_AT_ONCE = 6  # bodies of 8 to 10 MB; a decoded form takes some times as much
PATIENCE_S = 60.0  # from asking for a turn to the body's last byte


class Bodies:
    """ASGI middleware. `streams` tells the requests whose body is not kept."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        streams: Callable[[Scope], bool],
        at_once: int = LARGE_AT_ONCE,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._app = app
        self._streams = streams
        self._turns = asyncio.Semaphore(at_once)
        self._patience_s = patience_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._streams(scope):
            await self._app(scope, receive, send)
            return
        body = _Body(receive, self._turns, self._patience_s)
        try:
            await self._app(scope, body.receive, send)
        finally:
            body.release()


class _Body:
    """The body of one request as it is read."""

    def __init__(self, receive: Receive, turns: asyncio.Semaphore, patience_s: float) -> None:
        self._receive = receive
        self._turns = turns
        self._patience_s = patience_s
        self._size = 0
        self._until: float | None = None  # when patience with a large body ends, on the loop's clock
        self._has_turn = False

    async def receive(self) -> Message:
        """The next message; a disconnect instead when it is waited for too long."""
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
            if message["type"] != "http.request":
                return message
            self._size += len(message.get("body", b""))
            await self._take_turn()
        except TimeoutError:
            return {"type": "http.disconnect"}
        if not message.get("more_body", False):
            self._until = None  # all of it is here: what comes now is the client's going
        return message

    async def _take_turn(self) -> None:
        if self._has_turn or self._size <= SMALL_BYTES:
            return
        self._until = asyncio.get_running_loop().time() + self._patience_s
        async with asyncio.timeout_at(self._until):
            await self._turns.acquire()
        self._has_turn = True

    def release(self) -> None:
        if self._has_turn:
            self._has_turn = False
            self._turns.release()
