"""The sink of traces below the server: what is bounded, dropped whole and counted, and that nobody waits for it."""

import logging
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from tests.otlp_collector import Collector, collecting

from upwell.meters.tracing import Kind, Tracer, note, part
from upwell.wiring.otlp import END_WITHIN_S, QUEUE_MAX, Otlp

PARTS = 9
TRACES = 1000


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


@pytest.fixture
async def otlp(collector: Collector) -> AsyncIterator[Otlp]:
    made = Otlp(f"{collector.url}/", 1.0, "a node")
    yield made
    await made.close()


def worked(tracer: Tracer, **told: str | int) -> None:
    with tracer.trace(Kind.CALL, "call") as span:
        for number in range(PARTS):
            note(Kind.STATEMENT, f"sheet.{number}", time.perf_counter(), time.perf_counter(), pool="devices")
        span.tell(**told)


async def test_what_the_collector_does_not_take_is_dropped_whole_and_nobody_waits(
    collector: Collector, otlp: Otlp, caplog: pytest.LogCaptureFixture
) -> None:
    collector.paused.set()
    tracer, slowest_s = Tracer(otlp), 0.0
    with caplog.at_level(logging.WARNING):
        for _ in range(TRACES):
            began_s = time.perf_counter()
            worked(tracer)
            slowest_s = max(slowest_s, time.perf_counter() - began_s)
    dropped = otlp.outcomes().found["dropped",]
    assert slowest_s < 1.0
    assert dropped % (PARTS + 1) == 0 and TRACES * (PARTS + 1) - dropped <= QUEUE_MAX
    assert [record.getMessage() for record in caplog.records if record.name.startswith("upwell")] == [
        f"spans: {QUEUE_MAX} wait for the collector, further ones are dropped"
    ]
    began_s = time.perf_counter()
    await otlp.close()
    assert time.perf_counter() - began_s < END_WITHIN_S + 1.0
    assert otlp.outcomes().found == {("sent",): 0, ("dropped",): TRACES * (PARTS + 1)}


async def test_what_is_left_at_the_end_is_sent(collector: Collector, otlp: Otlp) -> None:
    for _ in range(10):
        worked(Tracer(otlp))
    await otlp.close()
    assert otlp.outcomes().found == {("sent",): 10 * (PARTS + 1), ("dropped",): 0}
    assert len(collector.spans) == 10 * (PARTS + 1)


async def test_only_known_words_leave_and_they_are_bounded(collector: Collector, otlp: Otlp) -> None:
    worked(Tracer(otlp), tongue="t" * 1000, secret="x", body="y", status=503, code="Unavailable")
    with Tracer(otlp).trace(Kind.PUSH, "push"), part(Kind.OFFER, "offer") as offer:
        offer.tell(jobs=(1, 2), offers=0)
    with pytest.raises(KeyError), Tracer(otlp).trace(Kind.BATCH, "batch"):
        raise KeyError("what is said of it")
    await otlp.close()
    by_name = {span.name[:9]: span for span in collector.spans}
    call, offered, batch = by_name["t" * 9], by_name["offer"], by_name["batch"]
    assert call.name == call.attributes["rpc.system.name"] == "t" * 256 and call.is_error
    assert set(call.attributes) == {
        "rpc.system.name", "http.response.status_code", "rpc.response.status_code", "error.type",
    }  # fmt: skip
    assert offered.attributes == {
        "upwell.rollouts": ["ro_0000000000000001", "ro_0000000000000002"], "upwell.offer.sent": 0,
    }  # fmt: skip
    assert batch.is_error and batch.attributes == {"error.type": "KeyError"}
    assert not any(b"what is said" in sent for sent in collector.raw)
