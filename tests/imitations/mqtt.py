"""A blocking MQTT 3.1.1 client as small as those in C: one packet after the other, nothing kept but what was pushed."""

import socket
import ssl
import struct
import time
from collections import deque


class Refused(Exception):
    """CONNACK said no."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(f"CONNACK {code}")


class Mqtt:
    """One connection. Every wait has an end."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None = None, wait_s: float = 20.0) -> None:
        self._wait_s = wait_s
        plain = socket.create_connection((host, port), timeout=wait_s)
        self._socket = tls.wrap_socket(plain, server_hostname=host) if tls else plain
        self._pushed: deque[tuple[str, bytes]] = deque()
        self._acknowledged: set[int] = set()
        self._granted: dict[int, bytes] = {}
        self._last = 0

    def connect(self, client_id: str, username: str, password: str, keep_alive_s: int = 1200) -> None:
        head = _text("MQTT") + bytes([4, 0xC2]) + struct.pack("!H", keep_alive_s)
        self._send(0x10, head + _text(client_id) + _text(username) + _text(password))
        kind, _, body = self._receive()
        assert kind == 2, kind
        if body[1]:
            raise Refused(body[1])

    def publish(self, topic: str, payload: str, qos: int = 0) -> None:
        """At QoS 1 it returns when the server took it."""
        if qos == 0:
            self._send(0x30, _text(topic) + payload.encode())
            return
        number = self._number()
        self._send(0x32, _text(topic) + struct.pack("!H", number) + payload.encode())
        self._until(lambda: number in self._acknowledged, f"PUBACK of {topic}")

    def subscribe(self, topic: str, qos: int) -> int:
        """What the server granted."""
        number = self._number()
        self._send(0x82, struct.pack("!H", number) + _text(topic) + bytes([qos]))
        self._until(lambda: number in self._granted, f"SUBACK of {topic}")
        return self._granted[number][0]

    def pushed(self, wait_s: float | None = None) -> tuple[str, bytes] | None:
        """The next message; None when none comes in time."""
        end = time.monotonic() + (self._wait_s if wait_s is None else wait_s)
        while not self._pushed:
            left = end - time.monotonic()
            if left <= 0:
                return None
            self._socket.settimeout(left)
            try:
                self._step()
            except TimeoutError:
                return None
            finally:
                self._socket.settimeout(self._wait_s)
        return self._pushed.popleft()

    def close(self) -> None:
        self._socket.close()

    def disconnect(self) -> None:
        self._send(0xE0, b"")
        self._socket.close()

    def _until(self, holds: "object", what: str) -> None:
        assert callable(holds)
        end = time.monotonic() + self._wait_s
        while not holds():
            assert time.monotonic() < end, f"no {what}"
            self._step()

    def _step(self) -> None:
        kind, flags, body = self._receive()
        if kind == 3:
            (size,) = struct.unpack_from("!H", body)
            topic, rest = body[2 : 2 + size].decode(), body[2 + size :]
            if flags >> 1 & 3:
                self._send(0x40, rest[:2])
                rest = rest[2:]
            self._pushed.append((topic, rest))
        elif kind == 4:
            self._acknowledged.add(struct.unpack("!H", body)[0])
        elif kind == 9:
            self._granted[struct.unpack_from("!H", body)[0]] = body[2:]

    def _number(self) -> int:
        self._last = self._last % 65535 + 1
        return self._last

    def _send(self, head: int, body: bytes) -> None:
        size, digits = len(body), b""
        while size > 127:
            digits += bytes([size % 128 | 128])
            size //= 128
        self._socket.sendall(bytes([head]) + digits + bytes([size]) + body)

    def _receive(self) -> tuple[int, int, bytes]:
        head = self._exactly(1)[0]
        size = shift = 0
        while True:
            digit = self._exactly(1)[0]
            size |= (digit & 127) << shift
            shift += 7
            if digit < 128:
                return head >> 4, head & 15, self._exactly(size)

    def _exactly(self, size: int) -> bytes:
        got = b""
        while len(got) < size:
            part = self._socket.recv(size - len(got))
            if not part:
                raise ConnectionError("the server hung up")
            got += part
        return got


def _text(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("!H", len(raw)) + raw
