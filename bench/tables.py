"""How the tables that grow are kept: what free space in a page and partitions cost and save.

`python -m bench.tables`: on a PostgreSQL of its own, the updates that a fleet makes in a day (connections, versions, an
upgrade with five steps) against tables of several fill factors, and a year of history in one table against twelve
partitions. Bytes of WAL and of the tables are the same whatever else the machine does; seconds are for reading.
"""

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

import asyncpg

from upwell.embedded.server import EmbeddedPostgres
from upwell.storage.database import Database
from upwell.storage.migrating import migrate

DEVICES = 50_000
LINES = 600_000  # of history, in twelve months
CHUNK = 1_000
FACTORS = (100, 90, 80, 70, 50)

MADE = {
    "task": """insert into task (device_id, job_id, module, state, created_at, modified_at, node_id, due_at)
               select md5(n::text)::uuid, 1, 'default', 'QUEUED', now(), now(), md5('n')::uuid, now()
               from generate_series(1, {devices}) n""",
    "module_version": """insert into module_version (device_id, module, version, reported_at)
                         select md5(n::text)::uuid, 'default', 'v1', now() from generate_series(1, {devices}) n""",
    "presence": """insert into presence (device_id, online_at, address)
                   select md5(n::text)::uuid, now(), '10.0.0.1' from generate_series(1, {devices}) n""",
}
_OF = " where device_id = any($1)"
_STEP = "update task set progress = {step}, rev = rev + 1, modified_at = now()" + _OF
UPDATES = {
    "task": [
        "update task set state = 'NOTIFIED', offered_on = node_id, offered_at = now(), rev = rev + 1" + _OF,
        "update task set state = 'IN_PROGRESS', due_at = null, timeout_at = now(), rev = rev + 1" + _OF,
        *[_STEP.format(step=step) for step in (20, 40, 60, 80, 100)],
        "update task set state = 'SUCCEEDED', timeout_at = null, rev = rev + 1" + _OF,
    ],
    "module_version": ["update module_version set version = version || '', reported_at = now()" + _OF] * 4,
    "presence": [
        "update presence set node_id = md5('n')::uuid, connection_id = device_id, online_at = now()" + _OF,
        "update presence set node_id = null, connection_id = null, offline_at = now()" + _OF,
    ]
    * 2,
}


async def filled_at(conn: asyncpg.Connection, table: str, factor: int) -> None:
    """One table at one fill factor: a line of figures."""
    await conn.execute(f"truncate {table}")
    await conn.execute(f"alter table {table} set (fillfactor = {factor}, autovacuum_enabled = off)")
    await conn.execute(MADE[table].format(devices=DEVICES))
    await conn.execute(f"vacuum analyze {table}")
    await conn.execute("checkpoint")
    ids = [row[0] for row in await conn.fetch(f"select device_id from {table} order by md5(device_id::text)")]
    before = await conn.fetchval("select pg_total_relation_size($1::text::regclass)", table)
    wal = await conn.fetchval("select pg_current_wal_lsn()")
    began = time.perf_counter()
    for update in UPDATES[table]:
        for at in range(0, len(ids), CHUNK):
            await conn.execute(update, ids[at : at + CHUNK])
        await conn.execute(f"vacuum {table}")  # as autovacuum does between the waves of a fleet's day
    seconds = time.perf_counter() - began
    logged = await conn.fetchval("select pg_current_wal_lsn() - $1::pg_lsn", wal)
    await conn.execute("select pg_stat_force_next_flush()")
    figures = "select n_tup_hot_upd, n_tup_upd from pg_stat_user_tables where relname = $1"
    [(hot, updated)] = await conn.fetch(figures, table)
    await conn.execute("select pg_stat_reset()")
    after = await conn.fetchval("select pg_total_relation_size($1::text::regclass)", table)
    print(
        f"{table:15} fillfactor {factor:3}: {100 * hot / max(updated, 1):3.0f} % hot, {int(logged) / updated:4.0f} B of"
        f" WAL an update, {before / DEVICES:4.0f} -> {after / DEVICES:4.0f} B a row, {seconds:5.1f} s"
    )


