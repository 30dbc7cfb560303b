-- What happens, told to other systems (ADR 0040).

-- Made in the transactions that made it true. Numbered before their commit, so nobody reads it by these numbers.
create sequence event_order;
create table event_made (
    made_id    bigint primary key default nextval('event_order'),
    account_id bigint not null,
    kind       text not null,
    at         timestamptz not null,
    device_id  uuid,
    job_id     bigint,
    package_id bigint,
    name       text,                                                  -- what it is about has no number: a key, an address
    facts      jsonb not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);

-- Placed after their commit, by one process at a time: whoever has read up to a position misses nothing below it.
create table event (
    position    bigint primary key,
    account_id  bigint not null,
    kind        text not null,
    subject     text not null,                                        -- events of one are in order
    at          timestamptz not null,
    device_id   uuid,
    job_id      bigint,
    package_id  bigint,
    product_id  bigint,
    product_key text,                                                 -- both as they were then
    public_id   text,
    name        text,
    facts       jsonb not null
);
create index event_of_account on event (account_id, position);

create table event_head (
    is_only  boolean primary key default true check (is_only),
    position bigint not null
);
insert into event_head (position) values (0);

-- Of each account that has events, or has said which it wants.
create table event_setting (
    account_id   bigint primary key,
    of_devices   boolean not null default false,
    of_presence  boolean not null default false,
    keep_days    int not null default 30,
    keep_most    bigint not null default 1000000,
    kept         bigint not null default 0,                           -- events that are there
    forgotten_to bigint not null default 0                            -- the last position that is there no more
) with (fillfactor = 50);
create index event_wanted on event_setting (account_id) where of_devices or of_presence;
