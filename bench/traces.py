"""What traces cost: signed management calls as in `calls`, to a server without `--otlp` and to servers with it, in turn
in the same run, so that what else the machine does falls on all. The collector takes all and keeps nothing."""

import statistics
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.prove.rollout import Process, product_with

from bench.calls import called
from bench.figures import Figures
from bench.machine import cpu_s

SPAN_S = 3.0
ROUNDS = 5
SHARES = ("0.1", "1")


@contextmanager
def collector() -> Iterator[str]:
    """Its URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """Takes it."""
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.server_address[1]}"
    finally:
        listener.shutdown()
        listener.server_close()


class Asked:
    """A server and what calls to it cost, a round after another."""

    def __init__(self, *options: str) -> None:
        self.server = Process(*options)
        self.rates: list[float] = []
        self.costs_us: list[float] = []

    def begin(self) -> None:
        """Start it, and give it a device to be asked for."""
        self.server.start()
        product_key, [(name, _)] = product_with(self.server.client(), 1)
        asked = {"Action": "QueryDeviceDetail", "ProductKey": product_key, "DeviceName": name}
        self._given = {"port": self.server.http, "key": self.server.key, "asked": asked}
        called({**self._given, "seconds": 1.0})

    def round(self) -> None:
        """Calls for SPAN_S seconds."""
        assert self.server.process is not None
        before = sum(cpu_s(self.server.process.pid))
        told = called({**self._given, "seconds": SPAN_S})
        self.rates.append(told["per_s"])
        self.costs_us.append((sum(cpu_s(self.server.process.pid)) - before) / told["count"] * 1e6)


def measure(figures: Figures) -> None:
    """The median of some rounds of each."""
    with collector() as url:
        servers = {"": Asked()} | {share: Asked("--otlp", url, "--otlp-sample", share) for share in SHARES}
        try:
            for each in servers.values():
                each.begin()
            for _ in range(ROUNDS):
                for each in servers.values():
                    each.round()
        finally:
            for each in servers.values():
                each.server.stop()
    plain = servers.pop("")
    for share, each in servers.items():
        figures.note(
            f"signed management calls, traced by {share}", statistics.median(each.rates), "/s",
            beside=("without traces", statistics.median(plain.rates)),
        )  # fmt: skip
        figures.note(
            f"CPU per signed management call, traced by {share}", statistics.median(each.costs_us), "us",
            beside=("without traces", statistics.median(plain.costs_us)),
        )  # fmt: skip
