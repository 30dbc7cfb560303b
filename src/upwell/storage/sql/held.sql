-- What an owner's request holds until its transaction ends.

-- name: lock_packages
-- The packages of a job; none of them can be deleted or judged until this transaction ends.
select p.status, p.deleted_at is not null as is_deleted, p.object_state, p.object_problem, p.size from package p
where p.package_id in (select j.package_id from job j where j.job_id = :job_id
                       union all select c.package_id from job_package c where c.job_id = :job_id)
order by p.package_id for no key update;

-- name: devices_of_job
select device_id from task where job_id = :job_id;

-- name: lock_tasks
-- Tasks of this account by their identity, locked, with the facts that their life depends on.
with t as materialized (
    select t.* from unnest(:device_ids::uuid[], :job_ids::bigint[], :nths::smallint[]) as c(device_id, job_id, nth)
    join task t on t.device_id = c.device_id and t.job_id = c.job_id and t.nth = c.nth
    order by t.device_id, t.job_id, t.nth for update of t
)
select t.device_id, t.job_id, t.nth, t.module, t.slot, t.state, t.source_version, p.version as destination, p.is_delta,
       j.source_versions as job_sources, case when j.kind = 'dynamic' then j.group_id end as group_id,
       case when p.is_delta then array[p.source_version] else p.source_versions end as package_sources,
       j.need_push, j.retry_interval_min, j.retry_count, j.timeout_min, t.progress, t.attempt, t.description,
       t.reason, t.failure_ref, t.due_at, t.offered_on, t.offered_at, t.timeout_at, t.awaiting, t.package_id, t.code,
       t.rev
from t join job j using (job_id) join package p on p.package_id = coalesce(t.package_id, j.package_id)
where j.account_id = :account_id
order by t.device_id, t.job_id, t.nth;

-- name: lock_tasks_of_job
-- The tasks of the job, of these devices if they are given, but none of a former life, locked, with the same facts.
with t as materialized (
    select t.* from task t left join device d using (device_id)
    where t.job_id = :job_id and (:device_ids::uuid[] is null or t.device_id = any(:device_ids))
      and t.life = coalesce(d.life, t.life)
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

-- name: follow_presence
-- Tasks that run again belong to the gateway that holds their device's connection now. A null filter is no filter.
update task t set node_id = p.node_id from presence p
where t.job_id = :job_id and (:device_ids::uuid[] is null or t.device_id = any(:device_ids))
  and p.device_id = t.device_id and t.node_id is distinct from p.node_id
  and t.state in ('CONFIRM', 'QUEUED', 'NOTIFIED', 'IN_PROGRESS');
