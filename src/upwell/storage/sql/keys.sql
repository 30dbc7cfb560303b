-- Access keys as the admins of their account see them, or of a part of it: of one product, or one space and what lies in it.

-- name: lock_account
select from account where account_id = :account_id for no key update;

-- name: count_keys
select count(*) from access_key where account_id = :account_id;

-- name: forget_ended_of_users
-- What has ended of users' keys, of all the account's.
delete from access_key where account_id = :account_id and user_id is not null and (revoked_at is not null or expires_at <= :now);

-- name: list_keys
-- What a key is of is told empty when it is gone.
select k.key_id, k.role, k.dialect, k.created_at, k.expires_at, k.last_used_at, k.revoked_at, k.is_server_admin,
       case when k.space_id is not null then coalesce(s.key, '') end as space,
       case when k.product_id is not null then coalesce(p.product_key, '') end as product_key,
       k.user_name as user, u.role as user_role
from access_key k left join space s on s.space_id = k.space_id left join iam_user u on u.user_id = k.user_id
left join product p on p.product_id = k.product_id and p.deleted_at is null
where k.account_id = :account_id
  and (:product_id::bigint is null or k.product_id = :product_id)
  and (:space_id::bigint is null or k.space_id = :space_id or p.space_id = :space_id)
order by {order};

-- name: show_key
select k.key_id, k.role, k.dialect, k.created_at, k.expires_at, k.last_used_at, k.revoked_at, k.is_server_admin,
       case when k.space_id is not null then coalesce(s.key, '') end as space,
       case when k.product_id is not null then coalesce(p.product_key, '') end as product_key,
       k.user_name as user, u.role as user_role
from access_key k left join space s on s.space_id = k.space_id left join iam_user u on u.user_id = k.user_id
left join product p on p.product_id = k.product_id and p.deleted_at is null
where k.key_id = :key_id and k.account_id = :account_id;

-- name: lock_key
-- Nobody changes it until this transaction ends.
select from access_key where key_id = :key_id and account_id = :account_id for no key update;

-- name: end_of_key
select expires_at from access_key where key_id = :key_id;

-- name: revoke_key
-- The first revocation's time stays; whether this is it.
update access_key set revoked_at = coalesce(revoked_at, :now) where key_id = :key_id and account_id = :account_id
returning revoked_at = :now as is_news;
