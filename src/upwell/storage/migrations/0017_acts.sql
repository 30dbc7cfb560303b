-- What is done to all of a job is one row of it, which its tasks follow; how they stand is counted as they change.

alter table job
    add acts int not null default 0;       -- how many rows of job_act it has
alter table task
    add acts int not null default 0,       -- how many of its job's acts it has passed
    add wave smallint not null default 0;  -- which share of its job it belongs to

-- One thing that was done to every task of a job that stood in one of some states. A task that has not passed it stands as
-- it stood when the row was committed: whoever changes a task's state lets it pass all acts of its job first.
create table job_act (
    job_id        bigint not null,
    nth           int not null,            -- from 1, in the order in which they were done
    what          text not null check (what in ('halt', 'confirm', 'retry')),
    states        text[] not null,
    reason        text not null,           -- of the tasks that a halt ends, with a sentence
    description   text not null,
    asked_by      text not null default '',   -- the access key or user that asked; empty: the platform itself
    at            timestamptz not null,
    cursor_state  text,                    -- how far the tasks that nobody else writes have followed
    cursor_device uuid,
    cursor_nth    smallint,
    done_at       timestamptz,             -- no task is left to follow
    primary key (job_id, nth)
);
create index job_act_open on job_act (job_id, nth) where done_at is null;

-- Whose time is over, job by job.
drop index task_timeout;
create index task_timeout on task (job_id, timeout_at) where timeout_at is not null;

-- The tasks of a job by all that tells where they stand. Each database connection counts in rows of its own (`lane` is its
-- backend's number), so no two wait for each other; the sum over the lanes is how many there are. One row may be below zero.
create table job_count (
    job_id bigint not null,
    lane   int not null,                   -- 0: what was folded together
    wave   smallint not null,
    acts   int not null,
    state  text not null,
    asked  boolean not null,               -- its version question is out or was answered
    again  boolean not null,               -- an attempt failed and the next has not begun
    gone   boolean not null,               -- it was cancelled because its device was deleted
    n      bigint not null,
    primary key (job_id, lane, wave, acts, state, asked, again, gone)
) with (fillfactor = 40, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0.05);
create index job_count_apart on job_count (job_id) where lane <> 0;
insert into job_count (job_id, lane, wave, acts, state, asked, again, gone, n)
select job_id, 0, wave, acts, state, awaiting not in ('', 'online'), attempt > 0 and awaiting in ('', 'online'),
       reason = 'device_deleted', count(*)
from task group by 1, 3, 4, 5, 6, 7, 8;

-- The halt that a task of the job in that state, which has passed so many acts, is still to follow: the first, if any.
create function halt_of(of_job bigint, passed int, in_state text) returns table (
    nth int, reason text, description text, at timestamptz
)
language sql stable
begin atomic
    select a.nth, a.reason, a.description, a.at from job_act a
    where a.job_id = of_job and a.done_at is null and a.what = 'halt' and a.nth > passed and in_state = any (a.states)
    order by a.nth limit 1;
end;

drop function task_facts;
-- A task with the facts of its job and package that its life depends on.
create function task_facts(t task) returns table (
    device_id uuid, job_id bigint, nth smallint, module text, slot text, state text, source_version text, destination text,
    is_delta boolean, job_sources text[], package_sources text[], group_id bigint, need_push boolean, need_confirm boolean,
    retry_interval_min int, retry_count int, timeout_min int, progress smallint, attempt smallint, description text,
    reason text, failure_ref text, due_at timestamptz, offered_on uuid, offered_at timestamptz, timeout_at timestamptz,
    awaiting text, package_id bigint, code int, rev int, wave smallint, acts int, job_acts int
)
language sql stable
begin atomic
    select t.device_id, t.job_id, t.nth, t.module, t.slot, t.state, t.source_version, p.version, p.is_delta,
           j.source_versions, case when p.is_delta then array[p.source_version] else p.source_versions end,
           case when j.kind = 'dynamic' then j.group_id end, j.need_push, j.need_confirm, j.retry_interval_min,
           j.retry_count, j.timeout_min, t.progress, t.attempt, t.description, t.reason, t.failure_ref, t.due_at,
           t.offered_on, t.offered_at, t.timeout_at, t.awaiting, t.package_id, t.code, t.rev, t.wave, t.acts, j.acts
    from job j join package p on p.package_id = coalesce(t.package_id, j.package_id)
    where j.job_id = t.job_id;
end;

-- The tasks whose device may be told of them, as they were (see 0009); none that a halt covers which it is still to follow.
create or replace view offerable as
select t.device_id, t.job_id, t.nth, t.module, t.state, t.due_at, t.node_id, t.awaiting, j.maximum_per_min, j.finish_at,
       coalesce(t.awaiting = '' and mv.by_result and (p.is_delta or p.source_versions <> '{}')
                and pr.online_at > mv.reported_at, false) as asks_first,
       p.object_state = 'ok' and (not p.is_delta or mv.version = p.source_version)
       and (p.source_versions = '{}' or mv.version = any (p.source_versions)) as fits
from task t join job j using (job_id) join package p on p.package_id = coalesce(t.package_id, j.package_id)
left join module_version mv on mv.device_id = t.device_id and mv.module = t.module
left join presence pr on pr.device_id = t.device_id
where t.state in ('QUEUED', 'NOTIFIED', 'IN_PROGRESS')
  and (j.status = 'IN_PROGRESS' or (j.kind = 'dynamic' and j.status = 'CANCELED'))
  and p.deleted_at is null and (p.status in ('verified', 'exempt') or (j.kind = 'verify' and p.status = 'verifying'))
  and (p.object_state = 'ok' or t.awaiting in ('result', 'arrival')
       or (j.asks_version and t.package_id is null
           and exists (select from job_package c join package k on k.package_id = c.package_id
                       where c.job_id = t.job_id and k.object_state = 'ok')))
  and (t.awaiting in ('online', 'answer', 'result', 'arrival')
       or ((not p.is_delta or mv.version = p.source_version)
           and (p.source_versions = '{}' or mv.version = any (p.source_versions))))
  and not (t.acts < j.acts and exists (select from halt_of(t.job_id, t.acts, t.state)));
