-- Jobs: made, filled with tasks, shown, ended.

-- name: package_for_job
-- The package of this account, locked so that its status and its deletion wait for the job to exist.
select p.package_id, p.product_id, p.status, p.object_state, p.object_problem, p.is_delta, p.source_version,
       p.source_versions as follows, p.version, lower(p.module) as module, p.size,
       jsonb_array_length(p.files) as file_count, pr.product_key
from package p left join product pr on pr.product_id = p.product_id
where p.package_id = $1 and p.account_id = $2 and p.deleted_at is null
for update of p;

-- name: has_package
select exists (select from package where package_id = $1 and account_id = $2 and deleted_at is null);

-- name: product_of_account
select product_id from product where product_key = $1 and account_id = $2 and deleted_at is null;

-- name: devices_by_name
select d.device_id, d.name from device d
where d.product_id = $1 and d.name = any($2::text[]) and d.deleted_at is null;

-- name: add_job
-- A job of its first moment; the unique index on running dynamic jobs decides between two of one package.
insert into job (job_id, account_id, product_id, package_id, kind, selection, status, source_versions, gray_percent,
                 retry_interval_min, retry_count, timeout_min, maximum_per_min, overwrite, need_push, need_confirm,
                 protocol, tags, multi_module, dynamic_mode, group_id, listed, scheduled_at, finish_at, materialised,
                 created_at, modified_at, started_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24,
        $25, $26, $26, case when $7 = 'IN_PROGRESS' then $26::timestamptz end);

-- name: add_targets
insert into job_target (device_id, job_id) select unnest($2::uuid[]), $1 on conflict do nothing;

-- name: lock_unfilled_of_package
-- Jobs of the package whose tasks do not all exist yet, or the one of them; no other filler is at them any more.
select job_id from job where package_id = $1 and status = 'IN_PROGRESS' and not materialised
  and ($2::bigint is null or job_id = $2) order by job_id for update;

-- name: jobs
-- Jobs of an account as a dialect shows them, newest first; a null filter is no filter.
select j.job_id, j.package_id, p.name as package_name, pr.product_key, p.version as dest_version, j.kind, j.selection,
       j.status, j.source_versions, j.gray_percent::text as gray_percent, j.retry_interval_min, j.retry_count,
       j.timeout_min, j.maximum_per_min, j.overwrite, j.need_push, j.need_confirm, j.protocol, j.tags, j.created_at,
       j.modified_at, j.started_at, j.ended_at, j.multi_module, j.dynamic_mode, j.group_id, g.name as group_name,
       j.scheduled_at, j.finish_at, j.status_desc
from job j join package p using (package_id) join product pr on pr.product_id = j.product_id
left join device_group g on g.group_id = j.group_id
where j.account_id = $1 and j.deleted_at is null
  and ($2::bigint is null or j.job_id = $2) and ($3::bigint is null or j.package_id = $3)
  and ($4::uuid is null or exists (select from task t join device d using (device_id, life)
                                   where t.job_id = j.job_id and t.device_id = $4))
order by j.job_id desc limit $5 offset $6;

-- name: count_jobs
select count(*) from job j
where j.account_id = $1 and j.deleted_at is null and ($2::bigint is null or j.package_id = $2)
  and ($3::uuid is null or exists (select from task t join device d using (device_id, life)
                                   where t.job_id = j.job_id and t.device_id = $3));

-- name: tasks
-- A page of tasks: found on the index alone, then joined to what is shown of them. Those of given devices are of their
-- present lives; one of a former life shows what its device was known by then.
with page as (
    select t.device_id, t.job_id, t.nth
    from task t join job j using (job_id)
    where j.account_id = $1 and ($2::bigint is null or t.job_id = $2)
      and ($3::uuid[] is null or (t.device_id = any($3)
                                  and t.life = (select d.life from device d where d.device_id = t.device_id)))
      and ($4::text[] is null or t.state = any($4)) and ($5::text is null or t.module = lower($5))
    order by t.job_id, t.device_id, t.nth limit $6 offset $7
)
select t.device_id, t.job_id, t.nth, p.package_id, pr.product_key, pr.name as product_name, d.name as device_name,
       case when t.life = d.life then d.iot_id else coalesce(dp.iot_id, '') end as iot_id, p.module, t.source_version, p.version as dest_version, t.state, t.description, t.progress,
       j.timeout_min, t.created_at, t.modified_at, p.object_state, p.object_problem
from page join task t using (device_id, job_id, nth) join job j using (job_id)
join package p on p.package_id = coalesce(t.package_id, j.package_id)
join product pr on pr.product_id = j.product_id join device d on d.device_id = t.device_id
left join device_past dp on dp.device_id = t.device_id and dp.life = t.life
order by t.job_id, t.device_id, t.nth;

