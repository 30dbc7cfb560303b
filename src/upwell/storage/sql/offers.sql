-- Offers: due, granted, claimed, recorded. What a task awaits after a message is domain/awaiting.py's to say.

-- name: due_of_node
-- Tasks whose offer may be pushed by this gateway now (L6 is checked again when they are claimed). Of each job no more
-- than its budget has left, so that a job that has spent it keeps no other waiting; oldest first. Of one with a limit those
-- that are at work may always be told again. Nothing is read of a job
-- that can offer nothing: one that has ended, is paused or not approved or outside its hours, has no open wave, does not push, or whose package may not be offered. In a job that does not
-- push a time says only from when on a device that asks is told again (alibaba 7.2). A task that is due and can't be offered
-- comes too, and is said to be none, so that it is not read again and again.
with recursive due_jobs as (
    (select t.job_id from task t where t.node_id = :node_id and t.due_at is not null order by t.job_id limit 1)
    union all
    select (select t.job_id from task t where t.node_id = :node_id and t.due_at is not null and t.job_id > l.job_id
            order by t.job_id limit 1)
    from due_jobs l where l.job_id is not null
), room as (
    select j.job_id, least(least(j.maximum_per_min, b.per_min) - coalesce((
        select sum(p.offers) from pace p
        where p.job_id = j.job_id and p.granted_at > clock_timestamp() - make_interval(secs => :pace_s)), 0), l.room) as room,
           least(b.at_once - b.running, l.free) as free
    from due_jobs join job j using (job_id) join package k on k.package_id = j.package_id
    left join budget b on b.job_id = j.job_id
    left join lateral (
        select min(o.at_once - o.running) as free, min(o.maximum_per_min - coalesce((
            select sum(f.offers) from fleet_pace f where f.account_id = o.account_id and f.product_id = o.product_id
            and f.granted_at > clock_timestamp() - make_interval(secs => :pace_s)), 0)) as room
        from limits_over(j.account_id, j.product_id) o
    ) l on true
    where j.need_push and is_in_time(j.finish_at, :now) and j.paused_at is null and not j.unapproved
      and is_in_time(j.open_until, :now) and j.open_wave >= 0 and is_running(j.status, j.kind)
      and (j.asks_version or (k.object_state = 'ok' and is_released(k.status, k.deleted_at, j.kind)))
), oldest as materialized (
    select o.device_id, o.job_id, o.nth, o.due_at, o.state
    from room r cross join lateral (
        select t.device_id, t.job_id, t.nth, t.due_at, t.state from task t
        where t.node_id = :node_id and t.job_id = r.job_id and t.due_at <= :now
          and (r.free is null or not exists (select from job_at_work w where w.job_id = t.job_id and w.device_id = t.device_id))
        order by t.due_at limit greatest(0, least(:at_most, r.room, r.free))
    ) o
    union all
    select o.device_id, o.job_id, o.nth, o.due_at, o.state
    from room r join job_at_work w using (job_id) cross join lateral (
        select t.device_id, t.job_id, t.nth, t.due_at, t.state from task t
        where t.device_id = w.device_id and t.job_id = w.job_id and t.nth = w.nth and t.node_id = :node_id and t.due_at <= :now
        limit 1
    ) o
    where r.free is not null and r.room > 0
    order by due_at
    limit :at_most
)
select d.device_id, d.job_id, d.nth,
       d.state = any(:released::text[]) and o.found is not null as is_offerable
from oldest d
left join lateral (
    select true as found from offerable o where o.device_id = d.device_id and o.job_id = d.job_id and o.nth = d.nth
      and is_let_in(o.aside_until, :now) and is_in_time(o.open_until, :now) limit 1
) o on true
order by d.due_at;

