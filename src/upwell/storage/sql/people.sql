-- Users of an account as its admins see them, their sessions, and accounts as a server's admins see them.

-- name: lock_account
-- Who may sign in is changed by one at a time, so that their number can be limited and an admin stays.
select from account where account_id = :account_id for no key update;

-- name: list_users
select user_id, name, role, enabled, created_at, modified_at from iam_user where account_id = :account_id order by {order};

-- name: show_user
select user_id, name, role, enabled, created_at, modified_at from iam_user
where user_id = :user_id and account_id = :account_id;

-- name: count_users
select count(*) from iam_user where account_id = :account_id;

-- name: has_other_admin
select exists (select from iam_user where account_id = :account_id and user_id <> :user_id and role = 'admin' and enabled);

-- name: update_user
update iam_user set role = coalesce(:role, role), enabled = coalesce(:enabled, enabled), salt = coalesce(:salt, salt),
                    hash = coalesce(:hash, hash), modified_at = :now
where user_id = :user_id;

-- name: delete_user
-- Their sessions and tokens go with them.
delete from iam_user where user_id = :user_id;

-- name: end_sessions
-- All of a user, and the tokens of other tongues.
with tokens as (delete from iam_token where user_id = :user_id)
delete from session where user_id = :user_id;

-- name: password_of
select u.salt, u.hash, a.name as account from iam_user u join account a using (account_id) where u.user_id = :user_id;

-- name: change_password
-- No row comes back when it is another than it was.
update iam_user set salt = :salt, hash = :hash, modified_at = :now where user_id = :user_id and hash = :was
returning user_id;

-- name: end_other_sessions
-- All of a user but one, and the tokens of other tongues.
with tokens as (delete from iam_token where user_id = :user_id)
delete from session where user_id = :user_id and session_id <> :session_id;

-- name: make_session
insert into session (session_id, hash, user_id, tongue, address, created_at, expires_at)
values (:session_id, :hash, :user_id, :tongue, :address, :now, :expires_at);

-- name: end_oldest
-- Those of a user beyond so many.
delete from session where session_id in (
    select session_id from session where user_id = :user_id order by created_at desc, session_id offset :most);

-- name: find_session
-- With its user, if they may sign in.
select s.session_id, s.hash, s.expires_at, s.last_used_at, u.user_id, u.name, u.role, u.account_id
from session s join iam_user u using (user_id)
where s.session_id = :session_id and s.expires_at > :now and u.enabled;

-- name: note_use
update session set last_used_at = :now
where session_id = :session_id and (last_used_at is null or last_used_at <= :before);

-- name: list_sessions
-- Of an account, or of one user of it, those that are not over, newest first.
select s.session_id, u.user_id, u.name, u.role, s.tongue, s.address, s.created_at, s.last_used_at, s.expires_at
from session s join iam_user u using (user_id)
where u.account_id = :account_id and (:user_id::bigint is null or u.user_id = :user_id) and s.expires_at > :now and u.enabled
order by s.created_at desc, s.session_id limit :most;

-- name: close_session
-- One of the account; with a user only theirs.
delete from session s using iam_user u
where s.session_id = :session_id and u.user_id = s.user_id and u.account_id = :account_id
  and (:user_id::bigint is null or s.user_id = :user_id)
returning s.session_id;

-- name: end_of_session
select expires_at from session where session_id = :session_id;

-- name: end_session
delete from session where session_id = :session_id returning session_id;

-- name: forget_sessions
delete from session where expires_at < :now;

-- name: find_outsider
-- Whom that provider calls so.
select user_id, name, role, enabled, created_at, modified_at from iam_user
where account_id = :account_id and issuer = :issuer and subject = :subject;

-- name: make_outsider
-- No row comes back when the account has a user of that name.
insert into iam_user (user_id, account_id, name, salt, hash, role, created_at, issuer, subject)
values (:user_id, :account_id, :name, :salt, :hash, :role, :now, :issuer, :subject)
on conflict (account_id, name) do nothing returning user_id;

-- name: list_accounts
select account_id, name, created_at from account
where {beyond} order by {order} limit :take offset :skip;

-- name: show_account
select account_id, name, created_at from account where account_id = :account_id;

-- name: held_account
select account_id, name, created_at from account where account_id = :account_id for no key update;

-- name: rename_account
-- No row comes back when the name is taken.
update account set name = :name
where account_id = :account_id and not exists (select from account a where a.name = :name and a.account_id <> :account_id)
returning account_id;

-- name: any_user
select exists (select from iam_user);

-- name: lock_first_user
-- Of several who would be the first user one is.
select pg_advisory_xact_lock(7386077);
