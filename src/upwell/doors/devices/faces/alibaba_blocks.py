"""Firmware in blocks, over the connection that a device has anyway (alibaba 6.8).

Bounded: bytes of a block, blocks read at once, blocks waiting, blocks of one device under way; beyond a bound the
answer is `busy`, and the device asks again. Which file a stream is, is remembered for a few seconds: a block costs no
query, and a cancelled task's stream is soon dead. Refuses: to read beyond what was asked, to hold a file open.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

from upwell.domain.connected import Stream
from upwell.domain.errors import NotFound, ServerError
from upwell.domain.talk import BlockRequest
from upwell.doors.devices.faces import Block, NoBlock

log = logging.getLogger(__name__)
BLOCK_MAX = 131_072  # bytes of one block; the C SDKs' default is 5 KB
STREAM_KNOWN_S = 5.0  # how long a cancelled task's stream may still be read, as with a link
STREAM_UNKNOWN_S = 1.0  # and how long a stream that there is not
STREAMS_MAX = 10_000  # streams known without asking the database again
READERS_MAX = 32  # blocks read at once: 4 MB at most
WAITING_MAX = 512  # blocks that wait for a reader
DEVICE_MAX = 4  # blocks of one device under way
FILE = 1  # the only file of a stream

Find = Callable[[UUID, int], Awaitable[Stream | None]]
Read = Callable[[str, int, int], AsyncIterator[bytes]]


class Blocks:
    """Answers block requests of every device of this process."""

    def __init__(self, find: Find, read: Read) -> None:
        self._find = find
        self._read = read
        self._readers = asyncio.Semaphore(READERS_MAX)
        self._under_way: Counter[UUID] = Counter()
        self._known: dict[tuple[UUID, int], tuple[float, Stream | None]] = {}

    async def block(self, device_id: UUID, request: BlockRequest) -> Block | NoBlock:
        """The asked bytes, or why there are none. Never raises for what a device asked."""
        if self._under_way[device_id] >= DEVICE_MAX or self._under_way.total() >= READERS_MAX + WAITING_MAX:
            return NoBlock("busy")
        self._under_way[device_id] += 1
        try:
            return await self._answer(device_id, request)
        except NotFound:
            return NoBlock("not-found")
        except ServerError as exc:
            log.warning("a block can't be read: %s", exc)
            return NoBlock("busy")
        finally:
            self._under_way[device_id] -= 1
            if not self._under_way[device_id]:
                del self._under_way[device_id]

    async def _answer(self, device_id: UUID, request: BlockRequest) -> Block | NoBlock:
        stream = await self._stream(device_id, request.stream) if request.file == FILE else None
        if stream is None:
            return NoBlock("not-found")
        if not 1 <= request.size <= BLOCK_MAX or not 0 <= request.offset < stream.size:
            return NoBlock("range")
        wanted = min(request.size, stream.size - request.offset)  # alibaba 6.8: the last one may be shorter
        async with self._readers:
            data = b"".join([chunk async for chunk in self._read(stream.key, request.offset, wanted)])
        if len(data) != wanted:
            log.error("a stored file is not of its recorded size")
            return NoBlock("not-found")
        return Block(data, stream.size)

    async def _stream(self, device_id: UUID, number: int) -> Stream | None:
        until, stream = self._known.get((device_id, number), (0.0, None))
        if until > time.monotonic():
            return stream
        self._known.pop((device_id, number), None)
        stream = await self._find(device_id, number)
        if len(self._known) >= STREAMS_MAX:
            self._known.pop(next(iter(self._known)))
        kept_s = STREAM_UNKNOWN_S if stream is None else STREAM_KNOWN_S
        self._known[device_id, number] = time.monotonic() + kept_s, stream
        return stream
