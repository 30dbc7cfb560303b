-- A key may be of a user (ADR 0045): it ends with their right to sign in, and has at most their role. No foreign key: a
-- key stays, revoked, when its user is gone, and a key whose user is not there opens nothing.

alter table access_key
    add column user_id bigint,                     -- whose it is; null: the account's
    add column user_name text;                     -- what they are called, also when they are gone
alter table access_key add constraint access_key_user_check
    check (num_nonnulls(user_id, user_name) in (0, 2) and (user_id is null or secret_hash is not null and not is_server_admin));
create index access_key_of_user on access_key (user_id) where user_id is not null;
