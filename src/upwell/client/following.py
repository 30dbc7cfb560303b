"""How a stream of events is read and gone on with: without a socket and without a clock.

Holds: the place is that of the last block that was read whole, so a stream that breaks off misses nothing and repeats
nothing. A server that was never reached is told at once; one that goes away is waited for, as long as there is
patience.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from upwell.client.asking import Ask, Retries, ask
from upwell.client.problems import ClientError, ServerFailed, TooManyRequests, Unreachable, Unreadable

STREAM_TYPE = "text/event-stream"
BLOCK_MAX = 1 << 20  # bytes of one event; the server's have some kilobytes
Lost = Callable[[str, float], None]
Forgotten = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Block:
    """What stands between two empty lines of a stream. `id` and `retry_ms` are None where nothing is said of them."""

    name: str = "message"
    id: str | None = None
    data: str = ""
    retry_ms: int | None = None


class Blocks:
    """Bytes in, blocks out, as the standard of server-sent events reads them. Raises Unreadable for a block that does
    not end."""

    def __init__(self) -> None:
        self._rest = b""
        self._lines: list[str] = []

    def read(self, piece: bytes) -> Iterator[Block]:
        """The blocks that this piece ends."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > BLOCK_MAX or sum(map(len, self._lines)) > BLOCK_MAX:
            raise Unreadable("an event without an end")
        for line in lines:
            text = line.removesuffix(b"\r").decode("utf-8", "replace")
            if text:
                self._lines.append(text)
            elif self._lines:
                block, self._lines = _block(self._lines), []
                yield block


def _block(lines: list[str]) -> Block:
    found: dict[str, Any] = {}
    data = []
    for line in lines:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "event":
                found["name"] = value
            case "id":
                found["id"] = value
            case "data":
                data.append(value)
            case "retry" if value.isascii() and value.isdecimal():
                found["retry_ms"] = int(value)
    return Block(data="\n".join(data), **found)


class Following:
    """One who follows an account's events: what is asked next, what was read, and how long to wait. `lost` is told why
    nothing comes and for how many seconds nothing is asked; `forgotten` after which id events are here, when those
    before it are kept no more."""

    def __init__(
        self, query: Mapping[str, Any], after: str | None, retries: Retries, patience_s: float,
        lost: Lost | None, forgotten: Forgotten | None,
    ) -> None:  # fmt: skip
        self._query, self.place, self._retries, self._patience_s = query, after, retries, patience_s
        self._lost, self._forgotten = lost, forgotten
        self._back_s, self._waited_s, self._turn = retries.first_s, 0.0, 0
        self._was_there = self._has_begun = False
        self._blocks = Blocks()

    def ask(self) -> Ask:
        """The request for what comes next."""
        self._blocks, self._has_begun = Blocks(), False
        where = {"Last-Event-ID": self.place} if self.place and self._was_there else {}
        query = self._query if where else {**self._query, "after": self.place}
        asked = ask("GET", "/events", query=query)
        return Ask(
            method=asked.method,
            path=asked.path,
            query=asked.query,
            headers={"Accept": STREAM_TYPE, **where},
            again=False,
        )

    def read(self, piece: bytes) -> Iterator[Any]:
        """The events that a piece of the stream ends. Raises Unreadable."""
        for block in self._blocks.read(piece):
            if block.retry_ms is not None:
                self._back_s = block.retry_ms / 1000
            if block.id is not None:
                self.place, self._has_begun = block.id or None, True
            if block.name == "reset":
                if self._forgotten is not None:
                    self._forgotten(str(_json(block.data).get("begins_after", "")))
            elif block.data:
                yield _json(block.data)
            self._was_there, self._waited_s, self._turn = True, 0.0, 0

    def pause_s(self, failed: ClientError | None) -> float:
        """How long to wait before it is asked for again. Raises what failed where that does not pass by itself, or has
        not for too long."""
        passes = isinstance(failed, Unreachable | ServerFailed | Unreadable | TooManyRequests | None)
        if failed is not None and not (passes and self._was_there and self._waited_s < self._patience_s):
            raise failed
        pause = self._back_s if failed is None else max(self._retries.pause_s(self._turn), self._retries.first_s)
        self._turn += 1
        self._waited_s += pause
        if self._lost is not None and (failed is not None or not self._has_begun):
            self._lost(str(failed or "the account has no room for one more stream"), pause)
        return pause


def _json(text: str) -> Any:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Unreadable("an event that is no JSON object")
    return found
