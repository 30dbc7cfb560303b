-- Quotas of accounts, and what is used of them.

-- name: hold
-- One at a time makes what is limited; where nothing is, no row comes back and nothing is locked.
select devices, packages, bytes, running_jobs, requests_per_s from account_quota where account_id = :account_id for no key update;

-- name: account_of
select account_id from product where product_id = :product_id;

-- name: used
-- Devices are counted as they change, packages of an account are few, and running jobs have an index.
select (select coalesce(sum(c.devices), 0)::bigint from product p join fleet_count c using (product_id)
        where p.account_id = :account_id and p.deleted_at is null) as devices,
       (select count(*) from package where account_id = :account_id and deleted_at is null) as packages,
       (select coalesce(sum(size), 0)::bigint from package
        where account_id = :account_id and region is null and deleted_at is null) as bytes,
       (select count(*) from job where account_id = :account_id and status in ('PLANNED', 'IN_PROGRESS')
        and deleted_at is null) as running_jobs;

-- name: set
insert into account_quota (account_id, devices, packages, bytes, running_jobs, requests_per_s)
values (:account_id, :devices, :packages, :bytes, :running_jobs, :requests_per_s)
on conflict (account_id) do update set devices = excluded.devices, packages = excluded.packages,
    bytes = excluded.bytes, running_jobs = excluded.running_jobs, requests_per_s = excluded.requests_per_s;

-- name: list
select a.account_id, a.name, q.devices, q.packages, q.bytes, q.running_jobs, q.requests_per_s
from account_quota q join account a using (account_id) where a.name > :after order by a.name limit :at_most;

-- name: find_account
-- Held, so that two that set quotas do so one after the other.
select account_id from account where name = :name for no key update;

-- name: drop
delete from account_quota where account_id = :account_id;

-- name: of_requests
-- Of these accounts, those that have a quota of requests.
select account_id, requests_per_s from account_quota
where account_id = any(:account_ids::bigint[]) and requests_per_s is not null;
