-- Hours of a group's devices, or of those with a tag (ADR 0059). A few rows of an account; when each opens is domain/hours.py's to say.
create table device_hours (
    hours_id   bigint primary key,
    account_id bigint not null,
    group_id   bigint,                                                -- a static group
    key        text,                                                  -- or the key of a tag and its value
    value      text,
    hours      jsonb not null,
    open_until timestamptz not null,                                  -- until when they are open; '-infinity': they are not
    opens_at   timestamptz,                                           -- when they open next
    look_at    timestamptz not null,
    created_at timestamptz not null,
    constraint device_hours_of_one check ((group_id is null) = (key is not null) and (key is null) = (value is null))
);
create index device_hours_of_account on device_hours (account_id);     -- each offer looks here
create unique index device_hours_of_group on device_hours (group_id) where group_id is not null;
create unique index device_hours_of_tag on device_hours (account_id, key, value) where key is not null;
create index device_hours_due on device_hours (look_at);

-- The hours that hold for a device.
create function hours_over(of_account bigint, of_device uuid) returns setof device_hours language sql stable rows 1
begin atomic
    select h.* from device_hours h
    where h.account_id = of_account
      and (exists (select from group_member m where m.device_id = of_device and m.group_id = h.group_id)
           or exists (select from device_tag t where t.device_id = of_device and t.key = h.key and t.value = h.value));
end;

-- What may be offered, as it was (see 0044), but until the first of its job's and its device's hours ends.
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
       not j.unapproved as is_approved,
       least(j.open_until, (select min(h.open_until) from hours_over(j.account_id, t.device_id) h)) as open_until,
       s.until_at as aside_until
from task t join job j using (job_id) join package p on p.package_id = coalesce(t.package_id, j.package_id)
left join module_version mv on mv.device_id = t.device_id and mv.module = t.module
left join presence pr on pr.device_id = t.device_id
left join setback s on s.device_id = t.device_id;
