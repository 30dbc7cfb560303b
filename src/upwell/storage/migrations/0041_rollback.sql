-- Rollbacks (ADR 0046): devices that a job brought to its package are brought back. They are counted first, by the versions
-- that they came from, a bounded part of the job's tasks at a time; only what had succeeded by `asked_at` is meant.
create table rollback (
    job_id     bigint primary key,                -- the one that is undone
    asked_by   text not null,
    asked_at   timestamptz not null,
    walk_after uuid,                              -- how far its tasks are counted
    counted_at timestamptz,                       -- null: not to their end
    started_at timestamptz                        -- null: nothing is made of it
);
create index rollback_counting on rollback (job_id) where counted_at is null;

create table rollback_part (
    job_id         bigint not null references rollback on delete cascade,
    package_id     bigint not null,               -- that they were brought to
    module         text not null,
    source_version text not null,                 -- that they came from; '': unknown
    devices        int not null,
    back_job       bigint,                        -- that brings them back
    primary key (job_id, package_id, module, source_version)
);

alter table job add column undoes bigint;         -- its devices are those that this job succeeded on
