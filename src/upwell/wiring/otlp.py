"""Traces on their way out by OTLP over HTTP: the sink of what `meters/tracing.py` keeps, in OpenTelemetry's words.

Holds: whoever ends a trace waits for nothing. What the collector does not take in time is dropped, a whole trace at a
time, and counted; the log says so seldom. Only the words of NAMES leave: no text of a request, of a statement or of a
failure. The packages of `upwell[otel]` are imported by this file alone, and this file by `--otlp` alone.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Sequence
from typing import Any

import requests
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span as OtelSpan
from opentelemetry.trace import SpanKind, StatusCode, get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from upwell import __version__
from upwell.dialects.upwell.names import rollout_id
from upwell.domain.errors import Unavailable
from upwell.engine.trouble import Trouble
from upwell.meters.counting import Tally
from upwell.meters.tracing import Kind, Span, Trace, Value

log = logging.getLogger(__name__)
QUEUE_MAX = 4096  # spans that are not settled yet
BATCH_MAX = 512  # spans of one request
DELAY_MS = 1000.0  # that a span waits for company
EXPORT_WITHIN_S = 5.0  # for one request with its repetitions
END_WITHIN_S = 3.0  # for what is left when the server ends
VALUE_CHARS_MAX = 256
PATH = "/v1/traces"  # OTLP 1.x: below the collector's own

KINDS = {Kind.CALL: SpanKind.SERVER, Kind.WAIT: SpanKind.CLIENT, Kind.STATEMENT: SpanKind.CLIENT}
SYSTEM = {"db.system.name": "postgresql"}
NAMES = {  # OpenTelemetry's semantic conventions where they have one
    "tongue": "rpc.system.name",
    "operation": "rpc.method",
    "status": "http.response.status_code",
    "code": "rpc.response.status_code",
    "peer": "client.address",
    "request_id": "upwell.request_id",
    "account": "upwell.account",
    "key": "upwell.key",
    "lane": "upwell.lane",
    "items": "messaging.batch.message_count",
    "aside": "upwell.batch.aside",
    "failed": "upwell.batch.failed",
    "tasks": "upwell.offer.tasks",
    "offers": "upwell.offer.sent",
    "missed": "upwell.offer.missed",
    "jobs": "upwell.rollouts",
    "pool": "db.client.connection.pool.name",
}
STATEMENT, ERROR, LEFT_OUT = "db.query.summary", "error.type", "upwell.parts_left_out"
NOWHERE = Context()  # in which nothing is under way


class Otlp:
    """Sends the traces of one process; `node` is which."""

    def __init__(self, collector: str, share: float, node: str) -> None:
        self._handed = self._dropped = 0  # spans; by the event loop alone
        self._exporter = _Settling(collector)
        self._processor = BatchSpanProcessor(
            self._exporter, max_queue_size=QUEUE_MAX, max_export_batch_size=BATCH_MAX, schedule_delay_millis=DELAY_MS
        )
        told = {"service.name": "upwell", "service.version": __version__, "service.instance.id": node}
        provider = TracerProvider(
            ParentBased(TraceIdRatioBased(share)), Resource.create(told), shutdown_on_exit=False
        )  # fmt: skip
        provider.add_span_processor(self._processor)
        self._tracer = provider.get_tracer("upwell", __version__)
        self._crowd = Trouble(log, "spans")

    def outcomes(self) -> Tally:
        """How many spans were sent, and how many dropped."""
        tally, exporter = Tally(), self._exporter
        tally.add("sent", by=exporter.sent)
        tally.add("dropped", by=self._dropped + exporter.settled - exporter.sent)
        return tally

    def begin(self, trace: Trace) -> None:
        """By the share; one that claims to be part of another is kept until it is proven, whatever the share."""
        self._mark(trace, NOWHERE)
        trace.is_taken = bool(trace.id) or _parent(trace.claimed) is not None

    def proven(self, trace: Trace) -> None:
        """The trace that is claimed is gone on with, taken or not as it says."""
        parent = _parent(trace.claimed)
        if parent is not None:
            self._mark(trace, parent)
            trace.is_taken = bool(trace.id)

    def end(self, trace: Trace) -> None:
        """Sent later, or dropped where too many wait."""
        if not trace.id:  # it claimed what was not proven
            return
        count = 1 + _parts(trace)
        if self._handed - self._exporter.settled + count > QUEUE_MAX:
            self._dropped += count
            self._crowd.tell(
                Unavailable(f"{QUEUE_MAX} wait for the collector, further ones are dropped"), expected=True
            )
            return
        self._handed += count
        root = trace.mark
        assert isinstance(root, OtelSpan)  # noqa: S101
        root.update_name(_called(trace))
        if trace.left_out:
            root.set_attribute(LEFT_OUT, trace.left_out)
        self._send(trace, trace, root)

    async def close(self) -> None:
        """Send what is left, for END_WITHIN_S at most; the rest is dropped."""
        over, loop = asyncio.Event(), asyncio.get_running_loop()

        def end() -> None:
            self._processor.shutdown()  # type: ignore[no-untyped-call]  # it has no types
            with contextlib.suppress(RuntimeError):  # the loop ended meanwhile
                loop.call_soon_threadsafe(over.set)

        # A thread of its own that nobody waits for: the loop's executor would keep the process until it is done.
        threading.Thread(target=end, name="traces end", daemon=True).start()
        try:
            async with asyncio.timeout(END_WITHIN_S):
                await over.wait()
        except TimeoutError:
            self._exporter.shutdown()
        left = self._handed - self._exporter.settled
        if left:
            self._dropped += left
            log.warning("traces: %d spans were left when the server ended", left)

    def _mark(self, trace: Trace, within: Context) -> None:
        """Decide, and name the trace."""
        mark = self._tracer.start_span("", within, KINDS.get(trace.kind, SpanKind.INTERNAL),
                                       start_time=trace.ns(trace.began_s))  # fmt: skip
        trace.mark = mark
        trace.id = f"{mark.get_span_context().trace_id:032x}" if mark.is_recording() else ""

    def _send(self, trace: Trace, span: Span, made: OtelSpan) -> None:
        within = set_span_in_context(made, NOWHERE)
        for each in span.parts:
            kind = KINDS.get(each.kind, SpanKind.INTERNAL)
            part = self._tracer.start_span(_called(each), within, kind, start_time=trace.ns(each.began_s))
            self._send(trace, each, part)
        made.set_attributes(_attributes(span))
        if _error(span):
            made.set_status(StatusCode.ERROR)
        made.end(trace.ns(span.ended_s))


def _called(span: Span) -> str:
    """Its name: for a call in which tongue what is asked."""
    told = [str(span.told[name]) for name in ("tongue", "operation") if name in span.told]
    return " ".join(told)[:VALUE_CHARS_MAX] or span.name


def _attributes(span: Span) -> dict[str, Any]:
    told = {NAMES[name]: _bounded(name, value) for name, value in span.told.items() if name in NAMES}
    if span.kind in (Kind.STATEMENT, Kind.WAIT):
        told |= SYSTEM
    if span.kind is Kind.STATEMENT:
        told[STATEMENT] = span.name
    if error := _error(span):
        told[ERROR] = error
    return told


def _bounded(name: str, value: Value) -> object:
    if name == "jobs" and isinstance(value, tuple):
        return [rollout_id(each) for each in value]
    return value[:VALUE_CHARS_MAX] if isinstance(value, str) else value


def _error(span: Span) -> str:
    """What kind of failure of ours it was; a refusal is none."""
    status = span.told.get("status")
    if isinstance(status, int) and status >= 500:
        return str(span.told.get("code") or status)
    return span.failed


def _parts(span: Span) -> int:
    return sum(1 + _parts(each) for each in span.parts)


def _parent(claimed: str) -> Context | None:
    """The place in another's trace that a `traceparent` names; None where it is not well made. Its `tracestate` is left
    out, for we hand nothing on."""
    if not claimed:
        return None
    found = TraceContextTextMapPropagator().extract({"traceparent": claimed}, NOWHERE)
    return found if get_current_span(found).get_span_context().is_valid else None


class _Noting(requests.Session):
    """Keeps what became of the last request, in words that have nothing of the answer."""

    said = ""

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        try:
            answer = super().request(*args, **kwargs)
        except Exception as exc:
            self.said = type(exc).__name__
            raise
        self.said = f"it answers {answer.status_code}"
        return answer


class _Settling(SpanExporter):
    """Sends a batch, in the processor's thread, and counts what became of it."""

    def __init__(self, collector: str) -> None:
        self._session = _Noting()
        self._sender = OTLPSpanExporter(
            endpoint=collector if collector.endswith(PATH) else collector.rstrip("/") + PATH,
            timeout=EXPORT_WITHIN_S, session=self._session,
        )  # fmt: skip
        self._trouble = Trouble(log, "traces")
        self.settled = self.sent = 0  # spans; by this thread alone

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = SpanExportResult.FAILURE
        try:
            result = self._sender.export(spans)
        finally:
            self.sent += len(spans) if result is SpanExportResult.SUCCESS else 0
            self.settled += len(spans)
        if result is SpanExportResult.SUCCESS:
            self._trouble.over()
        else:
            why = f"the collector does not take them, so they are dropped: {self._session.said or 'not sent'}"
            self._trouble.tell(Unavailable(why), expected=True)
        return result

    def shutdown(self) -> None:
        self._sender.shutdown()  # type: ignore[no-untyped-call]  # it has no types

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True