-- name: put_by
-- These tasks are due and can't be offered. One that does not fit what its device runs is due again when that says
-- something new, one whose device is set aside when that ends, one outside its device's hours when they open or a while
-- later, for they may be changed; another waits a while.
with t as materialized (
    select t.device_id, t.job_id, t.nth
    from unnest(:device_ids::uuid[], :job_ids::bigint[], :nths::smallint[]) as c(device_id, job_id, nth)
    join task t on t.device_id = c.device_id and t.job_id = c.job_id and t.nth = c.nth
    where t.due_at <= :due_by
    for update of t skip locked
)
update task set due_at = case when fit.version or task.awaiting <> '' then greatest(
    :later::timestamptz, s.until_at, case when h.are_over then least(h.opens_at, :look_again::timestamptz) end) end
from t join job j on j.job_id = t.job_id
join task w on w.device_id = t.device_id and w.job_id = t.job_id and w.nth = t.nth
join package p on p.package_id = coalesce(w.package_id, j.package_id)
left join module_version mv on mv.device_id = w.device_id and mv.module = w.module
left join setback s on s.device_id = w.device_id
cross join lateral (
    select max(h.opens_at) as opens_at, count(*) > 0 as are_over from hours_over(j.account_id, w.device_id) h where not is_in_time(h.open_until, :due_by)
) h
cross join lateral (
    select coalesce(may_follow(mv.version, p.is_delta, p.source_version, p.source_versions), false) as version
) fit
where task.device_id = t.device_id and task.job_id = t.job_id and task.nth = t.nth;

-- name: asked_for
-- Tasks that a device may be told of when it asks. Each device is looked up by itself, here and below: what PostgreSQL believes of
-- a table that grows just now would have it read all of it.
select o.device_id, o.job_id, o.nth, o.module
from unnest(:device_ids::uuid[]) as w(device_id)
cross join lateral (select d.device_id from device d where d.device_id = w.device_id and is_welcome(d.enabled, d.deleted_at) limit 1) d
cross join lateral (
    select o.device_id, o.job_id, o.nth, o.module from offerable o
    where o.device_id = w.device_id and (o.due_at is null or o.due_at <= :now::timestamptz + :settle::interval)
      and not o.asks_first and is_in_time(o.finish_at, :now) and is_in_time(o.open_until, :now)
      and is_let_in(o.aside_until, :now)
    offset 0
) o
order by o.device_id, o.job_id;

-- name: told_lately
-- Those of these tasks whose devices have been told their offers since then; what is not offered yet does not count.
select t.device_id, t.job_id, t.nth, coalesce(b.is_guarded, false) as is_guarded
from unnest(:device_ids::uuid[], :job_ids::bigint[], :nths::smallint[]) as c(device_id, job_id, nth)
join task t on t.device_id = c.device_id and t.job_id = c.job_id and t.nth = c.nth
left join budget b on b.job_id = t.job_id
where t.offered_on is not null and t.offered_at > :since and not t.awaiting = any(:unoffered::text[]);

-- name: lock_budgets
-- Serialises the granting of offers per job, across processes; the job itself stays free.
select b.job_id, j.maximum_per_min, b.is_guarded, b.growth, b.told,
       b.at_once is not null or exists (select from limits_over(j.account_id, j.product_id) l where l.at_once is not null)
           as is_limited,
       exists (select from limits_over(j.account_id, j.product_id) l where l.maximum_per_min is not null) as is_shared,
       case when b.growth is not null then (
           select coalesce(sum(c.n), 0)::bigint from job_count c where c.job_id = b.job_id and c.state = 'SUCCEEDED'
       ) end as succeeded
from budget b join job j using (job_id)
where b.job_id = any(:job_ids::bigint[]) order by b.job_id for no key update of b;

-- name: make_budgets
insert into budget (job_id) select job_id from unnest(:job_ids::bigint[]) as n(job_id) order by job_id on conflict do nothing;

-- name: granted_in_window
select job_id, sum(offers)::bigint as offers from pace
where job_id = any(:job_ids::bigint[]) and granted_at > clock_timestamp() - make_interval(secs => :pace_s) group by job_id;

-- name: grant
insert into pace (job_id, granted_at, offers)
select n.job_id, clock_timestamp(), n.offers from unnest(:job_ids::bigint[], :offers::int[]) as n(job_id, offers)
returning job_id, granted_at;

