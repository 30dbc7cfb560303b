"""A large database of 0.1.0 comes to today's schema: how long that takes, step by step, and who has to wait for it.

Bystanders ask for one row by its key every 10 ms, as 0.1.0 does at a login and at a report, each by a connection of its
own: for some seconds before, which is the yardstick, and all the while. No node of 0.1.0 may live meanwhile
(docs/upgrade.md), so what they wait is how long the fleet is away. Then the same beside a step of a later release, that
a fleet that is served must not feel: a column of all tasks, filled in chunks, and an index of it. `BENCH_DEVICES` says
how many devices there are.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
from tests.later import COMMAND, later
from tests.prove.platform import postgres
from tests.prove.test_upgrade import ADDS

from bench.figures import Figures
from bench.old_fleet import DEVICES, LARGEST, OPEN_JOB, PRODUCTS, old_database
from upwell.storage.steps import UNMARKED, newest_version, steps

EACH_S = 0.01
BEFORE_S = 5.0
CHUNK = 2000  # tasks of the later step that are written at once
HEAD = 150  # characters by which a step's statement is known
SLOW_S = 0.05  # a step that took less is summed up with the others
_KEY = "device_id = md5('device ' || $1)::uuid"
ASKS = {
    "a device read": "select d.secret, d.enabled, d.life, p.product_key from device d join product p using (product_id)"
    f" where d.{_KEY} and d.deleted_at is null",
    "a device written": f"update device set enabled = true, modified_at = now() where {_KEY}",
    "a presence written": f"update presence set online_at = now() where {_KEY}",
    "a task written": f"update task set progress = 50, modified_at = now() where {_KEY}"
    f" and job_id = {OPEN_JOB} + $1::int % {PRODUCTS} and nth = 0",
}


class Bystander:
    """One question, asked again and again."""

    def __init__(self, dsn: str, ask: str) -> None:
        self._dsn, self._ask = dsn, ask
        self.waits_ms: list[float] = []

    async def run(self) -> None:
        """Until it is cancelled; what it waits for then counts."""
        conn: asyncpg.Connection[Any] = await asyncpg.connect(
            self._dsn, server_settings={"application_name": "bystander"}
        )
        began = None
        try:
            for n in range(1, sys.maxsize):
                began = time.monotonic()
                await conn.fetch(self._ask, str(n * 7919 % DEVICES + 1), timeout=None)
                self.waits_ms.append((time.monotonic() - began) * 1000)
                began = None
                await asyncio.sleep(EACH_S)
        finally:
            if began is not None:
                self.waits_ms.append((time.monotonic() - began) * 1000)
            conn.terminate()


@asynccontextmanager
async def bystanders(dsn: str) -> AsyncIterator[dict[str, float]]:
    """The longest that each waited, known at the end."""
    found: dict[str, float] = {}
    all_of_them = {what: Bystander(dsn, ask) for what, ask in ASKS.items()}
    running = [asyncio.create_task(each.run()) for each in all_of_them.values()]
    try:
        yield found
    finally:
        for task in running:
            task.cancel()
        ended = await asyncio.gather(*running, return_exceptions=True)
    for problem in ended:
        if not isinstance(problem, asyncio.CancelledError):
            raise AssertionError("a bystander ended by itself") from problem if isinstance(problem, Exception) else None
    found |= {what: max(each.waits_ms) for what, each in all_of_them.items()}


class Migration:
    """`upwell migrate`, as a process, and what is seen of it from outside, every 10 ms."""

    def __init__(self) -> None:
        self.spent_s: dict[int, float] = dict.fromkeys((step.version for step in steps()), 0.0)
        self.took_s = 0.0
        self.memory = 0  # bytes at most, of the process
        self.serving = 0  # of PostgreSQL's that works for it, without shared memory
        self._of = {part.text.strip()[:HEAD]: step.version for step in steps() for part in step.parts}

    async def run(self, dsn: str, environ: Mapping[str, str], newest: int) -> None:
        """That of a program to its end. Raises AssertionError if that is not its newest step."""
        looker: asyncpg.Connection[Any] = await asyncpg.connect(dsn, server_settings={"application_name": "looker"})
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *COMMAND, "migrate", "--database-url", dsn, env=environ, stdout=asyncio.subprocess.PIPE
        )
        over = asyncio.create_task(process.communicate())
        looked = began
        while not over.done():
            await self._look(looker, process.pid, -looked + (looked := time.monotonic()))
            await asyncio.wait([over], timeout=EACH_S)
        self.took_s = time.monotonic() - began
        await looker.close()
        told, _ = await over
        assert process.returncode == 0 and f"version {newest}" in told.decode(), told

    async def _look(self, looker: "asyncpg.Connection[Any]", pid: int, since_s: float) -> None:
        row = await looker.fetchrow(
            "select pid, query from pg_stat_activity where application_name like 'upwell %' and state = 'active'"
            " order by query_start limit 1"
        )
        self.memory = max(self.memory, _status(pid, "VmHWM"))
        if row is not None:
            self.serving = max(self.serving, _status(row["pid"], "RssAnon"))
            version = self._of.get(row["query"].strip()[:HEAD])
            if version is not None:
                self.spent_s[version] += since_s


def _status(pid: int, name: str) -> int:
    """Bytes; 0 of a process that has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(name + ":")), 0)


