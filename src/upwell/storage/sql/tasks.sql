-- What happens to tasks. States are compared and set here; which state follows which is domain/task.py's to say.

-- name: lock_open_of_devices
-- The open tasks of these devices, locked, with the facts that their life depends on. Here and wherever tasks are locked
-- the package is joined to what was locked: one that was chosen while the lock was waited for would lose the row else.
with t as materialized (
    select task as locked from task where device_id = any(:device_ids::uuid[]) and is_open(state)
    order by device_id, job_id, nth for update
)
select f.* from t cross join lateral task_facts(t.locked) f
order by f.device_id, f.job_id, f.nth;

-- name: save_tasks
-- Compare and set: a task that somebody changed since it was read (rev) is left alone and not returned.
update task t
set state = n.state, source_version = n.source_version, progress = n.progress, attempt = n.attempt,
    description = n.description, reason = n.reason, failure_ref = n.failure_ref, due_at = n.due_at,
    offered_on = n.offered_on, offered_at = n.offered_at, timeout_at = n.timeout_at, awaiting = n.awaiting,
    package_id = n.package_id, code = n.code, rev = n.rev + 1, modified_at = :now
from unnest(:device_id::uuid[], :job_id::bigint[], :nth::smallint[], :rev::int[], :state::text[],
            :source_version::text[], :progress::smallint[], :attempt::smallint[], :description::text[],
            :reason::text[], :failure_ref::text[], :due_at::timestamptz[], :offered_on::uuid[],
            :offered_at::timestamptz[], :timeout_at::timestamptz[], :awaiting::text[], :package_id::bigint[],
            :code::int[])
     as n(device_id, job_id, nth, rev, state, source_version, progress, attempt, description, reason, failure_ref,
          due_at, offered_on, offered_at, timeout_at, awaiting, package_id, code)
where t.device_id = n.device_id and t.job_id = n.job_id and t.nth = n.nth and t.rev = n.rev
returning t.device_id;

-- name: add_changes
insert into task_change (device_id, job_id, nth, rev, at, event, from_state, to_state, detail)
select n.device_id, n.job_id, n.nth, n.rev, :now, n.event, n.from_state, n.to_state, n.detail
from unnest(:device_ids::uuid[], :job_ids::bigint[], :nths::smallint[], :revs::int[], :events::text[], :from_states::text[], :to_states::text[], :details::text[])
     as n(device_id, job_id, nth, rev, event, from_state, to_state, detail);

-- name: end_tasks
-- One event that ends many tasks: each selected one in a `from` state goes to its `to` state, and is due no more. A null
-- filter is no filter.
with victim as (
    select t.device_id, t.job_id, t.nth, t.state
    from task t
    where t.state = any(:from_states::text[])
      and (:job_id::bigint is null or t.job_id = :job_id)
      and (:device_ids::uuid[] is null or t.device_id = any(:device_ids))
      and (:package_id::bigint is null or t.job_id in (select j.job_id from job j where j.package_id = :package_id))
      and (:timeout_before::timestamptz is null or (t.timeout_at <= :timeout_before and t.awaiting = ''))
      and (:slot::text is null or t.slot = :slot)
      and (:kind::text is null or t.job_id in (select j.job_id from job j where j.kind = :kind))
      and (:before_job::bigint is null or t.job_id < :before_job)
    order by t.device_id, t.job_id, t.nth
    for update of t
), moved as (
    update task t
    set state = m.to_state, reason = :reason, description = :description, due_at = null, timeout_at = null, rev = t.rev + 1,
        modified_at = :now
    from victim v join unnest(:from_states::text[], :to_states::text[]) as m(from_state, to_state) on m.from_state = v.state
    where t.device_id = v.device_id and t.job_id = v.job_id and t.nth = v.nth
    returning t.device_id, t.job_id, t.nth, t.rev, v.state as from_state, t.state as to_state
), told as (
    insert into task_change (device_id, job_id, nth, rev, at, event, from_state, to_state, detail)
    select device_id, job_id, nth, rev, :now, :event, from_state, to_state, :description from moved
)
select count(*) from moved;

-- name: lock_waits_over
-- Tasks that ask first and whose present wait is over, locked, with the facts that their life depends on.
with t as materialized (
    select task as locked from task
    where timeout_at <= :now and awaiting <> '' and state = any(:released::text[])
    order by device_id, job_id, nth limit :at_most for update skip locked
)
select f.* from t cross join lateral task_facts(t.locked) f
order by f.device_id, f.job_id, f.nth;