-- name: count_tasks
select count(*) from task t
where t.job_id = $1
  and ($2::uuid[] is null or (t.device_id = any($2)
                              and t.life = (select d.life from device d where d.device_id = t.device_id)))
  and ($3::text[] is null or t.state = any($3));

-- name: lock_tasks
-- Tasks of this account by their identity, locked, with the facts that their life depends on.
with t as materialized (
    select t.* from unnest($2::uuid[], $3::bigint[], $4::smallint[]) as c(device_id, job_id, nth)
    join task t on t.device_id = c.device_id and t.job_id = c.job_id and t.nth = c.nth
    order by t.device_id, t.job_id, t.nth for update of t
)
select t.device_id, t.job_id, t.nth, t.module, t.slot, t.state, t.source_version, p.version as destination, p.is_delta,
       j.source_versions as job_sources, case when j.kind = 'dynamic' then j.group_id end as group_id,
       case when p.is_delta then array[p.source_version] else p.source_versions end as package_sources,
       j.need_push, j.retry_interval_min, j.retry_count, j.timeout_min, t.progress, t.attempt, t.description,
       t.reason, t.failure_ref, t.due_at, t.offered_on, t.offered_at, t.timeout_at, t.awaiting, t.package_id, t.code,
       t.rev
from t join job j using (job_id) join package p on p.package_id = coalesce(t.package_id, j.package_id)
where j.account_id = $1
order by t.device_id, t.job_id, t.nth;

-- name: group_of_account
select group_id, kind from device_group where group_id = $1 and account_id = $2;

-- name: modes_of_group
-- How the running dynamic jobs of a group treat their devices.
select distinct multi_module, overwrite from job
where group_id = $1 and kind = 'dynamic' and status = 'IN_PROGRESS';

-- name: update_job
update job set maximum_per_min = $2, tags = $3, timeout_min = coalesce($4, timeout_min),
               source_versions = coalesce($5, source_versions), modified_at = $6
where job_id = $1;

-- name: refill_job
-- Start again from the first device: those that have a task of the job keep it.
update job set cursor_device = null, materialised = false, looked = 0 where job_id = $1;

-- name: lock_job_of_account
select j.job_id, j.kind, j.selection, j.status, j.package_id, j.product_id, j.source_versions, j.retry_interval_min,
       j.multi_module, j.dynamic_mode, j.group_id, j.need_confirm, lower(p.module) as module, p.version, p.is_delta,
       p.source_version,
       p.source_versions as follows
from job j join package p using (package_id)
where j.job_id = $1 and j.account_id = $2 for update of j;

-- name: hold_packages
-- The packages of a job; none of them can be deleted or judged until this transaction ends.
select p.status, p.deleted_at is not null as is_deleted, p.object_state, p.object_problem, p.size from package p
where p.package_id in (select j.package_id from job j where j.job_id = $1
                       union all select c.package_id from job_package c where c.job_id = $1)
order by p.package_id for no key update;

-- name: reopen_job
update job set status = 'IN_PROGRESS', ended_at = null, outcome = '', status_desc = '', stop_asked_at = null,
               modified_at = $2
where job_id = $1 and status in ('COMPLETED', 'CANCELED') returning part;

-- name: has_tasks
select exists (select from task where job_id = $1);

-- name: verified_by_tasks
-- Whether a running verify job of the package has devices to try it on.
select exists (select from job j where j.package_id = $1 and j.kind = 'verify' and j.status = 'IN_PROGRESS'
               and (not j.materialised or exists (select from task t where t.job_id = j.job_id)));

-- name: unknown_devices
-- Up to ten of these that are no live devices of the product.
select w.device_id from unnest($2::uuid[]) as w(device_id)
where not exists (select from device d
                  where d.device_id = w.device_id and d.product_id = $1 and d.deleted_at is null)
limit 10;

-- name: has_running_verify_job
select exists (select from job where package_id = $1 and kind = 'verify' and status = 'IN_PROGRESS');

-- name: follow_presence
-- Tasks that run again belong to the gateway that holds their device's connection now.
update task t set node_id = p.node_id from presence p
where t.job_id = $1 and t.device_id = any($2::uuid[]) and p.device_id = t.device_id
  and is_open(t.state);

-- name: follow_presence_of_job
update task t set node_id = p.node_id from presence p
where t.job_id = $1 and p.device_id = t.device_id and t.node_id is distinct from p.node_id
  and is_open(t.state);
