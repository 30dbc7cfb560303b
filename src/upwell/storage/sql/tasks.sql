-- What happens to tasks. States are compared and set here; which state follows which is domain/task.py's to say.

-- name: lock_open_of_devices
-- The open tasks of these devices, locked, with the facts that their life depends on. Here and wherever tasks are locked
-- the package is joined to what was locked: one that was chosen while the lock was waited for would lose the row else.
with t as materialized (
    select * from task where device_id = any($1::uuid[]) and state in ('CONFIRM', 'QUEUED', 'NOTIFIED', 'IN_PROGRESS')
    order by device_id, job_id, nth for update
)
select t.device_id, t.job_id, t.nth, t.module, t.slot, t.state, t.source_version, p.version as destination, p.is_delta,
       j.source_versions as job_sources, case when j.kind = 'dynamic' then j.group_id end as group_id,
       case when p.is_delta then array[p.source_version] else p.source_versions end as package_sources,
       j.need_push, j.retry_interval_min, j.retry_count, j.timeout_min, t.progress, t.attempt, t.description,
       t.reason, t.failure_ref, t.due_at, t.offered_on, t.offered_at, t.timeout_at, t.awaiting, t.package_id, t.code,
       t.rev
from t join job j using (job_id) join package p on p.package_id = coalesce(t.package_id, j.package_id)
order by t.device_id, t.job_id, t.nth;

-- name: save_tasks
-- Compare and set: a task that somebody changed since it was read (rev) is left alone and not returned.
update task t
set state = n.state, source_version = n.source_version, progress = n.progress, attempt = n.attempt,
    description = n.description, reason = n.reason, failure_ref = n.failure_ref, due_at = n.due_at,
    offered_on = n.offered_on, offered_at = n.offered_at, timeout_at = n.timeout_at, awaiting = n.awaiting, package_id = n.package_id,
    code = n.code, rev = n.rev + 1, modified_at = $1
from unnest($2::uuid[], $3::bigint[], $4::smallint[], $5::text[], $6::text[], $7::smallint[], $8::smallint[],
            $9::text[], $10::text[], $11::text[], $12::timestamptz[], $13::uuid[], $14::timestamptz[], $15::int[],
            $16::text[], $17::bigint[], $18::int[], $19::timestamptz[])
     as n(device_id, job_id, nth, state, source_version, progress, attempt, description, reason, failure_ref,
          due_at, offered_on, timeout_at, rev, awaiting, package_id, code, offered_at)
where t.device_id = n.device_id and t.job_id = n.job_id and t.nth = n.nth and t.rev = n.rev
returning t.device_id;

-- name: add_changes
insert into task_change (device_id, job_id, nth, rev, at, event, from_state, to_state, detail)
select n.device_id, n.job_id, n.nth, n.rev, $1, n.event, n.from_state, n.to_state, n.detail
from unnest($2::uuid[], $3::bigint[], $4::smallint[], $5::int[], $6::text[], $7::text[], $8::text[], $9::text[])
     as n(device_id, job_id, nth, rev, event, from_state, to_state, detail);

-- name: save_versions
-- What devices say they run; null is unknown, and says each time when it was said. What a result told ($5) stands until
-- a report comes, and what a device reported itself where the result tells the same.
insert into module_version (device_id, module, version, reported_at, by_result)
select n.device_id, n.module, n.version, $1, $5
from unnest($2::uuid[], $3::text[], $4::text[]) as n(device_id, module, version)
order by n.device_id, n.module
on conflict (device_id, module) do update
set version = excluded.version, reported_at = excluded.reported_at, by_result = excluded.by_result
where module_version.version is distinct from excluded.version or module_version.by_result or excluded.version is null;

-- name: former_destinations
-- Where cancelled tasks of this life of theirs would have brought devices, by whichever way: some were offered before.
select distinct t.device_id, t.module, p.version
from task t join device d on d.device_id = t.device_id and d.life = t.life
join job j using (job_id) join package p on p.package_id = coalesce(t.package_id, j.package_id)
where t.device_id = any($1::uuid[]) and t.state = 'CANCELED';

-- name: save_spellings
update module_version v set said = n.said from unnest($1::uuid[], $2::text[], $3::text[]) as n(device_id, module, said)
where v.device_id = n.device_id and v.module = n.module and v.said is distinct from n.said;

-- name: save_sdks
update device d set sdk_version = n.version from unnest($1::uuid[], $2::text[]) as n(device_id, version)
where d.device_id = n.device_id and d.sdk_version is distinct from n.version;

