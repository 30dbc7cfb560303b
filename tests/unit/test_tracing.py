"""What a trace keeps of the work that it is opened around, and what it does not cost where there is none."""

import asyncio
import time

import pytest

from upwell.meters import tracing
from upwell.meters.tracing import NOTHING, PARTS_MAX, Kind, Span, Trace, Tracer, is_traced, note, part, trace_id
from upwell.storage.timing import PoolMeter


class Sink:
    """Takes what it is told to, and keeps names."""

    def __init__(self, *, takes: bool = True) -> None:
        self.takes = takes
        self.ended: list[tuple[str, list[object]]] = []
        self.told: list[dict[str, object]] = []
        self.failed: list[str] = []

    def begin(self, trace: Trace) -> None:
        trace.is_taken, trace.id = self.takes or bool(trace.claimed), "own" if self.takes else ""

    def proven(self, trace: Trace) -> None:
        trace.id = trace.claimed
        trace.is_taken = trace.claimed != "not sampled"

    def end(self, trace: Trace) -> None:
        self.ended.append((trace.id, names(trace)))
        self.told.append({**trace.told, "left_out": trace.left_out})
        self.failed.append(trace.failed)


def names(span: Span) -> list[object]:
    return [(each.name, names(each)) if each.parts else each.name for each in span.parts]


async def test_what_happens_within_is_its_parts() -> None:
    sink = Sink()
    meter = PoolMeter("devices")
    with Tracer(sink).trace(Kind.BATCH, "batch") as span:
        assert trace_id() == "own" and span
        await meter.timed("commit;", asyncio.sleep(0))
        with part(Kind.OFFER, "offer") as offer:
            await asyncio.gather(meter.timed("select 1", asyncio.sleep(0)), meter.timed("", asyncio.sleep(0)))
            offer.tell(offers=3, jobs=(), nothing=None)
        meter.waited(time.perf_counter() - 1.0)
        meter.waited(time.perf_counter())
        span.tell(items=0, lane="")
    assert offer.told == {"offers": 3}
    assert sink.ended == [("own", ["COMMIT", ("offer", ["SELECT", "other"]), "connection"])]
    assert sink.told == [{"items": 0, "left_out": 0}]
    assert (trace_id(), is_traced(), part(Kind.OFFER, "offer")) == ("", False, NOTHING)


async def test_a_failure_is_told_by_its_class_alone() -> None:
    sink = Sink()
    trace = Tracer(sink).trace(Kind.PUSH, "push")
    with pytest.raises(ValueError), trace, part(Kind.OFFER, "offer") as inner:
        raise ValueError("a secret")
    assert sink.failed == ["ValueError"] and inner.failed == "ValueError" and not is_traced()


async def test_parts_are_bounded_and_those_beyond_are_counted() -> None:
    sink = Sink()
    with Tracer(sink).trace(Kind.BATCH, "batch"):
        for _ in range(PARTS_MAX + 7):
            note(Kind.STATEMENT, "x", 0.0, 1.0)
        with part(Kind.OFFER, "beyond") as beyond:
            assert beyond is NOTHING
    assert len(sink.ended[0][1]) == PARTS_MAX and sink.told[0]["left_out"] == 8


async def test_a_claimed_trace_counts_once_it_is_proven() -> None:
    sink = Sink(takes=False)
    tracer = Tracer(sink)
    assert tracer.trace(Kind.CALL, "call") is NOTHING
    with tracer.trace(Kind.CALL, "call", claimed="theirs") as span:
        assert trace_id() == ""
        note(Kind.STATEMENT, "before", 0.0, 1.0)
        span.proven()
        assert trace_id() == "theirs"
        note(Kind.STATEMENT, "after", 0.0, 1.0)
    with tracer.trace(Kind.CALL, "call", claimed="not sampled") as span:
        span.proven()
        assert trace_id() == "not sampled"
        note(Kind.STATEMENT, "not kept", 0.0, 1.0)
    assert sink.ended == [("theirs", ["before", "after"])]


async def test_what_goes_on_beside_is_no_part_of_what_is_over() -> None:
    sink, go = Sink(), asyncio.Event()

    async def beside() -> str:
        await go.wait()
        note(Kind.STATEMENT, "late", 0.0, 1.0)
        return trace_id()

    with Tracer(sink).trace(Kind.CALL, "call"):
        task = asyncio.create_task(beside())
    go.set()
    assert await task == "" and sink.ended == [("own", [])]


async def test_what_is_forgotten_is_not_told() -> None:
    sink = Sink()
    with Tracer(sink).trace(Kind.PUSH, "push") as span:
        span.forget()
        assert trace_id() == ""
    assert sink.ended == []


async def test_without_a_sink_nothing_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "Trace", None)
    with Tracer().trace(Kind.BATCH, "batch", claimed="x") as span:
        span.proven()
        span.tell(items=1)
        await PoolMeter("devices").timed("select 1", asyncio.sleep(0))
        assert not is_traced() and not span
    span.forget()
    assert NOTHING.told == {} and NOTHING.parts == []
