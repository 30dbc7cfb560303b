-- Tasks made: the devices of a job in chunks, and those that a policy takes. How a task begins is domain/attempts.py's to say.

-- name: unfinished_jobs
-- Those that nothing was looked at for come first.
select job_id, looked = 0 and walk = 0 and walk_after is null as is_new
from job where status = 'IN_PROGRESS' and not materialised order by is_new desc, job_id;

-- name: job_to_fill
-- A job whose tasks do not all exist yet; other fillers pass it by. Devices that came after `until` are not its own, nor
-- are those whose version the package may not follow: nothing could be offered to them (L6). No version is empty.
select j.job_id, j.product_id, j.kind, j.selection,
       case when j.led_from is null then sources_of(j.source_versions, p.source_versions) else j.source_versions end as source_versions,
       j.led_from, j.gray_percent, j.overwrite, j.need_push,
       j.need_confirm, j.cursor_device, j.until_device, j.group_id, j.multi_module, j.listed, j.account_id,
       j.started_at as until, j.asks_version, j.group_ids, j.part, lower(p.module) as module, p.version,
       p.is_delta and j.led_from is null as is_delta, p.source_version, j.looked, pr.product_key, j.walk, j.walk_after, j.gray_counted, j.gray_left, j.made, j.undoes,
       exists (select from budget b where b.job_id = j.job_id and b.is_guarded) as is_guarded
from job j join package p using (package_id) join product pr on pr.product_id = j.product_id
where j.job_id = :job_id and j.status = 'IN_PROGRESS' and not j.materialised
for update of j skip locked;

-- name: window_of_product
-- The next devices of a product, by id. Their ids are hashes, so that this order is a fair and stable lot (L9).
select d.device_id from device d
where d.product_id = :product_id and d.deleted_at is null and d.created_at <= :until
  and (:after::uuid is null or d.device_id > :after) and (:last::uuid is null or d.device_id <= :last)
order by d.device_id limit :at_most;

-- name: window_of_targets
-- The next targets of a job, by id, those that are no device among them.
select device_id, is_stray from (
    (select t.device_id, false as is_stray from job_target t
     where t.job_id = :job_id and (:after::uuid is null or t.device_id > :after) order by t.device_id limit :at_most)
    union all
    (select s.device_id, true from job_stray s
     where s.job_id = :job_id and (:after::uuid is null or s.device_id > :after) order by s.device_id limit :at_most)
) w order by device_id limit :at_most;

-- name: window_of_missed
-- Devices that others held when their turn was.
select device_id from job_missed where job_id = :job_id order by device_id limit :at_most;

-- name: miss
insert into job_missed (device_id, job_id) select unnest(:device_ids::uuid[]), :job_id on conflict do nothing;

-- name: no_longer_missed
delete from job_missed where job_id = :job_id and device_id = any(:device_ids::uuid[]);

-- name: has_missed
select exists (select from job_missed where job_id = :job_id);

-- name: lock_eligible
-- Of these devices those that live in the product and that the job is for, locked: not at the destination already, and of
-- a version that its filter and its delta fit. Nobody else makes a task for them, or deletes them, until the transaction
-- ends. Those that others hold are left out.
select d.device_id, d.life, mv.version from device d
left join module_version mv on mv.device_id = d.device_id and mv.module = :module
where d.device_id = any(:device_ids::uuid[]) and d.product_id = :product_id and d.deleted_at is null
  and misfit(mv.version, :version, :versions, :delta_source, :led_from) is null
order by d.device_id for no key update of d skip locked;

-- name: eligible
-- The same of devices that were left out, to know those that others hold.
select d.device_id from device d
left join module_version mv on mv.device_id = d.device_id and mv.module = :module
where d.device_id = any(:device_ids::uuid[]) and d.product_id = :product_id and d.deleted_at is null
  and misfit(mv.version, :version, :versions, :delta_source, :led_from) is null
order by d.device_id;

-- name: fitting
-- Of these devices those that a GRAY job chooses from, by id.
select d.device_id from device d
left join module_version mv on mv.device_id = d.device_id and mv.module = :module
where d.device_id = any(:device_ids::uuid[]) and (cardinality(:versions::text[]) = 0 or mv.version = any(:versions))
  and (:delta_source::text is null or mv.version = :delta_source)
  and (coalesce(cardinality(:led_from::text[]), 0) = 0 or mv.version = any(:led_from))
order by d.device_id;

