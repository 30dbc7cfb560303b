-- Jobs: made and changed by their owners; filled with tasks, ended and opened again by the engine.

-- name: packages_for_job
-- These packages of the account, locked so that their status and their deletion wait for the job to exist.
select p.package_id, p.product_id, p.status, p.object_state, p.object_problem, p.is_delta, p.source_version,
       p.source_versions as follows, p.version, lower(p.module) as module, p.size,
       jsonb_array_length(p.files) as file_count, pr.space_id
from package p left join product pr using (product_id)
where p.account_id = :account_id and p.package_id = any(:package_ids::bigint[]) and p.deleted_at is null
order by p.package_id for update of p;

-- name: has_package
select exists (select from package where package_id = :package_id and account_id = :account_id and deleted_at is null);

-- name: product_of_account
select product_id from product where product_key = :product_key and account_id = :account_id and deleted_at is null;

-- name: devices_by_name
select d.device_id, d.name from device d
where d.product_id = :product_id and d.name = any(:names::text[]) and d.deleted_at is null;

-- name: unknown_devices
-- Up to ten of these that are no live devices of the product.
select w.device_id from unnest(:device_ids::uuid[]) as w(device_id)
where not exists (select from device d
                  where d.device_id = w.device_id and d.product_id = :product_id and d.deleted_at is null)
limit 10;

-- name: groups_of_account
select group_id, kind from device_group where account_id = :account_id and group_id = any(:group_ids::bigint[]);

-- name: modes_of_group
-- How the running dynamic jobs of a group treat their devices.
select distinct multi_module, overwrite from job
where group_id = :group_id and kind = 'dynamic' and status = 'IN_PROGRESS';

-- name: verified_by_tasks
-- Whether a running verify job of the package has devices to try it on.
select exists (select from job j where j.package_id = :package_id and j.kind = 'verify' and j.status = 'IN_PROGRESS'
               and (not j.materialised or exists (select from task t where t.job_id = j.job_id)));

-- name: add_job
-- A job of its first moment; the unique index on running dynamic jobs decides between two of one package.
insert into job (job_id, account_id, product_id, package_id, kind, selection, status, source_versions, gray_percent,
                 retry_interval_min, retry_count, timeout_min, maximum_per_min, overwrite, need_push, need_confirm,
                 protocol, tags, multi_module, dynamic_mode, group_id, listed, scheduled_at, finish_at, materialised,
                 asks_version, name, part, ext_info, by_gateway, facts, targets, group_ids,
                 created_at, modified_at, started_at)
values (:job_id, :account_id, :product_id, :package_id, :kind, :selection, :status, :source_versions, :gray_percent,
        :retry_interval_min, :retry_count, :timeout_min, :maximum_per_min, :overwrite, :need_push, :need_confirm,
        :protocol, :tags, :multi_module, :dynamic_mode, :group_id, :listed, :scheduled_at, :finish_at, :materialised,
        :asks_version, :name, :part, :ext_info, :by_gateway, :facts, :targets, :group_ids,
        :now, :now, case when :status = 'IN_PROGRESS' then :now::timestamptz end);

-- name: add_choices
insert into job_package (job_id, package_id, place) select :job_id, id, place
from unnest(:package_ids::bigint[]) with ordinality as w(id, place);

-- name: add_strays
insert into job_stray (job_id, device_id, name) select :job_id, w.device_id, w.name
from unnest(:device_ids::uuid[], :names::text[]) as w(device_id, name);

-- name: lock_job
-- A job of the account, locked; with `asking` one that asks for versions and was not deleted.
select j.job_id, j.kind, j.selection, j.status, j.package_id, j.product_id, j.source_versions, j.retry_interval_min,
       j.multi_module, j.dynamic_mode, j.group_id, j.need_confirm, lower(p.module) as module, p.version, p.is_delta,
       p.source_version, p.source_versions as follows, j.part, j.materialised, j.outcome,
       j.stop_asked_at is not null as stop_asked
