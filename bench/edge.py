"""The MQTT door alone: its face, sessions and bounds in a process of their own, on a desk that commits nothing.

What it costs to read a message, to log a device in and to keep it connected, in CPU of the door's process, so that the
figures mean something on a busy machine too; and how long a bystander waits for its PUBACK while one connection floods.
The clients write their own bytes.
"""

import argparse
import asyncio
import hashlib
import hmac
import json
import multiprocessing
import os
import socket
import statistics
import struct
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import uvloop

from upwell.domain.connected import LoginFacts
from upwell.domain.fleet import device_id
from upwell.domain.talk import OfferRequest
from upwell.doors.devices.connections import Connections
from upwell.doors.devices.faces.alibaba import AlibabaFace
from upwell.engine.dispatch import Ask
from upwell.engine.gather import Gatherer
from upwell.engine.lanes import Lanes

KEY, SECRET = "a1bench", "s" * 32
CONNECTIONS, DEVICES = 1000, 2000
AT_ONCE = 200  # logins under way
SECONDS = 5.0
MAD = 50  # connections of each of two processes that flood
COMMIT_S = 0.002  # what the desk takes for a batch


class Desk:
    """Commits nothing, in batches as the real one."""

    def __init__(self) -> None:
        self._numbers = {device_id(KEY, f"d{number}"): number for number in range(DEVICES)}
        self._words: Lanes[Any] = Lanes("words", self._said, lambda one: one.device_id, count=4)
        self._logins: Gatherer[Any, Any] = Gatherer("logins", self._facts)
        self._moves: Gatherer[Any, Any] = Gatherer("moves", self._nothing)
        self.facts = self._logins.submit
        self.left = self._moves.submit
        self.hear = self._words.hand

    async def run(self) -> None:
        """Gather until cancelled."""
        await asyncio.gather(self._words.run(), self._logins.run(), self._moves.run())

    async def _nothing(self, batch: Sequence[Any]) -> None:
        await asyncio.sleep(COMMIT_S)

    async def _said(self, batch: Sequence[Any]) -> Sequence[Any]:
        await asyncio.sleep(COMMIT_S)
        for one in batch:
            if isinstance(one, Ask):
                one.answer(None)
        return [None] * len(batch)

    async def _facts(self, ids: Sequence[UUID]) -> list[LoginFacts]:
        await asyncio.sleep(COMMIT_S)
        return [
            LoginFacts(
                secret=SECRET, enabled=True, product_key=KEY, name=f"d{self._numbers[each]}", product_id=1,
                account_id=1, product_facts={"NodeType": 0}, gateway_id=None,
            )
            for each in ids
        ]  # fmt: skip

    async def arrived(self, who: Any, vendor: str) -> None:
        """Nothing."""
        await self._moves.submit(who)

    def hear_ask(self, device_id: UUID, request: OfferRequest, reply: Callable[[Any], Any], settled: Any) -> None:
        """Nothing to do, always."""
        self._words.hand(Ask(device_id, request, reply), settled)

    def is_full(self) -> bool:
        """Never."""
        return False

    def note(self, line: Any) -> None:
        """Nothing."""

    heard = turned_away = note

    def now(self) -> datetime:
        """The clock."""
        return datetime.now(UTC)


async def _serve(pipe: Connection) -> None:
    desk = Desk()
    connections = Connections(cast(Any, desk), [AlibabaFace(lambda *_: None)], {})
    work = asyncio.create_task(desk.run())
    pipe.send((await connections.door.start("127.0.0.1", 0))[1])
    await asyncio.to_thread(pipe.recv)
    work.cancel()
    os._exit(0)


def _door(pipe: Connection) -> None:
    uvloop.run(_serve(pipe))


class Door:
    """The door's process, and what it has cost."""

    def __init__(self) -> None:
        self._pipe, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.get_context("spawn").Process(target=_door, args=(theirs,), daemon=True)

    def start(self) -> "Door":
        """Returns when it listens."""
        self._process.start()
        self.port: int = self._pipe.recv()
        self.pid = cast(int, self._process.pid)
        return self

    def stop(self) -> None:
        """End it."""
        self._pipe.send(None)
        self._process.join(5)
        if self._process.is_alive():
            self._process.kill()

    def cpu_s(self) -> float:
        """Seconds of CPU so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident(self) -> int:
        """Bytes of memory that it holds."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _text(value: str) -> bytes:
    return struct.pack("!H", len(value)) + value.encode()


