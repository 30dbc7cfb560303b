-- Tasks of a job that wait, and come from one version, may be left out of it by one act (ADR 0061).
alter table job_act add source_version text;
alter table job_act drop constraint job_act_what_check;
alter table job_act add constraint job_act_what_check check (what in ('halt', 'leave', 'confirm', 'retry'));

-- Whether a task that stands so is left out by what it is still to follow: no offer of it goes out.
create function is_left_out(of_job bigint, passed int, in_state text, version text) returns boolean
language sql stable
begin atomic
    select exists (
        select from job_act a
        where a.job_id = of_job and a.done_at is null and a.what = 'leave' and a.nth > passed and in_state = any(a.states)
          and a.source_version = version
    );
end;

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
       not (t.acts < j.acts and (exists (select from halt_of(t.job_id, t.acts, t.state))
                                 or is_left_out(t.job_id, t.acts, t.state, t.source_version))) as is_unhalted,
       not j.unapproved as is_approved,
       least(j.open_until, (select min(h.open_until) from hours_over(j.account_id, t.device_id) h)) as open_until,
       s.until_at as aside_until
from task t join job j using (job_id) join package p on p.package_id = coalesce(t.package_id, j.package_id)
left join module_version mv on mv.device_id = t.device_id and mv.module = t.module
left join presence pr on pr.device_id = t.device_id
left join setback s on s.device_id = t.device_id;