from job j join package p using (package_id)
where j.job_id = :job_id and j.account_id = :account_id
  and (not :asking::boolean or (j.part <> '' and j.deleted_at is null)) for update of j;

-- name: update_job
update job set maximum_per_min = :maximum_per_min, tags = :tags, timeout_min = coalesce(:timeout_min, timeout_min),
               source_versions = coalesce(:source_versions, source_versions), modified_at = :now
where job_id = :job_id;

-- name: refill_job
-- Start again from the first device: those that have a task of the job keep it.
update job set cursor_device = null, materialised = false, looked = 0 where job_id = :job_id;

-- name: delete_job
update job set deleted_at = :now, modified_at = :now where job_id = :job_id;

-- name: add_targets
insert into job_target (device_id, job_id) select unnest($2::uuid[]), $1 on conflict do nothing;

-- name: set_package_status
update package set status = $2, modified_at = $3 where package_id = $1;

-- name: unfinished_jobs
select job_id from job where status = 'IN_PROGRESS' and not materialised order by job_id;

-- name: job_to_fill
-- A job whose tasks do not all exist yet; other fillers pass it by. Devices that came after `until` are not its own, nor
-- are those whose version the package may not follow: nothing could be offered to them (L6). No version is empty.
select j.job_id, j.product_id, j.kind, j.selection,
       case when p.source_versions = '{}' then j.source_versions when j.source_versions = '{}' then p.source_versions
            else coalesce(nullif(array(select unnest(j.source_versions) intersect select unnest(p.source_versions)), '{}'),
                          array['']) end as source_versions, j.gray_percent, j.overwrite, j.need_push,
       j.need_confirm, j.cursor_device, j.until_device, j.group_id, j.multi_module, j.listed, j.account_id,
       j.started_at as until, j.asks_version, j.group_ids, j.part, lower(p.module) as module, p.version,
       p.is_delta, p.source_version, j.looked, pr.product_key
from job j join package p using (package_id) join product pr on pr.product_id = j.product_id
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
select t.device_id from job_target t
where t.job_id = $1 and ($2::uuid is null or t.device_id > $2)
order by t.device_id limit $3;

-- name: make_failed_tasks
-- Tasks of devices that the job can't be for, failed from the first: the states, the reason and the text are given.
with made as (
    insert into task (device_id, life, job_id, module, state, reason, description, awaiting, created_at, modified_at)
    select w.device_id, coalesce(d.life, 0), $2, $3, $4, $5, $6, $7, $8, $8
    from unnest($1::uuid[]) as w(device_id) left join device d using (device_id)
    returning device_id, state, description
)
insert into task_change (device_id, job_id, nth, rev, at, event, from_state, to_state, detail)
select device_id, $2, 0, 0, $8, 'created', null, state, description from made;

-- name: lock_devices
-- These devices of the product, as far as they live, locked: nobody else makes a task for them, or deletes them, until
-- the transaction ends.
select d.device_id from device d
where d.device_id = any($1::uuid[]) and d.product_id = $2 and d.deleted_at is null
order by d.device_id for no key update;

-- name: lock_live_devices
-- The same of any product.
select device_id, product_id from device where device_id = any($1::uuid[]) and deleted_at is null
order by device_id for no key update;

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
-- The tasks of these devices, whose rows the caller has locked so that nobody else makes one for them meanwhile. A
-- device that an open task holds gets a failed one: any open task for a job of whole devices, one of the whole device
-- or of the module for a job of modules (alibaba 7.3). `nth` counts from 0 how often the job has had the device.
with wanted as (
    select d.device_id, dv.life, d.nth, mv.version, pr.node_id,
           exists (select from task o where o.device_id = d.device_id
                   and o.state in ('CONFIRM', 'QUEUED', 'NOTIFIED', 'IN_PROGRESS')
                   and ($4 = '' or o.slot in ('', $4))) as is_taken
    from unnest($1::uuid[], $2::smallint[]) as d(device_id, nth)
    join device dv using (device_id)
    left join module_version mv on mv.device_id = d.device_id and mv.module = $5
    left join presence pr on pr.device_id = d.device_id
), made as (
    insert into task (device_id, life, job_id, nth, module, slot, state, reason, description, source_version, node_id,
                      due_at, awaiting, timeout_at, created_at, modified_at)
    select device_id, life, $3, nth, $5, $4, case when is_taken then $8 else $6 end, case when is_taken then $9 else '' end,
           case when is_taken then $10 else '' end, version, node_id,
           case when not is_taken and $7::boolean and node_id is not null then $11::timestamptz end, $12,
           case when not is_taken then $13::timestamptz end, $11, $11
    from wanted
    returning device_id, job_id, nth, state, description, due_at
), told as (
    insert into task_change (device_id, job_id, nth, rev, at, event, from_state, to_state, detail)
    select device_id, job_id, nth, 0, $11, 'created', null, state, description from made
)
select count(*) filter (where due_at is not null) as due, count(*) as made from made;

