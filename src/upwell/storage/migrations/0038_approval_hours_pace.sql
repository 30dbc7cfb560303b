-- Approval (ADR 0043): what a job may not begin or go on without. That one is not approved is a member of the job's row, which
-- every reader of what may be offered reads anyway.
alter table access_key drop constraint access_key_role_check,
    add constraint access_key_role_check check (role in ('admin', 'approver', 'operator', 'viewer'));
alter table iam_user drop constraint iam_user_role_check,
    add constraint iam_user_role_check check (role in ('admin', 'approver', 'operator', 'viewer'));
alter table account add rollout_defaults jsonb;                       -- of products that have none; null: none

alter table job add unapproved boolean not null default false;        -- a person's approval is waited for, or was refused

create table job_approval (                                           -- of each job that wants one
    job_id     bigint primary key,
    stands     text not null check (stands in ('awaiting', 'approved', 'refused')),
    revision   int not null default 1,                                -- each edit makes another one of the job
    makers     text[] not null,                                       -- who made this revision: none of them approves it
    asked_at   timestamptz not null,
    decided_at timestamptz,
    decided_by text not null default '',
    remark     text not null default ''
);

-- Hours: the job's row says until when it may offer, which whoever offers compares with the clock, so that nothing has to
-- happen when they close. When they open the engine moves it.
alter table job add open_until timestamptz;                           -- null: it has no hours; -infinity: they are seen to be over
create table job_hours (
    job_id   bigint primary key,
    hours    jsonb not null,
    opens_at timestamptz,                                             -- next; null: not within the days that are looked at
    look_at  timestamptz not null                                     -- when the row of the job is to be moved; infinity: it has ended
);
create index hours_due on job_hours (look_at);

-- Paces that grow and devices at work: members of the budget's row, which whoever grants offers has anyway.
alter table budget
    add growth  jsonb,                                                -- null: it is as fast as its maximum all the time
    add per_min int,                                                  -- of one that grows, as it was at its last grant
    add told    bigint not null default 0,                            -- devices that were offered it, where it grows
    add at_once int,                                                  -- null: any number may be at work
    add running int not null default 0;                               -- not fewer than are at work, where that has a limit
create index budget_limited on budget (job_id) where at_once is not null and running > 0;
create table job_at_work (                                            -- who is at work, of jobs that have a limit
    job_id    bigint not null,
    device_id uuid not null,
    nth       smallint not null,
    primary key (job_id, device_id)
);

drop function task_facts;
-- A task with the facts of its job and package that its life depends on.
create function task_facts(t task) returns table (
    device_id uuid, job_id bigint, nth smallint, module text, slot text, state text, source_version text, destination text,
    is_delta boolean, job_sources text[], package_sources text[], group_id bigint, need_push boolean, need_confirm boolean,
    retry_interval_min int, retry_count int, timeout_min int, progress smallint, attempt smallint, description text,
    reason text, failure_ref text, due_at timestamptz, offered_on uuid, offered_at timestamptz, timeout_at timestamptz,
    awaiting text, package_id bigint, code int, failure bigint, rev int, wave smallint, acts int, job_acts int,
    is_paused boolean, is_shut boolean, let_on_at timestamptz
)
language sql stable
begin atomic
    select t.device_id, t.job_id, t.nth, t.module, t.slot, t.state, t.source_version, p.version, p.is_delta,
           j.source_versions, case when p.is_delta then array[p.source_version] else p.source_versions end,
           case when j.kind = 'dynamic' then j.group_id end, j.need_push, j.need_confirm, j.retry_interval_min,
           j.retry_count, j.timeout_min, t.progress, t.attempt, t.description, t.reason, t.failure_ref, t.due_at,
           t.offered_on, t.offered_at, t.timeout_at, t.awaiting, t.package_id, t.code, t.failure, t.rev, t.wave, t.acts,
           j.acts,
           j.paused_at is not null or j.unapproved or coalesce(j.open_until = '-infinity', false), t.wave > greatest(j.open_wave, 1), j.let_on_at
    from job j join package p on p.package_id = coalesce(t.package_id, j.package_id)
    where j.job_id = t.job_id;
end;

