-- Policies of running dynamic jobs, looked up by what a device runs, never by scanning jobs.

-- name: add_policy
insert into policy (product_id, module, source_version, job_id, group_id, destination)
select :product_id, :module, unnest(:source_versions::text[]), :job_id, :group_id, :destination;

-- name: drop_policy
delete from policy where job_id = :job_id;

-- name: modules_of_policies
-- Of these products, the modules that a policy speaks of: for most fleets none, and then nothing else is asked.
select distinct product_id, module from policy where product_id = any(:product_ids::bigint[]);

-- name: candidates
-- For each product, module and version: the newest policy that takes every such device, and those of groups that are
-- newer still. Two index probes each, however many policies there are.
with plain as (
    select w.product_id, w.module, w.version, n.job_id, n.destination
    from unnest(:product_ids::bigint[], :modules::text[], :versions::text[]) as w(product_id, module, version)
    cross join lateral (
        select p.job_id, p.destination from policy p
        where p.product_id = w.product_id and p.module = w.module and p.source_version = w.version
          and p.group_id is null
        order by p.job_id desc limit 1
    ) n
    union all
    select w.product_id, w.module, w.version, n.job_id, n.destination
    from unnest(:product_ids::bigint[], :modules::text[], :versions::text[]) as w(product_id, module, version)
    cross join lateral (
        select p.job_id, p.destination from policy p
        where p.product_id = w.product_id and p.module = w.module and p.source_version = '' and w.version <> ''
          and p.group_id is null
        order by p.job_id desc limit 1
    ) n
), newest as (
    select distinct on (product_id, module, version) * from plain order by product_id, module, version, job_id desc
)
select product_id, module, version, job_id, null::bigint as group_id, destination from newest
union all
select w.product_id, w.module, w.version, p.job_id, p.group_id, p.destination
from unnest(:product_ids::bigint[], :modules::text[], :versions::text[]) as w(product_id, module, version)
left join newest n using (product_id, module, version)
join policy p on p.product_id = w.product_id and p.module = w.module and p.group_id is not null
     and p.source_version in ('', w.version) and p.job_id > coalesce(n.job_id, 0)
order by job_id desc;

-- name: products_of
-- The live devices among these, with their product.
select device_id, product_id from device where device_id = any(:device_ids::uuid[]) and deleted_at is null;

-- name: share_policies
-- The policies of these products stay as they are until this transaction ends; of those that are not got, somebody is
-- changing them now.
select product_id, pg_try_advisory_xact_lock_shared(product_id) as got from unnest(:product_ids::bigint[]) as w(product_id);

-- name: change_policies
-- Waits for every report that was read under the product's present policies; later ones wait for this transaction.
select pg_advisory_xact_lock(:product_id::bigint);

-- name: lock_takers
-- The live devices among these that nobody else holds, locked against the making of other tasks for them (see lock_devices),
-- and against being deleted before what they say is kept.
select device_id from device where device_id = any(:device_ids::uuid[]) and deleted_at is null
order by device_id for no key update skip locked;

-- name: last_tasks
-- The last task that each of these devices had in the job, and its first in the device's present life, if it had any.
-- One that a halt covers, which it is still to follow, counts as ended by it.
select distinct on (t.device_id) t.device_id, t.nth, case when h.nth is null then t.state else 'CANCELED' end as state,
       coalesce(h.reason, t.reason) as reason, t.source_version,
       (select min(o.nth) from task o join device d using (device_id, life)
        where o.device_id = t.device_id and o.job_id = :job_id) as first_nth
from task t left join lateral halt_of(t.job_id, t.acts, t.state) h on true
where t.job_id = :job_id and t.device_id = any(:device_ids::uuid[])
order by t.device_id, t.nth desc;

-- name: versions_of_devices
-- What these devices run of a module; one that never said has no row.
select device_id, version from module_version where device_id = any(:device_ids::uuid[]) and module = :module;

-- name: jobs_of_policies
-- What the making of tasks needs to know of these dynamic jobs.
select j.job_id, j.product_id, j.kind, j.overwrite, j.need_push, j.need_confirm, j.asks_version,
       j.multi_module, lower(p.module) as module, p.version
from job j join package p using (package_id)
where j.job_id = any(:job_ids::bigint[]) and j.status = 'IN_PROGRESS';
