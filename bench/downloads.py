"""Downloads against nginx: the same 100 MB by one client and by 50 at once, in turn and in the same run.

Upwell serves as a whole program, a file of its folder and an object of a real S3 server; nginx (Debian's) has the same
bytes as a file. Clients take what comes without copying it (`MSG_TRUNC`), so that they cost little. While 50 download,
somebody asks `/healthz` again and again: the slowest answer is told, and beside it the slowest while nginx served them.

`python -m bench.downloads` reads a line of JSON and is the clients; `measure` starts it.
"""

import asyncio
import json
import os
import selectors
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
from alibabacloud_iot20180120 import models as m
from demo.debian import command, found
from tests.prove.rollout import Process, package, product_with, steady_ports

from bench.figures import Figures
from bench.machine import cpu_s, resident
from upwell.domain.talk import TaskRef
from upwell.service.clock import utc_now
from upwell.service.upgrade.downloads import download_token

SIZE = 100_000_000
ROUNDS = 5
CROWD = 50
TIMES = {1: 5, CROWD: 1}  # downloads of each client in a round
TAKEN_BYTES = 1024 * 1024  # at once, by a client
ASK_PAUSE_S = 0.02
S3_KEY = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "benchsecret"}
GOAL = 0.8
START_WITHIN_S = 20.0
CLIENTS = [sys.executable, "-m", "bench.downloads"]
NGINX = """
daemon off; master_process off; user root; pid {top}/nginx.pid; error_log {top}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; client_body_temp_path {top}/b; proxy_temp_path {top}/p;
  fastcgi_temp_path {top}/f; uwsgi_temp_path {top}/u; scgi_temp_path {top}/s;
  server {{ listen 127.0.0.1:{port} backlog=1024; root {top}/files; }}
}}
"""


@dataclass
class Served:
    """What one server did, round by round; `http` is where somebody asks meanwhile."""

    port: int
    path: str
    pid: int
    http: int
    bytes_per_s: dict[int, list[float]] = field(default_factory=dict)
    cpu_s_per_gb: dict[int, list[float]] = field(default_factory=dict)
    slowest_ms: list[float] = field(default_factory=list)
    most_bytes: int = 0  # of memory


def measure(figures: Figures) -> None:
    """All of it. Without nginx there is nothing to measure against."""
    if found("nginx") is None:
        print(f"downloads: there is no nginx here to measure against; run: sudo {command('nginx')}")
        return
    image = os.urandom(SIZE)
    with ExitStack() as stack:
        s3 = stack.enter_context(_s3())
        file = stack.enter_context(_upwell(image))
        objects = stack.enter_context(_upwell(image, f"--objects-url={s3}"))
        servers = {"nginx": stack.enter_context(_nginx(image, file.http)), "file": file, "S3": objects}
        _cold(figures, objects)
        for clients in TIMES:
            for _ in range(ROUNDS):
                for each in servers.values():
                    _round(each, clients)
    _tell(figures, servers)


def _cold(figures: Figures, served: Served) -> None:
    """The first that ask for an object, all at once."""
    figures.note(f"downloads: S3, the first {CROWD} at once", SIZE * CROWD / _fetch(served, CROWD, 1) / 1e6, "MB/s")
    figures.note("downloads: S3, slowest other request meanwhile", served.slowest_ms.pop(), "ms")
    figures.note("downloads: S3, memory meanwhile", served.most_bytes / 1e6, "MB")


def _tell(figures: Figures, servers: dict[str, Served]) -> None:
    beside = servers.pop("nginx")
    for name, each in servers.items():
        for clients in TIMES:
            what = f"downloads: {name}, {clients} at once"
            figures.note(
                what, statistics.median(each.bytes_per_s[clients]) / 1e6, "MB/s",
                beside=("nginx", statistics.median(beside.bytes_per_s[clients]) / 1e6),
                goal=(f">= {GOAL} x nginx", lambda value, yardstick: value >= GOAL * yardstick),
            )  # fmt: skip
            figures.note(
                f"{what}: CPU", statistics.median(each.cpu_s_per_gb[clients]), "s/GB",
                beside=("nginx", statistics.median(beside.cpu_s_per_gb[clients])),
            )  # fmt: skip
        figures.note(
            f"downloads: {name}, slowest other request", max(each.slowest_ms), "ms",
            beside=("while nginx served", max(beside.slowest_ms)),
        )  # fmt: skip
        figures.note(f"downloads: {name}, memory at most", each.most_bytes / 1e6, "MB")


def _round(served: Served, clients: int) -> None:
    before = cpu_s(served.pid)[0]
    spent, taken = _fetch(served, clients, TIMES[clients]), SIZE * clients * TIMES[clients]
    served.bytes_per_s.setdefault(clients, []).append(taken / spent)
    served.cpu_s_per_gb.setdefault(clients, []).append((cpu_s(served.pid)[0] - before) / taken * 1e9)


def _fetch(served: Served, clients: int, times: int) -> float:
    """Seconds until so many clients have it so many times each."""
    asked = {"port": served.port, "path": served.path, "clients": clients, "times": times}
    with _asking(served.http) as waits:
        done = subprocess.run(CLIENTS, input=json.dumps(asked), capture_output=True, text=True, check=True)
        served.most_bytes = max(served.most_bytes, resident(served.pid))
    if clients > 1:
        served.slowest_ms.append(max(waits, default=0.0) * 1000)
    return float(done.stdout)


