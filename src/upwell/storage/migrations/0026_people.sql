-- Keys of a part of their account, keys of the server's admins, and people who sign in to `/v1` (ADR 0035).

-- Only a token may be of one space or product: no vendor's tongue asks for it. What it is of may be deleted; it is of nothing then.
alter table access_key add column space_id bigint;
alter table access_key add column product_id bigint;
alter table access_key add column is_server_admin boolean not null default false;
alter table access_key add constraint access_key_scope_check check (
    num_nonnulls(space_id, product_id) = 0
    or (num_nonnulls(space_id, product_id) = 1 and secret_hash is not null and not is_server_admin));

alter table iam_user add column enabled boolean not null default true;
alter table iam_user add column modified_at timestamptz;                  -- null: as it was made

create table session (                                                    -- only the SHA-256 of its token is kept
    session_id text primary key,
    hash       bytea not null,
    user_id    bigint not null references iam_user on delete cascade,
    created_at timestamptz not null,
    expires_at timestamptz not null
);
create index session_of_user on session (user_id, created_at);
create index session_age on session (expires_at);
