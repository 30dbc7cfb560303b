-- Imports: devices made of a list that was stored as it came (ADR 0036). `place` and `rows_read` are how far it was
-- worked on, moved in the transaction that makes the devices before.
create table device_import (
    import_id    bigint primary key,
    account_id   bigint not null,
    product_key  text not null,
    who          text not null,                                       -- the key or user that asked
    space_id     bigint,                                              -- what that key is of, if of a part of the account
    product_id   bigint,
    form         text not null check (form in ('csv', 'ndjson')),
    columns      text[] not null,                                     -- of the header of a csv
    object_key   text not null,
    object_gone  boolean not null default false,
    size         bigint not null,                                     -- bytes
    status       text not null
        check (status in ('receiving', 'running', 'done', 'failed', 'canceled')),
    problem      text,                                                -- why it failed
    place        bigint not null,                                     -- bytes that were worked on
    rows_read    int not null,
    made         int not null default 0,
    existing     int not null default 0,
    refused      int not null default 0,
    created_at   timestamptz not null,
    ended_at     timestamptz
);
create index device_import_newest on device_import (account_id, import_id desc);
create index device_import_waiting on device_import (import_id) where status = 'running';
create index device_import_left on device_import (created_at) where not object_gone;
create index device_import_age on device_import (created_at);

-- The first rows that were refused, and why.
create table import_problem (
    import_id    bigint not null,
    row_number   int not null,
    parameter    text not null,
    problem      text not null,
    advice       text not null,
    primary key (import_id, row_number)
);

-- The devices that were made, by the rows that they are of.
create table imported (
    import_id    bigint not null,
    row_number   int not null,
    device_id    uuid not null,
    life         int not null,
    primary key (import_id, row_number)
);
create index imported_device on imported (import_id, device_id);
