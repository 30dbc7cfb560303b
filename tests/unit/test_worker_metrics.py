"""The metrics of several workers as one sum, which no end of a worker makes smaller."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process

import pytest

from upwell.wiring import worker_metrics
from upwell.wiring.worker_metrics import WorkerMetrics

# Answers each question with the next of these numbers, and no more questions than it has numbers for.
WORKER = """
import sys
for line, counted in zip(sys.stdin, sys.argv[1:]):
    nth = line.split()[0]
    print('{"nth": %s, "metrics": {"upwell_offers_total": [[["tuya"], %s]]}}' % (nth, counted), flush=True)
print("half an answ", end="", flush=True)
sys.stdin.read()
"""


async def worker(*counted: int) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", WORKER, *map(str, counted), stdin=PIPE, stdout=PIPE
    )


async def offers(metrics: WorkerMetrics) -> tuple[float, dict[str, float]]:
    """Their sum, and which of the workers answered."""
    found = (await metrics.read()).found
    [sum_of_all] = found["upwell_offers_total"].values()
    answered = {labels[0]: value for labels, value in found["upwell_worker_answered"].items()}
    assert isinstance(sum_of_all, float)
    return sum_of_all, {number: value for number, value in answered.items() if isinstance(value, int)}


@pytest.fixture
def patience_s(monkeypatch: pytest.MonkeyPatch) -> float:
    monkeypatch.setattr(worker_metrics, "ANSWER_WITHIN_S", 2.0)
    return worker_metrics.ANSWER_WITHIN_S


async def test_a_worker_that_is_dead_is_told_at_once_and_stays_counted(patience_s: float) -> None:
    metrics, loop = WorkerMetrics(), asyncio.get_running_loop()
    one, other = await worker(10, 20, 20), await worker(5)
    metrics.began(1, one)
    metrics.began(2, other)
    assert await offers(metrics) == (15, {"1": 1, "2": 1})
    other.kill()
    await other.wait()
    for _ in range(2):
        began = loop.time()
        assert await offers(metrics) == (25, {"1": 1, "2": 0})
        assert loop.time() - began < patience_s / 2
    one.kill()
    await one.wait()
    assert await offers(metrics) == (25, {"1": 0, "2": 0})


async def test_a_worker_that_begins_anew_while_another_is_waited_for(patience_s: float) -> None:
    """What it told just before its end is counted once, then and later."""
    metrics = WorkerMetrics()
    one, silent = await worker(10, 20), await worker(1)
    metrics.began(1, one)
    metrics.began(2, silent)
    assert (await offers(metrics))[0] == 11
    reading = asyncio.create_task(offers(metrics))  # it waits for the silent one
    await asyncio.sleep(patience_s / 4)
    one.kill()
    await one.wait()
    fresh = await worker(3, 4)
    metrics.began(1, fresh)
    assert await reading == (21, {"1": 0, "2": 0})
    assert await offers(metrics) == (24, {"1": 1, "2": 0})
    for process in (silent, fresh):
        process.kill()
        await process.wait()
