-- What came of a task's offer, where a wave counts it otherwise than its state says (domain/outcomes.py): a member of the task, so
-- that it is counted with it, and a look at a wave reads counters alone (ADR 0047).
alter table task add outcome text not null default '';
alter table job_count add outcome text not null default '';
alter table job_count drop constraint job_count_pkey,
    add constraint job_count_pkey primary key (job_id, lane, wave, acts, state, asked, again, gone, outcome);

-- Those of before; an index leads to them.
with apart as (
    select t.device_id, t.job_id, t.nth, o.verdict from job_offer o
    cross join lateral (select t.device_id, t.job_id, t.nth, t.state from task t
                        where t.device_id = o.device_id and t.job_id = o.job_id order by t.nth desc limit 1) t
    where o.verdict in ('silent', 'rejected', 'postponed', 'already_there')
      and case o.verdict when 'silent' then is_open(t.state) when 'already_there' then t.state = 'SUCCEEDED'
                         else t.state = 'FAILED' end
), moved as (
    update task t set outcome = a.verdict from apart a
    where t.device_id = a.device_id and t.job_id = a.job_id and t.nth = a.nth
    returning t.job_id, t.wave, t.acts, t.state, t.awaiting not in ('', 'online') as asked,
              t.attempt > 0 and t.awaiting in ('', 'online') as again, t.reason = 'device_deleted' as gone, t.outcome
)
insert into job_count as c (job_id, lane, wave, acts, state, asked, again, gone, outcome, n)
select m.job_id, 0, m.wave, m.acts, m.state, m.asked, m.again, m.gone, o.outcome, sum(o.by)
from moved m cross join lateral (values (m.outcome, 1), ('', -1)) as o(outcome, by)
group by 1, 3, 4, 5, 6, 7, 8, 9
on conflict (job_id, lane, wave, acts, state, asked, again, gone, outcome) do update set n = c.n + excluded.n;
drop index offer_apart;

-- Whose time for a verdict is over is asked job by job.
drop index offer_unheard;
create index offer_unheard on job_offer (job_id, verdict_by) where verdict_by is not null;

drop function task_facts;
-- A task with the facts of its job and package that its life depends on, as it was (see 0038), and its outcome.
create function task_facts(t task) returns table (
    device_id uuid, job_id bigint, nth smallint, module text, slot text, state text, source_version text, destination text,
    is_delta boolean, job_sources text[], package_sources text[], group_id bigint, need_push boolean, need_confirm boolean,
    retry_interval_min int, retry_count int, timeout_min int, progress smallint, attempt smallint, description text,
    reason text, failure_ref text, due_at timestamptz, offered_on uuid, offered_at timestamptz, timeout_at timestamptz,
    awaiting text, package_id bigint, code int, failure bigint, rev int, wave smallint, acts int, job_acts int,
    is_paused boolean, is_shut boolean, let_on_at timestamptz, outcome text
)
language sql stable
begin atomic
    select t.device_id, t.job_id, t.nth, t.module, t.slot, t.state, t.source_version, p.version, p.is_delta,
           j.source_versions, case when p.is_delta then array[p.source_version] else p.source_versions end,
           case when j.kind = 'dynamic' then j.group_id end, j.need_push, j.need_confirm, j.retry_interval_min,
           j.retry_count, j.timeout_min, t.progress, t.attempt, t.description, t.reason, t.failure_ref, t.due_at,
           t.offered_on, t.offered_at, t.timeout_at, t.awaiting, t.package_id, t.code, t.failure, t.rev, t.wave, t.acts,
           j.acts,
           j.paused_at is not null or j.unapproved or coalesce(j.open_until = '-infinity', false), t.wave > greatest(j.open_wave, 1), j.let_on_at, t.outcome
    from job j join package p on p.package_id = coalesce(t.package_id, j.package_id)
    where j.job_id = t.job_id;
end;

drop function task_stand;
-- Where a task stands before each check of domain/why.py, as it was (see 0038), and its outcome.
create function task_stand(t task, now timestamptz) returns table (
    state text, awaiting text, need_push boolean, offered boolean, due text, asks_first boolean, is_let_go boolean, is_alive boolean, enabled boolean,
    online boolean, was_online boolean, is_refused boolean, has_version boolean, is_there boolean, is_fitting boolean,
    is_released boolean, is_deleted boolean, has_object boolean, object_state text, is_running boolean, in_time boolean,
    is_unpaused boolean, is_unhalted boolean, is_wave_open boolean, is_retry boolean, is_tried_out boolean, reason text,
    is_fetched boolean, is_approved boolean, in_hours boolean, has_place boolean, outcome text
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
           t.outcome
    from offer_check o join job j on j.job_id = o.job_id join package p on p.package_id = coalesce(t.package_id, j.package_id)
    left join device d on d.device_id = o.device_id left join product pd on pd.product_id = d.product_id
    left join presence pr on pr.device_id = o.device_id
    left join module_version mv on mv.device_id = o.device_id and mv.module = t.module
    where o.device_id = t.device_id and o.job_id = t.job_id and o.nth = t.nth;
end;
