"""A large database of 0.1.0: its schema by its own program, out of this repository's history, and its rows by SQL.

Ten products share the devices, and each has a job over all of its own: nine that are over and one in its midst. They
are of one account, or of as many as `BENCH_ACCOUNTS` says. Each device has what 0.1.0 leaves of it: a presence (half
of them on a node that was killed), a version of one module or two, two tags, a place in the batch that it was
registered in, and a task with all lines of its history.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import asyncpg
from tests.later import released

DEVICES = int(os.environ.get("BENCH_DEVICES", "200000"))
WITHIN_S = 3600.0
ACCOUNT, ACCOUNTS, PRODUCTS = 7, int(os.environ.get("BENCH_ACCOUNTS", "1")), 10
OWNER = f"{ACCOUNT} + p % {ACCOUNTS}"  # of the product of number p
OPEN_JOB = 100  # the job of product 0; that of product p is 100 + p
LARGEST = ("device", "presence", "module_version", "device_tag", "registered", "task", "task_change")
KEY = "md5('device ' || n)::uuid"  # of the device of number n

FILLS = {
    "account": f"""
        insert into account select {ACCOUNT} + a, 'maker ' || a, now() - interval '1 year'
        from generate_series(0, {ACCOUNTS - 1}) a""",
    "space": """
        insert into space select account_id, account_id, md5(name), 'default', created_at from account""",
    "node": "insert into node values (md5('node')::uuid, now() - interval '1 hour')",
    "product": f"""
        insert into product (product_id, account_id, product_key, product_secret, name, created_at, space_id)
        select p, {OWNER}, 'a1' || substr(md5(p::text), 1, 9), md5('secret ' || p), 'product ' || p,
               now() - interval '1 year', {OWNER}
        from generate_series(0, {PRODUCTS - 1}) p""",
    "package": f"""
        insert into package (package_id, account_id, product_id, name, version, status, object_key, size, md5, sha256,
                             url, created_at, modified_at)
        select 50 + p, {OWNER}, p, 'firmware ' || p, '2.0.0', 'exempt', 'ota/' || p || '.bin', 1024, md5('image'),
               encode(sha256('image'), 'hex'), 'http://127.0.0.1/ota/' || p || '.bin', now() - interval '9 days',
               now() - interval '9 days'
        from generate_series(0, {PRODUCTS - 1}) p""",
    "job": f"""
        insert into job (job_id, account_id, product_id, package_id, kind, selection, status, timeout_min, materialised,
                         cursor_device, created_at, modified_at, started_at, ended_at, looked)
        select {OPEN_JOB} + p, {OWNER}, p, 50 + p, 'static', 'ALL',
               case p when 0 then 'IN_PROGRESS' else 'COMPLETED' end,
               1440, true, 'ffffffff-ffff-ffff-ffff-ffffffffffff', now() - interval '8 days', now() - interval '7 days',
               now() - interval '8 days', case p when 0 then null else now() - interval '7 days' end, 1
        from generate_series(0, {PRODUCTS - 1}) p""",
    "device": f"""
        insert into device (device_id, product_id, name, secret, iot_id, created_at, modified_at, activated_at,
                            sdk_version)
        select {KEY}, n % {PRODUCTS}, 'lamp-' || n, md5('secret ' || n), substr(md5('iot ' || n), 1, 30),
               made.at, made.at, made.at + interval '1 day', '4.2.0'
        from generate_series(1, $1) n
        cross join lateral (select now() - interval '1 year' + n / 1000 * interval '1 second' as at) made""",
    "presence": f"""
        insert into presence (device_id, node_id, connection_id, online_at, offline_at, address)
        select {KEY}, case when n % 2 = 0 then md5('node')::uuid end, case when n % 2 = 0 then {KEY} end,
               now() - interval '2 hours', case when n % 2 = 1 then now() - interval '1 hour' end, '192.0.2.' || n % 250
        from generate_series(1, $1) n""",
    "module_version": f"""
        insert into module_version (device_id, module, version, reported_at, said)
        select {KEY}, m.name, m.version, now() - interval '2 hours', m.said from generate_series(1, $1) n
        join (values ('default', '2.0.0', null, 1), ('mcu', '0.9', 'MCU', 5)) as m(name, version, said, each)
          on n % m.each = 0""",
    "device_tag": f"""
        insert into device_tag (device_id, key, value)
        select {KEY}, t.key, t.key || ' ' || n % t.different from generate_series(1, $1) n
        cross join (values ('site', 1000), ('floor', 9)) as t(key, different)""",
    "device_group": f"""
        insert into device_group (group_id, account_id, name, kind, created_at, space_id, modified_at)
        values (9, {ACCOUNT}, 'hall', 'static', now(), {ACCOUNT}, now())""",
    "group_member": f"insert into group_member select {KEY}, 9, now() from generate_series(5, $1, 5) n",
    "registration": f"""
        insert into registration (apply_id, account_id, product_id, status, asked, created_at)
        select a, {ACCOUNT}, 0, 'CREATE_SUCCESS', 10000, now() - interval '1 year'
        from generate_series(0, $1 / 10000) a""",
    "registered": f"""
        insert into registered (apply_id, place, device_id, name)
        select n / 10000, n % 10000, {KEY}, 'lamp-' || n from generate_series(1, $1) n""",
    "task": f"""
        insert into task (device_id, job_id, module, state, source_version, reason, progress, node_id, offered_on,
                          offered_at, timeout_at, rev, created_at, modified_at)
        select {KEY}, {OPEN_JOB} + n % {PRODUCTS}, 'default', s.state, '1.0.0',
               case s.state when 'FAILED' then 'device_failed' when 'CANCELED' then 'cancelled' else '' end,
               case s.state when 'SUCCEEDED' then 100 when 'IN_PROGRESS' then 40 else 0 end,
               case when n % 2 = 0 then md5('node')::uuid end, case when s.rev > 0 then {KEY} end,
               case when s.rev > 0 then now() - interval '8 days' end,
               case s.state when 'IN_PROGRESS' then now() + interval '1 day' end, s.rev, now() - interval '8 days',
               now() - interval '7 days'
        from generate_series(1, $1) n
        cross join lateral (select case
            when n % {PRODUCTS} = 0 and n / {PRODUCTS} % 10 < 3 then 'QUEUED'
            when n % {PRODUCTS} = 0 and n / {PRODUCTS} % 10 = 3 then 'NOTIFIED'
            when n % {PRODUCTS} = 0 and n / {PRODUCTS} % 10 in (4, 5) then 'IN_PROGRESS'
            when n / {PRODUCTS} % 100 < 92 then 'SUCCEEDED' when n / {PRODUCTS} % 100 < 97 then 'FAILED' else 'CANCELED'
            end as state) its
        cross join lateral (select its.state, case its.state when 'QUEUED' then 0 when 'NOTIFIED' then 1
                                                            when 'IN_PROGRESS' then 2 else 3 end as rev) s""",
    "task_change": """
        insert into task_change (device_id, job_id, nth, rev, at, event, from_state, to_state)
        select t.device_id, t.job_id, t.nth, c.rev, t.created_at + c.rev * interval '1 minute', c.event, c.from_state,
               case c.rev when 3 then t.state else c.to_state end
        from task t join (values (0, 'created', null, 'QUEUED'), (1, 'delivered', 'QUEUED', 'NOTIFIED'),
                                 (2, 'progressed', 'NOTIFIED', 'IN_PROGRESS'), (3, 'arrived', 'IN_PROGRESS', null))
                         as c(rev, event, from_state, to_state) on c.rev <= t.rev""",
}


async def old_database(dsn: str, folder: Path) -> None:
    """An empty database becomes one of 0.1.0 with DEVICES devices. Raises LookupError where the history lacks 0.1.0."""
    made = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from upwell.cli.main import main; main()", "migrate", "--database-url", dsn,
        env=released(folder),
    )  # fmt: skip
    assert await made.wait() == 0, "0.1.0 did not make its schema"
    conn: asyncpg.Connection[Any] = await asyncpg.connect(dsn)
    try:
        await conn.execute("delete from space; delete from account")
        for statement in FILLS.values():
            await conn.execute(statement.replace("$1", str(DEVICES)), timeout=WITHIN_S)
        await conn.execute("vacuum analyze", timeout=WITHIN_S)
        await conn.execute("checkpoint", timeout=WITHIN_S)
    finally:
        await conn.close()
