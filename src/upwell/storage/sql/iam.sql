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
where a.account_id = u.account_id and a.name = :account and u.name = :name
returning u.user_id, u.name, a.name as account, u.account_id, u.role, u.created_at;

-- name: find_user
-- One who may sign in.
select u.user_id, u.name, a.name as account, u.account_id, u.role, u.created_at, u.salt, u.hash
from iam_user u join account a using (account_id) where a.name = :account and u.name = :name and u.enabled;

-- name: held_until
-- Until when nothing is looked at of these; none of them if it is over.
select max(held_until) from iam_attempt where who = any(:whos::bytea[]) and held_until > :now;

-- name: is_known
select known from iam_attempt where who = :who and tried_at >= :since;

-- name: spend_try
-- One more try, or the first since it was forgotten; the `most`th and each after it hold up all others, twice as long
-- as the last. No row comes back while they are held.
insert into iam_attempt as t (who, tried_at, tries) values (:who, :now, 1)
on conflict (who) do update
set tried_at = excluded.tried_at, known = t.known and t.tried_at >= :since,
    tries = case when t.tried_at < :since then 1 else t.tries + 1 end,
    held_until = case when t.tried_at >= :since and t.tries + 1 >= :most::int
        then :now::timestamptz + least(:longest::interval, :first::interval * power(2, least(t.tries + 1 - :most::int, 20))) end
where t.held_until is null or t.held_until <= :now
returning tries, held_until;

-- name: forgive_tries
-- The password was right, and is known to come from there.
update iam_attempt set tries = 0, held_until = null, known = true where who = :who;

-- name: give_back_try
update iam_attempt
set tries = greatest(tries - 1, 0), held_until = case when tries > :most::int then held_until end
where who = :who;

-- name: make_token
insert into iam_token (hash, user_id, scoped, created_at, expires_at)
values (:hash, :user_id, :scoped, :now, :expires_at);

-- name: find_token
select t.scoped, t.expires_at, u.name, u.account_id, u.role from iam_token t join iam_user u using (user_id)
where t.hash = :hash and u.enabled;

-- name: purge
-- Tokens whose end nobody asks about any more, and tries that count no more.
with gone as (delete from iam_token where expires_at < :ended_before)
delete from iam_attempt where tried_at < :tried_before;
