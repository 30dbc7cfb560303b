-- Keys of users.

-- name: signed_in
-- The user of a session that is not over.
select u.name, u.role from session s join iam_user u using (user_id)
where s.session_id = :session_id and s.expires_at > :now and u.enabled for key share of u, s;

-- name: end_oldest
-- Of those of the user that live, all beyond the newest so many.
update access_key set revoked_at = :now where key_id in (
    select key_id from access_key
    where user_id = :user_id and revoked_at is null and (expires_at is null or expires_at > :now)
    order by created_at desc, key_id offset :most)
returning key_id;

-- name: forget_ended
delete from access_key where user_id = :user_id and (revoked_at is not null or expires_at <= :now);

-- name: list_own_keys
select k.key_id, k.role, k.dialect, k.created_at, k.expires_at, k.last_used_at, k.revoked_at, k.is_server_admin,
       null::text as space, null::text as product_key, k.user_name as user, u.role as user_role
from access_key k left join iam_user u on u.user_id = k.user_id
where k.user_id = :user_id order by k.created_at desc, k.key_id;

-- name: revoke_own_key
-- The first revocation's time stays; whether this is it.
update access_key set revoked_at = coalesce(revoked_at, :now) where key_id = :key_id and user_id = :user_id
returning revoked_at = :now as is_news;

-- name: end_keys
update access_key set revoked_at = :now where user_id = :user_id and revoked_at is null returning key_id;
