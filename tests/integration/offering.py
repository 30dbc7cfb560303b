"""Processes that offer (tests/offering_process.py), and what each of them has sent."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

ROOT = Path(__file__).resolve().parents[2]
SETTLED_S = 0.15  # what was written before a moment has been read so long after it


class Offering:
    """One process; `sent` are the devices of its offers, in order."""

    def __init__(self, dsn: str, node: UUID, at_once: int) -> None:
        self._arguments = (dsn, str(node), str(at_once))
        self.sent: list[UUID] = []

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.offering_process", *self._arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        assert self._process.stdout is not None
        assert await self._process.stdout.readline() == b"ready\n"
        self._reader = asyncio.create_task(self._read(self._process.stdout))

    async def _read(self, stdout: asyncio.StreamReader) -> None:
        async for line in stdout:
            self.sent.append(UUID(line.decode().strip()))

    async def kill(self) -> None:
        """kill -9; what it had sent is read."""
        assert self._process.returncode is None
        self._process.kill()
        await self._process.wait()
        await self._reader


@asynccontextmanager
async def offering(dsn: str, node: UUID, *, at_once: int, processes: int = 2) -> AsyncIterator[list[Offering]]:
    """So many processes that offer for the node, until the end; there they must still run."""
    found = [Offering(dsn, node, at_once) for _ in range(processes)]
    for each in found:
        await each.start()
    try:
        yield found
    finally:
        for each in found:
            await each.kill()


async def sent_by(processes: list[Offering]) -> list[UUID]:
    """All that has been sent until now."""
    await asyncio.sleep(SETTLED_S)
    return [device for each in processes for device in each.sent]
