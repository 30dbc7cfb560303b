-- What is older than operators keep, deleted a chunk at a time.

-- name: old_job
-- A job that ended so long ago and may have tasks as old, held so that it is not opened again meanwhile; one that
-- another process holds is passed over.
select job_id, forgotten_to from job
where ended_at is not null and coalesce(tasks_from, ended_at) < :before and ended_at < :before and materialised
order by coalesce(tasks_from, ended_at) limit 1 for update skip locked;

-- name: forget_tasks
-- The next ended tasks of a job that nobody changed since, with their history and what is counted of them. Returns how
-- their counts move, as which kind those that failed were counted, and how far this came.
with old as materialized (
    select device_id, job_id, nth from task
    where job_id = :job_id and device_id >= :after and not is_open(state) and modified_at < :before
    order by device_id, nth limit :at_most for update skip locked
), gone as (
    delete from task t using old
    where t.device_id = old.device_id and t.job_id = old.job_id and t.nth = old.nth
    returning t.device_id, t.job_id, t.nth, t.wave, t.acts, t.state, t.awaiting, t.attempt, t.reason, t.outcome, t.failure
), lines as (
    delete from task_change c using gone
    where c.device_id = gone.device_id and c.job_id = gone.job_id and c.nth = gone.nth
), offers as (
    delete from job_offer o using gone where o.device_id = gone.device_id and o.job_id = gone.job_id
), strays as (
    delete from job_stray s using gone where s.device_id = gone.device_id and s.job_id = gone.job_id
), unmarked as (
    delete from job_mark where job_id = :job_id  -- no longer true
)
select job_id, wave, acts, state, awaiting not in ('', 'online') as asked,
       attempt > 0 and awaiting in ('', 'online') as again, reason = 'device_deleted' as gone, outcome, failure,
       -count(*) as n, (array_agg(device_id order by device_id desc))[1] as last
from gone group by 1, 2, 3, 4, 5, 6, 7, 8, 9;

-- name: forget_targets
-- The devices that a job was made for, of whom nobody asks any more. Returns how many.
with gone as (
    delete from job_target where (device_id, job_id) in (
        select device_id, job_id from job_target where job_id = :job_id order by device_id limit :at_most
        for update skip locked
    ) returning device_id
)
select count(*) from gone;

-- name: forget_lots
-- In which order its devices came to their waves. Returns how many.
with gone as (
    delete from job_lot where (job_id, lot, device_id, nth) in (
        select job_id, lot, device_id, nth from job_lot where job_id = :job_id limit :at_most for update skip locked
    ) returning 1
)
select count(*) from gone;

-- name: forget_course
-- How the job stood from time to time. Returns how many.
with gone as (
    delete from job_course where (job_id, at) in (
        select job_id, at from job_course where job_id = :job_id limit :at_most for update skip locked
    ) returning 1
)
select count(*) from gone;

-- name: forget_stretches
-- What the job's failures showed; what was decided by it stays. Returns how many.
with gone as (
    delete from job_stretch where (job_id, epoch, stratum, stretch) in (
        select job_id, epoch, stratum, stretch from job_stretch where job_id = :job_id limit :at_most for update skip locked
    ) returning 1
)
select count(*) from gone;

-- name: tasks_forgotten_to
update job set forgotten_to = :device_id where job_id = :job_id;

-- name: job_looked_through
-- It has no task that is old; one that has others left is looked at again.
update job j set forgotten_to = null,
    tasks_from = case when exists (select from task t where t.job_id = j.job_id) then :again_before::timestamptz else 'infinity'::timestamptz end
where job_id = :job_id;

-- name: forget_registrations
-- Old batches of registered devices, a whole batch at a time. Returns how many.
with old as (
    select apply_id from registration where created_at < :before order by created_at, apply_id limit :at_most
    for update skip locked
), listed as (
    delete from registered where apply_id in (select apply_id from old)
), gone as (
    delete from registration where apply_id in (select apply_id from old) returning apply_id
)
select count(*) from gone;

-- name: any_old_registration
select exists (select from registration where created_at < :before);

