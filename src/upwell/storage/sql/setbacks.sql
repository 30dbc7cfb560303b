-- Devices that fail and are set aside. How long is domain/setbacks.py's to say. Whoever has their tasks locks these rows after
-- them, in the order of the devices.

-- name: lock
select device_id from setback where device_id = any(:device_ids::uuid[]) order by device_id for update;

-- name: clear
delete from setback where device_id = any(:device_ids::uuid[]);

-- name: count
-- Failures of devices whose product, or else account, says when it sets devices aside; with what it says, and how often each
-- has failed by now. Of others nothing is kept.
with ruled as (
    select n.device_id, n.times, n.job_id, n.reason, d.product_id, p.account_id,
           coalesce(p.rollout_defaults -> 'set_aside', a.rollout_defaults -> 'set_aside') as rule
    from unnest(:device_ids::uuid[], :times::int[], :job_ids::bigint[], :reasons::text[]) as n(device_id, times, job_id, reason)
    join device d using (device_id) join product p using (product_id) join account a using (account_id)
    where d.deleted_at is null and coalesce(p.rollout_defaults -> 'set_aside', a.rollout_defaults -> 'set_aside') is not null
), counted as (
    insert into setback as s (device_id, account_id, product_id, failures, last_at, job_id, reason)
    select device_id, account_id, product_id, times, :now, job_id, reason from ruled order by device_id
    on conflict (device_id) do update
    set failures = s.failures + excluded.failures, last_at = excluded.last_at, job_id = excluded.job_id,
        reason = excluded.reason
    returning device_id, failures, until_at
)
select c.device_id, c.failures, c.until_at, r.rule, r.job_id, r.reason from counted c join ruled r using (device_id);

-- name: set_aside
-- Those that the caller has.
update setback s set until_at = n.until_at, since = case when s.until_at > :now then s.since else :now end
from unnest(:device_ids::uuid[], :until::timestamptz[]) as n(device_id, until_at) where s.device_id = n.device_id;

-- name: silent
-- Of these devices of a job those of whom its account counts failures.
select w.device_id from unnest(:device_ids::uuid[]) as w(device_id)
join job j on j.job_id = :job_id join account a using (account_id) where a.sets_aside;

-- name: tell
-- An event of each of these devices, where its account wants that.
insert into event_made (account_id, kind, at, device_id, facts)
select p.account_id, n.kind, :now, d.device_id, n.facts
from unnest(:device_ids::uuid[], :kinds::text[], :facts::jsonb[]) as n(device_id, kind, facts)
join device d using (device_id) join product p using (product_id)
join event_setting s on s.account_id = p.account_id and s.of_devices
order by d.device_id;

-- name: begin
-- What the account says of its jobs may set devices aside from now on.
update account set sets_aside = true where account_id = :account_id and not sets_aside;

-- name: to_release
-- Devices that are set aside, of one product, of the job that they failed last, as the caller means them.
select s.device_id from setback s join product p using (product_id)
where s.account_id = :account_id and s.until_at > :now
  and (:product_id::bigint is null or s.product_id = :product_id)
  and (:space_id::bigint is null or p.space_id = :space_id)
  and (:job_id::bigint is null or s.job_id = :job_id) and (:reason::text is null or s.reason = :reason)
order by s.device_id limit :at_most;

-- name: let_go
-- Tasks of these devices that wait for their end are due now. All their tasks that are due, or wait so, are locked and written,
-- so that whoever puts them by meanwhile finds them changed.
with s as materialized (
    select device_id, until_at from setback where device_id = any(:device_ids::uuid[])
), t as materialized (
    select t.device_id, t.job_id, t.nth from task t where t.device_id = any(:device_ids::uuid[]) and is_open(t.state)
      and t.due_at is not null
    order by t.device_id, t.job_id, t.nth for update
)
update task set due_at = :now from t left join s using (device_id)
where task.device_id = t.device_id and task.job_id = t.job_id and task.nth = t.nth
  and (task.due_at <= :now or task.due_at = s.until_at);

-- name: release
-- They begin anew; those that were set aside come back.
delete from setback where device_id = any(:device_ids::uuid[]) returning device_id, until_at > :now as was_aside, failures;

-- name: count_aside
-- How many devices of the account are set aside now, up to so many.
select count(*) from (
    select from setback s join product p using (product_id)
    where s.account_id = :account_id and s.until_at > :now
      and (:product_id::bigint is null or s.product_id = :product_id)
      and (:space_id::bigint is null or p.space_id = :space_id)
      and (:job_id::bigint is null or s.job_id = :job_id) and (:reason::text is null or s.reason = :reason)
    limit :most
) s;

-- name: count_by_reason
-- The same by the reason of the last failure.
select reason, count(*) as n from (
    select s.reason from setback s join product p using (product_id)
    where s.account_id = :account_id and s.until_at > :now
      and (:product_id::bigint is null or s.product_id = :product_id)
      and (:space_id::bigint is null or p.space_id = :space_id)
      and (:job_id::bigint is null or s.job_id = :job_id) and (:reason::text is null or s.reason = :reason)
    limit :most
) s group by reason order by n desc, reason;
