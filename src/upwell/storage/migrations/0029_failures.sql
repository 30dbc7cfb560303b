-- Failures of a job by what they have in common, counted as tasks fail and run again (ADR 0037).

alter table presence
    add vendor text;                       -- whose device side it last spoke by
alter table task
    add failure bigint;                    -- of one that failed: as which kind it is counted; null: it is not counted

-- How many tasks of a job failed alike, in rows that one database connection writes each (see job_count). Kind 0 is of all
-- that there was no room for. What the kind is stands in the rows that raised it.
create table failure_count (
    job_id         bigint not null,
    lane           int not null,
    kind           bigint not null,        -- a number made of the next five
    reason         text,
    code           int,
    module         text,
    source_version text,
    vendor         text,
    examples       uuid[] not null,        -- devices that failed so last, at most 3
    n              bigint not null,
    primary key (job_id, lane, kind)
) with (fillfactor = 40, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0.05);
create index failure_count_apart on failure_count (job_id) where lane <> 0;

-- Tasks that failed before this step are counted by the engine, some at a time: `block` is the job, as far as it has come.
insert into sweep (what, is_over) values ('failures', false);

drop function task_facts;
-- A task with the facts of its job and package that its life depends on.
create function task_facts(t task) returns table (
    device_id uuid, job_id bigint, nth smallint, module text, slot text, state text, source_version text, destination text,
    is_delta boolean, job_sources text[], package_sources text[], group_id bigint, need_push boolean, need_confirm boolean,
    retry_interval_min int, retry_count int, timeout_min int, progress smallint, attempt smallint, description text,
    reason text, failure_ref text, due_at timestamptz, offered_on uuid, offered_at timestamptz, timeout_at timestamptz,
    awaiting text, package_id bigint, code int, failure bigint, rev int, wave smallint, acts int, job_acts int
)
language sql stable
begin atomic
    select t.device_id, t.job_id, t.nth, t.module, t.slot, t.state, t.source_version, p.version, p.is_delta,
           j.source_versions, case when p.is_delta then array[p.source_version] else p.source_versions end,
           case when j.kind = 'dynamic' then j.group_id end, j.need_push, j.need_confirm, j.retry_interval_min,
           j.retry_count, j.timeout_min, t.progress, t.attempt, t.description, t.reason, t.failure_ref, t.due_at,
           t.offered_on, t.offered_at, t.timeout_at, t.awaiting, t.package_id, t.code, t.failure, t.rev, t.wave, t.acts,
           j.acts
    from job j join package p on p.package_id = coalesce(t.package_id, j.package_id)
    where j.job_id = t.job_id;
end;
