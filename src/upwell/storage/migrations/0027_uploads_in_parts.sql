-- Uploads in parts (ADR 0036). The whole is put together by the engine and serves as any uploaded file does, under
-- `object_key` in `upload`.
create table parted_upload (
    upload_id   bigint primary key,
    account_id  bigint not null,
    who         text not null,                                        -- began it: one whose key is of a part sees no others
    name        text,
    size        bigint not null,                                      -- bytes of the whole
    part_size   bigint not null,                                      -- bytes of each part but the last
    status      text not null
        check (status in ('open', 'checking', 'complete', 'failed', 'abandoned')),
    expected    text,                                                 -- the SHA-256 that the whole must have, in hex
    object_key  text not null unique,
    md5         text,                                                 -- the last three once it is complete or failed
    sha256      text,
    problem     text,
    created_at  timestamptz not null,
    expires_at  timestamptz not null,                                 -- moves with each part
    claimed_until timestamptz                                         -- by a process that puts it together
);
create index parted_upload_open on parted_upload (account_id) where status in ('open', 'checking');
create index parted_upload_checking on parted_upload (upload_id) where status = 'checking';
create index parted_upload_age on parted_upload (expires_at);

-- An object of each part that was begun; one that is stored whole has its size and digest, and is the only one of its
-- number that has.
create table upload_part (
    object_key  text primary key,
    upload_id   bigint not null,
    number      int not null,
    begun_at    timestamptz not null,
    size        bigint,
    sha256      text
);
create unique index upload_part_stored on upload_part (upload_id, number) where size is not null;
create index upload_part_begun on upload_part (begun_at) where size is null;
