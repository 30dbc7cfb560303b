-- What is done to a job as a whole. The lock of a job for that is the advisory one of its number's complement.

-- name: share
select w.job_id, pg_try_advisory_xact_lock_shared(~w.job_id) as is_shared from unnest(:job_ids::bigint[]) as w(job_id);

-- name: share_waiting
select pg_advisory_xact_lock_shared(~w.job_id) from unnest(:job_ids::bigint[]) as w(job_id);

-- name: alone
-- Waits for those who share the job; who comes to share it meanwhile is refused.
select pg_advisory_xact_lock(~:job_id::bigint);

-- name: pause
-- Of a job that is not paused yet, or over that; the caller has it locked, and alone. One that has ended is not paused.
update job set paused_at = :now, paused_by = :by, paused_why = :why, modified_at = :now
where job_id = :job_id and (paused_at is null or :over::boolean)
  and (status in ('PLANNED', 'IN_PROGRESS') or (kind = 'dynamic' and status = 'CANCELED'))
returning job_id;

-- name: resume
update job set paused_at = null, let_on_at = :now, modified_at = :now where job_id = :job_id and paused_at is not null
returning job_id;

-- name: pending
select job_id, nth, what, states, reason, description, failure, source_version from job_act
where job_id = any(:job_ids::bigint[]) and done_at is null order by job_id, nth;

-- name: write
-- The next act of the job, which the caller has locked. No task has followed it.
with counted as (
    update job set acts = acts + 1, modified_at = :now where job_id = :job_id returning acts
)
insert into job_act (job_id, nth, what, states, reason, description, asked_by, at, failure, source_version)
select :job_id, acts, :what, :states, :reason, :description, :asked_by, :now, :failure, :source_version from counted;

-- name: forget_pending
-- What sets tasks going and was not followed to its end is over.
update job_act set done_at = :now where job_id = :job_id and done_at is null and what in ('confirm', 'retry');

-- name: end_filling
-- The tasks of the job that would begin in one of these states are not made any more; those that a policy finds are, and
-- follow (make_tasks). Whether any are missing.
with filling as (
    select job_id, kind from job where job_id = :job_id and status = 'IN_PROGRESS' and not materialised
      and case when need_confirm then 'CONFIRM' else 'QUEUED' end = any(:states::text[])
), ended as (
    update job j set materialised = true from filling f where j.job_id = f.job_id and f.kind <> 'dynamic'
)
select exists (select from filling);

-- name: is_filling
select not materialised from job where job_id = :job_id and status in ('PLANNED', 'IN_PROGRESS');

-- name: waiting
-- Jobs whose tasks have something yet to follow; one of which none has followed yet is new.
select job_id, bool_and(cursor_state is null) as is_new from job_act where done_at is null group by job_id order by job_id;

-- name: lock_next
-- What the tasks of the job are to follow next.
select a.nth, a.what, a.states, a.reason, a.description, a.failure, a.source_version, a.cursor_state, a.cursor_device, a.cursor_nth,
       j.status = 'IN_PROGRESS' and not j.materialised as is_filling
from job_act a join job j using (job_id)
where a.job_id = :job_id and a.done_at is null order by a.nth limit 1 for update of a skip locked;

-- name: next_to_follow
-- The next tasks of the job in this state that have not passed the act.
select device_id, nth from task
where job_id = :job_id and state = :state and acts < :act
  and (:after_device::uuid is null or (device_id, nth) > (:after_device::uuid, :after_nth::smallint))
order by device_id, nth limit :at_most;