-- What may be offered, as it was (see 0037), but nothing of a job that is not approved. Who offers compares `open_until` with
-- the clock.
create or replace view offer_check as
select t.device_id, t.job_id, t.nth, t.module, t.state, t.due_at, t.node_id, t.awaiting, j.maximum_per_min, j.finish_at,
       coalesce(t.awaiting = '' and mv.by_result and (p.is_delta or p.source_versions <> '{}')
                and pr.online_at > mv.reported_at, false) as asks_first,
       p.object_state = 'ok' and may_follow(mv.version, p.is_delta, p.source_version, p.source_versions) as fits,
       t.state in ('QUEUED', 'NOTIFIED', 'IN_PROGRESS') as is_let_go,
       is_running(j.status, j.kind) as is_running,
       j.paused_at is null as is_unpaused,
       j.open_wave >= 0 and t.wave <= j.open_wave as is_wave_open,
       is_released(p.status, p.deleted_at, j.kind) as is_released,
       p.object_state = 'ok' or t.awaiting in ('result', 'arrival')
       or (j.asks_version and t.package_id is null
           and exists (select from job_package c join package k on k.package_id = c.package_id
                       where c.job_id = t.job_id and k.object_state = 'ok')) as has_object,
       t.awaiting in ('online', 'answer', 'result', 'arrival')
       or may_follow(mv.version, p.is_delta, p.source_version, p.source_versions) as is_fitting,
       not (t.acts < j.acts and exists (select from halt_of(t.job_id, t.acts, t.state))) as is_unhalted,
       not j.unapproved as is_approved, j.open_until
from task t join job j using (job_id) join package p on p.package_id = coalesce(t.package_id, j.package_id)
left join module_version mv on mv.device_id = t.device_id and mv.module = t.module
left join presence pr on pr.device_id = t.device_id;

-- The tasks whose device may be told of them, as they were (see 0031).

create or replace view offerable as
select device_id, job_id, nth, module, state, due_at, node_id, awaiting, maximum_per_min, finish_at, asks_first, fits, open_until
from offer_check
where is_let_go and is_running and is_unpaused and is_approved and is_wave_open and is_released and has_object and is_fitting
  and is_unhalted;

drop function task_stand;
-- Where a task stands before each check of domain/why.py, as it was (see 0037), and whether its job is approved, in its hours, and
-- has a place for the device.
create function task_stand(t task, now timestamptz) returns table (
    state text, awaiting text, need_push boolean, offered boolean, due text, asks_first boolean, is_let_go boolean, is_alive boolean, enabled boolean,
    online boolean, was_online boolean, is_refused boolean, has_version boolean, is_there boolean, is_fitting boolean,
    is_released boolean, is_deleted boolean, has_object boolean, object_state text, is_running boolean, in_time boolean,
    is_unpaused boolean, is_unhalted boolean, is_wave_open boolean, is_retry boolean, is_tried_out boolean, reason text,
    is_fetched boolean, is_approved boolean, in_hours boolean, has_place boolean
)
language sql stable
begin atomic
    select t.state, t.awaiting, j.need_push, t.offered_on is not null,
           case when t.due_at is null then 'no' when t.due_at <= now then 'now' else 'later' end, o.asks_first,
           o.is_let_go, coalesce(d.deleted_at is null and d.life = t.life, false), coalesce(is_welcome(d.enabled, null), false),
           coalesce(case when j.need_push and is_open(t.state) then t.node_id else pr.node_id end is not null, false),
           pr.online_at is not null,
           pr.node_id is null and exists (
               select from refused_login r where r.account_id = j.account_id and r.product_key = pd.product_key
               and r.name = d.name and r.at > coalesce(greatest(pr.online_at, pr.offline_at), '-infinity')),
           mv.version is not null, coalesce(mv.version = p.version, false), coalesce(o.is_fitting, false), o.is_released,
           p.deleted_at is not null, o.has_object, p.object_state, o.is_running, is_in_time(j.finish_at, now), o.is_unpaused,
           o.is_unhalted, o.is_wave_open, t.attempt > 0, j.retry_interval_min is not null and t.attempt >= j.retry_count,
           t.reason, t.progress >= 100, o.is_approved, is_in_time(o.open_until, now),
           not exists (select from budget b where b.job_id = t.job_id and b.running >= b.at_once
                       and not exists (select from job_at_work w where w.job_id = t.job_id and w.device_id = t.device_id))
    from offer_check o join job j on j.job_id = o.job_id join package p on p.package_id = coalesce(t.package_id, j.package_id)
    left join device d on d.device_id = o.device_id left join product pd on pd.product_id = d.product_id
    left join presence pr on pr.device_id = o.device_id
    left join module_version mv on mv.device_id = o.device_id and mv.module = t.module
    where o.device_id = t.device_id and o.job_id = t.job_id and o.nth = t.nth;
end;
