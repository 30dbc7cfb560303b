"""The metrics of several processes as one: the parent asks each worker through the pipes that it has to it anyway.

Holds: a counter never falls. What a worker had counted when it was last asked stays counted when it ends, or does not
answer in time; what it counted after that is lost with it. What is kept is one sum, however often workers end.
"""

import asyncio
import contextlib
import json
import logging
import os
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable

from upwell.meters.reading import Reading, joined

log = logging.getLogger(__name__)
LINE_MAX = 16 * 1024 * 1024  # bytes of one answer: each counter at its bound is less
ANSWER_WITHIN_S = 5.0


class WorkerMetrics:
    """The parent's side."""

    def __init__(self) -> None:
        self._gone = Reading()  # what workers that ended had counted
        self._workers: dict[int, _Asked] = {}
        self._teller = 1  # the worker that is asked about what all share

    def began(self, number: int, process: Process) -> None:
        """A worker is ready, or is so again."""
        if number in self._workers:
            self._gone = joined([self._gone, self._workers[number].last.totals()])
        self._workers[number] = _Asked(process)

    async def read(self) -> Reading:
        """What all have counted."""
        asked = list(self._workers.items())
        answers = await asyncio.gather(*(worker.ask(number == self._teller) for number, worker in asked))
        answered = {worker: answer for (_, worker), answer in zip(asked, answers, strict=True) if answer is not None}
        workers = sorted(self._workers.items())  # another may have begun since, and the former be among those gone
        self._teller = next((number for number, worker in workers if worker in answered), 1)
        whole = joined([self._gone, *(answered.get(worker) or worker.last.totals() for _, worker in workers)])
        for number, worker in workers:
            whole.put("upwell_worker_answered", int(worker in answered), str(number))
        return whole


class _Asked:
    """One worker that is ready; `last` is the newest that it told. Its answers come in any order, but what it tells it
    had read in the order of the questions."""

    def __init__(self, process: Process) -> None:
        self.last = Reading()
        self._process = process
        self._waiting: dict[int, asyncio.Future[Reading]] = {}
        self._nth = self._last_nth = 0
        self._reader = asyncio.get_running_loop().create_task(self._hear())  # ends with the worker

    async def ask(self, shared: bool) -> Reading | None:
        """What it has counted; None where it does not say in time, or has ended."""
        assert self._process.stdin is not None  # noqa: S101  # it is a pipe
        if self._reader.done() or self._process.stdin.is_closing():
            return None
        self._nth += 1
        nth = self._nth
        answer: asyncio.Future[Reading] = asyncio.get_running_loop().create_future()
        self._waiting[nth] = answer
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                self._process.stdin.write(f"{nth} {int(shared)}\n".encode())
                return await answer
        except (TimeoutError, ConnectionError):
            return None
        finally:
            del self._waiting[nth]

    async def _hear(self) -> None:
        assert self._process.stdout is not None  # noqa: S101  # it is a pipe
        while (line := await self._process.stdout.readline()).endswith(b"\n"):  # half an answer was its last word
            said = json.loads(line)
            reading, nth = Reading.of_json(said["metrics"]), said["nth"]
            if nth > self._last_nth:
                self.last, self._last_nth = reading, nth
            answer = self._waiting.get(nth)
            if answer is not None and not answer.done():
                answer.set_result(reading)
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(ConnectionResetError("the worker ended"))


class Answering:
    """The worker's side: answers what the parent asks through its standard input, a line a question."""

    def __init__(self, read: Callable[[bool], Awaitable[Reading]], output: int) -> None:
        self._read = read
        self._output = output
        self._buffer = b""
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def heard(self, data: bytes) -> None:
        """More of what the parent says; nothing at its end."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            nth, shared = line.split()
            task = asyncio.get_running_loop().create_task(self._answer(int(nth), shared == b"1"))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, nth: int, shared: bool) -> None:
        try:
            reading = await self._read(shared)
        except Exception:
            log.exception("metrics can't be told")
            return
        data = json.dumps({"nth": nth, "metrics": reading.as_json()}).encode() + b"\n"
        async with self._turn:
            with contextlib.suppress(BrokenPipeError):  # the parent ended
                await asyncio.to_thread(_write, self._output, data)


def _write(output: int, data: bytes) -> None:
    """All of it; a pipe takes some 64 KB at a time, so it waits for the parent in a thread of its own."""
    while data:
        data = data[os.write(output, data) :]
