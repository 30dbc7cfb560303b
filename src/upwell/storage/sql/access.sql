-- Accounts, access keys, replay protection, the platform's secrets and what a device's login needs.

-- name: make_account
-- An account by name; nothing happens when it exists.
insert into account (account_id, name, created_at) values ($1, $2, $3) on conflict (name) do nothing;

-- name: account_by_name
select account_id from account where name = $1;

-- name: lock_keys
-- First start of several processes: one of them makes the first key.
select pg_advisory_xact_lock(7386016);

-- name: any_key
select exists (select from access_key);

-- name: make_key
insert into access_key (key_id, secret, account_id, role, dialect, created_at) values ($1, $2, $3, $4, $5, $6);

-- name: list_keys
select key_id, secret, account_id, a.name as account, role, dialect, k.created_at, revoked_at
from access_key k join account a using (account_id) order by k.created_at, key_id;

-- name: find_key
-- A key that may still be used.
select key_id, secret, account_id, a.name as account, role, dialect, k.created_at, revoked_at
from access_key k join account a using (account_id) where key_id = $1 and revoked_at is null;

-- name: revoke_key
-- The first revocation's time stays.
update access_key set revoked_at = coalesce(revoked_at, $2) where key_id = $1 returning key_id;

-- name: use_nonce
-- The primary key decides between processes.
insert into nonce (key_id, nonce, seen_at) values ($1, $2, $3) on conflict do nothing returning true;

-- name: admit
-- use_nonce, unless there is none, then one more request in this second; a replay costs nobody's rate. Not within the
-- rate is who comes when there were $6 already. A second is PostgreSQL's own, and so the same for every process: whoever
-- waited for the row past its second counts in the newer one, and a clock that was set back begins anew.
with fresh as (
    insert into nonce (key_id, nonce, seen_at) select $1, $2, $3 where $2::text is not null
    on conflict do nothing returning true
), asked as (
    select true from fresh union all select true where $2::text is null
), counted as (
    insert into rate as r (account_id, action, second, requests)
    select $4, $5, floor(extract(epoch from clock_timestamp())), 1 from asked
    on conflict (account_id, action) do update
    set second = case when r.second between excluded.second and excluded.second + 5 then r.second
                      else excluded.second end,
        requests = case when r.second between excluded.second and excluded.second + 5 then r.requests + 1 else 1 end
    where r.requests < $6 or r.second not between excluded.second and excluded.second + 5
    returning true
)
select exists (select from asked) as is_fresh, exists (select from counted) as is_within;

-- name: purge_nonces
with gone as (delete from nonce where seen_at < $1 returning 1) select count(*) from gone;

-- name: login_facts
-- Live devices among the given ones, with what checks their login.
select d.device_id, d.secret, d.enabled, p.product_key, d.name, d.product_id, p.account_id,
       p.facts as product_facts, t.gateway_id
from device d join product p using (product_id) left join topology t using (device_id)
where d.device_id = any($1::uuid[]) and d.deleted_at is null and p.deleted_at is null;

-- name: login_facts_by_name
-- Live devices of each name over all products, oldest first: a later one of the same name takes nobody's place.
select f.*
from unnest($1::text[]) as w(name) cross join lateral (
    select d.secret, d.enabled, p.product_key, d.name, d.product_id, p.account_id, p.facts as product_facts,
           t.gateway_id
    from device d join product p using (product_id) left join topology t using (device_id)
    where d.name = w.name and d.deleted_at is null and p.deleted_at is null
    order by d.created_at, d.device_id limit $2
) f;

-- name: make_secret
insert into secret (name, value) values ($1, $2) on conflict (name) do nothing;

-- name: read_secret
select value from secret where name = $1;

-- name: find_download
-- The bytes of one file that a task installs. A cancelled task has none (law 5), nor has a deleted package (law 6).
select coalesce(f.file ->> 'object_key', p.object_key) as object_key,
       coalesce((f.file ->> 'size')::bigint, p.size) as size, coalesce(f.file ->> 'md5', p.md5) as md5
from task t join job j using (job_id) join package p on p.package_id = coalesce(t.package_id, j.package_id)
cross join lateral (select p.files -> $4::int as file) f
where t.device_id = $1 and t.job_id = $2 and t.nth = $3 and p.deleted_at is null
  and t.state <> 'CANCELED' and ($4 = 0 or $4 < jsonb_array_length(p.files));
