-- Rollbacks: what a job succeeded on is counted, and brought back by other jobs.

-- name: begin
-- The count begins anew, unless something was made of the last one.
insert into rollback as r (job_id, asked_by, asked_at) values (:job_id, :asked_by, :now)
on conflict (job_id) do update set asked_by = excluded.asked_by, asked_at = excluded.asked_at, walk_after = null, counted_at = null
where r.started_at is null
returning job_id;

-- name: forget_parts
delete from rollback_part where job_id = :job_id;

-- name: waiting
select job_id, walk_after is null as is_new from rollback where counted_at is null order by job_id limit :at_most;

-- name: lock_counting
select job_id, asked_at, walk_after from rollback where job_id = :job_id and counted_at is null for update skip locked;

-- name: count_some
-- The last tasks of the next devices of a job. A device that succeeded at last, in time, counts by what it came from.
with page as materialized (
    select t.device_id, t.nth, t.state, t.module, t.source_version, t.package_id, t.modified_at from task t
    where t.job_id = :job_id and (:after::uuid is null or t.device_id > :after)
    order by t.device_id fetch first :at_most rows with ties
), last as (
    select distinct on (device_id) * from page order by device_id, nth desc
), counted as (
    insert into rollback_part as r (job_id, package_id, module, source_version, devices)
    select :job_id, coalesce(l.package_id, j.package_id), l.module, coalesce(l.source_version, ''), count(*)
    from last l cross join job j
    where j.job_id = :job_id and l.state = 'SUCCEEDED' and l.modified_at <= :asked_at
    group by 2, 3, 4 order by 2, 3, 4
    on conflict (job_id, package_id, module, source_version) do update set devices = r.devices + excluded.devices
)
select count(*) as n, (array_agg(device_id order by device_id desc))[1] as last from page;

-- name: count_on
update rollback set walk_after = :after, counted_at = :counted_at where job_id = :job_id;

-- name: show
select r.job_id, r.asked_by, r.asked_at, r.counted_at, r.started_at from rollback r join job j using (job_id)
where r.job_id = :job_id and j.account_id = :account_id;

-- name: lock
select job_id, asked_by, asked_at, counted_at, started_at from rollback where job_id = :job_id for update;

-- name: parts
select r.module, r.package_id, p.version, r.source_version, r.devices, r.back_job, lower(p.module) as of_module, pr.product_key,
       p.product_id, j.product_id as job_product_id
from rollback_part r join job j using (job_id) join package p on p.package_id = r.package_id
join product pr on pr.product_id = coalesce(p.product_id, j.product_id)
where r.job_id = :job_id order by r.devices desc, r.package_id, r.module, r.source_version;

-- name: has_rule
-- Whether a standing rule brings devices to what they were brought to.
select exists (select from rollback_part r join job j on j.package_id = r.package_id
               where r.job_id = :job_id and j.kind = 'dynamic' and j.status = 'IN_PROGRESS');

-- name: candidates
-- Full packages of these versions, for the module and product of a package; the newest first.
select w.package_id as of_package, w.version, p.package_id,
       p.size > 0 and p.object_state not in ('missing', 'differs') as is_there,
       p.status in ('verified', 'exempt') as is_judged, p.source_versions as follows
from unnest(:package_ids::bigint[], :versions::text[]) as w(package_id, version)
join package o on o.package_id = w.package_id
join package p on p.account_id = o.account_id and p.product_id is not distinct from o.product_id
              and lower(p.module) = lower(o.module) and p.version = w.version and not p.is_delta and p.deleted_at is null
order by p.package_id desc;

-- name: made_back
update rollback_part set back_job = :back_job
where job_id = :job_id and package_id = :package_id and module = :module and source_version = :source_version;

-- name: started
update rollback set started_at = :now where job_id = :job_id;

-- name: succeeded
-- The next devices of a job, and which of them succeeded at last, in time, coming from this version to that one.
with page as materialized (
    select t.device_id, t.nth, t.state, t.source_version, t.package_id, t.modified_at from task t
    where t.job_id = :job_id and (:after::uuid is null or t.device_id > :after)
    order by t.device_id fetch first :at_most rows with ties
), last as (
    select distinct on (device_id) * from page order by device_id, nth desc
)
select l.device_id, l.state = 'SUCCEEDED' and l.source_version = :source and p.version = any(:brought::text[])
                    and l.modified_at <= r.asked_at as is_meant
from last l cross join job j join rollback r on r.job_id = j.job_id join package p on p.package_id = coalesce(l.package_id, j.package_id)
where j.job_id = :job_id
order by l.device_id;