def _packet(head: int, body: bytes) -> bytes:
    size, length = len(body), b""
    while size > 127:
        length, size = length + bytes((size & 127 | 128,)), size >> 7
    return bytes((head,)) + length + bytes((size,)) + body


def login(number: int) -> bytes:
    """The CONNECT of a device."""
    name = f"d{number}"
    sign = hmac.new(SECRET.encode(), f"clientIdxdeviceName{name}productKey{KEY}".encode(), hashlib.sha256).hexdigest()
    body = _text("MQTT") + struct.pack("!BBH", 4, 0xC2, 1200)
    return _packet(0x10, body + _text("x|signmethod=hmacsha256|") + _text(f"{name}&{KEY}") + _text(sign))


def inform(number: int) -> bytes:
    """A version report without its head and packet id: what stands before and behind the latter."""
    return _said(f"/ota/device/inform/{KEY}/d{number}", {"id": "1", "params": {"version": "1.0.1"}})


def progress(number: int) -> bytes:
    """A progress report."""
    return _said(f"/ota/device/progress/{KEY}/d{number}", {"id": "1", "params": {"step": "40", "desc": "x"}})


def ask(number: int) -> bytes:
    """A question for an offer."""
    return _said(f"/sys/{KEY}/d{number}/thing/ota/firmware/get", {"id": "1", "version": "1.0", "params": {}})


def _said(topic: str, body: dict[str, Any]) -> bytes:
    return _packet(0x32, _text(topic) + b"\x00\x01" + json.dumps(body).encode())


class Client(asyncio.Protocol):
    """One device: logs in, and says the same again when it is acknowledged."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.word = b""
        self.count = 0
        self.waits: list[float] | None = None
        self.said_at = 0.0
        self.ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Log in."""
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(login(self._number))

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self.ended = True
        if not self.ready.done():
            self.ready.set_exception(ConnectionError("no CONNACK"))

    def data_received(self, data: bytes) -> None:
        """A CONNACK, or an acknowledgement and then the next word. Answers to an ask count for nothing."""
        if not self.ready.done():
            if data[:4] == b"\x20\x02\x00\x00":
                self.ready.set_result(None)
            return
        if b"\x40\x02\x00\x01" in data and self.word:
            self.count += 1
            if self.waits is not None:
                self.waits.append(time.perf_counter() - self.said_at)
                asyncio.get_running_loop().call_later(0.01, self.say)
            else:
                self.transport.write(self.word)

    def say(self) -> None:
        """The word once."""
        self.said_at = time.perf_counter()
        if not self.ended:
            self.transport.write(self.word)


async def dial(port: int, numbers: Sequence[int], at_once: int = AT_ONCE) -> list[Client]:
    """Devices that are logged in."""
    loop, turns = asyncio.get_running_loop(), asyncio.Semaphore(at_once)

    async def one(number: int) -> Client:
        async with turns:
            _, client = await loop.create_connection(lambda: Client(number), "127.0.0.1", port)
            await client.ready
            return client

    return list(await asyncio.gather(*(one(number) for number in numbers)))


async def costs(door: Door) -> None:
    """Logins, memory, and messages of each kind."""
    before, cpu, began = door.resident(), door.cpu_s(), time.perf_counter()
    warm = await dial(door.port, range(200))
    base, cpu, began = door.resident(), door.cpu_s(), time.perf_counter()
    clients = warm + await dial(door.port, range(200, 200 + CONNECTIONS))
    took, cost = time.perf_counter() - began, door.cpu_s() - cpu
    print(f"logins:    {CONNECTIONS / took:>7.0f}/s   {cost / CONNECTIONS * 1e6:>6.0f} us of CPU each")
    await asyncio.sleep(1)
    first, then = (base - before) / 200, (door.resident() - base) / CONNECTIONS
    print(f"an idle connection: {then:.0f} bytes (of the first 200: {first:.0f})")
    for name, word in (("version reports", inform), ("progress", progress), ("asks", ask)):
        for number, client in enumerate(clients):
            client.word, client.count = word(number), 0
            client.say()
        await asyncio.sleep(0.5)
        for client in clients:
            client.count = 0
        cpu, began = door.cpu_s(), time.perf_counter()
        await asyncio.sleep(SECONDS)
        took, cost, done = time.perf_counter() - began, door.cpu_s() - cpu, sum(each.count for each in clients)
        for client in clients:
            client.word = b""
        await asyncio.sleep(0.3)
        print(f"{name + ':':<17}{done / took:>7.0f}/s   {cost / max(done, 1) * 1e6:>6.1f} us of CPU each")
    print(f"after it, a connection: {(door.resident() - base) / CONNECTIONS:.0f} bytes")
    for client in clients:
        client.transport.abort()


