"""The bytes of one answer, from wherever they are: a file of the store, the cache of objects, or the store as a stream.

Holds: limits of bytes per second are over all of them alike. What the cache can't give on the way comes from the store.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from typing import Protocol

from upwell.domain.errors import ServerError
from upwell.doors.downloads.files import FILE_ERRORS, Held, OwnFile
from upwell.doors.downloads.flows import Flows
from upwell.doors.downloads.heads import Found, Refusal
from upwell.doors.downloads.wire import Gone, Wire

_log = logging.getLogger(__name__)


class Store(Protocol):
    """Where objects are read that have no file of their own; and what all bodies share."""

    flows: Flows
    bytes_served: int

    async def held(self, found: Found, start: int, *, fetch: bool) -> Held | None:
        """The file of an object, if there is one or it comes. Raises `Refusal`."""

    async def chunks(self, key: str, start: int, length: int) -> AsyncIterator[bytes]:
        """The bytes, the first of them already there. Raises `Refusal`."""


class Body:
    """One answer's. `look` learns the limits anew."""

    def __init__(self, store: Store, wire: Wire, found: Found, look: Callable[[], Awaitable[None]]) -> None:
        self.sent = 0
        self._store = store
        self._wire = wire
        self._found = found
        self._look = look

    async def send(self, head: bytes, start: int, length: int, wanted: int) -> None:
        """The head, which tells of so many bytes from `start` on, and those of them that are wanted. What they are read
        from is open before the head is sent. Raises `Refusal` before that, `Gone`, OSError."""
        if length == 0:
            await self._wire.send(head)
            return
        held = await self._held(start, wanted)
        if held is None:
            chunks = await self._store.chunks(self._found.key, start, wanted or 1)
            await self._wire.send(head, more=bool(wanted))
            await self._send_chunks(chunks, wanted)
            return
        try:
            await self._wire.send(head, more=bool(wanted))
            left = await self._send_file(held, start, wanted)
            self._wire.gather(False)
        finally:
            held.close()
        if left:
            await self._send_rest(start + wanted - left, left)

    async def _held(self, start: int, wanted: int) -> Held | None:
        """The file that it is read from, if there is one. Raises `Refusal` when the store's own can't be had or
        is not of the size that was found. Whether a file is gone or its whole store is away, the store knows."""
        if self._found.path is None:
            return await self._store.held(self._found, start, fetch=bool(wanted))
        try:
            return OwnFile(self._found.path, self._found.size)
        except OSError as exc:
            _log.error("a stored file can't be opened: %s", exc.strerror)
            if not isinstance(exc, FileNotFoundError):
                raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE) from exc
            await self._store.chunks(self._found.key, 0, 1)
            raise Refusal(HTTPStatus.NOT_FOUND) from exc

    async def _send_file(self, held: Held, start: int, length: int) -> int:
        """Send what the file has of it; how much of it is left. Raises `Gone` where it turns out to be another."""
        allowed = 0
        while length > 0:
            try:
                ready = await held.ready(start)
            except ServerError as exc:
                raise Gone("the object is not what it should be") from exc
            self._wire.gather(not self._store.flows.over(self._found.limits))
            allowed = allowed or (await self._allowed(min(ready, length)) if ready else 0)
            sent = await self._sent_of(held, start, min(allowed, ready)) if ready else 0
            if sent == 0:
                return length
            self._store.bytes_served += sent
            self.sent += sent
            start += sent
            length -= sent
            allowed -= sent
            await asyncio.sleep(0)
        return 0

    async def _sent_of(self, held: Held, start: int, length: int) -> int:
        """How many of these bytes were sent now; none where the file has none, or can't be read there."""
        try:
            return await self._wire.send_file(held.fd, start, length)
        except OSError as exc:
            if exc.errno not in FILE_ERRORS:
                raise
            _log.error("a file can't be read: %s", exc.strerror)
            return 0

    async def _send_rest(self, start: int, length: int) -> None:
        """What a file did not have, from the store; one of the store's own has no other."""
        if self._found.path is not None:
            raise Gone("the file became shorter")
        try:
            chunks = await self._store.chunks(self._found.key, start, length)
        except Refusal as exc:
            raise Gone("the rest can't be had") from exc
        await self._send_chunks(chunks, length)

    async def _allowed(self, length: int) -> int:
        """How many of so many bytes may leave now, some of them, once the limits over the file let them."""
        return await self._store.flows.pass_slice(self._found.limits, length, self._look)

    async def _send_chunks(self, chunks: AsyncIterator[bytes], length: int) -> None:
        async for chunk in chunks:
            data = memoryview(chunk)[:length]
            while data:
                part = data[: await self._allowed(len(data))]
                await self._wire.send(part)
                self._store.bytes_served += len(part)
                self.sent += len(part)
                data = data[len(part) :]
                length -= len(part)
        if length:
            raise Gone("the object is shorter than it was found to be")
