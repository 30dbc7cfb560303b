-- Jobs that negotiate, as their owner asks for them, watches, stops and repeats them (huawei 3).

-- name: packages_of_batch
-- These packages of the account, locked so that their deletion waits for the job to exist.
select k.package_id, k.product_id, lower(k.module) as module, k.status, k.object_state, k.object_problem, k.size,
       pr.space_id
from package k left join product pr using (product_id)
where k.account_id = $1 and k.package_id = any($2::bigint[]) and k.deleted_at is null
order by k.package_id for update of k;

-- name: add_batch
insert into job (job_id, account_id, product_id, package_id, kind, selection, status, retry_interval_min, retry_count,
                 maximum_per_min, need_push, need_confirm, asks_version, name, part, ext_info, by_gateway, facts, targets,
                 group_ids, scheduled_at, created_at, modified_at, started_at)
values ($1, $2, $3, $4, 'static', $5, $6, $7, $8, $9, true, $10, true, $11, $12, $13::jsonb, $14, $15::jsonb, $16, $17,
        $18, $19, $19, case when $6 = 'IN_PROGRESS' then $19::timestamptz end);

-- name: add_choices
insert into job_package (job_id, package_id, place) select $1, id, place
from unnest($2::bigint[]) with ordinality as w(id, place);

-- name: add_strays
insert into job_stray (job_id, device_id, name) select $1, w.device_id, w.name
from unnest($2::uuid[], $3::text[]) as w(device_id, name);

-- name: strays
select device_id from job_stray where job_id = $1 order by device_id;

-- name: kinds_of_groups
select group_id from device_group where account_id = $1 and group_id = any($2::bigint[]);

-- name: products_of_job
select distinct k.product_id from job_package c join package k using (package_id) where c.job_id = $1;

-- name: tallies
-- The tasks of these jobs, counted by what tells where they stand.
select job_id, state, awaiting not in ('', 'online') as asked,
       attempt > 0 and awaiting in ('', 'online') as again, reason = 'device_deleted' as gone, count(*) as n
from task where job_id = any($1::bigint[]) group by 1, 2, 3, 4, 5;

-- name: batches_of_account
-- What tells how each of the account's batches of a part stands, newest first; $3 limits them to a space.
select j.job_id, j.status, j.materialised, j.stop_asked_at is not null as stop_asked, j.outcome
from job j join product pr using (product_id)
where j.account_id = $1 and j.part = $2 and j.deleted_at is null and ($3::bigint is null or pr.space_id = $3)
order by j.job_id desc;

-- name: show_batches
-- In the order of the given ids. Targets are told while there are at most $3 of them so far, so that a page is bounded.
select j.job_id, j.name, j.part,
       case when sum(cardinality(j.targets)) over (order by w.place) <= $3 then j.targets else '{}' end as targets,
       j.group_ids, j.need_confirm, j.by_gateway, j.ext_info, j.scheduled_at,
       j.retry_count, j.retry_interval_min, j.facts, j.created_at, j.status, j.materialised, j.outcome,
       j.stop_asked_at is not null as stop_asked,
       array(select c.package_id from job_package c where c.job_id = j.job_id order by c.place) as package_ids,
       j.status_desc, (select coalesce(max(k.object_problem), '')
                       from job_package c join package k using (package_id)
                       where c.job_id = j.job_id and k.object_state = 'checking' having count(*) > 0) as unread
from unnest($2::bigint[]) with ordinality as w(job_id, place) join job j using (job_id)
where j.account_id = $1 and j.part <> '' and j.deleted_at is null
order by w.place;

-- name: lock_batch
select j.job_id, j.part, j.status, j.materialised, j.outcome, j.stop_asked_at is not null as stop_asked, j.need_confirm
from job j where j.job_id = $1 and j.account_id = $2 and j.part <> '' and j.deleted_at is null for update;

-- name: tasks_of_batch
-- A window of a batch's tasks, by device from high to low; the four columns beside the state are every way to stand as
-- was asked for. Tasks of a given device are of its present life; one of a former life shows its id of then.
select t.device_id, t.state, t.description, t.reason, t.code, k.object_state, k.object_problem,
       t.awaiting not in ('', 'online') as asked, t.attempt > 0 and t.awaiting in ('', 'online') as again,
       t.reason = 'device_deleted' as gone,
       coalesce(s.name, case when d.life = t.life then d.public_id else dp.public_id end,
                pr.product_key || '_' || d.name) as public_id
from task t join job j using (job_id) join package k on k.package_id = coalesce(t.package_id, j.package_id)
left join device d using (device_id) left join product pr on pr.product_id = d.product_id
left join job_stray s on s.job_id = t.job_id and s.device_id = t.device_id
left join device_past dp on dp.device_id = t.device_id and dp.life = t.life
where t.job_id = $1 and ($2::uuid is null or t.device_id < $2)
  and ($3::uuid[] is null or (t.device_id = any($3) and t.life = coalesce(d.life, t.life)))
  and (t.state, t.awaiting not in ('', 'online'), t.attempt > 0 and t.awaiting in ('', 'online'),
       t.reason = 'device_deleted')
      in (select * from unnest($4::text[], $5::boolean[], $6::boolean[], $7::boolean[]))
order by t.device_id desc limit $8 offset $9;

-- name: count_tasks_of_batch
select count(*) from task t left join device d using (device_id)
where t.job_id = $1 and ($2::uuid[] is null or (t.device_id = any($2) and t.life = coalesce(d.life, t.life)))
  and (t.state, t.awaiting not in ('', 'online'), t.attempt > 0 and t.awaiting in ('', 'online'),
       t.reason = 'device_deleted')
      in (select * from unnest($3::text[], $4::boolean[], $5::boolean[], $6::boolean[]));

-- name: stray_by_name
select device_id, name from job_stray where job_id = $1 and name = any($2::text[]);

-- name: lock_tasks_of_batch
-- The tasks of the batch, of these devices if they are given, but none of a former life, locked, with the facts that their life depends on.
with t as materialized (
    select t.* from task t left join device d using (device_id)
    where t.job_id = $1 and ($2::uuid[] is null or t.device_id = any($2)) and t.life = coalesce(d.life, t.life)
    order by t.device_id, t.job_id, t.nth for update of t
)
select t.device_id, t.job_id, t.nth, t.module, t.slot, t.state, t.source_version, p.version as destination, p.is_delta,
       j.source_versions as job_sources, case when j.kind = 'dynamic' then j.group_id end as group_id,
       case when p.is_delta then array[p.source_version] else p.source_versions end as package_sources,
       j.need_push, j.retry_interval_min, j.retry_count, j.timeout_min, t.progress, t.attempt, t.description,
       t.reason, t.failure_ref, t.due_at, t.offered_on, t.offered_at, t.timeout_at, t.awaiting, t.package_id, t.code,
       t.rev
from t join job j using (job_id) join package p on p.package_id = coalesce(t.package_id, j.package_id)
order by t.device_id, t.job_id, t.nth;

-- name: devices_of_batch
select device_id from task where job_id = $1;

-- name: ask_stop
update job set stop_asked_at = $2, modified_at = $2 where job_id = $1;

-- name: set_outcome
update job set outcome = $2 where job_id = $1;

-- name: delete_batch
update job set deleted_at = $2, modified_at = $2 where job_id = $1;