-- name: lock_free_devices
-- Of these devices those that live and that nobody holds, locked as above, with their product.
select device_id, product_id from device where device_id = any(:device_ids::uuid[]) and deleted_at is null
order by device_id for no key update skip locked;

-- name: lives_of
-- The present life of each of these devices.
select device_id, life from device where device_id = any(:device_ids::uuid[]);

-- name: live_devices
-- Those of these that live.
select device_id from device where device_id = any(:device_ids::uuid[]) and deleted_at is null;

-- name: lock_live_devices
-- Those of these that live, locked as above; who holds one is waited for.
select device_id, product_id from device where device_id = any(:device_ids::uuid[]) and deleted_at is null
order by device_id for no key update;

-- name: taken_devices
-- Of these (device, slot), those that an open task other than the given ones stands in the way of.
select w.device_id from unnest(:device_ids::uuid[], :slots::text[]) as w(device_id, slot)
cross join lateral (select from task o where o.device_id = w.device_id and (w.slot = '' or o.slot in ('', w.slot))
                    and is_open(o.state) limit 1) o;

-- name: make_tasks
-- The tasks of these devices, whose rows the caller has locked so that nobody else makes one for them meanwhile. A
-- device is taken that an open task holds: any open task for a job of whole devices, one of the whole device or of the
-- module for a job of modules (alibaba 7.3). How a task begins is given for each way that a device may stand. `nth`
-- In a job with waves a task is of none before it is dealt (32767, and drawn for it), or of the last wave that is open, or of
-- the only one; one that has ended already is of none. `nth` counts from 0 how often the job has had the device; the versions are what the devices run of the job's module. A task
-- that is open tells its birth by itself (task_history). The limits have each row looked up: what PostgreSQL believes of a
-- table that grows just now would have it read all of it. Returns where they are counted, and how many messages are due.
with wanted as (
    select d.device_id, d.life, d.nth, d.version, pr.node_id, o.device_id is not null as is_taken
    from unnest(:device_ids::uuid[], :nths::smallint[], :lives::int[], :versions::text[]) as d(device_id, nth, life, version)
    left join lateral (select o.device_id from task o where o.device_id = d.device_id and is_open(o.state)
                       and (:slot::text = '' or o.slot in ('', :slot)) limit 1) o on true
    left join lateral (select pr.node_id from presence pr where pr.device_id = d.device_id limit 1) pr on true
), passed as materialized (
    select case when :found then coalesce((select min(a.nth) - 1 from job_act a where a.job_id = j.job_id and a.done_at is null), j.acts)
                else j.acts end as acts,
           j.open_wave <> 0 as is_in_waves, j.package_id, j.led_from is not null as is_led, case j.open_wave when -2 then 32767 when -1 then 1 when -3 then 1 else j.open_wave end as wave
    from job j where j.job_id = :job_id
), made as (
    insert into task (device_id, life, job_id, nth, module, slot, state, reason, description, source_version, node_id,
                      due_at, awaiting, timeout_at, acts, wave, package_id, created_at, modified_at)
    select w.device_id, w.life, :job_id, w.nth, :module, :slot, b.state, b.reason, b.description, w.version, w.node_id,
           case when passed.wave <> 32767 then b.due_at end, b.awaiting, b.timeout_at, passed.acts,
           case when passed.is_in_waves and w.is_taken then -1 else passed.wave end,
           case when passed.is_led then nullif(step_of(:job_id, w.version), passed.package_id) end, :now, :now
    from wanted w cross join passed
    join unnest(:taken::boolean[], :online::boolean[], :state::text[], :reason::text[], :description::text[],
                :due_at::timestamptz[], :awaiting::text[], :timeout_at::timestamptz[])
         as b(is_taken, is_online, state, reason, description, due_at, awaiting, timeout_at)
         on b.is_taken = w.is_taken and b.is_online = (w.node_id is not null)
    returning device_id, job_id, nth, state, description, due_at, awaiting, wave, acts
), told as (
    insert into task_change (device_id, job_id, nth, rev, at, event, from_state, to_state, detail)
    select device_id, job_id, nth, 0, :now, 'created', null, state, description from made where not is_open(state)
), drawn as (
    insert into job_lot (job_id, lot, device_id, nth)
    select m.job_id, case when r.is_named then ('x' || left(md5(r.salt || m.device_id::text), 14))::bit(56)::bigint
                          else ('x' || left(md5(r.salt || m.device_id::text), 16))::bit(64)::bigint end, m.device_id, m.nth
    from made m join rollout r using (job_id) where m.wave = 32767
)
select job_id, wave, acts, state, awaiting not in ('', 'online') as asked, false as again, false as gone, '' as outcome,
       count(*) as n,
       count(due_at) as due
