-- Limits of accounts and products over their jobs. How they are shared is domain/pace.py's to say.

-- name: show
-- Of an account (product 0) or a product; with what is spent of a minute now.
select l.maximum_per_min, l.at_once, f.bytes_per_s, coalesce(l.running, 0) as running, coalesce((
           select sum(p.offers) from fleet_pace p where p.account_id = l.account_id and p.product_id = l.product_id
           and p.granted_at > clock_timestamp() - make_interval(secs => :pace_s)), 0)::bigint as spent
from (select :account_id::bigint as account_id, :product_id::bigint as product_id) w
left join fleet_limit l using (account_id, product_id) left join flow_limit f using (account_id, product_id);

-- name: set_flow
insert into flow_limit (account_id, product_id, bytes_per_s) values (:account_id, :product_id, :bytes_per_s)
on conflict (account_id, product_id) do update set bytes_per_s = excluded.bytes_per_s;

-- name: drop_flow
delete from flow_limit where account_id = :account_id and product_id = :product_id;

-- name: set
-- What is not said stays.
insert into fleet_limit as l (account_id, product_id, maximum_per_min, at_once)
values (:account_id, :product_id, :maximum_per_min, :at_once)
on conflict (account_id, product_id) do update
set maximum_per_min = coalesce(excluded.maximum_per_min, l.maximum_per_min), at_once = coalesce(excluded.at_once, l.at_once);

-- name: drop
delete from fleet_limit where account_id = :account_id and product_id = :product_id;

-- name: lock
-- The limits over these jobs, held until the transaction ends.
select l.account_id, l.product_id, l.maximum_per_min, l.at_once, l.running from fleet_limit l
where (l.account_id, l.product_id) in (
    select j.account_id, x.product_id from job j cross join lateral (values (0::bigint), (j.product_id)) as x(product_id)
    where j.job_id = any(:job_ids::bigint[]))
order by l.account_id, l.product_id for no key update of l;

-- name: jobs_of
select job_id, account_id, product_id from job where job_id = any(:job_ids::bigint[]);

-- name: spent
select p.account_id, p.product_id, sum(p.offers)::bigint as offers
from unnest(:account_ids::bigint[], :product_ids::bigint[]) as n(account_id, product_id)
join fleet_pace p using (account_id, product_id)
where p.granted_at > clock_timestamp() - make_interval(secs => :pace_s)
group by p.account_id, p.product_id;

-- name: waiting
-- Jobs of these accounts that a limit kept back since then.
select b.job_id, j.account_id, j.product_id from budget b join job j using (job_id)
where b.waits_at > :since and j.account_id = any(:account_ids::bigint[]);

-- name: note_waiting
update budget set waits_at = case when job_id = any(:waiting::bigint[]) then :now::timestamptz end
where job_id = any(:job_ids::bigint[]) and (job_id = any(:waiting::bigint[]) or waits_at is not null);

-- name: grant
insert into fleet_pace (account_id, product_id, granted_at, offers)
select n.account_id, n.product_id, clock_timestamp(), n.offers
from unnest(:account_ids::bigint[], :product_ids::bigint[], :offers::int[]) as n(account_id, product_id, offers)
returning account_id, product_id, granted_at;

-- name: give_back
insert into fleet_pace (account_id, product_id, granted_at, offers)
select n.account_id, n.product_id, n.granted_at, n.offers
from unnest(:account_ids::bigint[], :product_ids::bigint[], :granted_at::timestamptz[], :offers::int[])
     as n(account_id, product_id, granted_at, offers);

-- name: forget
delete from fleet_pace where granted_at < clock_timestamp() - make_interval(secs => :kept_s);

-- name: begin_work
-- Of limits that the caller has.
update fleet_limit l set running = l.running + n.devices
from unnest(:account_ids::bigint[], :product_ids::bigint[], :devices::int[]) as n(account_id, product_id, devices)
where l.account_id = n.account_id and l.product_id = n.product_id;

-- name: at_once
-- Limits of devices at work, some at a time.
select account_id, product_id from fleet_limit where at_once is not null
  and (account_id, product_id) > (:after_account::bigint, :after_product::bigint)
order by account_id, product_id limit :at_most;

-- name: lock_one
select running from fleet_limit where account_id = :account_id and product_id = :product_id for no key update skip locked;

-- name: recount
-- How many devices are at work of the jobs below a limit that the caller has.
update fleet_limit l set running = (
    select coalesce(sum(b.running), 0) from budget b join job j using (job_id)
    where b.running > 0 and j.account_id = :account_id and (:product_id::bigint = 0 or j.product_id = :product_id))
where l.account_id = :account_id and l.product_id = :product_id
returning running;

-- name: least_of
-- The least that a job below these may offer in a minute; null where none says.
select min(l.maximum_per_min) from product p cross join lateral limits_over(p.account_id, p.product_id) l
where p.product_id = :product_id;

-- name: least_flow
-- The fewest bytes a second that its jobs have together; null where none says.
select min(f.bytes_per_s) from product p join flow_limit f
on f.account_id = p.account_id and f.product_id in (0, p.product_id) where p.product_id = :product_id;

-- name: over
-- The limits over a job, with what is spent and when the first of that comes free.
select l.product_id, l.maximum_per_min, l.at_once, l.running, s.offers as spent,
       s.first_at + make_interval(secs => :pace_s) as free_at
from limits_over(:account_id, :product_id) l cross join lateral (
    select coalesce(sum(p.offers), 0)::bigint as offers, min(p.granted_at) as first_at from fleet_pace p
    where p.account_id = l.account_id and p.product_id = l.product_id
      and p.granted_at > clock_timestamp() - make_interval(secs => :pace_s)
) s
order by l.product_id desc;
