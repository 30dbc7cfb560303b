"""A crowd of devices in a process of its own: logged in once, then told span by span what to say, and how long each of
them waited for its acknowledgement.

`python -m bench.crowd` reads one line of JSON from its standard input, the crowd, and answers when all are logged in;
then a line a command, each answered by a line:

    {"begin": "report", "pause_s": 0.0}     say it, wait for the PUBACK, pause, and so on, every device
    {"end": true}                           stop; answered when what was under way is acknowledged, with the figures
    {"login": true}                         hang up, all of them, and log in again

What is said: `report` a version that changes each time, `ask` for an upgrade, `progress` a percent that rises, `idle`
nothing. Offers are taken (PUBACK) whatever is said. A timer of its own tells how late this process was itself: a wait
below that is no fault of the server's.
"""

import asyncio
import contextlib
import json
import os
import sys
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import uvloop

from bench import wire

AT_ONCE = 100  # logins under way
TICK_S = 0.005
LAST_WITHIN_S = (
    20.0  # what was under way at the end of a span is waited for so long; then its wait is what it was so far
)
RETURN_WITHIN_S = 60.0
RETURN_S = 0.05  # between tries

Say = Callable[["Unit", int], bytes]


def _report(unit: "Unit", number: int) -> bytes:
    body = b'{"id":"%d","params":{"version":"1.%d"}}' % (number, number)
    return wire.publish(unit.inform, body, unit.packet_id())


def _ask(unit: "Unit", number: int) -> bytes:
    return wire.publish(unit.get, b'{"id":"%d","version":"1.0","params":{}}' % number, unit.packet_id())


def _progress(unit: "Unit", number: int) -> bytes:
    body = b'{"id":"%d","params":{"step":"%d","desc":""}}' % (number, min(number, 100))
    return wire.publish(unit.progress, body, unit.packet_id())


SAYINGS: dict[str, Say] = {"report": _report, "ask": _ask, "progress": _progress}


@dataclass
class Span:
    """From a `begin` to its `end`."""

    say: Say | None
    pause_s: float
    began: float = field(default_factory=time.perf_counter)
    over: bool = False
    waits: "array[float]" = field(default_factory=lambda: array("d"))
    under_way: int = 0
    quiet: asyncio.Event = field(default_factory=asyncio.Event)
    lag_s: float = 0.0
    taken: int = 0
    lost: int = 0

    def figures(self, seconds: float) -> dict[str, float]:
        """Of the waits in ms."""
        waits = sorted(self.waits)
        at = [waits[min(len(waits) - 1, int(len(waits) * share))] * 1000 if waits else 0.0 for share in (0.5, 0.99, 1)]
        rate = len(waits) / seconds if seconds else 0.0
        return {
            "count": len(waits), "seconds": seconds, "per_s": rate, "median_ms": at[0], "p99_ms": at[1],
            "slowest_ms": at[2], "own_lag_ms": self.lag_s * 1000, "offers": self.taken, "lost": self.lost,
            "unanswered": self.under_way,
        }  # fmt: skip


class Unit(asyncio.Protocol):
    """One device."""

    def __init__(self, crowd: "Crowd", product_key: str, name: str, secret: str) -> None:
        self.crowd = crowd
        self.hello = wire.login(product_key, name, secret)
        self.inform = f"/ota/device/inform/{product_key}/{name}"
        self.progress = f"/ota/device/progress/{product_key}/{name}"
        self.get = f"/sys/{product_key}/{name}/thing/ota/firmware/get"
        self.upgrade = f"/ota/device/upgrade/{product_key}/{name}"
        self.number = 0
        self.last_id = 0
        self.sent_at = 0.0
        self.span: Span | None = None
        self.accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport | None = None
        self.is_returning = False
        self.cutter = wire.Cutter()

    def packet_id(self) -> int:
        """Another one each time."""
        self.last_id = self.last_id % 60_000 + 1
        return self.last_id

    async def connect(self) -> None:
        """Returns after the CONNACK. Raises OSError when it is refused or lost."""
        loop = asyncio.get_running_loop()
        self.accepted, self.cutter = loop.create_future(), wire.Cutter()
        here = (self.crowd.address(), 0)
        await loop.create_connection(lambda: self, self.crowd.host, self.crowd.port, local_addr=here)
        await self.accepted

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say hello."""
        self.transport = transport  # type: ignore[assignment]  # uvloop's do not inherit from asyncio's
        self.write(self.hello)

    def write(self, data: bytes) -> None:
        """Send."""
        assert self.transport is not None
        self.transport.write(data)

    def data_received(self, data: bytes) -> None:
        """Whatever came."""
        for kind, flags, body in self.cutter.feed(data):
            if kind == wire.PUBACK:
                self._acknowledged(int.from_bytes(body))
            elif kind == wire.PUBLISH:
                self._told(flags, body)
            elif kind == wire.CONNACK:
                self._answered(body[1])

    def _answered(self, code: int) -> None:
        if code:
            self.accepted.set_exception(ConnectionRefusedError(f"CONNACK {code}"))
        else:
            self.accepted.set_result(None)

    def _told(self, flags: int, body: bytes) -> None:
        topic, number, _ = wire.published(flags, body)
        if topic == self.upgrade and self.crowd.span is not None:
            self.crowd.span.taken += 1
        if number:
            self.write(wire.puback(number))

    def say(self) -> None:
        """The next message of the span, if it still lasts."""
        span = self.crowd.span
        if span is None or span.over or span.say is None or self.span is not None:
            return
        if self.transport is None or self.transport.is_closing():
            return
        self.number += 1
        self.span = span
        span.under_way += 1
        self.sent_at = time.perf_counter()
        self.write(span.say(self, self.number))

    def _acknowledged(self, number: int) -> None:
        span = self.span
        if span is None or number != self.last_id:
            return
        span.waits.append(time.perf_counter() - self.sent_at)
        span.under_way -= 1
        self.span = None
        if span.over and not span.under_way:
            span.quiet.set()
        if span.pause_s:
            asyncio.get_running_loop().call_later(span.pause_s, self.say)
        else:
            self.say()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count it, and come back while the span lasts, as a device does."""
        if not self.accepted.done():
            self.accepted.set_exception(exc or ConnectionResetError("hung up before the CONNACK"))
            return
        span = self.crowd.span
        if span is None or self.crowd.leaving:
            return
        span.lost += 1
        if not self.is_returning:  # whoever is refused comes again by himself
            self.is_returning = True
            self.crowd.keep(self._return())

    async def _return(self) -> None:
        """Log in again; what was under way is said again, and its wait goes on."""
        late = time.perf_counter() + RETURN_WITHIN_S
        while time.perf_counter() < late:
            try:
                await self.connect()
            except OSError:  # it is away, or refuses; a device comes again
                await asyncio.sleep(RETURN_S)
            else:
                if self.transport is not None and not self.transport.is_closing():
                    break
        else:
            self.is_returning = False
            return
        self.is_returning = False
        if self.span is not None and self.span.say is not None:
            self.write(self.span.say(self, self.number))
        else:
            self.say()


