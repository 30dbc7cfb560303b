-- Limits of accounts and products over all their jobs (ADR 0054). Whoever grants offers, or sends them, locks the rows that are
-- there behind the budgets of jobs, in the order of their key; where there are none nothing is locked.
create table fleet_limit (
    account_id      bigint not null,
    product_id      bigint not null,                                  -- 0: the account's own, over all its products
    maximum_per_min int,                                              -- null: none
    at_once         int,
    running         int not null default 0,                           -- devices at work, as they were counted last and since
    primary key (account_id, product_id)
);
create table fleet_pace (                                             -- what was granted of it lately
    account_id bigint not null,
    product_id bigint not null,
    granted_at timestamptz not null,
    offers     int not null
);
create index fleet_pace_of on fleet_pace (account_id, product_id, granted_at);
create index fleet_pace_age on fleet_pace (granted_at);

alter table budget add waits_at timestamptz;                          -- when a limit of its account or product kept it back last
create index budget_waits on budget (waits_at) where waits_at is not null;
-- Devices at work are counted of jobs without a limit of their own too, where one over them has one.
drop index budget_limited;
create index budget_limited on budget (job_id) where running > 0;

-- The limits over a job.
create function limits_over(of_account bigint, of_product bigint) returns setof fleet_limit language sql stable rows 1
begin atomic
    select l.* from fleet_limit l where l.account_id = of_account and l.product_id in (0, of_product);
end;

drop function task_stand;
-- Where a task stands before each check of domain/why.py, as it was (see 0044); a limit over its job may have no place for it either.
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
           exists (select from job_at_work w where w.job_id = t.job_id and w.device_id = t.device_id)
           or not (exists (select from budget b where b.job_id = t.job_id and b.running >= b.at_once)
                   or exists (select from limits_over(j.account_id, j.product_id) l where l.running >= l.at_once)),
           t.outcome, j.led_from is not null, j.led_from is not null and t.package_id is not null,
           not is_let_in(o.aside_until, now)
    from offer_check o join job j on j.job_id = o.job_id join package p on p.package_id = coalesce(t.package_id, j.package_id)
    left join device d on d.device_id = o.device_id left join product pd on pd.product_id = d.product_id
    left join presence pr on pr.device_id = o.device_id
    left join module_version mv on mv.device_id = o.device_id and mv.module = t.module
    where o.device_id = t.device_id and o.job_id = t.job_id and o.nth = t.nth;
end;