_HISTORY = """device_id uuid not null, job_id bigint not null, nth smallint not null, rev int not null,
    at timestamptz not null, event text not null, from_state text, to_state text not null,
    detail text not null default ''"""


async def history(conn: asyncpg.Connection, *, partitioned: bool) -> None:
    """A year of history written in order, and its first month forgotten."""
    await conn.execute("drop table if exists h")
    key = "primary key (device_id, job_id, nth, rev" + (", at)" if partitioned else ")")
    await conn.execute(f"create table h ({_HISTORY}, {key})" + (" partition by range (at)" if partitioned else ""))
    for month in range(1, 13) if partitioned else ():
        start, end = f"2025-{month:02}-01", f"2025-{month + 1:02}-01" if month < 12 else "2026-01-01"
        await conn.execute(f"create table h_{month} partition of h for values from ('{start}') to ('{end}')")
    wal = await conn.fetchval("select pg_current_wal_lsn()")
    began = time.perf_counter()
    for at in range(0, LINES, CHUNK):
        await conn.execute(
            "insert into h select md5((n / 5)::text)::uuid, 1, 0, n % 5, timestamptz '2025-01-01 UTC' + "
            "make_interval(secs => n::float8 / $3 * 31535000), 'progressed', 'QUEUED', 'NOTIFIED'"
            " from generate_series($1::int, $2::int) n", at, at + CHUNK - 1, LINES,
        )  # fmt: skip
    wrote = time.perf_counter() - began
    logged = int(await conn.fetchval("select pg_current_wal_lsn() - $1::pg_lsn", wal)) / LINES
    wal, began, gone = await conn.fetchval("select pg_current_wal_lsn()"), time.perf_counter(), 0
    if partitioned:
        await conn.execute("alter table h detach partition h_1")
        gone = await conn.fetchval("select count(*) from h_1")
        await conn.execute("drop table h_1")
    else:
        for block in range(0, await conn.fetchval("select pg_relation_size('h') / 8192"), 64):
            done = await conn.execute(
                f"delete from h where ctid >= '({block},0)' and ctid < '({block + 64},0)' and at < '2025-02-01'"
            )
            gone += int(done.split()[-1])
    forgot = time.perf_counter() - began
    dropped = int(await conn.fetchval("select pg_current_wal_lsn() - $1::pg_lsn", wal)) / max(gone, 1)
    began = time.perf_counter()
    for n in range(500):
        await conn.fetch("select * from h where device_id = md5($1::text)::uuid order by at", str(n * 200))
    read = (time.perf_counter() - began) / 500 * 1e6
    how = "in partitions" if partitioned else "in one table"
    print(
        f"history {how}: written {LINES / wrote / 1000:.0f} k lines/s, {logged:.0f} B of WAL a line; {gone} forgotten"
        f" in {forgot:.2f} s, {dropped:.0f} B of WAL each; a device's timeline {read:.0f} us"
    )


async def main() -> None:
    with tempfile.TemporaryDirectory(prefix="upwell-bench-") as folder:
        os.chmod(folder, 0o711)  # as root the server is another user and must pass through
        server = EmbeddedPostgres(Path(folder) / "data")
        await server.start()
        try:
            database = Database(server.dsn)
            await database.open()
            await migrate(database)
            await database.close()
            conn = await asyncpg.connect(server.dsn)
            for table in MADE if "history" not in sys.argv else ():
                for factor in FACTORS:
                    await filled_at(conn, table, factor)
            for partitioned in (False, True):
                await history(conn, partitioned=partitioned)
            await conn.close()
        finally:
            await server.stop()


if __name__ == "__main__":
    asyncio.run(main())
