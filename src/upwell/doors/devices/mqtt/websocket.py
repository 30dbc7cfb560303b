"""MQTT over WebSocket: frames to bytes and back, between a socket and a connection of the MQTT door (mqtt 6).

Holds: a client's binary frames are one stream of bytes, wherever packets begin and end in them; each write leaves as
one frame; pings are answered. Bounded: the head, and a fragment, for a frame of any size is handed up in parts; how
many frames are parsed in a turn of the loop; the time to login runs from the first byte. Refuses: other paths,
subprotocols that are not MQTT, text, compression.
"""

import asyncio
import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import cast

from websockets.exceptions import NegotiationError
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN, SEND_EOF
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from upwell.doors.devices.mqtt.connection import Link
from upwell.doors.devices.mqtt.refragment import FRAGMENT_BYTES_MAX, Refragmenter
from upwell.doors.devices.mqtt.turns import Turns
from upwell.doors.layers import LARGE_READ_BYTES, Layer

PATHS = ("/mqtt", "/")
SUBPROTOCOLS = (Subprotocol("mqtt"), Subprotocol("mqttv3.1"))
HEAD_BYTES_MAX = 16 * 1024  # a browser's cookies included
PART_BYTES = 2048  # of small frames that are parsed before others have their turn: some hundreds at most
LARGE_PART_BYTES = 64 * 1024  # of a large one
LAST_PARTS = 8  # that are parsed at the end of a connection
HEAD_END = b"\r\n\r\n"
_frames_log = logging.getLogger(f"{__name__}.frames")
_frames_log.setLevel(logging.WARNING)  # the connection tells the rest


class WebSocketLayer(Layer):
    """Takes the handshake, then carries bytes in binary frames."""

    def __init__(self, above: Link, turns: Turns) -> None:
        super().__init__(cast(asyncio.Protocol, above))  # it is one in all but name
        self._link = above
        self._turns = turns
        self._ws = ServerProtocol(select_subprotocol=_chosen, max_size=(None, FRAGMENT_BYTES_MAX), logger=_frames_log)
        self._frames = Refragmenter()
        self._head = b""  # as far as it came; frames follow once it is whole
        self._unread = bytearray()  # of the frames, what came and is not parsed
        self._opened = False
        self._lost = False
        self.is_queued = self.is_called = False

    def data_received(self, data: bytes) -> None:
        if self._ended or self.is_closing():
            return
        if self._opened:
            self._unread += data
        else:
            self._take_head(data)
        self._parse(is_large=len(data) >= LARGE_READ_BYTES)

    def _take_head(self, data: bytes) -> None:
        self._head += data
        head, end, frames = self._head.partition(HEAD_END)
        if len(head) > HEAD_BYTES_MAX:
            self._link.cut(f"websocket: a head of more than {HEAD_BYTES_MAX} bytes", hear=False)
        elif end:
            self._head = b""
            self._read(head + end)
            if self._opened:
                self._unread += frames

    def _parse(self, *, is_large: bool) -> None:
        """A part of what came; the rest when it is its turn again, and nothing more is read until then."""
        self._parse_part()
        if (self._unread or is_large) and not self.is_closing():
            self._resting = True
            self.below.pause_reading()
            self._turns.later(self)

    def go_on(self) -> None:
        """Its turn has come."""
        self._parse_part()
        if self.is_closing():
            self._unread.clear()
        elif self._unread:
            self._turns.later(self)
        else:
            self._rested()

    def _parse_part(self) -> None:
        """As many small frames as a turn has time for, or a part of a large one."""
        if self._unread and (self._lost or not self.is_closing()):
            size = max(PART_BYTES, min(self._frames.left, LARGE_PART_BYTES))
            part = bytes(self._unread[:size])
            del self._unread[:size]
            self._read(self._frames.feed(part))

    def _parse_rest(self) -> None:
        """What came before the end; of one that sent very many frames, not all."""
        for _ in range(LAST_PARTS):
            self._parse_part()
        self._unread.clear()

    def eof_received(self) -> bool:
        self._parse_rest()
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._parse_rest()
        super().connection_lost(exc)

    def _read(self, data: bytes) -> None:
        self._ws.receive_data(data)
        for event in self._ws.events_received():
            self._take(event)
            if self.is_closing() and not self._lost:
                return
        self._flush()
        failed = self._ws.parser_exc or self._ws.handshake_exc
        if failed is not None:
            self._link.cut(f"websocket: {failed}", hear=False)

    def _take(self, event: object) -> None:
        match event:
            case Request():
                self._shake(event)
            case Frame(opcode=Opcode.BINARY | Opcode.CONT):
                self._up(bytes(event.data))
            case Frame(opcode=Opcode.TEXT):
                self._refuse(CloseCode.UNSUPPORTED_DATA, "MQTT is sent in binary frames")
            case Frame(opcode=Opcode.CLOSE):
                self._flush()  # its answer
                self._end()

    def _shake(self, request: Request) -> None:
        if request.path.partition("?")[0] in PATHS:
            response = self._ws.accept(request)
        else:
            response = self._ws.reject(HTTPStatus.NOT_FOUND, f"MQTT is served at {' and '.join(PATHS)}.\n")
        self._ws.send_response(response)
        self._flush()
        self._opened = response.status_code == HTTPStatus.SWITCHING_PROTOCOLS
        if not self._opened:
            self._link.cut(f"websocket: {self._ws.handshake_exc or 'no such path'}", hear=False)

    def _refuse(self, code: CloseCode, why: str) -> None:
        if self._ws.state is OPEN:
            self._ws.fail(code, why)
        self._flush()
        self._link.cut(f"websocket: {why}", hear=False)

    def _flush(self) -> None:
        for data in self._ws.data_to_send():
            if data is not SEND_EOF and not self.is_closing():  # the end is `close`
                self.below.write(data)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._ws.state is OPEN and not self.is_closing():
            self._ws.send_binary(data)
            self._flush()

    def close(self) -> None:
        if self._ws.state is OPEN and not self.is_closing():
            self._ws.send_close(CloseCode.NORMAL_CLOSURE)
            self._flush()
        self.below.close()


def _chosen(_: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """The first of ours in the client's order; none for a client that offers none. Raises NegotiationError."""
    found = next((each for each in offered if each in SUBPROTOCOLS), None)
    if offered and found is None:
        raise NegotiationError(f"the subprotocol must be {' or '.join(SUBPROTOCOLS)}")
    return found