-- name: advance
update job set cursor_device = $2, until_device = $3, materialised = $4, looked = looked + $5 where job_id = $1;

-- name: note_nobody
-- The job has no task: why. Nothing comes back when it has one.
update job set status_desc = $2
where job_id = $1 and not exists (select from task t where t.job_id = $1) returning job_id;

-- name: endable
-- Running jobs that have all their tasks and none of them open. A dynamic job ends when its policy does, and a verify
-- job without devices when it is cancelled or another one verifies its package.
select j.job_id from job j
where j.status = 'IN_PROGRESS' and j.materialised and j.kind <> 'dynamic'
  and (j.kind <> 'verify' or exists (select from task t where t.job_id = j.job_id))
  and not exists (select from task t where t.job_id = j.job_id
                  and t.state in ('CONFIRM', 'QUEUED', 'NOTIFIED', 'IN_PROGRESS'));

-- name: lock_running
select job_id, kind, package_id, part, stop_asked_at is not null as stop_asked, status_desc
from job where job_id = $1 and status = 'IN_PROGRESS' for update skip locked;

-- name: counts
select state, count(*) as n from task where job_id = $1 group by state;

-- name: end_job
update job set status = $2, ended_at = $3, modified_at = $3, materialised = true where job_id = $1;

-- name: start_planned
-- Planned jobs whose time has come begin; their devices are chosen from now.
update job set status = 'IN_PROGRESS', started_at = $1, modified_at = $1
where status = 'PLANNED' and scheduled_at <= $1 returning job_id;

-- name: closed_windows
select job_id from job where status = 'IN_PROGRESS' and finish_at <= $1 order by job_id;

-- name: reopen_job
update job set status = 'IN_PROGRESS', ended_at = null, outcome = '', status_desc = '', stop_asked_at = null,
               modified_at = $2
where job_id = $1 and status in ('COMPLETED', 'CANCELED') returning part;

-- name: end_empty_verify_jobs
update job j set status = 'COMPLETED', ended_at = $2, modified_at = $2
where j.package_id = $1 and j.kind = 'verify' and j.status = 'IN_PROGRESS'
  and not exists (select from task t where t.job_id = j.job_id);

-- name: taken_devices
-- Of these (device, slot), those that an open task other than the given ones stands in the way of.
select w.device_id from unnest($1::uuid[], $2::text[]) as w(device_id, slot)
where exists (select from task o where o.device_id = w.device_id and (w.slot = '' or o.slot in ('', w.slot))
              and o.state in ('CONFIRM', 'QUEUED', 'NOTIFIED', 'IN_PROGRESS'));

-- name: has_empty_verify_job
select exists (select from job j where j.package_id = $1 and j.kind = 'verify' and j.status = 'IN_PROGRESS'
               and j.materialised and not exists (select from task t where t.job_id = j.job_id));

-- name: strays
select device_id from job_stray where job_id = $1 order by device_id;

-- name: products_of_job
select distinct k.product_id from job_package c join package k using (package_id) where c.job_id = $1;

-- name: set_outcome
update job set outcome = $2 where job_id = $1;
