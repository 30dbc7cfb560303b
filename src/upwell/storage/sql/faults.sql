-- Tasks that wait for packages whose object is lost. Which of them that ends is domain/fault.py's to say.

-- name: bereaved_jobs
-- Jobs that run, or whose tasks live on, and have tasks that wait for an object that is lost; a few at a time. Each job is
-- asked by itself: asked together, those that wait for any object at all would be read.
select l.job_id from (
    select j.job_id from package k join job j using (package_id)
    where k.object_state in ('missing', 'differs') and k.deleted_at is null
      and (j.status = 'IN_PROGRESS' or (j.kind = 'dynamic' and j.status = 'CANCELED'))
    union
    select c.job_id from package k join job_package c using (package_id) join job j on j.job_id = c.job_id
    where k.object_state in ('missing', 'differs') and k.deleted_at is null and j.status = 'IN_PROGRESS'
) l
cross join lateral (
    select from bereft b where b.job_id = l.job_id and (b.back_at is null or b.back_at <= $1) limit 1
) b
order by l.job_id limit $2;

-- name: faults_of_job
-- What is wrong with each of its objects that tasks wait for.
select k.package_id, k.object_fault, k.object_problem from package k
where k.object_state in ('missing', 'differs') and k.deleted_at is null
  and (k.package_id = (select j.package_id from job j where j.job_id = $1)
       or k.package_id in (select c.package_id from job_package c where c.job_id = $1))
  and exists (select from bereft b
              where b.job_id = $1 and b.package_id = k.package_id and (b.back_at is null or b.back_at <= $2))
order by k.package_id;

-- name: describe_job
update job set status_desc = $2 where job_id = $1 and status_desc = '';

-- name: lock_bereft
-- Some of the job's tasks that wait for the lost object, locked, with the facts that their life depends on.
with b as materialized (
    select device_id, nth from bereft where job_id = $1 and package_id = $2 and (back_at is null or back_at <= $3)
    limit $4
), t as materialized (
    select task.* from b join task on task.device_id = b.device_id and task.job_id = $1 and task.nth = b.nth
    where task.state in ('CONFIRM', 'QUEUED', 'NOTIFIED', 'IN_PROGRESS')
    order by task.device_id, task.nth for update of task skip locked
)
select t.device_id, t.job_id, t.nth, t.module, t.slot, t.state, t.source_version, p.version as destination, p.is_delta,
       j.source_versions as job_sources, case when j.kind = 'dynamic' then j.group_id end as group_id,
       case when p.is_delta then array[p.source_version] else p.source_versions end as package_sources,
       j.need_push, j.retry_interval_min, j.retry_count, j.timeout_min, t.progress, t.attempt, t.description,
       t.reason, t.failure_ref, t.due_at, t.offered_on, t.offered_at, t.timeout_at, t.awaiting, t.package_id, t.code,
       t.rev
from t join job j using (job_id) join package p on p.package_id = coalesce(t.package_id, j.package_id)
order by t.device_id, t.nth;
