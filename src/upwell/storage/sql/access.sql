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
-- With a secret that can be read, or with the hash of one.
insert into access_key (key_id, secret, secret_hash, account_id, role, dialect, created_at, expires_at, space_id, product_id,
                        is_server_admin, user_id, user_name)
values (:key_id, :secret, :secret_hash, :account_id, :role, :dialect, :now, :expires_at, :space_id, :product_id,
        :is_server_admin, :user_id, :user_name);

-- name: find_scope
-- The account's space or its product of that key.
select s.space_id, null::bigint as product_id from space s where s.account_id = :account_id and s.key = :space
union all
select null, p.product_id from product p
where p.account_id = :account_id and p.product_key = :product and p.deleted_at is null;

-- name: list_keys
select k.key_id, k.secret, k.secret_hash, k.account_id, a.name as account, k.role, k.dialect, k.created_at, k.revoked_at, k.expires_at,
       k.last_used_at, k.space_id, k.product_id, k.is_server_admin, k.user_id, k.user_name, u.role as user_role
from access_key k join account a on a.account_id = k.account_id left join iam_user u on u.user_id = k.user_id order by k.created_at, k.key_id;

-- name: changed_keys
-- Keys made or revoked since then, in that order.
select k.key_id, k.secret, k.secret_hash, k.account_id, a.name as account, k.role, k.dialect, k.created_at, k.revoked_at, k.expires_at,
       k.last_used_at, k.space_id, k.product_id, k.is_server_admin, k.user_id, k.user_name, u.role as user_role
from access_key k join account a on a.account_id = k.account_id left join iam_user u on u.user_id = k.user_id
where greatest(k.created_at, k.revoked_at) > :since order by greatest(k.created_at, k.revoked_at), k.key_id limit :at_most;

-- name: find_keys
-- Of these keys those that may still be used; one of a user as long as they may sign in.
select k.key_id, k.secret, k.secret_hash, k.account_id, a.name as account, k.role, k.dialect, k.created_at, k.revoked_at, k.expires_at,
       k.last_used_at, k.space_id, k.product_id, k.is_server_admin, k.user_id, k.user_name, u.role as user_role
from access_key k join account a on a.account_id = k.account_id left join iam_user u on u.user_id = k.user_id
where k.key_id = any(:key_ids::text[]) and k.revoked_at is null and (k.expires_at is null or k.expires_at > :now)
  and (k.user_id is null or u.enabled);

-- name: note_use
-- That the key was used now, if that was not noted since `before`. Who finds the row held leaves it: somebody notes the same.
update access_key set last_used_at = :now
where key_id = (select key_id from access_key where key_id = :key_id and (last_used_at is null or last_used_at < :before)
                for no key update skip locked);

-- name: revoke_key
-- The first revocation's time stays.
update access_key k set revoked_at = coalesce(revoked_at, :now) from account a
where key_id = :key_id and a.account_id = k.account_id
returning key_id, secret, secret_hash, k.account_id, a.name as account, role, dialect, k.created_at, revoked_at, expires_at,
    last_used_at, space_id, product_id, is_server_admin, user_id, user_name, null::text as user_role;

-- name: use_nonces
-- Those that are new, each once. The primary key decides between processes; the order keeps two of them from waiting for each other.
insert into nonce (key_id, nonce, seen_at)
select u.key_id, u.nonce, :now from unnest(:key_ids::text[], :nonces::text[]) as u(key_id, nonce) order by u.key_id, u.nonce
on conflict do nothing returning key_id, nonce;

-- name: count_requests
-- So many more requests of these accounts and actions in this second, as far as each limit goes; tells how many are within it, of
-- those that have been counted before. A second is PostgreSQL's own, and so the same for every process: whoever waited
-- for the row past its second counts in the newer one, and a clock that was set back begins anew.
with asked as (
    select * from unnest(:account_ids::bigint[], :actions::text[], :counts::int[], :limits_per_s::int[])
        as u(account_id, action, requests, limit_per_s)
), held as materialized (
    select r.account_id, r.action, r.second, r.requests from rate r join asked using (account_id, action)
    order by r.account_id, r.action for update of r
), present as (
    select a.account_id, a.action, case when h.second between t.second and t.second + 5 then h.second else t.second end as second,
           case when h.second between t.second and t.second + 5 then h.requests else 0 end as before,
           a.requests, a.limit_per_s
    from held h join asked a using (account_id, action)
    cross join lateral (select floor(extract(epoch from clock_timestamp()))::bigint as second where h.requests is not null) t
), counted as (
    update rate r set second = p.second, requests = p.before + least(p.requests, greatest(p.limit_per_s - p.before, 0))
    from present p where r.account_id = p.account_id and r.action = p.action
)
select account_id, action, least(requests, greatest(limit_per_s - before, 0))::int as within,
       greatest(limit_per_s - before - requests, 0)::int as more from present;

-- name: begin_counting
insert into rate (account_id, action, second, requests)
select u.account_id, u.action, 0, 0 from unnest(:account_ids::bigint[], :actions::text[]) as u(account_id, action)
order by u.account_id, u.action on conflict do nothing;

-- name: purge_nonces
-- So many at once of those that are too old to be asked with again.
with old as (select ctid from nonce where seen_at < :before order by seen_at limit :at_most for update skip locked),
gone as (delete from nonce where ctid = any(array(select ctid from old)) returning 1)
select count(*) from gone;
