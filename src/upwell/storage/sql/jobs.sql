-- Jobs: made, filled with tasks, shown, ended.

-- name: package_for_job
-- The package of this account, locked so that its status and its deletion wait for the job to exist.
select p.package_id, p.product_id, p.status, p.is_delta, p.source_version, p.version, p.module, pr.product_key
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
insert into job (job_id, account_id, product_id, package_id, kind, selection, status, source_versions, gray_percent,
                 retry_interval_min, retry_count, timeout_min, maximum_per_min, overwrite, need_push, need_confirm,
                 protocol, tags, created_at, modified_at)
values ($1, $2, $3, $4, $5, $6, 'IN_PROGRESS', $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $18);

-- name: add_targets
insert into job_target (device_id, job_id) select unnest($2::uuid[]), $1;

-- name: set_package_status
update package set status = $2, modified_at = $3 where package_id = $1;

-- name: unfinished_jobs
select job_id from job where status = 'IN_PROGRESS' and not materialised order by job_id;

-- name: job_to_fill
-- A job whose tasks do not all exist yet; other fillers pass it by.
select j.job_id, j.product_id, j.kind, j.selection, j.source_versions, j.gray_percent, j.overwrite, j.need_push,
       j.need_confirm, j.cursor_device, j.until_device, j.created_at, p.module, p.version, p.is_delta,
       p.source_version
from job j join package p using (package_id)
where j.job_id = $1 and j.status = 'IN_PROGRESS' and not j.materialised
for update of j skip locked;

-- name: gray_population
select count(*) from device d left join module_version mv on mv.device_id = d.device_id and mv.module = $2
where d.product_id = $1 and d.deleted_at is null and d.created_at <= $3
  and (cardinality($4::text[]) = 0 or mv.version = any($4)) and ($5::text is null or mv.version = $5);

-- name: gray_last
-- The device of that rank: device ids are hashes, so their order is a fair and stable lot (L9).
select d.device_id from device d left join module_version mv on mv.device_id = d.device_id and mv.module = $2
where d.product_id = $1 and d.deleted_at is null and d.created_at <= $3
  and (cardinality($4::text[]) = 0 or mv.version = any($4)) and ($5::text is null or mv.version = $5)
order by d.device_id offset $6 limit 1;

-- name: chunk_of_product
select d.device_id from device d
where d.product_id = $1 and d.deleted_at is null and d.created_at <= $2
  and ($3::uuid is null or d.device_id > $3) and ($4::uuid is null or d.device_id <= $4)
order by d.device_id limit $5;

-- name: chunk_of_targets
select t.device_id from job_target t join device d using (device_id)
where t.job_id = $1 and d.deleted_at is null and ($2::uuid is null or t.device_id > $2)
order by t.device_id limit $3;

-- name: eligible
-- Of these devices, those that the job is for: not at the destination already, and of a version that its filter and
-- its delta fit.
select d.device_id from unnest($1::uuid[]) as d(device_id)
left join module_version mv on mv.device_id = d.device_id and mv.module = $2
where mv.version is distinct from $3
  and (cardinality($4::text[]) = 0 or mv.version = any($4))
  and ($5::text is null or mv.version = $5)
order by d.device_id;

-- name: make_tasks
-- The tasks of these devices that the job lacks. One whose slot an open task holds gets a failed one. A slot taken in
-- this very moment makes the row vanish: the caller asks again until none is missing, which is what is returned.
with wanted as (
    select d.device_id, o.device_id is null as is_free, mv.version, pr.node_id
    from unnest($1::uuid[]) as d(device_id)
    left join module_version mv on mv.device_id = d.device_id and mv.module = $3
    left join presence pr on pr.device_id = d.device_id
    left join task o on o.device_id = d.device_id and o.slot = ''
         and o.state in ('CONFIRM', 'QUEUED', 'NOTIFIED', 'IN_PROGRESS')
    where not exists (select from task x where x.device_id = d.device_id and x.job_id = $2)
), made as (
    insert into task (device_id, job_id, nth, module, slot, state, reason, description, source_version, node_id,
                      due_at, created_at, modified_at)
    select device_id, $2, 0, $3, '', case when is_free then $4 else $6 end, case when is_free then '' else $7 end,
           case when is_free then '' else $8 end, version, node_id,
           case when is_free and $5::boolean and node_id is not null then $9::timestamptz end, $9, $9
    from wanted
    on conflict do nothing
    returning device_id, job_id, nth, state, description
), told as (
    insert into task_change (device_id, job_id, nth, rev, at, event, from_state, to_state, detail)
    select device_id, job_id, nth, 0, $9, 'created', null, state, description from made
)
select (select count(*) from wanted) - (select count(*) from made);

