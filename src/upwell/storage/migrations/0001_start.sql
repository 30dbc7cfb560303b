-- The first schema. What grows with the fleet (device, module_version, presence, task, task_change, job_target)
-- is keyed by device_id, so that it can be hash-partitioned or distributed by device (architecture 7).
-- device_id is 128 bits of SHA-256 over product key and device name: the primary key is the name's uniqueness.

create table secret (                      -- the platform's own keys, made once
    name  text primary key,
    value bytea not null
);

create table account (
    account_id bigint primary key,
    name       text not null unique,
    created_at timestamptz not null
);

create table access_key (
    key_id     text primary key,
    secret     text not null,
    account_id bigint not null references account,
    role       text not null check (role in ('admin', 'operator', 'viewer')),
    dialect    text not null check (dialect in ('alibaba', 'tuya', 'huawei')),
    created_at timestamptz not null,
    revoked_at timestamptz
);

create table nonce (                       -- seen signature nonces, kept for the replay window
    key_id  text not null,
    nonce   text not null,
    seen_at timestamptz not null,
    primary key (key_id, nonce)
);
create index nonce_age on nonce (seen_at);

create table product (
    product_id     bigint primary key,
    account_id     bigint not null references account,
    product_key    text not null unique,
    product_secret text not null,
    name           text not null,
    facts          jsonb not null default '{}',   -- what a dialect keeps of a product and the core never reads
    created_at     timestamptz not null,
    deleted_at     timestamptz
);
create unique index product_name on product (account_id, name) where deleted_at is null;

create table device (
    device_id     uuid primary key,
    product_id    bigint not null,
    name          text not null,
    secret        text not null,
    iot_id        text not null,
    nickname      text,
    enabled       boolean not null default true,
    created_at    timestamptz not null,
    modified_at   timestamptz not null,
    activated_at  timestamptz,
    deleted_at    timestamptz
);
create index device_of_product on device (product_id, device_id) where deleted_at is null;
create index device_newest on device (product_id, created_at desc, device_id) where deleted_at is null;

create table presence (                    -- the newest connection of a device
    device_id     uuid primary key,
    node_id       uuid,                    -- null: offline
    connection_id uuid,
    online_at     timestamptz,
    offline_at    timestamptz,
    address       text
);
create index presence_of_node on presence (node_id) where node_id is not null;

create table node (                        -- a running gateway process; dead when its lease ends
    node_id     uuid primary key,
    lease_until timestamptz not null
);

create table module_version (
    device_id   uuid not null,
    module      text not null,
    version     text not null,
    reported_at timestamptz not null,
    primary key (device_id, module)
);

create table registration (                -- a batch of devices asked for at once
    apply_id   bigint primary key,
    account_id bigint not null,
    product_id bigint not null,
    status     text not null,
    asked      int not null,
    created_at timestamptz not null
);
create table registered (
    apply_id  bigint not null,
    place     int not null,
    device_id uuid not null,
    name      text not null,
    primary key (apply_id, place, device_id)
);

create table upload (                      -- tickets for firmware files
    object_key  text primary key,
    account_id  bigint not null,
    created_at  timestamptz not null,
    begun_at    timestamptz,
    finished_at timestamptz,
    size        bigint,
    md5         text,
    sha256      text,
    used        boolean not null default false
);

create table package (
    package_id      bigint primary key,
    account_id      bigint not null,
    product_id      bigint,
    name            text not null,
    description     text not null default '',
    module          text not null default 'default',
    version         text not null,
    source_version  text,
    is_delta        boolean not null default false,
    status          text not null check (status in ('unverified', 'verifying', 'verified', 'failed', 'exempt')),
    object_key      text not null,
    size            bigint not null,
    md5             text not null,
    sha256          text not null,
    url             text not null,         -- as the caller gave it
    udi             text,
    created_at      timestamptz not null,
    modified_at     timestamptz not null,
    deleted_at      timestamptz
);
create unique index package_name on package (account_id, name) where deleted_at is null;
create index package_newest on package (account_id, package_id desc) where deleted_at is null;

