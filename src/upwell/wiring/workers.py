"""Several processes that serve on the same addresses and database, and the one that looks after them.

The parent serves nobody: it has the embedded PostgreSQL, brings the schema up, makes the first key, holds the ports
and starts the workers. A worker is a whole server that shares: the system deals out connections among those that
listen. One that ends is started again, soon at first and then ever later; the others go on, and what it held is free
when its lease ends. Workers end when their parent does, however that ends: their standard input ends with it.
"""

import asyncio
import contextlib
import json
import logging
import pickle
import signal
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field, replace
from socket import socket
from typing import Any, BinaryIO

from upwell.config import Settings
from upwell.domain.errors import UpwellError
from upwell.meters.reading import Reading
from upwell.service.context import Context
from upwell.service.journal import tell
from upwell.service.manage import first_user
from upwell.service.manage.access import NewKey
from upwell.service.upgrade import seal_keys
from upwell.storage.migrating import migrate
from upwell.wiring.listeners import Addresses, reserved
from upwell.wiring.metrics_door import open_metrics
from upwell.wiring.postgres import OwnPostgres
from upwell.wiring.secret_keys import keys_from
from upwell.wiring.server import Share, first_keys
from upwell.wiring.stores import open_database
from upwell.wiring.worker_metrics import LINE_MAX, WorkerMetrics

log = logging.getLogger(__name__)
AGAIN_LEAST_S, AGAIN_MOST_S = 0.5, 30.0  # until a worker that ended is started again
STEADY_S = 60.0  # one that lived so long is started again as soon as the first time
READY_WITHIN_S = 120.0
END_WITHIN_S = 25.0  # for what is under way in a worker that was told to end; then it is killed


@dataclass(frozen=True, slots=True)
class Hand:
    """What a worker is given, through its standard input."""

    settings: Settings = field(repr=False)
    share: Share = field(repr=False)


def handed(hand: Hand) -> bytes:
    """As a worker reads it; `taken` is its other side."""
    return pickle.dumps(hand)


def taken(pipe: BinaryIO) -> Hand:
    """What the parent handed."""
    hand = pickle.load(pipe)  # noqa: S301  # of our own parent, through a pipe that nobody else has
    assert isinstance(hand, Hand)  # noqa: S101
    return hand


def answer(addresses: Addresses | None, refused: str = "") -> bytes:
    """A worker's one line: where it listens, or why it can't serve."""
    said = {"refused": refused} if addresses is None else {"ready": asdict(addresses)}
    return json.dumps(said).encode() + b"\n"


class _Ended(UpwellError):
    """A worker ended before it was ready, and did not say why."""


