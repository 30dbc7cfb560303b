-- Stepping stones (ADR 0048): a package that leads may follow some versions only (`source_versions`, or a delta's own), and devices
-- of others are brought to one of these first. What a job's way is is kept with it when it is made.
alter table package add leads boolean not null default false;
alter table job add led_from text[];              -- null: it leads nobody; the versions from which it does, '{}': any that is known
create table job_step (
    job_id     bigint not null,
    version    text not null,                     -- that a device runs; '': any that is not named
    package_id bigint not null,                   -- that it gets then
    primary key (job_id, version)
);
create index step_of_package on job_step (package_id);

-- The package that a job brings a device by that runs this; null: none is known.
create function step_of(of_job bigint, runs text) returns bigint language sql stable parallel safe
return (select s.package_id from job_step s where s.job_id = of_job and runs is not null and s.version in (runs, '')
        order by s.version desc limit 1);

drop function misfit;
-- Why a job that brings devices to `destination` makes no task of one that runs `version`, as it was (see 0037); `led_from` are
-- the versions from which it leads, none any, null: it leads nobody.
create function misfit(version text, destination text, sources text[], delta_source text, led_from text[]) returns text
language sql immutable parallel safe
return case when version is not distinct from destination then 'already_there'
            when version is null and (cardinality(sources) > 0 or delta_source is not null or cardinality(led_from) > 0) then 'version_unknown'
            when cardinality(sources) > 0 and not version = any (sources) then 'not_targeted'
            when cardinality(led_from) > 0 and not version = any (led_from) then 'needs_intermediate'
            when version <> delta_source then 'no_fitting_package' end;

drop function task_facts;
-- A task with the facts of its job and package that its life depends on, as it was (see 0042), and where its job leads to.
-- The step of one that has ended is the one that its device needs now: it is to be run again from there.
create function task_facts(t task) returns table (
    device_id uuid, job_id bigint, nth smallint, module text, slot text, state text, source_version text, destination text,
    is_delta boolean, job_sources text[], package_sources text[], group_id bigint, need_push boolean, need_confirm boolean,
    retry_interval_min int, retry_count int, timeout_min int, progress smallint, attempt smallint, description text,
    reason text, failure_ref text, due_at timestamptz, offered_on uuid, offered_at timestamptz, timeout_at timestamptz,
    awaiting text, package_id bigint, code int, failure bigint, rev int, wave smallint, acts int, job_acts int,
    is_paused boolean, is_shut boolean, let_on_at timestamptz, outcome text, led_to text
)
language sql stable
begin atomic
    select t.device_id, t.job_id, t.nth, t.module, t.slot, t.state, t.source_version, p.version, p.is_delta,
           j.source_versions, case when p.is_delta then array[p.source_version] else p.source_versions end,
           case when j.kind = 'dynamic' then j.group_id end, j.need_push, j.need_confirm, j.retry_interval_min,
           j.retry_count, j.timeout_min, t.progress, t.attempt, t.description, t.reason, t.failure_ref, t.due_at,
           t.offered_on, t.offered_at, t.timeout_at, t.awaiting, s.package_id, t.code, t.failure, t.rev, t.wave, t.acts,
           j.acts,
           j.paused_at is not null or j.unapproved or coalesce(j.open_until = '-infinity', false), t.wave > greatest(j.open_wave, 1), j.let_on_at, t.outcome,
           case when j.led_from is not null then (select g.version from package g where g.package_id = j.package_id) end
    from job j cross join lateral (
        select case when j.led_from is null or is_open(t.state) then t.package_id
                    else nullif(step_of(j.job_id, (select mv.version from module_version mv
                                                   where mv.device_id = t.device_id and mv.module = t.module)), j.package_id)
               end as package_id
    ) s join package p on p.package_id = coalesce(s.package_id, j.package_id)
    where j.job_id = t.job_id;
end;

drop function task_stand;
-- Where a task stands before each check of domain/why.py, as it was (see 0042), and whether its job leads, and it is on its way.
create function task_stand(t task, now timestamptz) returns table (
    state text, awaiting text, need_push boolean, offered boolean, due text, asks_first boolean, is_let_go boolean, is_alive boolean, enabled boolean,
    online boolean, was_online boolean, is_refused boolean, has_version boolean, is_there boolean, is_fitting boolean,
    is_released boolean, is_deleted boolean, has_object boolean, object_state text, is_running boolean, in_time boolean,
    is_unpaused boolean, is_unhalted boolean, is_wave_open boolean, is_retry boolean, is_tried_out boolean, reason text,
    is_fetched boolean, is_approved boolean, in_hours boolean, has_place boolean, outcome text, is_led boolean,
    is_step boolean
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
                       and not exists (select from job_at_work w where w.job_id = t.job_id and w.device_id = t.device_id)),
           t.outcome, j.led_from is not null, j.led_from is not null and t.package_id is not null
    from offer_check o join job j on j.job_id = o.job_id join package p on p.package_id = coalesce(t.package_id, j.package_id)
    left join device d on d.device_id = o.device_id left join product pd on pd.product_id = d.product_id
    left join presence pr on pr.device_id = o.device_id
    left join module_version mv on mv.device_id = o.device_id and mv.module = t.module
    where o.device_id = t.device_id and o.job_id = t.job_id and o.nth = t.nth;
end;
