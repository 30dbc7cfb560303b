-- Paces that grow, and how many devices of a job are at work at once. How fast that is is domain/pace.py's to say.

-- name: give
-- A job that is being made.
insert into budget (job_id, growth, per_min, at_once, bytes_per_s) values (:job_id, :growth, :per_min, :at_once, :bytes_per_s)
on conflict (job_id) do update set growth = excluded.growth, per_min = excluded.per_min, at_once = excluded.at_once,
    bytes_per_s = excluded.bytes_per_s;

-- name: take_up
-- Devices of a job whose budget the caller has that are at work already, and known to have been told, as many as that.
with at_work as (
    select device_id, nth from task where job_id = :job_id and state in ('NOTIFIED', 'IN_PROGRESS') limit :at_most
), begun as (
    insert into job_at_work (job_id, device_id, nth) select :job_id, device_id, nth from at_work on conflict do nothing
    returning 1
)
update budget set running = (select count(*) from begun) + (select count(*) from job_at_work where job_id = :job_id)
where job_id = :job_id;

-- name: set_paces
-- Of budgets that the caller has.
update budget b set per_min = n.per_min from unnest(:job_ids::bigint[], :per_min::int[]) as n(job_id, per_min)
where b.job_id = n.job_id and b.per_min is distinct from n.per_min;

-- name: count_told
-- So many more devices were offered these jobs.
with mine as materialized (
    select b.job_id, n.told from unnest(:job_ids::bigint[], :told::int[]) as n(job_id, told) join budget b using (job_id)
    order by b.job_id for no key update of b
)
update budget b set told = b.told + mine.told from mine where b.job_id = mine.job_id;

-- name: hold
-- Nobody else offers for the first time what these jobs have, until the transaction ends; how many more may be at work of those
-- that have a limit.
select job_id, at_once, running from budget where job_id = any(:job_ids::bigint[]) order by job_id for no key update;

-- name: at_work
select job_id, device_id from job_at_work where job_id = any(:job_ids::bigint[]);

-- name: begin_work
-- Of a job whose budget the caller has.
with begun as (
    insert into job_at_work (job_id, device_id, nth)
    select :job_id, n.device_id, n.nth from unnest(:device_ids::uuid[], :nths::smallint[]) as n(device_id, nth)
    on conflict do nothing returning 1
)
update budget set running = running + (select count(*) from begun) where job_id = :job_id;

-- name: limited
-- Jobs with a limit, or below one, of which some may be at work.
select job_id from budget where running > 0 order by job_id limit :at_most;

-- name: lock_limited
select running from budget where job_id = :job_id for no key update skip locked;

-- name: end_work
-- Those of a job whose tasks have ended, or are gone, are at work no more; they are as few as its limit.
delete from job_at_work r
where r.job_id = :job_id
  and not exists (select from task t where t.device_id = r.device_id and t.job_id = r.job_id and t.nth = r.nth
                  and is_open(t.state));

-- name: count_work
update budget set running = (select count(*) from job_at_work r where r.job_id = :job_id)
where job_id = :job_id returning running;
