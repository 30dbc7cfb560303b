-- Where events are sent (ADR 0040). What is sent is signed with a secret that the receiver has too, so it is kept readable.
create table receiver (
    receiver_id   bigint primary key,
    account_id    bigint not null,
    name          text not null default '',
    url           text not null,
    secret        text not null,
    former_secret text,                                               -- signs too, for a while
    former_until  timestamptz,
    kinds         text[] not null default '{}',                       -- of events; none: any
    product_id    bigint,
    job_id        bigint,
    enabled       boolean not null default true,
    reason        text not null default '',                           -- why it was disabled, if nobody asked for that
    position      bigint not null,                                    -- events up to there have their deliveries
    again_after   bigint,                                             -- those behind it up to again_to are sent once more
    again_to      bigint,
    missed        bigint not null default 0,                          -- positions that were forgotten before they were sent
    is_slow       boolean not null default false,                     -- its last try failed, or took long
    wait_until    timestamptz,                                        -- it said when to come back
    failing_since timestamptz,                                        -- nothing was taken since
    created_at    timestamptz not null,
    modified_at   timestamptz not null
) with (fillfactor = 70);
create index receiver_of_account on receiver (account_id, receiver_id desc);

-- What is to be sent, bounded for each receiver, and what became of what was.
create table delivery (
    receiver_id  bigint not null,
    position     bigint not null,
    subject      text not null,
    kind         text not null,
    body         text not null,                                       -- the same at every try
    made_at      timestamptz not null,
    tries        int not null default 0,
    first_at     timestamptz,
    next_at      timestamptz not null,
    leased_until timestamptz,                                         -- a process sends it
    tried_at     timestamptz,
    took_ms      int,
    status       int,                                                 -- of the last answer
    answer       text not null default '',                            -- its first characters
    problem      text not null default '',
    done_at      timestamptz,
    is_taken     boolean not null default false,
    primary key (receiver_id, position)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);
create index delivery_open on delivery (receiver_id, subject, position) where done_at is null;
create index delivery_due on delivery (receiver_id, next_at, position) where done_at is null;
create index delivery_over on delivery (receiver_id, done_at) where done_at is not null;
