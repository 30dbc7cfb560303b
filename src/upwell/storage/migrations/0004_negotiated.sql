-- Jobs that ask a device what it runs before they offer, and end by what it says of the result (huawei 3, 6).

alter table job
    add asks_version  boolean not null default false,
    add name          text not null default '',
    add part          text not null default '',      -- firmware, software or module; '' for jobs of other makings
    add ext_info      jsonb,                         -- goes to the device with every question and offer
    add by_gateway    boolean not null default false,
    add facts         jsonb not null default '{}',   -- what a dialect keeps of it and the core never reads
    add targets       text[] not null default '{}',  -- public ids, as they were given
    add group_ids     bigint[] not null default '{}',
    add stop_asked_at timestamptz,                   -- its owner stopped all of it
    add deleted_at    timestamptz;
create index job_by_part on job (account_id, part, job_id desc) where part <> '' and deleted_at is null;

create table job_package (                 -- the packages that such a job chooses from, by what a device runs
    job_id     bigint not null,
    package_id bigint not null,
    place      smallint not null,
    primary key (job_id, package_id)
);
create index job_of_choice on job_package (package_id);

create table job_stray (                   -- targets that are no device: their tasks have failed
    device_id uuid not null,               -- a hash of the job and the name
    job_id    bigint not null,
    name      text not null,
    primary key (device_id, job_id)
);
create index stray_of_job on job_stray (job_id);

alter table package
    add source_versions text[] not null default '{}';  -- what it may follow where a device is asked; none: anything

alter table task
    add package_id bigint,                 -- what was chosen for the device; null: the job's
    add awaiting   text not null default '' check (awaiting in ('', 'online', 'answer', 'offer', 'result')),
    add code       int;                    -- the device's own number for its last result

drop index task_due;
create index task_due on task (node_id, job_id, due_at) where due_at is not null and node_id is not null;

drop view offerable;
-- The tasks whose device may be told of them now, as far as state, job, package and version go (L5, L6). A dynamic job
-- whose policy has ended makes no tasks, but those it made live on (alibaba 7.5).
create view offerable as
select t.device_id, t.job_id, t.nth, t.module, t.state, t.due_at, t.node_id, t.awaiting, j.maximum_per_min, j.finish_at
from task t join job j using (job_id) join package p on p.package_id = coalesce(t.package_id, j.package_id)
left join module_version mv on mv.device_id = t.device_id and mv.module = t.module
where t.state in ('QUEUED', 'NOTIFIED', 'IN_PROGRESS')
  and (j.status = 'IN_PROGRESS' or (j.kind = 'dynamic' and j.status = 'CANCELED'))
  and p.deleted_at is null and (p.status in ('verified', 'exempt') or (j.kind = 'verify' and p.status = 'verifying'))
  and (not p.is_delta or mv.version = p.source_version);