class Workers:
    """The parent. `program` is the command that runs one worker."""

    def __init__(self, settings: Settings, program: Sequence[str]) -> None:
        self.settings = settings
        self.first_keys: tuple[NewKey, ...] = ()
        self.first_sign_in = ""
        self._program = program
        self._stack = AsyncExitStack()
        self._running: dict[int, Process] = {}
        self._watching: list[asyncio.Task[None]] = []
        self._ending = False
        self._metrics = WorkerMetrics()
        self._postgres: OwnPostgres | None = None

    async def start(self) -> Addresses:
        """Returns when every worker is ready. Raises UpwellError for what can't be started."""
        try:
            self._keys = await keys_from(self.settings)
            self._dsn = self.settings.database_url or await self._embedded()
            await self._prepare()
            self.settings, held = reserved(self.settings)
            self._stack.callback(_let_go, held)
            opened = await open_metrics(self.settings, self._read, shared=True)
            if opened is not None:
                self._stack.push_async_callback(opened[1])
            self._stack.push_async_callback(self._end)
            at = await self._start(1)  # what can't be is told by the first
            numbers = range(2, self.settings.workers + 1)
            await asyncio.gather(*map(self._start_beside, numbers))
        except BaseException:
            await self.stop()
            raise
        self._watching = [asyncio.create_task(self._keep(number)) for number in (1, *numbers)]
        return at if opened is None else replace(at, metrics=opened[0])

    async def stop(self) -> None:
        """Have every worker finish what is under way, then end the children."""
        await self._stack.aclose()

    def reload(self) -> None:
        """Have every worker show the certificates that the files hold now, and open its log anew."""
        self._signal(signal.SIGHUP)

    async def _embedded(self) -> str:
        self._postgres = postgres = OwnPostgres(self.settings)
        self._stack.push_async_callback(postgres.stop)
        return await postgres.start()

    async def _read(self) -> Reading:
        """What all workers have counted, and what the parent itself has."""
        reading = await self._metrics.read()
        if self._postgres is not None:
            self._postgres.read(reading)
        return reading

    async def _prepare(self) -> None:
        database = await open_database(self.settings, self._dsn, self._keys.seals())
        try:
            await migrate(database, alone=self.settings.database_url is None)
            await seal_keys.begin(database)
            if self._postgres is not None:
                await self._postgres.archive()
            self.first_keys = await first_keys(self.settings, Context(database))
            self.first_sign_in = await first_user.leave(Context(database))
        finally:
            await database.close()

    async def _start(self, number: int) -> Addresses:
        """Start a worker; it is ready when this returns. Raises UpwellError."""
        process = await asyncio.create_subprocess_exec(
            *self._program, stdin=PIPE, stdout=PIPE, start_new_session=True, limit=LINE_MAX
        )
        self._running[number] = process
        assert process.stdin is not None and process.stdout is not None  # noqa: S101  # both are pipes
        process.stdin.write(handed(Hand(self.settings, Share(self._dsn, number, self._keys))))
        try:
            line = await asyncio.wait_for(process.stdout.readline(), READY_WITHIN_S)
        except TimeoutError:
            await _killed(process)
            raise UpwellError(f"worker {number} is not ready within {READY_WITHIN_S:g} s") from None
        if not line:
            raise _Ended(f"worker {number} ended with status {await process.wait()}")
        said: dict[str, Any] = json.loads(line)
        if "refused" in said:
            await process.wait()
            raise UpwellError(said["refused"])
        self._metrics.began(number, process)
        tell(log, "worker started", worker=number, pid=process.pid)
        return Addresses(**said["ready"])

    async def _start_beside(self, number: int) -> None:
        """Start another than the first, which serves already: one that is killed meanwhile is started again like any.
        Raises UpwellError for what can't be."""
        with contextlib.suppress(_Ended):
            await self._start(number)

    async def _keep(self, number: int) -> None:
        """Start the worker again whenever it ended."""
        pause_s, began = AGAIN_LEAST_S, time.monotonic()
        while not self._ending:
            status = await self._running[number].wait()
            if self._ending:
                return
            pause_s = AGAIN_LEAST_S if time.monotonic() - began > STEADY_S else pause_s
            tell(log, "a worker ended", logging.ERROR, worker=number, status=status, again_in_s=pause_s)
            await asyncio.sleep(pause_s)
            pause_s, began = min(2 * pause_s, AGAIN_MOST_S), time.monotonic()
            try:
                await self._start(number)
            except UpwellError as exc:
                tell(log, "a worker can't be started", logging.ERROR, worker=number, reason=exc)

    async def _end(self) -> None:
        self._ending = True
        for task in self._watching:
            task.cancel()
        self._signal(signal.SIGTERM)
        await asyncio.gather(*(_ended(process) for process in self._running.values()))

    def _signal(self, number: signal.Signals) -> None:
        for process in self._running.values():
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):  # it ended in between
                    process.send_signal(number)


async def _ended(process: Process) -> None:
    try:
        await asyncio.wait_for(process.wait(), END_WITHIN_S)
    except TimeoutError:
        tell(log, "a worker did not end and is killed", logging.ERROR, pid=process.pid)
        await _killed(process)


async def _killed(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()


def _let_go(held: Sequence[socket]) -> None:
    for each in held:
        each.close()
