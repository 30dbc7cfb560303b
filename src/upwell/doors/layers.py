"""A protocol on top of another: what stands between a socket and a protocol that speaks on it, and TLS as one.

A layer is the protocol of the transport below it and the transport of the protocol above it. Holds: everything that
came before the end is handed up before the end is; nothing is handed up to what has paused reading, but at the end.
Bounded: what is kept for a protocol that pauses is of one read; a peer that sends much is read once in a turn of the
loop. Refuses: to know what is above.
"""

import asyncio
import ssl
from collections import deque
from contextlib import suppress
from typing import Any, cast

from upwell.doors.tls import Failures

READ_BYTES = 64 * 1024
"""Decrypted at once; a TLS record has 16 KiB."""

LARGE_READ_BYTES = 64 * 1024
"""After a read of so much others have their turn: uvloop reads on without one, up to 8 MB of a peer that has it."""


class Layer(asyncio.Protocol, asyncio.Transport):
    """Hands everything through. `data_received` and `write` are what a layer is for."""

    def __init__(self, above: asyncio.Protocol) -> None:
        super().__init__()
        self.below: asyncio.Transport
        self._above = above
        self._held: deque[bytes] = deque()
        self._paused = False
        self._resting = False  # until the loop's next turn
        self._ended = False  # nothing more comes in
        self._end_told = False
        self._stays = False  # the one above goes on writing after the end of what comes in

    # The protocol of what is below.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.below = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self._above.connection_made(self)

    def connection_lost(self, exc: Exception | None) -> None:
        while self._held:
            self._above.data_received(self._held.popleft())
        self._above.connection_lost(exc)

    def eof_received(self) -> bool:
        self._end()
        return self._stays or bool(self._held)

    def pause_writing(self) -> None:
        self._above.pause_writing()

    def resume_writing(self) -> None:
        self._above.resume_writing()

    def _up(self, data: bytes) -> None:
        """Hand these bytes up behind those before them."""
        self._held.append(data)
        self._pump()

    def _rest_after(self, data: bytes) -> None:
        """Let others have their turn, if this read was large."""
        if len(data) >= LARGE_READ_BYTES and not self._resting and not self.is_closing():
            self._resting = True
            self.below.pause_reading()
            asyncio.get_running_loop().call_soon(self._rested)

    def _rested(self) -> None:
        self._resting = False
        if (self._ended or not self._paused) and not self.is_closing():
            self.below.resume_reading()

    def _end(self) -> None:
        self._ended = True
        self._pump()

    def _pump(self) -> None:
        while self._held and not self._paused:
            self._above.data_received(self._held.popleft())
        if self._ended and not self._held and not self._end_told:
            self._end_told = True
            self._stays = bool(self._above.eof_received())
            if not self._stays:
                self.close()

    # The transport of what is above.

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self.below.get_extra_info(name, default)

    def pause_reading(self) -> None:
        self._paused = True
        if not self._ended:
            self.below.pause_reading()

    def resume_reading(self) -> None:
        self._paused = False
        if self._held or self._ended:
            asyncio.get_running_loop().call_soon(self._pump)
        if not self._ended and not self._resting:
            self.below.resume_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.below.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        return self.below.get_write_buffer_size()

    def can_write_eof(self) -> bool:
        """A layer ends whole, or not at all."""
        return False

    def is_closing(self) -> bool:
        return self.below.is_closing()

    def close(self) -> None:
        self.below.close()

    def abort(self) -> None:
        self.below.abort()


class TlsLayer(Layer):
    """TLS of a server. Unlike the event loops' own it sends the alert of a handshake that fails, tells why, and hands
    up what was said right before a peer hung up. What is above has the connection from the first moment: its bounds,
    of time too, hold during the handshake. It must not write before it heard something."""

    def __init__(self, above: asyncio.Protocol, context: ssl.SSLContext, failures: Failures) -> None:
        super().__init__(above)
        self._failures = failures
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)
        self._spoken = self._shaken = False
        self._failed: ssl.SSLError | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._spoken and not self._shaken and self._failed is None:
            self._failures.tell(self.get_extra_info("peername"), "the connection ended before it was done")
        super().connection_lost(exc or (self._failed if self._shaken else None))

    def data_received(self, data: bytes) -> None:
        if self._failed or self.is_closing():
            return
        self._spoken = True
        self._rest_after(data)
        self._in.write(data)
        try:
            if not self._shaken:
                self._tls.do_handshake()
                self._shaken = True
            self._read()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as exc:
            self._fail(exc)
        self._flush()

    def _read(self) -> None:
        """Hand up all that is whole. Raises SSLWantReadError when that is done, SSLError for a peer that cheats."""
        while not self.is_closing():
            data = self._tls.read(READ_BYTES)
            if not data:  # the peer's goodbye
                self._end()
                return
            self._up(data)

    def _fail(self, exc: ssl.SSLError) -> None:
        self._failed = exc
        if not self._shaken:
            self._failures.tell(self.get_extra_info("peername"), exc)
        self._flush()  # the alert
        self.below.close()

    def _flush(self) -> None:
        if self._out.pending and not self.is_closing():
            self.below.write(self._out.read())

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._failed or self.is_closing():
            return
        rest = memoryview(data)
        while rest:
            rest = rest[self._tls.write(rest) :]
        self._flush()

    def close(self) -> None:
        if self._shaken and not self._failed and not self.is_closing():
            with suppress(ssl.SSLError):  # ours leaves before it is found that the peer's is not there yet
                self._tls.unwrap()
            self._flush()
        self.below.close()
