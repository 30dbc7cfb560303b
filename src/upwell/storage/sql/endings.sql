-- What time brings to jobs.

-- name: start_planned
-- Planned jobs whose time has come, and that are approved, begin; their devices are chosen from now.
with begun as (
    update job set status = 'IN_PROGRESS', started_at = :now, modified_at = :now
    where status = 'PLANNED' and not unapproved and scheduled_at <= :now returning job_id, account_id
), told as (
    insert into event_made (account_id, kind, at, job_id, facts) select account_id, :kind, :now, job_id, '{}' from begun
)
select job_id from begun;

-- name: closed_windows
select job_id from job where status = 'IN_PROGRESS' and finish_at <= :now order by job_id;

-- name: endable
-- Running jobs that have all their tasks and none of them open, by their counters, and none to be run again. A dynamic job
-- ends when its policy does, and a verify job without devices when it is cancelled or another one verifies its package.
select j.job_id from job j
where j.status = 'IN_PROGRESS' and j.materialised and j.kind <> 'dynamic'
  and (j.kind <> 'verify' or exists (select from task t where t.job_id = j.job_id))
  and coalesce((select sum(c.n) from job_count c
                where c.job_id = j.job_id and is_open(c.state)
                  and not exists (select from halt_of(c.job_id, c.acts, c.state))), 0) = 0
  and not exists (select from job_act a where a.job_id = j.job_id and a.done_at is null and a.what = 'retry');

-- name: lock_running
select job_id, kind, package_id, part, stop_asked_at is not null as stop_asked, status_desc
from job where job_id = :job_id and status = 'IN_PROGRESS' for update skip locked;

-- name: end_job
-- The tasks of a dynamic one live on, paused as they were.
update job set status = :status, ended_at = :now, modified_at = :now, materialised = true,
               paused_at = case when kind = 'dynamic' then paused_at end
where job_id = :job_id;

-- name: end_empty_verify_jobs
update job j set status = 'COMPLETED', ended_at = :now, modified_at = :now, paused_at = null
where j.package_id = :package_id and j.kind = 'verify' and j.status = 'IN_PROGRESS'
  and not exists (select from task t where t.job_id = j.job_id);

-- name: has_empty_verify_job
select exists (select from job j where j.package_id = :package_id and j.kind = 'verify' and j.status = 'IN_PROGRESS'
               and j.materialised and not exists (select from task t where t.job_id = j.job_id));

-- name: set_package_status
update package set status = :status, modified_at = :now where package_id = :package_id;

-- name: set_outcome
update job set outcome = :outcome where job_id = :job_id;

-- name: reopen_job
update job set status = 'IN_PROGRESS', ended_at = null, outcome = '', status_desc = '', stop_asked_at = null,
               modified_at = :now
where job_id = :job_id and status in ('COMPLETED', 'CANCELED') returning part;
