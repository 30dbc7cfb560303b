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
-- The standbys by name, connected or with a slot that waits for them: their lag as they last said it, how far the last of
-- that name is, and how far this primary is. What this role may not see is null.
select coalesce(s.slot_name::text, nullif(r.application_name, ''), 'unnamed') as name,
       coalesce(extract(epoch from max(greatest(r.write_lag, r.flush_lag, r.replay_lag))), 0)::float8 as said_s,
       (min(coalesce(r.replay_lsn, r.flush_lsn, s.restart_lsn)) - '0/0'::pg_lsn)::int8 as place,
       case when not pg_is_in_recovery() then (pg_current_wal_lsn() - '0/0'::pg_lsn)::int8 end as end_place
from (select * from pg_stat_replication where state is distinct from 'backup') r
full join pg_replication_slots s on s.active_pid = r.pid
where s.slot_name is null or s.slot_type = 'physical' and not s.temporary
group by 1 order by 1 limit :at_most;
