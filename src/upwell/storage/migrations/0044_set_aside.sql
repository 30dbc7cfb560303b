-- Devices that are set aside (ADR 0050): a device whose attempts fail again and again is offered nothing for a growing time,
-- whatever job asks. How long that is is domain/setbacks.py's to say.
create table setback (                                                -- devices that failed since they last succeeded
    device_id  uuid primary key,
    account_id bigint not null,
    product_id bigint not null,
    failures   int not null,
    last_at    timestamptz not null,
    job_id     bigint not null,                                       -- of which the last was, and why
    reason     text not null,
    since      timestamptz,                                           -- null: it was never set aside for these
    until_at   timestamptz                                            -- until when it is; year 9999: until a person releases it
);
create index setback_aside on setback (account_id, until_at) where until_at is not null;
-- Whether anything of the account may set devices aside: where not, nobody asks further. Once true it stays, as it costs little.
alter table account add sets_aside boolean not null default false;

-- Whether a device that was set aside until then may be told of an update.
create function is_let_in(aside_until timestamptz, now timestamptz) returns boolean language sql immutable parallel safe
return aside_until is null or aside_until <= now;

drop function task_facts;
-- A task with the facts of its job and package that its life depends on, as it was (see 0043), and whether its account sets
-- devices aside and its device has failures that count.
create function task_facts(t task) returns table (
    device_id uuid, job_id bigint, nth smallint, module text, slot text, state text, source_version text, destination text,
    is_delta boolean, job_sources text[], package_sources text[], group_id bigint, need_push boolean, need_confirm boolean,
    retry_interval_min int, retry_count int, timeout_min int, progress smallint, attempt smallint, description text,
    reason text, failure_ref text, due_at timestamptz, offered_on uuid, offered_at timestamptz, timeout_at timestamptz,
    awaiting text, package_id bigint, code int, failure bigint, rev int, wave smallint, acts int, job_acts int,
    is_paused boolean, is_shut boolean, let_on_at timestamptz, outcome text, led_to text,
    counts_setbacks boolean, has_setback boolean
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
           case when j.led_from is not null then (select g.version from package g where g.package_id = j.package_id) end,
           exists (select from account a where a.account_id = j.account_id and a.sets_aside),
           exists (select from setback s where s.device_id = t.device_id)
    from job j cross join lateral (
        select case when j.led_from is null or is_open(t.state) then t.package_id
                    else nullif(step_of(j.job_id, (select mv.version from module_version mv
                                                   where mv.device_id = t.device_id and mv.module = t.module)), j.package_id)
               end as package_id
    ) s join package p on p.package_id = coalesce(s.package_id, j.package_id)
    where j.job_id = t.job_id;
end;

-- What may be offered, as it was (see 0038), but nothing to devices that are set aside. Who offers compares `aside_until` with the
-- clock, as `open_until`.
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
       not j.unapproved as is_approved, j.open_until, s.until_at as aside_until
from task t join job j using (job_id) join package p on p.package_id = coalesce(t.package_id, j.package_id)
left join module_version mv on mv.device_id = t.device_id and mv.module = t.module
left join presence pr on pr.device_id = t.device_id
left join setback s on s.device_id = t.device_id;

-- The tasks whose device may be told of them, as they were (see 0038).

create or replace view offerable as
select device_id, job_id, nth, module, state, due_at, node_id, awaiting, maximum_per_min, finish_at, asks_first, fits, open_until,
       aside_until
from offer_check
where is_let_go and is_running and is_unpaused and is_approved and is_wave_open and is_released and has_object and is_fitting
  and is_unhalted;

drop function task_stand;
-- Where a task stands before each check of domain/why.py, as it was (see 0043), and whether its device is set aside.
create function task_stand(t task, now timestamptz) returns table (
    state text, awaiting text, need_push boolean, offered boolean, due text, asks_first boolean, is_let_go boolean, is_alive boolean, enabled boolean,
    online boolean, was_online boolean, is_refused boolean, has_version boolean, is_there boolean, is_fitting boolean,
    is_released boolean, is_deleted boolean, has_object boolean, object_state text, is_running boolean, in_time boolean,
    is_unpaused boolean, is_unhalted boolean, is_wave_open boolean, is_retry boolean, is_tried_out boolean, reason text,
    is_fetched boolean, is_approved boolean, in_hours boolean, has_place boolean, outcome text, is_led boolean,
    is_step boolean, is_set_aside boolean
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
           t.outcome, j.led_from is not null, j.led_from is not null and t.package_id is not null,
           not is_let_in(o.aside_until, now)
    from offer_check o join job j on j.job_id = o.job_id join package p on p.package_id = coalesce(t.package_id, j.package_id)
    left join device d on d.device_id = o.device_id left join product pd on pd.product_id = d.product_id
    left join presence pr on pr.device_id = o.device_id
    left join module_version mv on mv.device_id = o.device_id and mv.module = t.module
    where o.device_id = t.device_id and o.job_id = t.job_id and o.nth = t.nth;
end;