from made group by 1, 2, 3, 4, 5;

-- name: is_any_halted
-- Whether any halt is to be followed yet: most of the time there is none at all.
select exists (select from job_act where done_at is null and what = 'halt');

-- name: halted_devices
-- Of these devices those that have a task which is to follow a halt yet.
select distinct t.device_id from task t join job j using (job_id)
where t.device_id = any(:device_ids::uuid[]) and is_open(t.state) and t.acts < j.acts
  and exists (select from halt_of(t.job_id, t.acts, t.state));

-- name: dynamic_among
select job_id from job where job_id = any(:job_ids::bigint[]) and kind = 'dynamic';

-- name: make_failed_tasks
-- Tasks of devices that the job can't be for, failed from the first: the states, the reason and the text are given.
-- Returns where they are counted.
with made as (
    insert into task (device_id, life, job_id, module, state, reason, description, awaiting, acts, wave, created_at,
                      modified_at)
    select w.device_id, coalesce(d.life, 0), :job_id, :module, :state, :reason, :description, :awaiting, j.acts,
           case when j.open_wave = 0 then 0 else -1 end, :now, :now
    from unnest(:device_ids::uuid[]) as w(device_id) left join device d using (device_id)
    join job j on j.job_id = :job_id
    on conflict do nothing
    returning device_id, job_id, state, description, awaiting, wave, acts
), told as (
    insert into task_change (device_id, job_id, nth, rev, at, event, from_state, to_state, detail)
    select device_id, job_id, 0, 0, :now, 'created', null, state, description from made
)
select job_id, wave, acts, state, awaiting not in ('', 'online') as asked, false as again, false as gone, '' as outcome,
       count(*) as n
from made group by 1, 2, 3, 4, 5;

-- name: advance
-- How far the job's tasks are made; all of them are when nothing of it is missed either. A mark says how many tasks of its list
-- are before the one of a device, if one is given.
with marked as (
    insert into job_mark (job_id, device_id, place)
    select :job_id, :mark::uuid, :place where :mark is not null on conflict do nothing
)
update job set cursor_device = :cursor_device, gray_left = :gray_left, materialised = :materialised,
               looked = looked + :looked,
               made = case when made < 0 then made else made + :made end
where job_id = :job_id;

-- name: walk_on
-- How far a walk is that comes before.
update job set walk = :walk, walk_after = :walk_after, gray_counted = :gray_counted, gray_left = :gray_left
where job_id = :job_id;

-- name: shift_marks
-- Tasks of these devices came between.
update job_mark m set place = m.place + (select count(*) from unnest(:device_ids::uuid[]) w(device_id)
                                         where w.device_id < m.device_id)
where m.job_id = :job_id and m.device_id > :first;

-- name: begin_chunk
-- How long this transaction waits for a row that another one holds. Its commit waits for no disk: a PostgreSQL that is
-- killed may lose it, whole, and then it is done again; what follows from it is committed after it and takes it along. And
-- it reads long lists by their indexes, whatever PostgreSQL believes of how long they are.
select set_config('lock_timeout', :lock_timeout, true), set_config('synchronous_commit', 'off', true),
       set_config('enable_sort', 'off', true), set_config('enable_bitmapscan', 'off', true),
       set_config('enable_seqscan', 'off', true);

-- name: tell_trouble
-- The job's row says that its tasks can't be made at present, unless it has something else to say, or somebody holds it.
update job set status_desc = :text
where job_id = (select job_id from job where job_id = :job_id and status_desc = '' for update skip locked);

-- name: tell_no_trouble
update job set status_desc = ''
where job_id = (select job_id from job where job_id = :job_id and status_desc = :text for update skip locked);

-- name: note_nobody
-- The job has no task: why. Nothing comes back when it has one.
update job set status_desc = :text
where job_id = :job_id and not exists (select from task t where t.job_id = :job_id) returning job_id;

-- name: some_of_job
select device_id from task where job_id = :job_id order by device_id limit :at_most;

-- name: add_targets
insert into job_target (device_id, job_id) select unnest(:device_ids::uuid[]), :job_id on conflict do nothing;

-- name: products_of_job
select distinct k.product_id from job_package c join package k using (package_id) where c.job_id = :job_id;
