-- What metrics tell of rollouts and of PostgreSQL itself. Nothing is locked, and each reads a bounded number of rows.

-- name: newest
-- The newest jobs that run, and how each stands.
select j.job_id, j.status, coalesce(b.halted_at is not null or j.paused_by = :guard, false) as is_halted,
       j.paused_at is not null as is_paused, j.unapproved,
       j.open_until is not null and j.open_until <= :now as is_outside_hours,
       j.open_wave > 0 and r.lacks = any(:stalling::text[]) and r.still_at < :still_before as is_stalled,
       j.maximum_per_min, b.growth, coalesce(b.told, 0) as told,
       b.waits_at is not null and b.waits_at > :shared_since as waits_for_shared
from (
    select * from job where status in ('PLANNED', 'IN_PROGRESS') and deleted_at is null order by job_id desc limit :at_most
) j
left join budget b using (job_id) left join rollout r using (job_id)
order by j.job_id desc;

-- name: count
-- How many run; no more than these are counted.
select count(*) from (select from job where status in ('PLANNED', 'IN_PROGRESS') limit :at_most) j;

-- name: standbys
-- How far each standby is behind: since when it lacks what the primary has, as far as this role may see it.
select coalesce(nullif(application_name, ''), 'unnamed') as name,
       coalesce(extract(epoch from greatest(write_lag, flush_lag, replay_lag)), 0)::float8 as lag_s
from pg_stat_replication where state is distinct from 'backup' order by backend_start limit :at_most;
