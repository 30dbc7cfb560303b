-- Tasks made: the devices of a job in chunks, and those that a policy takes. How a task begins is domain/attempts.py's to say.

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
where j.job_id = :job_id and j.status = 'IN_PROGRESS' and not j.materialised
for update of j skip locked;

-- name: gray_population
select count(*) from device d left join module_version mv on mv.device_id = d.device_id and mv.module = :module
where d.product_id = :product_id and d.deleted_at is null and d.created_at <= :until
  and (cardinality(:versions::text[]) = 0 or mv.version = any(:versions)) and (:delta_source::text is null or mv.version = :delta_source);

-- name: gray_last
-- The device of that rank: device ids are hashes, so their order is a fair and stable lot (L9).
select d.device_id from device d left join module_version mv on mv.device_id = d.device_id and mv.module = :module
where d.product_id = :product_id and d.deleted_at is null and d.created_at <= :until
  and (cardinality(:versions::text[]) = 0 or mv.version = any(:versions)) and (:delta_source::text is null or mv.version = :delta_source)
order by d.device_id offset :rank limit 1;

-- name: chunk_of_product
select d.device_id from device d
where d.product_id = :product_id and d.deleted_at is null and d.created_at <= :until
  and (:after::uuid is null or d.device_id > :after) and (:last::uuid is null or d.device_id <= :last)
order by d.device_id limit :at_most;

-- name: chunk_of_targets
select t.device_id from job_target t
where t.job_id = :job_id and (:after::uuid is null or t.device_id > :after)
order by t.device_id limit :at_most;

-- name: lock_devices
-- These devices of the product, as far as they live, locked: nobody else makes a task for them, or deletes them, until
-- the transaction ends.
select d.device_id from device d
where d.device_id = any(:device_ids::uuid[]) and d.product_id = :product_id and d.deleted_at is null
order by d.device_id for no key update;

-- name: lock_live_devices
-- The same of any product.
select device_id, product_id from device where device_id = any(:device_ids::uuid[]) and deleted_at is null
order by device_id for no key update;

-- name: eligible
-- Of these devices, those that the job is for: not at the destination already, and of a version that its filter and
-- its delta fit.
select d.device_id from unnest(:device_ids::uuid[]) as d(device_id)
left join module_version mv on mv.device_id = d.device_id and mv.module = :module
where mv.version is distinct from :version
  and (cardinality(:versions::text[]) = 0 or mv.version = any(:versions))
  and (:delta_source::text is null or mv.version = :delta_source)
order by d.device_id;

-- name: taken_devices
-- Of these (device, slot), those that an open task other than the given ones stands in the way of.
select w.device_id from unnest(:device_ids::uuid[], :slots::text[]) as w(device_id, slot)
where exists (select from task o where o.device_id = w.device_id and (w.slot = '' or o.slot in ('', w.slot))
              and is_open(o.state));

-- name: make_tasks
-- The tasks of these devices, whose rows the caller has locked so that nobody else makes one for them meanwhile. A
-- device is taken that an open task holds: any open task for a job of whole devices, one of the whole device or of the
-- module for a job of modules (alibaba 7.3). How a task begins is given for each way that a device may stand. `nth`
-- counts from 0 how often the job has had the device.
with wanted as (
    select d.device_id, dv.life, d.nth, mv.version, pr.node_id,
           exists (select from task o where o.device_id = d.device_id and is_open(o.state)
                   and (:slot::text = '' or o.slot in ('', :slot))) as is_taken
    from unnest(:device_ids::uuid[], :nths::smallint[]) as d(device_id, nth)
    join device dv using (device_id)
    left join module_version mv on mv.device_id = d.device_id and mv.module = :module
    left join presence pr on pr.device_id = d.device_id
), made as (
    insert into task (device_id, life, job_id, nth, module, slot, state, reason, description, source_version, node_id,
                      due_at, awaiting, timeout_at, created_at, modified_at)
    select w.device_id, w.life, :job_id, w.nth, :module, :slot, b.state, b.reason, b.description, w.version, w.node_id,
           b.due_at, b.awaiting, b.timeout_at, :now, :now
    from wanted w
    join unnest(:taken::boolean[], :online::boolean[], :state::text[], :reason::text[], :description::text[],
                :due_at::timestamptz[], :awaiting::text[], :timeout_at::timestamptz[])
         as b(is_taken, is_online, state, reason, description, due_at, awaiting, timeout_at)
         on b.is_taken = w.is_taken and b.is_online = (w.node_id is not null)
    returning device_id, job_id, nth, state, description, due_at
), told as (
    insert into task_change (device_id, job_id, nth, rev, at, event, from_state, to_state, detail)
    select device_id, job_id, nth, 0, :now, 'created', null, state, description from made
)
select count(*) filter (where due_at is not null) as due, count(*) as made from made;

-- name: make_failed_tasks
-- Tasks of devices that the job can't be for, failed from the first: the states, the reason and the text are given.
with made as (
    insert into task (device_id, life, job_id, module, state, reason, description, awaiting, created_at, modified_at)
    select w.device_id, coalesce(d.life, 0), :job_id, :module, :state, :reason, :description, :awaiting, :now, :now
    from unnest(:device_ids::uuid[]) as w(device_id) left join device d using (device_id)
    returning device_id, state, description
)
insert into task_change (device_id, job_id, nth, rev, at, event, from_state, to_state, detail)
select device_id, :job_id, 0, 0, :now, 'created', null, state, description from made;

-- name: advance
update job set cursor_device = :cursor_device, until_device = :until_device, materialised = :materialised, looked = looked + :looked where job_id = :job_id;

-- name: note_nobody
-- The job has no task: why. Nothing comes back when it has one.
update job set status_desc = :text
where job_id = :job_id and not exists (select from task t where t.job_id = :job_id) returning job_id;

-- name: add_targets
insert into job_target (device_id, job_id) select unnest(:device_ids::uuid[]), :job_id on conflict do nothing;

-- name: strays
select device_id from job_stray where job_id = :job_id order by device_id;

-- name: products_of_job
select distinct k.product_id from job_package c join package k using (package_id) where c.job_id = :job_id;
