-- All of Alibaba's OTA: dynamic jobs and their policies, windows, modules, packages of several files, groups, tags,
-- device lists, sub-devices, rates. As in 0001, what grows with the fleet is keyed by device_id.

create table module (                      -- the parts of a product besides `default`, which always exists
    product_id  bigint not null,
    name        text not null,
    alias       text,
    description text,
    created_at  timestamptz not null,
    modified_at timestamptz not null,
    primary key (product_id, name)
);
create unique index module_name on module (product_id, lower(name));

alter table package
    add sign_method text not null default 'MD5' check (sign_method in ('MD5', 'SHA256')),
    add files jsonb not null default '[]'; -- of a package of several: name, url, object_key, size, md5, sha256 each
create index package_of_module on package (product_id, module) where deleted_at is null;

alter table upload
    add purpose text not null default 'firmware' check (purpose in ('firmware', 'devices')),
    add package_id bigint;                 -- the package that the file belongs to, once it is used
update upload u set package_id = p.package_id from package p where p.object_key = u.object_key;

alter table job
    add multi_module boolean not null default false,
    add dynamic_mode smallint check (dynamic_mode in (1, 2)),
    add group_id     bigint,
    add listed       boolean not null default false,  -- SPECIFIC by an uploaded list rather than by names
    add scheduled_at timestamptz,
    add finish_at    timestamptz,
    add started_at   timestamptz;
update job set started_at = created_at;
create unique index job_one_dynamic on job (package_id) where kind = 'dynamic' and status = 'IN_PROGRESS';
create index job_planned on job (scheduled_at) where status = 'PLANNED';
create index job_window on job (finish_at) where status = 'IN_PROGRESS' and finish_at is not null;

drop index task_open_of_job;
create index task_by_state on task (job_id, state, device_id, nth);  -- lists and counts by state, and open ones

create table policy (                      -- the standing rule of a running dynamic job: a row for each source version
    product_id     bigint not null,
    module         text not null,
    source_version text not null,          -- '': any
    job_id         bigint not null,
    group_id       bigint,                 -- only members of this dynamic group
    destination    text not null,
    primary key (product_id, module, source_version, job_id)
);
create index policy_of_job on policy (job_id);
create index policy_plain on policy (product_id, module, source_version, job_id desc) where group_id is null;
create index policy_grouped on policy (product_id, module, job_id desc) where group_id is not null;

create table device_group (
    group_id       bigint primary key,
    account_id     bigint not null,
    name           text not null,
    description    text not null default '',
    kind           text not null check (kind in ('static', 'dynamic')),
    rule           jsonb,                  -- dynamic: a value of domain/search.py
    rule_text      text,                   -- and as the caller wrote it
    super_group_id bigint,
    created_at     timestamptz not null
);
create unique index group_name on device_group (account_id, name);
create index group_newest on device_group (account_id, group_id desc);
create index group_under on device_group (super_group_id) where super_group_id is not null;

create table group_member (                -- members of static groups
    device_id uuid not null,
    group_id  bigint not null,
    added_at  timestamptz not null,
    primary key (device_id, group_id)
);
create index member_of_group on group_member (group_id, device_id);

create table device_tag (
    device_id uuid not null,
    key       text not null,
    value     text not null,
    primary key (device_id, key)
);
create index tag_value on device_tag (key, value, device_id);

alter table registration add names jsonb;  -- what a check found good and bad, until it is registered

create index device_by_name on device (name) where deleted_at is null;

create table topology (                    -- which gateway device speaks for which sub-device
    device_id  uuid primary key,
    gateway_id uuid not null,
    added_at   timestamptz not null
);
create index topology_of_gateway on topology (gateway_id);

create unlogged table rate (               -- management requests of an account in a second; losing it harms nobody
    account_id bigint not null,
    action     text not null,
    second     bigint not null,
    requests   int not null,
    primary key (account_id, action)
);

-- The tasks whose device may be told of them now, as far as state, job, package and version go (L5, L6). A dynamic job
-- whose policy has ended makes no tasks, but those it made live on (alibaba 7.5).
create view offerable as
select t.device_id, t.job_id, t.nth, t.module, t.state, t.due_at, t.node_id, j.maximum_per_min, j.finish_at
from task t join job j using (job_id) join package p using (package_id)
left join module_version mv on mv.device_id = t.device_id and mv.module = t.module
where t.state in ('QUEUED', 'NOTIFIED', 'IN_PROGRESS')
  and (j.status = 'IN_PROGRESS' or (j.kind = 'dynamic' and j.status = 'CANCELED'))
  and p.deleted_at is null and (p.status in ('verified', 'exempt') or (j.kind = 'verify' and p.status = 'verifying'))
  and (not p.is_delta or mv.version = p.source_version);

create function device_status(enabled boolean, node_id uuid, activated_at timestamptz) returns text
language sql immutable return             -- of a device; node_id is its presence's
    case when not enabled then 'DISABLED' when node_id is not null then 'ONLINE'
         when activated_at is null then 'UNACTIVE' else 'OFFLINE' end;