-- name: move_tasks
-- One event for many tasks: every selected task in a `from` state goes to its `to` state. A null filter is no filter.
with victim as (
    select t.device_id, t.job_id, t.nth, t.state
    from task t
    where t.state = any($2::text[])
      and ($4::bigint is null or t.job_id = $4)
      and ($5::uuid[] is null or t.device_id = any($5))
      and ($6::bigint is null or t.job_id in (select j.job_id from job j where j.package_id = $6))
      and ($7::timestamptz is null or (t.timeout_at <= $7 and t.awaiting = ''))
      and ($11::text is null or t.slot = $11)
      and ($12::text is null or t.job_id in (select j.job_id from job j where j.kind = $12))
      and ($13::bigint is null or t.job_id < $13)
    order by t.device_id, t.job_id, t.nth
    for update of t
), moved as (
    update task t
    set state = m.to_state, reason = $8, description = $9, due_at = null, timeout_at = null, rev = t.rev + 1,
        modified_at = $1
    from victim v join unnest($2::text[], $3::text[]) as m(from_state, to_state) on m.from_state = v.state
    where t.device_id = v.device_id and t.job_id = v.job_id and t.nth = v.nth
    returning t.device_id, t.job_id, t.nth, t.rev, v.state as from_state, t.state as to_state
), told as (
    insert into task_change (device_id, job_id, nth, rev, at, event, from_state, to_state, detail)
    select device_id, job_id, nth, rev, $1, $10, from_state, to_state, $9 from moved
)
select count(*) from moved;

-- name: due_of_node
-- Tasks whose offer may be pushed by this gateway now (L6 is checked again when they are claimed). Of each job no more
-- than its budget has left, so that a job that has spent it keeps no other waiting; oldest first. In a job that does not
-- push a time says only from when on a device that asks is told again (alibaba 7.2).
with recursive due_jobs as (
    (select t.job_id from task t where t.node_id = $1 and t.due_at <= $2 order by t.job_id limit 1)
    union all
    select (select t.job_id from task t where t.node_id = $1 and t.due_at <= $2 and t.job_id > l.job_id
            order by t.job_id limit 1)
    from due_jobs l where l.job_id is not null
), budget as (
    select j.job_id, j.maximum_per_min - coalesce((
        select sum(p.offers) from pace p
        where p.job_id = j.job_id and p.granted_at > clock_timestamp() - make_interval(secs => $4)), 0) as room
    from due_jobs join job j using (job_id) where j.need_push
)
select d.device_id, d.job_id, d.nth
from budget b cross join lateral (
    select o.device_id, o.job_id, o.nth, o.due_at from offerable o
    where o.node_id = $1 and o.job_id = b.job_id and o.due_at <= $2 and (o.finish_at is null or o.finish_at > $2)
    order by o.due_at limit greatest(0, least($3, b.room))
) d
order by d.due_at
limit $3;

-- name: asked_for
-- Tasks that a device may be told of when it asks.
select device_id, job_id, nth, module from offerable
where device_id = any($1::uuid[]) and (due_at is null or due_at <= $2::timestamptz + interval '2 seconds')
  and not asks_first and (finish_at is null or finish_at > $2)
order by device_id, job_id;

-- name: free
-- Those of these tasks that no other transaction holds.
select t.device_id, t.job_id, t.nth
from unnest($1::uuid[], $2::bigint[], $3::smallint[]) as c(device_id, job_id, nth)
join task t on t.device_id = c.device_id and t.job_id = c.job_id and t.nth = c.nth
for share of t skip locked;

-- name: lock_budgets
-- Serialises the granting of offers per job, across processes.
select job_id, maximum_per_min from job where job_id = any($1::bigint[]) order by job_id for no key update;

-- name: granted_in_window
select job_id, sum(offers)::bigint as offers from pace
where job_id = any($1::bigint[]) and granted_at > clock_timestamp() - make_interval(secs => $2) group by job_id;

-- name: grant
insert into pace (job_id, granted_at, offers)
select n.job_id, clock_timestamp(), n.offers from unnest($1::bigint[], $2::int[]) as n(job_id, offers);

-- name: forget_grants
delete from pace where granted_at < clock_timestamp() - make_interval(secs => $1);

