"""A wire between a client and a server that is cut where a test says: by RST, in the middle of what is sent."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable


class Cutter:
    """Listens on a port of its own and hands bytes on. When so many bytes have gone to the server as the first of
    `cuts` says, that is done: `cut` breaks the connection off by RST on both sides, anything else is called."""

    def __init__(self, target: tuple[str, int], cuts: dict[int, Callable[[], None] | None]) -> None:
        self.target, self._cuts = target, sorted(cuts.items())
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._lock = threading.Lock()
        self.sent, self.resets = 0, 0
        self._joints: list[tuple[socket.socket, socket.socket]] = []
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def cut_now(self) -> int:
        """Break off whatever is joined by RST; how many connections that were."""
        with self._lock:
            joints, self._joints = self._joints, []
        for joint in joints:
            for end in joint:
                with contextlib.suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    end.shutdown(socket.SHUT_RDWR)
        return len(joints)

    @property
    def left(self) -> int:
        """Cuts that have not come yet."""
        return len(self._cuts)

    def _accept(self) -> None:
        """A thread that waits here holds the listener's socket: it waits a little, and looks."""
        self._listener.settimeout(0.2)
        while True:
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            try:
                server = socket.create_connection(self.target, 10)
            except OSError:  # it restarts
                reset(client)
                continue
            threading.Thread(target=self._joined, args=(client, server), daemon=True).start()

    def _joined(self, client: socket.socket, server: socket.socket) -> None:
        """Hand on both ways until one end goes, or it is cut."""
        with self._lock:
            self._joints.append((client, server))
        down = threading.Thread(target=pump, args=(server, client), daemon=True)
        down.start()
        is_cut = self._up(client, server)
        if is_cut:
            reset(client)
            reset(server)
        down.join()
        client.close()
        server.close()

    def _up(self, client: socket.socket, server: socket.socket) -> bool:
        """Whether it is to be cut."""
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                server.sendall(data)
                if self._counted(len(data)):
                    self.resets += 1
                    return True
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_WR)
        return False

    def _counted(self, count: int) -> bool:
        """Whether the connection that these came by is cut now."""
        with self._lock:
            self.sent += count
            if not self._cuts or self.sent < self._cuts[0][0]:
                return False
            _, what = self._cuts.pop(0)
        if what is not None:
            threading.Thread(target=what, daemon=True).start()
        return what is None


def reset(taken: socket.socket) -> None:
    """End a connection by RST."""
    with contextlib.suppress(OSError):
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        taken.shutdown(socket.SHUT_RD)
    taken.close()


def pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