@contextmanager
def _asking(port: int) -> Iterator[list[float]]:
    """Seconds of each answer, meanwhile."""
    waits: list[float] = []
    ended = threading.Event()

    def ask() -> None:
        while not ended.wait(ASK_PAUSE_S):
            began = time.perf_counter()
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=60) as answer:
                answer.read()
            waits.append(time.perf_counter() - began)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield waits
    finally:
        ended.set()
        asking.join()


@contextmanager
def _upwell(image: bytes, *options: str) -> Iterator[Served]:
    process = Process(*options, variables=S3_KEY)
    process.start()
    try:
        client = process.client()
        product_key, devices = product_with(client, 1)
        firmware = package(client, product_key, image)
        wanted = m.CreateOTAStaticUpgradeJobRequest(
            firmware_id=firmware, product_key=product_key, target_selection="SPECIFIC",
            target_device_name=[devices[0][0]],
        )  # fmt: skip
        assert client.create_otastatic_upgrade_job(wanted).body.success
        assert process.process is not None
        path = f"/ota/{asyncio.run(_token(process.dsn))}"
        yield Served(process.download, path, process.process.pid, process.http)
    finally:
        process.stop()


async def _token(dsn: str) -> str:
    """What opens the file of the only task, once there is one."""
    conn = await asyncpg.connect(dsn)
    try:
        task = await conn.fetchrow("select device_id, job_id, nth from task")
        for _ in range(int(START_WITHIN_S / ASK_PAUSE_S)):
            if task is not None:
                break
            await asyncio.sleep(ASK_PAUSE_S)
            task = await conn.fetchrow("select device_id, job_id, nth from task")
        if task is None:
            raise RuntimeError("the job made no task")
        secret = bytes(await conn.fetchval("select value from secret where name = 'download'"))
    finally:
        await conn.close()
    return download_token(secret, TaskRef(**task), 0, utc_now() + timedelta(hours=1))


@contextmanager
def _nginx(image: bytes, http: int) -> Iterator[Served]:
    [port] = steady_ports(1)
    top = _top()
    (top / "files").mkdir()
    (top / "files/image.bin").write_bytes(image)
    (top / "nginx.conf").write_text(NGINX.format(top=top, port=port))
    with _program(top, port, [str(found("nginx")), "-p", str(top), "-c", str(top / "nginx.conf")], {}) as pid:
        yield Served(port, "/image.bin", pid, http)


@contextmanager
def _s3() -> Iterator[str]:
    [port] = steady_ports(1)
    top = _top()
    (top / "bucket").mkdir()
    words = [
        str(Path(sys.executable).with_name("nanio")), "serve", "--data-dir", str(top), "--host", "127.0.0.1",
        "--port", str(port), "--no-access-log",
    ]  # fmt: skip
    variables = {"NANIO_ACCESS_KEY": S3_KEY["AWS_ACCESS_KEY_ID"], "NANIO_SECRET_KEY": S3_KEY["AWS_SECRET_ACCESS_KEY"]}
    with _program(top, port, words, variables):
        yield f"s3://bucket/bench?endpoint=http://127.0.0.1:{port}&region=us-east-1"


@contextmanager
def _program(top: Path, port: int, command: list[str], variables: dict[str, str]) -> Iterator[int]:
    """A program that listens, and its pid; away with its files in the end."""
    program = subprocess.Popen(
        command, env=os.environ | variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + START_WITHIN_S
        while socket.socket().connect_ex(("127.0.0.1", port)):
            if program.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{Path(command[0]).name} did not start")
            time.sleep(0.05)
        yield program.pid
    finally:
        program.terminate()
        program.wait(20)
        shutil.rmtree(top, ignore_errors=True)


def _top() -> Path:
    return Path(tempfile.mkdtemp(prefix="upwell-bench-", dir="/tmp"))


class Client:
    """One connection that downloads again and again."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self.left = asked["times"]
        self._asked = asked
        self.sock = socket.create_connection(("127.0.0.1", asked["port"]))
        self.ask()

    def ask(self) -> None:
        """For the file, once more."""
        self._head, self._unread = b"", -1
        self.sock.sendall(f"GET {self._asked['path']} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())

    def take(self) -> bool:
        """What is there; whether that was the last of the file."""
        if self._unread >= 0:
            taken = self.sock.recv_into(_THROWN, min(self._unread, TAKEN_BYTES), socket.MSG_TRUNC)
            if not taken:
                raise RuntimeError("the connection was cut")
            self._unread -= taken
        else:
            self._begin(self.sock.recv(4096))
        return self._unread == 0

    def _begin(self, data: bytes) -> None:
        self._head += data
        head, end, body = self._head.partition(b"\r\n\r\n")
        if end:
            if not head.startswith(b"HTTP/1.1 200 "):
                raise RuntimeError(f"refused: {head[:60]!r}")
            self._unread = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]) - len(body)
        elif not data:
            raise RuntimeError("the connection was cut")


def main() -> None:
    """The clients: prints the seconds that they took."""
    asked = json.loads(sys.stdin.readline())
    selector = selectors.DefaultSelector()
    began = time.perf_counter()
    for _ in range(asked["clients"]):
        client = Client(asked)
        selector.register(client.sock, selectors.EVENT_READ, client)
    while selector.get_map():
        for key, _ in selector.select(60):
            client = key.data
            if client.take():
                client.left -= 1
                if client.left:
                    client.ask()
                else:
                    selector.unregister(client.sock)
                    client.sock.close()
    print(time.perf_counter() - began)


_THROWN = bytearray(TAKEN_BYTES)

if __name__ == "__main__":
    main()