create table job (
    job_id           bigint primary key,
    account_id       bigint not null,
    product_id       bigint not null,
    package_id       bigint not null,
    kind             text not null check (kind in ('verify', 'static', 'dynamic')),
    selection        text not null check (selection in ('ALL', 'SPECIFIC', 'GRAY', 'GROUP')),
    status           text not null check (status in ('PLANNED', 'IN_PROGRESS', 'COMPLETED', 'CANCELED')),
    source_versions  text[] not null default '{}',
    gray_percent     numeric(6, 3),
    retry_interval_min int,
    retry_count      int not null default 0,
    timeout_min      int,
    maximum_per_min  int not null default 1000,
    overwrite        boolean not null default false,
    need_push        boolean not null default true,
    need_confirm     boolean not null default false,
    protocol         text not null default 'HTTPS',
    tags             jsonb not null default '[]',
    cursor_device    uuid,                 -- tasks of devices up to here exist
    until_device     uuid,                 -- GRAY: the last device by rank
    materialised     boolean not null default false,
    created_at       timestamptz not null,
    modified_at      timestamptz not null,
    ended_at         timestamptz
);
create index job_of_package on job (package_id, job_id desc);
create index job_running on job (job_id) where status in ('PLANNED', 'IN_PROGRESS');

create table job_target (                  -- SPECIFIC and verify jobs: the devices by name
    device_id uuid not null,
    job_id    bigint not null,
    primary key (device_id, job_id)
);
create index job_target_of_job on job_target (job_id, device_id);

create table pace (                        -- offers granted to a job; the last minute's sum is the spent budget
    job_id     bigint not null,
    granted_at timestamptz not null,
    offers     int not null
);
create index pace_of_job on pace (job_id, granted_at);

create table task (
    device_id      uuid not null,
    job_id         bigint not null,
    nth            smallint not null default 0,
    module         text not null,
    slot           text not null default '',    -- what may hold one open task: '' the device, else a module of it
    state          text not null check (state in
        ('CONFIRM', 'QUEUED', 'NOTIFIED', 'IN_PROGRESS', 'SUCCEEDED', 'FAILED', 'CANCELED')),
    source_version text,
    description    text not null default '',
    reason         text not null default '',    -- stable word for grouping failures
    progress       smallint not null default 0,
    attempt        smallint not null default 0, -- automatic retries used
    failure_ref    text not null default '',    -- message id of the failure that the last retry answered
    node_id        uuid,                        -- the gateway that holds the device's connection
    due_at         timestamptz,                 -- when an offer may be pushed; null: not at present
    offered_on     uuid,                        -- connection of the last offer of this attempt
    offered_at     timestamptz,
    timeout_at     timestamptz,
    rev            int not null default 0,
    created_at     timestamptz not null,
    modified_at    timestamptz not null,
    primary key (device_id, job_id, nth)
);
create unique index task_one_open on task (device_id, slot)
    where state in ('CONFIRM', 'QUEUED', 'NOTIFIED', 'IN_PROGRESS');
create index task_of_job on task (job_id, device_id, nth);
create index task_open_of_job on task (job_id) where state in ('CONFIRM', 'QUEUED', 'NOTIFIED', 'IN_PROGRESS');
create index task_due on task (node_id, due_at) where due_at is not null and node_id is not null;
create index task_timeout on task (timeout_at) where timeout_at is not null;

create table task_change (                 -- every change of state, with what caused it
    device_id  uuid not null,
    job_id     bigint not null,
    nth        smallint not null,
    rev        int not null,
    at         timestamptz not null,
    event      text not null,
    from_state text,
    to_state   text not null,
    detail     text not null default '',
    primary key (device_id, job_id, nth, rev)
);
