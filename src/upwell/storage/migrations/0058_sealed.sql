-- expand
-- Secrets that are encrypted: with which keys, and what each node encrypts with, empty where it keeps them plain.
create table seal_key (
    key_id      text primary key,
    check_value text not null,
    added_at    timestamptz not null,
    whole_at    timestamptz  -- when all secrets were found to be encrypted with it
);
alter table node
    add sealed_by text,
    add opens     text[] not null default '{}';  -- the keys that it has
