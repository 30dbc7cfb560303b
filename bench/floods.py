"""Strangers and madmen, one flood a process, all from one address.

`python -m bench.floods KIND` reads one line of JSON (`mqtt`, `http`: ports; `address`: where it comes from; `device`:
one that may log in), floods until its input ends, and prints what it did: bytes sent, connections made, how often it
was cut or refused. It is as rude as it can be: it sends without a pause, comes back at once when it is cut, and where
its name says `unread` it reads no answers. It is as polite to this machine as a flood from elsewhere would be: it runs
at a low priority, for it stands in for a peer with a processor of its own.
"""

import contextlib
import errno
import json
import os
import resource
import secrets
import select
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from bench import wire

BLOCK = 64 * 1024  # bytes sent at once
SILENT = 1_100  # connections; more than the 1,024 open files of an untuned shell
WITHIN_S = 5.0
NICE = 10


@dataclass
class Target:
    """Whom it floods, and how it went."""

    mqtt: int
    http: int
    address: str
    device: tuple[str, str, str]
    over: threading.Event = field(default_factory=threading.Event)
    did: "Counter[str]" = field(default_factory=Counter)

    def dial(self, port: int) -> socket.socket | None:
        """A connection, or None when there is none to be had at this moment."""
        sock = socket.socket()
        try:
            sock.settimeout(WITHIN_S)
            sock.bind((self.address, 0))
            sock.connect(("127.0.0.1", port))
        except OSError as exc:
            sock.close()
            self.did[f"no connection: {errno.errorcode.get(exc.errno or 0, 'timeout')}"] += 1
            self.over.wait(0.05)
            return None
        self.did["connections"] += 1
        return sock

    def send(self, sock: socket.socket, data: bytes) -> bool:
        """Whether it went out; a peer that does not read is waited for."""
        view = memoryview(data)
        while view and not self.over.is_set():
            try:
                sent = sock.send(view)
            except TimeoutError:
                self.did["not read for seconds"] += 1
                continue
            except OSError:
                self.did["cut"] += 1
                return False
            self.did["bytes"] += sent
            view = view[sent:]
        return not self.over.is_set()

    def logged_in(self) -> socket.socket | None:
        """The device's connection after its CONNACK."""
        sock = self.dial(self.mqtt)
        if sock is None:
            return None
        try:
            sock.sendall(wire.login(*self.device))
            if sock.recv(4) == b"\x20\x02\x00\x00":
                return sock
            self.did["login refused"] += 1
        except OSError:
            self.did["login lost"] += 1
        sock.close()
        self.over.wait(0.05)
        return None


def _swallow(target: Target, sock: socket.socket) -> None:
    """Read and forget, until it ends."""
    with contextlib.suppress(OSError, ValueError):  # it was closed, by either side: the sender counts that
        while not target.over.is_set():
            if select.select([sock], [], [], 0.5)[0] and not sock.recv(BLOCK):
                return


def device_flood(block: Callable[[Target], bytes], target: Target, *, read: bool = True) -> None:
    """A device that logged in sends these packets without a pause."""
    data = block(target)
    while not target.over.is_set():
        sock = target.logged_in()
        if sock is None:
            continue
        with sock:
            if read:
                threading.Thread(target=_swallow, args=(target, sock), daemon=True).start()
            while target.send(sock, data):
                pass


def _many(one: Callable[[Target, int], bytes], target: Target) -> bytes:
    out, number = bytearray(), 0
    while len(out) < BLOCK:
        number += 1
        out += one(target, number)
    return bytes(out)


def _version(target: Target, number: int) -> bytes:
    key, name, _ = target.device
    body = b'{"id":"%d","params":{"version":"9.%d"}}' % (number, number)
    return wire.publish(f"/ota/device/inform/{key}/{name}", body, number)


def _filter(target: Target) -> str:
    key, name, _ = target.device
    return f"/ota/device/upgrade/{key}/{name}"


DEVICES: dict[str, Callable[[Target, int], bytes]] = {
    "pingreq": lambda target, number: wire.PINGREQ,
    "puback": lambda target, number: wire.puback(number),
    "subscribe": lambda target, number: wire.subscribe(number, _filter(target)),
    "unsubscribe": lambda target, number: wire.unsubscribe(number, _filter(target)),
    "publish": _version,
}


def held_open(target: Target, port: int, count: int, first: bytes, drip: bytes = b"") -> None:
    """So many connections that have begun and do not go on, or go on a few bytes a second; one that is ended is made
    anew."""
    held: list[socket.socket] = []
    poll = select.poll()
    known: dict[int, socket.socket] = {}
    try:
        while not target.over.is_set():
            while len(known) < count and not target.over.is_set():
                sock = target.dial(port)
                if sock is None or not target.send(sock, first):
                    break
                known[sock.fileno()] = sock
                poll.register(sock, select.POLLIN | select.POLLHUP)
            for number, _ in poll.poll(500):
                poll.unregister(number)
                known.pop(number).close()
                target.did["ended by the server"] += 1
            target.did["held at most"] = max(target.did["held at most"], len(known))
            for sock in list(known.values()) if drip else ():
                with contextlib.suppress(OSError):  # it was ended: the next poll counts it
                    sock.send(drip)
    finally:
        for sock in (*held, *known.values()):
            sock.close()


