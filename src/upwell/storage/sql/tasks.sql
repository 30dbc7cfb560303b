-- What happens to tasks. States are compared and set here; which state follows which is domain/task.py's to say.

-- name: share_open
-- The open tasks of these devices, and whether nobody can act on their jobs until the transaction ends; with `wait` that is
-- waited for.
with open as materialized (
    select device_id, job_id, nth from task where device_id = any(:device_ids::uuid[]) and is_open(state)
), jobs as materialized (
    select distinct job_id from open order by job_id
), shared as materialized (
    select job_id, case when :wait then pg_advisory_xact_lock_shared(~job_id) is not null
                        else pg_try_advisory_xact_lock_shared(~job_id) end as is_shared
    from jobs
)
select o.device_id, o.job_id, o.nth, s.is_shared from open o join shared s using (job_id);

-- name: lock_free
-- Those of these tasks that are open and no other transaction has, locked, with the facts that their life depends on. Here
-- and wherever tasks are locked the package is joined to what was locked: one that was chosen while the lock was waited
-- for would lose the row else.
with t as materialized (
    select task as locked from unnest(:device_ids::uuid[], :job_ids::bigint[], :nths::smallint[]) as c(device_id, job_id, nth)
    join task on task.device_id = c.device_id and task.job_id = c.job_id and task.nth = c.nth and is_open(task.state)
    order by task.device_id, task.job_id, task.nth for update of task skip locked
)
select f.* from t cross join lateral task_facts(t.locked) f
order by f.device_id, f.job_id, f.nth;

-- name: lock_waiting
-- The same, and those that other transactions have are waited for.
with t as materialized (
    select task as locked from unnest(:device_ids::uuid[], :job_ids::bigint[], :nths::smallint[]) as c(device_id, job_id, nth)
    join task on task.device_id = c.device_id and task.job_id = c.job_id and task.nth = c.nth and is_open(task.state)
    order by task.device_id, task.job_id, task.nth for update of task
)
select f.* from t cross join lateral task_facts(t.locked) f
order by f.device_id, f.job_id, f.nth;

-- name: save_tasks
-- Compare and set: a task that somebody changed since it was read (rev) is left alone and not returned.
update task t
set state = n.state, source_version = n.source_version, progress = n.progress, attempt = n.attempt,
    description = n.description, reason = n.reason, failure_ref = n.failure_ref, due_at = n.due_at,
    offered_on = n.offered_on, offered_at = n.offered_at, timeout_at = n.timeout_at, awaiting = n.awaiting,
    package_id = n.package_id, code = n.code, failure = n.failure, outcome = n.outcome, acts = n.acts,
    rev = n.rev + 1, modified_at = :now
from unnest(:device_id::uuid[], :job_id::bigint[], :nth::smallint[], :rev::int[], :state::text[],
            :source_version::text[], :progress::smallint[], :attempt::smallint[], :description::text[],
            :reason::text[], :failure_ref::text[], :due_at::timestamptz[], :offered_on::uuid[],
            :offered_at::timestamptz[], :timeout_at::timestamptz[], :awaiting::text[], :package_id::bigint[],
            :code::int[], :failure::bigint[], :outcome::text[], :job_acts::int[])
     as n(device_id, job_id, nth, rev, state, source_version, progress, attempt, description, reason, failure_ref,
          due_at, offered_on, offered_at, timeout_at, awaiting, package_id, code, failure, outcome, acts)
where t.device_id = n.device_id and t.job_id = n.job_id and t.nth = n.nth and t.rev = n.rev
returning t.device_id;

-- name: add_changes
insert into task_change (device_id, job_id, nth, rev, at, event, from_state, to_state, detail)
select n.device_id, n.job_id, n.nth, n.rev, :now, n.event, n.from_state, n.to_state, n.detail
from unnest(:device_ids::uuid[], :job_ids::bigint[], :nths::smallint[], :revs::int[], :events::text[], :from_states::text[], :to_states::text[], :details::text[])
     as n(device_id, job_id, nth, rev, event, from_state, to_state, detail);

-- name: jobs_timed
-- The jobs of which a task's time is over, one look-up for each that has tasks with a time.
with recursive timed as (
    (select job_id from task where timeout_at is not null order by job_id limit 1)
    union all
    select (select t.job_id from task t where t.timeout_at is not null and t.job_id > l.job_id order by t.job_id limit 1)
    from timed l where l.job_id is not null
)
select job_id from timed
where exists (select from task t where t.job_id = timed.job_id and t.timeout_at <= :now and t.state = any(:released::text[]))
order by job_id;

-- name: lock_timed
-- Some tasks of the job whose time is over and that nobody else has, locked, with the facts that their life depends on.
with t as materialized (
    select task as locked from task
    where job_id = :job_id and timeout_at <= :now and state = any(:released::text[])
    order by device_id, nth limit :at_most for update skip locked
)
select f.* from t cross join lateral task_facts(t.locked) f
order by f.device_id, f.nth;