FLOODS = {
    "PINGREQ": b"\xc0\x00" * 8000,
    "PUBACK": b"\x40\x02\x00\x07" * 4000,
    "SUBSCRIBE": _packet(0x82, b"\x00\x01" + (_text(f"/sys/{KEY}/d1/#") + b"\x01") * 90) * 10,
    "UNSUBSCRIBE": _packet(0xA2, b"\x00\x01" + _text(f"/sys/{KEY}/d1/#") * 90) * 10,
    "PUBLISH": _packet(0x30, _text(f"/sys/{KEY}/d1/x") + b"{}") * 500,
    "many filters": _packet(0x82, b"\x00\x01" + (b"\x00\x01x\x00") * 4000),
    "CONNECT, half": login(0)[:20],
}


def _pour(port: int, data: bytes, first: int, until: float) -> None:
    """In a process of its own: MAD connections, each a device of its own, send without pause; they come again when cut.
    What begins with a CONNECT is sent by strangers, over and over."""
    links: dict[int, socket.socket] = {}
    while time.monotonic() < until:
        for number in range(first, first + MAD):
            try:
                if number not in links:
                    links[number] = socket.create_connection(("127.0.0.1", port), timeout=1)
                    if data[0] != 0x10:
                        links[number].sendall(login(number))
                        links[number].recv(4)
                    links[number].setblocking(False)
                links[number].send(data)
                if data[0] == 0x10:
                    links.pop(number).close()
            except BlockingIOError:
                pass
            except OSError:
                if number in links:
                    links.pop(number).close()


@asynccontextmanager
async def _flooded(port: int, data: bytes, seconds: float, times: int = 2) -> AsyncIterator[None]:
    until = time.monotonic() + seconds
    spawn = multiprocessing.get_context("fork")
    pours = [
        spawn.Process(target=_pour, args=(port, data, 1000 + MAD * each, until), daemon=True) for each in range(times)
    ]
    for each in pours:
        each.start()
    try:
        yield
    finally:
        for each in pours:
            each.kill()
            each.join()


async def floods(door: Door) -> None:
    """How long bystanders wait, idle and beside each flood."""
    kinds = {"idle": None, **FLOODS}
    for name, data in kinds.items():
        clients = await dial(door.port, range(100, 110))
        for number, client in enumerate(clients):
            client.word, client.waits = inform(100 + number), []
            client.say()
        if data is None:
            await asyncio.sleep(3)
        else:
            async with _flooded(door.port, data, 6):
                await asyncio.sleep(5)
        waits = sorted(wait for client in clients for wait in client.waits or [])
        stuck = max(time.perf_counter() - client.said_at for client in clients)
        middle = statistics.median(waits) if waits else float("inf")
        worst = max(waits[-1] if waits else 0.0, stuck)
        told = f"{middle * 1000:>8.0f} ms   slowest {worst * 1000:>8.0f} ms   ({len(waits)} PUBACKs)"
        print(f"beside {name + ':':<15}{told}")
        for client in clients:
            client.word = b""
            client.transport.abort()
        await asyncio.sleep(1)


PARTS = {"costs": costs, "floods": floods}


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.edge", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all of them without any")
    for part in parser.parse_args().parts or list(PARTS):
        door = Door().start()
        try:
            uvloop.run(PARTS[part](door))
        finally:
            door.stop()


if __name__ == "__main__":
    main()
