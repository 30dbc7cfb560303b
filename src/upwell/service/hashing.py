"""Passwords hashed in turns: few at once, few waiting, and each address in its turn.

A hash is made slow on purpose, so whoever asks for many could take the machine. Its threads give way to all others of
the process, and who finds the queue full is told to come again, before anything is counted against them.
"""

import asyncio
import contextlib
import hashlib
import os
import threading
from collections import deque
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from upwell.domain.errors import Busy

SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**14, 8, 1  # 16 MiB and about 50 ms of one core
AT_ONCE = max(1, min(2, (os.cpu_count() or 2) // 2))
WAITING_MAX = 256  # they wait some seconds at most
WAITING_OF_ONE_MAX = 16  # of one address
NICENESS = 10  # of the threads, where the system has threads of their own niceness


def hashed(password: str, salt: bytes) -> bytes:
    """The salted scrypt hash of a password."""
    octets = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(octets, salt=salt, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P, dklen=32)


def _give_way() -> None:
    with contextlib.suppress(AttributeError, OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


@dataclass(slots=True)
class Turns:
    """The turns at hashing of one process."""

    at_once: int = AT_ONCE
    waiting_max: int = WAITING_MAX
    of_one_max: int = WAITING_OF_ONE_MAX
    _busy: int = 0
    _waiting: dict[str, deque[asyncio.Future[None]]] = field(default_factory=dict)  # by address, next one first
    _threads: ThreadPoolExecutor | None = None

    @asynccontextmanager
    async def turn(self, address: str) -> AsyncIterator[None]:
        """Within it is this address's turn. Raises Busy when too many wait."""
        if self._busy >= self.at_once or self._waiting:
            await self._wait(address)
        else:
            self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1
            self._next()

    async def hashed(self, password: str, salt: bytes) -> bytes:
        """As `hashed`, beside the event loop."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self.at_once, "passwords", _give_way)
        return await asyncio.get_running_loop().run_in_executor(self._threads, hashed, password, salt)

    async def _wait(self, address: str) -> None:
        own = self._waiting.get(address, ())
        if len(own) >= self.of_one_max or sum(map(len, self._waiting.values())) >= self.waiting_max:
            raise Busy("Too many sign in at once; try again later.")
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(address, deque()).append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():  # its turn came as it left
                self._busy -= 1
                self._next()
            else:
                self._leave(address, mine)
            raise

    def _leave(self, address: str, mine: asyncio.Future[None]) -> None:
        own = self._waiting.get(address)
        if own is not None and mine in own:
            own.remove(mine)
            if not own:
                del self._waiting[address]

    def _next(self) -> None:
        while self._waiting and self._busy < self.at_once:
            address = next(iter(self._waiting))
            own = self._waiting.pop(address)
            mine = own.popleft()
            if own:
                self._waiting[address] = own  # behind all others
            if not mine.done():
                self._busy += 1
                mine.set_result(None)
