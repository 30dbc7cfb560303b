"""What stands between a client and a real S3 server, and does to it what a network and a provider do."""

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal
from urllib.parse import urlsplit

Way = Literal["open", "away", "silent", "refusing", "cutting"]
CUT_LAST_BYTES = 5_000  # of the body of a PUT
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
_BUSY = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
BUSY = b"HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(_BUSY), _BUSY)


class Faults:
    """`way` is what it does: pass all, cut each connection, take requests and answer nothing, answer that S3 is busy,
    or cut each PUT shortly before its end."""

    def __init__(self, url: str) -> None:
        to = urlsplit(url.partition("endpoint=")[2].partition("&")[0])
        self._to, self._url = (to.hostname, to.port), url
        self._way: Way = "open"
        self._tasks, ready = dict[asyncio.Task[None], asyncio.StreamWriter](), threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(ready)), daemon=True)
        self._thread.start()
        ready.wait()

    @property
    def url(self) -> str:
        """Of the same store, by here."""
        return self._url.replace(f":{self._to[1]}", f":{self.port}")

    def go(self, way: Way) -> None:
        """From now on; what is under way is cut."""
        self._way = way
        self._loop.call_soon_threadsafe(self._cut)

    def close(self) -> None:
        """Nothing is left of it."""
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    def _cut(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _run(self, ready: threading.Event) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        async with await asyncio.start_server(self._serve, "127.0.0.1", 0) as server:
            self.port = server.sockets[0].getsockname()[1]
            ready.set()
            await self._end.wait()
        self._cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._passing(reader, writer))
        self._tasks[task] = writer
        task.add_done_callback(self._tasks.pop)

    async def _passing(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                if self._way != "away":
                    await self._pass(reader, writer)
        finally:
            writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, asks = await asyncio.open_connection(*self._to)
        back = asyncio.create_task(self._back(answers, writer))
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                if self._way == "silent":
                    await reader.read(-1)
                if self._way == "refusing":
                    writer.write(BUSY)
                    await writer.drain()
                    return
                asks.write(head)
                left = int(length[1]) if length else 0
                cut_at = left - CUT_LAST_BYTES if head.startswith(b"PUT ") and self._way == "cutting" else -1
                while left > max(cut_at, 0):
                    data = await reader.read(min(left, 65536))
                    if not data:
                        return
                    left -= len(data)
                    asks.write(data)
                    await asks.drain()
                if left:
                    return
        finally:
            back.cancel()
            asks.transport.abort()

    async def _back(self, answers: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await answers.read(65536):
                writer.write(data)
                await writer.drain()
        writer.transport.abort()


@contextmanager
def faults(url: str) -> Iterator[Faults]:
    """For the length of a `with`."""
    it = Faults(url)
    try:
        yield it
    finally:
        it.close()
