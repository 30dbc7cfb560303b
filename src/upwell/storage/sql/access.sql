-- Accounts, access keys, replay protection, the platform's secrets and what a device's login needs.

-- name: make_account
-- An account by name and its default space; nothing happens when it exists.
with made as (
    insert into account (account_id, name, created_at) values ($1, $2, $3) on conflict (name) do nothing
    returning account_id, created_at
)
insert into space (space_id, account_id, key, name, created_at)
select account_id, account_id, $4, 'default', created_at from made;

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

-- name: changed_keys
-- Keys made or revoked since $1, in that order; at most $2.
select key_id, secret, account_id, a.name as account, role, dialect, k.created_at, revoked_at
from access_key k join account a using (account_id)
where greatest(k.created_at, revoked_at) > $1 order by greatest(k.created_at, revoked_at), key_id limit $2;

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
select d.device_id, d.secret, d.secondary_secret, d.enabled, p.product_key, d.name, d.product_id, p.account_id,
       coalesce(d.public_id, p.product_key || '_' || d.name) as public_id, p.facts as product_facts, t.gateway_id
from device d join product p using (product_id) left join topology t using (device_id)
where d.device_id = any($1::uuid[]) and d.deleted_at is null and p.deleted_at is null;

-- name: login_facts_by_name
-- Live devices over all products that each word means: the one whose public id it is, then those it stands for
-- ($2, $3), then those of that name, each account's oldest first, and no more than $4 of an account: a later one of the
-- same name takes nobody's place, and no account's devices, however old, take all of them.
with wanted as (
    select w.word, d.device_id, 0 as way, 1::bigint as nth
    from unnest($1::text[]) as w(word) join device d on d.public_id = w.word and d.deleted_at is null
    union all
    select w.word, d.device_id, 1 as way, 1::bigint as nth
    from unnest($2::text[], $3::uuid[]) as w(word, device_id) join device d using (device_id)
    where d.public_id is null and d.deleted_at is null
    union all
    select w.word, f.device_id, 2 as way, f.nth
    from unnest($1::text[]) as w(word) cross join lateral (
        select d.device_id, row_number() over (partition by p.account_id order by d.created_at, d.device_id) as nth
        from device d join product p using (product_id)
        where d.name = w.word and d.deleted_at is null and p.deleted_at is null
    ) f
    where f.nth <= $4
), first as (
    select word, device_id, min(way) as way, min(nth) as nth from wanted group by word, device_id
), placed as (
    select i.word, i.way, d.secret, d.secondary_secret, d.enabled, p.product_key, d.name, d.product_id, p.account_id,
           coalesce(d.public_id, p.product_key || '_' || d.name) as public_id, p.facts as product_facts, t.gateway_id,
           row_number() over (partition by i.word order by i.way, i.nth, d.created_at, d.device_id) as place
    from first i join device d using (device_id) join product p using (product_id) left join topology t using (device_id)
    where d.deleted_at is null and p.deleted_at is null
)
select word, secret, secondary_secret, enabled, product_key, name, product_id, account_id, public_id, product_facts,
       gateway_id
from placed where place <= $5 order by word, place;

-- name: make_secret
insert into secret (name, value) values ($1, $2) on conflict (name) do nothing;

-- name: read_secret
select value from secret where name = $1;

-- name: find_download
-- The bytes of one file that a task installs. A cancelled task has none (law 5), nor has a package that is deleted or
-- whose object is not what it should be (law 6); a tag says that the store is to be asked whether it still is.
select p.package_id, p.object_tag, coalesce(f.file ->> 'object_key', p.object_key) as object_key,
       coalesce((f.file ->> 'size')::bigint, p.size) as size, coalesce(f.file ->> 'md5', p.md5) as md5
from task t join job j using (job_id) join package p on p.package_id = coalesce(t.package_id, j.package_id)
cross join lateral (select p.files -> $4::int as file) f
where t.device_id = $1 and t.job_id = $2 and t.nth = $3 and p.deleted_at is null
  and p.object_state = 'ok' and t.state <> 'CANCELED' and ($4 = 0 or $4 < jsonb_array_length(p.files));
