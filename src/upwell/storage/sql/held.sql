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
    select t as locked, t.device_id, t.job_id, t.nth
    from unnest(:device_ids::uuid[], :job_ids::bigint[], :nths::smallint[]) as c(device_id, job_id, nth)
    join task t on t.device_id = c.device_id and t.job_id = c.job_id and t.nth = c.nth
    order by t.device_id, t.job_id, t.nth for update of t
)
select f.* from t join job j using (job_id) cross join lateral task_facts(t.locked) f
where j.account_id = :account_id
order by t.device_id, t.job_id, t.nth;

-- name: lock_tasks_of_job
-- The tasks of the job, of these devices if they are given, but none of a former life, locked, with the same facts.
with t as materialized (
    select t as locked, t.device_id, t.job_id, t.nth
    from task t left join device d using (device_id)
    where t.job_id = :job_id and (:device_ids::uuid[] is null or t.device_id = any(:device_ids))
      and t.life = coalesce(d.life, t.life)
    order by t.device_id, t.job_id, t.nth for update of t
)
select f.* from t cross join lateral task_facts(t.locked) f
order by t.device_id, t.job_id, t.nth;

-- name: follow_presence
-- Tasks that run again belong to the gateway that holds their device's connection now. A null filter is no filter.
update task t set node_id = p.node_id from presence p
where t.job_id = :job_id and (:device_ids::uuid[] is null or t.device_id = any(:device_ids))
  and p.device_id = t.device_id and t.node_id is distinct from p.node_id
  and is_open(t.state);
