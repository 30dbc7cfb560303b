"""One platform of several nodes, as an operator sets it up: a PostgreSQL, and a balancer before their MQTT doors."""

import asyncio
import random
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.prove.rollout import Process
from tests.scratch import proof_folder

from upwell.embedded.server import EmbeddedPostgres

CLOCK = Path(__file__).with_name("clock_ahead.c")
CHUNK = 64 * 1024


class Balancer:
    """Takes a connection to whichever node of these accepts it, by chance; it ends with the node's."""

    def __init__(self, nodes: list[Process], seed: int) -> None:
        self.nodes, self.dice, self.port = nodes, random.Random(seed), 0
        self.carried: dict[int, int] = dict.fromkeys((node.mqtt for node in nodes), 0)
        self._kept: set[asyncio.Task[None]] = set()

    async def start(self) -> asyncio.Server:
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for node in self.dice.sample(self.nodes, len(self.nodes)):
            try:
                there, back = await asyncio.open_connection("127.0.0.1", node.mqtt)
            except ConnectionError:
                continue
            self.carried[node.mqtt] += 1
            ways = [asyncio.create_task(_flow(reader, back)), asyncio.create_task(_flow(there, writer))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            back.transport.abort()
            break
        writer.transport.abort()


async def _flow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until one side ends; a connection that is lost ends it as well as one that is closed."""
    try:
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        return


@asynccontextmanager
async def postgres() -> AsyncIterator[tuple[str, Path]]:
    """The DSN of a PostgreSQL that is nobody's child, and a folder beside it."""
    top = proof_folder("upwell-prove-")
    server = EmbeddedPostgres(top / "data")
    await server.start()
    try:
        yield server.dsn, top
    finally:
        await server.stop()
        shutil.rmtree(top, ignore_errors=True)


def another_clock(folder: Path, ahead_s: int) -> dict[str, str]:
    """Variables by which a process has a clock that is so far ahead. Skips where no C compiler is."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("a process gets a clock of its own by a few lines of C, and there is no compiler `cc` here")
    made = folder / "clock_ahead.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", made, CLOCK, "-ldl"], check=True)
    return {"LD_PRELOAD": str(made), "CLOCK_AHEAD_S": str(ahead_s)}