-- name: give_back
-- What was granted then and not used.
insert into pace (job_id, granted_at, offers)
select n.job_id, n.granted_at, n.offers
from unnest(:job_ids::bigint[], :granted_at::timestamptz[], :offers::int[]) as n(job_id, granted_at, offers);

-- name: forget_grants
delete from pace where granted_at < clock_timestamp() - make_interval(secs => :kept_s);

-- name: claim
-- Lock these tasks for sending, with what an offer says and the place of each among them. A cancelled or foreign one is not returned (L5, L6): its state
-- is asked of the locked row itself, the rest of `offerable` of what stands.
select c.place, t.device_id, t.job_id, t.nth, p.module, t.state, t.awaiting, t.timeout_at, p.version, p.size, p.md5, p.sha256, p.is_delta, p.udi,
       p.files, p.sign_method, p.object_key, p.bucket is null as is_held, p.sign, j.protocol, j.tags, j.ext_info,
       pr.product_key, d.name, d.secret,
       coalesce(d.public_id, pr.product_key || '_' || d.name) as public_id, t.wave, t.acts, t.attempt, t.reason, t.outcome,
       mv.device_id is not null as has_said, mv.version as installed, o.asks_first, o.fits, o.open_until,
       t.offered_at is null and t.attempt = 0 as is_first,
       case when j.by_gateway then (
           select count(*) from topology own join topology other using (gateway_id)
           join job_target x on x.device_id = other.device_id and x.job_id = t.job_id  -- all are known before the first task
           where own.device_id = t.device_id) end as sub_device_count
from unnest(:device_ids::uuid[], :job_ids::bigint[], :nths::smallint[]) with ordinality as c(device_id, job_id, nth, place)
join task t on t.device_id = c.device_id and t.job_id = c.job_id and t.nth = c.nth
join job j on j.job_id = t.job_id join package p on p.package_id = coalesce(t.package_id, j.package_id)
join device d on d.device_id = t.device_id join product pr on pr.product_id = d.product_id
left join module_version mv on mv.device_id = t.device_id and mv.module = t.module
cross join lateral (select o.asks_first, o.fits, o.open_until from offerable o
                    where o.device_id = c.device_id and o.job_id = c.job_id and o.nth = c.nth
                      and is_let_in(o.aside_until, :now) limit 1) o
where t.state = any(:released::text[]) and (:due_by::timestamptz is null or t.due_at <= :due_by)
  and is_in_time(o.open_until, :now) and is_welcome(d.enabled, d.deleted_at)
for update of t skip locked;

-- name: record_offers
-- What was sent of these tasks, on which connection, and what they await now. One that was told its offer again on the same
-- connection stays as it is.
update task t
set offered_on = n.connection_id, offered_at = coalesce(n.offered_at, t.offered_at), due_at = null, awaiting = n.awaiting,
    timeout_at = n.timeout_at
from unnest(:device_ids::uuid[], :job_ids::bigint[], :nths::smallint[], :connection_ids::uuid[], :offered_at::timestamptz[],
            :awaiting::text[], :timeout_at::timestamptz[])
     as n(device_id, job_id, nth, connection_id, offered_at, awaiting, timeout_at)
where t.device_id = n.device_id and t.job_id = n.job_id and t.nth = n.nth
  and (t.offered_on, t.offered_at, t.due_at, t.awaiting, t.timeout_at) is distinct from
      (n.connection_id, coalesce(n.offered_at, t.offered_at), null::timestamptz, n.awaiting, n.timeout_at);

-- name: record_questions
-- These devices were asked what they run before what is for one version; their answer makes the offer due.
update task t set due_at = null
from unnest(:device_ids::uuid[], :job_ids::bigint[], :nths::smallint[]) as n(device_id, job_id, nth)
where t.device_id = n.device_id and t.job_id = n.job_id and t.nth = n.nth;

-- name: put_off
-- The connection did not take the offer: try again a little later.
update task t set due_at = :due_at
from unnest(:device_ids::uuid[], :job_ids::bigint[], :nths::smallint[]) as n(device_id, job_id, nth)
where t.device_id = n.device_id and t.job_id = n.job_id and t.nth = n.nth and t.due_at is not null;
