"""A job over 1,000,000 devices: filled, cancelled, and what bystanders had to wait meanwhile.

The yardstick of filling is what PostgreSQL takes for the same rows in the same run: one INSERT … SELECT of the job's
tasks into a table with the same columns and the same indexes. `BENCH_DEVICES` makes it smaller.
"""

import asyncio
import os
import time
from typing import Any

import asyncpg
from alibabacloud_iot20180120 import models as m
from tests.prove.rollout import Process

from bench.beside import Beside, beside
from bench.figures import Figures

DEVICES = int(os.environ.get("BENCH_DEVICES", "1000000"))
FILL = 2.5
CANCEL_ANSWERED_MS = 100.0
WRITTEN_S = 60.0
BYSTANDER_MS = 250.0
PAGE = 100
REACHED_MAX = min(DEVICES, 100_000)  # alibaba 2.2: tasks of a job that its pages reach
PAGE_MS = 100.0
WITHIN_S = 1200.0


def measure(figures: Figures) -> None:
    """A server of its own."""
    server = Process()
    server.start()
    try:
        with beside(server, DEVICES) as cold:
            _rollout(figures, cold)
    finally:
        server.stop()


def _rollout(figures: Figures, cold: Beside) -> None:
    with cold.beside("idle", 5.0):
        pass
    firmware = cold.new_package("2.0.0")
    with cold.beside("fill") as facts:
        began = time.monotonic()
        job = cold.begin_job(firmware)
        facts["answered_ms"] = (time.monotonic() - began) * 1000
        facts["filled_s"] = cold.filled(job)
    with cold.beside("raw INSERT"):  # beside the same bystanders
        raw = asyncio.run(_raw(cold.server.dsn))
    bound = (f"at most {FILL} x", lambda value, beside: value <= FILL * beside)
    figures.note(f"fill of {DEVICES:,} tasks", facts["filled_s"], "s", beside=("raw INSERT", raw), goal=bound)
    figures.note("job over all, answered", facts["answered_ms"], "ms")
    deep = (f"under {PAGE_MS:.0f} ms", lambda value, beside: value < PAGE_MS)
    for number in (1, REACHED_MAX // PAGE // 2, REACHED_MAX // PAGE):
        figures.note(f"page {number:,} of its tasks", _page(cold, job, number), "ms", goal=deep)
    with cold.beside("cancel") as facts:
        facts["answered_ms"] = cold.cancel(job) * 1000
        facts["written_s"] = cold.written_down()
    answered = (f"under {CANCEL_ANSWERED_MS:.0f} ms", lambda value, beside: value < CANCEL_ANSWERED_MS)
    figures.note(f"cancel of {DEVICES:,} tasks, answered", facts["answered_ms"], "ms", goal=answered)
    written = (f"under {WRITTEN_S:.0f} s", lambda value, beside: value < WRITTEN_S)
    figures.note("the same, written into the tasks", facts["written_s"], "s", goal=written)
    idle = cold["idle"].slowest_ms
    for what in ("fill", "cancel"):
        waited = (f"under {BYSTANDER_MS:.0f} ms", lambda value, beside: value < BYSTANDER_MS)
        figures.note(f"bystander's slowest, {what}", cold[what].slowest_ms, "ms", beside=("idle", idle), goal=waited)


def _page(cold: Beside, job: str, number: int) -> float:
    """Milliseconds of a page that nobody has asked for before."""
    page = m.ListOTATaskByJobRequest(job_id=job, current_page=number, page_size=PAGE)
    began = time.monotonic()
    answer = cold.client.list_otatask_by_job(page).body
    assert answer.success, answer.to_map()
    return (time.monotonic() - began) * 1000


async def _raw(dsn: str) -> float:
    """Seconds of one INSERT … SELECT of all tasks into a table like theirs."""
    conn: asyncpg.Connection[Any] = await asyncpg.connect(dsn)
    try:
        await conn.execute("create table raw_task (like task including all)")
        began = time.monotonic()
        await conn.execute("insert into raw_task select * from task", timeout=WITHIN_S)
        spent = time.monotonic() - began
        await conn.execute("drop table raw_task")
        return spent
    finally:
        await conn.close()
