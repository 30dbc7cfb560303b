"""What stands between a client and a real S3 server: it counts the GETs that pass, and holds their answers back."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_GET = re.compile(rb"GET /(\S+) HTTP/1\.1\r\n((?:[^\r\n]+\r\n)*)\r\n")


class Between:
    """Everything passes, byte by byte as it is, but no more bytes of answers than `let`."""

    def __init__(self, to: tuple[str, int]) -> None:
        self._to = to
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port = int(self._listener.getsockname()[1])
        self.gets: list[str] = []
        self.whole: list[str] = []  # of those, the ones that asked for no range
        self._left: float = float("inf")
        self._moved = threading.Condition()
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Of the bucket that the tests use."""
        return f"s3://bucket/some/prefix?endpoint=http://127.0.0.1:{self.port}&region=us-east-1"

    def forget(self) -> None:
        """Count from now on."""
        self.gets.clear()
        self.whole.clear()

    def let(self, size: float) -> None:
        """From now on so many bytes of answers, of all connections together."""
        with self._moved:
            self._left = size
            self._moved.notify_all()

    def close(self) -> None:
        """It is away, and so is what is under way."""
        self.let(float("inf"))
        for each in (self._listener, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._to)
                self._open += [client, server]
                threading.Thread(target=self._asks, args=(client, server), daemon=True).start()
                threading.Thread(target=self._answers, args=(server, client), daemon=True).start()

    def _asks(self, client: socket.socket, server: socket.socket) -> None:
        seen = b""
        with suppress(OSError):
            while data := client.recv(65536):
                seen += data
                while found := _GET.search(seen):
                    path = found[1].decode()
                    self.gets.append(path)
                    if b"\r\nrange:" not in b"\r\n" + found[2].lower():
                        self.whole.append(path)
                    seen = seen[found.end() :]
                seen = seen[-8192:]
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)

    def _answers(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(16384):
                with self._moved:
                    self._moved.wait_for(lambda: self._left > 0)
                    self._left -= len(data)
                client.sendall(data)
            client.shutdown(socket.SHUT_WR)


@contextmanager
def between(to: tuple[str, int]) -> Iterator[Between]:
    """For the length of a `with`."""
    it = Between(to)
    try:
        yield it
    finally:
        it.close()