def half_logins(target: Target) -> None:
    """CONNECTs that stop in the middle."""
    whole = wire.login(*target.device)
    held_open(target, target.mqtt, SILENT, whole[: len(whole) // 2])


def large_logins(target: Target) -> None:
    """First packets that say they have 256 KB and send them slowly."""
    held_open(target, target.mqtt, 300, b"\x10\xff\xff\x0f" + b"x" * 30_000, b"x" * 1000)


def silent_http(target: Target) -> None:
    """Connections that say nothing."""
    held_open(target, target.http, SILENT, b"")


def slow_heads(target: Target) -> None:
    """Heads that come a byte at a time."""
    held_open(target, target.http, SILENT, b"GET / HTTP/1.1\r\nHost: x\r\nX-A: ", b"a")


def slow_bodies(target: Target) -> None:
    """Bodies that come a byte at a time."""
    first = (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 9000\r\n\r\n"
    )
    held_open(target, target.http, SILENT, first, b"a")


def _sender(target: Target, port: int, data: bytes, again: bytes = b"") -> None:
    while not target.over.is_set():
        sock = target.dial(port)
        if sock is None:
            continue
        with sock:
            reading = threading.Thread(target=_swallow, args=(target, sock), daemon=True)
            reading.start()
            went = target.send(sock, data)
            while went and again:
                went = target.send(sock, again)
            if went:
                reading.join(WITHIN_S)  # the answer, and the end


def crowded(target: Target, port: int, data: bytes, again: bytes = b"", threads: int = 8) -> None:
    """The same from several connections at once, one after the other on each."""
    rest = [threading.Thread(target=_sender, args=(target, port, data, again)) for _ in range(threads)]
    for each in rest:
        each.start()
    for each in rest:
        each.join()


def endless_heads(target: Target) -> None:
    """Heads whose lines never end, as fast as they are read."""
    line = b"X-" + b"a" * 60 + b": " + b"b" * 400 + b"\r\n"
    crowded(target, target.http, b"GET / HTTP/1.1\r\nHost: x\r\n", line * (BLOCK // len(line)))


def _post(path: str, kind: str, body: bytes, more: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {kind}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n{more}\r\n".encode() + body


def big_forms(target: Target) -> None:
    """Forms of 8 MB in 600,000 parameters, signed by nobody."""
    body = b"&".join(b"P%d=aaaa" % n for n in range(610_000))[: 8 * 1024 * 1024 - 1024]
    crowded(target, target.http, _post("/", "application/x-www-form-urlencoded", body))


def wrong_passwords(target: Target) -> None:
    """Sign-ins at the IAM door, each wrong."""
    user = {"domain": {"name": "default"}, "name": "admin", "password": secrets.token_hex(8)}
    identity = {"methods": ["password"], "password": {"user": user}}
    body = json.dumps({"auth": {"identity": identity, "scope": {"domain": {"name": "default"}}}}).encode()
    crowded(target, target.http, _post("/v3/auth/tokens", "application/json", body), threads=32)


def wrong_secrets(target: Target) -> None:
    """Logins of a device with another secret."""
    key, name, _ = target.device
    crowded(target, target.mqtt, wire.login(key, name, "wrong" * 6), threads=16)


FLOODS: dict[str, Callable[[Target], None]] = {
    **{name: partial(device_flood, partial(_many, one)) for name, one in DEVICES.items()},
    **{f"{name}_unread": partial(device_flood, partial(_many, one), read=False) for name, one in DEVICES.items()},
    "half_logins": half_logins,
    "large_logins": large_logins,
    "wrong_secrets": wrong_secrets,
    "silent_http": silent_http,
    "slow_heads": slow_heads,
    "slow_bodies": slow_bodies,
    "endless_heads": endless_heads,
    "big_forms": big_forms,
    "wrong_passwords": wrong_passwords,
}


def main() -> None:
    """Until the input ends."""
    os.nice(NICE)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65_536) if most > 0 else 65_536, most))
    given = json.loads(sys.stdin.readline())
    target = Target(given["mqtt"], given["http"], given["address"], tuple(given["device"]))
    flood = threading.Thread(target=FLOODS[sys.argv[1]], args=(target,), daemon=True)
    began = time.monotonic()
    flood.start()
    sys.stdin.readline()
    target.over.set()
    flood.join(WITHIN_S)
    print(json.dumps({"seconds": time.monotonic() - began, **target.did}), flush=True)
    os._exit(0)  # sockets that nobody reads are not waited for


if __name__ == "__main__":
    main()
