-- Why a device is not updated (ADR 0042): each check of what may be offered by itself, so that whoever offers and whoever explains
-- read the same. A new check is a column of `offer_check`, and a member of the condition of `offerable`.

-- The tasks of a job live on when its policy has ended.
create function is_running(status text, kind text) returns boolean language sql immutable parallel safe
return status = 'IN_PROGRESS' or (kind = 'dynamic' and status = 'CANCELED');

-- Whether a job's hours are not over.
create function is_in_time(finish_at timestamptz, now timestamptz) returns boolean language sql immutable parallel safe
return finish_at is null or finish_at > now;

-- Whether a package may be offered by a job of that kind (L6).
create function is_released(status text, deleted_at timestamptz, kind text) returns boolean language sql immutable parallel safe
return deleted_at is null and (status in ('verified', 'exempt') or (kind = 'verify' and status = 'verifying'));

-- Whether a package may follow that version (L6); null of one that nobody knows, where that matters.
create function may_follow(version text, is_delta boolean, source_version text, source_versions text[]) returns boolean
language sql immutable parallel safe
return (not is_delta or version = source_version) and (source_versions = '{}' or version = any (source_versions));

-- Whether a device may be told anything.
create function is_welcome(enabled boolean, deleted_at timestamptz) returns boolean language sql immutable parallel safe
return enabled and deleted_at is null;

-- Why a job that brings devices to `destination` makes no task of one that runs `version`; null: it makes one. `sources` are
-- the versions that it is for, none any; `delta_source` is its package's, if that is a delta.
create function misfit(version text, destination text, sources text[], delta_source text) returns text
language sql immutable parallel safe
return case when version is not distinct from destination then 'already_there'
            when version is null and (cardinality(sources) > 0 or delta_source is not null) then 'version_unknown'
            when cardinality(sources) > 0 and not version = any (sources) then 'not_targeted'
            when version <> delta_source then 'no_fitting_package' end;

-- The versions that a job is for of those that its package may follow; none: any. No version is empty.
create function sources_of(of_job text[], of_package text[]) returns text[] language sql immutable parallel safe
return case when of_package = '{}' then of_job when of_job = '{}' then of_package
            else coalesce(nullif(array(select unnest(of_job) intersect select unnest(of_package)), '{}'), array['']) end;

create view offer_check as
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
       not (t.acts < j.acts and exists (select from halt_of(t.job_id, t.acts, t.state))) as is_unhalted
from task t join job j using (job_id) join package p on p.package_id = coalesce(t.package_id, j.package_id)
left join module_version mv on mv.device_id = t.device_id and mv.module = t.module
left join presence pr on pr.device_id = t.device_id;

-- The tasks whose device may be told of them, as they were (see 0031).
create or replace view offerable as
select device_id, job_id, nth, module, state, due_at, node_id, awaiting, maximum_per_min, finish_at, asks_first, fits
from offer_check
where is_let_go and is_running and is_unpaused and is_wave_open and is_released and has_object and is_fitting and is_unhalted;

-- Where a task stands before each check of domain/why.py. Times count against `now`; what a count is kept by is small in number.
create function task_stand(t task, now timestamptz) returns table (
    state text, awaiting text, need_push boolean, offered boolean, due text, asks_first boolean, is_let_go boolean, is_alive boolean, enabled boolean,
    online boolean, was_online boolean, is_refused boolean, has_version boolean, is_there boolean, is_fitting boolean,
    is_released boolean, is_deleted boolean, has_object boolean, object_state text, is_running boolean, in_time boolean,
    is_unpaused boolean, is_unhalted boolean, is_wave_open boolean, is_retry boolean, is_tried_out boolean, reason text,
    is_fetched boolean
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
           t.reason, t.progress >= 100
    from offer_check o join job j on j.job_id = o.job_id join package p on p.package_id = coalesce(t.package_id, j.package_id)
    left join device d on d.device_id = o.device_id left join product pd on pd.product_id = d.product_id
    left join presence pr on pr.device_id = o.device_id
    left join module_version mv on mv.device_id = o.device_id and mv.module = t.module
    where o.device_id = t.device_id and o.job_id = t.job_id and o.nth = t.nth;
end;

-- Surveys: what is counted of many devices, a part at a time (ADR 0042): why those of a job are not updated, and what a job
-- would do that is not made. `after_device` and `after_nth` are how far it has come, moved with `found` in one statement.
create table survey (
    survey_id    bigint primary key,
    account_id   bigint not null,
    what         text not null check (what in ('reasons', 'plan')),
    job_id       bigint,                                              -- of reasons
    product_id   bigint not null,
    asked        jsonb not null,                                      -- of a plan: what decides it, as it was then
    status       text not null check (status in ('running', 'done', 'failed')),
    problem      text,                                                -- why it failed, or does not go on at present
    stage        smallint not null default 0,
    after_device uuid,
    after_nth    smallint not null default 0,
    looked       bigint not null default 0,
    found        jsonb not null default '{}',
    created_at   timestamptz not null,
    ended_at     timestamptz
);
create index survey_newest on survey (account_id, what, survey_id desc);
create index survey_of_job on survey (job_id, survey_id desc) where job_id is not null;
create index survey_running on survey (survey_id) where status = 'running';
create index survey_age on survey (created_at);