-- name: claim
-- Lock these tasks for sending, with what an offer says. A cancelled or foreign one is not returned (L5, L6): its state
-- is asked of the locked row itself, the rest of `offerable` of what stands.
select t.device_id, t.job_id, t.nth, p.module, t.state, t.awaiting, p.version, p.size, p.md5, p.sha256, p.is_delta, p.udi,
       p.files, p.sign_method, p.object_key, p.bucket is null as is_held, p.sign, j.protocol, j.tags, j.ext_info,
       pr.product_key, d.name, d.secret,
       coalesce(d.public_id, pr.product_key || '_' || d.name) as public_id,
       mv.device_id is not null as has_said, mv.version as installed, o.asks_first, o.fits,
       case when j.by_gateway then (
           select count(*) from topology own join topology other using (gateway_id)
           join task x on x.device_id = other.device_id and x.job_id = t.job_id
           where own.device_id = t.device_id) end as sub_device_count
from unnest($1::uuid[], $2::bigint[], $3::smallint[]) as c(device_id, job_id, nth)
join task t on t.device_id = c.device_id and t.job_id = c.job_id and t.nth = c.nth
join job j on j.job_id = t.job_id join package p on p.package_id = coalesce(t.package_id, j.package_id)
join device d on d.device_id = t.device_id join product pr on pr.product_id = d.product_id
left join module_version mv on mv.device_id = t.device_id and mv.module = t.module
cross join lateral (select o.asks_first, o.fits from offerable o
                    where o.device_id = c.device_id and o.job_id = c.job_id and o.nth = c.nth) o
where t.state in ('QUEUED', 'NOTIFIED', 'IN_PROGRESS') and ($4::timestamptz is null or t.due_at <= $4)
  and d.enabled and d.deleted_at is null
for update of t skip locked;

-- name: record_offers
-- What was sent of these tasks, on which connection; `awaiting` and the end of that wait are null for tasks that do not
-- negotiate.
update task t
set offered_on = n.connection_id, offered_at = $1, due_at = null, awaiting = coalesce(n.awaiting, t.awaiting),
    timeout_at = coalesce(n.timeout_at, t.timeout_at)
from unnest($2::uuid[], $3::bigint[], $4::smallint[], $5::uuid[], $6::text[], $7::timestamptz[])
     as n(device_id, job_id, nth, connection_id, awaiting, timeout_at)
where t.device_id = n.device_id and t.job_id = n.job_id and t.nth = n.nth;

-- name: record_questions
-- These devices were asked what they run before what is for one version; their answer makes the offer due.
update task t set due_at = null
from unnest($1::uuid[], $2::bigint[], $3::smallint[]) as n(device_id, job_id, nth)
where t.device_id = n.device_id and t.job_id = n.job_id and t.nth = n.nth;

-- name: put_off
-- The connection did not take the offer: try again a little later.
update task t set due_at = $1
from unnest($2::uuid[], $3::bigint[], $4::smallint[]) as n(device_id, job_id, nth)
where t.device_id = n.device_id and t.job_id = n.job_id and t.nth = n.nth and t.due_at is not null;

-- name: choices
-- What each of these jobs may install: its package, or those that it chooses from.
select j.job_id, p.package_id, p.version, p.product_id, p.source_versions
from job j join job_package c using (job_id) join package p on p.package_id = c.package_id
where j.job_id = any($1::bigint[]) and p.deleted_at is null order by j.job_id, c.place;

-- name: lock_waits_over
-- Tasks that negotiate and whose present wait is over, locked, with the facts that their life depends on.
with t as materialized (
    select * from task where timeout_at <= $1 and awaiting <> '' and state in ('QUEUED', 'NOTIFIED', 'IN_PROGRESS')
    order by device_id, job_id, nth limit $2 for update skip locked
)
select t.device_id, t.job_id, t.nth, t.module, t.slot, t.state, t.source_version, p.version as destination, p.is_delta,
       j.source_versions as job_sources, case when j.kind = 'dynamic' then j.group_id end as group_id,
       case when p.is_delta then array[p.source_version] else p.source_versions end as package_sources,
       j.need_push, j.retry_interval_min, j.retry_count, j.timeout_min, t.progress, t.attempt, t.description,
       t.reason, t.failure_ref, t.due_at, t.offered_on, t.offered_at, t.timeout_at, t.awaiting, t.package_id, t.code,
       t.rev
from t join job j using (job_id) join package p on p.package_id = coalesce(t.package_id, j.package_id)
order by t.device_id, t.job_id, t.nth;
