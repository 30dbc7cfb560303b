"""Do the counters of jobs and fleets say what stands (L2)? Asked of the tables, after every test that has a context."""

import re

from upwell.service.context import Context

_DIFFERENCES = """
with told as (
    select job_id, wave, acts, state, asked, again, gone, outcome, sum(n) as n from job_count
    group by 1, 2, 3, 4, 5, 6, 7, 8
), there as (
    select job_id, wave, acts, state, awaiting not in ('', 'online') as asked,
           attempt > 0 and awaiting in ('', 'online') as again, reason = 'device_deleted' as gone, outcome,
           count(*) as n
    from task group by 1, 2, 3, 4, 5, 6, 7, 8
)
select job_id, wave, acts, state, asked, again, gone, outcome, coalesce(told.n, 0) as told,
       coalesce(there.n, 0) as there
from told full join there using (job_id, wave, acts, state, asked, again, gone, outcome)
where coalesce(told.n, 0) <> coalesce(there.n, 0)
"""
_RECOUNT = """
delete from job_count;
insert into job_count (job_id, lane, wave, acts, state, asked, again, gone, outcome, n)
select job_id, 0, wave, acts, state, awaiting not in ('', 'online'), attempt > 0 and awaiting in ('', 'online'),
       reason = 'device_deleted', outcome, count(*)
from task group by 1, 3, 4, 5, 6, 7, 8, 9;
delete from failure_count;
insert into failure_count (job_id, lane, kind, examples, n)
select job_id, 0, failure, '{}', count(*) from task where failure is not null group by 1, 3;
"""
_FAILURE_DIFFERENCES = """
with told as (select job_id, kind, sum(n) as n from failure_count group by 1, 2),
     there as (select job_id, failure as kind, count(*) as n from task where failure is not null group by 1, 2)
select job_id, kind, coalesce(told.n, 0) as told, coalesce(there.n, 0) as there
from told full join there using (job_id, kind) where coalesce(told.n, 0) <> coalesce(there.n, 0)
"""
_VERSION_DIFFERENCES = """
with told as (
    select product_id, module, version, rare, sum(n) as n from version_count group by 1, 2, 3, 4
), there as (
    select d.product_id, case v.counted when 2 then '' else v.module end as module,
           case v.counted when 0 then coalesce(v.version, '') else '' end as version, v.counted > 0 as rare,
           count(*) as n
    from module_version v join device d using (device_id) group by 1, 2, 3, 4
)
select product_id, module, version, rare, coalesce(told.n, 0) as told, coalesce(there.n, 0) as there
from told full join there using (product_id, module, version, rare) where coalesce(told.n, 0) <> coalesce(there.n, 0)
"""
_RECOUNT_VERSIONS = """
delete from version_count;
insert into version_count (product_id, lane, module, version, rare, n)
select d.product_id, 0, case v.counted when 2 then '' else v.module end,
       case v.counted when 0 then coalesce(v.version, '') else '' end, v.counted > 0, count(*)
from module_version v join device d using (device_id) group by 1, 3, 4, 5
"""
_FLEET_DIFFERENCES = """
with told as (
    select product_id, sum(devices) as devices, sum(active) as active, sum(online) as online from fleet_count group by 1
), there as (
    select d.product_id, count(*) as devices, count(d.activated_at) as active,
           count(*) filter (where n.node_id is not null and d.enabled) as online
    from device d left join presence n using (device_id) where d.deleted_at is null group by 1
)
select product_id, told.devices, told.active, told.online, there.devices as are, there.active as are_active,
       there.online as are_online
from told full join there using (product_id)
where (coalesce(told.devices, 0), coalesce(told.active, 0), coalesce(told.online, 0))
   <> (coalesce(there.devices, 0), coalesce(there.active, 0), coalesce(there.online, 0))
"""
_RECOUNT_FLEET = """
update presence n set counted_in = case when n.node_id is not null and d.enabled and d.deleted_at is null
                                        then d.product_id end
from device d where d.device_id = n.device_id;
delete from fleet_count;
insert into fleet_count (product_id, lane, devices, active, online)
select d.product_id, 0, count(*), count(d.activated_at), count(n.counted_in)
from device d left join presence n using (device_id) where d.deleted_at is null group by 1;
"""
_ALL = (_DIFFERENCES, _FAILURE_DIFFERENCES, _VERSION_DIFFERENCES, _FLEET_DIFFERENCES)
WRITES_TASKS = re.compile(r"(update|insert into|delete from) (task|device|presence|module_version)\b")


async def miscounted(ctx: Context) -> list[str]:
    """Where the counters differ from the tasks, a line each."""
    async with ctx.database.connection() as conn:
        found = [row for each in _ALL for row in await conn.fetch(each)]
    return [str(dict(row.items())) for row in found]


async def recount(ctx: Context) -> None:
    """Count anew what a test has put into the tables of tasks, devices, presence or versions by hand."""
    async with ctx.database.connection() as conn:
        await conn.execute(_RECOUNT)
        await conn.execute(_RECOUNT_FLEET)
        await conn.execute(_RECOUNT_VERSIONS)