-- name: lock_job
-- Waits for whoever fills or ends the job.
select job_id from job where job_id = $1 for update;

-- name: advance
update job set cursor_device = $2, until_device = $3, materialised = $4 where job_id = $1;

-- name: endable
-- Running jobs that have all their tasks and none of them open.
select j.job_id from job j
where j.status = 'IN_PROGRESS' and j.materialised and j.kind <> 'dynamic'
  and not exists (select from task t where t.job_id = j.job_id
                  and t.state in ('CONFIRM', 'QUEUED', 'NOTIFIED', 'IN_PROGRESS'));

-- name: lock_running
select job_id, kind, package_id from job where job_id = $1 and status = 'IN_PROGRESS' for update skip locked;

-- name: counts
select state, count(*) as n from task where job_id = $1 group by state;

-- name: end_job
update job set status = $2, ended_at = $3, modified_at = $3 where job_id = $1;

-- name: jobs
-- Jobs of an account as a dialect shows them, newest first; a null filter is no filter.
select j.job_id, j.package_id, p.name as package_name, pr.product_key, p.version as dest_version, j.kind, j.selection,
       j.status, j.source_versions, j.gray_percent::text as gray_percent, j.retry_interval_min, j.retry_count,
       j.timeout_min, j.maximum_per_min, j.overwrite, j.need_push, j.need_confirm, j.protocol, j.tags, j.created_at,
       j.modified_at, j.created_at as started_at, j.ended_at
from job j join package p using (package_id) join product pr on pr.product_id = j.product_id
where j.account_id = $1 and ($2::bigint is null or j.job_id = $2) and ($3::bigint is null or j.package_id = $3)
  and ($4::uuid is null or exists (select from task t where t.job_id = j.job_id and t.device_id = $4))
order by j.job_id desc limit $5 offset $6;

-- name: count_jobs
select count(*) from job j
where j.account_id = $1 and ($2::bigint is null or j.package_id = $2)
  and ($3::uuid is null or exists (select from task t where t.job_id = j.job_id and t.device_id = $3));

-- name: tasks
select t.device_id, t.job_id, t.nth, j.package_id, pr.product_key, pr.name as product_name, d.name as device_name,
       d.iot_id, t.module, t.source_version, p.version as dest_version, t.state, t.description, t.progress,
       j.timeout_min, t.created_at, t.modified_at
from task t join job j using (job_id) join package p using (package_id)
join product pr on pr.product_id = j.product_id join device d on d.device_id = t.device_id
where j.account_id = $1 and ($2::bigint is null or t.job_id = $2) and ($3::uuid[] is null or t.device_id = any($3))
  and t.state = any($4::text[]) and ($5::text is null or t.module = $5)
order by t.job_id, t.device_id, t.nth limit $6 offset $7;

-- name: count_tasks
select count(*) from task t join job j using (job_id)
where j.account_id = $1 and t.job_id = $2 and ($3::uuid[] is null or t.device_id = any($3))
  and t.state = any($4::text[]);

-- name: lock_tasks
-- Tasks of this account by their identity, locked, with the facts that their life depends on.
select t.device_id, t.job_id, t.nth, t.module, t.state, t.source_version, p.version as destination, p.is_delta,
       j.need_push, j.retry_interval_min, j.retry_count, j.timeout_min, t.progress, t.attempt, t.description,
       t.reason, t.failure_ref, t.due_at, t.offered_on, t.timeout_at, t.rev
from unnest($2::uuid[], $3::bigint[], $4::smallint[]) as c(device_id, job_id, nth)
join task t on t.device_id = c.device_id and t.job_id = c.job_id and t.nth = c.nth
join job j on j.job_id = t.job_id join package p using (package_id)
where j.account_id = $1
order by t.device_id, t.job_id, t.nth
for update of t;
