-- Offers: due, granted, claimed, recorded. What a task awaits after a message is domain/awaiting.py's to say.

-- name: due_of_node
-- Tasks whose offer may be pushed by this gateway now (L6 is checked again when they are claimed). Of each job no more
-- than its budget has left, so that a job that has spent it keeps no other waiting; oldest first. In a job that does not
-- push a time says only from when on a device that asks is told again (alibaba 7.2).
with recursive due_jobs as (
    (select t.job_id from task t where t.node_id = :node_id and t.due_at <= :now order by t.job_id limit 1)
    union all
    select (select t.job_id from task t where t.node_id = :node_id and t.due_at <= :now and t.job_id > l.job_id
            order by t.job_id limit 1)
    from due_jobs l where l.job_id is not null
), budget as (
    select j.job_id, j.maximum_per_min - coalesce((
        select sum(p.offers) from pace p
        where p.job_id = j.job_id and p.granted_at > clock_timestamp() - make_interval(secs => :pace_s)), 0) as room
    from due_jobs join job j using (job_id) where j.need_push
)
select d.device_id, d.job_id, d.nth
from budget b cross join lateral (
    select o.device_id, o.job_id, o.nth, o.due_at from offerable o
    where o.node_id = :node_id and o.job_id = b.job_id and o.due_at <= :now and (o.finish_at is null or o.finish_at > :now)
    order by o.due_at limit greatest(0, least(:at_most, b.room))
) d
order by d.due_at
limit :at_most;

-- name: asked_for
-- Tasks that a device may be told of when it asks.
select device_id, job_id, nth, module from offerable
where device_id = any(:device_ids::uuid[]) and (due_at is null or due_at <= :now::timestamptz + :settle::interval)
  and not asks_first and (finish_at is null or finish_at > :now)
order by device_id, job_id;

-- name: free
-- Those of these tasks that no other transaction holds.
select t.device_id, t.job_id, t.nth
from unnest(:device_ids::uuid[], :job_ids::bigint[], :nths::smallint[]) as c(device_id, job_id, nth)
join task t on t.device_id = c.device_id and t.job_id = c.job_id and t.nth = c.nth
for share of t skip locked;

-- name: lock_budgets
-- Serialises the granting of offers per job, across processes.
select job_id, maximum_per_min from job where job_id = any(:job_ids::bigint[]) order by job_id for no key update;

-- name: granted_in_window
select job_id, sum(offers)::bigint as offers from pace
where job_id = any(:job_ids::bigint[]) and granted_at > clock_timestamp() - make_interval(secs => :pace_s) group by job_id;

-- name: grant
insert into pace (job_id, granted_at, offers)
select n.job_id, clock_timestamp(), n.offers from unnest(:job_ids::bigint[], :offers::int[]) as n(job_id, offers);

-- name: forget_grants
delete from pace where granted_at < clock_timestamp() - make_interval(secs => :kept_s);

-- name: claim
-- Lock these tasks for sending, with what an offer says. A cancelled or foreign one is not returned (L5, L6): its state
-- is asked of the locked row itself, the rest of `offerable` of what stands.
select t.device_id, t.job_id, t.nth, p.module, t.state, t.awaiting, t.timeout_at, p.version, p.size, p.md5, p.sha256, p.is_delta, p.udi,
       p.files, p.sign_method, p.object_key, p.bucket is null as is_held, p.sign, j.protocol, j.tags, j.ext_info,
       pr.product_key, d.name, d.secret,
       coalesce(d.public_id, pr.product_key || '_' || d.name) as public_id,
       mv.device_id is not null as has_said, mv.version as installed, o.asks_first, o.fits,
       case when j.by_gateway then (
           select count(*) from topology own join topology other using (gateway_id)
           join task x on x.device_id = other.device_id and x.job_id = t.job_id
           where own.device_id = t.device_id) end as sub_device_count
from unnest(:device_ids::uuid[], :job_ids::bigint[], :nths::smallint[]) as c(device_id, job_id, nth)
join task t on t.device_id = c.device_id and t.job_id = c.job_id and t.nth = c.nth
join job j on j.job_id = t.job_id join package p on p.package_id = coalesce(t.package_id, j.package_id)
join device d on d.device_id = t.device_id join product pr on pr.product_id = d.product_id
left join module_version mv on mv.device_id = t.device_id and mv.module = t.module
cross join lateral (select o.asks_first, o.fits from offerable o
                    where o.device_id = c.device_id and o.job_id = c.job_id and o.nth = c.nth) o
where t.state = any(:released::text[]) and (:due_by::timestamptz is null or t.due_at <= :due_by)
  and d.enabled and d.deleted_at is null
for update of t skip locked;

-- name: record_offers
-- What was sent of these tasks, on which connection, and what they await now.
update task t
set offered_on = n.connection_id, offered_at = :now, due_at = null, awaiting = n.awaiting, timeout_at = n.timeout_at
from unnest(:device_ids::uuid[], :job_ids::bigint[], :nths::smallint[], :connection_ids::uuid[], :awaiting::text[], :timeout_at::timestamptz[])
     as n(device_id, job_id, nth, connection_id, awaiting, timeout_at)
where t.device_id = n.device_id and t.job_id = n.job_id and t.nth = n.nth;

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