-- name: old_import
-- The oldest import that is as old and over, held; one that another process holds is passed over.
select import_id from device_import where created_at < :before and status not in ('receiving', 'running') and object_gone
order by created_at limit 1 for update skip locked;

-- name: forget_imported
-- Which devices it made. Returns how many lines went.
with gone as (
    delete from imported where (import_id, row_number) in (
        select import_id, row_number from imported where import_id = :import_id order by row_number limit :at_most
    ) returning 1
)
select count(*) from gone;

-- name: forget_import
with problems as (delete from import_problem where import_id = :import_id)
delete from device_import where import_id = :import_id;

-- name: any_old_import
select exists (select from device_import where created_at < :before);

-- name: take_sweep
-- The pass that is under way, or the next one if there may be something old; no row comes back otherwise, nor while
-- another process is at it.
select is_over, block, at, device_id, oldest, began_at from sweep
where what = :what and (not is_over or (oldest < :before and began_at < :again_before)) for update skip locked;

-- name: begin_sweep
-- What is written while it goes on is younger than its beginning.
update sweep set is_over = false, began_at = :now, block = 0, at = '-infinity',
                 device_id = '00000000-0000-0000-0000-000000000000', oldest = :now
where what = :what;

-- name: sweep_history
-- The lines of some blocks of the table; those that are old go. Returns how many went, and the oldest one that is left.
with seen as materialized (
    select ctid as place, at < :before as is_old, at from task_change
    where ctid >= format('(%s,0)', :block::bigint)::tid and ctid < format('(%s,0)', :block::bigint + :blocks::bigint)::tid
), gone as (
    delete from task_change where ctid = any(array(select place from seen where is_old limit :at_most)) and at < :before
    returning at
)
select (select count(*) from gone) as n, (select min(at) from seen where not is_old) as oldest,
       (select pg_relation_size('task_change') / current_setting('block_size')::int) as blocks;

-- name: sweep_lines
-- The same of what else befell devices.
with seen as materialized (
    select ctid as place, at < :before as is_old, at from device_line
    where ctid >= format('(%s,0)', :block::bigint)::tid and ctid < format('(%s,0)', :block::bigint + :blocks::bigint)::tid
), gone as (
    delete from device_line where ctid = any(array(select place from seen where is_old limit :at_most)) and at < :before
    returning at
)
select (select count(*) from gone) as n, (select min(at) from seen where not is_old) as oldest,
       (select pg_relation_size('device_line') / current_setting('block_size')::int) as blocks;

-- name: blocks_swept
update sweep set block = :block, oldest = least(oldest, :oldest::timestamptz), is_over = :is_over where what = :what;

-- name: sweep_devices
-- The next tombstones; those that no task is left of go, with what they were known by in earlier lives. Returns how many
-- were looked at and went, and how far this came.
with seen as materialized (
    select device_id, deleted_at from device
    where deleted_at < :before and (deleted_at, device_id) > (:at, :device_id)
    order by deleted_at, device_id limit :at_most
), old as materialized (
    select d.device_id from seen join device d using (device_id)
    where d.deleted_at < :before and not exists (select from task t where t.device_id = d.device_id)
    order by d.device_id for update of d skip locked
), gone as (
    delete from device where device_id in (select device_id from old) returning device_id
), past as (
    delete from device_past where device_id in (select device_id from old)
), silent as (
    delete from heard where device_id in (select device_id from old)
)
select (select count(*) from seen) as seen, (select count(*) from gone) as n, s.deleted_at as at, s.device_id
from (select 1) one left join lateral (select deleted_at, device_id from seen order by 1 desc, 2 desc limit 1) s on true;

-- name: devices_swept
update sweep set at = :at, device_id = :device_id, is_over = :is_over,
                 oldest = case when :is_over then :before else oldest end
where what = 'devices';

-- name: let_audit_go
-- In this transaction alone (migration 0023: audit_stays).
select set_config('upwell.forgets', 'audit', true);

-- name: forget_audit
-- The oldest entries below that id. Returns how many.
with gone as (
    delete from audit where entry_id in (select entry_id from audit where entry_id < :below order by entry_id limit :at_most)
    returning 1
)
select count(*) from gone;