class Crowd:
    """All of them."""

    def __init__(self, host: str, port: int, devices: list[tuple[str, str, str]], addresses: list[str]) -> None:
        self.host, self.port, self.addresses = host, port, addresses
        self.units = [Unit(self, *device) for device in devices]
        self.span: Span | None = None
        self.leaving = False
        self._kept: set[asyncio.Task[None]] = set()
        self._next = 0
        self.ticking = asyncio.create_task(self._tick())

    def address(self) -> str:
        """Where the next connection comes from: each address in turn."""
        self._next += 1
        return self.addresses[self._next % len(self.addresses)]

    def keep(self, what: Any) -> None:
        """Hold a task until it is done."""
        task = asyncio.create_task(what)
        self._kept.add(task)
        task.add_done_callback(self._kept.discard)

    async def log_in(self, at_once: int = AT_ONCE) -> dict[str, float]:
        """All of them, `at_once` under way."""
        turns, began = asyncio.Semaphore(at_once), time.perf_counter()

        async def one(unit: Unit) -> None:
            async with turns:
                await unit.connect()

        await asyncio.gather(*map(one, self.units))
        seconds = time.perf_counter() - began
        return {"count": len(self.units), "seconds": seconds, "per_s": len(self.units) / seconds}

    async def hang_up(self) -> None:
        """All of them, without a word."""
        self.leaving = True
        for unit in self.units:
            if unit.transport is not None:
                unit.transport.abort()
        await asyncio.sleep(0.5)
        self.leaving = False

    async def _tick(self) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(TICK_S)
            if self.span is not None:
                self.span.lag_s = max(self.span.lag_s, time.perf_counter() - began - TICK_S)

    def begin(self, what: str, pause_s: float) -> None:
        """Say it from now on. With a pause the devices begin one after the other over its length."""
        self.span = Span(SAYINGS.get(what), pause_s)
        loop = asyncio.get_running_loop()
        for place, unit in enumerate(self.units):
            unit.number = 0 if what == "progress" else unit.number
            loop.call_later(pause_s * place / len(self.units), unit.say)

    async def end(self) -> dict[str, float]:
        """Stop, and wait for what is under way."""
        assert self.span is not None
        span, seconds = self.span, time.perf_counter() - self.span.began
        span.over = True
        if span.under_way:
            with contextlib.suppress(TimeoutError):  # what is still under way is told so below
                await asyncio.wait_for(span.quiet.wait(), LAST_WITHIN_S)
        for unit in self.units:
            if unit.span is span:
                span.waits.append(time.perf_counter() - unit.sent_at)
                unit.span = None  # what comes for it later is of no span
        return span.figures(seconds)


async def obey(crowd: Crowd, command: dict[str, Any]) -> dict[str, float]:
    """Do one command."""
    if "begin" in command:
        crowd.begin(command["begin"], float(command.get("pause_s", 0.0)))
        return {}
    if "login" in command:
        await crowd.hang_up()
        return await crowd.log_in(int(command.get("at_once", AT_ONCE)))
    return await crowd.end()


def _prefer() -> None:
    """A crowd has processors of its own in life: it goes first here where it may, so that it measures others' delay."""
    with contextlib.suppress(PermissionError):  # then `own_lag_ms` is a little larger, and is told
        os.nice(-10)


async def main() -> None:
    """Until the input ends."""
    _prefer()
    loop = asyncio.get_running_loop()
    given = json.loads(await loop.run_in_executor(None, sys.stdin.readline))
    crowd = Crowd(given["host"], given["port"], [tuple(each) for each in given["devices"]], given["addresses"])
    print(json.dumps(await crowd.log_in()), flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(await obey(crowd, json.loads(line))), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
