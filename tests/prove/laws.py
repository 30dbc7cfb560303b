"""The laws that a database at rest must keep, as queries that find who breaks them."""

import asyncio

import asyncpg

OPEN = "('CONFIRM', 'QUEUED', 'NOTIFIED', 'IN_PROGRESS')"
LAWS = {
    "L1: two open tasks": (
        f"select a.device_id from task a join task b using (device_id) where a.state in {OPEN} and b.state in {OPEN}"
        " and (a.job_id, a.nth) < (b.job_id, b.nth) and (a.slot = '' or b.slot = '' or a.slot = b.slot)"
    ),
    "L2: counters are not what is there": (
        "select * from (select job_id, state, count(*) as n from task group by 1, 2) as there full join"
        " (select job_id, state, sum(n) as n from job_count group by 1, 2 having sum(n) <> 0) as counted"
        " using (job_id, state) where there.n is distinct from counted.n"
    ),
    "L2: a counter below nothing": (
        "select * from (select job_id, wave, acts, state, asked, again, gone, outcome, sum(n) as n from"
        " job_count group by 1, 2, 3, 4, 5, 6, 7, 8) as counted where n < 0"
    ),
    "a history that ends elsewhere": (
        "select t.device_id from task t cross join lateral (select to_state from task_change h"
        " where h.device_id = t.device_id and h.job_id = t.job_id and h.nth = t.nth order by rev desc limit 1) h"
        " where h.to_state <> t.state"
    ),
    "a history with a gap": (
        "select * from (select to_state, lead(from_state) over w as next, lead(event) over w as event from task_change"
        " window w as (partition by device_id, job_id, nth order by rev)) x"
        " where next is distinct from to_state and event is not null"
    ),
    "L7: ended twice": (
        "select device_id from task_change where event = 'cancelled'"
        " group by device_id, job_id, nth having count(*) > 1"
    ),
    "an act that is never done": "select * from job_act where done_at is null",
}


def broken(dsn: str) -> list[str]:
    """Each law that is broken, with the first that breaks it; to be called in a thread of its own."""

    async def look() -> list[str]:
        conn = await asyncpg.connect(dsn)
        try:
            found = [(law, await conn.fetchrow(query)) for law, query in LAWS.items()]
        finally:
            await conn.close()
        return [f"{law}: {dict(row)}" for law, row in found if row is not None]

    return asyncio.run(look())
