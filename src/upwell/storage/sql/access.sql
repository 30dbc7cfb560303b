-- Accounts, access keys, replay protection, the platform's secrets and what a device's login needs.

-- name: make_account
-- An account by name and its default space; nothing happens when it exists.
with made as (
    insert into account (account_id, name, created_at) values (:account_id, :name, :now) on conflict (name) do nothing
    returning account_id, created_at
)
insert into space (space_id, account_id, key, name, created_at)
select account_id, account_id, :space_key, 'default', created_at from made;

-- name: account_by_name
select account_id from account where name = :name;

-- name: lock_keys
-- First start of several processes: one of them makes the first key.
select pg_advisory_xact_lock(7386016);

-- name: any_key
select exists (select from access_key);

-- name: make_key
insert into access_key (key_id, secret, account_id, role, dialect, created_at) values (:key_id, :secret, :account_id, :role, :dialect, :now);

-- name: list_keys
select key_id, secret, account_id, a.name as account, role, dialect, k.created_at, revoked_at
from access_key k join account a using (account_id) order by k.created_at, key_id;

-- name: changed_keys
-- Keys made or revoked since then, in that order.
select key_id, secret, account_id, a.name as account, role, dialect, k.created_at, revoked_at
from access_key k join account a using (account_id)
where greatest(k.created_at, revoked_at) > :since order by greatest(k.created_at, revoked_at), key_id limit :at_most;

-- name: find_key
-- A key that may still be used.
select key_id, secret, account_id, a.name as account, role, dialect, k.created_at, revoked_at
from access_key k join account a using (account_id) where key_id = :key_id and revoked_at is null;

-- name: revoke_key
-- The first revocation's time stays.
update access_key set revoked_at = coalesce(revoked_at, :now) where key_id = :key_id returning key_id;

-- name: use_nonce
-- The primary key decides between processes.
insert into nonce (key_id, nonce, seen_at) values (:key_id, :nonce, :now) on conflict do nothing returning true;

-- name: admit
-- use_nonce, unless there is none, then one more request in this second; a replay costs nobody's rate. Not within the
-- rate is who comes when there were :limit_per_s already. A second is PostgreSQL's own, and so the same for every process: whoever
-- waited for the row past its second counts in the newer one, and a clock that was set back begins anew.
with fresh as (
    insert into nonce (key_id, nonce, seen_at) select :key_id, :nonce, :now where :nonce::text is not null
    on conflict do nothing returning true
), asked as (
    select true from fresh union all select true where :nonce::text is null
), counted as (
    insert into rate as r (account_id, action, second, requests)
    select :account_id, :action, floor(extract(epoch from clock_timestamp())), 1 from asked
    on conflict (account_id, action) do update
    set second = case when r.second between excluded.second and excluded.second + 5 then r.second
                      else excluded.second end,
        requests = case when r.second between excluded.second and excluded.second + 5 then r.requests + 1 else 1 end
    where r.requests < :limit_per_s or r.second not between excluded.second and excluded.second + 5
    returning true
)
select exists (select from asked) as is_fresh, exists (select from counted) as is_within;

-- name: purge_nonces
with gone as (delete from nonce where seen_at < :before returning 1) select count(*) from gone;
