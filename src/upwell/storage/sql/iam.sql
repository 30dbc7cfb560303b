-- People who sign in with a password, their tokens, and their wrong passwords.

-- name: make_user
-- No row comes back when the account has a user of that name.
insert into iam_user (user_id, account_id, name, salt, hash, role, created_at)
values (:user_id, :account_id, :name, :salt, :hash, :role, :now)
on conflict (account_id, name) do nothing returning user_id;

-- name: list_users
select u.user_id, u.name, a.name as account, u.account_id, u.role, u.created_at
from iam_user u join account a using (account_id) order by a.name, u.name;

-- name: delete_user
-- Their tokens go with them.
delete from iam_user u using account a
where a.account_id = u.account_id and a.name = :account and u.name = :name returning u.user_id;

-- name: find_user
select u.user_id, u.name, a.name as account, u.account_id, u.role, u.created_at, u.salt, u.hash
from iam_user u join account a using (account_id) where a.name = :account and u.name = :name;

-- name: spend_try
-- One more try since `since`, or the first; no row comes back when there were `most` already.
insert into iam_attempt as t (who, began_at, tries) values (:who, :now, 1)
on conflict (who) do update
set began_at = case when t.began_at < :since then excluded.began_at else t.began_at end,
    tries = case when t.began_at < :since then 1 else t.tries + 1 end
where t.began_at < :since or t.tries < :most
returning tries;

-- name: forgive_tries
delete from iam_attempt where who = :who;

-- name: make_token
insert into iam_token (hash, user_id, scoped, created_at, expires_at)
values (:hash, :user_id, :scoped, :now, :expires_at);

-- name: find_token
select t.scoped, t.expires_at, u.name, u.account_id, u.role from iam_token t join iam_user u using (user_id)
where t.hash = :hash;

-- name: purge
-- Tokens whose end nobody asks about any more, and tries that count no more.
with gone as (delete from iam_token where expires_at < :ended_before)
delete from iam_attempt where began_at < :began_before;