async def _sizes(dsn: str) -> tuple[int, int]:
    """How far the log has come, and bytes of the database."""
    conn: asyncpg.Connection[Any] = await asyncpg.connect(dsn)
    try:
        row = await conn.fetchrow(
            "select (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint as log, pg_database_size(current_database()) as data"
        )
        assert row is not None
        return row["log"], row["data"]
    finally:
        await conn.close()


async def _rows(dsn: str) -> dict[str, int]:
    conn: asyncpg.Connection[Any] = await asyncpg.connect(dsn)
    try:
        return {name: await conn.fetchval(f"select count(*) from {name}") for name in LARGEST}
    finally:
        await conn.close()


COUNTS = """
select (select sum(n) from job_count) = (select count(*) from task)
   and (select sum(devices) from fleet_count) = (select count(*) from device)
   and (select sum(online) from fleet_count) = (select count(node_id) from presence)
   and (select sum(n) from version_count) = (select count(*) from module_version)
   and not exists (select from device_tag where account_id is null)
"""


async def _counts_fit(dsn: str) -> bool:
    conn: asyncpg.Connection[Any] = await asyncpg.connect(dsn)
    try:
        return bool(await conn.fetchval(COUNTS))
    finally:
        await conn.close()


def measure(figures: Figures) -> None:
    """A PostgreSQL of its own."""
    asyncio.run(_measure(figures))


async def _measure(figures: Figures) -> None:
    async with postgres() as (dsn, folder):
        await old_database(dsn, folder)
        await _upgrade(figures, dsn)
        await _next(figures, dsn, folder)


async def _upgrade(figures: Figures, dsn: str) -> None:
    print(f"a database of 0.1.0: {', '.join(f'{name} {rows:,}' for name, rows in (await _rows(dsn)).items())} rows;"
          f" load {os.getloadavg()[0]:.1f}", flush=True)  # fmt: skip
    async with bystanders(dsn) as before:
        await asyncio.sleep(BEFORE_S)
    log, data = await _sizes(dsn)
    migration = Migration()
    async with bystanders(dsn) as beside:
        await migration.run(dsn, os.environ, newest_version())
    log_after, data_after = await _sizes(dsn)
    assert await _counts_fit(dsn), "what was counted is not what is there"
    figures.note(f"{DEVICES:,} devices of 0.1.0 to step {newest_version()}", migration.took_s, "s")
    rest = 0.0
    for version, spent in migration.spent_s.items():
        if spent >= SLOW_S:
            figures.note(f"  step {version}{' (one transaction)' if version <= UNMARKED else ''}", spent, "s")
        else:
            rest += spent
    figures.note("  all other steps", rest, "s")
    for what, waited in beside.items():
        figures.note(f"{what} by its key, slowest", waited, "ms", beside=("before", before[what]))
    figures.note("log that it wrote", (log_after - log) / 1e6, "MB", beside=("the database", data / 1e6))
    figures.note("disk that it took", (data_after - data) / 1e6, "MB", beside=("the database", data / 1e6))
    figures.note("memory of the process, at most", migration.memory / 1e6, "MB")
    figures.note("memory of PostgreSQL for it, at most", migration.serving / 1e6, "MB")


async def _next(figures: Figures, dsn: str, folder: Path) -> None:
    environ = later(folder / "later", ADDS.replace("limit 5", f"limit {CHUNK}"))
    async with bystanders(dsn) as before:
        await asyncio.sleep(BEFORE_S)
    migration = Migration()
    async with bystanders(dsn) as beside:
        await migration.run(dsn, environ, newest_version() + 1)
    figures.note(f"a later step over {DEVICES:,} tasks in chunks", migration.took_s, "s")
    for what, waited in beside.items():
        figures.note(f"beside it {what}, slowest", waited, "ms", beside=("before", before[what]))