-- name: end_followers
-- A halt ends those of these tasks that it covers and nobody else has. Returns where they were counted before and are now,
-- with by how much that changes. Here and below the limits have each task looked up by itself, in this order: what PostgreSQL
-- believes of a job that was filled just now would have it read all of its tasks.
with victim as materialized (
    select t.ctid, t.acts, t.reason
    from (select * from unnest(:device_ids::uuid[], :nths::smallint[]) as c(device_id, nth) order by device_id, nth) c
    cross join lateral (
        select t.ctid, t.acts, t.reason from task t
        where t.device_id = c.device_id and t.job_id = :job_id and t.nth = c.nth and t.state = :state and t.acts < :act
        limit 1 for update skip locked
    ) t
), moved as (
    update task t
    set state = 'CANCELED', reason = :reason, description = :description, due_at = null, timeout_at = null,
        rev = t.rev + 1, acts = :act, modified_at = :now
    from victim v
    where t.ctid = v.ctid  -- one that was changed in this moment is not seen here, and come back to
    returning t.device_id, t.nth, t.rev, t.wave, t.awaiting not in ('', 'online') as asked,
              t.attempt > 0 and t.awaiting in ('', 'online') as again, v.acts as from_acts,
              v.reason = 'device_deleted' as was_gone, t.reason = 'device_deleted' as is_gone, t.outcome
), told as (
    insert into task_change (device_id, job_id, nth, rev, at, event, from_state, to_state, detail)
    select device_id, :job_id, nth, rev, :now, 'cancelled', :state, 'CANCELED', :description from moved
)
select :job_id::bigint as job_id, wave, from_acts as acts, :state::text as state, asked, again, was_gone as gone, outcome,
       -count(*) as n
from moved group by wave, from_acts, asked, again, was_gone, outcome
union all
select :job_id, wave, :act::int, 'CANCELED', asked, again, is_gone, outcome, count(*)
from moved group by wave, asked, again, is_gone, outcome;

-- name: lock_followers
-- Those of these tasks that stand so, have not passed the act, and nobody else has, with the facts that their life depends
-- on; of their devices' present lives.
with t as materialized (
    select t.locked
    from (select * from unnest(:device_ids::uuid[], :nths::smallint[]) as c(device_id, nth) order by device_id, nth) c
    cross join lateral (
        select task as locked from task
        where task.device_id = c.device_id and task.job_id = :job_id and task.nth = c.nth and task.state = :state
          and task.acts < :act
        limit 1 for update skip locked
    ) t
)
select f.* from t cross join lateral task_facts(t.locked) f order by f.device_id, f.nth;

-- name: of_present_lives
-- Of these tasks those whose device lives, in the life that they are of, and has no other task; no other task is made for
-- these devices until the transaction ends. Devices that others have are left out, and told as `is_held`.
with d as materialized (
    select device_id, life from device where device_id = any(:device_ids::uuid[]) and deleted_at is null
    order by device_id for no key update skip locked
)
select t.device_id, t.nth, d.device_id is null as is_held
from unnest(:device_ids::uuid[], :nths::smallint[]) as c(device_id, nth)
cross join lateral (
    select t.device_id, t.nth, t.life, t.slot from task t
    where t.device_id = c.device_id and t.job_id = :job_id and t.nth = c.nth limit 1
) t
cross join lateral (
    select from device dv where dv.device_id = t.device_id and dv.life = t.life and dv.deleted_at is null limit 1
) dv
left join d on d.device_id = t.device_id
where (select true from task o where o.device_id = t.device_id and (t.slot = '' or o.slot in ('', t.slot))
       and is_open(o.state) limit 1) is null;

-- name: pass_by
-- These tasks have passed the act and did not follow it. Returns the moves of the counters.
with v as materialized (
    select t.ctid, t.acts from unnest(:device_ids::uuid[], :nths::smallint[]) as c(device_id, nth)
    cross join lateral (
        select t.ctid, t.acts from task t
        where t.device_id = c.device_id and t.job_id = :job_id and t.nth = c.nth limit 1
    ) t
), moved as (
    update task t set acts = :act from v
    where t.ctid = v.ctid
    returning t.wave, v.acts as from_acts, t.state, t.awaiting not in ('', 'online') as asked,
              t.attempt > 0 and t.awaiting in ('', 'online') as again, t.reason = 'device_deleted' as gone,
              t.outcome
)
select :job_id::bigint as job_id, wave, from_acts as acts, state, asked, again, gone, outcome, -count(*) as n
from moved group by wave, from_acts, state, asked, again, gone, outcome
union all
select :job_id, wave, :act::int, state, asked, again, gone, outcome, count(*)
from moved group by wave, state, asked, again, gone, outcome;

-- name: advance
update job_act set cursor_state = :state, cursor_device = :device_id, cursor_nth = :task_nth
where job_id = :job_id and nth = :act;

-- name: count_left
-- How many tasks have not passed the act and stand in one of its states.
select coalesce(sum(n), 0) from job_count where job_id = :job_id and acts < :act and state = any(:states::text[]);

-- name: done
update job_act set done_at = :now where job_id = :job_id and nth = :act;
