"""A collector of traces for tests: it takes OTLP over HTTP on loopback, decodes what came, and can be bad at it."""

import gzip
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

SENT_S = 15.0  # in which what happened has been sent
KINDS = {1: "internal", 2: "server", 3: "client"}


@dataclass(frozen=True, kw_only=True)
class Told:
    """A span as it came."""

    name: str
    kind: str
    trace: str
    id: str
    parent: str
    began_ns: int
    ended_ns: int
    is_error: bool
    attributes: Mapping[str, Any]
    resource: Mapping[str, Any]

    @property
    def ms(self) -> float:
        return (self.ended_ns - self.began_ns) / 1e6


@dataclass(kw_only=True)
class Collector:
    """What it was sent. It answers `status`, after `pause` where that is set."""

    url: str = ""
    status: int = 200
    paused: threading.Event = field(default_factory=threading.Event)
    raw: list[bytes] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    spans: list[Told] = field(default_factory=list)
    asked: int = 0

    def found(self, fits: Callable[[Told], bool], count: int = 1) -> list[Told]:
        """The spans that fit, once there are so many."""
        until = time.monotonic() + SENT_S
        while len(found := [span for span in list(self.spans) if fits(span)]) < count:
            assert time.monotonic() < until, f"{len(found)} of {count} came; there are {self.names()}"
            time.sleep(0.05)
        return found

    def parts(self, of: Told) -> list[Told]:
        """The spans right below it, by when they began; they came with it, or before."""
        return sorted((s for s in self.spans if (s.trace, s.parent) == (of.trace, of.id)), key=lambda s: s.began_ns)

    def names(self) -> Sequence[str]:
        return sorted({span.name for span in self.spans})


@contextmanager
def collecting(port: int = 0) -> Iterator[Collector]:
    """A collector that listens."""
    collector = Collector()
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.asked += 1
            while collector.paused.is_set() and not ended.is_set():
                time.sleep(0.02)
            if collector.status == 200 and not collector.paused.is_set():
                assert self.path == "/v1/traces" and self.headers["content-type"] == "application/x-protobuf"
                keep(collector, gzip.decompress(body) if self.headers["content-encoding"] == "gzip" else body)
                collector.headers.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(collector.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Listener(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Who sent has gone."""

    listener = Listener(("127.0.0.1", port), Handler)
    collector.url = f"http://127.0.0.1:{listener.server_address[1]}"
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield collector
    finally:
        ended.set()
        listener.shutdown()
        thread.join()
        listener.server_close()


def keep(collector: Collector, body: bytes) -> None:
    collector.raw.append(body)
    for of in ExportTraceServiceRequest.FromString(body).resource_spans:
        resource = pairs(of.resource.attributes)
        for span in (span for scope in of.scope_spans for span in scope.spans):
            told = Told(
                name=span.name, kind=KINDS[span.kind], trace=span.trace_id.hex(), id=span.span_id.hex(),
                parent=span.parent_span_id.hex(), began_ns=span.start_time_unix_nano, ended_ns=span.end_time_unix_nano,
                is_error=span.status.code == 2, attributes=pairs(span.attributes), resource=resource,
            )  # fmt: skip
            collector.spans.append(told)


def pairs(attributes: Any) -> dict[str, Any]:
    return {each.key: value(each.value) for each in attributes}


def value(told: Any) -> Any:
    which = told.WhichOneof("value")
    return [value(each) for each in told.array_value.values] if which == "array_value" else getattr(told, which)
